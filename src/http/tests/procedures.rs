//! Procedures over the API: from a draft to a run, with everything that is refused on the way.

use serde_json::{Value, json};

use crate::http::testing::{Answer, Place};

/// A procedure of a question and an answer to it.
fn greeting(prompt: &str) -> Value {
    json!({
        "display_name": "Greeting", "trigger_description": "When a customer says hello",
        "steps": [
            {"id": "ask", "type": "collect_input", "variable": "name", "prompt": prompt},
            {"id": "told", "type": "message", "content": "Hello {{name}}."},
        ],
        "scenarios": [{
            "name": "hello", "inputs": ["Ada"],
            "expect": {"state": "completed", "messages": [prompt, "Hello Ada."]},
        }],
    })
}

async fn place() -> Place {
    let place = Place::start().await;
    place.make_token("ann", "admin").await;
    place
}

async fn as_ann(place: &Place, method: &str, path: &str, body: Option<Value>) -> Answer {
    place.ask_as("t-ann", method, path, body).await
}

async fn published(place: &Place, prompt: &str) {
    let path = "/v1/procedures/greeting";
    let made = as_ann(place, "POST", "/v1/procedures", Some(greeting(prompt))).await;
    if made.status == 409 {
        let put = as_ann(place, "PUT", path, Some(greeting(prompt))).await;
        assert_eq!(put.status, 200, "{}", put.body);
    }
    let done = as_ann(place, "POST", &format!("{path}/publish"), None).await;
    assert_eq!(done.status, 200, "{}", done.body);
}

/// Starts the procedure in a conversation and gives the run.
async fn started(place: &Place, conversation: &str) -> Value {
    let wanted = json!({"procedure": "greeting", "conversation_id": conversation});
    let run = as_ann(place, "POST", "/v1/runs", Some(wanted)).await;
    assert_eq!(run.status, 201, "{}", run.body);
    run.body
}

async fn say(place: &Place, conversation: &str, text: &str) {
    let event = crate::http::testing::message(text, conversation, text);
    let answer = place.post("t-owner", &event).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a long story")]
async fn a_procedure_is_drafted_checked_published_run_and_archived() {
    let place = place().await;
    let wrong = json!({"display_name": "Greeting", "steps": [{"id": "a", "type": "mesage"}]});
    let refused = as_ann(&place, "POST", "/v1/procedures", Some(wrong)).await;
    assert_eq!(refused.status, 422, "{}", refused.body);
    let hint = &refused.body["errors"][1]["hint"];
    assert_eq!(hint, "did you mean `message`?", "{}", refused.body);
    let draft = as_ann(&place, "POST", "/v1/procedures", Some(greeting("Who?"))).await;
    assert_eq!((draft.status, &draft.body["stage"]), (201, &json!("draft")));
    let again = as_ann(&place, "POST", "/v1/procedures", Some(greeting("Who?"))).await;
    assert_eq!(again.status, 409);
    let none = as_ann(&place, "GET", "/v1/procedures/catalogue", None).await;
    assert_eq!(
        none.body["items"],
        json!([]),
        "a draft is started by nobody"
    );
    let path = "/v1/procedures/greeting";
    let script = json!({"inputs": ["Ada"]});
    let tried = as_ann(&place, "POST", &format!("{path}/simulate"), Some(script)).await;
    assert_eq!(
        tried.body["messages"],
        json!(["Who?", "Hello Ada."]),
        "{}",
        tried.body
    );
    let valid = as_ann(&place, "POST", &format!("{path}/validate"), None).await;
    assert_eq!(valid.body["ok"], true, "{}", valid.body);
    let done = as_ann(&place, "POST", &format!("{path}/publish"), None).await;
    assert_eq!(
        (done.status, &done.body["version"]),
        (200, &json!(1)),
        "{}",
        done.body
    );
    let listed = as_ann(&place, "GET", "/v1/procedures/catalogue", None).await;
    assert_eq!(
        listed.body["items"][0]["trigger_description"],
        "When a customer says hello"
    );
    let run = started(&place, "c1").await;
    assert_eq!(run["state"], "awaiting_input");
    say(&place, "c1", "Ada").await;
    let path_of_run = format!("/v1/runs/{}", run["run_id"].as_str().expect("an id"));
    let ended = as_ann(&place, "GET", &path_of_run, None).await.body;
    assert_eq!(ended["state"], "completed", "{ended}");
    assert_eq!(
        ended["variables"]["name"],
        json!({"value": "Ada", "from": "customer"})
    );
    let runs = as_ann(
        &place,
        "GET",
        "/v1/runs?procedure=greeting&state=completed",
        None,
    )
    .await;
    assert_eq!(runs.body["items"][0]["run_id"], run["run_id"]);
    let gone = as_ann(&place, "POST", &format!("{path}/archive"), None).await;
    assert_eq!(gone.body["stage"], "archived", "{}", gone.body);
    let wanted = json!({"procedure": "greeting", "conversation_id": "c2"});
    let refused = as_ann(&place, "POST", "/v1/runs", Some(wanted)).await;
    assert_eq!(refused.status, 404, "{}", refused.body);
    place.end().await;
}

#[tokio::test]
async fn a_scenario_that_fails_stands_against_publishing() {
    let place = place().await;
    let mut wrong = greeting("Who?");
    wrong["scenarios"][0]["expect"]["messages"] = json!(["Good day"]);
    let draft = as_ann(&place, "POST", "/v1/procedures", Some(wrong)).await;
    assert_eq!(
        draft.body["faults"][0]["code"], "PV-PROC-031",
        "{}",
        draft.body
    );
    let refused = as_ann(&place, "POST", "/v1/procedures/greeting/publish", None).await;
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (422, &json!("PV-HTTP-018"))
    );
    let message = refused.body["errors"][0]["message"]
        .as_str()
        .expect("a text");
    assert!(message.contains("did not hear `Good day`"), "{message}");
    place.end().await;
}

#[tokio::test]
async fn versions_differ_are_stopped_and_runs_move_to_another_one() {
    let place = place().await;
    published(&place, "Who?").await;
    let run = started(&place, "c1").await;
    published(&place, "Your name?").await;
    let path = "/v1/procedures/greeting";
    let diff = as_ann(&place, "GET", &format!("{path}/diff?from=1&to=2"), None).await;
    let change = &diff.body["changes"][0];
    assert_eq!(
        (&change["step"], &change["after"]),
        (&json!("ask"), &json!("Your name?")),
        "{}",
        diff.body
    );
    let look = json!({"to": 2});
    let seen = as_ann(&place, "POST", &format!("{path}/migrate"), Some(look)).await;
    assert_eq!(
        (&seen.body["preview"], &seen.body["moved"]),
        (&json!(true), &json!(1))
    );
    let id = run["run_id"].as_str().expect("an id");
    let of_run = format!("/v1/runs/{id}");
    assert_eq!(
        as_ann(&place, "GET", &of_run, None).await.body["version"],
        1
    );
    let go = json!({"to": 2, "preview": false});
    as_ann(&place, "POST", &format!("{path}/migrate"), Some(go)).await;
    assert_eq!(
        as_ann(&place, "GET", &of_run, None).await.body["version"],
        2
    );
    let why = json!({"reason": "it asks too much"});
    let stopped = as_ann(
        &place,
        "POST",
        &format!("{path}/versions/2/stop"),
        Some(why),
    )
    .await;
    assert_eq!(
        stopped.body["stopped"], "it asks too much",
        "{}",
        stopped.body
    );
    let none = as_ann(&place, "GET", "/v1/procedures/catalogue", None).await;
    assert_eq!(none.body["items"], json!([]));
    say(&place, "c1", "Ada").await;
    let ended = as_ann(&place, "GET", &of_run, None).await.body;
    assert_eq!(
        ended["reason"],
        "the procedure was stopped: it asks too much"
    );
    let released = as_ann(&place, "POST", &format!("{path}/versions/2/release"), None).await;
    assert_eq!(released.body.get("stopped"), None, "{}", released.body);
    place.end().await;
}

#[tokio::test]
async fn a_recorded_run_is_tried_again_with_the_draft() {
    let place = place().await;
    published(&place, "Who?").await;
    let run = started(&place, "c1").await;
    say(&place, "c1", "Ada").await;
    let mut draft = greeting("Who?");
    draft["steps"][1]["content"] = json!("Good day, {{name}}.");
    as_ann(&place, "PUT", "/v1/procedures/greeting", Some(draft)).await;
    let id = run["run_id"].as_str().expect("an id");
    let replayed = as_ann(
        &place,
        "POST",
        &format!("/v1/runs/{id}/replay"),
        Some(json!({})),
    )
    .await;
    assert_eq!(
        replayed.body["differences"],
        json!([
            "the customer would not hear `Hello Ada.`",
            "the customer would hear `Good day, Ada.`"
        ]),
        "{}",
        replayed.body
    );
    let same = json!({"version": 1});
    let same = as_ann(&place, "POST", &format!("/v1/runs/{id}/replay"), Some(same)).await;
    assert_eq!(same.body["differences"], json!([]), "{}", same.body);
    place.end().await;
}

#[tokio::test]
async fn a_run_that_waits_or_was_moved_comes_out_the_same_with_its_version() {
    let place = place().await;
    published(&place, "Who?").await;
    let run = started(&place, "c1").await;
    let mut changed = greeting("Who?");
    changed["steps"][1]["content"] = json!("Hello, {{name}}.");
    changed["scenarios"] = json!([]);
    as_ann(&place, "PUT", "/v1/procedures/greeting", Some(changed)).await;
    let path = "/v1/procedures/greeting";
    as_ann(&place, "POST", &format!("{path}/publish"), None).await;
    let go = json!({"to": 2, "preview": false});
    let moved = as_ann(&place, "POST", &format!("{path}/migrate"), Some(go)).await;
    assert_eq!(moved.body["moved"], 1, "{}", moved.body);
    let id = run["run_id"].as_str().expect("an id");
    let replay = format!("/v1/runs/{id}/replay");
    let waits = as_ann(&place, "POST", &replay, Some(json!({}))).await;
    assert_eq!(waits.body["differences"], json!([]), "{}", waits.body);
    say(&place, "c1", "Ada").await;
    let over = as_ann(&place, "POST", &replay, Some(json!({"version": 2}))).await;
    assert_eq!(over.body["differences"], json!([]), "{}", over.body);
    let none = as_ann(&place, "POST", &replay, Some(json!({"version": 9}))).await;
    assert_eq!(none.status, 404, "{}", none.body);
    place.end().await;
}

#[tokio::test]
async fn a_run_is_called_off_by_who_may() {
    let place = place().await;
    published(&place, "Who?").await;
    let run = started(&place, "c1").await;
    place.make_token("bot", "ai").await;
    let id = run["run_id"].as_str().expect("an id");
    let path = format!("/v1/runs/{id}/cancel");
    let why = Some(json!({"reason": "a mistake"}));
    let refused = place.ask_as("t-bot", "POST", &path, why.clone()).await;
    assert_eq!(refused.status, 403, "{}", refused.body);
    let done = as_ann(&place, "POST", &path, why.clone()).await;
    assert_eq!(done.body["state"], "cancelled", "{}", done.body);
    let again = as_ann(&place, "POST", &path, why).await;
    assert_eq!(again.status, 409, "{}", again.body);
    place.end().await;
}
