//! Catching up: which of a schedule's times run, of those that came while nobody watched.
//!
//! A time that comes while a daemon watches is on time, and runs. What was missed (the daemon was
//! down, the machine asleep, its clock jumped ahead) goes by what the rule says. Pure; the daemon
//! keeps how far it has come.

use serde::Serialize;

use super::Schedule;
use crate::domain::time::{Span, Timestamp};

/// What becomes of the times that were missed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CatchUp {
    /// All of them run, at most the last hundred.
    All,
    /// The last one runs, unless it is older than a day or another is due already.
    #[default]
    Last,
    /// None runs.
    None,
}

/// The most missed times that run.
const MOST: usize = 100;
/// How old the one may be that is made up for.
const OLDEST: Span = Span::from_secs(86_400);
/// How far back is looked first for a missed time.
const FIRST_LOOK: Span = Span::from_secs(60);

impl Schedule {
    /// Gives the times that are to run now, in order.
    ///
    /// *Shape*: none is at or before `seen`, up to which all is settled. Those after `since`, from
    /// when on somebody has watched, are on time; those before it were missed.
    pub fn due(&self, seen: Timestamp, since: Timestamp, now: Timestamp) -> Vec<Timestamp> {
        let since = since.clamp(seen.min(now), now);
        let on_time = self.times_in(since, now);
        let mut due = match self.catch_up {
            CatchUp::All => self.newest_in(seen, since, MOST),
            CatchUp::Last if on_time.is_empty() => {
                let oldest = now.minus(OLDEST).minus(Span::from_micros(1));
                self.newest_in(seen.max(oldest), since, 1)
            }
            CatchUp::Last | CatchUp::None => Vec::new(),
        };
        due.extend(on_time);
        due
    }

    /// Gives the times after `after`, up to `until`.
    fn times_in(&self, after: Timestamp, until: Timestamp) -> Vec<Timestamp> {
        let next = |at: &Timestamp| self.next_after(*at).filter(|at| *at <= until);
        std::iter::successors(next(&after), next).collect()
    }

    /// Gives the newest times after `after`, up to `until`. Looks further and further back, so that
    /// what came every second for a month is not counted from its beginning.
    fn newest_in(&self, after: Timestamp, until: Timestamp, most: usize) -> Vec<Timestamp> {
        let mut look = FIRST_LOOK;
        loop {
            let from = until.minus(look).max(after);
            let mut times = self.times_in(from, until);
            if times.len() >= most || from <= after {
                times.drain(..times.len().saturating_sub(most));
                return times;
            }
            look = Span::from_micros(look.micros().saturating_mul(2));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::testing::{faults, policy};

    fn schedule(cron: &str, zone: &str, catch_up: &str) -> Schedule {
        let text = format!(
            r#"schedule("s", #{{ cron: "{cron}", timezone: "{zone}", catch_up: "{catch_up}", then: || () }});"#
        );
        policy(&text).schedules()[0].clone()
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("RFC 3339")
    }

    /// Gives what runs when nobody has watched from `seen` to `now`.
    fn missed(schedule: &Schedule, seen: &str, now: &str) -> Vec<String> {
        let now = at(now);
        let due = schedule.due(at(seen), now, now);
        due.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_last_that_was_missed_runs_once_unless_it_is_older_than_a_day() {
        let daily = schedule("0 9 * * *", "UTC", "last");
        for (seen, now, runs) in [
            (
                "2026-11-20T09:00:00Z",
                "2026-11-21T08:59:59Z",
                &[] as &[&str],
            ),
            (
                "2026-11-20T09:00:00Z",
                "2026-11-21T09:00:00Z",
                &["2026-11-21T09:00:00Z"],
            ),
            (
                "2026-11-01T09:00:00Z",
                "2026-11-21T10:00:00Z",
                &["2026-11-21T09:00:00Z"],
            ),
            (
                "2026-11-01T09:00:00Z",
                "2026-11-21T08:00:00Z",
                &["2026-11-20T09:00:00Z"],
            ),
        ] {
            assert_eq!(missed(&daily, seen, now), runs, "{seen} {now}");
        }
        let weekly = schedule("0 9 * * Mon", "UTC", "last");
        let seen = "2026-11-16T08:00:00Z";
        assert_eq!(
            missed(&weekly, seen, "2026-11-17T09:00:00Z"),
            ["2026-11-16T09:00:00Z"],
            "a day old, and no older"
        );
        assert_eq!(missed(&weekly, seen, "2026-11-17T09:00:01Z"), [""; 0]);
    }

    #[test]
    fn all_run_in_order_but_never_more_than_a_hundred_and_none_is_none() {
        let (seen, now) = ("2026-11-20T08:30:00Z", "2026-11-20T12:15:00Z");
        assert_eq!(
            missed(&schedule("0 * * * *", "UTC", "all"), seen, now),
            [
                "2026-11-20T09:00:00Z",
                "2026-11-20T10:00:00Z",
                "2026-11-20T11:00:00Z",
                "2026-11-20T12:00:00Z"
            ]
        );
        assert_eq!(
            missed(&schedule("0 * * * *", "UTC", "none"), seen, now),
            [""; 0]
        );
        let secondly = schedule("* * * * * *", "UTC", "all");
        let runs = missed(&secondly, "2025-11-20T00:00:00Z", now);
        assert_eq!(runs.len(), 100);
        assert_eq!((&*runs[0], &*runs[99]), ("2026-11-20T12:13:21Z", now));
        // Long ago and seldom: the whole way back is looked through.
        let yearly = schedule("0 0 1 Jan *", "UTC", "all");
        let runs = missed(&yearly, "2020-06-01T00:00:00Z", "2026-06-01T00:00:00Z");
        assert_eq!(runs.len(), 6);
    }

    #[test]
    fn what_comes_while_somebody_watches_runs_whatever_the_rule_says_of_missed_times() {
        let (seen, since, now) = (
            at("2026-11-20T08:30:00Z"),
            at("2026-11-20T11:59:50Z"),
            at("2026-11-20T12:00:10Z"),
        );
        for (catch_up, runs) in [
            ("none", &["2026-11-20T12:00:00Z"] as &[&str]),
            ("last", &["2026-11-20T12:00:00Z"]),
            (
                "all",
                &[
                    "2026-11-20T09:00:00Z",
                    "2026-11-20T10:00:00Z",
                    "2026-11-20T11:00:00Z",
                    "2026-11-20T12:00:00Z",
                ],
            ),
        ] {
            let due = schedule("0 * * * *", "UTC", catch_up).due(seen, since, now);
            let due: Vec<String> = due.iter().map(ToString::to_string).collect();
            assert_eq!(due, runs, "{catch_up}");
        }
        let every_20_s = schedule("*/20 * * * * *", "UTC", "none");
        assert_eq!(every_20_s.due(since, since, now).len(), 1);
        assert_eq!(
            every_20_s.due(seen, seen, at("2026-11-20T08:31:00Z")).len(),
            3
        );
    }

    #[test]
    fn a_clock_that_was_set_back_runs_nothing_again() {
        let hourly = schedule("0 * * * *", "UTC", "all");
        let (early, late) = (at("2026-11-20T08:30:00Z"), at("2026-11-20T12:00:10Z"));
        assert_eq!(hourly.due(late, late, early), []);
        assert_eq!(hourly.due(late, early, early), []);
        assert_eq!(hourly.due(early, late, early), []);
    }

    #[test]
    fn nights_with_a_clock_change_are_made_up_for_once() {
        let all = schedule("30 2 * * *", "Europe/Berlin", "all");
        // The spring gap shifts 02:30 to 03:30, which is 01:30 UTC.
        assert_eq!(
            missed(&all, "2026-03-27T12:00:00Z", "2026-03-30T12:00:00Z"),
            [
                "2026-03-28T01:30:00Z",
                "2026-03-29T01:30:00Z",
                "2026-03-30T00:30:00Z"
            ]
        );
        // The autumn fold has 02:30 twice; the first time counts.
        assert_eq!(
            missed(&all, "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z"),
            ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]
        );
        assert_eq!(
            missed(&all, "2026-10-25T00:30:00Z", "2026-10-25T01:45:00Z"),
            [""; 0],
            "the hour that comes again has none"
        );
        let last = schedule("30 2 * * *", "Europe/Berlin", "last");
        assert_eq!(
            missed(&last, "2026-03-20T12:00:00Z", "2026-03-29T01:29:59Z"),
            ["2026-03-28T01:30:00Z"]
        );
        assert_eq!(
            missed(&last, "2026-03-20T12:00:00Z", "2026-03-29T01:30:00Z"),
            ["2026-03-29T01:30:00Z"]
        );
    }

    #[test]
    fn what_is_none_of_them_is_told_at_load() {
        let text = r#"schedule("s", #{ cron: "0 9 * * Mon", catch_up: "lst", then: || () });"#;
        insta::assert_snapshot!(faults(&[("a.rhai", text)]), @"a.rhai:1:49: `catch_up`: `lst` is not what becomes of missed times [PV-RULE-004]; did you mean `last`?");
    }
}
