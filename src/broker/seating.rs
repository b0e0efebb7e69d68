//! Seating: which queues fall to which daemon, where several share the work.
//!
//! Every daemon consumes every queue, and the broker serves the consumer that came first
//! (single active consumer). So who is served a queue that falls to another one lets go of it
//! and comes again, behind the other. When the other is not there after all he is served
//! again, and lets go ever more seldom.

/// How many looks pass at most until a queue that came back is let go of again.
const MOST_PATIENT: u32 = 64;

/// Which of how many daemons this one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    /// Its place among them, from 0.
    pub place: usize,
    /// How many they are.
    pub of: usize,
}

impl Default for Seat {
    fn default() -> Self {
        Self { place: 0, of: 1 }
    }
}

impl Seat {
    /// Tells whether a queue falls to it.
    fn has(self, queue: usize) -> bool {
        queue % self.of.max(1) == self.place
    }
}

/// What a daemon was served when it last looked.
#[derive(Debug)]
pub(super) struct Seating {
    seat: Seat,
    queues: Vec<Served>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Served {
    /// How many deliveries had come.
    taken: u64,
    /// How many looks are to pass.
    wait: u32,
    /// How many pass the next time.
    patience: u32,
}

impl Seating {
    pub(super) fn new(queues: usize) -> Self {
        Self {
            seat: Seat::default(),
            queues: vec![Served::default(); queues],
        }
    }

    /// Takes a look; gives the queues to let go of. `taken`: how many deliveries have come of each so far.
    pub(super) fn look(&mut self, seat: Seat, taken: impl IntoIterator<Item = u64>) -> Vec<usize> {
        if seat != self.seat {
            self.seat = seat;
            for queue in &mut self.queues {
                (queue.wait, queue.patience) = (0, 0);
            }
        }
        let queues = self.queues.iter_mut().enumerate().zip(taken);
        let leaving = queues.filter_map(|((place, queue), taken)| {
            let is_served = std::mem::replace(&mut queue.taken, taken) != taken;
            let must_wait = queue.wait > 0;
            queue.wait = queue.wait.saturating_sub(1);
            if seat.has(place) || !is_served || must_wait {
                return None;
            }
            queue.patience = (queue.patience * 2).clamp(1, MOST_PATIENT);
            queue.wait = queue.patience;
            Some(place)
        });
        leaving.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_falls_to_others_is_let_go_of_ever_more_seldom_when_it_comes_back() {
        let mut seating = Seating::new(4);
        let alone = Seat::default();
        assert_eq!(seating.look(alone, [5, 5, 5, 5]), [0; 0], "all are his own");
        let first = Seat { place: 0, of: 2 };
        assert_eq!(seating.look(first, [9, 9, 9, 9]), [1, 3]);
        assert_eq!(seating.look(first, [10, 9, 10, 9]), [0; 0], "they are gone");
        let mut left = Vec::new();
        for look in 1..20 {
            let taken = 10 + look;
            if !seating.look(first, [taken, taken, taken, 9]).is_empty() {
                left.push(look);
            }
        }
        assert_eq!(left, [1, 4, 9, 18], "nobody else is there for one");
        let third = Seat { place: 2, of: 3 };
        assert_eq!(seating.look(third, [50, 50, 50, 50]), [0, 1, 3]);
    }
}
