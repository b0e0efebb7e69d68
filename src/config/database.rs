//! `[database]`: where everything is kept, and by how many connections.
//!
//! The URL may hold a password, so `Debug` shows it redacted. Read by `root`; the
//! store takes the URL as it stands.

use std::fmt;

use super::{address, env, secret, section::Section};

/// `[database]`
#[derive(Clone, PartialEq, Eq)]
pub struct Database {
    /// `sqlite:FILE` or `postgres://…`; `PROVOST_DATABASE_URL` wins. May hold a password: never log it.
    pub url: String,
    /// How many writers decide side by side on PostgreSQL; SQLite has one.
    pub lanes: usize,
    /// How many connections read for the API.
    pub readers: usize,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: "sqlite:provost.db".to_owned(),
            lanes: 2,
            readers: 2,
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("url", &secret::redact(&self.url))
            .field("lanes", &self.lanes)
            .field("readers", &self.readers)
            .finish()
    }
}

impl Database {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        let url = match section.text_or_variable("url", env::DATABASE_URL, false) {
            Some(found) => match address::check_database(&found.value) {
                Ok(()) => found.value,
                Err(said) => {
                    section.bad(&found.place, said, None);
                    default.url
                }
            },
            None => default.url,
        };
        let read = Self {
            url,
            lanes: section.count("lanes", default.lanes, 1..=16),
            readers: section.count("readers", default.readers, 1..=64),
        };
        section.end();
        read
    }
}
