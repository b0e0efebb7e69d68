//! Requests over the API: asked for, tried, listed, undone; and what is refused on the way.

use serde_json::{Value, json};

use crate::http::testing::{Answer, Place};

const TAG: &str = r#"
description = "Tags the conversation"
built_in = "tag_session"
allow = ["ai", "agent"]
reversible = { action = "untag", params = { tag = "{{tag}}" }, until = "14d" }
[params]
required = ["tag"]
[params.properties.tag]
type = "string"
"#;

const GUARDED: &str = r#"
description = "Keeps somebody's address"
built_in = "create_lead"
allow = ["agent"]
approval = "require"
[params.properties.email]
type = "string"
"#;

/// Starts a daemon with the actions `tag`, `untag` and `keep_lead`, and the tokens of mia, a manager, and bot, an AI.
pub(super) async fn place() -> Place {
    let place = Place::start().await;
    let once = TAG.lines().filter(|line| !line.starts_with("reversible"));
    let once: Vec<&str> = once.collect();
    place.configure("actions/tag.toml", TAG);
    place.configure("actions/untag.toml", &once.join("\n"));
    place.configure("actions/keep_lead.toml", GUARDED);
    let reloaded = place.ask("POST", "/v1/policy/reload", None).await;
    assert_eq!(reloaded.status, 200, "{}", reloaded.body);
    place.make_token("mia", "manager").await;
    place.make_token("bot", "ai").await;
    place
}

/// Asks for an action as dana.
pub(super) async fn request(place: &Place, action: &str, body: Value) -> Answer {
    let path = format!("/v1/actions/{action}/requests");
    place.ask_as("t-agent", "POST", &path, Some(body)).await
}

fn ids(answer: &Answer, name: &str) -> Vec<String> {
    let items = answer.body["items"].as_array().expect("items").iter();
    items
        .map(|item| item[name].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test]
async fn a_request_is_answered_with_its_id_and_state() {
    let place = place().await;
    let wanted = json!({"request_id": "r-1", "conversation_id": "c-1", "params": {"tag": "vip"}});
    let done = request(&place, "tag", wanted.clone()).await;
    assert_eq!(
        (done.status, &done.body),
        (202, &json!({"request_id": "r-1", "state": "succeeded"}))
    );
    let again = request(&place, "tag", wanted).await;
    assert_eq!((again.status, again.body), (202, done.body));
    let waits = request(
        &place,
        "keep_lead",
        json!({"params": {"email": "a@b.example"}}),
    )
    .await;
    assert_eq!(
        (waits.status, &waits.body["state"]),
        (202, &json!("awaiting_approval"))
    );
    let id = waits.body["request_id"].as_str().expect("an id");
    assert!(id.starts_with("req_"), "{id}");
    let shown = place.ask("GET", &format!("/v1/requests/{id}"), None).await;
    assert_eq!(shown.body["actor"]["id"], "dana", "{}", shown.body);
    assert_eq!(shown.body["checks"][0]["check"], "action");
    place.end().await;
}

#[tokio::test]
async fn a_dry_run_answers_the_preview_and_leaves_nothing() {
    let place = place().await;
    for (action, params, outcome) in [
        ("tag", json!({"tag": "vip"}), "ready"),
        ("tag", json!({"tag": 7}), "denied"),
        ("keep_lead", json!({}), "awaiting_approval"),
        ("none", json!({}), "denied"),
    ] {
        let wanted = json!({"request_id": "r-1", "dry_run": true, "params": params});
        let tried = request(&place, action, wanted).await;
        assert_eq!(tried.status, 200, "{}", tried.body);
        assert_eq!(tried.body["outcome"], outcome, "{}", tried.body);
        assert_eq!(
            (&tried.body["action"], &tried.body["request_id"]),
            (&json!(action), &json!("r-1"))
        );
        assert_eq!(tried.body["checks"][0]["check"], "action");
    }
    assert_eq!(place.ask("GET", "/v1/requests/r-1", None).await.status, 404);
    let real = json!({"request_id": "r-1", "params": {"tag": "vip"}});
    assert_eq!(request(&place, "tag", real.clone()).await.status, 202);
    let mut tried = real;
    tried["dry_run"] = json!(true);
    let tried = request(&place, "tag", tried).await;
    assert_eq!(
        (tried.status, &tried.body["outcome"]),
        (200, &json!("ready")),
        "what would happen can be asked under any id: {}",
        tried.body
    );
    place.end().await;
}

#[tokio::test]
async fn what_cannot_be_meant_is_a_problem() {
    let place = place().await;
    let first = json!({"request_id": "r-1", "params": {"tag": "vip"}});
    request(&place, "tag", first).await;
    let other = json!({"request_id": "r-1", "params": {"tag": "vap"}});
    let reused = request(&place, "tag", other).await;
    assert_eq!(
        (reused.status, &reused.body["reason"]),
        (409, &json!("id_reused"))
    );
    let wanted = json!({"request_id": "r-2", "params": {"tag": 7, "colour": "red"}});
    let faulty = request(&place, "tag", wanted).await;
    assert_eq!(
        (faulty.status, &faulty.body["reason"]),
        (400, &json!("invalid_params"))
    );
    assert_eq!(
        faulty.body["errors"].as_array().map(Vec::len),
        Some(2),
        "{}",
        faulty.body
    );
    let kept = place.ask("GET", "/v1/requests/r-2", None).await;
    assert_eq!(kept.body["state"], "denied", "it is on record all the same");
    for (action, body, status) in [
        ("none", json!({}), 404),
        ("tag", json!({"params": []}), 400),
        ("tag", json!({"parameters": {}}), 400),
        ("tag", json!({"request_id": ""}), 400),
        ("tag", json!({"conversation_id": "c".repeat(2_000)}), 400),
    ] {
        let answer = request(&place, action, body.clone()).await;
        assert_eq!(answer.status, status, "{action} {body}: {}", answer.body);
    }
    place.end().await;
}

#[tokio::test]
async fn requests_are_listed_newest_first_by_filter_and_page() {
    let place = place().await;
    for (id, conversation) in [("r-1", "c-1"), ("r-2", "c-2"), ("r-3", "c-1")] {
        let wanted =
            json!({"request_id": id, "conversation_id": conversation, "params": {"tag": id}});
        request(&place, "tag", wanted).await;
    }
    request(&place, "keep_lead", json!({"request_id": "r-4"})).await;
    let list = async |query: &str| {
        let path = format!("/v1/requests{query}");
        place.ask_as("t-bot", "GET", &path, None).await
    };
    for (query, found) in [
        ("", vec!["r-4", "r-3", "r-2", "r-1"]),
        ("?conversation=c-1", vec!["r-3", "r-1"]),
        ("?state=awaiting_approval", vec!["r-4"]),
        ("?action=tag&state=succeeded", vec!["r-3", "r-2", "r-1"]),
        ("?action=none", vec![]),
    ] {
        assert_eq!(ids(&list(query).await, "request_id"), found, "{query}");
    }
    let first = list("?limit=3").await;
    let next = first.body["next"].as_str().expect("more").to_owned();
    let rest = list(&format!("?limit=3&after={next}")).await;
    assert_eq!(ids(&rest, "request_id"), ["r-1"]);
    assert_eq!(rest.body["next"], Value::Null);
    let odd = list("?state=odd").await;
    assert_eq!((odd.status, &odd.body["field"]), (400, &json!("state")));
    place.end().await;
}

#[tokio::test]
async fn what_was_done_is_undone_once() {
    let place = place().await;
    let wanted = json!({"request_id": "r-1", "conversation_id": "c-1", "params": {"tag": "vip"}});
    request(&place, "tag", wanted).await;
    let path = "/v1/requests/r-1/reversal";
    let reason = || Some(json!({"reason": "a mistake"}));
    let reverse = async |path: &str, body| place.ask_as("t-mia", "POST", path, body).await;
    assert_eq!(reverse(path, Some(json!({}))).await.status, 400);
    let undone = reverse(path, reason()).await;
    assert_eq!(
        (undone.status, &undone.body["state"]),
        (202, &json!("reversed")),
        "{}",
        undone.body
    );
    let by = undone.body["reversals"][0]["request_id"].as_str();
    let shown = place
        .ask("GET", &format!("/v1/requests/{}", by.expect("an id")), None)
        .await;
    assert_eq!(shown.body["reverses"], "r-1", "{}", shown.body);
    assert_eq!(reverse(path, reason()).await.status, 409);
    assert_eq!(
        reverse("/v1/requests/none/reversal", reason()).await.status,
        404
    );
    place.end().await;
}

#[tokio::test]
async fn whoever_asked_withdraws_what_has_not_run() {
    let place = place().await;
    let wanted = json!({"request_id": "r-1", "conversation_id": "c-1"});
    request(&place, "keep_lead", wanted).await;
    let path = "/v1/requests/r-1/cancellation";
    let other = place.ask_as("t-bot", "POST", path, None).await;
    assert_eq!(other.status, 403, "{}", other.body);
    let reason = Some(json!({"reason": "not needed any more"}));
    let withdrawn = place.ask_as("t-agent", "POST", path, reason).await;
    assert_eq!(
        (withdrawn.status, &withdrawn.body["state"]),
        (200, &json!("cancelled")),
        "{}",
        withdrawn.body
    );
    let waiting = place
        .ask("GET", "/v1/approvals?state=cancelled", None)
        .await;
    assert_eq!(ids(&waiting, "request_id"), ["r-1"]);
    let again = place.ask_as("t-agent", "POST", path, None).await;
    assert_eq!(again.status, 409, "{}", again.body);
    let none = place
        .ask("POST", "/v1/requests/none/cancellation", None)
        .await;
    assert_eq!(none.status, 404);
    place.end().await;
}

#[tokio::test]
async fn only_what_is_unknown_is_settled_by_a_person() {
    let place = place().await;
    request(&place, "keep_lead", json!({"request_id": "r-1"})).await;
    for (id, body, status) in [
        (
            "r-1",
            json!({"outcome": "succeeded", "reason": "saw it"}),
            409,
        ),
        (
            "none",
            json!({"outcome": "failed", "reason": "saw it"}),
            404,
        ),
        (
            "r-1",
            json!({"outcome": "perhaps", "reason": "saw it"}),
            400,
        ),
        ("r-1", json!({"outcome": "failed"}), 400),
    ] {
        let path = format!("/v1/requests/{id}/resolution");
        let answer = place
            .ask_as("t-mia", "POST", &path, Some(body.clone()))
            .await;
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
    }
    place.end().await;
}

#[tokio::test]
async fn leads_are_listed_newest_first() {
    let place = place().await;
    for number in 1..=3 {
        let email = format!("lead-{number}@b.example");
        let wanted = json!({"request_id": format!("r-{number}"), "conversation_id": "c-1", "params": {"email": email}});
        request(&place, "keep_lead", wanted).await;
    }
    let waiting = place.ask("GET", "/v1/approvals", None).await;
    for id in ids(&waiting, "approval_id").iter().rev() {
        let path = format!("/v1/approvals/{id}/decision");
        let yes = Some(json!({"decision": "approve"}));
        let decided = place.ask_as("t-mia", "POST", &path, yes).await;
        assert_eq!(decided.status, 200, "{}", decided.body);
    }
    let leads = place.ask("GET", "/v1/leads?limit=2", None).await;
    assert_eq!(
        ids(&leads, "email"),
        ["lead-3@b.example", "lead-2@b.example"]
    );
    let next = leads.body["next"].as_str().expect("more");
    let path = format!("/v1/leads?limit=2&after={next}");
    let rest = place.ask("GET", &path, None).await;
    assert_eq!(ids(&rest, "email"), ["lead-1@b.example"]);
    assert_eq!(rest.body["items"][0]["conversation_id"], "c-1");
    place.end().await;
}
