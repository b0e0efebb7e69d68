//! Reports over the API.

use serde_json::json;

use super::requests::{place, request};

#[tokio::test]
async fn the_report_on_actions_counts_what_became_of_them() {
    let place = place().await;
    let tag = |tag: &str| json!({"conversation_id": "c-1", "params": {"tag": tag}});
    request(&place, "tag", tag("a")).await;
    request(&place, "tag", json!({"params": {}})).await;
    request(&place, "keep_lead", json!({"request_id": "r-1"})).await;
    let waiting = place.ask("GET", "/v1/approvals", None).await.body;
    let id = waiting["items"][0]["approval_id"].as_str().expect("an id");
    let path = format!("/v1/approvals/{id}/decision");
    let yes = Some(json!({"decision": "approve"}));
    place.ask_as("t-mia", "POST", &path, yes).await;
    let told = place
        .ask_as("t-agent", "GET", "/v1/reports/actions", None)
        .await;
    assert_eq!(told.status, 200, "{}", told.body);
    let [leads, tags] = [0, 1].map(|number| &told.body["items"][number]);
    assert_eq!(
        (&leads["action"], &leads["approved_by"], &leads["succeeded"]),
        (&json!("keep_lead"), &json!({"mia": 1}), &json!(1)),
        "{}",
        told.body
    );
    assert_eq!(
        (&tags["asked"], &tags["denied_by_code"]),
        (&json!(2), &json!({"invalid_params": 1})),
        "{}",
        told.body
    );
    let past = "/v1/reports/actions?to=2020-01-01T00:00:00Z";
    let before = place.ask("GET", past, None).await;
    assert_eq!(before.body["items"], json!([]), "{}", before.body);
    let csv = place
        .ask("GET", "/v1/reports/actions?format=csv", None)
        .await;
    assert_eq!(csv.headers["content-type"], "text/csv; charset=utf-8");
    for (path, status) in [
        ("/v1/reports/none", 404),
        ("/v1/reports/actions?format=xml", 400),
        ("/v1/reports/actions?from=noon", 400),
        ("/v1/reports/actions?colour=red", 400),
    ] {
        let answer = place.ask("GET", path, None).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
    }
    place.end().await;
}
