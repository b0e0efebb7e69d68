//! Whether anything has gone out: settled once, between who works and who waits.
//!
//! The work runs on a thread that nobody can stop. When the time is up before it has begun to send,
//! it never will; when it has begun, nobody can say that nothing went out. One word decides.

use std::sync::atomic::{AtomicU8, Ordering};

const WAITING: u8 = 0;
const SENDING: u8 = 1;
const GIVEN_UP: u8 = 2;

/// How far one call has come.
#[derive(Debug, Default)]
pub(super) struct Stage(AtomicU8);

impl Stage {
    /// Says that bytes go out from here on; `false` when it was given up before, and nothing may.
    pub(super) fn begin(&self) -> bool {
        self.settle(SENDING)
    }

    /// Gives it up; `false` when bytes may have gone out.
    pub(super) fn give_up(&self) -> bool {
        self.settle(GIVEN_UP)
    }

    fn settle(&self, to: u8) -> bool {
        let order = (Ordering::AcqRel, Ordering::Acquire);
        let settled = self.0.compare_exchange(WAITING, to, order.0, order.1);
        settled.is_ok() || settled == Err(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_comes_first_settles_it() {
        let (sent, given_up) = (Stage::default(), Stage::default());
        assert!(sent.begin() && !sent.give_up() && sent.begin());
        assert!(given_up.give_up() && !given_up.begin() && given_up.give_up());
    }
}
