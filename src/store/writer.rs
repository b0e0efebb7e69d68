//! The writer: one batch from what it reads to its commit.
//!
//! The calls come in this order: `begin`, any number of `load`, `tail`, `commit`; or
//! `abandon` at any point. A writer is used on one thread; after a lost connection the
//! next `begin` opens a new one.
//!
//! A batch trusts that nobody else writes what it read, and its commit finds out: the
//! journal takes a key once and a version of a subject once, and the history is only
//! continued from where the batch thinks that it ends. Whoever was wrong is told `Retry`,
//! runs again, and looks first for a while: at the keys, and at the tail under its lock.
//! So a batch on PostgreSQL is two round trips when all is well – one reads, one writes
//! everything and commits – and a transaction spans them only when a team's row or the
//! tail has to be locked, in this order. Locking every subject instead cost a tenth of
//! the throughput and two round trips.
//! Rejected: a transaction closure, since deciding lies between and may run several times.

use std::{collections::HashMap, ops::Range};

use diesel::prelude::*;

use super::{
    commit, connection::on, error::StoreError, link::Link, load, load::clocks::Shelf,
    schema::numbers,
};
use crate::domain::{
    ids::{EventKey, SubjectId},
    record::{Seen, Tail, Write},
    time::Timestamp,
    world::{Need, World},
};

/// Writes batches on a connection of its own.
pub struct Writer {
    pub(super) link: Link,
    state: State,
    /// How many batches still look first.
    wary: u32,
    /// The time of the batch that is open.
    now: Timestamp,
    /// Terms of earlier versions that were loaded before.
    shelf: Shelf,
    procedures: load::procedures::Shelf,
}

/// How many batches look first after one that did not stand, or perhaps did.
const WARY: u32 = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    Open,
    /// The position that the history is continued after.
    AtTail(i64),
}

/// What a batch begins with.
#[derive(Clone, Debug)]
pub struct Opening {
    /// The transaction's time, from the database's clock.
    pub now: Timestamp,
    /// The subjects and their unfinished tickets.
    pub world: World,
    /// The inputs that were decided before.
    pub seen: Vec<Seen>,
}

impl Writer {
    pub(super) fn new(link: Link) -> Self {
        Self {
            link,
            state: State::Idle,
            wary: 0,
            now: Timestamp::default(),
            shelf: Shelf::default(),
            procedures: load::procedures::Shelf::default(),
        }
    }

    /// Begins a batch: loads the subjects (sorted, each once) with the tickets that they name
    /// as open, and looks the keys up if one of them is suspected to be there already.
    ///
    /// A key that is not looked up and is there makes the commit answer `Retry`.
    pub fn begin(
        &mut self,
        subjects: &[SubjectId],
        keys: &[EventKey],
        is_suspect: bool,
    ) -> Result<Opening, StoreError> {
        debug_assert!(subjects.is_sorted(), "subjects are read in order");
        self.abandon();
        self.link.begin_batch()?;
        self.state = State::Open;
        let keys = if is_suspect || self.wary > 0 {
            keys
        } else {
            &[]
        };
        let opened = self
            .link
            .run(|connection| load::open(connection, subjects, keys));
        let opening = self.checked(opened)?;
        self.now = opening.now;
        Ok(opening)
    }

    /// Loads what decisions asked for, for the whole batch; numbers come from [`Writer::numbers`].
    pub fn load(&mut self, needs: &[Need], into: &mut World) -> Result<(), StoreError> {
        self.expect(State::Open)?;
        // A merge target is not locked, but the look at it again must be undone with the rest.
        let is_locking = |need: &Need| {
            matches!(
                need,
                Need::Team(_) | Need::Budget(..) | Need::MergeTarget(_)
            )
        };
        if needs.iter().any(is_locking) {
            let begun = self.link.begin();
            self.checked(begun)?;
        }
        let now = self.now;
        let (kept, procedures) = (&mut self.shelf, &mut self.procedures);
        let done = self.link.run(|connection| {
            load::clocks::load(connection, needs, kept, into)?;
            load::procedures::load(connection, needs, procedures, into)?;
            load::needs(connection, needs, now, into)
        });
        self.checked(done)
    }

    /// Gives the end of the history; of those in this process one at a time has it.
    pub fn tail(&mut self) -> Result<Tail, StoreError> {
        self.expect(State::Open)?;
        let known = self.link.take_tail();
        let known = self.checked(known)?.filter(|_| self.wary == 0);
        let tail = known.map_or_else(|| self.lock_tail(), Ok);
        let tail = self.checked(tail)?;
        self.state = State::AtTail(tail.position);
        Ok(tail)
    }

    fn lock_tail(&mut self) -> Result<Tail, StoreError> {
        self.link.begin()?;
        self.link.run(load::tail)
    }

    /// Writes everything and commits.
    ///
    /// *Errors*: `Retry` when something was not as it was read. `Lost` leaves open whether it
    /// was committed. Both: begin again, the journal knows.
    pub fn commit(&mut self, write: &Write) -> Result<(), StoreError> {
        let State::AtTail(after) = self.state else {
            return Err(self.misused("at the tail"));
        };
        let written = self
            .link
            .run(|connection| commit::write(connection, write, after));
        // Something was not as it was read, or stands already without anybody knowing.
        if matches!(written, Err(StoreError::Retry(_) | StoreError::Lost(_))) {
            self.wary = WARY;
        }
        self.checked(written)?;
        self.state = State::Idle;
        let committed = self.link.commit();
        if committed.is_ok() {
            self.link.leave_tail(write.tail);
            self.wary = self.wary.saturating_sub(1);
        }
        self.link.end_turn();
        committed
    }

    /// Rolls back what is open. Never fails.
    pub fn abandon(&mut self) {
        if self.state != State::Idle {
            self.link.roll_back();
            self.state = State::Idle;
        }
    }

    /// Tells how many attempts there were at each key; a key without any is absent.
    pub fn attempts_so_far(
        &mut self,
        keys: &[EventKey],
    ) -> Result<HashMap<EventKey, i64>, StoreError> {
        self.abandon();
        self.link
            .run(|connection| load::attempts_so_far(connection, keys))
    }

    /// Adds one attempt to each key, durably, and answers how many there were with this one.
    pub fn attempts(&mut self, keys: &[EventKey]) -> Result<HashMap<EventKey, i64>, StoreError> {
        self.abandon();
        let mut keys = keys.to_vec();
        keys.sort_unstable();
        keys.dedup();
        self.link
            .transact(|connection| load::add_attempts(connection, &keys))
    }

    /// Takes a block of ticket numbers, durably; what is not used stays a gap.
    pub fn numbers(&mut self, count: i64) -> Result<Range<i64>, StoreError> {
        self.abandon();
        self.link.transact(|connection| {
            let next: i64 = on!(connection, c => diesel::update(numbers::table)
                .set(numbers::next.eq(numbers::next + count))
                .returning(numbers::next)
                .get_result(c)?);
            Ok(next - count..next)
        })
    }

    fn expect(&self, state: State) -> Result<(), StoreError> {
        if self.state == state {
            Ok(())
        } else {
            Err(self.misused("open"))
        }
    }

    fn misused(&self, expected: &str) -> StoreError {
        StoreError::Lasting(format!("the writer is {:?}, not {expected}", self.state))
    }

    // A transaction that failed can only be rolled back: a COMMIT after it would be answered
    // as if it had been done.
    fn checked<T>(&mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if result.is_err() {
            self.abandon();
        }
        result
    }
}
