//! What `provost status` and the metrics count.

use std::collections::BTreeMap;

use diesel::{
    dsl::count_star,
    prelude::*,
    sql_query,
    sql_types::{BigInt, Text},
};

use super::{
    connection::{Dialect, on},
    error::StoreError,
    reader::Reader,
    schema::{escalations, journal, parked, subjects, tail, tickets, tokens},
};

#[derive(QueryableByName)]
struct Size {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = BigInt)]
    bytes: i64,
}

/// How much there is of what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// The newest position: how many inputs were ever decided.
    pub position: i64,
    /// The oldest position that is still kept; 0 when none is.
    pub oldest: i64,
    /// The newest audit sequence.
    pub audit: i64,
    /// Inputs with results that are not known to be published.
    pub unpublished: i64,
    /// Parked inputs.
    pub parked: i64,
    /// Conversations by status.
    pub conversations: BTreeMap<String, i64>,
    /// Tickets by status.
    pub tickets: BTreeMap<String, i64>,
    /// Escalations by state.
    pub escalations: BTreeMap<String, i64>,
    /// Tokens.
    pub tokens: i64,
}

impl Reader {
    /// Gives the four largest tables with their indexes, or SQLite's one file. *Units*: bytes.
    pub fn sizes(&mut self) -> Result<Vec<(String, i64)>, StoreError> {
        self.ask(|connection| {
            Ok(
                on!(connection, c => sql_query(Conn::SIZES).load::<Size>(c)?)
                    .into_iter()
                    .map(|size| (size.name, size.bytes))
                    .collect(),
            )
        })
    }

    /// Counts for the status; reads whole tables, so not for every second.
    pub fn counts(&mut self) -> Result<Counts, StoreError> {
        let unpublished = self.unpublished()?;
        self.ask(|connection| {
            on!(connection, c => {
                let (position, audit) = tail::table
                    .select((tail::position, tail::audit_sequence))
                    .first(c)?;
                let oldest: Option<i64> = journal::table
                    .select(diesel::dsl::min(journal::position))
                    .first(c)?;
                let conversations: Vec<(String, i64)> = subjects::table
                    .filter(subjects::state.is_not_null())
                    .group_by(subjects::status)
                    .select((subjects::status, count_star()))
                    .load(c)?;
                let tickets: Vec<(String, i64)> = tickets::table
                    .group_by(tickets::status)
                    .select((tickets::status, count_star()))
                    .load(c)?;
                let escalations: Vec<(String, i64)> = escalations::table
                    .group_by(escalations::state)
                    .select((escalations::state, count_star()))
                    .load(c)?;
                Ok(Counts {
                    position,
                    oldest: oldest.unwrap_or(0),
                    audit,
                    unpublished,
                    parked: parked::table.count().get_result(c)?,
                    conversations: conversations.into_iter().collect(),
                    tickets: tickets.into_iter().collect(),
                    escalations: escalations.into_iter().collect(),
                    tokens: tokens::table.count().get_result(c)?,
                })
            })
        })
    }

    /// Counts the inputs whose results are not known to be published, over all daemons.
    pub fn unpublished(&mut self) -> Result<i64, StoreError> {
        let mut sum = 0;
        for daemon in self.daemons()? {
            sum += self.unpublished_after(daemon.id, daemon.watermark)?;
        }
        Ok(sum)
    }
}
