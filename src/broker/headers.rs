//! AMQP's field tables as JSON and back, and the strings of AMQP with their limit of 255 bytes.
//!
//! Bytes that are no UTF-8 come as text with replacement characters; times as
//! seconds since the epoch; decimals and whole numbers exact. What JSON cannot
//! hold (NaN) is null. Used by `consume` and `window`.

use lapin::types::{AMQPValue, FieldTable, LongString, MAX_SHORT_STRING_LENGTH, ShortString};
use serde_json::{Map, Number, Value};

/// Gives a message's headers as JSON.
pub(super) fn to_json(table: &FieldTable) -> Map<String, Value> {
    table
        .into_iter()
        .map(|(name, value)| (name.to_string(), value_to_json(value)))
        .collect()
}

fn value_to_json(value: &AMQPValue) -> Value {
    match value {
        AMQPValue::Boolean(it) => Value::from(*it),
        AMQPValue::ShortShortInt(it) => Value::from(*it),
        AMQPValue::ShortShortUInt(it) => Value::from(*it),
        AMQPValue::ShortInt(it) => Value::from(*it),
        AMQPValue::ShortUInt(it) => Value::from(*it),
        AMQPValue::LongInt(it) => Value::from(*it),
        AMQPValue::LongUInt(it) => Value::from(*it),
        AMQPValue::LongLongInt(it) => Value::from(*it),
        AMQPValue::Timestamp(it) => Value::from(*it),
        AMQPValue::Float(it) => float(f64::from(*it)),
        AMQPValue::Double(it) => float(*it),
        AMQPValue::DecimalValue(it) => decimal(it.value, it.scale),
        AMQPValue::ShortString(it) => Value::from(it.as_str()),
        AMQPValue::LongString(it) => text(it.as_bytes()),
        AMQPValue::ByteArray(it) => text(it.as_slice()),
        AMQPValue::FieldArray(it) => it.as_slice().iter().map(value_to_json).collect(),
        AMQPValue::FieldTable(it) => Value::Object(to_json(it)),
        AMQPValue::Void => Value::Null,
    }
}

fn text(bytes: &[u8]) -> Value {
    Value::String(String::from_utf8_lossy(bytes).into_owned())
}

fn float(it: f64) -> Value {
    Number::from_f64(it).map_or(Value::Null, Value::Number)
}

fn decimal(value: u32, scale: u8) -> Value {
    let places = usize::from(scale);
    let digits = format!("{value:0>width$}", width = places + 1);
    let (whole, part) = digits.split_at(digits.len() - places);
    let written = if part.is_empty() {
        whole.to_owned()
    } else {
        format!("{whole}.{part}")
    };
    written.parse().map_or(Value::Null, Value::Number)
}

/// Gives headers of plain text as a field table; one whose name is too long is left out.
pub(super) fn from_text<'a>(headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in headers {
        if let Some(name) = short(name) {
            table.insert(name, AMQPValue::LongString(LongString::from(value)));
        }
    }
    table
}

/// Gives a short string; `None` when it is longer than AMQP allows.
pub(super) fn short(text: &str) -> Option<ShortString> {
    ShortString::try_new(text).ok()
}

/// Gives a short string, cut where it is longer than AMQP allows.
pub(super) fn cut(text: &str) -> ShortString {
    let longest = text.len().min(MAX_SHORT_STRING_LENGTH);
    let end = (0..=longest).rev().find(|end| text.is_char_boundary(*end));
    short(&text[..end.unwrap_or_default()]).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use lapin::types::{DecimalValue, FieldArray};
    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_of_value_has_its_json() {
        let mut table = from_text([("text", "grüß"), (&*"n".repeat(256), "left out")]);
        let money = DecimalValue {
            scale: 2,
            value: 1_205,
        };
        let mut list = FieldArray::default();
        list.push(AMQPValue::Void);
        list.push(AMQPValue::FieldTable(from_text([("a", "b")])));
        for (name, value) in [
            ("bytes", AMQPValue::ByteArray(vec![0x61, 0xff].into())),
            ("cents", AMQPValue::DecimalValue(money)),
            ("list", AMQPValue::FieldArray(list)),
            ("nan", AMQPValue::Double(f64::NAN)),
            ("time", AMQPValue::Timestamp(1_700_000_000)),
            ("whole", AMQPValue::LongLongInt(i64::MAX)),
            ("yes", AMQPValue::Boolean(true)),
        ] {
            table.insert(name.into(), value);
        }
        let expected = json!({
            "text": "grüß", "bytes": "a\u{fffd}", "list": [null, {"a": "b"}], "nan": null,
            "time": 1_700_000_000, "whole": i64::MAX, "yes": true,
        });
        let mut found = to_json(&table);
        assert_eq!(
            found.remove("cents").map(|it| it.to_string()).as_deref(),
            Some("12.05")
        );
        assert_eq!(Value::Object(found), expected);
        assert_eq!(decimal(5, 3).to_string(), "0.005");
        assert_eq!(decimal(5, 0).to_string(), "5");
    }
}
