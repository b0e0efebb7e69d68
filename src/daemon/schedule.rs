//! Schedules: each `schedule` rule's times, as inputs.
//!
//! The wall clock decides when; sleeping goes by the monotonic clock in steps of
//! at most [`STEP`], so that a clock that jumps is noticed. A time has one id
//! everywhere, so of several daemons the journal lets one decide it; what came while
//! none of them watched goes by what the rule says of missed times.

use std::{collections::BTreeMap, sync::Arc};

use tokio_util::sync::CancellationToken;

use super::app::App;
use crate::{
    decide::{Entry, Input, due_event, due_subject},
    domain::time::{Span, Timestamp},
    policy::Schedule,
};

/// The longest sleep.
const STEP: Span = Span::from_secs(20);
/// After how long without a look nobody has watched: a machine slept, or a clock jumped.
const BLIND: Span = Span::from_secs(60);
/// The pause between two tries to read what the history knows.
const PAUSE: Span = Span::from_secs(1);

/// Feeds due schedules into the pipeline until stopped.
pub(super) async fn run(app: App, stop: CancellationToken) {
    let Some(mut progress) = begin(&app, &stop).await else {
        return;
    };
    loop {
        let ruling = app.in_force.ruling();
        let schedules = ruling.policy.schedules();
        let now = app.clock.now();
        for (at, rule) in progress.due(schedules, now) {
            if stop.is_cancelled() {
                return;
            }
            decide(&app, &rule, at).await;
        }
        let next = schedules.iter();
        let next = next.filter_map(|schedule| schedule.next_after(now)).min();
        let wait = next.map_or(STEP, |next| next.since(app.clock.now()));
        tokio::select! {
            () = stop.cancelled() => return,
            () = app.clock.sleep(wait.clamp(Span::default(), STEP)) => {}
        }
    }
}

async fn decide(app: &App, rule: &Arc<str>, at: Timestamp) {
    let event = due_event(&app.in_force.ruling().settings.source, rule, at);
    match Input::read(event, &Arc::new(Entry::house())) {
        Ok(input) => {
            if let Err(error) = app.intake.decide(vec![Arc::new(input)]).await {
                tracing::warn!(%rule, %error, "a schedule's time was not decided");
            }
        }
        Err(rejection) => {
            tracing::error!(%rule, %rejection, "a schedule's time cannot be read");
        }
    }
}

/// Up to when the times of each schedule are settled.
#[derive(Debug)]
struct Progress {
    seen: BTreeMap<Arc<str>, Timestamp>,
    /// When it was looked last; `None`: not yet.
    looked_at: Option<Timestamp>,
}

/// Begins where the history ends; `None` when it is stopped before that is known.
async fn begin(app: &App, stop: &CancellationToken) -> Option<Progress> {
    let now = app.clock.now();
    let ruling = app.in_force.ruling();
    let rules = ruling.policy.schedules().iter();
    let rules: Vec<Arc<str>> = rules.map(|schedule| Arc::clone(&schedule.rule)).collect();
    let subject = |rule: &Arc<str>| due_subject(rule).to_string();
    let subjects: Vec<String> = rules.iter().map(subject).collect();
    loop {
        let of = subjects.clone();
        match app
            .store
            .read(move |reader| reader.schedules_seen(&of))
            .await
        {
            Ok(known) => {
                let seen = rules.into_iter().filter_map(|rule| {
                    let at = *known.get(&subject(&rule))?;
                    Some((rule, at.min(now)))
                });
                return Some(Progress {
                    seen: seen.collect(),
                    looked_at: None,
                });
            }
            Err(error) => {
                tracing::warn!(%error, "it cannot be read which schedules have run; it is tried again");
            }
        }
        tokio::select! {
            () = stop.cancelled() => return None,
            () = app.clock.sleep(PAUSE) => {}
        }
    }
}

impl Progress {
    /// Gives what is to run now, the earliest first; all of it counts as settled then. A rule that was
    /// never seen begins now, or with the look before this one.
    fn due(&mut self, schedules: &[Schedule], now: Timestamp) -> Vec<(Timestamp, Arc<str>)> {
        let watched = self.looked_at.filter(|at| now.since(*at) <= BLIND);
        let since = watched.unwrap_or(now);
        let before = std::mem::take(&mut self.seen);
        let mut due = Vec::new();
        for schedule in schedules {
            let seen = before.get(&schedule.rule).copied().unwrap_or(since);
            let times = schedule.due(seen, since, now).into_iter();
            due.extend(times.map(|at| (at, Arc::clone(&schedule.rule))));
            self.seen.insert(Arc::clone(&schedule.rule), seen.max(now));
        }
        self.looked_at = Some(now);
        due.sort();
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::directory::Directory,
        policy::{Policy, Sources},
    };

    const RULES: &str = r#"
schedule("all", #{ cron: "0 * * * *", catch_up: "all", then: || () });
schedule("last", #{ cron: "0 * * * *", then: || () });
schedule("none", #{ cron: "0 * * * *", catch_up: "none", then: || () });
"#;

    fn policy() -> Policy {
        let sources = Sources {
            files: [("a.rhai".to_owned(), RULES.to_owned())].into(),
        };
        Policy::load(&sources, &Directory::default()).expect("loads")
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(&format!("2026-11-20T{text}Z")).expect("RFC 3339")
    }

    fn progress(seen: &[(&str, &str)]) -> Progress {
        let seen = seen.iter().map(|(rule, time)| (Arc::from(*rule), at(time)));
        Progress {
            seen: seen.collect(),
            looked_at: None,
        }
    }

    /// Looks at a time and says what runs, as `hour rule`.
    fn looks(progress: &mut Progress, policy: &Policy, now: &str) -> Vec<String> {
        let due = progress.due(policy.schedules(), at(now)).into_iter();
        due.map(|(at, rule)| format!("{} {rule}", &at.to_string()[11..13]))
            .collect()
    }

    #[test]
    fn what_the_history_lacks_is_made_up_for_once_and_then_all_goes_on_time() {
        let policy = policy();
        let seen = [
            ("all", "08:00:00"),
            ("last", "08:00:00"),
            ("none", "08:00:00"),
        ];
        let mut progress = progress(&seen);
        assert_eq!(
            looks(&mut progress, &policy, "11:30:00"),
            ["09 all", "10 all", "11 all", "11 last"]
        );
        assert_eq!(looks(&mut progress, &policy, "11:30:20"), [""; 0]);
        for quiet in 0..89 {
            let (minute, second) = (30 + (quiet + 2) / 3, (quiet + 2) % 3 * 20);
            let (hour, minute) = (11 + minute / 60, minute % 60);
            let now = format!("{hour:02}:{minute:02}:{second:02}");
            let runs = looks(&mut progress, &policy, &now);
            let expected: &[&str] = match &*now {
                "12:00:00" => &["12 all", "12 last", "12 none"],
                _ => &[],
            };
            assert_eq!(runs, expected, "{now}");
        }
    }

    #[test]
    fn a_rule_that_was_never_seen_begins_now() {
        let policy = policy();
        let mut progress = progress(&[]);
        assert_eq!(looks(&mut progress, &policy, "11:30:00"), [""; 0]);
        assert_eq!(progress.seen.len(), 3);
        // One that a reload brings has not missed what came between two looks.
        progress.seen.remove("all");
        progress.looked_at = Some(at("11:59:50"));
        assert_eq!(
            looks(&mut progress, &policy, "12:00:10"),
            ["12 all", "12 last", "12 none"]
        );
    }

    #[test]
    fn a_clock_that_jumps_ahead_has_missed_what_it_passed_and_one_set_back_runs_nothing_again() {
        let policy = policy();
        let mut progress = progress(&[]);
        looks(&mut progress, &policy, "08:30:00");
        assert_eq!(
            looks(&mut progress, &policy, "11:00:30"),
            ["09 all", "10 all", "11 all", "11 last"]
        );
        assert_eq!(looks(&mut progress, &policy, "09:59:50"), [""; 0]);
        assert_eq!(looks(&mut progress, &policy, "10:00:10"), [""; 0]);
        assert_eq!(looks(&mut progress, &policy, "10:59:50"), [""; 0]);
        assert_eq!(
            looks(&mut progress, &policy, "11:59:50"),
            [""; 0],
            "blind again"
        );
        assert_eq!(
            looks(&mut progress, &policy, "12:00:10"),
            ["12 all", "12 last", "12 none"]
        );
    }
}
