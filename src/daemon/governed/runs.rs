//! Procedures under way: what a run says, asks and has done, and how it ends, on a world in memory.

#![expect(
    clippy::needless_pass_by_value,
    reason = "the tests are read more easily without borrows"
)]

mod acts;

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    answered,
    desk::{Desk, Out, agent, ai, customer},
};
use crate::{
    decide::{
        ProcedureArchived, ProcedureWritten, RunDue, RunMoved, VersionStopped, procedure_subject,
    },
    domain::{
        execution::Ended,
        ids::SubjectId,
        procedure::{
            Definition, Matcher,
            version::{Published, Source, Stage, Version},
        },
        request::RequestState,
        run::{Run, RunState, StatedBy},
        time::Span,
    },
};

const REFUND: &str = r#"
display_name: Refund
trigger_description: When a customer asks for a refund
steps:
  - { id: hello, type: message, content: "Hello {{customer.name}}." }
  - { id: ask, type: collect_input, variable: order_id, prompt: "Which order?", max_tries: 2 }
  - { id: why, type: collect_input, variable: reason, prompt: "Why?" }
  - { id: look, type: api_call, url: "https://api.example.com/orders/{{order_id}}?why={{reason}}", response_variable: order }
  - { id: fork, type: condition, variable: order.refundable, operator: equals, value: true, then: open, else: sorry }
  - { id: open, type: internal_action, action: create_ticket, approval: require, params: { subject: "Refund: Order #{{order_id}}", description: "{{reason}}", priority: HIGH } }
  - { id: told, type: message, content: "Submitted (Ticket #{{ticketId}}).", next: end }
  - { id: sorry, type: escalate, reason: "Order {{order_id}} is not eligible." }
"#;

fn published(text: &str) -> Arc<Published> {
    let definition = Definition::parse(text).expect("valid");
    let version = Version {
        slug: definition.slug.clone(),
        version: 0,
        stage: Stage::Active,
        source: Source::Api,
        definition: definition.text.clone(),
        changed_at: crate::domain::time::Timestamp::default(),
        changed_by: String::new(),
        stopped: None,
    };
    Arc::new(Published {
        version,
        definition,
    })
}

/// Publishes a definition.
fn publish(desk: &mut Desk, text: &str) {
    let published = published(text);
    let subject = SubjectId::from(procedure_subject(&published.version.slug));
    desk.about(subject, ProcedureWritten { published });
}

/// A desk with a customer who talks on the web, and a published definition.
fn with(policy: &str, text: &str) -> Desk {
    let mut desk = Desk::new(policy);
    publish(&mut desk, text);
    let ada = json!({"id": "ada", "name": "Ada"});
    desk.deliver(
        "conversation.started",
        json!({"channel": "web", "customer": ada}),
    );
    desk
}

fn start(desk: &mut Desk, slug: &str, variables: Value) -> Out {
    let data = json!({"procedure": slug, "variables": variables, "actor": ai()});
    desk.deliver("procedure.requested", data)
}

fn say(desk: &mut Desk, text: &str) -> Out {
    let message = json!({"id": "m1", "text": text, "author": customer()});
    desk.deliver("conversation.message", json!({"message": message}))
}

/// Gives what the customer was told, in order.
fn said(out: &Out) -> Vec<String> {
    let texts = out.all("message.send").into_iter();
    texts
        .map(|data| data["text"].as_str().expect("a text").to_owned())
        .collect()
}

/// Gives the one run that there is.
fn run(desk: &Desk) -> Arc<Run> {
    let mut runs = desk.world().runs.values().flatten();
    let run = runs.next().cloned().expect("a run");
    assert!(runs.next().is_none(), "one run");
    run
}

/// Gives the request that the run waits for.
fn awaited(desk: &Desk) -> String {
    run(desk).request_id.clone().expect("a request")
}

/// Brings a refund up to the call of the orders' system.
fn up_to_call(desk: &mut Desk) -> String {
    start(desk, "refund", json!({}));
    say(desk, "4711");
    say(desk, "broken");
    awaited(desk)
}

#[test]
#[expect(clippy::too_many_lines, reason = "a long story")]
fn a_refund_goes_from_the_wish_to_the_approved_ticket() {
    let mut desk = with("", REFUND);
    let out = start(&mut desk, "refund", json!({}));
    assert_eq!(said(&out), ["Hello Ada.", "Which order?"]);
    assert_eq!(
        out.text("procedure.awaiting_input", "prompt"),
        "Which order?"
    );
    assert_eq!(out.one("procedure.started")["version"], 1);
    assert_eq!(said(&say(&mut desk, "4711")), ["Why?"]);
    let out = say(&mut desk, "it broke");
    assert_eq!(said(&out), [""; 0]);
    let call = awaited(&desk);
    let sent = desk.execution(&call).expect("an execution");
    assert_eq!(sent.integration, "https://api.example.com");
    assert!(
        sent.prepared
            .contains("https://api.example.com/orders/4711?why=it%20broke"),
        "{}",
        sent.prepared
    );
    let out = desk.ended(&call, 1, answered(200, json!({"refundable": true})));
    let asked = out.one("approval.requested").clone();
    assert_eq!(asked["approvers"], json!(["agent"]));
    let context = &asked["context"];
    assert_eq!(context["procedure"], "refund");
    assert_eq!(context["procedure_name"], "Refund");
    let summary = asked["summary"].as_str().expect("a text");
    assert!(
        summary.starts_with("create_ticket for Refund: "),
        "{summary}"
    );
    assert_eq!(context["step"], "open");
    let variables = &context["variables"];
    assert_eq!(
        variables["order_id"],
        json!({"value": "4711", "from": "customer"})
    );
    assert_eq!(variables["order"]["from"], "api");
    assert!(
        out.kinds().contains(&"procedure.awaiting_approval"),
        "{:?}",
        out.kinds()
    );
    let id = asked["approval_id"].as_str().expect("an id").to_owned();
    let out = desk.vote(&id, "approve", agent("dana", &["agent"]));
    assert_eq!(said(&out), ["Submitted (Ticket #1)."]);
    let done = out.one("procedure.completed");
    assert_eq!(done["variables"]["ticketId"], 1);
    let ticket = out.one("ticket.created");
    assert_eq!(ticket["subject"], "Refund: Order #4711");
    assert_eq!(ticket["priority"], "high");
    assert_eq!(
        ticket["context"]["analysis"]["variables"]["reason"],
        "it broke"
    );
    let run = run(&desk);
    assert_eq!(run.state, RunState::Completed);
    let steps: Vec<&str> = run.trail.iter().map(|passed| &*passed.step).collect();
    assert_eq!(
        steps,
        ["hello", "ask", "why", "look", "fork", "open", "told"]
    );
    assert_eq!(desk.conversation().run, None);
    assert_eq!(
        said(&say(&mut desk, "thanks")),
        [""; 0],
        "the conversation goes on"
    );
}

#[test]
fn a_rejection_hands_over_with_its_reason() {
    let mut desk = with("", REFUND);
    let call = up_to_call(&mut desk);
    let out = desk.ended(&call, 1, answered(200, json!({"refundable": "true"})));
    let id = out.text("approval.requested", "approval_id");
    let data = json!({
        "approval_id": id, "decision": "reject", "reason": "bought too long ago",
        "actor": agent("dana", &["agent"]),
    });
    let out = desk.deliver("approval.decided", data);
    assert_eq!(
        out.text("procedure.escalated", "error"),
        "rejected: bought too long ago"
    );
    let escalated = out.one("conversation.escalated");
    assert_eq!(escalated["trigger"], "procedure");
    assert_eq!(
        escalated["reason"],
        "procedure `refund`: rejected: bought too long ago"
    );
    assert_eq!(out.all("conversation.transfer").len(), 1);
    assert!(out.all("ticket.created").is_empty());
    assert_eq!(run(&desk).state, RunState::Escalated);
}

#[test]
fn the_other_branch_says_its_text_and_opens_no_ticket() {
    let mut desk = with("", REFUND);
    let call = up_to_call(&mut desk);
    let out = desk.ended(&call, 1, answered(200, json!({"refundable": false})));
    let transfer = out.one("conversation.transfer");
    assert_eq!(transfer["message"], "Order 4711 is not eligible.");
    assert!(out.all("approval.requested").is_empty());
    assert_eq!(run(&desk).state, RunState::Escalated);
}

#[test]
fn an_answer_that_came_early_is_kept_for_the_next_question() {
    let text = r#"
display_name: Look
trigger_description: x
steps:
  - { id: look, type: api_call, url: "https://api.example.com/", response_variable: a }
  - { id: ask, type: collect_input, variable: email, prompt: "Your address?", validation: email }
  - { id: told, type: message, content: "{{email}}" }
"#;
    let mut desk = with("", text);
    start(&mut desk, "look", json!({}));
    assert_eq!(said(&say(&mut desk, "ada@example.com")), [""; 0]);
    let call = awaited(&desk);
    let out = desk.ended(&call, 1, answered(200, json!({})));
    assert_eq!(said(&out), ["ada@example.com"]);
    assert_eq!(run(&desk).variables["email"].from, StatedBy::Customer);
}

#[test]
fn what_is_no_answer_repeats_the_question_and_then_calls_a_person() {
    let mut desk = with("", REFUND);
    start(&mut desk, "refund", json!({}));
    assert_eq!(said(&say(&mut desk, " ")), ["Which order?"]);
    let out = say(&mut desk, "");
    assert_eq!(
        out.text("procedure.escalated", "error"),
        "the answer is empty, for the 2nd time"
    );
}

#[test]
fn the_customer_ends_it_and_what_waits_for_people_is_withdrawn() {
    let mut desk = with("", REFUND);
    let call = up_to_call(&mut desk);
    let out = desk.ended(&call, 1, answered(200, json!({"refundable": true})));
    let id = out.text("approval.requested", "approval_id");
    let out = say(&mut desk, "Cancel");
    assert_eq!(out.text("approval.cancelled", "reason"), "procedure");
    assert_eq!(out.text("approval.cancelled", "approval_id"), id);
    assert_eq!(
        out.text("procedure.cancelled", "error"),
        "the customer cancelled"
    );
    assert_eq!(desk.state(&awaited(&desk)), RequestState::Cancelled);
    let late = desk.vote(&id, "approve", agent("dana", &["agent"]));
    assert_eq!(late.text("event.rejected", "reason"), "settled");
    assert!(late.all("ticket.created").is_empty());
}

#[test]
fn a_person_who_takes_over_and_the_end_of_the_conversation_end_it() {
    let takeover = json!({"trigger": "takeover", "actor": agent("dana", &["agent"])});
    for (kind, data, why) in [
        ("escalation.requested", takeover, "a person takes over"),
        ("conversation.ended", json!({}), "the conversation is over"),
    ] {
        let mut desk = with("", REFUND);
        start(&mut desk, "refund", json!({}));
        let out = desk.deliver(kind, data);
        assert_eq!(out.text("procedure.cancelled", "error"), why);
        assert_eq!(run(&desk).state, RunState::Cancelled);
    }
}

#[test]
fn somebody_who_may_cancels_a_run_and_a_stranger_does_not() {
    let mut desk = with("", REFUND);
    start(&mut desk, "refund", json!({}));
    let id = run(&desk).run_id.clone();
    let by = |actor: Value| json!({"run_id": id, "actor": actor, "reason": "wrong one"});
    let stranger = json!({"kind": "ai", "id": "other", "roles": ["ai"]});
    let out = desk.deliver("procedure.cancelled", by(stranger));
    assert_eq!(out.text("event.rejected", "reason"), "forbidden");
    let out = desk.deliver("procedure.cancelled", by(agent("dana", &["agent"])));
    assert_eq!(out.text("procedure.cancelled", "error"), "wrong one");
    let out = desk.deliver("procedure.cancelled", by(ai()));
    assert_eq!(out.text("event.rejected", "reason"), "settled");
}

#[test]
fn one_run_at_a_time_and_only_of_what_is_active() {
    let mut desk = with("", REFUND);
    let out = start(&mut desk, "refnd", json!({}));
    let detail = out.text("event.rejected", "detail");
    assert!(detail.contains("did you mean `refund`?"), "{detail}");
    start(&mut desk, "refund", json!({}));
    let out = start(&mut desk, "refund", json!({}));
    assert_eq!(out.text("event.rejected", "reason"), "illegal_move");
    let nobody = json!({"kind": "customer", "id": "ada"});
    let out = desk.deliver(
        "procedure.requested",
        json!({"procedure": "refund", "actor": nobody}),
    );
    assert_eq!(out.text("event.rejected", "reason"), "forbidden");
}

#[test]
fn a_run_ends_on_its_version_unless_it_is_moved_or_stopped() {
    let mut desk = with("", REFUND);
    start(&mut desk, "refund", json!({}));
    publish(&mut desk, &REFUND.replace("Why?", "For which reason?"));
    assert_eq!(said(&say(&mut desk, "4711")), ["Why?"]);
    let id = run(&desk).run_id.clone();
    desk.about(
        SubjectId::from("c1"),
        RunMoved {
            run_id: id,
            version: 2,
        },
    );
    assert_eq!(run(&desk).version, 2);
    let stop = |why: Option<&str>| VersionStopped {
        slug: "refund".to_owned(),
        version: 2,
        why: why.map(str::to_owned),
    };
    let subject = SubjectId::from(procedure_subject("refund"));
    desk.about(subject.clone(), stop(Some("it pays twice")));
    let out = say(&mut desk, "broken");
    assert_eq!(
        out.text("procedure.failed", "error"),
        "the procedure was stopped: it pays twice"
    );
    let out = start(&mut desk, "refund", json!({}));
    let detail = out.text("event.rejected", "detail");
    assert!(detail.contains("it pays twice"), "{detail}");
    desk.about(subject.clone(), stop(None));
    let archived = ProcedureArchived {
        slug: "refund".to_owned(),
        source: Source::Api,
    };
    desk.about(subject, archived);
    let out = start(&mut desk, "refund", json!({}));
    assert_eq!(out.text("event.rejected", "reason"), "unknown_reference");
}

#[test]
fn a_run_that_lasts_too_long_is_handed_over() {
    let mut desk = with("", REFUND);
    start(&mut desk, "refund", json!({}));
    let run_id = run(&desk).run_id.clone();
    let early = desk.about(SubjectId::from("c1"), RunDue { run_id });
    assert!(early.kinds().is_empty(), "{:?}", early.kinds());
    let day = Span::from_secs(86_400);
    for _ in 0..29 {
        assert!(desk.wait(day).all("procedure.failed").is_empty());
    }
    let out = desk.wait(day);
    let error = out.text("procedure.failed", "error");
    assert_eq!(error, "it has lasted 30d");
    assert_eq!(out.all("conversation.transfer").len(), 1);
    assert_eq!(out.one("conversation.escalated")["trigger"], "procedure");
    assert!(desk.wait(day).kinds().is_empty(), "once");
}

#[test]
fn a_run_whose_time_is_up_takes_back_what_it_asked_of_people() {
    let mut desk = with("", REFUND);
    desk.settings_mut().procedures.max_age = Span::from_secs(3_600);
    let call = up_to_call(&mut desk);
    let out = desk.ended(&call, 1, answered(200, json!({"refundable": true})));
    let id = out.text("approval.requested", "approval_id");
    let out = desk.wait(Span::from_secs(3_600));
    assert_eq!(out.text("approval.cancelled", "approval_id"), id);
    assert_eq!(out.text("procedure.failed", "error"), "it has lasted 1h");
    assert_eq!(desk.state(&awaited(&desk)), RequestState::Cancelled);
    assert_eq!(run(&desk).state, RunState::Failed);
}

#[test]
fn nothing_goes_on_with_what_an_erased_person_has_said() {
    let mut desk = with("", REFUND);
    let call = up_to_call(&mut desk);
    let out = desk.ended(&call, 1, answered(200, json!({"refundable": true})));
    let id = out.text("approval.requested", "approval_id");
    let out = desk.erase("ada");
    let error = out.text("procedure.cancelled", "error");
    assert_eq!(error, "the person was erased");
    assert_eq!(out.text("approval.cancelled", "approval_id"), id);
    let shown = format!("{out:?}");
    for stated in ["Ada", "4711", "broken"] {
        assert!(!shown.contains(stated), "`{stated}` in {shown}");
    }
    assert_eq!(run(&desk).state, RunState::Cancelled);
    assert_eq!(desk.conversation().run, None);
    assert_eq!(desk.state(&awaited(&desk)), RequestState::Cancelled);
    let late = desk.vote(&id, "approve", agent("dana", &["agent"]));
    assert!(late.all("ticket.created").is_empty());
    assert_eq!(said(&say(&mut desk, "4712")), [""; 0]);
}

#[test]
fn a_call_that_ends_after_the_person_was_erased_moves_nothing() {
    let mut desk = with("", REFUND);
    let call = up_to_call(&mut desk);
    desk.erase("ada");
    let out = desk.ended(&call, 1, answered(200, json!({"refundable": true})));
    assert!(out.all("approval.requested").is_empty());
    assert_eq!(run(&desk).state, RunState::Cancelled);
    assert!(!run(&desk).variables.contains_key("order"));
}

#[test]
fn rules_and_actions_start_procedures() {
    let policy = r#"on("conversation.message", "Refunds", #{ when: |e| e.message.text == "money back", then: |e| start_procedure("refund", #{ order_id: "A-9" }) });"#;
    let mut desk = with(policy, REFUND);
    let out = say(&mut desk, "money back");
    assert_eq!(said(&out), ["Hello Ada.", "Which order?"]);
    let run = run(&desk);
    assert_eq!(run.actor.id, "rule:Refunds");
    assert_eq!(run.variables["order_id"].from, StatedBy::Rule);
    let mut desk = with("", REFUND);
    let out = desk.ask("r1", "begin_refund", json!({"order_id": "A-9"}), ai());
    assert_eq!(said(&out), ["Hello Ada.", "Which order?"]);
    assert_eq!(
        out.one("action.succeeded")["output"]["run_id"],
        self::run(&desk).run_id
    );
    let out = desk.ask("r2", "begin_refund", json!({"order_id": "A-9"}), ai());
    assert!(out.text("action.failed", "reason").contains("is under way"));
}

#[test]
fn the_customers_words_start_what_they_ask_for_and_a_tie_is_asked_about() {
    let other = r#"
display_name: Order status
trigger_description: When a customer wants to check their order status
steps:
  - { id: ask, type: collect_input, variable: order_id, prompt: "Which number?" }
"#;
    let exchange = r#"
display_name: Exchange
trigger_description: When a customer wants an exchange or asks for a refund
steps:
  - { id: ask, type: collect_input, variable: order_id, prompt: "Exchange what?" }
"#;
    let lexical = |desk: &mut Desk| desk.settings_mut().procedures.matcher = Matcher::Lexical;
    let mut desk = with("", REFUND);
    publish(&mut desk, other);
    assert_eq!(
        said(&say(&mut desk, "I want a refund")),
        [""; 0],
        "it is off"
    );
    lexical(&mut desk);
    assert_eq!(said(&say(&mut desk, "Hello there")), [""; 0]);
    let out = say(&mut desk, "I want a refund");
    assert_eq!(said(&out), ["Hello Ada.", "Which order?"]);
    assert_eq!(run(&desk).actor.id, "ada");
    for (answer, first) in [("2", "Exchange what?"), ("exchange", "Exchange what?")] {
        let mut desk = with("", REFUND);
        publish(&mut desk, exchange);
        lexical(&mut desk);
        let out = say(&mut desk, "a refund, please");
        let question = said(&out).join("");
        assert!(
            question.starts_with("Which of these is it about?\n1. "),
            "{question}"
        );
        let place = if question.contains("2. Exchange") {
            "2"
        } else {
            "1"
        };
        let answer = if answer == "2" { place } else { answer };
        assert_eq!(said(&say(&mut desk, answer)), [first]);
    }
    let mut desk = with("", REFUND);
    lexical(&mut desk);
    let trigger = json!({"trigger": "customer", "actor": customer()});
    desk.deliver("escalation.requested", trigger);
    assert_eq!(
        said(&say(&mut desk, "I want a refund")),
        [""; 0],
        "a person is wanted"
    );
}
