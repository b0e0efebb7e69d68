//! `ticket.requested`: somebody opens a ticket by hand.

use std::{collections::BTreeSet, sync::Arc};

use serde::Deserialize;

use super::{Case, Decide, InboundType, Stop, payload};
use crate::domain::{actor::Actor, effect::TicketDraft, ticket::Priority};

pub(super) const REQUESTED: InboundType = InboundType {
    name: "ticket.requested",
    needs: &[],
    read: |data| Ok(Arc::new(payload::read::<Requested>(data)?)),
};

#[derive(Debug, Deserialize)]
struct Requested {
    #[serde(deserialize_with = "payload::filled")]
    subject: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    priority: Priority,
    #[serde(default)]
    category: Option<String>,
    #[serde(default)]
    tags: BTreeSet<String>,
    #[serde(default)]
    assignee: Option<String>,
    #[serde(default)]
    team: Option<String>,
    #[expect(dead_code, reason = "read to be checked; the case names the actor")]
    actor: Actor,
}

impl Decide for Requested {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        let draft = TicketDraft {
            subject: self.subject.clone(),
            description: self.description.clone(),
            priority: self.priority,
            category: self.category.clone(),
            team: self.team.clone(),
            assignee: self.assignee.clone(),
            tags: self.tags.clone(),
            contact: serde_json::Map::new(),
        };
        case.conversation_mut();
        let actor = case.actor();
        let id = case.open_ticket(draft, &actor)?;
        let ticket = case.ticket(&id)?;
        case.ask_rules(ticket)
    }
}
