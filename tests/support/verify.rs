//! What must hold after every fault, compared by identities.
//!
//! For each message of the ledger: exactly one answer, under one result id, in
//! order, on the wire and in the results API alike; one state change; one audit
//! entry; and the chain over all of them unbroken.

use std::collections::HashSet;

use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::{
    daemon::Daemon,
    ledger::{Ledger, markers},
    rig::Rig,
};

impl Rig {
    /// Waits for every answer, lets everything settle, and checks all that must hold.
    pub(crate) async fn verify(&self, daemon: &Daemon, ledger: &Ledger) {
        self.answered(daemon, ledger).await;
        self.settle(daemon).await;
        self.holds(daemon, ledger, self.results(daemon).await).await;
    }

    /// As [`Rig::verify`], for events whose inbox the markers cannot reach.
    pub(crate) async fn verify_posting(&self, daemon: &Daemon, ledger: &Ledger) {
        self.answered(daemon, ledger).await;
        daemon.deliver(&markers(8)).await;
        self.holds(daemon, ledger, self.results(daemon).await).await;
    }

    /// As [`Rig::verify_posting`], where several daemons published: by `sequence`, not by arrival.
    pub(crate) async fn verify_shared(&self, daemon: &Daemon, ledger: &Ledger) {
        self.answered(daemon, ledger).await;
        daemon.deliver(&markers(8)).await;
        let mut published = self.results(daemon).await;
        published.sort_by_key(|event| event["sequence"].as_str().map(str::to_owned));
        self.holds(daemon, ledger, published).await;
    }

    /// As [`Rig::verify`], where several daemons published: by `sequence`, not by arrival.
    pub(crate) async fn verify_across_a_failover(&self, daemon: &Daemon, ledger: &Ledger) {
        self.answered(daemon, ledger).await;
        self.settle(daemon).await;
        let mut published = self.results(daemon).await;
        published.sort_by_key(|event| event["sequence"].as_str().map(str::to_owned));
        self.holds(daemon, ledger, published).await;
    }

    async fn answered(&self, daemon: &Daemon, ledger: &Ledger) {
        let causes: Vec<String> = ledger.ids().map(str::to_owned).collect();
        self.published(daemon, &causes).await;
    }

    async fn holds(&self, daemon: &Daemon, ledger: &Ledger, published: Vec<Value>) {
        let kept = api_results(daemon, "/v1/results").await;
        for (conversation, expected) in ledger.conversations() {
            no_loss_no_double_in_order(&published, conversation, expected);
            no_loss_no_double_in_order(&kept, conversation, expected);
            state_changed_once_each(daemon, conversation, expected.len()).await;
            audited_once_each(daemon, conversation, expected).await;
        }
        audit_verifies(daemon).await;
    }
}

/// Checks that each expected event of a conversation was answered once, in order; a repeated
/// publication counts once, since it carries the same id, and must carry the same content.
pub(crate) fn no_loss_no_double_in_order(
    results: &[Value],
    conversation: &str,
    expected: &[String],
) {
    let mut first: Vec<&Value> = Vec::new();
    for event in results {
        if event["subject"] != conversation || event["type"] != "message.send" {
            continue;
        }
        match first.iter().find(|known| known["id"] == event["id"]) {
            Some(known) => assert_eq!(*known, event, "a repeated result has other content"),
            None => first.push(event),
        }
    }
    let answered: Vec<&str> = first
        .iter()
        .filter_map(|event| event["causationid"].as_str())
        .collect();
    let missing: Vec<_> = expected
        .iter()
        .filter(|id| !answered.contains(&id.as_str()))
        .collect();
    assert!(
        missing.is_empty(),
        "{conversation}: lost {missing:?}, have {answered:?}"
    );
    let distinct: HashSet<_> = answered.iter().collect();
    assert_eq!(
        distinct.len(),
        answered.len(),
        "{conversation}: doubled in {answered:?}"
    );
    assert_eq!(answered, *expected, "{conversation}: out of order");
    let sequences: Vec<_> = first
        .iter()
        .filter_map(|event| event["sequence"].as_str())
        .collect();
    assert_eq!(
        sequences.len(),
        first.len(),
        "{conversation}: a result without a sequence"
    );
    assert!(
        sequences.is_sorted(),
        "{conversation}: sequences run backwards: {sequences:?}"
    );
}

/// Gives what the results API holds, as events.
pub(crate) async fn api_results(daemon: &Daemon, path: &str) -> Vec<Value> {
    let items = daemon.list(path).await;
    items
        .into_iter()
        .map(|mut item| {
            if item["specversion"].is_null() {
                item["event"].take()
            } else {
                item
            }
        })
        .collect()
}

async fn state_changed_once_each(daemon: &Daemon, conversation: &str, expected: usize) {
    let state = daemon
        .get(&format!("/v1/conversations/{conversation}"))
        .await;
    let counted =
        find(&state, "messages", Value::is_number).and_then(|value| value.as_u64().or(None));
    assert_eq!(
        counted,
        Some(expected as u64),
        "{conversation}: messages counted in {state}"
    );
}

async fn audited_once_each(daemon: &Daemon, conversation: &str, expected: &[String]) {
    let entries = daemon
        .list(&format!("/v1/audit?conversation={conversation}"))
        .await;
    let mut audited: Vec<String> = entries
        .iter()
        .filter_map(|entry| find(entry, "event_id", Value::is_string))
        .filter_map(|id| id.as_str().map(str::to_owned))
        .collect();
    audited.sort();
    let mut expected = expected.to_vec();
    expected.sort();
    assert_eq!(
        audited, expected,
        "{conversation}: audit entries name these events"
    );
}

/// Checks that the whole audit log verifies.
pub(crate) async fn audit_verifies(daemon: &Daemon) {
    let (status, answer) = daemon
        .send(Method::GET, "/v1/audit/verify", "application/json", "")
        .await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    for claim in ["ok", "valid", "verified"] {
        assert_ne!(answer[claim], Value::Bool(false), "{answer}");
    }
}

// Finds the first member of a name that is of the wanted kind, however deep.
fn find<'a>(value: &'a Value, name: &str, accepts: fn(&Value) -> bool) -> Option<&'a Value> {
    match value {
        Value::Object(members) => members
            .get(name)
            .filter(|value| accepts(value))
            .or_else(|| {
                members
                    .values()
                    .find_map(|member| find(member, name, accepts))
            }),
        Value::Array(items) => items.iter().find_map(|item| find(item, name, accepts)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}
