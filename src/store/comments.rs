//! Comments on tickets as they are listed and counted.
//!
//! Written by `super::commit`, blanked by `super::erasure`.

use diesel::prelude::*;

use super::{
    connection::on,
    error::StoreError,
    reader::{Listing, Page, Reader},
    requests::document,
    schema::comments,
};
use crate::domain::{comment::Comment, time::Timestamp};

#[derive(Queryable, Selectable)]
#[diesel(table_name = comments)]
struct CommentRow {
    ordinal: i64,
    comment_id: String,
    ticket_id: String,
    number: i64,
    conversation_id: String,
    at: i64,
    author: String,
    internal: i64,
    body: String,
}

impl Reader {
    /// Lists the comments on a ticket in the order in which they were made.
    pub fn comments(
        &mut self,
        ticket_id: &str,
        page: Page,
    ) -> Result<Listing<Comment>, StoreError> {
        self.ask(|connection| {
            let rows: Vec<CommentRow> = on!(connection, c => comments::table
                .filter(comments::ticket_id.eq(ticket_id))
                .filter(comments::ordinal.gt(page.after.unwrap_or(0)))
                .order(comments::ordinal)
                .limit(page.fetch())
                .select(CommentRow::as_select())
                .load(c)?);
            page.list(rows, |row| row.ordinal, to_comment)
        })
    }

    /// Gives a comment.
    pub fn comment(&mut self, id: &str) -> Result<Option<Comment>, StoreError> {
        self.ask(|connection| {
            let row: Option<CommentRow> = on!(connection, c => comments::table
                .filter(comments::comment_id.eq(id))
                .select(CommentRow::as_select())
                .first(c)
                .optional()?);
            row.map(to_comment).transpose()
        })
    }

    /// Counts the comments on a ticket.
    pub fn comments_count(&mut self, ticket_id: &str) -> Result<i64, StoreError> {
        self.ask(|connection| {
            Ok(on!(connection, c => comments::table
                .filter(comments::ticket_id.eq(ticket_id))
                .count()
                .get_result(c)?))
        })
    }
}

fn to_comment(row: CommentRow) -> Result<Comment, StoreError> {
    Ok(Comment {
        comment_id: row.comment_id,
        ticket_id: row.ticket_id,
        number: row.number,
        conversation_id: row.conversation_id,
        at: Timestamp::from_micros(row.at),
        by: document("comments", &row.author)?,
        internal: row.internal != 0,
        body: row.body,
    })
}
