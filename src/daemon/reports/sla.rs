//! The report on SLA clocks: how many kept their targets, in groups.
//!
//! A clock counts once, in the time in which it was decided: when it was breached, or else when it
//! ended. Its ticket is taken as it is now. Counting is pure, and its memory is bounded: lengths go
//! into buckets that are less than a hundredth wide where there are many, and groups past
//! [`MOST_GROUPS`] are counted together.

use std::collections::BTreeMap;

use chrono_tz::Tz;

use super::{Asked, Report, ReportFault, SLICE};
use crate::{
    domain::{
        report::{Cell, Column, NONE, Sheet},
        sla::{ClockState, Metric},
        ticket::Priority,
        wall::Date,
    },
    store::{ClockOutcome, OutcomeKind, Store},
};

/// The report.
pub(super) const REPORT: Report = Report {
    name: "sla",
    summary: "How many SLA clocks kept their targets, by team, priority, category, tag, week, policy or metric.",
    takes: &["by", "metric", "policy", "team", "timezone"],
    make: |store, asked| Box::pin(make(store, asked)),
};

/// The most groups that are told apart.
const MOST_GROUPS: usize = 1_000;
/// What stands in place of all others.
const OTHERS: &str = "(others)";
/// How many lengths are kept as they are.
const EXACT: usize = 512;
/// How finely lengths are told apart that are not kept: by their first seven bits.
const FINE_BITS: u32 = 7;

/// What clocks are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Category,
    Metric,
    Policy,
    Priority,
    Tag,
    Team,
    Week,
}

impl By {
    const ALL: [Self; 7] = [
        Self::Category,
        Self::Metric,
        Self::Policy,
        Self::Priority,
        Self::Tag,
        Self::Team,
        Self::Week,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Category => "category",
            Self::Metric => "metric",
            Self::Policy => "policy",
            Self::Priority => "priority",
            Self::Tag => "tag",
            Self::Team => "team",
            Self::Week => "week",
        }
    }

    fn head(self) -> &'static str {
        match self {
            Self::Category => "CATEGORY",
            Self::Metric => "METRIC",
            Self::Policy => "POLICY",
            Self::Priority => "PRIORITY",
            Self::Tag => "TAG",
            Self::Team => "TEAM",
            Self::Week => "WEEK",
        }
    }

    /// Gives the groups to which an outcome belongs, each with its place in the order.
    fn groups(self, outcome: &ClockOutcome, zone: Tz) -> Vec<(usize, String)> {
        let named = |name: &Option<String>| name.clone().unwrap_or_else(|| NONE.to_owned());
        let one = match self {
            Self::Category => named(&outcome.category),
            Self::Metric => outcome.clock.key.metric.as_str().to_owned(),
            Self::Policy => outcome.clock.pin.policy.clone(),
            Self::Team => named(&outcome.team),
            Self::Week => week(outcome, zone),
            Self::Priority => {
                let name = named(&outcome.priority);
                let rank = Priority::parse(&name).map_or(0, |priority| 1 + priority as usize);
                return vec![(Priority::ALL.len() - rank, name)];
            }
            Self::Tag if outcome.tags.is_empty() => NONE.to_owned(),
            Self::Tag => return outcome.tags.iter().map(|tag| (0, tag.clone())).collect(),
        };
        vec![(0, one)]
    }
}

/// Names the week in which an outcome was decided, as `2026-W48`.
fn week(outcome: &ClockOutcome, zone: Tz) -> String {
    let date = Date::of(outcome.decided_at(), zone).naive();
    date.format("%G-W%V").to_string()
}

async fn make(store: &Store, asked: &Asked) -> Result<Sheet, ReportFault> {
    let mut counted = Attainment::of(asked)?;
    let period = (asked.from, asked.to);
    for kind in [OutcomeKind::Breached, OutcomeKind::Unbreached] {
        let mut after = None;
        loop {
            let place = after.take();
            let read = store
                .read(move |reader| reader.clock_outcomes(kind, period, place.as_ref(), SLICE));
            let (outcomes, next) = read.await?;
            for outcome in &outcomes {
                counted.take(outcome);
            }
            after = next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(counted.sheet(asked))
}

/// The report in the making.
#[derive(Debug)]
struct Attainment {
    by: By,
    zone: Tz,
    metric: Option<Metric>,
    policy: Option<String>,
    team: Option<String>,
    groups: BTreeMap<(usize, String), Group>,
    total: Group,
}

/// What became of the clocks of one group.
#[derive(Clone, Debug, Default)]
struct Group {
    met: u64,
    breached: u64,
    cancelled: u64,
    lengths: Lengths,
}

/// How long things took. *Units*: milliseconds of open time.
#[derive(Clone, Debug, Default)]
struct Lengths {
    count: u64,
    sum: i128,
    exact: Vec<i64>,
    buckets: BTreeMap<u64, u64>,
}

impl Attainment {
    fn of(asked: &Asked) -> Result<Self, ReportFault> {
        let known = |text: &str| By::ALL.into_iter().find(|by| by.as_str() == text);
        let wrong = |field, text: &str, names: Vec<&str>| ReportFault::Asked {
            field,
            detail: format!("{field} `{text}` is none of {}", names.join(", ")),
        };
        let by = match asked.by.as_deref() {
            None => By::Metric,
            Some(text) => {
                known(text).ok_or_else(|| wrong("by", text, By::ALL.map(By::as_str).to_vec()))?
            }
        };
        let metric = match asked.metric.as_deref() {
            None => None,
            Some(text) => Some(
                Metric::ALL
                    .into_iter()
                    .find(|metric| metric.as_str() == text)
                    .ok_or_else(|| {
                        wrong("metric", text, Metric::ALL.map(Metric::as_str).to_vec())
                    })?,
            ),
        };
        Ok(Self {
            by,
            zone: asked.timezone.unwrap_or(Tz::UTC),
            metric,
            policy: asked.policy.clone(),
            team: asked.team.clone(),
            groups: BTreeMap::new(),
            total: Group::default(),
        })
    }

    fn take(&mut self, outcome: &ClockOutcome) {
        let clock = &outcome.clock;
        let is_other = self.metric.is_some_and(|metric| clock.key.metric != metric)
            || self
                .policy
                .as_ref()
                .is_some_and(|policy| clock.pin.policy != *policy)
            || (self.team.is_some() && outcome.team != self.team);
        if is_other {
            return;
        }
        self.total.take(outcome);
        for mut key in self.by.groups(outcome, self.zone) {
            if self.groups.len() >= MOST_GROUPS && !self.groups.contains_key(&key) {
                key = (usize::MAX, OTHERS.to_owned());
            }
            self.groups.entry(key).or_default().take(outcome);
        }
    }

    fn sheet(mut self, asked: &Asked) -> Sheet {
        let mut about = vec![("by", self.by.as_str().to_owned())];
        about.extend(asked.metric.clone().map(|metric| ("metric", metric)));
        about.extend(asked.policy.clone().map(|policy| ("policy", policy)));
        about.extend(asked.team.clone().map(|team| ("team", team)));
        about.push(("timezone", self.zone.name().to_owned()));
        let groups = std::mem::take(&mut self.groups).into_iter();
        let rows = groups.map(|((_, name), group)| group.row(name));
        Sheet {
            title: "SLA targets kept",
            from: asked.from,
            to: asked.to,
            about,
            columns: vec![
                Column::new(self.by.as_str(), self.by.head()),
                Column::new("count", "COUNT").charted(),
                Column::new("met", "MET"),
                Column::new("breached", "BREACHED"),
                Column::new("cancelled", "CANCELLED"),
                Column::new("attainment", "ATTAINMENT").charted(),
                Column::new("average_elapsed_ms", "AVERAGE"),
                Column::new("p90_elapsed_ms", "P90"),
            ],
            rows: rows.collect(),
            total: Some(self.total.row("all".to_owned())),
        }
    }
}

impl Group {
    fn take(&mut self, outcome: &ClockOutcome) {
        let clock = &outcome.clock;
        match clock.state {
            _ if clock.breach.is_some() => self.breached += 1,
            ClockState::Cancelled => {
                self.cancelled += 1;
                return;
            }
            ClockState::Running | ClockState::Paused | ClockState::Stopped => self.met += 1,
        }
        // How long one takes that still runs nobody knows.
        if clock.state == ClockState::Stopped {
            self.lengths.add(clock.consumed.micros() / 1_000);
        }
    }

    fn row(&self, name: String) -> Vec<Cell> {
        let count = self.met + self.breached;
        vec![
            Cell::Text(name),
            Cell::Count(count),
            Cell::Count(self.met),
            Cell::Count(self.breached),
            Cell::Count(self.cancelled),
            Cell::share(self.met, count),
            Cell::Millis(self.lengths.average()),
            Cell::Millis(self.lengths.quantile(9, 10)),
        ]
    }
}

impl Lengths {
    fn add(&mut self, millis: i64) {
        self.count += 1;
        self.sum += i128::from(millis);
        if !self.buckets.is_empty() {
            *self.buckets.entry(bucket(millis)).or_default() += 1;
            return;
        }
        self.exact.push(millis);
        if self.exact.len() > EXACT {
            for millis in std::mem::take(&mut self.exact) {
                *self.buckets.entry(bucket(millis)).or_default() += 1;
            }
        }
    }

    fn average(&self) -> Option<i64> {
        let average = self.sum.checked_div(i128::from(self.count))?;
        i64::try_from(average).ok()
    }

    /// Gives the length that so much of all do not exceed.
    fn quantile(&self, part: u64, of: u64) -> Option<i64> {
        let rank = (self.count * part).div_ceil(of);
        if rank == 0 {
            return None;
        }
        if self.buckets.is_empty() {
            let mut sorted = self.exact.clone();
            sorted.sort_unstable();
            return sorted.get(usize::try_from(rank).ok()? - 1).copied();
        }
        let mut passed = 0;
        let mut buckets = self.buckets.iter();
        let found = buckets.find(|(_, count)| {
            passed += **count;
            passed >= rank
        });
        found.map(|(bucket, _)| longest(*bucket))
    }
}

/// Gives the bucket of a length: how far it is shifted, and what of it is left then.
fn bucket(millis: i64) -> u64 {
    let millis = u64::try_from(millis).unwrap_or(0);
    let bits = u64::BITS - millis.leading_zeros();
    let shift = bits.saturating_sub(FINE_BITS);
    u64::from(shift) << 32 | millis >> shift
}

/// Gives the longest length of a bucket.
fn longest(bucket: u64) -> i64 {
    let (shift, left) = (bucket >> 32, bucket & u64::from(u32::MAX));
    let longest = ((left + 1) << shift) - 1;
    i64::try_from(longest).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
