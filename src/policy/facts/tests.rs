//! Cases of the facts: what each field reads as, and what is absent.
//!
//! Each expression is asked through a rule, as a policy would.

use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::{
    domain::{
        effect::Effect,
        ticket::{Priority, TicketStatus},
    },
    policy::testing::{facts, message, policy, request, with},
};

/// Gives what an expression over `e` shows.
fn show(expression: &str, facts: &Facts) -> String {
    let text = format!(
        "on(\"{}\", \"r\", #{{ then: |e| tag(`=${{{expression}}}`) }});",
        facts.event.kind
    );
    let policy = policy(&text);
    let (gate, verdict) = (policy.gate(facts), policy.judge(facts));
    let mut fired = gate.fired.iter().chain(&verdict.fired);
    match fired.next().and_then(|fired| fired.effects.first()) {
        Some(Effect::Tag { tag }) => tag[1..].to_owned(),
        _ => format!("{:?}{:?}", gate.failures, verdict.failures),
    }
}

fn full() -> Facts {
    let mut facts = facts(
        "conversation.message",
        json!({
            "message": {"id": "m1", "text": "hi", "language": "en", "intent": "greet", "sentiment": -0.50,
                "author": {"kind": "ai", "id": "bot", "roles": ["a", "b"]}},
            "actor": {"kind": "agent", "id": "dana"}, "reason": "because", "trigger": "flow",
            "phone": {"id": "p", "from": "+49", "to": "+1", "direction": "inbound"},
            "extra": {"deep": [{"x": 1.10}]},
        }),
    );
    facts = with(facts, |c| {
        c.customer = Arc::new(
            json!({"id": "u", "segment": "vip", "age": 7, "n": null})
                .as_object()
                .cloned()
                .expect("object"),
        );
        c.attributes = Arc::new(
            json!({"plan": "gold", "address": {"city": "Köln"}})
                .as_object()
                .cloned()
                .expect("object"),
        );
        c.tags = BTreeSet::from(["b".to_owned(), "a".to_owned()]);
        c.sentiment.add("-0.5".parse().expect("number"));
        c.sentiment.add("0.2".parse().expect("number"));
        c.open_tickets = vec!["t1".to_owned()];
        c.escalations = BTreeSet::from(["e1".to_owned()]);
        c.messages = 3;
    });
    let at = facts.state.now;
    facts.state.ticket = Some(Arc::new(Ticket {
        ticket_id: "t1".into(),
        number: 12,
        conversation_id: "c1".into(),
        subject: "s".into(),
        status: TicketStatus::InProgress,
        priority: Priority::High,
        team: Some("billing".into()),
        created_at: at,
        updated_at: at,
        ..Ticket::default()
    }));
    facts
}

#[test]
fn every_field_reads_as_it_is() {
    let facts = full();
    for (expression, shown) in [
        ("e.type", "conversation.message"),
        ("e.id", "e1"),
        ("e.source", "/chat"),
        ("e.subject", "c1"),
        ("e.time", "2026-11-21T10:00:00Z"),
        ("e.now == e.time", "true"),
        ("e.message.text", "hi"),
        ("e.message.sentiment", "-0.5"),
        ("e.message.sentiment < -0.4", "true"),
        ("e.message.author.kind", "ai"),
        ("e.message.author.roles.len()", "2"),
        ("e.actor.id", "dana"),
        ("e.actor.roles.len()", "0"),
        ("e.reason", "because"),
        ("e.trigger", "flow"),
        ("e.phone.from", "+49"),
        ("e.customer.segment", "vip"),
        ("e.customer.age + 1", "8"),
        ("e.conversation.channel", "web"),
        ("e.conversation.status", "open"),
        ("e.conversation.messages > 2", "true"),
        ("e.conversation.sentiment", "-0.150"),
        ("e.conversation.last_sentiment", "0.2"),
        ("e.conversation.open_tickets", "1"),
        ("e.conversation.escalated", "true"),
        ("\"a\" in e.conversation.tags", "true"),
        ("e.conversation.tags == [\"a\", \"b\"]", "true"),
        ("e.conversation.attributes.address.city", "Köln"),
        ("e.conversation[\"channel\"]", "web"),
        ("\"plan\" in e.conversation.attributes", "true"),
        ("e.conversation.attributes[\"plan\"]", "gold"),
        ("e.data.extra.deep[0].x", "1.1"),
        ("e.ticket.number", "12"),
        ("e.ticket.status", "in_progress"),
        ("e.ticket.team", "billing"),
        ("e.customer.keys()", "[\"age\", \"id\", \"n\", \"segment\"]"),
    ] {
        assert_eq!(show(expression, &facts), shown, "{expression}");
    }
}

#[test]
fn what_is_absent_reads_as_nothing_however_deep() {
    let mut bare = message("hi");
    bare.state.conversation = None;
    for expression in [
        "e.conversation",
        "e.conversation.messages",
        "e.conversation.customer.segment",
        "e.customer",
        "e.customer.segment",
        "e.ticket.team",
        "e.draft.category",
        "e.phone.from",
        "e.message.sentiment",
        "e.message.language",
        "e.reason",
        "e.data.x.y.z",
        "e.actor.id",
        "e.data.x[\"y\"].z",
    ] {
        let shown = show(&format!("type_of({expression})"), &bare);
        assert_eq!(shown, "()", "{expression}");
    }
    assert_eq!(show("e.customer.n == ()", &full()), "true");
    assert_eq!(show("e.message.sentiment < 0", &bare), "false");
    assert_eq!(show("e.conversation.tags ?? \"none\"", &bare), "none");
}

#[test]
fn an_unknown_field_that_only_shows_at_run_time_names_the_nearest() {
    let shown = show("e[\"\" + \"convers\" + \"tion\"]", &full());
    assert!(
        shown.contains("the event has no field `converstion`; did you mean `conversation`?"),
        "{shown}"
    );
    let shown = show("e.data.extra.deep[3]", &full());
    assert!(shown.contains("out of bounds"), "{shown}");
}

#[test]
fn the_customer_of_the_event_counts_where_the_conversation_has_none() {
    let facts = facts(
        "conversation.started",
        json!({"customer": {"id": "u", "segment": "gold"}, "channel": "web"}),
    );
    assert_eq!(show("e.customer.segment", &facts), "gold");
    assert_eq!(segment(&facts), Some("gold"));
    let other = with(facts, |c| {
        c.customer = Arc::new(
            json!({"segment": "vip"})
                .as_object()
                .cloned()
                .expect("object"),
        );
    });
    assert_eq!(show("e.customer.segment", &other), "vip");
}

#[test]
fn a_request_reads_as_it_is_and_its_parameters_keep_their_digits() {
    let mut asked = request(
        "refund",
        serde_json::from_str(r#"{"amount": 80.10, "reason": null, "lines": [{"n": 1e2}]}"#)
            .expect("valid"),
    );
    for (expression, shown) in [
        ("e.action", "refund"),
        ("e.params.amount + 0.9", "81.00"),
        ("e.params.lines[0].n", "100"),
        ("type_of(e.params.reason)", "()"),
        ("type_of(e.params.nothing.at.all)", "()"),
        ("e.actor.roles", "[\"ai\"]"),
        ("e.request.request_id", "r1"),
        ("e.request.action", "refund"),
        ("e.request.params.amount", "80.10"),
        ("e.request.actor.kind", "ai"),
        ("e.request.actor.id", "bot"),
        ("\"ai\" in e.request.actor.roles", "true"),
        ("e.request.state", "requested"),
        ("e.request.requested_at == e.now", "true"),
        ("type_of(e.request.amount)", "()"),
    ] {
        assert_eq!(show(expression, &asked), shown, "{expression}");
    }
    let mut settled = asked.state.request.as_deref().cloned().expect("one");
    settled.amount = Some("80.10".parse().expect("a number"));
    asked.state.request = Some(Arc::new(settled));
    assert_eq!(show("e.request.amount", &asked), "80.10");
    asked.state.request = None;
    for (expression, shown) in [
        ("e.action", "refund"),
        ("e.params.amount", "80.10"),
        ("type_of(e.request.actor.id)", "()"),
    ] {
        assert_eq!(show(expression, &asked), shown, "{expression}");
    }
    assert_eq!(show("type_of(e.params.amount)", &message("hi")), "()");
}
