//! Writing clocks and what happened to them, on SQLite.

use diesel::{SqliteConnection, prelude::*, upsert::excluded};

use crate::{
    domain::{record::Write, time::Timestamp},
    store::{
        clocks::ended_at,
        commit::json,
        error::StoreError,
        schema::{clocks, transitions},
    },
};

/// Writes them.
pub(super) fn write(c: &mut SqliteConnection, write: &Write) -> Result<(), StoreError> {
    for (subject, clock) in &write.clocks {
        diesel::insert_into(clocks::table)
            .values((
                clocks::owner.eq(clock.key.owner.label()),
                clocks::metric.eq(clock.key.metric.as_str()),
                clocks::cycle.eq(i64::from(clock.key.cycle)),
                clocks::subject.eq(subject.as_str()),
                clocks::policy.eq(&clock.pin.policy),
                clocks::state.eq(clock.state.as_str()),
                clocks::started_at.eq(clock.started_at.micros()),
                clocks::due_at.eq(clock.due_at.micros()),
                clocks::wake_at.eq(clock.wake_at.map(Timestamp::micros)),
                clocks::breached_at.eq(clock.breach.map(|breach| breach.at.micros())),
                clocks::ended_at.eq(ended_at(clock)),
                clocks::body.eq(json(clock)?),
            ))
            .on_conflict((clocks::owner, clocks::metric, clocks::cycle))
            .do_update()
            .set((
                clocks::policy.eq(excluded(clocks::policy)),
                clocks::state.eq(excluded(clocks::state)),
                clocks::due_at.eq(excluded(clocks::due_at)),
                clocks::wake_at.eq(excluded(clocks::wake_at)),
                clocks::breached_at.eq(excluded(clocks::breached_at)),
                clocks::ended_at.eq(excluded(clocks::ended_at)),
                clocks::body.eq(excluded(clocks::body)),
            ))
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
