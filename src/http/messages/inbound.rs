//! What can be said to Provost: the inbound types, sorted by name.
//!
//! Read by the AsyncAPI document; nothing here may differ from what
//! `crate::decide` asks of an event's data.

use super::Message;

/// Every inbound type of the contract.
pub const INBOUND: &[Message] = &[
    Message::new(
        "action.cancelled",
        "A request is withdrawn before it ran.",
        "{request_id: text, actor: actor, reason?: text}",
    ),
    Message::new(
        "action.confirmed",
        "The customer says yes to a confirmation.",
        "{request_id: text, actor: actor}",
    ),
    Message::new(
        "action.declined",
        "The customer says no to a confirmation.",
        "{request_id: text, actor: actor}",
    ),
    Message::new(
        "action.requested",
        "Somebody wants an action performed.",
        "{request_id: text, action: text, params: object, actor: actor, dry_run?: boolean}",
    ),
    Message::new(
        "action.reversal_requested",
        "Somebody wants an action undone, or a part of it.",
        "{request_id: text, actor: actor, reason: text, params?: object}",
    ),
    Message::new(
        "approval.decided",
        "A person decides on an approval.",
        r#"{approval_id: text, decision: "approve"|"reject", actor: actor, reason?: text}"#,
    ),
    Message::new(
        "call.answered",
        "A call was picked up.",
        "{phone: phone, customer?: customer}",
    ),
    Message::new(
        "call.ended",
        "A call is over.",
        "{phone: phone, customer?: customer}",
    ),
    Message::new(
        "call.ringing",
        "A call comes in or goes out.",
        "{phone: phone, customer?: customer}",
    ),
    Message::new(
        "conversation.ended",
        "The platform ended the conversation.",
        "{actor?: actor, reason?: text}",
    ),
    Message::new(
        "conversation.message",
        "Somebody said something.",
        "{message: {id: text, text: text, author: actor, language?: text, intent?: text, sentiment?: sentiment}, channel?: text, customer?: customer}",
    ),
    Message::new(
        "conversation.resolved",
        "The conversation is declared resolved.",
        "{actor?: actor, reason?: text}",
    ),
    Message::new(
        "conversation.started",
        "A conversation begins.",
        "{channel: text, customer: customer, attributes?: object}",
    ),
    Message::new(
        "conversation.updated",
        "Something about the conversation is known better now.",
        "{attributes?: object, tags_added?: [text], tags_removed?: [text], sentiment?: sentiment, customer?: customer, analysis?: object}",
    ),
    Message::new(
        "escalation.acknowledged",
        "A person takes an escalation.",
        "{escalation_id: text, actor: actor, reason?: text}",
    ),
    Message::new(
        "escalation.requested",
        "A person is wanted.",
        r#"{trigger: "customer"|"flow"|"takeover"|"ai", actor: actor, reason?: text, priority?: priority, team?: text}"#,
    ),
    Message::new(
        "escalation.settled",
        "An escalation is done with.",
        "{escalation_id: text, actor: actor, reason?: text}",
    ),
    Message::new(
        "procedure.cancelled",
        "A run is called off.",
        "{run_id: text, actor: actor, reason?: text}",
    ),
    Message::new(
        "procedure.requested",
        "A procedure is to be started.",
        "{procedure: text, variables?: object, actor: actor}",
    ),
    Message::new(
        "ticket.closed_as",
        "A ticket is merged, spam or deleted.",
        r#"{ticket_id: text, as: "merged"|"spam"|"deleted", into?: text, actor: actor}"#,
    ),
    Message::new(
        "ticket.commented",
        "Somebody comments on a ticket.",
        "{ticket_id: text, actor: actor, body: text, internal?: boolean}",
    ),
    Message::new(
        "ticket.requested",
        "A ticket is wanted.",
        "{subject: text, description?: text, priority?: priority, category?: text, tags?: [text], assignee?: text, team?: text, actor: actor}",
    ),
    Message::new(
        "ticket.updated",
        "A ticket is to be changed.",
        "{ticket_id: text, actor: actor, status?: ticket_status, priority?: priority, category?: text_or_null, assignee?: text_or_null, team?: text_or_null, tags_added?: [text], tags_removed?: [text], subject?: text, message?: text}",
    ),
];
