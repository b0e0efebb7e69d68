//! Showing an explanation: why each rule fired or did not.
//!
//! One block a rule, in the order of the policy: what it did, or the first
//! condition that failed with what it wanted and what it met. Used by
//! `provost rules explain`; programs get the same as JSON.

use std::{collections::BTreeMap, fmt::Write as _};

use serde::Serialize;
use serde_json::{Map, Value};

use super::bench_world::{BenchWorld, Output};
use crate::{
    decide::Settings,
    domain::{
        effect::Route,
        event::{Event, Rejection},
        sla::Targets,
        ticket::Priority,
        time::Timestamp,
    },
    policy::{Considered, Explanation, Finding, Policy},
};

/// An event explained: what each rule made of it, and what came out.
#[derive(Clone, Debug, Serialize)]
pub struct Explained {
    /// The event's id.
    pub event_id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// What each rule made of it.
    pub explanation: Explanation,
    /// What came out, in order, that of what the rules asked of the house included.
    pub outputs: Vec<Shown>,
}

/// An output, as it is shown.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    /// The outbound type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its content.
    pub data: Map<String, Value>,
}

impl From<Output> for Shown {
    fn from(output: Output) -> Self {
        Self {
            kind: output.kind,
            data: output.data,
        }
    }
}

/// Decides `events` one after the other in an empty world and explains the last.
///
/// Each is decided at its own `time`, where it has one that is not before the one before it.
///
/// *Errors*: the first event that intake would refuse. `None` when there is no event.
pub fn explain(
    policy: &Policy,
    settings: &Settings,
    events: Vec<Event>,
    start: Timestamp,
) -> Result<Option<Explained>, Rejection> {
    let begin = events.first().and_then(|event| event.time).unwrap_or(start);
    let mut bench = BenchWorld::new(policy, settings, begin);
    let mut explained = None;
    for event in events {
        if let Some(time) = event.time {
            bench.advance(time)?;
        }
        let (event_id, kind) = (event.id.clone(), event.kind.clone());
        let before = bench.facts(&event);
        let trail = bench.deliver(event)?;
        let facts = trail.facts.unwrap_or(before);
        explained = Some(Explained {
            event_id,
            kind,
            explanation: policy.explain(&facts),
            outputs: trail.outputs.into_iter().map(Shown::from).collect(),
        });
    }
    Ok(explained)
}

/// Renders an explanation for people. *Shape*: ends with a line break.
///
/// Rules about other event types are only counted.
pub fn render(explained: &Explained) -> String {
    let (others, rules): (Vec<_>, Vec<_>) = explained.explanation.rules.iter().partition(|rule| {
        matches!(
            rule.finding,
            Finding::Unmet {
                condition: "on",
                ..
            }
        )
    });
    let fired = rules
        .iter()
        .filter(|rule| matches!(rule.finding, Finding::Fired { .. }))
        .count();
    let mut text = format!(
        "{} `{}`: {fired} of {} rules fired, {} are about other events\n\n",
        explained.kind,
        explained.event_id,
        rules.len(),
        others.len()
    );
    for rule in rules {
        render_rule(&mut text, rule);
    }
    if explained.outputs.is_empty() {
        text.push_str("\nNothing comes out.\n");
    } else {
        text.push_str("\nWhat comes out:\n");
        for output in &explained.outputs {
            let mut data = output.data.clone();
            for noise in ["conversation_id", "context"] {
                data.remove(noise);
            }
            let data = serde_json::to_string(&data).unwrap_or_default();
            let _ = writeln!(text, "  {} {data}", output.kind);
        }
    }
    text
}

fn render_rule(text: &mut String, rule: &Considered) {
    let (mark, detail) = match &rule.finding {
        Finding::Unmet {
            condition,
            wanted,
            met,
        } => (
            "no  ",
            vec![format!("{condition}: wants {wanted}, met {met}")],
        ),
        Finding::Fired { effects } => (
            "YES ",
            effects
                .iter()
                .map(|effect| said(&serde_json::to_value(effect).unwrap_or_default()))
                .collect(),
        ),
        Finding::Gated { says } => ("YES ", vec![says.clone()]),
        Finding::Routed { route } => ("YES ", vec![route_line(route)]),
        Finding::Promised { calendar, targets } => ("YES ", promised_lines(calendar, targets)),
        Finding::Overtaken { by } => ("no  ", vec![format!("`{by}` matched first")]),
        Finding::Failed { failure } => (
            "FAIL",
            vec![format!(
                "{}:{}:{}: {}",
                failure.file, failure.line, failure.column, failure.error
            )],
        ),
    };
    let _ = writeln!(
        text,
        "{mark} {} {} ({}:{})",
        rule.kind, rule.rule, rule.file, rule.line
    );
    for line in detail {
        let _ = writeln!(text, "       {line}");
    }
}

/// Writes an object without the members that say nothing.
fn said(value: &Value) -> String {
    let says_something = |value: &Value| match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        _ => true,
    };
    let members: Map<String, Value> = value
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, value)| says_something(value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    serde_json::to_string(&members).unwrap_or_default()
}

fn promised_lines(calendar: &str, targets: &BTreeMap<Priority, Targets>) -> Vec<String> {
    let urgent_first = targets.iter().rev();
    let of_priority = urgent_first.map(|(priority, targets)| {
        let each = targets.iter();
        let each: Vec<String> = each
            .map(|(metric, target)| format!("{} {target}", metric.as_str()))
            .collect();
        format!("{priority}: {} by `{calendar}`", each.join(", "))
    });
    of_priority.collect()
}

fn route_line(route: &Route) -> String {
    let assign = route
        .assign
        .as_ref()
        .map(|assign| format!(", {}", serde_json::to_string(assign).unwrap_or_default()))
        .unwrap_or_default();
    format!("to `{}`{assign}", route.team)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::{policy::Sources, workbench::cases::default_settings};

    #[test]
    fn every_rule_tells_why() {
        let rules = r#"
escalation("Refunds", #{ keywords: ["refund"], priority: "high" });
escalation("By WhatsApp", #{ keywords: ["refund"], channels: ["whatsapp"] });
on("conversation.message", "Long", #{ when: |e| e.conversation.messages > 1, then: |e| tag("long") });
on("call.ringing", "Calls", #{ then: |e| tag("call") });
"#;
        let sources = Sources {
            files: BTreeMap::from([("a.rhai".to_owned(), rules.to_owned())]),
        };
        let settings = default_settings();
        let policy = Policy::load(&sources, &settings.directory).expect("loads");
        let event = |id: &str| {
            let message =
                json!({"id": id, "text": "a refund", "author": {"kind": "customer", "id": "c"}});
            Event::from_value(json!({
                "specversion": "1.0", "id": id, "source": "/t", "type": "conversation.message",
                "subject": "c1", "time": "2026-01-05T09:00:00Z", "data": {"channel": "web", "message": message},
            }))
            .expect("valid")
        };
        let explained = explain(
            &policy,
            &settings,
            vec![event("e1"), event("e2")],
            Timestamp::default(),
        )
        .expect("valid")
        .expect("an event");
        let text = render(&explained);
        for part in [
            "conversation.message `e2`: ",
            "2 of 3 rules fired, 1 are about other events",
            "YES  escalation Refunds (a.rhai:2)\n       {\"effect\":\"escalate\",\"priority\":\"high\",\"reason\":\"Refunds\"",
            "no   escalation By WhatsApp (a.rhai:3)\n       channels: wants whatsapp, met web",
            "YES  on Long (a.rhai:4)\n       {\"effect\":\"tag\",\"tag\":\"long\"}",
            "What comes out:\n",
            "  conversation.tag {\"tag\":\"long\"}",
        ] {
            assert!(text.contains(part), "{part}\nin\n{text}");
        }
    }
}
