//! Tallies add up without a lock, an anomaly is told once, and what nobody asks for any more goes.

use super::*;
use crate::domain::{
    anomaly::{Anomaly, Flag, Measure, Watch},
    tally::{Tallied, Tally, TallyAsk, TallyKey, begin_of},
    world::Need,
};

const HOUR: i64 = 500_000;

fn of(key: &str) -> TallyKey {
    TallyKey {
        name: "Refund spike".to_owned(),
        key: key.to_owned(),
    }
}

fn tallied(key: &str, hour: i64, count: i64, is_told: bool) -> Tallied {
    Tallied {
        of: of(key),
        hour,
        added: Tally {
            count,
            sum: count * 10,
            is_told,
        },
        keep_until: hour + 9,
    }
}

fn anomaly(key: &str, at: Timestamp) -> Arc<Anomaly> {
    let flag = Flag {
        value: 61.into(),
        expected: 60.into(),
        score: None,
    };
    Arc::new(Anomaly {
        at,
        ..Anomaly::of(&flag, Measure::Count, &of(key))
    })
}

#[test]
fn tallies_are_added_to_and_read_for_the_hours_that_are_asked_for() {
    on_each(|scratch| {
        let store = scratch.store();
        let daemon = register(&store, "one");
        let (mut one, mut two) = (
            store.writer().expect("connects"),
            store.writer().expect("connects"),
        );
        commit_with(&mut one, daemon, &[("c1", "a")], |write| {
            write.tallies = vec![
                tallied("a", HOUR - 500, 7, false),
                tallied("a", HOUR - 168, 2, false),
                tallied("a", HOUR, 3, false),
            ];
        })
        .expect("commits");
        commit_with(&mut two, daemon, &[("c2", "b")], |write| {
            write.tallies = vec![tallied("a", HOUR, 4, true), tallied("b", HOUR, 1, false)];
        })
        .expect("commits");

        let mut world = open(&mut one, &[("c1", "c")]).expect("opens").world;
        let ask = |key: &str, hours: &[i64]| TallyAsk {
            of: of(key),
            hours: hours.to_vec(),
        };
        let asks = [
            ask("a", &[HOUR - 168, HOUR]),
            ask("b", &[HOUR]),
            ask("c", &[HOUR - 1, HOUR]),
        ];
        let needs: Vec<Need> = asks.iter().cloned().map(Need::Tally).collect();
        one.load(&needs, &mut world).expect("loads");
        let known = world.tally(&asks[0]).expect("loaded");
        assert!(known.is_told(HOUR) && !known.is_told(HOUR - 168));
        let mut watch = Watch::usual("Refund spike".into(), Measure::Count);
        watch.threshold.cap = Some(7.into());
        let more = Tally::request(None);
        // 500 hours ago is where it begins: three weeks are not enough, so the cap counts.
        let hours = watch.hours(HOUR);
        watch.baseline = watch.window;
        let flag = watch.look(known, HOUR, more).expect("above the cap");
        assert_eq!(flag.value, 8.into());
        assert!(hours.contains(&(HOUR - 168)));
        for at in [1, 2] {
            let found = world.tally(&asks[at]).expect("loaded");
            assert_eq!(watch.look(found, HOUR, more), None);
        }
        one.abandon();
    });
}

#[test]
fn an_anomaly_is_kept_once_and_whoever_comes_second_runs_again() {
    on_each(|scratch| {
        let store = scratch.store();
        let daemon = register(&store, "one");
        let mut writer = store.writer().expect("connects");
        let (now, later) = (begin_of(HOUR), begin_of(HOUR + 1));
        commit_with(&mut writer, daemon, &[("c1", "a")], |write| {
            write.anomalies = vec![anomaly("a", now), anomaly("b", now)];
        })
        .expect("commits");
        let again = commit_with(&mut writer, daemon, &[("c1", "b")], |write| {
            write.anomalies = vec![anomaly(
                "a",
                now.plus(crate::domain::time::Span::from_secs(5)),
            )];
        });
        assert!(matches!(again, Err(StoreError::Retry(_))), "{again:?}");
        commit_with(&mut writer, daemon, &[("c1", "b")], |write| {
            write.anomalies = vec![anomaly("a", later)];
        })
        .expect("commits");

        let mut desk = store.desk();
        let page = desk.anomalies(Page::first(2)).expect("reads");
        assert_eq!(
            page.items,
            [anomaly("a", later), anomaly("b", now)].map(Arc::unwrap_or_clone)
        );
        let next = Page {
            after: page.next,
            limit: 2,
        };
        let rest = desk.anomalies(next).expect("reads").items;
        assert_eq!(rest, [Arc::unwrap_or_clone(anomaly("a", now))]);
        assert_eq!(desk.anomalies_prune(later, 1), Ok(1));
        assert_eq!(desk.anomalies_prune(later, 9), Ok(1));
        assert_eq!(desk.anomalies_prune(later, 9), Ok(0));
    });
}

#[test]
fn tallies_that_nobody_asks_for_any_more_go_in_slices() {
    on_each(|scratch| {
        let store = scratch.store();
        let daemon = register(&store, "one");
        let mut writer = store.writer().expect("connects");
        commit_with(&mut writer, daemon, &[("c1", "a")], |write| {
            let old = (0..5).map(|hour| tallied("a", HOUR - 100 + hour, 1, false));
            write.tallies = old.chain([tallied("a", HOUR, 1, false)]).collect();
        })
        .expect("commits");
        let mut desk = store.desk();
        let left: Vec<usize> = (0..3)
            .map(|_| desk.tallies_prune(HOUR, 3).expect("prunes"))
            .collect();
        assert_eq!(left, [3, 2, 0]);
        assert_eq!(desk.tallies_prune(HOUR + 10, 3), Ok(1));
    });
}
