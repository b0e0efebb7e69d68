//! What a result looks like as a message: exchange, routing key, labels, copies.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::{batch::cut, seal::Sealed};
use crate::{
    broker::Outgoing,
    domain::{outcome::Parked, record::Seen},
};

/// Where results go.
#[derive(Clone, Debug)]
pub(super) struct Envelope {
    /// The outbound exchange.
    pub(super) results_exchange: Arc<str>,
    /// The dead-letter exchange.
    pub(super) dead_exchange: Arc<str>,
    /// Whether there is a broker; without one no messages are made.
    pub(super) has_broker: bool,
}

/// A result read back from the journal.
#[derive(Deserialize)]
struct Label<'a> {
    #[serde(borrow)]
    id: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    r#type: std::borrow::Cow<'a, str>,
    #[serde(borrow, default)]
    traceparent: Option<std::borrow::Cow<'a, str>>,
}

/// What a row says about all of its results.
struct Address<'a> {
    reply_to: Option<&'a str>,
    correlation_id: Option<&'a str>,
    traceparent: Option<&'a str>,
}

impl Envelope {
    /// Gives the messages of a freshly sealed batch, in order.
    pub(super) fn of_batch(&self, sealed: &Sealed) -> Vec<Outgoing> {
        let mut messages = Vec::new();
        if !self.has_broker {
            return messages;
        }
        for (row, spans) in sealed.write.journal.iter().zip(&sealed.results) {
            if spans.is_empty() {
                continue;
            }
            let trace = traceparent(&row.body);
            let address = Address {
                reply_to: row.reply_to.as_deref(),
                correlation_id: row.correlation_id.as_deref(),
                traceparent: trace.as_deref(),
            };
            for (span, body) in cut(&row.results, spans) {
                self.push(&mut messages, (&span.id, span.kind), body, &address);
            }
        }
        messages.extend(
            sealed
                .write
                .parked
                .iter()
                .map(|(parked, _)| self.of_parked(parked)),
        );
        messages
    }

    /// Gives the messages of a row that was decided before.
    pub(super) fn of_seen(&self, row: &Seen) -> Vec<Outgoing> {
        self.of_text(
            &row.results,
            row.reply_to.as_deref(),
            row.correlation_id.as_deref(),
        )
    }

    /// Gives the messages of a stored `results` text.
    pub(super) fn of_text(
        &self,
        results: &str,
        reply_to: Option<&str>,
        correlation_id: Option<&str>,
    ) -> Vec<Outgoing> {
        let mut messages = Vec::new();
        if !self.has_broker || results.is_empty() {
            return messages;
        }
        let Ok(events) = serde_json::from_str::<Vec<&RawValue>>(results) else {
            tracing::error!("a journal row's results are not JSON; they are not published again");
            return messages;
        };
        for event in events {
            let Ok(label) = serde_json::from_str::<Label<'_>>(event.get()) else {
                continue;
            };
            let address = Address {
                reply_to,
                correlation_id,
                traceparent: label.traceparent.as_deref(),
            };
            self.push(
                &mut messages,
                (&label.id, &label.r#type),
                event.get(),
                &address,
            );
        }
        messages
    }

    /// Gives the copy of a parked message for the dead-letter exchange.
    pub(super) fn of_parked(&self, parked: &Parked) -> Outgoing {
        Outgoing {
            exchange: Arc::clone(&self.dead_exchange),
            routing_key: parked.reason.as_str().to_owned(),
            body: parked.content.to_vec(),
            content_type: Some(content_type_of(parked)),
            message_id: parked.parked_id.clone(),
            kind: "event.parked".to_owned(),
            headers: vec![
                (
                    "x-provost-reason".to_owned(),
                    parked.reason.as_str().to_owned(),
                ),
                ("x-provost-detail".to_owned(), parked.detail.clone()),
            ],
            ..Outgoing::default()
        }
    }

    fn push(
        &self,
        messages: &mut Vec<Outgoing>,
        (id, kind): (&str, &str),
        body: &str,
        address: &Address<'_>,
    ) {
        let message = Outgoing {
            exchange: Arc::clone(&self.results_exchange),
            routing_key: kind.to_owned(),
            body: body.as_bytes().to_vec(),
            message_id: id.to_owned(),
            kind: kind.to_owned(),
            correlation_id: address.correlation_id.map(str::to_owned),
            traceparent: address.traceparent.map(str::to_owned),
            ..Outgoing::default()
        };
        if let Some(queue) = address.reply_to {
            // The default exchange, whose routing key is the queue's name.
            messages.push(Outgoing {
                exchange: Arc::from(""),
                routing_key: queue.to_owned(),
                ..message.clone()
            });
        }
        messages.push(message);
    }
}

/// Gives what a parked message said that it was.
fn content_type_of(parked: &Parked) -> String {
    let transport: Value = serde_json::from_str(&parked.transport).unwrap_or_default();
    transport["content_type"]
        .as_str()
        .unwrap_or("application/octet-stream")
        .to_owned()
}

fn traceparent(body: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Traced {
        #[serde(default)]
        traceparent: Option<String>,
    }
    // Looked for as text first: most events carry none, and reading the whole body would cost more than all else here.
    body.contains("\"traceparent\"")
        .then(|| serde_json::from_str::<Traced>(body).ok()?.traceparent)
        .flatten()
}
