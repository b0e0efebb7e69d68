//! The way through: what comes out when nothing fails, and in which order.

use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{
    Daemon, Kind, Ledger, Rig, eventually,
    ledger::{event, message},
    on_both_databases,
    place::unique,
    wire::{Wire, long},
};

on_both_databases!(
    events_of_a_conversation_are_decided_in_the_order_of_publication,
    a_result_carries_the_properties_of_the_contract,
    results_go_to_reply_to_as_well,
    the_results_cursor_never_skips_and_the_stream_resumes,
    a_binary_event_is_the_same_as_a_structured_one,
    a_keyword_escalates_with_a_ticket_in_full_context,
    partitions_keep_the_order_of_each_conversation,
    events_whose_source_is_our_own_are_ignored,
    a_batch_is_stored_whole_and_counts_duplicates,
);

async fn events_of_a_conversation_are_decided_in_the_order_of_publication(kind: Kind) {
    let rig = Rig::new(kind).await;
    let daemon = rig.start().await;
    let mut ledger = Ledger::default();
    for _ in 0..5 {
        rig.deliver(&ledger.interleaved(20, 10)).await;
        rig.deliver(&ledger.messages("talkative", 100)).await;
    }
    rig.verify(&daemon, &ledger).await;
}

async fn a_result_carries_the_properties_of_the_contract(kind: Kind) {
    let rig = Rig::new(kind).await;
    let daemon = rig.start().await;
    let mut cause = message("e1", "c1", "hello");
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    cause["traceparent"] = json!(trace);
    let properties = BasicProperties::default().with_correlation_id("corr-7".into());
    rig.wire().deliver_with(&[cause], properties).await;
    let result = rig
        .wire()
        .until("the answer", |result| result.text("causationid") == "e1")
        .await;

    let event = &result.event;
    assert_eq!(event["specversion"], "1.0");
    assert_eq!(event["source"], "/provost");
    assert_eq!(event["type"], "message.send");
    assert_eq!(event["subject"], "c1");
    assert_eq!(event["data"]["text"], "echo: hello");
    assert_eq!(event["data"]["conversation_id"], "c1");
    assert!(
        event["time"].is_string() && event["sequence"].is_string(),
        "{event}"
    );
    assert_eq!(result.routing_key, "message.send");
    let properties = &result.properties;
    let text = |value: &Option<lapin::types::ShortString>| value.as_ref().map(ToString::to_string);
    assert_eq!(
        text(properties.content_type()).as_deref(),
        Some("application/cloudevents+json")
    );
    assert_eq!(
        text(properties.message_id()).as_deref(),
        event["id"].as_str()
    );
    assert_eq!(text(properties.kind()).as_deref(), Some("message.send"));
    assert_eq!(text(properties.correlation_id()).as_deref(), Some("corr-7"));
    assert_eq!(*properties.delivery_mode(), Some(2), "persistent");
    let headers = properties.headers().clone().unwrap_or_default();
    let Some(AMQPValue::LongString(parent)) = headers.inner().get("traceparent") else {
        panic!("no traceparent in {headers:?}");
    };
    let parent = String::from_utf8_lossy(parent.as_bytes()).into_owned();
    assert!(
        parent.contains("0af7651916cd43dd8448eb211c80319c"),
        "the trace goes on: {parent}"
    );
    drop(daemon);
}

async fn results_go_to_reply_to_as_well(kind: Kind) {
    let rig = Rig::new(kind).await;
    let daemon = rig.start().await;
    let mine = Wire::listen(&rig.vhost().url(), "my.answers").await;
    let mut ledger = Ledger::default();
    let asked = ledger.messages("c1", 5);
    let properties = BasicProperties::default().with_reply_to("my.answers".into());
    rig.wire().deliver_with(&asked, properties).await;
    rig.deliver(&ledger.messages("c2", 5)).await;
    rig.verify(&daemon, &ledger).await;
    eventually("five answers", async || {
        (mine.seen().len() >= 5).then_some(())
    })
    .await;
    let causes: Vec<String> = mine
        .seen()
        .iter()
        .map(|answer| answer.text("causationid").to_owned())
        .collect();
    let expected: Vec<String> = asked
        .iter()
        .map(|event| event["id"].as_str().expect("an id").to_owned())
        .collect();
    assert_eq!(causes, expected);

    // A duplicate is answered to the stored address, without naming one.
    rig.deliver(&asked[..1]).await;
    eventually("the answer once more", async || {
        let again = mine
            .seen()
            .into_iter()
            .filter(|answer| answer.text("causationid") == expected[0]);
        (again.count() == 2).then_some(())
    })
    .await;
}

async fn the_results_cursor_never_skips_and_the_stream_resumes(kind: Kind) {
    let rig = Rig::embedded(kind);
    let daemon = rig.start().await;
    let mut ledger = Ledger::default();
    let mut stream = daemon.stream("/v1/results?type=message.send", None).await;
    daemon.deliver(&ledger.interleaved(3, 10)).await;
    let mut streamed = Vec::new();
    for _ in 0..15 {
        streamed.push(stream.next().await);
    }
    let last = streamed[14].0.clone();
    drop(stream);
    let mut stream = daemon
        .stream("/v1/results?type=message.send", Some(&last))
        .await;
    daemon.deliver(&ledger.interleaved(3, 10)).await;
    for _ in 15..60 {
        streamed.push(stream.next().await);
    }
    let causes: Vec<&str> = streamed
        .iter()
        .filter_map(|(_, event)| event["causationid"].as_str())
        .collect();
    let kept = daemon.list("/v1/results?type=message.send").await;
    let listed: Vec<&str> = kept
        .iter()
        .filter_map(|event| event["causationid"].as_str())
        .collect();
    assert_eq!(causes, listed);
    rig.verify(&daemon, &ledger).await;

    let one = daemon.list("/v1/results?conversation=c1").await;
    assert_eq!(one.len(), 20);
    assert!(one.iter().all(|event| event["subject"] == "c1"), "{one:?}");
}

async fn a_binary_event_is_the_same_as_a_structured_one(kind: Kind) {
    let rig = Rig::new(kind).await;
    let daemon = rig.start().await;
    let line = rig.wire().channel().await;
    let mut ledger = Ledger::default();
    for separator in [":", "_"] {
        let whole = ledger.message("c1");
        let mut headers = FieldTable::default();
        for name in ["specversion", "id", "source", "type", "subject"] {
            let value = whole[name].as_str().expect("a text");
            headers.insert(format!("cloudEvents{separator}{name}").into(), long(value));
        }
        let properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_headers(headers);
        let body = whole["data"].to_string();
        line.publish(
            "provost.events",
            "conversation.message",
            body.as_bytes(),
            properties,
        )
        .await;
    }
    line.close().await;
    let whole = ledger.message("c1");
    rig.published(&daemon, &["c1-00002".to_owned()]).await;
    let request = crate::support::daemon::client()
        .post(format!("{}/v1/events", daemon.url()))
        .bearer_auth(daemon.token())
        .header("content-type", "application/json")
        .body(whole["data"].to_string());
    let request = ["specversion", "id", "source", "type", "subject"]
        .iter()
        .fold(request, |request, name| {
            request.header(format!("ce-{name}"), whole[*name].as_str().expect("a text"))
        });
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    rig.verify(&daemon, &ledger).await;
}

async fn a_keyword_escalates_with_a_ticket_in_full_context(kind: Kind) {
    let mut rig = Rig::new(kind).await;
    rig.settings("conversation_url = \"https://chat.example.com/c/{{conversation_id}}\"");
    let daemon = rig.start().await;
    rig.deliver(&[
        message("e1", "c1", "hello"),
        message("e2", "c1", "I want a refund, now"),
    ])
    .await;
    let escalated = rig
        .wire()
        .until("an escalation", |result| {
            result.text("type") == "conversation.escalated"
        })
        .await;
    let created = rig
        .wire()
        .until("a ticket", |result| result.text("type") == "ticket.created")
        .await;
    rig.settle(&daemon).await;

    let (escalation, ticket) = (&escalated.event["data"], &created.event["data"]);
    assert_eq!(escalated.text("causationid"), "e2");
    assert_eq!(escalation["rule"], "Refund requests");
    assert_eq!(escalation["priority"], "high");
    assert_eq!(escalation["ticket_id"], ticket["ticket_id"]);
    assert_eq!(ticket["link"], "https://chat.example.com/c/c1");
    assert_eq!(
        (&ticket["status"], &ticket["team"]),
        (&json!("open"), &json!("support"))
    );
    assert!(ticket["number"].is_number(), "{ticket}");
    let seen = rig.wire().seen();
    let of = |kind: &str| {
        seen.iter()
            .filter(|result| result.text("type") == kind && result.text("subject") == "c1")
            .count()
    };
    assert_eq!((of("conversation.escalated"), of("ticket.created")), (1, 1));
    let told = |text: &str| {
        seen.iter()
            .any(|result| result.event["data"]["text"] == text)
    };
    assert!(
        told("I am handing you to a colleague."),
        "the customer is told"
    );

    let id = ticket["ticket_id"].as_str().expect("an id");
    let stored = daemon.get(&format!("/v1/tickets/{id}")).await;
    assert!(
        stored.to_string().contains("I want a refund"),
        "the conversation is its context: {stored}"
    );
    let escalations = daemon.list("/v1/escalations").await;
    assert_eq!(escalations.len(), 1, "{escalations:?}");
    // One open ticket is joined by the next escalation.
    rig.deliver(&[message("e3", "c1", "refund! refund!")]).await;
    rig.settle(&daemon).await;
    assert_eq!(daemon.list("/v1/tickets").await.len(), 1);
}

async fn partitions_keep_the_order_of_each_conversation(kind: Kind) {
    let mut rig = Rig::bare(kind, &crate::support::Broker::common()).await;
    rig.settings("[broker]\npartitions = 4");
    let daemon = rig.start().await;
    let mut ledger = Ledger::default();
    deliver_by_subject(&rig, &ledger.interleaved(12, 20)).await;
    rig.verify_posting(&daemon, &ledger).await;
    let mut used = 0;
    for number in 0..4 {
        used += usize::from(
            rig.vhost()
                .has_queue(&format!("provost.inbox.{number}"))
                .await,
        );
    }
    assert_eq!(used, 4, "queues behind the consistent-hash exchange");
}

// Publishes with the header by which a partition is chosen.
async fn deliver_by_subject(rig: &Rig, events: &[Value]) {
    let line = rig.wire().channel().await;
    for event in events {
        let mut headers = FieldTable::default();
        headers.insert(
            "cloudEvents_subject".into(),
            long(event["subject"].as_str().expect("a text")),
        );
        let properties = BasicProperties::default()
            .with_content_type("application/cloudevents+json".into())
            .with_headers(headers);
        line.publish(
            "provost.events",
            "conversation.message",
            event.to_string().as_bytes(),
            properties,
        )
        .await;
    }
    line.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn daemons_share_the_partitions_whoever_came_first() {
    let mut rig = Rig::bare(Kind::Postgres, &crate::support::Broker::common()).await;
    rig.settings("[broker]\npartitions = 4");
    let one = rig.start_as("one", &[]).await;
    let two = rig.start_as("two", &[]).await;
    let mut ledger = Ledger::default();
    eventually("both daemons decide", async || {
        deliver_by_subject(&rig, &ledger.interleaved(12, 1)).await;
        (decided(&one).await > 0 && decided(&two).await > 0).then_some(())
    })
    .await;
    // And when one leaves, the other has all of them.
    let mut two = two;
    two.stop().await;
    deliver_by_subject(&rig, &ledger.interleaved(12, 5)).await;
    rig.verify_shared(&one, &ledger).await;
}

async fn decided(daemon: &Daemon) -> u64 {
    let status = daemon.get("/v1/status").await;
    status["since_start"]["decided"].as_u64().expect("a number")
}

async fn events_whose_source_is_our_own_are_ignored(kind: Kind) {
    let rig = Rig::new(kind).await;
    let daemon = rig.start().await;
    let mut own = message("e1", "c1", "hello");
    own["source"] = json!("/provost");
    rig.deliver(&[own]).await;
    rig.settle(&daemon).await;
    let results = rig.results(&daemon).await;
    assert!(
        results.iter().all(|event| event["subject"] != "c1"),
        "{results:?}"
    );
    assert!(daemon.list("/v1/parked").await.is_empty());
}

async fn a_batch_is_stored_whole_and_counts_duplicates(kind: Kind) {
    let rig = Rig::embedded(kind);
    let daemon = rig.start().await;
    let mut ledger = Ledger::default();
    let events = ledger.interleaved(4, 25);
    let (status, answer) = daemon.post(&events).await;
    assert_eq!(
        (status, answer),
        (
            StatusCode::ACCEPTED,
            json!({"accepted": 100, "duplicates": 0})
        )
    );
    let more = [&events[90..], &ledger.messages("c9", 5)[..]].concat();
    let (status, answer) = daemon.post(&more).await;
    assert_eq!(
        (status, answer),
        (
            StatusCode::ACCEPTED,
            json!({"accepted": 5, "duplicates": 10})
        )
    );
    rig.verify(&daemon, &ledger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_token_nothing_is_told_or_taken() {
    let rig = Rig::embedded(Kind::Sqlite);
    let daemon = rig.start().await;
    let client = crate::support::daemon::client();
    for (method, path) in [
        (Method::POST, "/v1/events"),
        (Method::GET, "/v1/results"),
        (Method::GET, "/v1/audit"),
    ] {
        for token in [None, Some("wrong")] {
            let mut request = client.request(method.clone(), format!("{}{path}", daemon.url()));
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            let answer = request.send().await.expect("an answer");
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{path}");
            let kind = answer.headers()["content-type"]
                .to_str()
                .expect("text")
                .to_owned();
            assert!(kind.starts_with("application/problem+json"), "{kind}");
        }
    }
    for path in ["/healthz", "/readyz", "/metrics"] {
        let answer = client
            .get(format!("{}{path}", daemon.url()))
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_four_triggers_escalate_and_an_agent_settles() {
    let rig = Rig::new(Kind::Sqlite).await;
    let daemon = rig.start().await;
    let agent = json!({"kind": "agent", "id": "dana", "roles": ["agent"]});
    for trigger in ["customer", "flow", "takeover", "ai"] {
        let conversation = format!("by-{trigger}");
        let data = json!({"trigger": trigger, "actor": agent, "reason": "please"});
        rig.deliver(&[event(
            &unique("esc"),
            "escalation.requested",
            &conversation,
            &data,
        )])
        .await;
        let escalated = rig
            .wire()
            .until("an escalation", |result| {
                result.text("type") == "conversation.escalated"
                    && result.text("subject") == conversation
            })
            .await;
        assert_eq!(escalated.event["data"]["trigger"], trigger);
        let id = escalated.event["data"]["escalation_id"].clone();
        for kind in ["escalation.acknowledged", "escalation.settled"] {
            let data: Value = json!({"escalation_id": id, "actor": agent});
            rig.deliver(&[event(&unique("esc"), kind, &conversation, &data)])
                .await;
            rig.wire()
                .until(kind, |result| {
                    result.text("type") == kind && result.text("subject") == conversation
                })
                .await;
        }
    }
    let id = "esc_nothing";
    let data = json!({"escalation_id": id, "actor": agent});
    rig.deliver(&[event("lost", "escalation.settled", "by-ai", &data)])
        .await;
    let rejected = rig
        .wire()
        .until("the refusal", |result| {
            result.text("type") == "event.rejected" && result.event["data"]["event_id"] == "lost"
        })
        .await;
    assert_eq!(rejected.event["data"]["reason"], "unknown_reference");
    drop(daemon);
}
