//! The words by which tickets are found: of which texts they come, and how they are asked for.
//!
//! `crate::domain::words` splits, the databases keep what it gives and ask for it as an AND of
//! prefixes: PostgreSQL in text-search vectors under a GIN index, SQLite in FTS5. A table of one
//! row a word and ticket was measured as well, at 200,000 tickets of 30 words: on SQLite it took
//! 410 µs to write a ticket (FTS5: 23) and 3.6 times the room, on PostgreSQL 3.3 times the room.

use std::collections::{BTreeMap, BTreeSet};

use diesel::{
    prelude::*,
    sql_query,
    sql_types::{BigInt, Text},
};

use super::{
    connection::{Connection, Dialect, on},
    error::StoreError,
    fixed::{Bind, Fixed, Statement},
    schema::tickets,
    tickets::{TicketRow, with_context},
};
use crate::domain::{
    record::Write,
    ticket::Ticket,
    words::{MOST_WORDS, words},
};

/// How many tickets are so few that they are listed by their numbers.
const FEW: usize = 2_000;
/// How many tickets are filled at once.
const SLICE: i64 = 500;

/// The words of a ticket that a batch has written, or commented on, with a blank between them.
///
/// *Shape*: at most [`MOST_WORDS`] of each kind. As long as a ticket has fewer words from its comments,
/// a further comment's are added; so both kinds together stay below the 1 MiB that PostgreSQL takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// The ticket's number.
    pub(super) number: i64,
    /// All words of the ticket itself; `None`: as they were.
    pub(super) own: Option<String>,
    /// Words to add: of its customer when it is opened, of comments.
    pub(super) more: String,
}

impl Found {
    /// Gives the words of everything that is written, each ticket once, by number.
    pub(super) fn of(write: &Write) -> Vec<Self> {
        let mut found: BTreeMap<i64, (Option<String>, BTreeSet<String>)> = BTreeMap::new();
        for ticket in &write.tickets {
            let (own, more) = found.entry(ticket.number).or_default();
            *own = Some(joined(&own_words(ticket)));
            add_customer(more, ticket);
        }
        for comment in &write.comments {
            let (_, more) = found.entry(comment.number).or_default();
            add(more, &comment.body);
        }
        let found = found.into_iter();
        found
            .map(|(number, (own, more))| Self {
                number,
                own,
                more: joined(&more),
            })
            .collect()
    }

    /// Gives all words of a ticket with its context, but for its comments.
    fn of_ticket(ticket: &Ticket) -> Self {
        let mut more = BTreeSet::new();
        add_customer(&mut more, ticket);
        Self {
            number: ticket.number,
            own: Some(joined(&own_words(ticket))),
            more: joined(&more),
        }
    }

    /// Gives the words of the comments with those that are known already.
    pub(super) fn more_with(&self, known: &str) -> String {
        let mut all: BTreeSet<&str> = split(known).collect();
        if all.len() < MOST_WORDS {
            all.extend(split(&self.more));
        }
        all.into_iter().collect::<Vec<_>>().join(" ")
    }
}

/// What is searched for.
pub(super) enum Search {
    /// Nothing: every ticket will do.
    Nothing,
    /// Tickets of these numbers.
    Few(Vec<i64>),
    /// Tickets with these words, as the database asks for them.
    Many(String),
}

impl Search {
    /// Prepares a search. PostgreSQL guesses how often words occur, and where it guesses too much it
    /// looks at every ticket, the newest first, for what hardly any has: so it is asked for a few
    /// first. At 1,000,000 tickets that is a few milliseconds instead of one second and more.
    pub(super) fn of(
        connection: &mut Connection,
        words: &BTreeSet<String>,
    ) -> Result<Self, StoreError> {
        if words.is_empty() {
            return Ok(Self::Nothing);
        }
        let Connection::Postgres(c) = connection else {
            return Ok(Self::Many(written(words, SqliteConnection::PREFIXES)));
        };
        let asked = written(words, PgConnection::PREFIXES);
        let numbers: Vec<i64> = Fixed::<SomeOf>::new(vec![Bind::Text(&asked)]).load(&mut **c)?;
        Ok(if numbers.len() > FEW {
            Self::Many(asked)
        } else {
            Self::Few(numbers)
        })
    }
}

/// One more than are a few.
struct SomeOf;

impl Statement for SomeOf {
    const TEXT: &'static str =
        "SELECT number FROM ticket_words WHERE (own || more) @@ CAST(? AS tsquery) LIMIT 2001";
    type Row = BigInt;
}

/// Writes a search: an AND of words that begin so.
fn written(words: &BTreeSet<String>, [before, behind, between]: [&str; 3]) -> String {
    let asked = words.iter().map(|word| format!("{before}{word}{behind}"));
    asked.collect::<Vec<_>>().join(between)
}

/// Gives every ticket its words; none has any yet.
pub(super) fn fill(connection: &mut Connection) -> Result<(), StoreError> {
    let mut newest = 0;
    loop {
        let rows: Vec<(TicketRow, Option<String>)> = on!(connection, c => tickets::table
            .filter(tickets::number.gt(newest))
            .order(tickets::number)
            .limit(SLICE)
            .select((TicketRow::as_select(), tickets::context))
            .load(c)?);
        if rows.is_empty() {
            return Ok(());
        }
        for row in rows {
            let ticket = with_context(row)?;
            newest = ticket.number;
            insert(connection, &Found::of_ticket(&ticket))?;
        }
    }
}

fn insert(connection: &mut Connection, found: &Found) -> Result<(), StoreError> {
    let own = found.own.as_deref().unwrap_or_default();
    on!(connection, c => {
        sql_query(Conn::KEEP_WORDS)
            .bind::<BigInt, _>(found.number)
            .bind::<Text, _>(own)
            .bind::<Text, _>(&found.more)
            .execute(c)?;
    });
    Ok(())
}

fn own_words(ticket: &Ticket) -> BTreeSet<String> {
    let mut own = BTreeSet::from([ticket.number.to_string()]);
    add(&mut own, &ticket.subject);
    for tag in &ticket.tags {
        add(&mut own, tag);
    }
    add(&mut own, ticket.description.as_deref().unwrap_or_default());
    own
}

/// A ticket has its context only while it is opened; it never changes.
fn add_customer(more: &mut BTreeSet<String>, ticket: &Ticket) {
    let customer = ticket.context.iter().map(|context| &context.customer);
    let members = customer.flat_map(|customer| ["name", "email"].map(|name| customer.get(name)));
    for text in members.flatten().filter_map(|value| value.as_str()) {
        add(more, text);
    }
}

fn add(to: &mut BTreeSet<String>, text: &str) {
    for word in words(text) {
        if to.len() == MOST_WORDS {
            return;
        }
        to.insert(word);
    }
}

fn split(words: &str) -> impl Iterator<Item = &str> {
    words.split(' ').filter(|word| !word.is_empty())
}

fn joined(words: &BTreeSet<String>) -> String {
    let words = words.iter().map(String::as_str);
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod unit {
    use std::sync::Arc;

    use super::*;
    use crate::domain::{actor::Actor, comment::Comment};

    #[test]
    fn more_than_a_few_are_one_more() {
        assert!(SomeOf::TEXT.ends_with(&format!(" LIMIT {}", FEW + 1)));
    }

    #[test]
    fn a_ticket_and_its_comments_of_one_batch_are_one_row() {
        let ticket = Ticket {
            number: 7,
            subject: "Lost parcel".to_owned(),
            description: Some("the PARCEL is gone".to_owned()),
            tags: ["Refund".to_owned()].into(),
            ..Ticket::default()
        };
        let comment = Comment {
            comment_id: "cmt_1".to_owned(),
            ticket_id: "tkt_1".to_owned(),
            number: 7,
            conversation_id: "c1".to_owned(),
            at: ticket.created_at,
            by: Actor::system("x"),
            internal: true,
            body: "DHL says no, no".to_owned(),
        };
        let write = Write {
            tickets: vec![Arc::new(ticket)],
            comments: vec![Arc::new(comment)],
            ..Write::default()
        };
        let found = Found::of(&write);
        assert_eq!(found.len(), 1);
        let found = &found[0];
        let own = found.own.as_deref().expect("its own");
        for word in ["7", "gone", "is", "lost", "parcel", "refund", "the"] {
            assert!(own.split(' ').any(|own| own == word), "{word} in {own}");
        }
        assert_eq!(found.more, "dhl no says");
        assert_eq!(found.more_with("ada no"), "ada dhl no says");
    }
}
