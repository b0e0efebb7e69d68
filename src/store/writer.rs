//! The writer: one transaction a batch, from the subjects' locks to the commit.
//!
//! The calls come in this order: `begin`, any number of `load`, `tail`, `commit`; or
//! `abandon` at any point. Locks are taken subjects → teams → tail, each sorted. A writer
//! is used on one thread; after a lost connection the next `begin` opens a new one.
//! Rejected: a transaction closure, since deciding lies between and may run several times.

use std::{collections::HashMap, ops::Range};

use diesel::prelude::*;

use super::{commit, connection::on, error::StoreError, link::Link, load, schema::numbers};
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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    Open,
    AtTail,
}

/// What a batch begins with.
#[derive(Clone, Debug)]
pub struct Opening {
    /// The transaction's time, from the database's clock.
    pub now: Timestamp,
    /// The subjects, locked, and their unfinished tickets.
    pub world: World,
    /// The inputs that were decided before.
    pub seen: Vec<Seen>,
}

impl Writer {
    pub(super) fn new(link: Link) -> Self {
        Self {
            link,
            state: State::Idle,
        }
    }

    /// Begins a transaction: locks the subjects (sorted, each once), looks the keys up, and
    /// loads the subjects with the tickets that they name as open.
    pub fn begin(
        &mut self,
        subjects: &[SubjectId],
        keys: &[EventKey],
    ) -> Result<Opening, StoreError> {
        debug_assert!(subjects.is_sorted(), "subjects are locked in order");
        self.abandon();
        self.link.begin()?;
        self.state = State::Open;
        let opened = self
            .link
            .run(|connection| load::open(connection, subjects, keys));
        self.checked(opened)
    }

    /// Loads what decisions asked for, for the whole batch; numbers come from [`Writer::numbers`].
    pub fn load(&mut self, needs: &[Need], into: &mut World) -> Result<(), StoreError> {
        self.expect(State::Open)?;
        let loaded = self
            .link
            .run(|connection| load::needs(connection, needs, into));
        self.checked(loaded)
    }

    /// Locks the end of the history; the last lock of a transaction.
    pub fn tail(&mut self) -> Result<Tail, StoreError> {
        self.expect(State::Open)?;
        let tail = self.link.run(load::tail);
        let tail = self.checked(tail)?;
        self.state = State::AtTail;
        Ok(tail)
    }

    /// Writes everything and commits.
    ///
    /// *Errors*: `Lost` leaves open whether it was committed: begin again, the journal knows.
    pub fn commit(&mut self, write: &Write) -> Result<(), StoreError> {
        self.expect(State::AtTail)?;
        let written = self.link.run(|connection| commit::write(connection, write));
        self.checked(written)?;
        self.state = State::Idle;
        self.link.commit()
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
            Err(StoreError::Lasting(format!(
                "the writer is {:?}, not {state:?}",
                self.state
            )))
        }
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
