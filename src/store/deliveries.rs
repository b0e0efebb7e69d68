//! Deliveries to team channels and the channels' rows, as they are listed, looked up and looked
//! after.
//!
//! Written by `super::commit`. What a delivery says is written once; only erasure changes it.

use std::{collections::BTreeMap, sync::Arc};

use diesel::{
    dsl::{count_star, min, sql},
    prelude::*,
    sql_types::Bool,
};
use serde::de::{DeserializeOwned, IntoDeserializer, value::Error as WordError};

use super::{
    commit::json,
    connection::{Connection, on},
    error::StoreError,
    journal::MOST_DELETED,
    reader::{Desk, Listing, Page, Reader},
    requests::{NOBODY, document},
    schema::{channels, daemons, deliveries},
};
use crate::domain::{
    delivery::{ChannelState, Delivery, DeliveryState},
    notice::Notice,
    time::Timestamp,
};

/// What waits; the condition of the indices, word for word.
const IS_PENDING: &str = "state = 'pending'";
/// What is under way; the same.
const IS_POSTING: &str = "state IN ('posting', 'joined')";
/// The most that is read of what waits for a channel: more than one digest holds.
const LINE: i64 = 200;
/// What stands in the place of a text that was erased.
const GONE: &str = "(erased)";

/// Which deliveries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Its channel's name.
    pub channel: Option<String>,
    /// Where it stands, as its wire name.
    pub state: Option<String>,
    /// What it is about.
    pub about: Option<String>,
}

/// What whoever posts to a channel looks at before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelLook {
    /// The database's time.
    pub now: Timestamp,
    /// The channel's state.
    pub state: ChannelState,
    /// When the first that waits is due; `None`: nothing waits.
    pub due_at: Option<Timestamp>,
}

/// A delivery's row, in the order of its columns.
#[derive(Queryable, Selectable)]
#[diesel(table_name = deliveries)]
pub(super) struct DeliveryRow {
    ordinal: i64,
    delivery_id: String,
    notice_id: String,
    channel: String,
    subject: String,
    notice: String,
    state: String,
    attempts: i64,
    ambiguous: i64,
    not_before: i64,
    updated_at: i64,
    part_of: Option<String>,
    error: Option<String>,
}

fn to_delivery(row: DeliveryRow) -> Result<Delivery, StoreError> {
    Ok(Delivery {
        delivery_id: row.delivery_id,
        notice_id: row.notice_id,
        channel: row.channel,
        notice: Arc::new(document("deliveries", &row.notice)?),
        subject: row.subject,
        state: word(&row.state)?,
        attempts: u32::try_from(row.attempts).unwrap_or(u32::MAX),
        ambiguous: u32::try_from(row.ambiguous).unwrap_or(u32::MAX),
        not_before: Timestamp::from_micros(row.not_before),
        updated_at: Timestamp::from_micros(row.updated_at),
        part_of: row.part_of,
        error: row.error,
    })
}

fn word<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    T::deserialize(text.into_deserializer())
        .map_err(|error: WordError| StoreError::Lasting(format!("`deliveries.state`: {error}")))
}

/// Reads what a decision about a channel needs: its state, what is under way, and what is due.
pub(super) fn load(
    connection: &mut Connection,
    channel: &str,
    now: Timestamp,
) -> Result<(Option<ChannelState>, Vec<Delivery>), StoreError> {
    let state = state_of(connection, channel)?;
    let mut found = posting(connection, channel)?;
    let due: Vec<DeliveryRow> = on!(connection, c => deliveries::table
        .filter(deliveries::channel.eq(channel))
        .filter(sql::<Bool>(IS_PENDING))
        .filter(deliveries::not_before.le(now.micros()))
        .order((deliveries::rank, deliveries::at, deliveries::ordinal))
        .limit(LINE)
        .select(DeliveryRow::as_select())
        .load(c)?);
    for row in due {
        found.push(to_delivery(row)?);
    }
    Ok((state, found))
}

fn state_of(
    connection: &mut Connection,
    channel: &str,
) -> Result<Option<ChannelState>, StoreError> {
    let body: Option<String> = on!(connection, c => channels::table
        .find(channel)
        .select(channels::body)
        .first(c)
        .optional()?);
    body.map(|body| document("channels", &body)).transpose()
}

fn posting(connection: &mut Connection, channel: &str) -> Result<Vec<Delivery>, StoreError> {
    let rows: Vec<DeliveryRow> = on!(connection, c => deliveries::table
        .filter(deliveries::channel.eq(channel))
        .filter(sql::<Bool>(IS_POSTING))
        .order((deliveries::at, deliveries::ordinal))
        .select(DeliveryRow::as_select())
        .load(c)?);
    rows.into_iter().map(to_delivery).collect()
}

impl Reader {
    /// Lists deliveries, newest first.
    pub fn deliveries(
        &mut self,
        filter: &DeliveryFilter,
        page: Page,
    ) -> Result<Listing<Delivery>, StoreError> {
        self.ask(|connection| {
            let rows: Vec<DeliveryRow> = on!(connection, c => {
                let mut query = deliveries::table
                    .filter(deliveries::ordinal.lt(page.after.unwrap_or(i64::MAX)))
                    .order(deliveries::ordinal.desc())
                    .limit(page.fetch())
                    .select(DeliveryRow::as_select())
                    .into_boxed::<Db>();
                if let Some(channel) = &filter.channel {
                    query = query.filter(deliveries::channel.eq(channel));
                }
                if let Some(state) = &filter.state {
                    query = query.filter(deliveries::state.eq(state));
                }
                if let Some(about) = &filter.about {
                    query = query.filter(deliveries::about.eq(about));
                }
                query.load(c)?
            });
            page.list(rows, |row| row.ordinal, to_delivery)
        })
    }

    /// Gives a delivery.
    pub fn delivery(&mut self, id: &str) -> Result<Option<Delivery>, StoreError> {
        self.ask(|connection| {
            let row: Option<DeliveryRow> = on!(connection, c => deliveries::table
                .filter(deliveries::delivery_id.eq(id))
                .select(DeliveryRow::as_select())
                .first(c)
                .optional()?);
            row.map(to_delivery).transpose()
        })
    }

    /// Gives the post that is under way to a channel, with the channel's state.
    pub fn channel_posting(
        &mut self,
        channel: &str,
    ) -> Result<(ChannelState, Vec<Delivery>), StoreError> {
        self.ask(|connection| {
            let state = state_of(connection, channel)?.unwrap_or_default();
            Ok((state, posting(connection, channel)?))
        })
    }

    /// Looks at a channel: whether it may be posted to, and when something is due.
    pub fn channel_look(&mut self, channel: &str) -> Result<ChannelLook, StoreError> {
        self.ask(|connection| {
            let due_at: Option<i64> = on!(connection, c => deliveries::table
                .filter(deliveries::channel.eq(channel))
                .filter(sql::<Bool>(IS_PENDING))
                .select(min(deliveries::not_before))
                .first(c)?);
            Ok(ChannelLook {
                now: connection.clock()?,
                state: state_of(connection, channel)?.unwrap_or_default(),
                due_at: due_at.map(Timestamp::from_micros),
            })
        })
    }

    /// Names the channels for which something is due by the database's clock.
    pub fn channels_due(&mut self) -> Result<Vec<String>, StoreError> {
        self.ask(|connection| {
            let now = connection.clock()?;
            Ok(on!(connection, c => deliveries::table
                .filter(sql::<Bool>(IS_PENDING))
                .filter(deliveries::not_before.le(now.micros()))
                .select(deliveries::channel)
                .distinct()
                .load(c)?))
        })
    }

    /// Gives what is known of every channel that was ever posted to, by name.
    pub fn channel_states(&mut self) -> Result<BTreeMap<String, ChannelState>, StoreError> {
        self.ask(|connection| {
            let rows: Vec<(String, String)> = on!(connection, c => channels::table
                .select((channels::name, channels::body))
                .load(c)?);
            states(rows)
        })
    }

    /// Counts what waits, by channel.
    pub fn deliveries_pending(&mut self) -> Result<BTreeMap<String, i64>, StoreError> {
        self.ask(|connection| {
            let rows: Vec<(String, i64)> = on!(connection, c => deliveries::table
                .filter(sql::<Bool>(IS_PENDING))
                .group_by(deliveries::channel)
                .select((deliveries::channel, count_star()))
                .load(c)?);
            Ok(rows.into_iter().collect())
        })
    }

    /// Gives the channels to which a daemon posts, with their states.
    pub fn channels_of(&mut self, daemon: i64) -> Result<Vec<(String, ChannelState)>, StoreError> {
        self.ask(|connection| {
            let rows: Vec<(String, String)> = on!(connection, c => channels::table
                .filter(channels::daemon.eq(daemon))
                .select((channels::name, channels::body))
                .load(c)?);
            states(rows)
        })
    }
}

impl Desk {
    /// Hands the channels to which one daemon posts to another and gives them.
    pub fn channels_hand_over(
        &mut self,
        from: i64,
        to: i64,
    ) -> Result<Vec<(String, ChannelState)>, StoreError> {
        self.transact(|connection| {
            let rows: Vec<(String, String)> = on!(connection, c => diesel::update(channels::table)
                .filter(channels::daemon.eq(from))
                .set(channels::daemon.eq(to))
                .returning((channels::name, channels::body))
                .get_results(c)?);
            states(rows)
        })
    }

    /// Gives a daemon the channels to which one posted whose row is gone, and gives them: it was
    /// taken over while it seemed dead, woke up, began a post, and died.
    pub fn channels_take_orphans(
        &mut self,
        to: i64,
    ) -> Result<Vec<(String, ChannelState)>, StoreError> {
        self.transact(|connection| {
            let rows: Vec<(String, String)> = on!(connection, c => diesel::update(channels::table)
                .filter(channels::daemon.ne(NOBODY))
                .filter(channels::daemon.ne_all(daemons::table.select(daemons::id)))
                .set(channels::daemon.eq(to))
                .returning((channels::name, channels::body))
                .get_results(c)?);
            states(rows)
        })
    }

    /// Deletes up to `limit` deliveries that were over before a time.
    pub fn deliveries_prune(&mut self, before: Timestamp, limit: i64) -> Result<usize, StoreError> {
        let over = DeliveryState::ALL.into_iter();
        let over: Vec<&str> = over
            .filter(|state| state.is_over())
            .map(DeliveryState::as_str)
            .collect();
        self.transact(|connection| {
            on!(connection, c => {
                let old: Vec<i64> = deliveries::table
                    .filter(deliveries::updated_at.lt(before.micros()))
                    .filter(deliveries::state.eq_any(&over))
                    .order(deliveries::updated_at)
                    .limit(limit.min(MOST_DELETED))
                    .select(deliveries::ordinal)
                    .load(c)?;
                Ok(diesel::delete(deliveries::table.filter(deliveries::ordinal.eq_any(old)))
                    .execute(c)?)
            })
        })
    }
}

fn states<C: FromIterator<(String, ChannelState)>>(
    rows: Vec<(String, String)>,
) -> Result<C, StoreError> {
    let state = |(name, body): (String, String)| Ok((name, document("channels", &body)?));
    rows.into_iter().map(state).collect()
}

/// Takes what was said out of the deliveries that a subject caused; what waits is not posted any more.
pub(super) fn blank(connection: &mut Connection, subject: &str) -> Result<(), StoreError> {
    on!(connection, c => {
        let rows: Vec<(i64, String)> = deliveries::table
            .filter(deliveries::subject.eq(subject))
            .select((deliveries::ordinal, deliveries::notice))
            .load(c)?;
        for (ordinal, notice) in &rows {
            let notice: Notice = document("deliveries", notice)?;
            let blanked = Notice {
                title: GONE.to_owned(),
                text: GONE.to_owned(),
                facts: Vec::new(),
                link: None,
                ..notice
            };
            diesel::update(deliveries::table.find(ordinal))
                .set(deliveries::notice.eq(json(&blanked)?))
                .execute(c)?;
        }
        let waiting: Vec<String> = deliveries::table
            .filter(deliveries::subject.eq(subject))
            .filter(deliveries::state.eq(DeliveryState::Pending.as_str()))
            .select(deliveries::delivery_id)
            .load(c)?;
        // Those of others that were part of it go on by themselves.
        diesel::update(deliveries::table)
            .filter(deliveries::part_of.eq_any(&waiting))
            .filter(sql::<Bool>(IS_POSTING))
            .set((
                deliveries::state.eq(DeliveryState::Pending.as_str()),
                deliveries::part_of.eq(None::<String>),
            ))
            .execute(c)?;
        diesel::update(deliveries::table)
            .filter(deliveries::delivery_id.eq_any(&waiting))
            .set((
                deliveries::state.eq(DeliveryState::Failed.as_str()),
                deliveries::error.eq("what it says was erased"),
            ))
            .execute(c)?;
        Ok(())
    })
}

/// Gives who has a channel: the daemon that posts to it, or nobody.
pub(super) fn holder(state: &ChannelState, daemon: i64) -> i64 {
    if state.posting.is_some() {
        daemon
    } else {
        NOBODY
    }
}
