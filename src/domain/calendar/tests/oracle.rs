//! A calendar that looks at each minute. Slow, and written from the rules alone: it asks the
//! zone only what the clock on the wall shows at an instant.

use std::collections::{HashMap, HashSet};

use chrono::NaiveDateTime;
use chrono_tz::Tz;

use super::{CalendarSpec, MINUTE, Span, Timestamp};
use crate::domain::wall::Date;

/// How far it sees, each way. *Units*: minutes.
const REACH: i64 = 35 * 1_440;

/// The minutes at which a calendar is open.
pub(super) struct Oracle {
    open: HashSet<i64>,
    last: i64,
}

impl Oracle {
    pub(super) fn new(spec: &CalendarSpec, around: Timestamp) -> Self {
        let zone: Tz = spec.timezone.parse().expect("a zone");
        let middle = minute(around);
        let (first, last) = (middle - REACH, middle + REACH);
        let wall = Wall::new(zone, first, last);
        let mut open = HashSet::new();
        let mut date = Date::of(instant(first + 4_320), zone);
        while date < Date::of(instant(last - 4_320), zone) {
            let weekday = date.naive().format("%u").to_string();
            let usual = &spec.week[weekday.parse::<usize>().expect("1 to 7") - 1];
            let windows = spec.overrides.get(&date).map_or(usual, |day| &day.windows);
            for window in windows {
                let midnight = date.naive().and_hms_opt(0, 0, 0).expect("midnight");
                let at = |minutes: u16| {
                    wall.instant_of(midnight + chrono::TimeDelta::minutes(minutes.into()))
                };
                open.extend(at(window.opens())..at(window.closes()));
            }
            date = date.plus_days(1);
        }
        Self {
            open,
            last: last - 4_320,
        }
    }

    pub(super) fn is_open(&self, at: Timestamp) -> bool {
        self.open.contains(&minute(at))
    }

    pub(super) fn elapsed(&self, from: Timestamp, to: Timestamp) -> Span {
        let counted = (minute(from)..minute(to)).filter(|minute| self.open.contains(minute));
        Span::from_millis(MINUTE * i64::try_from(counted.count()).expect("few"))
    }

    /// Gives when so many minutes have passed; `None` when it does not see so far.
    pub(super) fn due(&self, start: Timestamp, wanted: i64) -> Option<Timestamp> {
        let mut open = (minute(start)..self.last).filter(|minute| self.open.contains(minute));
        open.nth(usize::try_from(wanted - 1).ok()?)
            .map(|last| instant(last + 1))
    }
}

/// What the clock on the wall shows at each minute.
struct Wall {
    /// The first instant at which it shows this.
    shown: HashMap<NaiveDateTime, i64>,
}

impl Wall {
    fn new(zone: Tz, first: i64, last: i64) -> Self {
        let mut shown = HashMap::new();
        for minute in first..=last {
            let local = instant(minute).to_utc().with_timezone(&zone).naive_local();
            shown.entry(local).or_insert(minute);
        }
        Self { shown }
    }

    /// What is never shown comes as long after what was shown last as the clock would have told.
    fn instant_of(&self, wall: NaiveDateTime) -> i64 {
        let mut back = 0;
        loop {
            let earlier = wall - chrono::TimeDelta::minutes(back);
            if let Some(minute) = self.shown.get(&earlier) {
                return minute + back;
            }
            back += 1;
        }
    }
}

fn minute(at: Timestamp) -> i64 {
    at.micros().div_euclid(60_000_000)
}

fn instant(minute: i64) -> Timestamp {
    Timestamp::from_micros(minute * 60_000_000)
}
