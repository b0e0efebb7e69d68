//! From the clock on the wall to instants: the one rule for all time zones.
//!
//! RFC 5545, section 3.3.5: what the spring gap swallows counts with the offset from before
//! the gap, so it comes later by the gap's real length (30 minutes on Lord Howe); what the
//! autumn fold repeats is meant at its first time. Calendars and cron schedules go by it.

use std::{fmt, str::FromStr};

use chrono::{
    DateTime, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone,
};
use chrono_tz::{GapInfo, Tz};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::time::Timestamp;

/// The version of the time zone data that this program carries, such as `2025b`.
pub const ZONE_DATA: &str = chrono_tz::IANA_TZDB_VERSION;

/// A day of the calendar, without a time zone; written `2026-12-25`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(NaiveDate);

impl Date {
    /// Gives the local date of an instant.
    pub fn of(at: Timestamp, zone: Tz) -> Self {
        Self(at.to_utc().with_timezone(&zone).date_naive())
    }

    /// Gives the date so many days later; stops at the ends of time.
    #[must_use]
    pub fn plus_days(self, days: i64) -> Self {
        let moved = TimeDelta::try_days(days).and_then(|span| self.0.checked_add_signed(span));
        let end = if days < 0 {
            NaiveDate::MIN
        } else {
            NaiveDate::MAX
        };
        Self(moved.unwrap_or(end))
    }

    /// Gives it as chrono's date.
    pub fn naive(self) -> NaiveDate {
        self.0
    }
}

impl From<NaiveDate> for Date {
    fn from(date: NaiveDate) -> Self {
        Self(date)
    }
}

impl FromStr for Date {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_plain = text.len() == 10;
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
        date.filter(|_| is_plain)
            .map(Self)
            .ok_or_else(|| format!("`{text}` is not a date; write it like `2026-12-25`"))
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// Gives the instant of a wall time, and whether a gap shifted it; `None` at the ends of time.
pub fn resolve(zone: Tz, wall: NaiveDateTime) -> Option<(Timestamp, bool)> {
    let (offset, is_shifted) = match zone.offset_from_local_datetime(&wall) {
        MappedLocalTime::Single(offset) | MappedLocalTime::Ambiguous(offset, _) => (offset, false),
        MappedLocalTime::None => (GapInfo::new(&wall, &zone)?.begin?.1, true),
    };
    let utc = wall.checked_sub_offset(offset.fix())?;
    Some((Timestamp::from(utc.and_utc()), is_shifted))
}

/// Gives the first instant of the day of a time zone on which `now` falls; where clocks skip midnight,
/// the instant after the gap.
pub fn start_of_day(now: Timestamp, zone: Tz) -> Timestamp {
    let midnight = Date::of(now, zone).0.and_time(NaiveTime::MIN);
    // What a gap swallows is shifted by the gap, which begins at midnight where it takes midnight.
    resolve(zone, midnight).map_or(now, |(start, _)| start)
}

/// Gives by how much local time is ahead of UTC. *Units*: milliseconds, of both.
pub(super) fn offset_ms(zone: Tz, utc_ms: i64) -> i64 {
    let Some(utc) = DateTime::from_timestamp_millis(utc_ms) else {
        return 0;
    };
    let offset = zone.offset_from_utc_datetime(&utc.naive_utc()).fix();
    i64::from(offset.local_minus_utc()) * 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(zone: &str, wall: &str) -> (String, bool) {
        let wall = NaiveDateTime::parse_from_str(wall, "%Y-%m-%d %H:%M").expect("a wall time");
        let (at, is_shifted) = resolve(zone.parse().expect("a zone"), wall).expect("in range");
        (at.to_string(), is_shifted)
    }

    #[test]
    fn a_gap_shifts_by_its_length_and_a_fold_means_the_first() {
        for (zone, wall, at, is_shifted) in [
            (
                "Europe/Berlin",
                "2026-03-29 02:30",
                "2026-03-29T01:30:00Z",
                true,
            ),
            (
                "Europe/Berlin",
                "2026-10-25 02:30",
                "2026-10-25T00:30:00Z",
                false,
            ),
            (
                "Australia/Lord_Howe",
                "2026-10-04 02:15",
                "2026-10-03T15:45:00Z",
                true,
            ),
            (
                "Australia/Lord_Howe",
                "2026-04-05 01:45",
                "2026-04-04T14:45:00Z",
                false,
            ),
            (
                "Africa/Cairo",
                "2026-04-24 00:00",
                "2026-04-23T22:00:00Z",
                true,
            ),
            (
                "Pacific/Apia",
                "2011-12-30 12:00",
                "2011-12-30T22:00:00Z",
                true,
            ),
        ] {
            assert_eq!(
                instant(zone, wall),
                (at.to_owned(), is_shifted),
                "{zone} {wall}"
            );
        }
    }

    #[test]
    fn today_begins_at_local_midnight() {
        for (now, zone, start) in [
            ("2026-11-21T23:30:00Z", "UTC", "2026-11-21T00:00:00Z"),
            (
                "2026-11-21T23:30:00Z",
                "Europe/Berlin",
                "2026-11-21T23:00:00Z",
            ),
            // Clocks in Cairo skip from midnight to one on 2026-04-24.
            (
                "2026-04-24T10:00:00Z",
                "Africa/Cairo",
                "2026-04-23T22:00:00Z",
            ),
        ] {
            let now = Timestamp::parse(now).expect("a time");
            let began = start_of_day(now, zone.parse().expect("a zone"));
            assert_eq!(began.to_string(), start, "{zone}");
        }
    }

    #[test]
    fn dates_are_written_in_one_way() {
        assert_eq!(
            "2026-12-25".parse::<Date>().map(|date| date.to_string()),
            Ok("2026-12-25".into())
        );
        for bad in ["2026-02-30", "26-12-25", "2026-12-5", "25.12.2026", ""] {
            assert!(bad.parse::<Date>().is_err(), "{bad}");
        }
    }
}
