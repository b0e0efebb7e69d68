//! The CloudEvents HTTP binding: headers and body in, events out. Pure.
//!
//! Structured (`application/cloudevents+json`), batched
//! (`application/cloudevents-batch+json`) and binary (`ce-` headers beside a JSON
//! body). One bad event refuses the whole request, by index, id and field.

use axum::http::{HeaderMap, header::CONTENT_TYPE};
use serde_json::{Map, Value};

use super::problem::{Kind, Problem};
use crate::{
    config::Limits,
    domain::{
        bounds::Bounds,
        event::{Event, Reason, Rejection},
    },
};

/// The content type of one structured event.
pub const STRUCTURED: &str = "application/cloudevents+json";
/// The content type of a batch.
pub const BATCHED: &str = "application/cloudevents-batch+json";

/// The events of one request.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Request {
    /// The events, as they came.
    pub events: Vec<Event>,
    /// Whether they came as a batch, so that an index means something.
    pub is_batch: bool,
}

/// Reads a request's events.
///
/// *Errors*: 400 with event and field, 413 over `batch_events`, 415.
pub(super) fn read(headers: &HeaderMap, body: &[u8], limits: &Limits) -> Result<Request, Problem> {
    let media = media_type(headers)?;
    let is_batch = media == BATCHED;
    let values = if is_batch {
        batch(body, limits)?
    } else if media == STRUCTURED {
        vec![json(body)?]
    } else if media == "application/json" || media.ends_with("+json") || body.is_empty() {
        vec![binary(headers, body)?]
    } else {
        return Err(unsupported(&media));
    };
    let bounds = Bounds {
        nesting: limits.nesting,
        string_bytes: limits.string_bytes,
    };
    let events = values
        .into_iter()
        .enumerate()
        .map(|(index, value)| {
            event(value, bounds, headers)
                .map_err(|rejection| Problem::of_rejection(&rejection, is_batch.then_some(index)))
        })
        .collect::<Result<_, _>>()?;
    Ok(Request { events, is_batch })
}

fn event(value: Value, bounds: Bounds, headers: &HeaderMap) -> Result<Event, Rejection> {
    let mut event = Event::from_value(value)?;
    bounds.check(&event.data).map_err(|rejection| Rejection {
        event_id: Some(event.id.clone()),
        ..rejection
    })?;
    let header = |name| headers.get(name)?.to_str().ok().map(str::to_owned);
    if event.trace.parent.is_none() {
        event.trace.parent = header("traceparent");
        event.trace.state = event.trace.state.or_else(|| header("tracestate"));
    }
    Ok(event)
}

fn media_type(headers: &HeaderMap) -> Result<String, Problem> {
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return Ok(String::new());
    };
    let text = value.to_str().map_err(|_| unsupported("?"))?;
    let mut parts = text.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default().to_ascii_lowercase();
    for part in parts {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        if name.eq_ignore_ascii_case("charset")
            && !value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        {
            return Err(unsupported(text));
        }
    }
    Ok(media)
}

fn unsupported(media: &str) -> Problem {
    Problem::new(
        Kind::UnsupportedMedia,
        format!(
            "`{media}` is not read here; send {STRUCTURED}, {BATCHED}, or application/json with `ce-` headers"
        ),
    )
}

fn malformed(detail: String) -> Problem {
    Rejection::new(Reason::Malformed, "", detail).into()
}

fn json(body: &[u8]) -> Result<Value, Problem> {
    serde_json::from_slice(body).map_err(|error| malformed(format!("not JSON: {error}")))
}

fn batch(body: &[u8], limits: &Limits) -> Result<Vec<Value>, Problem> {
    let Value::Array(values) = json(body)? else {
        return Err(malformed("a batch is a JSON array of events".to_owned()));
    };
    if values.len() > limits.batch_events {
        let detail = format!(
            "the batch holds {} events, more than {}",
            values.len(),
            limits.batch_events
        );
        return Err(Problem::new(Kind::TooLarge, detail).with("limit", limits.batch_events));
    }
    Ok(values)
}

fn binary(headers: &HeaderMap, body: &[u8]) -> Result<Value, Problem> {
    let mut members = Map::new();
    for (name, value) in headers {
        let Some(attribute) = name.as_str().strip_prefix("ce-") else {
            continue;
        };
        let text = percent_decoded(value.as_bytes()).ok_or_else(|| {
            Problem::from(Rejection::new(
                Reason::Malformed,
                attribute,
                format!("the header `{name}` is not percent-encoded UTF-8"),
            ))
        })?;
        if attribute == "data" || members.insert(attribute.to_owned(), text.into()).is_some() {
            return Err(Rejection::new(
                Reason::Malformed,
                attribute,
                format!("the header `{name}` stands where it may not, or twice"),
            )
            .into());
        }
    }
    if members.is_empty() {
        let detail =
            format!("there is no `ce-specversion` header; send a structured event as {STRUCTURED}");
        return Err(Rejection::new(Reason::MissingAttribute, "specversion", detail).into());
    }
    if !body.is_empty() {
        members.insert("data".to_owned(), json(body)?);
    }
    Ok(Value::Object(members))
}

fn percent_decoded(bytes: &[u8]) -> Option<String> {
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let (digits, tail) = rest.split_at_checked(2)?;
        let digits = std::str::from_utf8(digits).ok()?;
        decoded.push(u8::from_str_radix(digits, 16).ok()?);
        rest = tail;
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    axum::http::HeaderName::from_static(name),
                    value.parse().expect("header"),
                )
            })
            .collect()
    }

    fn whole(id: &str) -> Value {
        json!({"specversion": "1.0", "id": id, "source": "/chat", "type": "conversation.ended",
               "subject": "c1", "data": {"reason": "done"}})
    }

    fn read_as(media: &str, body: &Value) -> Result<Request, Value> {
        let headers = headers(&[("content-type", media)]);
        read(&headers, body.to_string().as_bytes(), &Limits::default())
            .map_err(|problem| problem.to_json())
    }

    const BINARY: [(&str, &str); 6] = [
        ("content-type", "application/json; charset=UTF-8"),
        ("ce-specversion", "1.0"),
        ("ce-id", "caf%C3%A9"),
        ("ce-source", "/chat"),
        ("ce-type", "conversation.ended"),
        ("ce-subject", "c1"),
    ];

    #[test]
    fn the_three_modes_read_the_same_event() {
        let structured = read_as(STRUCTURED, &whole("café")).expect("structured");
        let batched = read_as(BATCHED, &json!([whole("café"), whole("2")])).expect("batched");
        let binary = read(
            &headers(&BINARY),
            br#"{"reason":"done"}"#,
            &Limits::default(),
        )
        .expect("binary");
        assert_eq!(structured.events, binary.events);
        assert_eq!(structured.events[0], batched.events[0]);
        assert_eq!((structured.is_batch, batched.is_batch), (false, true));
    }

    #[test]
    fn a_bad_event_of_a_batch_is_named_by_index_id_and_field() {
        let mut bad = whole("2");
        bad.as_object_mut().expect("object").remove("subject");
        let problem = read_as(BATCHED, &json!([whole("1"), bad])).expect_err("bad");
        assert_eq!(problem["status"], 400);
        assert_eq!(problem["event"], json!({"index": 1, "id": "2"}));
        assert_eq!(problem["field"], "subject");
        assert_eq!(problem["reason"], "missing_attribute");
    }

    #[test]
    fn each_bad_input_has_its_status() {
        let status = |media: &str, body: &[u8]| {
            read(
                &headers(&[("content-type", media)]),
                body,
                &Limits::default(),
            )
            .map_or_else(|problem| problem.kind.status().as_u16(), |_| 202)
        };
        let many = serde_json::to_vec(&vec![0; 1_001]).expect("json");
        let deep = format!(
            r#"{{"specversion":"1.0","id":"1","source":"/","type":"t","subject":"s","data":{}1{}}}"#,
            "{\"a\":".repeat(40),
            "}".repeat(40)
        );
        let long = whole(&"x".repeat(600)).to_string();
        for (media, body, wanted) in [
            (STRUCTURED, &b"{"[..], 400),
            (STRUCTURED, b"[]", 400),
            (STRUCTURED, b"\xff\xfe", 400),
            (STRUCTURED, deep.as_bytes(), 400),
            (STRUCTURED, long.as_bytes(), 400),
            (BATCHED, b"{}", 400),
            (BATCHED, b"[7]", 400),
            (BATCHED, b"[]", 202),
            (BATCHED, &many, 413),
            ("application/json", b"{}", 400),
            ("application/x-www-form-urlencoded", b"{}", 415),
            ("application/cloudevents+xml", b"<a/>", 415),
            ("application/json; charset=latin1", b"{}", 415),
        ] {
            assert_eq!(
                status(media, body),
                wanted,
                "{media} {}",
                String::from_utf8_lossy(&body[..body.len().min(60)])
            );
        }
    }

    #[test]
    fn a_binary_event_names_the_header_at_fault() {
        for (name, value, field) in [
            ("ce-id", "100%", "id"),
            ("ce-id", "%ff", "id"),
            ("ce-time", "noon", "time"),
            ("ce-data", "{}", "data"),
        ] {
            let mut headers = headers(&BINARY);
            headers.insert(name, value.parse().expect("header"));
            let problem = read(&headers, b"{}", &Limits::default()).expect_err(value);
            assert_eq!(problem.to_json()["field"], field, "{name}: {value}");
        }
    }

    #[test]
    fn trace_context_of_the_request_counts_where_the_event_has_none() {
        let mut headers = headers(&BINARY);
        headers.insert("traceparent", "00-a-b-01".parse().expect("header"));
        let request = read(&headers, b"{}", &Limits::default()).expect("valid");
        assert_eq!(request.events[0].trace.parent.as_deref(), Some("00-a-b-01"));
    }
}
