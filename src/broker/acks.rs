//! Acknowledgement: what is done is acknowledged, never anything before it is done.
//!
//! A [`Tracker`] a queue holds the undone deliveries in order. Only when the
//! oldest are done is anything acknowledged: all of the contiguous prefix at once
//! (`multiple`) through its last delivery's own acker. A raw tag is never used:
//! after a reconnect it would acknowledge other messages. While an
//! acknowledgement is being written further ones gather into the next.
//! [`Acks`] is what the daemon holds; it outlives sessions and ignores those gone.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use arc_swap::ArcSwapOption;
use lapin::{Acker, options::BasicAckOptions};
use tokio::sync::Notify;

use super::fault::{self, Fault};

/// The queue's place stands in an ordinal's high bits, so that one number names a delivery.
const QUEUE_SHIFT: u32 = 48;

/// Acknowledges deliveries; a clone does the same. Without a session it does nothing.
#[derive(Clone, Default)]
pub struct Acks {
    current: Arc<ArcSwapOption<Ledger>>,
}

impl Acks {
    /// Marks a delivery as done, in any order, from any thread.
    ///
    /// A session that is gone is ignored: its deliveries come again.
    pub fn done(&self, session: u64, ordinal: u64) {
        self.done_all(session, [ordinal]);
    }

    /// Marks many as done; cheaper than one by one.
    pub fn done_all(&self, session: u64, ordinals: impl IntoIterator<Item = u64>) {
        let current = self.current.load();
        if let Some(ledger) = current.as_ref().filter(|ledger| ledger.session == session) {
            ledger.done_all(ordinals);
        }
    }

    pub(super) fn begin(&self, ledger: Arc<Ledger>) {
        self.current.store(Some(ledger));
    }

    pub(super) fn end(&self) {
        self.current.store(None);
    }
}

impl fmt::Debug for Acks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acks").finish_non_exhaustive()
    }
}

/// The trackers of one session, one a queue.
pub(super) struct Ledger {
    session: u64,
    queues: Box<[Mutex<Tracker<Acker>>]>,
    due: Notify,
    /// Held while one is being written, so that the last can wait for those before it.
    writing: tokio::sync::Mutex<()>,
}

impl Ledger {
    pub(super) fn new(session: u64, queues: usize) -> Self {
        Self {
            session,
            queues: (0..queues).map(|_| Mutex::default()).collect(),
            due: Notify::new(),
            writing: tokio::sync::Mutex::default(),
        }
    }

    pub(super) fn session(&self) -> u64 {
        self.session
    }

    /// Takes a delivery's acker in; gives the delivery's ordinal.
    pub(super) fn add(&self, queue: usize, acker: Acker) -> u64 {
        (queue as u64) << QUEUE_SHIFT | self.tracker(queue).add(acker)
    }

    pub(super) fn done_all(&self, ordinals: impl IntoIterator<Item = u64>) {
        let mut is_due = false;
        let mut held: Option<(usize, MutexGuard<'_, Tracker<Acker>>)> = None;
        for ordinal in ordinals {
            let queue = usize::try_from(ordinal >> QUEUE_SHIFT).unwrap_or(usize::MAX);
            if queue >= self.queues.len() {
                continue;
            }
            if held.as_ref().is_none_or(|(held, _)| *held != queue) {
                // Let go first: two threads may come by the queues in different orders.
                drop(held.take());
                held = Some((queue, self.tracker(queue)));
            }
            if let Some((_, tracker)) = &mut held {
                is_due |= tracker.done(ordinal & ((1 << QUEUE_SHIFT) - 1));
            }
        }
        drop(held);
        if is_due {
            self.due.notify_one();
        }
    }

    /// Acknowledges what becomes due until that fails.
    pub(super) async fn keep_acknowledging(&self) -> Fault {
        loop {
            self.due.notified().await;
            if let Err(fault) = self.acknowledge().await {
                return fault;
            }
        }
    }

    /// Acknowledges what is due now; when it answers, all of it was written.
    ///
    /// *Errors*: the session is of no more use.
    pub(super) async fn acknowledge(&self) -> Result<(), Fault> {
        let _writing = self.writing.lock().await;
        for queue in 0..self.queues.len() {
            let due = self.tracker(queue).take_due();
            if let Some(acker) = due {
                match acker.ack(BasicAckOptions { multiple: true }).await {
                    Ok(true) => {}
                    Ok(false) => {
                        return Err(fault::ended("an acknowledgement was not taken any more"));
                    }
                    Err(error) => return Err(fault::read(&error)),
                }
            }
        }
        Ok(())
    }

    /// Says how many deliveries of a queue there have been.
    pub(super) fn taken(&self, queue: usize) -> u64 {
        let tracker = self.tracker(queue);
        tracker.first + tracker.waiting.len() as u64
    }

    /// Forgets what a queue has delivered, while `leave` gives it back; nothing of it is acknowledged any more.
    pub(super) async fn forget(&self, queue: usize, leave: impl Future<Output = ()>) {
        let _writing = self.writing.lock().await;
        self.tracker(queue).forget();
        leave.await;
    }

    fn tracker(&self, queue: usize) -> MutexGuard<'_, Tracker<Acker>> {
        self.queues[queue]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The undone deliveries of one queue, oldest first.
#[derive(Debug)]
pub(super) struct Tracker<A> {
    /// The ordinal of the oldest.
    first: u64,
    waiting: VecDeque<(A, bool)>,
    /// The newest of the done prefix, not acknowledged yet.
    due: Option<A>,
}

impl<A> Default for Tracker<A> {
    fn default() -> Self {
        Self {
            first: 0,
            waiting: VecDeque::new(),
            due: None,
        }
    }
}

impl<A> Tracker<A> {
    /// Takes the next delivery in; gives its ordinal.
    pub(super) fn add(&mut self, acker: A) -> u64 {
        self.waiting.push_back((acker, false));
        self.first + self.waiting.len() as u64 - 1
    }

    /// Marks one as done; tells whether an acknowledgement is due now. Twice is once.
    pub(super) fn done(&mut self, ordinal: u64) -> bool {
        let place = ordinal
            .checked_sub(self.first)
            .and_then(|place| usize::try_from(place).ok());
        let Some((_, is_done)) = place.and_then(|place| self.waiting.get_mut(place)) else {
            return false;
        };
        *is_done = true;
        let mut has_grown = false;
        while self.waiting.front().is_some_and(|(_, is_done)| *is_done) {
            self.due = self.waiting.pop_front().map(|(acker, _)| acker);
            self.first += 1;
            has_grown = true;
        }
        has_grown
    }

    /// Forgets all of them; their ordinals mean nothing any more.
    fn forget(&mut self) {
        self.first += self.waiting.len() as u64;
        self.waiting.clear();
        self.due = None;
    }

    /// Gives the acker that acknowledges all that is due.
    pub(super) fn take_due(&mut self) -> Option<A> {
        self.due.take()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Ackers are the delivery tags themselves; acknowledging tag n means all up to n.
        #[test]
        fn whatever_the_order_exactly_the_contiguous_prefix_is_acknowledged(
            order in Just((0..60_u64).collect::<Vec<_>>()).prop_shuffle(),
            added_first in 0..60_usize,
            looks in prop::collection::vec(any::<bool>(), 60),
            repeats in prop::collection::vec(0..60_u64, 0..10),
        ) {
            let mut tracker = Tracker::default();
            let mut done = BTreeSet::new();
            let mut acknowledged = None;
            for tag in 0..added_first as u64 {
                prop_assert_eq!(tracker.add(tag), tag);
            }
            // What is not delivered yet cannot be done.
            prop_assert!(!tracker.done(added_first as u64));
            for tag in added_first as u64..60 {
                prop_assert_eq!(tracker.add(tag), tag);
            }
            for (ordinal, look) in order.into_iter().zip(looks) {
                tracker.done(ordinal);
                done.insert(ordinal);
                for repeat in repeats.iter().filter(|repeat| done.contains(repeat)) {
                    tracker.done(*repeat);
                }
                if !look {
                    continue;
                }
                let prefix = (0..60).take_while(|tag| done.contains(tag)).last();
                if let Some(tag) = tracker.take_due() {
                    prop_assert!(Some(tag) > acknowledged, "never backwards, never twice");
                    acknowledged = Some(tag);
                }
                prop_assert_eq!(acknowledged, prefix);
            }
            if let Some(tag) = tracker.take_due() {
                acknowledged = Some(tag);
            }
            prop_assert_eq!(acknowledged, Some(59));
            prop_assert!(tracker.waiting.is_empty());
        }
    }

    #[test]
    fn what_was_forgotten_is_never_acknowledged_and_what_comes_after_is() {
        let mut tracker = Tracker::default();
        let old = [tracker.add('a'), tracker.add('b')];
        assert!(tracker.done(old[0]));
        tracker.forget();
        let new = tracker.add('c');
        assert!(!tracker.done(old[1]));
        assert_eq!(tracker.take_due(), None);
        assert!(tracker.done(new));
        assert_eq!(tracker.take_due(), Some('c'));
    }

    #[test]
    fn an_unknown_session_or_ordinal_is_ignored() {
        let acks = Acks::default();
        acks.done(1, 0);
        let ledger = Arc::new(Ledger::new(2, 1));
        acks.begin(Arc::clone(&ledger));
        acks.done_all(1, [0, 1]);
        acks.done_all(2, [7, 5 << QUEUE_SHIFT, u64::MAX]);
        assert!(ledger.tracker(0).take_due().is_none());
    }
}
