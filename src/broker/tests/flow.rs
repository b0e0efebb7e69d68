//! What goes through when nothing is wrong, or only a little: order, hand-over, returns.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::future::join_all;

use super::*;
use crate::broker::Published;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_messages_are_relayed_in_order() {
    let Some(place) = Place::new("relay").await else {
        return;
    };
    let (link, mut deliveries) = place.connect().await;
    let mut results = place.results().await;
    let exchange = place.settings.broker.results_exchange.clone();
    let ((), (), order) = tokio::join!(
        place.send(0..5_000),
        relay(&link, &mut deliveries, &exchange, 5_000),
        first_comings(&mut results, 5_000),
    );
    assert_eq!(order, (0..5_000).collect::<Vec<_>>());
    let inbox = place.settings.broker.inbox.clone();
    link.close().await;
    assert_eq!(place.client.queue_depth(&inbox).await, Ok(0));
    place.clear().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_done_goes_to_the_next_active_consumer_in_order() {
    let Some(place) = Place::new("handover").await else {
        return;
    };
    let (first, mut first_deliveries) = place.connect().await;
    place.send(1..13).await;
    for number in 1..13 {
        let delivery = next(&mut first_deliveries).await;
        assert_eq!(number_of(&delivery), number);
        assert!(!delivery.redelivered);
        // Out of order, with a hole: only 1 to 3 are contiguous.
        if [1, 2, 3, 5, 6, 12].contains(&number) {
            first.acks.done(delivery.session, delivery.ordinal);
        }
    }
    let (second, mut second_deliveries) = place.connect().await;
    assert!(
        second_deliveries.try_recv().is_err(),
        "one consumer is active"
    );
    first.close().await;
    for number in 4..13 {
        let delivery = next(&mut second_deliveries).await;
        assert_eq!(number_of(&delivery), number);
        assert!(delivery.redelivered);
        second.acks.done(delivery.session, delivery.ordinal);
    }
    second.close().await;
    place.clear().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn returned_messages_are_told_from_the_others_in_every_batch_under_way() {
    let Some(place) = Place::new("returns").await else {
        return;
    };
    let (link, _deliveries) = place.connect().await;
    let exchange = place.settings.broker.results_exchange.clone();
    place.make_results("known").await;
    let exchange: Arc<str> = Arc::from(exchange);
    let is_unknown = |number: usize| number % 7 == 3 || number % 100 > 95;
    for _ in 0..20 {
        let batches = (0..8).map(|batch| {
            let messages: Vec<Outgoing> = (batch * 100..batch * 100 + 100)
                .map(|number| {
                    let key = if is_unknown(number) {
                        "unknown"
                    } else {
                        "known"
                    };
                    numbered(&exchange, key, number)
                })
                .collect();
            link.publisher.publish(messages)
        });
        for (batch, published) in join_all(batches).await.into_iter().enumerate() {
            let published = published.expect("published");
            for (index, published) in published.into_iter().enumerate() {
                let number = batch * 100 + index;
                let is_returned = published == Published::Unroutable;
                assert_eq!(is_returned, is_unknown(number), "message {number}");
            }
        }
    }
    link.close().await;
    place.clear().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn properties_and_headers_arrive_as_they_were_sent() {
    let Some(place) = Place::new("properties").await else {
        return;
    };
    let (link, mut deliveries) = place.connect().await;
    let message = Outgoing {
        exchange: Arc::from(place.settings.broker.events_exchange.as_str()),
        routing_key: "conversation.message".to_owned(),
        // More than one frame.
        body: vec![b'x'; 100_000],
        content_type: Some("application/json".to_owned()),
        message_id: "m1".to_owned(),
        kind: "conversation.message".to_owned(),
        correlation_id: Some("c1".to_owned()),
        traceparent: Some("00-a-b-01".to_owned()),
        headers: vec![("cloudEvents_subject".to_owned(), "conv-1".to_owned())],
    };
    let empty = Outgoing {
        body: Vec::new(),
        content_type: None,
        traceparent: None,
        headers: Vec::new(),
        ..message.clone()
    };
    let sent = place.client.publish(vec![message, empty]).await;
    assert_eq!(sent, Ok(vec![Published::Confirmed; 2]));
    let taken = next(&mut deliveries).await;
    assert_eq!(taken.body.len(), 100_000);
    assert_eq!(taken.content_type.as_deref(), Some("application/json"));
    assert_eq!(taken.message_id.as_deref(), Some("m1"));
    assert_eq!(taken.correlation_id.as_deref(), Some("c1"));
    assert_eq!(taken.routing_key, "conversation.message");
    assert_eq!(taken.headers["traceparent"], "00-a-b-01");
    assert_eq!(taken.headers["cloudEvents_subject"], "conv-1");
    assert_eq!(*taken.queue, *place.settings.broker.inbox);
    let taken = next(&mut deliveries).await;
    assert!(taken.body.is_empty() && taken.headers.is_empty());
    assert_eq!(
        taken.content_type.as_deref(),
        Some("application/cloudevents+json")
    );
    link.close().await;
    place.clear().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_keep_a_subject_on_one_queue_and_in_order() {
    let Some(mut place) = Place::new("partitions").await else {
        return;
    };
    place.settings.broker.partitions = 3;
    let (link, mut deliveries) = place.connect().await;
    let notes = link.state.borrow().notes.clone();
    if notes
        .iter()
        .any(|note| note.code == crate::broker::fault::NO_PLUGIN)
    {
        // The broker has no such exchange type, and says so.
        link.close().await;
        return place.clear().await;
    }
    let exchange: Arc<str> = Arc::from(place.settings.broker.events_exchange.as_str());
    let messages: Vec<Outgoing> = (0..600)
        .map(|number| {
            let subject = format!("conv-{}", number % 30);
            let mut message = numbered(&exchange, "conversation.message", number);
            message.headers = vec![("cloudEvents_subject".to_owned(), subject)];
            message
        })
        .collect();
    place.client.publish(messages).await.expect("published");
    let mut last: BTreeMap<usize, (Arc<str>, usize)> = BTreeMap::new();
    let mut queues = BTreeMap::new();
    for _ in 0..600 {
        let delivery = next(&mut deliveries).await;
        let number = number_of(&delivery);
        *queues.entry(Arc::clone(&delivery.queue)).or_insert(0) += 1;
        if let Some((queue, before)) = last.get(&(number % 30)) {
            assert_eq!(*queue, delivery.queue, "a subject stays on its queue");
            assert!(*before < number, "in order");
        }
        last.insert(number % 30, (Arc::clone(&delivery.queue), number));
        link.acks.done(delivery.session, delivery.ordinal);
    }
    assert_eq!(queues.len(), 3, "{queues:?}");
    link.close().await;
    for number in 0..3 {
        let queue = format!("{}.{number}", place.settings.broker.inbox);
        assert_eq!(place.client.queue_depth(&queue).await, Ok(0));
    }
    place.clear().await;
}
