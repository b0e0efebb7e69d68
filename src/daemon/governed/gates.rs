//! What the policy's gates do to a request: limits, thresholds, rules that say no, and gates
//! that fail.

use serde_json::{Value, json};

use super::{
    answered,
    desk::{Desk, agent, ai},
    refund,
};
use crate::domain::{request::RequestState, time::Span};

const LIMITED: &str = r#"
    limit("Refunds in all", #{
        action: "refund", by: "everyone", window: "30d",
        max_sum: 200, field: "amount", max_each: 80,
    });
    limit("Refunds of the assistant", #{
        action: "refund", roles: ["ai"], by: "conversation", window: "1h", max_count: 3,
        otherwise: "approval", approvers: ["manager"],
    });
    approval("Large refunds", #{
        action: "refund", field: "amount", above: 60, approvers: ["manager"], required: 1,
    });
"#;

#[test]
fn refund_limits_reserve_release_and_keep() {
    let mut desk = Desk::new(LIMITED);
    let out = desk.ask("r0", "refund", refund(&json!(81)), agent("lee", &["agent"]));
    assert_eq!(out.denied().0, "limit_exceeded");
    assert_eq!(out.one("action.denied")["rule"], "Refunds in all");
    for id in ["r1", "r2", "r3"] {
        let out = desk.ask(id, "refund", refund(&json!(60)), agent("lee", &["agent"]));
        assert_eq!(out.kinds(), ["action.started"], "{id}");
    }
    let more = |desk: &mut Desk, id: &str| {
        let out = desk.ask(id, "refund", refund(&json!(30)), agent("lee", &["agent"]));
        out.kinds().join(" ")
    };
    assert_eq!(
        more(&mut desk, "r4"),
        "action.denied",
        "180 of 200 are reserved"
    );
    // Done and unknown keep what they hold; a failure gives it back.
    desk.ended("r1", 1, answered(200, json!({"id": 1})));
    assert_eq!(more(&mut desk, "r5"), "action.denied");
    desk.ended("r2", 1, answered(422, Value::Null));
    assert_eq!(more(&mut desk, "r6"), "action.started");
    // What leaves the window makes room.
    desk.pass_time(Span::from_secs(31 * 24 * 3_600));
    assert_eq!(more(&mut desk, "r7"), "action.started");
}

#[test]
fn beyond_a_limit_people_decide_and_what_they_let_pass_counts() {
    let mut desk = Desk::new(LIMITED);
    for id in ["r1", "r2", "r3"] {
        assert_eq!(
            desk.ask(id, "refund", refund(&json!(1)), ai()).kinds(),
            ["action.started"]
        );
    }
    let out = desk.ask("r4", "refund", refund(&json!(1)), ai());
    let id = out.text("approval.requested", "approval_id");
    let out = desk.vote(&id, "approve", agent("ann", &["manager"]));
    assert_eq!(out.kinds(), ["approval.decided", "action.started"]);
    let held = desk.request("r4").expect("a request").reserved.clone();
    assert!(
        held.iter()
            .any(|held| held.limit == "Refunds of the assistant"),
        "{held:?}"
    );
}

#[test]
fn thresholds_gate_by_value_and_no_text_slips_under_one() {
    let mut desk = Desk::new(LIMITED);
    let out = desk.ask("r1", "refund", refund(&json!(60)), ai());
    assert_eq!(out.kinds(), ["action.started"]);
    let out = desk.ask("r2", "refund", refund(&json!(60.01)), ai());
    assert!(out.kinds().contains(&"approval.requested"));
    // `discount` takes what `refund`'s schema would refuse, so the policy itself must.
    let policy = LIMITED.replace("\"refund\"", "\"discount\"");
    for amount in [json!("5"), json!(null), json!(true)] {
        let mut desk = Desk::new(&policy);
        desk.any_params("discount");
        let out = desk.ask("r1", "discount", json!({"amount": amount}), ai());
        assert_eq!(out.denied().0, "limit_unreadable", "{amount}");
        let out = desk.ask("r2", "discount", json!({}), ai());
        assert_eq!(out.denied().0, "limit_unreadable");
    }
}

#[test]
fn a_gate_that_fails_is_no_permission() {
    let policy = r#"
        on("action.requested", "Odd", #{
            when: |e| e.request.action == "refund",
            then: |e| if e.params.amount > e.params.missing { [deny("no")] } else { [] },
        });
    "#;
    let mut desk = Desk::new(policy);
    let out = desk.ask("r1", "refund", refund(&json!(5)), ai());
    assert!(
        out.kinds().contains(&"approval.requested"),
        "{:?}",
        out.kinds()
    );
    assert!(out.kinds().contains(&"rule.failed"), "{:?}", out.kinds());
    assert_eq!(desk.state("r1"), RequestState::AwaitingApproval);
}

#[test]
fn rules_deny_with_their_reason_and_ask_the_customer() {
    let policy = r#"
        on("action.requested", "Closed", #{
            then: |e| if e.request.action == "ship" { [deny("the warehouse is closed")] }
                      else { [require_confirmation("Really?")] },
        });
    "#;
    let mut desk = Desk::new(policy);
    let out = desk.ask("r1", "ship", json!({}), ai());
    assert_eq!(out.denied(), ("rule", "the warehouse is closed"));
    assert_eq!(out.one("action.denied")["rule"], "Closed");
    let out = desk.ask("r2", "refund", refund(&json!(1)), ai());
    assert_eq!(out.one("action.awaiting_confirmation")["prompt"], "Really?");
}

#[test]
fn an_approval_counts_its_time_in_its_calendar_and_the_earliest_end_holds() {
    const HOURS: &str = r#"calendar("office", #{ timezone: "UTC", hours: #{ mon_fri: ["09:00-17:00"] } });
        "#;
    // The desk's clock stands at Saturday, 10:00.
    for (rules, expires_at) in [
        (
            r#"approval("a", #{ action: "refund", expires_after: "4h" });"#,
            "2026-11-21T14:00:00Z",
        ),
        (
            r#"approval("a", #{ action: "refund", calendar: "office", expires_after: "4h", remind_after: "30m" });"#,
            "2026-11-23T13:00:00Z",
        ),
        (
            r#"approval("a", #{ action: "refund", expires_after: "48h" });"#,
            "2026-11-23T10:00:00Z",
        ),
        (
            r#"approval("a", #{ action: "refund", calendar: "office", target: "1h" });"#,
            "2026-11-22T10:00:00Z",
        ),
        (
            r#"approval("a", #{ action: "refund", expires_after: "48h" }); approval("b", #{ action: "refund" });"#,
            "2026-11-22T10:00:00Z",
        ),
    ] {
        let mut desk = Desk::new(&format!("{HOURS}{rules}"));
        let out = desk.ask("r1", "refund", refund(&json!(30)), ai());
        let asked = out.one("approval.requested");
        assert_eq!(asked["expires_at"], expires_at, "{rules}");
        let id = out.text("approval.requested", "approval_id");
        desk.pass_time(Span::from_secs(45 * 60));
        assert_eq!(
            desk.due(&id).kinds(),
            [""; 0],
            "nothing is due on a Saturday"
        );
        if rules.contains("remind_after") {
            desk.pass_time(Span::from_secs(47 * 3_600));
            assert_eq!(desk.due(&id).kinds(), ["approval.reminded"]);
        }
    }
}
