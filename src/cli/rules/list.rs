//! `provost rules list`: the rules in the order in which they are asked.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Failure, Output, Place, output};
use crate::policy::{Policy, RuleSummary};

pub(super) fn main(place: &Place, policy: &Policy, full: bool) -> Result<(), Failure> {
    if place.output == Output::Json {
        return output::json(&json!({"version": place.version, "rules": policy.rules()}));
    }
    if full {
        for rule in policy.rules() {
            output::line(&whole(rule))?;
        }
    } else {
        let items: Vec<Value> = policy.rules().iter().map(row).collect();
        output::line(&output::table(COLUMNS, &items))?;
    }
    output::aside(&format!(
        "{} rules, version {}",
        policy.rules().len(),
        place.version
    ))
}

const COLUMNS: &[output::Column] = &[
    ("KIND", "/kind"),
    ("RULE", "/name"),
    ("ON", "/on"),
    ("AT", "/at"),
];

/// Writes a rule with all its keys, one a line.
fn whole(rule: &RuleSummary) -> String {
    let mut text = format!(
        "{} \"{}\" ({}:{})",
        rule.kind, rule.name, rule.file, rule.line
    );
    if !rule.on.is_empty() {
        let _ = write!(text, "\n    on: {}", rule.on.join(", "));
    }
    for key in rule.keys.iter().filter(|key| !key.starts_with("on:")) {
        let _ = write!(text, "\n    {key}");
    }
    text
}

fn row(rule: &RuleSummary) -> Value {
    json!({
        "kind": rule.kind, "name": rule.name, "on": rule.on,
        "at": format!("{}:{}", rule.file, rule.line),
    })
}
