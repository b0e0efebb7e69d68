//! Messages to Provost's own broker: exchange, routing key, body, and a name for good.
//!
//! A value can stand in the routing key, one word or several, and in the body; it can
//! name no other exchange. A broker knows no key, so whether a message that was not
//! confirmed has arrived is unknown; whoever reads it can tell a repetition by its name.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::domain::{integration::AmqpOperation, template::filled};

/// The longest routing key and the longest message id. *Source*: AMQP 0.9.1, short strings.
const MAX_SHORT: usize = 255;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The exchange.
    pub exchange: String,
    /// The routing key.
    pub routing_key: String,
    /// The body: JSON, as the text that is sent.
    pub body: String,
    /// Names it for good; the same for each attempt.
    pub message_id: String,
}

/// Why a message cannot be made of these values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageFault {
    /// The routing key is too long, or holds what no routing key does.
    #[error(
        "the routing key is not a text of at most {MAX_SHORT} bytes without control characters"
    )]
    RoutingKey,
    /// The request's key is too long.
    #[error("the message's id is longer than {MAX_SHORT} bytes")]
    MessageId,
}

/// Makes the message of an operation.
///
/// *Errors*: a value that cannot stand where it belongs.
pub fn message(
    operation: &AmqpOperation,
    values: &Map<String, Value>,
    key: &str,
) -> Result<Message, MessageFault> {
    let routing_key = operation.routing_key.expand(values, str::to_owned);
    if routing_key.len() > MAX_SHORT || routing_key.chars().any(char::is_control) {
        return Err(MessageFault::RoutingKey);
    }
    if key.len() > MAX_SHORT {
        return Err(MessageFault::MessageId);
    }
    Ok(Message {
        exchange: operation.exchange.clone(),
        routing_key,
        body: filled(&operation.body, values).to_string(),
        message_id: key.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::template::Template;

    fn made(team: &str) -> Result<Message, MessageFault> {
        let operation = AmqpOperation {
            exchange: "desk".to_owned(),
            routing_key: Template::parse("lead.{{team}}").expect("a template"),
            body: json!({"team": "{{team}}", "score": "{{score}}"}),
        };
        let values = json!({"team": team, "score": 7});
        message(&operation, values.as_object().expect("an object"), "key-1")
    }

    #[test]
    fn a_message_is_made_whole() {
        let expected = Message {
            exchange: "desk".to_owned(),
            routing_key: "lead.sales".to_owned(),
            body: r#"{"score":7,"team":"sales"}"#.to_owned(),
            message_id: "key-1".to_owned(),
        };
        assert_eq!(made("sales"), Ok(expected));
        assert_eq!(made("a\nb"), Err(MessageFault::RoutingKey));
        assert_eq!(made(&"x".repeat(251)), Err(MessageFault::RoutingKey));
    }
}
