//! A request has joined a call that it shares with others.
//!
//! One input a request, all of them in one unit, so that all of them are stored or none. What is
//! sent is stored with the first; only then does anything leave.

use std::sync::Arc;

use serde_json::json;

use super::{Case, Decide, Stop};
use crate::domain::{
    execution::{Execution, Joined, Share},
    outcome::Change,
    time::Timestamp,
    world::Need,
};

/// A request has joined a call.
#[derive(Debug)]
pub struct ExecutionJoined {
    /// Whose part it is.
    pub request_id: String,
    /// The call that it had joined before and that was never sent.
    pub left: Option<String>,
    /// The call, and its place there.
    pub joined: Joined,
    /// What is sent, with the first of them; with the others nothing.
    pub prepared: String,
    /// When the call was made.
    pub at: Timestamp,
}

impl Decide for ExecutionJoined {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        let found = case.world.execution(&self.request_id)?.cloned();
        let is_meant = |known: &Arc<Execution>| {
            known.attempt == self.joined.attempt
                && known.joined().map(|joined| &joined.key) == self.left.as_ref()
        };
        let Some(execution) = found.filter(is_meant) else {
            // Somebody else has it. Those who are left find that one is missing, and join anew.
            return Ok(());
        };
        let Some(share) = &execution.share else {
            return Ok(());
        };
        let Joined {
            key, place, count, ..
        } = &self.joined;
        case.record(json!({
            "effect": "call_joined", "request_id": self.request_id, "key": key, "place": place,
            "count": count,
        }));
        let joined = Execution {
            prepared: self.prepared.clone(),
            share: Some(Share {
                joined: Some(self.joined.clone()),
                ..share.clone()
            }),
            // One instant for all of them: how old the key is must be the same for each.
            first_at: self.at,
            due_at: self.at,
            ..(*execution).clone()
        };
        case.change(Change::Execution(Arc::new(joined)));
        Ok(())
    }

    fn foresees(&self) -> Vec<Need> {
        vec![Need::Execution(self.request_id.clone())]
    }
}
