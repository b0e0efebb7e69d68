//! Delegations as they are listed and looked up, and the end of what is kept of them.
//!
//! Written by `super::commit`; what a vote needs of them is read by `super::load`.

use diesel::prelude::*;

use super::{
    connection::on,
    error::StoreError,
    journal::MOST_DELETED,
    reader::{Desk, Listing, Page, Reader},
    requests::document,
    schema::delegations,
};
use crate::domain::{delegation::Delegation, time::Timestamp};

/// Which delegations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DelegationFilter {
    /// Whose say was handed over.
    pub from: Option<String>,
    /// Who stands in.
    pub to: Option<String>,
    /// Only those that are not over at this time.
    pub not_over_at: Option<Timestamp>,
}

impl Reader {
    /// Lists delegations, newest first.
    pub fn delegations(
        &mut self,
        filter: &DelegationFilter,
        page: Page,
    ) -> Result<Listing<Delegation>, StoreError> {
        self.ask(|connection| {
            let rows: Vec<(i64, String)> = on!(connection, c => {
                let mut query = delegations::table
                    .filter(delegations::ordinal.lt(page.after.unwrap_or(i64::MAX)))
                    .order(delegations::ordinal.desc())
                    .limit(page.fetch())
                    .select((delegations::ordinal, delegations::body))
                    .into_boxed::<Db>();
                if let Some(from) = &filter.from {
                    query = query.filter(delegations::from_person.eq(from));
                }
                if let Some(to) = &filter.to {
                    query = query.filter(delegations::to_person.eq(to));
                }
                if let Some(at) = filter.not_over_at {
                    query = query.filter(delegations::ends_at.gt(at.micros()));
                }
                query.load(c)?
            });
            page.list(
                rows,
                |row| row.0,
                |(_, body)| document("delegations", &body),
            )
        })
    }

    /// Gives a delegation.
    pub fn delegation(&mut self, id: &str) -> Result<Option<Delegation>, StoreError> {
        self.ask(|connection| {
            let body: Option<String> = on!(connection, c => delegations::table
                .filter(delegations::delegation_id.eq(id))
                .select(delegations::body)
                .first(c)
                .optional()?);
            body.map(|body| document("delegations", &body)).transpose()
        })
    }
}

impl Desk {
    /// Deletes up to `limit` delegations that were over before a time.
    pub fn delegations_prune(
        &mut self,
        before: Timestamp,
        limit: i64,
    ) -> Result<usize, StoreError> {
        self.transact(|connection| {
            on!(connection, c => {
                let old: Vec<i64> = delegations::table
                    .filter(delegations::ends_at.lt(before.micros()))
                    .order(delegations::ends_at)
                    .limit(limit.min(MOST_DELETED))
                    .select(delegations::ordinal)
                    .load(c)?;
                Ok(diesel::delete(delegations::table.filter(delegations::ordinal.eq_any(old)))
                    .execute(c)?)
            })
        })
    }
}
