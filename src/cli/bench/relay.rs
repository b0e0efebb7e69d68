//! The ceiling: a bare relay that consumes, publishes confirmed, and acknowledges. No rules, no database.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::FuturesOrdered};

use super::{helper::Helper, load::Names, report::Rate};
use crate::{
    broker::{Client, Outgoing},
    cli::{Failure, output},
    clock::Stopwatch,
};

/// How many messages are published together.
const BATCH: usize = 256;
/// How many batches may be under way.
const WINDOW: usize = 8;

/// Starts a relay that ends after so many events.
pub(super) fn start(amqp: &str, events: u64) -> Result<Helper, Failure> {
    let events = events.to_string();
    Helper::start(&["bench", "--be-relay", "--amqp", amqp, "--events", &events])
}

/// Runs the relay in a process of its own and reads what it measured.
pub(super) async fn measure(amqp: &str, events: u64) -> Result<Rate, Failure> {
    let mut relay = start(amqp, events)?;
    let line = relay.first_line().await?;
    let mut figures = line.split_whitespace().map(str::parse);
    match (figures.next(), figures.next()) {
        (Some(Ok(per_second)), Some(Ok(seconds))) => Ok(Rate {
            per_second,
            seconds,
        }),
        _ => Err(Failure::new("the relay measured nothing")),
    }
}

/// Is the relay: brings `events` messages through and prints how fast.
pub(super) async fn run(amqp: &str, events: u64) -> Result<(), Failure> {
    let client = Client::connect(&[amqp.to_owned()], Duration::from_secs(60)).await?;
    let rate = bring_through(&client, amqp, events).await?;
    client.close().await;
    output::line(&format!("{} {}", rate.per_second, rate.seconds))
}

async fn bring_through(client: &Client, amqp: &str, events: u64) -> Result<Rate, Failure> {
    let names = Names::default();
    let source = Client::connect(&[amqp.to_owned()], Duration::from_secs(60)).await?;
    let mut inlet = source.consume(names.relay_in, 2_000).await?;
    let exchange: Arc<str> = Arc::from("");
    let watch = Stopwatch::start();
    let (tenth, most) = (events / 10, events - events / 20);
    let (mut begun, mut ended) = (None, None);
    let (mut taken, mut through) = (0, 0);
    let mut deliveries = Vec::with_capacity(BATCH);
    let mut under_way = FuturesOrdered::new();
    while through < events {
        tokio::select! {
            biased;
            Some(published) = under_way.next(), if !under_way.is_empty() => {
                let ordinals: Vec<u64> = published?;
                through += ordinals.len() as u64;
                inlet.done(ordinals);
                if through >= tenth && begun.is_none() {
                    begun = Some((through, watch.elapsed()));
                }
                if through >= most && ended.is_none() {
                    ended = Some((through, watch.elapsed()));
                }
            }
            count = inlet.next_many(&mut deliveries, BATCH), if taken < events && under_way.len() < WINDOW => {
                taken += count? as u64;
                let (mut batch, mut ordinals) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
                for delivery in deliveries.drain(..) {
                    ordinals.push(delivery.ordinal);
                    batch.push(Outgoing {
                        exchange: Arc::clone(&exchange),
                        routing_key: names.relay_out.to_owned(),
                        body: delivery.body,
                        message_id: delivery.message_id.unwrap_or_default(),
                        correlation_id: delivery.correlation_id,
                        ..Outgoing::default()
                    });
                }
                under_way.push_back(async move { client.publish(batch).await.map(|_| ordinals) });
            }
        }
    }
    let seconds = watch.elapsed().as_secs_f64();
    source.close().await;
    let (Some((from, start)), Some((to, end))) = (begun, ended) else {
        return Err(Failure::new("too few events to measure"));
    };
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let per_second = (to - from) as f64 / end.saturating_sub(start).as_secs_f64();
    Ok(Rate {
        per_second,
        seconds,
    })
}
