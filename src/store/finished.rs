//! The end of what governed actions leave behind: finished requests, settled approvals, and
//! budgets of which nothing counts any more.

use diesel::{prelude::*, sql_types::Text};

use super::{
    connection::on,
    error::StoreError,
    fixed::{Bind, Fixed, Statement},
    journal::MOST_DELETED,
    reader::Desk,
    schema::{approvals, requests},
};
use crate::domain::{
    approval::ApprovalState,
    request::{RequestState, STATES},
    time::Timestamp,
};

/// Budgets that nobody has asked for since a time, and whose windows are empty by now. The
/// condition is on the row alone, so that one that is taken meanwhile is looked at again.
struct PruneBudgets;

impl Statement for PruneBudgets {
    const TEXT: &'static str = "DELETE FROM budgets WHERE window_us IS NOT NULL \
        AND rolled_to + window_us < ? AND rolled_to + 2 * window_us < ?";
    type Row = Text;
}

/// Old reservations that no window counts any more; what has no window keeps its sum without them.
struct PruneReservations;

impl Statement for PruneReservations {
    const TEXT: &'static str = "DELETE FROM reservations WHERE at < ? AND NOT EXISTS ( \
        SELECT 1 FROM budgets WHERE budgets.name = reservations.name \
            AND budgets.key = reservations.key AND budgets.window_us IS NOT NULL \
            AND budgets.rolled_to < reservations.at)";
    type Row = Text;
}

impl Desk {
    /// Deletes those of the `limit` oldest finished requests that have not changed since `before`.
    pub fn requests_prune(&mut self, before: Timestamp, limit: i64) -> Result<usize, StoreError> {
        let settled = STATES.into_iter().filter(|state| state.is_settled());
        let settled: Vec<&str> = settled.map(RequestState::as_str).collect();
        self.transact(|connection| {
            on!(connection, c => {
                // As with the journal: the time is no part of the query.
                let oldest: Vec<(i64, i64)> = requests::table
                    .filter(requests::state.eq_any(&settled))
                    .order(requests::ordinal)
                    .limit(limit.min(MOST_DELETED))
                    .select((requests::ordinal, requests::updated_at))
                    .load(c)?;
                Ok(diesel::delete(requests::table.filter(requests::ordinal.eq_any(old(oldest, before))))
                    .execute(c)?)
            })
        })
    }

    /// Deletes those of the `limit` oldest settled approvals that were asked for before `before`.
    pub fn approvals_prune(&mut self, before: Timestamp, limit: i64) -> Result<usize, StoreError> {
        let open = [ApprovalState::Pending, ApprovalState::Approved].map(ApprovalState::as_str);
        self.transact(|connection| {
            on!(connection, c => {
                let oldest: Vec<(i64, i64)> = approvals::table
                    .filter(approvals::state.ne_all(open))
                    .order(approvals::ordinal)
                    .limit(limit.min(MOST_DELETED))
                    .select((approvals::ordinal, approvals::requested_at))
                    .load(c)?;
                Ok(diesel::delete(approvals::table.filter(approvals::ordinal.eq_any(old(oldest, before))))
                    .execute(c)?)
            })
        })
    }

    /// Deletes budgets and reservations from before `before` that count for nothing at `now`.
    pub fn budgets_prune(
        &mut self,
        before: Timestamp,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        self.transact(|connection| {
            let unused = vec![Bind::BigInt(before.micros()), Bind::BigInt(now.micros())];
            let old = vec![Bind::BigInt(before.micros())];
            Ok(on!(connection, c => {
                Fixed::<PruneBudgets>::new(unused).execute(c)?
                    + Fixed::<PruneReservations>::new(old).execute(c)?
            }))
        })
    }
}

fn old(oldest: Vec<(i64, i64)>, before: Timestamp) -> impl Iterator<Item = i64> {
    oldest
        .into_iter()
        .filter(move |&(_, at)| at < before.micros())
        .map(|(ordinal, _)| ordinal)
}
