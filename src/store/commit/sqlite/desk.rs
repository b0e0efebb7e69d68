//! Writing comments, and the words by which tickets are found, on SQLite.
//!
//! What is not different is not written: most changes of a ticket leave its words as they are.

use diesel::{SqliteConnection, prelude::*, sql_types::Text};

use crate::{
    domain::{comment::Comment, record::Write},
    store::{
        commit::json,
        connection::Dialect,
        error::StoreError,
        fixed::{Bind, Fixed, Statement},
        schema::comments,
        words::Found,
    },
};

/// Writes the comments, and the words of all that was written.
pub(super) fn write(c: &mut SqliteConnection, write: &Write) -> Result<(), StoreError> {
    for comment in &write.comments {
        insert_comment(c, comment)?;
    }
    for found in Found::of(write) {
        put_words(c, &found)?;
    }
    Ok(())
}

fn insert_comment(c: &mut SqliteConnection, comment: &Comment) -> Result<usize, StoreError> {
    Ok(diesel::insert_into(comments::table)
        .values((
            comments::comment_id.eq(&comment.comment_id),
            comments::ticket_id.eq(&comment.ticket_id),
            comments::number.eq(comment.number),
            comments::conversation_id.eq(&comment.conversation_id),
            comments::at.eq(comment.at.micros()),
            comments::author.eq(json(&comment.by)?),
            comments::internal.eq(i64::from(comment.internal)),
            comments::body.eq(&comment.body),
        ))
        .execute(c)?)
}

struct Known;

impl Statement for Known {
    const TEXT: &'static str = "SELECT own, more FROM ticket_words WHERE rowid = ?";
    type Row = (Text, Text);
}

struct Insert;

impl Statement for Insert {
    const TEXT: &'static str = SqliteConnection::KEEP_WORDS;
    type Row = ();
}

struct Change;

impl Statement for Change {
    const TEXT: &'static str = "UPDATE ticket_words SET own = ?, more = ? WHERE rowid = ?";
    type Row = ();
}

fn put_words(c: &mut SqliteConnection, found: &Found) -> Result<(), StoreError> {
    let number = || Bind::BigInt(found.number);
    let known: Option<(String, String)> = Fixed::<Known>::new(vec![number()])
        .get_result(c)
        .optional()?;
    let Some((own, more)) = known else {
        let own = found.own.as_deref().unwrap_or_default();
        let words = vec![number(), Bind::Text(own), Bind::Text(&found.more)];
        Fixed::<Insert>::new(words).execute(c)?;
        return Ok(());
    };
    let new_own = found.own.as_deref().unwrap_or(&own);
    let new_more = found.more_with(&more);
    if new_own != own || new_more != more {
        let words = vec![Bind::Text(new_own), Bind::Text(&new_more), number()];
        Fixed::<Change>::new(words).execute(c)?;
    }
    Ok(())
}
