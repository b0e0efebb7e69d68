//! The API against a real daemon: statuses, problem documents, cursors, writes.

mod access;
mod actions;
mod anomalies;
mod approvals;
mod audit;
mod channels;
mod customers;
mod delegations;
mod intake;
mod procedures;
mod reports;
mod requests;
mod runs;
mod seals;
mod sla;
mod story;
mod tickets;
mod writes;

use axum::{
    body::Body,
    http::{Method, Request},
};
use futures_util::StreamExt;
use serde_json::{Value, json};

use super::{
    routes::{Access, ROUTES},
    testing::{Place, message, read},
};

#[tokio::test]
async fn every_route_is_served_as_the_registry_says() {
    let place = Place::start().await;
    for route in ROUTES {
        let path: String = route
            .path
            .split('/')
            .map(|part| if part.starts_with('{') { "1" } else { part })
            .collect::<Vec<_>>()
            .join("/");
        let method = route.method.as_str().to_uppercase();
        let request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).expect("a method"))
            .uri(&path)
            .body(Body::empty())
            .expect("a request");
        let answer = read(place.send(request).await).await;
        if route.access == Access::Open {
            assert_eq!(answer.status, 200, "{route:?} without a token");
        } else {
            assert_eq!(answer.status, 401, "{route:?} without a token");
            assert_eq!(answer.headers["content-type"], "application/problem+json");
        }
        if route.is_planned() {
            let answer = place.ask(&method, &path, None).await;
            assert_eq!(
                (answer.status, &answer.body["code"]),
                (501, &json!("PV-HTTP-013")),
                "{route:?}"
            );
        } else {
            let answer = place.ask(&method, &path, None).await;
            assert_ne!(answer.status, 501, "{route:?}");
            assert_ne!(answer.status, 405, "{route:?}");
            assert_ne!(answer.status, 500, "{route:?}: {}", answer.body);
        }
    }
    place.end().await;
}

/// Method, path and body; the status and field of the answer.
type Wrong = (
    &'static str,
    &'static str,
    Option<Value>,
    u16,
    Option<&'static str>,
);

#[expect(clippy::too_many_lines, reason = "a table")]
fn wrong_requests() -> Vec<Wrong> {
    vec![
        ("GET", "/v1/nothing", None, 404, None),
        ("GET", "/nothing", None, 404, None),
        ("DELETE", "/v1/tickets", None, 405, None),
        ("GET", "/v1/tickets?limit=x", None, 400, None),
        ("GET", "/v1/tickets?limit=0", None, 400, Some("limit")),
        ("GET", "/v1/tickets?colour=red", None, 400, None),
        ("GET", "/v1/tickets?status=odd", None, 400, Some("status")),
        ("GET", "/v1/tickets?after=x", None, 400, Some("after")),
        (
            "GET",
            "/v1/tickets/counts?timezone=Mars",
            None,
            400,
            Some("timezone"),
        ),
        ("GET", "/v1/tickets/tkt_none", None, 404, None),
        ("GET", "/v1/conversations/none", None, 404, None),
        ("GET", "/v1/escalations/none", None, 404, None),
        ("GET", "/v1/parked/none", None, 404, None),
        ("POST", "/v1/parked/none/replay", None, 404, None),
        ("DELETE", "/v1/parked/none", None, 404, None),
        ("GET", "/v1/audit/99", None, 404, None),
        ("GET", "/v1/audit?from=noon", None, 400, None),
        (
            "GET",
            "/v1/audit?amount_min=x",
            None,
            400,
            Some("amount_min"),
        ),
        ("GET", "/v1/results?after=x", None, 400, Some("after")),
        (
            "POST",
            "/v1/escalations/none/ack",
            Some(json!({})),
            404,
            None,
        ),
        (
            "POST",
            "/v1/escalations/none/ack",
            Some(json!({"reason": 7})),
            400,
            Some("reason"),
        ),
        ("POST", "/v1/tickets", Some(json!([])), 400, None),
        (
            "POST",
            "/v1/tickets",
            Some(json!({"priority": "high"})),
            400,
            None,
        ),
        (
            "POST",
            "/v1/tickets",
            Some(json!({"subject": "a", "priority": "odd"})),
            400,
            Some("priority"),
        ),
        (
            "POST",
            "/v1/tickets",
            Some(json!({"subject": "a", "actor": {}})),
            400,
            Some("actor"),
        ),
        (
            "PATCH",
            "/v1/tickets/none",
            Some(json!({"status": "open"})),
            404,
            None,
        ),
        ("PATCH", "/v1/tickets/none", Some(json!({})), 400, None),
        (
            "POST",
            "/v1/policy/explain",
            Some(json!({"id": "1"})),
            400,
            Some("specversion"),
        ),
        ("POST", "/v1/intake/none", Some(json!({})), 404, None),
    ]
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_document_too() {
    let place = Place::start().await;
    for (method, path, body, status, field) in wrong_requests() {
        let answer = place.ask(method, path, body).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
        assert_eq!(
            answer.headers["content-type"], "application/problem+json",
            "{path}"
        );
        assert_eq!(answer.body["status"], status, "{path}");
        if let Some(field) = field {
            assert_eq!(
                answer.body["field"], field,
                "{method} {path}: {}",
                answer.body
            );
        }
    }
    let answer = place.ask("DELETE", "/v1/tickets", None).await;
    assert!(answer.headers.contains_key("allow"));
    place.end().await;
}

#[tokio::test]
async fn events_are_answered_after_they_are_stored() {
    let place = Place::start().await;
    let one = message("e-1", "c-1", "hello");
    let counts =
        |accepted: u64, duplicates: u64| json!({"accepted": accepted, "duplicates": duplicates});
    let answer = place.post("t-owner", &one).await;
    assert_eq!((answer.status, answer.body), (202, counts(1, 0)));
    let answer = place
        .post("t-owner", &json!([one, message("e-2", "c-1", "there")]))
        .await;
    assert_eq!((answer.status, answer.body), (202, counts(1, 1)));
    assert_eq!(place.post("t-owner", &json!([])).await.body, counts(0, 0));
    let own = {
        let mut own = message("e-3", "c-1", "own");
        own["source"] = json!("/provost");
        own
    };
    assert_eq!(place.post("t-owner", &own).await.body["ignored"], 1);

    let shown = place.ask("GET", "/v1/conversations/c-1", None).await.body;
    assert_eq!(shown["state"]["messages"], 2);
    assert_eq!(shown["timeline"][1]["event"]["id"], "e-2");
    place.end().await;
}

#[tokio::test]
async fn a_bad_event_refuses_the_whole_request() {
    let place = Place::start().await;
    let good = message("e-1", "c-1", "hello");
    let mut bad = message("e-2", "c-1", "hello");
    bad["data"]["message"]["text"] = json!(7);
    let answer = place.post("t-owner", &json!([good, bad])).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.body["event"], json!({"index": 1, "id": "e-2"}));
    assert_eq!(answer.body["field"], "data.message.text");
    let mut unknown = good.clone();
    unknown["type"] = json!("conversation.messag");
    let answer = place.post("t-owner", &unknown).await;
    assert_eq!(
        (answer.status, &answer.body["reason"]),
        (400, &json!("unknown_type"))
    );
    assert_eq!(
        place.ask("GET", "/v1/conversations/c-1", None).await.status,
        404
    );

    let many: Vec<Value> = (0..21).map(|n| message(&n.to_string(), "c", "x")).collect();
    assert_eq!(place.post("t-owner", &json!(many)).await.status, 413);
    let large = message("l", "c", &"x".repeat(70_000));
    assert_eq!(place.post("t-owner", &large).await.status, 413);
    let long = message("l", "c", &"x".repeat(5_000));
    let answer = place.post("t-owner", &long).await;
    assert_eq!(
        (answer.status, &answer.body["field"]),
        (400, &json!("data.message.text"))
    );
    let answer = place.ask("POST", "/v1/events", Some(json!({}))).await;
    assert_eq!(
        (answer.status, &answer.body["field"]),
        (400, &json!("specversion"))
    );
    place.end().await;
}

#[tokio::test]
async fn a_reused_id_is_a_conflict() {
    let place = Place::start().await;
    place.post("t-owner", &message("e-1", "c-1", "hello")).await;
    let answer = place
        .post("t-owner", &message("e-1", "c-1", "goodbye"))
        .await;
    assert_eq!(answer.status, 409);
    assert_eq!(answer.body["reason"], "id_reused");
    assert_eq!(answer.body["event"]["id"], "e-1");
    place.end().await;
}

#[tokio::test]
async fn results_are_read_by_cursor_and_by_type() {
    let place = Place::start().await;
    place
        .post("t-owner", &message("e-1", "c-1", "I want a refund"))
        .await;
    place
        .post("t-owner", &message("e-2", "c-2", "a refund, please"))
        .await;
    let all = place
        .ask(
            "GET",
            "/v1/results?type=conversation.escalated,ticket.*",
            None,
        )
        .await
        .body;
    let items = all["items"].as_array().expect("items").clone();
    assert_eq!(items.len(), 4, "{all}");
    let mut after = String::from("0");
    let mut seen = Vec::new();
    loop {
        let path =
            format!("/v1/results?type=conversation.escalated,ticket.*&limit=1&after={after}");
        let page = place.ask("GET", &path, None).await.body;
        let found = page["items"].as_array().expect("items").clone();
        after = page["next"].as_str().expect("a cursor").to_owned();
        if found.is_empty() {
            break;
        }
        assert_eq!(
            found[0]["sequence"],
            json!(after),
            "the cursor is the sequence"
        );
        seen.extend(found);
    }
    assert_eq!(seen, items);
    let path = format!(
        "/v1/results?after={}&conversation=c-2",
        items[0]["sequence"].as_str().expect("text")
    );
    let later = place.ask("GET", &path, None).await.body;
    assert!(
        later["items"]
            .as_array()
            .expect("items")
            .iter()
            .all(|item| item["subject"] == "c-2")
    );
    let latest = place
        .ask("GET", "/v1/results?after=latest", None)
        .await
        .body;
    assert_eq!(latest["items"], json!([]));
    place.end().await;
}

#[tokio::test]
async fn a_stream_goes_on_after_the_last_id_and_ends_with_the_daemon() {
    let place = Place::start().await;
    place
        .post("t-owner", &message("e-1", "c-1", "I want a refund"))
        .await;
    let listed = place
        .ask("GET", "/v1/results?conversation=c-1", None)
        .await
        .body;
    let first = listed["items"][0]["sequence"]
        .as_str()
        .expect("text")
        .to_owned();
    let request = Request::get("/v1/results?conversation=c-1")
        .header("authorization", "Bearer t-owner")
        .header("accept", "text/event-stream")
        .header("last-event-id", &first)
        .body(Body::empty())
        .expect("a request");
    let response = place.send(request).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut stream = response.into_body().into_data_stream();
    let mut text = String::new();
    let rest = listed["items"].as_array().expect("items").len() - 1;
    while text.matches("\n\n").count() < rest {
        let chunk = stream.next().await.expect("more").expect("bytes");
        text.push_str(&String::from_utf8_lossy(&chunk));
    }
    assert!(!text.contains(&format!("id: {first}\n")));
    assert!(text.contains("conversation.escalated"), "{text}");
    place
        .post("t-owner", &message("e-2", "c-1", "refund!"))
        .await;
    place.stopping.cancel();
    while let Some(chunk) = stream.next().await {
        chunk.expect("a clean end");
    }
    place.end().await;
}

#[tokio::test]
async fn a_daemon_that_stops_says_when_to_come_again() {
    let mut place = Place::start().await;
    place.stop_daemon().await;
    let answer = place.post("t-owner", &message("e-1", "c-1", "hello")).await;
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (503, &json!("PV-HTTP-014"))
    );
    assert!(answer.headers.contains_key("retry-after"));
}
