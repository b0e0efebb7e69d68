//! TOML as JSON: schemas and bodies are written in the one and read as the other.

use serde_json::{Map, Value};
use toml::de::DeValue;

/// Gives a TOML value as JSON; a number keeps its digits, a date is its text.
pub(super) fn to_json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Boolean(flag) => Value::Bool(*flag),
        DeValue::Datetime(at) => Value::String(at.to_string()),
        DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix())
            .ok()
            .and_then(|number| serde_json::from_str(&number.to_string()).ok())
            .unwrap_or_default(),
        DeValue::Float(number) => serde_json::from_str(number.as_str()).unwrap_or_default(),
        DeValue::Array(items) => items.iter().map(|item| to_json(item.get_ref())).collect(),
        DeValue::Table(members) => {
            let members = members.iter();
            let pairs =
                members.map(|(name, value)| (name.get_ref().to_string(), to_json(value.get_ref())));
            Value::Object(pairs.collect::<Map<String, Value>>())
        }
    }
}
