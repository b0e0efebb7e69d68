//! Clocks over the API: listed, explained, moved to another policy by whoever may, and reported.

use chrono::Timelike;
use serde_json::{Value, json};

use super::requests;
use crate::{
    clock::Clock,
    domain::time::{Span, Timestamp},
    http::testing::{Answer, Place, message},
};

/// Promises under a calendar of Tokyo that is closed for the one hour which lies about half a day back,
/// so that no test meets its edges.
fn gold() -> String {
    let now = Clock::machine().now().to_utc();
    let hour = (now.with_timezone(&chrono_tz::Asia::Tokyo).hour() + 12) % 24;
    let mut open = Vec::new();
    if hour > 0 {
        open.push(format!("\"00:00-{hour:02}:00\""));
    }
    if hour < 23 {
        open.push(format!("\"{:02}:00-24:00\"", hour + 1));
    }
    format!(
        r#"
calendar("tokyo", #{{ timezone: "Asia/Tokyo", hours: #{{ daily: [{}] }} }});
sla("Gold", #{{ calendar: "tokyo", high: #{{ first_response: "1h", resolution: "100h" }} }});
"#,
        open.join(", ")
    )
}

/// Promises less to answer, and nothing to resolve.
const OTHER: &str = r#"
sla("Plain", #{ high: #{ first_response: "200h" } });
"#;

/// Starts a daemon with the policy `Gold`.
async fn place() -> Place {
    let place = Place::start().await;
    under(&place, &gold()).await;
    place
}

async fn under(place: &Place, rules: &str) {
    place.configure("rules/sla.rhai", rules);
    let reloaded = place.ask("POST", "/v1/policy/reload", None).await;
    assert_eq!(reloaded.status, 200, "{}", reloaded.body);
}

/// Has a customer write so long ago, which opens a ticket.
async fn written(place: &Place, conversation: &str, ago: Span) {
    let mut event = message(
        &format!("e-{conversation}"),
        conversation,
        "a refund, please",
    );
    event["time"] = json!(Clock::machine().now().minus(ago));
    let taken = place.post("t-owner", &event).await;
    assert_eq!(taken.status, 202, "{}", taken.body);
}

const HOUR: Span = Span::from_secs(3_600);
const DAY: Span = Span::from_secs(86_400);

fn named(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let items = answer.body["items"].as_array().expect("items").iter();
    let text = |item: &Value, name: &str| item[name].as_str().unwrap_or_default().to_owned();
    items
        .map(|item| format!("{} {}", text(item, "conversation_id"), text(item, "metric")))
        .collect()
}

async fn listed(place: &Place, query: &str) -> Vec<String> {
    let path = format!("/v1/sla{query}");
    named(&place.ask_as("t-agent", "GET", &path, None).await)
}

#[tokio::test]
async fn clocks_are_listed_as_they_stand_now() {
    let place = place().await;
    written(&place, "c-1", DAY).await;
    written(&place, "c-2", Span::from_secs(0)).await;
    assert_eq!(
        listed(&place, "").await,
        [
            "c-1 first_response",
            "c-2 first_response",
            "c-1 resolution",
            "c-2 resolution"
        ]
    );
    for (query, expected) in [
        ("?overdue=true", vec!["c-1 first_response"]),
        (
            "?metric=resolution",
            vec!["c-1 resolution", "c-2 resolution"],
        ),
        ("?ticket=1", vec!["c-1 first_response", "c-1 resolution"]),
        ("?ticket=99", vec![]),
        ("?state=stopped", vec![]),
        ("?team=billing", vec![]),
        ("?priority=HIGH&limit=1", vec!["c-1 first_response"]),
        ("?due_before=2020-01-01T00:00:00Z", vec![]),
    ] {
        assert_eq!(listed(&place, query).await, expected, "{query}");
    }
    for (query, field) in [
        ("state=odd", "state"),
        ("metric=odd", "metric"),
        ("priority=odd", "priority"),
        ("after=7", "after"),
        ("limit=0", "limit"),
    ] {
        let answer = place.ask("GET", &format!("/v1/sla?{query}"), None).await;
        assert_eq!(
            (answer.status, &answer.body["field"]),
            (400, &json!(field)),
            "{query}"
        );
    }
    place.end().await;
}

#[tokio::test]
async fn a_clock_is_shown_as_of_now() {
    let place = place().await;
    written(&place, "c-1", DAY).await;
    written(&place, "c-2", Span::from_secs(0)).await;
    let page = place.ask("GET", "/v1/sla?limit=3", None).await.body;
    let next = page["next"].as_str().expect("more");
    let rest = listed(&place, &format!("?limit=3&after={next}")).await;
    assert_eq!(rest, ["c-2 resolution"]);
    let first = &page["items"][0];
    let elapsed = first["elapsed_ms"].as_i64().expect("a length");
    // An hour of the day did not count.
    let day = 23 * 3_600_000;
    assert!((day..day + 3_600_000).contains(&elapsed), "{first}");
    assert_eq!(
        first["overdue_ms"].as_i64(),
        Some(elapsed - 3_600_000),
        "{first}"
    );
    assert_eq!(
        (
            &first["number"],
            &first["priority"],
            &first["calendar"],
            &first["cycle"]
        ),
        (&json!(1), &json!("high"), &json!("tokyo"), &json!(1))
    );
    assert!(
        first["percent"]
            .as_i64()
            .is_some_and(|percent| percent > 2_000)
    );
    place.end().await;
}

#[tokio::test]
async fn tickets_show_their_clocks_and_are_found_by_them() {
    let place = place().await;
    written(&place, "c-1", DAY).await;
    written(&place, "c-2", Span::from_secs(0)).await;
    let counts = place.ask("GET", "/v1/sla/counts", None).await.body;
    assert_eq!(
        (
            &counts["running"],
            &counts["paused"],
            &counts["overdue"],
            &counts["due_within_hour"]
        ),
        (&json!(4), &json!(0), &json!(1), &json!(1)),
        "{counts}"
    );
    let overdue = place
        .ask("GET", "/v1/tickets?overdue=true", None)
        .await
        .body;
    let items = overdue["items"].as_array().expect("items");
    assert_eq!(items.len(), 1, "{overdue}");
    assert_eq!(items[0]["conversation_id"], "c-1");
    let id = items[0]["ticket_id"].as_str().expect("an id");
    let ticket = place.ask("GET", &format!("/v1/tickets/{id}"), None).await;
    let clocks = ticket.body["sla"].as_array().expect("clocks");
    let metrics: Vec<&str> = clocks
        .iter()
        .filter_map(|one| one["metric"].as_str())
        .collect();
    assert_eq!(metrics, ["first_response", "resolution"]);
    assert_eq!(clocks[0]["ticket_id"], id);
    assert!(clocks[0]["overdue_ms"].is_number() && clocks[1]["overdue_ms"].is_null());
    place.end().await;
}

#[tokio::test]
async fn every_interval_counted_and_skipped_is_explained() {
    let place = place().await;
    written(&place, "c-1", DAY).await;
    let told = place
        .ask_as("t-agent", "GET", "/v1/sla/1/explain", None)
        .await;
    assert_eq!(told.status, 200, "{}", told.body);
    assert_eq!(told.body["number"], 1);
    let clock = &told.body["clocks"][1];
    assert_eq!(
        (&clock["metric"], &clock["timezone"]),
        (&json!("resolution"), &json!("Asia/Tokyo"))
    );
    let intervals = clock["intervals"].as_array().expect("intervals");
    let counted: i64 = intervals
        .iter()
        .filter_map(|one| one["counted_ms"].as_i64())
        .sum();
    assert_eq!(clock["consumed_ms"].as_i64(), Some(counted), "{clock}");
    let closed: Vec<&Value> = intervals
        .iter()
        .filter(|one| one["why"] == "closed")
        .collect();
    assert_eq!(closed.len(), 1, "{clock}");
    let local = closed[0]["from_local"].as_str().expect("a local time");
    assert!(local.ends_with(":00:00+09:00"), "{local}");
    for pair in intervals.windows(2) {
        assert_eq!(pair[0]["to"], pair[1]["from"]);
    }
    let started = &clock["transitions"][0];
    assert_eq!(
        (&started["kind"], &started["policy"], &started["due_before"]),
        (&json!("started"), &json!("Gold"), &Value::Null)
    );
    assert!(started["at_local"].is_string());
    let id = told.body["ticket_id"].as_str().expect("an id");
    let by_id = place
        .ask("GET", &format!("/v1/sla/{id}/explain"), None)
        .await;
    assert_eq!(by_id.body["clocks"][0]["metric"], "first_response");
    let none = place.ask("GET", "/v1/sla/apr_none/explain", None).await;
    assert_eq!(none.status, 404, "{}", none.body);
    place.end().await;
}

const TIMED: &str = r#"
approval("Leads", #{ action: "keep_lead", approvers: ["manager"], target: "1h" });
"#;

#[tokio::test]
async fn clocks_of_approvals_stand_beside_those_of_tickets() {
    let place = requests::place().await;
    under(&place, TIMED).await;
    let wanted = json!({"request_id": "r-1", "params": {"email": "a@b.example"}});
    requests::request(&place, "keep_lead", wanted).await;
    let listed = place.ask("GET", "/v1/sla", None).await.body;
    let clock = &listed["items"][0];
    assert_eq!(
        (&clock["metric"], &clock["policy"], &clock["number"]),
        (&json!("approval"), &json!("Leads"), &Value::Null),
        "{listed}"
    );
    let id = clock["approval_id"].as_str().expect("an id");
    let told = place
        .ask("GET", &format!("/v1/sla/{id}/explain"), None)
        .await
        .body;
    assert_eq!(
        (
            &told["approval_id"],
            &told["clocks"][0]["transitions"][0]["kind"]
        ),
        (&json!(id), &json!("started")),
        "{told}"
    );
    // It is there, and has no clock.
    let untimed = place.ask("GET", "/v1/sla/r-1/explain", None).await;
    assert_eq!(
        (untimed.status, &untimed.body),
        (200, &json!({"request_id": "r-1", "clocks": []}))
    );
    place.end().await;
}

async fn repin(place: &Place, body: Value) -> Answer {
    place.ask("POST", "/v1/sla/repin", Some(body)).await
}

fn counts(answer: &Answer) -> [i64; 3] {
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.body["complete"], true, "{}", answer.body);
    ["tickets", "clocks", "moved"].map(|name| answer.body[name].as_i64().unwrap_or(-1))
}

/// Three tickets that were promised something under `Gold`, and now there is another policy.
async fn under_another_policy() -> Place {
    let place = place().await;
    for conversation in ["c-1", "c-2", "c-3"] {
        written(&place, conversation, HOUR).await;
    }
    assert_eq!(counts(&repin(&place, json!({})).await), [3, 0, 0]);
    under(&place, OTHER).await;
    place
}

#[tokio::test]
async fn a_preview_says_what_would_move_and_moves_nothing() {
    let place = under_another_policy().await;
    // What was promised is kept, and still counts by its own calendar.
    let before = place.ask("GET", "/v1/sla", None).await.body;
    assert_eq!(before["items"][0]["policy"], "Gold");
    let elapsed = before["items"][0]["elapsed_ms"].as_i64();
    assert!(
        elapsed.is_some_and(|elapsed| elapsed >= 3_600_000),
        "{before}"
    );
    let seen = repin(&place, json!({"limit": 2})).await;
    assert_eq!(counts(&seen), [3, 6, 0]);
    let items = seen.body["items"].as_array().expect("items");
    assert_eq!(items.len(), 2, "{}", seen.body);
    let (first, last) = (&items[0], &items[1]);
    let moved = |name: &str| first[name]["policy"].as_str().unwrap_or_default();
    assert_eq!((moved("from"), moved("to")), ("Gold", "Plain"));
    assert_eq!(first["target_after_ms"], 200 * 3_600_000);
    let due = |name: &str| Timestamp::parse(first[name].as_str().unwrap_or_default());
    assert!(due("due_before") < due("due_after"), "{first}");
    // Nothing of the kind is promised any more.
    assert_eq!(
        (&last["metric"], &last["to"]),
        (&json!("resolution"), &Value::Null)
    );
    let rest = repin(&place, json!({"limit": 9, "after": seen.body["next"]})).await;
    assert_eq!(counts(&rest), [2, 4, 0]);
    assert_eq!(rest.body["next"], Value::Null);
    let none = repin(&place, json!({"policy": "Silver"})).await;
    assert_eq!(counts(&none), [0, 0, 0]);
    let after = place.ask("GET", "/v1/sla", None).await.body;
    assert_eq!(after["items"][0]["due_at"], before["items"][0]["due_at"]);
    place.end().await;
}

#[tokio::test]
async fn whoever_operates_moves_clocks_once_and_on_record() {
    let place = under_another_policy().await;
    let seen = repin(&place, json!({"tickets": ["2"]})).await.body;
    let one = json!({"tickets": ["2"], "policy": "Gold", "preview": false});
    assert_eq!(counts(&repin(&place, one).await), [1, 2, 2]);
    let moved = place.ask("GET", "/v1/sla?ticket=2", None).await;
    assert_eq!(named(&moved), ["c-2 first_response"]);
    assert_eq!(
        moved.body["items"][0]["due_at"],
        seen["items"][0]["due_after"]
    );
    let all = json!({"preview": false});
    assert_eq!(counts(&repin(&place, all.clone()).await), [3, 4, 4]);
    assert_eq!(counts(&repin(&place, all).await), [3, 0, 0]);
    let mut left = listed(&place, "").await;
    left.sort();
    assert_eq!(
        left,
        ["c-1", "c-2", "c-3"].map(|id| format!("{id} first_response"))
    );
    let results = "/v1/results?type=sla.retargeted,sla.cancelled";
    let told = place.ask("GET", results, None).await.body;
    assert_eq!(told["items"].as_array().map(Vec::len), Some(6), "{told}");
    let path = "/v1/audit?action=clocks.repinned";
    let audit = place.ask("GET", path, None).await.body;
    let entries = audit["items"].as_array().expect("entries");
    assert_eq!(entries.len(), 3, "{audit}");
    assert!(entries.iter().all(|entry| entry["actor"]["id"] == "owner"));
    place.end().await;
}

#[tokio::test]
async fn what_cannot_be_repinned_is_refused() {
    let place = place().await;
    let denied = place
        .ask_as("t-agent", "POST", "/v1/sla/repin", Some(json!({})))
        .await;
    assert_eq!(denied.status, 403, "{}", denied.body);
    for (body, status) in [
        (json!({"tickets": ["tkt_none"]}), 404),
        (json!({"tickets": "all"}), 400),
        (json!({"limit": 0}), 400),
        (json!({"colour": "red"}), 400),
    ] {
        let answer = repin(&place, body.clone()).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
    }
    place.end().await;
}

#[tokio::test]
async fn the_report_tells_which_targets_were_kept_in_every_form() {
    let place = place().await;
    written(&place, "c-1", DAY).await;
    written(&place, "c-2", Span::from_secs(0)).await;
    for number in ["1", "2"] {
        let ticket = place
            .ask("GET", &format!("/v1/tickets/{number}"), None)
            .await
            .body;
        let path = format!(
            "/v1/tickets/{}",
            ticket["ticket_id"].as_str().expect("an id")
        );
        let done = json!({"status": "resolved", "category": "refund & <more>"});
        let done = place.ask("PATCH", &path, Some(done)).await;
        assert_eq!(done.status, 200, "{}", done.body);
    }
    let report = async |query: &str| {
        let path = format!("/v1/reports/sla{query}");
        place.ask_as("t-agent", "GET", &path, None).await
    };
    let told = report("").await;
    assert_eq!(told.status, 200, "{}", told.body);
    let [first, resolution] = [0, 1].map(|number| &told.body["items"][number]);
    assert_eq!(
        (
            &first["metric"],
            &first["met"],
            &first["breached"],
            &first["cancelled"]
        ),
        (&json!("first_response"), &json!(0), &json!(1), &json!(1)),
        "{}",
        told.body
    );
    assert_eq!(
        (&resolution["metric"], &resolution["attainment"]),
        (&json!("resolution"), &json!(1.0))
    );
    assert_eq!(told.body["total"]["attainment"], json!(0.6667));
    let by = report("?by=category&metric=resolution").await.body;
    assert_eq!(
        (&by["items"][0]["category"], &by["items"][0]["count"]),
        (&json!("refund & <more>"), &json!(2))
    );
    let early = report("?to=2020-01-01T00:00:00Z").await.body;
    assert_eq!(early["items"], json!([]));
    for (form, media) in [
        ("csv", "text/csv; charset=utf-8"),
        ("html", "text/html; charset=utf-8"),
        ("table", "text/plain; charset=utf-8"),
    ] {
        let told = report(&format!("?by=category&format={form}")).await;
        assert_eq!(
            (told.status, &told.headers["content-type"]),
            (200, &media.parse().expect("a type"))
        );
    }
    place.end().await;
}

#[tokio::test]
async fn a_report_that_cannot_be_asked_for_is_refused_with_its_field() {
    let place = place().await;
    for (query, field) in [
        ("sla?by=colour", "by"),
        ("sla?metric=odd", "metric"),
        ("sla?timezone=Mars", "timezone"),
        ("sla?format=xml", "format"),
        ("actions?by=team", "by"),
    ] {
        let wrong = place
            .ask("GET", &format!("/v1/reports/{query}"), None)
            .await;
        assert_eq!(
            (wrong.status, &wrong.body["field"]),
            (400, &json!(field)),
            "{query}: {}",
            wrong.body
        );
    }
    place.end().await;
}
