//! Clocks as the API shows them: as they are published, as of now.

use serde_json::{Map, Value, json};

use crate::{
    domain::{
        sla::{Book, Clock, Owner},
        time::{Span, Timestamp},
    },
    http::page,
    store::ClockRow,
};

/// Shows a clock with what it belongs to.
pub(super) fn row(row: &ClockRow, book: &Book, now: Timestamp) -> Value {
    let mut shown = clock(&row.clock, book, now);
    let (Owner::Ticket(id) | Owner::Approval(id) | Owner::Request(id)) = &row.clock.key.owner;
    if row.subject.as_str() != id {
        shown["conversation_id"] = json!(row.subject);
    }
    if let Some(ticket) = &row.ticket {
        shown["number"] = json!(ticket.number);
        shown["subject"] = json!(ticket.subject);
        shown["status"] = json!(ticket.status);
        shown["priority"] = json!(ticket.priority);
        if let Some(team) = &ticket.team {
            shown["team"] = json!(team);
        }
        if let Some(assignee) = &ticket.assignee {
            shown["assignee"] = json!(assignee);
        }
    }
    shown
}

/// Shows a clock. Where its terms are kept nowhere, it stands where it was counted last.
pub(super) fn clock(clock: &Clock, book: &Book, now: Timestamp) -> Value {
    let mut shown = match page::shown(&clock.key) {
        Value::Object(key) => key,
        _ => Map::new(),
    };
    let used = consumed(clock, book, now);
    let over = used.micros() - clock.target.micros();
    let mut put = |name: &str, value: Value| shown.insert(name.to_owned(), value);
    put("policy", json!(clock.pin.policy));
    put("policy_version", json!(clock.pin.policy_version));
    put("calendar", json!(clock.pin.calendar));
    put("state", json!(clock.state));
    put("started_at", json!(clock.started_at));
    put("due_at", json!(clock.due_at));
    put("elapsed_ms", json!(millis(used)));
    put("target_ms", json!(millis(clock.target)));
    let percent = used.micros().saturating_mul(100) / clock.target.micros().max(1);
    put("percent", json!(percent));
    if let Some(breach) = clock.breach {
        put("breached_at", json!(breach.at));
    }
    if clock.breach.is_some() || over > 0 {
        put("overdue_ms", json!(over.max(0) / 1_000));
    }
    if !clock.state.is_live() {
        put("ended_at", json!(clock.since));
    }
    Value::Object(shown)
}

/// Gives how much a clock has used up.
pub(super) fn consumed(clock: &Clock, book: &Book, now: Timestamp) -> Span {
    match book.terms(&clock.pin) {
        Ok(terms) => clock.consumed_at(&terms.calendar, now),
        Err(_) => clock.consumed,
    }
}

/// Gives a span in whole milliseconds.
pub(super) fn millis(span: Span) -> i64 {
    span.micros() / 1_000
}
