//! What a customer's message does to a ticket of its conversation.

use super::{Reopen, SlaPolicy};
use crate::domain::{
    ticket::{Ticket, TicketStatus},
    time::{Span, Timestamp},
};

/// For how long a resolved ticket comes back, where the policy does not say. *Units*: days.
const REOPEN_DAYS: u32 = 14;

/// What becomes of a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageMove {
    /// Nothing; the message belongs to it as it is.
    Stay,
    /// It moves.
    Become(TicketStatus),
    /// It stays as it is, and another is opened for the message.
    NewTicket,
}

/// Gives what a customer's message does to a ticket.
///
/// *Shape*: `finished_at` is when the ticket was resolved; it counts only where it was. Without
/// a policy, what the defaults say holds.
pub fn on_customer_message(
    ticket: &Ticket,
    finished_at: Option<Timestamp>,
    policy: Option<&SlaPolicy>,
    at: Timestamp,
) -> MessageMove {
    match ticket.status {
        TicketStatus::Open | TicketStatus::InProgress => MessageMove::Stay,
        TicketStatus::Waiting if ticket.assignee.is_some() => {
            MessageMove::Become(TicketStatus::InProgress)
        }
        TicketStatus::Waiting => MessageMove::Become(TicketStatus::Open),
        TicketStatus::Closed => MessageMove::NewTicket,
        TicketStatus::Resolved => {
            let days = policy.and_then(|policy| policy.reopen_days);
            let window = i64::from(days.unwrap_or(REOPEN_DAYS)) * 86_400;
            let ends = finished_at.map(|finished| finished.plus(Span::from_secs(window)));
            if ends.is_some_and(|ends| at > ends) {
                return MessageMove::NewTicket;
            }
            match policy.map(|policy| policy.reopen).unwrap_or_default() {
                Reopen::Resume | Reopen::NewCycle => MessageMove::Become(TicketStatus::Open),
                Reopen::Ignore => MessageMove::Stay,
                Reopen::NewTicket => MessageMove::NewTicket,
            }
        }
    }
}
