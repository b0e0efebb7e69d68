//! `action.requested`: somebody wants an action performed, or wants to know what would happen.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Case, Decide, InboundType, Stop, gate::Passage, payload};
use crate::domain::{
    actor::Actor,
    audit::AuditOutcome,
    event::Reason,
    request::{Request, digest},
    world::Need,
};

pub(super) const REQUESTED: InboundType = InboundType {
    name: "action.requested",
    // Who may ask for what is the action's own affair.
    needs: &[],
    read: |data| Ok(Arc::new(payload::read::<Requested>(data)?)),
};

#[derive(Debug, Deserialize)]
struct Requested {
    #[serde(deserialize_with = "payload::filled")]
    request_id: String,
    #[serde(deserialize_with = "payload::filled")]
    action: String,
    #[serde(default)]
    params: Map<String, Value>,
    #[expect(dead_code, reason = "read to be checked; the case names the actor")]
    actor: Actor,
    #[serde(default)]
    dry_run: bool,
}

impl Decide for Requested {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        let mut actor = case.actor();
        actor.roles = case.roles();
        let known = case.world.request(&self.request_id)?.map(Arc::clone);
        if let Some(known) = known.filter(|_| !self.dry_run) {
            return self.again(case, &known, &actor);
        }
        let request = case.new_request(
            self.request_id.clone(),
            self.action.clone(),
            self.params.clone(),
            actor,
        );
        let request = Request {
            amount: case.amount_of(&request),
            ..request
        };
        if self.dry_run {
            return preview(case, &request);
        }
        case.pass(request, None)
    }

    fn foresees(&self) -> Vec<Need> {
        vec![Need::Request(self.request_id.clone())]
    }
}

impl Requested {
    /// An id names one request for good: the same again changes nothing, another one is refused.
    fn again(&self, case: &mut Case<'_>, known: &Request, actor: &Actor) -> Result<(), Stop> {
        let is_same = known.subject == case.input.event.subject.as_str()
            && super::approvals::is_requester(known, actor)
            && digest(&known.action, &known.params) == digest(&self.action, &self.params);
        if is_same {
            return Ok(());
        }
        let detail = format!(
            "the request id `{}` was used before with other content; the first one counts",
            self.request_id
        );
        Err(Stop::refuse(Reason::IdReused, "data.request_id", detail))
    }
}

/// Tells what would happen, and does nothing.
fn preview(case: &mut Case<'_>, request: &Request) -> Result<(), Stop> {
    let validated = case.validate(request, None)?;
    let outcome = match &validated.passage {
        Passage::Denied(_) => "denied",
        Passage::Confirm(_) => "awaiting_confirmation",
        Passage::Approve(_) => "awaiting_approval",
        Passage::Go => "ready",
    };
    case.note_checks(&validated.checks);
    let (code, reason, errors) = match &validated.passage {
        Passage::Denied(refusal) => (
            Some(refusal.code),
            Some(refusal.reason.clone()),
            (!refusal.errors.is_empty()).then(|| refusal.errors.clone()),
        ),
        Passage::Confirm(_) | Passage::Approve(_) | Passage::Go => (None, None, None),
    };
    case.report(
        "action.previewed",
        request,
        json!({
            "outcome": outcome, "checks": validated.checks, "code": code, "reason": reason,
            "errors": errors,
        }),
    );
    if outcome == "denied" {
        case.end_as(AuditOutcome::Denied);
    }
    case.record(json!({
        "effect": "action_previewed", "request_id": request.request_id,
        "action": request.action, "outcome": outcome,
    }));
    Ok(())
}
