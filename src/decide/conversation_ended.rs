//! `conversation.resolved` and `conversation.ended`.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Case, Decide, InboundType, Stop, payload};
use crate::domain::{actor::Actor, conversation::ConversationStatus, event::Rejection};

pub(super) const RESOLVED: InboundType = InboundType {
    name: "conversation.resolved",
    needs: &[],
    read: |data| read(data, ConversationStatus::Resolved),
};
pub(super) const ENDED: InboundType = InboundType {
    name: "conversation.ended",
    needs: &[],
    read: |data| read(data, ConversationStatus::Ended),
};

fn read(
    data: &Map<String, Value>,
    status: ConversationStatus,
) -> Result<Arc<dyn Decide>, Rejection> {
    payload::read::<Stated>(data)?;
    Ok(Arc::new(Ended { status }))
}

/// The shape is checked; rules read it.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "read to be checked")]
struct Stated {
    #[serde(default)]
    actor: Option<Actor>,
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Debug)]
struct Ended {
    status: ConversationStatus,
}

impl Decide for Ended {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        case.conversation_mut().status = self.status;
        case.end_run("the conversation is over")?;
        case.cancel_waiting()?;
        case.ask_rules(None)
    }
}
