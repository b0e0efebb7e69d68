//! The relay: publishes the results of committed batches, confirmed, in order.
//!
//! Each batch registers its positions while it holds the tail, so the *watermark*
//! – everything of this daemon up to there is published – can be told at any
//! time; it is written with the next batch and by the heartbeat. After a crash
//! whatever lies behind the watermark goes out again, with the same ids.
//!
//! Results travel from the commit to the broker in memory (*hot*). When the
//! broker is away and the memory budget is spent, they are dropped from memory
//! and read back from the journal (*cold*): a position that can be read has only
//! visible ones before it, because commit order is position order.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::Notify;

use crate::broker::Outgoing;

/// The most bytes of results that wait in memory.
const HOT_BYTES: usize = 4 * 1024 * 1024;

/// A batch's registration. Two attempts may begin at one position, if the first came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    first: i64,
    attempt: u64,
}

/// Something to publish together.
#[derive(Clone, Debug)]
pub(super) struct Parcel {
    /// The registration that it fulfils; `None` for repeats, which hold no watermark.
    pub(super) place: Option<Place>,
    /// The messages, in order.
    pub(super) messages: Arc<Vec<Outgoing>>,
}

/// What the publisher does next.
#[derive(Debug)]
pub(super) enum Next {
    /// Publish this.
    Hot(Parcel),
    /// Read the journal after this position.
    Cold(i64),
}

#[derive(Debug)]
struct Pending {
    attempt: u64,
    /// The first position that is not published yet; moves when part of it was read from the journal.
    from: i64,
    last: i64,
    results: usize,
    is_committed: bool,
}

#[derive(Debug, Default)]
struct State {
    /// What is registered and not published, by first position.
    pending: BTreeMap<i64, Pending>,
    /// How many registrations there were.
    attempts: u64,
    /// The newest position that is committed.
    newest: i64,
    hot: VecDeque<Parcel>,
    hot_bytes: usize,
    is_cold: bool,
    /// The results of all that is pending.
    unpublished: usize,
}

/// What was left unpublished by the run before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backlog {
    /// The stored watermark.
    pub(super) watermark: i64,
    /// The newest position of the journal.
    pub(super) newest: i64,
    /// About how many results lie between.
    pub(super) results: usize,
}

/// The relay's ledger, shared by the lanes and the publisher.
#[derive(Debug)]
pub(super) struct Relay {
    state: Mutex<State>,
    more: Notify,
    has_broker: bool,
}

impl Relay {
    /// Begins with what the run before left behind; with a broker, that is read from the journal first.
    pub(super) fn new(backlog: Backlog, has_broker: bool) -> Self {
        let mut state = State {
            newest: backlog.newest,
            ..State::default()
        };
        if has_broker && backlog.watermark < backlog.newest {
            let left = Pending {
                attempt: 0,
                from: backlog.watermark + 1,
                last: backlog.newest,
                results: backlog.results,
                is_committed: true,
            };
            state.pending.insert(backlog.watermark + 1, left);
            state.unpublished = backlog.results;
            state.is_cold = true;
        }
        Self {
            state: Mutex::new(state),
            more: Notify::new(),
            has_broker,
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the position up to which all of this daemon's results are published.
    pub(super) fn watermark(&self) -> i64 {
        self.state().watermark()
    }

    /// Gives how many results wait for their publication.
    pub(super) fn unpublished(&self) -> usize {
        self.state().unpublished
    }

    /// Registers positions `first..=last` with `results` results, under the tail and before the
    /// commit; gives their place and the watermark to write with them.
    pub(super) fn announce(&self, first: i64, last: i64, results: usize) -> (Place, i64) {
        let mut state = self.state();
        state.attempts += 1;
        let attempt = state.attempts;
        // What was registered here before was not committed, or this would not be the next position.
        state.remove(first);
        let watermark = state.watermark();
        state.unpublished += results;
        let pending = Pending {
            attempt,
            from: first,
            last,
            results,
            is_committed: false,
        };
        state.pending.insert(first, pending);
        // Without a broker nothing waits for publication, this batch's results included.
        let watermark = if self.has_broker { watermark } else { last };
        (Place { first, attempt }, watermark)
    }

    /// Takes a registration back, because its batch was not committed.
    pub(super) fn withdraw(&self, place: Place) {
        self.state().end(place);
    }

    /// Hands over a committed batch's messages.
    pub(super) fn hand_over(&self, parcel: Parcel) {
        let mut state = self.state();
        if let Some(place) = parcel.place {
            state.commit(place);
        }
        if !self.has_broker || parcel.messages.is_empty() {
            if let Some(place) = parcel.place {
                state.end(place);
            }
            return;
        }
        if !state.is_cold {
            state.hot_bytes += parcel.bytes();
            state.hot.push_back(parcel);
            if state.hot_bytes > HOT_BYTES {
                state.turn_cold();
            }
        }
        drop(state);
        self.more.notify_one();
    }

    /// Marks a parcel as published.
    pub(super) fn published(&self, parcel: &Parcel) {
        if let Some(place) = parcel.place {
            self.state().end(place);
        }
    }

    /// Waits for the next thing to do. The publisher calls it with nothing under way when it was told `Cold`.
    pub(super) async fn next(&self) -> Next {
        loop {
            let more = self.more.notified();
            {
                let mut state = self.state();
                if state.is_cold {
                    return Next::Cold(state.watermark());
                }
                if let Some(parcel) = state.hot.pop_front() {
                    state.hot_bytes -= parcel.bytes();
                    return Next::Hot(parcel);
                }
            }
            more.await;
        }
    }

    /// Gives the newest position that is surely committed, before a read of the journal begins.
    pub(super) fn committed_to(&self) -> i64 {
        let state = self.state();
        state
            .pending
            .values()
            .filter(|pending| pending.is_committed)
            .map(|pending| pending.last)
            .max()
            .unwrap_or(0)
    }

    /// Marks everything up to `position` as published, as read from the journal in `rows` rows.
    pub(super) fn published_cold(&self, position: i64, mut rows: usize) {
        let mut state = self.state();
        state.newest = state.newest.max(position);
        // What reaches further stays under its key: the journal may show a batch before its lane
        // hands it over.
        while let Some((&first, pending)) = state.pending.first_key_value()
            && first <= position
        {
            let (last, results) = (pending.last, pending.results);
            if last <= position {
                rows = rows.saturating_sub(results);
                state.remove(first);
                continue;
            }
            let read = rows.min(results);
            state.unpublished = state.unpublished.saturating_sub(read);
            if let Some(pending) = state.pending.get_mut(&first) {
                pending.results -= read;
                pending.from = pending.from.max(position + 1);
            }
            break;
        }
    }

    /// Turns hot again, if nothing committed is left behind that was not read.
    pub(super) fn try_turn_hot(&self) {
        let mut state = self.state();
        state.is_cold = state.pending.values().any(|pending| pending.is_committed);
    }

    /// Tells whether nothing waits for its publication.
    pub(super) fn is_idle(&self) -> bool {
        self.state().pending.is_empty()
    }
}

impl State {
    fn watermark(&self) -> i64 {
        self.pending
            .first_key_value()
            .map_or(self.newest, |(_, pending)| pending.from - 1)
    }

    fn commit(&mut self, place: Place) {
        let pending = self.pending.get_mut(&place.first);
        if let Some(pending) = pending.filter(|pending| pending.attempt == place.attempt) {
            pending.is_committed = true;
            self.newest = self.newest.max(pending.last);
        }
    }

    /// Ends a registration, published or withdrawn; one that another has replaced is left alone.
    fn end(&mut self, place: Place) {
        let pending = self.pending.get(&place.first);
        if pending.is_some_and(|pending| pending.attempt == place.attempt) {
            self.remove(place.first);
        }
    }

    fn remove(&mut self, first: i64) {
        if let Some(pending) = self.pending.remove(&first) {
            self.unpublished = self.unpublished.saturating_sub(pending.results);
        }
    }

    fn turn_cold(&mut self) {
        self.is_cold = true;
        self.hot.clear();
        self.hot_bytes = 0;
    }
}

impl Parcel {
    fn bytes(&self) -> usize {
        self.messages.iter().map(|message| message.body.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relay(watermark: i64, newest: i64) -> Relay {
        Relay::new(
            Backlog {
                watermark,
                newest,
                results: 0,
            },
            true,
        )
    }

    fn parcel(place: Place, bytes: usize) -> Parcel {
        let message = Outgoing {
            body: vec![0; bytes],
            ..Outgoing::default()
        };
        Parcel {
            place: Some(place),
            messages: Arc::new(vec![message]),
        }
    }

    #[test]
    fn the_watermark_never_passes_what_is_not_published() {
        let relay = relay(10, 10);
        let (one, watermark) = relay.announce(11, 20, 1);
        assert_eq!(watermark, 10);
        relay.hand_over(parcel(one, 1));
        let (two, watermark) = relay.announce(21, 30, 1);
        assert_eq!(watermark, 10);
        relay.hand_over(parcel(two, 1));
        relay.published(&parcel(two, 1));
        assert_eq!(relay.watermark(), 10);
        relay.published(&parcel(one, 1));
        assert_eq!(relay.watermark(), 30);
        assert!(relay.is_idle());
    }

    #[test]
    fn a_withdrawn_batch_holds_nothing_up_and_counts_for_nothing() {
        let relay = relay(0, 0);
        let (failed, _) = relay.announce(1, 5, 3);
        relay.withdraw(failed);
        assert_eq!(relay.watermark(), 0);
        let (place, watermark) = relay.announce(1, 2, 1);
        assert_eq!(watermark, 0, "what was never committed is not published");
        relay.hand_over(parcel(place, 1));
        relay.published(&parcel(place, 1));
        assert_eq!((relay.watermark(), relay.unpublished()), (2, 0));
    }

    #[test]
    fn an_attempt_that_another_replaced_does_not_end_it() {
        let relay = relay(0, 0);
        let (unknown, _) = relay.announce(1, 5, 3);
        let (place, _) = relay.announce(1, 2, 1);
        relay.hand_over(parcel(place, 1));
        relay.withdraw(unknown);
        assert_eq!((relay.watermark(), relay.unpublished()), (0, 1));
        relay.published(&parcel(place, 1));
        assert_eq!((relay.watermark(), relay.unpublished()), (2, 0));
    }

    #[tokio::test]
    async fn what_a_crash_left_is_read_from_the_journal_slice_by_slice() {
        let relay = relay(3, 9);
        assert!(matches!(relay.next().await, Next::Cold(3)));
        relay.published_cold(6, 0);
        assert_eq!(relay.watermark(), 6);
        relay.try_turn_hot();
        assert!(matches!(relay.next().await, Next::Cold(6)));
        relay.published_cold(relay.committed_to(), 0);
        relay.try_turn_hot();
        let (place, _) = relay.announce(10, 10, 1);
        relay.hand_over(parcel(place, 1));
        assert!(matches!(relay.next().await, Next::Hot(_)));
    }

    #[tokio::test]
    async fn a_batch_that_the_journal_showed_in_part_before_its_hand_over_is_not_forgotten() {
        let relay = relay(3, 9);
        let (place, _) = relay.announce(10, 20, 11);
        assert!(matches!(relay.next().await, Next::Cold(3)));
        relay.published_cold(15, 6);
        assert_eq!(relay.watermark(), 15);
        relay.hand_over(parcel(place, 1));
        relay.try_turn_hot();
        assert!(matches!(relay.next().await, Next::Cold(15)));
        relay.published_cold(20, 5);
        relay.try_turn_hot();
        assert!(relay.is_idle());
        assert_eq!((relay.watermark(), relay.unpublished()), (20, 0));
    }

    #[test]
    fn rows_with_several_results_leave_nothing_counted_when_they_are_published() {
        let relay = relay(0, 0);
        for first in [1, 4, 7] {
            let (place, _) = relay.announce(first, first + 2, 5);
            relay.hand_over(parcel(place, 1));
        }
        relay.published_cold(5, 5);
        assert!(relay.unpublished() > 0);
        relay.published_cold(9, 4);
        assert_eq!((relay.watermark(), relay.unpublished()), (9, 0));
    }

    #[tokio::test]
    async fn past_the_memory_budget_results_are_read_back_from_the_journal() {
        let relay = relay(0, 0);
        for first in 1..=3 {
            let (place, _) = relay.announce(first, first, 1);
            relay.hand_over(parcel(place, HOT_BYTES / 2));
        }
        assert!(matches!(relay.next().await, Next::Cold(0)));
        assert_eq!(relay.committed_to(), 3);
    }
}
