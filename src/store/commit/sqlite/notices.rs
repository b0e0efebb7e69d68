//! Deliveries and channels of a batch, row by row.

use diesel::{SqliteConnection, prelude::*, upsert::excluded};

use crate::{
    domain::{
        delivery::{ChannelState, Delivery},
        record::Write,
    },
    store::{
        commit::json,
        deliveries::holder,
        error::StoreError,
        schema::{channels, deliveries},
    },
};

/// Writes deliveries, made or moved, and channels.
pub(super) fn write(c: &mut SqliteConnection, write: &Write) -> Result<(), StoreError> {
    for written in &write.deliveries {
        if written.is_new {
            insert(c, &written.delivery)?;
        } else {
            update(c, &written.delivery)?;
        }
    }
    for (name, state) in &write.channels {
        upsert_channel(c, name, state, write.watermark.0)?;
    }
    Ok(())
}

fn insert(c: &mut SqliteConnection, row: &Delivery) -> Result<usize, StoreError> {
    Ok(diesel::insert_into(deliveries::table)
        .values((
            deliveries::delivery_id.eq(&row.delivery_id),
            deliveries::notice_id.eq(&row.notice_id),
            deliveries::channel.eq(&row.channel),
            deliveries::kind.eq(row.notice.kind.as_str()),
            deliveries::about.eq(&row.notice.about),
            deliveries::subject.eq(&row.subject),
            deliveries::rank.eq(row.rank()),
            deliveries::at.eq(row.notice.at.micros()),
            deliveries::notice.eq(json(&row.notice)?),
            deliveries::state.eq(row.state.as_str()),
            deliveries::attempts.eq(i64::from(row.attempts)),
            deliveries::ambiguous.eq(i64::from(row.ambiguous)),
            deliveries::not_before.eq(row.not_before.micros()),
            deliveries::updated_at.eq(row.updated_at.micros()),
            deliveries::part_of.eq(row.part_of.as_deref()),
            deliveries::error.eq(row.error.as_deref()),
        ))
        .execute(c)?)
}

fn update(c: &mut SqliteConnection, row: &Delivery) -> QueryResult<usize> {
    diesel::update(deliveries::table.filter(deliveries::delivery_id.eq(&row.delivery_id)))
        .set((
            deliveries::state.eq(row.state.as_str()),
            deliveries::attempts.eq(i64::from(row.attempts)),
            deliveries::ambiguous.eq(i64::from(row.ambiguous)),
            deliveries::not_before.eq(row.not_before.micros()),
            deliveries::updated_at.eq(row.updated_at.micros()),
            deliveries::part_of.eq(row.part_of.as_deref()),
            deliveries::error.eq(row.error.as_deref()),
        ))
        .execute(c)
}

fn upsert_channel(
    c: &mut SqliteConnection,
    name: &str,
    state: &ChannelState,
    daemon: i64,
) -> Result<usize, StoreError> {
    Ok(diesel::insert_into(channels::table)
        .values((
            channels::name.eq(name),
            channels::daemon.eq(holder(state, daemon)),
            channels::body.eq(json(state)?),
        ))
        .on_conflict(channels::name)
        .do_update()
        .set((
            channels::daemon.eq(excluded(channels::daemon)),
            channels::body.eq(excluded(channels::body)),
        ))
        .execute(c)?)
}
