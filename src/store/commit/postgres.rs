//! Writing a batch on PostgreSQL: one statement that writes every table from arrays.
//!
//! It locks the tail, then the daemon's row, and everything else hangs on those: nothing is
//! written when the history ends elsewhere or the daemon is retired. Since it is a
//! transaction by itself, that must not be found out afterwards.
//!
//! There are four shapes of it, so that each is prepared once: the usual batch moves the
//! journal, subjects and audit log alone; others carry the tables of actions, those of
//! tickets, notices and all that is rare, or both.

mod actions;
mod clocks;
mod desk;
mod notices;

use diesel::{PgConnection, RunQueryDsl, sql_types::BigInt};

use self::{actions::actions, clocks::clocks, desk::desk, notices::notices};
use super::{Written, further_rules, json, subject_columns};
use crate::{
    domain::{record::Write, ticket::ClosedAs, time::Timestamp},
    store::{
        error::StoreError,
        fixed::{Bind, Fixed, Statement},
    },
};

/// What every batch writes; 45 binds. Ends within the list of parts.
macro_rules! usual {
    () => {
        "WITH held AS ( \
            SELECT id FROM tail WHERE id = 1 AND position = ? FOR NO KEY UPDATE \
        ), daemon_row AS ( \
            UPDATE daemons SET watermark = greatest(watermark, ?) \
            WHERE id = ? AND EXISTS (SELECT 1 FROM held) RETURNING id \
        ), tail_row AS ( \
            UPDATE tail SET position = ?, audit_sequence = ?, audit_hash = ? \
            WHERE EXISTS (SELECT 1 FROM daemon_row) \
        ), journal_rows AS ( \
            INSERT INTO journal (position, key, subject, version, kind, time, decided_at, body, \
                digest, facts, policy, results, reply_to, correlation_id, daemon) \
            SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
            WHERE EXISTS (SELECT 1 FROM daemon_row) \
        ), subject_rows AS ( \
            INSERT INTO subjects (id, version, decided_at, state, channel, customer_id, status, \
                started_at, created) \
            SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?) \
            WHERE EXISTS (SELECT 1 FROM daemon_row) \
            ON CONFLICT (id) DO UPDATE SET version = excluded.version, \
                decided_at = excluded.decided_at, state = excluded.state, \
                channel = excluded.channel, customer_id = excluded.customer_id, \
                status = excluded.status, started_at = excluded.started_at \
        ), audit_rows AS ( \
            INSERT INTO audit (sequence, position, at, subject, actor, action, outcome, rule, \
                body, hash, customer, amount) \
            SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
            WHERE EXISTS (SELECT 1 FROM daemon_row) \
        ), person_rows AS ( \
            INSERT INTO audit_persons (label, salt, value, at) \
            SELECT * FROM unnest(?, ?, ?, ?) \
            WHERE EXISTS (SELECT 1 FROM daemon_row) \
        )"
    };
}

/// What few batches write, besides what the desk does; 56 binds.
macro_rules! rest {
    () => {
        ", ticket_rows AS ( \
            INSERT INTO tickets (ticket_id, number, conversation_id, subject, description, status, \
                priority, category, team, assignee, tags, link, created_at, updated_at, context, \
                created_by, resolved_at, reopened, closed_as, merged_into) \
            SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
            WHERE EXISTS (SELECT 1 FROM daemon_row) \
            ON CONFLICT (ticket_id) DO UPDATE SET subject = excluded.subject, \
                description = excluded.description, status = excluded.status, \
                priority = excluded.priority, category = excluded.category, \
                team = excluded.team, assignee = excluded.assignee, tags = excluded.tags, \
                link = excluded.link, updated_at = excluded.updated_at, \
                resolved_at = excluded.resolved_at, reopened = excluded.reopened, \
                closed_as = excluded.closed_as, merged_into = excluded.merged_into \
        ), escalation_rows AS ( \
            INSERT INTO escalations (escalation_id, conversation_id, trigger, rule, reason, \
                priority, team, ticket_id, state, raised_at, acknowledged_by, settled_by, \
                updated_at) \
            SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
            WHERE EXISTS (SELECT 1 FROM daemon_row) \
            ON CONFLICT (escalation_id) DO UPDATE SET reason = excluded.reason, \
                priority = excluded.priority, team = excluded.team, \
                ticket_id = excluded.ticket_id, state = excluded.state, \
                acknowledged_by = excluded.acknowledged_by, settled_by = excluded.settled_by, \
                updated_at = excluded.updated_at \
        ), team_rows AS ( \
            INSERT INTO teams (name, turn) SELECT * FROM unnest(?, ?) \
            WHERE EXISTS (SELECT 1 FROM daemon_row) \
            ON CONFLICT (name) DO UPDATE SET turn = excluded.turn \
        ), rule_rows AS ( \
            INSERT INTO audit_rules (rule, sequence) SELECT * FROM unnest(?, ?) \
            WHERE EXISTS (SELECT 1 FROM daemon_row) \
        ), seal_rows AS ( \
            INSERT INTO seals (last, first, seal_id, at, root, previous, signature, public_key) \
            SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?) \
            WHERE EXISTS (SELECT 1 FROM daemon_row) \
            ON CONFLICT DO NOTHING \
        ), parked_rows AS ( \
            INSERT INTO parked (parked_id, at, reason, detail, event_id, entry, transport, content) \
            SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?) \
            WHERE EXISTS (SELECT 1 FROM daemon_row) \
            ON CONFLICT (parked_id) DO NOTHING \
        ), unparked_rows AS ( \
            DELETE FROM parked WHERE parked_id = ANY(?) AND EXISTS (SELECT 1 FROM daemon_row) \
        ), attempt_rows AS ( \
            DELETE FROM attempts WHERE key = ANY(?) AND EXISTS (SELECT 1 FROM daemon_row) \
        )"
    };
}

/// The statement's last part: how many rows of the tail and of daemons it had.
macro_rules! answer {
    () => {
        " SELECT (SELECT count(*) FROM held), (SELECT count(*) FROM daemon_row)"
    };
}

struct Usual;

impl Statement for Usual {
    const TEXT: &'static str = concat!(usual!(), answer!());
    type Row = (BigInt, BigInt);
}

struct WithRest;

impl Statement for WithRest {
    const TEXT: &'static str =
        concat!(usual!(), rest!(), clocks!(), notices!(), desk!(), answer!());
    type Row = (BigInt, BigInt);
}

struct WithActions;

impl Statement for WithActions {
    const TEXT: &'static str = concat!(usual!(), actions!(), answer!());
    type Row = (BigInt, BigInt);
}

struct Whole;

impl Statement for Whole {
    const TEXT: &'static str = concat!(
        usual!(),
        actions!(),
        rest!(),
        clocks!(),
        notices!(),
        desk!(),
        answer!()
    );
    type Row = (BigInt, BigInt);
}

/// Writes a batch after a position.
pub(super) fn write(
    connection: &mut PgConnection,
    write: &Write,
    after: i64,
) -> Result<Written, StoreError> {
    let subjects = subject_columns(write)?;
    let texts = Texts::of(write)?;
    let said = desk::Columns::of(write)?;
    let mut binds = Vec::with_capacity(95);
    binds.extend([
        Bind::BigInt(after),
        Bind::BigInt(write.watermark.1),
        Bind::BigInt(write.watermark.0),
        Bind::BigInt(write.tail.position),
        Bind::BigInt(write.tail.audit_sequence),
        Bind::Bytes(&write.tail.audit_hash),
    ]);
    journal_binds(write, &mut binds);
    binds.extend([
        Bind::Texts(subjects.iter().map(|row| row.id).collect()),
        Bind::BigInts(subjects.iter().map(|row| row.version).collect()),
        Bind::BigInts(subjects.iter().map(|row| row.decided_at).collect()),
        Bind::OptionalTexts(subjects.iter().map(|row| row.state.as_deref()).collect()),
        Bind::Texts(subjects.iter().map(|row| row.channel).collect()),
        Bind::Texts(subjects.iter().map(|row| row.customer_id).collect()),
        Bind::Texts(subjects.iter().map(|row| row.status).collect()),
        Bind::BigInts(subjects.iter().map(|row| row.started_at).collect()),
        Bind::BigInts(subjects.iter().map(|row| row.created).collect()),
    ]);
    audit_binds(write, &mut binds);
    let columns = actions::Columns::of(write)?;
    let notices = notices::Columns::of(write)?;
    let has_actions = actions::has(write);
    if has_actions {
        actions::binds(write, &columns, &mut binds);
    }
    let clocks = clocks::Columns::of(write)?;
    let has_rest = has_rest(write);
    if has_rest {
        ticket_binds(write, &texts, &mut binds);
        escalation_binds(write, &mut binds);
        rest_binds(write, &mut binds);
        clocks::binds(write, &clocks, &mut binds);
        notices::binds(write, &notices, &mut binds);
        desk::binds(write, &said, &mut binds);
    }
    let rows: Vec<(i64, i64)> = match (has_actions, has_rest) {
        (false, false) => Fixed::<Usual>::new(binds).load(connection)?,
        (true, false) => Fixed::<WithActions>::new(binds).load(connection)?,
        (false, true) => Fixed::<WithRest>::new(binds).load(connection)?,
        (true, true) => Fixed::<Whole>::new(binds).load(connection)?,
    };
    Ok(match rows.first() {
        Some((1, 1)) if !desk::stand(connection, &write.relied_on)? => Written::Stale,
        Some((1, 1)) => Written::All,
        Some((1, _)) => Written::Retired,
        _ => Written::Stale,
    })
}

fn has_rest(write: &Write) -> bool {
    !(write.tickets.is_empty()
        && write.clocks.is_empty()
        && write.transitions.is_empty()
        && write.comments.is_empty()
        && write.procedures.is_empty()
        && write.escalations.is_empty()
        && !notices::has(write)
        && write.teams.is_empty()
        && write.audit.iter().all(|row| row.more_rules.is_empty())
        && write.seals.is_empty()
        && write.parked.is_empty()
        && write.unparked.is_empty()
        && write.attempts_over.is_empty())
}

/// The texts of tickets that are made for the statement alone.
struct Texts {
    tags: Vec<String>,
    contexts: Vec<Option<String>>,
}

impl Texts {
    fn of(write: &Write) -> Result<Self, StoreError> {
        let tags = write.tickets.iter().map(|ticket| json(&ticket.tags));
        let contexts = write
            .tickets
            .iter()
            .map(|ticket| ticket.context.as_ref().map(json).transpose());
        Ok(Self {
            tags: tags.collect::<Result<_, _>>()?,
            contexts: contexts.collect::<Result<_, _>>()?,
        })
    }
}

fn journal_binds<'a>(write: &'a Write, binds: &mut Vec<Bind<'a>>) {
    let rows = &write.journal;
    binds.extend([
        Bind::BigInts(rows.iter().map(|row| row.position).collect()),
        Bind::BytesList(rows.iter().map(|row| row.key.0.as_slice()).collect()),
        Bind::Texts(rows.iter().map(|row| row.subject.as_str()).collect()),
        Bind::BigInts(rows.iter().map(|row| row.version).collect()),
        Bind::Texts(rows.iter().map(|row| row.kind.as_str()).collect()),
        Bind::BigInts(rows.iter().map(|row| row.time.micros()).collect()),
        Bind::BigInts(rows.iter().map(|row| row.decided_at.micros()).collect()),
        Bind::Texts(rows.iter().map(|row| row.body.as_ref()).collect()),
        Bind::BytesList(rows.iter().map(|row| row.digest.as_slice()).collect()),
        Bind::Texts(rows.iter().map(|row| row.facts.as_str()).collect()),
        Bind::Texts(rows.iter().map(|row| row.policy.as_ref()).collect()),
        Bind::Texts(rows.iter().map(|row| row.results.as_str()).collect()),
        Bind::OptionalTexts(rows.iter().map(|row| row.reply_to.as_deref()).collect()),
        Bind::OptionalTexts(
            rows.iter()
                .map(|row| row.correlation_id.as_deref())
                .collect(),
        ),
        Bind::BigInts(rows.iter().map(|row| row.daemon).collect()),
    ]);
}

fn audit_binds<'a>(write: &'a Write, binds: &mut Vec<Bind<'a>>) {
    let rows = &write.audit;
    binds.extend([
        Bind::BigInts(rows.iter().map(|row| row.entry.sequence).collect()),
        Bind::BigInts(rows.iter().map(|row| row.entry.position).collect()),
        Bind::BigInts(rows.iter().map(|row| row.at.micros()).collect()),
        Bind::Texts(rows.iter().map(|row| row.subject.as_str()).collect()),
        Bind::Texts(rows.iter().map(|row| row.actor.as_str()).collect()),
        Bind::Texts(rows.iter().map(|row| row.action.as_str()).collect()),
        Bind::Texts(rows.iter().map(|row| row.outcome).collect()),
        Bind::Texts(rows.iter().map(|row| row.rule.as_str()).collect()),
        Bind::Texts(rows.iter().map(|row| row.entry.body.as_str()).collect()),
        Bind::BytesList(rows.iter().map(|row| row.entry.hash.as_slice()).collect()),
        Bind::OptionalTexts(rows.iter().map(|row| row.customer.as_deref()).collect()),
        Bind::OptionalBigInts(rows.iter().map(|row| row.amount).collect()),
    ]);
    let persons = &write.persons;
    binds.extend([
        Bind::Texts(persons.iter().map(|row| row.label.as_str()).collect()),
        Bind::BytesList(persons.iter().map(|row| row.salt.as_slice()).collect()),
        Bind::Texts(persons.iter().map(|row| row.value.as_str()).collect()),
        Bind::BigInts(persons.iter().map(|row| row.at.micros()).collect()),
    ]);
}

fn ticket_binds<'a>(write: &'a Write, texts: &'a Texts, binds: &mut Vec<Bind<'a>>) {
    let rows = &write.tickets;
    binds.extend([
        Bind::Texts(rows.iter().map(|row| row.ticket_id.as_str()).collect()),
        Bind::BigInts(rows.iter().map(|row| row.number).collect()),
        Bind::Texts(
            rows.iter()
                .map(|row| row.conversation_id.as_str())
                .collect(),
        ),
        Bind::Texts(rows.iter().map(|row| row.subject.as_str()).collect()),
        Bind::OptionalTexts(rows.iter().map(|row| row.description.as_deref()).collect()),
        Bind::Texts(rows.iter().map(|row| row.status.as_str()).collect()),
        Bind::Texts(rows.iter().map(|row| row.priority.as_str()).collect()),
        Bind::OptionalTexts(rows.iter().map(|row| row.category.as_deref()).collect()),
        Bind::OptionalTexts(rows.iter().map(|row| row.team.as_deref()).collect()),
        Bind::OptionalTexts(rows.iter().map(|row| row.assignee.as_deref()).collect()),
        Bind::Texts(texts.tags.iter().map(String::as_str).collect()),
        Bind::Texts(rows.iter().map(|row| row.link.as_str()).collect()),
        Bind::BigInts(rows.iter().map(|row| row.created_at.micros()).collect()),
        Bind::BigInts(rows.iter().map(|row| row.updated_at.micros()).collect()),
        Bind::OptionalTexts(texts.contexts.iter().map(Option::as_deref).collect()),
        Bind::Texts(rows.iter().map(|row| row.created_by.as_str()).collect()),
        Bind::OptionalBigInts(
            rows.iter()
                .map(|row| row.resolved_at.map(Timestamp::micros))
                .collect(),
        ),
        Bind::BigInts(rows.iter().map(|row| row.reopened.into()).collect()),
        Bind::OptionalTexts(
            rows.iter()
                .map(|row| row.closed_as.map(ClosedAs::as_str))
                .collect(),
        ),
        Bind::OptionalTexts(rows.iter().map(|row| row.merged_into.as_deref()).collect()),
    ]);
}

fn escalation_binds<'a>(write: &'a Write, binds: &mut Vec<Bind<'a>>) {
    let rows = &write.escalations;
    binds.extend([
        Bind::Texts(rows.iter().map(|row| row.escalation_id.as_str()).collect()),
        Bind::Texts(
            rows.iter()
                .map(|row| row.conversation_id.as_str())
                .collect(),
        ),
        Bind::Texts(rows.iter().map(|row| row.trigger.as_str()).collect()),
        Bind::OptionalTexts(rows.iter().map(|row| row.rule.as_deref()).collect()),
        Bind::Texts(rows.iter().map(|row| row.reason.as_str()).collect()),
        Bind::Texts(rows.iter().map(|row| row.priority.as_str()).collect()),
        Bind::OptionalTexts(rows.iter().map(|row| row.team.as_deref()).collect()),
        Bind::OptionalTexts(rows.iter().map(|row| row.ticket_id.as_deref()).collect()),
        Bind::Texts(rows.iter().map(|row| row.state.as_str()).collect()),
        Bind::BigInts(rows.iter().map(|row| row.raised_at.micros()).collect()),
        Bind::OptionalTexts(
            rows.iter()
                .map(|row| row.acknowledged_by.as_deref())
                .collect(),
        ),
        Bind::OptionalTexts(rows.iter().map(|row| row.settled_by.as_deref()).collect()),
        Bind::BigInts(rows.iter().map(|row| row.updated_at.micros()).collect()),
    ]);
}

fn seal_binds<'a>(write: &'a Write, binds: &mut Vec<Bind<'a>>) {
    let rows = &write.seals;
    binds.extend([
        Bind::BigInts(rows.iter().map(|(row, _)| row.last).collect()),
        Bind::BigInts(rows.iter().map(|(row, _)| row.first).collect()),
        Bind::Texts(rows.iter().map(|(row, _)| row.seal_id.as_str()).collect()),
        Bind::BigInts(rows.iter().map(|(_, at)| at.micros()).collect()),
        Bind::BytesList(rows.iter().map(|(row, _)| row.root.as_slice()).collect()),
        Bind::Texts(rows.iter().map(|(row, _)| row.previous.as_str()).collect()),
        Bind::BytesList(
            rows.iter()
                .map(|(row, _)| row.signature.as_slice())
                .collect(),
        ),
        Bind::BytesList(
            rows.iter()
                .map(|(row, _)| row.public_key.as_slice())
                .collect(),
        ),
    ]);
}

fn rest_binds<'a>(write: &'a Write, binds: &mut Vec<Bind<'a>>) {
    let parked = &write.parked;
    binds.extend([
        Bind::Texts(write.teams.iter().map(|(name, _)| name.as_str()).collect()),
        Bind::BigInts(write.teams.iter().map(|&(_, turn)| turn).collect()),
    ]);
    let further: Vec<(&str, i64)> = further_rules(write).collect();
    binds.extend([
        Bind::Texts(further.iter().map(|(rule, _)| *rule).collect()),
        Bind::BigInts(further.iter().map(|&(_, sequence)| sequence).collect()),
    ]);
    seal_binds(write, binds);
    binds.extend([
        Bind::Texts(
            parked
                .iter()
                .map(|(row, _)| row.parked_id.as_str())
                .collect(),
        ),
        Bind::BigInts(parked.iter().map(|(_, at)| at.micros()).collect()),
        Bind::Texts(parked.iter().map(|(row, _)| row.reason.as_str()).collect()),
        Bind::Texts(parked.iter().map(|(row, _)| row.detail.as_str()).collect()),
        Bind::OptionalTexts(
            parked
                .iter()
                .map(|(row, _)| row.event_id.as_deref())
                .collect(),
        ),
        Bind::Texts(parked.iter().map(|(row, _)| row.entry.as_str()).collect()),
        Bind::Texts(
            parked
                .iter()
                .map(|(row, _)| row.transport.as_str())
                .collect(),
        ),
        Bind::BytesList(parked.iter().map(|(row, _)| row.content.as_ref()).collect()),
        Bind::Texts(write.unparked.iter().map(String::as_str).collect()),
        Bind::BytesList(
            write
                .attempts_over
                .iter()
                .map(|key| key.0.as_slice())
                .collect(),
        ),
    ]);
}
