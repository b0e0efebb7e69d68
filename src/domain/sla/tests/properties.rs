//! What holds for every clock, whatever is done to it and whenever somebody looks.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;

/// What is done to a clock, after so many minutes.
#[derive(Clone, Copy, Debug)]
enum Done {
    Pause,
    Resume,
    Look,
    /// The index of the terms, and a target in minutes.
    Retarget(usize, i64),
    Reopen,
    Stop,
}

/// Three calendars: one with holidays, one of nights in a zone of half an hour, one that is always open.
static TERMS: LazyLock<Vec<Terms>> = LazyLock::new(|| {
    let night = vec!["22:00-06:00"];
    let nights: CalendarSpec = serde_json::from_value(json!({
        "name": "nights", "timezone": "Australia/Lord_Howe", "week": vec![night; 7],
    }))
    .expect("a calendar");
    let always = CalendarSpec::always_open("always", "Asia/Kolkata");
    let compiled =
        [nights, always].map(|spec| Arc::new(Calendar::compile(spec).expect("compiles")));
    let calendars = [new_york()].into_iter().chain(compiled);
    let mut policy = resolution("8h");
    policy.warn_at = ["50%", "80%", "15m"]
        .iter()
        .map(|warn| warn.parse().expect("a warning"))
        .collect();
    policy.levels = vec![Level {
        after: span("30m"),
        repeat: 2,
        ..Level::default()
    }];
    let policy = Arc::new(policy);
    let terms = |calendar| Terms {
        policy: Arc::clone(&policy),
        calendar,
    };
    calendars.map(terms).collect()
});

fn done() -> impl Strategy<Value = (i64, Done)> {
    let what = prop_oneof![
        3 => Just(Done::Pause),
        3 => Just(Done::Resume),
        3 => Just(Done::Look),
        2 => (0_usize..3, 30_i64..1_200).prop_map(|(terms, target)| Done::Retarget(terms, target)),
        1 => Just(Done::Reopen),
        1 => Just(Done::Stop),
    ];
    (0_i64..900, what)
}

/// A clock under way, and the same counted in the simplest way.
struct Ride {
    clock: Clock,
    record: Vec<Transition>,
    terms: usize,
    now: Timestamp,
    counted: i64,
}

impl Ride {
    fn new(start: i64) -> Self {
        let now = local("Mon 09:00").plus(Span::from_secs(start * 60));
        let key = ClockKey {
            owner: Owner::Ticket("t".into()),
            metric: Metric::Resolution,
            cycle: 1,
        };
        let moment = Moment {
            at: now,
            event: "e",
        };
        let step = Clock::start(key, &TERMS[0], span("8h"), moment);
        Self {
            clock: step.clock,
            record: step.happened,
            terms: 0,
            now,
            counted: 0,
        }
    }

    fn signal(done: Done) -> Signal<'static> {
        match done {
            Done::Pause => Signal::Pause,
            Done::Resume => Signal::Resume,
            Done::Look => Signal::Look,
            Done::Reopen => Signal::Reopen,
            Done::Stop => Signal::Stop,
            Done::Retarget(to, minutes) => Signal::Retarget {
                to: &TERMS[to],
                target: Span::from_secs(minutes * 60),
                cause: RetargetCause::Priority,
            },
        }
    }

    fn go(&mut self, minutes: i64, done: Done) {
        let at = self.now.plus(Span::from_secs(minutes * 60));
        if self.clock.state == ClockState::Running {
            self.counted += TERMS[self.terms].calendar.elapsed(self.now, at).micros();
        }
        self.now = at;
        let is_live = self.clock.state.is_live();
        let step = self.clock.step(
            Self::signal(done),
            &TERMS[self.terms],
            Moment { at, event: "e" },
        );
        if let Done::Retarget(to, _) = done
            && is_live
        {
            self.terms = to;
        }
        self.clock = step.clock;
        self.record.extend(step.happened);
    }

    /// How it stands for who looks now: all but what was warned and escalated, and when.
    fn outcome(
        &self,
    ) -> (
        ClockState,
        Span,
        Timestamp,
        Option<Breach>,
        Option<Timestamp>,
    ) {
        let moment = Moment {
            at: self.now,
            event: "e",
        };
        let clock = self
            .clock
            .step(Signal::Look, &TERMS[self.terms], moment)
            .clock;
        (
            clock.state,
            clock.consumed,
            clock.due_at,
            clock.breach,
            clock.met_at,
        )
    }
}

/// Tells what must hold of any record: each entry goes on from the one before it, and the breach
/// that stands is what was found and not taken back.
fn is_sound(clock: &Clock, record: &[Transition]) -> Result<(), TestCaseError> {
    for pair in record.windows(2) {
        prop_assert_eq!(pair[1].due_before, Some(pair[0].due_after));
        prop_assert!(pair[1].consumed >= Span::default());
    }
    let last = record.last().expect("it started");
    prop_assert_eq!((last.due_after, last.state), (clock.due_at, clock.state));
    let count =
        |is: fn(&TransitionKind) -> bool| record.iter().filter(|entry| is(&entry.kind)).count();
    let found = count(|kind| matches!(kind, TransitionKind::Breached(_)));
    let taken_back = count(|kind| matches!(kind, TransitionKind::Retracted(_)));
    prop_assert_eq!(found - taken_back, usize::from(clock.breach.is_some()));
    prop_assert!(clock.wake_at.is_none() || clock.state == ClockState::Running);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn counted_time_is_conserved_and_explained(
        start in 0_i64..4_000, ways in proptest::collection::vec(done(), 0..12),
    ) {
        let mut ride = Ride::new(start);
        let mut used = Span::default();
        for (minutes, done) in ways {
            ride.go(minutes, done);
            let consumed = ride.clock.consumed_at(&TERMS[ride.terms].calendar, ride.now);
            prop_assert_eq!(consumed.micros(), ride.counted);
            prop_assert!(consumed >= used, "it never runs backwards");
            used = consumed;
            prop_assert_eq!(ride.clock.pin.clone(), TERMS[ride.terms].pin());
        }
        let book = Book { current: None, pinned: TERMS.clone() };
        let intervals = explain(&ride.record, &book, ride.now).expect("terms");
        let open = intervals.iter().filter(|interval| interval.because == Because::Open);
        let open: i64 = open.map(|interval| interval.to.since(interval.from).micros()).sum();
        prop_assert_eq!(open, ride.counted);
        for pair in intervals.windows(2) {
            prop_assert_eq!(pair[0].to, pair[1].from);
        }
        let breaches = ride.record.iter().filter(|entry| matches!(entry.kind, TransitionKind::Breached(_)));
        prop_assert!(breaches.count() <= 1, "one breach, for nothing came late");
    }

    #[test]
    fn who_looks_when_changes_no_outcome(
        start in 0_i64..4_000, ways in proptest::collection::vec(done(), 0..12),
    ) {
        let (mut looked, mut blind) = (Ride::new(start), Ride::new(start));
        let mut unseen = 0;
        for (minutes, done) in ways {
            // A timer comes whenever the clock asks for it.
            let end = looked.now.plus(Span::from_secs(minutes * 60));
            while let Some(wake) = looked.clock.wake_at.filter(|wake| *wake <= end) {
                let early = looked.clock.step(
                    Signal::Look, &TERMS[looked.terms],
                    Moment { at: wake.minus(Span::from_millis(1)), event: "e" },
                );
                prop_assert_eq!(early.happened, vec![], "nothing happens before");
                let step = looked.clock.step(Signal::Look, &TERMS[looked.terms], Moment { at: wake, event: "e" });
                prop_assert!(!step.happened.is_empty(), "it wakes for something");
                prop_assert!(step.happened.iter().all(|entry| entry.at == wake));
                looked.clock = step.clock;
            }
            looked.go(minutes, done);
            unseen += minutes;
            if !matches!(done, Done::Look) {
                blind.go(unseen, done);
                unseen = 0;
                prop_assert_eq!(looked.outcome(), blind.outcome());
            }
        }
    }

    #[test]
    fn a_stop_counts_at_its_own_time_however_late_it_comes(
        start in 0_i64..4_000, stop in 0_i64..3_000, later in 0_i64..3_000,
    ) {
        let mut ride = Ride::new(start);
        let begin = ride.now;
        ride.go(stop + later, Done::Look);
        let at = begin.plus(Span::from_secs(stop * 60));
        let moment = Moment { at, event: "e" };
        let late = ride.clock.step(Signal::Stop, &TERMS[0], moment).clock;
        let prompt = Ride::new(start).clock.step(Signal::Stop, &TERMS[0], moment).clock;
        prop_assert_eq!((late.met_at, late.breach, late.consumed), (prompt.met_at, prompt.breach, prompt.consumed));
        prop_assert_eq!(late.met_at.is_some(), at <= prompt.due_at);
    }

    #[test]
    fn what_comes_late_or_out_of_order_leaves_a_sound_record(
        start in 0_i64..4_000, ways in proptest::collection::vec((done(), 0_i64..600), 0..14),
    ) {
        let mut ride = Ride::new(start);
        for ((minutes, done), late) in ways {
            let now = ride.now.plus(Span::from_secs(minutes * 60));
            ride.now = ride.now.minus(Span::from_secs(late * 60));
            ride.go(minutes, done);
            ride.now = now;
            is_sound(&ride.clock, &ride.record)?;
        }
        let book = Book { current: None, pinned: TERMS.clone() };
        let intervals = explain(&ride.record, &book, ride.now).expect("terms");
        let open = intervals.iter().filter(|interval| interval.because == Because::Open);
        let open: i64 = open.map(|interval| interval.to.since(interval.from).micros()).sum();
        prop_assert_eq!(open, ride.clock.consumed_at(&TERMS[ride.terms].calendar, ride.now).micros());
    }

    #[test]
    fn a_ticket_has_one_live_clock_a_metric_and_sound_records(
        ways in proptest::collection::vec((0_u8..14, 0_i64..400), 0..24),
    ) {
        let each = [Metric::FirstResponse, Metric::NextResponse, Metric::Resolution, Metric::Own];
        let targets = each.map(|metric| (metric, "4h", "1h"));
        let mut desk = Desk::opened(policy(&targets), "Mon 09:00");
        let mut now = local("Mon 09:00");
        for (what, minutes) in ways {
            now = now.plus(Span::from_secs(minutes * 60));
            let time = now;
            desk.do_any(what, time);
            for metric in Metric::ALL {
                let of = desk.clocks.iter().filter(|clock| clock.key.metric == metric);
                let live = of.clone().filter(|clock| clock.state.is_live()).count();
                prop_assert!(live <= 1, "{metric:?}");
                let is_first = metric == Metric::FirstResponse;
                prop_assert!(!is_first || of.count() <= 1, "it never restarts");
            }
            let is_resolution_live = desk.resolution().state.is_live();
            prop_assert_eq!(is_resolution_live, desk.ticket.status.is_unfinished());
            for clock in &desk.clocks {
                let record = desk.record.iter().filter(|entry| entry.key == clock.key);
                is_sound(clock, &record.cloned().collect::<Vec<_>>())?;
            }
        }
    }
}

impl Desk {
    /// Does one of many things.
    fn do_any(&mut self, what: u8, time: Timestamp) {
        let assignee = |name: Option<&str>| name.map(str::to_owned);
        match what {
            0..=4 => {
                let status = TicketStatus::ALL[usize::from(what)];
                if self.ticket.status.may_become(status) {
                    self.change_at(|ticket| ticket.status = status, time);
                }
            }
            5 | 6 => {
                self.writes_at(time);
            }
            7 => self.happen_at(
                &TicketEvent::Reply {
                    by: ActorKind::Agent,
                },
                time,
            ),
            8 => self.happen_at(&TicketEvent::Due, time),
            9 => self.change_at(|ticket| ticket.priority = Priority::Urgent, time),
            10 => self.change_at(|ticket| ticket.priority = Priority::Medium, time),
            11 => self.change_at(|ticket| ticket.assignee = assignee(None), time),
            12 => self.change_at(|ticket| ticket.assignee = assignee(Some("eve")), time),
            _ => self.change_at(
                |ticket| {
                    let is_billing = ticket.team.as_deref() == Some("billing");
                    ticket.team = assignee(Some(if is_billing { "support" } else { "billing" }));
                },
                time,
            ),
        }
    }
}
