//! The event types that rules can be asked about.
//!
//! Those of the contract that come in.

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
    "procedure.cancelled",
    "procedure.requested",
    "ticket.closed_as",
    "ticket.commented",
    "ticket.requested",
    "ticket.updated",
];

/// Checks an event type.
pub(super) fn check(name: &str) -> Result<(), Wrong> {
    if KNOWN.contains(&name) {
        return Ok(());
    }
    Err(Wrong {
        hint: did_you_mean(name, KNOWN.iter().copied()),
        ..Wrong::new(fault::EVENT, format!("there is no event type `{name}`"))
    })
}
