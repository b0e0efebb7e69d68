//! What was delivered: events with identities of their own, and the order they must keep.
//!
//! The test policy answers each `conversation.message` with one `message.send`
//! whose text is `echo: ` and the message's text, so every event has exactly
//! one result that names it as its cause.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::place::unique;

/// Remembers, per conversation, the ids of the messages made, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    messages: BTreeMap<String, Vec<String>>,
}

impl Ledger {
    /// Makes the next `count` messages of one conversation.
    pub(crate) fn messages(&mut self, conversation: &str, count: usize) -> Vec<Value> {
        (0..count).map(|_| self.message(conversation)).collect()
    }

    /// Makes the next message of one conversation.
    pub(crate) fn message(&mut self, conversation: &str) -> Value {
        let ids = self.messages.entry(conversation.to_owned()).or_default();
        let id = format!("{conversation}-{:05}", ids.len() + 1);
        ids.push(id.clone());
        let text = format!("message {} of {conversation}", ids.len());
        message(&id, conversation, &text)
    }

    /// Makes `each` messages for each of `conversations` conversations, in turn.
    pub(crate) fn interleaved(&mut self, conversations: usize, each: usize) -> Vec<Value> {
        (0..each)
            .flat_map(|_| 0..conversations)
            .map(|number| format!("c{number}"))
            .map(|conversation| self.message(&conversation))
            .collect()
    }

    /// Counts a message that the test made itself.
    pub(crate) fn expect(&mut self, conversation: &str, id: &str) {
        self.messages
            .entry(conversation.to_owned())
            .or_default()
            .push(id.to_owned());
    }

    /// Gives conversations with the ids of their messages.
    pub(crate) fn conversations(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.messages
            .iter()
            .map(|(conversation, ids)| (conversation.as_str(), ids.as_slice()))
    }

    /// Gives every id.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.messages.values().flatten().map(String::as_str)
    }
}

/// A customer's message as a structured event.
pub(crate) fn message(id: &str, conversation: &str, text: &str) -> Value {
    let customer = format!("cus-{conversation}");
    event(
        id,
        "conversation.message",
        conversation,
        &json!({
            "channel": "web",
            "customer": {"id": customer, "name": "Ada"},
            "message": {"id": format!("m-{id}"), "text": text, "author": {"kind": "customer", "id": customer}},
        }),
    )
}

/// Any structured event.
pub(crate) fn event(id: &str, kind: &str, subject: &str, data: &Value) -> Value {
    json!({"specversion": "1.0", "id": id, "source": "/test", "type": kind, "subject": subject, "data": data})
}

/// Messages of as many fresh conversations, to see that everything before them is through.
pub(crate) fn markers(count: usize) -> Vec<Value> {
    (0..count)
        .map(|_| unique("marker"))
        .map(|name| message(&name, &name, "marker"))
        .collect()
}
