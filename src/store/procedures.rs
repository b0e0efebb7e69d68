//! Procedures and their runs as they are listed, looked up and looked after.
//!
//! Written by `super::commit`; what a decision needs of them is read by `super::load`. Each is one JSON document
//! with the columns by which it is found: runs that are under way by `due_at`.

use std::sync::Arc;

use diesel::prelude::*;

use super::{
    commit::json,
    connection::{Connection, on},
    error::StoreError,
    journal::MOST_DELETED,
    load::procedures::Shelf,
    reader::{Desk, Listing, Page, Reader},
    requests::document,
    schema::{procedures, runs},
};
use crate::domain::{
    procedure::version::{Procedures, Version},
    run::Run,
    time::Timestamp,
};

/// Which runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// The procedure's slug.
    pub procedure: Option<String>,
    /// Where it stands, as its wire name.
    pub state: Option<String>,
    /// Its conversation.
    pub conversation: Option<String>,
}

impl Reader {
    /// Gives all that is published.
    pub fn published(&mut self) -> Result<Arc<Procedures>, StoreError> {
        self.ask(|connection| Shelf::default().published(connection))
    }

    /// Gives every draft and version of a slug, or of all, by slug and number.
    pub fn procedure_versions(&mut self, slug: Option<&str>) -> Result<Vec<Version>, StoreError> {
        self.ask(|connection| {
            let bodies: Vec<String> = on!(connection, c => {
                let mut query = procedures::table
                    .order((procedures::slug, procedures::version))
                    .select(procedures::body)
                    .into_boxed::<Db>();
                if let Some(slug) = slug {
                    query = query.filter(procedures::slug.eq(slug));
                }
                query.load(c)?
            });
            let bodies = bodies.iter();
            bodies.map(|body| document("procedures", body)).collect()
        })
    }

    /// Gives a version of a procedure; 0 is the draft.
    pub fn procedure_version(
        &mut self,
        slug: &str,
        version: i64,
    ) -> Result<Option<Version>, StoreError> {
        self.ask(|connection| {
            let body: Option<String> = on!(connection, c => procedures::table
                .find((slug, version))
                .select(procedures::body)
                .first(c)
                .optional()?);
            body.map(|body| document("procedures", &body)).transpose()
        })
    }

    /// Lists runs, newest first.
    pub fn runs(&mut self, filter: &RunFilter, page: Page) -> Result<Listing<Run>, StoreError> {
        self.ask(|connection| {
            let rows: Vec<(i64, String)> = on!(connection, c => {
                let mut query = runs::table
                    .filter(runs::ordinal.lt(page.after.unwrap_or(i64::MAX)))
                    .order(runs::ordinal.desc())
                    .limit(page.fetch())
                    .select((runs::ordinal, runs::body))
                    .into_boxed::<Db>();
                if let Some(procedure) = &filter.procedure {
                    query = query.filter(runs::procedure.eq(procedure));
                }
                if let Some(state) = &filter.state {
                    query = query.filter(runs::state.eq(state));
                }
                if let Some(conversation) = &filter.conversation {
                    query = query.filter(runs::subject.eq(conversation));
                }
                query.load(c)?
            });
            page.list(rows, |row| row.0, |(_, body)| document("runs", &body))
        })
    }

    /// Gives a run.
    pub fn run(&mut self, id: &str) -> Result<Option<Run>, StoreError> {
        self.ask(|connection| {
            let body: Option<String> = on!(connection, c => runs::table
                .filter(runs::run_id.eq(id))
                .select(runs::body)
                .first(c)
                .optional()?);
            body.map(|body| document("runs", &body)).transpose()
        })
    }

    /// Gives runs that have lasted as long as they may, the longest due first.
    pub fn runs_due(&mut self, now: Timestamp, limit: i64) -> Result<Vec<Run>, StoreError> {
        self.ask(|connection| {
            let bodies: Vec<String> = on!(connection, c => runs::table
                .filter(runs::due_at.le(now.micros()))
                .order(runs::due_at)
                .limit(limit)
                .select(runs::body)
                .load(c)?);
            let bodies = bodies.iter();
            bodies.map(|body| document("runs", body)).collect()
        })
    }

    /// Gives when the next run has lasted as long as it may; `None` when none is under way.
    pub fn runs_next(&mut self) -> Result<Option<Timestamp>, StoreError> {
        self.ask(|connection| {
            let next: Option<Option<i64>> = on!(connection, c => runs::table
                .filter(runs::due_at.is_not_null())
                .order(runs::due_at)
                .select(runs::due_at)
                .first(c)
                .optional()?);
            Ok(next.flatten().map(Timestamp::from_micros))
        })
    }
}

impl Desk {
    /// Deletes up to `limit` runs that were over before a time.
    pub fn runs_prune(&mut self, before: Timestamp, limit: i64) -> Result<usize, StoreError> {
        self.transact(|connection| {
            on!(connection, c => {
                let old: Vec<i64> = runs::table
                    .filter(runs::over_at.lt(before.micros()))
                    .order(runs::over_at)
                    .limit(limit.min(MOST_DELETED))
                    .select(runs::ordinal)
                    .load(c)?;
                Ok(diesel::delete(runs::table.filter(runs::ordinal.eq_any(old))).execute(c)?)
            })
        })
    }
}

/// Takes everything personal out of the runs of a subject; one under way goes on without it.
pub(super) fn blank(connection: &mut Connection, subject: &str) -> Result<(), StoreError> {
    on!(connection, c => {
        let bodies: Vec<String> = runs::table
            .filter(runs::subject.eq(subject))
            .select(runs::body)
            .load(c)?;
        for body in &bodies {
            let run = document::<Run>("runs", body)?.blanked();
            diesel::update(runs::table.filter(runs::run_id.eq(&run.run_id)))
                .set(runs::body.eq(json(&run)?))
                .execute(c)?;
        }
        Ok(())
    })
}
