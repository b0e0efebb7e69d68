//! What was out of the usual, as it is listed, and the end of what is kept of it.
//!
//! Written by `super::commit`; the tallies beside are read by `super::load`.

use diesel::{prelude::*, sql_types::Text};

use super::{
    connection::on,
    error::StoreError,
    fixed::{Bind, Fixed, Statement},
    journal::MOST_DELETED,
    reader::{Desk, Listing, Page, Reader},
    requests::document,
    schema::anomalies,
};
use crate::domain::{anomaly::Anomaly, time::Timestamp};

impl Reader {
    /// Lists what was out of the usual, newest first.
    pub fn anomalies(&mut self, page: Page) -> Result<Listing<Anomaly>, StoreError> {
        self.ask(|connection| {
            let rows: Vec<(i64, String)> = on!(connection, c => anomalies::table
                .filter(anomalies::ordinal.lt(page.after.unwrap_or(i64::MAX)))
                .order(anomalies::ordinal.desc())
                .limit(page.fetch())
                .select((anomalies::ordinal, anomalies::body))
                .load(c)?);
            page.list(rows, |row| row.0, |(_, body)| document("anomalies", &body))
        })
    }
}

/// Tallies that nobody asks for any more.
struct PruneTallies;

impl Statement for PruneTallies {
    const TEXT: &'static str = "DELETE FROM tallies WHERE (name, key, hour) IN ( \
        SELECT name, key, hour FROM tallies WHERE keep_until < ? ORDER BY keep_until LIMIT ?)";
    type Row = Text;
}

impl Desk {
    /// Deletes up to `limit` tallies that nobody asks for in this hour any more.
    pub fn tallies_prune(&mut self, hour: i64, limit: i64) -> Result<usize, StoreError> {
        self.transact(|connection| {
            let limit = limit.min(MOST_DELETED);
            let binds = || vec![Bind::BigInt(hour), Bind::BigInt(limit)];
            Ok(on!(connection, c => Fixed::<PruneTallies>::new(binds()).execute(c)?))
        })
    }

    /// Deletes up to `limit` anomalies from before a time.
    pub fn anomalies_prune(&mut self, before: Timestamp, limit: i64) -> Result<usize, StoreError> {
        self.transact(|connection| {
            on!(connection, c => {
                let old: Vec<i64> = anomalies::table
                    .filter(anomalies::at.lt(before.micros()))
                    .order(anomalies::at)
                    .limit(limit.min(MOST_DELETED))
                    .select(anomalies::ordinal)
                    .load(c)?;
                Ok(diesel::delete(anomalies::table.filter(anomalies::ordinal.eq_any(old)))
                    .execute(c)?)
            })
        })
    }
}
