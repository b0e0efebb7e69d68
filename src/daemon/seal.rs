//! Sealing a decided batch: its rows in final form.
//!
//! All that does not depend on the place in the history is made before the tail
//! is locked ([`draft`]): bodies, facts, results, audit bodies and their leaves.
//! Under the lock [`Draft::seal`] only numbers the rows, patches the results'
//! `sequence`, and links the audit hashes.

use std::{collections::HashMap, ops::Range, sync::Arc};

use serde::Serialize;
use serde_json::{Map, Value};

use super::{gather, persons::Persons, round::Finished};
use crate::domain::{
    actor::ActorKind,
    audit::{AuditBody, AuditEntry, leaf, link},
    event::Event,
    ids::EventKey,
    outcome::ResultEvent,
    person::Person,
    record::{AuditRow, JournalRow, Tail, Write},
    time::Timestamp,
    world::World,
};

/// The width of a position in `sequence`. *Units*: digits.
const POSITION_DIGITS: usize = 20;

/// A batch whose rows only lack their places.
pub(super) struct Draft {
    rows: Vec<JournalRow>,
    /// Per row, where each result stands in its `results` text.
    results: Vec<Vec<ResultSpan>>,
    audit: Vec<(usize, AuditRow, [u8; 32])>,
    fired: Vec<String>,
    write: Write,
}

/// Where one result stands in its row's text, and what its message is labelled with.
#[derive(Clone, Debug)]
pub(super) struct ResultSpan {
    /// The event's bytes.
    pub(super) bytes: Range<usize>,
    /// The event's id.
    pub(super) id: String,
    /// The event's type.
    pub(super) kind: &'static str,
}

/// A sealed batch: what to write, and where its results stand.
pub(super) struct Sealed {
    /// What to write.
    pub(super) write: Write,
    /// Per journal row, its results.
    pub(super) results: Vec<Vec<ResultSpan>>,
    /// The rules that fired, each as often as it did.
    pub(super) fired: Vec<String>,
}

/// What every row of a batch shares.
pub(super) struct Stamp<'a> {
    /// The policy's version.
    pub(super) policy: &'a Arc<str>,
    /// `source` of what is published.
    pub(super) source: &'a str,
    /// The daemon's id.
    pub(super) daemon: i64,
    /// The labels of customers.
    pub(super) persons: &'a Persons,
}

/// Makes the rows of a decided batch.
pub(super) fn draft(finished: Vec<Finished>, world: &World, stamp: &Stamp<'_>) -> Draft {
    let mut texts: Vec<(String, Vec<ResultSpan>)> =
        finished.iter().map(|_| Default::default()).collect();
    for one in &finished {
        let root = &finished[one.root].input;
        for result in &one.outcome.results {
            let (text, spans) = &mut texts[one.root];
            append_result(
                text,
                spans,
                result,
                &ResultFrame {
                    root: &root.event,
                    key: root.key,
                    at: one.now,
                    source: stamp.source,
                },
            );
        }
    }
    let mut write = gather::changed(&finished, world);
    let (mut audit, mut persons) = (Vec::new(), HashMap::new());
    let mut fired = Vec::new();
    let mut rows = Vec::with_capacity(finished.len());
    let mut results = Vec::with_capacity(finished.len());
    for (place, (one, (mut text, spans))) in finished.into_iter().zip(texts).enumerate() {
        if !text.is_empty() {
            text.push(']');
        }
        if let Some(audit) = &one.outcome.audit {
            fired.extend(audit.rules.iter().cloned());
        }
        if let Some(row) = audit_row(&one, stamp, &mut persons) {
            let leaf = leaf(&row.entry.body);
            audit.push((place, row, leaf));
        }
        rows.push(journal_row(&one, text, stamp));
        results.push(spans);
    }
    write.persons = persons.into_values().collect();
    Draft {
        rows,
        results,
        audit,
        fired,
        write,
    }
}

impl Draft {
    /// Ends the counting of attempts at these inputs with this batch.
    pub(super) fn end_attempts(&mut self, keys: &[EventKey]) {
        self.write.attempts_over = keys.to_vec();
    }

    /// Gives the rows their places after `tail`.
    pub(super) fn seal(mut self, tail: &Tail) -> Sealed {
        for ((position, row), spans) in (tail.position + 1..).zip(&mut self.rows).zip(&self.results)
        {
            row.position = position;
            let digits = format!("{position:0POSITION_DIGITS$}");
            for span in spans {
                let start = span.bytes.start + SEQUENCE_AT;
                row.results
                    .replace_range(start..start + POSITION_DIGITS, &digits);
            }
        }
        let (mut sequence, mut hash) = (tail.audit_sequence, tail.audit_hash);
        for (place, mut row, leaf) in self.audit {
            sequence += 1;
            row.entry.sequence = sequence;
            row.entry.position = self.rows[place].position;
            hash = link(&hash, sequence, row.entry.position, &leaf);
            row.entry.hash = hash;
            self.write.audit.push(row);
        }
        let position = tail.position + i64::try_from(self.rows.len()).unwrap_or(0);
        self.write.tail = Tail {
            position,
            audit_sequence: sequence,
            audit_hash: hash,
        };
        self.write.journal = self.rows;
        Sealed {
            write: self.write,
            results: self.results,
            fired: self.fired,
        }
    }
}

/// Where the position's digits begin in a result's text: after `{"specversion":"1.0","sequence":"`.
const SEQUENCE_AT: usize = r#"{"specversion":"1.0","sequence":""#.len();

struct ResultFrame<'a> {
    root: &'a Event,
    key: EventKey,
    at: Timestamp,
    source: &'a str,
}

/// Writes a result as a structured event. `sequence` comes second, so that its place is known.
fn append_result(
    text: &mut String,
    spans: &mut Vec<ResultSpan>,
    result: &ResultEvent,
    frame: &ResultFrame<'_>,
) {
    #[derive(Serialize)]
    struct Structured<'a> {
        specversion: &'a str,
        sequence: &'a str,
        id: &'a str,
        source: &'a str,
        r#type: &'a str,
        subject: &'a str,
        time: Timestamp,
        causationid: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        traceparent: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        tracestate: Option<&'a str>,
        datacontenttype: &'a str,
        data: &'a Map<String, Value>,
    }
    let ordinal = spans.len();
    let id = frame.key.derive("result", ordinal).to_id("evt");
    text.push(if text.is_empty() { '[' } else { ',' });
    let start = text.len();
    let event = Structured {
        specversion: "1.0",
        sequence: &format!("{:0POSITION_DIGITS$}-{ordinal:04}", 0),
        id: &id,
        source: frame.source,
        r#type: result.kind,
        subject: result.subject.as_str(),
        time: frame.at,
        causationid: &frame.root.id,
        traceparent: frame.root.trace.parent.as_deref(),
        tracestate: frame.root.trace.state.as_deref(),
        datacontenttype: "application/json",
        data: &result.data,
    };
    text.push_str(&serde_json::to_string(&event).expect("a result is plain JSON"));
    spans.push(ResultSpan {
        bytes: start..text.len(),
        id,
        kind: result.kind,
    });
}

fn journal_row(one: &Finished, results: String, stamp: &Stamp<'_>) -> JournalRow {
    let event = &one.input.event;
    JournalRow {
        position: 0,
        key: one.input.key,
        subject: event.subject.clone(),
        version: one.version,
        kind: event.kind.clone(),
        time: event.time.unwrap_or(one.now),
        decided_at: one.now,
        body: Arc::from(event.to_json()),
        digest: one.input.digest,
        facts: one
            .outcome
            .facts
            .as_ref()
            .map(|facts| serde_json::to_string(facts).unwrap_or_default())
            .unwrap_or_default(),
        policy: Arc::clone(stamp.policy),
        results,
        reply_to: one.input.reply_to.clone(),
        correlation_id: one.input.correlation_id.clone(),
        daemon: stamp.daemon,
    }
}

fn audit_row(
    one: &Finished,
    stamp: &Stamp<'_>,
    new: &mut HashMap<String, Person>,
) -> Option<AuditRow> {
    let draft = one.outcome.audit.as_ref()?;
    let event = &one.input.event;
    let mut actor = draft.actor.clone();
    // What a customer asks is about that customer.
    let customer = if actor.kind == ActorKind::Customer {
        actor.id = stamp.persons.label(&actor.id, one.now, new);
        Some(actor.id.clone())
    } else {
        let customer = draft.customer.as_deref();
        customer.map(|id| stamp.persons.label(id, one.now, new))
    };
    let body = AuditBody {
        v: 1,
        at: one.now,
        actor,
        action: event.kind.clone(),
        event_id: event.id.clone(),
        source: event.source.clone(),
        subject: event.subject.to_string(),
        customer,
        amount: draft.amount,
        outcome: draft.outcome,
        rules: draft.rules.clone(),
        checks: draft.checks.clone(),
        effects: draft.effects.clone(),
        policy: stamp.policy.to_string(),
    };
    let entry = AuditEntry {
        sequence: 0,
        position: 0,
        body: serde_json::to_string(&body).expect("an audit body is plain JSON"),
        hash: [0; 32],
    };
    Some(AuditRow::of(entry, body))
}
