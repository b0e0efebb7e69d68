//! The audit log as it is searched and walked, and the end of what is kept of it.

use diesel::prelude::*;

use super::{
    connection::on,
    error::StoreError,
    journal::bytes,
    reader::{Desk, Listing, Page, Reader},
    schema::audit,
};
use crate::domain::{
    audit::{AuditEntry, AuditOutcome},
    ids::SubjectId,
    record::AuditRow,
    time::Timestamp,
};

/// Which entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// The conversation, or the thing itself.
    pub subject: Option<String>,
    /// `kind:id` of who asked.
    pub actor: Option<String>,
    /// The event's type.
    pub action: Option<String>,
    /// `done`, `denied` or `failed`.
    pub outcome: Option<String>,
    /// The first rule that fired.
    pub rule: Option<String>,
    /// Decided at or after this.
    pub from: Option<Timestamp>,
    /// Decided before this.
    pub to: Option<Timestamp>,
}

/// Narrows a boxed query; a macro, because its type differs between the databases.
macro_rules! narrowed {
    ($query:ident, $filter:ident) => {
        if let Some(subject) = &$filter.subject {
            $query = $query.filter(audit::subject.eq(subject));
        }
        if let Some(actor) = &$filter.actor {
            $query = $query.filter(audit::actor.eq(actor));
        }
        if let Some(action) = &$filter.action {
            $query = $query.filter(audit::action.eq(action));
        }
        if let Some(outcome) = &$filter.outcome {
            $query = $query.filter(audit::outcome.eq(outcome));
        }
        if let Some(rule) = &$filter.rule {
            $query = $query.filter(audit::rule.eq(rule));
        }
        if let Some(from) = $filter.from {
            $query = $query.filter(audit::at.ge(from.micros()));
        }
        if let Some(to) = $filter.to {
            $query = $query.filter(audit::at.lt(to.micros()));
        }
    };
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = audit)]
struct Row {
    sequence: i64,
    position: i64,
    at: i64,
    subject: String,
    actor: String,
    action: String,
    outcome: String,
    rule: String,
    body: String,
    hash: Vec<u8>,
}

impl Reader {
    /// Lists entries, newest first; the cursor is the sequence.
    pub fn audit(
        &mut self,
        filter: &AuditFilter,
        page: Page,
    ) -> Result<Listing<AuditRow>, StoreError> {
        self.ask(|connection| {
            let rows: Vec<Row> = on!(connection, c => {
                let mut query = audit::table
                    .filter(audit::sequence.lt(page.after.unwrap_or(i64::MAX)))
                    .order(audit::sequence.desc())
                    .limit(page.fetch())
                    .select(Row::as_select())
                    .into_boxed::<Db>();
                narrowed!(query, filter);
                query.load(c)?
            });
            page.list(rows, |row| row.sequence, to_audit)
        })
    }

    /// Lists entries after a sequence, oldest first: a part of an export.
    pub fn audit_export(
        &mut self,
        filter: &AuditFilter,
        after: i64,
        limit: i64,
    ) -> Result<Vec<AuditRow>, StoreError> {
        self.ask(|connection| {
            let rows: Vec<Row> = on!(connection, c => {
                let mut query = audit::table
                    .filter(audit::sequence.gt(after))
                    .order(audit::sequence)
                    .limit(limit)
                    .select(Row::as_select())
                    .into_boxed::<Db>();
                narrowed!(query, filter);
                query.load(c)?
            });
            rows.into_iter().map(to_audit).collect()
        })
    }

    /// Lists entries after a sequence, oldest first: the walk of a verification.
    ///
    /// *Shape*: what is pruned is absent; a walk starts after the first entry that is there,
    /// trusting its hash, or after `(0, GENESIS)` when that is entry 1.
    pub fn audit_slice(&mut self, after: i64, limit: i64) -> Result<Vec<AuditRow>, StoreError> {
        self.ask(|connection| {
            let rows: Vec<Row> = on!(connection, c => audit::table
                .filter(audit::sequence.gt(after))
                .order(audit::sequence)
                .limit(limit)
                .select(Row::as_select())
                .load(c)?);
            rows.into_iter().map(to_audit).collect()
        })
    }
}

impl Desk {
    /// Deletes up to `limit` of the oldest entries decided before `before`.
    ///
    /// The newest entry always stays, so that the chain keeps an anchor.
    pub fn audit_prune(&mut self, before: Timestamp, limit: i64) -> Result<usize, StoreError> {
        self.transact(|connection| {
            on!(connection, c => {
                let oldest: Vec<(i64, i64)> = audit::table
                    .order(audit::sequence)
                    .limit(limit.saturating_add(1))
                    .select((audit::sequence, audit::at))
                    .load(c)?;
                // Only a whole beginning goes, so that what is left is one chain.
                let kept = oldest.len().saturating_sub(1);
                let Some(&(last, _)) = oldest[..kept]
                    .iter()
                    .take_while(|(_, at)| *at < before.micros())
                    .last()
                else {
                    return Ok(0);
                };
                Ok(diesel::delete(audit::table.filter(audit::sequence.le(last))).execute(c)?)
            })
        })
    }
}

fn to_audit(row: Row) -> Result<AuditRow, StoreError> {
    let outcomes = [
        AuditOutcome::Done,
        AuditOutcome::Denied,
        AuditOutcome::Failed,
    ];
    Ok(AuditRow {
        entry: AuditEntry {
            sequence: row.sequence,
            position: row.position,
            body: row.body,
            hash: bytes("audit.hash", &row.hash)?,
        },
        at: Timestamp::from_micros(row.at),
        subject: SubjectId::from(row.subject),
        actor: row.actor,
        action: row.action,
        // A word that nobody here wrote differs from the hashed body, and is found by that.
        outcome: outcomes
            .into_iter()
            .map(AuditOutcome::as_str)
            .find(|&word| word == row.outcome)
            .unwrap_or(""),
        rule: row.rule,
    })
}
