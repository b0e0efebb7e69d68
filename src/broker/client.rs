//! One connection for the tools: publish confirmed, consume, make and remove queues.
//!
//! No supervisor: what fails is told, and the tool decides. `provost publish` and
//! `provost bench` use it; the daemon does not.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lapin::{
    options::{QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions},
    types::{AMQPValue, FieldTable},
};
use tokio::sync::{mpsc, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    DELIVERIES, Delivery, Outgoing, Published, Publisher,
    acks::Ledger,
    address::Address,
    connect::Line,
    consume::{Source, SourceEnd},
    declared::SINGLE_ACTIVE_CONSUMER,
    fault::{self, Fault},
    headers,
    outlet::{Barred, Outlet},
    publish::Door,
};
use crate::clock::Clock;

/// A connection to one broker.
pub struct Client {
    line: Arc<Line>,
    publisher: Publisher,
    /// Why nothing can be published any more.
    broken: Arc<Mutex<Option<Fault>>>,
    /// Of what is consumed.
    ledgers: Mutex<Vec<Arc<Ledger>>>,
    tasks: TaskTracker,
    ended: CancellationToken,
}

/// What a queue that a tool makes is.
#[derive(Clone, Debug, Default)]
pub struct QueueShape {
    /// `quorum` or `classic`.
    pub queue_type: String,
    /// Whether one consumer at a time is active.
    pub single_active_consumer: bool,
    /// Whether it goes with the connection; for classic queues only. Otherwise it is durable.
    pub is_temporary: bool,
}

/// A consumed queue.
#[derive(Debug)]
pub struct Inlet {
    deliveries: mpsc::Receiver<Delivery>,
    ledger: Ack,
    broken: mpsc::UnboundedReceiver<Fault>,
}

#[derive(Clone)]
struct Ack(Arc<Ledger>);

impl std::fmt::Debug for Ack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ack").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Client {
    /// Connects to the first of the addresses that answers.
    ///
    /// *Errors*: why the last one did not.
    pub async fn connect(urls: &[String], confirm_timeout: Duration) -> Result<Self, Fault> {
        let mut last = Fault::new(fault::BAD_ADDRESS, "there is no broker's address");
        for url in urls {
            match Self::connect_to(url, confirm_timeout).await {
                Ok(client) => return Ok(client),
                Err(fault) => last = fault,
            }
        }
        Err(last)
    }

    async fn connect_to(url: &str, confirm_timeout: Duration) -> Result<Self, Fault> {
        let address = Address::read(url)?;
        let line = Arc::new(Line::open(&address, "provost tool").await?);
        let (door, publisher) = watch::channel(Door::default());
        let outlet = Outlet {
            line: Arc::clone(&line),
            door,
            barred: Arc::new(Barred::nothing(Clock::machine())),
            reporter: None,
            confirm_timeout,
        };
        let counter = outlet.open().await?;
        let client = Self {
            line,
            publisher: Publisher::new(publisher),
            broken: Arc::default(),
            ledgers: Mutex::default(),
            tasks: TaskTracker::new(),
            ended: CancellationToken::new(),
        };
        let (broken, ended) = (Arc::clone(&client.broken), client.ended.clone());
        client.tasks.spawn(async move {
            let fault = ended.run_until_cancelled(outlet.run(counter)).await;
            *broken.lock().unwrap_or_else(PoisonError::into_inner) = fault;
        });
        Ok(client)
    }

    /// Publishes a batch, in order; answers when the broker has confirmed all of it.
    ///
    /// *Shape*: one answer a message, in the batch's order. May be called again before
    /// it has answered. A queue that is full is waited for.
    ///
    /// *Errors*: nothing is known of the batch, and the connection is of no more use.
    pub async fn publish(
        &self,
        batch: impl Into<Arc<Vec<Outgoing>>>,
    ) -> Result<Vec<Published>, Fault> {
        let batch: Arc<Vec<Outgoing>> = batch.into();
        loop {
            if let Ok(published) = self.publisher.publish(Arc::clone(&batch)).await {
                return Ok(published);
            }
            let broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(fault) = broken.clone() {
                return Err(fault);
            }
        }
    }

    /// Begins to consume a queue.
    pub async fn consume(&self, queue: &str, prefetch: u16) -> Result<Inlet, Fault> {
        let source = Source::open(&self.line, Arc::from(queue), 0, prefetch).await?;
        let ledger = Arc::new(Ledger::new(0, 1));
        let (sender, deliveries) = mpsc::channel(DELIVERIES);
        let (report, broken) = mpsc::unbounded_channel();
        let ended = self.ended.clone();
        let acknowledging = Arc::clone(&ledger);
        self.tasks.spawn(async move {
            let work = acknowledging.keep_acknowledging();
            ended.run_until_cancelled(work).await;
        });
        let mut ledgers = self.ledgers.lock().unwrap_or_else(PoisonError::into_inner);
        ledgers.push(Arc::clone(&ledger));
        drop(ledgers);
        let end = SourceEnd {
            session: self.ended.clone(),
            let_go: CancellationToken::new(),
        };
        let run = source.run(Arc::clone(&ledger), sender, report, end);
        self.tasks.spawn(run);
        Ok(Inlet {
            deliveries,
            ledger: Ack(ledger),
            broken,
        })
    }

    /// Makes a queue, or finds it as it should be, and binds it to exchanges by routing key.
    pub async fn create_queue(
        &self,
        name: &str,
        shape: &QueueShape,
        bindings: &[(&str, &str)],
    ) -> Result<(), Fault> {
        let making = async {
            let channel = self.line.connection.create_channel().await?;
            let queue_type = shape.queue_type.as_str();
            let mut arguments = headers::from_text([("x-queue-type", queue_type)]);
            if shape.single_active_consumer {
                arguments.insert(SINGLE_ACTIVE_CONSUMER.into(), AMQPValue::Boolean(true));
            }
            let options = QueueDeclareOptions {
                durable: !shape.is_temporary,
                exclusive: shape.is_temporary,
                ..QueueDeclareOptions::default()
            };
            channel
                .queue_declare(headers::cut(name), options, arguments)
                .await?;
            for (exchange, key) in bindings {
                let (exchange, key) = (headers::cut(exchange), headers::cut(key));
                let (options, none) = (QueueBindOptions::default(), FieldTable::default());
                channel
                    .queue_bind(headers::cut(name), exchange, key, options, none)
                    .await?;
            }
            Ok(())
        };
        let made: lapin::Result<()> = making.await;
        made.map_err(|error| fault::read(&error))
    }

    /// Gives how many messages wait in a queue.
    pub async fn queue_depth(&self, name: &str) -> Result<u32, Fault> {
        let looking = async {
            let channel = self.line.connection.create_channel().await?;
            let options = QueueDeclareOptions::durable().passive();
            channel
                .queue_declare(headers::cut(name), options, FieldTable::default())
                .await
        };
        let found: lapin::Result<_> = looking.await;
        found
            .map(|queue| queue.message_count())
            .map_err(|error| fault::read(&error))
    }

    /// Removes a queue with all that is in it.
    pub async fn delete_queue(&self, name: &str) -> Result<(), Fault> {
        let deleting = async {
            let channel = self.line.connection.create_channel().await?;
            let options = QueueDeleteOptions::default();
            channel.queue_delete(headers::cut(name), options).await
        };
        let deleted: lapin::Result<_> = deleting.await;
        deleted.map(drop).map_err(|error| fault::read(&error))
    }

    /// Closes; what was consumed and not done goes back to its queue, in order.
    pub async fn close(self) {
        let ledgers =
            std::mem::take(&mut *self.ledgers.lock().unwrap_or_else(PoisonError::into_inner));
        for ledger in ledgers {
            // Where the connection is gone, what was done comes again.
            let _ = ledger.acknowledge().await;
        }
        self.line.close().await;
        self.ended.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.ended.cancel();
    }
}

impl Inlet {
    /// Waits for the next message.
    ///
    /// *Errors*: why there are no more.
    pub async fn next(&mut self) -> Result<Delivery, Fault> {
        match self.deliveries.recv().await {
            Some(delivery) => Ok(delivery),
            None => Err(self.fault()),
        }
    }

    /// Waits for some messages and takes as many as there are, at most `limit`; tells how many.
    ///
    /// *Errors*: why there are no more.
    pub async fn next_many(
        &mut self,
        into: &mut Vec<Delivery>,
        limit: usize,
    ) -> Result<usize, Fault> {
        match self.deliveries.recv_many(into, limit).await {
            0 => Err(self.fault()),
            count => Ok(count),
        }
    }

    /// Marks deliveries as done by their ordinals, in any order; the contiguous prefix is acknowledged.
    pub fn done(&self, ordinals: impl IntoIterator<Item = u64>) {
        self.ledger.0.done_all(ordinals);
    }

    fn fault(&mut self) -> Fault {
        let told = self.broken.try_recv().ok();
        told.unwrap_or_else(|| fault::ended("the client was closed"))
    }
}
