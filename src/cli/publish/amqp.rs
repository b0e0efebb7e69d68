//! Publishing events straight to the broker, confirmed.
//!
//! The subject is stated in a header too, by which an inbox with partitions finds
//! the one of the conversation.

use std::{sync::Arc, time::Duration};

use super::{Tally, batch::Batch};
use crate::{
    broker::{Client, Fault, Outgoing, Published},
    cli::Failure,
};

/// How long the broker may take to confirm a batch.
const PATIENCE: Duration = Duration::from_secs(30);

/// A broker.
pub(super) struct Broker {
    client: Client,
    exchange: Arc<str>,
}

impl Broker {
    /// Connects to the first of the addresses, separated by commas, that answers.
    ///
    /// *Errors*: why the last one did not let us in.
    pub(super) async fn reach(urls: &str, exchange: &str) -> Result<Self, Failure> {
        // An error means that a provider is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let urls: Vec<String> = urls.split(',').map(|url| url.trim().to_owned()).collect();
        let client = Client::connect(&urls, PATIENCE).await.map_err(|fault| {
            of(&fault).next("is the broker running, and are user, password and virtual host right?")
        })?;
        Ok(Self {
            client,
            exchange: Arc::from(exchange),
        })
    }

    /// Publishes a batch and waits for its confirms.
    pub(super) async fn send(&self, batch: Batch, tally: &mut Tally) -> Result<(), Failure> {
        let messages: Vec<Outgoing> = batch
            .lines
            .iter()
            .map(|line| Outgoing {
                exchange: Arc::clone(&self.exchange),
                routing_key: line.event.kind.clone(),
                body: line.text.clone().into_bytes(),
                message_id: line.event.id.clone(),
                kind: line.event.kind.clone(),
                traceparent: line.event.trace.parent.clone(),
                headers: vec![(
                    "cloudEvents_subject".to_owned(),
                    line.event.subject.to_string(),
                )],
                ..Outgoing::default()
            })
            .collect();
        let confirmed = self.client.publish(messages).await.map_err(|fault| {
            of(&fault).next(
                "the lines of this batch can be published again: a repeated id is a duplicate",
            )
        })?;
        for (line, published) in batch.lines.iter().zip(confirmed) {
            match published {
                Published::Confirmed => tally.accepted += 1,
                Published::Unroutable => {
                    let detail = format!("no queue is bound to `{}` for it", self.exchange);
                    tally.fail(line.number, &detail)?;
                }
            }
        }
        Ok(())
    }

    /// Leaves.
    pub(super) async fn close(self) {
        self.client.close().await;
    }
}

fn of(fault: &Fault) -> Failure {
    Failure::new(format!("the broker: {fault}"))
}
