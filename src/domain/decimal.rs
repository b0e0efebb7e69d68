//! Decimals: numbers that are read as they are written, to the digit.

use rust_decimal::Decimal;
use serde_json::Value;

/// Reads a number, plain or scientific; `None` when it is none, or has more digits than a decimal.
pub fn read(text: &str) -> Option<Decimal> {
    let plain = Decimal::from_str_exact(text);
    plain.or_else(|_| Decimal::from_scientific(text)).ok()
}

/// Gives a JSON number; a text that looks like one is none.
pub fn of(value: &Value) -> Option<Decimal> {
    match value {
        Value::Number(digits) => read(digits.as_str()),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_number_is_read_plain_or_scientific_and_to_the_digit() {
        for (text, number) in [
            ("80.10", Decimal::new(8_010, 2)),
            ("-3", Decimal::from(-3)),
            ("1e2", Decimal::from(100)),
            ("1.5E-3", Decimal::new(15, 4)),
        ] {
            assert_eq!(read(text), Some(number), "{text}");
        }
        for text in [
            "",
            "x",
            " 1",
            "1,5",
            "NaN",
            "1e400",
            "0.00000000000000000000000000001",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn only_a_json_number_is_one() {
        assert_eq!(of(&json!(50)), Some(Decimal::from(50)));
        for value in [json!("50"), json!(null), json!(true), json!([50])] {
            assert_eq!(of(&value), None, "{value}");
        }
    }
}
