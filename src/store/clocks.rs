//! Clocks, what happened to them, and their terms, as they are found and shown.
//!
//! Written by `super::commit`; what a decision needs of them is read by `super::load`. A clock is
//! one JSON document with the columns by which it is found: timers by `wake_at`.

use diesel::{
    dsl::sql,
    prelude::*,
    sql_types::{BigInt, Bool},
};

use super::{
    clock_lists::OF_TICKET,
    commit::json,
    connection::on,
    error::StoreError,
    journal::MOST_DELETED,
    reader::{Desk, Reader},
    requests::document,
    schema::{clocks, terms, tickets, transitions},
    tickets::IS_UNFINISHED,
};
use crate::domain::{
    ids::SubjectId,
    sla::{Clock, Owner, Pin, Terms, TermsSpec, Transition},
    time::Timestamp,
};

/// Whose clocks are to be looked at, under which subject, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueOwner {
    /// Whose.
    pub owner: Owner,
    /// Under which subject they change.
    pub subject: SubjectId,
    /// When the first of them was due to be looked at.
    pub due_at: Timestamp,
}

/// The condition of the partial index over clocks that should have a timer and have none.
const IS_LOST: &str = "state = 'running' AND wake_at IS NULL AND breached_at IS NULL";

/// Nothing of the same owner runs or has ended since the instant bound next.
const IS_LATEST: &str = "NOT EXISTS (SELECT 1 FROM clocks AS later WHERE later.owner = clocks.owner \
    AND (later.ended_at IS NULL OR later.ended_at >= ";
/// What happened to clocks that are gone.
const HAS_NO_CLOCK: &str =
    "NOT EXISTS (SELECT 1 FROM clocks WHERE clocks.owner = transitions.owner)";

impl Reader {
    /// Gives whose clocks are to be looked at by now, the longest due first; each once.
    pub fn clocks_due(&mut self, now: Timestamp, limit: i64) -> Result<Vec<DueOwner>, StoreError> {
        self.ask(|connection| {
            let rows: Vec<(String, String, Option<i64>)> = on!(connection, c => clocks::table
                .filter(clocks::wake_at.is_not_null())
                .filter(clocks::wake_at.le(now.micros()))
                // By the index alone: PostgreSQL reads all that is due when it has more to sort by.
                .order(clocks::wake_at)
                .limit(limit)
                .select((clocks::owner, clocks::subject, clocks::wake_at))
                .load(c)?);
            let mut due: Vec<DueOwner> = Vec::with_capacity(rows.len());
            let mut known = std::collections::HashSet::with_capacity(rows.len());
            for (label, subject, wake_at) in rows {
                if known.insert(label.clone()) {
                    due.push(DueOwner {
                        owner: owner(&label)?,
                        subject: SubjectId::from(subject),
                        due_at: Timestamp::from_micros(wake_at.unwrap_or_default()),
                    });
                }
            }
            Ok(due)
        })
    }

    /// Gives when the next clock is to be looked at; `None` when none is.
    pub fn clocks_next(&mut self) -> Result<Option<Timestamp>, StoreError> {
        self.ask(|connection| {
            let next: Option<Option<i64>> = on!(connection, c => clocks::table
                .filter(clocks::wake_at.is_not_null())
                .order(clocks::wake_at)
                .select(clocks::wake_at)
                .first(c)
                .optional()?);
            Ok(next.flatten().map(Timestamp::from_micros))
        })
    }

    /// Gives whose clocks run towards their due time without a timer, which none should.
    pub fn clocks_lost(&mut self, limit: i64) -> Result<Vec<DueOwner>, StoreError> {
        self.ask(|connection| {
            let rows: Vec<(String, String, i64)> = on!(connection, c => clocks::table
                .filter(sql::<Bool>(IS_LOST))
                .order(clocks::owner)
                .limit(limit)
                .select((clocks::owner, clocks::subject, clocks::due_at))
                .load(c)?);
            let lost = rows.into_iter().map(|(label, subject, due_at)| {
                Ok(DueOwner {
                    owner: owner(&label)?,
                    subject: SubjectId::from(subject),
                    due_at: Timestamp::from_micros(due_at),
                })
            });
            lost.collect()
        })
    }

    /// Gives all clocks of something, by metric and cycle.
    pub fn clocks_of(&mut self, owner: &Owner) -> Result<Vec<Clock>, StoreError> {
        let label = owner.label();
        self.ask(|connection| {
            let bodies: Vec<String> = on!(connection, c => clocks::table
                .filter(clocks::owner.eq(&label))
                .order((clocks::metric, clocks::cycle))
                .select(clocks::body)
                .load(c)?);
            let bodies = bodies.iter();
            bodies.map(|body| document("clocks", body)).collect()
        })
    }

    /// Gives what happened to the clocks of something, in order.
    pub fn transitions_of(&mut self, owner: &Owner) -> Result<Vec<Transition>, StoreError> {
        let label = owner.label();
        self.ask(|connection| {
            let bodies: Vec<String> = on!(connection, c => transitions::table
                .filter(transitions::owner.eq(&label))
                .order(transitions::ordinal)
                .select(transitions::body)
                .load(c)?);
            let bodies = bodies.iter();
            bodies.map(|body| document("transitions", body)).collect()
        })
    }

    /// Gives terms as they were kept; `None` when nobody has.
    pub fn terms(&mut self, pin: &Pin) -> Result<Option<TermsSpec>, StoreError> {
        self.ask(|connection| {
            let body: Option<String> = on!(connection, c => terms::table
                .find((&pin.policy, &pin.policy_version, &pin.calendar, &pin.calendar_version))
                .select(terms::body)
                .first(c)
                .optional()?);
            body.map(|body| document("terms", &body)).transpose()
        })
    }
}

impl Desk {
    /// Deletes the clocks of up to `limit` things, with what happened to them, whose clocks have all
    /// ended before a time; those of a ticket when it was done with before then.
    pub fn clocks_prune(&mut self, before: Timestamp, limit: i64) -> Result<usize, StoreError> {
        let done = format!(
            "(tickets.ticket_id IS NULL OR (NOT (tickets.{IS_UNFINISHED}) AND tickets.updated_at < "
        );
        self.transact(|connection| {
            on!(connection, c => {
                let owners: Vec<String> = clocks::table
                    .left_join(tickets::table.on(sql::<Bool>(OF_TICKET)))
                    .filter(clocks::ended_at.lt(before.micros()))
                    .filter(sql::<Bool>(IS_LATEST).bind::<BigInt, _>(before.micros()).sql("))"))
                    .filter(sql::<Bool>(&done).bind::<BigInt, _>(before.micros()).sql("))"))
                    .select(clocks::owner)
                    .distinct()
                    .limit(limit.min(MOST_DELETED))
                    .load(c)?;
                // One that goes on meanwhile stays.
                let deleted = diesel::delete(clocks::table
                    .filter(clocks::owner.eq_any(&owners))
                    .filter(clocks::ended_at.lt(before.micros())))
                    .execute(c)?;
                diesel::delete(transitions::table
                    .filter(transitions::owner.eq_any(&owners))
                    .filter(sql::<Bool>(HAS_NO_CLOCK)))
                    .execute(c)?;
                Ok(deleted)
            })
        })
    }

    /// Keeps terms; those that are there already stay as they are.
    pub fn terms_save(&mut self, all: &[Terms]) -> Result<(), StoreError> {
        self.transact(|connection| {
            for one in all {
                let pin = one.pin();
                let body = json(&one.spec())?;
                on!(connection, c => diesel::insert_into(terms::table)
                    .values((
                        terms::policy.eq(&pin.policy),
                        terms::policy_version.eq(&pin.policy_version),
                        terms::calendar.eq(&pin.calendar),
                        terms::calendar_version.eq(&pin.calendar_version),
                        terms::body.eq(&body),
                    ))
                    .on_conflict_do_nothing()
                    .execute(c)?);
            }
            Ok(())
        })
    }
}

fn owner(label: &str) -> Result<Owner, StoreError> {
    Owner::parse(label)
        .ok_or_else(|| StoreError::Lasting(format!("`clocks.owner` holds `{label}`")))
}

/// Gives when a clock ended; `None` while it may still stop.
pub(super) fn ended_at(clock: &Clock) -> Option<i64> {
    (!clock.state.is_live()).then(|| clock.since.micros())
}

#[cfg(test)]
mod unit {
    use super::IS_LOST;

    #[test]
    fn the_partial_index_is_found_by_its_condition() {
        for migration in [
            include_str!("../../migrations/postgres/0006_clocks/up.sql"),
            include_str!("../../migrations/sqlite/0006_clocks/up.sql"),
        ] {
            assert!(migration.contains(&format!("WHERE {IS_LOST};")));
        }
    }
}
