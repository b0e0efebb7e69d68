//! The part of the writing statement that carries clocks, on PostgreSQL.

use crate::{
    domain::{record::Write, time::Timestamp},
    store::{clocks::ended_at, commit::json, error::StoreError, fixed::Bind},
};

/// Clocks and what happened to them; 18 binds.
macro_rules! clocks {
    () => {
        ", clock_rows AS ( \
            INSERT INTO clocks (owner, metric, cycle, subject, policy, state, started_at, due_at, \
                wake_at, breached_at, ended_at, body) \
            SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
            WHERE EXISTS (SELECT 1 FROM daemon_row) \
            ON CONFLICT (owner, metric, cycle) DO UPDATE SET policy = excluded.policy, \
                state = excluded.state, due_at = excluded.due_at, wake_at = excluded.wake_at, \
                breached_at = excluded.breached_at, ended_at = excluded.ended_at, \
                body = excluded.body \
        ), transition_rows AS ( \
            INSERT INTO transitions (owner, metric, cycle, at, kind, body) \
            SELECT * FROM unnest(?, ?, ?, ?, ?, ?) \
            WHERE EXISTS (SELECT 1 FROM daemon_row) \
        )"
    };
}
pub(super) use clocks;

/// The texts that are made for the statement alone.
pub(super) struct Columns {
    owners: Vec<String>,
    bodies: Vec<String>,
    transition_owners: Vec<String>,
    transitions: Vec<String>,
}

impl Columns {
    pub(super) fn of(write: &Write) -> Result<Self, StoreError> {
        let clocks = write.clocks.iter();
        let owners = clocks.clone().map(|(_, clock)| clock.key.owner.label());
        let bodies = clocks.map(|(_, clock)| json(clock));
        let transitions = write.transitions.iter();
        let transition_owners = transitions.clone().map(|one| one.key.owner.label());
        Ok(Self {
            owners: owners.collect(),
            bodies: bodies.collect::<Result<_, _>>()?,
            transition_owners: transition_owners.collect(),
            transitions: transitions.map(json).collect::<Result<_, _>>()?,
        })
    }
}

/// Binds the values, in the order of the statement.
pub(super) fn binds<'a>(write: &'a Write, columns: &'a Columns, binds: &mut Vec<Bind<'a>>) {
    let rows = || write.clocks.iter().map(|(_, clock)| clock);
    let breached = |at: Option<crate::domain::sla::Breach>| at.map(|breach| breach.at.micros());
    binds.extend([
        Bind::Texts(columns.owners.iter().map(String::as_str).collect()),
        Bind::Texts(rows().map(|clock| clock.key.metric.as_str()).collect()),
        Bind::BigInts(rows().map(|clock| i64::from(clock.key.cycle)).collect()),
        Bind::Texts(write.clocks.iter().map(|(of, _)| of.as_str()).collect()),
        Bind::Texts(rows().map(|clock| clock.pin.policy.as_str()).collect()),
        Bind::Texts(rows().map(|clock| clock.state.as_str()).collect()),
        Bind::BigInts(rows().map(|clock| clock.started_at.micros()).collect()),
        Bind::BigInts(rows().map(|clock| clock.due_at.micros()).collect()),
        Bind::OptionalBigInts(
            rows()
                .map(|one| one.wake_at.map(Timestamp::micros))
                .collect(),
        ),
        Bind::OptionalBigInts(rows().map(|clock| breached(clock.breach)).collect()),
        Bind::OptionalBigInts(rows().map(|clock| ended_at(clock)).collect()),
        Bind::Texts(columns.bodies.iter().map(String::as_str).collect()),
    ]);
    let rows = &write.transitions;
    let owners = columns.transition_owners.iter();
    binds.extend([
        Bind::Texts(owners.map(String::as_str).collect()),
        Bind::Texts(rows.iter().map(|one| one.key.metric.as_str()).collect()),
        Bind::BigInts(rows.iter().map(|one| i64::from(one.key.cycle)).collect()),
        Bind::BigInts(rows.iter().map(|one| one.at.micros()).collect()),
        Bind::Texts(rows.iter().map(|one| one.kind.as_str()).collect()),
        Bind::Texts(columns.transitions.iter().map(String::as_str).collect()),
    ]);
}
