//! The part of the writing statement that carries comments, words and versions of procedures, on
//! PostgreSQL, and the look at tickets of other subjects that a decision relied on.

use diesel::{PgConnection, prelude::*};

use crate::{
    domain::{record::Write, ticket::Ticket, words::MOST_WORDS},
    store::{
        commit::json,
        error::StoreError,
        fixed::Bind,
        schema::tickets,
        tickets::{TicketRow, to_ticket},
        words::Found,
    },
};

/// Comments, the words by which tickets are found, and versions of procedures; 18 binds. A ticket is in one of the two lists
/// of words, with its own or with those of comments alone; what is not different is not written.
macro_rules! desk {
    () => {
        ", comment_rows AS ( \
            INSERT INTO comments (comment_id, ticket_id, number, conversation_id, at, author, \
                internal, body) \
            SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?) \
            WHERE EXISTS (SELECT 1 FROM daemon_row) \
        ), word_rows AS ( \
            INSERT INTO ticket_words AS known (number, own, more) \
            SELECT number, array_to_tsvector(string_to_array(own, ' ')), \
                array_to_tsvector(string_to_array(more, ' ')) \
            FROM unnest(?, ?, ?) AS given(number, own, more) \
            WHERE EXISTS (SELECT 1 FROM daemon_row) \
            ON CONFLICT (number) DO UPDATE SET own = excluded.own, more = CASE \
                WHEN length(known.more) < 2000 THEN known.more || excluded.more \
                ELSE known.more END \
            WHERE known.own <> excluded.own OR length(excluded.more) > 0 \
        ), said_rows AS ( \
            INSERT INTO ticket_words AS known (number, own, more) \
            SELECT number, array_to_tsvector('{}'), \
                array_to_tsvector(string_to_array(more, ' ')) \
            FROM unnest(?, ?) AS given(number, more) \
            WHERE EXISTS (SELECT 1 FROM daemon_row) \
            ON CONFLICT (number) DO UPDATE SET more = known.more || excluded.more \
            WHERE length(known.more) < 2000 AND length(excluded.more) > 0 \
        ), procedure_rows AS ( \
            INSERT INTO procedures (slug, version, stage, changed, body) \
            SELECT slug, version, stage, ?, body \
            FROM unnest(?, ?, ?, ?) AS given(slug, version, stage, body) \
            WHERE EXISTS (SELECT 1 FROM daemon_row) \
            ON CONFLICT (slug, version) DO UPDATE SET stage = excluded.stage, \
                changed = excluded.changed, body = excluded.body \
        )"
    };
}
pub(super) use desk;

const _: () = assert!(
    MOST_WORDS == 2_000,
    "the statement says it in its own words"
);

/// The texts that are made for the statement alone.
pub(super) struct Columns {
    authors: Vec<String>,
    own: Vec<Found>,
    said: Vec<Found>,
    procedures: Vec<String>,
}

impl Columns {
    pub(super) fn of(write: &Write) -> Result<Self, StoreError> {
        let authors = write.comments.iter().map(|comment| json(&comment.by));
        let procedures = write.procedures.iter().map(|one| json(&one.version));
        let found = Found::of(write).into_iter();
        let (own, said) = found.partition(|found| found.own.is_some());
        Ok(Self {
            authors: authors.collect::<Result<_, _>>()?,
            own,
            said,
            procedures: procedures.collect::<Result<_, _>>()?,
        })
    }
}

/// Binds the values, in the order of the statement.
pub(super) fn binds<'a>(write: &'a Write, columns: &'a Columns, binds: &mut Vec<Bind<'a>>) {
    let rows = &write.comments;
    binds.extend([
        Bind::Texts(rows.iter().map(|row| &*row.comment_id).collect()),
        Bind::Texts(rows.iter().map(|row| &*row.ticket_id).collect()),
        Bind::BigInts(rows.iter().map(|row| row.number).collect()),
        Bind::Texts(rows.iter().map(|row| &*row.conversation_id).collect()),
        Bind::BigInts(rows.iter().map(|row| row.at.micros()).collect()),
        Bind::Texts(columns.authors.iter().map(String::as_str).collect()),
        Bind::BigInts(rows.iter().map(|row| row.internal.into()).collect()),
        Bind::Texts(rows.iter().map(|row| &*row.body).collect()),
    ]);
    let own = columns.own.iter();
    let said = columns.said.iter();
    binds.extend([
        Bind::BigInts(own.clone().map(|found| found.number).collect()),
        Bind::Texts(
            own.clone()
                .map(|found| found.own.as_deref().unwrap_or_default())
                .collect(),
        ),
        Bind::Texts(own.map(|found| &*found.more).collect()),
        Bind::BigInts(said.clone().map(|found| found.number).collect()),
        Bind::Texts(said.map(|found| &*found.more).collect()),
    ]);
    let versions = || write.procedures.iter().map(|one| &one.version);
    binds.extend([
        Bind::BigInt(write.tail.position),
        Bind::Texts(versions().map(|one| &*one.slug).collect()),
        Bind::BigInts(versions().map(|one| one.version).collect()),
        Bind::Texts(versions().map(|one| one.stage.as_str()).collect()),
        Bind::Texts(columns.procedures.iter().map(String::as_str).collect()),
    ]);
}

/// Tells whether tickets of other subjects are still as they were read. The end of the history is
/// locked by now, so nobody writes another one; the transaction began before they were read.
pub(super) fn stand(
    connection: &mut PgConnection,
    relied_on: &[std::sync::Arc<Ticket>],
) -> Result<bool, StoreError> {
    for read in relied_on {
        let row: Option<TicketRow> = tickets::table
            .filter(tickets::ticket_id.eq(&read.ticket_id))
            .select(TicketRow::as_select())
            .first(connection)
            .optional()?;
        let now = row.map(to_ticket).transpose()?;
        if now.as_ref() != Some(&**read) {
            return Ok(false);
        }
    }
    Ok(true)
}
