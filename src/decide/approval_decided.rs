//! `approval.decided`: somebody says yes or no; and, from the clock, that an approval's time has come.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Map;

use super::{Case, Decide, InboundType, Input, Stop, payload};
use crate::domain::{
    actor::Actor,
    approval::{Approval, Decision},
    event::Event,
    ids::SubjectId,
    world::Need,
};

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

impl ApprovalDue {
    /// Makes the input that looks at an approval at its time; `None` once it is settled.
    ///
    /// `again` tells apart the tries at one that was decided before and is due all the same.
    pub fn input(source: &str, approval: &Approval, again: Option<i64>) -> Option<Input> {
        let due_at = approval.due_at()?;
        let again = again.map(|nth| format!(":{nth}")).unwrap_or_default();
        let approval_id = approval.approval_id.clone();
        let mut data = Map::new();
        data.insert("approval_id".to_owned(), approval_id.clone().into());
        let id = format!("{approval_id}:due:{due_at}{again}");
        let subject = SubjectId::from(approval.subject.as_str());
        let event = Event {
            time: Some(due_at),
            data,
            ..Event::of_house(source, "approval.due", id, subject)
        };
        Some(Input::of_house(event, Arc::new(Self { approval_id })))
    }
}

impl Decide for ApprovalDue {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        case.approval_is_due(&self.approval_id)
    }

    fn foresees(&self) -> Vec<Need> {
        vec![Need::Approval(self.approval_id.clone())]
    }
}
