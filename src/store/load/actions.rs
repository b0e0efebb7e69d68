//! What a batch reads about governed actions.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use diesel::prelude::*;
use rust_decimal::Decimal;
use serde::de::DeserializeOwned;

use super::{delegations, histories, tallies};
use crate::{
    domain::{
        budget::{Budget, BudgetKey},
        time::{Span, Timestamp},
        world::{Need, World},
    },
    store::{
        connection::{Connection, on},
        error::StoreError,
        requests::document,
        schema::{approvals, budgets, executions, requests, reservations, tokens},
    },
};

/// Loads what decisions asked for about actions, each kind in one go.
pub(super) fn needs(
    connection: &mut Connection,
    needs: &[Need],
    now: Timestamp,
    world: &mut World,
) -> Result<(), StoreError> {
    let (mut wanted, mut owners) = (Wanted::default(), false);
    let mut windows = BTreeSet::new();
    for need in needs {
        match need {
            Need::Approval(id) => drop(wanted.approvals.insert(id.clone())),
            Need::Budget(key, window) => drop(windows.insert((key.clone(), *window))),
            Need::Execution(id) => drop(wanted.executions.insert(id.clone())),
            Need::Request(id) => drop(wanted.requests.insert(id.clone())),
            Need::TokenOwners => owners = true,
            Need::Channel(_)
            | Need::Clocks(_)
            | Need::Delegations(_)
            | Need::Escalation(_)
            | Need::History(_)
            | Need::MergeTarget(_)
            | Need::Messages(_)
            | Need::Procedures
            | Need::Run(_)
            | Need::Tally(_)
            | Need::Team(_)
            | Need::Terms(_)
            | Need::Ticket(_)
            | Need::TicketNumber
            | Need::Version(..) => {}
        }
    }
    wanted.load(connection, world)?;
    delegations::load(connection, needs, now, world)?;
    histories::load(connection, needs, now, world)?;
    tallies::load(connection, needs, world)?;
    if owners {
        world.token_owners = Some(token_owners(connection)?);
    }
    // Last and sorted: their rows are locks that others wait for.
    for (key, window) in windows {
        let budget = budget(connection, &key, window, now)?;
        world.budgets.insert(key, budget);
    }
    Ok(())
}

#[derive(Default)]
struct Wanted {
    requests: BTreeSet<String>,
    approvals: BTreeSet<String>,
    executions: BTreeSet<String>,
}

impl Wanted {
    fn load(&self, connection: &mut Connection, world: &mut World) -> Result<(), StoreError> {
        if !self.requests.is_empty() {
            let rows: Vec<(String, String)> = on!(connection, c => requests::table
                .filter(requests::request_id.eq_any(&self.requests))
                .select((requests::request_id, requests::body))
                .load(c)?);
            put("requests", &self.requests, rows, &mut world.requests)?;
        }
        if !self.approvals.is_empty() {
            let rows: Vec<(String, String)> = on!(connection, c => approvals::table
                .filter(approvals::approval_id.eq_any(&self.approvals))
                .select((approvals::approval_id, approvals::body))
                .load(c)?);
            put("approvals", &self.approvals, rows, &mut world.approvals)?;
        }
        if !self.executions.is_empty() {
            let rows: Vec<(String, String)> = on!(connection, c => executions::table
                .filter(executions::request_id.eq_any(&self.executions))
                .select((executions::request_id, executions::body))
                .load(c)?);
            put("executions", &self.executions, rows, &mut world.executions)?;
        }
        Ok(())
    }
}

/// Puts documents in their places; an id without a row is known not to exist.
fn put<T: DeserializeOwned>(
    table: &str,
    ids: &BTreeSet<String>,
    rows: Vec<(String, String)>,
    into: &mut HashMap<String, Option<Arc<T>>>,
) -> Result<(), StoreError> {
    for id in ids {
        into.entry(id.clone()).or_insert(None);
    }
    for (id, body) in rows {
        into.insert(id, Some(Arc::new(document(table, &body)?)));
    }
    Ok(())
}

fn token_owners(connection: &mut Connection) -> Result<Vec<(String, Vec<String>)>, StoreError> {
    let rows: Vec<(String, String)> = on!(connection, c => tokens::table
        .order(tokens::name)
        .select((tokens::name, tokens::roles))
        .load(c)?);
    let owner = |(name, roles): (String, String)| Ok((name, document("tokens", &roles)?));
    rows.into_iter().map(owner).collect()
}

/// A budget's row: window, count, sum, and up to when members have been taken out.
type BudgetRow = (Option<i64>, i64, String, i64);

/// Locks a budget's row, making it if it is absent, and takes out what has left its window.
fn budget(
    connection: &mut Connection,
    key: &BudgetKey,
    window: Option<Span>,
    now: Timestamp,
) -> Result<Budget, StoreError> {
    let window_us = window.map(Span::micros);
    let begins = window_us.map_or(i64::MIN, |span| now.micros().saturating_sub(span));
    let row: BudgetRow = on!(connection, c => diesel::insert_into(budgets::table)
        .values((
            budgets::name.eq(&key.limit),
            budgets::key.eq(&key.key),
            budgets::window_us.eq(window_us),
            budgets::count.eq(0),
            budgets::sum.eq("0"),
            budgets::rolled_to.eq(begins),
        ))
        .on_conflict((budgets::name, budgets::key))
        .do_update()
        .set(budgets::count.eq(budgets::count))
        .returning((budgets::window_us, budgets::count, budgets::sum, budgets::rolled_to))
        .get_result(c)?);
    let (stored, count, sum, rolled_to) = row;
    let mut budget = Budget {
        count,
        sum: decimal(&sum)?,
    };
    // A window that was changed is counted anew.
    let is_recount = stored != window_us;
    if is_recount {
        budget = Budget::default();
    } else if rolled_to >= begins {
        return Ok(budget);
    }
    let (from, to) = if is_recount {
        (begins, i64::MAX)
    } else {
        (rolled_to, begins)
    };
    let amounts: Vec<String> = on!(connection, c => reservations::table
        .filter(reservations::name.eq(&key.limit))
        .filter(reservations::key.eq(&key.key))
        .filter(reservations::at.gt(from))
        .filter(reservations::at.le(to))
        .select(reservations::amount)
        .load(c)?);
    for amount in amounts {
        let amount = decimal(&amount)?;
        if is_recount {
            budget.take(amount);
        } else {
            budget.release(amount);
        }
    }
    on!(connection, c => diesel::update(budgets::table.find((&key.limit, &key.key)))
        .set((
            budgets::window_us.eq(window_us),
            budgets::count.eq(budget.count),
            budgets::sum.eq(budget.sum.to_string()),
            budgets::rolled_to.eq(begins),
        ))
        .execute(c)?);
    Ok(budget)
}

fn decimal(text: &str) -> Result<Decimal, StoreError> {
    text.parse()
        .map_err(|_| StoreError::Lasting(format!("`budgets.sum` holds `{text}`, no decimal")))
}
