//! `integrations/NAME.toml`: one system a file, with the operations it offers.
//!
//! Secrets are references only: these files are kept with every version of the
//! policy, and their secrets are not.

use std::collections::BTreeMap;

use super::{
    actions::{rate, text},
    section::Section,
    values::{body, networks, required_secret, required_template, required_text, templates},
};
use crate::domain::integration::{
    AmqpOperation, Auth, HttpMethod, HttpOperation, Integration, Kind, MailOperation, SqlOperation,
};

/// The kinds of integration.
const KINDS: [&str; 4] = ["amqp", "http", "smtp", "sql"];
/// The ways in which an HTTP integration knows Provost.
const AUTHS: [&str; 5] = ["none", "api_key", "basic", "bearer", "oauth2"];

/// Reads an integration under the file's name.
pub(super) fn read_integration(mut section: Section<'_>, name: &str) -> Integration {
    if !section.has("kind") {
        section.missing("kind");
    }
    let kind = section.choice("kind", "http".to_owned(), &KINDS);
    let integration = Integration {
        name: name.to_owned(),
        description: text(&mut section, "description"),
        kind: match kind.as_str() {
            "amqp" => Kind::Amqp {
                operations: read_operations(&mut section, read_amqp),
            },
            "smtp" => read_smtp(&mut section),
            "sql" => read_sql(&mut section),
            _ => read_http(&mut section),
        },
        rate_per_minute: rate(&mut section),
        concurrency: section.count("concurrency", 8, 1..=1_000),
        allow_addresses: networks(&mut section, "allow_addresses"),
    };
    if integration.operation_names().is_empty() {
        let place = section.place().clone();
        let hint = "add [operations.NAME]".to_owned();
        section.bad(&place, "has no operations", Some(hint));
    }
    section.end();
    integration
}

fn read_operations<T>(
    section: &mut Section<'_>,
    read: impl Fn(Section<'_>) -> T,
) -> BTreeMap<String, T> {
    let named = section.named("operations").into_iter();
    named.map(|(name, section)| (name, read(section))).collect()
}

fn read_http(section: &mut Section<'_>) -> Kind {
    let base_url = required_text(section, "base_url");
    if !base_url.is_empty() && !base_url.starts_with("https://") && !base_url.starts_with("http://")
    {
        let place = section.place().clone();
        let said = format!("has the `base_url` `{base_url}`, which is no http address");
        section.bad(&place, &said, None);
    }
    let headers = templates(section, "headers");
    Kind::Http {
        base_url: base_url.trim_end_matches('/').to_owned(),
        auth: Box::new(read_auth(section.section("auth"))),
        headers: headers
            .into_iter()
            .map(|(name, value)| (name, value.to_string()))
            .collect(),
        honours_idempotency_key: section.flag("honours_idempotency_key", false),
        idempotency_window: section.optional_span("idempotency_window"),
        operations: read_operations(section, read_http_operation),
    }
}

fn read_auth(mut section: Section<'_>) -> Auth {
    let kind = section.choice("kind", "none".to_owned(), &AUTHS);
    let auth = match kind.as_str() {
        "api_key" => Auth::ApiKey {
            header: section.name("header", "X-Api-Key".to_owned()),
            key: required_secret(&mut section, "key"),
        },
        "basic" => Auth::Basic {
            user: required_text(&mut section, "user"),
            password: required_secret(&mut section, "password"),
        },
        "bearer" => Auth::Bearer {
            token: required_secret(&mut section, "token"),
        },
        "oauth2" => Auth::OAuth2 {
            token_url: required_text(&mut section, "token_url"),
            client_id: required_text(&mut section, "client_id"),
            client_secret: required_secret(&mut section, "client_secret"),
            scope: section.text("scope").map(|found| found.value),
        },
        _ => Auth::None,
    };
    section.end();
    auth
}

fn read_http_operation(mut section: Section<'_>) -> HttpOperation {
    if !section.has("method") {
        section.missing("method");
    }
    let operation = HttpOperation {
        method: section.one_of("method", HttpMethod::Get, &HttpMethod::NAMES),
        path: required_template(&mut section, "path"),
        query: templates(&mut section, "query"),
        headers: templates(&mut section, "headers"),
        body: body(&mut section, "body"),
    };
    if operation.body.is_some() && operation.method == HttpMethod::Get {
        let place = section.place().clone();
        section.bad(&place, "sends a body with GET", None);
    }
    section.end();
    operation
}

fn read_smtp(section: &mut Section<'_>) -> Kind {
    Kind::Smtp {
        url: required_secret(section, "url"),
        from: required_text(section, "from"),
        operations: read_operations(section, |mut section| {
            let operation = MailOperation {
                to: required_template(&mut section, "to"),
                subject: required_template(&mut section, "subject"),
                text: required_template(&mut section, "text"),
            };
            section.end();
            operation
        }),
    }
}

fn read_sql(section: &mut Section<'_>) -> Kind {
    Kind::Sql {
        url: required_secret(section, "url"),
        operations: read_operations(section, |mut section| {
            let binds = section.texts("binds").into_iter();
            let texts: Vec<(super::fault::Place, String)> =
                binds.map(|found| (found.place, found.value)).collect();
            let operation = SqlOperation {
                statement: required_text(&mut section, "statement"),
                binds: texts
                    .iter()
                    .filter_map(|(place, text)| super::values::parsed(&section, place, text))
                    .collect(),
                writes: section.flag("writes", false),
                max_rows: section.count("max_rows", 100, 1..=10_000),
            };
            section.end();
            operation
        }),
    }
}

fn read_amqp(mut section: Section<'_>) -> AmqpOperation {
    let operation = AmqpOperation {
        exchange: text(&mut section, "exchange"),
        routing_key: required_template(&mut section, "routing_key"),
        body: body(&mut section, "body").unwrap_or_default(),
    };
    section.end();
    operation
}
