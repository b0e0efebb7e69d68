//! `procedure.requested` and `procedure.cancelled`: somebody starts a procedure, or ends a run of one.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Case, Decide, InboundType, Stop, payload};
use crate::domain::{
    access::Verb,
    actor::{Actor, ActorKind},
    event::Reason,
    world::Need,
};

pub(super) const REQUESTED: InboundType = InboundType {
    name: "procedure.requested",
    needs: &[Verb::Request],
    read: |data| Ok(Arc::new(payload::read::<Requested>(data)?)),
};

pub(super) const CANCELLED: InboundType = InboundType {
    name: "procedure.cancelled",
    // Whose run it is decides.
    needs: &[],
    read: |data| Ok(Arc::new(payload::read::<Cancelled>(data)?)),
};

#[derive(Debug, Deserialize)]
struct Requested {
    #[serde(deserialize_with = "payload::filled")]
    procedure: String,
    #[serde(default)]
    variables: Map<String, Value>,
    #[expect(dead_code, reason = "read to be checked; the case names the actor")]
    actor: Actor,
}

impl Decide for Requested {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        let all = Arc::clone(case.world.procedures()?);
        let published = all
            .find(&self.procedure)
            .map_err(|detail| Stop::refuse(Reason::UnknownReference, "data.procedure", detail))?;
        let mut actor = case.actor();
        actor.roles = case.roles();
        case.conversation_mut();
        case.start_run(published, &self.variables, actor)?;
        case.ask_rules(None)
    }

    fn foresees(&self) -> Vec<Need> {
        vec![Need::Procedures]
    }
}

#[derive(Debug, Deserialize)]
struct Cancelled {
    #[serde(deserialize_with = "payload::filled")]
    run_id: String,
    #[expect(dead_code, reason = "read to be checked; the case names the actor")]
    actor: Actor,
    #[serde(default)]
    reason: Option<String>,
}

impl Decide for Cancelled {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        let run = case.named_run(&self.run_id)?;
        let actor = case.actor();
        let is_own = (actor.kind, &actor.id) == (run.actor.kind, &run.actor.id)
            || actor.kind == ActorKind::Customer;
        let roles = &case.settings.directory.roles;
        if !is_own && !roles.permit_somewhere(&case.roles(), Verb::Work) {
            let detail = format!("`{}` did not start it, and may not work on it", actor.id);
            return Err(Stop::refuse(Reason::Forbidden, "data.actor", detail));
        }
        if run.state.is_over() {
            let detail = format!("run `{}` is {}", run.run_id, run.state.as_str());
            return Err(Stop::refuse(Reason::Settled, "data.run_id", detail));
        }
        let why = self.reason.as_deref().unwrap_or("withdrawn");
        case.withdraw_run(run, why)?;
        case.ask_rules(None)
    }

    fn foresees(&self) -> Vec<Need> {
        vec![Need::Run(self.run_id.clone())]
    }
}
