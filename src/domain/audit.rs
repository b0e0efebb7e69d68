//! The audit log's entries and the hash chain over them.
//!
//! An entry's *leaf* is SHA-256 over its canonical body; its *hash* is SHA-256
//! over the previous hash, its sequence, its journal position and its leaf. So
//! leaves can be computed before the tail is locked, and changing, dropping or
//! swapping an entry breaks the chain from there on.

use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{actor::Actor, time::Timestamp};

/// What one decision did, who asked, and why. The canonical body is its JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditBody {
    /// The form of this body; 1 now.
    pub v: u32,
    /// When it was decided.
    pub at: Timestamp,
    /// Who asked.
    pub actor: Actor,
    /// What was asked: the event's type.
    pub action: String,
    /// The event's id, as its source names it.
    pub event_id: String,
    /// The event's source.
    pub source: String,
    /// The conversation, or the thing itself.
    pub subject: String,
    /// The customer who asked or whom it was about, as a label of [`super::person`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// The amount that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Decimal>,
    /// `done`, `denied` or `failed`.
    pub outcome: AuditOutcome,
    /// The rules that fired, in order.
    pub rules: Vec<String>,
    /// What was looked at on the way, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<AuditCheck>,
    /// What was done, in order: `{"effect": …, ids …}`, without personal values.
    pub effects: Vec<Value>,
    /// The version of the policy that decided.
    pub policy: String,
}

/// How a decision ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditOutcome {
    /// It had its effect.
    Done,
    /// It was refused.
    Denied,
    /// It could not be carried out.
    Failed,
}

impl AuditOutcome {
    /// Gives the wire name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Denied => "denied",
            Self::Failed => "failed",
        }
    }
}

/// One check on the way to a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditCheck {
    /// What was checked.
    pub check: String,
    /// `passed`, or why not.
    pub outcome: String,
    /// The rule, where one answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

/// An entry as it is stored and chained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its place in the chain, from 1, without gaps.
    pub sequence: i64,
    /// The journal row of the decision.
    pub position: i64,
    /// The canonical body.
    pub body: String,
    /// The hash, chained to the entry before.
    pub hash: [u8; 32],
}

/// Gives an amount as it is searched by: in 1/10,000, half a unit rounded away from zero. What is
/// too large for that counts as the largest.
pub fn scaled_amount(amount: Decimal) -> i64 {
    use rust_decimal::RoundingStrategy::MidpointAwayFromZero;
    let largest = if amount.is_sign_negative() {
        i64::MIN
    } else {
        i64::MAX
    };
    amount
        .checked_mul(Decimal::from(10_000))
        .map(|scaled| scaled.round_dp_with_strategy(0, MidpointAwayFromZero))
        .and_then(|scaled| scaled.to_i64())
        .unwrap_or(largest)
}

/// The hash before the first entry.
pub const GENESIS: [u8; 32] = [0; 32];

/// Gives the leaf of a body.
pub fn leaf(body: &str) -> [u8; 32] {
    Sha256::digest(body.as_bytes()).into()
}

/// Gives the hash of an entry from the one before it.
pub fn link(previous: &[u8; 32], sequence: i64, position: i64, leaf: &[u8; 32]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(previous);
    hash.update(sequence.to_be_bytes());
    hash.update(position.to_be_bytes());
    hash.update(leaf);
    hash.finalize().into()
}

/// Why an audit log does not verify: the first bad entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    /// A sequence is missing or stands out of order.
    #[error("entry {expected} is missing: entry {found} stands in its place")]
    Gap {
        /// What should be here.
        expected: i64,
        /// What is here.
        found: i64,
    },
    /// The entry, its position or one before it was changed.
    #[error("entry {sequence} does not match its hash")]
    Changed {
        /// The entry.
        sequence: i64,
    },
    /// A column that is searched by differs from the hashed body.
    #[error("entry {sequence}: its column `{column}` differs from the hashed body")]
    Column {
        /// The entry.
        sequence: i64,
        /// The column.
        column: &'static str,
    },
    /// The newest entries are gone: the tail names a later one.
    #[error("the log ends with entry {found}, its tail names entry {expected}")]
    Cut {
        /// What the tail says.
        expected: i64,
        /// What is there.
        found: i64,
    },
}

/// A walk along the chain, entry by entry, in bounded memory.
#[derive(Clone, Debug)]
pub struct ChainWalk {
    sequence: i64,
    hash: [u8; 32],
}

impl ChainWalk {
    /// Starts after the entry `sequence` with `hash`; `(0, GENESIS)` is the beginning.
    pub fn after(sequence: i64, hash: [u8; 32]) -> Self {
        Self { sequence, hash }
    }

    /// Takes the next entry and tells whether it follows.
    pub fn step(&mut self, entry: &AuditEntry) -> Result<(), ChainFault> {
        if entry.sequence != self.sequence + 1 {
            return Err(ChainFault::Gap {
                expected: self.sequence + 1,
                found: entry.sequence,
            });
        }
        let hash = link(
            &self.hash,
            entry.sequence,
            entry.position,
            &leaf(&entry.body),
        );
        if hash != entry.hash {
            return Err(ChainFault::Changed {
                sequence: entry.sequence,
            });
        }
        self.sequence = entry.sequence;
        self.hash = hash;
        Ok(())
    }

    /// Compares the end of the walk with what the tail says.
    pub fn end(&self, sequence: i64, hash: &[u8; 32]) -> Result<i64, ChainFault> {
        if self.sequence != sequence {
            return Err(ChainFault::Cut {
                expected: sequence,
                found: self.sequence,
            });
        }
        if self.hash != *hash {
            return Err(ChainFault::Changed { sequence });
        }
        Ok(self.sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_searched_by_in_ten_thousandths() {
        let scaled = |text: &str| scaled_amount(text.parse().expect("a number"));
        assert_eq!(scaled("12.5"), 125_000);
        assert_eq!(scaled("-0.00005"), -1);
        assert_eq!(scaled("0.00004"), 0);
        assert_eq!(scaled("79228162514264337593543950335"), i64::MAX);
        assert_eq!(scaled("-79228162514264337593543950335"), i64::MIN);
    }

    #[test]
    fn a_body_without_customer_and_amount_reads_and_writes_as_before() {
        let text = r#"{"v":1,"at":"2026-11-01T00:00:00Z","actor":{"kind":"system","id":"provost"},"action":"a","event_id":"e","source":"/s","subject":"c","outcome":"done","rules":[],"effects":[],"policy":"p"}"#;
        let body: AuditBody = serde_json::from_str(text).expect("a body");
        assert_eq!((body.customer.as_ref(), body.amount), (None, None));
        let again = serde_json::to_value(&body).expect("JSON");
        assert!(again.get("customer").is_none() && again.get("amount").is_none());
        let with = AuditBody {
            amount: Some("12.50".parse().expect("a number")),
            ..body
        };
        let shown = serde_json::to_value(&with).expect("JSON");
        assert_eq!(shown["amount"], "12.50");
        assert_eq!(
            serde_json::from_value::<AuditBody>(shown).expect("a body"),
            with
        );
    }

    fn chain(bodies: &[&str]) -> Vec<AuditEntry> {
        let mut hash = GENESIS;
        bodies
            .iter()
            .zip(1..)
            .map(|(body, sequence)| {
                hash = link(&hash, sequence, sequence * 10, &leaf(body));
                AuditEntry {
                    sequence,
                    position: sequence * 10,
                    body: (*body).to_owned(),
                    hash,
                }
            })
            .collect()
    }

    fn verify(entries: &[AuditEntry], tail: &AuditEntry) -> Result<i64, ChainFault> {
        let mut walk = ChainWalk::after(0, GENESIS);
        for entry in entries {
            walk.step(entry)?;
        }
        walk.end(tail.sequence, &tail.hash)
    }

    #[test]
    fn a_change_a_gap_a_swap_and_a_cut_are_found_at_the_first_bad_entry() {
        let whole = chain(&["a", "b", "c", "d"]);
        let tail = whole[3].clone();
        assert_eq!(verify(&whole, &tail), Ok(4));

        let mut changed = whole.clone();
        changed[1].body = "x".into();
        assert_eq!(
            verify(&changed, &tail),
            Err(ChainFault::Changed { sequence: 2 })
        );

        let mut gap = whole.clone();
        gap.remove(2);
        assert_eq!(
            verify(&gap, &tail),
            Err(ChainFault::Gap {
                expected: 3,
                found: 4
            })
        );

        let mut swapped = whole.clone();
        swapped.swap(1, 2);
        assert_eq!(
            verify(&swapped, &tail),
            Err(ChainFault::Gap {
                expected: 2,
                found: 3
            })
        );

        assert_eq!(
            verify(&whole[..3], &tail),
            Err(ChainFault::Cut {
                expected: 4,
                found: 3
            })
        );
    }
}
