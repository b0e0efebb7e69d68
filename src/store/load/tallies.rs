//! The tallies that watches ask for: all keys of a batch at once, on PostgreSQL in one round trip.
//!
//! Each key is read for all hours that any of them asks for: these are nearly always the same.

use std::collections::{BTreeMap, BTreeSet};

use diesel::{
    PgConnection,
    dsl::min,
    prelude::*,
    sql_types::{BigInt, Nullable},
};

use crate::{
    domain::{
        tally::{Tally, TallyAsk, TallyKey},
        world::{Need, World},
    },
    store::{
        connection::Connection,
        error::StoreError,
        fixed::{Bind, Fixed, Statement},
        reader::Reader,
        schema::tallies,
    },
};

/// What is known of one key: its first hour, and the hours that were asked for.
type Known = (Option<i64>, BTreeMap<i64, Tally>);

/// An hour: count, sum, whether it was told.
type HourRow = (i64, i64, i64, i64);

impl Reader {
    /// Loads the tallies among the needs.
    pub fn tallies(&mut self, needs: &[Need], world: &mut World) -> Result<(), StoreError> {
        self.ask(|connection| load(connection, needs, world))
    }
}

/// Loads the tallies among the needs.
pub(super) fn load(
    connection: &mut Connection,
    needs: &[Need],
    world: &mut World,
) -> Result<(), StoreError> {
    let mut hours: BTreeMap<&TallyKey, BTreeSet<i64>> = BTreeMap::new();
    for need in needs {
        if let Need::Tally(TallyAsk { of, hours: asked }) = need {
            hours.entry(of).or_default().extend(asked);
        }
    }
    if hours.is_empty() {
        return Ok(());
    }
    let known = match connection {
        Connection::Postgres(c) => on_postgres(c, &hours)?,
        Connection::Sqlite(c) => on_sqlite(c, &hours)?,
    };
    for ((of, asked), (first, rows)) in hours.into_iter().zip(known) {
        let asked: Vec<i64> = asked.into_iter().collect();
        let tallies = world.tallies.entry(of.clone()).or_default();
        tallies.keep(first, &asked, &rows);
    }
    Ok(())
}

fn on_sqlite(
    c: &mut SqliteConnection,
    asked: &BTreeMap<&TallyKey, BTreeSet<i64>>,
) -> Result<Vec<Known>, StoreError> {
    let mut all = Vec::with_capacity(asked.len());
    for (of, hours) in asked {
        let rows = tallies::table
            .filter(tallies::name.eq(&of.name))
            .filter(tallies::key.eq(&of.key));
        let first: Option<i64> = rows.select(min(tallies::hour)).first(c)?;
        let columns = (tallies::hour, tallies::count, tallies::sum, tallies::told);
        let found: Vec<HourRow> = if first.is_some() {
            let wanted = rows.filter(tallies::hour.eq_any(hours));
            wanted.select(columns).load(c)?
        } else {
            Vec::new()
        };
        all.push((first, found.into_iter().map(to_tally).collect()));
    }
    Ok(all)
}

/// The first hour of each key, and the hours that are asked for; a key without any has no row.
struct OfKeys;

impl Statement for OfKeys {
    const TEXT: &'static str = "\
        SELECT wanted.place, first.hour, found.hour, found.count, found.sum, found.told \
        FROM unnest(?, ?, ?) AS wanted(place, name, key) \
        CROSS JOIN LATERAL ( \
            SELECT min(hour) AS hour FROM tallies \
            WHERE name = wanted.name AND key = wanted.key \
        ) first \
        LEFT JOIN LATERAL ( \
            SELECT hour, count, sum, told FROM tallies \
            WHERE name = wanted.name AND key = wanted.key AND hour = ANY(?) \
        ) found ON true \
        WHERE first.hour IS NOT NULL";
    type Row = (
        BigInt,
        BigInt,
        Nullable<BigInt>,
        Nullable<BigInt>,
        Nullable<BigInt>,
        Nullable<BigInt>,
    );
}

type KeyRow = (i64, i64, Option<i64>, Option<i64>, Option<i64>, Option<i64>);

fn on_postgres(
    c: &mut PgConnection,
    asked: &BTreeMap<&TallyKey, BTreeSet<i64>>,
) -> Result<Vec<Known>, StoreError> {
    let places = 0..i64::try_from(asked.len()).unwrap_or(i64::MAX);
    let hours: BTreeSet<i64> = asked.values().flatten().copied().collect();
    let rows: Vec<KeyRow> = Fixed::<OfKeys>::new(vec![
        Bind::BigInts(places.collect()),
        Bind::Texts(asked.keys().map(|of| of.name.as_str()).collect()),
        Bind::Texts(asked.keys().map(|of| of.key.as_str()).collect()),
        Bind::BigInts(hours.into_iter().collect()),
    ])
    .load(c)?;
    let mut all = vec![Known::default(); asked.len()];
    for (place, first, hour, count, sum, told) in rows {
        let place = usize::try_from(place).ok();
        let Some(known) = place.and_then(|place| all.get_mut(place)) else {
            continue;
        };
        known.0 = Some(first);
        if let (Some(hour), Some(count), Some(sum), Some(told)) = (hour, count, sum, told) {
            known.1.extend([to_tally((hour, count, sum, told))]);
        }
    }
    Ok(all)
}

fn to_tally((hour, count, sum, told): HourRow) -> (i64, Tally) {
    let is_told = told > 0;
    (
        hour,
        Tally {
            count,
            sum,
            is_told,
        },
    )
}
