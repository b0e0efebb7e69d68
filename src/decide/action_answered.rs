//! `action.confirmed`, `action.declined` and `action.cancelled`: what becomes of a request
//! that waits.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Case, Decide, InboundType, Stop, approvals, gate::Refusal, payload, requests};
use crate::domain::{
    access::Verb,
    actor::Actor,
    approval::ApprovalState,
    event::{Reason, Rejection},
    request::{Request, RequestState},
    world::Need,
};

pub(super) const CANCELLED: InboundType = InboundType {
    name: "action.cancelled",
    needs: &[],
    read: |data| read(data, Answer::Cancelled),
};
pub(super) const CONFIRMED: InboundType = InboundType {
    name: "action.confirmed",
    needs: &[],
    read: |data| read(data, Answer::Confirmed),
};
pub(super) const DECLINED: InboundType = InboundType {
    name: "action.declined",
    needs: &[],
    read: |data| read(data, Answer::Declined),
};

fn read(data: &Map<String, Value>, answer: Answer) -> Result<Arc<dyn Decide>, Rejection> {
    let stated: Stated = payload::read(data)?;
    Ok(Arc::new(Answered {
        request_id: stated.request_id,
        reason: stated.reason,
        answer,
    }))
}

#[derive(Debug, Deserialize)]
struct Stated {
    request_id: String,
    #[expect(dead_code, reason = "read to be checked; the case names the actor")]
    actor: Actor,
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Cancelled,
    Confirmed,
    Declined,
}

#[derive(Debug)]
struct Answered {
    request_id: String,
    reason: Option<String>,
    answer: Answer,
}

impl Decide for Answered {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        let request = case.named_request(&self.request_id)?;
        let actor = case.actor();
        if self.answer == Answer::Cancelled {
            let works = || {
                let roles = &case.settings.directory.roles;
                roles.permit_somewhere(&case.roles(), Verb::Work)
            };
            if !approvals::is_requester(&request, &actor) && !works() {
                let detail = format!("`{}` did not ask for it, and may not work on it", actor.id);
                return Err(Stop::refuse(Reason::Forbidden, "data.actor", detail));
            }
            case.cancel_request(&self.request_id, "withdrawn", self.reason.as_deref())?;
            return case.ask_rules(None);
        }
        if !approvals::is_customer(&actor) {
            let detail = "the customer confirms or declines, nobody else".to_owned();
            return Err(Stop::refuse(Reason::Forbidden, "data.actor", detail));
        }
        if request.state != RequestState::AwaitingConfirmation {
            requests::check_move(&request, RequestState::AwaitingConfirmation)?;
            let detail = format!("request `{}` waits for no confirmation", self.request_id);
            return Err(Stop::refuse(Reason::IllegalMove, "data.request_id", detail));
        }
        case.take_consent(request, self.answer == Answer::Confirmed)?;
        case.ask_rules(None)
    }

    fn foresees(&self) -> Vec<Need> {
        vec![Need::Request(self.request_id.clone())]
    }
}

impl Case<'_> {
    /// Takes what the customer says to a request that waits for his word.
    pub(super) fn take_consent(&mut self, mut request: Request, is_yes: bool) -> Result<(), Stop> {
        if !is_yes {
            let refusal = Refusal {
                code: "declined",
                reason: "the customer declined".to_owned(),
                rule: None,
                errors: Vec::new(),
                escalates: false,
            };
            return self.deny(request, &refusal, None);
        }
        let approved = match &request.approval_id {
            Some(id) => Some(self.named_approval(id)?),
            None => None,
        };
        let approved = approved.filter(|known| known.state == ApprovalState::Approved);
        request.is_confirmed = true;
        self.pass(request, approved)
    }
}
