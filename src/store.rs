//! The database: one history, the state that follows from it, and who may ask.
//!
//! SQLite and PostgreSQL behind one face. Batches go through a [`Writer`], which owns
//! its connection and belongs on a thread of its own; questions of the API go through
//! [`Store::read`] and small writes beside the batches through [`Store::write`], both on
//! threads of this module, so that no cancelled future ever tears a transaction.
//! Diesel's types stay in here. Called by `crate::daemon`, `crate::http` and `crate::cli`.

use std::{fs::File, path::Path, sync::Arc};

mod anomalies;
mod audit;
mod clock_lists;
mod clocks;
mod comments;
mod commit;
mod connection;
mod conversations;
mod daemons;
mod delegations;
mod deliveries;
mod erasure;
mod error;
mod escalations;
mod fill;
mod finished;
mod fixed;
mod journal;
mod link;
mod load;
mod migrate;
mod parked;
mod persons;
mod policies;
mod pool;
mod procedures;
mod reader;
mod requests;
mod schedules;
mod schema;
mod seals;
mod standing;
mod status;
mod target;
#[cfg(test)]
mod tests;
mod tickets;
mod tokens;
mod turnstile;
mod words;
mod writer;

pub use audit::AuditFilter;
pub use clock_lists::{
    ClockCounts, ClockFilter, ClockOutcome, ClockPage, ClockPlace, ClockRow, OutcomeKind,
};
pub use clocks::DueOwner;
pub use conversations::{ConversationFilter, ConversationRow};
pub use daemons::{Daemon, Registration};
pub use delegations::DelegationFilter;
pub use deliveries::{ChannelLook, DeliveryFilter};
pub use erasure::{Blanked, ERASED};
pub use error::{CODES, StoreError};
pub use escalations::EscalationFilter;
pub use fill::{Copies, RunCopies};
pub use journal::{JournalResults, TimelineEntry, Unpublished};
pub use parked::ParkedRow;
pub use policies::SavedPolicy;
pub use procedures::RunFilter;
pub use reader::{Desk, Listing, Page, Reader};
pub use requests::{ApprovalFilter, NOBODY, RequestFilter};
pub use status::Counts;
pub use tickets::TicketFilter;
pub use tokens::Token;
pub use writer::{Opening, Writer};

use connection::{Connection, Purpose};
use error::{CANNOT_OPEN, SECOND_DAEMON};
use link::{Link, Place};
use pool::Pool;
use target::Target;

/// Who opens the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The running whole; on SQLite there is one at a time.
    Daemon,
    /// A command beside it.
    Tool,
}

/// A handle to the database; cheap to clone, opens connections as they are needed.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store({})", self.shared.place.target)
    }
}

struct Shared {
    place: Arc<Place>,
    readers: Pool<Reader>,
    desk: Pool<Desk>,
    // Held as long as the handle lives; the system frees it with the process.
    _lock: Option<File>,
}

impl Store {
    /// Opens a database with two reading connections.
    ///
    /// *Errors*: `Refused` for a URL that cannot work, a second daemon on an SQLite file, a
    /// damaged file. PostgreSQL is first spoken to by [`Store::migrate`].
    pub fn open(url: &str, role: Role) -> Result<Self, StoreError> {
        Self::open_with(url, role, 2)
    }

    /// Opens a database with `readers` reading connections; see [`Store::open`].
    pub fn open_with(url: &str, role: Role, readers: usize) -> Result<Self, StoreError> {
        let target = Target::parse(url)?;
        let lock = match (role, target.lock_file()) {
            (Role::Daemon, Some(path)) => Some(take_lock(&path)?),
            _ => None,
        };
        if role == Role::Daemon && matches!(target, Target::Sqlite(_)) {
            Connection::open(&target, Purpose::Desk)?.quick_check()?;
        }
        let place = Arc::new(Place::new(target));
        let (questions, writes) = (Arc::clone(&place), Arc::clone(&place));
        Ok(Self {
            shared: Arc::new(Shared {
                readers: Pool::new("store-read", readers.max(1), move || {
                    Reader::new(Link::new(Arc::clone(&questions), Purpose::Questions))
                }),
                desk: Pool::new("store-desk", 1, move || {
                    Desk::new(Link::new(Arc::clone(&writes), Purpose::Desk))
                }),
                place,
                _lock: lock,
            }),
        })
    }

    /// Brings the schema up to date, under a lock; answers how many migrations ran.
    ///
    /// *Errors*: `Refused` (`PV-STORE-004`) when the schema is newer than this program can read.
    pub fn migrate(&self) -> Result<usize, StoreError> {
        migrate::migrate(&mut Link::new(
            Arc::clone(&self.shared.place),
            Purpose::Desk,
        ))
    }

    /// Gives a writer with a connection of its own.
    ///
    /// *Errors*: `Refused` when the schema is too new; `Lost` when there is no server.
    pub fn writer(&self) -> Result<Writer, StoreError> {
        let mut link = Link::new(Arc::clone(&self.shared.place), Purpose::Batches);
        link.run(migrate::check)?;
        Ok(Writer::new(link))
    }

    /// Gives a reader with a connection of its own, for a command that reads much in turn.
    pub fn reader(&self) -> Reader {
        Reader::new(Link::new(
            Arc::clone(&self.shared.place),
            Purpose::Questions,
        ))
    }

    /// Gives a desk with a connection of its own, for a command.
    pub fn desk(&self) -> Desk {
        Desk::new(Link::new(Arc::clone(&self.shared.place), Purpose::Desk))
    }

    /// Asks a question on one of the reading threads; asks again, once, when its connection
    /// proves to have been lost since it was last used.
    pub async fn read<T: Send + 'static>(
        &self,
        question: impl Fn(&mut Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let twice = move |reader: &mut Reader| match question(reader) {
            Err(StoreError::Lost(_)) => question(reader),
            other => other,
        };
        self.shared.readers.run(twice).await
    }

    /// Writes something small beside the batches, on a thread kept for that.
    pub async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Desk) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.shared.desk.run(work).await
    }

    /// Names the database without its password.
    pub fn describe(&self) -> String {
        self.shared.place.target.to_string()
    }

    /// Measures the files of an SQLite database, its log included; `None` on PostgreSQL.
    pub fn file_bytes(&self) -> Option<u64> {
        let Target::Sqlite(path) = &self.shared.place.target else {
            return None;
        };
        let mut log = path.clone().into_os_string();
        log.push("-wal");
        let size = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
        Some(size(path) + size(Path::new(&log)))
    }

    /// Tells whether several writers may decide side by side.
    pub fn has_lanes(&self) -> bool {
        matches!(self.shared.place.target, Target::Postgres(_))
    }
}

fn take_lock(path: &Path) -> Result<File, StoreError> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(|error| {
            StoreError::refused(
                CANNOT_OPEN,
                format!("cannot open `{}`: {error}", path.display()),
            )
        })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::refused(
            SECOND_DAEMON,
            format!("another daemon holds `{}`", path.display()),
        )),
        Err(std::fs::TryLockError::Error(error)) => Err(StoreError::refused(
            CANNOT_OPEN,
            format!("cannot lock `{}`: {error}", path.display()),
        )),
    }
}
