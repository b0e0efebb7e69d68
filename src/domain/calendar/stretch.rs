//! What counts between two instants and what is skipped, and why: for people who ask.

use serde::{Deserialize, Serialize};

use super::{Calendar, Interval, WEEK, Weeks, compile, instant, millis};
use crate::domain::{time::Timestamp, wall::Date};

/// What a calendar says of a stretch of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Hours {
    /// It counts.
    Open,
    /// Nobody is ever there at this time.
    Closed,
    /// Somebody would be there, were it not for this date.
    Holiday {
        /// The date.
        date: Date,
        /// Its name, where it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
}

/// A stretch of time [from, to) of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// Where it starts.
    pub from: Timestamp,
    /// Where it ends.
    pub to: Timestamp,
    /// Of which kind it is.
    #[serde(flatten)]
    pub hours: Hours,
}

impl Calendar {
    /// Gives all time between two instants, cut into what counts and what is skipped.
    ///
    /// *Shape*: rising, without holes; empty where `to` is not the later one.
    pub fn stretches(&self, from: Timestamp, to: Timestamp) -> Vec<Stretch> {
        let (from, to) = (millis(from), millis(to));
        let mut stretches = Vec::new();
        let mut done = from;
        for (opens, closes) in self.open_in(from, to) {
            self.skip((done, opens), &mut stretches);
            stretches.push(stretch((opens, closes), Hours::Open));
            done = closes;
        }
        self.skip((done, to), &mut stretches);
        stretches
    }

    /// Gives the open intervals in a range, cut to it.
    fn open_in(&self, from: i64, to: i64) -> Vec<Interval> {
        let first = self.run_at(from);
        let mut intervals = Vec::new();
        for (index, run) in self.runs.iter().enumerate().skip(first) {
            if run.starts >= to {
                break;
            }
            match &run.weeks {
                Weeks::Odd(own) => intervals.extend_from_slice(own),
                Weeks::Usual => {
                    let ends = self
                        .runs
                        .get(index + 1)
                        .map_or(self.end, |next| next.starts);
                    let mut week = run.starts + (from - run.starts).max(0) / WEEK * WEEK;
                    while week < ends.min(to) {
                        let usual = self.usual.iter();
                        intervals.extend(usual.map(|(from, to)| (week + from, week + to)));
                        week += WEEK;
                    }
                }
            }
        }
        compile::joined(intervals, (from, to))
    }

    /// Adds what is skipped, told apart by why.
    fn skip(&self, closed: Interval, stretches: &mut Vec<Stretch>) {
        let (mut done, to) = closed;
        for (missed, date) in self.holidays_in(closed) {
            let from = missed.0.max(done);
            if done < from {
                stretches.push(stretch((done, from), Hours::Closed));
            }
            if from < missed.1 {
                let name = self
                    .spec
                    .overrides
                    .get(&date)
                    .and_then(|day| day.name.clone());
                stretches.push(stretch((from, missed.1), Hours::Holiday { date, name }));
                done = missed.1;
            }
        }
        if done < to {
            stretches.push(stretch((done, to), Hours::Closed));
        }
    }

    /// Gives what would be open in a range were it not for overrides, rising.
    fn holidays_in(&self, range: Interval) -> Vec<(Interval, Date)> {
        if range.0 >= range.1 {
            return Vec::new();
        }
        let first = Date::of(instant(range.0), self.zone).plus_days(-2);
        let last = Date::of(instant(range.1), self.zone).plus_days(1);
        let mut missed = Vec::new();
        for (date, _) in self.spec.overrides.range(first..=last) {
            let windows = self.spec.usual(*date).iter();
            let usual = windows.filter_map(|window| {
                compile::interval(self.zone, *date, window.opens(), window.closes())
            });
            let usual = compile::joined(usual.collect(), range);
            missed.extend(usual.into_iter().map(|interval| (interval, *date)));
        }
        missed.sort_unstable();
        missed
    }
}

fn stretch((from, to): Interval, hours: Hours) -> Stretch {
    let (from, to) = (instant(from), instant(to));
    Stretch { from, to, hours }
}
