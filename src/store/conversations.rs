//! Conversations as they are listed and shown: the subjects that have a state.

use diesel::prelude::*;

use super::{
    connection::on,
    error::StoreError,
    reader::{Listing, Page, Reader},
    schema::subjects,
};
use crate::domain::{conversation::Conversation, ids::SubjectId, time::Timestamp};

/// Which conversations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConversationFilter {
    /// `open`, `resolved` or `ended`.
    pub status: Option<String>,
    /// The channel.
    pub channel: Option<String>,
    /// The customer's `id`.
    pub customer: Option<String>,
}

/// A conversation with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct ConversationRow {
    /// Its id.
    pub id: SubjectId,
    /// How many inputs it has seen.
    pub version: i64,
    /// The time of its newest decision.
    pub decided_at: Timestamp,
    /// Its state.
    pub conversation: Conversation,
}

type Row = (String, i64, i64, Option<String>, i64);

const COLUMNS: (
    subjects::id,
    subjects::version,
    subjects::decided_at,
    subjects::state,
    subjects::created,
) = (
    subjects::id,
    subjects::version,
    subjects::decided_at,
    subjects::state,
    subjects::created,
);

impl Reader {
    /// Lists conversations, newest first; the cursor is the position of their first input.
    pub fn conversations(
        &mut self,
        filter: &ConversationFilter,
        page: Page,
    ) -> Result<Listing<ConversationRow>, StoreError> {
        self.ask(|connection| {
            let rows: Vec<Row> = on!(connection, c => {
                let mut query = subjects::table
                    .filter(subjects::state.is_not_null())
                    .filter(subjects::created.lt(page.after.unwrap_or(i64::MAX)))
                    .order(subjects::created.desc())
                    .limit(page.fetch())
                    .select(COLUMNS)
                    .into_boxed::<Db>();
                if let Some(status) = &filter.status {
                    query = query.filter(subjects::status.eq(status));
                }
                if let Some(channel) = &filter.channel {
                    query = query.filter(subjects::channel.eq(channel));
                }
                if let Some(customer) = &filter.customer {
                    query = query.filter(subjects::customer_id.eq(customer));
                }
                query.load(c)?
            });
            page.list(rows, |row| row.4, to_conversation)
        })
    }

    /// Gives a conversation.
    pub fn conversation(&mut self, id: &str) -> Result<Option<ConversationRow>, StoreError> {
        self.ask(|connection| {
            let row: Option<Row> = on!(connection, c => subjects::table
                .filter(subjects::id.eq(id))
                .filter(subjects::state.is_not_null())
                .select(COLUMNS)
                .first(c)
                .optional()?);
            row.map(to_conversation).transpose()
        })
    }
}

fn to_conversation(
    (id, version, decided_at, state, _): Row,
) -> Result<ConversationRow, StoreError> {
    let conversation = read_state(&id, state.as_deref().unwrap_or("{}"))?;
    Ok(ConversationRow {
        id: SubjectId::from(id),
        version,
        decided_at: Timestamp::from_micros(decided_at),
        conversation,
    })
}

/// Reads the state of a conversation.
pub(super) fn read_state(id: &str, state: &str) -> Result<Conversation, StoreError> {
    serde_json::from_str(state)
        .map_err(|error| StoreError::Lasting(format!("the state of `{id}` is unreadable: {error}")))
}
