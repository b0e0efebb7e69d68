//! Delegations over the API: made by whoever may, listed, used at a vote, taken back once.

use serde_json::{Value, json};

use super::requests::{place, request};
use crate::http::testing::{Answer, Place};

const LATER: &str = "2099-01-01T00:00:00Z";

/// The place of requests, with bob, an agent, and ann, an admin.
async fn with_people() -> Place {
    let place = place().await;
    place.make_token("bob", "agent").await;
    place.make_token("ann", "admin").await;
    place
}

async fn add(place: &Place, token: &str, body: Value) -> Answer {
    place
        .ask_as(token, "POST", "/v1/delegations", Some(body))
        .await
}

fn in_days(days: i64) -> String {
    let now = crate::clock::Clock::machine().now();
    let span = crate::domain::time::Span::from_secs(days * 86_400);
    now.plus(span).to_string()
}

fn ids(answer: &Answer) -> Vec<&str> {
    let items = answer.body["items"].as_array().expect("items").iter();
    items
        .map(|item| item["delegation_id"].as_str().unwrap_or_default())
        .collect()
}

/// Has dana ask for a lead to be kept, and gives where that is decided.
async fn asked(place: &Place, id: &str) -> String {
    let wanted = json!({"request_id": id, "params": {"email": "a@b.example"}});
    request(place, "keep_lead", wanted).await;
    let path = format!("/v1/requests/{id}");
    let shown = place.ask("GET", &path, None).await.body;
    let approval = shown["approval_id"].as_str().expect("an approval");
    format!("/v1/approvals/{approval}/decision")
}

async fn approve(place: &Place, token: &str, path: &str) -> Answer {
    let yes = json!({"decision": "approve"});
    place.ask_as(token, "POST", path, Some(yes)).await
}

/// Gives the first effect of the newest entry of a type, and who asked.
async fn recorded(place: &Place, action: &str) -> (Value, Value) {
    let path = format!("/v1/audit?action={action}");
    let mut entry = place.ask("GET", &path, None).await.body["items"][0].take();
    (entry["effects"][0].take(), entry["actor"]["id"].take())
}

#[tokio::test]
async fn a_stand_in_decides_for_who_handed_over_and_both_are_on_record() {
    let place = with_people().await;
    let body = json!({"to": "bob", "ends_at": in_days(3), "actions": ["keep*"], "amount": 500, "reason": "holiday"});
    let made = add(&place, "t-ann", body).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let id = made.body["delegation_id"].as_str().expect("an id");
    assert!(id.starts_with("dlg_"), "{id}");
    assert_eq!(
        (
            &made.body["from"],
            &made.body["from_roles"],
            &made.body["to"]
        ),
        (&json!("ann"), &json!(["admin"]), &json!("bob"))
    );
    let scope = json!({"actions": ["keep*"], "amount": 500});
    assert_eq!(made.body["scope"], scope);
    let path = asked(&place, "r-1").await;
    let voted = approve(&place, "t-bob", &path).await;
    assert_eq!(voted.status, 200, "{}", voted.body);
    let vote = &voted.body["votes"][0];
    assert_eq!(
        (&vote["actor"]["id"], &vote["on_behalf"]),
        (&json!("bob"), &json!("ann"))
    );
    let told = place
        .ask("GET", "/v1/results?type=delegation.*,notice.posted", None)
        .await;
    let items = told.body["items"].as_array().expect("items");
    let kinds: Vec<&str> = items
        .iter()
        .filter_map(|item| item["type"].as_str())
        .collect();
    assert_eq!(kinds, ["delegation.created", "notice.posted"]);
    assert_eq!(items[1]["data"]["to"], json!(["bob"]));
    let (effect, who) = recorded(&place, "delegation.created").await;
    assert_eq!(
        (&effect["effect"], &effect["delegation_id"], who),
        (&json!("delegation_created"), &json!(id), json!("ann"))
    );
    let (effect, who) = recorded(&place, "approval.decided").await;
    assert_eq!(
        (&effect["on_behalf"], &effect["delegation_id"], who),
        (&json!("ann"), &json!(id), json!("bob"))
    );
    place.end().await;
}

#[tokio::test]
async fn a_delegation_is_taken_back_once_and_not_by_others() {
    let place = with_people().await;
    let body = json!({"to": "bob", "ends_at": in_days(3)});
    let made = add(&place, "t-ann", body).await;
    let id = made.body["delegation_id"].as_str().expect("an id");
    let decision = asked(&place, "r-1").await;
    let path = format!("/v1/delegations/{id}/revocation");
    let others = place.ask_as("t-mia", "POST", &path, None).await;
    assert_eq!(others.status, 403, "{}", others.body);
    let revoked = place.ask_as("t-ann", "POST", &path, None).await;
    assert_eq!(revoked.status, 200, "{}", revoked.body);
    assert!(revoked.body["revoked_at"].is_string(), "{}", revoked.body);
    let (effect, who) = recorded(&place, "delegation.revoked").await;
    assert_eq!(
        (&effect["effect"], &effect["delegation_id"], who),
        (&json!("delegation_revoked"), &json!(id), json!("ann"))
    );
    let again = place.ask("POST", &path, None).await;
    assert_eq!(
        (again.status, &again.body["reason"]),
        (409, &json!("settled"))
    );
    let late = approve(&place, "t-bob", &decision).await;
    assert_eq!(late.status, 403, "{}", late.body);
    let path = "/v1/delegations/none/revocation";
    assert_eq!(place.ask("POST", path, None).await.status, 404);
    place.end().await;
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_with_its_field() {
    let place = with_people().await;
    place.make_token("crm", "platform").await;
    let good = json!({"to": "bob", "ends_at": in_days(3)});
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    for (body, status, field) in [
        (with("to", json!("ann")), 400, "to"),
        (with("to", json!("")), 400, "to"),
        (with("to", json!("nobody")), 404, "to"),
        (with("to", json!("crm")), 409, "to"),
        (with("to", json!("bot")), 409, "to"),
        (
            with("ends_at", json!("2020-01-01T00:00:00Z")),
            400,
            "ends_at",
        ),
        (with("ends_at", json!(LATER)), 400, "ends_at"),
        (with("ends_at", json!("soon")), 400, "ends_at"),
        (with("starts_at", json!(LATER)), 400, "ends_at"),
        (with("amount", json!("500")), 400, "amount"),
        (with("amount", json!(-1)), 400, "amount"),
        (with("actions", json!([""])), 400, "actions"),
    ] {
        let refused = add(&place, "t-ann", body.clone()).await;
        assert_eq!(
            (refused.status, &refused.body["field"]),
            (status, &json!(field)),
            "{body}: {}",
            refused.body
        );
    }
    for (token, body, status) in [
        ("t-ann", json!({"to": "bob"}), 400),
        ("t-ann", with("onwards", json!(true)), 400),
        ("t-mia", good.clone(), 403),
    ] {
        let refused = add(&place, token, body).await;
        assert_eq!(refused.status, status, "{}", refused.body);
    }
    let listed = place.ask("GET", "/v1/delegations", None).await;
    assert_eq!(ids(&listed), [""; 0]);
    place.end().await;
}

#[tokio::test]
async fn delegations_are_listed_by_person_and_page() {
    let place = with_people().await;
    let mut made = Vec::new();
    for (token, to) in [("t-ann", "bob"), ("t-ann", "mia"), ("t-owner", "bob")] {
        let body = json!({"to": to, "ends_at": in_days(3)});
        let answer = add(&place, token, body).await;
        let id = answer.body["delegation_id"].as_str();
        made.push(id.expect("an id").to_owned());
    }
    let path = format!("/v1/delegations/{}/revocation", made[0]);
    assert_eq!(place.ask("POST", &path, None).await.status, 200);
    for (query, expected) in [
        ("", vec![&made[2], &made[1], &made[0]]),
        ("?to=bob", vec![&made[2], &made[0]]),
        ("?from=ann", vec![&made[1], &made[0]]),
        ("?live=true", vec![&made[2], &made[1]]),
        ("?live=true&to=bob&from=ann", vec![]),
        ("?limit=1", vec![&made[2]]),
    ] {
        let path = format!("/v1/delegations{query}");
        let listed = place.ask_as("t-bob", "GET", &path, None).await;
        assert_eq!(ids(&listed), expected, "{query}");
    }
    let page = place.ask("GET", "/v1/delegations?limit=1", None).await.body;
    let next = page["next"].as_str().expect("more");
    let path = format!("/v1/delegations?limit=1&after={next}");
    let listed = place.ask("GET", &path, None).await;
    assert_eq!(ids(&listed), [&made[1]]);
    let odd = place.ask("GET", "/v1/delegations?live=perhaps", None).await;
    assert_eq!(odd.status, 400, "{}", odd.body);
    place.end().await;
}
