//! `escalation.requested`: a customer, a flow, an agent, an AI or a rule wants a person.

use std::sync::Arc;

use serde::Deserialize;

use super::{Case, Decide, InboundType, Stop, payload};
use crate::domain::{
    actor::Actor,
    effect::Escalate,
    escalation::Trigger,
    event::{Reason, Rejection},
    ticket::Priority,
};

pub(super) const REQUESTED: InboundType = InboundType {
    name: "escalation.requested",
    needs: &[],
    read: |data| {
        let requested = payload::read::<Requested>(data)?;
        let is_ours = [
            Trigger::Rule,
            Trigger::Approval,
            Trigger::Action,
            Trigger::Sla,
            Trigger::Procedure,
        ];
        if is_ours.contains(&requested.trigger) && requested.wish.is_none() {
            let detail =
                "`data.trigger`: this one is Provost's own; use customer, flow, takeover or ai";
            return Err(Rejection::new(Reason::InvalidData, "data.trigger", detail));
        }
        Ok(Arc::new(requested))
    },
};

#[derive(Debug, Deserialize)]
struct Requested {
    trigger: Trigger,
    #[expect(dead_code, reason = "read to be checked; the case names the actor")]
    actor: Actor,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    priority: Option<Priority>,
    #[serde(default)]
    team: Option<String>,
    /// Only when a rule asked the house.
    #[serde(default)]
    rule: Option<String>,
    #[serde(default)]
    wish: Option<Escalate>,
}

impl Decide for Requested {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        let is_from_house = case.input.event.source == case.settings.source;
        match self.wish.as_ref().filter(|_| is_from_house) {
            Some(wish) => case.escalate(self.trigger, self.rule.as_deref(), wish)?,
            None => case.escalate(self.trigger, None, &self.own_wish())?,
        }
        case.ask_rules(None)
    }
}

impl Requested {
    fn own_wish(&self) -> Escalate {
        let fallback = match self.trigger {
            Trigger::Customer => "the customer asks for a person",
            Trigger::Flow => "the flow hands over",
            Trigger::Takeover => "an agent takes over",
            Trigger::Ai => "the assistant hands over",
            Trigger::Rule => "a rule hands over",
            Trigger::Approval => "an approval hands over",
            Trigger::Action => "an action hands over",
            Trigger::Sla => "a promise was broken",
            Trigger::Procedure => "a procedure hands over",
        };
        Escalate {
            reason: self.reason.clone().unwrap_or_else(|| fallback.to_owned()),
            priority: self.priority.unwrap_or_default(),
            team: self.team.clone(),
            ..Escalate::default()
        }
    }
}
