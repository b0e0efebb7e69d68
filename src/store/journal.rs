//! The journal as it is read: results by position, a daemon's unpublished tail, and the
//! timeline of a subject; and the end of what is kept.
//!
//! Rows are written by `super::commit` alone.

use diesel::prelude::*;

use super::{
    connection::on,
    error::StoreError,
    reader::{Desk, Listing, Page, Reader},
    schema::{daemons, journal, tail},
};
use crate::domain::{
    ids::{EventKey, SubjectId},
    record::{Seen, Tail},
    time::Timestamp,
};

/// The results of one input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalResults {
    /// The input's place in the history.
    pub position: i64,
    /// Its subject.
    pub subject: SubjectId,
    /// The input's type.
    pub kind: String,
    /// A JSON array of final events; never empty.
    pub results: String,
    /// Where they go besides the exchange.
    pub reply_to: Option<String>,
    /// Copied onto them.
    pub correlation_id: Option<String>,
}

/// A slice of what a daemon has yet to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpublished {
    /// The results, in their order; none: there are none up to the end of the history.
    pub rows: Vec<JournalResults>,
    /// The position up to which the journal was read.
    pub read_to: i64,
}

/// How many positions are looked through at once.
const STRIDE: i64 = 4_096;

/// One input of a subject, as its timeline shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimelineEntry {
    /// The input's place in the history.
    pub position: i64,
    /// The subject's version after it.
    pub version: i64,
    /// The event's type.
    pub kind: String,
    /// When it happened.
    pub time: Timestamp,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// The event as structured JSON.
    pub body: String,
    /// A JSON array of final events; empty when there are none.
    pub results: String,
    /// The version of the policy that decided.
    pub policy: String,
}

type TimelineRow = (i64, i64, String, i64, i64, String, String, String);
type ResultsRow = (i64, String, String, String, Option<String>, Option<String>);
pub(super) type SeenRow = (
    Vec<u8>,
    i64,
    Vec<u8>,
    String,
    Option<String>,
    Option<String>,
);

impl Reader {
    /// Lists results after a position, oldest first; those of one conversation if asked.
    pub fn results(
        &mut self,
        after: i64,
        limit: i64,
        conversation: Option<&str>,
    ) -> Result<Vec<JournalResults>, StoreError> {
        self.ask(|connection| {
            let rows: Vec<ResultsRow> = on!(connection, c => {
                let mut query = journal::table
                    .filter(journal::position.gt(after))
                    .filter(journal::results.ne(""))
                    .order(journal::position)
                    .limit(limit)
                    .select(RESULTS)
                    .into_boxed::<Db>();
                if let Some(id) = conversation {
                    query = query.filter(journal::subject.eq(id));
                }
                query.load(c)?
            });
            Ok(rows.into_iter().map(to_results).collect())
        })
    }

    /// Reads the next results that a daemon has yet to publish.
    pub fn journal_unpublished(
        &mut self,
        daemon: i64,
        after: i64,
        limit: i64,
    ) -> Result<Unpublished, StoreError> {
        self.ask(|connection| {
            let newest: i64 = on!(connection, c => tail::table.select(tail::position).first(c)?);
            let mut read_to = after;
            while read_to < newest {
                // In strides, because others may have written millions of rows since.
                let (from, to) = (read_to, newest.min(read_to + STRIDE));
                let rows: Vec<ResultsRow> = on!(connection, c => journal::table
                    .filter(journal::position.gt(from))
                    .filter(journal::position.le(to))
                    .filter(journal::daemon.eq(daemon))
                    .filter(journal::results.ne(""))
                    .order(journal::position)
                    .limit(limit)
                    .select(RESULTS)
                    .load(c)?);
                if let Some(last) = rows.last() {
                    return Ok(Unpublished {
                        read_to: last.0,
                        rows: rows.into_iter().map(to_results).collect(),
                    });
                }
                read_to = to;
            }
            Ok(Unpublished {
                rows: Vec::new(),
                read_to,
            })
        })
    }

    /// Counts the inputs of a daemon after a position that have results.
    pub fn unpublished_after(&mut self, daemon: i64, after: i64) -> Result<i64, StoreError> {
        self.ask(|connection| {
            Ok(on!(connection, c => journal::table
                .filter(journal::position.gt(after))
                .filter(journal::daemon.eq(daemon))
                .filter(journal::results.ne(""))
                .count()
                .get_result(c)?))
        })
    }

    /// Lists the inputs of a subject, oldest first; the cursor is the version.
    pub fn timeline(
        &mut self,
        subject: &str,
        page: Page,
    ) -> Result<Listing<TimelineEntry>, StoreError> {
        self.ask(|connection| {
            let rows: Vec<TimelineRow> = on!(connection, c => journal::table
                .filter(journal::subject.eq(subject))
                .filter(journal::version.gt(page.after.unwrap_or(0)))
                .order(journal::version)
                .limit(page.fetch())
                .select(TIMELINE)
                .load(c)?);
            page.list(rows, |row| row.1, |row| Ok(to_timeline(row)))
        })
    }

    /// Gives the inputs at some positions that are still kept, oldest first.
    pub fn journal_at(&mut self, positions: &[i64]) -> Result<Vec<TimelineEntry>, StoreError> {
        self.ask(|connection| {
            let rows: Vec<TimelineRow> = on!(connection, c => journal::table
                .filter(journal::position.eq_any(positions))
                .order(journal::position)
                .select(TIMELINE)
                .load(c)?);
            Ok(rows.into_iter().map(to_timeline).collect())
        })
    }

    /// Gives what the journal holds of an input, if it was decided.
    pub fn journal_seen(&mut self, key: EventKey) -> Result<Option<Seen>, StoreError> {
        self.ask(|connection| {
            let row: Option<SeenRow> = on!(connection, c => journal::table
                .filter(journal::key.eq(key.0.as_slice()))
                .select(SEEN)
                .first(c)
                .optional()?);
            row.map(to_seen).transpose()
        })
    }

    /// Reads the end of the history.
    pub fn tail(&mut self) -> Result<Tail, StoreError> {
        self.ask(|connection| {
            let row: TailRow = on!(connection, c => tail::table.select(TAIL).first(c)?);
            to_tail(row)
        })
    }
}

impl Desk {
    /// Deletes those of the `limit` oldest inputs that were decided before `before`; what is
    /// not known to be published stays, and is passed over.
    pub fn journal_prune(&mut self, before: Timestamp, limit: i64) -> Result<usize, StoreError> {
        self.transact(|connection| {
            on!(connection, c => {
                let unpublished = daemons::table
                    .filter(daemons::id.eq(journal::daemon))
                    .filter(daemons::watermark.lt(journal::position))
                    .filter(journal::results.ne(""));
                // The time is no part of the query: without an index on it, a search for the
                // first old row would read the whole journal to find none.
                let oldest: Vec<(i64, i64)> = journal::table
                    .filter(diesel::dsl::not(diesel::dsl::exists(unpublished)))
                    .order(journal::position)
                    .limit(limit.min(MOST_DELETED))
                    .select((journal::position, journal::decided_at))
                    .load(c)?;
                let old = oldest
                    .into_iter()
                    .filter(|&(_, decided_at)| decided_at < before.micros())
                    .map(|(position, _)| position);
                Ok(diesel::delete(journal::table.filter(journal::position.eq_any(old)))
                    .execute(c)?)
            })
        })
    }
}

/// The most rows that one call deletes by their keys. *Source*: SQLite takes 32,766 binds.
pub(super) const MOST_DELETED: i64 = 10_000;

const RESULTS: (
    journal::position,
    journal::subject,
    journal::kind,
    journal::results,
    journal::reply_to,
    journal::correlation_id,
) = (
    journal::position,
    journal::subject,
    journal::kind,
    journal::results,
    journal::reply_to,
    journal::correlation_id,
);

const TIMELINE: (
    journal::position,
    journal::version,
    journal::kind,
    journal::time,
    journal::decided_at,
    journal::body,
    journal::results,
    journal::policy,
) = (
    journal::position,
    journal::version,
    journal::kind,
    journal::time,
    journal::decided_at,
    journal::body,
    journal::results,
    journal::policy,
);

pub(super) const SEEN: (
    journal::key,
    journal::position,
    journal::digest,
    journal::results,
    journal::reply_to,
    journal::correlation_id,
) = (
    journal::key,
    journal::position,
    journal::digest,
    journal::results,
    journal::reply_to,
    journal::correlation_id,
);

pub(super) type TailRow = (i64, i64, Vec<u8>);

pub(super) const TAIL: (tail::position, tail::audit_sequence, tail::audit_hash) =
    (tail::position, tail::audit_sequence, tail::audit_hash);

pub(super) fn to_tail((position, audit_sequence, hash): TailRow) -> Result<Tail, StoreError> {
    Ok(Tail {
        position,
        audit_sequence,
        audit_hash: bytes("tail.audit_hash", &hash)?,
    })
}

pub(super) fn to_seen(row: SeenRow) -> Result<Seen, StoreError> {
    let (key, position, digest, results, reply_to, correlation_id) = row;
    Ok(Seen {
        key: EventKey(bytes("journal.key", &key)?),
        position,
        digest: bytes("journal.digest", &digest)?,
        results,
        reply_to,
        correlation_id,
    })
}

fn to_results(row: ResultsRow) -> JournalResults {
    let (position, subject, kind, results, reply_to, correlation_id) = row;
    JournalResults {
        position,
        subject: SubjectId::from(subject),
        kind,
        results,
        reply_to,
        correlation_id,
    }
}

fn to_timeline(row: TimelineRow) -> TimelineEntry {
    let (position, version, kind, time, decided_at, body, results, policy) = row;
    TimelineEntry {
        position,
        version,
        kind,
        time: Timestamp::from_micros(time),
        decided_at: Timestamp::from_micros(decided_at),
        body,
        results,
        policy,
    }
}

/// Reads a column of fixed length.
pub(super) fn bytes<const N: usize>(column: &str, value: &[u8]) -> Result<[u8; N], StoreError> {
    value.try_into().map_err(|_| {
        StoreError::Lasting(format!(
            "`{column}` holds {} bytes instead of {N}",
            value.len()
        ))
    })
}
