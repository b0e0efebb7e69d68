//! Statements for foreign databases: PostgreSQL (`postgres://…`) and SQLite (`sqlite:FILE`).
//!
//! Values are bound and never part of the text. What the statement may do is the database's
//! own decision: it is read-only unless it is declared to write. The answer is
//! `{"rows": […], "count": n, "more": bool}`: the rows up to the most that are asked for, how
//! many there are of them (of a write without `RETURNING`: how many it wrote), and whether
//! there were more.
//!
//! The status is the one of HTTP that means the same: 200 done; 409 a constraint said no;
//! 400 any other no; 408 its time was up and it was rolled back; 503 to be tried again (a
//! deadlock, a conflict, a lock). A connection that is lost once a statement went out is
//! `Broken`: whether it was done is unknown.
//!
//! The client libraries block, so each call has a thread until it ends. A PostgreSQL server
//! ends a statement in time; one that no longer answers at all keeps its thread.

use std::{
    collections::HashMap,
    fmt,
    net::IpAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use diesel::{
    PgConnection, SqliteConnection,
    result::{DatabaseErrorKind, Error},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;

use self::{bind::Bind, statement::Statement};
use super::{Answer, BodyFault, Ended, MAX_ANSWER_BYTES, SendFault, guard::Guard, stage::Stage};
use crate::clock::{Clock, Stopwatch};

mod bind;
mod postgres;
mod sqlite;
mod statement;

/// How many connections to one database wait for their next use.
const MAX_IDLE: usize = 4;
/// How long they do.
const IDLE_TIME: Duration = Duration::from_secs(60);
/// How much of what a database says is passed on. *Units*: characters.
const MAX_SAID: usize = 300;

/// A statement with what is bound to it.
#[derive(Clone, PartialEq)]
pub struct Query {
    /// The statement, with `$1`, `$2`, … for what is bound.
    pub statement: String,
    /// What is bound, in order.
    pub binds: Vec<Value>,
    /// Whether it may write.
    pub writes: bool,
    /// How many rows it gives at most.
    pub max_rows: u32,
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({} binds, not shown)",
            self.statement,
            self.binds.len()
        )
    }
}

/// A statement made ready.
#[derive(Clone)]
struct Job {
    statement: Statement,
    binds: Vec<Bind>,
    writes: bool,
    max_rows: u32,
    timeout: Duration,
    watch: Stopwatch,
}

/// Where a database is, with the addresses that were looked at.
enum Place {
    Postgres(postgres::Server, Vec<IpAddr>),
    Sqlite(PathBuf),
}

/// A connection to either.
enum Connection {
    Postgres(Box<PgConnection>),
    Sqlite(Box<SqliteConnection>),
}

/// Why a statement gave nothing.
#[derive(Debug)]
enum Fault {
    /// The connection is of no use; nothing went out on it.
    Unusable(String),
    /// Time was up before anything went out.
    GivenUp,
    /// The database said no, or not now, and nothing was done.
    No(u16, String),
    /// The connection was lost once something went out.
    Lost(String),
}

/// What a statement gave.
struct Rows {
    lines: Vec<Value>,
    written: usize,
    bytes: usize,
    most: usize,
    has_more: bool,
}

/// Connections that wait for their next use, each with when it was put there.
type Idle = HashMap<[u8; 32], Vec<(Duration, Connection)>>;

/// The foreign databases of this daemon.
#[derive(Clone)]
pub(super) struct Databases {
    clock: Clock,
    idle: Arc<Mutex<Idle>>,
}

impl Databases {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            idle: Arc::default(),
        }
    }

    /// Runs a statement, once.
    pub(super) async fn run(
        &self,
        guard: &Guard,
        url: &SecretString,
        query: &Query,
        timeout: Duration,
    ) -> Ended {
        let job = Job::new(query, timeout)?;
        let stage = Arc::new(Stage::default());
        let work = async {
            let place = place(guard, url.expose_secret()).await?;
            let key = key(guard, url, query.writes);
            let (databases, its) = (self.clone(), Arc::clone(&stage));
            let worked = spawn_blocking(move || databases.work(&place, key, &job, &its)).await;
            // It panicked: what it did until then, nobody knows.
            worked.unwrap_or_else(|_| {
                Err(SendFault::Broken("the statement's thread ended".to_owned()))
            })
        };
        let ended = tokio::time::timeout(timeout, work).await;
        ended.unwrap_or_else(|_| Err(unfinished(&stage, "the time was up")))
    }

    fn work(&self, place: &Place, key: [u8; 32], job: &Job, stage: &Stage) -> Ended {
        let mut waiting = self.take(&key);
        loop {
            let is_fresh = waiting.is_none();
            let mut connection = match waiting.take() {
                Some(connection) => connection,
                None => place.open(job.writes).map_err(SendFault::NotSent)?,
            };
            let ran = connection.run(job, stage);
            match ran {
                Ok(rows) => {
                    self.put(key, connection);
                    return Ok(rows.answer());
                }
                Err(Fault::No(status, said)) => {
                    self.put(key, connection);
                    return Ok(refusal(status, &said));
                }
                Err(Fault::Lost(said)) => return Err(SendFault::Broken(cut(&said))),
                Err(Fault::GivenUp) => {
                    return Err(SendFault::NotSent("the time was up".to_owned()));
                }
                Err(Fault::Unusable(said)) if is_fresh => {
                    return Err(SendFault::NotSent(cut(&said)));
                }
                // It was closed while it waited.
                Err(Fault::Unusable(_)) => {}
            }
        }
    }

    fn take(&self, key: &[u8; 32]) -> Option<Connection> {
        let now = self.clock.monotonic();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|_, waiting| {
            waiting.retain(|(since, _)| now.saturating_sub(*since) < IDLE_TIME);
            !waiting.is_empty()
        });
        idle.get_mut(key)?.pop().map(|(_, connection)| connection)
    }

    /// Keeps a connection for its next use; a file is as easily opened again.
    fn put(&self, key: [u8; 32], connection: Connection) {
        if matches!(connection, Connection::Sqlite(_)) {
            return;
        }
        let now = self.clock.monotonic();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = idle.entry(key).or_default();
        if waiting.len() < MAX_IDLE {
            waiting.push((now, connection));
        }
    }
}

impl Job {
    fn new(query: &Query, timeout: Duration) -> Result<Self, SendFault> {
        let statement = Statement::read(&query.statement, query.binds.len());
        Ok(Self {
            statement: statement.map_err(SendFault::Refused)?,
            binds: query.binds.iter().map(Bind::from).collect(),
            writes: query.writes,
            max_rows: query.max_rows,
            timeout,
            watch: Stopwatch::start(),
        })
    }

    /// Gives the time that the database has: a little less than is left, so that it is the database
    /// that ends it, and says so. *Units*: milliseconds.
    fn time_left(&self) -> u128 {
        let left = self.timeout.saturating_sub(self.watch.elapsed());
        left.mul_f32(0.8).as_millis().max(1)
    }
}

impl Place {
    fn open(&self, writes: bool) -> Result<Connection, String> {
        Ok(match self {
            Self::Postgres(server, addresses) => {
                let connection = server.connect(addresses);
                Connection::Postgres(Box::new(connection.map_err(|said| cut(&said))?))
            }
            Self::Sqlite(file) => Connection::Sqlite(Box::new(sqlite::open(file, writes)?)),
        })
    }
}

impl Connection {
    fn run(&mut self, job: &Job, stage: &Stage) -> Result<Rows, Fault> {
        match self {
            Self::Postgres(connection) => postgres::run(connection, job, stage),
            Self::Sqlite(connection) => sqlite::run(connection, job, stage),
        }
    }
}

impl Rows {
    fn new(job: &Job) -> Self {
        Self {
            lines: Vec::new(),
            written: 0,
            bytes: 0,
            most: usize::try_from(job.max_rows).unwrap_or(usize::MAX),
            has_more: false,
        }
    }

    /// Takes a row of this size; `false` when no further one is wanted.
    fn take(&mut self, line: Value, size: usize) -> bool {
        if self.lines.len() >= self.most {
            self.has_more = true;
            return false;
        }
        self.bytes += size;
        self.lines.push(line);
        self.bytes <= MAX_ANSWER_BYTES
    }

    fn answer(self) -> Answer {
        let body = if self.bytes > MAX_ANSWER_BYTES {
            Err(BodyFault::TooLarge(MAX_ANSWER_BYTES))
        } else {
            let count = if self.lines.is_empty() {
                self.written
            } else {
                self.lines.len()
            };
            Ok(json!({"rows": self.lines, "count": count, "more": self.has_more}))
        };
        Answer {
            status: 200,
            retry_after: None,
            body,
        }
    }
}

/// Gives up what did not end; it never goes out if it has not yet.
fn unfinished(stage: &Stage, said: &str) -> SendFault {
    if stage.give_up() {
        SendFault::NotSent(said.to_owned())
    } else {
        SendFault::Broken(said.to_owned())
    }
}

/// Reads where a database is; on a server, its addresses that may be reached.
async fn place(guard: &Guard, url: &str) -> Result<Place, SendFault> {
    if let Some(rest) = url.strip_prefix("sqlite:") {
        return Ok(Place::Sqlite(sqlite::parse(rest)?));
    }
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        let said = "the database's URL is neither `postgres://…` nor `sqlite:FILE`";
        return Err(SendFault::Refused(said.to_owned()));
    }
    let server = postgres::Server::parse(url)?;
    let addresses = guard.addresses(&server.host()).await?;
    Ok(Place::Postgres(server, addresses))
}

/// Names what a connection is good for: this URL, these networks, reading or writing.
fn key(guard: &Guard, url: &SecretString, writes: bool) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(url.expose_secret().as_bytes());
    hash.update([0, u8::from(writes)]);
    hash.update(guard.listed().as_bytes());
    hash.finalize().into()
}

/// Sorts what a database refused; nothing was done.
fn no(error: &Error) -> Fault {
    let Error::DatabaseError(kind, details) = error else {
        return Fault::No(400, error.to_string());
    };
    let said = details.message();
    let has = |part: &str| said.contains(part);
    let status = match kind {
        DatabaseErrorKind::SerializationFailure => 503,
        DatabaseErrorKind::UniqueViolation
        | DatabaseErrorKind::ForeignKeyViolation
        | DatabaseErrorKind::NotNullViolation
        | DatabaseErrorKind::CheckViolation => 409,
        _ if has("deadlock detected") || has("is locked") || has("lock timeout") => 503,
        _ if has("statement timeout") => 408,
        _ => 400,
    };
    Fault::No(status, said.to_owned())
}

fn refusal(status: u16, said: &str) -> Answer {
    Answer {
        status,
        retry_after: None,
        body: Ok(json!({"error": cut(said)})),
    }
}

fn cut(said: &str) -> String {
    said.trim().chars().take(MAX_SAID).collect()
}
