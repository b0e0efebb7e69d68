//! The store's suite: every test runs on SQLite, and on PostgreSQL as well when
//! `PROVOST_TEST_POSTGRES` names a database of a role that may create others.
//!
//! Here is what the tests share: a fresh database each, and batches as the daemon makes them.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use diesel::{Connection as _, PgConnection, connection::SimpleConnection};
use serde_json::{Value, json};

use super::*;
use crate::domain::{
    audit::{AuditEntry, leaf, link},
    conversation::Conversation,
    ids::{EventKey, SubjectId},
    record::{AuditRow, JournalRow, Tail, Write},
    time::Timestamp,
    world::{Subject, World},
};

mod anomalies;
mod batches;
mod clock_lists;
mod clocks;
mod daemons;
mod delegations;
mod deliveries;
mod desk;
mod erasure;
mod faults;
mod finished;
mod histories;
mod lists;
mod procedures;
mod races;
mod schedules;
mod seals;
mod speed;
mod tickets;

/// A database of its own for one test, gone with it.
pub(super) struct Scratch {
    url: String,
    folder: Option<PathBuf>,
    server: Option<(String, String)>,
}

static COUNT: AtomicU32 = AtomicU32::new(0);

impl Scratch {
    fn name() -> String {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        format!("provost_test_{}_{count}", std::process::id())
    }

    pub(super) fn sqlite() -> Self {
        let folder = std::env::temp_dir().join(Self::name());
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        Self {
            url: format!("sqlite:{}", folder.join("provost.db").display()),
            folder: Some(folder),
            server: None,
        }
    }

    /// `None` where no server is given.
    #[allow(
        clippy::disallowed_methods,
        reason = "the suite is told by the environment where a server is"
    )]
    pub(super) fn postgres() -> Option<Self> {
        let server = std::env::var("PROVOST_TEST_POSTGRES").ok()?;
        let name = Self::name();
        let mut admin = PgConnection::establish(&server).expect("the test server");
        admin
            .batch_execute(&format!("CREATE DATABASE {name}"))
            .expect("a new database");
        let (place, query) = server.split_once('?').unwrap_or((&server, ""));
        let base = place.rsplit_once('/').map_or(place, |(base, _)| base);
        let url = format!("{base}/{name}?{query}");
        Some(Self {
            url: url.trim_end_matches('?').to_owned(),
            folder: None,
            server: Some((server, name)),
        })
    }

    /// Opens the database as a command does, with its tables.
    pub(super) fn store(&self) -> Store {
        let store = Store::open(&self.url, Role::Tool).expect("opens");
        store.migrate().expect("migrates");
        store
    }

    pub(super) fn is_postgres(&self) -> bool {
        self.server.is_some()
    }

    /// Runs statements beside the store.
    pub(super) fn execute(&self, statements: &str) {
        if self.is_postgres() {
            PgConnection::establish(&self.url)
                .expect("connects")
                .batch_execute(statements)
                .expect("runs");
        } else {
            let file = self.url.trim_start_matches("sqlite:");
            diesel::SqliteConnection::establish(file)
                .expect("opens")
                .batch_execute(statements)
                .expect("runs");
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            // What is left behind lies in the system's temporary folder.
            let _ = std::fs::remove_dir_all(folder);
        }
        if let Some((server, name)) = &self.server
            && let Ok(mut admin) = PgConnection::establish(server)
        {
            let _ = admin.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)"));
        }
    }
}

/// Runs a test on each database that is there.
pub(super) fn on_each(test: impl Fn(&Scratch)) {
    test(&Scratch::sqlite());
    if let Some(scratch) = Scratch::postgres() {
        test(&scratch);
    }
}

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000 + seconds * 1_000_000)
}

pub(super) fn key(id: &str) -> EventKey {
    EventKey::of("/test", id)
}

/// An input of a test: its subject and id.
pub(super) type Given<'a> = (&'a str, &'a str);

/// The rows of a batch as the daemon makes them: a message each, an audit entry each.
pub(super) fn compose(world: &World, tail: &Tail, daemon: i64, given: &[Given<'_>]) -> Write {
    let mut subjects: BTreeMap<SubjectId, Subject> = BTreeMap::new();
    let mut journal = Vec::new();
    let mut audit = Vec::new();
    let mut end = *tail;
    for &(subject, id) in given {
        end.position += 1;
        let subject_id = SubjectId::from(subject);
        let row = subjects.entry(subject_id.clone()).or_insert_with(|| {
            world.subjects.get(subject).cloned().unwrap_or(Subject {
                id: subject_id.clone(),
                version: 0,
                decided_at: at(0),
                conversation: None,
            })
        });
        let mut conversation = row.conversation.as_deref().cloned().unwrap_or_default();
        conversation.messages += 1;
        conversation.channel = "web".to_owned();
        conversation.customer = Arc::new(members(json!({"id": format!("cus-{subject}")})));
        row.version += 1;
        row.decided_at = at(end.position);
        row.conversation = Some(Arc::new(conversation));
        journal.push(journal_row(&end, row, id, daemon));
        audit.push(audit_row(&mut end, &subject_id));
    }
    Write {
        journal,
        subjects: subjects.into_values().collect(),
        audit,
        tail: end,
        watermark: (daemon, 0),
        ..Write::default()
    }
}

fn journal_row(end: &Tail, subject: &Subject, id: &str, daemon: i64) -> JournalRow {
    let body = json!({"specversion": "1.0", "id": id, "source": "/test", "type": "conversation.message",
        "subject": subject.id, "data": {"message": {"id": format!("m-{id}"), "text": "Hällo",
        "author": {"kind": "customer", "id": "c"}}}});
    JournalRow {
        position: end.position,
        key: key(id),
        subject: subject.id.clone(),
        version: subject.version,
        kind: "conversation.message".to_owned(),
        time: at(end.position),
        decided_at: at(end.position),
        body: Arc::from(body.to_string()),
        digest: [7; 16],
        facts: "{}".to_owned(),
        policy: Arc::from("0123456789abcdef"),
        results: format!("[{{\"id\":\"r-{id}\"}}]"),
        reply_to: (end.position % 2 == 0).then(|| "answers".to_owned()),
        correlation_id: None,
        daemon,
    }
}

fn audit_row(end: &mut Tail, subject: &SubjectId) -> AuditRow {
    let body = json!({"v": 1, "subject": subject, "n": end.position}).to_string();
    end.audit_sequence += 1;
    end.audit_hash = link(
        &end.audit_hash,
        end.audit_sequence,
        end.position,
        &leaf(&body),
    );
    AuditRow {
        entry: AuditEntry {
            sequence: end.audit_sequence,
            position: end.position,
            body,
            hash: end.audit_hash,
        },
        at: at(end.position),
        subject: subject.clone(),
        actor: "customer:c".to_owned(),
        action: "conversation.message".to_owned(),
        outcome: "done",
        rule: if end.position % 2 == 0 { "Even" } else { "" }.to_owned(),
        more_rules: Vec::new(),
        customer: Some("c".to_owned()),
        amount: None,
    }
}

pub(super) fn members(value: Value) -> serde_json::Map<String, Value> {
    match value {
        Value::Object(members) => members,
        other => panic!("{other} is no object"),
    }
}

/// Opens a batch over the subjects and keys of what is given.
pub(super) fn open(writer: &mut Writer, given: &[Given<'_>]) -> Result<Opening, StoreError> {
    let mut subjects: Vec<SubjectId> = given.iter().map(|(id, _)| SubjectId::from(*id)).collect();
    subjects.sort();
    subjects.dedup();
    let keys: Vec<EventKey> = given.iter().map(|(_, id)| key(id)).collect();
    writer.begin(&subjects, &keys, true)
}

/// Commits a batch from beginning to end, with what `add` puts in besides.
pub(super) fn commit_with(
    writer: &mut Writer,
    daemon: i64,
    given: &[Given<'_>],
    add: impl FnOnce(&mut Write),
) -> Result<Write, StoreError> {
    let opening = open(writer, given)?;
    let tail = writer.tail()?;
    let mut write = compose(&opening.world, &tail, daemon, given);
    add(&mut write);
    writer.commit(&write)?;
    Ok(write)
}

pub(super) fn commit(
    writer: &mut Writer,
    daemon: i64,
    given: &[Given<'_>],
) -> Result<Write, StoreError> {
    commit_with(writer, daemon, given, |_| {})
}

/// Registers a daemon of that name and gives its id.
pub(super) fn register(store: &Store, instance: &str) -> i64 {
    store
        .desk()
        .daemon_register(instance)
        .expect("registers")
        .id
}

pub(super) fn conversation_of(opening: &Opening, id: &str) -> Conversation {
    opening
        .world
        .conversation(&SubjectId::from(id))
        .map(|conversation| (**conversation).clone())
        .expect("a conversation")
}
