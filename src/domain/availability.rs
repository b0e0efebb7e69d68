//! Availability: whether somebody can be given work at a moment.
//!
//! Working hours by a calendar of the policy, and whole days away. Asked when a ticket looks for
//! its person; what somebody has already, they keep.

use std::{fmt, str::FromStr};

use chrono_tz::Tz;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{calendar::Calendar, directory::Person, time::Timestamp, wall::Date};

/// Whole days on which somebody is away; written `2026-12-20/2026-12-31`, or `2026-12-24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Away {
    from: Date,
    to: Date,
}

impl Away {
    /// Tells whether a day is among them; the first and the last are.
    pub fn contains(self, date: Date) -> bool {
        (self.from..=self.to).contains(&date)
    }
}

impl FromStr for Away {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (from, to) = text.split_once('/').unwrap_or((text, text));
        let date = |date: &str| {
            let read = date.trim().parse::<Date>();
            read.map_err(|_| format!("`{text}` is neither a day nor a stretch of days"))
        };
        let (from, to) = (date(from)?, date(to)?);
        if to < from {
            return Err(format!("`{text}` ends before it begins"));
        }
        Ok(Self { from, to })
    }
}

impl fmt::Display for Away {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.from == self.to {
            self.from.fmt(f)
        } else {
            write!(f, "{}/{}", self.from, self.to)
        }
    }
}

impl Serialize for Away {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Away {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// Tells whether somebody can be given work. `calendar` is theirs; `None`: they work at any time.
///
/// The days away are those of the calendar's zone, else of UTC.
pub fn is_available(person: &Person, calendar: Option<&Calendar>, at: Timestamp) -> bool {
    let today = Date::of(at, calendar.map_or(Tz::UTC, Calendar::zone));
    let is_away = person.away.iter().any(|away| away.contains(today));
    !is_away && calendar.is_none_or(|calendar| calendar.is_open(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::CalendarSpec;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("RFC 3339")
    }

    #[test]
    fn days_away_are_written_as_they_are_read() {
        for text in ["2026-12-20/2026-12-31", "2026-12-24"] {
            assert_eq!(
                text.parse::<Away>().map(|away| away.to_string()),
                Ok(text.to_owned())
            );
        }
        for bad in ["2026-12-31/2026-12-20", "2026-12-32", "christmas", "/", ""] {
            assert!(bad.parse::<Away>().is_err(), "{bad}");
        }
    }

    #[test]
    fn days_away_are_whole_days_of_the_calendars_zone() {
        let calendar = CalendarSpec::always_open("a", "Pacific/Auckland");
        let calendar = Calendar::compile(calendar).expect("a calendar");
        let person = Person {
            away: vec!["2026-12-20/2026-12-21".parse().expect("days")],
            ..Person::default()
        };
        // Auckland is 13 hours ahead then.
        for (time, there, in_utc) in [
            ("2026-12-19T10:59:59Z", true, true),
            ("2026-12-19T11:00:00Z", false, true),
            ("2026-12-20T00:00:00Z", false, false),
            ("2026-12-21T10:59:59Z", false, false),
            ("2026-12-21T11:00:00Z", true, false),
            ("2026-12-22T00:00:00Z", true, true),
        ] {
            assert_eq!(
                is_available(&person, Some(&calendar), at(time)),
                there,
                "{time}"
            );
            assert_eq!(is_available(&person, None, at(time)), in_utc, "{time}");
        }
    }

    #[test]
    fn nobody_is_available_outside_of_their_hours() {
        let mut spec = CalendarSpec::always_open("a", "Europe/Berlin");
        spec.week[6] = Vec::new();
        spec.week[0] = vec!["09:00-17:00".parse().expect("a window")];
        let calendar = Calendar::compile(spec).expect("a calendar");
        let person = Person::default();
        for (time, is_there) in [
            ("2026-11-21T12:00:00Z", true),
            ("2026-11-22T12:00:00Z", false),
            ("2026-11-23T07:59:59Z", false),
            ("2026-11-23T08:00:00Z", true),
            ("2026-11-23T16:00:00Z", false),
        ] {
            assert_eq!(
                is_available(&person, Some(&calendar), at(time)),
                is_there,
                "{time}"
            );
            assert!(is_available(&person, None, at(time)), "{time}");
        }
    }
}
