//! Schedules: when a `schedule` rule is due.
//!
//! A cron expression is followed on the clock on the wall: what the spring gap
//! swallows is shifted forward by the gap, what the autumn fold repeats comes
//! once, at its first time. Pure; the daemon keeps the timers.

use std::sync::Arc;

use chrono::{DateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use super::catch_up::CatchUp;
use crate::domain::{time::Timestamp, wall::resolve};

/// When a `schedule` rule is due.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// The rule.
    pub rule: Arc<str>,
    /// The expression as written.
    pub cron: String,
    /// The timezone in which it is read.
    pub timezone: Tz,
    /// What becomes of the times that were missed.
    pub catch_up: CatchUp,
    times: cron::Schedule,
}

impl Schedule {
    /// Reads a cron expression of five fields, or six with seconds first.
    ///
    /// *Errors*: what is wrong with it, and a hint.
    pub(super) fn new(
        rule: Arc<str>,
        text: &str,
        timezone: Tz,
    ) -> Result<Self, (String, Option<String>)> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let seconds = match fields.len() {
            5 => "0 ",
            6 => "",
            count => {
                return Err((
                    format!("`{text}` has {count} fields, not five or six"),
                    Some("write minute hour day month weekday".to_owned()),
                ));
            }
        };
        if let Some(weekday) = fields
            .last()
            .filter(|field| field.contains(|c: char| c.is_ascii_digit()))
        {
            return Err((
                format!("the weekday `{weekday}` of `{text}` is a number"),
                Some("write weekdays by name, such as `Mon-Fri` or `Sat,Sun`: programs disagree on their numbers".to_owned()),
            ));
        }
        let times: cron::Schedule = format!("{seconds}{}", fields.join(" "))
            .parse()
            .map_err(|error| (format!("`{text}` is not a cron expression: {error}"), None))?;
        let start = DateTime::from_timestamp(1_767_225_600, 0).unwrap_or_default();
        if times.after(&start).next().is_none() {
            return Err((format!("`{text}` never comes"), None));
        }
        Ok(Self {
            rule,
            cron: text.to_owned(),
            timezone,
            catch_up: CatchUp::default(),
            times,
        })
    }

    /// Makes a schedule of the house itself, read in UTC.
    ///
    /// # Panics
    ///
    /// When `text`, which is written in the program, cannot be read: a defect.
    pub fn of_house(name: &str, text: &str) -> Self {
        Self::new(Arc::from(name), text, Tz::UTC).expect("a cron expression of the house")
    }

    /// Says what becomes of the times that were missed.
    #[must_use]
    pub(super) fn catching_up(self, catch_up: CatchUp) -> Self {
        Self { catch_up, ..self }
    }

    /// Gives the first time due after `at`; `None` when there is none before the year 2100.
    pub fn next_after(&self, at: Timestamp) -> Option<Timestamp> {
        let utc = at.to_utc();
        let wall = utc.with_timezone(&self.timezone).naive_local();
        // A time in the gap is due later than the wall says, by the gap's length at most.
        let start = wall.checked_sub_signed(self.change_around(utc))?;
        let mut best = None;
        for due in self.times.after(&start.and_utc()) {
            let (due_at, is_shifted) = resolve(self.timezone, due.naive_utc())?;
            if due_at > at {
                best = Some(best.map_or(due_at, |earlier: Timestamp| earlier.min(due_at)));
                if !is_shifted {
                    break;
                }
            }
        }
        best
    }

    /// Gives by how much the zone's offset changes within a day or so of `utc`.
    fn change_around(&self, utc: DateTime<Utc>) -> TimeDelta {
        let offset = |hours: i64| {
            utc.checked_add_signed(TimeDelta::hours(hours))
                .map_or(0, |at| self.offset_at(at))
        };
        TimeDelta::seconds(i64::from((offset(26) - offset(-26)).abs()) + 1)
    }

    fn offset_at(&self, utc: DateTime<Utc>) -> i32 {
        self.timezone
            .offset_from_utc_datetime(&utc.naive_utc())
            .fix()
            .local_minus_utc()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn schedule(cron: &str, zone: &str) -> Schedule {
        Schedule::new("r".into(), cron, zone.parse().expect("zone")).expect("valid")
    }

    fn due(cron: &str, zone: &str, from: &str, count: usize) -> Vec<String> {
        let schedule = schedule(cron, zone);
        let mut at = Timestamp::parse(from).expect("RFC 3339");
        (0..count)
            .map(|_| {
                at = schedule.next_after(at).expect("comes");
                at.to_string()
            })
            .collect()
    }

    #[test]
    fn what_the_gap_swallows_is_shifted_forward() {
        assert_eq!(
            due("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3),
            [
                "2026-03-28T01:30:00Z",
                "2026-03-29T01:30:00Z",
                "2026-03-30T00:30:00Z"
            ]
        );
        assert_eq!(
            due(
                "15 2 * * *",
                "Australia/Lord_Howe",
                "2026-10-02T16:00:00Z",
                2
            ),
            ["2026-10-03T15:45:00Z", "2026-10-04T15:15:00Z"]
        );
        assert_eq!(
            due("45,50 2 * * *", "Europe/Berlin", "2026-03-29T01:44:00Z", 2),
            ["2026-03-29T01:45:00Z", "2026-03-29T01:50:00Z"]
        );
    }

    #[test]
    fn a_shifted_time_does_not_overtake_one_that_comes_earlier() {
        assert_eq!(
            due("45 2 * * *", "Europe/Berlin", "2026-03-29T01:15:00Z", 1),
            ["2026-03-29T01:45:00Z"]
        );
        assert_eq!(
            due(
                "10,45 2,3 * * *",
                "Europe/Berlin",
                "2026-03-29T00:50:00Z",
                3
            ),
            [
                "2026-03-29T01:10:00Z",
                "2026-03-29T01:45:00Z",
                "2026-03-30T00:10:00Z"
            ]
        );
    }

    #[test]
    fn what_the_fold_repeats_comes_once_at_its_first_time() {
        assert_eq!(
            due("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2),
            ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]
        );
        assert_eq!(
            due(
                "45 1 * * *",
                "Australia/Lord_Howe",
                "2026-04-04T12:00:00Z",
                2
            ),
            ["2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"]
        );
    }

    #[test]
    fn weekdays_go_by_name_only() {
        assert_eq!(
            due(
                "0 9 * * Mon-Fri",
                "Europe/Berlin",
                "2026-11-20T12:00:00Z",
                1
            ),
            ["2026-11-23T08:00:00Z"]
        );
        for (bad, part) in [
            ("0 9 * * 1-5", "is a number"),
            ("0 9 * *", "4 fields"),
            ("0 9 * * Mon 2026 2027", "7 fields"),
            ("61 9 * * *", "not a cron expression"),
            ("0 9 30 2 *", "never comes"),
            ("@daily", "1 fields"),
        ] {
            let (message, _) = Schedule::new("r".into(), bad, Tz::UTC).expect_err(bad);
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn six_fields_begin_with_seconds() {
        assert_eq!(
            due("*/20 * * * * *", "UTC", "2026-11-20T12:00:00Z", 2),
            ["2026-11-20T12:00:20Z", "2026-11-20T12:00:40Z"]
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn each_time_is_later_and_daily_ones_come_daily(
            hour in 0_u32..24, minute in 0_u32..60, day in 0_i64..1_000,
            zone in proptest::sample::select(vec!["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "UTC"]),
        ) {
            let schedule = schedule(&format!("{minute} {hour} * * *"), zone);
            let mut at = Timestamp::from_micros((1_767_225_600 + day * 86_400) * 1_000_000);
            for _ in 0..5 {
                let next = schedule.next_after(at).expect("comes");
                prop_assert!(next > at);
                prop_assert!(next.since(at).micros() <= 26 * 3_600_000_000);
                at = next;
            }
        }
    }
}
