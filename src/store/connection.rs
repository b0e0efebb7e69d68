//! One connection to either database, made ready for its purpose.
//!
//! The text of a query is the same for both databases and compiled for each: `on!`
//! does that. What differs stands in an arm of its own.

use diesel::{
    Connection as _, PgConnection, QueryableByName, RunQueryDsl, SqliteConnection,
    connection::{AnsiTransactionManager, SimpleConnection, TransactionManager},
    dsl::sql,
    sql_query,
    sql_types::{BigInt, Text},
};
use tracing::warn;

use super::{
    error::{CANNOT_OPEN, DAMAGED, FOREIGN_MESSAGES, NOT_DURABLE, StoreError, of_connecting},
    target::Target,
};
use crate::domain::time::Timestamp;

/// A connection to one of the two.
pub(super) enum Connection {
    /// An SQLite file.
    Sqlite(Box<SqliteConnection>),
    /// A PostgreSQL server.
    Postgres(Box<PgConnection>),
}

/// Runs one text of a query on whichever connection it is. In it, `Db` names the backend
/// and `Conn` the connection's type.
macro_rules! on {
    ($connection:expr, $c:ident => $body:expr) => {
        match $connection {
            $crate::store::connection::Connection::Sqlite(boxed) => {
                #[allow(dead_code, reason = "not every query names its backend")]
                type Conn = diesel::SqliteConnection;
                #[allow(dead_code, reason = "not every query names its backend")]
                type Db = diesel::sqlite::Sqlite;
                let $c: &mut Conn = boxed;
                $body
            }
            $crate::store::connection::Connection::Postgres(boxed) => {
                #[allow(dead_code, reason = "not every query names its backend")]
                type Conn = diesel::PgConnection;
                #[allow(dead_code, reason = "not every query names its backend")]
                type Db = diesel::pg::Pg;
                let $c: &mut Conn = boxed;
                $body
            }
        }
    };
}
pub(super) use on;

/// The little in which the two differ within one text.
pub(super) trait Dialect {
    /// The database's clock. *Units*: microseconds since the epoch.
    const CLOCK: &'static str;
    /// Begins a transaction that will write.
    const BEGIN: &'static str;
    /// Whether the JSON array in `tags` holds the value bound next: before and after the bind.
    const HAS_TAG: (&'static str, &'static str);
    /// Whether the words of a ticket are those of the search bound next: before and after the bind.
    const HAS_WORDS: (&'static str, &'static str);
    /// Keeps the words of a ticket that has none: its number, its own and the others.
    const KEEP_WORDS: &'static str;
    /// Deletes the words of a conversation's tickets.
    const FORGET_WORDS: &'static str;
    /// Asks for words that begin so: what stands before, behind and between them. Words hold letters,
    /// digits and combining marks alone, so nothing in them needs to be escaped.
    const PREFIXES: [&'static str; 3];
    /// Answers names and sizes.
    const SIZES: &'static str;
}

impl Dialect for SqliteConnection {
    const CLOCK: &'static str = "CAST(unixepoch('subsec') * 1000000 AS INTEGER)";
    const BEGIN: &'static str = "BEGIN IMMEDIATE";
    const HAS_TAG: (&'static str, &'static str) = (
        "EXISTS (SELECT 1 FROM json_each(tickets.tags) WHERE value = ",
        ")",
    );
    const HAS_WORDS: (&'static str, &'static str) = (
        "tickets.number IN (SELECT rowid FROM ticket_words WHERE ticket_words MATCH ",
        ")",
    );
    const KEEP_WORDS: &'static str = "INSERT INTO ticket_words (rowid, own, more) VALUES (?, ?, ?)";
    const FORGET_WORDS: &'static str = "DELETE FROM ticket_words WHERE rowid IN \
        (SELECT number FROM tickets WHERE conversation_id = ?)";
    const PREFIXES: [&'static str; 3] = ["\"", "\"*", " AND "];
    const SIZES: &'static str = "SELECT 'all' AS name, page_count * page_size AS bytes \
        FROM pragma_page_count(), pragma_page_size()";
}

impl Dialect for PgConnection {
    const CLOCK: &'static str = "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)";
    const BEGIN: &'static str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
    const HAS_TAG: (&'static str, &'static str) = ("CAST(tickets.tags AS jsonb) @> to_jsonb(", ")");
    const HAS_WORDS: (&'static str, &'static str) = (
        "tickets.number IN (SELECT number FROM ticket_words WHERE (own || more) @@ CAST(",
        " AS tsquery))",
    );
    const KEEP_WORDS: &'static str = "INSERT INTO ticket_words (number, own, more) VALUES ($1, \
        array_to_tsvector(string_to_array($2, ' ')), array_to_tsvector(string_to_array($3, ' ')))";
    const FORGET_WORDS: &'static str = "DELETE FROM ticket_words WHERE number IN \
        (SELECT number FROM tickets WHERE conversation_id = $1)";
    const PREFIXES: [&'static str; 3] = ["'", "':*", " & "];
    const SIZES: &'static str = "SELECT CAST(relname AS text) AS name, \
        pg_total_relation_size(relid) AS bytes FROM pg_stat_user_tables ORDER BY 2 DESC LIMIT 4";
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Batches: keyed look-ups and writes.
    Batches,
    /// Questions of the API; may not write.
    Questions,
    /// Small writes beside the batches.
    Desk,
}

impl Connection {
    /// Opens a connection and makes it ready.
    pub(super) fn open(target: &Target, purpose: Purpose) -> Result<Self, StoreError> {
        match target {
            Target::Sqlite(path) => {
                let text = path.to_str().ok_or_else(|| {
                    StoreError::refused(
                        CANNOT_OPEN,
                        format!("`{}` is not valid UTF-8", path.display()),
                    )
                })?;
                let mut connection = SqliteConnection::establish(text).map_err(|error| {
                    StoreError::refused(CANNOT_OPEN, format!("cannot open `{text}`: {error}"))
                })?;
                prepare_sqlite(&mut connection, purpose)?;
                Ok(Self::Sqlite(Box::new(connection)))
            }
            Target::Postgres(url) => {
                let mut connection = PgConnection::establish(url).map_err(of_connecting)?;
                prepare_postgres(&mut connection, purpose)?;
                Ok(Self::Postgres(Box::new(connection)))
            }
        }
    }

    /// Begins a transaction that will write.
    pub(super) fn begin(&mut self) -> Result<(), StoreError> {
        on!(self, c => Ok(AnsiTransactionManager::begin_transaction_sql(c, Conn::BEGIN)?))
    }

    /// Commits; when the connection breaks here the outcome is unknown.
    pub(super) fn commit(&mut self) -> Result<(), StoreError> {
        on!(self, c => Ok(AnsiTransactionManager::commit_transaction(c)?))
    }

    /// Rolls back.
    pub(super) fn rollback(&mut self) -> Result<(), StoreError> {
        on!(self, c => Ok(AnsiTransactionManager::rollback_transaction(c)?))
    }

    /// Reads the database's clock.
    pub(super) fn clock(&mut self) -> Result<Timestamp, StoreError> {
        let micros: i64 = on!(self, c => diesel::select(sql::<BigInt>(Conn::CLOCK)).get_result(c)?);
        Ok(Timestamp::from_micros(micros))
    }

    /// Reads the whole of an SQLite file and refuses a damaged one; nothing on PostgreSQL.
    pub(super) fn quick_check(&mut self) -> Result<(), StoreError> {
        #[derive(QueryableByName)]
        struct Answer {
            #[diesel(sql_type = Text)]
            quick_check: String,
        }
        let Self::Sqlite(connection) = self else {
            return Ok(());
        };
        let answers: Vec<Answer> = sql_query("PRAGMA quick_check(5)").load(&mut **connection)?;
        let faults: Vec<&str> = answers
            .iter()
            .map(|answer| answer.quick_check.as_str())
            .filter(|&text| text != "ok")
            .collect();
        if faults.is_empty() {
            Ok(())
        } else {
            Err(StoreError::refused(DAMAGED, faults.join("; ")))
        }
    }
}

fn prepare_sqlite(connection: &mut SqliteConnection, purpose: Purpose) -> Result<(), StoreError> {
    connection.batch_execute("PRAGMA busy_timeout = 10000")?;
    // A file that cannot be written now may be read all the same, and heals later.
    if let Err(error) = connection.batch_execute("PRAGMA journal_mode = WAL") {
        match StoreError::from(error) {
            StoreError::Full(text) => warn!(error = text, "the SQLite file cannot be written"),
            other => return Err(other),
        }
    }
    connection.batch_execute(
        "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA cache_size = -16384; \
         PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 16000",
    )?;
    if purpose == Purpose::Questions {
        connection.batch_execute("PRAGMA query_only = ON")?;
    }
    Ok(())
}

fn prepare_postgres(connection: &mut PgConnection, purpose: Purpose) -> Result<(), StoreError> {
    // Each waits longer than the one before, so that a frozen peer gives way before others fail.
    connection.batch_execute(
        "SET idle_in_transaction_session_timeout = '5s'; SET lock_timeout = '10s'; \
         SET statement_timeout = '15s'; SET tcp_user_timeout = '10s'; SET jit = off",
    )?;
    match purpose {
        // Batches look up by key alone. A plan made while a table was empty would otherwise
        // scan it, and stay when it has grown. And the batches of a quiet hour are so small
        // that PostgreSQL would plan each anew, which takes a sixth of its time.
        Purpose::Batches => connection
            .batch_execute("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan")?,
        Purpose::Questions => {
            connection.batch_execute("SET default_transaction_read_only = on")?;
        }
        Purpose::Desk => {}
    }
    let messages = setting(connection, "lc_messages")?;
    let english = |name: &str| {
        matches!(name, "" | "C" | "POSIX") || name.starts_with("C.") || name.starts_with("en")
    };
    if !english(&messages)
        && connection.batch_execute("SET lc_messages = 'C'").is_err()
        && purpose == Purpose::Desk
    {
        warn!(
            code = FOREIGN_MESSAGES,
            lc_messages = messages,
            "the database's messages are not in English; faults are told apart less surely"
        );
    }
    if purpose == Purpose::Desk && setting(connection, "synchronous_commit")? == "off" {
        warn!(
            code = NOT_DURABLE,
            "the database runs with synchronous_commit=off; a crash of it can lose events"
        );
    }
    Ok(())
}

fn setting(connection: &mut PgConnection, name: &str) -> Result<String, StoreError> {
    #[derive(QueryableByName)]
    struct Setting {
        #[diesel(sql_type = Text)]
        value: String,
    }
    let row: Setting = sql_query("SELECT current_setting($1) AS value")
        .bind::<Text, _>(name)
        .get_result(connection)?;
    Ok(row.value)
}
