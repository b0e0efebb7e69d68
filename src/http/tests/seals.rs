//! The seals of a running daemon: made in time, published, on record, and verified.

use serde_json::{Value, json};

use crate::{
    clock::Clock,
    domain::time::{Span, Timestamp},
    http::testing::{Place, message},
};

/// Waits until there are so many seals.
async fn sealed(place: &Place, clock: &Clock, count: usize) -> Vec<Value> {
    for _ in 0..400 {
        clock.advance(Span::from_secs(30));
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        let listed = place.ask("GET", "/v1/audit/seals", None).await.body;
        let seals = listed["items"].as_array().cloned().unwrap_or_default();
        if seals.len() >= count {
            return seals;
        }
    }
    panic!("there are no {count} seals");
}

async fn verdict(place: &Place, query: &str) -> (bool, String) {
    let path = format!("/v1/audit/verify{query}");
    let report = place.ask("GET", &path, None).await.body;
    let fault = report["fault"].as_str().unwrap_or_default().to_owned();
    (report["valid"] == true, fault)
}

fn clock() -> Clock {
    Clock::standing_at(Timestamp::from_micros(Clock::machine().now().micros()))
}

#[tokio::test]
async fn the_log_is_sealed_in_time_and_each_seal_is_published_and_on_record() {
    let clock = clock();
    let place = Place::start_at(clock.clone()).await;
    place
        .post("t-owner", &message("e-1", "c-1", "I want a refund"))
        .await;
    let first = sealed(&place, &clock, 1).await.remove(0);
    assert_eq!(
        (&first["first"], &first["previous"]),
        (&json!(1), &json!(""))
    );
    place
        .post("t-owner", &message("e-2", "c-1", "a refund, I said"))
        .await;
    let second = sealed(&place, &clock, 2).await.remove(1);
    assert_eq!(second["previous"], first["seal_id"]);
    assert_eq!(
        second["first"],
        json!(first["last"].as_i64().expect("a number") + 1)
    );

    let published = place
        .ask("GET", "/v1/results?type=audit.sealed", None)
        .await
        .body;
    let data = &published["items"][0]["data"];
    for member in [
        "seal_id",
        "entries",
        "root",
        "previous",
        "signature",
        "key_id",
    ] {
        assert_eq!(data[member], first[member], "{member}");
    }
    assert_eq!(data.as_object().map(serde_json::Map::len), Some(6));
    let recorded = place
        .ask("GET", "/v1/audit?action=audit.sealed", None)
        .await
        .body;
    let effects: Vec<&Value> = recorded["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|entry| &entry["effects"][0]["seal_id"])
        .collect();
    assert!(effects.contains(&&first["seal_id"]) && effects.contains(&&second["seal_id"]));
    let keys = place
        .ask("GET", "/v1/audit?action=audit.key_added", None)
        .await
        .body;
    assert_eq!(keys["items"].as_array().map(Vec::len), Some(1), "{keys}");
    assert_eq!(
        keys["items"][0]["effects"][0]["public_key"],
        first["public_key"]
    );
    place.end().await;
}

#[tokio::test]
async fn a_verification_may_say_whose_seals_it_accepts() {
    let clock = clock();
    let place = Place::start_at(clock.clone()).await;
    let first = sealed(&place, &clock, 1).await.remove(0);
    let own = format!("?key_id=other,{}", first["key_id"].as_str().expect("text"));
    assert_eq!(verdict(&place, "").await, (true, String::new()));
    assert_eq!(verdict(&place, &own).await, (true, String::new()));
    let (is_valid, fault) = verdict(&place, "?key_id=other").await;
    assert!(
        !is_valid && fault.contains("not by the one that is expected"),
        "{fault}"
    );
    place.end().await;
}

#[tokio::test]
async fn the_record_of_a_seal_is_no_reason_for_the_next() {
    let clock = clock();
    let place = Place::start_at(clock.clone()).await;
    // The second seal covers the entries of the key and of the first seal.
    sealed(&place, &clock, 2).await;
    for _ in 0..20 {
        clock.advance(Span::from_secs(60));
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(sealed(&place, &clock, 2).await.len(), 2);
    place.end().await;
}
