//! Whatever the order of votes, time-outs, withdrawals and redeliveries: a rejection never ends
//! in an execution, and nothing that needs two people runs with fewer.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    delegations::handed,
    desk::{Desk, agent, ai, customer},
    refund,
};
use crate::domain::{request::RequestState, time::Span};

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    /// Somebody votes: who, and whether for it.
    Vote(usize, bool),
    /// The same request comes again.
    Again,
    /// Time passes; so many hours.
    Hours(i64),
    /// The clock looks at the approval.
    Due,
    /// Somebody withdraws it.
    Withdraw(bool),
    /// The conversation is over.
    Resolved,
    /// The customer says yes, unasked.
    Confirmed,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..VOTERS.len(), prop::bool::weighted(0.8)).prop_map(|(who, yes)| Step::Vote(who, yes)),
        1 => Just(Step::Again),
        1 => (1..20_i64).prop_map(Step::Hours),
        1 => Just(Step::Due),
        1 => any::<bool>().prop_map(Step::Withdraw),
        1 => Just(Step::Resolved),
        1 => Just(Step::Confirmed),
    ]
}

/// Who votes, with which roles; `lee` asks. `fay` stands in for `ann`, `gus` for `lee`.
const VOTERS: [(&str, &[&str]); 8] = [
    ("ann", &["manager"]),
    ("bob", &["manager"]),
    ("cid", &["manager", "agent"]),
    ("dan", &["agent"]),
    ("eve", &["viewer"]),
    ("fay", &["agent"]),
    ("gus", &["agent"]),
    ("lee", &["agent", "manager"]),
];

/// Who counts when somebody votes.
fn counting(name: &'static str) -> &'static str {
    if name == "fay" { "ann" } else { name }
}

fn asker() -> Value {
    agent("lee", &["agent", "manager"])
}

proptest! {
    #[test]
    fn a_recorded_rejection_never_ends_in_an_execution(
        steps in prop::collection::vec(step(), 1..25)
    ) {
        let mut desk = Desk::new("");
        for (id, from, to) in [("dlg_1", "ann", "fay"), ("dlg_2", "lee", "gus")] {
            let out = desk.delegate(id, agent(from, &["admin"]), handed(&desk, to));
            prop_assert_eq!(out.kinds(), ["delegation.created", "notice.posted"]);
        }
        let out = desk.ask("r1", "big_refund", refund(&json!(500)), asker());
        let id = out.text("approval.requested", "approval_id");
        let (mut is_over, mut yes) = (false, BTreeSet::new());
        for step in steps {
            let out = match step {
                Step::Vote(who, is_yes) => {
                    let (name, roles) = VOTERS[who];
                    let decision = if is_yes { "approve" } else { "reject" };
                    let out = desk.vote(&id, decision, agent(name, roles));
                    if is_yes && !out.kinds().contains(&"event.rejected") {
                        prop_assert!(yes.insert(counting(name)), "{} counts twice", name);
                    }
                    out
                }
                Step::Again => desk.ask("r1", "big_refund", refund(&json!(500)), asker()),
                Step::Hours(hours) => {
                    desk.pass_time(Span::from_secs(hours * 3_600));
                    continue;
                }
                Step::Due => desk.due(&id),
                Step::Withdraw(is_own) => {
                    let who = if is_own { asker() } else { ai() };
                    desk.deliver("action.cancelled", json!({"request_id": "r1", "actor": who}))
                }
                Step::Resolved => desk.deliver("conversation.resolved", json!({})),
                Step::Confirmed => desk.deliver(
                    "action.confirmed",
                    json!({"request_id": "r1", "actor": customer()}),
                ),
            };
            let has_begun = out.kinds().contains(&"action.started");
            prop_assert!(!has_begun || !is_over, "it ran after a no");
            prop_assert!(!has_begun || yes.len() >= 2, "it ran with {yes:?}");
            is_over |= ["action.denied", "action.cancelled"]
                .iter()
                .any(|kind| out.kinds().contains(kind));
        }
        if is_over {
            prop_assert!(desk.execution("r1").is_none());
            prop_assert!(matches!(
                desk.state("r1"),
                RequestState::Denied | RequestState::Cancelled
            ));
        }
        prop_assert!(["lee", "dan", "eve", "gus"].iter().all(|name| !yes.contains(name)));
    }

    #[test]
    fn no_amount_that_is_no_number_passes_a_threshold(
        text in "[0-9]{1,3}(\\.[0-9])?|[a-z]{0,5}| *[0-9]+ *", is_missing in any::<bool>()
    ) {
        let policy = r#"
            approval("Large", #{ action: "discount", field: "amount", above: 10, approvers: ["manager"] });
        "#;
        let mut desk = Desk::new(policy);
        desk.any_params("discount");
        let params = if is_missing { json!({}) } else { json!({"amount": text}) };
        let out = desk.ask("r1", "discount", params, ai());
        prop_assert_eq!(out.denied().0, "limit_unreadable");
        prop_assert!(desk.execution("r1").is_none());
    }
}
