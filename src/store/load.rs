//! What a batch reads: the subjects, the keys, and what decisions ask for.
//!
//! PostgreSQL takes one round trip for each of these, whatever the size of the batch.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use diesel::{
    dsl::{count_star, sql},
    prelude::*,
    sql_types::{BigInt, Bool},
};
use serde_json::Value;

use super::{
    connection::{Connection, Dialect, on},
    conversations::read_state,
    error::StoreError,
    escalations::{EscalationRow, to_escalation},
    journal::{SEEN, SeenRow, TAIL, TailRow, bytes, to_seen, to_tail},
    reader::Reader,
    schema::{attempts, escalations, journal, subjects, tail, teams, tickets},
    tickets::{IS_UNFINISHED, TicketRow, to_ticket},
    writer::Opening,
};
use crate::domain::{
    ids::{EventKey, SubjectId},
    record::{Seen, Tail},
    time::Timestamp,
    world::{CONTEXT_MESSAGES, Need, Subject, TeamLoad, World},
};

mod actions;
mod channels;
pub(super) mod clocks;
mod delegations;
pub(super) mod histories;
mod postgres;
pub(super) mod procedures;
pub(super) mod tallies;

/// A subject's row as a batch reads it: id, version, `decided_at`, state.
type SubjectRow = (String, i64, i64, Option<String>);

/// A message's row: subject, time, body.
type MessageRow = (String, i64, String);

/// A key and how often it was tried.
type AttemptRow = (Vec<u8>, i64);

/// The type of the events that carry messages.
const MESSAGE: &str = "conversation.message";

impl Reader {
    /// Reads more of what a decision needs to know, as it is at the moment, outside any batch.
    ///
    /// *Shape*: as a batch has it; `subjects` are sorted, and `needs` are none that lock.
    pub fn world(
        &mut self,
        subjects: &[SubjectId],
        needs: &[Need],
        mut world: World,
    ) -> Result<World, StoreError> {
        self.ask(move |connection| {
            let opening = open(connection, subjects, &[])?;
            world.subjects.extend(opening.world.subjects);
            world.tickets.extend(opening.world.tickets);
            clocks::load(connection, needs, &mut clocks::Shelf::default(), &mut world)?;
            procedures::load(
                connection,
                needs,
                &mut procedures::Shelf::default(),
                &mut world,
            )?;
            self::needs(connection, needs, opening.now, &mut world)?;
            Ok(world)
        })
    }
}

/// Loads the subjects, looks the keys up, loads the open tickets.
pub(super) fn open(
    connection: &mut Connection,
    ids: &[SubjectId],
    keys: &[EventKey],
) -> Result<Opening, StoreError> {
    let (now, rows) = load_subjects(connection, ids)?;
    let seen = seen(connection, keys)?;
    let mut world = World::default();
    for row in rows {
        let subject = to_subject(row)?;
        world.subjects.insert(subject.id.clone(), subject);
    }
    let open: BTreeSet<String> = world
        .subjects
        .values()
        .filter_map(|subject| subject.conversation.as_ref())
        .flat_map(|conversation| conversation.open_tickets.iter().cloned())
        .collect();
    load_tickets(connection, &open, &mut world)?;
    Ok(Opening { now, world, seen })
}

fn load_subjects(
    connection: &mut Connection,
    ids: &[SubjectId],
) -> Result<(Timestamp, Vec<SubjectRow>), StoreError> {
    let ids: Vec<&str> = ids.iter().map(SubjectId::as_str).collect();
    match connection {
        Connection::Postgres(c) => postgres::subjects(c, &ids),
        Connection::Sqlite(c) => {
            let mut rows = Vec::with_capacity(ids.len());
            // One prepared look-up a subject: a list of binds would be prepared anew each time, and
            // so would `first`, since SQLite plans for the value of its LIMIT.
            for id in ids {
                let row: Option<SubjectRow> = subjects::table
                    .filter(subjects::id.eq(id))
                    .select((
                        subjects::id,
                        subjects::version,
                        subjects::decided_at,
                        subjects::state,
                    ))
                    .get_result(&mut **c)
                    .optional()?;
                rows.extend(row);
            }
            Ok((connection.clock()?, rows))
        }
    }
}

fn seen(connection: &mut Connection, keys: &[EventKey]) -> Result<Vec<Seen>, StoreError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<&[u8]> = keys.iter().map(|key| key.0.as_slice()).collect();
    let mut rows: Vec<SeenRow> = Vec::new();
    match connection {
        Connection::Postgres(c) => rows.extend(
            journal::table
                .filter(journal::key.eq_any(keys))
                .select(SEEN)
                .load::<SeenRow>(&mut **c)?,
        ),
        Connection::Sqlite(c) => {
            for key in keys {
                rows.extend(
                    journal::table
                        .filter(journal::key.eq(key))
                        .select(SEEN)
                        .get_result::<SeenRow>(&mut **c)
                        .optional()?,
                );
            }
        }
    }
    rows.into_iter().map(to_seen).collect()
}

/// Reads the end of the history, under its lock.
pub(super) fn tail(connection: &mut Connection) -> Result<Tail, StoreError> {
    let row: TailRow = match connection {
        Connection::Postgres(c) => tail::table
            .select(TAIL)
            .for_no_key_update()
            .get_result(&mut **c)?,
        Connection::Sqlite(c) => tail::table.select(TAIL).get_result(&mut **c)?,
    };
    to_tail(row)
}

/// Reads how many attempts there were at these keys; a key without any is absent.
pub(super) fn attempts_so_far(
    connection: &mut Connection,
    keys: &[EventKey],
) -> Result<HashMap<EventKey, i64>, StoreError> {
    let keys: Vec<&[u8]> = keys.iter().map(|key| key.0.as_slice()).collect();
    let rows: Vec<AttemptRow> = on!(connection, c => attempts::table
        .filter(attempts::key.eq_any(keys))
        .select((attempts::key, attempts::count))
        .load(c)?);
    to_counts(rows)
}

/// Adds one attempt to each of the keys, which are sorted and each there once.
pub(super) fn add_attempts(
    connection: &mut Connection,
    keys: &[EventKey],
) -> Result<HashMap<EventKey, i64>, StoreError> {
    let keys: Vec<&[u8]> = keys.iter().map(|key| key.0.as_slice()).collect();
    let mut rows: Vec<AttemptRow> = Vec::with_capacity(keys.len());
    match connection {
        Connection::Postgres(c) => rows = postgres::add_attempts(c, &keys)?,
        Connection::Sqlite(c) => {
            let now = || sql::<BigInt>(SqliteConnection::CLOCK);
            for key in keys {
                let row = diesel::insert_into(attempts::table)
                    .values((
                        attempts::key.eq(key),
                        attempts::count.eq(1),
                        attempts::at.eq(now()),
                    ))
                    .on_conflict(attempts::key)
                    .do_update()
                    .set((
                        attempts::count.eq(attempts::count + 1),
                        attempts::at.eq(now()),
                    ))
                    .returning((attempts::key, attempts::count))
                    .get_result(&mut **c)?;
                rows.push(row);
            }
        }
    }
    to_counts(rows)
}

fn to_counts(rows: Vec<AttemptRow>) -> Result<HashMap<EventKey, i64>, StoreError> {
    rows.into_iter()
        .map(|(key, count)| Ok((EventKey(bytes("attempts.key", &key)?), count)))
        .collect()
}

/// Loads what decisions asked for, each kind in one go.
pub(super) fn needs(
    connection: &mut Connection,
    needs: &[Need],
    now: Timestamp,
    world: &mut World,
) -> Result<(), StoreError> {
    let mut tickets = BTreeSet::new();
    let mut escalations = BTreeSet::new();
    let mut messages = BTreeSet::new();
    let mut teams = BTreeSet::new();
    let mut merge_targets = BTreeSet::new();
    for need in needs {
        match need {
            Need::Escalation(id) => {
                escalations.insert(id.clone());
            }
            Need::MergeTarget(name) => {
                merge_targets.insert(name.clone());
            }
            Need::Messages(id) => {
                messages.insert(id.clone());
            }
            Need::Team(name) => {
                teams.insert(name.clone());
            }
            Need::Ticket(id) => {
                tickets.insert(id.clone());
            }
            Need::Approval(_)
            | Need::Budget(..)
            | Need::Channel(_)
            | Need::Clocks(_)
            | Need::Delegations(_)
            | Need::Execution(_)
            | Need::History(_)
            | Need::Procedures
            | Need::Request(_)
            | Need::Run(_)
            | Need::Tally(_)
            | Need::Terms(_)
            | Need::TicketNumber
            | Need::TokenOwners
            | Need::Version(..) => {}
        }
    }
    load_tickets(connection, &tickets, world)?;
    load_merge_targets(connection, merge_targets, world)?;
    load_escalations(connection, &escalations, world)?;
    load_messages(connection, &messages, world)?;
    channels::load(connection, needs, now, world)?;
    // Last, since the rows of teams and budgets are locks that others wait for.
    load_teams(connection, &teams, world)?;
    actions::needs(connection, needs, now, world)
}

fn load_tickets(
    connection: &mut Connection,
    ids: &BTreeSet<String>,
    world: &mut World,
) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    let mut rows: Vec<TicketRow> = Vec::with_capacity(ids.len());
    match connection {
        Connection::Postgres(c) => {
            rows = tickets::table
                .filter(tickets::ticket_id.eq_any(ids))
                .select(TicketRow::as_select())
                .load(&mut **c)?;
        }
        Connection::Sqlite(c) => {
            // As above: a list would be prepared anew each time.
            for id in ids {
                let row = tickets::table
                    .filter(tickets::ticket_id.eq(id))
                    .select(TicketRow::as_select())
                    .get_result(&mut **c)
                    .optional()?;
                rows.extend(row);
            }
        }
    }
    for id in ids {
        world.tickets.entry(id.clone()).or_insert(None);
    }
    for row in rows {
        let ticket = to_ticket(row)?;
        world
            .tickets
            .insert(ticket.ticket_id.clone(), Some(Arc::new(ticket)));
    }
    Ok(())
}

/// Merging is rare: one query a ticket will do.
fn load_merge_targets(
    connection: &mut Connection,
    names: BTreeSet<String>,
    world: &mut World,
) -> Result<(), StoreError> {
    for name in names {
        let number: i64 = name.parse().unwrap_or(0);
        let row: Option<TicketRow> = on!(connection, c => tickets::table
            .filter(tickets::ticket_id.eq(&name).or(tickets::number.eq(number)))
            .select(TicketRow::as_select())
            .first(c)
            .optional()?);
        let found = row.map(to_ticket).transpose()?.map(Arc::new);
        world.merge_targets.insert(name, found);
    }
    Ok(())
}

fn load_escalations(
    connection: &mut Connection,
    ids: &BTreeSet<String>,
    world: &mut World,
) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    let rows: Vec<EscalationRow> = on!(connection, c => escalations::table
        .filter(escalations::escalation_id.eq_any(ids))
        .select(EscalationRow::as_select())
        .load(c)?);
    for id in ids {
        world.escalations.entry(id.clone()).or_insert(None);
    }
    for row in rows {
        let escalation = to_escalation(row)?;
        world
            .escalations
            .insert(escalation.escalation_id.clone(), Some(Arc::new(escalation)));
    }
    Ok(())
}

fn load_messages(
    connection: &mut Connection,
    ids: &BTreeSet<SubjectId>,
    world: &mut World,
) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    let texts: Vec<&str> = ids.iter().map(SubjectId::as_str).collect();
    let limit = i64::try_from(CONTEXT_MESSAGES).unwrap_or(i64::MAX);
    let mut rows: Vec<MessageRow> = Vec::new();
    match connection {
        Connection::Postgres(c) => rows = postgres::messages(c, &texts, limit)?,
        Connection::Sqlite(c) => {
            for id in texts {
                rows.extend(
                    journal::table
                        .filter(journal::subject.eq(id))
                        .filter(journal::kind.eq(MESSAGE))
                        .order(journal::version.desc())
                        .limit(limit)
                        .select((journal::subject, journal::time, journal::body))
                        .load::<MessageRow>(&mut **c)?,
                );
            }
        }
    }
    for id in ids {
        world.messages.insert(id.clone(), Vec::new());
    }
    // The newest come first.
    for (subject, time, body) in rows.into_iter().rev() {
        if let Some(messages) = world.messages.get_mut(subject.as_str()) {
            messages.extend(to_message(time, &body));
        }
    }
    Ok(())
}

/// Locks the teams' rows, making those that are absent, and counts their unfinished tickets.
fn load_teams(
    connection: &mut Connection,
    names: &BTreeSet<String>,
    world: &mut World,
) -> Result<(), StoreError> {
    if names.is_empty() {
        return Ok(());
    }
    let mut turns: HashMap<String, i64> = HashMap::with_capacity(names.len());
    // Sorted, so that two batches meet in the same order; a write locks on both databases.
    for name in names {
        let turn: i64 = on!(connection, c => diesel::insert_into(teams::table)
            .values((teams::name.eq(name), teams::turn.eq(0)))
            .on_conflict(teams::name)
            .do_update()
            .set(teams::turn.eq(teams::turn))
            .returning(teams::turn)
            .get_result(c)?);
        turns.insert(name.clone(), turn);
    }
    let rows: Vec<(Option<String>, Option<String>, i64)> = on!(connection, c => tickets::table
        .filter(tickets::team.eq_any(names))
        .filter(sql::<Bool>(IS_UNFINISHED))
        .group_by((tickets::team, tickets::assignee))
        .select((tickets::team, tickets::assignee, count_star()))
        .load(c)?);
    for (name, turn) in turns {
        world.teams.insert(
            name,
            TeamLoad {
                turn,
                ..TeamLoad::default()
            },
        );
    }
    for (team, assignee, count) in rows {
        let load = team.and_then(|team| world.teams.get_mut(&team));
        if let (Some(load), Some(assignee)) = (load, assignee) {
            load.open.insert(assignee, count);
        }
    }
    Ok(())
}

fn to_subject((id, version, decided_at, state): SubjectRow) -> Result<Subject, StoreError> {
    let conversation = state
        .map(|state| read_state(&id, &state).map(Arc::new))
        .transpose()?;
    Ok(Subject {
        id: SubjectId::from(id),
        version,
        decided_at: Timestamp::from_micros(decided_at),
        conversation,
    })
}

/// Gives the message of an event with its time; `None` when the event states none.
fn to_message(time: i64, body: &str) -> Option<Value> {
    let mut event: Value = serde_json::from_str(body).ok()?;
    let mut message = event.get_mut("data")?.get_mut("message")?.take();
    let members = message.as_object_mut()?;
    members.insert(
        "time".to_owned(),
        Value::String(Timestamp::from_micros(time).to_string()),
    );
    Some(message)
}
