//! Daemons: registration, signs of life, taking over, retiring.

use super::*;
use crate::domain::time::Span;

#[test]
fn a_restarted_instance_gets_its_own_row_back() {
    on_each(|scratch| {
        let store = scratch.store();
        let mut desk = store.desk();
        let first = desk.daemon_register("one").expect("registers");
        let mut writer = store.writer().expect("connects");
        commit(&mut writer, first.id, &[("c1", "a"), ("c1", "b")]).expect("commits");
        assert_eq!(
            desk.daemon_watermark(Registration {
                watermark: 1,
                ..first
            }),
            Ok(true)
        );
        let again = desk.daemon_register("one").expect("registers");
        assert_eq!((again.id, again.watermark), (first.id, 1));
        assert_eq!(desk.daemon_beat(first.id, first.epoch), Ok(false));
        assert_eq!(desk.daemon_beat(again.id, again.epoch), Ok(true));
        let rest = desk.journal_unpublished(again.id, 1, 10).expect("reads");
        let positions: Vec<i64> = rest.rows.iter().map(|row| row.position).collect();
        assert_eq!((positions, rest.read_to), (vec![2], 2));
        assert_eq!(desk.unpublished_after(again.id, 0), Ok(2));
        let other = desk.daemon_register("two").expect("registers");
        assert_eq!(other.watermark, 2, "what came before it is not its own");
    });
}

/// Lists who has been silent for ten seconds or longer.
fn silent(desk: &mut Desk) -> Vec<Daemon> {
    let daemons = desk.daemons().expect("reads").into_iter();
    let silent = daemons.filter(|daemon| daemon.silence >= Span::from_secs(10));
    silent.collect()
}

#[test]
fn of_several_who_take_over_one_wins_and_the_silent_one_learns_it() {
    on_each(|scratch| {
        let store = scratch.store();
        let mut desk = store.desk();
        let frozen = desk.daemon_register("frozen").expect("registers");
        scratch.execute("UPDATE daemons SET beat_at = beat_at - 11000000");
        desk.daemon_register("awake").expect("registers");
        let found = silent(&mut desk);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].instance, "frozen");
        let won = desk.daemon_take_over(&found[0]).expect("tries");
        assert!(won.is_some_and(|held| held.id == frozen.id && held.epoch == 2));
        assert_eq!(desk.daemon_take_over(&found[0]), Ok(None));
        assert_eq!(desk.daemon_beat(frozen.id, frozen.epoch), Ok(false));
        assert_eq!(desk.daemon_watermark(frozen), Ok(false));
        assert!(silent(&mut desk).is_empty());
    });
}

#[test]
fn a_row_retires_when_all_is_published_and_commits_under_it_are_refused() {
    on_each(|scratch| {
        let store = scratch.store();
        let mut desk = store.desk();
        let held = desk.daemon_register("one").expect("registers");
        let mut writer = store.writer().expect("connects");
        commit(&mut writer, held.id, &[("c1", "a")]).expect("commits");
        assert_eq!(desk.daemon_retire(held), Ok(false), "a result is left");
        let done = Registration {
            watermark: 1,
            ..held
        };
        assert_eq!(desk.daemon_watermark(done), Ok(true));
        assert_eq!(
            desk.daemon_watermark(held),
            Ok(false),
            "it never moves back"
        );
        assert_eq!(desk.daemon_retire(done), Ok(true));
        let refused = commit(&mut writer, held.id, &[("c1", "b")]);
        assert!(
            matches!(
                refused,
                Err(StoreError::Refused {
                    code: "PV-STORE-008",
                    ..
                })
            ),
            "{refused:?}"
        );
        let again = desk.daemon_register("one").expect("registers");
        assert_ne!(again.id, held.id);
        commit(&mut writer, again.id, &[("c1", "b")]).expect("commits");
        assert_eq!(desk.unpublished(), Ok(1));
    });
}
