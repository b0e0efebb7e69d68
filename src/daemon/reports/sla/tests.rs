//! What counts as met and as breached, how it is grouped, and how long things took.

use std::collections::BTreeSet;

use super::*;
use crate::domain::{
    report::Form,
    sla::{Breach, BreachCause, Chain, Clock, ClockKey, Owner, Pin},
    time::{Span, Timestamp},
};

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

/// An outcome of a team's ticket that took so many minutes of an hour, decided at a time.
fn outcome(team: Option<&str>, minutes: i64, time: &str) -> ClockOutcome {
    let is_late = minutes > 60;
    let breach = Breach {
        at: at(time),
        consumed: Span::from_secs(3_600),
        cause: BreachCause::Due,
    };
    let text = String::new;
    ClockOutcome {
        clock: Clock {
            key: ClockKey {
                owner: Owner::Ticket("tkt_1".to_owned()),
                metric: Metric::FirstResponse,
                cycle: 1,
            },
            pin: Pin {
                policy: "Gold".to_owned(),
                policy_version: text(),
                calendar: text(),
                calendar_version: text(),
                zone_data: text(),
            },
            state: ClockState::Stopped,
            started_at: at("2026-11-01T00:00:00Z"),
            target: Span::from_secs(3_600),
            consumed: Span::from_secs(minutes * 60),
            since: at(time),
            due_at: at(time),
            wake_at: None,
            warned: BTreeSet::new(),
            breach: is_late.then_some(breach),
            met_at: None,
            unanswered: Vec::new(),
            chain: Chain::default(),
        },
        team: team.map(str::to_owned),
        priority: Some("high".to_owned()),
        category: None,
        tags: BTreeSet::new(),
    }
}

fn asked(by: &str) -> Asked {
    Asked {
        from: Some(at("2026-11-01T00:00:00Z")),
        to: at("2026-12-01T00:00:00Z"),
        by: Some(by.to_owned()),
        ..Asked::default()
    }
}

fn told(asked: &Asked, outcomes: &[ClockOutcome]) -> String {
    let mut counted = Attainment::of(asked).expect("asked well");
    for outcome in outcomes {
        counted.take(outcome);
    }
    let table = counted.sheet(asked).write(Form::Table);
    let lines = table.lines().skip(3);
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn what_was_cancelled_is_told_and_not_counted() {
    let time = "2026-11-20T10:00:00Z";
    let mut cancelled = outcome(Some("billing"), 10, time);
    cancelled.clock.state = ClockState::Cancelled;
    // Late, and cancelled then: it was late.
    let mut late = outcome(Some("billing"), 80, time);
    late.clock.state = ClockState::Cancelled;
    // Late, and nobody has answered yet: how long that takes is not known.
    let mut running = outcome(Some("support"), 90, time);
    running.clock.state = ClockState::Running;
    let outcomes = [
        outcome(Some("billing"), 30, time),
        outcome(Some("billing"), 50, time),
        outcome(Some("billing"), 70, time),
        cancelled,
        late,
        running,
        outcome(None, 60, time),
    ];
    insta::assert_snapshot!(told(&asked("team"), &outcomes), @r"
    TEAM     COUNT  MET  BREACHED  CANCELLED  ATTAINMENT  AVERAGE     P90
    (none)       1    1         0          0     100.0 %       1h      1h
    billing      4    2         2          1      50.0 %      50m  1h 10m
    support      1    0         1          0       0.0 %        –       –
    all          6    3         3          1      50.0 %  52m 30s  1h 10m
    ");
    let narrowed = Asked {
        team: Some("support".to_owned()),
        ..asked("metric")
    };
    insta::assert_snapshot!(told(&narrowed, &outcomes), @r"
    METRIC          COUNT  MET  BREACHED  CANCELLED  ATTAINMENT  AVERAGE  P90
    first_response      1    0         1          0       0.0 %        –    –
    all                 1    0         1          0       0.0 %        –    –
    ");
}

#[test]
fn groups_are_what_was_asked_for_in_their_own_order() {
    let of = |priority: &str, tags: &[&str], time: &str| ClockOutcome {
        priority: Some(priority.to_owned()),
        tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
        ..outcome(None, 30, time)
    };
    let outcomes = [
        of("low", &[], "2026-11-22T23:30:00Z"),
        of("urgent", &["refund", "vip"], "2026-11-23T10:00:00Z"),
        of("high", &["vip"], "2027-01-01T10:00:00Z"),
    ];
    let names = |asked: &Asked| {
        let told = told(asked, &outcomes);
        let names = told.lines().skip(1).map(|line| {
            let words: Vec<&str> = line.split_whitespace().take(2).collect();
            words.join(" ")
        });
        names.collect::<Vec<_>>().join(", ")
    };
    assert_eq!(names(&asked("priority")), "urgent 1, high 1, low 1, all 3");
    assert_eq!(names(&asked("tag")), "(none) 1, refund 1, vip 2, all 3");
    assert_eq!(names(&asked("policy")), "Gold 3, all 3");
    assert_eq!(names(&asked("category")), "(none) 3, all 3");
    assert_eq!(
        names(&asked("week")),
        "2026-W47 1, 2026-W48 1, 2026-W53 1, all 3"
    );
    let berlin = Asked {
        timezone: Some(chrono_tz::Europe::Berlin),
        ..asked("week")
    };
    // Half past eleven on Sunday is Monday there.
    assert_eq!(names(&berlin), "2026-W48 2, 2026-W53 1, all 3");
}

#[test]
fn what_cannot_be_asked_for_is_named() {
    let fault = Attainment::of(&asked("colour")).expect_err("no such group");
    assert_eq!(
        fault.to_string(),
        "by `colour` is none of category, metric, policy, priority, tag, team, week"
    );
    let odd = Asked {
        metric: Some("odd".to_owned()),
        ..asked("team")
    };
    let fault = Attainment::of(&odd).expect_err("no such metric");
    assert!(matches!(
        fault,
        ReportFault::Asked {
            field: "metric",
            ..
        }
    ));
}

#[test]
fn many_groups_are_counted_together_past_a_bound() {
    let asked = asked("team");
    let mut counted = Attainment::of(&asked).expect("asked well");
    for number in 0..MOST_GROUPS + 5 {
        let team = format!("team-{number:05}");
        counted.take(&outcome(Some(&team), 30, "2026-11-20T10:00:00Z"));
    }
    assert_eq!(counted.groups.len(), MOST_GROUPS + 1);
    let sheet = counted.sheet(&asked);
    let last = sheet.rows.last().expect("rows");
    assert_eq!(last[..2], [Cell::Text(OTHERS.to_owned()), Cell::Count(5)]);
}

#[test]
fn quantiles_are_exact_for_few_and_near_for_many() {
    let mut few = Lengths::default();
    (1..=10).rev().for_each(|length| few.add(length * 1_000));
    assert_eq!(few.quantile(9, 10), Some(9_000));
    assert_eq!(few.average(), Some(5_500));
    assert_eq!(Lengths::default().quantile(9, 10), None);
    assert_eq!(Lengths::default().average(), None);
    let mut many = Lengths::default();
    (1..=100_000).for_each(|length| many.add(length * 77));
    let found = many.quantile(9, 10).expect("lengths");
    let exact = 90_000 * 77;
    assert!((exact..=exact + exact / 100).contains(&found), "{found}");
    assert!(many.buckets.len() < 2_000 && many.exact.is_empty());
    for length in [0, 1, 127, 128, 255, 1_000_000_007, i64::MAX] {
        assert!(longest(bucket(length)) >= length, "{length}");
    }
}
