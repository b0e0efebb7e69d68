//! Whose turn it is to write, within this process: first come, first served.
//!
//! SQLite's own waiting polls with growing pauses, so that a busy writer starves the small
//! writes beside it. In here they queue instead; other processes still poll. On PostgreSQL the turn
//! is for the end of the history.

use std::{
    collections::BTreeSet,
    sync::{Condvar, Mutex, PoisonError},
    time::Duration,
};

/// How long somebody waits for a turn. *Source*: the same as SQLite's busy time-out here.
const PATIENCE: Duration = Duration::from_secs(10);

/// A queue of writers of which one at a time is let through.
#[derive(Default)]
pub(super) struct Turnstile {
    line: Mutex<Line>,
    moved: Condvar,
}

#[derive(Default)]
struct Line {
    next: u64,
    serving: u64,
    given_up: BTreeSet<u64>,
}

impl Line {
    fn advance(&mut self) {
        self.serving += 1;
        while self.given_up.remove(&self.serving) {
            self.serving += 1;
        }
    }
}

impl Turnstile {
    /// Waits until it is the caller's turn, and tells whether it came; if so, the caller
    /// ends it with [`Turnstile::leave`].
    pub(super) fn enter(&self) -> bool {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        let ticket = line.next;
        line.next += 1;
        let (mut line, _) = self
            .moved
            .wait_timeout_while(line, PATIENCE, |line| line.serving != ticket)
            .unwrap_or_else(PoisonError::into_inner);
        if line.serving == ticket {
            return true;
        }
        line.given_up.insert(ticket);
        false
    }

    /// Lets the next one through.
    pub(super) fn leave(&self) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        line.advance();
        self.moved.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    };

    use super::*;

    #[test]
    fn one_at_a_time_goes_through_and_everybody_does() {
        let (turnstile, inside) = (Arc::new(Turnstile::default()), Arc::new(AtomicI64::new(0)));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (turnstile, inside) = (Arc::clone(&turnstile), Arc::clone(&inside));
                std::thread::spawn(move || {
                    for _ in 0..200 {
                        assert!(turnstile.enter());
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        inside.fetch_sub(1, Ordering::SeqCst);
                        turnstile.leave();
                    }
                })
            })
            .collect();
        turnstile.line.lock().expect("lives").given_up.insert(801);
        for thread in threads {
            thread.join().expect("no panic");
        }
        assert!(turnstile.enter());
        turnstile.line.lock().expect("lives").next = 802;
        turnstile.leave();
        assert!(turnstile.enter(), "who gave up is passed over");
    }
}
