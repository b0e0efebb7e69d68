//! Fills tables for a bench: the journal up to some size, copies of a ticket with its clock, and copies
//! of a run that waits.

use diesel::{RunQueryDsl, sql_query, sql_types::BigInt};

use super::{
    connection::{Connection, on},
    error::StoreError,
    reader::Desk,
};
use crate::domain::time::{Span, Timestamp};

/// How many rows one transaction writes.
const SLICE: i64 = 50_000;

/// The rows on PostgreSQL: 100,000 conversations, bodies and results of a usual size.
const POSTGRES: &str = "INSERT INTO journal (position, key, subject, version, kind, time, decided_at, body, \
    digest, facts, policy, results, daemon) \
    SELECT p, decode(md5('fill' || p), 'hex'), 'fill-' || (p % 100000), p / 100000 + 1, \
    'conversation.message', p, p, repeat(md5(p::text), 16), decode(md5(p::text), 'hex'), \
    repeat(md5(p::text), 8), 'fill', '', 0 FROM generate_series($1::bigint, $2::bigint) AS p";

/// The same rows on SQLite.
const SQLITE: &str = "INSERT INTO journal (position, key, subject, version, kind, time, decided_at, body, \
    digest, facts, policy, results, daemon) \
    WITH RECURSIVE series(p) AS (SELECT ? UNION ALL SELECT p + 1 FROM series WHERE p < ?) \
    SELECT p, randomblob(16), 'fill-' || (p % 100000), p / 100000 + 1, 'conversation.message', p, p, \
    hex(randomblob(256)), randomblob(16), hex(randomblob(128)), 'fill', '', 0 FROM series";

/// Copies of a ticket with its conversation and its one clock.
#[derive(Clone, Debug)]
pub struct Copies {
    /// Makes their ids differ from those of others.
    pub label: String,
    /// The ticket.
    pub ticket_id: String,
    /// Its conversation.
    pub conversation_id: String,
    /// When its clock is due.
    pub was_due_at: Timestamp,
    /// When theirs are.
    pub due_at: Timestamp,
    /// How many.
    pub count: i64,
}

/// The numbers from one to another, as each database makes them.
const POSTGRES_SERIES: &str = "SELECT p FROM generate_series($1::bigint, $2::bigint) AS p";
const SQLITE_SERIES: &str = "WITH RECURSIVE series(p) AS (SELECT ? UNION ALL SELECT p + 1 FROM series WHERE p < ?) SELECT p FROM series";

/// Gives the ids of the copies and of their conversations, as SQL.
fn ids(label: &str) -> (String, String) {
    let id = format!("'fill-{label}-' || s.p");
    let of = format!("'fill-{label}-c-' || s.p");
    (id, of)
}

/// Gives the statement that copies a conversation, each copy with the copy's id of what it owns.
fn conversations(series: &str, (from, to): (&str, &str), (own, copy): (&str, &str)) -> String {
    format!(
        "INSERT INTO subjects (id, version, decided_at, state, channel, customer_id, status, started_at, created) \
        SELECT {to}, version, decided_at, replace(state, '{own}', {copy}), channel, customer_id, status, \
        started_at, created FROM subjects, ({series}) AS s WHERE id = '{from}'"
    )
}

impl Copies {
    /// Gives the statements that copy the rows of the numbers in `series`. The ids are the bench's own
    /// or derived, and hold nothing that ends a text.
    fn statements(&self, series: &str) -> [String; 3] {
        let Self {
            label,
            ticket_id,
            conversation_id,
            ..
        } = self;
        let (was, is) = (self.was_due_at, self.due_at);
        let wake = |at: Timestamp| at.plus(Span::from_millis(1));
        let (was_wake, is_wake) = (wake(was), wake(is));
        let (id, of) = ids(label);
        [
            conversations(series, (conversation_id, &of), (ticket_id, &id)),
            format!(
                "INSERT INTO tickets (ticket_id, number, conversation_id, subject, status, priority, category, tags, link, \
                created_at, updated_at) SELECT {id}, (SELECT min(number) FROM tickets) - s.p, {of}, subject, status, \
                priority, category, tags, link, created_at, updated_at \
                FROM tickets, ({series}) AS s WHERE ticket_id = '{ticket_id}'"
            ),
            format!(
                "INSERT INTO clocks (owner, metric, cycle, subject, policy, state, started_at, due_at, wake_at, body) \
                SELECT 'ticket:' || {id}, metric, cycle, {of}, policy, state, started_at, {}, {}, \
                replace(replace(replace(body, '{ticket_id}', {id}), '{was}', '{is}'), '{was_wake}', '{is_wake}') \
                FROM clocks, ({series}) AS s WHERE owner = 'ticket:{ticket_id}'",
                is.micros(),
                is_wake.micros(),
            ),
        ]
    }
}

/// Copies of a run with its conversation.
#[derive(Clone, Debug)]
pub struct RunCopies {
    /// Makes their ids differ from those of others.
    pub label: String,
    /// The run.
    pub run_id: String,
    /// Its conversation.
    pub conversation_id: String,
    /// How many.
    pub count: i64,
}

impl RunCopies {
    /// Gives the statements that copy the rows of the numbers in `series`; see [`Copies::statements`].
    fn statements(&self, series: &str) -> [String; 2] {
        let Self {
            label,
            run_id,
            conversation_id,
            ..
        } = self;
        let (id, of) = ids(label);
        [
            conversations(series, (conversation_id, &of), (run_id, &id)),
            format!(
                "INSERT INTO runs (run_id, subject, procedure, version, state, due_at, over_at, body) \
                SELECT {id}, {of}, procedure, version, state, due_at, over_at, \
                replace(replace(body, '{run_id}', {id}), '{conversation_id}', {of}) \
                FROM runs, ({series}) AS s WHERE run_id = '{run_id}'"
            ),
        ]
    }
}

impl Desk {
    /// Copies a ticket with its conversation and its clock.
    pub fn clocks_copy(&mut self, copies: &Copies) -> Result<(), StoreError> {
        self.copy(copies.count, |series| copies.statements(series).into())
    }

    /// Copies a run with its conversation.
    pub fn runs_copy(&mut self, copies: &RunCopies) -> Result<(), StoreError> {
        self.copy(copies.count, |series| copies.statements(series).into())
    }

    /// Runs statements for the numbers from 1, so many at once.
    fn copy(
        &mut self,
        count: i64,
        statements: impl Fn(&str) -> Vec<String>,
    ) -> Result<(), StoreError> {
        for first in (1..=count).step_by(usize::try_from(SLICE).unwrap_or(1)) {
            let last = count.min(first + SLICE - 1);
            self.transact(|connection| {
                let series = match connection {
                    Connection::Postgres(_) => POSTGRES_SERIES,
                    Connection::Sqlite(_) => SQLITE_SERIES,
                };
                for statement in statements(series) {
                    on!(connection, c => sql_query(&statement)
                        .bind::<BigInt, _>(first)
                        .bind::<BigInt, _>(last)
                        .execute(c)?);
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Adds rows to the journal until it has `rows`; they belong to no daemon and have no results.
    pub fn journal_fill(&mut self, rows: i64) -> Result<(), StoreError> {
        loop {
            let newest = self.tail()?.position;
            if newest >= rows {
                return Ok(());
            }
            let last = rows.min(newest + SLICE);
            self.transact(|connection| {
                let text = match connection {
                    Connection::Postgres(_) => POSTGRES,
                    Connection::Sqlite(_) => SQLITE,
                };
                on!(connection, c => {
                    sql_query(text).bind::<BigInt, _>(newest + 1).bind::<BigInt, _>(last).execute(c)?;
                    sql_query("UPDATE tail SET position = position + (SELECT count(*) FROM journal WHERE position > tail.position)")
                        .execute(c)?;
                    Ok(())
                })
            })?;
        }
    }
}
