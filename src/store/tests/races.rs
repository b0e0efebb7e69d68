//! Several writers on one database: one history, no gaps, and whoever loses runs again.

use std::sync::Arc;

use super::*;
use crate::domain::{
    audit::{ChainWalk, GENESIS},
    world::Need,
};

#[test]
fn a_key_that_was_decided_before_is_refused_as_a_race() {
    on_each(|scratch| {
        let store = scratch.store();
        let daemon = register(&store, "one");
        let mut writer = store.writer().expect("connects");
        commit(&mut writer, daemon, &[("c1", "a")]).expect("commits");
        let again = commit(&mut writer, daemon, &[("c2", "a")]);
        assert!(matches!(again, Err(StoreError::Retry(_))), "{again:?}");
        let other = commit_with(&mut writer, daemon, &[("c1", "b")], |write| {
            write.journal[0].version = 1;
        });
        assert!(matches!(other, Err(StoreError::Retry(_))), "{other:?}");
        commit(&mut writer, daemon, &[("c1", "b")]).expect("the writer goes on");
    });
}

#[test]
fn of_two_who_make_the_same_subject_one_runs_again() {
    let Some(scratch) = Scratch::postgres() else {
        return;
    };
    let store = scratch.store();
    let daemon = register(&store, "one");
    let (mut one, mut two) = (
        store.writer().expect("connects"),
        store.writer().expect("connects"),
    );
    let opening = open(&mut two, &[("c1", "b")]).expect("opens");
    commit(&mut one, daemon, &[("c1", "a")]).expect("commits");
    let tail = two.tail().expect("locks");
    assert_eq!(tail.position, 1, "the tail is read after it is locked");
    let write = compose(&opening.world, &tail, daemon, &[("c1", "b")]);
    let lost = two.commit(&write);
    assert!(matches!(lost, Err(StoreError::Retry(_))), "{lost:?}");
    let write = commit(&mut two, daemon, &[("c1", "b")]).expect("commits");
    assert_eq!(write.journal[0].version, 2);
}

#[test]
fn a_key_that_nobody_looked_up_is_refused_and_then_found() {
    on_each(|scratch| {
        let store = scratch.store();
        let daemon = register(&store, "one");
        let mut writer = store.writer().expect("connects");
        commit(&mut writer, daemon, &[("c1", "a")]).expect("commits");
        let subjects = [SubjectId::from("c2")];
        let opening = writer.begin(&subjects, &[key("a")], false).expect("begins");
        assert!(opening.seen.is_empty(), "nobody suspects it");
        let tail = writer.tail().expect("a tail");
        let write = compose(&opening.world, &tail, daemon, &[("c2", "a")]);
        let lost = writer.commit(&write);
        assert!(matches!(lost, Err(StoreError::Retry(_))), "{lost:?}");
        let opening = writer.begin(&subjects, &[key("a")], false).expect("begins");
        assert_eq!(opening.seen.len(), 1, "after that it is looked for");
    });
}

#[test]
fn two_processes_continue_one_history_in_turn() {
    let Some(scratch) = Scratch::postgres() else {
        return;
    };
    let stores = [scratch.store(), scratch.store()];
    let daemons = [register(&stores[0], "one"), register(&stores[1], "two")];
    let mut writers = stores
        .each_ref()
        .map(|store| store.writer().expect("connects"));
    let mut stale = 0;
    for round in 0..200 {
        let who = usize::from(round % 3 == 0);
        let id = round.to_string();
        let given = [("shared", id.as_str())];
        while let Err(error) = commit(&mut writers[who], daemons[who], &given) {
            assert!(matches!(error, StoreError::Retry(_)), "{error}");
            stale += 1;
            assert!(stale < 50, "{error}");
        }
    }
    assert!(stale > 0, "the other one's commits went unnoticed");
    let shared = stores[0]
        .reader()
        .timeline("shared", Page::first(500))
        .expect("reads");
    let versions: Vec<i64> = shared.items.iter().map(|row| row.version).collect();
    assert_eq!(versions, (1..=200).collect::<Vec<i64>>());
    assert_eq!(stores[1].reader().tail().expect("reads").position, 200);
}

#[test]
fn nothing_is_written_for_a_daemon_that_was_retired() {
    on_each(|scratch| {
        let store = scratch.store();
        let held = store.desk().daemon_register("one").expect("registers");
        let mut writer = store.writer().expect("connects");
        commit(&mut writer, held.id, &[("c1", "a")]).expect("commits");
        let tail = store.reader().tail().expect("reads");
        let retired = store.desk().daemon_retire(Registration {
            watermark: tail.position,
            ..held
        });
        assert_eq!(retired, Ok(true));
        let late = commit(&mut writer, held.id, &[("c1", "b")]);
        assert!(matches!(late, Err(StoreError::Refused { .. })), "{late:?}");
        assert_eq!(store.reader().tail(), Ok(tail));
    });
}

#[test]
fn two_writers_make_one_history_without_gaps() {
    on_each(|scratch| {
        let store = scratch.store();
        let daemon = register(&store, "one");
        std::thread::scope(|scope| {
            for name in ["left", "right"] {
                let store = store.clone();
                scope.spawn(move || {
                    let mut writer = store.writer().expect("connects");
                    for round in 0..25 {
                        let ids: Vec<String> =
                            (0..6).map(|n| format!("{name}-{round}-{n}")).collect();
                        let subjects = [name, "shared", "a", "z", name, "shared"];
                        let given: Vec<Given<'_>> = subjects
                            .into_iter()
                            .zip(ids.iter().map(String::as_str))
                            .collect();
                        let mut tries = 0;
                        while let Err(error) = commit(&mut writer, daemon, &given) {
                            assert!(matches!(error, StoreError::Retry(_)), "{error}");
                            tries += 1;
                            assert!(tries < 50, "{error}");
                        }
                    }
                });
            }
        });
        let mut reader = store.reader();
        let tail = reader.tail().expect("reads");
        assert_eq!((tail.position, tail.audit_sequence), (300, 300));
        let rows = reader.results(0, 1_000, None).expect("reads");
        let positions: Vec<i64> = rows.iter().map(|row| row.position).collect();
        assert_eq!(positions, (1..=300).collect::<Vec<i64>>());
        let mut walk = ChainWalk::after(0, GENESIS);
        for row in reader.audit_slice(0, 1_000).expect("reads") {
            walk.step(&row.entry).expect("the chain holds");
        }
        assert_eq!(walk.end(tail.audit_sequence, &tail.audit_hash), Ok(300));
        let shared = reader.timeline("shared", Page::first(200)).expect("reads");
        let versions: Vec<i64> = shared.items.iter().map(|row| row.version).collect();
        assert_eq!(versions, (1..=100).collect::<Vec<i64>>());
        assert!(shared.items.is_sorted_by_key(|row| row.position));
    });
}

#[test]
fn a_deadlock_asks_for_another_try() {
    let Some(scratch) = Scratch::postgres() else {
        return;
    };
    let store = Arc::new(scratch.store());
    let meet = Arc::new(std::sync::Barrier::new(2));
    let threads: Vec<_> = [("a", "x", "y"), ("b", "y", "x")]
        .into_iter()
        .map(|(subject, first, then)| {
            let (store, meet) = (Arc::clone(&store), Arc::clone(&meet));
            std::thread::spawn(move || {
                let mut writer = store.writer().expect("connects");
                let mut world = open(&mut writer, &[(subject, subject)])
                    .expect("opens")
                    .world;
                let need = |name: &str| [Need::Team(name.to_owned())];
                writer.load(&need(first), &mut world).expect("locks");
                meet.wait();
                let result = writer.load(&need(then), &mut world);
                writer.abandon();
                result
            })
        })
        .collect();
    let results: Vec<Result<(), StoreError>> = threads
        .into_iter()
        .map(|thread| thread.join().expect("no panic"))
        .collect();
    let lost = results.iter().filter(|result| result.is_err()).count();
    assert_eq!(lost, 1, "{results:?}");
    assert!(
        results
            .iter()
            .all(|result| matches!(result, Ok(()) | Err(StoreError::Retry(_)))),
        "{results:?}"
    );
}

#[test]
fn small_writes_go_on_beside_a_busy_writer() {
    on_each(|scratch| {
        let store = scratch.store();
        let held = store.desk().daemon_register("one").expect("registers");
        let stop = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut writer = store.writer().expect("connects");
                let mut count = 0;
                while !stop.load(Ordering::Relaxed) {
                    count += 1;
                    commit(&mut writer, held.id, &[("c1", &count.to_string())]).expect("commits");
                }
            });
            let mut desk = store.desk();
            for _ in 0..20 {
                assert_eq!(desk.daemon_beat(held.id, held.epoch), Ok(true));
            }
            stop.store(true, Ordering::Relaxed);
        });
    });
}
