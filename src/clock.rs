//! The only place that reads clocks.
//!
//! A [`Clock`] is handed to whoever needs the time; code that decides gets `now`
//! as a value and never sees one. Two times are kept apart: the wall clock, which
//! may jump, says when something happened; the monotonic one, which never runs
//! backwards, measures and sleeps. A settable clock stands in for both in tests.
//! Made by `crate::cli`, held by `crate::daemon`.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tokio::sync::watch;

use crate::domain::time::{Span, Timestamp};

/// Where the time comes from; a clone shows the same time.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    /// The machine's clocks; monotonic time counts from `origin`.
    Machine { origin: Instant },
    /// Hands that somebody moves.
    Hands(Arc<watch::Sender<Reading>>),
}

/// What the hands of a settable clock show.
#[derive(Clone, Copy, Debug)]
struct Reading {
    wall: Timestamp,
    monotonic: Duration,
}

impl Clock {
    /// Gives the machine's clock.
    pub fn machine() -> Self {
        Self(Source::Machine {
            origin: read_monotonic(),
        })
    }

    /// Gives a clock that stands at `wall` until it is moved.
    pub fn standing_at(wall: Timestamp) -> Self {
        let reading = Reading {
            wall,
            monotonic: Duration::ZERO,
        };
        Self(Source::Hands(Arc::new(watch::Sender::new(reading))))
    }

    /// Gives the wall clock's time.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::Machine { .. } => read_wall(),
            Source::Hands(hands) => hands.borrow().wall,
        }
    }

    /// Gives the time since the clock was made; never runs backwards.
    pub fn monotonic(&self) -> Duration {
        match &self.0 {
            Source::Machine { origin } => origin.elapsed(),
            Source::Hands(hands) => hands.borrow().monotonic,
        }
    }

    /// Sleeps by the monotonic clock; on a settable clock, until it was advanced so far.
    pub async fn sleep(&self, span: Span) {
        match &self.0 {
            Source::Machine { .. } => tokio::time::sleep(span.to_std()).await,
            Source::Hands(hands) => {
                let until = hands.borrow().monotonic + span.to_std();
                // The sender lives as long as `self`, so waiting cannot fail.
                let _ = hands
                    .subscribe()
                    .wait_for(|reading| reading.monotonic >= until)
                    .await;
            }
        }
    }

    /// Lets time pass on a settable clock; sleepers wake. The machine's clock goes by itself.
    pub fn advance(&self, span: Span) {
        if let Source::Hands(hands) = &self.0 {
            hands.send_modify(|reading| {
                reading.wall = reading.wall.plus(span);
                reading.monotonic += span.to_std();
            });
        }
    }

    /// Sets the wall clock of a settable clock, forwards or backwards; no time passes.
    pub fn jump(&self, wall: Timestamp) {
        if let Source::Hands(hands) = &self.0 {
            hands.send_modify(|reading| reading.wall = wall);
        }
    }
}

/// Measures how long something took, for logs and metrics; nothing is decided by it.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts to measure.
    pub fn start() -> Self {
        Self(read_monotonic())
    }

    /// Gives the time since the start.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "this is the place that reads the clock"
)]
fn read_monotonic() -> Instant {
    Instant::now()
}

/// A clock before 1970 reads as 1970.
#[allow(
    clippy::disallowed_methods,
    reason = "this is the place that reads the clock"
)]
fn read_wall() -> Timestamp {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_clock_shows_this_century_and_does_not_run_backwards() {
        let clock = Clock::machine();
        assert!(clock.now() > Timestamp::parse("2026-01-01T00:00:00Z").expect("a time"));
        let earlier = clock.monotonic();
        assert!(clock.clone().monotonic() >= earlier);
    }

    #[tokio::test]
    async fn a_settable_clock_wakes_sleepers_when_it_was_advanced_far_enough() {
        let start = Timestamp::from_micros(1_000_000);
        let clock = Clock::standing_at(start);
        let sleeper = clock.sleep(Span::from_secs(10));
        tokio::pin!(sleeper);
        clock.advance(Span::from_secs(9));
        assert!(futures_util::poll!(&mut sleeper).is_pending());
        clock.jump(start.plus(Span::from_secs(3_600)));
        assert!(
            futures_util::poll!(&mut sleeper).is_pending(),
            "a jump wakes nobody"
        );
        clock.advance(Span::from_secs(10));
        sleeper.await;
        assert_eq!(clock.monotonic(), Duration::from_secs(19));
        assert_eq!(clock.now(), start.plus(Span::from_secs(3_610)));
    }
}
