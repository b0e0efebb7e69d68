//! What people do through the API: tickets, escalations, the policy; and who they are.

use axum::{body::Body, http::Request};
use serde_json::json;

use crate::http::testing::{Place, message, read};

#[tokio::test]
async fn a_ticket_is_opened_changed_and_counted() {
    let place = Place::start().await;
    let wanted = json!({"subject": "Broken lamp", "conversation_id": "c-9", "priority": "HIGH", "tags": ["lamp"]});
    let made = place
        .ask_as("t-agent", "POST", "/v1/tickets", Some(wanted))
        .await;
    assert_eq!(made.status, 201, "{}", made.body);
    let id = made.body["ticket_id"].as_str().expect("an id").to_owned();
    assert_eq!(made.headers["location"], format!("/v1/tickets/{id}"));
    assert_eq!(
        (&made.body["priority"], &made.body["conversation_id"]),
        (&json!("high"), &json!("c-9"))
    );
    let path = format!("/v1/tickets/{id}");
    let changed = place
        .ask_as(
            "t-agent",
            "PATCH",
            &path,
            Some(json!({"status": "resolved"})),
        )
        .await;
    assert_eq!(
        (changed.status, &changed.body["status"]),
        (200, &json!("resolved"))
    );
    let refused = place
        .ask_as(
            "t-agent",
            "PATCH",
            &path,
            Some(json!({"status": "waiting"})),
        )
        .await;
    assert_eq!(
        (refused.status, &refused.body["reason"]),
        (409, &json!("illegal_move"))
    );
    let unknown = place
        .ask_as("t-agent", "PATCH", &path, Some(json!({"colour": "red"})))
        .await;
    assert_eq!(unknown.status, 400, "{}", unknown.body);
    let counts = place
        .ask("GET", "/v1/tickets/counts?timezone=Europe/Berlin", None)
        .await
        .body;
    assert_eq!(
        (&counts["open"], &counts["resolved_today"]),
        (&json!(0), &json!(1))
    );
    let audit = place
        .ask("GET", "/v1/audit?actor=dana&conversation=c-9", None)
        .await
        .body;
    assert_eq!(audit["items"][0]["outcome"], "denied");
    assert_eq!(audit["items"][1]["actor"]["id"], "dana");
    place.end().await;
}

#[tokio::test]
async fn an_idempotency_key_names_one_ticket() {
    let place = Place::start().await;
    let post = |subject: &'static str| {
        let request = Request::post("/v1/tickets")
            .header("authorization", "Bearer t-agent")
            .header("content-type", "application/json")
            .header("idempotency-key", "k-1")
            .body(Body::from(json!({"subject": subject}).to_string()))
            .expect("a request");
        async { read(place.send(request).await).await }
    };
    let (first, again) = (post("Lamp").await, post("Lamp").await);
    assert_eq!((first.status, again.status), (201, 201), "{}", again.body);
    assert_eq!(first.body, again.body);
    assert_eq!(post("Chair").await.status, 409);
    place.end().await;
}

#[tokio::test]
async fn an_escalation_is_taken_and_settled_once() {
    let place = Place::start().await;
    place
        .post("t-owner", &message("e-1", "c-1", "I want a refund"))
        .await;
    let listed = place
        .ask("GET", "/v1/escalations?state=raised", None)
        .await
        .body;
    let id = listed["items"][0]["escalation_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let taken = place
        .ask_as(
            "t-agent",
            "POST",
            &format!("/v1/escalations/{id}/ack"),
            None,
        )
        .await;
    assert_eq!(
        (taken.status, &taken.body["acknowledged_by"]),
        (200, &json!("dana")),
        "{}",
        taken.body
    );
    let settle = format!("/v1/escalations/{id}/settle");
    let settled = place
        .ask_as(
            "t-agent",
            "POST",
            &settle,
            Some(json!({"reason": "called"})),
        )
        .await;
    assert_eq!(
        (settled.status, &settled.body["state"]),
        (200, &json!("settled"))
    );
    let again = place.ask_as("t-agent", "POST", &settle, None).await;
    assert_eq!(
        (again.status, &again.body["reason"]),
        (409, &json!("settled"))
    );
    place.end().await;
}

#[tokio::test]
async fn the_audit_log_verifies_and_the_policy_explains() {
    let place = Place::start().await;
    place
        .post("t-owner", &message("e-1", "c-1", "I want a refund"))
        .await;
    let report = place.ask("GET", "/v1/audit/verify", None).await.body;
    assert_eq!(report["valid"], true, "{report}");
    assert!(
        report["entries"]
            .as_i64()
            .is_some_and(|entries| entries > 0)
    );
    let event = message("e-9", "c-1", "a refund again");
    let explained = place.ask("POST", "/v1/policy/explain", Some(event)).await;
    assert_eq!(explained.status, 200, "{}", explained.body);
    assert_eq!(
        explained.body["rules"][0]["rule"], "Refund requests",
        "{}",
        explained.body
    );
    let shown = place.ask("GET", "/v1/conversations/c-1", None).await.body;
    assert_eq!(shown["state"]["messages"], 1, "explaining changes nothing");
    let policy = place.ask("GET", "/v1/policy", None).await.body;
    assert_eq!(policy["rules"][0]["name"], "Refund requests");
    let status = place.ask("GET", "/v1/status", None).await.body;
    assert_eq!(status["ready"], true);
    place.end().await;
}

#[tokio::test]
async fn a_policy_at_fault_is_refused_with_every_fault() {
    let place = Place::start().await;
    let before = place.ask("GET", "/v1/policy", None).await.body["version"].clone();
    place.break_rules();
    let refused = place.ask("POST", "/v1/policy/reload", None).await;
    assert_eq!(refused.status, 422);
    assert_eq!(refused.body["errors"][0]["line"], 1, "{}", refused.body);
    let after = place.ask("GET", "/v1/policy", None).await.body;
    assert_eq!(after["version"], before);
    assert!(after["fault"].is_string(), "{after}");
    place.end().await;
}

#[tokio::test]
async fn the_actor_is_the_token_unless_it_may_name_others() {
    let place = Place::start().await;
    place.make_token("feed", "feed").await;
    for (token, id, actor) in [
        ("t-feed", "s-1", "agent:feed"),
        ("t-owner", "s-2", "agent:eve"),
    ] {
        let event = json!({
            "specversion": "1.0", "id": id, "source": "/chat", "type": "escalation.requested",
            "subject": id,
            "data": {"trigger": "takeover", "actor": {"kind": "agent", "id": "eve", "roles": ["manager"]}},
        });
        assert_eq!(place.post(token, &event).await.status, 202);
        let found = place
            .ask(
                "GET",
                &format!("/v1/audit?conversation={id}&actor={actor}"),
                None,
            )
            .await
            .body;
        assert_eq!(
            found["items"].as_array().map(Vec::len),
            Some(1),
            "{token}: {found}"
        );
    }
    place.end().await;
}
