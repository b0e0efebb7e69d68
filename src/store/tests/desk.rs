//! Small writes: tokens, policies, parked inputs, and the end of what is kept.

use super::*;
use crate::domain::audit::ChainWalk;

#[test]
fn a_token_is_found_by_its_secret_alone_until_it_is_revoked() {
    on_each(|scratch| {
        let mut desk = scratch.store().desk();
        let token = Token {
            name: "dana".to_owned(),
            roles: vec!["agent".to_owned(), "manager".to_owned()],
            created_at: at(1),
            expires_at: Some(at(9)),
            last_used: None,
        };
        assert_eq!(desk.token_create(&token, "s3cret"), Ok(true));
        assert_eq!(
            desk.token_create(&token, "other"),
            Ok(false),
            "the name is taken"
        );
        assert_eq!(desk.token_find("s3cret"), Ok(Some(token.clone())));
        assert_eq!(desk.token_find("other"), Ok(None));
        desk.token_used("dana", at(5)).expect("writes");
        let used = Token {
            last_used: Some(at(5)),
            ..token
        };
        assert_eq!(desk.token_list(), Ok(vec![used]));
        assert_eq!(desk.token_revoke("dana"), Ok(true));
        assert_eq!(desk.token_revoke("dana"), Ok(false));
        assert_eq!(desk.token_find("s3cret"), Ok(None));
    });
}

#[test]
fn the_policy_set_last_is_in_force_also_when_it_is_an_old_one() {
    on_each(|scratch| {
        let mut desk = scratch.store().desk();
        assert_eq!(desk.policy_current(), Ok(None));
        desk.policy_save("v1", "{\"a\":1}", at(1)).expect("writes");
        desk.policy_save("v2", "{}", at(2)).expect("writes");
        assert_eq!(desk.policy_current(), Ok(None), "kept is not in force");
        for version in ["v1", "v2", "v1"] {
            assert_eq!(desk.policy_set_current(version), Ok(true));
            assert_eq!(
                desk.policy_current_version().expect("reads").as_deref(),
                Some(version)
            );
        }
        assert_eq!(desk.policy_set_current("v3"), Ok(false));
        desk.policy_save("v1", "else", at(3)).expect("writes");
        assert_eq!(
            desk.policy_sources("v1").expect("reads").as_deref(),
            Some("{\"a\":1}")
        );
    });
}

#[test]
fn what_is_old_goes_in_slices_and_what_is_unpublished_stays() {
    on_each(|scratch| {
        let store = scratch.store();
        let mut desk = store.desk();
        let held = desk.daemon_register("one").expect("registers");
        let mut writer = store.writer().expect("connects");
        let ids: Vec<String> = (1..=10).map(|n| format!("e{n}")).collect();
        let given: Vec<Given<'_>> = ids.iter().map(|id| ("c1", id.as_str())).collect();
        commit_with(&mut writer, held.id, &given, |write| {
            write.journal[6].results.clear();
            write.parked = vec![
                (super::batches::parked("prk_1"), at(1)),
                (super::batches::parked("prk_2"), at(20)),
            ];
            write.watermark.1 = 5;
        })
        .expect("commits");
        // Decided at 1 to 10; published up to 5; 7 has nothing to publish.
        assert_eq!(desk.journal_prune(at(9), 2), Ok(2));
        assert_eq!(desk.journal_prune(at(9), 100), Ok(4));
        let left = desk.timeline("c1", Page::first(100)).expect("reads").items;
        let left: Vec<i64> = left.iter().map(|row| row.position).collect();
        assert_eq!(left, [6, 8, 9, 10]);

        assert_eq!(desk.audit_prune(at(4), 2), Ok(2));
        assert_eq!(desk.audit_prune(at(4), 2), Ok(1));
        assert_eq!(desk.audit_prune(at(4), 2), Ok(0));
        assert_eq!(desk.audit_prune(at(99), 100), Ok(6), "the newest stays");
        let rest = desk.audit_slice(0, 100).expect("reads");
        let tail = desk.tail().expect("reads");
        let walk = ChainWalk::after(rest[0].entry.sequence, rest[0].entry.hash);
        assert_eq!(walk.end(tail.audit_sequence, &tail.audit_hash), Ok(10));

        assert_eq!(desk.parked_prune(at(2), 100), Ok(1));
        assert_eq!(desk.parked_drop("prk_2"), Ok(true));
        assert_eq!(desk.parked_drop("prk_2"), Ok(false));

        writer.attempts(&[key("x"), key("y")]).expect("counts");
        assert_eq!(desk.attempts_prune(at(-800_000_000), 9), Ok(0));
        scratch.execute("UPDATE attempts SET at = 1 WHERE count = 1");
        assert_eq!(desk.attempts_prune(at(0), 1), Ok(1));
        assert_eq!(desk.attempts_prune(at(0), 9), Ok(1));
    });
}

#[test]
fn counts_tell_what_there_is() {
    on_each(|scratch| {
        let store = scratch.store();
        let mut desk = store.desk();
        let held = desk.daemon_register("one").expect("registers");
        let mut writer = store.writer().expect("connects");
        commit_with(&mut writer, held.id, &[("c1", "a"), ("c2", "b")], |write| {
            write.tickets = vec![super::batches::ticket("tkt_1", 1, "c1").into()];
            write.escalations = vec![super::batches::escalation("esc_1", "c1").into()];
            write.parked = vec![(super::batches::parked("prk_1"), at(1))];
            write.watermark.1 = 1;
        })
        .expect("commits");
        let one = |word: &str| [(word.to_owned(), 1)].into();
        assert_eq!(
            desk.counts(),
            Ok(Counts {
                position: 2,
                oldest: 1,
                audit: 2,
                unpublished: 1,
                parked: 1,
                conversations: [("open".to_owned(), 2)].into(),
                tickets: one("open"),
                escalations: one("raised"),
                tokens: 0,
            })
        );
    });
}

#[tokio::test]
async fn questions_and_writes_run_on_threads_of_their_own() {
    let scratch = Scratch::sqlite();
    let store = scratch.store();
    let held = store
        .write(|desk| desk.daemon_register("one"))
        .await
        .expect("registers");
    let daemons = store.read(Reader::daemons).await.expect("reads");
    assert_eq!(daemons[0].id, held.id);
    let refused = store
        .read(|_| -> Result<(), StoreError> { panic!("a fault in the question") })
        .await;
    assert!(matches!(refused, Err(StoreError::Lasting(_))));
    assert!(store.read(Reader::tail).await.is_ok(), "the thread goes on");
    assert!(store.file_bytes().is_some_and(|bytes| bytes > 0));
}
