//! What a message does to the tickets of its conversation.
//!
//! The customer's brings them back from waiting, reopens what was done, or begins another; anybody
//! else's answers the customer. Both are told to the clocks.

use serde_json::Map;

use super::{Case, Stop, clocks::policy_of};
use crate::domain::{
    actor::{Actor, ActorKind},
    effect::{TicketDraft, TicketPatch},
    sla::{MessageMove, TicketEvent, on_customer_message},
    ticket::Ticket,
};

impl Case<'_> {
    /// Tells the conversation's tickets that somebody has said something.
    pub(super) fn say_to_tickets(&mut self, author: &Actor) -> Result<(), Stop> {
        let Some(conversation) = self.conversation() else {
            return Ok(());
        };
        if conversation.open_tickets.is_empty() && conversation.finished_tickets.is_empty() {
            return Ok(());
        }
        let unfinished = conversation.open_tickets.clone();
        if author.kind != ActorKind::Customer {
            for id in unfinished {
                self.replied(&id, author.kind)?;
            }
            return Ok(());
        }
        let finished = conversation.finished_tickets.clone();
        for id in unfinished {
            if let Some(ticket) = self.ticket(&id)? {
                self.hear_customer(&ticket, author)?;
            }
        }
        let mut follows: Option<Ticket> = None;
        for id in finished {
            if let Some(ticket) = self.ticket(&id)?
                && self.hear_customer(&ticket, author)?
            {
                self.conversation_mut()
                    .finished_tickets
                    .retain(|known| *known != id);
                follows = Some((*ticket).clone());
            }
        }
        let has_one = |case: &Self| {
            let known = case.conversation();
            known.is_some_and(|known| !known.open_tickets.is_empty())
        };
        match follows {
            Some(before) if !has_one(self) => self.follow_up(before, author),
            _ => Ok(()),
        }
    }

    /// Somebody has answered the customer on a ticket.
    pub(super) fn replied(&mut self, ticket_id: &str, by: ActorKind) -> Result<(), Stop> {
        match self.ticket(ticket_id)? {
            Some(ticket) => self.tell_clocks(&ticket, &TicketEvent::Reply { by }),
            None => Ok(()),
        }
    }

    /// Moves a ticket as the customer's message asks; tells whether another ticket is wanted.
    fn hear_customer(&mut self, ticket: &Ticket, author: &Actor) -> Result<bool, Stop> {
        let promised = self.promised(ticket);
        let finished_at = ticket.resolved_at;
        match on_customer_message(ticket, finished_at, policy_of(promised.as_ref()), self.time) {
            MessageMove::NewTicket => return Ok(true),
            MessageMove::Stay => {}
            MessageMove::Become(status) => {
                let patch = TicketPatch {
                    status: Some(status),
                    ..TicketPatch::default()
                };
                self.patch_ticket(ticket, &patch, author)?;
            }
        }
        if let Some(ticket) = self.ticket(&ticket.ticket_id)? {
            let before = &*ticket;
            self.tell_clocks(&ticket, &TicketEvent::CustomerMessage { before })?;
        }
        Ok(false)
    }

    /// Opens the ticket that goes on where one that is over for good has ended.
    fn follow_up(&mut self, before: Ticket, author: &Actor) -> Result<(), Stop> {
        let draft = TicketDraft {
            description: Some(format!("Follows ticket {}.", before.number)),
            subject: before.subject,
            priority: before.priority,
            category: before.category,
            team: before.team,
            assignee: before.assignee,
            tags: before.tags,
            contact: Map::new(),
        };
        self.open_ticket(draft, author).map(drop)
    }
}
