//! A connection that is opened when it is needed, dropped when it is of no use, and in
//! which at most one transaction is open.
//!
//! On SQLite those who write within one process wait for their turn here.

use std::sync::Arc;

use super::{
    connection::{Connection, Purpose},
    error::StoreError,
    target::Target,
    turnstile::Turnstile,
};

/// Which database, and whose turn it is to write there.
pub(super) struct Place {
    pub(super) target: Target,
    turnstile: Option<Turnstile>,
}

impl Place {
    pub(super) fn new(target: Target) -> Self {
        let turnstile = matches!(target, Target::Sqlite(_)).then(Turnstile::default);
        Self { target, turnstile }
    }
}

/// A connection for one purpose, opened again after it was lost.
pub(super) struct Link {
    place: Arc<Place>,
    purpose: Purpose,
    connection: Option<Connection>,
    has_turn: bool,
}

impl Link {
    pub(super) fn new(place: Arc<Place>, purpose: Purpose) -> Self {
        Self {
            place,
            purpose,
            connection: None,
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
        }
        result
    }

    /// Begins a transaction that will write; after an error none is open.
    pub(super) fn begin(&mut self) -> Result<(), StoreError> {
        self.take_turn()?;
        let begun = self.run(Connection::begin);
        if begun.is_err() {
            // Whether it was begun is not certain, so nothing is built on this connection.
            self.connection = None;
            self.end_turn();
        }
        begun
    }

    /// Commits what is open; after an error nothing is, and whether it was committed is
    /// certain unless it is `Lost`.
    pub(super) fn commit(&mut self) -> Result<(), StoreError> {
        let committed = self.run(Connection::commit);
        if committed.is_err() {
            self.connection = None;
        }
        self.end_turn();
        committed
    }

    /// Rolls back; a connection that cannot is let go, which rolls back as well.
    pub(super) fn roll_back(&mut self) {
        let failed = self
            .connection
            .as_mut()
            .is_some_and(|connection| connection.rollback().is_err());
        if failed {
            self.connection = None;
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
                self.commit()?;
                Ok(value)
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
        if let Some(turnstile) = self.place.turnstile.as_ref().filter(|_| !self.has_turn) {
            if !turnstile.enter() {
                return Err(StoreError::Retry(
                    "database is locked by another writer of this process".to_owned(),
                ));
            }
            self.has_turn = true;
        }
        Ok(())
    }

    fn end_turn(&mut self) {
        if std::mem::take(&mut self.has_turn)
            && let Some(turnstile) = &self.place.turnstile
        {
            turnstile.leave();
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
