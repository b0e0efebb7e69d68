//! The seals of the audit log, oldest first. Written by `super::commit` alone, never deleted.

use diesel::prelude::*;

use super::{
    connection::on,
    error::StoreError,
    journal::bytes,
    reader::{Listing, Page, Reader},
    schema::seals,
};
use crate::domain::{record::SealRow, seal::Seal, time::Timestamp};

#[derive(Queryable, Selectable)]
#[diesel(table_name = seals)]
struct Row {
    last: i64,
    first: i64,
    seal_id: String,
    at: i64,
    root: Vec<u8>,
    previous: String,
    signature: Vec<u8>,
    public_key: Vec<u8>,
}

impl Reader {
    /// Lists seals that end after an entry, oldest first.
    pub fn seals(&mut self, after: i64, limit: i64) -> Result<Vec<SealRow>, StoreError> {
        self.ask(|connection| {
            let rows: Vec<Row> = on!(connection, c => seals::table
                .filter(seals::last.gt(after))
                .order(seals::last)
                .limit(limit)
                .select(Row::as_select())
                .load(c)?);
            rows.into_iter().map(to_seal).collect()
        })
    }

    /// Lists seals, oldest first; the cursor is the newest entry that one covers.
    pub fn seals_page(&mut self, page: Page) -> Result<Listing<SealRow>, StoreError> {
        let rows = self.seals(page.after.unwrap_or(0), page.fetch())?;
        page.list(rows, |row| row.seal.last, Ok)
    }

    /// Gives the newest seal; `None` before the first.
    pub fn seal_newest(&mut self) -> Result<Option<SealRow>, StoreError> {
        self.ask(|connection| {
            let row: Option<Row> = on!(connection, c => seals::table
                .order(seals::last.desc())
                .select(Row::as_select())
                .first(c)
                .optional()?);
            row.map(to_seal).transpose()
        })
    }

    /// Tells whether a key has signed a seal before.
    pub fn seal_has_key(&mut self, public_key: &[u8; 32]) -> Result<bool, StoreError> {
        self.ask(|connection| {
            let found: Option<i64> = on!(connection, c => seals::table
                .filter(seals::public_key.eq(public_key.as_slice()))
                .select(seals::last)
                .first(c)
                .optional()?);
            Ok(found.is_some())
        })
    }
}

fn to_seal(row: Row) -> Result<SealRow, StoreError> {
    Ok(SealRow {
        at: Timestamp::from_micros(row.at),
        seal: Seal {
            seal_id: row.seal_id,
            first: row.first,
            last: row.last,
            root: bytes("seals.root", &row.root)?,
            previous: row.previous,
            signature: bytes("seals.signature", &row.signature)?,
            public_key: bytes("seals.public_key", &row.public_key)?,
        },
    })
}
