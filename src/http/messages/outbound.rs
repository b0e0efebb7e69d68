//! What Provost says: the outbound types, sorted by name.
//!
//! Read by the AsyncAPI document. Only `message.send` and the `message` of
//! `conversation.transfer` and `call.*` are for the customer's eyes.

use super::Message;

/// Every outbound type of the contract.
pub const OUTBOUND: &[Message] = &[
    Message::new(
        "action.awaiting_approval",
        "A request waits for an approval.",
        "{conversation_id?: text, request_id: text, action: text, approval_id: text}",
    ),
    Message::new(
        "action.awaiting_confirmation",
        "A request waits for the customer's yes.",
        "{conversation_id?: text, request_id: text, action: text, prompt: text}",
    ),
    Message::new(
        "action.cancelled",
        "A request was withdrawn before it ran.",
        "{conversation_id?: text, request_id: text, action: text, reason: text}",
    ),
    Message::new(
        "action.denied",
        "A request was refused.",
        r#"{conversation_id?: text, request_id: text, action: text, code: "unknown_action"|"invalid_params"|"forbidden"|"limit_exceeded"|"limit_unreadable"|"rule"|"declined"|"rejected"|"expired", reason: text, rule?: text, errors?: [{path: text, message: text}]}"#,
    ),
    Message::new(
        "action.failed",
        "An action failed.",
        r#"{conversation_id?: text, request_id: text, action: text, code: "timeout"|"upstream"|"transport"|"circuit_open"|"output", reason: text, attempts: integer}"#,
    ),
    Message::new(
        "action.notice",
        "An action of approval level `notify` was performed.",
        "{conversation_id?: text, request_id: text, action: text}",
    ),
    Message::new(
        "action.previewed",
        "The whole answer to a dry run.",
        r#"{conversation_id?: text, request_id: text, action: text, outcome: "denied"|"awaiting_confirmation"|"awaiting_approval"|"ready", checks: [{check: text, outcome: text, rule?: text, detail?: text}]}"#,
    ),
    Message::new(
        "action.reversal_failed",
        "An action could not be undone.",
        "{conversation_id?: text, request_id: text, action: text, reason?: text, partial?: boolean}",
    ),
    Message::new(
        "action.reversed",
        "An action was undone.",
        "{conversation_id?: text, request_id: text, action: text, output?: any, reason?: text, partial?: boolean}",
    ),
    Message::new(
        "action.started",
        "An action is under way.",
        "{conversation_id?: text, request_id: text, action: text}",
    ),
    Message::new(
        "action.succeeded",
        "An action was performed.",
        "{conversation_id?: text, request_id: text, action: text, output: any, attempts: integer}",
    ),
    Message::new(
        "action.unknown",
        "Nobody knows yet whether the action happened.",
        "{conversation_id?: text, request_id: text, action: text, reason: text, attempts: integer}",
    ),
    Message::new(
        "anomaly.detected",
        "Something is out of the usual.",
        "{anomaly: text, measure: text, value: number, expected: number, score?: number, key: text}",
    ),
    Message::new(
        "approval.cancelled",
        "An approval is no longer wanted.",
        r#"{conversation_id?: text, approval_id: text, reason: "conversation"|"procedure"|"superseded"|"withdrawn"}"#,
    ),
    Message::new(
        "approval.decided",
        "An approval was decided.",
        r#"{conversation_id?: text, approval_id: text, decision: "approve"|"reject", by: [{actor: actor, decision: "approve"|"reject", reason?: text, at: time, on_behalf?: text}]}"#,
    ),
    Message::new(
        "approval.expired",
        "Nobody decided in time.",
        "{conversation_id?: text, approval_id: text}",
    ),
    Message::new(
        "approval.reminded",
        "Approvers were reminded.",
        "{conversation_id?: text, approval_id: text}",
    ),
    Message::new(
        "approval.requested",
        "People are asked to approve.",
        "{conversation_id?: text, approval_id: text, kind: text, summary: text, approvers: [text], required: integer, expires_at?: time, context: {request_id: text, action: text, description: any, params: object, customer: any, channel: any, checks: [{check: text, outcome: text, rule?: text, detail?: text}], procedure?: text, procedure_name?: text, run_id?: text, step?: text, variables?: object}}",
    ),
    Message::new(
        "audit.sealed",
        "A stretch of the audit log was signed.",
        "{seal_id: text, entries: integer, root: text, previous: text, signature: text, key_id: text}",
    ),
    Message::new(
        "call.dtmf",
        "Digits are to be sent into a call.",
        "{conversation_id: text, phone_id: text, digits: text}",
    ),
    Message::new(
        "call.hangup",
        "A call is to be ended.",
        "{conversation_id: text, phone_id: text, reason: text}",
    ),
    Message::new(
        "call.hold",
        "A call is to be put on hold.",
        "{conversation_id: text, phone_id: text, message: text}",
    ),
    Message::new(
        "call.transfer",
        "A call is to be transferred.",
        "{conversation_id: text, phone_id: text, to: text, reason: text, message?: text}",
    ),
    Message::new(
        "conversation.escalated",
        "A person is wanted.",
        "{conversation_id: text, escalation_id: text, rule?: text, trigger: text, reason: text, priority: priority, team?: text, ticket_id?: text}",
    ),
    Message::new(
        "conversation.resolve",
        "The platform is asked to resolve the conversation.",
        "{conversation_id: text}",
    ),
    Message::new(
        "conversation.tag",
        "The conversation gets a tag.",
        "{conversation_id: text, tag: text}",
    ),
    Message::new(
        "conversation.transfer",
        "The platform is asked to hand the conversation to a person.",
        r#"{conversation_id: text, to: "human", team?: text, reason: text, message: text}"#,
    ),
    Message::new(
        "delegation.created",
        "Somebody's say in approvals was handed to somebody else, for a time.",
        "{delegation_id: text, from: text, to: text, scope: {actions?: [text], channels?: [text], segments?: [text], amount?: number}, starts_at: time, ends_at: time, reason?: text}",
    ),
    Message::new(
        "delegation.revoked",
        "A delegation was taken back before its end.",
        "{delegation_id: text, from: text, to: text, scope: {actions?: [text], channels?: [text], segments?: [text], amount?: number}, starts_at: time, ends_at: time, reason?: text}",
    ),
    Message::new(
        "escalation.acknowledged",
        "A person took an escalation.",
        "{conversation_id?: text, escalation_id: text, by: text}",
    ),
    Message::new(
        "escalation.settled",
        "An escalation is done with.",
        "{conversation_id?: text, escalation_id: text, by: text}",
    ),
    Message::new(
        "event.rejected",
        "An event was not taken: parked when it was not understood, refused when it was.",
        r#"{reason: "malformed"|"unknown_type"|"invalid_data"|"missing_attribute"|"unknown_reference"|"illegal_move"|"forbidden"|"settled"|"id_reused"|"poison", detail: text, event_id?: text}"#,
    ),
    Message::new(
        "lead.created",
        "Somebody left an address.",
        "{conversation_id?: text, lead_id: text, email: text, name?: text, phone?: text, company?: text, message?: text}",
    ),
    Message::new(
        "message.send",
        "Something is to be said to the customer.",
        "{conversation_id: text, text: text, reason: text}",
    ),
    Message::new(
        "notice.posted",
        "Teammates are told something.",
        "{conversation_id?: text, notice_id: text, to: [text], kind: text, about: text, title?: text, text: text, link?: text}",
    ),
    Message::new(
        "notification.failed",
        "A notification could not be delivered.",
        "{channel: text, kind: text, about: text, delivery_id: text, attempts: integer, part_of?: text, error?: text}",
    ),
    Message::new(
        "notification.sent",
        "A notification was delivered.",
        "{channel: text, kind: text, about: text, delivery_id: text, attempts: integer, part_of?: text, error?: text}",
    ),
    Message::new(
        "notification.unknown",
        "Nobody knows whether a notification arrived.",
        "{channel: text, kind: text, about: text, delivery_id: text, attempts: integer, part_of?: text, error?: text}",
    ),
    Message::new(
        "policy.loaded",
        "A policy is in force.",
        "{version: text, rules: integer}",
    ),
    Message::new(
        "policy.rejected",
        "A policy did not load; the last good one stays in force.",
        "{errors: [{file: text, line: integer, column: integer, message: text}]}",
    ),
    Message::new(
        "procedure.awaiting_approval",
        "A run waits for an approval.",
        "{conversation_id?: text, run_id: text, procedure: text, version: integer, step?: text, approval_id?: text, prompt?: text, variables?: object, error?: text}",
    ),
    Message::new(
        "procedure.awaiting_input",
        "A run waits for the customer.",
        "{conversation_id?: text, run_id: text, procedure: text, version: integer, step?: text, prompt?: text, variables?: object, error?: text}",
    ),
    Message::new(
        "procedure.cancelled",
        "A run was called off.",
        "{conversation_id?: text, run_id: text, procedure: text, version: integer, step?: text, prompt?: text, variables?: object, error?: text}",
    ),
    Message::new(
        "procedure.completed",
        "A run came to its end.",
        "{conversation_id?: text, run_id: text, procedure: text, version: integer, step?: text, prompt?: text, variables?: object, error?: text}",
    ),
    Message::new(
        "procedure.escalated",
        "A run handed over to a person.",
        "{conversation_id?: text, run_id: text, procedure: text, version: integer, step?: text, prompt?: text, variables?: object, error?: text}",
    ),
    Message::new(
        "procedure.failed",
        "A run failed.",
        "{conversation_id?: text, run_id: text, procedure: text, version: integer, step?: text, prompt?: text, variables?: object, error?: text}",
    ),
    Message::new(
        "procedure.started",
        "A run began.",
        "{conversation_id?: text, run_id: text, procedure: text, version: integer, step?: text, prompt?: text, variables?: object, error?: text}",
    ),
    Message::new(
        "rule.failed",
        "A rule raised an error at run time; the others still decided.",
        "{rule: text, file: text, line: integer, column: integer, error: text, event_id: text}",
    ),
    Message::new(
        "sla.breached",
        "A clock ran out.",
        r#"{conversation_id?: text, ticket_id?: text, approval_id?: text, request_id?: text, policy: text, metric: text, cycle: integer, state: text, due_at: time, elapsed_ms: integer, target_ms: integer, breached_at?: time, overdue_ms?: integer, cause: "due"|"retarget"}"#,
    ),
    Message::new(
        "sla.cancelled",
        "A clock was called off.",
        r#"{conversation_id?: text, ticket_id?: text, approval_id?: text, request_id?: text, policy: text, metric: text, cycle: integer, state: text, due_at: time, elapsed_ms: integer, target_ms: integer, breached_at?: time, overdue_ms?: integer, reason: "merged"|"spam"|"deleted"|"resolved"|"policy"|"withdrawn"}"#,
    ),
    Message::new(
        "sla.escalated",
        "A breach climbed a level.",
        "{conversation_id?: text, ticket_id?: text, approval_id?: text, request_id?: text, policy: text, metric: text, cycle: integer, state: text, due_at: time, elapsed_ms: integer, target_ms: integer, breached_at?: time, overdue_ms?: integer, level: integer}",
    ),
    Message::new(
        "sla.met",
        "A target was met.",
        "{conversation_id?: text, ticket_id?: text, approval_id?: text, request_id?: text, policy: text, metric: text, cycle: integer, state: text, due_at: time, elapsed_ms: integer, target_ms: integer, breached_at?: time, overdue_ms?: integer}",
    ),
    Message::new(
        "sla.paused",
        "A clock stands still.",
        "{conversation_id?: text, ticket_id?: text, approval_id?: text, request_id?: text, policy: text, metric: text, cycle: integer, state: text, due_at: time, elapsed_ms: integer, target_ms: integer, breached_at?: time, overdue_ms?: integer}",
    ),
    Message::new(
        "sla.resumed",
        "A clock runs again.",
        "{conversation_id?: text, ticket_id?: text, approval_id?: text, request_id?: text, policy: text, metric: text, cycle: integer, state: text, due_at: time, elapsed_ms: integer, target_ms: integer, breached_at?: time, overdue_ms?: integer}",
    ),
    Message::new(
        "sla.retargeted",
        "A clock got another target.",
        r#"{conversation_id?: text, ticket_id?: text, approval_id?: text, request_id?: text, policy: text, metric: text, cycle: integer, state: text, due_at: time, elapsed_ms: integer, target_ms: integer, breached_at?: time, overdue_ms?: integer, cause: "priority"|"policy"|"repin", before?: time}"#,
    ),
    Message::new(
        "sla.retracted",
        "A breach was taken back.",
        "{conversation_id?: text, ticket_id?: text, approval_id?: text, request_id?: text, policy: text, metric: text, cycle: integer, state: text, due_at: time, elapsed_ms: integer, target_ms: integer, breached_at?: time, overdue_ms?: integer}",
    ),
    Message::new(
        "sla.started",
        "A clock runs.",
        "{conversation_id?: text, ticket_id?: text, approval_id?: text, request_id?: text, policy: text, metric: text, cycle: integer, state: text, due_at: time, elapsed_ms: integer, target_ms: integer, breached_at?: time, overdue_ms?: integer}",
    ),
    Message::new(
        "sla.warning",
        "A clock is near its end.",
        "{conversation_id?: text, ticket_id?: text, approval_id?: text, request_id?: text, policy: text, metric: text, cycle: integer, state: text, due_at: time, elapsed_ms: integer, target_ms: integer, breached_at?: time, overdue_ms?: integer, percent: integer}",
    ),
    Message::new(
        "ticket.commented",
        "A comment that is not internal.",
        "{conversation_id?: text, ticket_id: text, comment_id: text, body: text, by: text}",
    ),
    Message::new("ticket.created", "A ticket was opened.", "ticket"),
    Message::new(
        "ticket.updated",
        "A ticket was changed: each field with its old and new value.",
        "{conversation_id?: text, ticket_id: text, changes: object}",
    ),
];
