//! Parked inputs: listed, shown, dropped; and the counts of attempts that led there.

use std::sync::Arc;

use diesel::prelude::*;

use super::{
    connection::on,
    error::StoreError,
    journal::MOST_DELETED,
    reader::{Desk, Listing, Page, Reader},
    schema::{attempts, parked},
};
use crate::domain::{event::Reason, outcome::Parked, time::Timestamp};

/// A parked input with its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedRow {
    /// What was put aside.
    pub parked: Parked,
    /// When.
    pub at: Timestamp,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = parked)]
struct Row {
    ordinal: i64,
    parked_id: String,
    at: i64,
    reason: String,
    detail: String,
    event_id: Option<String>,
    entry: String,
    transport: String,
    content: Vec<u8>,
}

const REASONS: [Reason; 10] = [
    Reason::Malformed,
    Reason::UnknownType,
    Reason::InvalidData,
    Reason::MissingAttribute,
    Reason::UnknownReference,
    Reason::IllegalMove,
    Reason::Forbidden,
    Reason::Settled,
    Reason::IdReused,
    Reason::Poison,
];

impl Reader {
    /// Lists parked inputs, newest first.
    pub fn parked(&mut self, page: Page) -> Result<Listing<ParkedRow>, StoreError> {
        self.ask(|connection| {
            let rows: Vec<Row> = on!(connection, c => parked::table
                .filter(parked::ordinal.lt(page.after.unwrap_or(i64::MAX)))
                .order(parked::ordinal.desc())
                .limit(page.fetch())
                .select(Row::as_select())
                .load(c)?);
            page.list(rows, |row| row.ordinal, |row| Ok(to_parked(row)))
        })
    }

    /// Gives a parked input.
    pub fn parked_get(&mut self, id: &str) -> Result<Option<ParkedRow>, StoreError> {
        self.ask(|connection| {
            let row: Option<Row> = on!(connection, c => parked::table
                .filter(parked::parked_id.eq(id))
                .select(Row::as_select())
                .first(c)
                .optional()?);
            Ok(row.map(to_parked))
        })
    }
}

impl Desk {
    /// Drops a parked input; false when there is none of that id.
    pub fn parked_drop(&mut self, id: &str) -> Result<bool, StoreError> {
        self.transact(|connection| {
            let gone = on!(connection, c => diesel::delete(
                parked::table.filter(parked::parked_id.eq(id))
            )
            .execute(c)?);
            Ok(gone > 0)
        })
    }

    /// Deletes up to `limit` of the oldest inputs parked before `before`.
    pub fn parked_prune(&mut self, before: Timestamp, limit: i64) -> Result<usize, StoreError> {
        self.transact(|connection| {
            on!(connection, c => {
                let old: Vec<i64> = parked::table
                    .filter(parked::at.lt(before.micros()))
                    .order(parked::ordinal)
                    .limit(limit.min(MOST_DELETED))
                    .select(parked::ordinal)
                    .load(c)?;
                Ok(diesel::delete(parked::table.filter(parked::ordinal.eq_any(old))).execute(c)?)
            })
        })
    }

    /// Deletes up to `limit` counts of attempts that were last raised before `before`.
    pub fn attempts_prune(&mut self, before: Timestamp, limit: i64) -> Result<usize, StoreError> {
        self.transact(|connection| {
            on!(connection, c => {
                let old: Vec<Vec<u8>> = attempts::table
                    .filter(attempts::at.lt(before.micros()))
                    .limit(limit.min(MOST_DELETED))
                    .select(attempts::key)
                    .load(c)?;
                Ok(diesel::delete(attempts::table.filter(attempts::key.eq_any(old))).execute(c)?)
            })
        })
    }
}

fn to_parked(row: Row) -> ParkedRow {
    ParkedRow {
        parked: Parked {
            parked_id: row.parked_id,
            // A class that a newer release knows is shown as the widest one.
            reason: REASONS
                .into_iter()
                .find(|reason| reason.as_str() == row.reason)
                .unwrap_or(Reason::Malformed),
            detail: row.detail,
            event_id: row.event_id,
            entry: row.entry,
            transport: row.transport,
            content: Arc::from(row.content),
        },
        at: Timestamp::from_micros(row.at),
    }
}
