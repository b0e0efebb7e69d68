//! The daemons on this database: who is there, up to where each has published, and how
//! one takes over from another.
//!
//! A row's `epoch` rises at every change of hands; only who knows the newest one may move
//! the row. Beats count by the database's clock, so that skewed machines agree.

use diesel::{dsl::sql, prelude::*, sql_types::BigInt};

use super::{
    connection::{Connection, Dialect, on},
    error::StoreError,
    reader::{Desk, Reader},
    schema::{daemons, journal, tail},
};
use crate::domain::time::{Span, Timestamp};

/// A daemon's row, as its holder knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The row.
    pub id: i64,
    /// The holder's proof; see [`Desk::daemon_beat`].
    pub epoch: i64,
    /// The position up to which all of its results are published.
    pub watermark: i64,
}

/// A daemon, as others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Daemon {
    /// The row.
    pub id: i64,
    /// The instance's name.
    pub instance: String,
    /// The row's epoch when it was read.
    pub epoch: i64,
    /// The position up to which all of its results are published.
    pub watermark: i64,
    /// When it last gave a sign of life.
    pub beat_at: Timestamp,
    /// How long ago that was.
    pub silence: Span,
}

type Held = (i64, i64, i64);

const HELD: (daemons::id, daemons::epoch, daemons::watermark) =
    (daemons::id, daemons::epoch, daemons::watermark);

impl Reader {
    /// Gives the database's time.
    pub fn now(&mut self) -> Result<Timestamp, StoreError> {
        self.ask(super::connection::Connection::clock)
    }

    /// Lists the daemons by id.
    pub fn daemons(&mut self) -> Result<Vec<Daemon>, StoreError> {
        self.ask(|connection| {
            let now = connection.clock()?;
            let rows: Vec<(i64, String, i64, i64, i64)> = on!(connection, c => daemons::table
                .order(daemons::id)
                .load(c)?);
            let daemon = |(id, instance, epoch, watermark, beat_at)| {
                let beat_at = Timestamp::from_micros(beat_at);
                Daemon {
                    id,
                    instance,
                    epoch,
                    watermark,
                    beat_at,
                    silence: now.since(beat_at),
                }
            };
            Ok(rows.into_iter().map(daemon).collect())
        })
    }
}

impl Desk {
    /// Registers an instance: a new row, or its own from before with the watermark it had.
    pub fn daemon_register(&mut self, instance: &str) -> Result<Registration, StoreError> {
        self.transact(|connection| {
            // Whatever is in the history before a daemon exists is not its to publish.
            let newest: i64 = on!(connection, c => tail::table.select(tail::position).first(c)?);
            let held: Held = on!(connection, c => diesel::insert_into(daemons::table)
                .values((
                    daemons::instance.eq(instance),
                    daemons::epoch.eq(1),
                    daemons::watermark.eq(newest),
                    daemons::beat_at.eq(sql::<BigInt>(Conn::CLOCK)),
                ))
                .on_conflict(daemons::instance)
                .do_update()
                .set((
                    daemons::epoch.eq(daemons::epoch + 1),
                    daemons::beat_at.eq(sql::<BigInt>(Conn::CLOCK)),
                ))
                .returning(HELD)
                .get_result(c)?);
            Ok(registration(held))
        })
    }

    /// Gives a sign of life; false when the row has changed hands, and the caller must
    /// register again before it commits anything more.
    pub fn daemon_beat(&mut self, id: i64, epoch: i64) -> Result<bool, StoreError> {
        self.transact(|connection| {
            let beaten = on!(connection, c => diesel::update(daemons::table)
                .filter(daemons::id.eq(id))
                .filter(daemons::epoch.eq(epoch))
                .set(daemons::beat_at.eq(sql::<BigInt>(Conn::CLOCK)))
                .execute(c)?);
            Ok(beaten > 0)
        })
    }

    /// Takes over a daemon that was seen silent. Of several who try, one wins; it publishes
    /// the rest of that daemon's results, moving the watermark as it goes.
    pub fn daemon_take_over(
        &mut self,
        silent: &Daemon,
    ) -> Result<Option<Registration>, StoreError> {
        self.transact(|connection| {
            let held: Option<Held> = on!(connection, c => diesel::update(daemons::table)
                .filter(daemons::id.eq(silent.id))
                .filter(daemons::epoch.eq(silent.epoch))
                .filter(daemons::beat_at.eq(silent.beat_at.micros()))
                .set((
                    daemons::epoch.eq(daemons::epoch + 1),
                    daemons::beat_at.eq(sql::<BigInt>(Conn::CLOCK)),
                ))
                .returning(HELD)
                .get_result(c)
                .optional()?);
            Ok(held.map(registration))
        })
    }

    /// Moves the watermark of a row that is held, which is a sign of life as well; false
    /// when it has changed hands. It never moves back.
    pub fn daemon_watermark(&mut self, held: Registration) -> Result<bool, StoreError> {
        self.transact(|connection| {
            let moved = on!(connection, c => diesel::update(daemons::table)
                .filter(daemons::id.eq(held.id))
                .filter(daemons::epoch.eq(held.epoch))
                .filter(daemons::watermark.le(held.watermark))
                .set((
                    daemons::watermark.eq(held.watermark),
                    daemons::beat_at.eq(sql::<BigInt>(Conn::CLOCK)),
                ))
                .execute(c)?);
            Ok(moved > 0)
        })
    }

    /// Deletes the row of a daemon that was taken over and has nothing left to publish;
    /// false when it has, or when it has changed hands.
    pub fn daemon_retire(&mut self, held: Registration) -> Result<bool, StoreError> {
        self.transact(|connection| {
            // Under the tail lock no commit of the retired one can be under way.
            lock_tail(connection)?;
            on!(connection, c => {
                let left: i64 = journal::table
                    .filter(journal::position.gt(held.watermark))
                    .filter(journal::daemon.eq(held.id))
                    .filter(journal::results.ne(""))
                    .count()
                    .get_result(c)?;
                if left > 0 {
                    return Ok(false);
                }
                let gone = diesel::delete(daemons::table)
                    .filter(daemons::id.eq(held.id))
                    .filter(daemons::epoch.eq(held.epoch))
                    .execute(c)?;
                Ok(gone > 0)
            })
        })
    }
}

/// Takes the last lock of a transaction; SQLite's single writer has it already.
pub(super) fn lock_tail(connection: &mut Connection) -> Result<(), StoreError> {
    if let Connection::Postgres(c) = connection {
        tail::table
            .select(tail::id)
            .for_update()
            .first::<i64>(&mut **c)?;
    }
    Ok(())
}

fn registration((id, epoch, watermark): Held) -> Registration {
    Registration {
        id,
        epoch,
        watermark,
    }
}
