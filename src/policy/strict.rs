//! Strict comparisons: in a gate, comparing unlike types is an error.
//!
//! Rhai answers `"500" > 100` and `() > 100` with `false`, and so a threshold would let
//! through what nobody can read. The engine that asks gates compares by the functions
//! here instead of its own. `()` is compared by `x == ()` and `x != ()` only: the
//! question whether something is there.

use std::cmp::Ordering;

use rhai::{Array, Dynamic, Engine};

use super::{
    spec::decimal,
    value::{Raised, raise},
};

/// The comparisons.
const OPERATORS: [&str; 6] = ["==", "!=", "<", "<=", ">", ">="];

/// Makes an engine compare strictly.
pub(super) fn register(engine: &mut Engine) {
    // What is built in would be asked first, and knows no unlike types.
    engine.set_fast_operators(false);
    for operator in OPERATORS {
        engine.register_fn(operator, move |a: Dynamic, b: Dynamic| {
            compare(operator, &a.flatten(), &b.flatten())
        });
    }
    engine.register_fn("contains", |items: &mut Array, value: Dynamic| {
        contains(items, &value.flatten())
    });
}

/// Tells whether a value is among others. That it is comes before that some are unlike it.
fn contains(items: &Array, value: &Dynamic) -> Result<bool, Raised> {
    let mut found = Ok(false);
    for item in items {
        match compare("in", value, &item.clone().flatten()) {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            Err(error) => found = Err(error),
        }
    }
    found
}

fn compare(operator: &str, a: &Dynamic, b: &Dynamic) -> Result<bool, Raised> {
    let is_equality = matches!(operator, "==" | "!=" | "in");
    let order = match (is_equality, b.is_unit()) {
        // Whether something is there at all may be asked of anything.
        (true, true) if a.is_unit() => Some(Ordering::Equal),
        (true, true) => Some(Ordering::Less),
        _ => order(a, b),
    };
    let is_ordered = is_equality || !a.is_bool();
    match order.filter(|_| is_ordered) {
        Some(order) => Ok(match operator {
            "==" | "in" => order.is_eq(),
            "!=" => order.is_ne(),
            "<" => order.is_lt(),
            "<=" => order.is_le(),
            ">" => order.is_gt(),
            _ => order.is_ge(),
        }),
        None => Err(raise(format!(
            "`{operator}` cannot compare {} with {}",
            named(a),
            named(b)
        ))),
    }
}

/// Compares two values of one kind.
fn order(a: &Dynamic, b: &Dynamic) -> Option<Ordering> {
    if let (Some(a), Some(b)) = (decimal(a), decimal(b)) {
        return Some(a.cmp(&b));
    }
    if let (Some(a), Some(b)) = (text(a), text(b)) {
        return Some(a.cmp(&b));
    }
    match (a.as_bool(), b.as_bool()) {
        (Ok(a), Ok(b)) => Some(a.cmp(&b)),
        _ => None,
    }
}

/// Reads a text; a letter is a text of one letter.
fn text(value: &Dynamic) -> Option<String> {
    let letter = || value.as_char().ok().map(String::from);
    super::spec::text(value).or_else(letter)
}

fn named(value: &Dynamic) -> &'static str {
    if value.is_unit() {
        "nothing, `()`,"
    } else if decimal(value).is_some() {
        "a number"
    } else if text(value).is_some() {
        "a text"
    } else if value.is_bool() {
        "a flag"
    } else if value.is_array() {
        "a list"
    } else {
        "an object"
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::policy::testing::{policy, request};

    /// Asks a gate for an answer that needs a comparison.
    fn ask(expression: &str) -> Result<bool, String> {
        let text = format!(
            "fn over(a, b) {{ a > b }}\n\
             on(\"action.requested\", \"gate\", #{{ when: |e| {expression}, then: |e| deny(\"no\") }});"
        );
        let asked =
            json!({"text": "500", "amount": 500, "flag": true, "list": ["a", 1], "none": null});
        let gate = policy(&text).gate(&request("refund", asked));
        match gate.failures.first() {
            Some(failure) => Err(failure.error.clone()),
            None => Ok(!gate.denials.is_empty()),
        }
    }

    #[test]
    fn unlike_types_cannot_be_compared() {
        for expression in [
            "\"500\" > 100",
            "() > 100",
            "100 < ()",
            "e.params.text > 100",
            "e.params.text == 500",
            "e.params.missing > 100",
            "e.params.missing <= 100",
            "e.params.missing == 500",
            "e.params.missing != \"damaged\"",
            "e.params.none >= 0.5",
            "e.params.missing.deeper < 1",
            "e.params[\"miss\" + \"ing\"] > 1",
            "e.params.flag > 0",
            "e.params.flag > false",
            "e.params.list == \"a\"",
            "e.params.list > 1",
            "e.params > 1",
            "e.params == e.params",
            "e.actor == \"ai\"",
            "e.actor.id == 7",
            "e.time > \"2026-01-01\"",
            "e.time > 5",
            "() > ()",
            "over(e.params.text, 100)",
            "[500].some(|x| x == e.params.text)",
            "[1, 2].contains(e.params.text)",
            "e.params.missing in [\"damaged\"]",
            "e.params.text in [1, 2]",
            "max(e.params.text, 1) > 100",
            "e.params.text in 0..100",
            "if e.params.missing { true } else { false }",
            "!e.params.missing",
            "e.params.missing && true",
            "e.params.missing",
            "()",
        ] {
            let answer = ask(expression);
            assert!(answer.is_err(), "{expression}: {answer:?}");
        }
        insta::assert_snapshot!(ask("e.params.text > 100").unwrap_err(), @r#"`>` cannot compare a text with a number"#);
        insta::assert_snapshot!(ask("e.params.missing > 100").unwrap_err(), @r#"`>` cannot compare nothing, `()`, with a number"#);
    }

    #[test]
    fn like_types_compare_as_ever() {
        for (expression, answer) in [
            ("e.params.amount > 100", true),
            ("e.params.amount > 499.99", true),
            ("e.params.amount <= 500.0", true),
            ("500.0 == e.params.amount", true),
            ("e.params.text == \"500\"", true),
            ("e.params.text < \"6\"", true),
            ("e.params.text[0] == \"5\"", true),
            ("e.params.flag == true && !(e.params.flag != true)", true),
            ("e.params.list == [\"a\", 1]", true),
            ("e.params.list != [\"a\", 2]", true),
            ("e.params.missing == ()", true),
            ("e.params.none == ()", true),
            ("e.params.text == ()", false),
            ("e.params.missing != () && e.params.missing > 100", false),
            ("(e.params.missing ?? 0) > 100", false),
            ("() == ()", true),
            ("e.time == e.now && e.time <= e.now", true),
            ("e.now - e.time < duration(\"1h\")", true),
            ("\"ai\" in e.actor.roles", true),
            ("\"a\" in e.params.list", true),
            ("1 in [1.0, \"x\"]", true),
            ("\"amount\" in e.params", true),
            ("over(e.params.amount, 100)", true),
            ("#{ a: 1 } == #{ a: 1.0 }", true),
        ] {
            assert_eq!(ask(expression), Ok(answer), "{expression}");
        }
    }
}
