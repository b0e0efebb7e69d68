//! An unknown end, and how it is found out: by a probe, and by a person where that finds nothing.

use serde_json::{Value, json};

use super::{
    answered, broken,
    desk::{Desk, Out, ai},
};
use crate::domain::{
    execution::{Ended, Execution},
    request::RequestState,
    time::Span,
};

/// Has a parcel sent, of which nobody knows whether it went out.
fn unknown() -> (Desk, Out) {
    let mut desk = Desk::new("");
    desk.ask("r1", "post_parcel", json!({}), ai());
    let out = desk.ended("r1", 1, broken());
    (desk, out)
}

fn look(desk: &Desk) -> Execution {
    (*desk.execution("r1").expect("a look")).clone()
}

#[test]
fn an_unknown_end_is_told_and_looked_for_before_anybody_is_asked() {
    let (desk, out) = unknown();
    assert_eq!(out.kinds(), ["action.unknown", "message.send"]);
    assert_eq!(out.one("message.send")["text"], "I am looking into it.");
    assert_eq!(desk.state("r1"), RequestState::Unknown);
    let look = look(&desk);
    assert_eq!((look.look, look.attempt), (Some(1), 2));
    assert_eq!(look.due_at, desk.now().plus(Span::from_secs(5)));
    assert!(
        look.prepared.contains("/parcels/by-key/provost-r1\""),
        "it asks by the key that was sent: {}",
        look.prepared
    );
}

#[test]
fn what_a_look_finds_done_succeeds_with_what_its_answer_holds() {
    let (mut desk, _) = unknown();
    let out = desk.ended("r1", 2, answered(200, json!({"state": "sent", "id": "p1"})));
    assert_eq!(out.kinds(), ["action.succeeded", "message.send"]);
    let told = out.one("action.succeeded");
    assert_eq!(told["output"], json!({"parcel_id": "p1"}));
    assert_eq!(told["attempts"], 1, "a look is no attempt at it");
    assert!(desk.execution("r1").is_none());

    let (mut desk, _) = unknown();
    let out = desk.ended("r1", 2, answered(200, json!({"state": "sent"})));
    let told = out.one("action.succeeded");
    assert!(!told.contains_key("output"), "half of it is none");
}

#[test]
fn what_was_certainly_not_done_fails() {
    for ended in [
        answered(200, json!({"state": "void"})),
        answered(404, Value::Null),
    ] {
        let (mut desk, _) = unknown();
        let out = desk.ended("r1", 2, ended);
        assert_eq!(out.kinds(), ["action.failed"]);
        assert_eq!(out.one("action.failed")["code"], "upstream");
        assert_eq!(desk.state("r1"), RequestState::Failed);
        assert!(desk.execution("r1").is_none());
    }
}

#[test]
fn a_person_is_asked_once_every_look_has_found_nothing() {
    let (mut desk, _) = unknown();
    let first = look(&desk);
    let out = desk.ended("r1", 2, broken());
    assert_eq!(out.kinds(), [""; 0]);
    let second = look(&desk);
    assert_eq!((second.look, second.attempt), (Some(2), 3));
    assert_eq!(second.due_at, desk.now().plus(Span::from_secs(30)));
    assert_eq!(second.prepared, first.prepared);
    let out = desk.ended("r1", 2, answered(200, json!({"state": "sent"})));
    assert_eq!(out.kinds(), [""; 0], "told of a look that is over");
    let out = desk.ended("r1", 3, answered(200, json!({"state": "new"})));
    assert_eq!(out.kinds(), [""; 0]);
    let out = desk.ended("r1", 4, Ended::Open);
    assert_eq!(out.kinds(), ["conversation.escalated"]);
    assert!(desk.execution("r1").is_none());
    assert_eq!(desk.state("r1"), RequestState::Unknown);
    assert_eq!(desk.resolve("r1", false).kinds(), ["action.failed"]);
}

#[test]
fn a_system_that_says_when_to_come_again_is_looked_at_no_sooner() {
    let (mut desk, _) = unknown();
    let busy = Ended::Answered {
        status: 429,
        retry_after: Some(Span::from_secs(90)),
        body: Value::Null,
    };
    desk.ended("r1", 2, busy);
    let next = look(&desk);
    assert_eq!(next.due_at, desk.now().plus(Span::from_secs(90)));
}

#[test]
fn a_refused_credential_is_renewed_and_counts_as_no_look() {
    let (mut desk, _) = unknown();
    desk.ended("r1", 2, answered(401, Value::Null));
    let again = look(&desk);
    assert_eq!((again.look, again.was_renewed), (Some(1), true));
    assert_eq!(again.due_at, desk.now());
    desk.ended("r1", 3, answered(401, Value::Null));
    let next = look(&desk);
    assert_eq!((next.look, next.was_renewed), (Some(2), false));
}

#[test]
fn a_person_who_knows_ends_the_looking() {
    let (mut desk, _) = unknown();
    let out = desk.resolve("r1", true);
    assert_eq!(out.kinds(), ["action.succeeded", "message.send"]);
    assert!(desk.execution("r1").is_none());
    let late = desk.ended("r1", 2, answered(404, Value::Null));
    assert_eq!(late.kinds(), [""; 0]);
    assert_eq!(desk.state("r1"), RequestState::Succeeded);
}

#[test]
fn a_probe_that_is_gone_leaves_it_to_a_person() {
    let (mut desk, _) = unknown();
    desk.settings_mut().catalogue = std::sync::Arc::default();
    let out = desk.ended("r1", 2, answered(200, json!({"state": "sent"})));
    assert_eq!(out.kinds(), ["conversation.escalated"]);
    assert!(desk.execution("r1").is_none());
}
