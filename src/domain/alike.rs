//! When JSON values are alike, and when there is one at all: what probes and conditions go by.

use serde_json::Value;

use super::{decimal, template::canonical};

/// Writes a value as it is compared: a number without what does not matter, so that 50 and 50.0 are the same.
pub fn written(value: &Value) -> String {
    match decimal::of(value) {
        Some(number) => number.normalize().to_string(),
        None => canonical(value),
    }
}

/// Tells whether there is something: not nothing, no empty text, list or object.
pub fn is_there(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}
