//! Every interval that a clock counted, and every one that it skipped, with the reason.
//!
//! Made from a clock's record alone, by the calendars that it went by at the time.

use serde::{Deserialize, Serialize};

use super::{Book, ClockState, MissingTerms, Transition, TransitionKind};
use crate::domain::{calendar::Hours, time::Timestamp, wall::Date};

/// Why an interval counts, or does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Because {
    /// It is open: it counts. All else does not.
    Open,
    /// The calendar is closed.
    Closed,
    /// The calendar would be open, were it not for this date.
    Holiday {
        /// The date.
        date: Date,
        /// Its name, where it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// The clock was paused.
    Paused,
    /// The clock had stopped, until it was reopened.
    Stopped,
}

impl From<Hours> for Because {
    fn from(hours: Hours) -> Self {
        match hours {
            Hours::Open => Self::Open,
            Hours::Closed => Self::Closed,
            Hours::Holiday { date, name } => Self::Holiday { date, name },
        }
    }
}

/// An interval [from, to) in the life of a clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountedInterval {
    /// Where it starts.
    pub from: Timestamp,
    /// Where it ends.
    pub to: Timestamp,
    /// Whether it counts, and why not.
    #[serde(flatten)]
    pub because: Because,
}

/// Gives the intervals of a clock from its record, up to its end or now.
///
/// *Shape*: rising, without holes, neighbours of unlike reasons. Those that are open sum up to
/// what the clock has consumed.
///
/// *Errors*: [`MissingTerms`], with which to load.
pub fn explain(
    record: &[Transition],
    book: &Book,
    now: Timestamp,
) -> Result<Vec<CountedInterval>, MissingTerms> {
    let changes: Vec<&Transition> = record
        .iter()
        .filter(|entry| is_change(entry.kind))
        .collect();
    let mut intervals: Vec<CountedInterval> = Vec::new();
    for (index, change) in changes.iter().enumerate() {
        let next = changes.get(index + 1);
        let (from, to) = (change.at, next.map_or(now, |next| next.at));
        let is_over = next.is_none() && !change.state.is_live();
        if is_over || from >= to {
            continue;
        }
        let alone = |because| vec![CountedInterval { from, to, because }];
        let own = match change.state {
            ClockState::Paused => alone(Because::Paused),
            ClockState::Stopped | ClockState::Cancelled => alone(Because::Stopped),
            ClockState::Running => {
                let stretches = book.terms(&change.pin)?.calendar.stretches(from, to);
                let counted = stretches.into_iter().map(|stretch| CountedInterval {
                    from: stretch.from,
                    to: stretch.to,
                    because: stretch.hours.into(),
                });
                counted.collect()
            }
        };
        for interval in own {
            match intervals.last_mut() {
                Some(last) if last.because == interval.because => last.to = interval.to,
                Some(_) | None => intervals.push(interval),
            }
        }
    }
    Ok(intervals)
}

/// Tells whether a clock counts otherwise from an entry on.
fn is_change(kind: TransitionKind) -> bool {
    match kind {
        TransitionKind::Started
        | TransitionKind::Met
        | TransitionKind::Stopped
        | TransitionKind::Paused
        | TransitionKind::Resumed
        | TransitionKind::Cancelled(_)
        | TransitionKind::Retargeted(_) => true,
        TransitionKind::Warning(_)
        | TransitionKind::Breached(_)
        | TransitionKind::Retracted(_)
        | TransitionKind::Escalated { .. } => false,
    }
}
