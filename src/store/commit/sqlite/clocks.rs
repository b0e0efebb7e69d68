//! Writing clocks and what happened to them, on SQLite.

use diesel::{SqliteConnection, prelude::*};

use crate::{
    domain::{record::Write, time::Timestamp},
    store::{
        clocks::ended_at,
        commit::json,
        error::StoreError,
        fixed::{Bind, Fixed, Statement},
        schema::transitions,
    },
};

struct WriteClock;

impl Statement for WriteClock {
    const TEXT: &'static str = "INSERT INTO clocks (owner, metric, cycle, subject, policy, state, \
        started_at, due_at, wake_at, breached_at, ended_at, body) \
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
        ON CONFLICT (owner, metric, cycle) DO UPDATE SET policy = excluded.policy, \
        state = excluded.state, due_at = excluded.due_at, wake_at = excluded.wake_at, \
        breached_at = excluded.breached_at, ended_at = excluded.ended_at, body = excluded.body";
    type Row = ();
}

/// Writes them.
pub(super) fn write(c: &mut SqliteConnection, write: &Write) -> Result<(), StoreError> {
    for (subject, clock) in &write.clocks {
        let body = json(clock)?;
        Fixed::<WriteClock>::new(vec![
            Bind::Text(&clock.key.owner.label()),
            Bind::Text(clock.key.metric.as_str()),
            Bind::BigInt(i64::from(clock.key.cycle)),
            Bind::Text(subject.as_str()),
            Bind::Text(&clock.pin.policy),
            Bind::Text(clock.state.as_str()),
            Bind::BigInt(clock.started_at.micros()),
            Bind::BigInt(clock.due_at.micros()),
            Bind::OptionalBigInt(clock.wake_at.map(Timestamp::micros)),
            Bind::OptionalBigInt(clock.breach.map(|breach| breach.at.micros())),
            Bind::OptionalBigInt(ended_at(clock)),
            Bind::Text(&body),
        ])
        .execute(c)?;
    }
    for transition in &write.transitions {
        diesel::insert_into(transitions::table)
            .values((
                transitions::owner.eq(transition.key.owner.label()),
                transitions::metric.eq(transition.key.metric.as_str()),
                transitions::cycle.eq(i64::from(transition.key.cycle)),
                transitions::at.eq(transition.at.micros()),
                transitions::kind.eq(transition.kind.as_str()),
                transitions::body.eq(json(transition)?),
            ))
            .execute(c)?;
    }
    Ok(())
}
