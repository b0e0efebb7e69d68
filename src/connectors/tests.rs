//! What is prepared for each kind of integration, and what of it may be repeated.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde_json::json;

use super::*;
use crate::domain::{
    integration::{AmqpOperation, Auth, HttpOperation, MailOperation, SqlOperation},
    schema::Schema,
    template::Template,
};

fn template(text: &str) -> Template {
    Template::parse(text).expect("a template")
}

/// An action that the operation `do` performs.
pub(super) fn action(performer: Performer) -> Action {
    let params = Schema::new(json!({"type": "object"})).expect("a JSON Schema");
    Action {
        timeout: Span::from_secs(5),
        ..Action::own("act", "", performer, params)
    }
}

fn by_operation(operation: &str) -> Action {
    action(Performer::Operation {
        integration: "system".to_owned(),
        operation: operation.to_owned(),
    })
}

fn integration(kind: Kind) -> Integration {
    Integration {
        name: "system".to_owned(),
        description: String::new(),
        kind,
        rate_per_minute: None,
        concurrency: 8,
        allow_addresses: Vec::new(),
    }
}

fn http(method: HttpMethod, window: Option<Span>) -> Integration {
    let operation = HttpOperation {
        method,
        path: template("/o/{{id}}"),
        query: BTreeMap::new(),
        headers: BTreeMap::new(),
        body: (method != HttpMethod::Get).then(|| json!({"amount": "{{amount}}"})),
    };
    integration(Kind::Http {
        base_url: "https://api.example.com".to_owned(),
        auth: Box::new(Auth::Bearer {
            token: SecretString::from("s3cret"),
        }),
        headers: BTreeMap::from([("X-Own".to_owned(), "1".to_owned())]),
        honours_idempotency_key: true,
        idempotency_window: window,
        operations: BTreeMap::from([("do".to_owned(), operation)]),
    })
}

fn sql(writes: bool) -> Integration {
    let operation = SqlOperation {
        statement: "SELECT $1".to_owned(),
        binds: vec![template("{{amount}}")],
        writes,
        max_rows: 5,
    };
    integration(Kind::Sql {
        url: SecretString::from("postgres://u:s3cret@db/x"),
        operations: BTreeMap::from([("do".to_owned(), operation)]),
    })
}

fn smtp() -> Integration {
    let operation = MailOperation {
        to: template("{{customer.email}}"),
        subject: template("Order {{id}}"),
        text: template("{{amount}} EUR"),
    };
    integration(Kind::Smtp {
        url: SecretString::from("smtps://u:s3cret@mail.example.com"),
        from: "desk@example.com".to_owned(),
        operations: BTreeMap::from([("do".to_owned(), operation)]),
    })
}

fn amqp() -> Integration {
    let operation = AmqpOperation {
        exchange: "desk".to_owned(),
        routing_key: template("order.{{id}}"),
        body: json!({"amount": "{{amount}}"}),
    };
    integration(Kind::Amqp {
        operations: BTreeMap::from([("do".to_owned(), operation)]),
    })
}

fn values() -> Map<String, Value> {
    let text = r#"{"id": "A1", "amount": 80.10, "customer": {"email": "ann@example.org"}}"#;
    serde_json::from_str(text).expect("JSON")
}

fn prepared(integration: &Integration) -> Prepared {
    prepare(&by_operation("do"), integration, &values(), "key-1").expect("it can be sent")
}

#[test]
fn what_is_prepared_reads_back_as_it_was_stored_and_holds_no_secret() {
    let systems = [http(HttpMethod::Post, None), sql(true), smtp(), amqp()];
    for integration in &systems {
        let made = prepared(integration);
        let stored = serde_json::to_string(&made).expect("JSON");
        let read: Prepared = serde_json::from_str(&stored).expect("as it was stored");
        assert_eq!(read, made);
        let value: Value = serde_json::from_str(&stored).expect("JSON");
        assert_eq!(
            serde_json::from_value::<Prepared>(value).expect("as a value"),
            made
        );
        assert!(stored.contains("80.10"), "{stored}");
        assert!(!stored.contains("s3cret"), "{stored}");
        assert!(!format!("{integration:?}").contains("s3cret"));
    }
    insta::assert_snapshot!(
        serde_json::to_string(&prepared(&systems[0])).expect("JSON"),
        @r#"{"http":{"method":"POST","url":"https://api.example.com/o/A1","headers":[["X-Own","1"],["Idempotency-Key","key-1"],["Content-Type","application/json"]],"body":"{\"amount\":80.10}"}}"#
    );
}

#[test]
fn reads_may_be_repeated_and_nothing_else() {
    assert!(prepared(&http(HttpMethod::Get, None)).is_safe());
    assert!(prepared(&sql(false)).is_safe());
    for integration in [
        http(HttpMethod::Post, None),
        http(HttpMethod::Put, None),
        http(HttpMethod::Delete, None),
        sql(true),
        smtp(),
        amqp(),
    ] {
        assert!(!prepared(&integration).is_safe(), "{integration:?}");
    }
}

#[test]
fn a_key_is_honoured_for_as_long_as_the_system_says() {
    let day = http(HttpMethod::Post, Some(Span::from_secs(86_400)));
    assert!(honours_key(&day, Span::from_secs(86_399)));
    assert!(!honours_key(&day, Span::from_secs(86_400)));
    let for_ever = http(HttpMethod::Post, None);
    assert!(honours_key(&for_ever, Span::from_secs(1_000_000_000)));
    for integration in [sql(true), smtp(), amqp()] {
        assert!(!honours_key(&integration, Span::default()));
    }
}

#[test]
fn an_action_without_its_operation_sends_nothing() {
    let absent = PrepareFault::NoOperation("act".to_owned());
    for integration in [http(HttpMethod::Get, None), sql(false), smtp(), amqp()] {
        let asked = prepare(&by_operation("other"), &integration, &values(), "k");
        assert_eq!(asked, Err(absent.clone()));
        let function = action(Performer::Function("quote".to_owned()));
        let asked = prepare(&function, &integration, &values(), "k");
        assert_eq!(asked, Err(absent.clone()));
    }
}
