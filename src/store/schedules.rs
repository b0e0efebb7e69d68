//! Schedules as the history knows them: up to which of its times each was decided.

use std::collections::BTreeMap;

use diesel::prelude::*;

use super::{
    connection::on,
    error::StoreError,
    reader::Reader,
    schema::{journal, subjects},
};
use crate::domain::time::Timestamp;

/// The type of the inputs that schedules make.
const KIND: &str = "schedule.due";

impl Reader {
    /// Gives the newest time that was decided of each of some schedules, by their subjects.
    ///
    /// *Shape*: one that was never decided is left out; of one whose inputs are kept no longer, it is
    /// the time of the newest decision.
    pub fn schedules_seen(
        &mut self,
        of: &[String],
    ) -> Result<BTreeMap<String, Timestamp>, StoreError> {
        self.ask(|connection| {
            let mut seen = BTreeMap::new();
            for subject in of {
                let kept: Option<i64> = on!(connection, c => journal::table
                    .filter(journal::subject.eq(subject))
                    .filter(journal::kind.eq(KIND))
                    .order(journal::version.desc())
                    .select(journal::time)
                    .first(c)
                    .optional()?);
                let newest = match kept {
                    Some(time) => Some(time),
                    None => on!(connection, c => subjects::table
                        .filter(subjects::id.eq(subject))
                        .select(subjects::decided_at)
                        .first(c)
                        .optional()?),
                };
                seen.extend(newest.map(|at| (subject.clone(), Timestamp::from_micros(at))));
            }
            Ok(seen)
        })
    }
}
