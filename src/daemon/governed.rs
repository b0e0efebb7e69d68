//! The governed path, held against what it promises: by cases, on a world in memory.
//!
//! Events go in as they would from anywhere, ends of attempts as dispatch would tell them;
//! what comes out is compared, and where the request stands.

mod channels;
mod delegations;
mod desk;
mod gates;
mod looks;
mod past;
mod runs;
mod shared;
mod tickets;
mod turns;
mod votes;
mod watch;

use serde_json::{Value, json};

use self::desk::{Desk, agent, ai, customer};
use crate::domain::{execution::Ended, request::RequestState, time::Span};

const ORDER: &str = "A-1";

fn refund(amount: &Value) -> Value {
    json!({"order_id": ORDER, "amount": amount})
}

fn answered(status: u16, body: Value) -> Ended {
    Ended::Answered {
        status,
        retry_after: None,
        body,
    }
}

fn broken() -> Ended {
    Ended::Broken {
        detail: "no answer in time".to_owned(),
    }
}

#[test]
fn what_no_action_is_called_is_denied_with_the_nearest_name() {
    let mut desk = Desk::new("");
    let out = desk.ask("r1", "refnd", refund(&json!(5)), ai());
    assert_eq!(
        out.denied(),
        (
            "unknown_action",
            "there is no action `refnd`; did you mean `refund`?"
        )
    );
}

#[test]
fn everything_wrong_with_the_parameters_is_told_at_once() {
    let mut desk = Desk::new("");
    let out = desk.ask("r1", "refund", json!({"amount": "5", "more": 1}), ai());
    assert_eq!(out.denied().0, "invalid_params");
    let errors = out.one("action.denied")["errors"].clone();
    let paths: Vec<&str> = errors
        .as_array()
        .expect("errors")
        .iter()
        .map(|error| error["path"].as_str().expect("a path"))
        .collect();
    assert_eq!(paths.len(), 3, "{errors}");
    assert!(paths.contains(&"amount"), "{errors}");
}

#[test]
fn role_based_access_denies_whoever_the_action_does_not_name() {
    let mut desk = Desk::new("");
    let out = desk.ask("r1", "refund", refund(&json!(5)), customer());
    assert_eq!(out.denied().0, "forbidden");
    let out = desk.ask(
        "r2",
        "refund",
        refund(&json!(5)),
        agent("dana", &["viewer"]),
    );
    assert_eq!(out.denied().0, "forbidden");
    let out = desk.ask("r3", "refund", refund(&json!(5)), agent("dana", &["agent"]));
    assert_eq!(out.kinds(), ["action.started"]);
}

#[test]
fn an_auto_action_is_sent_with_its_row_committed_first_and_told_once() {
    let mut desk = Desk::new("");
    let out = desk.ask("r1", "refund", refund(&json!(5)), ai());
    assert_eq!(out.kinds(), ["action.started"]);
    let execution = desk.execution("r1").expect("an execution");
    assert_eq!(execution.attempt, 1);
    assert!(
        execution.prepared.contains("provost-r1"),
        "the key is in what is stored"
    );
    let out = desk.ended("r1", 1, answered(201, json!({"id": "rf_9"})));
    assert_eq!(out.kinds(), ["action.succeeded", "message.send"]);
    assert_eq!(
        out.one("action.succeeded")["output"],
        json!({"refund_id": "rf_9"})
    );
    assert_eq!(out.one("message.send")["text"], "Done: 5 is on its way.");
    assert_eq!(desk.state("r1"), RequestState::Succeeded);
    // Told again, as after a crash: nothing more.
    assert_eq!(desk.ended("r1", 1, broken()).kinds(), [""; 0]);
}

#[test]
fn a_request_id_names_one_request_for_good() {
    let mut desk = Desk::new("");
    desk.ask("r1", "refund", refund(&json!(5)), ai());
    assert_eq!(
        desk.ask("r1", "refund", refund(&json!(5)), ai()).kinds(),
        [""; 0]
    );
    let out = desk.ask("r1", "refund", refund(&json!(6)), ai());
    assert_eq!(out.one("event.rejected")["reason"], "id_reused");
}

#[test]
fn the_customer_is_asked_first_and_only_the_customer_answers() {
    let mut desk = Desk::new("");
    let out = desk.ask("r1", "discount", json!({"percent": 5}), ai());
    assert_eq!(
        out.kinds(),
        ["action.awaiting_confirmation", "message.send"]
    );
    assert_eq!(
        out.one("message.send")["text"],
        "Shall I take 5 percent off?"
    );
    let out = desk.deliver(
        "action.confirmed",
        json!({"request_id": "r1", "actor": ai()}),
    );
    assert_eq!(out.one("event.rejected")["reason"], "forbidden");
    let out = desk.deliver(
        "action.confirmed",
        json!({"request_id": "r1", "actor": customer()}),
    );
    assert_eq!(out.kinds(), ["action.started"]);
    let out = desk.deliver(
        "action.declined",
        json!({"request_id": "r1", "actor": customer()}),
    );
    assert_eq!(out.one("event.rejected")["reason"], "illegal_move");
}

#[test]
fn a_declined_action_never_runs() {
    let mut desk = Desk::new("");
    desk.ask("r1", "discount", json!({"percent": 5}), ai());
    let out = desk.deliver(
        "action.declined",
        json!({"request_id": "r1", "actor": customer()}),
    );
    assert_eq!(out.denied().0, "declined");
    let out = desk.deliver(
        "action.confirmed",
        json!({"request_id": "r1", "actor": customer()}),
    );
    assert_eq!(out.one("event.rejected")["reason"], "settled");
    assert!(desk.execution("r1").is_none());
}

#[test]
fn an_approval_gate_waits_for_two_distinct_people_and_never_for_who_asked() {
    let mut desk = Desk::new("");
    let dana = agent("dana", &["agent", "manager"]);
    let out = desk.ask("r1", "big_refund", refund(&json!(500)), dana.clone());
    assert_eq!(
        out.kinds(),
        [
            "approval.requested",
            "action.awaiting_approval",
            "message.send"
        ]
    );
    let id = out.text("approval.requested", "approval_id");
    assert_eq!(out.one("approval.requested")["required"], 2);
    let vote = |desk: &mut Desk, actor: Value| desk.vote(&id, "approve", actor);
    assert_eq!(
        vote(&mut desk, dana).one("event.rejected")["reason"],
        "forbidden"
    );
    assert_eq!(
        vote(&mut desk, ai()).one("event.rejected")["reason"],
        "forbidden"
    );
    let out = vote(&mut desk, agent("lee", &["agent"]));
    assert_eq!(out.one("event.rejected")["reason"], "forbidden");
    let ann = agent("ann", &["manager"]);
    assert_eq!(vote(&mut desk, ann.clone()).kinds(), [""; 0]);
    assert_eq!(
        vote(&mut desk, ann).one("event.rejected")["reason"],
        "settled"
    );
    assert_eq!(desk.state("r1"), RequestState::AwaitingApproval);
    let out = vote(&mut desk, agent("bob", &["manager"]));
    assert_eq!(out.kinds(), ["approval.decided", "action.started"]);
    let by = out.one("approval.decided")["by"].clone();
    let by: Vec<&str> = by
        .as_array()
        .expect("votes")
        .iter()
        .filter_map(|vote| vote["actor"]["id"].as_str())
        .collect();
    assert_eq!(by, ["ann", "bob"]);
    let out = vote(&mut desk, agent("cid", &["manager"]));
    assert_eq!(out.one("event.rejected")["reason"], "settled");
}

#[test]
fn a_rejection_carries_its_reason_and_hands_the_conversation_to_a_person() {
    let mut desk = Desk::new("");
    let out = desk.ask("r1", "big_refund", refund(&json!(500)), ai());
    let id = out.text("approval.requested", "approval_id");
    let out = desk.deliver(
        "approval.decided",
        json!({"approval_id": id, "decision": "reject", "reason": "too old", "actor": agent("ann", &["manager"])}),
    );
    assert_eq!(
        out.kinds(),
        [
            "approval.decided",
            "action.denied",
            "conversation.transfer",
            "conversation.escalated"
        ]
    );
    assert_eq!(out.denied(), ("rejected", "rejected: too old"));
    assert_eq!(out.one("conversation.transfer")["to"], "human");
    let late = desk.vote(&id, "approve", agent("bob", &["manager"]));
    assert_eq!(late.one("event.rejected")["reason"], "settled");
    assert!(desk.execution("r1").is_none());
}

#[test]
fn nobody_in_time_means_no() {
    let mut desk = Desk::new("");
    let out = desk.ask("r1", "big_refund", refund(&json!(500)), ai());
    let id = out.text("approval.requested", "approval_id");
    assert_eq!(desk.due(&id).kinds(), [""; 0], "not yet");
    desk.pass_time(Span::from_secs(24 * 3_600));
    let out = desk.due(&id);
    assert_eq!(
        out.kinds(),
        ["approval.expired", "action.denied", "message.send"]
    );
    assert_eq!(out.denied().0, "expired");
    let late = desk.vote(&id, "approve", agent("ann", &["manager"]));
    assert_eq!(late.one("event.rejected")["reason"], "settled");
}

#[test]
fn a_resolved_conversation_cancels_what_waits_in_it() {
    let mut desk = Desk::new("");
    desk.ask("r1", "big_refund", refund(&json!(500)), ai());
    let out = desk.deliver("conversation.resolved", json!({}));
    assert_eq!(out.kinds(), ["approval.cancelled", "action.cancelled"]);
    assert_eq!(out.one("approval.cancelled")["reason"], "conversation");
    assert_eq!(desk.state("r1"), RequestState::Cancelled);
}

#[test]
fn who_asked_may_withdraw_and_a_stranger_may_not() {
    let mut desk = Desk::new("");
    desk.ask("r1", "big_refund", refund(&json!(500)), ai());
    let out = desk.deliver(
        "action.cancelled",
        json!({"request_id": "r1", "actor": customer()}),
    );
    assert_eq!(out.one("event.rejected")["reason"], "forbidden");
    let out = desk.deliver(
        "action.cancelled",
        json!({"request_id": "r1", "actor": ai()}),
    );
    assert_eq!(out.kinds(), ["approval.cancelled", "action.cancelled"]);
    assert_eq!(out.one("approval.cancelled")["reason"], "withdrawn");
}

#[test]
fn an_ambiguous_end_is_retried_only_where_a_key_is_honoured() {
    let mut desk = Desk::new("");
    desk.ask("r1", "refund", refund(&json!(5)), ai());
    assert_eq!(desk.ended("r1", 1, broken()).kinds(), [""; 0]);
    let again = desk.execution("r1").expect("another attempt");
    assert_eq!((again.attempt, again.was_ambiguous), (2, true));
    desk.ended("r1", 2, answered(200, json!({"id": 1})));
    assert_eq!(desk.state("r1"), RequestState::Succeeded);

    desk.ask("r2", "ship", json!({}), ai());
    let out = desk.ended("r2", 1, broken());
    assert_eq!(out.kinds(), ["action.unknown", "conversation.escalated"]);
    assert_eq!(desk.state("r2"), RequestState::Unknown);
    assert!(desk.execution("r2").is_none(), "nothing is sent again");
}

#[test]
fn what_a_dead_daemon_had_is_never_taken_for_fresh() {
    let mut desk = Desk::new("");
    desk.ask("r1", "ship", json!({}), ai());
    desk.ended("r1", 1, Ended::Adopted);
    assert_eq!(desk.state("r1"), RequestState::Unknown);
}

#[test]
fn a_person_settles_what_nobody_knew() {
    let mut desk = Desk::new("");
    desk.ask("r1", "ship", json!({}), ai());
    desk.ended("r1", 1, broken());
    let out = desk.resolve("r1", true);
    assert_eq!(out.kinds(), ["action.succeeded"]);
    let out = desk.resolve("r1", false);
    assert_eq!(out.one("event.rejected")["reason"], "settled");
}

#[test]
fn a_refusal_ends_it_and_says_so() {
    let mut desk = Desk::new("");
    desk.ask("r1", "refund", refund(&json!(5)), ai());
    let out = desk.ended("r1", 1, answered(422, json!({"error": "closed"})));
    assert_eq!(out.kinds(), ["action.failed", "message.send"]);
    assert_eq!(out.one("action.failed")["code"], "upstream");
}

#[test]
fn an_answer_that_is_not_what_was_promised_is_a_failure_of_its_own() {
    let mut desk = Desk::new("");
    desk.ask("r1", "refund", refund(&json!(5)), ai());
    let out = desk.ended("r1", 1, answered(200, json!({"other": 1})));
    assert_eq!(out.one("action.failed")["code"], "output");
}

#[test]
fn a_credential_is_renewed_once() {
    let mut desk = Desk::new("");
    desk.ask("r1", "refund", refund(&json!(5)), ai());
    desk.ended("r1", 1, answered(401, Value::Null));
    let again = desk.execution("r1").expect("another attempt");
    assert!(again.was_renewed && again.attempt == 2);
    let out = desk.ended("r1", 2, answered(401, Value::Null));
    assert_eq!(out.one("action.failed")["code"], "upstream");
}

#[test]
fn every_action_is_reversible_in_parts_that_sum_to_no_more_than_the_whole() {
    let mut desk = Desk::new("");
    desk.ask("r1", "refund", refund(&json!(10)), ai());
    desk.ended("r1", 1, answered(200, json!({"id": "x"})));
    let manager = agent("ann", &["manager"]);
    let undo = |desk: &mut Desk, part: &Value, by: &Value| {
        desk.deliver(
            "action.reversal_requested",
            json!({"request_id": "r1", "reason": "wrong", "actor": by, "params": {"amount": part}}),
        )
    };
    let out = undo(&mut desk, &json!(4), &ai());
    assert_eq!(out.one("event.rejected")["reason"], "forbidden");
    let out = undo(&mut desk, &json!(11), &manager);
    assert_eq!(out.one("event.rejected")["reason"], "illegal_move");
    let out = undo(&mut desk, &json!(4), &manager);
    assert_eq!(out.kinds(), ["action.started"]);
    assert_eq!(desk.state("r1"), RequestState::Reversing);
    let child = out.text("action.started", "request_id");
    let again = undo(&mut desk, &json!(1), &manager);
    assert_eq!(
        again.one("event.rejected")["reason"],
        "illegal_move",
        "one at a time"
    );
    let out = desk.ended(&child, 1, answered(200, json!({})));
    assert_eq!(out.kinds(), ["action.succeeded", "action.reversed"]);
    assert_eq!(out.one("action.reversed")["partial"], true);
    assert_eq!(out.one("action.reversed")["request_id"], "r1");
    let out = undo(&mut desk, &json!(7), &manager);
    assert_eq!(
        out.one("event.rejected")["reason"],
        "illegal_move",
        "7 on top of 4"
    );
    let out = undo(&mut desk, &json!(6), &manager);
    let child = out.text("action.started", "request_id");
    let out = desk.ended(&child, 1, answered(422, json!({})));
    assert_eq!(out.kinds(), ["action.failed", "action.reversal_failed"]);
    assert_eq!(desk.state("r1"), RequestState::PartlyReversed);
    let out = undo(&mut desk, &json!(6), &manager);
    let child = out.text("action.started", "request_id");
    desk.ended(&child, 1, answered(200, json!({})));
    assert_eq!(desk.state("r1"), RequestState::Reversed);
}

#[test]
fn a_dry_run_tells_what_would_happen_and_does_nothing() {
    let mut desk = Desk::new("");
    let mut data = json!({"request_id": "r1", "action": "big_refund", "params": refund(&json!(500)), "actor": ai(), "dry_run": true});
    let out = desk.deliver("action.requested", data.clone());
    assert_eq!(out.kinds(), ["action.previewed"]);
    assert_eq!(out.one("action.previewed")["outcome"], "awaiting_approval");
    data["action"] = json!("nothing");
    let out = desk.deliver("action.requested", data);
    assert_eq!(out.one("action.previewed")["outcome"], "denied");
    assert!(desk.request("r1").is_none());
}

#[test]
fn built_in_actions_are_done_by_the_house_at_once() {
    let mut desk = Desk::new("");
    let out = desk.ask("r1", "log_issue", json!({"subject": "broken"}), ai());
    assert_eq!(
        out.kinds(),
        ["action.started", "ticket.created", "action.succeeded"]
    );
    let out = desk.ask("r2", "lead", json!({"email": "a@b.example"}), ai());
    assert_eq!(
        out.kinds(),
        ["action.started", "lead.created", "action.succeeded"]
    );
    let out = desk.ask("r3", "hand_over", json!({"reason": "complex"}), ai());
    assert_eq!(
        out.kinds(),
        [
            "action.started",
            "conversation.transfer",
            "action.succeeded",
            "conversation.escalated"
        ]
    );
    let out = desk.ask("r4", "tones", json!({"digits": "12#"}), ai());
    assert_eq!(out.one("call.dtmf")["digits"], "12#");
}

#[test]
fn a_rule_asks_along_the_same_path_as_everybody() {
    let policy = r#"
        on("call.ringing", "Look up the caller", #{
            then: |e| [run_action("refund", #{order_id: "A-1", amount: 3})]
        });
    "#;
    let mut desk = Desk::new(policy);
    let phone = json!({"id": "p", "from": "+49", "to": "+48", "direction": "in"});
    let out = desk.deliver("call.ringing", json!({"phone": phone}));
    assert_eq!(
        out.denied().0,
        "forbidden",
        "`refund` does not name the role `rule`"
    );
    let policy = policy.replace("refund", "look_up");
    let mut desk = Desk::new(&policy.replace(", amount: 3", ""));
    let out = desk.deliver("call.ringing", json!({"phone": phone}));
    let id = out.text("action.started", "request_id");
    let out = desk.ended(&id, 1, answered(200, json!({"status": "sent"})));
    assert_eq!(out.kinds(), ["action.succeeded"]);
    let kept = desk.conversation().attributes.clone();
    assert_eq!(
        kept["order_status"], "sent",
        "what was looked up before the call is at hand"
    );
}

#[test]
fn too_few_people_left_to_decide_escalates_at_once() {
    let mut desk = Desk::new("");
    desk.settings_mut().names_others = false;
    let out = desk.ask("r1", "big_refund", refund(&json!(500)), ai());
    assert!(
        out.kinds().contains(&"conversation.escalated"),
        "{:?}",
        out.kinds()
    );
}

#[test]
fn a_calculation_is_exact_and_its_mistake_is_a_failure() {
    let policy = r#"
        function("quote", #{ answer: |p| #{ total: p.pieces * p.price } });
    "#;
    let mut desk = Desk::new(policy);
    let params = r#"{"pieces": 3, "price": 0.10}"#;
    let params: Value = serde_json::from_str(params).expect("JSON");
    let out = desk.ask("r1", "quote", params, ai());
    assert_eq!(out.kinds(), ["action.started", "action.succeeded"]);
    assert_eq!(
        out.one("action.succeeded")["output"]["total"].to_string(),
        "0.30"
    );
    let out = desk.ask("r2", "quote", json!({"pieces": 3}), ai());
    assert_eq!(out.one("action.failed")["code"], "upstream");
}
