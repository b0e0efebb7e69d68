//! Inputs that cannot be decided: unreadable ones, and ones under which a batch or the daemon dies.
//!
//! Each ends in `parked` with its reason, once; its neighbours are decided.

use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{
    Daemon, Kind, Ledger, Rig,
    ledger::{event, message},
    on_both_databases,
    wire::{Wire, long},
};

on_both_databases!(
    a_poison_message_in_a_full_batch_is_parked_and_its_neighbours_are_decided,
    an_event_under_which_the_daemon_dies_again_and_again_is_parked_alone,
    what_cannot_be_understood_is_parked_with_its_reason,
    a_parked_message_is_replayed_once_it_can_be_decided,
);

// Makes the database refuse to store the answer to a text, for good.
fn poison(rig: &Rig) {
    let migrated = rig.run(&["migrate"]);
    assert!(migrated.status.success(), "migrate: {migrated:?}");
    rig.database.execute(match rig.database.kind {
        Kind::Sqlite => {
            "CREATE TRIGGER poison BEFORE INSERT ON journal WHEN NEW.results LIKE '%echo: POISON%'
             BEGIN SELECT RAISE(ABORT, 'poisoned'); END"
        }
        Kind::Postgres => {
            "CREATE FUNCTION poisoned() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN RAISE EXCEPTION 'poisoned'; END $$;
             CREATE TRIGGER poison BEFORE INSERT ON journal FOR EACH ROW
             WHEN (NEW.results LIKE '%echo: POISON%') EXECUTE FUNCTION poisoned()"
        }
    });
}

async fn the_only_parked(daemon: &Daemon) -> Value {
    let mut parked = daemon.list("/v1/parked").await;
    assert_eq!(parked.len(), 1, "{parked:?}");
    parked.remove(0)
}

async fn a_poison_message_in_a_full_batch_is_parked_and_its_neighbours_are_decided(kind: Kind) {
    let mut rig = Rig::new(kind).await;
    rig.excuse("poison");
    poison(&rig);
    let mut ledger = Ledger::default();
    let mut events = ledger.interleaved(5, 51);
    events.insert(128, message("bad-1", "poisoned", "POISON"));
    assert_eq!(events.len(), 256);
    rig.deliver(&events).await;

    let daemon = rig.start().await;
    let rejected = rig
        .wire()
        .until("the rejection", |result| {
            result.text("type") == "event.rejected"
        })
        .await;
    assert_eq!(rejected.event["data"]["reason"], "poison");
    assert_eq!(rejected.event["data"]["event_id"], "bad-1");
    rig.verify(&daemon, &ledger).await;
    let parked = the_only_parked(&daemon).await;
    assert_eq!(
        (&parked["event_id"], &parked["reason"]),
        (&json!("bad-1"), &json!("poison"))
    );

    // The conversation goes on without it.
    rig.deliver(&[message("good-1", "poisoned", "and on")])
        .await;
    rig.published(&daemon, &["good-1".to_owned()]).await;
}

async fn an_event_under_which_the_daemon_dies_again_and_again_is_parked_alone(kind: Kind) {
    let mut rig = Rig::new(kind).await;
    rig.excuse("poison");
    // On one lane the first event is surely the first to be tried.
    rig.settings("[database]\nlanes = 1");
    let mut ledger = Ledger::default();
    rig.deliver(&[message("bad-1", "poisoned", "fatal")]).await;
    rig.deliver(&ledger.interleaved(4, 10)).await;
    for _ in 0..3 {
        // The first commit reports the loaded policy.
        rig.doomed("before_commit:2").exit().await;
    }
    let daemon = rig.start().await;
    rig.verify(&daemon, &ledger).await;
    let parked = the_only_parked(&daemon).await;
    assert_eq!(
        (&parked["event_id"], &parked["reason"]),
        (&json!("bad-1"), &json!("poison"))
    );
}

// A body, its content type, its headers, and why it is parked.
fn unreadable() -> Vec<(&'static str, &'static str, FieldTable, &'static str)> {
    let structured = "application/cloudevents+json";
    let mut binary = FieldTable::default();
    for (name, value) in [
        ("cloudEvents:specversion", "1.0"),
        ("cloudEvents:id", "binary-1"),
        ("cloudEvents:source", "/test"),
        ("cloudEvents:type", "conversation.started"),
    ] {
        binary.insert(name.into(), long(value));
    }
    let none = FieldTable::default;
    vec![
        ("{\"id\":", structured, none(), "malformed"),
        ("[]", structured, none(), "malformed"),
        ("just words", "text/plain", none(), "malformed"),
        ("{}", structured, none(), "missing_attribute"),
        ("{}", "application/json", binary, "missing_attribute"),
        (
            r#"{"specversion":"1.0","id":"u1","source":"/test","type":"conversation.exploded","subject":"c","data":{}}"#,
            structured,
            none(),
            "unknown_type",
        ),
        (
            r#"{"specversion":"1.0","id":"u2","source":"/test","type":"conversation.message","subject":"c","data":{"message":7}}"#,
            structured,
            none(),
            "invalid_data",
        ),
        (
            r#"{"specversion":"1.0","id":"u3","source":"/test","type":"conversation.ended","subject":"c","data":{"reason":"\u0000"}}"#,
            structured,
            none(),
            "malformed",
        ),
    ]
}

async fn what_cannot_be_understood_is_parked_with_its_reason(kind: Kind) {
    let rig = Rig::new(kind).await;
    let daemon = rig.start().await;
    rig.wire().declare_dead().await;
    let dead = Wire::listen_to(&rig.vhost().url(), "provost.parked").await;
    let mut ledger = Ledger::default();
    let line = rig.wire().channel().await;
    let mut reasons = Vec::new();
    for (body, content_type, headers, reason) in unreadable() {
        rig.deliver(&ledger.interleaved(2, 2)).await;
        let properties = BasicProperties::default()
            .with_content_type(content_type.into())
            .with_headers(headers);
        line.publish("provost.events", "x", body.as_bytes(), properties)
            .await;
        reasons.push(reason);
    }
    line.close().await;
    rig.verify(&daemon, &ledger).await;

    reasons.sort_unstable();
    let mut parked: Vec<_> = daemon
        .list("/v1/parked")
        .await
        .iter()
        .map(|item| item["reason"].clone())
        .collect();
    parked.sort_by_key(Value::to_string);
    assert_eq!(parked, reasons);
    let mut rejected: Vec<_> = rig
        .wire()
        .seen()
        .iter()
        .filter(|result| result.text("type") == "event.rejected")
        .map(|result| result.event["data"]["reason"].clone())
        .collect();
    rejected.sort_by_key(Value::to_string);
    assert_eq!(rejected, reasons);
    crate::support::eventually("a copy of each is dead-lettered", async || {
        (dead.seen().len() >= reasons.len()).then_some(())
    })
    .await;
    for copy in dead.seen() {
        let headers = copy.properties.headers().clone().unwrap_or_default();
        for name in ["x-provost-reason", "x-provost-detail"] {
            let value = headers.inner().get(name);
            assert!(
                matches!(value, Some(AMQPValue::LongString(_))),
                "{name}: {headers:?}"
            );
        }
    }
}

async fn a_parked_message_is_replayed_once_it_can_be_decided(kind: Kind) {
    let mut rig = Rig::new(kind).await;
    rig.excuse("poison");
    poison(&rig);
    let daemon = rig.start().await;
    rig.deliver(&[message("bad-1", "poisoned", "POISON")]).await;
    rig.wire()
        .until("the rejection", |result| {
            result.text("type") == "event.rejected"
        })
        .await;
    let parked = the_only_parked(&daemon).await;
    rig.database.execute(match kind {
        Kind::Sqlite => "DROP TRIGGER poison",
        Kind::Postgres => "DROP TRIGGER poison ON journal",
    });
    let id = parked["parked_id"].as_str().expect("an id");
    let replayed = rig.ask(&daemon, &["parked", "replay", id]);
    assert!(replayed.status.success(), "{replayed:?}");
    rig.published(&daemon, &["bad-1".to_owned()]).await;
    assert!(daemon.list("/v1/parked").await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_posted_batch_with_one_bad_event_is_refused_whole_and_names_it() {
    let rig = Rig::embedded(Kind::Sqlite);
    let daemon = rig.start().await;
    let good = message("good-1", "c1", "hello");
    let bad = event(
        "bad-1",
        "conversation.message",
        "c1",
        &json!({"message": {"id": "m", "text": 7}}),
    );
    let (status, answer) = daemon.post(&[good, bad]).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let text = answer.to_string();
    assert!(
        text.contains("bad-1") && text.contains("message.text"),
        "{text}"
    );
    rig.settle(&daemon).await;
    let results = rig.results(&daemon).await;
    assert!(
        results.iter().all(|event| event["subject"] != "c1"),
        "{results:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_over_the_limit_is_answered_413_and_too_deep_a_one_400() {
    let mut rig = Rig::embedded(Kind::Sqlite);
    rig.settings("[limits]\nbody_bytes = 20000");
    let daemon = rig.start().await;
    let long = message("long", "c1", &"x".repeat(30_000)).to_string();
    let structured = "application/cloudevents+json";
    let (status, _) = daemon
        .send(Method::POST, "/v1/events", structured, long)
        .await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    let nested = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let deep = message("deep", "c1", "x")
        .to_string()
        .replace("\"web\"", &nested);
    let (status, answer) = daemon
        .send(Method::POST, "/v1/events", structured, deep)
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
}
