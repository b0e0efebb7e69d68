//! Tokens of the HTTP API. Only the SHA-256 of a token is kept.

use diesel::prelude::*;
use sha2::{Digest, Sha256};

use super::{
    connection::on,
    error::StoreError,
    reader::{Desk, Reader},
    schema::tokens,
};
use crate::domain::time::Timestamp;

/// What is known of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its name: the person who owns it.
    pub name: String,
    /// The roles it acts with.
    pub roles: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends, if it does.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, roughly.
    pub last_used: Option<Timestamp>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = tokens)]
struct Row {
    name: String,
    roles: String,
    created_at: i64,
    expires_at: Option<i64>,
    last_used: Option<i64>,
}

impl Reader {
    /// Gives the token that `secret` is; whether it has expired is the caller's to see.
    pub fn token_find(&mut self, secret: &str) -> Result<Option<Token>, StoreError> {
        let hash = hash(secret);
        self.ask(|connection| {
            let row: Option<Row> = on!(connection, c => tokens::table
                .filter(tokens::hash.eq(hash.as_slice()))
                .select(Row::as_select())
                .first(c)
                .optional()?);
            row.map(to_token).transpose()
        })
    }

    /// Lists the tokens by name.
    pub fn token_list(&mut self) -> Result<Vec<Token>, StoreError> {
        self.ask(|connection| {
            let rows: Vec<Row> = on!(connection, c => tokens::table
                .order(tokens::name)
                .select(Row::as_select())
                .load(c)?);
            rows.into_iter().map(to_token).collect()
        })
    }
}

impl Desk {
    /// Keeps a new token; false when the name is taken.
    pub fn token_create(&mut self, token: &Token, secret: &str) -> Result<bool, StoreError> {
        let hash = hash(secret);
        let roles = serde_json::to_string(&token.roles)
            .map_err(|error| StoreError::Lasting(error.to_string()))?;
        self.transact(|connection| {
            let made = on!(connection, c => diesel::insert_into(tokens::table)
                .values((
                    tokens::name.eq(&token.name),
                    tokens::hash.eq(hash.as_slice()),
                    tokens::roles.eq(&roles),
                    tokens::created_at.eq(token.created_at.micros()),
                    tokens::expires_at.eq(token.expires_at.map(Timestamp::micros)),
                    tokens::last_used.eq(token.last_used.map(Timestamp::micros)),
                ))
                .on_conflict(tokens::name)
                .do_nothing()
                .execute(c)?);
            Ok(made > 0)
        })
    }

    /// Notes that a token was used.
    pub fn token_used(&mut self, name: &str, at: Timestamp) -> Result<(), StoreError> {
        self.transact(|connection| {
            on!(connection, c => diesel::update(tokens::table.find(name))
                .set(tokens::last_used.eq(at.micros()))
                .execute(c)?);
            Ok(())
        })
    }

    /// Ends a token; false when there is none of that name.
    pub fn token_revoke(&mut self, name: &str) -> Result<bool, StoreError> {
        self.transact(|connection| {
            let gone = on!(connection, c => diesel::delete(tokens::table.find(name)).execute(c)?);
            Ok(gone > 0)
        })
    }
}

fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

fn to_token(row: Row) -> Result<Token, StoreError> {
    Ok(Token {
        roles: serde_json::from_str(&row.roles).map_err(|error| {
            StoreError::Lasting(format!(
                "the roles of token `{}` are unreadable: {error}",
                row.name
            ))
        })?,
        name: row.name,
        created_at: Timestamp::from_micros(row.created_at),
        expires_at: row.expires_at.map(Timestamp::from_micros),
        last_used: row.last_used.map(Timestamp::from_micros),
    })
}
