//! The link against a real RabbitMQ, at `PROVOST_TEST_AMQP`; without that, nothing is tested here.
//!
//! One after the other, since some of them trouble the whole broker through
//! `PROVOST_TEST_RABBITMQCTL` (those are left out without it). Every test has
//! names of its own and removes its queues.

mod faults;
mod flow;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::sync::{Mutex, MutexGuard, mpsc};
use tokio_util::sync::CancellationToken;

use super::{Client, Delivery, Inlet, Link, LinkState, Outgoing, QueueShape, Settings};
use crate::config;

const PATIENCE: Duration = Duration::from_secs(30);

/// A test's part of the broker.
struct Place {
    url: String,
    settings: Settings,
    client: Client,
    _alone: MutexGuard<'static, ()>,
}

#[allow(
    clippy::disallowed_methods,
    reason = "where the test broker is, is no configuration of the product"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl Place {
    /// Gives names that nobody else has; `None` without a broker.
    async fn new(name: &str) -> Option<Self> {
        static ALONE: Mutex<()> = Mutex::const_new(());
        let url = variable("PROVOST_TEST_AMQP")?;
        let alone = ALONE.lock().await;
        let stem = format!("t{}.{name}", std::process::id());
        let broker = config::Broker {
            events_exchange: format!("{stem}.events"),
            inbox: format!("{stem}.inbox"),
            results_exchange: format!("{stem}.results"),
            dead_exchange: format!("{stem}.dead"),
            parked_queue: format!("{stem}.parked"),
            ..config::Broker::default()
        };
        let settings = Settings {
            urls: vec![url.clone()],
            broker,
            queues: Vec::new(),
            seat: tokio::sync::watch::Sender::default().subscribe(),
        };
        let client = connect(&url).await;
        Some(Self {
            url,
            settings,
            client,
            _alone: alone,
        })
    }

    async fn tool(&self) -> Client {
        connect(&self.url).await
    }

    fn start(&self) -> (Link, mpsc::Receiver<Delivery>) {
        let mut link = super::start(self.settings.clone(), CancellationToken::new());
        let deliveries = link.take_deliveries();
        (link, deliveries)
    }

    /// Starts a link and waits until it stands.
    async fn connect(&self) -> (Link, mpsc::Receiver<Delivery>) {
        let (link, deliveries) = self.start();
        wait(&link, |state| state.connected).await;
        (link, deliveries)
    }

    /// Publishes events numbered from `first`, in batches.
    async fn send(&self, numbers: std::ops::Range<usize>) {
        let exchange: Arc<str> = Arc::from(self.settings.broker.events_exchange.as_str());
        let all: Vec<Outgoing> = numbers
            .map(|number| numbered(&exchange, "conversation.message", number))
            .collect();
        for batch in all.chunks(500) {
            let published = self.client.publish(batch.to_vec()).await;
            published.expect("published");
        }
    }

    /// Binds a queue to the results and consumes it.
    async fn results(&self) -> Inlet {
        let queue = self.make_results("#").await;
        let inlet = self.client.consume(&queue, 5_000).await;
        inlet.expect("the results are consumed")
    }

    /// Makes a queue for the results of a type; gives its name.
    async fn make_results(&self, key: &str) -> String {
        let exchange = &self.settings.broker.results_exchange;
        self.make(&self.results_queue(), classic(), &[(exchange, key)])
            .await;
        self.results_queue()
    }

    async fn make(&self, queue: &str, shape: QueueShape, bindings: &[(&str, &str)]) {
        let made = self.client.create_queue(queue, &shape, bindings).await;
        made.expect("a queue");
    }

    fn results_queue(&self) -> String {
        format!("{}.queue", self.settings.broker.results_exchange)
    }

    /// Removes the queues.
    async fn clear(self) {
        let broker = &self.settings.broker;
        let partitions = (0..broker.partitions).map(|number| format!("{}.{number}", broker.inbox));
        let others = self.settings.queues.iter().map(|queue| queue.name.clone());
        let known = [
            broker.inbox.clone(),
            broker.parked_queue.clone(),
            self.results_queue(),
        ];
        for queue in partitions.chain(others).chain(known) {
            let _ = self.client.delete_queue(&queue).await;
        }
        self.client.close().await;
    }
}

async fn connect(url: &str) -> Client {
    let connected = Client::connect(&[url.to_owned()], PATIENCE).await;
    connected.expect("the test broker answers")
}

fn classic() -> QueueShape {
    QueueShape {
        queue_type: "classic".to_owned(),
        ..QueueShape::default()
    }
}

fn numbered(exchange: &Arc<str>, key: &str, number: usize) -> Outgoing {
    Outgoing {
        exchange: Arc::clone(exchange),
        routing_key: key.to_owned(),
        body: number.to_string().into_bytes(),
        message_id: format!("m{number}"),
        kind: key.to_owned(),
        ..Outgoing::default()
    }
}

fn number_of(delivery: &Delivery) -> usize {
    let text = std::str::from_utf8(&delivery.body).expect("text");
    text.parse().expect("a number")
}

async fn next(deliveries: &mut mpsc::Receiver<Delivery>) -> Delivery {
    let next = tokio::time::timeout(PATIENCE, deliveries.recv()).await;
    next.expect("a delivery in time").expect("a delivery")
}

/// Takes results until every number up to `count` was there; gives them in order of their first coming.
async fn first_comings(results: &mut Inlet, count: usize) -> Vec<usize> {
    let mut seen = BTreeSet::new();
    let mut order = Vec::new();
    while seen.len() < count {
        let next = tokio::time::timeout(PATIENCE, results.next()).await;
        let result = next
            .unwrap_or_else(|_| panic!("only {} of {count} results came", seen.len()))
            .expect("a result");
        results.done([result.ordinal]);
        if seen.insert(number_of(&result)) {
            order.push(number_of(&result));
        }
    }
    order
}

/// Waits until the link is as described.
async fn wait(link: &Link, is_so: impl Fn(&LinkState) -> bool) -> LinkState {
    let mut state = link.state.clone();
    let waited = tokio::time::timeout(PATIENCE, state.wait_for(|state| is_so(state))).await;
    let found = waited.map(|state| state.expect("the link lives").clone());
    found.unwrap_or_else(|_| panic!("the link stays {:?}", *link.state.borrow()))
}

/// Does what the daemon does: takes deliveries, publishes a result each, acknowledges; `count` of them.
async fn relay(
    link: &Link,
    deliveries: &mut mpsc::Receiver<Delivery>,
    exchange: &str,
    mut count: usize,
) {
    let exchange: Arc<str> = Arc::from(exchange);
    let mut chunk = Vec::new();
    while count > 0 && deliveries.recv_many(&mut chunk, 256).await > 0 {
        count = count.saturating_sub(chunk.len());
        let batch: Vec<Outgoing> = chunk
            .iter()
            .map(|delivery| numbered(&exchange, "message.send", number_of(delivery)))
            .collect();
        while link.publisher.publish(batch.clone()).await.is_err() {}
        for delivery in chunk.drain(..) {
            link.acks.done(delivery.session, delivery.ordinal);
        }
    }
}

/// Runs `rabbitmqctl`; `None` when it is not given.
async fn control(arguments: &[&str]) -> Option<String> {
    let program = variable("PROVOST_TEST_RABBITMQCTL")?;
    let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    let running = tokio::task::spawn_blocking(move || {
        std::process::Command::new(program).args(arguments).output()
    });
    let output = running.await.expect("it runs").expect("it starts");
    assert!(output.status.success(), "{output:?}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}
