//! What is out of the usual: flagged without any rule, told once, and never a denial.

use serde_json::json;

use super::{
    answered,
    desk::{Desk, Out, agent, ai, customer},
    refund,
};
use crate::domain::{request::RequestState, time::Span};

const HOUR: Span = Span::from_secs(3_600);
const WEEK: Span = Span::from_secs(168 * 3_600);
const TOLD: [&str; 2] = ["anomaly.detected", "action.started"];

/// Asks for so many refunds, each for another amount, and gives what the last one led to.
fn refunds(desk: &mut Desk, name: &str, count: u32) -> Out {
    let ask = |number: u32| {
        let params = refund(&json!(number));
        desk.ask(&format!("{name}-{number}"), "refund", params, ai())
    };
    let mut outs: Vec<Out> = (1..=count).map(ask).collect();
    outs.pop().expect("one at least")
}

#[test]
fn anomaly_detection_flags_unusual_patterns_automatically() {
    let mut desk = Desk::new("");
    for week in 0..5 {
        for amount in [90, 100] {
            let id = format!("week-{week}-{amount}");
            desk.ask(&id, "refund", refund(&json!(amount)), ai());
        }
        desk.pass_time(WEEK);
    }
    let out = refunds(&mut desk, "calm", 5);
    assert_eq!(out.kinds(), ["action.started"]);
    let params = refund(&json!(6));
    let out = desk.ask("spike-1", "refund", params, ai());
    assert_eq!(out.kinds(), TOLD, "no rule says anything about it");
    let told = out.one("anomaly.detected");
    assert_eq!(
        (&told["anomaly"], &told["value"]),
        (&json!("default:count"), &json!(6))
    );
    assert_eq!(
        (&told["measure"], &told["expected"]),
        (&json!("count"), &json!(0))
    );
    assert!(told["score"].as_f64().is_some_and(|score| score > 4.0));
    assert_eq!(told["key"], r#"["actor:ai:bot","refund",null]"#);
    let out = desk.ask("spike-2", "refund", refund(&json!(7)), ai());
    assert_eq!(out.kinds(), ["action.started"], "told once an hour");
}

#[test]
fn until_there_is_a_history_a_fixed_cap_stands_in() {
    let mut desk = Desk::new("");
    let out = refunds(&mut desk, "a", 60);
    assert_eq!(out.kinds(), ["action.started"]);
    let out = desk.ask("b", "refund", refund(&json!(61)), ai());
    assert_eq!(out.kinds(), TOLD);
    let told = out.one("anomaly.detected");
    assert_eq!((&told["expected"], told.get("score")), (&json!(60), None));
    desk.pass_time(HOUR);
    let out = refunds(&mut desk, "c", 60);
    assert_eq!(out.kinds(), ["action.started"], "each hour by itself");
}

#[test]
fn the_same_request_again_and_again_is_a_loop() {
    let mut desk = Desk::new("");
    let again = |desk: &mut Desk, number: u32| {
        desk.ask(&format!("r{number}"), "refund", refund(&json!(5)), ai())
    };
    for number in 1..=5 {
        assert_eq!(again(&mut desk, number).kinds(), ["action.started"]);
    }
    let out = again(&mut desk, 6);
    assert_eq!(out.kinds(), TOLD);
    assert_eq!(out.one("anomaly.detected")["anomaly"], "default:repeat");
}

const LOOPS: &str = r#"
    anomaly("Loops", #{ action: "refund", measure: "repeat", cap: 2, require_approval: true });
    anomaly("Sums", #{ action: "refund", measure: "sum", field: "amount", cap: 20.5 });
"#;

#[test]
fn a_flag_has_people_decide_and_never_denies() {
    let mut desk = Desk::new(LOOPS);
    let again = |desk: &mut Desk, id: &str| desk.ask(id, "refund", refund(&json!(5)), ai());
    again(&mut desk, "r1");
    assert_eq!(again(&mut desk, "r2").kinds(), ["action.started"]);
    let out = again(&mut desk, "r3");
    assert_eq!(
        out.kinds(),
        [
            "anomaly.detected",
            "approval.requested",
            "action.awaiting_approval"
        ]
    );
    assert_eq!(desk.request("r3").expect("there").flagged_by, ["Loops"]);
    let id = out.text("approval.requested", "approval_id");
    let out = again(&mut desk, "r4");
    assert_eq!(
        out.kinds(),
        ["approval.requested", "action.awaiting_approval"],
        "told once, asked each time"
    );
    let out = desk.vote(&id, "approve", agent("ann", &["manager"]));
    assert_eq!(out.kinds(), ["approval.decided", "action.started"]);
    let out = again(&mut desk, "r5");
    assert_eq!(out.one("anomaly.detected")["anomaly"], "Sums");
    assert_eq!(out.one("anomaly.detected")["value"], json!(25));
    assert_eq!(desk.state("r5"), RequestState::AwaitingApproval);
}

#[test]
fn what_was_flagged_still_waits_after_the_customer_said_yes() {
    let policy = r#"anomaly("Discounts", #{ action: "discount", measure: "count", cap: 1, require_approval: true });"#;
    let mut desk = Desk::new(policy);
    for (id, is_flagged) in [("r1", false), ("r2", true)] {
        desk.ask(id, "discount", json!({"percent": id.len()}), ai());
        assert_eq!(desk.state(id), RequestState::AwaitingConfirmation);
        let yes = json!({"request_id": id, "actor": customer()});
        desk.deliver("action.confirmed", yes);
        let waits = desk.state(id) == RequestState::AwaitingApproval;
        assert_eq!(waits, is_flagged, "{id}");
    }
}

#[test]
fn what_is_only_tried_or_denied_counts_for_nothing() {
    let policy = r#"anomaly("Few", #{ action: "refund", measure: "count", cap: 2 });"#;
    let mut desk = Desk::new(policy);
    for number in 0..5 {
        let data = json!({"request_id": "try", "action": "refund", "params": refund(&json!(number + 1)), "actor": ai(), "dry_run": true});
        desk.deliver("action.requested", data);
        let id = format!("no-{number}");
        desk.ask(&id, "refund", refund(&json!(number + 1)), customer());
        assert_eq!(desk.state(&id), RequestState::Denied);
    }
    assert_eq!(refunds(&mut desk, "r", 2).kinds(), ["action.started"]);
    let out = desk.ask("r3", "refund", refund(&json!(3)), ai());
    assert_eq!(out.kinds(), TOLD);
    desk.ended("r3", 1, answered(200, json!({"id": 1})));
    assert_eq!(desk.state("r3"), RequestState::Succeeded);
}

#[test]
fn an_approver_who_waves_everything_through_is_flagged() {
    let policy = r#"anomaly("Waves through", #{ measure: "approval_rate", by: "actor", cap: 2 });"#;
    let mut desk = Desk::new(policy);
    let mut decide = |number: usize, decision: &str, who: &str| {
        let params = refund(&json!(500 + number));
        let out = desk.ask(&format!("r{number}"), "big_refund", params, ai());
        let id = out.text("approval.requested", "approval_id");
        let out = desk.vote(&id, decision, agent(who, &["manager"]));
        out.kinds().contains(&"anomaly.detected")
    };
    let ann: Vec<bool> = (0..4).map(|n| decide(n, "approve", "ann")).collect();
    assert_eq!(ann, [false, false, true, false], "told once an hour");
    assert!(!decide(4, "reject", "bob"));
    let bob: Vec<bool> = (5..9).map(|n| decide(n, "approve", "bob")).collect();
    assert_eq!(bob, [false; 4], "who rejects now and then looks");
}
