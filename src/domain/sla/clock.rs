//! A clock as it is stored, and what can be read off it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{ClockKey, Level, Pin, WarnAt};
use crate::domain::{
    calendar::Calendar,
    time::{Span, Timestamp},
};

/// Where a clock stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockState {
    /// Open time counts.
    Running,
    /// Nothing counts until it is resumed.
    Paused,
    /// What it waited for has happened.
    Stopped,
    /// What it waited for is no longer wanted.
    Cancelled,
}

impl ClockState {
    /// Tells whether it may still stop.
    pub fn is_live(self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }

    /// Gives the wire name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Why a clock is in breach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreachCause {
    /// It was due.
    Due,
    /// Of a new target nothing was left.
    Retarget,
}

/// The breach of a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breach {
    /// When: a millisecond after it was due, or at the retarget.
    pub at: Timestamp,
    /// How much had been used up by then.
    pub consumed: Span,
    /// Why.
    pub cause: BreachCause,
}

/// How far the escalation of a breach has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// The levels as they were when the first of them fired; empty until then.
    pub levels: Vec<Level>,
    /// How often each of them has fired.
    pub fired: Vec<u32>,
    /// Whether somebody has seen to it: acknowledged, answered or resolved.
    pub is_stopped: bool,
}

/// A clock. It has no part that is not data, and no time of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// Which it is.
    pub key: ClockKey,
    /// The terms that it goes by.
    pub pin: Pin,
    /// Where it stands.
    pub state: ClockState,
    /// When it started.
    pub started_at: Timestamp,
    /// How much may be used up. *Units*: open time of its calendar.
    pub target: Span,
    /// How much was used up by `since`. *Units*: open time, in whole milliseconds.
    pub consumed: Span,
    /// Since when it counts on from `consumed`, or stands still.
    pub since: Timestamp,
    /// When it is due, if it runs on; while it is paused, when it was last thought to be.
    pub due_at: Timestamp,
    /// When to look at it next: at a warning, a millisecond after it is due, or at a level;
    /// `None`: not before something happens to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wake_at: Option<Timestamp>,
    /// The warnings that were given, or overtaken.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub warned: BTreeSet<WarnAt>,
    /// Its breach, if there is one that stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breach: Option<Breach>,
    /// When it was last met; stays on record when it is reopened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub met_at: Option<Timestamp>,
    /// Of a response clock: when the customer wrote while it ran, rising; the newest few.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unanswered: Vec<Timestamp>,
    /// The escalation of its breach.
    #[serde(default)]
    pub chain: Chain,
}

/// How many messages a response clock remembers.
const MOST_UNANSWERED: usize = 32;

impl Clock {
    /// Gives how much is used up at an instant. *Units*: open time, in whole milliseconds.
    ///
    /// *Shape*: never less than at the last change, and never negative.
    pub fn consumed_at(&self, calendar: &Calendar, at: Timestamp) -> Span {
        if self.state != ClockState::Running {
            return self.consumed;
        }
        let more = calendar.elapsed(self.since, at);
        Span::from_micros(self.consumed.micros() + more.micros())
    }

    /// Gives by how much a breach exceeds the target; `None` without a breach. *Units*: open time.
    pub fn overdue_at(&self, calendar: &Calendar, at: Timestamp) -> Option<Span> {
        self.breach?;
        let over = self.consumed_at(calendar, at).micros() - self.target.micros();
        Some(Span::from_micros(over.max(0)))
    }

    /// Gives what is left of the target; negative when more was used up.
    pub(super) fn left(&self) -> i64 {
        self.target.micros() - self.consumed.micros()
    }

    /// Tells whether it was over its time at an instant, whoever had noticed.
    pub(super) fn is_over_at(&self, at: Timestamp) -> bool {
        match self.breach {
            Some(breach) => at >= breach.at,
            None => self.state == ClockState::Running && at >= breach_of(self.due_at),
        }
    }

    /// Notes a message of the customer that wants an answer.
    pub(super) fn note_message(&mut self, at: Timestamp) {
        let place = self.unanswered.partition_point(|earlier| *earlier <= at);
        self.unanswered.insert(place, at);
        if self.unanswered.len() > MOST_UNANSWERED {
            self.unanswered.remove(0);
        }
    }
}

/// Gives when a clock is in breach that is due then.
pub(super) fn breach_of(due_at: Timestamp) -> Timestamp {
    due_at.plus(Span::from_millis(1))
}
