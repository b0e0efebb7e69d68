//! What a lane has taken and not decided yet, and which of it makes the next batch.
//!
//! What the house brings in bulk, such as timers that are due together, stands behind what others bring:
//! it fills what they leave of a batch, and never has less than its share of it, by number and by weight.

use std::collections::VecDeque;

use super::intake::Unit;

/// The most inputs of a batch.
pub(super) const MAX_INPUTS: usize = 256;
/// The most that their messages weigh. *Units*: bytes.
const MAX_BYTES: usize = 1024 * 1024;
/// The part of both that what stands behind may count on: one in so many.
const SHARE: usize = 4;

/// Units that wait for a batch, each kind in the order in which it came.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    front: VecDeque<Unit>,
    behind: VecDeque<Unit>,
}

/// How much a batch holds so far.
#[derive(Debug, Default)]
struct Load {
    inputs: usize,
    bytes: usize,
}

impl Waiting {
    pub(super) fn extend(&mut self, units: Vec<Unit>) {
        for unit in units {
            let queue = if unit.is_behind {
                &mut self.behind
            } else {
                &mut self.front
            };
            queue.push_back(unit);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.front.is_empty() && self.behind.is_empty()
    }

    /// Tells whether the front alone fills a batch: until then it pays to see who else came.
    pub(super) fn is_front_full(&self) -> bool {
        self.front.len() >= MAX_INPUTS
    }

    /// Tells whether there is enough for a full batch.
    pub(super) fn is_full(&self) -> bool {
        self.front.len() + self.behind.len() >= MAX_INPUTS
    }

    /// Takes the next batch out. The first of each kind is always in it, however heavy the other one is.
    pub(super) fn take(&mut self) -> Vec<Unit> {
        let (mut load, mut behind) = (Load::default(), Vec::new());
        behind.extend(load.first(&mut self.behind));
        behind.extend(load.fill(&mut self.behind, SHARE));
        let mut units = Vec::from_iter(load.first(&mut self.front));
        units.extend(load.fill(&mut self.front, 1));
        behind.extend(load.fill(&mut self.behind, 1));
        units.append(&mut behind);
        units
    }
}

impl Load {
    /// Takes the first one, whatever it weighs.
    fn first(&mut self, queue: &mut VecDeque<Unit>) -> Option<Unit> {
        let unit = queue.pop_front()?;
        self.inputs += unit.count();
        self.bytes += unit.bytes;
        Some(unit)
    }

    /// Takes what still fits into a part of a batch: one in so many.
    fn fill(&mut self, queue: &mut VecDeque<Unit>, part: usize) -> Vec<Unit> {
        let mut count = 0;
        for unit in &*queue {
            let (inputs, bytes) = (self.inputs + unit.count(), self.bytes + unit.bytes);
            if inputs > MAX_INPUTS / part || bytes > MAX_BYTES / part {
                break;
            }
            (self.inputs, self.bytes) = (inputs, bytes);
            count += 1;
        }
        queue.drain(..count).collect()
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;
    use crate::daemon::intake::Waiter;

    fn units(count: usize, is_behind: bool, bytes: usize) -> Vec<Unit> {
        let unit = |_| Unit {
            inputs: Vec::new(),
            unread: Some(Box::default()),
            place: 0,
            is_redelivered: false,
            is_behind,
            bytes,
            waiter: Waiter::Reply(oneshot::channel().0),
        };
        (0..count).map(unit).collect()
    }

    /// Gives how many of each kind make the next batch.
    fn next(waiting: &mut Waiting) -> (usize, usize) {
        let units = waiting.take();
        let behind = units.iter().filter(|unit| unit.is_behind).count();
        (units.len() - behind, behind)
    }

    #[test]
    fn what_stands_behind_fills_what_is_left_of_a_batch() {
        let mut waiting = Waiting::default();
        waiting.extend(units(1_000, true, 1));
        waiting.extend(units(3, false, 1));
        assert_eq!(next(&mut waiting), (3, 253));
        assert_eq!(next(&mut waiting), (0, 256));
    }

    #[test]
    fn what_stands_behind_has_its_share_however_much_comes() {
        let mut waiting = Waiting::default();
        waiting.extend(units(80, true, 1));
        waiting.extend(units(1_000, false, 1));
        assert_eq!(next(&mut waiting), (192, 64));
        assert_eq!(next(&mut waiting), (240, 16));
        assert_eq!(next(&mut waiting), (256, 0));
    }

    #[test]
    fn what_stands_behind_has_its_share_however_heavy_the_rest_is_and_takes_no_more() {
        let mut waiting = Waiting::default();
        waiting.extend(units(200, true, 1));
        waiting.extend(units(2, false, 2 * MAX_BYTES));
        assert_eq!(next(&mut waiting), (1, 64));
        waiting.extend(units(20, false, MAX_BYTES / 10));
        assert_eq!(next(&mut waiting), (1, 64));
        assert_eq!(next(&mut waiting), (9, 72));
        let mut waiting = Waiting::default();
        waiting.extend(units(20, true, MAX_BYTES / 8));
        waiting.extend(units(20, false, MAX_BYTES / 8));
        assert_eq!(next(&mut waiting), (6, 2));
    }

    #[test]
    fn a_batch_has_its_weight_but_for_a_single_unit() {
        let mut waiting = Waiting::default();
        waiting.extend(units(2, false, 2 * MAX_BYTES));
        waiting.extend(units(5, false, MAX_BYTES / 4));
        assert_eq!(next(&mut waiting), (1, 0));
        assert_eq!(next(&mut waiting), (1, 0));
        assert_eq!(next(&mut waiting), (4, 0));
        assert!(!waiting.is_empty());
        assert_eq!(next(&mut waiting), (1, 0));
        assert!(waiting.is_empty());
    }
}
