//! The story of a request over the API.

use serde_json::json;

use super::requests::{place, request};

#[tokio::test]
async fn a_story_has_the_entries_and_the_sentences_of_one_request() {
    let place = place().await;
    for id in ["r-1", "r-2"] {
        let wanted =
            json!({"request_id": id, "conversation_id": "c-1", "params": {"email": "a@b.example"}});
        request(&place, "keep_lead", wanted).await;
    }
    let listed = place.ask("GET", "/v1/requests/r-1", None).await.body;
    let approval = listed["approval_id"].as_str().expect("an approval");
    let path = format!("/v1/approvals/{approval}/decision");
    let yes = json!({"decision": "approve", "reason": "a good address"});
    let decided = place
        .ask_as("t-mia", "POST", &path, Some(yes.clone()))
        .await;
    assert_eq!(decided.status, 200, "{}", decided.body);
    let told = place.ask("GET", "/v1/requests/r-1/story", None).await;
    assert_eq!(told.status, 200, "{}", told.body);
    assert_eq!(told.body["request"]["state"], "succeeded");
    let entries = told.body["entries"].as_array().expect("entries");
    let who: Vec<_> = entries.iter().map(|entry| &entry["actor"]["id"]).collect();
    assert_eq!(who, ["dana", "mia"], "{}", told.body);
    let sentences = told.body["sentences"].as_array().expect("sentences");
    let without_time: Vec<String> = sentences
        .iter()
        .filter_map(|line| Some(line.as_str()?.split_once(' ')?.1.to_owned()))
        .collect();
    let text = without_time.join("\n");
    let text = text.replace(approval, "apr_1");
    let lead = &told.body["request"]["output"]["lead_id"];
    let text = text.replace(lead.as_str().expect("a lead"), "led_1");
    insta::assert_snapshot!(text, @r#"
    dana, as agent, asked for `keep_lead` with email "a@b.example".
    Checked: action passed, schema passed, role passed, rules passed, limits passed, confirmation passed, approval required.
    It waits for the approval apr_1: 1 of manager.
    mia approved apr_1: a good address.
    Checked: action passed, schema passed, role passed, rules passed, limits passed, confirmation passed, approval approved.
    It was begun.
    It was done; what came back: {"lead_id":"led_1"}.
    "#);
    let none = place.ask("GET", "/v1/requests/none/story", None).await;
    assert_eq!(none.status, 404);
    place.end().await;
}
