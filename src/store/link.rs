//! A connection that is opened when it is needed, dropped when it is of no use, and in
//! which at most one transaction is open.
//!
//! Those who write within one process wait for their turn here: on SQLite from the
//! beginning of a transaction, on PostgreSQL from its last lock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{
    connection::{Connection, Purpose},
    error::StoreError,
    target::Target,
    turnstile::Turnstile,
};
use crate::domain::record::Tail;

/// Which database, whose turn it is to write there, and where its history ends.
pub(super) struct Place {
    pub(super) target: Target,
    turnstile: Turnstile,
    /// The end of the history as this process left it; who writes takes it and puts it back.
    tail: Mutex<Option<Tail>>,
}

impl Place {
    pub(super) fn new(target: Target) -> Self {
        Self {
            target,
            turnstile: Turnstile::default(),
            tail: Mutex::default(),
        }
    }

    fn is_sqlite(&self) -> bool {
        matches!(self.target, Target::Sqlite(_))
    }
}

/// A connection for one purpose, opened again after it was lost.
pub(super) struct Link {
    place: Arc<Place>,
    purpose: Purpose,
    connection: Option<Connection>,
    in_transaction: bool,
    has_turn: bool,
}

impl Link {
    pub(super) fn new(place: Arc<Place>, purpose: Purpose) -> Self {
        Self {
            place,
            purpose,
            connection: None,
            in_transaction: false,
            has_turn: false,
        }
    }

    /// Runs `work` and lets the connection go when it proves to be of no use.
    pub(super) fn run<T>(
        &mut self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let result = self.connection().and_then(work);
        if result.as_ref().is_err_and(StoreError::ends_connection) {
            self.connection = None;
            self.in_transaction = false;
        }
        result
    }

    /// Begins a transaction that will write, unless one is open; after an error none is.
    pub(super) fn begin(&mut self) -> Result<(), StoreError> {
        if self.in_transaction {
            return Ok(());
        }
        if self.place.is_sqlite() {
            self.take_turn()?;
        }
        let begun = self.run(Connection::begin);
        if begun.is_err() {
            // Whether it was begun is not certain, so nothing is built on this connection.
            self.connection = None;
            self.end_turn();
        }
        self.in_transaction = begun.is_ok();
        begun
    }

    /// Begins a batch: SQLite's single writer has its transaction from here on, PostgreSQL
    /// only when something has to be locked.
    pub(super) fn begin_batch(&mut self) -> Result<(), StoreError> {
        if self.place.is_sqlite() {
            self.begin()?;
        }
        Ok(())
    }

    /// Waits for the turn at the end of the history, and gives that end if this process wrote it.
    /// It is given once: whoever commits puts the new one back with [`Link::leave_tail`].
    pub(super) fn take_tail(&mut self) -> Result<Option<Tail>, StoreError> {
        self.take_turn()?;
        Ok(self.known_tail().take())
    }

    /// Puts the new end of the history back; before the turn ends.
    pub(super) fn leave_tail(&mut self, tail: Tail) {
        *self.known_tail() = Some(tail);
    }

    fn known_tail(&self) -> MutexGuard<'_, Option<Tail>> {
        self.place
            .tail
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits what is open; after an error nothing is, and whether it was committed is
    /// certain unless it is `Lost`.
    pub(super) fn commit(&mut self) -> Result<(), StoreError> {
        if !std::mem::take(&mut self.in_transaction) {
            return Ok(());
        }
        let committed = self.run(Connection::commit);
        if committed.is_err() {
            self.connection = None;
        }
        committed
    }

    /// Rolls back and ends the turn; a connection that cannot is let go, which rolls back as well.
    pub(super) fn roll_back(&mut self) {
        if std::mem::take(&mut self.in_transaction) {
            let failed = self
                .connection
                .as_mut()
                .is_some_and(|connection| connection.rollback().is_err());
            if failed {
                self.connection = None;
            }
        }
        self.end_turn();
    }

    /// Runs `work` in a transaction of its own.
    pub(super) fn transact<T>(
        &mut self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.begin()?;
        match self.run(work) {
            Ok(value) => {
                let committed = self.commit();
                self.end_turn();
                committed.map(|()| value)
            }
            Err(error) => {
                self.roll_back();
                Err(error)
            }
        }
    }

    fn connection(&mut self) -> Result<&mut Connection, StoreError> {
        match &mut self.connection {
            Some(connection) => Ok(connection),
            empty @ None => {
                let connection = Connection::open(&self.place.target, self.purpose)?;
                Ok(empty.insert(connection))
            }
        }
    }

    fn take_turn(&mut self) -> Result<(), StoreError> {
        if !self.has_turn && !self.place.turnstile.enter() {
            return Err(StoreError::Retry(
                "database is locked by another writer of this process".to_owned(),
            ));
        }
        self.has_turn = true;
        Ok(())
    }

    /// Lets the next one write.
    pub(super) fn end_turn(&mut self) {
        if std::mem::take(&mut self.has_turn) {
            self.place.turnstile.leave();
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // The transaction ends with the connection, and then it is the next one's turn.
        self.connection = None;
        self.end_turn();
    }
}
