//! Reports: what happened over a time, and how things stand now.
//!
//! A report is one file here and one line in [`REPORTS`]: it reads the database in slices, so
//! that its size does not matter, counts them, and gives a [`Sheet`]; how that looks is
//! `crate::domain::report`. The API asks for reports, and so do rules.

mod actions;
mod sla;

use std::{future::Future, pin::Pin};

use chrono_tz::Tz;

use crate::{
    domain::{notice::Notice, report::Sheet, time::Timestamp, wall},
    store::{Store, StoreError},
};

/// Every report, by name.
pub const REPORTS: &[Report] = &[actions::REPORT, sla::REPORT];

/// How many rows are read at once.
const SLICE: i64 = 1_000;

/// A report.
pub struct Report {
    /// Its name.
    pub name: &'static str,
    /// What it tells, in one sentence.
    pub summary: &'static str,
    /// What it takes besides the time: names of [`Asked`].
    takes: &'static [&'static str],
    make: for<'a> fn(&'a Store, &'a Asked) -> Making<'a>,
}

type Making<'a> = Pin<Box<dyn Future<Output = Result<Sheet, ReportFault>> + Send + 'a>>;

/// What a report is asked for.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// From when on; `None`: from the beginning of what is kept.
    pub from: Option<Timestamp>,
    /// Up to when, and not with it.
    pub to: Timestamp,
    /// What it is grouped by; `None`: as is usual for it.
    pub by: Option<String>,
    /// Whose weeks count; `None`: those of UTC.
    pub timezone: Option<Tz>,
    /// Only this metric.
    pub metric: Option<String>,
    /// Only this policy.
    pub policy: Option<String>,
    /// Only this team.
    pub team: Option<String>,
}

/// Why a report was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReportFault {
    /// There is none of that name.
    #[error("there is no report `{0}`")]
    Unknown(String),
    /// It cannot be asked for so.
    #[error("{detail}")]
    Asked {
        /// What was given wrongly.
        field: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Asked {
    fn given(&self) -> impl Iterator<Item = &'static str> {
        let given = [
            ("by", self.by.is_some()),
            ("metric", self.metric.is_some()),
            ("policy", self.policy.is_some()),
            ("team", self.team.is_some()),
            ("timezone", self.timezone.is_some()),
        ];
        given
            .into_iter()
            .filter(|(_, is)| *is)
            .map(|(name, _)| name)
    }
}

/// Tells whether a report takes something besides the time.
pub(super) fn takes(name: &str, field: &str) -> bool {
    let mut reports = REPORTS.iter();
    reports.any(|report| report.name == name && report.takes.contains(&field))
}

/// Makes a report.
///
/// *Errors*: see [`ReportFault`].
pub async fn report(store: &Store, name: &str, asked: &Asked) -> Result<Sheet, ReportFault> {
    let report = REPORTS
        .iter()
        .find(|report| report.name == name)
        .ok_or_else(|| ReportFault::Unknown(name.to_owned()))?;
    if let Some(field) = asked.given().find(|field| !report.takes.contains(field)) {
        let detail = format!("the report `{name}` takes no `{field}`");
        return Err(ReportFault::Asked { field, detail });
    }
    (report.make)(store, asked).await
}

/// Makes the digest of a team, or of all: how things stand now, told in a time zone.
///
/// *Errors*: those of the database.
pub async fn digest(
    store: &Store,
    team: Option<String>,
    zone: Tz,
    now: Timestamp,
) -> Result<Notice, StoreError> {
    let today = wall::start_of_day(now, zone);
    let of = team.clone();
    let standing = store.read(move |reader| reader.standing(of.as_deref(), (today, now)));
    Ok(standing.await?.digest(team.as_deref(), zone, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_stand_by_name_each_once() {
        let names: Vec<&str> = REPORTS.iter().map(|report| report.name).collect();
        assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
        assert!(REPORTS.iter().all(|report| report.summary.ends_with('.')));
    }
}
