//! What Provost says: the outbound types, sorted by name.
//!
//! Read by the AsyncAPI document. Only `message.send` and the `message` of
//! `conversation.transfer` and `call.*` are for the customer's eyes.

use super::Message;

/// Every outbound type of the contract.
pub const OUTBOUND: &[Message] = &[
    Message::built(
        "action.awaiting_approval",
        "A request waits for an approval.",
        "{conversation_id?: text, request_id: text, action: text, approval_id: text}",
    ),
    Message::built(
        "action.awaiting_confirmation",
        "A request waits for the customer's yes.",
        "{conversation_id?: text, request_id: text, action: text, prompt: text}",
    ),
    Message::built(
        "action.cancelled",
        "A request was withdrawn before it ran.",
        "{conversation_id?: text, request_id: text, action: text, reason: text}",
    ),
    Message::built(
        "action.denied",
        "A request was refused.",
        r#"{conversation_id?: text, request_id: text, action: text, code: "unknown_action"|"invalid_params"|"forbidden"|"limit_exceeded"|"limit_unreadable"|"rule"|"declined"|"rejected"|"expired", reason: text, rule?: text, errors?: [{path: text, message: text}]}"#,
    ),
    Message::built(
        "action.failed",
        "An action failed.",
        r#"{conversation_id?: text, request_id: text, action: text, code: "timeout"|"upstream"|"transport"|"circuit_open"|"output", reason: text, attempts: integer}"#,
    ),
    Message::built(
        "action.notice",
        "An action of approval level `notify` was performed.",
        "{conversation_id?: text, request_id: text, action: text}",
    ),
    Message::built(
        "action.previewed",
        "The whole answer to a dry run.",
        r#"{conversation_id?: text, request_id: text, action: text, outcome: "denied"|"awaiting_confirmation"|"awaiting_approval"|"ready", checks: [{check: text, outcome: text, rule?: text, detail?: text}]}"#,
    ),
    Message::built(
        "action.reversal_failed",
        "An action could not be undone.",
        "{conversation_id?: text, request_id: text, action: text, reason?: text, partial?: boolean}",
    ),
    Message::built(
        "action.reversed",
        "An action was undone.",
        "{conversation_id?: text, request_id: text, action: text, output?: any, reason?: text, partial?: boolean}",
    ),
    Message::built(
        "action.started",
        "An action is under way.",
        "{conversation_id?: text, request_id: text, action: text}",
    ),
    Message::built(
        "action.succeeded",
        "An action was performed.",
        "{conversation_id?: text, request_id: text, action: text, output: any, attempts: integer}",
    ),
    Message::built(
        "action.unknown",
        "Nobody knows yet whether the action happened.",
        "{conversation_id?: text, request_id: text, action: text, reason: text, attempts: integer}",
    ),
    Message::built(
        "anomaly.detected",
        "Something is out of the usual.",
        "{anomaly: text, measure: text, value: number, expected: number, score?: number, key: text}",
    ),
    Message::built(
        "approval.cancelled",
        "An approval is no longer wanted.",
        r#"{conversation_id?: text, approval_id: text, reason: "conversation"|"procedure"|"superseded"|"withdrawn"}"#,
    ),
    Message::built(
        "approval.decided",
        "An approval was decided.",
        r#"{conversation_id?: text, approval_id: text, decision: "approve"|"reject", by: [{actor: actor, decision: "approve"|"reject", reason?: text, at: time, on_behalf?: text}]}"#,
    ),
    Message::built(
        "approval.expired",
        "Nobody decided in time.",
        "{conversation_id?: text, approval_id: text}",
    ),
    Message::built(
        "approval.reminded",
        "Approvers were reminded.",
        "{conversation_id?: text, approval_id: text}",
    ),
    Message::built(
        "approval.requested",
        "People are asked to approve.",
        "{conversation_id?: text, approval_id: text, kind: text, summary: text, approvers: [text], required: integer, expires_at?: time, context: {request_id: text, action: text, description: any, params: object, customer: any, channel: any, checks: [{check: text, outcome: text, rule?: text, detail?: text}], procedure?: text, run_id?: text, step?: text, variables?: object}}",
    ),
    Message::built(
        "audit.sealed",
        "A stretch of the audit log was signed.",
        "{seal_id: text, entries: integer, root: text, previous: text, signature: text, key_id: text}",
    ),
    Message::built(
        "call.dtmf",
        "Digits are to be sent into a call.",
        "{conversation_id: text, phone_id: text, digits: text}",
    ),
    Message::built(
        "call.hangup",
        "A call is to be ended.",
        "{conversation_id: text, phone_id: text, reason: text}",
    ),
    Message::built(
        "call.hold",
        "A call is to be put on hold.",
        "{conversation_id: text, phone_id: text, message: text}",
    ),
    Message::built(
        "call.transfer",
        "A call is to be transferred.",
        "{conversation_id: text, phone_id: text, to: text, reason: text, message?: text}",
    ),
    Message::built(
        "conversation.escalated",
        "A person is wanted.",
        "{conversation_id: text, escalation_id: text, rule?: text, trigger: text, reason: text, priority: priority, team?: text, ticket_id?: text}",
    ),
    Message::built(
        "conversation.resolve",
        "The platform is asked to resolve the conversation.",
        "{conversation_id: text}",
    ),
    Message::built(
        "conversation.tag",
        "The conversation gets a tag.",
        "{conversation_id: text, tag: text}",
    ),
    Message::built(
        "conversation.transfer",
        "The platform is asked to hand the conversation to a person.",
        r#"{conversation_id: text, to: "human", team?: text, reason: text, message: text}"#,
    ),
    Message::built(
        "delegation.created",
        "Somebody's say in approvals was handed to somebody else, for a time.",
        "{delegation_id: text, from: text, to: text, scope: {actions?: [text], channels?: [text], segments?: [text], amount?: number}, starts_at: time, ends_at: time, reason?: text}",
    ),
    Message::built(
        "delegation.revoked",
        "A delegation was taken back before its end.",
        "{delegation_id: text, from: text, to: text, scope: {actions?: [text], channels?: [text], segments?: [text], amount?: number}, starts_at: time, ends_at: time, reason?: text}",
    ),
    Message::built(
        "escalation.acknowledged",
        "A person took an escalation.",
        "{conversation_id?: text, escalation_id: text, by: text}",
    ),
    Message::built(
        "escalation.settled",
        "An escalation is done with.",
        "{conversation_id?: text, escalation_id: text, by: text}",
    ),
    Message::built(
        "event.rejected",
        "An event was not taken: parked when it was not understood, refused when it was.",
        r#"{reason: "malformed"|"unknown_type"|"invalid_data"|"missing_attribute"|"unknown_reference"|"illegal_move"|"forbidden"|"settled"|"id_reused"|"poison", detail: text, event_id?: text}"#,
    ),
    Message::built(
        "lead.created",
        "Somebody left an address.",
        "{conversation_id?: text, lead_id: text, email: text, name?: text, phone?: text, company?: text, message?: text}",
    ),
    Message::built(
        "message.send",
        "Something is to be said to the customer.",
        "{conversation_id: text, text: text, reason: text}",
    ),
    Message::built(
        "notice.posted",
        "Teammates are told something.",
        "{conversation_id?: text, notice_id: text, to: [text], kind: text, about: text, title?: text, text: text, link?: text}",
    ),
    Message::built(
        "notification.failed",
        "A notification could not be delivered.",
        "{channel: text, kind: text, about: text, delivery_id: text, attempts: integer, part_of?: text, error?: text}",
    ),
    Message::built(
        "notification.sent",
        "A notification was delivered.",
        "{channel: text, kind: text, about: text, delivery_id: text, attempts: integer, part_of?: text, error?: text}",
    ),
    Message::built(
        "notification.unknown",
        "Nobody knows whether a notification arrived.",
        "{channel: text, kind: text, about: text, delivery_id: text, attempts: integer, part_of?: text, error?: text}",
    ),
    Message::built(
        "policy.loaded",
        "A policy is in force.",
        "{version: text, rules: integer}",
    ),
    Message::built(
        "policy.rejected",
        "A policy did not load; the last good one stays in force.",
        "{errors: [{file: text, line: integer, column: integer, message: text}]}",
    ),
    Message::planned(
        "procedure.awaiting_approval",
        "A run waits for an approval.",
        "{conversation_id?: text, run_id: text, procedure: text, version: integer, step?: text, prompt?: text, variables?: object, error?: text}",
    ),
    Message::planned(
        "procedure.awaiting_input",
        "A run waits for the customer.",
        "{conversation_id?: text, run_id: text, procedure: text, version: integer, step?: text, prompt?: text, variables?: object, error?: text}",
    ),
    Message::planned(
        "procedure.cancelled",
        "A run was called off.",
        "{conversation_id?: text, run_id: text, procedure: text, version: integer, step?: text, prompt?: text, variables?: object, error?: text}",
    ),
    Message::planned(
        "procedure.completed",
        "A run came to its end.",
        "{conversation_id?: text, run_id: text, procedure: text, version: integer, step?: text, prompt?: text, variables?: object, error?: text}",
    ),
    Message::planned(
        "procedure.escalated",
        "A run handed over to a person.",
        "{conversation_id?: text, run_id: text, procedure: text, version: integer, step?: text, prompt?: text, variables?: object, error?: text}",
    ),
    Message::planned(
        "procedure.failed",
        "A run failed.",
        "{conversation_id?: text, run_id: text, procedure: text, version: integer, step?: text, prompt?: text, variables?: object, error?: text}",
    ),
    Message::planned(
        "procedure.started",
        "A run began.",
        "{conversation_id?: text, run_id: text, procedure: text, version: integer, step?: text, prompt?: text, variables?: object, error?: text}",
    ),
    Message::built(
        "rule.failed",
        "A rule raised an error at run time; the others still decided.",
        "{rule: text, file: text, line: integer, column: integer, error: text, event_id: text}",
    ),
    Message::built(
        "sla.breached",
        "A clock ran out.",
        r#"{conversation_id?: text, ticket_id?: text, approval_id?: text, request_id?: text, policy: text, metric: text, cycle: integer, state: text, due_at: time, elapsed_ms: integer, target_ms: integer, breached_at?: time, overdue_ms?: integer, cause: "due"|"retarget"}"#,
    ),
    Message::built(
        "sla.cancelled",
        "A clock was called off.",
        r#"{conversation_id?: text, ticket_id?: text, approval_id?: text, request_id?: text, policy: text, metric: text, cycle: integer, state: text, due_at: time, elapsed_ms: integer, target_ms: integer, breached_at?: time, overdue_ms?: integer, reason: "merged"|"spam"|"deleted"|"resolved"|"policy"|"withdrawn"}"#,
    ),
    Message::built(
        "sla.escalated",
        "A breach climbed a level.",
        "{conversation_id?: text, ticket_id?: text, approval_id?: text, request_id?: text, policy: text, metric: text, cycle: integer, state: text, due_at: time, elapsed_ms: integer, target_ms: integer, breached_at?: time, overdue_ms?: integer, level: integer}",
    ),
    Message::built(
        "sla.met",
        "A target was met.",
        "{conversation_id?: text, ticket_id?: text, approval_id?: text, request_id?: text, policy: text, metric: text, cycle: integer, state: text, due_at: time, elapsed_ms: integer, target_ms: integer, breached_at?: time, overdue_ms?: integer}",
    ),
    Message::built(
        "sla.paused",
        "A clock stands still.",
        "{conversation_id?: text, ticket_id?: text, approval_id?: text, request_id?: text, policy: text, metric: text, cycle: integer, state: text, due_at: time, elapsed_ms: integer, target_ms: integer, breached_at?: time, overdue_ms?: integer}",
    ),
    Message::built(
        "sla.resumed",
        "A clock runs again.",
        "{conversation_id?: text, ticket_id?: text, approval_id?: text, request_id?: text, policy: text, metric: text, cycle: integer, state: text, due_at: time, elapsed_ms: integer, target_ms: integer, breached_at?: time, overdue_ms?: integer}",
    ),
    Message::built(
        "sla.retargeted",
        "A clock got another target.",
        r#"{conversation_id?: text, ticket_id?: text, approval_id?: text, request_id?: text, policy: text, metric: text, cycle: integer, state: text, due_at: time, elapsed_ms: integer, target_ms: integer, breached_at?: time, overdue_ms?: integer, cause: "priority"|"policy"|"repin", before?: time}"#,
    ),
    Message::built(
        "sla.retracted",
        "A breach was taken back.",
        "{conversation_id?: text, ticket_id?: text, approval_id?: text, request_id?: text, policy: text, metric: text, cycle: integer, state: text, due_at: time, elapsed_ms: integer, target_ms: integer, breached_at?: time, overdue_ms?: integer}",
    ),
    Message::built(
        "sla.started",
        "A clock runs.",
        "{conversation_id?: text, ticket_id?: text, approval_id?: text, request_id?: text, policy: text, metric: text, cycle: integer, state: text, due_at: time, elapsed_ms: integer, target_ms: integer, breached_at?: time, overdue_ms?: integer}",
    ),
    Message::built(
        "sla.warning",
        "A clock is near its end.",
        "{conversation_id?: text, ticket_id?: text, approval_id?: text, request_id?: text, policy: text, metric: text, cycle: integer, state: text, due_at: time, elapsed_ms: integer, target_ms: integer, breached_at?: time, overdue_ms?: integer, percent: integer}",
    ),
    Message::built(
        "ticket.commented",
        "A comment that is not internal.",
        "{conversation_id?: text, ticket_id: text, comment_id: text, body: text, by: text}",
    ),
    Message::built("ticket.created", "A ticket was opened.", "ticket"),
    Message::built(
        "ticket.updated",
        "A ticket was changed: each field with its old and new value.",
        "{conversation_id?: text, ticket_id: text, changes: object}",
    ),
];
