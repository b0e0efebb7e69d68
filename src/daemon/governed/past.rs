//! What was asked for before, and what follows from it: declared histories.

use serde_json::{Value, json};

use super::{
    ORDER, answered,
    desk::{Desk, agent, ai},
    refund,
};
use crate::domain::{request::RequestState, time::Span};

const TWICE_A_DAY: &str = r#"
    on("action.requested", "Twice a day", #{
        history: #{ refunds: #{ action: "refund", by: "actor", window: "24h" } },
        then: |e| if e.action == "refund" && e.history.refunds.count >= 2 { deny("twice is enough") },
    });
"#;

const SUM: &str = r#"
    on("action.requested", "Much in a day", #{
        history: #{ refunds: #{ action: "refund", window: "24h" } },
        then: |e| if e.history.refunds.sum("amount") >= 100 { require_approval(#{ approvers: ["manager"] }) },
    });
    on("call.ringing", "Known", #{
        history: #{ refunds: #{ action: "refund", window: "24h" } },
        then: |e| if e.history.refunds.count > 0 { tag("has refunds") },
    });
"#;

fn small() -> Value {
    refund(&json!(5))
}

#[test]
fn a_rule_denies_by_the_history_that_it_declares() {
    let mut desk = Desk::new(TWICE_A_DAY);
    for id in ["r1", "r2"] {
        assert_eq!(
            desk.ask(id, "refund", small(), ai()).kinds(),
            ["action.started"]
        );
    }
    let out = desk.ask("r3", "refund", small(), ai());
    assert_eq!(out.denied(), ("rule", "twice is enough"));
    let dana = agent("dana", &["agent"]);
    let out = desk.ask("r4", "refund", small(), dana);
    assert_eq!(out.kinds(), ["action.started"], "each by itself");
    desk.pass_time(Span::from_secs(25 * 3_600));
    let out = desk.ask("r5", "refund", small(), ai());
    assert_eq!(out.kinds(), ["action.started"], "the window has moved on");
}

#[test]
fn what_was_denied_or_failed_leaves_the_history() {
    let mut desk = Desk::new(TWICE_A_DAY);
    desk.ask("r1", "refund", small(), ai());
    desk.ended("r1", 1, answered(422, json!({"error": "closed"})));
    assert_eq!(desk.state("r1"), RequestState::Failed);
    desk.ask("r2", "refund", json!({"order_id": ORDER}), ai());
    assert_eq!(desk.state("r2"), RequestState::Denied);
    for id in ["r3", "r4"] {
        desk.ask(id, "refund", small(), ai());
        assert_eq!(desk.state(id), RequestState::Executing);
    }
    assert_eq!(desk.ask("r5", "refund", small(), ai()).denied().0, "rule");
}

#[test]
fn a_request_is_no_part_of_its_own_history() {
    let mut desk = Desk::new(SUM);
    desk.ask("r1", "refund", refund(&json!(99)), ai());
    assert_eq!(desk.state("r1"), RequestState::Executing);
    desk.ask("r2", "refund", refund(&json!(1)), ai());
    assert_eq!(desk.state("r2"), RequestState::Executing);
    let out = desk.ask("r3", "refund", refund(&json!(200)), ai());
    let id = out.text("approval.requested", "approval_id");
    // Asked again after the vote: 100 as before, and not 300.
    let out = desk.vote(&id, "approve", agent("ann", &["manager"]));
    assert_eq!(out.kinds(), ["approval.decided", "action.started"]);
}

#[test]
fn rules_about_other_events_read_their_history_too() {
    let mut desk = Desk::new(SUM);
    let phone = json!({"phone": {"id": "p", "from": "+49", "to": "+48", "direction": "in"}});
    let out = desk.deliver("call.ringing", phone.clone());
    assert_eq!(out.kinds(), [""; 0]);
    desk.ask("r1", "refund", small(), ai());
    let out = desk.deliver("call.ringing", phone);
    assert_eq!(out.kinds(), ["conversation.tag"]);
}
