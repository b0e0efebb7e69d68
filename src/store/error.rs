//! What can go wrong with the database, sorted by what the caller should do next.
//!
//! Every fault of diesel passes through here once. PostgreSQL's SQLSTATE is not
//! visible through diesel beyond a few classes, so the rest is told by the primary
//! message; `connection` therefore asks for messages in English.

use diesel::result::{ConnectionError, DatabaseErrorKind, Error};

/// A fault of the database, by what to do next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A deadlock, a lost race, a busy file: run the same again.
    #[error("the database asks for another try: {0}")]
    Retry(String),
    /// The connection is gone; at a commit the outcome is unknown. Run the same again
    /// on a new connection: the journal tells what was committed.
    #[error("the connection to the database is lost: {0}")]
    Lost(String),
    /// The disk is full or read-only: nothing can be written until that changes.
    #[error("the database cannot write: {0}")]
    Full(String),
    /// Depends on what was written: the same again fails again.
    #[error("the database does not take this: {0}")]
    Lasting(String),
    /// Must not go on; the code names the remedy.
    #[error("{code}: {detail}")]
    Refused {
        /// One of [`CODES`].
        code: &'static str,
        /// What is wrong here.
        detail: String,
    },
}

/// Another daemon has the SQLite file.
pub(super) const SECOND_DAEMON: &str = "PV-STORE-001";
/// The URL is in no form that is understood.
pub(super) const BAD_URL: &str = "PV-STORE-002";
/// TLS is asked for and not built in.
pub(super) const NO_TLS: &str = "PV-STORE-003";
/// The schema is newer than this program can read.
pub(super) const SCHEMA_TOO_NEW: &str = "PV-STORE-004";
/// The file cannot be opened.
pub(super) const CANNOT_OPEN: &str = "PV-STORE-005";
/// The file is damaged.
pub(super) const DAMAGED: &str = "PV-STORE-006";
/// The role lacks a right, or the tables are not there.
pub(super) const NO_RIGHT: &str = "PV-STORE-007";
/// The daemon's row is gone.
pub(super) const RETIRED: &str = "PV-STORE-008";
/// PostgreSQL does not let us in.
pub(super) const NO_LOGIN: &str = "PV-STORE-009";
/// Commits are not durable.
pub(super) const NOT_DURABLE: &str = "PV-STORE-010";
/// Messages are not in English.
pub(super) const FOREIGN_MESSAGES: &str = "PV-STORE-011";

/// The database is away.
pub(super) const AWAY: &str = "PV-STORE-012";
/// Nothing can be written.
pub(super) const CANNOT_WRITE: &str = "PV-STORE-013";
/// One input cannot be stored.
pub(super) const NOT_TAKEN: &str = "PV-STORE-014";

/// The codes of this module with their remedies, for `provost explain`.
pub const CODES: &[(&str, &str)] = &[
    (
        SECOND_DAEMON,
        "Another daemon runs on this SQLite file and holds FILE.lock. Stop it first, or give this \
         daemon a file of its own; several daemons on one database need PostgreSQL.",
    ),
    (
        BAD_URL,
        "Write the database as `sqlite:FILE` or `postgres://USER:PASSWORD@HOST/DATABASE`. An \
         in-memory database is not supported, because nothing in it would outlive the daemon.",
    ),
    (
        NO_TLS,
        "This build has no TLS to PostgreSQL. Build with `--features postgres-tls`, or, where the \
         way to the server is safe without it, use `sslmode=disable`.",
    ),
    (
        SCHEMA_TOO_NEW,
        "A newer release has changed the database so that this one can no longer read it. Run the \
         newer release, or restore the backup made before the change.",
    ),
    (
        CANNOT_OPEN,
        "Check that the folder of the SQLite file exists and that the daemon's user may write in it.",
    ),
    (
        DAMAGED,
        "The SQLite file is damaged or no database. Stop the daemon, keep a copy of the file with its \
         -wal, and restore a backup or recover with `sqlite3 FILE .recover`.",
    ),
    (
        NO_RIGHT,
        "The database role lacks a right or the tables are absent. Run `provost migrate` as the role \
         that owns the database, and grant the daemon's role SELECT, INSERT, UPDATE and DELETE.",
    ),
    (
        RETIRED,
        "This daemon was silent for so long that another one took over and closed its tail. It must \
         register again: restart it, and look for what froze it.",
    ),
    (
        NO_LOGIN,
        "PostgreSQL refused the login. Check user, password and database name in the URL, and the \
         server's pg_hba.conf.",
    ),
    (
        NOT_DURABLE,
        "The server runs with synchronous_commit=off, so a crash of it can lose what was acknowledged. \
         Set `ALTER ROLE … SET synchronous_commit = on`.",
    ),
    (
        FOREIGN_MESSAGES,
        "The server's messages are not in English, so deadlocks and full disks are told less surely \
         from other faults. Set `ALTER DATABASE … SET lc_messages = 'C'`.",
    ),
    (
        AWAY,
        "The database does not answer, or the connection broke. Nothing is lost: what was taken in \
         waits, HTTP answers 503, and the daemon goes on by itself. See that the server runs and can be reached.",
    ),
    (
        CANNOT_WRITE,
        "The disk is full or the database is read-only. Nothing is lost: what was taken in waits, HTTP \
         answers 503, and the daemon goes on by itself once there is room. Free space, or let it write.",
    ),
    (
        NOT_TAKEN,
        "The database refuses one input again and again, so that input was parked. Look at it with \
         `provost parked show ID`; once the cause is mended, `provost parked replay ID`.",
    ),
];

impl StoreError {
    pub(super) fn refused(code: &'static str, detail: impl Into<String>) -> Self {
        Self::Refused {
            code,
            detail: detail.into(),
        }
    }

    /// Gives the code under which an operator finds the remedy; `None` for what passes by itself.
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::Retry(_) => None,
            Self::Lost(_) => Some(AWAY),
            Self::Full(_) => Some(CANNOT_WRITE),
            Self::Lasting(_) => Some(NOT_TAKEN),
            Self::Refused { code, .. } => Some(code),
        }
    }

    /// Tells whether the connection that met this is of no use any more.
    pub(super) fn ends_connection(&self) -> bool {
        matches!(self, Self::Lost(_) | Self::Refused { .. })
    }
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        match error {
            Error::DatabaseError(kind, details) => {
                of_database(kind, details.message(), details.constraint_name())
            }
            Error::RollbackErrorOnCommit { commit_error, .. } => {
                Self::Lost(commit_error.to_string())
            }
            Error::BrokenTransactionManager
            | Error::AlreadyInTransaction
            | Error::NotInTransaction => Self::Lost(error.to_string()),
            other => Self::Lasting(other.to_string()),
        }
    }
}

/// Sorts a fault at connecting.
pub(super) fn of_connecting(error: ConnectionError) -> StoreError {
    let message = match error {
        ConnectionError::BadConnection(message) => message,
        ConnectionError::CouldntSetupConfiguration(error) => return error.into(),
        other => other.to_string(),
    };
    let message = message.trim().to_owned();
    let has = |part: &str| message.contains(part);
    if has("SSL support is not compiled in") {
        StoreError::refused(NO_TLS, message)
    } else if has("authentication failed")
        || has("no pg_hba.conf entry")
        || has("no password supplied")
        || (has("does not exist") && (has("database \"") || has("role \"")))
    {
        StoreError::refused(NO_LOGIN, message)
    } else {
        StoreError::Lost(message)
    }
}

fn of_database(kind: DatabaseErrorKind, message: &str, constraint: Option<&str>) -> StoreError {
    let text = message.to_owned();
    match kind {
        DatabaseErrorKind::SerializationFailure => StoreError::Retry(text),
        DatabaseErrorKind::UniqueViolation if is_race(message, constraint) => {
            StoreError::Retry(text)
        }
        DatabaseErrorKind::ClosedConnection
        | DatabaseErrorKind::UnableToSendCommand
        | DatabaseErrorKind::ReadOnlyTransaction => StoreError::Lost(text),
        DatabaseErrorKind::Unknown => of_message(message),
        _ => StoreError::Lasting(text),
    }
}

// The journal, the audit log, requests and anomalies refuse what slipped past the locks; whoever lost runs again.
fn is_race(message: &str, constraint: Option<&str>) -> bool {
    match constraint {
        Some(name) => {
            name.starts_with("journal_")
                || ["anomalies_once", "audit_sequence", "requests_id"].contains(&name)
        }
        None => {
            message.starts_with("UNIQUE constraint failed: journal.")
                || message.starts_with("UNIQUE constraint failed: audit.")
                || message.starts_with("UNIQUE constraint failed: requests.")
                || message.starts_with("UNIQUE constraint failed: anomalies.")
        }
    }
}

/// A part of a message, and what it says.
type Told = (&'static str, fn(String) -> StoreError);

/// What messages say; the first match counts.
const MESSAGES: &[Told] = &[
    // PostgreSQL: 40P01, 55P03, 57014, 53200.
    ("deadlock detected", StoreError::Retry),
    ("canceling statement due to", StoreError::Retry),
    ("could not serialize access", StoreError::Retry),
    ("out of shared memory", StoreError::Retry),
    ("out of memory", StoreError::Retry),
    // PostgreSQL: 57P01 to 57P05, 25P03, 08xxx, 53300, and libpq itself.
    ("terminating connection", StoreError::Lost),
    ("the database system is", StoreError::Lost),
    ("server closed the connection", StoreError::Lost),
    ("no connection to the server", StoreError::Lost),
    ("could not receive data from server", StoreError::Lost),
    ("could not send data to server", StoreError::Lost),
    ("SSL connection has been closed", StoreError::Lost),
    ("SSL SYSCALL error", StoreError::Lost),
    ("too many clients already", StoreError::Lost),
    ("cannot execute", StoreError::Lost),
    ("current transaction is aborted", StoreError::Lost),
    // PostgreSQL: 53100.
    ("No space left on device", StoreError::Full),
    ("could not extend file", StoreError::Full),
    // SQLite.
    ("database is locked", StoreError::Retry),
    ("database table is locked", StoreError::Retry),
    ("database schema is locked", StoreError::Retry),
    ("interrupted", StoreError::Retry),
    ("database or disk is full", StoreError::Full),
    ("attempt to write a readonly database", StoreError::Full),
    ("disk I/O error", StoreError::Full),
    ("unable to open database file", StoreError::Full),
    ("database disk image is malformed", |text| {
        StoreError::refused(DAMAGED, text)
    }),
    ("file is not a database", |text| {
        StoreError::refused(DAMAGED, text)
    }),
    ("no such table", |text| StoreError::refused(NO_RIGHT, text)),
    // PostgreSQL: 42501, 42P01.
    ("permission denied", |text| {
        StoreError::refused(NO_RIGHT, text)
    }),
    ("relation \"", |text| StoreError::refused(NO_RIGHT, text)),
];

fn of_message(message: &str) -> StoreError {
    MESSAGES
        .iter()
        .find(|(part, _)| message.contains(part))
        .map_or_else(
            || StoreError::Lasting(message.to_owned()),
            |(_, make)| make(message.to_owned()),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: DatabaseErrorKind, message: &str) -> StoreError {
        Error::DatabaseError(kind, Box::new(message.to_owned())).into()
    }

    #[test]
    fn each_fault_says_what_to_do_next() {
        let unknown = |message| of(DatabaseErrorKind::Unknown, message);
        assert!(matches!(unknown("deadlock detected"), StoreError::Retry(_)));
        assert!(matches!(
            unknown("database is locked"),
            StoreError::Retry(_)
        ));
        assert!(matches!(
            unknown("terminating connection due to administrator command"),
            StoreError::Lost(_)
        ));
        assert!(matches!(
            unknown("could not extend file \"base/1/2\": No space left on device"),
            StoreError::Full(_)
        ));
        assert!(matches!(
            unknown("database or disk is full"),
            StoreError::Full(_)
        ));
        assert!(matches!(
            unknown("invalid byte sequence for encoding \"UTF8\": 0x00"),
            StoreError::Lasting(_)
        ));
        assert!(matches!(
            of(
                DatabaseErrorKind::UniqueViolation,
                "UNIQUE constraint failed: journal.key"
            ),
            StoreError::Retry(_)
        ));
        assert!(matches!(
            of(
                DatabaseErrorKind::UniqueViolation,
                "UNIQUE constraint failed: tickets.number"
            ),
            StoreError::Lasting(_)
        ));
    }

    #[test]
    fn codes_are_named_once() {
        let mut codes: Vec<&str> = CODES.iter().map(|(code, _)| *code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), CODES.len());
    }
}
