//! The traces of the specification, each on New York's calendar, from Monday 2026-11-23 on.

use super::*;

#[test]
fn waiting_is_not_counted_and_the_customer_ends_it() {
    let mut desk = Desk::opened(resolution("8h"), "Mon 09:00");
    desk.becomes(TicketStatus::Waiting, "Mon 11:00");
    assert_eq!(
        desk.resolution().wake_at,
        None,
        "a paused clock never warns or breaches"
    );
    assert_eq!(
        desk.writes("Tue 15:00"),
        MessageMove::Become(TicketStatus::InProgress)
    );
    let clock = desk.resolution();
    assert_eq!(
        (clock.consumed, clock.due_at),
        (span("2h"), local("Wed 13:00"))
    );
    insta::assert_snapshot!(desk.told(), @r#"
    Mon 09:00:00 resolution 1 Started, used 0ms, due Mon 17:00:00
    Mon 11:00:00 resolution 1 Paused, used 2h, due Mon 17:00:00
    Tue 15:00:00 resolution 1 Resumed, used 2h, due Wed 13:00:00
    "#);
}

#[test]
fn resolved_straight_from_waiting_is_met() {
    let mut desk = Desk::opened(resolution("8h"), "Mon 09:00");
    desk.becomes(TicketStatus::Waiting, "Mon 10:00");
    desk.becomes(TicketStatus::Resolved, "Wed 10:00");
    let clock = desk.resolution();
    assert_eq!(
        (clock.consumed, clock.met_at),
        (span("1h"), Some(local("Wed 10:00")))
    );
    assert_eq!(desk.kinds(), ["sla.started", "sla.paused", "sla.met"]);
}

#[test]
fn urgent_in_time_is_due_sooner() {
    let mut desk = Desk::opened(resolution("16h"), "Mon 09:00");
    desk.prioritised(Priority::Urgent, "Mon 12:00");
    assert_eq!(desk.resolution().due_at, local("Mon 13:00"));
    assert_eq!(desk.resolution().wake_at, Some(local("Mon 13:00:00.001")));
    desk.looked("Mon 12:59");
    assert_eq!(desk.kinds(), ["sla.started", "sla.retargeted"]);
}

#[test]
fn urgent_too_late_is_a_breach_at_once() {
    let mut desk = Desk::opened(resolution("16h"), "Mon 09:00");
    desk.prioritised(Priority::Urgent, "Mon 15:00");
    let clock = desk.resolution();
    let breach = clock.breach.expect("nothing is left");
    assert_eq!(
        (breach.at, breach.cause),
        (local("Mon 15:00"), BreachCause::Retarget)
    );
    assert_eq!(
        clock.overdue_at(desk.calendar(), breach.at),
        Some(span("2h"))
    );
    let told = serde_json::to_string_pretty(&result(desk.record.last().expect("a breach")));
    insta::assert_snapshot!(told.expect("plain data"), @r#"
    {
      "breached_at": "2026-11-23T20:00:00Z",
      "cause": "retarget",
      "cycle": 1,
      "due_at": "2026-11-23T20:00:00Z",
      "elapsed_ms": 21600000,
      "metric": "resolution",
      "overdue_ms": 7200000,
      "policy": "Gold",
      "state": "running",
      "target_ms": 14400000,
      "ticket_id": "tkt_1"
    }
    "#);
}

#[test]
fn a_customer_who_reopens_resumes_the_clock() {
    let mut desk = Desk::opened(resolution("8h"), "Mon 09:00");
    desk.becomes(TicketStatus::Resolved, "Mon 13:00");
    assert_eq!(
        desk.writes("Wed 10:00"),
        MessageMove::Become(TicketStatus::Open)
    );
    let clock = desk.resolution();
    assert_eq!(
        (clock.state, clock.due_at),
        (ClockState::Running, local("Wed 14:00"))
    );
    assert_eq!(
        clock.met_at,
        Some(local("Mon 13:00")),
        "the met stays on record"
    );
    assert_eq!(desk.kinds(), ["sla.started", "sla.met", "sla.resumed"]);
}

#[test]
fn one_cycle_however_many_messages_and_thanks_fire_nothing() {
    let response = [
        (Metric::FirstResponse, "1h", "1h"),
        (Metric::NextResponse, "1h", "1h"),
    ];
    let mut desk = Desk::opened(policy(&response), "Mon 09:00");
    desk.replies(ActorKind::Agent, "Mon 09:30");
    for (event, time) in [
        ("asks", "Mon 10:00"),
        ("bot", "Mon 10:05"),
        ("asks", "Mon 10:20"),
        ("asks", "Mon 10:40"),
    ] {
        if event == "asks" {
            desk.writes(time);
        } else {
            desk.replies(ActorKind::Ai, time);
        }
        let clock = desk.clock(Metric::NextResponse).expect("it runs");
        assert_eq!(
            (clock.due_at, clock.key.cycle),
            (local("Mon 11:00"), 1),
            "{time}"
        );
    }
    desk.replies(ActorKind::Agent, "Mon 10:50");
    desk.writes("Mon 10:55");
    desk.becomes(TicketStatus::Resolved, "Mon 11:00");
    desk.looked("Tue 12:00");
    insta::assert_snapshot!(desk.told(), @r#"
    Mon 09:00:00 first_response 1 Started, used 0ms, due Mon 10:00:00
    Mon 09:30:00 first_response 1 Met, used 30m, due Mon 10:00:00
    Mon 10:00:00 next_response 1 Started, used 0ms, due Mon 11:00:00
    Mon 10:50:00 next_response 1 Met, used 50m, due Mon 11:00:00
    Mon 10:55:00 next_response 2 Started, used 0ms, due Mon 11:55:00
    Mon 11:00:00 next_response 2 Cancelled(Resolved), used 5m, due Mon 11:55:00
    "#);
}

#[test]
fn after_a_standstill_each_breach_has_its_own_time() {
    for (opened, due) in [
        ("Mon 09:05", "Mon 10:05"),
        ("Mon 09:10", "Mon 10:10"),
        ("Mon 09:20", "Mon 10:20"),
    ] {
        let mut desk = Desk::opened(resolution("1h"), opened);
        desk.looked("Mon 10:30");
        let breach = desk.resolution().breach.expect("it was due");
        assert_eq!(breach.at, local(due).plus(Span::from_millis(1)));
        desk.looked("Mon 10:30");
        assert_eq!(desk.kinds(), ["sla.started", "sla.breached"], "once");
    }
}
