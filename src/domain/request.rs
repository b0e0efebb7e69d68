//! A request for an action: its states, and the moves between them.
//!
//! One request is one wish of one actor, for good: its id names it, its digest is of
//! exactly what was asked. `crate::decide` moves it, and only along [`RequestState::may_become`].

use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::{
    action::Level,
    actor::Actor,
    budget::BudgetKey,
    time::{Span, Timestamp},
};

/// A request for an action, from its asking to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Names it, for good.
    pub request_id: String,
    /// The conversation, or the request's own id where there is none; what its inputs are about.
    pub subject: String,
    /// The action's name.
    pub action: String,
    /// The parameters, exactly as asked.
    pub params: Map<String, Value>,
    /// Who asks, with the roles that counted.
    pub actor: Actor,
    /// The customer's id; empty where none is known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub customer_id: String,
    /// Where it stands.
    pub state: RequestState,
    /// When it was taken in.
    pub requested_at: Timestamp,
    /// When it last moved.
    pub updated_at: Timestamp,
    /// When it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub succeeded_at: Option<Timestamp>,
    /// How much it is about, where the action says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Decimal>,
    /// What was looked at, in order, when it was last validated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
    /// The watches because of which people decide.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flagged_by: Vec<String>,
    /// What it holds of which limits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reserved: Vec<Reserved>,
    /// The approval that it waits for or was let through by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_id: Option<String>,
    /// Whether the customer said yes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_confirmed: bool,
    /// How often it was tried.
    #[serde(default)]
    pub attempts: u32,
    /// What it gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// Why it ended as it did, as a code of the contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The same in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The request that this one undoes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverses: Option<String>,
    /// The requests that undo this one, done or under way, each with how much.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reversals: Vec<Undoing>,
    /// The step of a procedure that it is, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepOf>,
    /// Whether it has a clock, because nobody knew how it ended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_timed: bool,
}

/// The step of a procedure that a request is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepOf {
    /// The run.
    pub run_id: String,
    /// The procedure's slug.
    pub procedure: String,
    /// What people call it.
    pub display_name: String,
    /// Its version.
    pub version: i64,
    /// The step's id.
    pub step: String,
    /// What it does.
    pub does: StepDoes,
    /// How much approval the step takes.
    pub level: Level,
    /// The roles that may approve it; empty: agents.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvers: Vec<String>,
}

/// What a step of a procedure does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepDoes {
    /// It calls an address of its own.
    Address,
    /// It performs an action of the catalogue.
    Catalogue,
    /// It has Provost do something.
    Internal,
}

/// One check on a request's way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What was looked at: `action`, `schema`, `role`, `rules`, `limits`, `confirmation`, `approval`.
    pub check: String,
    /// How it came out: `passed`, or what stands against it.
    pub outcome: String,
    /// The rule that said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// More, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What a request holds of a limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reserved {
    /// The limit's name.
    pub limit: String,
    /// Whose window.
    pub key: String,
    /// How much.
    pub amount: Decimal,
    /// When.
    pub at: Timestamp,
    /// How long it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Span>,
}

impl Reserved {
    /// Names the budget.
    pub fn budget(&self) -> BudgetKey {
        BudgetKey {
            limit: self.limit.clone(),
            key: self.key.clone(),
        }
    }

    /// Tells whether it still counts; what has left its window is not held any more.
    pub fn counts(&self, now: Timestamp) -> bool {
        let left = |window: Span| self.at <= now.minus(window);
        !self.window.is_some_and(left)
    }
}

/// A reversal of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undoing {
    /// The request that undoes.
    pub request_id: String,
    /// How much of the amount it takes back; `None`: all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Decimal>,
    /// Whether it was done; `None`: still under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_done: Option<bool>,
}

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestState {
    /// Asked for, not looked at yet.
    Requested,
    /// Refused before anything was done.
    Denied,
    /// Waits for the customer's word.
    AwaitingConfirmation,
    /// Waits for people.
    AwaitingApproval,
    /// Nothing stands against it; it waits for its turn.
    Ready,
    /// An attempt is recorded, and perhaps under way.
    Executing,
    /// Done.
    Succeeded,
    /// Not done, for certain.
    Failed,
    /// Bytes went out, and nobody knows what became of them.
    Unknown,
    /// Withdrawn before it ran.
    Cancelled,
    /// Is being undone.
    Reversing,
    /// Undone.
    Reversed,
    /// Undone in part.
    PartlyReversed,
}

/// Every state, in the order of a request's life.
pub const STATES: [RequestState; 13] = [
    RequestState::Requested,
    RequestState::Denied,
    RequestState::AwaitingConfirmation,
    RequestState::AwaitingApproval,
    RequestState::Ready,
    RequestState::Executing,
    RequestState::Succeeded,
    RequestState::Failed,
    RequestState::Unknown,
    RequestState::Cancelled,
    RequestState::Reversing,
    RequestState::Reversed,
    RequestState::PartlyReversed,
];

impl RequestState {
    /// Gives the wire name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Denied => "denied",
            Self::AwaitingConfirmation => "awaiting_confirmation",
            Self::AwaitingApproval => "awaiting_approval",
            Self::Ready => "ready",
            Self::Executing => "executing",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Cancelled => "cancelled",
            Self::Reversing => "reversing",
            Self::Reversed => "reversed",
            Self::PartlyReversed => "partly_reversed",
        }
    }

    /// Gives the state of a name.
    pub fn parse(name: &str) -> Option<Self> {
        STATES.into_iter().find(|state| state.as_str() == name)
    }

    /// Tells whether it waits for somebody, so that it can still be withdrawn.
    pub fn is_waiting(self) -> bool {
        matches!(
            self,
            Self::AwaitingConfirmation | Self::AwaitingApproval | Self::Ready
        )
    }

    /// Tells whether nothing more becomes of it by itself.
    pub fn is_settled(self) -> bool {
        matches!(
            self,
            Self::Denied
                | Self::Succeeded
                | Self::Failed
                | Self::Cancelled
                | Self::Reversed
                | Self::PartlyReversed
        )
    }

    /// Tells whether it counts in a history: what was denied, failed or withdrawn does not.
    pub fn counts(self) -> bool {
        !matches!(
            self,
            Self::Requested | Self::Denied | Self::Failed | Self::Cancelled
        )
    }

    /// Tells whether it may become `to`. *Source*: governance, *Actions*.
    pub fn may_become(self, to: Self) -> bool {
        match self {
            Self::Requested => to == Self::Denied || to.is_waiting(),
            // What has waited is validated again, and may have to wait for more than before.
            Self::AwaitingConfirmation | Self::AwaitingApproval | Self::Ready => {
                matches!(to, Self::Denied | Self::Cancelled | Self::AwaitingApproval)
                    || (to == Self::AwaitingConfirmation && self == Self::AwaitingApproval)
                    || (to == Self::Ready && self != Self::Ready)
                    || (to == Self::Executing && self == Self::Ready)
            }
            Self::Executing => matches!(to, Self::Succeeded | Self::Failed | Self::Unknown),
            Self::Unknown => matches!(to, Self::Succeeded | Self::Failed),
            Self::Succeeded | Self::PartlyReversed => to == Self::Reversing,
            // Back to where it came from when the reversal fails.
            Self::Reversing => {
                matches!(to, Self::Reversed | Self::PartlyReversed | Self::Succeeded)
            }
            Self::Denied | Self::Failed | Self::Cancelled | Self::Reversed => false,
        }
    }
}

impl fmt::Display for RequestState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Request {
    /// Tells whether it belongs to a conversation, and is not its own subject.
    pub fn has_conversation(&self) -> bool {
        self.subject != self.request_id
    }
}

/// Gives the digest of exactly what is asked for: an approval counts for this and nothing else.
pub fn digest(action: &str, params: &Map<String, Value>) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update((action.len() as u64).to_be_bytes());
    hash.update(action.as_bytes());
    // Maps are sorted and numbers keep their digits, so the text is canonical.
    hash.update(serde_json::to_vec(params).unwrap_or_default());
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn every_state_reads_back_from_its_name() {
        for state in STATES {
            assert_eq!(RequestState::parse(state.as_str()), Some(state));
        }
    }

    #[test]
    fn the_moves_are_those_of_the_specification() {
        let moves: Vec<String> = STATES
            .into_iter()
            .map(|from| {
                let to = STATES.into_iter().filter(|&to| from.may_become(to));
                let names: Vec<&str> = to.map(RequestState::as_str).collect();
                format!("{from}: {}", names.join(" "))
            })
            .collect();
        insta::assert_snapshot!(moves.join("\n"), @r"
        requested: denied awaiting_confirmation awaiting_approval ready
        denied: 
        awaiting_confirmation: denied awaiting_approval ready cancelled
        awaiting_approval: denied awaiting_confirmation awaiting_approval ready cancelled
        ready: denied awaiting_approval executing cancelled
        executing: succeeded failed unknown
        succeeded: reversing
        failed: 
        unknown: succeeded failed
        cancelled: 
        reversing: succeeded reversed partly_reversed
        reversed: 
        partly_reversed: reversing
        ");
    }

    proptest! {
        #[test]
        fn nothing_runs_once_it_was_denied_or_cancelled(
            path in proptest::collection::vec(0..STATES.len(), 1..30)
        ) {
            let (mut state, mut is_over, mut runs) = (RequestState::Requested, false, 0);
            for index in path {
                let to = STATES[index];
                if state.may_become(to) {
                    prop_assert!(!is_over || to != RequestState::Executing);
                    runs += usize::from(to == RequestState::Executing);
                    is_over |= matches!(to, RequestState::Denied | RequestState::Cancelled);
                    state = to;
                }
            }
            prop_assert!(runs <= 1, "a request runs once");
        }
    }

    #[test]
    fn the_digest_is_of_exactly_what_is_asked() {
        let of = |action: &str, params: Value| digest(action, params.as_object().expect("object"));
        let one = of("refund", json!({"a": 1, "b": 2}));
        assert_eq!(one, of("refund", json!({"b": 2, "a": 1})));
        assert_ne!(one, of("refund", json!({"a": 1, "b": "2"})));
        assert_ne!(one, of("refunds", json!({"a": 1, "b": 2})));
    }
}
