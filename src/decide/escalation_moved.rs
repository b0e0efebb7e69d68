//! `escalation.acknowledged` and `escalation.settled`: a person takes an escalation, and is done with it.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Case, Decide, InboundType, Stop, payload};
use crate::domain::{
    access::Verb,
    actor::Actor,
    escalation::EscalationState,
    event::{Reason, Rejection},
    outcome::Change,
    sla::TicketEvent,
};

pub(super) const ACKNOWLEDGED: InboundType = InboundType {
    name: "escalation.acknowledged",
    needs: &[Verb::Work],
    read: |data| read(data, EscalationState::Acknowledged),
};
pub(super) const SETTLED: InboundType = InboundType {
    name: "escalation.settled",
    needs: &[Verb::Work],
    read: |data| read(data, EscalationState::Settled),
};

fn read(data: &Map<String, Value>, to: EscalationState) -> Result<Arc<dyn Decide>, Rejection> {
    let Stated { escalation_id, .. } = payload::read(data)?;
    Ok(Arc::new(Moved { escalation_id, to }))
}

#[derive(Debug, Deserialize)]
struct Stated {
    escalation_id: String,
    #[expect(dead_code, reason = "read to be checked; the case names the actor")]
    actor: Actor,
    #[serde(default)]
    #[expect(dead_code, reason = "read to be checked; rules read it")]
    reason: Option<String>,
}

#[derive(Debug)]
struct Moved {
    escalation_id: String,
    to: EscalationState,
}

impl Decide for Moved {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        let id = &self.escalation_id;
        let subject = case.input.event.subject.clone();
        let found = case
            .world
            .escalation(id)?
            .filter(|known| known.conversation_id == subject.as_str());
        let Some(found) = found else {
            let detail = format!("conversation `{subject}` has no escalation `{id}`");
            return Err(Stop::refuse(
                Reason::UnknownReference,
                "data.escalation_id",
                detail,
            ));
        };
        if !found.state.may_become(self.to) {
            let reason = if found.state == EscalationState::Settled {
                Reason::Settled
            } else {
                Reason::IllegalMove
            };
            let detail = format!(
                "escalation `{id}` is {}, it cannot become {}",
                found.state, self.to
            );
            return Err(Stop::refuse(reason, "data.escalation_id", detail));
        }
        let by = case.actor().id;
        let mut escalation = (**found).clone();
        escalation.state = self.to;
        escalation.updated_at = case.now;
        let kind = if self.to == EscalationState::Settled {
            escalation.settled_by = Some(by.clone());
            case.conversation_mut().escalations.remove(id);
            "escalation.settled"
        } else {
            escalation.acknowledged_by = Some(by.clone());
            "escalation.acknowledged"
        };
        let ticket_id = escalation.ticket_id.clone();
        case.change(Change::Escalation(escalation.into()));
        if let Some(ticket) = ticket_id.map(|id| case.ticket(&id)).transpose()?.flatten() {
            case.tell_clocks(&ticket, &TicketEvent::Acknowledged)?;
        }
        case.publish(
            kind,
            json!({"conversation_id": subject, "escalation_id": id, "by": by}),
        );
        case.record(json!({"effect": kind, "escalation_id": id}));
        case.ask_rules(None)
    }
}
