//! The members of a JSON object.

use serde_json::{Map, Value};

/// Gives the members of an object; what is none has none.
pub fn of(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
