//! `action.reversal_requested`: somebody wants undone what was done.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Case, Decide, InboundType, Stop, payload};
use crate::domain::{access::Verb, actor::Actor, world::Need};

pub(super) const REQUESTED: InboundType = InboundType {
    name: "action.reversal_requested",
    needs: &[Verb::Reverse],
    read: |data| Ok(Arc::new(payload::read::<Requested>(data)?)),
};

#[derive(Debug, Deserialize)]
struct Requested {
    request_id: String,
    #[expect(dead_code, reason = "read to be checked; the case names the actor")]
    actor: Actor,
    #[serde(deserialize_with = "payload::filled")]
    #[expect(dead_code, reason = "read to be checked; the journal keeps it")]
    reason: String,
    #[serde(default)]
    params: Option<Map<String, Value>>,
}

impl Decide for Requested {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        let mut actor = case.actor();
        actor.roles = case.roles();
        case.reverse(&self.request_id, actor, self.params.as_ref())?;
        case.ask_rules(None)
    }

    fn foresees(&self) -> Vec<Need> {
        vec![Need::Request(self.request_id.clone())]
    }
}
