//! What happened to a clock: the record of it, and what is published.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{BreachCause, ClockKey, ClockState, Pin, WarnAt};
use crate::domain::{
    ticket::ClosedAs,
    time::{Span, Timestamp},
};

/// Why a clock is cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// The ticket was joined to another.
    Merged,
    /// The ticket was none.
    Spam,
    /// The ticket is gone.
    Deleted,
    /// The ticket is done before this was due.
    Resolved,
    /// The terms that hold now promise nothing of the kind.
    Policy,
    /// The approval is no longer wanted.
    Withdrawn,
}

impl From<ClosedAs> for CancelReason {
    fn from(closed_as: ClosedAs) -> Self {
        match closed_as {
            ClosedAs::Merged => Self::Merged,
            ClosedAs::Spam => Self::Spam,
            ClosedAs::Deleted => Self::Deleted,
        }
    }
}

impl CancelReason {
    /// Gives the wire name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Merged => "merged",
            Self::Spam => "spam",
            Self::Deleted => "deleted",
            Self::Resolved => "resolved",
            Self::Policy => "policy",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// Why a clock has another target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetargetCause {
    /// The ticket's priority changed.
    Priority,
    /// Another policy holds for the ticket.
    Policy,
    /// Somebody moved it to today's version.
    Repin,
}

impl RetargetCause {
    /// Gives the wire name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Priority => "priority",
            Self::Policy => "policy",
            Self::Repin => "repin",
        }
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransitionKind {
    /// It started.
    Started,
    /// So much was used up.
    Warning(WarnAt),
    /// It is over its time.
    Breached(BreachCause),
    /// It stopped in time.
    Met,
    /// It stopped after its breach.
    Stopped,
    /// It stands still.
    Paused,
    /// It goes on, after a pause or a stop.
    Resumed,
    /// It ended without an outcome.
    Cancelled(CancelReason),
    /// It has another target, or other terms.
    Retargeted(RetargetCause),
    /// The breach of this instant was none, as became known later.
    Retracted(Timestamp),
    /// The breach has lasted so long that a level fired.
    Escalated {
        /// Which, from 1.
        level: u32,
        /// The how manieth time, from 1.
        time: u32,
    },
}

impl TransitionKind {
    /// Gives the name under which it is kept, without what belongs to it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Warning(_) => "warning",
            Self::Breached(_) => "breached",
            Self::Met => "met",
            Self::Stopped => "stopped",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::Cancelled(_) => "cancelled",
            Self::Retargeted(_) => "retargeted",
            Self::Retracted(_) => "retracted",
            Self::Escalated { .. } => "escalated",
        }
    }
}

/// One entry of a clock's record. Entries are never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// What happened.
    pub kind: TransitionKind,
    /// When it happened, whenever it was noticed.
    pub at: Timestamp,
    /// To which clock.
    pub key: ClockKey,
    /// The terms by which it goes from then on.
    pub pin: Pin,
    /// Where it stands from then on.
    pub state: ClockState,
    /// What may be used up. *Units*: open time.
    pub target: Span,
    /// What was used up by then. *Units*: open time.
    pub consumed: Span,
    /// When it was due before; `None`: it is new.
    pub due_before: Option<Timestamp>,
    /// When it is due from then on.
    pub due_after: Timestamp,
    /// The breach that stands.
    pub breached_at: Option<Timestamp>,
    /// The id of the event, or the timer, that brought it.
    pub event: String,
}

impl Transition {
    /// Gives the type under which it is published; `None`: it is not, the record alone has it.
    pub fn result_type(&self) -> Option<&'static str> {
        match self.kind {
            TransitionKind::Started => Some("sla.started"),
            TransitionKind::Warning(_) => Some("sla.warning"),
            TransitionKind::Breached(_) => Some("sla.breached"),
            TransitionKind::Met => Some("sla.met"),
            TransitionKind::Stopped => None,
            TransitionKind::Paused => Some("sla.paused"),
            TransitionKind::Resumed => Some("sla.resumed"),
            TransitionKind::Cancelled(_) => Some("sla.cancelled"),
            TransitionKind::Retargeted(_) => Some("sla.retargeted"),
            TransitionKind::Retracted(_) => Some("sla.retracted"),
            TransitionKind::Escalated { .. } => Some("sla.escalated"),
        }
    }

    /// Gives what is published of it.
    pub fn result_data(&self) -> Map<String, Value> {
        let mut data = match serde_json::to_value(&self.key) {
            Ok(Value::Object(key)) => key,
            Ok(_) | Err(_) => Map::new(),
        };
        let mut put = |name: &str, value: Value| data.insert(name.to_owned(), value);
        put("policy", json!(self.pin.policy));
        put("state", json!(self.state));
        put("due_at", json!(self.due_after));
        put("elapsed_ms", json!(self.consumed.micros() / 1_000));
        put("target_ms", json!(self.target.micros() / 1_000));
        if let Some(at) = self.breached_at {
            let over = self.consumed.micros() - self.target.micros();
            put("breached_at", json!(at));
            put("overdue_ms", json!(over.max(0) / 1_000));
        }
        match self.kind {
            TransitionKind::Warning(warn) => {
                let threshold = warn.threshold(self.target).unwrap_or_default();
                let percent = threshold.micros().saturating_mul(100) / self.target.micros().max(1);
                put("percent", json!(percent));
            }
            TransitionKind::Breached(cause) => {
                put("cause", json!(cause));
            }
            TransitionKind::Cancelled(reason) => {
                put("reason", json!(reason));
            }
            TransitionKind::Retargeted(cause) => {
                put("cause", json!(cause));
                put("before", json!(self.due_before));
            }
            TransitionKind::Retracted(breach) => {
                put("breached_at", json!(breach));
            }
            TransitionKind::Escalated { level, .. } => {
                put("level", json!(level));
            }
            TransitionKind::Started
            | TransitionKind::Met
            | TransitionKind::Stopped
            | TransitionKind::Paused
            | TransitionKind::Resumed => {}
        }
        data
    }
}
