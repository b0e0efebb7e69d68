//! The rules, one by one.

use super::*;

#[test]
fn a_breach_does_not_stop_the_clock_and_a_pause_keeps_it() {
    let mut desk = Desk::opened(resolution("1h"), "Mon 09:00");
    desk.looked("Mon 10:00");
    assert_eq!(desk.kinds(), ["sla.started"], "due is not over");
    desk.looked("Mon 11:00");
    desk.becomes(TicketStatus::Waiting, "Mon 12:00");
    let clock = desk.resolution().clone();
    assert_eq!(
        clock.overdue_at(desk.calendar(), local("Wed 12:00")),
        Some(span("2h"))
    );
    assert_eq!(
        clock.breach.map(|breach| breach.at),
        Some(local("Mon 10:00:00.001"))
    );
    desk.becomes(TicketStatus::Waiting, "Mon 13:00");
    desk.becomes(TicketStatus::InProgress, "Tue 09:00");
    desk.becomes(TicketStatus::Resolved, "Tue 10:00");
    let clock = desk.resolution();
    assert_eq!(
        clock.overdue_at(desk.calendar(), local("Wed 12:00")),
        Some(span("3h"))
    );
    assert_eq!((clock.due_at, clock.met_at), (local("Mon 10:00"), None));
    assert_eq!(
        desk.kinds(),
        [
            "sla.started",
            "sla.breached",
            "sla.paused",
            "sla.resumed",
            "stopped"
        ]
    );
}

#[test]
fn a_stop_on_the_due_instant_is_met_and_a_millisecond_later_is_not() {
    for (time, kind) in [("Mon 10:00", "sla.met"), ("Mon 10:00:00.001", "stopped")] {
        let mut desk = Desk::opened(resolution("1h"), "Mon 09:00");
        desk.becomes(TicketStatus::Resolved, time);
        assert_eq!(desk.kinds().last(), Some(&kind), "{time}");
    }
}

#[test]
fn a_late_stop_takes_the_breach_back() {
    let mut desk = Desk::opened(resolution("1h"), "Mon 09:00");
    desk.looked("Mon 11:00");
    desk.becomes(TicketStatus::Resolved, "Mon 09:45");
    insta::assert_snapshot!(desk.told(), @r#"
    Mon 09:00:00 resolution 1 Started, used 0ms, due Mon 10:00:00
    Mon 10:00:00.001 resolution 1 Breached(Due), used 3600001ms, due Mon 10:00:00
    Mon 09:45:00 resolution 1 Retracted(Timestamp(1795446000001000)), used 45m, due Mon 10:00:00
    Mon 09:45:00 resolution 1 Met, used 45m, due Mon 10:00:00
    "#);
    assert_eq!(
        desk.record[2].kind,
        TransitionKind::Retracted(local("Mon 10:00:00.001"))
    );
    assert_eq!(desk.resolution().met_at, Some(local("Mon 09:45")));
}

#[test]
fn a_late_pause_takes_the_breach_back_and_another_may_follow() {
    let mut desk = Desk::opened(resolution("1h"), "Mon 09:00");
    desk.looked("Mon 11:00");
    desk.becomes(TicketStatus::Waiting, "Mon 09:30");
    desk.writes("Mon 12:00");
    assert_eq!(desk.resolution().due_at, local("Mon 12:30"));
    desk.looked("Mon 13:00");
    assert_eq!(
        desk.kinds(),
        [
            "sla.started",
            "sla.breached",
            "sla.retracted",
            "sla.paused",
            "sla.resumed",
            "sla.breached"
        ]
    );
}

#[test]
fn what_is_merged_alerts_nobody_any_more() {
    let mut desk = Desk::opened(
        policy(&[
            (Metric::Resolution, "1h", "1h"),
            (Metric::FirstResponse, "1h", "1h"),
        ]),
        "Mon 09:00",
    );
    desk.happen(&TicketEvent::ClosedAs(CancelReason::Merged), "Mon 09:30");
    desk.looked("Tue 12:00");
    assert_eq!(desk.kinds()[2..], ["sla.cancelled", "sla.cancelled"]);
    assert!(desk.clocks.iter().all(|clock| clock.wake_at.is_none()));
    let told = result(desk.record.last().expect("cancelled"));
    assert_eq!(
        (&told["reason"], &told["state"]),
        (&json!("merged"), &json!("cancelled"))
    );
}

#[test]
fn of_warnings_crossed_at_once_only_the_highest_is_given() {
    let mut policy = resolution("8h");
    policy.warn_at = ["50%", "80%", "15m"]
        .iter()
        .map(|warn| warn.parse().expect("a warning"))
        .collect();
    let mut desk = Desk::opened(policy, "Mon 15:00");
    assert_eq!(
        desk.resolution().wake_at,
        Some(local("Tue 11:00")),
        "in business time"
    );
    desk.looked("Tue 14:00");
    let warned = desk.record.last().expect("a warning");
    assert_eq!(
        (warned.kind, warned.at),
        (
            TransitionKind::Warning(WarnAt::Percent(80)),
            local("Tue 13:24")
        )
    );
    assert_eq!(result(warned)["percent"], json!(80));
    assert_eq!(
        desk.resolution().wake_at,
        Some(local("Tue 14:45")),
        "forward from the start"
    );
    desk.looked("Tue 16:00");
    assert_eq!(
        desk.kinds(),
        ["sla.started", "sla.warning", "sla.breached"],
        "the breach overtakes"
    );
}

#[test]
fn warnings_rearm_only_for_what_is_not_passed() {
    let mut policy = policy(&[(Metric::Resolution, "16h", "4h")]);
    policy.warn_at = ["50%", "80%"]
        .iter()
        .map(|warn| warn.parse().expect("a warning"))
        .collect();
    let mut desk = Desk::opened(policy, "Mon 09:00");
    desk.prioritised(Priority::Urgent, "Mon 12:00");
    let warned = desk.record.last().expect("half is gone");
    assert_eq!(
        (warned.kind, warned.at),
        (
            TransitionKind::Warning(WarnAt::Percent(50)),
            local("Mon 12:00")
        )
    );
    assert_eq!(
        desk.resolution().wake_at,
        Some(local("Mon 12:12")),
        "80% of 4h"
    );
    desk.prioritised(Priority::Medium, "Mon 12:06");
    assert_eq!(
        desk.resolution().wake_at,
        Some(local("Mon 17:00")),
        "50% of 16h comes again"
    );
    desk.prioritised(Priority::Urgent, "Mon 12:06");
    assert_eq!(desk.resolution().wake_at, Some(local("Mon 12:12")));
}

#[test]
fn a_retarget_after_the_breach_moves_the_due_time_and_erases_nothing() {
    let mut desk = Desk::opened(policy(&[(Metric::Resolution, "1h", "4h")]), "Mon 09:00");
    desk.looked("Mon 11:00");
    desk.prioritised(Priority::Urgent, "Mon 11:00");
    let clock = desk.resolution();
    assert_eq!(clock.due_at, local("Mon 13:00"));
    assert_eq!(
        clock.breach.map(|breach| breach.at),
        Some(local("Mon 10:00:00.001"))
    );
    desk.looked("Tue 11:00");
    desk.becomes(TicketStatus::Resolved, "Tue 12:00");
    assert_eq!(
        desk.kinds(),
        ["sla.started", "sla.breached", "sla.retargeted", "stopped"]
    );
}

#[test]
fn a_paused_clock_that_loses_its_rest_is_in_breach_when_it_goes_on() {
    let mut desk = Desk::opened(resolution("16h"), "Mon 09:00");
    desk.becomes(TicketStatus::Waiting, "Mon 15:00");
    desk.prioritised(Priority::Urgent, "Mon 16:00");
    desk.looked("Tue 10:00");
    assert_eq!(
        desk.kinds(),
        ["sla.started", "sla.paused", "sla.retargeted"]
    );
    desk.writes("Tue 11:00");
    let breach = desk.resolution().breach.expect("nothing is left");
    assert_eq!(
        (breach.at, breach.cause),
        (local("Tue 11:00"), BreachCause::Retarget)
    );
}

#[test]
fn a_new_version_touches_no_running_clock_until_it_is_repinned() {
    let mut desk = Desk::opened(resolution("8h"), "Mon 09:00");
    let old = desk.book.current.take().expect("terms");
    let mut newer = resolution("2h");
    newer.version = "v2".to_owned();
    let terms = Terms {
        policy: Arc::new(newer),
        calendar: Arc::clone(&old.calendar),
    };
    desk.book.current = Some(terms);
    let moment = Moment {
        at: local("Mon 10:00"),
        event: "evt_2",
    };
    let missing = ticket_step(
        &desk.clocks,
        &desk.ticket,
        &TicketEvent::Due,
        &desk.book,
        moment,
    );
    assert_eq!(
        missing.map_err(|missing| missing.0.policy_version),
        Err("v1".to_owned())
    );
    desk.book.pinned.push(old);
    desk.becomes(TicketStatus::InProgress, "Mon 10:00");
    desk.change(
        |ticket| ticket.team = Some("billing".to_owned()),
        "Mon 10:00",
    );
    assert_eq!(desk.resolution().due_at, local("Mon 17:00"));
    let of = Some("Silver");
    desk.happen(&TicketEvent::Repin { of }, "Mon 10:20");
    assert_eq!(desk.resolution().due_at, local("Mon 17:00"));
    desk.happen(&TicketEvent::Repin { of: None }, "Mon 10:30");
    let clock = desk.resolution();
    assert_eq!(
        (clock.due_at, clock.pin.policy_version.as_str()),
        (local("Mon 11:00"), "v2")
    );
    assert_eq!(
        desk.record.last().map(|entry| entry.kind),
        Some(TransitionKind::Retargeted(RetargetCause::Repin))
    );
    desk.happen(&TicketEvent::Repin { of: None }, "Mon 10:45");
    assert_eq!(desk.record.len(), 2, "a second time changes nothing");
}

#[test]
fn another_policy_counts_on_by_its_own_calendar() {
    let mut desk = Desk::opened(resolution("8h"), "Mon 09:00");
    let mut other = resolution("4h");
    other.name = "Nights".to_owned();
    let calendar = Calendar::compile(CalendarSpec::always_open("always", "UTC")).expect("compiles");
    let terms = Terms {
        policy: Arc::new(other),
        calendar: Arc::new(calendar),
    };
    let old = desk.book.current.replace(terms).expect("terms");
    desk.book.pinned.push(old);
    desk.change(
        |ticket| ticket.category = Some("night".to_owned()),
        "Mon 16:00",
    );
    assert_eq!(
        desk.kinds(),
        ["sla.started", "sla.retargeted", "sla.breached"],
        "7h of 4h"
    );
    desk.happen(&TicketEvent::ClosedAs(CancelReason::Spam), "Mon 23:00");
    assert_eq!(
        desk.resolution().consumed,
        span("14h"),
        "8 to the change, all the night since"
    );
}

#[test]
fn a_change_of_priority_and_policy_at_once_is_one_change() {
    let mut desk = Desk::opened(policy(&[(Metric::Resolution, "8h", "1h")]), "Mon 09:00");
    let mut other = policy(&[(Metric::Resolution, "8h", "4h")]);
    other.name = "Partners".to_owned();
    let calendar = new_york();
    let terms = Terms {
        policy: Arc::new(other),
        calendar,
    };
    let old = desk.book.current.replace(terms).expect("terms");
    desk.book.pinned.push(old);
    let change = |ticket: &mut Ticket| {
        ticket.priority = Priority::Urgent;
        ticket.team = Some("partners".to_owned());
    };
    desk.change(change, "Mon 11:00");
    assert_eq!(desk.kinds(), ["sla.started", "sla.retargeted"]);
    assert_eq!(desk.resolution().due_at, local("Mon 13:00"));
}

#[test]
fn what_was_paused_goes_on_whatever_the_terms_say_now() {
    let response = [(Metric::FirstResponse, "1h", "1h")];
    let mut pausing = policy(&response);
    pausing.pausing.insert(Metric::FirstResponse);
    let mut desk = Desk::opened(pausing, "Mon 09:00");
    desk.becomes(TicketStatus::Waiting, "Mon 09:10");
    let old = desk.book.current.take().expect("terms");
    let newer = SlaPolicy {
        version: "v2".to_owned(),
        ..policy(&response)
    };
    desk.book.current = Some(Terms {
        policy: Arc::new(newer),
        calendar: Arc::clone(&old.calendar),
    });
    desk.book.pinned.push(old);
    desk.happen(&TicketEvent::Repin { of: None }, "Mon 09:20");
    desk.writes("Mon 10:00");
    let clock = desk.clock(Metric::FirstResponse).expect("it is there");
    assert_eq!(
        (clock.state, clock.due_at),
        (ClockState::Running, local("Mon 10:50"))
    );
}

#[test]
fn levels_fire_in_business_time_and_are_frozen_by_the_first() {
    let mut with_levels = resolution("1h");
    let level = |after: &str, repeat: u32| Level {
        after: span(after),
        repeat,
        ..Level::default()
    };
    with_levels.levels = vec![level("30m", 0), level("2h", 2)];
    let mut desk = Desk::opened(with_levels, "Mon 15:50");
    assert_eq!(desk.resolution().wake_at, Some(local("Mon 16:50:00.001")));
    desk.looked("Mon 16:50:00.001");
    assert_eq!(desk.resolution().wake_at, Some(local("Tue 09:20:00.001")));
    desk.looked("Tue 09:20:00.001");
    let mut terms = desk.book.current.take().expect("terms");
    terms.policy = Arc::new(SlaPolicy {
        levels: Vec::new(),
        ..(*terms.policy).clone()
    });
    desk.book.current = Some(terms);
    desk.looked("Wed 17:00");
    insta::assert_snapshot!(desk.told(), @r#"
    Mon 15:50:00 resolution 1 Started, used 0ms, due Mon 16:50:00
    Mon 16:50:00.001 resolution 1 Breached(Due), used 3600001ms, due Mon 16:50:00
    Tue 09:20:00.001 resolution 1 Escalated { level: 1, time: 1 }, used 5400001ms, due Mon 16:50:00
    Tue 10:50:00.001 resolution 1 Escalated { level: 2, time: 1 }, used 10800001ms, due Mon 16:50:00
    Tue 12:50:00.001 resolution 1 Escalated { level: 2, time: 2 }, used 18000001ms, due Mon 16:50:00
    Tue 14:50:00.001 resolution 1 Escalated { level: 2, time: 3 }, used 25200001ms, due Mon 16:50:00
    "#);
    assert_eq!(desk.resolution().wake_at, None);
}

#[test]
fn a_level_of_wall_time_does_not_wait_for_opening() {
    let mut with_levels = resolution("1h");
    with_levels.levels = vec![Level {
        after: span("30m"),
        time: LevelTime::Wall,
        ..Level::default()
    }];
    let mut desk = Desk::opened(with_levels, "Mon 16:00");
    desk.looked("Mon 17:00:00.001");
    assert_eq!(desk.resolution().wake_at, Some(local("Mon 17:30:00.001")));
}

#[test]
fn whoever_sees_to_a_breach_stops_its_levels() {
    for seen in ["acknowledged", "answered", "resolved"] {
        let mut with_levels = resolution("1h");
        with_levels.levels = vec![Level {
            after: span("30m"),
            ..Level::default()
        }];
        let mut desk = Desk::opened(with_levels, "Mon 09:00");
        desk.happen(&TicketEvent::Acknowledged, "Mon 09:30");
        desk.looked("Mon 10:10");
        assert!(
            !desk.resolution().chain.is_stopped,
            "there was nothing to see to"
        );
        match seen {
            "acknowledged" => desk.happen(&TicketEvent::Acknowledged, "Mon 10:15"),
            "answered" => desk.replies(ActorKind::Agent, "Mon 10:15"),
            _ => desk.becomes(TicketStatus::Resolved, "Mon 10:15"),
        }
        assert_eq!(desk.resolution().wake_at, None);
        desk.looked("Tue 12:00");
        assert!(!desk.kinds().contains(&"sla.escalated"), "{seen}");
    }
}

#[test]
fn the_first_response_to_an_agents_ticket_is_waited_for_from_the_first_message() {
    let response = [
        (Metric::FirstResponse, "1h", "1h"),
        (Metric::NextResponse, "2h", "2h"),
    ];
    let mut desk = Desk::new(policy(&response));
    desk.happen(
        &TicketEvent::Created {
            by: ActorKind::Agent,
        },
        "Mon 09:00",
    );
    assert_eq!(desk.clocks, []);
    desk.replies(ActorKind::Agent, "Mon 09:10");
    desk.writes("Mon 10:00");
    assert_eq!(
        desk.clock(Metric::FirstResponse).map(|clock| clock.due_at),
        Some(local("Mon 11:00"))
    );
    desk.replies(ActorKind::Agent, "Mon 10:30");
    desk.becomes(TicketStatus::Resolved, "Mon 10:40");
    desk.writes("Mon 11:00");
    assert_eq!(
        desk.clock(Metric::NextResponse).map(|clock| clock.due_at),
        Some(local("Mon 13:00"))
    );
    assert_eq!(
        desk.kinds(),
        ["sla.started", "sla.met", "sla.started"],
        "it never restarts"
    );
}

#[test]
fn a_reply_that_comes_late_leaves_what_was_asked_after_it() {
    let response = [
        (Metric::FirstResponse, "1h", "1h"),
        (Metric::NextResponse, "1h", "1h"),
    ];
    let mut desk = Desk::opened(policy(&response), "Mon 09:00");
    desk.writes("Mon 09:10");
    desk.writes("Mon 09:40");
    desk.replies(ActorKind::Agent, "Mon 09:20");
    let next = desk
        .clock(Metric::NextResponse)
        .expect("09:40 is not answered");
    assert_eq!(
        (next.started_at, next.due_at),
        (local("Mon 09:40"), local("Mon 10:40"))
    );
    desk.replies(ActorKind::Agent, "Mon 09:30");
    assert!(
        desk.clock(Metric::NextResponse)
            .expect("still")
            .state
            .is_live()
    );
    desk.replies(ActorKind::Agent, "Mon 09:50");
    desk.writes("Mon 09:45");
    assert!(
        desk.clocks.iter().all(|clock| !clock.state.is_live()),
        "answered before it came"
    );
}

#[test]
fn a_bots_reply_counts_only_if_the_policy_says_so() {
    for bot_counts in [false, true] {
        let mut policy = policy(&[(Metric::FirstResponse, "1h", "1h")]);
        policy.bot_counts = bot_counts;
        let mut desk = Desk::opened(policy, "Mon 09:00");
        desk.replies(ActorKind::Customer, "Mon 09:01");
        desk.replies(ActorKind::Ai, "Mon 09:05");
        let is_met = desk.clocks[0].met_at.is_some();
        assert_eq!(is_met, bot_counts);
    }
}

#[test]
fn responses_pause_only_if_the_policy_says_so() {
    for pauses in [false, true] {
        let mut policy = policy(&[
            (Metric::FirstResponse, "1h", "1h"),
            (Metric::Resolution, "8h", "8h"),
        ]);
        policy
            .pausing
            .extend(pauses.then_some(Metric::FirstResponse));
        let mut desk = Desk::opened(policy, "Mon 09:00");
        desk.becomes(TicketStatus::Waiting, "Mon 09:10");
        let state = |metric| desk.clock(metric).map(|clock| clock.state);
        let expected = if pauses {
            ClockState::Paused
        } else {
            ClockState::Running
        };
        assert_eq!(state(Metric::FirstResponse), Some(expected));
        assert_eq!(state(Metric::Resolution), Some(ClockState::Paused));
    }
}

#[test]
fn what_nobody_owns_is_counted_until_somebody_does() {
    let mut desk = Desk::new(policy(&[(Metric::Own, "1h", "1h")]));
    desk.ticket.assignee = None;
    desk.happen(
        &TicketEvent::Created {
            by: ActorKind::System,
        },
        "Mon 09:00",
    );
    desk.change(
        |ticket| ticket.team = Some("billing".to_owned()),
        "Mon 09:10",
    );
    assert_eq!(desk.clocks.len(), 1, "it is not owned yet");
    desk.change(
        |ticket| ticket.assignee = Some("dana".to_owned()),
        "Mon 09:30",
    );
    desk.change(
        |ticket| ticket.assignee = Some("eve".to_owned()),
        "Mon 09:40",
    );
    desk.change(
        |ticket| ticket.team = Some("support".to_owned()),
        "Mon 10:00",
    );
    assert_eq!(desk.clocks.len(), 2, "handed to another team");
    desk.change(|ticket| ticket.assignee = None, "Mon 10:10");
    desk.becomes(TicketStatus::Resolved, "Mon 10:30");
    assert_eq!(
        desk.kinds(),
        ["sla.started", "sla.met", "sla.started", "sla.cancelled"]
    );
}

#[test]
fn a_reopened_ticket_goes_by_the_policy() {
    for (reopen, cycle, consumed, moved) in [
        (
            Reopen::Resume,
            1,
            "5h",
            MessageMove::Become(TicketStatus::Open),
        ),
        (
            Reopen::NewCycle,
            2,
            "1h",
            MessageMove::Become(TicketStatus::Open),
        ),
        (Reopen::Ignore, 1, "4h", MessageMove::Stay),
        (Reopen::NewTicket, 1, "4h", MessageMove::NewTicket),
    ] {
        let policy = SlaPolicy {
            reopen,
            ..resolution("8h")
        };
        let mut desk = Desk::opened(policy, "Mon 09:00");
        desk.becomes(TicketStatus::Resolved, "Mon 13:00");
        assert_eq!(desk.writes("Wed 10:00"), moved);
        let clock = desk.resolution();
        assert_eq!(clock.key.cycle, cycle, "{reopen:?}");
        assert_eq!(
            clock.consumed_at(desk.calendar(), local("Wed 11:00")),
            span(consumed),
            "{reopen:?}"
        );
    }
}

#[test]
fn what_was_done_long_ago_or_closed_is_another_ticket() {
    let mut desk = Desk::opened(
        SlaPolicy {
            reopen_days: Some(2),
            ..resolution("8h")
        },
        "Mon 09:00",
    );
    desk.becomes(TicketStatus::Resolved, "Mon 13:00");
    assert_eq!(desk.writes("Wed 13:00:00.001"), MessageMove::NewTicket);
    desk.becomes(TicketStatus::Closed, "Mon 14:00");
    assert_eq!(desk.writes("Mon 15:00"), MessageMove::NewTicket);
    desk.ticket.status = TicketStatus::Waiting;
    desk.ticket.assignee = None;
    let moved = on_customer_message(&desk.ticket, None, None, local("Mon 15:00"));
    assert_eq!(moved, MessageMove::Become(TicketStatus::Open));
}

#[test]
fn what_is_delivered_at_opening_is_held_while_closed() {
    let calendar = new_york();
    let held = |time: &str| Deliver::Opening.when(&calendar, local(time));
    assert_eq!(held("Mon 10:00"), local("Mon 10:00"));
    assert_eq!(held("Wed 17:00:00.001"), local("Fri 09:00"));
    assert_eq!(
        Deliver::Now.when(&calendar, local("Wed 20:00")),
        local("Wed 20:00")
    );
}

#[test]
fn an_approval_has_a_clock_like_any_other() {
    let terms = Terms {
        policy: Arc::new(resolution("8h")),
        calendar: new_york(),
    };
    let owner = Owner::Approval("apr_1".to_owned());
    let key = ClockKey {
        owner,
        metric: Metric::Approval,
        cycle: 1,
    };
    let moment = |time: &str| Moment {
        at: local(time),
        event: "evt_1",
    };
    let asked = Clock::start(key, &terms, span("1h"), moment("Mon 16:30"));
    assert_eq!(result(&asked.happened[0])["approval_id"], json!("apr_1"));
    let decided = asked.clock.step(Signal::Stop, &terms, moment("Tue 09:30"));
    assert_eq!(decided.clock.met_at, Some(local("Tue 09:30")));
    let again = decided
        .clock
        .step(Signal::Stop, &terms, moment("Tue 09:40"));
    assert_eq!((again.clock, again.happened), (decided.clock, Vec::new()));
}

#[test]
fn a_clock_reads_back_as_it_was_written() {
    let mut with_all = resolution("1h");
    with_all.warn_at = ["50%", "10m"]
        .iter()
        .map(|warn| warn.parse().expect("a warning"))
        .collect();
    with_all.levels = vec![Level {
        after: span("30m"),
        ..Level::default()
    }];
    let mut desk = Desk::opened(with_all, "Mon 09:00");
    desk.looked("Mon 09:40");
    desk.looked("Mon 12:40");
    for clock in &desk.clocks {
        let text = serde_json::to_string(clock).expect("plain data");
        assert_eq!(
            serde_json::from_str::<Clock>(&text).ok().as_ref(),
            Some(clock),
            "{text}"
        );
    }
    let text = serde_json::to_string(&desk.record).expect("plain data");
    assert_eq!(
        serde_json::from_str::<Vec<Transition>>(&text).ok(),
        Some(desk.record)
    );
}

#[test]
fn explain_shows_what_counted_and_why_the_rest_did_not() {
    let mut desk = Desk::opened(resolution("8h"), "Mon 15:00");
    desk.looked("Tue 09:00");
    desk.becomes(TicketStatus::Waiting, "Tue 10:00");
    desk.writes("Wed 16:00");
    let intervals = explain(&desk.record, &desk.book, local("Fri 10:00")).expect("terms");
    let told = intervals.iter().map(|interval| {
        let CountedInterval { from, to, because } = interval;
        format!(
            "{from} {to} {}",
            serde_json::to_string(because).expect("plain data")
        )
    });
    insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"), @r#"
    2026-11-23T20:00:00Z 2026-11-23T22:00:00Z {"why":"open"}
    2026-11-23T22:00:00Z 2026-11-24T14:00:00Z {"why":"closed"}
    2026-11-24T14:00:00Z 2026-11-24T15:00:00Z {"why":"open"}
    2026-11-24T15:00:00Z 2026-11-25T21:00:00Z {"why":"paused"}
    2026-11-25T21:00:00Z 2026-11-25T22:00:00Z {"why":"open"}
    2026-11-25T22:00:00Z 2026-11-26T14:00:00Z {"why":"closed"}
    2026-11-26T14:00:00Z 2026-11-26T22:00:00Z {"why":"holiday","date":"2026-11-26","name":"Thanksgiving"}
    2026-11-26T22:00:00Z 2026-11-27T14:00:00Z {"why":"closed"}
    2026-11-27T14:00:00Z 2026-11-27T15:00:00Z {"why":"open"}
    "#);
}
