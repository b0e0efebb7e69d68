//! Calls over HTTP: the request as it is stored with its attempt, and the output of an answer.
//!
//! Values are escaped for their place: percent-encoded in the path and the query, refused
//! in a header where they hold a control character, typed in a JSON body. A value can
//! therefore name no other path, add no parameter and no header.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::domain::{
    action::Output,
    integration::{HttpMethod, HttpOperation},
    probe,
    schema::SchemaFault,
    template::{Template, filled},
};

/// What stands as it is in a path or query: RFC 3986, *unreserved*.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What is sent, but for the secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The method.
    pub method: HttpMethod,
    /// The whole URL.
    pub url: String,
    /// Headers, `Idempotency-Key` among them.
    pub headers: Vec<(String, String)>,
    /// The body, if there is one: JSON, as the text that is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// Why a call cannot be made of these values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallFault {
    /// A value that the path needs is empty, or would leave the path.
    #[error("`{0}` has no value that can stand in the path")]
    Path(String),
    /// A header's value holds a control character.
    #[error("the header `{0}` would hold a control character")]
    Header(String),
}

/// Makes the call of an operation.
///
/// *Errors*: a value that cannot stand where it belongs.
pub fn call(
    base_url: &str,
    own_headers: &[(String, String)],
    operation: &HttpOperation,
    values: &Map<String, Value>,
    key: &str,
) -> Result<Call, CallFault> {
    let path = path_of(&operation.path, values)?;
    let slash = if path.starts_with('/') { "" } else { "/" };
    let mut url = format!("{base_url}{slash}{path}");
    for (name, template) in &operation.query {
        let value = template.expand(values, str::to_owned);
        if value.is_empty() {
            continue;
        }
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str(&escape(name));
        url.push('=');
        url.push_str(&escape(&value));
    }
    let mut headers = own_headers.to_vec();
    for (name, template) in &operation.headers {
        headers.push((name.clone(), template.expand(values, str::to_owned)));
    }
    headers.push(("Idempotency-Key".to_owned(), key.to_owned()));
    let body = operation.body.as_ref();
    let body = body.map(|body| filled(body, values).to_string());
    if body.is_some() {
        headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
    }
    match headers
        .iter()
        .find(|(_, value)| value.chars().any(char::is_control))
    {
        Some((name, _)) => Err(CallFault::Header(name.clone())),
        None => Ok(Call {
            method: operation.method,
            url,
            headers,
            body,
        }),
    }
}

/// Writes an address whose path and query hold values; a value of the query may be empty.
///
/// *Errors*: a value that cannot stand in the path.
pub fn address(url: &Template, values: &Map<String, Value>) -> Result<String, CallFault> {
    let text = url.to_string();
    let whole = url.expand(values, escape);
    let Some((path, _)) = text.split_once('?') else {
        return path_of(url, values);
    };
    // What stands before the query is a template by itself, since a placeholder holds no `?`.
    if let Ok(path) = Template::parse(path) {
        path_of(&path, values)?;
    }
    Ok(whole)
}

/// Makes the call of an address that a request gives itself.
pub fn call_of(method: HttpMethod, url: &str, body: Option<&Value>, key: &str) -> Call {
    let mut headers = vec![("Idempotency-Key".to_owned(), key.to_owned())];
    if body.is_some() {
        headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
    }
    Call {
        method,
        url: url.to_owned(),
        headers,
        body: body.map(ToString::to_string),
    }
}

/// Writes the path. An empty value would name the collection instead of the thing, and dots the folder
/// above it.
fn path_of(template: &Template, values: &Map<String, Value>) -> Result<String, CallFault> {
    for path in template.paths() {
        let alone = Template::placeholder(&path).ok();
        let value = alone
            .map(|one| one.expand(values, str::to_owned))
            .unwrap_or_default();
        if value.is_empty() || value.chars().all(|sign| sign == '.') {
            return Err(CallFault::Path(path));
        }
    }
    Ok(template.expand(values, escape))
}

fn escape(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// Gives the output of an answer.
///
/// *Errors*: what the output lacks by its schema.
pub fn output(output: &Output, answer: Value) -> Result<Value, Vec<SchemaFault>> {
    let mapped = if output.map.is_empty() {
        answer
    } else {
        let values = probe::members(answer);
        let members = output.map.iter();
        let mapped = members.map(|(name, template)| (name.clone(), template.value(&values)));
        Value::Object(mapped.collect())
    };
    let faults = output.schema.as_ref().map(|schema| schema.faults(&mapped));
    match faults {
        Some(faults) if !faults.is_empty() => Err(faults),
        _ => Ok(mapped),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::domain::schema::Schema;

    fn template(text: &str) -> Template {
        Template::parse(text).expect("a template")
    }

    fn operation() -> HttpOperation {
        HttpOperation {
            method: HttpMethod::Post,
            path: template("/orders/{{order_id}}/refunds"),
            query: BTreeMap::from([("note".to_owned(), template("{{note}}"))]),
            headers: BTreeMap::from([("X-Customer".to_owned(), template("{{customer.id}}"))]),
            body: Some(
                json!({"amount": "{{amount}}", "text": "for {{order_id}}", "lines": ["{{line}}"]}),
            ),
        }
    }

    fn values(values: &Value) -> Map<String, Value> {
        values.as_object().cloned().expect("an object")
    }

    fn made(given: &Value) -> Result<Call, CallFault> {
        call(
            "https://pay.example.com/v2",
            &[],
            &operation(),
            &values(given),
            "key-1",
        )
    }

    #[test]
    fn a_call_is_made_whole() {
        let amount: Value = serde_json::from_str("80.10").expect("a number");
        let call = made(
            &json!({"order_id": "A 1", "amount": amount, "customer": {"id": "c"}, "line": {"sku": 1}}),
        );
        let call = call.expect("a call");
        assert_eq!(call.url, "https://pay.example.com/v2/orders/A%201/refunds");
        let names: Vec<&str> = call.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["X-Customer", "Idempotency-Key", "Content-Type"]);
        assert_eq!(
            call.body.as_deref(),
            Some(r#"{"amount":80.10,"lines":[{"sku":1}],"text":"for A 1"}"#)
        );
    }

    #[test]
    fn a_value_names_no_other_path_and_adds_no_header() {
        let with = |id: &str, customer: &str| {
            made(&json!({"order_id": id, "customer": {"id": customer}, "note": "a&b=c#d"}))
        };
        let call = with("../admin?x=1#", "c").expect("a call");
        assert_eq!(
            call.url,
            "https://pay.example.com/v2/orders/..%2Fadmin%3Fx%3D1%23/refunds?note=a%26b%3Dc%23d"
        );
        for id in ["", ".", ".."] {
            assert_eq!(
                with(id, "c"),
                Err(CallFault::Path("order_id".to_owned())),
                "{id}"
            );
        }
        let split = with("A", "c\r\nX-Admin: 1");
        assert_eq!(split, Err(CallFault::Header("X-Customer".to_owned())));
    }

    #[test]
    fn an_output_is_mapped_and_held_against_its_schema() {
        let schema =
            json!({"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]});
        let wanted = Output {
            map: BTreeMap::from([("id".to_owned(), template("{{refund.id}}"))]),
            schema: Some(Schema::new(schema).expect("a JSON Schema")),
            ..Output::default()
        };
        assert_eq!(
            output(&wanted, json!({"refund": {"id": "r1"}})),
            Ok(json!({"id": "r1"}))
        );
        let faults = output(&wanted, json!({"refund": {"id": 7}})).expect_err("a number");
        assert_eq!(faults[0].path, "id");
        assert_eq!(output(&Output::default(), json!([1])), Ok(json!([1])));
    }

    proptest! {
        #[test]
        fn whatever_a_value_is_the_call_stays_below_its_path(id in ".*", note in ".*") {
            let Ok(call) = made(&json!({"order_id": id, "note": note, "customer": {"id": "c"}})) else {
                return Ok(());
            };
            let rest = call.url.strip_prefix("https://pay.example.com/v2/orders/");
            let rest = rest.expect("the same beginning");
            let (segment, behind) = rest.split_once('/').expect("its own segment");
            let note = behind.strip_prefix("refunds").expect("the operation's own end");
            let note = note.strip_prefix("?note=").unwrap_or(note);
            for sign in segment.chars().chain(note.chars()) {
                prop_assert!(sign.is_ascii_alphanumeric() || "-._~%".contains(sign), "{sign}");
            }
        }
    }
}
