//! What a condition makes of a value.
//!
//! Texts are compared in the form in which a placeholder would write them, so that `true`, `50` and `50.0`
//! are `true`, `50` and `50`; numbers as decimals. What is no number is no less and no greater than one: it
//! is a fault, since the way it would go otherwise is nobody's decision.

use std::cmp::Ordering;

use rust_decimal::Decimal;
use serde_json::Value;

use crate::domain::{
    alike::{is_there, written},
    decimal,
    procedure::Operator,
    template::canonical,
};

/// Why two values cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompareFault {
    /// A number is wanted.
    #[error("`{0}` is no number")]
    NoNumber(String),
}

/// Tells whether a condition holds. `found` is absent where its path leads nowhere.
///
/// *Errors*: a comparison of numbers with what is none.
pub fn holds(
    operator: Operator,
    found: Option<&Value>,
    wanted: &Value,
) -> Result<bool, CompareFault> {
    let number = |wanted: Ordering, also_equal: bool, other: &Value| {
        let order = number(found.unwrap_or(&Value::Null))?.cmp(&number(other)?);
        Ok(order == wanted || (also_equal && order == Ordering::Equal))
    };
    match operator {
        Operator::Contains => Ok(contains(found.unwrap_or(&Value::Null), wanted)),
        Operator::Equals => Ok(written(found.unwrap_or(&Value::Null)) == written(wanted)),
        Operator::Exists => Ok(found.is_some_and(is_there)),
        Operator::NotExists => Ok(!found.is_some_and(is_there)),
        Operator::Gt => number(Ordering::Greater, false, wanted),
        Operator::Gte => number(Ordering::Greater, true, wanted),
        Operator::Lt => number(Ordering::Less, false, wanted),
        Operator::Lte => number(Ordering::Less, true, wanted),
    }
}

fn contains(found: &Value, wanted: &Value) -> bool {
    match found {
        Value::Array(items) => items.iter().any(|item| written(item) == written(wanted)),
        Value::Object(members) => members.contains_key(&written(wanted)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            written(found).contains(&written(wanted))
        }
    }
}

/// Reads a number, also one that is written in a text.
fn number(value: &Value) -> Result<Decimal, CompareFault> {
    let read = match value {
        Value::String(text) => decimal::read(text.trim()),
        other => decimal::of(other),
    };
    let no_number = || CompareFault::NoNumber(canonical(value).chars().take(60).collect());
    read.ok_or_else(no_number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn is(operator: Operator, found: &Value, wanted: &Value) -> Result<bool, String> {
        holds(operator, Some(found), wanted).map_err(|fault| fault.to_string())
    }

    #[test]
    fn texts_are_compared_as_they_are_written() {
        for (found, wanted, same) in [
            (json!(true), json!("true"), true),
            (json!(50), json!("50"), true),
            (json!(50.0), json!("50"), true),
            (json!(50.0), json!(50), true),
            (json!(1e2), json!(100), true),
            (json!("50.0"), json!(50), false),
            (json!("True"), json!(true), false),
            (json!(null), json!(""), true),
            (json!({"a": 1}), json!("{\"a\":1}"), true),
            (json!("ship"), json!("shipped"), false),
        ] {
            assert_eq!(
                is(Operator::Equals, &found, &wanted),
                Ok(same),
                "{found} {wanted}"
            );
        }
        assert_eq!(holds(Operator::Equals, None, &json!("")), Ok(true));
    }

    #[test]
    fn a_text_holds_a_part_and_a_list_a_member() {
        for (found, wanted, has) in [
            (json!("shipped yesterday"), json!("shipped"), true),
            (json!("shipped"), json!("Shipped"), false),
            (json!(["gold", 7]), json!("7"), true),
            (json!(["golden"]), json!("gold"), false),
            (json!({"vip": false}), json!("vip"), true),
            (json!(2026), json!("02"), true),
            (json!(null), json!("x"), false),
        ] {
            assert_eq!(
                is(Operator::Contains, &found, &wanted),
                Ok(has),
                "{found} {wanted}"
            );
        }
    }

    #[test]
    fn what_is_no_number_is_a_fault_and_never_the_other_way() {
        assert_eq!(is(Operator::Gte, &json!("50"), &json!(50)), Ok(true));
        assert_eq!(is(Operator::Gt, &json!("50"), &json!("50.00")), Ok(false));
        assert_eq!(is(Operator::Lt, &json!(49.99), &json!(50)), Ok(true));
        assert_eq!(is(Operator::Lte, &json!(" 50 "), &json!(50)), Ok(true));
        let fault = |found: Value| is(Operator::Lt, &found, &json!(50));
        assert_eq!(fault(json!("many")), Err("`many` is no number".to_owned()));
        assert_eq!(fault(json!(null)), Err("`` is no number".to_owned()));
        assert_eq!(fault(json!(true)), Err("`true` is no number".to_owned()));
        assert!(holds(Operator::Gt, None, &json!(1)).is_err());
    }

    #[test]
    fn there_is_what_is_not_empty() {
        for (found, is_there) in [
            (json!(0), true),
            (json!(false), true),
            (json!("x"), true),
            (json!(""), false),
            (json!(null), false),
            (json!([]), false),
            (json!({}), false),
        ] {
            assert_eq!(
                is(Operator::Exists, &found, &Value::Null),
                Ok(is_there),
                "{found}"
            );
            assert_eq!(is(Operator::NotExists, &found, &Value::Null), Ok(!is_there));
        }
        assert_eq!(holds(Operator::Exists, None, &Value::Null), Ok(false));
    }

    proptest! {
        #[test]
        fn of_two_numbers_one_is_less_or_they_are_equal(one in -1_000_000_000_i64..1_000_000_000, other in -1_000_000_000_i64..1_000_000_000) {
            let (one, other) = (json!(one), json!(other.to_string()));
            let is = |operator| holds(operator, Some(&one), &other).expect("numbers");
            prop_assert_eq!(is(Operator::Lt), !is(Operator::Gte));
            prop_assert_eq!(is(Operator::Gt), !is(Operator::Lte));
            prop_assert_eq!(is(Operator::Lte) && is(Operator::Gte), is(Operator::Equals));
        }
    }
}
