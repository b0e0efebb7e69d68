//! `approval.decided`: somebody says yes or no; and, from the clock, that an approval's time has come.

use std::sync::Arc;

use serde::Deserialize;

use super::{Case, Decide, InboundType, Stop, payload};
use crate::domain::{actor::Actor, approval::Decision, world::Need};

pub(super) const DECIDED: InboundType = InboundType {
    name: "approval.decided",
    // Who has a say is the approval's own affair.
    needs: &[],
    read: |data| Ok(Arc::new(payload::read::<Decided>(data)?)),
};

#[derive(Debug, Deserialize)]
struct Decided {
    approval_id: String,
    decision: Decision,
    #[expect(dead_code, reason = "read to be checked; the case names the actor")]
    actor: Actor,
    #[serde(default)]
    reason: Option<String>,
}

impl Decide for Decided {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        case.vote(&self.approval_id, self.decision, self.reason.as_deref())?;
        case.ask_rules(None)
    }

    fn foresees(&self) -> Vec<Need> {
        vec![Need::Approval(self.approval_id.clone()), Need::TokenOwners]
    }
}

/// An approval's time has come: somebody is reminded, or it expires.
#[derive(Debug)]
pub struct ApprovalDue {
    /// The approval.
    pub approval_id: String,
}

impl Decide for ApprovalDue {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        case.approval_is_due(&self.approval_id)
    }

    fn foresees(&self) -> Vec<Need> {
        vec![Need::Approval(self.approval_id.clone())]
    }
}
