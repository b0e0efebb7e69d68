//! Who asks and who writes beside the batches: a [`Reader`] and a [`Desk`], and the
//! pages in which lists are given. What they can do stands with each table.

use std::ops::{Deref, DerefMut};

use super::{connection::Connection, error::StoreError, link::Link};

/// Asks questions on a connection of its own, which it opens when it needs it.
pub struct Reader {
    link: Link,
}

/// Writes what is no batch: tokens, policies, the daemons' rows, what is over.
pub struct Desk {
    reader: Reader,
}

/// Which part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The cursor that the page before gave as `next`; `None` is the beginning.
    pub after: Option<i64>,
    /// The most items; at least one is given.
    pub limit: i64,
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Listing<T> {
    /// The items.
    pub items: Vec<T>,
    /// The cursor of the next page; `None` when this is the last.
    pub next: Option<i64>,
}

impl Reader {
    pub(super) fn new(link: Link) -> Self {
        Self { link }
    }

    pub(super) fn ask<T>(
        &mut self,
        question: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.link.run(question)
    }
}

impl Desk {
    pub(super) fn new(link: Link) -> Self {
        Self {
            reader: Reader::new(link),
        }
    }

    /// Runs `work` in one transaction.
    pub(super) fn transact<T>(
        &mut self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.reader.link.transact(work)
    }
}

impl Deref for Desk {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        &self.reader
    }
}

impl DerefMut for Desk {
    fn deref_mut(&mut self) -> &mut Reader {
        &mut self.reader
    }
}

impl Page {
    /// Gives the first page of up to `limit` items.
    pub fn first(limit: i64) -> Self {
        Self { after: None, limit }
    }

    /// The limit for the query: one more than is given, to know whether there is a next page.
    pub(super) fn fetch(self) -> i64 {
        self.limit.clamp(1, i64::MAX - 1) + 1
    }

    /// Makes a page of rows that were fetched with [`Page::fetch`].
    pub(super) fn list<R, T>(
        self,
        mut rows: Vec<R>,
        cursor: impl Fn(&R) -> i64,
        item: impl Fn(R) -> Result<T, StoreError>,
    ) -> Result<Listing<T>, StoreError> {
        let limit = usize::try_from(self.fetch() - 1).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(cursor);
        let items = rows.into_iter().map(item).collect::<Result<_, _>>()?;
        Ok(Listing { items, next })
    }
}
