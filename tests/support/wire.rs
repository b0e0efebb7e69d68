//! AMQP as an outsider speaks it: publishes events confirmed, collects results as they come.
//!
//! The collector has a durable queue of its own behind the results exchange and
//! outlives every fault of the broker: it connects again and goes on where the
//! queue stands. So a result that it never shows was never published.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::StreamExt;
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties, Consumer, ExchangeKind,
    message::Delivery,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
        ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
    },
    types::{AMQPValue, FieldTable},
};
use serde_json::Value;
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::place::eventually;

// How long a broker that is being hurt may keep one step waiting before it is tried again.
const HASTE: Duration = Duration::from_secs(10);

// How long a collector hears nothing before it looks whether it is still connected at all.
const QUIET: Duration = Duration::from_secs(8);

/// A result as it came out of the broker.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    /// The body.
    pub(crate) event: Value,
    /// The routing key.
    pub(crate) routing_key: String,
    /// The properties, with headers.
    pub(crate) properties: BasicProperties,
}

impl Published {
    /// Gives an attribute of the event, empty when absent.
    pub(crate) fn text(&self, attribute: &str) -> &str {
        self.event[attribute].as_str().unwrap_or_default()
    }
}

/// One virtual host, spoken to directly.
#[derive(Debug)]
pub(crate) struct Wire {
    url: String,
    seen: Arc<Mutex<Vec<Published>>>,
    collector: JoinHandle<()>,
}

impl Wire {
    /// Declares the results exchange and begins to collect what is published there.
    pub(crate) async fn open(url: &str) -> Self {
        let collector = Collector {
            url: url.to_owned(),
            queue: "test.results".to_owned(),
            exchange: Some("provost.results"),
        };
        Self::begin(url, collector).await
    }

    /// Collects from a queue that is declared here, such as one that stands in `reply_to`.
    pub(crate) async fn listen(url: &str, name: &str) -> Self {
        let line = Line::open(url).await.expect("the broker");
        queue(&line.channel, name, FieldTable::default())
            .await
            .expect("a queue");
        line.close().await;
        Self::listen_to(url, name).await
    }

    /// Collects from a queue that is there.
    pub(crate) async fn listen_to(url: &str, name: &str) -> Self {
        let collector = Collector {
            url: url.to_owned(),
            queue: name.to_owned(),
            exchange: None,
        };
        Self::begin(url, collector).await
    }

    async fn begin(url: &str, collector: Collector) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        // Connected once before the test goes on, so that nothing is published past the queue.
        let first = collector.connect().await.expect("the broker");
        let collector = tokio::spawn(collector.run(first, Arc::clone(&seen)));
        Self {
            url: url.to_owned(),
            seen,
            collector,
        }
    }

    /// Gives what was collected so far, repetitions included.
    pub(crate) fn seen(&self) -> Vec<Published> {
        self.seen.lock().expect("no test panicked here").clone()
    }

    /// Waits until a collected result satisfies the predicate.
    pub(crate) async fn until(
        &self,
        what: &str,
        accepts: impl Fn(&Published) -> bool,
    ) -> Published {
        eventually(what, async || self.seen().into_iter().find(&accepts)).await
    }

    /// Opens a channel of its own in confirm mode; the connection ends with it.
    pub(crate) async fn channel(&self) -> Line {
        Line::open(&self.url).await.expect("the broker")
    }

    /// Makes the inbound topology as the daemon would, so that events can wait before its first start.
    pub(crate) async fn declare_inbox(&self) {
        let line = self.channel().await;
        exchange(&line.channel, "provost.events")
            .await
            .expect("an exchange");
        exchange(&line.channel, "provost.dead")
            .await
            .expect("an exchange");
        let mut arguments = quorum();
        arguments.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
        arguments.insert("x-dead-letter-exchange".into(), long("provost.dead"));
        queue(&line.channel, "provost.inbox", arguments)
            .await
            .expect("a queue");
        bind(&line.channel, "provost.inbox", "provost.events")
            .await
            .expect("a binding");
        line.close().await;
    }

    /// Makes the queue of dead letters.
    pub(crate) async fn declare_dead(&self) {
        let line = self.channel().await;
        exchange(&line.channel, "provost.dead")
            .await
            .expect("an exchange");
        queue(&line.channel, "provost.parked", quorum())
            .await
            .expect("a queue");
        bind(&line.channel, "provost.parked", "provost.dead")
            .await
            .expect("a binding");
        line.close().await;
    }

    /// Publishes structured events to the inbound exchange, in order, until each is confirmed.
    ///
    /// After a fault the unconfirmed ones are sent again from the first on: the
    /// broker may then hold some twice, which is the daemon's to see through.
    pub(crate) async fn deliver(&self, events: &[Value]) {
        self.deliver_with(events, BasicProperties::default()).await;
    }

    /// As [`Wire::deliver`], with further properties, such as `reply_to`.
    pub(crate) async fn deliver_with(&self, events: &[Value], properties: BasicProperties) {
        let mut left = events;
        eventually("every event is confirmed by the broker", async || {
            if let Ok(Ok(line)) = timeout(HASTE, Line::open(&self.url)).await {
                let confirmed = line.send(left, &properties).await;
                left = &left[confirmed..];
                line.close().await;
            }
            left.is_empty().then_some(())
        })
        .await;
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.collector.abort();
    }
}

/// A connection with one channel in confirm mode.
pub(crate) struct Line {
    /// The channel.
    pub(crate) channel: Channel,
    connection: Connection,
}

impl Line {
    /// Connects.
    pub(crate) async fn open(url: &str) -> lapin::Result<Self> {
        let connection = connect(url).await?;
        let channel = connection.create_channel().await?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        Ok(Self {
            channel,
            connection,
        })
    }

    /// Publishes any body anywhere, confirmed.
    pub(crate) async fn publish(
        &self,
        exchange: &str,
        routing_key: &str,
        body: &[u8],
        properties: BasicProperties,
    ) {
        self.channel
            .basic_publish(
                exchange.into(),
                routing_key.into(),
                BasicPublishOptions::default(),
                body,
                properties.with_delivery_mode(2),
            )
            .await
            .expect("published")
            .await
            .expect("confirmed");
    }

    // Gives how many of the events, from the first on, are confirmed.
    async fn send(&self, events: &[Value], properties: &BasicProperties) -> usize {
        let mut confirms = Vec::new();
        for event in events {
            let kind = event["type"].as_str().unwrap_or_default();
            let properties = properties
                .clone()
                .with_content_type("application/cloudevents+json".into())
                .with_delivery_mode(2);
            let body = event.to_string();
            let sent = self
                .channel
                .basic_publish(
                    "provost.events".into(),
                    kind.into(),
                    BasicPublishOptions::default(),
                    body.as_bytes(),
                    properties,
                )
                .await;
            match sent {
                Ok(confirm) => confirms.push(confirm),
                Err(_) => break,
            }
        }
        let mut confirmed = 0;
        for confirm in confirms {
            match timeout(HASTE, confirm).await {
                Ok(Ok(answer)) if answer.is_ack() => confirmed += 1,
                _ => break,
            }
        }
        confirmed
    }

    /// Leaves in order.
    pub(crate) async fn close(self) {
        let _ = timeout(HASTE, self.connection.close(200, "done".into())).await;
    }
}

struct Collector {
    url: String,
    queue: String,
    exchange: Option<&'static str>,
}

impl Collector {
    // An attempt that takes too long is ended in order: a consumer left behind would keep messages to itself.
    async fn connect(&self) -> Option<(Connection, Consumer)> {
        let connection = timeout(HASTE, connect(&self.url)).await.ok()?.ok()?;
        let consumer = timeout(HASTE, self.consume(&connection)).await;
        if let Ok(Ok(consumer)) = consumer {
            return Some((connection, consumer));
        }
        let _ = timeout(HASTE, connection.close(200, "too late".into())).await;
        None
    }

    async fn consume(&self, connection: &Connection) -> lapin::Result<Consumer> {
        let channel = connection.create_channel().await?;
        if let Some(name) = self.exchange {
            queue(&channel, &self.queue, FieldTable::default()).await?;
            exchange(&channel, name).await?;
            bind(&channel, &self.queue, name).await?;
        }
        channel.basic_qos(500, BasicQosOptions::default()).await?;
        channel
            .basic_consume(
                self.queue.as_str().into(),
                "test".into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await
    }

    async fn run(self, first: (Connection, Consumer), seen: Arc<Mutex<Vec<Published>>>) {
        let mut session = Some(first);
        loop {
            if let Some((connection, mut consumer)) = session.take() {
                // A stream may outlive its broken connection in silence, and so may an ack: after
                // some quiet the session is built anew.
                while let Ok(Some(Ok(delivery))) = timeout(QUIET, consumer.next()).await {
                    seen.lock()
                        .expect("no test panicked here")
                        .push(read(&delivery));
                    let acked = timeout(QUIET, delivery.ack(BasicAckOptions::default())).await;
                    if !matches!(acked, Ok(Ok(_))) {
                        break;
                    }
                }
                let _ = timeout(HASTE, connection.close(200, "again".into())).await;
            }
            sleep(Duration::from_millis(100)).await;
            session = self.connect().await;
        }
    }
}

fn read(delivery: &Delivery) -> Published {
    Published {
        event: serde_json::from_slice(&delivery.data).unwrap_or(Value::Null),
        routing_key: delivery.routing_key.to_string(),
        properties: delivery.properties.clone(),
    }
}

async fn connect(url: &str) -> lapin::Result<Connection> {
    // Short heartbeats and time-outs, so that a frozen broker is noticed within a test's patience.
    let url = format!("{url}?heartbeat=5&connection_timeout=3000");
    Connection::connect(&url, ConnectionProperties::default()).await
}

/// Declares a durable topic exchange.
pub(crate) async fn exchange(channel: &Channel, name: &str) -> lapin::Result<()> {
    let options = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    channel
        .exchange_declare(
            name.into(),
            ExchangeKind::Topic,
            options,
            FieldTable::default(),
        )
        .await
}

/// Declares a durable queue.
pub(crate) async fn queue(
    channel: &Channel,
    name: &str,
    arguments: FieldTable,
) -> lapin::Result<()> {
    let options = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    channel
        .queue_declare(name.into(), options, arguments)
        .await
        .map(drop)
}

/// Binds a queue with `#`.
pub(crate) async fn bind(channel: &Channel, queue: &str, exchange: &str) -> lapin::Result<()> {
    channel
        .queue_bind(
            queue.into(),
            exchange.into(),
            "#".into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await
}

fn quorum() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), long("quorum"));
    arguments
}

/// A text as an argument or header.
pub(crate) fn long(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}
