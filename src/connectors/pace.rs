//! How many calls a minute: what goes into any sixty seconds, and how long the next one waits.
//!
//! A rolling window, exact: no minute, wherever it begins, sees more than the limit. One for
//! each integration or action that has a limit, by daemon. What is taken is taken, whether or
//! not the call succeeds.

use std::collections::VecDeque;

use crate::domain::time::{Span, Timestamp};

/// The window.
const MINUTE: Span = Span::from_secs(60);

/// The calls of the last minute.
#[derive(Clone, Debug)]
pub struct Pace {
    per_minute: usize,
    /// When each was made, oldest first.
    taken: VecDeque<Timestamp>,
}

impl Pace {
    /// Makes a pace of so many calls a minute; none at all stands for one.
    pub fn new(per_minute: u32) -> Self {
        Self {
            per_minute: usize::try_from(per_minute.max(1)).unwrap_or(usize::MAX),
            taken: VecDeque::new(),
        }
    }

    /// Changes how many; what was taken stays.
    pub fn set(&mut self, per_minute: u32) {
        self.per_minute = usize::try_from(per_minute.max(1)).unwrap_or(usize::MAX);
    }

    /// Gives how long the next call waits; nothing, when it may be made.
    pub fn wait(&mut self, now: Timestamp) -> Option<Span> {
        let now = self.not_before_the_last(now);
        while self
            .taken
            .front()
            .is_some_and(|first| now.since(*first) >= MINUTE)
        {
            self.taken.pop_front();
        }
        // The call that must have left the window before the next one fits.
        let excess = self.taken.len().checked_sub(self.per_minute)?;
        let blocking = self.taken.get(excess)?;
        Some(blocking.plus(MINUTE).since(now))
    }

    /// Takes a call's place.
    ///
    /// *Errors*: how long it waits.
    pub fn take(&mut self, now: Timestamp) -> Result<(), Span> {
        if let Some(wait) = self.wait(now) {
            return Err(wait);
        }
        let at = self.not_before_the_last(now);
        self.taken.push_back(at);
        Ok(())
    }

    /// A clock that was set back opens no second window.
    fn not_before_the_last(&self, now: Timestamp) -> Timestamp {
        self.taken.back().map_or(now, |last| now.max(*last))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_micros(1_795_000_000_000_000).plus(Span::from_millis(millis))
    }

    #[test]
    fn the_next_call_waits_until_the_first_is_a_minute_old() {
        let mut pace = Pace::new(2);
        assert_eq!(pace.take(at(0)), Ok(()));
        assert_eq!(pace.take(at(10_000)), Ok(()));
        assert_eq!(pace.take(at(20_000)), Err(Span::from_secs(40)));
        assert_eq!(pace.wait(at(59_999)), Some(Span::from_millis(1)));
        assert_eq!(pace.take(at(60_000)), Ok(()));
        assert_eq!(pace.take(at(60_000)), Err(Span::from_secs(10)));
    }

    #[test]
    fn a_lower_limit_holds_at_once_and_a_clock_set_back_gains_nothing() {
        let mut pace = Pace::new(3);
        for millis in [0, 1_000, 2_000] {
            assert_eq!(pace.take(at(millis)), Ok(()));
        }
        pace.set(1);
        assert_eq!(pace.wait(at(2_000)), Some(Span::from_secs(60)));
        assert_eq!(pace.wait(at(-600_000)), Some(Span::from_secs(60)));
        assert_eq!(pace.take(at(62_000)), Ok(()));
    }

    proptest! {
        #[test]
        fn no_minute_sees_more_than_the_limit(limit in 1..6_u32, gaps in proptest::collection::vec(0..30_000_i64, 1..60)) {
            let mut pace = Pace::new(limit);
            let mut millis = 0;
            let mut made: Vec<i64> = Vec::new();
            for gap in gaps {
                millis += gap;
                match pace.take(at(millis)) {
                    Ok(()) => made.push(millis),
                    // Whoever waits as long as he is told may go.
                    Err(wait) => {
                        millis += wait.micros() / 1_000;
                        prop_assert_eq!(pace.take(at(millis)), Ok(()));
                        made.push(millis);
                    }
                }
            }
            for (index, first) in made.iter().enumerate() {
                let within = made[index..].iter().filter(|other| **other - first < 60_000);
                prop_assert!(within.count() <= limit as usize);
            }
        }
    }
}
