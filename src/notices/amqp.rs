//! A queue on Provost's own broker: the event, persistent and confirmed as every other one is.

use super::{Post, event};

/// A message to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// The exchange.
    pub exchange: String,
    /// The routing key.
    pub routing_key: String,
    /// The event as structured JSON.
    pub body: String,
    /// The event's id, which stays over repeats.
    pub message_id: String,
    /// The event's type.
    pub kind: &'static str,
}

/// Makes the message.
pub(super) fn publication(post: &Post<'_>, exchange: &str, routing_key: &str) -> Publication {
    Publication {
        exchange: exchange.to_owned(),
        routing_key: routing_key.to_owned(),
        body: event::event(post).to_string(),
        message_id: post.id().to_owned(),
        kind: event::KIND,
    }
}
