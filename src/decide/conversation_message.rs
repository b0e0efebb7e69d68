//! `conversation.message`: somebody said something.

use std::sync::Arc;

use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Case, Decide, InboundType, Stop, payload};
use crate::domain::{
    actor::{Actor, ActorKind},
    outcome::Change,
};

pub(super) const MESSAGE: InboundType = InboundType {
    name: "conversation.message",
    needs: &[],
    read: |data| Ok(Arc::new(payload::read::<Said>(data)?)),
};

#[derive(Debug, Deserialize)]
struct Said {
    message: Message,
    #[serde(default)]
    channel: Option<String>,
    #[serde(default, deserialize_with = "payload::customer")]
    customer: Option<Map<String, Value>>,
}

/// The shape is checked whole, though only the sentiment is used here: rules read the rest.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "read to be checked")]
struct Message {
    #[serde(deserialize_with = "payload::filled")]
    id: String,
    text: String,
    author: Actor,
    #[serde(default)]
    language: Option<String>,
    #[serde(default)]
    intent: Option<String>,
    #[serde(default, deserialize_with = "payload::sentiment")]
    sentiment: Option<Decimal>,
}

impl Decide for Said {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        let conversation = case.conversation_mut();
        conversation.messages += 1;
        if let Some(sentiment) = self.message.sentiment {
            conversation.sentiment.add(sentiment);
        }
        if let Some(channel) = &self.channel {
            conversation.channel.clone_from(channel);
        }
        conversation.know_customer(self.customer.as_ref());
        case.reopen();
        let message = case.own_message();
        case.change(Change::Message(message));
        case.say_to_tickets(&self.message.author)?;
        if self.message.author.kind == ActorKind::Customer {
            case.listen(&self.message.text)?;
        }
        case.ask_rules(None)
    }
}

impl Case<'_> {
    /// Gives this event's message with its time, as a ticket's context shows it; `null` for other events.
    pub(super) fn own_message(&self) -> Value {
        let mut message = self
            .input
            .event
            .data
            .get("message")
            .cloned()
            .unwrap_or_default();
        if message.is_object() {
            message["time"] = json!(self.time);
        }
        message
    }
}
