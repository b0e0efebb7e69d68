//! Policies by version, and which of them is in force for all daemons.

use diesel::prelude::*;

use super::{
    connection::on,
    error::StoreError,
    reader::{Desk, Reader},
    schema::policies,
};
use crate::domain::time::Timestamp;

/// A policy as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedPolicy {
    /// The hash over its sources.
    pub version: String,
    /// Its sources as JSON.
    pub sources: String,
    /// When it was first loaded.
    pub loaded_at: Timestamp,
}

type Row = (String, String, i64);

const COLUMNS: (policies::version, policies::sources, policies::loaded_at) =
    (policies::version, policies::sources, policies::loaded_at);

impl Reader {
    /// Gives the policy in force.
    pub fn policy_current(&mut self) -> Result<Option<SavedPolicy>, StoreError> {
        self.ask(|connection| {
            let row: Option<Row> = on!(connection, c => policies::table
                .filter(policies::turn.gt(0))
                .order(policies::turn.desc())
                .select(COLUMNS)
                .first(c)
                .optional()?);
            Ok(row.map(to_policy))
        })
    }

    /// Gives the version in force, without the sources.
    pub fn policy_current_version(&mut self) -> Result<Option<String>, StoreError> {
        self.ask(|connection| {
            Ok(on!(connection, c => policies::table
                .filter(policies::turn.gt(0))
                .order(policies::turn.desc())
                .select(policies::version)
                .first(c)
                .optional()?))
        })
    }

    /// Gives the sources of a version, as JSON.
    pub fn policy_sources(&mut self, version: &str) -> Result<Option<String>, StoreError> {
        Ok(self.policy(version)?.map(|policy| policy.sources))
    }

    /// Gives a policy.
    pub fn policy(&mut self, version: &str) -> Result<Option<SavedPolicy>, StoreError> {
        self.ask(|connection| {
            let row: Option<Row> = on!(connection, c => policies::table
                .find(version)
                .select(COLUMNS)
                .first(c)
                .optional()?);
            Ok(row.map(to_policy))
        })
    }
}

impl Desk {
    /// Keeps a policy; one that is there already stays as it is.
    pub fn policy_save(
        &mut self,
        version: &str,
        sources: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.transact(|connection| {
            on!(connection, c => diesel::insert_into(policies::table)
                .values((
                    policies::version.eq(version),
                    policies::sources.eq(sources),
                    policies::loaded_at.eq(now.micros()),
                    policies::turn.eq(0),
                ))
                .on_conflict(policies::version)
                .do_nothing()
                .execute(c)?);
            Ok(())
        })
    }

    /// Puts a kept policy in force; false when there is none of that version.
    pub fn policy_set_current(&mut self, version: &str) -> Result<bool, StoreError> {
        self.transact(|connection| {
            let newest: Option<i64> = on!(connection, c => policies::table
                .select(diesel::dsl::max(policies::turn))
                .first(c)?);
            let changed = on!(connection, c => diesel::update(policies::table.find(version))
                .set(policies::turn.eq(newest.unwrap_or(0) + 1))
                .execute(c)?);
            Ok(changed > 0)
        })
    }
}

fn to_policy((version, sources, loaded_at): Row) -> SavedPolicy {
    SavedPolicy {
        version,
        sources,
        loaded_at: Timestamp::from_micros(loaded_at),
    }
}
