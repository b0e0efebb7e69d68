//! The load: events of 500 bytes, filled in before a run or published at a steady rate.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use serde_json::json;

use super::{
    ground::Ground,
    report::{Latency, Spread},
};
use crate::{
    broker::{Client, Delivery, Fault, Outgoing, Published, QueueShape},
    cli::Failure,
    clock::{Clock, Stopwatch},
};

/// How many events are published together when a queue is filled.
const FILL: u64 = 500;
/// How many of those may be under way.
const FILLS: usize = 8;
/// The size of an event. *Units*: bytes.
const EVENT_BYTES: usize = 500;
/// One event in so many escalates with a ticket.
const ESCALATES: u64 = 20;

/// The names of a bench's exchanges and queues.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names {
    pub(super) events_exchange: &'static str,
    pub(super) results_exchange: &'static str,
    pub(super) dead_exchange: &'static str,
    pub(super) inbox: &'static str,
    pub(super) parked: &'static str,
    pub(super) sink: &'static str,
    pub(super) relay_in: &'static str,
    pub(super) relay_out: &'static str,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            events_exchange: "provost.bench.events",
            results_exchange: "provost.bench.results",
            dead_exchange: "provost.bench.dead",
            inbox: "provost.bench.inbox",
            parked: "provost.bench.parked",
            sink: "provost.bench.sink",
            relay_in: "provost.bench.relay-in",
            relay_out: "provost.bench.relay-out",
        }
    }
}

impl Names {
    /// Names the inbox of a daemon; a divided one is another one.
    pub(super) fn inbox_of(self, partitions: usize) -> String {
        let inbox = self.inbox;
        if partitions == 0 {
            inbox.to_owned()
        } else {
            format!("{inbox}-divided")
        }
    }

    /// Names the queues of a divided inbox.
    pub(super) fn partitions(self, partitions: usize) -> Vec<String> {
        let inbox = self.inbox_of(partitions);
        (0..partitions)
            .map(|number| format!("{inbox}.{number}"))
            .collect()
    }

    /// Names every queue that a bench may leave behind.
    pub(super) fn queues(self) -> [&'static str; 5] {
        [
            self.inbox,
            self.sink,
            self.relay_in,
            self.relay_out,
            self.parked,
        ]
    }
}

/// A steady rate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) per_second: u32,
    pub(super) seconds: u64,
}

/// What goes in, and where what follows comes out.
pub(super) struct Way<'a> {
    /// The queue that takes what follows.
    pub(super) sink: &'static str,
    /// Makes the message of a number.
    pub(super) message: &'a (dyn Fn(u64) -> Outgoing + Sync),
    /// Gives the number of the message that something follows from.
    pub(super) number: fn(&Delivery) -> Option<usize>,
}

/// The events of a bench.
#[derive(Clone, Debug)]
pub(super) struct Events {
    exchange: Arc<str>,
    key: &'static str,
    /// Makes their ids differ from those of every other run.
    run: i64,
    conversations: u64,
    is_divided: bool,
}

/// Makes the relay's two queues.
pub(super) async fn make_relay_queues(client: &Client, queue_type: &str) -> Result<(), Fault> {
    let names = Names::default();
    client
        .create_queue(names.relay_in, &shape(queue_type), &[])
        .await?;
    client
        .create_queue(names.relay_out, &shape(queue_type), &[])
        .await
}

/// Makes the queue that takes the results of these types.
pub(super) async fn make_sink(
    client: &Client,
    queue_type: &str,
    types: &[&str],
) -> Result<(), Fault> {
    let names = Names::default();
    let bindings = types.iter().map(|one| (names.results_exchange, *one));
    let bindings: Vec<(&str, &str)> = bindings.collect();
    client
        .create_queue(names.sink, &shape(queue_type), &bindings)
        .await
}

fn shape(queue_type: &str) -> QueueShape {
    QueueShape {
        queue_type: queue_type.to_owned(),
        ..QueueShape::default()
    }
}

/// Publishes the messages of the numbers below `count`, confirmed.
pub(super) async fn fill(
    client: &Client,
    count: u64,
    message: impl Fn(u64) -> Outgoing,
) -> Result<(), Failure> {
    let mut under_way = FuturesUnordered::new();
    for start in (0..count).step_by(usize::try_from(FILL).unwrap_or(1)) {
        let batch: Vec<Outgoing> = (start..count.min(start + FILL)).map(&message).collect();
        under_way.push(client.publish(batch));
        if under_way.len() >= FILLS
            && let Some(published) = under_way.next().await
        {
            check(&published?)?;
        }
    }
    while let Some(published) = under_way.next().await {
        check(&published?)?;
    }
    Ok(())
}

fn check(published: &[Published]) -> Result<(), Failure> {
    if published.iter().all(|one| *one == Published::Confirmed) {
        return Ok(());
    }
    Err(Failure::new(
        "the broker has no queue for the bench's events",
    ))
}

/// Gives the conversation that a number falls to.
pub(super) fn conversation_of(number: u64, conversations: u64) -> u64 {
    number.wrapping_mul(0x9E37_79B9_7F4A_7C15) % conversations.max(1)
}

/// Gives the number of the event that a result follows from.
pub(super) fn number_of_event(delivery: &Delivery) -> Option<usize> {
    delivery.correlation_id.as_deref()?.parse().ok()
}

impl Events {
    /// Makes events of a run of their own.
    pub(super) fn new(exchange: &str, key: &'static str, conversations: u64) -> Self {
        Self {
            exchange: Arc::from(exchange),
            key,
            run: Clock::machine().now().micros(),
            conversations,
            is_divided: false,
        }
    }

    /// Says for a divided inbox what it divides by.
    pub(super) fn divided(self) -> Self {
        Self {
            is_divided: true,
            ..self
        }
    }

    /// Makes the message of one event; `number` comes back as the results' `correlation_id`.
    pub(super) fn message(&self, number: u64) -> Outgoing {
        let run = self.run;
        let conversation = conversation_of(number, self.conversations);
        let wish = if number.is_multiple_of(ESCALATES) {
            "I want a refund for my last order"
        } else {
            "Where does my last order stand"
        };
        let mut event = json!({
            "specversion": "1.0", "id": format!("{run}-{number}"), "source": "/bench", "type": "conversation.message",
            "subject": format!("conversation-{conversation}"),
            "data": {
                "channel": "web",
                "customer": {"id": format!("customer-{conversation}"), "segment": "consumer", "locale": "en"},
                "message": {"id": format!("m-{number}"), "text": wish, "author": {"kind": "customer", "id": "c"}, "language": "en"},
            },
        });
        let missing = EVENT_BYTES.saturating_sub(event.to_string().len());
        event["data"]["message"]["text"] =
            json!(format!("{wish}{}", " and so on".repeat(missing / 10)));
        Outgoing {
            exchange: Arc::clone(&self.exchange),
            routing_key: self.key.to_owned(),
            body: event.to_string().into_bytes(),
            message_id: format!("{run}-{number}"),
            kind: "conversation.message".to_owned(),
            correlation_id: Some(number.to_string()),
            headers: self.headers(conversation),
            ..Outgoing::default()
        }
    }

    /// What a divided inbox divides by; no other load has it, since the relay has no use for it either.
    fn headers(&self, conversation: u64) -> Vec<(String, String)> {
        if !self.is_divided {
            return Vec::new();
        }
        let subject = format!("conversation-{conversation}");
        vec![("cloudEvents_subject".to_owned(), subject)]
    }
}

/// Publishes at a steady rate and measures how long each event's result takes.
pub(super) async fn measure_latency(
    client: &Client,
    ground: &Ground,
    pace: Pace,
    way: &Way<'_>,
) -> Result<Latency, Failure> {
    let reader = ground.connect().await?;
    let mut inlet = reader.consume(way.sink, 2_000).await?;
    let total = u64::from(pace.per_second) * (pace.seconds + WARM_UP_SECONDS);
    let watch = Stopwatch::start();
    let publishing = publish_paced(client, pace, way, total, &watch);
    let receiving = async {
        let mut received = vec![f64::NAN; usize::try_from(total).unwrap_or(0)];
        let mut missing = received.len();
        let mut deliveries = Vec::new();
        while missing > 0 {
            inlet.next_many(&mut deliveries, 256).await?;
            let now = watch.elapsed().as_secs_f64() * 1_000.0;
            for delivery in deliveries.drain(..) {
                if let Some(slot) = (way.number)(&delivery)
                    .and_then(|number| received.get_mut(number))
                    .filter(|slot| slot.is_nan())
                {
                    *slot = now;
                    missing -= 1;
                }
                inlet.done([delivery.ordinal]);
            }
        }
        Ok::<_, Failure>(received)
    };
    let limit = Duration::from_secs(pace.seconds * 3 + 60);
    let both = async { tokio::try_join!(publishing, receiving) };
    let (sent, received) = tokio::time::timeout(limit, both).await.map_err(|_| {
        Failure::new(format!(
            "at {}/s not all results came within {} s",
            pace.per_second,
            limit.as_secs()
        ))
    })??;
    reader.close().await;
    let skipped = usize::try_from(u64::from(pace.per_second) * WARM_UP_SECONDS).unwrap_or(0);
    let millis = sent
        .iter()
        .zip(&received)
        .skip(skipped)
        .map(|(sent, received)| received - sent)
        .collect();
    Ok(Latency {
        rate: pace.per_second,
        spread: Spread::of(millis),
    })
}

/// How long the load runs before latencies count. *Units*: seconds.
const WARM_UP_SECONDS: u64 = 2;

/// Publishes at a steady rate; gives when each event was handed over. *Units*: milliseconds.
async fn publish_paced(
    client: &Client,
    pace: Pace,
    way: &Way<'_>,
    total: u64,
    watch: &Stopwatch,
) -> Result<Vec<f64>, Failure> {
    let mut sent = Vec::with_capacity(usize::try_from(total).unwrap_or(0));
    let mut under_way = FuturesUnordered::new();
    let mut ticks = tokio::time::interval(Duration::from_millis(1));
    let mut number = 0;
    while number < total {
        tokio::select! {
            Some(published) = under_way.next(), if !under_way.is_empty() => {
                let published: Result<Vec<Published>, Fault> = published;
                check(&published?)?;
            }
            _ = ticks.tick() => {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of events")]
                let due = (watch.elapsed().as_secs_f64() * f64::from(pace.per_second)) as u64;
                while number < due.min(total) {
                    let message = (way.message)(number);
                    sent.push(watch.elapsed().as_secs_f64() * 1_000.0);
                    under_way.push(client.publish(vec![message]));
                    number += 1;
                }
            }
        }
    }
    while let Some(published) = under_way.next().await {
        check(&published?)?;
    }
    Ok(sent)
}
