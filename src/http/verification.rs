//! Walking the audit log's chain and its seals, slice by slice, in bounded memory.
//!
//! The tail is read first; the walk ends there, so that a log that grows
//! meanwhile does not disturb it. Used by `GET /v1/audit/verify` and, straight
//! on a database, by `provost audit verify --database`.

mod seals;

use serde::Serialize;

pub use self::seals::{Seals, seal_of};
use crate::domain::{
    audit::{AuditBody, ChainFault, ChainWalk, GENESIS, scaled_amount},
    record::{AuditRow, Tail},
    seal::SealFault,
};

/// How many entries are read at once.
pub const SLICE: i64 = 1_000;

/// A walk under way.
#[derive(Debug)]
pub struct Verification {
    tail: Tail,
    seals: Seals,
    walk: Option<ChainWalk>,
    first: Option<i64>,
    last: i64,
    entries: i64,
    fault: Option<Fault>,
}

/// The first thing that is wrong.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Chain(#[from] ChainFault),
    #[error(transparent)]
    Seal(#[from] SealFault),
}

/// What a walk found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether every entry is as it was written, and none is missing.
    pub valid: bool,
    /// How many were looked at.
    pub entries: i64,
    /// The first that is still kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<i64>,
    /// The newest, by the tail.
    pub last: i64,
    /// How many seals hold.
    pub seals: i64,
    /// The newest entry that is sealed; 0 when none is.
    pub sealed_to: i64,
    /// The short names of the keys that signed.
    pub keys: Vec<String>,
    /// Whether the keys were said beforehand; if not, those that the log names were believed.
    pub pinned: bool,
    /// The first bad entry or seal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

impl Verification {
    /// Begins a walk that ends at `tail`.
    pub fn until(tail: Tail, seals: Seals) -> Self {
        Self {
            tail,
            seals,
            walk: None,
            first: None,
            last: 0,
            entries: 0,
            fault: None,
        }
    }

    /// Gives the sequence after which the next slice begins; `None` when the walk is over.
    pub fn next(&self) -> Option<i64> {
        (self.fault.is_none() && self.last < self.tail.audit_sequence).then_some(self.last)
    }

    /// Takes the next slice; an empty one ends the walk.
    pub fn take(&mut self, rows: &[AuditRow]) {
        if rows.is_empty() {
            let cut = ChainFault::Cut {
                expected: self.tail.audit_sequence,
                found: self.last,
            };
            self.fault = Some(cut.into());
        }
        for row in rows {
            if row.entry.sequence > self.tail.audit_sequence || self.fault.is_some() {
                return;
            }
            self.fault = self.step(row).err();
            if self.fault.is_none() {
                self.last = row.entry.sequence;
                self.entries += 1;
            }
        }
    }

    fn step(&mut self, row: &AuditRow) -> Result<(), Fault> {
        let entry = &row.entry;
        if self.walk.is_none() {
            self.seals.begin(entry.sequence)?;
        }
        match &mut self.walk {
            Some(walk) => walk.step(entry)?,
            None if entry.sequence == 1 => {
                let mut walk = ChainWalk::after(0, GENESIS);
                walk.step(entry)?;
                self.walk = Some(walk);
            }
            // What retention removed cannot be linked; the first that is kept is the anchor.
            None => self.walk = Some(ChainWalk::after(entry.sequence, entry.hash)),
        }
        self.first.get_or_insert(entry.sequence);
        if let Some(column) = differing(row) {
            let sequence = entry.sequence;
            return Err(ChainFault::Column { sequence, column }.into());
        }
        Ok(self.seals.pass(row)?)
    }

    /// Ends the walk.
    pub fn report(self) -> Report {
        let (sequence, hash) = (self.tail.audit_sequence, &self.tail.audit_hash);
        let (walk, seals) = (self.walk, &self.seals);
        let fault = self.fault.or_else(|| {
            let walk = walk.unwrap_or(ChainWalk::after(0, GENESIS));
            let chain = walk.end(sequence, hash).err().map(Fault::from);
            chain.or_else(|| seals.end(sequence).err().map(Fault::from))
        });
        let found = self.seals.found();
        Report {
            valid: fault.is_none(),
            entries: self.entries,
            first: self.first,
            last: self.tail.audit_sequence,
            seals: found.seals,
            sealed_to: found.sealed_to,
            keys: found.keys,
            pinned: found.is_pinned,
            fault: fault.map(|fault| fault.to_string()),
        }
    }
}

/// Gives the column that does not say what the hashed body says.
fn differing(row: &AuditRow) -> Option<&'static str> {
    let Ok(body) = serde_json::from_str::<AuditBody>(&row.entry.body) else {
        return Some("body");
    };
    [
        ("at", body.at == row.at),
        ("subject", body.subject == row.subject.as_str()),
        ("actor", body.actor.label() == row.actor),
        ("action", body.action == row.action),
        ("outcome", body.outcome.as_str() == row.outcome),
        (
            "rule",
            body.rules.first().map_or("", String::as_str) == row.rule,
        ),
        ("customer", body.customer == row.customer),
        ("amount", body.amount.map(scaled_amount) == row.amount),
    ]
    .into_iter()
    .find_map(|(column, is_same)| (!is_same).then_some(column))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        actor::Actor,
        audit::{AuditEntry, AuditOutcome, leaf, link},
        ids::SubjectId,
        seal::{Claim, Seal, SealKey, Stretch},
        time::Timestamp,
    };

    fn chain(length: i64) -> (Vec<AuditRow>, Tail) {
        let mut hash = GENESIS;
        let rows = (1..=length)
            .map(|sequence| {
                let body = AuditBody {
                    v: 1,
                    at: Timestamp::from_micros(sequence),
                    actor: Actor::rule("Refunds"),
                    action: "conversation.message".to_owned(),
                    event_id: format!("e-{sequence}"),
                    source: "/chat".to_owned(),
                    subject: "c".to_owned(),
                    customer: None,
                    amount: None,
                    outcome: AuditOutcome::Done,
                    rules: vec!["Refunds".to_owned()],
                    checks: Vec::new(),
                    effects: Vec::new(),
                    policy: "p".to_owned(),
                };
                let text = serde_json::to_string(&body).expect("json");
                hash = link(&hash, sequence, sequence, &leaf(&text));
                AuditRow {
                    entry: AuditEntry {
                        sequence,
                        position: sequence,
                        body: text,
                        hash,
                    },
                    at: body.at,
                    subject: SubjectId::from("c"),
                    actor: "system:rule:Refunds".to_owned(),
                    action: body.action,
                    outcome: "done",
                    rule: "Refunds".to_owned(),
                    more_rules: Vec::new(),
                    customer: None,
                    amount: None,
                }
            })
            .collect();
        let tail = Tail {
            position: length,
            audit_sequence: length,
            audit_hash: hash,
        };
        (rows, tail)
    }

    fn verify(rows: &[AuditRow], tail: Tail) -> Report {
        verify_sealed(rows, tail, Seals::default())
    }

    fn verify_sealed(rows: &[AuditRow], tail: Tail, seals: Seals) -> Report {
        let mut walk = Verification::until(tail, seals);
        while let Some(after) = walk.next() {
            let slice: Vec<AuditRow> = rows
                .iter()
                .filter(|row| row.entry.sequence > after)
                .take(2)
                .cloned()
                .collect();
            walk.take(&slice);
        }
        walk.report()
    }

    #[test]
    fn a_whole_chain_verifies_also_while_it_grows_and_after_it_was_pruned() {
        let (rows, tail) = chain(5);
        assert!(verify(&rows, tail).valid);
        assert!(verify(&chain(9).0, tail).valid);
        let pruned = verify(&rows[2..], tail);
        assert_eq!(
            (pruned.valid, pruned.first, pruned.entries),
            (true, Some(3), 3)
        );
        assert!(verify(&[], chain(0).1).valid);
    }

    #[test]
    fn the_first_bad_entry_is_named() {
        let (rows, tail) = chain(5);
        let fault = |change: fn(&mut Vec<AuditRow>)| {
            let mut rows = rows.clone();
            change(&mut rows);
            verify(&rows, tail).fault.unwrap_or_default()
        };
        assert_eq!(
            fault(|rows| rows[3].entry.body.push(' ')),
            "entry 4 does not match its hash"
        );
        assert!(fault(|rows| rows[2].actor = "agent:eve".into()).contains("column `actor`"));
        assert!(fault(|rows| rows[0].rule.clear()).contains("entry 1: its column `rule`"));
        assert!(fault(|rows| drop(rows.remove(2))).contains("entry 3 is missing"));
        assert!(fault(|rows| rows.truncate(4)).contains("ends with entry 4"));
        assert!(fault(Vec::clear).contains("ends with entry 0"));
    }

    fn key() -> SealKey {
        SealKey::of(&[7; 32])
    }

    fn seal(rows: &[AuditRow], first: i64, last: i64, previous: &str) -> Seal {
        let entry = rows.iter().find(|row| row.entry.sequence == last);
        let root = entry.map_or([9; 32], |row| row.entry.hash);
        key().seal(&Stretch {
            first,
            last,
            root,
            previous,
        })
    }

    #[test]
    fn seals_that_were_kept_elsewhere_show_what_was_cut_off_or_made_anew() {
        let (rows, tail) = chain(5);
        let kept = seal(&rows, 1, 4, "");
        let verify = |rows: &[AuditRow], tail: Tail, is_known: bool| {
            let mut seals = Seals::default();
            seals.claim(Claim::of(&kept));
            if is_known {
                seals.know(key().public());
            }
            verify_sealed(rows, tail, seals).fault.unwrap_or_default()
        };
        assert_eq!(verify(&rows, tail, true), "");
        assert!(verify(&rows, tail, false).contains("which the log does not know"));
        let (short, end) = chain(3);
        assert!(verify(&short, end, true).contains("cut off below it, or changed"));
    }

    #[test]
    fn a_pruned_log_keeps_its_later_seals_and_a_whole_one_needs_the_first() {
        let (rows, tail) = chain(5);
        let first = seal(&rows, 1, 2, "");
        let second = seal(&rows, 3, 5, &first.seal_id);
        let both = || Seals::of(vec![first.clone(), second.clone()]);
        let found = verify_sealed(&rows, tail, both());
        assert_eq!((found.seals, found.sealed_to, found.fault), (2, 5, None));
        assert_eq!(verify_sealed(&rows[3..], tail, both()).fault, None);
        let later = || Seals::of(vec![second.clone()]);
        assert_eq!(verify_sealed(&rows[3..], tail, later()).fault, None);
        let fault = verify_sealed(&rows, tail, later())
            .fault
            .unwrap_or_default();
        assert!(fault.contains("a seal is missing"), "{fault}");
        let over = seal(&rows, 3, 6, &first.seal_id);
        let seals = Seals::of(vec![first.clone(), over]);
        let fault = verify_sealed(&rows, tail, seals).fault.unwrap_or_default();
        assert!(fault.contains("covers up to entry 6"), "{fault}");
    }
}
