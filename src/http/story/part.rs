//! Which entries of the audit log, and what of them, concern one request.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::domain::{
    audit::{AuditBody, AuditOutcome},
    request::Request,
};

/// An entry that concerns the request, without what concerns others.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Its place in the log.
    pub(super) sequence: i64,
    /// What it says.
    pub(super) body: AuditBody,
    /// What the journal still has of where it came from.
    pub(super) cause: Cause,
}

impl Entry {
    /// Gives the entry as the API answers it.
    pub(super) fn shown(&self) -> Value {
        let body = &self.body;
        json!({
            "sequence": self.sequence, "at": body.at, "actor": body.actor, "action": body.action,
            "outcome": body.outcome, "rules": body.rules, "checks": body.checks,
            "effects": body.effects,
        })
    }
}

/// Where an entry came from, as far as the journal still has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cause {
    /// The request that the event named.
    pub(super) request_id: Option<String>,
    /// The approval that the event named.
    pub(super) approval_id: Option<String>,
    /// Why, as whoever asked says.
    pub(super) reason: Option<String>,
    /// What the customer was told, in order.
    pub(super) told: Vec<String>,
    /// Why the conversation was handed to a person.
    pub(super) transfer: Option<String>,
    /// Why the run of a procedure was ended before its end.
    pub(super) run_ended: Option<String>,
}

impl Cause {
    /// Reads an event and its results.
    pub(super) fn read(event: &str, results: &str) -> Self {
        let event: Value = serde_json::from_str(event).unwrap_or_default();
        let results: Vec<Value> = serde_json::from_str(results).unwrap_or_default();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let of = |kind: &'static str, name: &'static str| {
            let fitting = results.iter().filter(move |result| result["type"] == kind);
            fitting.filter_map(move |result| text(&result["data"][name]))
        };
        let data = &event["data"];
        Self {
            request_id: text(&data["request_id"]),
            approval_id: text(&data["approval_id"]),
            reason: text(&data["reason"]),
            told: of("message.send", "text").collect(),
            transfer: of("conversation.transfer", "reason").next(),
            run_ended: of("procedure.cancelled", "error").next(),
        }
    }
}

/// Tells at a glance whether an entry may be about a request at all.
pub(super) fn may_concern(body: &str) -> bool {
    ["request_id", "approval_id", "run_id", "\"event\""]
        .iter()
        .any(|word| body.contains(word))
}

/// Gives the approvals that entries name.
pub(super) fn approvals(entries: &[Entry]) -> BTreeSet<String> {
    let effects = entries.iter().flat_map(|entry| &entry.body.effects);
    effects
        .filter_map(|effect| id(effect, "approval_id"))
        .collect()
}

fn id(effect: &Value, name: &str) -> Option<String> {
    effect[name].as_str().map(str::to_owned)
}

/// What is known of a request on the way through its entries.
#[derive(Clone, Debug)]
pub(super) struct Known {
    request_id: String,
    approvals: BTreeSet<String>,
    /// The run whose step it is, or that it has started.
    run_id: Option<String>,
}

impl Known {
    /// Knows a request.
    pub(super) fn of(request: &Request) -> Self {
        let step = request.step.as_ref().map(|step| step.run_id.clone());
        let output = request.output.as_ref();
        Self {
            run_id: step.or_else(|| id(output?, "run_id")),
            request_id: request.request_id.clone(),
            approvals: request.approval_id.iter().cloned().collect(),
        }
    }

    /// Gives what of an entry concerns the request; entries come in the order of time.
    pub(super) fn pick(
        &mut self,
        sequence: i64,
        mut body: AuditBody,
        cause: Option<Cause>,
    ) -> Option<Entry> {
        let cause = cause.unwrap_or_default();
        for effect in &body.effects {
            if effect["request_id"] == *self.request_id {
                self.approvals.extend(id(effect, "approval_id"));
            }
        }
        if body.effects.is_empty() {
            return self.is_refusal(&body, &cause).then_some(Entry {
                sequence,
                body,
                cause,
            });
        }
        // What names nobody belongs to whoever was named last, or else to the first.
        let named = body.effects.iter().find_map(|effect| self.is_named(effect));
        let mut is_mine = named?;
        let mut is_any = false;
        // The customer is told in this order; what is told of others goes with them.
        let mut told = cause.told.iter().cloned();
        let mut mine_told = Vec::new();
        body.effects.retain(|effect| {
            is_mine = self.is_named(effect).unwrap_or(is_mine);
            is_any |= is_mine;
            if effect["effect"] == "send_message" {
                mine_told.extend(told.next().filter(|_| is_mine));
            }
            is_mine
        });
        let cause = Cause {
            told: mine_told,
            ..cause
        };
        is_any.then_some(Entry {
            sequence,
            body,
            cause,
        })
    }

    /// Tells whether an effect names the request; `None`: it names none.
    fn is_named(&self, effect: &Value) -> Option<bool> {
        if let Some(id) = effect["request_id"].as_str() {
            return Some(id == self.request_id || effect["reverses"] == *self.request_id);
        }
        if let Some(id) = effect["approval_id"].as_str() {
            return Some(self.approvals.contains(id));
        }
        let run = effect["run_id"].as_str();
        run.map(|id| self.run_id.as_deref() == Some(id))
    }

    /// Tells whether an entry without effects is the refusal of something about the request.
    fn is_refusal(&self, body: &AuditBody, cause: &Cause) -> bool {
        let approval = cause.approval_id.as_ref();
        body.outcome == AuditOutcome::Denied
            && (cause.request_id.as_ref() == Some(&self.request_id)
                || approval.is_some_and(|id| self.approvals.contains(id)))
    }
}
