//! Clocks: kept with their record, found by their timers, their owners and their terms.

use super::*;
use crate::domain::{
    calendar::{Calendar, CalendarSpec},
    sla::{Clock, ClockKey, Metric, Moment, Owner, Signal, SlaPolicy, Step, Terms},
    time::Span,
    world::Need,
};

fn terms(name: &str) -> Terms {
    let calendar = Calendar::compile(CalendarSpec::always_open("always", "UTC"));
    Terms {
        policy: Arc::new(SlaPolicy {
            name: name.to_owned(),
            version: "v1".to_owned(),
            ..SlaPolicy::default()
        }),
        calendar: Arc::new(calendar.expect("compiles")),
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn moment(seconds: i64) -> Moment<'static> {
    Moment {
        at: at(seconds),
        event: "e-1",
    }
}

/// Starts the so manieth clock of a ticket, due after so many seconds.
fn started(ticket: &str, (metric, cycle): (Metric, u32), from: i64, target: i64) -> Step {
    let key = ClockKey {
        owner: Owner::Ticket(ticket.to_owned()),
        metric,
        cycle,
    };
    Clock::start(key, &terms("Gold"), Span::from_secs(target), moment(from))
}

fn keep(write: &mut Write, subject: &str, steps: &[Step]) {
    for step in steps {
        let clock = Arc::new(step.clock.clone());
        write.clocks.push((SubjectId::from(subject), clock));
        let happened = step.happened.iter().cloned().map(Arc::new);
        write.transitions.extend(happened);
    }
}

fn loaded(writer: &mut Writer, owner: &Owner) -> Vec<(Metric, u32)> {
    let mut world = open(writer, &[("c1", "later")]).expect("opens").world;
    let needs = [Need::Clocks(owner.clone())];
    writer.load(&needs, &mut world).expect("loads");
    writer.abandon();
    let clocks = world.clocks(owner).expect("loaded").iter();
    clocks
        .map(|clock| (clock.key.metric, clock.key.cycle))
        .collect()
}

#[test]
fn due_timers_are_found_in_order_and_rest_when_their_clocks_do() {
    on_each(|scratch| {
        let store = scratch.store();
        let mut writer = store.writer().expect("connects");
        let daemon = register(&store, "one");
        let first = started("t1", (Metric::Resolution, 1), 0, 100);
        let steps = [
            first.clone(),
            started("t1", (Metric::FirstResponse, 1), 0, 50),
            started("t2", (Metric::Resolution, 1), 0, 70),
        ];
        commit_with(&mut writer, daemon, &[("c1", "a")], |write| {
            keep(write, "c1", &steps);
        })
        .expect("commits");
        let mut reader = store.reader();
        // A millisecond after it is due.
        let wakes = |seconds: i64| at(seconds).plus(Span::from_millis(1));
        assert_eq!(reader.clocks_next(), Ok(Some(wakes(50))));
        let mut due = |seconds: i64| -> Vec<(String, Timestamp)> {
            let found = reader.clocks_due(at(seconds), 9).expect("reads");
            let found = found.into_iter();
            found.map(|due| (due.owner.label(), due.due_at)).collect()
        };
        assert_eq!(due(50), []);
        let both = [
            ("ticket:t1".to_owned(), wakes(50)),
            ("ticket:t2".to_owned(), wakes(70)),
        ];
        assert_eq!(due(1_000), both, "each owner once, the longest due first");
        // It stops, and has no timer any more.
        let stopped = first.clock.step(Signal::Stop, &terms("Gold"), moment(60));
        commit_with(&mut writer, daemon, &[("c1", "b")], |write| {
            keep(write, "c1", std::slice::from_ref(&stopped));
        })
        .expect("commits");
        let of = Owner::Ticket("t1".to_owned());
        let mut reader = store.reader();
        assert_eq!(
            reader.clocks_of(&of),
            Ok(vec![steps[1].clock.clone(), stopped.clock.clone()])
        );
        let record: Vec<_> = [&first, &steps[1], &stopped]
            .iter()
            .flat_map(|step| step.happened.clone())
            .collect();
        assert_eq!(reader.transitions_of(&of), Ok(record));
        assert_eq!(reader.clocks_lost(9), Ok(Vec::new()));
        scratch.execute("UPDATE clocks SET wake_at = NULL WHERE metric = 'first_response'");
        let lost = reader.clocks_lost(9).expect("reads");
        assert_eq!(lost.len(), 1, "{lost:?}");
        assert_eq!(lost[0].owner, of);
    });
}

#[test]
fn a_decision_meets_the_newest_clock_of_each_metric_and_those_that_run() {
    on_each(|scratch| {
        let store = scratch.store();
        let mut writer = store.writer().expect("connects");
        let daemon = register(&store, "one");
        let ended = |cycle| {
            let step = started("t1", (Metric::NextResponse, cycle), 0, 100);
            let mut next = step.clock.step(Signal::Stop, &terms("Gold"), moment(10));
            next.happened.splice(0..0, step.happened);
            next
        };
        let steps = [
            ended(1),
            ended(2),
            ended(3),
            started("t1", (Metric::Resolution, 1), 0, 100),
            started("t1", (Metric::Resolution, 2), 0, 100),
        ];
        commit_with(&mut writer, daemon, &[("c1", "a")], |write| {
            keep(write, "c1", &steps);
        })
        .expect("commits");
        let of = |id: &str| Owner::Ticket(id.to_owned());
        assert_eq!(
            loaded(&mut writer, &of("t1")),
            [
                (Metric::NextResponse, 3),
                (Metric::Resolution, 1),
                (Metric::Resolution, 2)
            ]
        );
        assert_eq!(loaded(&mut writer, &of("t9")), []);
        assert_eq!(
            loaded(&mut writer, &Owner::Request("t1".to_owned())),
            [],
            "a request's id is not a ticket's"
        );
    });
}

#[test]
fn terms_of_an_earlier_version_are_kept_as_they_were() {
    on_each(|scratch| {
        let store = scratch.store();
        let mut writer = store.writer().expect("connects");
        let (gold, silver) = (terms("Gold"), terms("Silver"));
        for _ in 0..2 {
            let mut desk = store.desk();
            desk.terms_save(&[gold.clone(), silver.clone()])
                .expect("keeps");
        }
        let mut unknown = gold.pin();
        unknown.policy_version = "v9".to_owned();
        let mut other_zone_data = gold.pin();
        other_zone_data.zone_data = "1999a".to_owned();
        let mut world = open(&mut writer, &[("c1", "a")]).expect("opens").world;
        let needs = [&unknown, &other_zone_data].map(|pin| Need::Terms(pin.clone()));
        for _ in 0..2 {
            writer.load(&needs, &mut world).expect("loads");
            let found = world.terms(&other_zone_data).expect("loaded");
            assert_eq!(found.map(Terms::spec), Some(gold.spec()));
            assert!(world.terms(&unknown).expect("loaded").is_none());
        }
        writer.abandon();
        let mut reader = store.reader();
        assert_eq!(reader.terms(&silver.pin()), Ok(Some(silver.spec())));
        assert_eq!(reader.terms(&unknown), Ok(None));
    });
}
