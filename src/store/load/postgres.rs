//! What a batch reads on PostgreSQL in statements of its own.

use diesel::{
    PgConnection, RunQueryDsl,
    sql_types::{BigInt, Binary, Nullable, Text},
};

use super::{AttemptRow, MESSAGE, MessageRow, SubjectRow};
use crate::{
    domain::time::Timestamp,
    store::{
        error::StoreError,
        fixed::{Bind, Fixed, Statement},
    },
};

/// The clock, and the subjects.
struct Subjects;

impl Statement for Subjects {
    // The clock comes along even when no subject is there yet.
    const TEXT: &'static str = "\
        SELECT clock.now, subjects.id, subjects.version, subjects.decided_at, subjects.state \
        FROM (SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT) AS now) clock \
        LEFT JOIN subjects ON subjects.id = ANY(?)";
    type Row = (
        BigInt,
        Nullable<Text>,
        Nullable<BigInt>,
        Nullable<BigInt>,
        Nullable<Text>,
    );
}

/// The newest messages of each subject, newest first within it.
struct Messages;

impl Statement for Messages {
    const TEXT: &'static str = "\
        SELECT wanted.id, newest.time, newest.body \
        FROM unnest(?) AS wanted(id), LATERAL ( \
            SELECT time, body, version FROM journal \
            WHERE subject = wanted.id AND kind = ? ORDER BY version DESC LIMIT ? \
        ) newest ORDER BY wanted.id, newest.version DESC";
    type Row = (Text, BigInt, Text);
}

/// One more attempt for each key, in the order of the keys.
struct AddAttempts;

impl Statement for AddAttempts {
    const TEXT: &'static str = "\
        INSERT INTO attempts (key, count, at) \
        SELECT given.key, 1, CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT) \
        FROM unnest(?) AS given(key) ORDER BY given.key \
        ON CONFLICT (key) DO UPDATE SET count = attempts.count + 1, at = excluded.at \
        RETURNING key, count";
    type Row = (Binary, BigInt);
}

type ClockedRow = (
    i64,
    Option<String>,
    Option<i64>,
    Option<i64>,
    Option<String>,
);

pub(super) fn subjects(
    connection: &mut PgConnection,
    ids: &[&str],
) -> Result<(Timestamp, Vec<SubjectRow>), StoreError> {
    let rows: Vec<ClockedRow> =
        Fixed::<Subjects>::new(vec![Bind::Texts(ids.to_vec())]).load(connection)?;
    let now = rows.first().map_or(0, |row| row.0);
    let subjects = rows
        .into_iter()
        .filter_map(|(_, id, version, decided_at, state)| Some((id?, version?, decided_at?, state)))
        .collect();
    Ok((Timestamp::from_micros(now), subjects))
}

pub(super) fn messages(
    connection: &mut PgConnection,
    ids: &[&str],
    limit: i64,
) -> Result<Vec<MessageRow>, StoreError> {
    let rows = Fixed::<Messages>::new(vec![
        Bind::Texts(ids.to_vec()),
        Bind::Text(MESSAGE),
        Bind::BigInt(limit),
    ])
    .load(connection)?;
    Ok(rows)
}

pub(super) fn add_attempts(
    connection: &mut PgConnection,
    keys: &[&[u8]],
) -> Result<Vec<AttemptRow>, StoreError> {
    let rows = Fixed::<AddAttempts>::new(vec![Bind::BytesList(keys.to_vec())]).load(connection)?;
    Ok(rows)
}
