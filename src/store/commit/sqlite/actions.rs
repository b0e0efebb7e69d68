//! Writing what a batch says about governed actions, on SQLite.

use diesel::{SqliteConnection, prelude::*, upsert::excluded};

use crate::{
    domain::{
        approval::Approval,
        budget::{Budget, BudgetKey},
        delegation::Delegation,
        execution::Execution,
        record::{Write, WrittenRequest},
        tally::{Tallied, hour_of},
        time::Timestamp,
    },
    store::{
        commit::json,
        error::StoreError,
        fixed::{Bind, Fixed, Statement},
        schema::{anomalies, budgets, delegations, executions, leads, requests, reservations},
    },
};

/// Writes requests, approvals, delegations, executions, budgets, tallies, anomalies and leads.
pub(super) fn write(c: &mut SqliteConnection, write: &Write) -> Result<(), StoreError> {
    for written in &write.requests {
        write_request(c, written)?;
    }
    for approval in &write.approvals {
        write_approval(c, approval)?;
    }
    for delegation in &write.delegations {
        write_delegation(c, delegation)?;
    }
    for execution in &write.executions {
        write_execution(c, execution, write.watermark.0)?;
    }
    for id in &write.executions_over {
        diesel::delete(executions::table.find(id)).execute(c)?;
    }
    for (key, budget) in &write.budgets {
        set_budget(c, key, budget)?;
    }
    for (key, reservation) in &write.reserved {
        diesel::insert_into(reservations::table)
            .values((
                reservations::name.eq(&key.limit),
                reservations::key.eq(&key.key),
                reservations::request_id.eq(&reservation.request_id),
                reservations::at.eq(reservation.at.micros()),
                reservations::amount.eq(reservation.amount.to_string()),
            ))
            .on_conflict_do_nothing()
            .execute(c)?;
    }
    for (key, reservation) in &write.released {
        let place = (&key.limit, &key.key, &reservation.request_id);
        diesel::delete(reservations::table.find(place)).execute(c)?;
    }
    for tallied in &write.tallies {
        add_tally(c, tallied)?;
    }
    for anomaly in &write.anomalies {
        diesel::insert_into(anomalies::table)
            .values((
                anomalies::name.eq(&anomaly.anomaly),
                anomalies::key.eq(&anomaly.key),
                anomalies::hour.eq(hour_of(anomaly.at)),
                anomalies::at.eq(anomaly.at.micros()),
                anomalies::body.eq(json(anomaly)?),
            ))
            .execute(c)?;
    }
    for lead in &write.leads {
        diesel::insert_into(leads::table)
            .values((
                leads::lead_id.eq(&lead.lead_id),
                leads::conversation_id.eq(lead.conversation_id.as_deref().unwrap_or_default()),
                leads::created_at.eq(lead.created_at.micros()),
                leads::body.eq(json(lead)?),
            ))
            .execute(c)?;
    }
    Ok(())
}

/// The statement that a batch runs for each tally that it adds to.
struct AddTally;

impl Statement for AddTally {
    const TEXT: &'static str = "INSERT INTO tallies (name, key, hour, count, sum, told, keep_until) \
        VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name, key, hour) DO UPDATE SET \
        count = tallies.count + excluded.count, sum = tallies.sum + excluded.sum, \
        told = max(tallies.told, excluded.told)";
    type Row = ();
}

fn add_tally(c: &mut SqliteConnection, tallied: &Tallied) -> QueryResult<usize> {
    Fixed::<AddTally>::new(vec![
        Bind::Text(&tallied.of.name),
        Bind::Text(&tallied.of.key),
        Bind::BigInt(tallied.hour),
        Bind::BigInt(tallied.added.count),
        Bind::BigInt(tallied.added.sum),
        Bind::BigInt(tallied.added.is_told.into()),
        Bind::BigInt(tallied.keep_until),
    ])
    .execute(c)
}

struct ChangeRequest;

impl Statement for ChangeRequest {
    const TEXT: &'static str =
        "UPDATE requests SET state = ?, updated_at = ?, body = ? WHERE request_id = ?";
    type Row = ();
}

fn write_request(c: &mut SqliteConnection, written: &WrittenRequest) -> Result<(), StoreError> {
    let request = &written.request;
    let body = json(request)?;
    if written.is_new {
        diesel::insert_into(requests::table)
            .values((
                requests::request_id.eq(&request.request_id),
                requests::subject.eq(&request.subject),
                requests::action.eq(&request.action),
                requests::actor.eq(request.actor.label()),
                requests::customer_id.eq(&request.customer_id),
                requests::state.eq(request.state.as_str()),
                requests::requested_at.eq(request.requested_at.micros()),
                requests::updated_at.eq(request.updated_at.micros()),
                requests::body.eq(body),
            ))
            .execute(c)?;
    } else {
        Fixed::<ChangeRequest>::new(vec![
            Bind::Text(request.state.as_str()),
            Bind::BigInt(request.updated_at.micros()),
            Bind::Text(&body),
            Bind::Text(&request.request_id),
        ])
        .execute(c)?;
    }
    Ok(())
}

struct WriteApproval;

impl Statement for WriteApproval {
    const TEXT: &'static str = "INSERT INTO approvals (approval_id, request_id, subject, action, \
        state, requested_at, due_at, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?) \
        ON CONFLICT (approval_id) DO UPDATE SET state = excluded.state, \
        due_at = excluded.due_at, body = excluded.body";
    type Row = ();
}

fn write_approval(c: &mut SqliteConnection, approval: &Approval) -> Result<usize, StoreError> {
    let body = json(approval)?;
    let written = Fixed::<WriteApproval>::new(vec![
        Bind::Text(&approval.approval_id),
        Bind::Text(&approval.request_id),
        Bind::Text(approval.subject.as_str()),
        Bind::Text(&approval.action),
        Bind::Text(approval.state.as_str()),
        Bind::BigInt(approval.requested_at.micros()),
        Bind::OptionalBigInt(approval.due_at().map(Timestamp::micros)),
        Bind::Text(&body),
    ]);
    Ok(written.execute(c)?)
}

fn write_delegation(
    c: &mut SqliteConnection,
    delegation: &Delegation,
) -> Result<usize, StoreError> {
    Ok(diesel::insert_into(delegations::table)
        .values((
            delegations::delegation_id.eq(&delegation.delegation_id),
            delegations::from_person.eq(&delegation.from),
            delegations::to_person.eq(&delegation.to),
            delegations::ends_at.eq(delegation.over_at().micros()),
            delegations::body.eq(json(delegation)?),
        ))
        .on_conflict(delegations::delegation_id)
        .do_update()
        .set((
            delegations::ends_at.eq(excluded(delegations::ends_at)),
            delegations::body.eq(excluded(delegations::body)),
        ))
        .execute(c)?)
}

struct WriteExecution;

impl Statement for WriteExecution {
    const TEXT: &'static str = "INSERT INTO executions (request_id, daemon, due_at, body) \
        VALUES (?, ?, ?, ?) ON CONFLICT (request_id) DO UPDATE SET daemon = excluded.daemon, \
        due_at = excluded.due_at, body = excluded.body";
    type Row = ();
}

fn write_execution(
    c: &mut SqliteConnection,
    execution: &Execution,
    daemon: i64,
) -> Result<usize, StoreError> {
    let body = json(execution)?;
    let written = Fixed::<WriteExecution>::new(vec![
        Bind::Text(&execution.request_id),
        Bind::BigInt(daemon),
        Bind::BigInt(execution.due_at.micros()),
        Bind::Text(&body),
    ]);
    Ok(written.execute(c)?)
}

fn set_budget(c: &mut SqliteConnection, key: &BudgetKey, budget: &Budget) -> QueryResult<usize> {
    diesel::update(budgets::table.find((&key.limit, &key.key)))
        .set((
            budgets::count.eq(budget.count),
            budgets::sum.eq(budget.sum.to_string()),
        ))
        .execute(c)
}
