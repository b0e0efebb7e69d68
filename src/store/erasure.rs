//! Erasing a person: which conversations were with them, and blanking what is kept of those.
//!
//! Rows stay where they are: positions, keys and hashes go on as before, only the content
//! is gone. Every table that holds content of a conversation has its line in
//! [`Desk::conversation_blank`].

use std::collections::BTreeSet;

use diesel::{prelude::*, sql_query, sql_types::Text};

use super::{
    commit::json,
    connection::{Connection, Dialect, on},
    deliveries,
    error::StoreError,
    persons::labels_of,
    procedures,
    reader::{Desk, Reader},
    requests::{self, document},
    schema::{audit, audit_persons, comments, escalations, journal, subjects, tickets},
};
use crate::domain::actor::{Actor, ActorKind};

/// What stands in the place of an event that was erased.
pub const ERASED: &str = r#"{"erased":true}"#;
/// What stands in the place of a text.
const GONE: &str = "(erased)";

/// How much of a conversation was blanked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Blanked {
    /// Events.
    pub events: usize,
    /// Tickets.
    pub tickets: usize,
    /// Comments on them.
    pub comments: usize,
    /// Escalations.
    pub escalations: usize,
    /// Requests, with their approvals and leads.
    pub requests: usize,
}

impl Reader {
    /// Lists the subjects that are, or were, about a customer: by their state, and by the audit log.
    pub fn subjects_of(&mut self, customer: &str) -> Result<BTreeSet<String>, StoreError> {
        self.ask(|connection| {
            let labels = labels_of(connection, customer)?;
            on!(connection, c => {
                let now: Vec<String> = subjects::table
                    .filter(subjects::customer_id.eq(customer))
                    .select(subjects::id)
                    .load(c)?;
                let before: Vec<String> = audit::table
                    .filter(audit::customer.eq_any(labels))
                    .select(audit::subject)
                    .distinct()
                    .load(c)?;
                Ok(now.into_iter().chain(before).collect())
            })
        })
    }
}

impl Desk {
    /// Blanks what is kept of a conversation; its events of type `but` stay.
    pub fn conversation_blank(&mut self, subject: &str, but: &str) -> Result<Blanked, StoreError> {
        self.transact(|connection| {
            let requests = requests::blank(connection, subject)?;
            deliveries::blank(connection, subject)?;
            procedures::blank(connection, subject)?;
            let comments = blank_comments(connection, subject)?;
            forget_words(connection, subject)?;
            on!(connection, c => {
                let rows = journal::table
                    .filter(journal::subject.eq(subject))
                    .filter(journal::kind.ne(but))
                    .filter(journal::body.ne(ERASED));
                let events = diesel::update(rows)
                    .set((
                        journal::body.eq(ERASED),
                        journal::facts.eq(""),
                        journal::results.eq(""),
                        journal::reply_to.eq(None::<String>),
                        journal::correlation_id.eq(None::<String>),
                    ))
                    .execute(c)?;
                let rows = tickets::table.filter(tickets::conversation_id.eq(subject));
                let tickets = diesel::update(rows)
                    .set((
                        tickets::subject.eq(GONE),
                        tickets::description.eq(None::<String>),
                        tickets::context.eq(None::<String>),
                    ))
                    .execute(c)?;
                let rows = escalations::table.filter(escalations::conversation_id.eq(subject));
                let escalations =
                    diesel::update(rows).set(escalations::reason.eq(GONE)).execute(c)?;
                Ok(Blanked { events, tickets, comments, escalations, requests })
            })
        })
    }

    /// Deletes what the audit log's labels of a customer stand for, and tells how many there were.
    pub fn persons_erase(&mut self, customer: &str) -> Result<usize, StoreError> {
        self.transact(|connection| {
            Ok(on!(connection, c => diesel::delete(
                audit_persons::table.filter(audit_persons::value.eq(customer)),
            )
            .execute(c)?))
        })
    }
}

/// Takes what was said out of the comments of a conversation's tickets, and the customer where he said
/// it; tells how many there were.
fn blank_comments(connection: &mut Connection, subject: &str) -> Result<usize, StoreError> {
    on!(connection, c => {
        let rows: Vec<(i64, String)> = comments::table
            .filter(comments::conversation_id.eq(subject))
            .select((comments::ordinal, comments::author))
            .load(c)?;
        for (ordinal, author) in &rows {
            let mut author: Actor = document("comments", author)?;
            if author.kind == ActorKind::Customer {
                GONE.clone_into(&mut author.id);
            }
            diesel::update(comments::table.find(ordinal))
                .set((comments::author.eq(json(&author)?), comments::body.eq(GONE)))
                .execute(c)?;
        }
        Ok(rows.len())
    })
}

/// Deletes the words by which a conversation's tickets are found.
fn forget_words(connection: &mut Connection, subject: &str) -> Result<(), StoreError> {
    on!(connection, c => {
        sql_query(Conn::FORGET_WORDS).bind::<Text, _>(subject).execute(c)?;
    });
    Ok(())
}
