//! Runs of procedures in a daemon: their time comes, and they go with the person.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    clock::{Clock, Stopwatch},
    domain::time::{Span, Timestamp},
    http::testing::{Place, message},
};

/// How long a busy machine may take to come to a timer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A daemon in which a customer has answered the first of two questions.
async fn place(clock: Clock) -> Place {
    let place = Place::start_at(clock).await;
    let refund = json!({
        "display_name": "Refund", "trigger_description": "When a customer asks for a refund",
        "steps": [
            {"id": "ask", "type": "collect_input", "variable": "order_id", "prompt": "Which order?"},
            {"id": "why", "type": "collect_input", "variable": "reason", "prompt": "Why?"},
        ],
    });
    let wanted = json!({"procedure": "refund", "conversation_id": "c-1"});
    for (path, body, status) in [
        ("/v1/procedures", Some(refund), 201),
        ("/v1/procedures/refund/publish", None, 200),
        ("/v1/runs", Some(wanted), 201),
    ] {
        let answer = place.ask("POST", path, body).await;
        assert_eq!(answer.status, status, "{}", answer.body);
    }
    place.post("t-owner", &message("e-1", "c-1", "4711")).await;
    let run = run(&place).await;
    assert_eq!(run["step"], "why", "{run}");
    assert_eq!(run["variables"]["order_id"]["value"], "4711", "{run}");
    place
}

/// Gives the one run that there is.
async fn run(place: &Place) -> Value {
    let listed = place.ask("GET", "/v1/runs", None).await.body;
    assert_eq!(
        listed["items"].as_array().map(Vec::len),
        Some(1),
        "{listed}"
    );
    listed["items"][0].clone()
}

async fn results(place: &Place, kind: &str) -> Vec<Value> {
    let path = format!("/v1/results?type={kind}");
    let answer = place.ask("GET", &path, None).await;
    let items = answer.body["items"].as_array();
    items.cloned().unwrap_or_default()
}

#[tokio::test]
async fn a_run_is_handed_over_when_its_time_has_come() {
    let clock = Clock::standing_at(Timestamp::from_micros(Clock::machine().now().micros()));
    let place = place(clock.clone()).await;
    clock.advance(Span::from_secs(31 * 86_400));
    let mut failed = Vec::new();
    let watch = Stopwatch::start();
    while failed.is_empty() && watch.elapsed() < PATIENCE {
        failed = results(&place, "procedure.failed").await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(failed[0]["data"]["error"], "it has lasted 30d");
    let run = run(&place).await;
    assert_eq!(run["state"], "failed", "{run}");
    assert_eq!(failed[0]["data"]["run_id"], run["run_id"]);
    place.end().await;
}

#[tokio::test]
async fn a_run_goes_with_the_person() {
    let place = place(Clock::machine()).await;
    let erased = place.ask("DELETE", "/v1/customers/cus-1", None).await;
    assert_eq!(erased.status, 200, "{}", erased.body);
    let kept = run(&place).await;
    assert_eq!(kept["state"], "cancelled", "{kept}");
    for gone in ["4711", "cus-1", "Eve"] {
        assert!(!kept.to_string().contains(gone), "`{gone}` in {kept}");
    }
    let ended = results(&place, "procedure.cancelled").await;
    assert_eq!(ended[0]["data"]["error"], "the person was erased");
    let asked = results(&place, "procedure.awaiting_input").await;
    assert!(asked.is_empty(), "what was asked is blanked: {asked:?}");
    // Whoever writes here now is asked nothing of it.
    place
        .post("t-owner", &message("e-3", "c-1", "broken"))
        .await;
    assert_eq!(run(&place).await, kept);
    place.end().await;
}
