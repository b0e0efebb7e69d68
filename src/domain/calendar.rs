//! Calendars: which time counts, and when so much of it has passed.
//!
//! A calendar is compiled once and asked often. Time is cut into runs of weeks: of usual
//! weeks only the first is kept, for each has the same open time at the same places; a week
//! with an override or a clock change keeps its own intervals. Each run knows the open time
//! before it, so that [`Calendar::elapsed`] and [`Calendar::due`] search, and walk one week
//! at most. All is counted in real time, in whole milliseconds: an instant counts as the
//! millisecond that it falls into. Time before 1970 or after 2100 is closed.

use super::{
    time::{Span, Timestamp},
    wall::ZONE_DATA,
};

pub use self::{
    spec::{CalendarFault, CalendarSpec, Override, Window},
    stretch::{Hours, Stretch},
};

mod compile;
mod spec;
mod stretch;

/// *Units*: milliseconds.
const DAY: i64 = 86_400_000;
/// *Units*: milliseconds.
const WEEK: i64 = 7 * DAY;
/// How far a calendar must open again to be taken.
const LOOK_AHEAD: Span = Span::from_secs(366 * 86_400);

/// An interval [from, to). *Units*: milliseconds, since the epoch or since the week's start.
type Interval = (i64, i64);

/// A compiled calendar. Immutable; compiled from a [`CalendarSpec`] by [`Calendar::compile`].
#[derive(Clone, Debug)]
pub struct Calendar {
    spec: CalendarSpec,
    version: String,
    zone: chrono_tz::Tz,
    /// The open time of a usual week, from its start, apart and rising.
    usual: Vec<Interval>,
    /// The first starts at `begin`, each ends where the next starts.
    runs: Vec<Run>,
    begin: i64,
    end: i64,
    /// All open time that there is.
    total: i64,
}

/// Weeks of one kind, one after the other.
#[derive(Clone, Debug)]
struct Run {
    starts: i64,
    /// The open time before it.
    before: i64,
    weeks: Weeks,
}

#[derive(Clone, Debug)]
enum Weeks {
    /// As many usual ones as there is room for.
    Usual,
    /// One of its own, with its intervals, apart and rising.
    Odd(Vec<Interval>),
}

impl Calendar {
    /// Gives the name by which policies mention it.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// Gives the version of its text.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Gives the time zone in which its dates are meant.
    pub fn zone(&self) -> chrono_tz::Tz {
        self.zone
    }

    /// Gives the version of the time zone data by which it is compiled.
    pub fn zone_data(&self) -> &'static str {
        ZONE_DATA
    }

    /// Gives it as it was written.
    pub fn spec(&self) -> &CalendarSpec {
        &self.spec
    }

    /// Gives the open time between two instants; none where `to` is not the later one.
    pub fn elapsed(&self, from: Timestamp, to: Timestamp) -> Span {
        let open = self.open_before(millis(to)) - self.open_before(millis(from));
        Span::from_millis(open.max(0))
    }

    /// Gives the earliest instant at which so much open time has passed since `start`.
    ///
    /// *Shape*: a deadline that lands on closing time stays there; no span is due at once; what
    /// never comes is due at the end of the calendar's time, about the year 2100.
    pub fn due(&self, start: Timestamp, span: Span) -> Timestamp {
        let wanted = span.micros().div_euclid(1_000);
        if wanted <= 0 {
            return start;
        }
        let passed = self.open_before(millis(start));
        instant(self.reach(passed.saturating_add(wanted)))
    }

    /// Tells whether it is open.
    pub fn is_open(&self, at: Timestamp) -> bool {
        let at = millis(at);
        self.open_before(at.saturating_add(1)) > self.open_before(at)
    }

    /// Gives the first instant from `at` on at which it is open; `None` if it never is again.
    pub fn next_open(&self, at: Timestamp) -> Option<Timestamp> {
        if self.is_open(at) {
            return Some(at);
        }
        let next = self.open_before(millis(at)) + 1;
        (next <= self.total).then(|| instant(self.reach(next) - 1))
    }

    /// Refuses a calendar that has no open time in the next 366 days.
    ///
    /// *Errors*: [`CalendarFault::NeverOpen`]; the policy that names it is not to be loaded.
    pub fn check_opens(&self, now: Timestamp) -> Result<(), CalendarFault> {
        if self.elapsed(now, now.plus(LOOK_AHEAD)) > Span::default() {
            return Ok(());
        }
        Err(CalendarFault::NeverOpen {
            name: self.spec.name.clone(),
            since: now,
        })
    }

    /// Gives the open time before an instant.
    fn open_before(&self, at: i64) -> i64 {
        let at = at.clamp(self.begin, self.end);
        let run = &self.runs[self.run_at(at)];
        let within = match &run.weeks {
            Weeks::Odd(intervals) => open_until(intervals, at),
            Weeks::Usual => {
                let passed = at - run.starts;
                passed / WEEK * sum(&self.usual) + open_until(&self.usual, passed % WEEK)
            }
        };
        run.before + within
    }

    /// Gives the earliest instant before which there is so much open time, which is above nothing.
    fn reach(&self, open: i64) -> i64 {
        if open > self.total {
            return self.end;
        }
        let next = self.runs.partition_point(|run| run.before < open);
        let run = &self.runs[next.saturating_sub(1)];
        let wanted = open - run.before;
        match &run.weeks {
            Weeks::Odd(intervals) => reach_in(intervals, wanted),
            Weeks::Usual => {
                // A run that has what is wanted has some open time a week.
                let each = sum(&self.usual).max(1);
                let weeks = (wanted - 1) / each;
                run.starts + weeks * WEEK + reach_in(&self.usual, wanted - weeks * each)
            }
        }
    }

    fn run_at(&self, at: i64) -> usize {
        let next = self.runs.partition_point(|run| run.starts <= at);
        next.saturating_sub(1)
    }
}

fn sum(intervals: &[Interval]) -> i64 {
    intervals.iter().map(|(from, to)| to - from).sum()
}

fn open_until(intervals: &[Interval], at: i64) -> i64 {
    let started = intervals.iter().take_while(|(from, _)| *from < at);
    started.map(|(from, to)| at.min(*to) - from).sum()
}

/// Gives the earliest time at which so much is reached; the last end if there is less.
fn reach_in(intervals: &[Interval], wanted: i64) -> i64 {
    let mut left = wanted;
    let mut last = 0;
    for (from, to) in intervals {
        if left <= to - from {
            return from + left;
        }
        left -= to - from;
        last = *to;
    }
    last
}

/// Gives the millisecond that an instant falls into.
fn millis(at: Timestamp) -> i64 {
    at.micros().div_euclid(1_000)
}

fn instant(millis: i64) -> Timestamp {
    Timestamp::from_micros(millis * 1_000)
}

#[cfg(test)]
mod tests;
