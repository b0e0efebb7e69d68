//! The event types that rules can be asked about.
//!
//! Those of the contract that this version decides, and those that it will.

use super::{fault, spec::Wrong};
use crate::domain::nearest::did_you_mean;

/// The inbound types of this version, by name.
pub(super) const KNOWN: &[&str] = &[
    "action.cancelled",
    "action.confirmed",
    "action.declined",
    "action.requested",
    "action.reversal_requested",
    "approval.decided",
    "call.answered",
    "call.ended",
    "call.ringing",
    "conversation.ended",
    "conversation.message",
    "conversation.resolved",
    "conversation.started",
    "conversation.updated",
    "escalation.acknowledged",
    "escalation.requested",
    "escalation.settled",
    "ticket.closed_as",
    "ticket.commented",
    "ticket.requested",
    "ticket.updated",
];

/// The inbound types of later versions, by name.
pub(super) const LATER: &[&str] = &["procedure.cancelled", "procedure.requested"];

/// Checks an event type.
pub(super) fn check(name: &str) -> Result<(), Wrong> {
    if KNOWN.contains(&name) {
        return Ok(());
    }
    if LATER.contains(&name) {
        let message = format!("the event type `{name}` is not yet known to this version");
        return Err(Wrong::new(fault::LATER, message));
    }
    Err(Wrong {
        hint: did_you_mean(name, KNOWN.iter().chain(LATER).copied()),
        ..Wrong::new(fault::EVENT, format!("there is no event type `{name}`"))
    })
}
