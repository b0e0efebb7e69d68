//! From the text of a calendar to runs of weeks.
//!
//! A week starts at Monday's midnight, as an instant; the weeks share no instant and leave
//! none out, so what is open is cut at their borders and counted once. Windows that overlap,
//! by what is written or because a clock change pushes them together, are one.

use std::collections::BTreeSet;

use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Tz;

use super::{Calendar, CalendarFault, CalendarSpec, DAY, Interval, Run, WEEK, Weeks, millis, sum};
use crate::domain::wall::{Date, offset_ms, resolve};

/// The Monday with which the calendar's time begins, 1969-12-29. *Units*: milliseconds of local time.
const FIRST: i64 = -3 * DAY;
/// How many weeks a calendar has: to the end of the year 2100.
const COUNT: i64 = 6_836;
/// How far apart the zone's offset is looked at. *Units*: milliseconds.
const STEP: i64 = WEEK / 2;
/// How far around a clock change weeks keep their own intervals. *Units*: milliseconds.
const AROUND: i64 = DAY;

impl Calendar {
    /// Compiles a calendar.
    ///
    /// *Errors*: [`CalendarFault::Zone`]. One that never opens is compiled too, for the clocks
    /// that go by it; [`Calendar::check_opens`] refuses it at load.
    pub fn compile(spec: CalendarSpec) -> Result<Self, CalendarFault> {
        let zone = spec.zone()?;
        let usual = usual_week(&spec);
        let each = sum(&usual);
        let odd = odd_weeks(&spec, zone);
        let mut runs: Vec<Run> = Vec::new();
        let mut total = 0;
        let mut is_usual_before = false;
        for week in 0..COUNT {
            let is_odd = odd.contains(&week);
            if is_odd || !is_usual_before {
                let intervals = is_odd.then(|| own_week(&spec, zone, week));
                let open = intervals.as_deref().map_or(each, sum);
                runs.push(Run {
                    starts: start_of(zone, week),
                    before: total,
                    weeks: intervals.map_or(Weeks::Usual, Weeks::Odd),
                });
                total += open;
            } else {
                total += each;
            }
            is_usual_before = !is_odd;
        }
        Ok(Self {
            version: spec.version(),
            spec,
            zone,
            usual,
            runs,
            begin: start_of(zone, 0),
            end: start_of(zone, COUNT),
            total,
        })
    }
}

/// Gives the open time of a week without overrides and clock changes, from its start.
fn usual_week(spec: &CalendarSpec) -> Vec<Interval> {
    let days = (-1_i64..7).flat_map(|day| {
        let windows = &spec.week[usize::try_from(day.rem_euclid(7)).unwrap_or(0)];
        windows.iter().map(move |window| {
            let minute = |minute: u16| day * DAY + i64::from(minute) * 60_000;
            (minute(window.opens()), minute(window.closes()))
        })
    });
    joined(days.collect(), (0, WEEK))
}

/// Gives the open time of one week, as instants.
fn own_week(spec: &CalendarSpec, zone: Tz, week: i64) -> Vec<Interval> {
    let within = (start_of(zone, week), start_of(zone, week + 1));
    let monday = date_of(FIRST + week * WEEK);
    // A gap may bring in what starts a little outside.
    let days = (-2..=8).flat_map(|day| {
        let date = monday.plus_days(day);
        let windows = spec.windows(date).iter();
        windows.filter_map(move |window| interval(zone, date, window.opens(), window.closes()))
    });
    joined(days.collect(), within)
}

/// Gives the instants of a window.
pub(super) fn interval(zone: Tz, date: Date, opens: u16, closes: u16) -> Option<Interval> {
    let midnight = date.naive().and_hms_opt(0, 0, 0)?;
    let at = |minute: u16| {
        let wall = midnight.checked_add_signed(TimeDelta::minutes(i64::from(minute)))?;
        resolve(zone, wall).map(|(at, _)| millis(at))
    };
    Some((at(opens)?, at(closes)?))
}

/// Cuts intervals to a range, sorts them, and joins those that overlap or touch.
pub(super) fn joined(mut intervals: Vec<Interval>, within: Interval) -> Vec<Interval> {
    for (from, to) in &mut intervals {
        *from = (*from).max(within.0);
        *to = (*to).min(within.1);
    }
    intervals.retain(|(from, to)| from < to);
    intervals.sort_unstable();
    let mut apart: Vec<Interval> = Vec::with_capacity(intervals.len());
    for (from, to) in intervals {
        match apart.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            Some(_) | None => apart.push((from, to)),
        }
    }
    apart
}

/// Gives the weeks in which an override or a clock change has a part.
fn odd_weeks(spec: &CalendarSpec, zone: Tz) -> BTreeSet<i64> {
    let mut odd = BTreeSet::new();
    for date in spec.overrides.keys() {
        let day = local_day(*date);
        odd.extend(week_of(day)..=week_of(day + DAY));
    }
    let end = FIRST + COUNT * WEEK + AROUND;
    let mut at = FIRST - AROUND;
    let mut offset = offset_ms(zone, at);
    while at < end {
        let next = offset_ms(zone, at + STEP);
        if next != offset {
            let change = change_between(zone, at, at + STEP);
            let first = change + offset.min(next) - AROUND;
            let last = change + offset.max(next) + AROUND;
            odd.extend(week_of(first)..=week_of(last));
        }
        offset = next;
        at += STEP;
    }
    odd
}

/// Gives the instant between two of unlike offsets from which on it is the latter's.
fn change_between(zone: Tz, mut before: i64, mut after: i64) -> i64 {
    let offset = offset_ms(zone, after);
    while after - before > 1_000 {
        let middle = i64::midpoint(before, after);
        if offset_ms(zone, middle) == offset {
            after = middle;
        } else {
            before = middle;
        }
    }
    after
}

/// Gives the number of the week of a local time.
fn week_of(local_ms: i64) -> i64 {
    (local_ms - FIRST).div_euclid(WEEK)
}

/// Gives a date's midnight. *Units*: milliseconds of local time.
fn local_day(date: Date) -> i64 {
    let since = date
        .naive()
        .signed_duration_since(NaiveDate::from(chrono::NaiveDateTime::default()));
    since.num_days() * DAY
}

fn date_of(local_ms: i64) -> Date {
    Date::from(NaiveDate::from(chrono::NaiveDateTime::default())).plus_days(local_ms / DAY)
}

/// Gives the instant at which a week starts. *Units*: milliseconds since the epoch.
fn start_of(zone: Tz, week: i64) -> i64 {
    let local = FIRST + week * WEEK;
    interval(zone, date_of(local), 0, 0).map_or(local, |(start, _)| start)
}
