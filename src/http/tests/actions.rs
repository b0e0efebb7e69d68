//! The catalogue over the API: what it lists, and what a reload does to it.

use serde_json::json;

use crate::http::testing::Place;

const TAG: &str = r#"
description = "Tags the conversation"
trigger = "It is about something that has a tag"
examples = ["This is about billing"]
phase = "during"
built_in = "tag_session"
allow = ["ai"]
[params]
required = ["tag"]
[params.properties.tag]
type = "string"
"#;

#[tokio::test]
async fn the_catalogue_tells_an_ai_what_it_may_ask_for() {
    let place = Place::start().await;
    place.configure("actions/tag.toml", TAG);
    place.configure(
        "actions/hang_up.toml",
        &TAG.replace("tag_session", "call_hangup"),
    );
    place.configure(
        "actions/wrap_up.toml",
        &TAG.replace("tag_session", "resolve_session")
            .replace("during", "after"),
    );
    let reloaded = place.ask("POST", "/v1/policy/reload", None).await;
    assert_eq!(reloaded.status, 200, "{}", reloaded.body);
    place.make_token("bot", "ai").await;
    let ask = async |path: &str| place.ask_as("t-bot", "GET", path, None).await;
    let names = |body: &serde_json::Value| -> Vec<String> {
        let items = body["items"].as_array().expect("items").iter();
        items
            .map(|item| item["name"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    let all = ask("/v1/actions").await.body;
    assert_eq!(names(&all), ["hang_up", "tag", "wrap_up"]);
    assert_eq!(all["items"][1]["params"]["additionalProperties"], false);
    assert_eq!(
        all["items"][1]["examples"],
        json!(["This is about billing"])
    );
    assert_eq!(
        names(&ask("/v1/actions?phase=after").await.body),
        ["wrap_up"]
    );
    let first = ask("/v1/actions?limit=2").await.body;
    assert_eq!(names(&first), ["hang_up", "tag"]);
    let next = first["next"].as_str().expect("more");
    let rest = ask(&format!("/v1/actions?limit=2&after={next}")).await.body;
    assert_eq!(
        (names(&rest), &rest["next"]),
        (vec!["wrap_up".to_owned()], &json!(null))
    );
    assert_eq!(
        ask("/v1/actions/tag").await.body["trigger"],
        all["items"][1]["trigger"]
    );
    assert_eq!(ask("/v1/actions/none").await.status, 404);
    assert_eq!(ask("/v1/actions?phase=later").await.body["field"], "phase");
    place.end().await;
}

#[tokio::test]
async fn at_a_reload_a_faulty_action_keeps_its_form_and_the_others_are_swapped() {
    let place = Place::start().await;
    place.configure("actions/tag.toml", TAG);
    place.configure("actions/other.toml", TAG);
    place.ask("POST", "/v1/policy/reload", None).await;
    place.configure("actions/tag.toml", &TAG.replace("allow", "alow"));
    place.configure("actions/other.toml", &TAG.replace("Tags the", "Labels the"));
    let reloaded = place.ask("POST", "/v1/policy/reload", None).await;
    assert_eq!(reloaded.status, 422, "{}", reloaded.body);
    assert_eq!(reloaded.body["changed"], true);
    assert_eq!(reloaded.body["errors"][0]["file"], "actions/tag.toml");
    assert_eq!(reloaded.body["errors"][0]["line"], 7);
    let described = async |name: &str| {
        let path = format!("/v1/actions/{name}");
        place.ask("GET", &path, None).await.body["description"].clone()
    };
    assert_eq!(described("tag").await, "Tags the conversation");
    assert_eq!(described("other").await, "Labels the conversation");
    let shown = place.ask("GET", "/v1/policy", None).await.body;
    assert!(
        shown["fault"]
            .as_str()
            .is_some_and(|said| said.contains("alow")),
        "{shown}"
    );
    let told = place
        .ask("GET", "/v1/results?type=policy.rejected", None)
        .await
        .body;
    assert_eq!(
        told["items"][0]["data"]["errors"][0]["file"], "actions/tag.toml",
        "{told}"
    );

    place.configure("actions/tag.toml", TAG);
    let mended = place.ask("POST", "/v1/policy/reload", None).await;
    assert_eq!(mended.status, 200, "{}", mended.body);
    assert_eq!(
        place.ask("GET", "/v1/policy", None).await.body["fault"],
        json!(null)
    );
    place.end().await;
}
