//! Comparing what came out with what a case expects.
//!
//! An expected table holds where each of its fields holds; an expected list where
//! each of its items is found; numbers compare as numbers. The answer to a
//! mismatch is where it lies, for the nearest output.

use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::{bench_world::Output, case_file::Expectation};

/// Tells whether an output is what is expected.
pub(super) fn matches(expected: &Expectation, output: &Output) -> bool {
    expected.kind.as_deref() == Some(output.kind.as_str())
        && comes_from(expected.rule.as_deref(), output)
        && differences(&expected.fields, &output.data).is_empty()
}

/// Tells whether an output comes from `rule`; any output does when none is named.
fn comes_from(rule: Option<&str>, output: &Output) -> bool {
    let Some(rule) = rule else { return true };
    if let Some(stated) = output.data.get("rule") {
        return stated == rule;
    }
    let reason = output.data.get("reason").and_then(Value::as_str);
    match reason.and_then(|reason| reason.strip_prefix("rule:")) {
        Some(stated) => stated == rule,
        None => output.rules.iter().any(|fired| fired == rule),
    }
}

/// Gives what sets the nearest output apart from what is expected; `None` when none is of its type.
pub(super) fn nearest<'a>(
    expected: &Expectation,
    outputs: &'a [Output],
) -> Option<(&'a Output, Vec<String>)> {
    outputs
        .iter()
        .filter(|output| expected.kind.as_deref() == Some(output.kind.as_str()))
        .map(|output| {
            let mut apart = differences(&expected.fields, &output.data);
            if let Some(rule) = expected
                .rule
                .as_deref()
                .filter(|rule| !comes_from(Some(rule), output))
            {
                apart.push(format!(
                    "rule: expected `{rule}`, it comes from {}",
                    list(&output.rules)
                ));
            }
            (output, apart)
        })
        .min_by_key(|(_, apart)| apart.len())
}

fn list(rules: &[String]) -> String {
    if rules.is_empty() {
        return "no rule".to_owned();
    }
    let quoted: Vec<String> = rules.iter().map(|rule| format!("`{rule}`")).collect();
    quoted.join(", ")
}

fn differences(expected: &Map<String, Value>, found: &Map<String, Value>) -> Vec<String> {
    let mut apart = Vec::new();
    for (name, value) in expected {
        compare(name, value, found.get(name), &mut apart);
    }
    apart
}

fn compare(path: &str, expected: &Value, found: Option<&Value>, apart: &mut Vec<String>) {
    let Some(found) = found else {
        apart.push(format!("{path}: expected `{expected}`, it is absent"));
        return;
    };
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            for (name, value) in expected {
                compare(&format!("{path}.{name}"), value, found.get(name), apart);
            }
        }
        (Value::Array(expected), Value::Array(found)) => {
            for item in expected {
                if !found.iter().any(|other| is_within(item, other)) {
                    apart.push(format!(
                        "{path}: expected `{item}` in `{}`",
                        Value::Array(found.clone())
                    ));
                }
            }
        }
        _ if same(expected, found) => {}
        _ => apart.push(format!("{path}: expected `{expected}`, found `{found}`")),
    }
}

fn is_within(expected: &Value, found: &Value) -> bool {
    let mut apart = Vec::new();
    compare("", expected, Some(found), &mut apart);
    apart.is_empty()
}

fn same(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::Number(expected), Value::Number(found)) => {
            let decimal = |number: &serde_json::Number| number.to_string().parse::<Decimal>().ok();
            decimal(expected).map_or(expected == found, |value| decimal(found) == Some(value))
        }
        _ => expected == found,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_part_is_enough_and_a_difference_is_named() {
        let found =
            json!({"priority": "high", "tags": ["a", "b"], "customer": {"id": "c", "n": 1.0}});
        let apart = |expected: Value| {
            let (Value::Object(expected), Value::Object(found)) = (expected, found.clone()) else {
                unreachable!()
            };
            differences(&expected, &found)
        };
        assert!(apart(json!({"tags": ["b"], "customer": {"n": 1}})).is_empty());
        assert_eq!(
            apart(json!({"priority": "low", "tags": ["c"], "team": "x"})),
            [
                "priority: expected `\"low\"`, found `\"high\"`",
                "tags: expected `\"c\"` in `[\"a\",\"b\"]`",
                "team: expected `\"x\"`, it is absent",
            ]
        );
    }
}
