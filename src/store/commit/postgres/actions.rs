//! The part of the writing statement that carries governed actions, on PostgreSQL.

use crate::{
    domain::{
        approval::Approval, record::Write, request::Request, tally::hour_of, time::Timestamp,
    },
    store::{commit::json, error::StoreError, fixed::Bind},
};

/// Requests, approvals, delegations, executions, budgets, reservations, tallies, anomalies, leads and
/// runs; 71 binds.
///
/// A new request is inserted and nothing else: its id being there already is a lost race,
/// and so is an anomaly that was told already.
macro_rules! actions {
    () => {
        ", request_rows AS ( \
            INSERT INTO requests (request_id, subject, action, actor, customer_id, state, \
                requested_at, updated_at, body) \
            SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?) \
            WHERE EXISTS (SELECT 1 FROM daemon_row) \
        ), moved_request_rows AS ( \
            UPDATE requests SET state = moved.state, updated_at = moved.updated_at, \
                body = moved.body \
            FROM unnest(?, ?, ?, ?) AS moved(request_id, state, updated_at, body) \
            WHERE requests.request_id = moved.request_id AND EXISTS (SELECT 1 FROM daemon_row) \
        ), approval_rows AS ( \
            INSERT INTO approvals (approval_id, request_id, subject, action, state, \
                requested_at, due_at, body) \
            SELECT id, request, subject, action, state, at, nullif(due, -1), body \
            FROM unnest(?, ?, ?, ?, ?, ?, ?, ?) \
                AS given(id, request, subject, action, state, at, due, body) \
            WHERE EXISTS (SELECT 1 FROM daemon_row) \
            ON CONFLICT (approval_id) DO UPDATE SET state = excluded.state, \
                due_at = excluded.due_at, body = excluded.body \
        ), delegation_rows AS ( \
            INSERT INTO delegations (delegation_id, from_person, to_person, ends_at, body) \
            SELECT * FROM unnest(?, ?, ?, ?, ?) WHERE EXISTS (SELECT 1 FROM daemon_row) \
            ON CONFLICT (delegation_id) DO UPDATE SET ends_at = excluded.ends_at, \
                body = excluded.body \
        ), execution_rows AS ( \
            INSERT INTO executions (request_id, daemon, due_at, body) \
            SELECT given.id, ?, given.due, given.body \
            FROM unnest(?, ?, ?) AS given(id, due, body) \
            WHERE EXISTS (SELECT 1 FROM daemon_row) \
            ON CONFLICT (request_id) DO UPDATE SET daemon = excluded.daemon, \
                due_at = excluded.due_at, body = excluded.body \
        ), over_rows AS ( \
            DELETE FROM executions WHERE request_id = ANY(?) \
                AND EXISTS (SELECT 1 FROM daemon_row) \
        ), budget_rows AS ( \
            UPDATE budgets SET count = given.count, sum = given.sum \
            FROM unnest(?, ?, ?, ?) AS given(name, key, count, sum) \
            WHERE budgets.name = given.name AND budgets.key = given.key \
                AND EXISTS (SELECT 1 FROM daemon_row) \
        ), reservation_rows AS ( \
            INSERT INTO reservations (name, key, request_id, at, amount) \
            SELECT * FROM unnest(?, ?, ?, ?, ?) WHERE EXISTS (SELECT 1 FROM daemon_row) \
            ON CONFLICT (name, key, request_id) DO NOTHING \
        ), released_rows AS ( \
            DELETE FROM reservations USING unnest(?, ?, ?) AS given(name, key, request_id) \
            WHERE reservations.name = given.name AND reservations.key = given.key \
                AND reservations.request_id = given.request_id \
                AND EXISTS (SELECT 1 FROM daemon_row) \
        ), tally_rows AS ( \
            INSERT INTO tallies (name, key, hour, count, sum, told, keep_until) \
            SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?) WHERE EXISTS (SELECT 1 FROM daemon_row) \
            ON CONFLICT (name, key, hour) DO UPDATE SET count = tallies.count + excluded.count, \
                sum = tallies.sum + excluded.sum, told = greatest(tallies.told, excluded.told) \
        ), anomaly_rows AS ( \
            INSERT INTO anomalies (name, key, hour, at, body) \
            SELECT * FROM unnest(?, ?, ?, ?, ?) WHERE EXISTS (SELECT 1 FROM daemon_row) \
        ), lead_rows AS ( \
            INSERT INTO leads (lead_id, conversation_id, created_at, body) \
            SELECT * FROM unnest(?, ?, ?, ?) WHERE EXISTS (SELECT 1 FROM daemon_row) \
        ), run_rows AS ( \
            INSERT INTO runs (run_id, subject, procedure, version, state, due_at, over_at, body) \
            SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?) \
            WHERE EXISTS (SELECT 1 FROM daemon_row) \
            ON CONFLICT (run_id) DO UPDATE SET version = excluded.version, \
                state = excluded.state, due_at = excluded.due_at, over_at = excluded.over_at, \
                body = excluded.body \
        )"
    };
}
pub(super) use actions;

/// The texts that are made for the statement alone.
pub(super) struct Columns {
    requests: Vec<String>,
    actors: Vec<String>,
    approvals: Vec<String>,
    delegations: Vec<String>,
    executions: Vec<String>,
    sums: Vec<String>,
    amounts: Vec<String>,
    anomalies: Vec<String>,
    leads: Vec<String>,
    runs: Vec<String>,
}

/// Tells whether a batch says anything about actions.
pub(super) fn has(write: &Write) -> bool {
    !(write.requests.is_empty()
        && write.approvals.is_empty()
        && write.delegations.is_empty()
        && write.executions.is_empty()
        && write.executions_over.is_empty()
        && write.budgets.is_empty()
        && write.tallies.is_empty()
        && write.anomalies.is_empty()
        && write.leads.is_empty()
        && write.runs.is_empty())
}

impl Columns {
    pub(super) fn of(write: &Write) -> Result<Self, StoreError> {
        let requests = write.requests.iter().map(|one| json(&one.request));
        let approvals = write.approvals.iter().map(json);
        let delegations = write.delegations.iter().map(json);
        let executions = write.executions.iter().map(json);
        let leads = write.leads.iter().map(json);
        let anomalies = write.anomalies.iter().map(json);
        let runs = write.runs.iter().map(json);
        let actors = write.requests.iter().map(|one| one.request.actor.label());
        let budgets = write.budgets.iter();
        let reserved = write.reserved.iter();
        Ok(Self {
            requests: requests.collect::<Result<_, _>>()?,
            approvals: approvals.collect::<Result<_, _>>()?,
            delegations: delegations.collect::<Result<_, _>>()?,
            executions: executions.collect::<Result<_, _>>()?,
            leads: leads.collect::<Result<_, _>>()?,
            anomalies: anomalies.collect::<Result<_, _>>()?,
            runs: runs.collect::<Result<_, _>>()?,
            actors: actors.collect(),
            sums: budgets.map(|(_, budget)| budget.sum.to_string()).collect(),
            amounts: reserved.map(|(_, one)| one.amount.to_string()).collect(),
        })
    }
}

/// Binds the values, in the order of the statement.
pub(super) fn binds<'a>(write: &'a Write, columns: &'a Columns, binds: &mut Vec<Bind<'a>>) {
    request_binds(write, columns, binds);
    approval_binds(write, columns, binds);
    delegation_binds(write, columns, binds);
    let executions = &write.executions;
    binds.extend([
        Bind::BigInt(write.watermark.0),
        Bind::Texts(executions.iter().map(|one| &*one.request_id).collect()),
        Bind::BigInts(executions.iter().map(|one| one.due_at.micros()).collect()),
        Bind::Texts(columns.executions.iter().map(String::as_str).collect()),
        Bind::Texts(write.executions_over.iter().map(String::as_str).collect()),
    ]);
    budget_binds(write, columns, binds);
    tally_binds(write, columns, binds);
    let leads = &write.leads;
    binds.extend([
        Bind::Texts(leads.iter().map(|lead| &*lead.lead_id).collect()),
        Bind::Texts(
            leads
                .iter()
                .map(|lead| lead.conversation_id.as_deref().unwrap_or_default())
                .collect(),
        ),
        Bind::BigInts(leads.iter().map(|lead| lead.created_at.micros()).collect()),
        Bind::Texts(columns.leads.iter().map(String::as_str).collect()),
    ]);
    run_binds(write, columns, binds);
}

fn run_binds<'a>(write: &'a Write, columns: &'a Columns, binds: &mut Vec<Bind<'a>>) {
    let rows = &write.runs;
    let due = rows.iter().map(|run| run.due_at().map(Timestamp::micros));
    let over = rows.iter().map(|run| run.over_at().map(Timestamp::micros));
    binds.extend([
        Bind::Texts(rows.iter().map(|run| &*run.run_id).collect()),
        Bind::Texts(rows.iter().map(|run| &*run.subject).collect()),
        Bind::Texts(rows.iter().map(|run| &*run.procedure).collect()),
        Bind::BigInts(rows.iter().map(|run| run.version).collect()),
        Bind::Texts(rows.iter().map(|run| run.state.as_str()).collect()),
        Bind::OptionalBigInts(due.collect()),
        Bind::OptionalBigInts(over.collect()),
        Bind::Texts(columns.runs.iter().map(String::as_str).collect()),
    ]);
}

fn request_binds<'a>(write: &'a Write, columns: &'a Columns, binds: &mut Vec<Bind<'a>>) {
    let texts = columns.requests.iter().zip(&columns.actors);
    let rows: Vec<_> = write.requests.iter().zip(texts).collect();
    let (new, moved): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(one, _)| one.is_new);
    let text = |of: fn(&Request) -> &str| {
        Bind::Texts(new.iter().map(|(one, _)| of(&one.request)).collect())
    };
    binds.extend([
        text(|request| &request.request_id),
        text(|request| &request.subject),
        text(|request| &request.action),
        Bind::Texts(new.iter().map(|(_, (_, actor))| actor.as_str()).collect()),
        text(|request| &request.customer_id),
        text(|request| request.state.as_str()),
    ]);
    let requested = new.iter().map(|(one, _)| one.request.requested_at.micros());
    let updated = new.iter().map(|(one, _)| one.request.updated_at.micros());
    binds.extend([
        Bind::BigInts(requested.collect()),
        Bind::BigInts(updated.collect()),
        Bind::Texts(new.iter().map(|(_, (body, _))| body.as_str()).collect()),
    ]);
    let ids = moved.iter().map(|(one, _)| &*one.request.request_id);
    let states = moved.iter().map(|(one, _)| one.request.state.as_str());
    let updated = moved.iter().map(|(one, _)| one.request.updated_at.micros());
    binds.extend([
        Bind::Texts(ids.collect()),
        Bind::Texts(states.collect()),
        Bind::BigInts(updated.collect()),
        Bind::Texts(moved.iter().map(|(_, (body, _))| body.as_str()).collect()),
    ]);
}

fn approval_binds<'a>(write: &'a Write, columns: &'a Columns, binds: &mut Vec<Bind<'a>>) {
    let rows = &write.approvals;
    let due = |one: &Approval| one.due_at().map_or(-1, Timestamp::micros);
    binds.extend([
        Bind::Texts(rows.iter().map(|one| &*one.approval_id).collect()),
        Bind::Texts(rows.iter().map(|one| &*one.request_id).collect()),
        Bind::Texts(rows.iter().map(|one| &*one.subject).collect()),
        Bind::Texts(rows.iter().map(|one| &*one.action).collect()),
        Bind::Texts(rows.iter().map(|one| one.state.as_str()).collect()),
        Bind::BigInts(rows.iter().map(|one| one.requested_at.micros()).collect()),
        Bind::BigInts(rows.iter().map(|one| due(one)).collect()),
        Bind::Texts(columns.approvals.iter().map(String::as_str).collect()),
    ]);
}

fn delegation_binds<'a>(write: &'a Write, columns: &'a Columns, binds: &mut Vec<Bind<'a>>) {
    let rows = &write.delegations;
    binds.extend([
        Bind::Texts(rows.iter().map(|one| &*one.delegation_id).collect()),
        Bind::Texts(rows.iter().map(|one| &*one.from).collect()),
        Bind::Texts(rows.iter().map(|one| &*one.to).collect()),
        Bind::BigInts(rows.iter().map(|one| one.over_at().micros()).collect()),
        Bind::Texts(columns.delegations.iter().map(String::as_str).collect()),
    ]);
}

fn budget_binds<'a>(write: &'a Write, columns: &'a Columns, binds: &mut Vec<Bind<'a>>) {
    let budgets = &write.budgets;
    binds.extend([
        Bind::Texts(budgets.iter().map(|(key, _)| &*key.limit).collect()),
        Bind::Texts(budgets.iter().map(|(key, _)| &*key.key).collect()),
        Bind::BigInts(budgets.iter().map(|(_, budget)| budget.count).collect()),
        Bind::Texts(columns.sums.iter().map(String::as_str).collect()),
    ]);
    let reserved = &write.reserved;
    binds.extend([
        Bind::Texts(reserved.iter().map(|(key, _)| &*key.limit).collect()),
        Bind::Texts(reserved.iter().map(|(key, _)| &*key.key).collect()),
        Bind::Texts(reserved.iter().map(|(_, one)| &*one.request_id).collect()),
        Bind::BigInts(reserved.iter().map(|(_, one)| one.at.micros()).collect()),
        Bind::Texts(columns.amounts.iter().map(String::as_str).collect()),
    ]);
    let released = &write.released;
    binds.extend([
        Bind::Texts(released.iter().map(|(key, _)| &*key.limit).collect()),
        Bind::Texts(released.iter().map(|(key, _)| &*key.key).collect()),
        Bind::Texts(released.iter().map(|(_, one)| &*one.request_id).collect()),
    ]);
}

fn tally_binds<'a>(write: &'a Write, columns: &'a Columns, binds: &mut Vec<Bind<'a>>) {
    let rows = &write.tallies;
    binds.extend([
        Bind::Texts(rows.iter().map(|one| &*one.of.name).collect()),
        Bind::Texts(rows.iter().map(|one| &*one.of.key).collect()),
        Bind::BigInts(rows.iter().map(|one| one.hour).collect()),
        Bind::BigInts(rows.iter().map(|one| one.added.count).collect()),
        Bind::BigInts(rows.iter().map(|one| one.added.sum).collect()),
        Bind::BigInts(rows.iter().map(|one| one.added.is_told.into()).collect()),
        Bind::BigInts(rows.iter().map(|one| one.keep_until).collect()),
    ]);
    let rows = &write.anomalies;
    binds.extend([
        Bind::Texts(rows.iter().map(|one| &*one.anomaly).collect()),
        Bind::Texts(rows.iter().map(|one| &*one.key).collect()),
        Bind::BigInts(rows.iter().map(|one| hour_of(one.at)).collect()),
        Bind::BigInts(rows.iter().map(|one| one.at.micros()).collect()),
        Bind::Texts(columns.anomalies.iter().map(String::as_str).collect()),
    ]);
}
