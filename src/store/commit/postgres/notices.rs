//! The part of the writing statement that carries deliveries and channels, on PostgreSQL.

use crate::{
    domain::{
        delivery::Delivery,
        record::{Write, WrittenDelivery},
    },
    store::{commit::json, deliveries::holder, error::StoreError, fixed::Bind},
};

/// Deliveries, made or moved, and channels; 27 binds.
macro_rules! notices {
    () => {
        ", delivery_rows AS ( \
            INSERT INTO deliveries (delivery_id, notice_id, channel, kind, about, subject, rank, \
                at, notice, state, attempts, ambiguous, not_before, updated_at, part_of, error) \
            SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
            WHERE EXISTS (SELECT 1 FROM daemon_row) \
        ), moved_delivery_rows AS ( \
            UPDATE deliveries SET state = moved.state, attempts = moved.attempts, \
                ambiguous = moved.ambiguous, not_before = moved.not_before, \
                updated_at = moved.updated_at, part_of = moved.part_of, error = moved.error \
            FROM unnest(?, ?, ?, ?, ?, ?, ?, ?) AS moved(delivery_id, state, attempts, ambiguous, \
                not_before, updated_at, part_of, error) \
            WHERE deliveries.delivery_id = moved.delivery_id \
                AND EXISTS (SELECT 1 FROM daemon_row) \
        ), channel_rows AS ( \
            INSERT INTO channels (name, daemon, body) SELECT * FROM unnest(?, ?, ?) \
            WHERE EXISTS (SELECT 1 FROM daemon_row) \
            ON CONFLICT (name) DO UPDATE SET daemon = excluded.daemon, body = excluded.body \
        )"
    };
}
pub(super) use notices;

/// The texts that are made for the statement alone.
pub(super) struct Columns {
    /// Of new deliveries, in their order.
    notices: Vec<String>,
    channels: Vec<String>,
}

/// Tells whether a batch says anything about them.
pub(super) fn has(write: &Write) -> bool {
    !(write.deliveries.is_empty() && write.channels.is_empty())
}

impl Columns {
    pub(super) fn of(write: &Write) -> Result<Self, StoreError> {
        let new = write.deliveries.iter().filter(|one| one.is_new);
        let notices = new.map(|one| json(&one.delivery.notice));
        let channels = write.channels.iter().map(|(_, state)| json(state));
        Ok(Self {
            notices: notices.collect::<Result<_, _>>()?,
            channels: channels.collect::<Result<_, _>>()?,
        })
    }
}

/// Binds the values, in the order of the statement.
pub(super) fn binds<'a>(write: &'a Write, columns: &'a Columns, binds: &mut Vec<Bind<'a>>) {
    let (new, moved): (Vec<_>, Vec<_>) = write.deliveries.iter().partition(|one| one.is_new);
    let text =
        |of: fn(&Delivery) -> &str| Bind::Texts(new.iter().map(|one| of(&one.delivery)).collect());
    let number =
        |of: fn(&Delivery) -> i64| Bind::BigInts(new.iter().map(|one| of(&one.delivery)).collect());
    binds.extend([
        text(|row| &row.delivery_id),
        text(|row| &row.notice_id),
        text(|row| &row.channel),
        text(|row| row.notice.kind.as_str()),
        text(|row| &row.notice.about),
        text(|row| &row.subject),
        number(Delivery::rank),
        number(|row| row.notice.at.micros()),
        Bind::Texts(columns.notices.iter().map(String::as_str).collect()),
    ]);
    binds.extend(standing(&new));
    let ids = moved.iter().map(|one| &*one.delivery.delivery_id);
    binds.push(Bind::Texts(ids.collect()));
    binds.extend(standing(&moved));
    let channels = &write.channels;
    let daemon = write.watermark.0;
    let holders = channels.iter().map(|(_, state)| holder(state, daemon));
    binds.extend([
        Bind::Texts(channels.iter().map(|(name, _)| name.as_str()).collect()),
        Bind::BigInts(holders.collect()),
        Bind::Texts(columns.channels.iter().map(String::as_str).collect()),
    ]);
}

/// Binds what moves, in the order of its columns.
fn standing<'a>(rows: &[&'a WrittenDelivery]) -> [Bind<'a>; 7] {
    let number = |of: fn(&Delivery) -> i64| {
        Bind::BigInts(rows.iter().map(|one| of(&one.delivery)).collect())
    };
    let text = |of: fn(&Delivery) -> Option<&str>| {
        Bind::OptionalTexts(rows.iter().map(|one| of(&one.delivery)).collect())
    };
    [
        Bind::Texts(rows.iter().map(|one| one.delivery.state.as_str()).collect()),
        number(|row| i64::from(row.attempts)),
        number(|row| i64::from(row.ambiguous)),
        number(|row| row.not_before.micros()),
        number(|row| row.updated_at.micros()),
        text(|row| row.part_of.as_deref()),
        text(|row| row.error.as_deref()),
    ]
}
