//! A request for an action: its states, and the moves between them.
//!
//! One request is one wish of one actor, for good: its id names it, its digest is of
//! exactly what was asked. `crate::decide` moves it, and only along [`RequestState::may_become`].

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

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

    /// Tells whether it may become `to`. *Source*: governance, *Actions*.
    pub fn may_become(self, to: Self) -> bool {
        match self {
            Self::Requested => to == Self::Denied || to.is_waiting(),
            // What has waited is validated again, and may have to wait for more than before.
            Self::AwaitingConfirmation | Self::AwaitingApproval | Self::Ready => {
                matches!(to, Self::Denied | Self::Cancelled | Self::AwaitingApproval)
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
        awaiting_approval: denied awaiting_approval ready cancelled
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
