//! `conversation.updated`: attributes, tags, sentiment, customer, the platform's analysis.

use std::sync::Arc;

use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Case, Decide, InboundType, Stop, payload};

pub(super) const UPDATED: InboundType = InboundType {
    name: "conversation.updated",
    needs: &[],
    read: |data| Ok(Arc::new(payload::read::<Updated>(data)?)),
};

#[derive(Debug, Deserialize)]
struct Updated {
    #[serde(default)]
    attributes: Map<String, Value>,
    #[serde(default)]
    tags_added: Vec<String>,
    #[serde(default)]
    tags_removed: Vec<String>,
    #[serde(default, deserialize_with = "payload::sentiment")]
    sentiment: Option<Decimal>,
    #[serde(default, deserialize_with = "payload::customer")]
    customer: Option<Map<String, Value>>,
    #[serde(default)]
    analysis: Map<String, Value>,
    #[serde(default)]
    channel: Option<String>,
}

impl Decide for Updated {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        let conversation = case.conversation_mut();
        conversation.keep_attributes(&self.attributes);
        conversation.tags.extend(self.tags_added.iter().cloned());
        for tag in &self.tags_removed {
            conversation.tags.remove(tag);
        }
        if let Some(sentiment) = self.sentiment {
            conversation.sentiment.add(sentiment);
        }
        if let Some(channel) = &self.channel {
            conversation.channel.clone_from(channel);
        }
        conversation.know_customer(self.customer.as_ref());
        if !self.analysis.is_empty() {
            Arc::make_mut(&mut conversation.analysis).extend(self.analysis.clone());
        }
        case.ask_rules(None)
    }
}
