//! `GET /asyncapi.json`: the events, both ways, as AsyncAPI 3.
//!
//! Made from the tables of [`super::messages`] and the configured names of
//! exchanges and queues.

use axum::{Json, extract::State};
use serde_json::{Map, Value, json};

use super::{
    messages::{INBOUND, Message, OUTBOUND},
    shape,
    state::Api,
};
use crate::config::Broker;

/// Serves the document.
pub(super) async fn serve(State(api): State<Api>) -> Json<Value> {
    Json(document(&api.app.config.broker))
}

/// Gives the document for a broker's names.
pub fn document(broker: &Broker) -> Value {
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Provost",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "CloudEvents 1.0 over AMQP 0.9.1: what goes in, and what comes out.",
            "license": { "name": "Apache-2.0" },
        },
        "defaultContentType": "application/cloudevents+json",
        "servers": {
            "rabbitmq": { "host": "localhost:5672", "protocol": "amqp", "protocolVersion": "0.9.1" },
        },
        "channels": {
            "events": channel(&broker.events_exchange, "What is said to Provost; any routing key.", "inbound", INBOUND),
            "results": channel(&broker.results_exchange, "What Provost says; the routing key is the event's type.", "outbound", OUTBOUND),
        },
        "operations": {
            "takeIn": operation("receive", "events", "Takes events in.", INBOUND),
            "publish": operation("send", "results", "Publishes what follows.", OUTBOUND),
        },
        "components": {
            "messages": messages(),
            "schemas": shape::components(),
        },
    })
}

fn key(way: &str, message: &Message) -> String {
    format!("{way}.{}", message.name)
}

fn channel(exchange: &str, description: &str, way: &str, table: &[Message]) -> Value {
    let messages: Map<String, Value> = table
        .iter()
        .map(|message| {
            let target = format!("#/components/messages/{}", key(way, message));
            (message.name.to_owned(), json!({ "$ref": target }))
        })
        .collect();
    json!({
        "address": exchange,
        "description": description,
        "messages": messages,
        "bindings": {
            "amqp": {
                "is": "routingKey",
                "exchange": { "name": exchange, "type": "topic", "durable": true, "autoDelete": false },
                "bindingVersion": "0.3.0",
            },
        },
    })
}

fn operation(action: &str, channel: &str, summary: &str, table: &[Message]) -> Value {
    let messages: Vec<Value> = table
        .iter()
        .map(|message| json!({ "$ref": format!("#/channels/{channel}/messages/{}", message.name) }))
        .collect();
    json!({
        "action": action,
        "summary": summary,
        "channel": { "$ref": format!("#/channels/{channel}") },
        "messages": messages,
    })
}

fn messages() -> Map<String, Value> {
    let inbound = INBOUND.iter().map(|message| ("inbound", message));
    let outbound = OUTBOUND.iter().map(|message| ("outbound", message));
    inbound
        .chain(outbound)
        .map(|(way, message)| (key(way, message), described(way, message)))
        .collect()
}

fn described(way: &str, message: &Message) -> Value {
    let mut required = vec!["specversion", "id", "source", "type", "subject", "data"];
    if way == "outbound" {
        required.extend(["time", "sequence"]);
    }
    let mut described = json!({
        "name": message.name,
        "title": message.name,
        "summary": message.summary,
        "contentType": "application/cloudevents+json",
        "payload": {
            "type": "object",
            "required": required,
            "properties": {
                "specversion": { "const": "1.0" },
                "id": { "type": "string" },
                "source": { "type": "string" },
                "type": { "const": message.name },
                "subject": { "type": "string" },
                "time": { "type": "string", "format": "date-time" },
                "traceparent": { "type": "string" },
                "tracestate": { "type": "string" },
                "data": shape::schema(message.data),
            },
        },
    });
    if way == "outbound" {
        described["payload"]["properties"]["causationid"] = json!({ "type": "string" });
        described["payload"]["properties"]["sequence"] = json!({ "type": "string" });
    }
    described
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_has_a_target() {
        let document = document(&Broker::default());
        for (channel, table) in [("events", INBOUND), ("results", OUTBOUND)] {
            let listed = document["channels"][channel]["messages"]
                .as_object()
                .expect("messages");
            assert_eq!(listed.len(), table.len());
            for reference in listed.values() {
                let target = reference["$ref"].as_str().expect("a reference");
                let name = target.rsplit('/').next().expect("a name");
                assert!(
                    document["components"]["messages"][name].is_object(),
                    "{target}"
                );
            }
        }
    }

    #[test]
    fn the_inbound_table_is_what_is_decided() {
        use crate::decide::TYPES;
        for message in INBOUND {
            let is_decided = TYPES.iter().any(|known| known.name == message.name);
            assert!(is_decided, "{}", message.name);
        }
        for known in TYPES.iter().filter(|known| known.name != "schedule.due") {
            assert!(
                INBOUND.iter().any(|message| message.name == known.name),
                "{}",
                known.name
            );
        }
    }
}
