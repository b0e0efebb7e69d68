//! `ticket.updated`: somebody moves or changes a ticket.

use std::sync::Arc;

use serde::Deserialize;

use super::{Case, Decide, InboundType, Stop, payload};
use crate::domain::{access::Verb, actor::Actor, effect::TicketPatch};

pub(super) const UPDATED: InboundType = InboundType {
    name: "ticket.updated",
    needs: &[Verb::Work],
    read: |data| {
        payload::read::<Named>(data)?;
        let mut fields = data.clone();
        fields.remove("actor");
        Ok(Arc::new(Updated {
            patch: payload::read::<TicketPatch>(&fields)?,
        }))
    },
};

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "read to be checked")]
struct Named {
    ticket_id: String,
    actor: Actor,
}

#[derive(Debug)]
struct Updated {
    patch: TicketPatch,
}

impl Decide for Updated {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        let id = self.patch.ticket_id.clone().unwrap_or_default();
        let ticket = case.known_ticket(&id)?;
        let actor = case.actor();
        case.patch_ticket(&ticket, &self.patch, &actor)?;
        let ticket = case.ticket(&id)?;
        case.ask_rules(ticket)
    }
}
