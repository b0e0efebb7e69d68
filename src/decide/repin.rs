//! Somebody moves a ticket's clocks to what today's policy promises. No new version does that by
//! itself: what was promised stays promised until a person says otherwise.

use std::sync::Arc;

use serde_json::json;

use super::{Case, Decide, Entry, Input, Stop};
use crate::domain::{
    access::Verb,
    event::{Event, Reason},
    ids::SubjectId,
    sla::{Owner, TicketEvent},
    world::Need,
};

/// The type under which it is on record.
const KIND: &str = "clocks.repinned";

/// A ticket's clocks are moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repin {
    /// The ticket.
    pub ticket_id: String,
    /// Only those that go by the policy of this name.
    pub policy: Option<String>,
}

impl Repin {
    /// Makes the input; `turn` tells apart one time from the next.
    pub fn input(self, source: &str, subject: &SubjectId, turn: &str, by: &Arc<Entry>) -> Input {
        let id = format!("{KIND}:{}:{turn}", self.ticket_id);
        let event = Event::of_house(source, KIND, id, subject.clone());
        Input {
            needs: &[Verb::Operate],
            ..Input::made(event, Arc::new(self), by)
        }
    }
}

impl Decide for Repin {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        let Some(ticket) = case.ticket(&self.ticket_id)? else {
            let detail = format!("there is no ticket `{}`", self.ticket_id);
            return Err(Stop::refuse(Reason::UnknownReference, "ticket_id", detail));
        };
        case.record(json!({
            "effect": "repin", "ticket_id": self.ticket_id, "policy": self.policy,
        }));
        let of = self.policy.as_deref();
        case.tell_clocks(&ticket, &TicketEvent::Repin { of })
    }

    fn foresees(&self) -> Vec<Need> {
        vec![
            Need::Ticket(self.ticket_id.clone()),
            Need::Clocks(Owner::Ticket(self.ticket_id.clone())),
        ]
    }
}
