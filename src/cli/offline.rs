//! Commands that work on the database itself: which one, and opening it.

use std::path::PathBuf;

use super::{EXIT_CONFIG, Failure, output};
use crate::{
    config::{Config, Env},
    store::{Role, Store, StoreError},
};

/// The database.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Place {
    /// The configuration folder, which names the database
    #[arg(long, value_name = "DIR", default_value = "config", global = true)]
    pub config: PathBuf,
    /// The database; `PROVOST_DATABASE_URL` and the configuration name it otherwise
    #[arg(long, value_name = "URL", global = true)]
    pub database: Option<String>,
}

impl Place {
    /// Opens the database beside whatever daemon runs on it.
    ///
    /// *Errors*: exit code 78 when the configuration is in error.
    pub(super) fn open(&self) -> Result<Store, Failure> {
        Ok(Store::open(&self.url()?, Role::Tool)?)
    }

    fn url(&self) -> Result<String, Failure> {
        let env = Env::process();
        let given = self.database.as_deref();
        let known = given.or_else(|| {
            env.var("PROVOST_DATABASE_URL")
                .filter(|url| !url.is_empty())
        });
        if let Some(url) = known {
            return Ok(url.to_owned());
        }
        let loaded = Config::load(&self.config, &env).map_err(|faults| {
            for fault in &faults {
                if let Err(failure) = output::aside(&fault.to_string()) {
                    return failure;
                }
            }
            Failure::new("the configuration is in error")
                .next("mend it, or name the database with --database URL")
                .code(EXIT_CONFIG)
        })?;
        Ok(loaded.config.database.url)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let failure = Self::new(error.to_string());
        match error {
            StoreError::Refused { code, .. } => {
                failure.next(format!("`provost explain {code}` says what to do"))
            }
            StoreError::Lost(_) => failure.next("is the database running, and is its URL right?"),
            StoreError::Full(_) => failure.next("make room on the disk, or make it writable"),
            StoreError::Retry(_) => failure.next("try again in a moment"),
            StoreError::Lasting(_) => failure,
        }
    }
}
