//! Clocks explained for people: what was counted and skipped, in the time on the wall where the
//! calendar is, and what happened to each.

use std::fmt::Write as _;

use chrono::{DateTime, Timelike};
use serde_json::{Value, json};

use super::{span, whose};
use crate::cli::output::{self, Column};

const INTERVALS: &[Column] = &[
    ("FROM", "/from"),
    ("TO", "/to"),
    ("COUNTED", "/counted"),
    ("WHY", "/why"),
];

const TRANSITIONS: &[Column] = &[
    ("AT", "/at"),
    ("WHAT", "/what"),
    ("USED", "/used"),
    ("DUE", "/due"),
    ("EVENT", "/event"),
];

/// Tells all clocks of an answer.
pub(super) fn told(answer: &Value) -> String {
    let mut text = whose(answer);
    if let Some(subject) = answer["subject"].as_str() {
        let _ = write!(text, " {}", output::cell(&json!(subject)));
    }
    let clocks = answer["clocks"].as_array().map_or(&[][..], Vec::as_slice);
    if clocks.is_empty() {
        text.push_str("\n\nno clocks");
    }
    for clock in clocks {
        text.push_str("\n\n");
        text.push_str(&one(clock));
    }
    text
}

fn one(clock: &Value) -> String {
    let plain = |name: &str| output::cell(&clock[name]);
    let zone = match clock["timezone"].as_str() {
        Some(zone) => format!(" ({zone})"),
        None => String::new(),
    };
    let mut text = format!(
        "{} {}: {}, {} of {} used, due {}\nby {}, calendar {}{zone}\n",
        plain("metric"),
        plain("cycle"),
        plain("state"),
        span(&clock["consumed_ms"]),
        span(&clock["target_ms"]),
        wall(clock, "due_at"),
        plain("policy"),
        plain("calendar"),
    );
    if let Some(fault) = clock["fault"].as_str() {
        let _ = writeln!(text, "{fault}");
    }
    let rows = |name: &str, row: fn(&Value) -> Value| -> Vec<Value> {
        let items = clock[name].as_array().into_iter().flatten();
        items.map(row).collect()
    };
    let intervals = rows("intervals", |interval| {
        let counted = interval["counted_ms"].as_i64().filter(|ms| *ms > 0);
        json!({
            "from": wall(interval, "from"), "to": wall(interval, "to"), "why": why(interval),
            "counted": counted.map(|_| span(&interval["counted_ms"])),
        })
    });
    if !intervals.is_empty() {
        let _ = writeln!(text, "\n{}", output::table(INTERVALS, &intervals));
    }
    let transitions = rows("transitions", |entry| {
        json!({
            "at": wall(entry, "at"), "what": what(entry), "event": entry["event"],
            "used": span(&entry["elapsed_ms"]), "due": wall(entry, "due_at"),
        })
    });
    let _ = write!(text, "\n{}", output::table(TRANSITIONS, &transitions));
    text
}

/// Says why an interval counts, or does not.
fn why(interval: &Value) -> String {
    let text = |name: &str| interval[name].as_str().unwrap_or_default();
    match (text("why"), text("name")) {
        ("holiday", "") => format!("holiday {}", text("date")),
        ("holiday", name) => format!("{name} {}", text("date")),
        (why, _) => why.to_owned(),
    }
}

/// Says what happened to a clock.
fn what(entry: &Value) -> String {
    let mut said = entry["kind"].as_str().unwrap_or_default().to_owned();
    let more = ["cause", "reason", "level", "percent"].into_iter();
    for value in more
        .map(|name| &entry[name])
        .filter(|value| !value.is_null())
    {
        let _ = write!(said, " {}", output::printable(value));
    }
    said
}

/// Gives a time as the clock on the wall shows it where that is known, or else in UTC.
fn wall(item: &Value, name: &str) -> String {
    let local = item[format!("{name}_local")].as_str();
    let Some(text) = local.or_else(|| item[name].as_str()) else {
        return String::new();
    };
    let Ok(at) = DateTime::parse_from_rfc3339(text) else {
        return text.to_owned();
    };
    let form = match (at.second(), local) {
        (0, Some(_)) => "%a %Y-%m-%d %H:%M",
        (_, Some(_)) => "%a %Y-%m-%d %H:%M:%S",
        (0, None) => "%a %Y-%m-%d %H:%M UTC",
        (_, None) => "%a %Y-%m-%d %H:%M:%S UTC",
    };
    at.format(form).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_told_by_the_clock_on_the_wall() {
        let at = |name: &str, utc: &str, local: &str| {
            let mut at = json!({});
            at[name] = json!(format!("2026-11-{utc}:00Z"));
            at[format!("{name}_local")] = json!(format!("2026-11-{local}:00-05:00"));
            at
        };
        let joined = |parts: &[Value]| {
            let members = parts.iter().filter_map(Value::as_object).flatten();
            Value::Object(
                members
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect(),
            )
        };
        let answer = json!({
            "ticket_id": "tkt_1", "number": 12, "subject": "Parcel",
            "clocks": [joined(&[
                at("due_at", "27T15:00", "27T10:00"),
                json!({
                    "metric": "resolution", "cycle": 1, "state": "running", "consumed_ms": 7_200_000,
                    "target_ms": 28_800_000, "policy": "Gold", "calendar": "ny",
                    "timezone": "America/New_York",
                    "intervals": [
                        joined(&[at("from", "25T20:00", "25T15:00"), at("to", "25T22:00", "25T17:00"), json!({"why": "open", "counted_ms": 7_200_000})]),
                        joined(&[at("from", "25T22:00", "25T17:00"), at("to", "26T14:00", "26T09:00"), json!({"why": "closed", "counted_ms": 0})]),
                        joined(&[at("from", "26T14:00", "26T09:00"), at("to", "26T22:00", "26T17:00"), json!({"why": "holiday", "date": "2026-11-26", "name": "Thanksgiving", "counted_ms": 0})]),
                    ],
                    "transitions": [
                        joined(&[at("at", "25T20:00", "25T15:00"), at("due_at", "27T15:00", "27T10:00"), json!({"kind": "started", "elapsed_ms": 0, "event": "e-1"})]),
                        joined(&[at("at", "25T21:00", "25T16:00"), at("due_at", "27T15:00", "27T10:00"), json!({"kind": "retargeted", "cause": "priority", "elapsed_ms": 3_600_000, "event": "e-2"})]),
                    ],
                }),
            ])],
        });
        insta::assert_snapshot!(told(&answer), @r"
        #12 Parcel

        resolution 1: running, 2h of 8h used, due Fri 2026-11-27 10:00
        by Gold, calendar ny (America/New_York)

        FROM                  TO                    COUNTED  WHY
        Wed 2026-11-25 15:00  Wed 2026-11-25 17:00  2h       open
        Wed 2026-11-25 17:00  Thu 2026-11-26 09:00           closed
        Thu 2026-11-26 09:00  Thu 2026-11-26 17:00           Thanksgiving 2026-11-26

        AT                    WHAT                 USED  DUE                   EVENT
        Wed 2026-11-25 15:00  started              0s    Fri 2026-11-27 10:00  e-1
        Wed 2026-11-25 16:00  retargeted priority  1h    Fri 2026-11-27 10:00  e-2
        ");
        let none = told(&json!({"approval_id": "apr_1", "clocks": []}));
        assert_eq!(none, "apr_1\n\nno clocks");
    }
}
