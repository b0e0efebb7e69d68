//! Fills the journal for a bench, so that it can be measured on a table of some size.

use diesel::{RunQueryDsl, sql_query, sql_types::BigInt};

use super::{
    connection::{Connection, on},
    error::StoreError,
    reader::Desk,
};

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

impl Desk {
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
