//! `[probe]` of an action: how an end of which nobody knows is found out.
//!
//! Reads and checks what the section says by itself; the operation that it names is checked
//! by `catalogue`.

use serde_json::Value;

use super::{
    section::{Section, Text},
    values::required_text,
};
use crate::domain::{
    probe::{Probe, Sign},
    template::Template,
    time::Span,
};

/// When the first look is where nothing is said.
const AFTER: Span = Span::from_secs(5);
/// How far apart looks are where nothing is said.
const EVERY: Span = Span::from_secs(30);
/// How many looks there are where nothing is said.
const TIMES: u32 = 10;

/// What a 404 may mean.
const MISSING: [(&str, bool); 2] = [("failed", true), ("unknown", false)];

/// Reads an action's probe, if it has one.
pub(super) fn read_probe(section: &mut Section<'_>) -> Option<Probe> {
    if !section.has("probe") {
        return None;
    }
    let mut table = section.section("probe");
    let done = read_sign(&mut table, "done");
    if done.is_none() {
        table.missing("done");
    }
    let done = done.unwrap_or_else(nowhere);
    let failed = read_sign(&mut table, "failed");
    if failed.as_ref() == Some(&done) {
        let place = table.place().clone();
        table.bad(&place, "has the same sign for `done` and `failed`", None);
    }
    let probe = Probe {
        operation: required_text(&mut table, "operation"),
        done,
        failed,
        is_failed_when_missing: table.one_of("missing", false, &MISSING),
        after: table.span("after", AFTER),
        every: table.span("every", EVERY),
        times: table.count("times", TIMES, 1..=1_000),
    };
    table.end();
    Some(probe)
}

/// Reads what an answer must hold, if that is said.
fn read_sign(table: &mut Section<'_>, key: &'static str) -> Option<Sign> {
    let is_there = table.has(key);
    let mut section = table.section(key);
    if is_there && !section.has("path") {
        section.missing("path");
    }
    let path = section.text("path");
    let equals = section.json("equals");
    if let Some((Value::Null | Value::Array(_) | Value::Object(_), place)) = &equals {
        section.bad(place, "is no text, number, true or false", None);
    }
    let sign = Sign {
        path: path.map_or_else(|| nowhere().path, |path| read_path(&section, &path)),
        equals: equals.map(|(value, _)| value),
    };
    section.end();
    is_there.then_some(sign)
}

fn read_path(section: &Section<'_>, path: &Text) -> Template {
    Template::placeholder(&path.value).unwrap_or_else(|_| {
        let said = format!(
            "is `{}`, which is no path such as `refund.status`",
            path.value
        );
        section.bad(&path.place, &said, None);
        nowhere().path
    })
}

/// What stands for a sign that could not be read; its fault is told.
fn nowhere() -> Sign {
    Sign {
        path: Template::parse("").expect("a text without placeholders"),
        equals: None,
    }
}
