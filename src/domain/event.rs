//! The CloudEvents 1.0 envelope, as it comes in.
//!
//! Structured events are read here from their JSON; the adapters (`broker`,
//! `http`, mappings) put binary and foreign ones into the same form. What an
//! event's `data` must hold is checked by its type, in `crate::decide`.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{
    ids::{EventKey, SubjectId, leading_16},
    time::Timestamp,
};

/// The longest `id`, `source` and `type` that intake accepts. *Units*: bytes.
pub const MAX_ATTRIBUTE_BYTES: usize = 512;

/// An event, as somebody outside or Provost itself stated it.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Names the event within its source.
    pub id: String,
    /// Names who states it.
    pub source: String,
    /// The event's type, such as `conversation.message`.
    pub kind: String,
    /// What it is about; events of one subject are decided in order.
    pub subject: SubjectId,
    /// When it happened; absent, the time of intake counts.
    pub time: Option<Timestamp>,
    /// The event's own content.
    pub data: Map<String, Value>,
    /// W3C trace context, handed on to what the event causes.
    pub trace: Trace,
}

/// W3C trace context, as given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// `traceparent`, if there was one.
    pub parent: Option<String>,
    /// `tracestate`, if there was one.
    pub state: Option<String>,
}

/// Why an input was not taken as an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Not JSON, not an object, or otherwise unreadable. Parked.
    Malformed,
    /// A type that this version does not know. Parked.
    UnknownType,
    /// The data is not what the type asks for. Parked.
    InvalidData,
    /// A required CloudEvents attribute is absent. Parked.
    MissingAttribute,
    /// Names something that does not exist. Refused, not parked.
    UnknownReference,
    /// A move that the thing's state does not allow. Refused, not parked.
    IllegalMove,
    /// The actor may not do this. Refused, not parked.
    Forbidden,
    /// Already decided. Refused, not parked.
    Settled,
    /// The id was used before with other content. Refused, not parked.
    IdReused,
    /// Decided again and again without an end (a panic, a crash, a lasting database fault). Parked.
    Poison,
}

impl Reason {
    /// Gives the wire name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownType => "unknown_type",
            Self::InvalidData => "invalid_data",
            Self::MissingAttribute => "missing_attribute",
            Self::UnknownReference => "unknown_reference",
            Self::IllegalMove => "illegal_move",
            Self::Forbidden => "forbidden",
            Self::Settled => "settled",
            Self::IdReused => "id_reused",
            Self::Poison => "poison",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A refusal: the reason, what exactly is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct Rejection {
    /// The class.
    pub reason: Reason,
    /// One sentence with the offending value in backticks.
    pub detail: String,
    /// The field at fault, as a dotted path (`data.message.text`, `id`); empty when it is the whole.
    pub field: String,
    /// The event's id, where it could be read.
    pub event_id: Option<String>,
}

impl Rejection {
    /// Makes a refusal.
    pub fn new(reason: Reason, field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
            field: field.into(),
            event_id: None,
        }
    }
}

impl Event {
    /// Makes an event that the house states itself, without data and without a time of its own.
    pub fn of_house(source: &str, kind: &str, id: String, subject: SubjectId) -> Self {
        Self {
            id,
            source: source.to_owned(),
            kind: kind.to_owned(),
            subject,
            time: None,
            data: Map::new(),
            trace: Trace::default(),
        }
    }

    /// Reads a structured event: JSON whose members are the attributes and `data`.
    ///
    /// *Errors*: `malformed` (not a JSON object, an attribute of the wrong type, U+0000, over-long),
    /// `missing_attribute`, `invalid_data` (`data` is no object).
    pub fn from_json(bytes: &[u8]) -> Result<Self, Rejection> {
        let value: Value = serde_json::from_slice(bytes)
            .map_err(|error| Rejection::new(Reason::Malformed, "", format!("not JSON: {error}")))?;
        Self::from_value(value)
    }

    /// Reads a structured event that is already parsed; see [`Event::from_json`].
    pub fn from_value(value: Value) -> Result<Self, Rejection> {
        let Value::Object(mut members) = value else {
            return Err(Rejection::new(
                Reason::Malformed,
                "",
                "an event is a JSON object",
            ));
        };
        let event_id = members.get("id").and_then(Value::as_str).map(str::to_owned);
        Self::from_members(&mut members).map_err(|rejection| Rejection {
            event_id,
            ..rejection
        })
    }

    fn from_members(members: &mut Map<String, Value>) -> Result<Self, Rejection> {
        match take_text(members, "specversion")? {
            Some(version) if version == "1.0" => {}
            Some(version) => {
                return Err(Rejection::new(
                    Reason::Malformed,
                    "specversion",
                    format!("specversion `{version}` is not `1.0`"),
                ));
            }
            None => return Err(missing("specversion")),
        }
        let id = required(members, "id")?;
        let source = required(members, "source")?;
        let kind = required(members, "type")?;
        let subject = SubjectId::from(required(members, "subject")?);
        let time = match take_text(members, "time")? {
            None => None,
            Some(text) => Some(Timestamp::parse(&text).ok_or_else(|| {
                Rejection::new(
                    Reason::Malformed,
                    "time",
                    format!("time `{text}` is not RFC 3339"),
                )
            })?),
        };
        let trace = Trace {
            parent: take_text(members, "traceparent")?,
            state: take_text(members, "tracestate")?,
        };
        let data = match members.remove("data") {
            Some(Value::Object(data)) => data,
            None | Some(Value::Null) => Map::new(),
            Some(_) => {
                return Err(Rejection::new(
                    Reason::InvalidData,
                    "data",
                    "data is not a JSON object",
                ));
            }
        };
        if data
            .iter()
            .any(|(key, value)| key.contains('\0') || has_nul(value))
        {
            return Err(Rejection::new(
                Reason::Malformed,
                "data",
                "a string holds U+0000",
            ));
        }
        Ok(Self {
            id,
            source,
            kind,
            subject,
            time,
            data,
            trace,
        })
    }

    /// Gives the deduplication key.
    pub fn key(&self) -> EventKey {
        EventKey::of(&self.source, &self.id)
    }

    /// Gives a digest of the content (type, subject, data), by which a reused id is told from a duplicate.
    pub fn digest(&self) -> [u8; 16] {
        let mut hash = Sha256::new();
        hash.update(self.kind.as_bytes());
        hash.update([0]);
        hash.update(self.subject.as_str().as_bytes());
        hash.update([0]);
        // Maps are sorted, so the text is canonical.
        hash.update(serde_json::to_vec(&self.data).unwrap_or_default());
        leading_16(hash)
    }

    /// Writes the event as structured JSON, the form in which the journal keeps it.
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct Structured<'a> {
            specversion: &'a str,
            id: &'a str,
            source: &'a str,
            r#type: &'a str,
            subject: &'a SubjectId,
            #[serde(skip_serializing_if = "Option::is_none")]
            time: Option<Timestamp>,
            #[serde(skip_serializing_if = "Option::is_none")]
            traceparent: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            tracestate: Option<&'a str>,
            data: &'a Map<String, Value>,
        }
        serde_json::to_string(&Structured {
            specversion: "1.0",
            id: &self.id,
            source: &self.source,
            r#type: &self.kind,
            subject: &self.subject,
            time: self.time,
            traceparent: self.trace.parent.as_deref(),
            tracestate: self.trace.state.as_deref(),
            data: &self.data,
        })
        .unwrap_or_default()
    }
}

fn missing(name: &str) -> Rejection {
    Rejection::new(
        Reason::MissingAttribute,
        name,
        format!("the attribute `{name}` is absent"),
    )
}

fn take_text(members: &mut Map<String, Value>, name: &str) -> Result<Option<String>, Rejection> {
    match members.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.contains('\0') => Err(Rejection::new(
            Reason::Malformed,
            name,
            format!("`{name}` holds U+0000"),
        )),
        Some(Value::String(text)) if text.len() > MAX_ATTRIBUTE_BYTES => Err(Rejection::new(
            Reason::Malformed,
            name,
            format!(
                "`{name}` is {} bytes long, more than {MAX_ATTRIBUTE_BYTES}",
                text.len()
            ),
        )),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(Rejection::new(
            Reason::Malformed,
            name,
            format!("`{name}` is `{other}`, not a string"),
        )),
    }
}

fn required(members: &mut Map<String, Value>, name: &str) -> Result<String, Rejection> {
    match take_text(members, name)? {
        Some(text) if !text.is_empty() => Ok(text),
        _ => Err(missing(name)),
    }
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(members) => members
            .iter()
            .any(|(key, value)| key.contains('\0') || has_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn whole() -> Value {
        json!({"specversion": "1.0", "id": "1", "source": "/chat", "type": "conversation.ended",
               "subject": "c1", "time": "2026-11-21T10:00:00Z", "data": {"reason": "done", "amount": 80.10}})
    }

    #[test]
    fn a_structured_event_reads_back_as_written() {
        let text = whole().to_string().replace("80.1", "80.10");
        let event = Event::from_json(text.as_bytes()).expect("valid");
        assert_eq!(
            Event::from_json(event.to_json().as_bytes()),
            Ok(event.clone())
        );
        assert!(
            event.to_json().contains("80.10"),
            "numbers keep their digits"
        );
    }

    #[test]
    fn each_missing_attribute_is_named() {
        for name in ["specversion", "id", "source", "type", "subject"] {
            let mut value = whole();
            value.as_object_mut().expect("object").remove(name);
            let rejection = Event::from_value(value).expect_err(name);
            assert_eq!(
                (rejection.reason, rejection.field.as_str()),
                (Reason::MissingAttribute, name)
            );
        }
    }

    #[test]
    fn what_cannot_be_kept_is_refused() {
        for (field, bad) in [
            ("id", json!(7)),
            ("time", json!("noon")),
            ("subject", json!("x".repeat(600))),
            ("data", json!({"a": ["\0"]})),
        ] {
            let mut value = whole();
            value[field] = bad;
            assert_eq!(Event::from_value(value).expect_err(field).field, field);
        }
        assert_eq!(
            Event::from_json(b"{\"id\":").expect_err("cut").reason,
            Reason::Malformed
        );
    }

    #[test]
    fn the_digest_tells_other_content_from_the_same() {
        let event = Event::from_value(whole()).expect("valid");
        let mut other = event.clone();
        other.data.insert("reason".into(), json!("else"));
        assert_eq!(event.digest(), event.clone().digest());
        assert_ne!(event.digest(), other.digest());
    }
}
