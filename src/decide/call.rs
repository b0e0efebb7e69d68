//! `call.ringing`, `call.answered`, `call.ended`: the moments of a telephone call. Rules act on them.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Case, Decide, InboundType, Stop, payload};
use crate::domain::event::Rejection;

pub(super) const RINGING: InboundType = InboundType {
    name: "call.ringing",
    needs: &[],
    read,
};
pub(super) const ANSWERED: InboundType = InboundType {
    name: "call.answered",
    needs: &[],
    read,
};
pub(super) const ENDED: InboundType = InboundType {
    name: "call.ended",
    needs: &[],
    read,
};

fn read(data: &Map<String, Value>) -> Result<Arc<dyn Decide>, Rejection> {
    Ok(Arc::new(payload::read::<Call>(data)?))
}

#[derive(Debug, Deserialize)]
struct Call {
    #[expect(dead_code, reason = "read to be checked; rules read it")]
    phone: Phone,
    #[serde(default, deserialize_with = "payload::customer")]
    customer: Option<Map<String, Value>>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "read to be checked")]
struct Phone {
    id: String,
    from: String,
    to: String,
    direction: String,
}

impl Decide for Call {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        let conversation = case.conversation_mut();
        if conversation.channel.is_empty() {
            "phone".clone_into(&mut conversation.channel);
        }
        conversation.know_customer(self.customer.as_ref());
        case.ask_rules(None)
    }
}
