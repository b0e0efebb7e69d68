//! The same event more than once: by publishers, by the broker, at once, and with another body.

use lapin::options::{BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;

use futures_util::StreamExt;
use reqwest::StatusCode;

use crate::support::{
    Daemon, Kind, Ledger, Rig, eventually, ledger::message, on_both_databases, soak,
};

on_both_databases!(
    an_event_published_twice_has_one_effect_and_its_results_go_out_again,
    an_event_posted_and_published_has_one_effect,
    the_same_id_with_another_body_is_rejected_and_the_first_wins,
    ten_thousand_redeliveries_are_decided_once,
);

async fn an_event_published_twice_has_one_effect_and_its_results_go_out_again(kind: Kind) {
    let rig = Rig::new(kind).await;
    let daemon = rig.start().await;
    let mut ledger = Ledger::default();
    let events = ledger.interleaved(3, 20);
    rig.deliver(&events).await;
    rig.verify(&daemon, &ledger).await;

    rig.deliver(&events).await;
    eventually("every result goes out again", async || {
        let seen = rig.wire().seen();
        let again = |id: &str| {
            seen.iter()
                .filter(|result| result.text("causationid") == id)
                .count()
                > 1
        };
        ledger.ids().all(again).then_some(())
    })
    .await;
    rig.verify(&daemon, &ledger).await;
}

async fn an_event_posted_and_published_has_one_effect(kind: Kind) {
    let rig = Rig::new(kind).await;
    let daemon = rig.start().await;
    let mut ledger = Ledger::default();
    for _ in 0..5 {
        let events = ledger.messages("c1", 20);
        let (posted, ()) = tokio::join!(daemon.post(&events), rig.deliver(&events));
        assert_eq!(posted.0, StatusCode::ACCEPTED, "{}", posted.1);
    }
    rig.verify(&daemon, &ledger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_duplicate_at_once_on_two_daemons_has_one_effect() {
    let rig = Rig::new(Kind::Postgres).await;
    let one = rig.start_as("one", &[]).await;
    let two = rig.start_as("two", &[]).await;
    let mut ledger = Ledger::default();
    for _ in 0..if soak() { 200 } else { 20 } {
        let events = ledger.interleaved(4, 5);
        let (first, second, ()) =
            tokio::join!(one.post(&events), two.post(&events), rig.deliver(&events));
        let sum =
            |name: &str| first.1[name].as_u64().unwrap_or(0) + second.1[name].as_u64().unwrap_or(0);
        assert_eq!(
            (first.0, second.0),
            (StatusCode::ACCEPTED, StatusCode::ACCEPTED)
        );
        // The broker's copy may have been the first.
        assert!(sum("accepted") <= 20, "{} {}", first.1, second.1);
        assert_eq!(
            sum("accepted") + sum("duplicates"),
            40,
            "{} {}",
            first.1,
            second.1
        );
    }
    rig.verify(&one, &ledger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_id_under_two_subjects_at_once_on_two_daemons_is_decided_once() {
    let rig = Rig::new(Kind::Postgres).await;
    let one = rig.start_as("one", &[]).await;
    let two = rig.start_as("two", &[]).await;
    for number in 0..20 {
        let id = format!("twin-{number}");
        let left = [message(&id, &format!("left-{number}"), "left")];
        let right = [message(&id, &format!("right-{number}"), "right")];
        let (first, second) = tokio::join!(one.post(&left), two.post(&right));
        for (status, answer) in [first, second] {
            assert!(status.as_u16() < 500, "{status}: {answer}");
        }
    }
    rig.settle(&one).await;
    for number in 0..20 {
        let id = format!("twin-{number}");
        assert_eq!(answers(&rig, &one, &id).await, 1, "{id}");
    }
}

// How many distinct results name the event as their cause.
async fn answers(rig: &Rig, daemon: &Daemon, id: &str) -> usize {
    let results = rig.results(daemon).await;
    let ids: std::collections::HashSet<_> = results
        .iter()
        .filter(|event| event["causationid"] == id && event["type"] == "message.send")
        .map(|event| event["id"].to_string())
        .collect();
    ids.len()
}

async fn the_same_id_with_another_body_is_rejected_and_the_first_wins(kind: Kind) {
    let rig = Rig::new(kind).await;
    let daemon = rig.start().await;
    let mut ledger = Ledger::default();
    let events = ledger.messages("c1", 3);
    rig.deliver(&events).await;
    rig.verify(&daemon, &ledger).await;

    rig.deliver(&[message("c1-00002", "c1", "something else")])
        .await;
    let rejected = rig
        .wire()
        .until("the rejection", |result| {
            result.text("type") == "event.rejected"
        })
        .await;
    assert_eq!(rejected.event["data"]["reason"], "id_reused");
    assert_eq!(rejected.event["data"]["event_id"], "c1-00002");
    rig.settle(&daemon).await;
    assert_eq!(answers(&rig, &daemon, "c1-00002").await, 1);
    let parked = daemon.list("/v1/parked").await;
    assert!(parked.is_empty(), "refused, not parked: {parked:?}");
}

async fn ten_thousand_redeliveries_are_decided_once(kind: Kind) {
    let rig = Rig::new(kind).await;
    let mut ledger = Ledger::default();
    let count = 10_000;
    rig.deliver(&ledger.interleaved(50, count / 50)).await;
    take_and_leave(&rig, count).await;

    let daemon = rig.start().await;
    rig.verify(&daemon, &ledger).await;
    let parked = daemon.list("/v1/parked").await;
    assert!(parked.is_empty(), "parked: {parked:?}");
}

// Takes every message and leaves without a word, so that each is redelivered to the next consumer.
async fn take_and_leave(rig: &Rig, count: usize) {
    let line = rig.wire().channel().await;
    line.channel
        .basic_qos(10_000, BasicQosOptions::default())
        .await
        .expect("room for all of them");
    let consumer = line
        .channel
        .basic_consume(
            "provost.inbox".into(),
            "passer-by".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await
        .expect("a consumer");
    let taken: Vec<_> = consumer.take(count).collect().await;
    assert!(taken.iter().all(Result::is_ok));
    line.close().await;
}
