//! An inlet: one queue's consumer, read into the deliveries' channel in chunks.
//!
//! A channel of its own (tags count per channel, and its failure is told apart),
//! the prefetch set before consuming. When the channel is full nothing is read,
//! and the prefetch bounds what waits in the client. The `Consumer` is held until
//! the connection is closed: dropped before, it would send `basic.cancel`, and
//! the next single active consumer would get the later messages first.

use std::sync::Arc;

use futures_util::{FutureExt, StreamExt};
use lapin::{
    Channel, Consumer,
    message::Delivery as Message,
    options::{BasicConsumeOptions, BasicQosOptions},
    types::FieldTable,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    Delivery,
    acks::Ledger,
    connect::Line,
    fault::{self, Fault},
    headers,
};

/// How many deliveries are handed on together at most.
const CHUNK: usize = 64;

/// A queue that is being consumed.
pub(super) struct Source {
    queue: Arc<str>,
    /// Its place in the ledger.
    place: usize,
    channel: Channel,
    consumer: Consumer,
}

/// How reading a queue ends.
#[derive(Clone, Debug)]
pub(super) struct SourceEnd {
    /// With the session.
    pub(super) session: CancellationToken,
    /// For another daemon.
    pub(super) let_go: CancellationToken,
}

impl Source {
    /// Begins to consume a queue.
    ///
    /// *Errors*: why not; the connection goes on unless the fault says otherwise.
    pub(super) async fn open(
        line: &Line,
        queue: Arc<str>,
        place: usize,
        prefetch: u16,
    ) -> Result<Self, Fault> {
        let opening = async {
            let channel = line.connection.create_channel().await?;
            channel
                .basic_qos(prefetch, BasicQosOptions::default())
                .await?;
            let name = headers::short(&queue).unwrap_or_default();
            let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
            let consumer = channel
                .basic_consume(name, "".into(), options, arguments)
                .await?;
            Ok((channel, consumer))
        };
        let opened: lapin::Result<_> = opening.await;
        let (channel, consumer) = opened.map_err(|error| fault::read(&error))?;
        tracing::debug!(queue = &*queue, prefetch, "consuming");
        Ok(Self {
            queue,
            place,
            channel,
            consumer,
        })
    }

    /// Reads until something fails, the receiver is dropped or `end` comes; then holds the consumer until `end`.
    pub(super) async fn run(
        mut self,
        ledger: Arc<Ledger>,
        deliveries: mpsc::Sender<Delivery>,
        troubles: mpsc::UnboundedSender<Fault>,
        end: SourceEnd,
    ) {
        tokio::select! {
            fault = self.read(&ledger, deliveries) => if let Some(fault) = fault {
                // Nobody listens any more only when the session has ended.
                let _ = troubles.send(fault);
            },
            () = end.session.cancelled() => return,
            () = end.let_go.cancelled() => return self.leave(&ledger).await,
        }
        end.session.cancelled().await;
    }

    /// Leaves the queue to whoever waits behind: what was not acknowledged goes back to it, in order.
    async fn leave(self, ledger: &Ledger) {
        let close = async {
            // When the connection ends instead, that is told elsewhere.
            let _ = self
                .channel
                .close(200, "it falls to another daemon".into())
                .await;
        };
        ledger.forget(self.place, close).await;
    }

    /// Gives why reading ended; `None`: nobody takes deliveries any more.
    pub(super) async fn read(
        &mut self,
        ledger: &Ledger,
        deliveries: mpsc::Sender<Delivery>,
    ) -> Option<Fault> {
        let mut chunk = Vec::with_capacity(CHUNK);
        loop {
            let mut ending = self.take(&mut chunk, ledger).await;
            while ending.is_none() && chunk.len() < CHUNK {
                match self.take(&mut chunk, ledger).now_or_never() {
                    Some(found) => ending = found,
                    None => break,
                }
            }
            let permits = deliveries.reserve_many(chunk.len()).await.ok()?;
            for (permit, delivery) in permits.zip(chunk.drain(..)) {
                permit.send(delivery);
            }
            if ending.is_some() {
                return ending;
            }
        }
    }

    /// Takes one message into the chunk, or gives why there are no more.
    async fn take(&mut self, chunk: &mut Vec<Delivery>, ledger: &Ledger) -> Option<Fault> {
        match self.consumer.next().await {
            Some(Ok(message)) => {
                chunk.push(self.receive(message, ledger));
                None
            }
            Some(Err(error)) => Some(fault::read(&error)),
            None => Some(Fault::new(
                fault::CANCELLED,
                format!("the broker cancelled the consumer of `{}`", self.queue),
            )),
        }
    }

    fn receive(&self, message: Message, ledger: &Ledger) -> Delivery {
        let properties = &message.properties;
        let text = |it: &Option<lapin::types::ShortString>| it.as_ref().map(ToString::to_string);
        Delivery {
            session: ledger.session(),
            queue: Arc::clone(&self.queue),
            redelivered: message.redelivered,
            content_type: text(properties.content_type()),
            headers: properties
                .headers()
                .as_ref()
                .map(headers::to_json)
                .unwrap_or_default(),
            routing_key: message.routing_key.into(),
            reply_to: text(properties.reply_to()),
            correlation_id: text(properties.correlation_id()),
            message_id: text(properties.message_id()),
            body: message.data,
            ordinal: ledger.add(self.place, message.acker),
        }
    }
}
