//! Tickets as they are listed, shown and counted, and their rows.

use std::collections::{BTreeMap, BTreeSet};

use diesel::{
    dsl::sql,
    prelude::*,
    sql_types::{BigInt, Bool, Text},
};
use serde::de::{DeserializeOwned, IntoDeserializer, value::Error as WordError};

use super::{
    connection::{Dialect, on},
    error::StoreError,
    reader::{Listing, Page, Reader},
    schema::{subjects, tickets},
    words::Search,
};
use crate::domain::{
    ticket::{Ticket, TicketStatus},
    time::Timestamp,
};

/// Which tickets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TicketFilter {
    /// Where it stands, as wire names; none: anywhere.
    pub status: Vec<String>,
    /// How urgent it is, as its wire name.
    pub priority: Option<String>,
    /// Its team.
    pub team: Option<String>,
    /// Its person.
    pub assignee: Option<String>,
    /// What it is about.
    pub category: Option<String>,
    /// A tag that it has.
    pub tag: Option<String>,
    /// Its conversation.
    pub conversation: Option<String>,
    /// Only those with a clock that is over its time at this instant.
    pub overdue_at: Option<Timestamp>,
    /// The customer's `id`.
    pub customer: Option<String>,
    /// Only those that nobody has.
    pub is_unassigned: bool,
    /// Opened then or later.
    pub created_from: Option<Timestamp>,
    /// Opened before then.
    pub created_to: Option<Timestamp>,
    /// Words that begin words of it.
    pub words: BTreeSet<String>,
}

/// A ticket's row but for its context, which is large and never changes.
#[derive(Queryable, Selectable)]
#[diesel(table_name = tickets)]
pub(super) struct TicketRow {
    pub(super) ticket_id: String,
    number: i64,
    conversation_id: String,
    subject: String,
    description: Option<String>,
    status: String,
    priority: String,
    category: Option<String>,
    team: Option<String>,
    assignee: Option<String>,
    tags: String,
    link: String,
    created_at: i64,
    updated_at: i64,
    created_by: String,
    resolved_at: Option<i64>,
    reopened: i64,
    closed_as: Option<String>,
    merged_into: Option<String>,
}

impl Reader {
    /// Lists tickets without their contexts, newest first; the cursor is the number.
    pub fn tickets(
        &mut self,
        filter: &TicketFilter,
        page: Page,
    ) -> Result<Listing<Ticket>, StoreError> {
        let opened = |at: Option<Timestamp>, else_at| at.map_or(else_at, Timestamp::micros);
        self.ask(|connection| {
            let search = Search::of(connection, &filter.words)?;
            let rows: Vec<TicketRow> = on!(connection, c => {
                let mut query = tickets::table
                    .filter(tickets::number.lt(page.after.unwrap_or(i64::MAX)))
                    .filter(tickets::created_at.ge(opened(filter.created_from, i64::MIN)))
                    .filter(tickets::created_at.lt(opened(filter.created_to, i64::MAX)))
                    .order(tickets::number.desc())
                    .limit(page.fetch())
                    .select(TicketRow::as_select())
                    .into_boxed::<Db>();
                if !filter.status.is_empty() {
                    query = query.filter(tickets::status.eq_any(&filter.status));
                }
                if let Some(priority) = &filter.priority {
                    query = query.filter(tickets::priority.eq(priority));
                }
                if let Some(team) = &filter.team {
                    query = query.filter(tickets::team.eq(team));
                }
                if let Some(assignee) = &filter.assignee {
                    query = query.filter(tickets::assignee.eq(assignee));
                }
                if let Some(category) = &filter.category {
                    query = query.filter(tickets::category.eq(category));
                }
                if let Some(conversation) = &filter.conversation {
                    query = query.filter(tickets::conversation_id.eq(conversation));
                }
                if let Some(tag) = &filter.tag {
                    let (before, after) = Conn::HAS_TAG;
                    query = query.filter(sql::<Bool>(before).bind::<Text, _>(tag).sql(after));
                }
                if let Some(at) = filter.overdue_at {
                    let (before, after) = HAS_OVERDUE;
                    let overdue = sql::<Bool>(before).bind::<BigInt, _>(at.micros());
                    query = query.filter(overdue.sql(after));
                }
                if let Some(customer) = &filter.customer {
                    let theirs = subjects::table
                        .filter(subjects::customer_id.eq(customer))
                        .select(subjects::id);
                    query = query.filter(tickets::conversation_id.eq_any(theirs));
                }
                if filter.is_unassigned {
                    query = query.filter(tickets::assignee.is_null());
                }
                if let Search::Few(numbers) = &search {
                    query = query.filter(tickets::number.eq_any(numbers));
                }
                if let Search::Many(asked) = &search {
                    let (before, after) = Conn::HAS_WORDS;
                    query = query.filter(sql::<Bool>(before).bind::<Text, _>(asked).sql(after));
                }
                query.load(c)?
            });
            page.list(rows, |row| row.number, to_ticket)
        })
    }

    /// Gives a ticket, with its context, by its id or by the number that people use.
    pub fn ticket(&mut self, id: &str) -> Result<Option<Ticket>, StoreError> {
        let number: i64 = id.parse().unwrap_or(0);
        self.ask(|connection| {
            let row: Option<(TicketRow, Option<String>)> = on!(connection, c => tickets::table
                .filter(tickets::ticket_id.eq(id).or(tickets::number.eq(number)))
                .select((TicketRow::as_select(), tickets::context))
                .first(c)
                .optional()?);
            row.map(with_context).transpose()
        })
    }

    /// Lists the tickets that were merged into one: their ids and numbers, oldest first.
    pub fn tickets_merged_into(&mut self, id: &str) -> Result<Vec<(String, i64)>, StoreError> {
        self.ask(|connection| {
            Ok(on!(connection, c => tickets::table
                .filter(tickets::merged_into.eq(id))
                .filter(tickets::merged_into.is_not_null())
                .order(tickets::number)
                .limit(MOST_MERGED)
                .select((tickets::ticket_id, tickets::number))
                .load(c)?))
        })
    }

    /// Counts the unfinished tickets by status, and those resolved or closed, as nothing else, since
    /// `since` and still so.
    pub fn ticket_counts(
        &mut self,
        since: Timestamp,
    ) -> Result<BTreeMap<TicketStatus, i64>, StoreError> {
        self.ask(|connection| {
            let unfinished: Vec<(String, i64)> = on!(connection, c => tickets::table
                .filter(tickets::status.eq_any(UNFINISHED))
                .group_by(tickets::status)
                .select((tickets::status, diesel::dsl::count_star()))
                .load(c)?);
            let finished: Vec<(String, i64)> = on!(connection, c => tickets::table
                .filter(tickets::resolved_at.is_not_null())
                .filter(tickets::resolved_at.ge(since.micros()))
                .filter(tickets::closed_as.is_null())
                .group_by(tickets::status)
                .select((tickets::status, diesel::dsl::count_star()))
                .load(c)?);
            unfinished
                .into_iter()
                .chain(finished)
                .map(|(status, count)| Ok((word("tickets.status", &status)?, count)))
                .collect()
        })
    }
}

/// The most merged tickets that are told of one.
const MOST_MERGED: i64 = 1_000;
/// The condition of the partial index, as the migrations write it: plans are made before values are
/// known, so only the condition itself finds the index.
pub(super) const IS_UNFINISHED: &str = "status IN ('open', 'in_progress', 'waiting')";
/// The statuses that it names.
const UNFINISHED: [&str; 3] = ["open", "in_progress", "waiting"];

/// Those with a clock that is over its time at the instant bound next: before and after the bind.
const HAS_OVERDUE: (&str, &str) = (
    "tickets.ticket_id IN (SELECT substr(clocks.owner, 8) FROM clocks \
        WHERE clocks.state IN ('running', 'paused') AND clocks.owner LIKE 'ticket:%' \
        AND (clocks.breached_at IS NOT NULL OR (clocks.state = 'running' AND clocks.due_at < ",
    ")))",
);

fn unreadable(id: &str, column: &str, error: &serde_json::Error) -> StoreError {
    StoreError::Lasting(format!("`{column}` of `{id}` is unreadable: {error}"))
}

/// Gives the ticket with its context.
pub(super) fn with_context(
    (row, context): (TicketRow, Option<String>),
) -> Result<Ticket, StoreError> {
    let mut ticket = to_ticket(row)?;
    if let Some(text) = context {
        let context = serde_json::from_str(&text);
        ticket.context =
            Some(context.map_err(|error| unreadable(&ticket.ticket_id, "context", &error))?);
    }
    Ok(ticket)
}

/// Gives the ticket without its context.
pub(super) fn to_ticket(row: TicketRow) -> Result<Ticket, StoreError> {
    let id = row.ticket_id;
    let tags: BTreeSet<String> =
        serde_json::from_str(&row.tags).map_err(|error| unreadable(&id, "tags", &error))?;
    Ok(Ticket {
        number: row.number,
        conversation_id: row.conversation_id,
        subject: row.subject,
        description: row.description,
        status: word("tickets.status", &row.status)?,
        priority: word("tickets.priority", &row.priority)?,
        category: row.category,
        team: row.team,
        assignee: row.assignee,
        tags,
        link: row.link,
        created_at: Timestamp::from_micros(row.created_at),
        created_by: row.created_by,
        updated_at: Timestamp::from_micros(row.updated_at),
        resolved_at: row.resolved_at.map(Timestamp::from_micros),
        reopened: u32::try_from(row.reopened).unwrap_or(0),
        closed_as: row
            .closed_as
            .map(|text| word("tickets.closed_as", &text))
            .transpose()?,
        merged_into: row.merged_into,
        context: None,
        ticket_id: id,
    })
}

/// Reads a column that holds a wire name.
pub(super) fn word<T: DeserializeOwned>(column: &str, text: &str) -> Result<T, StoreError> {
    T::deserialize(text.into_deserializer()).map_err(|error: WordError| {
        StoreError::Lasting(format!("`{column}` holds `{text}`: {error}"))
    })
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn the_partial_index_covers_what_is_unfinished() {
        for status in TicketStatus::ALL {
            assert_eq!(
                UNFINISHED.contains(&status.as_str()),
                status.is_unfinished()
            );
        }
        let named = UNFINISHED.map(|status| format!("'{status}'")).join(", ");
        assert_eq!(IS_UNFINISHED, format!("status IN ({named})"));
        for migration in [
            include_str!("../../migrations/postgres/0001_initial/up.sql"),
            include_str!("../../migrations/sqlite/0001_initial/up.sql"),
        ] {
            assert!(migration.contains(&format!("WHERE {IS_UNFINISHED};")));
        }
    }
}
