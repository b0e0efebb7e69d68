//! Team channels over the API: listed without their addresses, tried, and what became of each notice.

use serde_json::{Value, json};

use crate::http::testing::{Place, message};

/// Channels whose posts end at once: nothing listens on port 1, and without a broker nothing is published.
const CONFIG: &str = r##"
[policy]
watch = false
[teams.support]
members = ["owner"]
channel = "#desk"
[people.owner]
roles = ["owner"]
[channels.desk]
kind = "slack"
url = "http://127.0.0.1:1/services/xyzzyplugh"
[channels.board]
kind = "amqp"
routing_key = "board"
[notices]
operators = "#board"
"##;

const RULES: &str = r#"
escalation("Refund requests", #{ keywords: ["refund"], ticket: true, notify: ["@support"] });
"#;

async fn place() -> Place {
    let place = Place::start().await;
    place.configure("provost.toml", CONFIG);
    place.configure("rules/refunds.rhai", RULES);
    let reloaded = place.ask("POST", "/v1/policy/reload", None).await;
    assert_eq!(reloaded.status, 200, "{}", reloaded.body);
    place
}

async fn listed(place: &Place, path: &str) -> Vec<Value> {
    let answer = place.ask("GET", path, None).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(
        !answer.body.to_string().contains("xyzzy"),
        "{}",
        answer.body
    );
    answer.body["items"].as_array().cloned().expect("items")
}

#[tokio::test]
async fn a_channel_is_tried_and_what_came_of_it_is_told() {
    let place = place().await;
    let path = "/v1/channels/board/test";
    let tried = place.ask("POST", path, None).await;
    assert_eq!(tried.status, 200, "{}", tried.body);
    let told = |name: &str| tried.body[name].clone();
    assert_eq!(
        (told("state"), told("error"), told("kind"), told("attempts")),
        (
            json!("failed"),
            json!("no broker is configured"),
            json!("test"),
            json!(1)
        )
    );
    let tried = place.ask("POST", "/v1/channels/desk/test", None).await;
    assert_eq!(tried.body["state"], "failed", "a test is tried once");
    let error = tried.body["error"].as_str().expect("a reason");
    assert!(error.contains("no address that may be reached"), "{error}");
    let channels = listed(&place, "/v1/channels").await;
    let shown: Vec<String> = channels
        .iter()
        .map(|one| {
            format!(
                "{} {} {} {}",
                one["name"], one["kind"], one["state"], one["error"]
            )
        })
        .collect();
    assert_eq!(
        shown[0],
        r#""board" "amqp" "failing" "no broker is configured""#
    );
    assert!(
        shown[1].starts_with(r#""desk" "slack" "failing""#),
        "{shown:?}"
    );
    let page = place.ask("GET", "/v1/channels?limit=1", None).await.body;
    assert_eq!(
        (&page["items"][0]["name"], &page["next"]),
        (&json!("board"), &json!("board"))
    );
    let page = place
        .ask("GET", "/v1/channels?after=board", None)
        .await
        .body;
    assert_eq!(
        (&page["items"][0]["name"], &page["next"]),
        (&json!("desk"), &Value::Null)
    );
    let status = place.ask("GET", "/v1/status", None).await.body;
    let failing = &status["channels_failing"];
    assert_eq!(failing["board"]["error"], "no broker is configured");
    assert!(failing["desk"]["failing_since"].is_string());
    let unknown = place.ask("POST", "/v1/channels/nowhere/test", None).await;
    assert_eq!(unknown.status, 404, "{}", unknown.body);
    place.end().await;
}

#[tokio::test]
async fn what_a_team_is_told_goes_to_people_in_the_app_and_to_its_channel() {
    let place = place().await;
    let event = message("e-1", "c-1", "I want a refund");
    assert_eq!(place.post("t-owner", &event).await.status, 202);
    let path = "/v1/results?type=notice.posted";
    let told = listed(&place, path).await;
    assert_eq!(told.len(), 1);
    let data = &told[0]["data"];
    assert_eq!(
        (&data["to"], &data["kind"], &data["conversation_id"]),
        (&json!(["owner"]), &json!("escalation"), &json!("c-1"))
    );
    let deliveries = loop {
        let path = "/v1/deliveries?channel=%23desk&state=failed";
        let found = listed(&place, path).await;
        if !found.is_empty() {
            break found;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    let one = &deliveries[0];
    assert_eq!(
        (&one["notice_id"], &one["about"]),
        (&data["notice_id"], &data["about"])
    );
    assert_eq!(one["title"], "Escalation: Refund requests");
    let about = one["about"].as_str().expect("an id");
    let path = format!("/v1/deliveries?about={about}");
    assert_eq!(listed(&place, &path).await.len(), 1);
    let failed = listed(&place, "/v1/results?type=notification.*").await;
    assert_eq!(failed[0]["data"]["channel"], "desk");
    assert_eq!(failed[0]["type"], "notification.failed");
    // The operators' own channel fails too, and nobody is told of that.
    let path = "/v1/deliveries?channel=board";
    assert_eq!(listed(&place, path).await.len(), 1);
    let odd = place.ask("GET", "/v1/deliveries?state=lost", None).await;
    assert_eq!((odd.status, &odd.body["field"]), (400, &json!("state")));
    place.end().await;
}
