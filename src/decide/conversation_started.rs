//! `conversation.started`: channel, customer, attributes.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Case, Decide, InboundType, Stop, payload};

pub(super) const STARTED: InboundType = InboundType {
    name: "conversation.started",
    needs: &[],
    read: |data| Ok(Arc::new(payload::read::<Started>(data)?)),
};

#[derive(Debug, Deserialize)]
struct Started {
    #[serde(deserialize_with = "payload::filled")]
    channel: String,
    #[serde(deserialize_with = "payload::customer")]
    customer: Option<Map<String, Value>>,
    #[serde(default)]
    attributes: Map<String, Value>,
}

impl Decide for Started {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        let conversation = case.conversation_mut();
        conversation.channel.clone_from(&self.channel);
        conversation.know_customer(self.customer.as_ref());
        conversation.keep_attributes(&self.attributes);
        case.reopen();
        case.ask_rules(None)
    }
}
