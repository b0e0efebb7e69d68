//! Approvals over the API: asked for, listed, decided once.

use serde_json::{Value, json};

use super::requests::{place, request};
use crate::http::testing::{Answer, Place};

/// Asks for a lead to be kept and gives the approval's id.
async fn asked(place: &Place, request_id: &str) -> String {
    let wanted = json!({"request_id": request_id, "params": {"email": "a@b.example"}});
    request(place, "keep_lead", wanted).await;
    let path = format!("/v1/requests/{request_id}");
    let shown = place.ask("GET", &path, None).await.body;
    let id = shown["approval_id"].as_str();
    id.expect("an approval").to_owned()
}

async fn decide(place: &Place, token: &str, id: &str, body: Value) -> Answer {
    let path = format!("/v1/approvals/{id}/decision");
    place.ask_as(token, "POST", &path, Some(body)).await
}

#[tokio::test]
async fn an_approval_shows_who_is_asked_for_what() {
    let place = place().await;
    let id = asked(&place, "r-1").await;
    let path = format!("/v1/approvals/{id}");
    let shown = place.ask_as("t-mia", "GET", &path, None).await.body;
    assert_eq!(shown["state"], "pending", "{shown}");
    assert_eq!(
        (&shown["approvers"], &shown["required"]),
        (&json!(["manager"]), &json!(1))
    );
    assert_eq!(shown["summary"], "keep_lead: email a@b.example");
    assert_eq!(shown["context"]["params"], json!({"email": "a@b.example"}));
    assert_eq!(shown["context"]["requested_by"]["id"], "dana");
    assert!(
        shown["digest"].as_str().is_some_and(|hex| hex.len() == 64),
        "{shown}"
    );
    let none = place.ask("GET", "/v1/approvals/none", None).await;
    assert_eq!(none.status, 404);
    place.end().await;
}

#[tokio::test]
async fn a_second_decision_is_told_the_final_state() {
    let place = place().await;
    let id = asked(&place, "r-1").await;
    let no = json!({"decision": "reject", "reason": "no such person"});
    let own = decide(&place, "t-agent", &id, no.clone()).await;
    assert_eq!(own.status, 403, "whoever asked has no say: {}", own.body);
    let rejected = decide(&place, "t-mia", &id, no).await;
    assert_eq!(
        (rejected.status, &rejected.body["state"]),
        (200, &json!("rejected")),
        "{}",
        rejected.body
    );
    assert_eq!(rejected.body["votes"][0]["actor"]["id"], "mia");
    let late = decide(&place, "t-owner", &id, json!({"decision": "approve"})).await;
    assert_eq!(
        (late.status, &late.body["reason"], &late.body["detail"]),
        (
            409,
            &json!("settled"),
            &json!("the approval is rejected already")
        )
    );
    let request = place.ask("GET", "/v1/requests/r-1", None).await.body;
    assert_eq!(
        (&request["state"], &request["code"], &request["reason"]),
        (
            &json!("denied"),
            &json!("rejected"),
            &json!("rejected: no such person")
        )
    );
    place.end().await;
}

#[tokio::test]
async fn what_was_approved_is_carried_out() {
    let place = place().await;
    let id = asked(&place, "r-1").await;
    let approved = decide(&place, "t-mia", &id, json!({"decision": "approve"})).await;
    assert_eq!(
        (approved.status, &approved.body["state"]),
        (200, &json!("consumed")),
        "{}",
        approved.body
    );
    let request = place.ask("GET", "/v1/requests/r-1", None).await.body;
    assert_eq!(request["state"], "succeeded", "{request}");
    for (id, body, status) in [
        (id.as_str(), json!({"decision": "perhaps"}), 400),
        (id.as_str(), json!({}), 400),
        ("none", json!({"decision": "approve"}), 404),
    ] {
        let answer = decide(&place, "t-mia", id, body).await;
        assert_eq!(answer.status, status, "{}", answer.body);
    }
    place.end().await;
}

#[tokio::test]
async fn approvals_are_listed_by_state_and_page() {
    let place = place().await;
    let first = asked(&place, "r-1").await;
    let second = asked(&place, "r-2").await;
    decide(&place, "t-mia", &first, json!({"decision": "approve"})).await;
    let list = async |query: &str| -> Vec<String> {
        let listed = place
            .ask("GET", &format!("/v1/approvals{query}"), None)
            .await;
        let items = listed.body["items"].as_array().expect("items").iter();
        items
            .map(|item| item["approval_id"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    let both = [second.as_str(), &first];
    assert_eq!(list("").await, both);
    assert_eq!(list("?state=pending").await, both[..1]);
    assert_eq!(list("?state=consumed&action=keep_lead").await, both[1..]);
    assert_eq!(list("?conversation=r-2").await, both[..1]);
    let page = place.ask("GET", "/v1/approvals?limit=1", None).await.body;
    let next = page["next"].as_str().expect("more");
    assert_eq!(list(&format!("?limit=1&after={next}")).await, both[1..]);
    let odd = place.ask("GET", "/v1/approvals?state=odd", None).await;
    assert_eq!((odd.status, &odd.body["field"]), (400, &json!("state")));
    place.end().await;
}
