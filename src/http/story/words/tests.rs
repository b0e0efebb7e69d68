//! Stories as people read them.

use serde_json::{Value, json};

use super::{
    super::part::{Cause, Known},
    *,
};
use crate::domain::audit::AuditBody;

fn request(more: &Value) -> Request {
    let mut request = json!({
        "request_id": "r-1", "subject": "c-1", "action": "refund",
        "params": {"amount": 20, "order_id": "A-1"},
        "actor": {"kind": "ai", "id": "bot", "roles": ["ai"]}, "customer_id": "cus-1",
        "state": "succeeded", "requested_at": "2026-11-20T08:00:00Z",
        "updated_at": "2026-11-20T09:00:00Z",
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        request[name] = value.clone();
    }
    serde_json::from_value(request).expect("a request")
}

/// An entry: at which minute, who, what, its checks and effects, and its cause.
#[expect(clippy::needless_pass_by_value, reason = "each is written in place")]
fn entry(minute: u32, actor: &Value, action: &str, rest: Value) -> (AuditBody, Option<Cause>) {
    let mut body = json!({
        "v": 1, "at": format!("2026-11-20T08:{minute:02}:00Z"), "actor": actor, "action": action,
        "event_id": "e", "source": "/chat", "subject": "c-1", "outcome": "done", "rules": [],
        "effects": [], "policy": "p",
    });
    for (name, value) in rest.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    let cause = rest.get("cause").map(|cause| {
        let told = cause["told"].as_array().into_iter().flatten();
        let results: Vec<Value> = told
            .map(|text| json!({"type": "message.send", "data": {"text": text}}))
            .collect();
        let more = ["conversation.transfer", "procedure.cancelled"].into_iter();
        let more = more.filter_map(|kind| Some(json!({"type": kind, "data": cause.get(kind)?})));
        let results: Vec<Value> = results.into_iter().chain(more).collect();
        let event = json!({"data": cause});
        Cause::read(&event.to_string(), &json!(results).to_string())
    });
    (serde_json::from_value(body).expect("a body"), cause)
}

fn tell(
    request: &Request,
    approvals: &[Approval],
    entries: Vec<(AuditBody, Option<Cause>)>,
) -> String {
    let mut known = Known::of(request);
    let picked: Vec<Entry> = (1..)
        .zip(entries)
        .filter_map(|(sequence, (body, cause))| known.pick(sequence, body, cause))
        .collect();
    sentences(request, approvals, &picked).join("\n")
}

fn checks(approval: &str) -> Value {
    json!([
        {"check": "action", "outcome": "passed"},
        {"check": "limits", "outcome": "approval", "rule": "Refunds a day"},
        {"check": "approval", "outcome": approval},
    ])
}

fn approval() -> Approval {
    serde_json::from_value(json!({
        "approval_id": "apr_1", "request_id": "r-1", "subject": "c-1", "action": "refund",
        "summary": "refund", "context": {}, "digest": vec![0; 32], "requester": "bot",
        "stages": [{"approvers": ["agent"], "required": 1}, {"approvers": ["manager"], "required": 1}],
        "rejections": 1, "state": "consumed", "stage": 2,
        "votes": [
            {"actor": {"kind": "agent", "id": "dan"}, "decision": "approve", "at": "2026-11-20T08:02:00Z", "stage": 0},
            {"actor": {"kind": "agent", "id": "mia"}, "decision": "approve", "reason": "a good customer", "at": "2026-11-20T08:03:00Z", "stage": 1},
        ],
        "requested_at": "2026-11-20T08:00:00Z", "expires_at": "2026-11-21T08:00:00Z", "on_expiry": "reject",
    }))
    .expect("an approval")
}

#[test]
#[expect(clippy::too_many_lines, reason = "a long story")]
fn the_story_of_a_request_that_was_approved_tried_twice_done_and_undone() {
    let bot = json!({"kind": "ai", "id": "bot"});
    let [dan, mia] = ["dan", "mia"].map(|id| json!({"kind": "agent", "id": id}));
    let house = json!({"kind": "system", "id": "provost"});
    let own = |effect: &str| json!({"effect": effect, "request_id": "r-1", "approval_id": "apr_1"});
    let vote = |on_behalf: Value| json!({"effect": "approval_vote", "approval_id": "apr_1", "request_id": "r-1", "decision": "approve", "on_behalf": on_behalf});
    let ended = |attempt: u32, fate: &str| json!({"effect": "attempt_ended", "request_id": "r-1", "attempt": attempt, "fate": fate});
    let undoing = |effect: &str| json!({"effect": effect, "request_id": "r-2", "reverses": "r-1"});
    let told = json!({"effect": "send_message", "reason": "action:refund"});
    let done = request(&json!({
        "state": "reversed", "approval_id": "apr_1", "output": {"refund_id": 7},
        "checks": [{"check": "action", "outcome": "passed"},
            {"check": "limits", "outcome": "approval", "rule": "Refunds a day", "detail": "120 of 100"},
            {"check": "approval", "outcome": "approved"}],
    }));
    let story = vec![
        entry(
            0,
            &bot,
            "action.requested",
            json!({"checks": checks("required"), "effects": [own("approval_requested"), told], "cause": {"told": ["One moment."]}}),
        ),
        entry(
            1,
            &bot,
            "action.requested",
            json!({"checks": checks("required"), "effects": [{"effect": "action_denied", "request_id": "r-9", "code": "rule"}]}),
        ),
        entry(
            2,
            &dan,
            "approval.decided",
            json!({"effects": [vote(Value::Null)]}),
        ),
        entry(
            3,
            &mia,
            "approval.decided",
            json!({"checks": checks("approved"), "effects": [vote(json!("joe")), own("action_started")]}),
        ),
        entry(
            4,
            &mia,
            "approval.decided",
            json!({"outcome": "denied", "checks": [{"check": "event", "outcome": "settled"}], "cause": {"approval_id": "apr_1"}}),
        ),
        entry(
            5,
            &house,
            "execution.ended",
            json!({"effects": [ended(1, "the system answered 503")]}),
        ),
        entry(
            6,
            &house,
            "execution.ended",
            json!({"effects": [ended(2, "the system answered 200"), own("action_succeeded"), told], "cause": {"told": ["Done: 20 is on its way."]}}),
        ),
        entry(
            7,
            &bot,
            "conversation.message",
            json!({"effects": [{"effect": "send_message", "reason": "rule"}]}),
        ),
        entry(
            8,
            &mia,
            "action.reversal_requested",
            json!({"checks": checks("passed"), "effects": [own("reversal_requested"), undoing("action_started"), undoing("action_succeeded"), own("action_reversed")], "cause": {"reason": "a mistake"}}),
        ),
    ];
    insta::assert_snapshot!(tell(&done, &[approval()], story), @r#"
    2026-11-20T08:00:00Z bot (AI), as ai, asked for `refund` with amount 20, order_id "A-1".
    2026-11-20T08:00:00Z Checked: action passed, limits approval by `Refunds a day`, approval required.
    2026-11-20T08:00:00Z It waits for the approval apr_1: 1 of agent, then 1 of manager.
    2026-11-20T08:00:00Z The customer was told: "One moment."
    2026-11-20T08:02:00Z dan approved apr_1.
    2026-11-20T08:03:00Z mia approved apr_1, for joe: a good customer.
    2026-11-20T08:03:00Z Checked: action passed, limits approval by `Refunds a day` (120 of 100), approval approved.
    2026-11-20T08:03:00Z It was begun.
    2026-11-20T08:04:00Z mia sent `approval.decided`; it was refused (settled).
    2026-11-20T08:05:00Z Attempt 1 ended: the system answered 503.
    2026-11-20T08:06:00Z Attempt 2 ended: the system answered 200.
    2026-11-20T08:06:00Z It was done; what came back: {"refund_id":7}.
    2026-11-20T08:06:00Z The customer was told: "Done: 20 is on its way."
    2026-11-20T08:08:00Z mia asked for it to be undone by the request r-2: a mistake.
    2026-11-20T08:08:00Z It was undone by the request r-2.
    "#);
}

#[test]
fn the_story_of_a_request_that_was_confirmed_and_of_which_nobody_knows() {
    let customer = json!({"kind": "customer", "id": "cus-1"});
    let rule = json!({"kind": "system", "id": "rule:Late parcels"});
    let mia = json!({"kind": "agent", "id": "mia"});
    let own = |effect: &str| json!({"effect": effect, "request_id": "r-1"});
    let told = json!({"effect": "send_message", "reason": "confirmation:refund"});
    let unknown = request(&json!({
        "actor": {"kind": "system", "id": "rule:Late parcels", "roles": ["rule"]},
        "state": "failed", "code": "upstream", "reason": "it is not in the bank's list",
    }));
    let story = vec![
        entry(
            0,
            &rule,
            "action.requested",
            json!({"effects": [own("action_awaiting_confirmation"), told]}),
        ),
        entry(
            1,
            &customer,
            "action.confirmed",
            json!({"effects": [own("action_started")]}),
        ),
        entry(
            2,
            &mia,
            "execution.ended",
            json!({"effects": [{"effect": "attempt_ended", "request_id": "r-1", "attempt": 1, "fate": "no certain answer came: reset"}, own("action_unknown")]}),
        ),
        entry(
            3,
            &mia,
            "request.resolved",
            json!({"effects": [{"effect": "request_resolved", "request_id": "r-1", "is_done": false, "reason": "it is not in the bank's list"}, {"effect": "action_failed", "request_id": "r-1", "code": "upstream"}]}),
        ),
    ];
    insta::assert_snapshot!(tell(&unknown, &[], story), @r#"
    2026-11-20T08:00:00Z The rule `Late parcels`, as rule, asked for `refund` with amount 20, order_id "A-1".
    2026-11-20T08:00:00Z It waits for the customer's word.
    2026-11-20T08:00:00Z The customer was told something (confirmation:refund).
    2026-11-20T08:01:00Z The customer said yes.
    2026-11-20T08:01:00Z It was begun.
    2026-11-20T08:02:00Z Attempt 1 ended: no certain answer came: reset.
    2026-11-20T08:02:00Z Nobody knows whether it was done; a person is to find out.
    2026-11-20T08:03:00Z mia said that it was not done: it is not in the bank's list.
    2026-11-20T08:03:00Z It failed (upstream): it is not in the bank's list.
    "#);
}

#[test]
fn the_story_of_a_request_that_was_rejected_and_of_one_that_was_withdrawn() {
    let mia = json!({"kind": "agent", "id": "mia"});
    let rejected =
        request(&json!({"state": "denied", "code": "rejected", "reason": "rejected: too much"}));
    let denied =
        json!({"effect": "action_denied", "request_id": "r-1", "code": "rejected", "rule": null});
    let vote = json!({"effect": "approval_vote", "approval_id": "apr_2", "request_id": "r-1", "decision": "reject"});
    let story = vec![entry(
        1,
        &mia,
        "approval.decided",
        json!({"outcome": "denied", "effects": [vote, denied], "cause": {"reason": "too much"}}),
    )];
    let withdrawn = request(&json!({"state": "cancelled", "reverses": "r-0", "params": {}}));
    let called_off =
        json!({"effect": "approval_cancelled", "approval_id": "apr_2", "reason": "withdrawn"});
    let own = |effect: &str| json!({"effect": effect, "request_id": "r-1", "approval_id": "apr_2"});
    let other = vec![
        entry(
            1,
            &mia,
            "action.requested",
            json!({"effects": [own("approval_requested")]}),
        ),
        entry(
            2,
            &mia,
            "action.cancelled",
            json!({"effects": [called_off, own("action_cancelled")], "cause": {"reason": "not needed"}}),
        ),
    ];
    let both = [tell(&rejected, &[], story), tell(&withdrawn, &[], other)];
    insta::assert_snapshot!(both.join("\n\n"), @r#"
    2026-11-20T08:00:00Z bot (AI), as ai, asked for `refund` with amount 20, order_id "A-1".
    2026-11-20T08:01:00Z mia rejected apr_2: too much.
    2026-11-20T08:01:00Z It was denied (rejected): too much.

    2026-11-20T08:00:00Z bot (AI), as ai, asked for `refund`, to undo r-0.
    2026-11-20T08:01:00Z It waits for the approval apr_2.
    2026-11-20T08:02:00Z The approval apr_2 was called off (withdrawn).
    2026-11-20T08:02:00Z mia withdrew it: not needed.
    "#);
}

/// What the audit log has of a run.
fn of_run(effect: &str, run_id: &str) -> Value {
    json!({"effect": effect, "run_id": run_id, "procedure": "money_back", "version": 2, "step": "open"})
}

/// A request that is the step of a run, and its beginning.
fn step(state: &str, reason: &str) -> (Request, (AuditBody, Option<Cause>)) {
    let step = json!({
        "run_id": "run_1", "procedure": "money_back", "version": 2, "step": "open",
        "display_name": "Refund", "does": "catalogue", "level": "require",
    });
    let request = request(&json!({"state": state, "step": step, "params": {}, "reason": reason}));
    let house = json!({"kind": "system", "id": "provost"});
    let asked =
        json!({"effect": "approval_requested", "request_id": "r-1", "approval_id": "apr_1"});
    let asked = entry(0, &house, "procedure.step", json!({"effects": [asked]}));
    (request, asked)
}

#[test]
fn the_story_of_a_step_tells_what_became_of_its_run_and_of_no_other() {
    let mia = json!({"kind": "agent", "id": "mia"});
    let customer = json!({"kind": "customer", "id": "cus-1"});
    let denied = json!({"effect": "action_denied", "request_id": "r-1", "code": "rejected"});
    let (request, asked) = step("denied", "too much");
    let rejected = vec![
        asked,
        entry(
            1,
            &mia,
            "conversation.message",
            json!({"effects": [of_run("run_cancelled", "run_2")]}),
        ),
        entry(
            2,
            &mia,
            "approval.decided",
            json!({"effects": [denied, of_run("run_escalated", "run_1"), of_run("run_started", "run_3")], "cause": {"conversation.transfer": {"reason": "procedure `money_back`: too much"}}}),
        ),
    ];
    let rejected = tell(&request, &[], rejected);
    let called_off =
        json!({"effect": "approval_cancelled", "approval_id": "apr_1", "reason": "procedure"});
    let withdrawn = json!({"effect": "action_cancelled", "request_id": "r-1"});
    let (request, asked) = step("cancelled", "procedure");
    let ended = entry(
        1,
        &customer,
        "conversation.message",
        json!({"effects": [of_run("run_cancelled", "run_1"), called_off, withdrawn], "cause": {"procedure.cancelled": {"error": "the customer cancelled"}}}),
    );
    let both = [rejected, tell(&request, &[], vec![asked, ended])];
    insta::assert_snapshot!(both.join("\n\n"), @r#"
    2026-11-20T08:00:00Z bot (AI), as ai, asked for `refund`, the step `open` of `money_back`.
    2026-11-20T08:00:00Z It waits for the approval apr_1.
    2026-11-20T08:02:00Z It was denied (rejected): too much.
    2026-11-20T08:02:00Z The procedure `money_back` called a person at the step `open`.
    2026-11-20T08:02:00Z The conversation was handed to a person: procedure `money_back`: too much.

    2026-11-20T08:00:00Z bot (AI), as ai, asked for `refund`, the step `open` of `money_back`.
    2026-11-20T08:00:00Z It waits for the approval apr_1.
    2026-11-20T08:01:00Z The procedure `money_back` was ended at the step `open`: the customer cancelled.
    2026-11-20T08:01:00Z The approval apr_1 was called off (procedure).
    2026-11-20T08:01:00Z It was withdrawn with its procedure.
    "#);
}

#[test]
fn the_story_of_what_starts_a_procedure_tells_how_far_it_came_at_once() {
    let bot = json!({"kind": "ai", "id": "bot"});
    let own = |effect: &str| json!({"effect": effect, "request_id": "r-1"});
    let started =
        json!({"effect": "start_procedure", "rule": "Late parcels", "procedure": "parcel"});
    let offered = json!({"effect": "procedures_offered", "procedures": ["parcel", "refund"]});
    let kinds = ["run_started", "run_moved", "run_failed", "run_completed"];
    let mut effects = vec![own("action_started")];
    effects.extend(kinds.map(|kind| of_run(kind, "run_1")));
    effects.extend([own("action_succeeded"), started, offered]);
    let begun = request(&json!({"output": {"run_id": "run_1"}, "params": {}}));
    let story = vec![entry(
        0,
        &bot,
        "action.requested",
        json!({"effects": effects}),
    )];
    insta::assert_snapshot!(tell(&begun, &[], story), @r#"
    2026-11-20T08:00:00Z bot (AI), as ai, asked for `refund`.
    2026-11-20T08:00:00Z It was begun.
    2026-11-20T08:00:00Z The procedure `money_back` began, in version 2, as run_1.
    2026-11-20T08:00:00Z The procedure `money_back` was moved to version 2 at the step `open`.
    2026-11-20T08:00:00Z The procedure `money_back` could not go on at the step `open`.
    2026-11-20T08:00:00Z The procedure `money_back` came to its end.
    2026-11-20T08:00:00Z It was done; what came back: {"run_id":"run_1"}.
    2026-11-20T08:00:00Z The rule `Late parcels` had the procedure `parcel` started.
    2026-11-20T08:00:00Z The customer was asked to choose between the procedures `parcel` and `refund`.
    "#);
}

#[test]
fn what_becomes_of_a_version_is_told() {
    let effect = |kind: &str| json!({"effect": kind, "procedure": "refund", "version": 2, "reason": "it pays twice"});
    let kinds = [
        "procedure_drafted",
        "procedure_published",
        "procedure_archived",
        "version_stopped",
        "version_released",
    ];
    let told: Vec<String> = kinds
        .iter()
        .filter_map(|kind| super::of_version(&effect(kind)))
        .collect();
    insta::assert_snapshot!(told.join("\n"), @"
    A draft of the procedure `refund` was written.
    Version 2 of the procedure `refund` was published.
    Version 2 of the procedure `refund` was archived.
    Version 2 of the procedure `refund` was stopped: it pays twice.
    Version 2 of the procedure `refund` may go on again.
    ");
}
