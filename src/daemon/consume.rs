//! Deliveries of the broker become inputs: sent to their lane, read, acknowledged after the commit.
//!
//! A message that says its subject plainly is read by its lane. Others are read here, because
//! only then it is known which lane is theirs.
//!
//! What cannot be read becomes an input that parks it, so that it too is stored
//! before it is acknowledged. This file knows the AMQP modes of the envelope;
//! `crate::http::events` knows those of HTTP.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::{
    intake::{Intake, Unit, Waiter, place_of},
    reload::InForce,
    round::parking_input,
};
use crate::{
    broker::{Acks, Delivery},
    clock::Clock,
    decide::{Entry, Input},
    domain::{
        actor::Actor,
        event::{Event, Reason, Rejection},
        ids::{EventKey, SubjectId, leading_16},
        outcome::Parked,
    },
    policy::ForeignMessage,
    telemetry,
};

/// What is known of an inbound queue.
#[derive(Clone, Debug)]
pub(super) struct QueueEntry {
    /// The entry of its events.
    pub(super) entry: Arc<Entry>,
    /// The mapping for bodies in neither mode.
    pub(super) mapping: Option<String>,
}

/// Reads messages of the broker, from a delivery or from the table of parked ones.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    /// The inbound queues by name.
    pub(super) queues: Arc<HashMap<String, QueueEntry>>,
    /// The inbound mappings, among the rest.
    pub(super) in_force: Arc<InForce>,
    /// For mappings that need the time.
    pub(super) clock: Clock,
    /// `source` of what is published; events that state it are ignored.
    pub(super) source: Arc<str>,
    /// The largest message. *Units*: bytes.
    pub(super) body_bytes: usize,
}

/// The media type of a structured event.
const STRUCTURED: &str = "application/cloudevents+json";
/// How many deliveries are read at once, if so many are there.
const CHUNK: usize = 256;

/// Takes deliveries in until the broker's link ends.
pub(super) async fn run(
    mut deliveries: tokio::sync::mpsc::Receiver<Delivery>,
    acks: Acks,
    intake: Intake,
    reading: Reading,
    stop: CancellationToken,
) {
    let mut chunk = Vec::with_capacity(CHUNK);
    while let Some(1..) = stop
        .run_until_cancelled(deliveries.recv_many(&mut chunk, CHUNK))
        .await
    {
        if stop.run_until_cancelled(intake.opened()).await.is_none() {
            return;
        }
        let mut units = Vec::with_capacity(chunk.len());
        for delivery in chunk.drain(..) {
            let (session, ordinal, is_redelivered) =
                (delivery.session, delivery.ordinal, delivery.redelivered);
            let bytes = delivery.body.len();
            let (place, inputs, unread) = if let Some(place) = reading.place(&delivery) {
                (place, Vec::new(), Some(Box::new(delivery)))
            } else {
                let inputs = reading.read(&delivery);
                let Some(first) = inputs.first() else {
                    acks.done(session, ordinal);
                    continue;
                };
                (place_of(first.event.subject.as_str()), inputs, None)
            };
            if is_redelivered {
                metrics::counter!(telemetry::EVENTS_REDELIVERED).increment(1);
            }
            units.push(Unit {
                inputs,
                unread,
                place,
                is_redelivered,
                is_behind: false,
                bytes,
                waiter: Waiter::Delivery(acks.clone(), session, ordinal),
            });
        }
        if intake.send(units).await.is_err() {
            // Stopping: what is not acknowledged comes again.
            return;
        }
    }
}

impl Reading {
    /// Gives the place of a message that is one event of others and says its subject.
    fn place(&self, delivery: &Delivery) -> Option<u64> {
        #[derive(Deserialize)]
        struct Plain<'a> {
            #[serde(borrow)]
            source: Cow<'a, str>,
            #[serde(borrow)]
            subject: Cow<'a, str>,
        }
        let is_structured = delivery
            .content_type
            .as_deref()
            .is_some_and(|kind| kind.starts_with(STRUCTURED));
        if !is_structured || delivery.body.len() > self.body_bytes {
            return None;
        }
        let plain: Plain<'_> = serde_json::from_slice(&delivery.body).ok()?;
        (plain.source != *self.source).then(|| place_of(&plain.subject))
    }

    /// Gives the inputs of a delivery; none when it is to be ignored.
    pub(super) fn read(&self, delivery: &Delivery) -> Vec<Arc<Input>> {
        let queue = self
            .queues
            .get(&*delivery.queue)
            .cloned()
            .unwrap_or_else(|| unconfigured(&delivery.queue));
        let events = match self.events(delivery, queue.mapping.as_deref()) {
            Ok(events) => events,
            Err(rejection) => {
                return vec![Arc::new(self.parked(delivery, &queue.entry, rejection))];
            }
        };
        let count = events.len();
        let mut inputs = Vec::with_capacity(count);
        for event in events {
            if event.source == *self.source {
                continue;
            }
            match Input::read(event, &queue.entry) {
                Ok(mut input) => {
                    input.reply_to.clone_from(&delivery.reply_to);
                    input.correlation_id.clone_from(&delivery.correlation_id);
                    inputs.push(Arc::new(input));
                }
                Err(rejection) => {
                    inputs.push(Arc::new(self.parked(delivery, &queue.entry, rejection)));
                }
            }
        }
        inputs
    }

    fn events(&self, delivery: &Delivery, mapping: Option<&str>) -> Result<Vec<Event>, Rejection> {
        if delivery.body.len() > self.body_bytes {
            let detail = format!(
                "the message has {} bytes, more than {}",
                delivery.body.len(),
                self.body_bytes
            );
            return Err(Rejection::new(Reason::Malformed, "", detail));
        }
        let content_type = delivery.content_type.as_deref().unwrap_or_default();
        if content_type.starts_with(STRUCTURED) {
            return Ok(vec![Event::from_json(&delivery.body)?]);
        }
        let attributes = binary_attributes(&delivery.headers);
        if attributes.contains_key("specversion") || attributes.contains_key("id") {
            return Ok(vec![from_binary(attributes, &delivery.body)?]);
        }
        match mapping {
            Some(mapping) => self.mapped(delivery, mapping),
            // Many a publisher forgets the content type: a body that is an event is taken as one.
            None => Ok(vec![Event::from_json(&delivery.body)?]),
        }
    }

    fn mapped(&self, delivery: &Delivery, mapping: &str) -> Result<Vec<Event>, Rejection> {
        let body = serde_json::from_slice(&delivery.body)
            .map_err(|error| Rejection::new(Reason::Malformed, "", format!("not JSON: {error}")))?;
        let message = ForeignMessage {
            body,
            headers: delivery.headers.clone(),
            routing_key: delivery.routing_key.clone(),
        };
        self.in_force
            .ruling()
            .mappings
            .map(mapping, &message, self.clock.now())
    }

    fn parked(&self, delivery: &Delivery, entry: &Arc<Entry>, rejection: Rejection) -> Input {
        let mut hash = Sha256::new();
        hash.update(delivery.queue.as_bytes());
        hash.update(
            delivery
                .message_id
                .as_deref()
                .unwrap_or_default()
                .as_bytes(),
        );
        hash.update([0]);
        hash.update(delivery.content_type.as_deref().unwrap_or_default());
        // In binary mode the headers say which event it is; those of the broker change from one
        // delivery to the next.
        for (name, value) in &delivery.headers {
            if !name.starts_with("x-") {
                hash.update([0]);
                hash.update(name);
                hash.update([0]);
                hash.update(value.to_string());
            }
        }
        hash.update([0]);
        hash.update(&delivery.body);
        let key = EventKey(leading_16(hash));
        let parked_id = key.to_id("prk");
        let transport = serde_json::json!({
            "queue": &*delivery.queue, "content_type": delivery.content_type, "headers": delivery.headers,
            "routing_key": delivery.routing_key, "reply_to": delivery.reply_to,
            "correlation_id": delivery.correlation_id, "message_id": delivery.message_id,
        });
        let parked = Parked {
            parked_id: parked_id.clone(),
            reason: rejection.reason,
            detail: rejection.detail,
            event_id: rejection.event_id,
            entry: entry.name.to_string(),
            transport: transport.to_string(),
            content: Arc::from(delivery.body.as_slice()),
        };
        let mut input = parking_input(parked, SubjectId::from(parked_id), &self.source, entry);
        input.reply_to.clone_from(&delivery.reply_to);
        input.correlation_id.clone_from(&delivery.correlation_id);
        input
    }
}

/// Gives the entry of a queue or HTTP intake that the configuration does not name, or no longer.
fn unconfigured(name: &str) -> QueueEntry {
    let mapping = name.strip_prefix("intake:");
    let name = match mapping {
        Some(_) => name.to_owned(),
        None => format!("queue:{name}"),
    };
    QueueEntry {
        entry: Arc::new(Entry {
            actor: Actor::system(name.as_str()),
            name: Arc::from(name),
            is_trusted: false,
        }),
        mapping: mapping.map(str::to_owned),
    }
}

/// Gives the CloudEvents attributes of the headers: `cloudEvents:NAME` or `cloudEvents_NAME`.
fn binary_attributes(headers: &Map<String, Value>) -> Map<String, Value> {
    headers
        .iter()
        .filter_map(|(name, value)| {
            let name = name
                .strip_prefix("cloudEvents:")
                .or_else(|| name.strip_prefix("cloudEvents_"))?;
            Some((name.to_owned(), value.clone()))
        })
        .collect()
}

fn from_binary(mut attributes: Map<String, Value>, body: &[u8]) -> Result<Event, Rejection> {
    let event_id = attributes
        .get("id")
        .and_then(Value::as_str)
        .map(str::to_owned);
    let data: Value = if body.is_empty() {
        Value::Object(Map::new())
    } else {
        serde_json::from_slice(body).map_err(|error| Rejection {
            event_id,
            ..Rejection::new(
                Reason::Malformed,
                "data",
                format!("data is not JSON: {error}"),
            )
        })?
    };
    attributes.insert("data".to_owned(), data);
    Event::from_value(Value::Object(attributes))
}
