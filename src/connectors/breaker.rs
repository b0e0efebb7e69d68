//! The circuit breaker: a system that only fails is left alone for a while.
//!
//! Closed, calls go through; after so many failures in a row within a window it opens, and
//! nothing goes through until a pause is over; then, half open, one call probes: its success
//! closes the breaker, its failure opens it for another pause. One for each integration, by
//! daemon. A no of the system is no failure of it.

use super::answer::Fate;
use crate::domain::time::{Span, Timestamp};

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How many failures in a row open it.
    pub failures: u32,
    /// Within what time the first and the last of them lie.
    pub window: Span,
    /// How long nothing goes through.
    pub pause: Span,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            failures: 5,
            window: Span::from_secs(60),
            pause: Span::from_secs(30),
        }
    }
}

/// What a breaker lets through, as metrics and status show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Everything.
    Closed,
    /// One call.
    HalfOpen,
    /// Nothing.
    Open,
}

impl State {
    /// Gives the name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
        }
    }

    /// Gives the number that a gauge shows: 0 closed, 1 half open, 2 open.
    pub fn as_number(self) -> f64 {
        match self {
            Self::Closed => 0.0,
            Self::HalfOpen => 1.0,
            Self::Open => 2.0,
        }
    }
}

/// A breaker.
#[derive(Clone, Debug)]
pub struct Breaker {
    settings: Settings,
    /// The failures since the last success, oldest first, as many as can open it.
    failed: Vec<Timestamp>,
    /// Since when nothing goes through.
    opened: Option<Timestamp>,
    /// When the probe left, while it is under way.
    probing: Option<Timestamp>,
}

impl Breaker {
    /// Makes a closed one.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            failed: Vec::new(),
            opened: None,
            probing: None,
        }
    }

    /// Lets a call through. Whoever is let through says how it ended; a probe that never does is
    /// followed by another after a pause.
    ///
    /// *Errors*: how long nothing goes through.
    pub fn pass(&mut self, now: Timestamp) -> Result<(), Span> {
        let Some(opened) = self.opened else {
            return Ok(());
        };
        let since = self.probing.map_or(opened, |probe| probe.max(opened));
        let wait = since.plus(self.settings.pause).since(now);
        if wait > Span::default() {
            return Err(wait);
        }
        self.probing = Some(now);
        Ok(())
    }

    /// Says that the system answered.
    pub fn succeeded(&mut self) {
        self.failed.clear();
        self.opened = None;
        self.probing = None;
    }

    /// Says that the system failed.
    pub fn failed(&mut self, now: Timestamp) {
        if self.opened.is_some() {
            // Of a call from before it opened, nothing follows.
            if self.probing.take().is_some() {
                self.opened = Some(now);
            }
            return;
        }
        let window = self.settings.window;
        self.failed.retain(|at| now.since(*at) <= window);
        self.failed.push(now);
        if self.failed.len() >= usize::try_from(self.settings.failures).unwrap_or(usize::MAX) {
            self.failed.clear();
            self.opened = Some(now);
        }
    }

    /// Says how a call ended.
    pub fn ended(&mut self, fate: &Fate, now: Timestamp) {
        if is_failure(fate) {
            self.failed(now);
        } else {
            self.succeeded();
        }
    }

    /// Tells what it lets through.
    pub fn state(&self, now: Timestamp) -> State {
        match self.opened {
            None => State::Closed,
            Some(_) if self.probing.is_some() => State::HalfOpen,
            Some(opened) if now.since(opened) >= self.settings.pause => State::HalfOpen,
            Some(_) => State::Open,
        }
    }
}

/// Tells whether an end is a failure of the system, and not its no to one request.
pub fn is_failure(fate: &Fate) -> bool {
    match fate {
        Fate::Broken | Fate::NotSent => true,
        Fate::Answered { status, .. } => *status >= 500 || *status == 408,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: Settings = Settings {
        failures: 3,
        window: Span::from_secs(60),
        pause: Span::from_secs(30),
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(1_795_000_000_000_000).plus(Span::from_secs(seconds))
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::new(SETTINGS);
        for second in 0..3 {
            assert_eq!(breaker.pass(at(second)), Ok(()));
            breaker.failed(at(second));
        }
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it_and_others_do_not() {
        let mut breaker = Breaker::new(SETTINGS);
        for second in [0, 1] {
            breaker.failed(at(second));
        }
        breaker.succeeded();
        for second in [2, 3, 63, 64] {
            breaker.failed(at(second));
            assert_eq!(breaker.state(at(second)), State::Closed, "{second}");
        }
        let opened = opened();
        assert_eq!(opened.state(at(2)), State::Open);
    }

    #[test]
    fn nothing_goes_through_until_one_probe_may() {
        let mut breaker = opened();
        assert_eq!(breaker.pass(at(12)), Err(Span::from_secs(20)));
        assert_eq!(breaker.state(at(32)), State::HalfOpen);
        assert_eq!(breaker.pass(at(32)), Ok(()));
        assert_eq!(breaker.pass(at(32)), Err(Span::from_secs(30)), "one only");
        breaker.failed(at(33));
        assert_eq!(breaker.state(at(33)), State::Open);
        assert_eq!(breaker.pass(at(62)), Err(Span::from_secs(1)));
        assert_eq!(breaker.pass(at(63)), Ok(()));
        breaker.succeeded();
        assert_eq!(breaker.state(at(63)), State::Closed);
        assert_eq!(
            (breaker.pass(at(63)), breaker.pass(at(63))),
            (Ok(()), Ok(()))
        );
    }

    #[test]
    fn a_probe_that_is_never_heard_of_is_followed_by_another() {
        let mut breaker = opened();
        assert_eq!(breaker.pass(at(40)), Ok(()));
        assert_eq!(breaker.pass(at(69)), Err(Span::from_secs(1)));
        assert_eq!(breaker.pass(at(70)), Ok(()));
    }

    #[test]
    fn late_failures_of_earlier_calls_prolong_nothing() {
        let mut breaker = opened();
        breaker.failed(at(20));
        assert_eq!(breaker.pass(at(32)), Ok(()));
    }

    #[test]
    fn a_no_of_the_system_is_no_failure_of_it() {
        let answered = |status| Fate::Answered {
            status,
            retry_after: None,
        };
        for status in [200, 302, 400, 401, 404, 409, 422, 429] {
            assert!(!is_failure(&answered(status)), "{status}");
        }
        for fate in [
            answered(500),
            answered(503),
            answered(408),
            Fate::Broken,
            Fate::NotSent,
        ] {
            assert!(is_failure(&fate), "{fate:?}");
        }
    }
}
