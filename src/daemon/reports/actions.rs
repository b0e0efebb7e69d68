//! The report on actions: how often each was asked for, and what became of it; counted from the
//! audit log.
//!
//! Counting is pure. Memory grows with the number of actions, of codes and of people who decide; a
//! name that is no action's is not kept, so that nobody can make it grow.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Asked, Report, ReportFault, SLICE};
use crate::{
    domain::{
        audit::AuditBody,
        report::{Cell, Column, Sheet},
    },
    store::{AuditFilter, Reader, Store, StoreError},
};

/// The report.
pub(super) const REPORT: Report = Report {
    name: "actions",
    summary: "How often each action was asked for, and what became of it.",
    takes: &[],
    make: |store, asked| Box::pin(make(store, asked)),
};

/// What stands in place of names that are no action's.
const NO_ACTION: &str = "(no such action)";

const COLUMNS: [Column; 12] = [
    Column::new("action", "ACTION"),
    Column::new("asked", "ASKED").charted(),
    Column::new("denied", "DENIED").charted(),
    Column::new("denied_by_code", "BY CODE"),
    Column::new("approved", "APPROVED"),
    Column::new("approved_by", "BY"),
    Column::new("rejected", "REJECTED"),
    Column::new("cancelled", "CANCELLED"),
    Column::new("succeeded", "DONE"),
    Column::new("failed", "FAILED"),
    Column::new("unknown", "UNKNOWN"),
    Column::new("reversed", "REVERSED"),
];

async fn make(store: &Store, asked: &Asked) -> Result<Sheet, ReportFault> {
    let filter = AuditFilter {
        from: asked.from,
        to: Some(asked.to),
        ..AuditFilter::default()
    };
    let (mut after, mut counted) = (0, Actions::default());
    loop {
        let wanted = filter.clone();
        let read = store.read(move |reader| slice(reader, &wanted, after));
        let (last, bodies, names) = read.await?;
        let Some(last) = last else {
            return Ok(counted.sheet(asked));
        };
        after = last;
        for body in &bodies {
            counted.take(body, |id| names.get(id).cloned());
        }
    }
}

type Slice = (Option<i64>, Vec<AuditBody>, BTreeMap<String, String>);

/// Reads entries after a sequence: the last one's, what they say, and the actions of requests
/// that they only name by their ids.
fn slice(reader: &mut Reader, filter: &AuditFilter, after: i64) -> Result<Slice, StoreError> {
    let rows = reader.audit_export(filter, after, SLICE)?;
    let last = rows.last().map(|row| row.entry.sequence);
    let bodies = rows.iter();
    let bodies: Vec<AuditBody> = bodies
        .filter_map(|row| serde_json::from_str(&row.entry.body).ok())
        .collect();
    let mut names = BTreeMap::new();
    for id in bodies.iter().flat_map(unnamed) {
        if !names.contains_key(id)
            && let Some(request) = reader.request(id)?
        {
            names.insert(id.to_owned(), request.action);
        }
    }
    Ok((last, bodies, names))
}

/// What became of one action.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Row {
    /// How often it was asked for, reversals by it among them.
    asked: u64,
    /// How often it was denied, whoever or whatever said no.
    denied: u64,
    /// The same by code.
    denied_by_code: BTreeMap<String, u64>,
    /// How often people let it through.
    approved: u64,
    /// Who said yes how often; more often than `approved`, where one yes is not enough.
    approved_by: BTreeMap<String, u64>,
    /// How often people turned it down; these are among the denied.
    rejected: u64,
    /// How often it was withdrawn.
    cancelled: u64,
    /// How often it was done.
    succeeded: u64,
    /// How often it was not, for certain.
    failed: u64,
    /// How often nobody knew; each is settled later, and counts there again.
    unknown: u64,
    /// How often it was undone, in part or in whole.
    reversed: u64,
}

/// The report in the making.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Actions(BTreeMap<String, Row>);

/// Gives the requests whose actions an entry does not name.
fn unnamed(body: &AuditBody) -> impl Iterator<Item = &str> {
    let votes = body.effects.iter();
    let votes = votes.filter(|effect| effect["effect"] == "approval_vote");
    votes
        .filter(|vote| vote["action"].is_null())
        .filter_map(|vote| vote["request_id"].as_str())
}

impl Actions {
    /// Counts an entry; `name` gives the action of a request that the entry names by its id alone.
    fn take(&mut self, body: &AuditBody, name: impl Fn(&str) -> Option<String>) {
        let mut is_asked = matches!(
            body.action.as_str(),
            "action.requested" | "action.reversal_requested"
        );
        for effect in &body.effects {
            let text = |name: &str| effect[name].as_str();
            let Some(kind) = text("effect") else { continue };
            if kind == "approval_vote" {
                self.vote(body, effect, &name);
                continue;
            }
            let Some(action) = text("action").filter(|_| is_counted(kind)) else {
                continue;
            };
            let is_unknown = text("code") == Some("unknown_action");
            let action = if is_unknown { NO_ACTION } else { action };
            let row = self.0.entry(action.to_owned()).or_default();
            // The first thing that becomes of a request is on record with its being asked for.
            if is_first(kind) && std::mem::take(&mut is_asked) {
                row.asked += 1;
            }
            row.count(kind, text("code"));
        }
    }

    fn vote(&mut self, body: &AuditBody, effect: &Value, name: impl Fn(&str) -> Option<String>) {
        let Some(request_id) = effect["request_id"].as_str() else {
            return;
        };
        let mut moves = body.effects.iter().filter(|other| {
            other["request_id"] == *request_id && other["effect"].as_str().is_some_and(is_counted)
        });
        let followed = moves.next();
        let stated = followed.unwrap_or(effect)["action"].as_str();
        let Some(action) = stated.map(str::to_owned).or_else(|| name(request_id)) else {
            return;
        };
        if effect["decision"] != "approve" {
            return;
        }
        let row = self.0.entry(action).or_default();
        *row.approved_by.entry(body.actor.id.clone()).or_default() += 1;
        // The last yes lets the request go on; one that is not enough moves nothing.
        row.approved += u64::from(followed.is_some());
    }

    fn sheet(self, asked: &Asked) -> Sheet {
        let rows = self.0.into_iter().map(|(action, row)| {
            vec![
                Cell::Text(action),
                Cell::Count(row.asked),
                Cell::Count(row.denied),
                Cell::Counts(row.denied_by_code),
                Cell::Count(row.approved),
                Cell::Counts(row.approved_by),
                Cell::Count(row.rejected),
                Cell::Count(row.cancelled),
                Cell::Count(row.succeeded),
                Cell::Count(row.failed),
                Cell::Count(row.unknown),
                Cell::Count(row.reversed),
            ]
        });
        Sheet {
            title: "What became of actions",
            from: asked.from,
            to: asked.to,
            about: Vec::new(),
            columns: COLUMNS.to_vec(),
            rows: rows.collect(),
            total: None,
        }
    }
}

impl Row {
    fn count(&mut self, kind: &str, code: Option<&str>) {
        match kind {
            "action_denied" => {
                let code = code.unwrap_or_default();
                self.denied += 1;
                self.rejected += u64::from(code == "rejected");
                *self.denied_by_code.entry(code.to_owned()).or_default() += 1;
            }
            "action_cancelled" => self.cancelled += 1,
            "action_succeeded" => self.succeeded += 1,
            "action_failed" => self.failed += 1,
            "action_unknown" => self.unknown += 1,
            "action_reversed" => self.reversed += 1,
            _ => {}
        }
    }
}

/// Tells whether an effect is the first that becomes of a request.
fn is_first(kind: &str) -> bool {
    [
        "action_denied",
        "action_awaiting_confirmation",
        "approval_requested",
        "action_started",
    ]
    .contains(&kind)
}

/// Tells whether an effect is a move of a request that this report looks at.
fn is_counted(kind: &str) -> bool {
    is_first(kind)
        || [
            "action_cancelled",
            "action_succeeded",
            "action_failed",
            "action_unknown",
            "action_reversed",
        ]
        .contains(&kind)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::{report::Form, time::Timestamp};

    fn asked() -> Asked {
        Asked {
            to: Timestamp::parse("2026-11-21T00:00:00Z").expect("a time"),
            ..Asked::default()
        }
    }

    fn entry(actor: &str, action: &str, effects: &[Value]) -> AuditBody {
        serde_json::from_value(json!({
            "v": 1, "at": "2026-11-20T08:00:00Z", "actor": {"kind": "agent", "id": actor},
            "action": action, "event_id": "e", "source": "/chat", "subject": "c-1",
            "outcome": "done", "rules": [], "effects": effects, "policy": "p",
        }))
        .expect("a body")
    }

    fn effect(kind: &str, id: &str, action: &str, code: Option<&str>) -> Value {
        json!({"effect": kind, "request_id": id, "action": action, "code": code})
    }

    fn counted(entries: &[AuditBody]) -> Actions {
        let mut counted = Actions::default();
        for entry in entries {
            counted.take(entry, |id| (id == "r-2").then(|| "refund".to_owned()));
        }
        counted
    }

    #[expect(clippy::too_many_lines, reason = "a table")]
    fn entries() -> Vec<AuditBody> {
        let of = |kind: &str, id: &str| effect(kind, id, "refund", None);
        let vote = |id: &str, decision: &str| json!({"effect": "approval_vote", "request_id": id, "approval_id": "a", "decision": decision});
        let undoing = effect("action_started", "r-3", "charge", None);
        let denied =
            |id: &str, action: &str, code: &str| effect("action_denied", id, action, Some(code));
        let done = [of("action_started", "r-1"), of("action_succeeded", "r-1")];
        vec![
            entry("bot", "action.requested", &done),
            entry(
                "bot",
                "action.requested",
                &[of("approval_requested", "r-2")],
            ),
            entry("dan", "approval.decided", &[vote("r-2", "approve")]),
            entry(
                "mia",
                "approval.decided",
                &[vote("r-2", "approve"), of("action_started", "r-2")],
            ),
            entry("x", "execution.ended", &[of("action_unknown", "r-2")]),
            entry("x", "request.resolved", &[of("action_failed", "r-2")]),
            entry(
                "mia",
                "action.reversal_requested",
                &[
                    of("reversal_requested", "r-1"),
                    undoing,
                    effect("action_succeeded", "r-3", "charge", None),
                    of("action_reversed", "r-1"),
                ],
            ),
            entry(
                "bot",
                "action.requested",
                &[of("approval_requested", "r-4")],
            ),
            entry(
                "mia",
                "approval.decided",
                &[vote("r-4", "reject"), denied("r-4", "refund", "rejected")],
            ),
            entry(
                "bot",
                "action.requested",
                &[denied("r-5", "refund", "rule")],
            ),
            entry(
                "bot",
                "action.requested",
                &[denied("r-6", "=x", "unknown_action")],
            ),
            entry(
                "bot",
                "action.requested",
                &[json!({"effect": "action_previewed", "action": "refund"})],
            ),
            entry(
                "bot",
                "conversation.message",
                &[json!({"effect": "tag", "tag": "refund"})],
            ),
            entry(
                "bot",
                "action.requested",
                &[effect(
                    "action_awaiting_confirmation",
                    "r-7",
                    "charge",
                    None,
                )],
            ),
            entry(
                "x",
                "conversation.ended",
                &[effect("action_cancelled", "r-7", "charge", None)],
            ),
        ]
    }

    #[test]
    fn each_action_is_counted_by_what_became_of_it() {
        let csv = counted(&entries()).sheet(&asked()).write(Form::Csv);
        insta::assert_snapshot!(csv.trim_end(), @r"
        action,asked,denied,denied_by_code,approved,approved_by,rejected,cancelled,succeeded,failed,unknown,reversed
        (no such action),1,1,unknown_action: 1,0,,0,0,0,0,0,0
        charge,2,0,,0,,0,1,1,0,0,0
        refund,4,2,rejected: 1; rule: 1,1,dan: 1; mia: 1,1,0,1,1,1,1
        ");
    }

    #[test]
    fn the_same_is_told_as_json() {
        let shown = counted(&entries()[..3]).sheet(&asked()).to_json();
        assert_eq!(
            shown,
            json!({"to": "2026-11-21T00:00:00Z", "items": [{
                "action": "refund", "asked": 2, "denied": 0, "denied_by_code": {}, "approved": 0,
                "approved_by": {"dan": 1}, "rejected": 0, "cancelled": 0, "succeeded": 1,
                "failed": 0, "unknown": 0, "reversed": 0,
            }]})
        );
    }

    #[test]
    fn the_same_is_a_table_for_people() {
        insta::assert_snapshot!(counted(&entries()).sheet(&asked()).write(Form::Table).trim_end(), @r"
        What became of actions
        up to 2026-11-21T00:00:00Z

        ACTION            ASKED  DENIED  BY CODE             APPROVED  BY            REJECTED  CANCELLED  DONE  FAILED  UNKNOWN  REVERSED
        (no such action)      1       1  unknown_action 1           0                       0          0     0       0        0         0
        charge                2       0                             0                       0          1     1       0        0         0
        refund                4       2  rejected 1, rule 1         1  dan 1, mia 1         1          0     1       1        1         1
        ");
    }

    #[test]
    fn names_that_are_no_actions_do_not_make_it_grow() {
        let asked: Vec<AuditBody> = (0..100)
            .map(|number| {
                let denied = effect(
                    "action_denied",
                    "r",
                    &format!("a{number}"),
                    Some("unknown_action"),
                );
                entry("bot", "action.requested", &[denied])
            })
            .collect();
        let counted = counted(&asked);
        assert_eq!(counted.0.len(), 1);
        assert_eq!(counted.0[NO_ACTION].asked, 100);
    }

    #[test]
    fn a_vote_that_moves_nothing_names_its_request_alone() {
        let entries = entries();
        assert_eq!(unnamed(&entries[2]).collect::<Vec<_>>(), ["r-2"]);
        assert_eq!(unnamed(&entries[0]).count(), 0);
    }
}
