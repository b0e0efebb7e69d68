//! Tickets over the API: found by words and filters, commented on, closed as something; and the whole
//! context of the conversation on them.

use serde_json::{Value, json};

use crate::http::testing::{Answer, Place};

async fn post(place: &Place, path: &str, body: Value) -> Answer {
    place.ask_as("t-agent", "POST", path, Some(body)).await
}

async fn opened(place: &Place, wanted: Value) -> String {
    let made = post(place, "/v1/tickets", wanted).await;
    assert_eq!(made.status, 201, "{}", made.body);
    made.body["ticket_id"].as_str().expect("an id").to_owned()
}

async fn numbers(place: &Place, query: &str) -> Vec<i64> {
    let listed = place
        .ask("GET", &format!("/v1/tickets?{query}"), None)
        .await;
    assert_eq!(listed.status, 200, "{}", listed.body);
    let items = listed.body["items"].as_array().expect("items").iter();
    items.filter_map(|item| item["number"].as_i64()).collect()
}

#[tokio::test]
async fn internal_team_comments_are_invisible_to_the_customer() {
    let place = Place::start().await;
    let id = opened(
        &place,
        json!({"subject": "Lost parcel", "conversation_id": "c-1"}),
    )
    .await;
    let path = format!("/v1/tickets/{id}/comments");
    let made = post(&place, &path, json!({"body": "a difficult one"})).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.body["internal"], true);
    assert_eq!(made.body["by"], json!({"kind": "agent", "id": "dana"}));
    // The number that people use names it as well.
    let told = json!({"body": "we are looking into it", "internal": false});
    assert_eq!(
        post(&place, "/v1/tickets/1/comments", told).await.status,
        201
    );
    let listed = place.ask_as("t-agent", "GET", &path, None).await.body;
    let bodies: Vec<&str> = listed["items"]
        .as_array()
        .expect("items")
        .iter()
        .filter_map(|item| item["body"].as_str())
        .collect();
    assert_eq!(bodies, ["a difficult one", "we are looking into it"]);
    let shown = place.ask("GET", &format!("/v1/tickets/{id}"), None).await;
    assert_eq!(shown.body["comments"], 2);
    let results = place.ask("GET", "/v1/results", None).await.body.to_string();
    assert!(!results.contains("difficult"), "{results}");
    assert!(results.contains("looking into it"), "{results}");
    // That something was said is on record, what was said is not.
    let audit = place
        .ask("GET", "/v1/audit?action=ticket.commented", None)
        .await
        .body;
    assert_eq!(audit["items"].as_array().map(Vec::len), Some(2), "{audit}");
    assert_eq!(audit["items"][1]["effects"][0]["internal"], true);
    assert!(!audit.to_string().contains("difficult"), "{audit}");
    for (body, field) in [
        (json!({"body": " "}), "body"),
        (json!({"body": "x", "internal": "no"}), "internal"),
        (json!({"body": "x", "actor": {}}), "actor"),
    ] {
        let refused = post(&place, &path, body).await;
        assert_eq!(
            (refused.status, &refused.body["field"]),
            (400, &json!(field))
        );
    }
    place.end().await;
}

#[tokio::test]
async fn a_ticket_is_merged_and_both_say_so() {
    let place = Place::start().await;
    let source = opened(&place, json!({"subject": "Lost", "conversation_id": "c-1"})).await;
    let target = opened(
        &place,
        json!({"subject": "Parcel", "conversation_id": "c-2"}),
    )
    .await;
    let number = place
        .ask("GET", &format!("/v1/tickets/{target}"), None)
        .await
        .body["number"]
        .clone();
    let path = format!("/v1/tickets/{source}/closure");
    let none = post(&place, &path, json!({"as": "merged"})).await;
    assert_eq!((none.status, &none.body["field"]), (400, &json!("into")));
    let unknown = post(&place, &path, json!({"as": "merged", "into": "tkt_none"})).await;
    assert_eq!(unknown.status, 404, "{}", unknown.body);
    let done = post(&place, &path, json!({"as": "merged", "into": number})).await;
    assert_eq!(done.status, 200, "{}", done.body);
    assert_eq!(
        (
            &done.body["status"],
            &done.body["closed_as"],
            &done.body["merged_into"]
        ),
        (&json!("closed"), &json!("merged"), &json!(target))
    );
    let shown = place
        .ask("GET", &format!("/v1/tickets/{target}"), None)
        .await;
    assert_eq!(
        shown.body["merged_from"],
        json!([{"ticket_id": source, "number": 1}])
    );
    let again = post(&place, &path, json!({"as": "spam"})).await;
    assert_eq!(
        (again.status, &again.body["reason"]),
        (409, &json!("settled"))
    );
    let reopened = place
        .ask_as(
            "t-agent",
            "PATCH",
            &format!("/v1/tickets/{source}"),
            Some(json!({"status": "open"})),
        )
        .await;
    assert_eq!(reopened.status, 409);
    assert_eq!(
        reopened.body["detail"],
        "ticket 1 is closed as merged, which is for good: it cannot become open"
    );
    place.end().await;
}

#[tokio::test]
async fn an_illegal_move_is_a_problem_that_names_both_states() {
    let place = Place::start().await;
    let id = opened(&place, json!({"subject": "Lost"})).await;
    let patch = async |body: Value| {
        let path = format!("/v1/tickets/{id}");
        place.ask_as("t-agent", "PATCH", &path, Some(body)).await
    };
    patch(json!({"status": "closed"})).await;
    let refused = patch(json!({"status": "resolved"})).await;
    assert_eq!(
        (refused.status, &refused.body["detail"]),
        (409, &json!("ticket 1 is closed, it cannot become resolved"))
    );
    let cleared = patch(json!({"assignee": "owner"})).await;
    assert_eq!(cleared.body["assignee"], "owner");
    let cleared = patch(json!({"assignee": null})).await;
    assert!(cleared.body.get("assignee").is_none(), "{}", cleared.body);
    place.end().await;
}

#[tokio::test]
async fn tickets_are_found_by_words_together_with_every_filter() {
    let place = Place::start().await;
    let event = crate::http::testing::message("e-1", "c-1", "I want a refund");
    assert_eq!(place.post("t-owner", &event).await.status, 202);
    opened(
        &place,
        json!({"subject": "Lost parcel", "tags": ["DHL"], "conversation_id": "c-1"}),
    )
    .await;
    opened(
        &place,
        json!({"subject": "Broken lamp", "assignee": "owner"}),
    )
    .await;
    let said = json!({"body": "the parcel was found"});
    post(&place, "/v1/tickets/3/comments", said).await;
    for (query, expected) in [
        ("q=parcel", &[3, 2][..]),
        ("q=PARC%20dhl", &[2]),
        ("q=parcel&unassigned=true", &[2]),
        ("q=parcel&assignee=owner", &[3]),
        ("q=eve", &[2, 1]),
        ("q=parcel&limit=1&after=3", &[2]),
        ("customer=cus-1", &[2, 1]),
        ("status=open,waiting&q=lamp", &[3]),
        ("status=resolved,closed", &[]),
        ("created_from=2020-01-01T00:00:00Z", &[3, 2, 1]),
        ("created_to=2020-01-01T00:00:00Z", &[]),
    ] {
        assert_eq!(numbers(&place, query).await, expected, "{query}");
    }
    for (query, field) in [
        ("q=%20!", "q"),
        (
            "q=a%20b%20c%20d%20e%20f%20g%20h%20i%20j%20k%20l%20m%20n%20o%20p%20q",
            "q",
        ),
        ("status=open,lost", "status"),
        ("unassigned=true&assignee=dana", "unassigned"),
    ] {
        let refused = place
            .ask("GET", &format!("/v1/tickets?{query}"), None)
            .await;
        assert_eq!(
            (refused.status, &refused.body["field"]),
            (400, &json!(field)),
            "{query}"
        );
    }
    place.end().await;
}

#[tokio::test]
async fn a_ticket_from_a_conversation_has_its_full_context() {
    let place = Place::start().await;
    let event = |id: usize, kind: &str, data: Value| json!({"specversion": "1.0", "id": id.to_string(), "source": "/chat", "type": kind, "subject": "c-1", "data": data});
    let author = json!({"kind": "customer", "id": "ada"});
    let customer = json!({"id": "ada", "name": "Ada", "tier": "gold"});
    let mut events = vec![
        event(
            0,
            "conversation.started",
            json!({"channel": "whatsapp", "customer": customer}),
        ),
        event(
            1,
            "conversation.updated",
            json!({"analysis": {"topic": "delivery"}, "attributes": {"order_id": "A-1"}, "tags_added": ["vip"]}),
        ),
    ];
    events.extend((2..15).map(|n| {
        let message = json!({"id": format!("m{n}"), "text": format!("word {n}"), "author": author,
            "intent": if n == 9 { "track_order" } else { "smalltalk" }, "sentiment": -0.5});
        event(n, "conversation.message", json!({"message": message}))
    }));
    assert_eq!(place.post("t-owner", &json!(events)).await.status, 202);
    let id = opened(
        &place,
        json!({"subject": "Where is it?", "conversation_id": "c-1"}),
    )
    .await;
    let shown = place.ask("GET", &format!("/v1/tickets/{id}"), None).await;
    let context = &shown.body["context"];
    assert_eq!(context["channel"], "whatsapp");
    assert_eq!(context["customer"], customer);
    let messages = context["messages"].as_array().expect("messages");
    let ids: Vec<&str> = messages
        .iter()
        .filter_map(|message| message["id"].as_str())
        .collect();
    assert_eq!(
        ids,
        [
            "m5", "m6", "m7", "m8", "m9", "m10", "m11", "m12", "m13", "m14"
        ]
    );
    assert!(messages[0]["time"].is_string());
    assert_eq!(
        context["analysis"],
        json!({"topic": "delivery", "intent": "smalltalk", "sentiment": -0.5, "sentiment_average": -0.5,
            "tags": ["vip"], "attributes": {"order_id": "A-1"}})
    );
    assert_eq!(shown.body["created_by"], "agent:dana");
    place.end().await;
}

#[tokio::test]
async fn resolved_today_counts_what_is_still_so() {
    let place = Place::start().await;
    for (subject, statuses, closed_as) in [
        ("done", &["resolved"][..], None),
        ("archived", &["resolved", "closed"], None),
        ("back again", &["resolved", "open"], None),
        ("junk", &["resolved"], Some("spam")),
        ("at work", &["in_progress"], None),
    ] {
        let id = opened(&place, json!({"subject": subject})).await;
        for status in statuses {
            let path = format!("/v1/tickets/{id}");
            let body = json!({"status": status});
            place.ask_as("t-agent", "PATCH", &path, Some(body)).await;
        }
        if let Some(closed_as) = closed_as {
            let path = format!("/v1/tickets/{id}/closure");
            assert_eq!(
                post(&place, &path, json!({"as": closed_as})).await.status,
                200
            );
        }
    }
    let counts = place.ask("GET", "/v1/tickets/counts", None).await.body;
    let count = |name: &str| counts[name].as_i64().expect("a number");
    assert_eq!(
        [
            count("open"),
            count("in_progress"),
            count("resolved_today"),
            count("closed_today")
        ],
        [1, 1, 2, 1]
    );
    place.end().await;
}
