//! How long to wait before the next try: doubling from 0.2 s to 30 s, jittered, without end.
//!
//! The jitter keeps several daemons from knocking at a broker that just came up
//! all at once. Used by `supervisor`.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(30);

/// Counts the tries.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    tries: u32,
}

impl Backoff {
    /// Starts over, because something lasted.
    pub(super) fn reset(&mut self) {
        self.tries = 0;
    }

    /// Gives the next pause: between a half and the whole of its step.
    pub(super) fn next(&mut self) -> Duration {
        let step = step(self.tries);
        self.tries = self.tries.saturating_add(1);
        // Each state hashes with keys of its own, drawn at random.
        let drawn = RandomState::new().hash_one(self.tries) >> 32;
        let part = u32::try_from(drawn).unwrap_or(u32::MAX);
        step.mul_f64(0.5 + f64::from(part) / f64::from(u32::MAX) / 2.0)
    }
}

fn step(tries: u32) -> Duration {
    FIRST.saturating_mul(1 << tries.min(16)).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_half_a_minute_and_stay_there() {
        let steps: Vec<_> = (0..10).map(|tries| step(tries).as_millis()).collect();
        assert_eq!(
            steps,
            [
                200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000
            ]
        );
        assert_eq!(step(u32::MAX), LONGEST);
    }

    #[test]
    fn each_pause_lies_between_half_its_step_and_the_whole() {
        let mut backoff = Backoff::default();
        for tries in 0..200 {
            let pause = backoff.next();
            assert!(pause >= step(tries) / 2 && pause <= step(tries));
        }
        backoff.reset();
        assert!(backoff.next() <= FIRST);
    }
}
