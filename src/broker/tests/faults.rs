//! What is survived, and what an operator is told: every fault has its code, and heals.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use super::*;
use crate::broker::{Published, fault};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_closed_by_an_operator_in_mid_stream_lose_nothing() {
    let Some(place) = Place::new("closed").await else {
        return;
    };
    if control(&["version"]).await.is_none() {
        return;
    }
    let (link, mut deliveries) = place.connect().await;
    let mut results = place.results().await;
    let exchange = place.settings.broker.results_exchange.clone();
    let sent = AtomicUsize::new(0);
    let is_over = AtomicBool::new(false);
    let sending = async {
        while !is_over.load(Ordering::Relaxed) {
            let first = sent.fetch_add(100, Ordering::Relaxed);
            place.send(first..first + 100).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let trouble = async {
        for _ in 0..3 {
            for connection in connections_of_links().await {
                control(&["close_connection", &connection, "by the test"]).await;
            }
        }
        is_over.store(true, Ordering::Relaxed);
    };
    let working = async {
        tokio::join!(sending, trouble);
        let count = sent.load(Ordering::Relaxed);
        assert_eq!(first_comings(&mut results, count).await, all(count));
    };
    tokio::select! {
        () = relay(&link, &mut deliveries, &exchange, usize::MAX) => panic!("the deliveries ended"),
        () = working => {}
    }
    assert!(link.state.borrow().session > 3, "it was cut off");
    link.close().await;
    place.clear().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_restarts_in_mid_stream_loses_nothing() {
    const COUNT: usize = 20_000;
    let Some(mut place) = Place::new("restart").await else {
        return;
    };
    if control(&["version"]).await.is_none() {
        return;
    }
    // One link makes the inbox, so that the other finds it full.
    place.connect().await.0.close().await;
    place.make_results("#").await;
    place.send(0..COUNT).await;
    let (link, mut deliveries) = place.connect().await;
    let exchange = place.settings.broker.results_exchange.clone();
    let working = async {
        control(&["stop_app"]).await;
        let state = wait(&link, |state| state.fault.is_some()).await;
        assert!(!state.connected);
        tokio::time::sleep(Duration::from_secs(2)).await;
        control(&["start_app"]).await;
        place.client = place.tool().await;
        let results = place.client.consume(&place.results_queue(), 5_000).await;
        let mut results = results.expect("consumed");
        assert_eq!(first_comings(&mut results, COUNT).await, all(COUNT));
    };
    tokio::select! {
        () = relay(&link, &mut deliveries, &exchange, usize::MAX) => panic!("the deliveries ended"),
        () = working => {}
    }
    link.close().await;
    place.clear().await;
}

fn all(count: usize) -> Vec<usize> {
    (0..count).collect()
}

/// Gives the process ids of the links' connections, not those of the test's own client.
async fn connections_of_links() -> Vec<String> {
    let list = control(&[
        "list_connections",
        "-q",
        "--no-table-headers",
        "pid",
        "client_properties",
    ]);
    let list = list.await.unwrap_or_default();
    let links = list
        .lines()
        .filter(|line| line.contains("\"provost") && !line.contains("provost tool"));
    links
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_memory_alarm_is_waited_for() {
    let Some(place) = Place::new("alarm").await else {
        return;
    };
    let (link, _deliveries) = place.connect().await;
    let exchange = place.settings.broker.results_exchange.clone();
    place.make_results("#").await;
    if control(&["set_vm_memory_high_watermark", "absolute", "1MB"])
        .await
        .is_none()
    {
        return;
    }
    let exchange: Arc<str> = Arc::from(exchange);
    let publishing = link
        .publisher
        .publish(vec![numbered(&exchange, "message.send", 1)]);
    let (published, ()) = tokio::join!(publishing, async {
        let state = wait(&link, |state| state.blocked.is_some()).await;
        assert!(state.connected && state.fault.is_none());
        tokio::time::sleep(Duration::from_secs(1)).await;
        control(&["set_vm_memory_high_watermark", "0.4"]).await;
    });
    assert_eq!(published, Ok(vec![Published::Confirmed]));
    let state = wait(&link, |state| state.blocked.is_none()).await;
    assert_eq!(state.session, link.state.borrow().session, "no new session");
    link.close().await;
    place.clear().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_deleted_under_the_consumer_is_made_again() {
    let Some(place) = Place::new("cancelled").await else {
        return;
    };
    let (link, mut deliveries) = place.connect().await;
    let first = link.state.borrow().session;
    let inbox = place.settings.broker.inbox.clone();
    place.client.delete_queue(&inbox).await.expect("deleted");
    let state = wait(&link, |state| state.fault.is_some()).await;
    assert_eq!(state.fault.map(|fault| fault.code), Some(fault::CANCELLED));
    wait(&link, |state| state.connected && state.session > first).await;
    place.send(0..3).await;
    for number in 0..3 {
        assert_eq!(number_of(&next(&mut deliveries).await), number);
    }
    link.close().await;
    place.clear().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_held_too_long_comes_again() {
    let Some(place) = Place::new("held").await else {
        return;
    };
    let set = "application:set_env(rabbit, consumer_timeout, 2000), application:set_env(rabbit, channel_tick_interval, 1000).";
    if control(&["eval", set]).await.is_none() {
        return;
    }
    let (link, mut deliveries) = place.connect().await;
    place.send(0..2).await;
    let held = next(&mut deliveries).await;
    let state = wait(&link, |state| state.fault.is_some()).await;
    let reset = "application:set_env(rabbit, consumer_timeout, 1800000), application:set_env(rabbit, channel_tick_interval, 60000).";
    control(&["eval", reset]).await;
    assert_eq!(
        state.fault.map(|fault| fault.code),
        Some(fault::ACK_TIMEOUT)
    );
    // Too late: the session is gone, and so nothing of the next is acknowledged by it.
    link.acks.done(held.session, held.ordinal);
    let mut again = next(&mut deliveries).await;
    while again.session == held.session {
        again = next(&mut deliveries).await;
    }
    assert!(again.redelivered && number_of(&again) == 0);
    assert_eq!(number_of(&next(&mut deliveries).await), 1);
    link.close().await;
    place.clear().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_declared_otherwise_is_told_and_consumed_as_it_is() {
    let Some(place) = Place::new("otherwise").await else {
        return;
    };
    let inbox = place.settings.broker.inbox.clone();
    place.make(&inbox, classic(), &[]).await;
    let (link, mut deliveries) = place.connect().await;
    let state = link.state.borrow().clone();
    let codes: Vec<_> = state.notes.iter().map(|note| note.code).collect();
    assert_eq!(codes, [fault::NOT_SINGLE], "{:?}", state.notes);
    let text = &state.notes[0].text;
    for part in [
        "x-single-active-consumer",
        "x-dead-letter-exchange",
        "x-queue-type",
        inbox.as_str(),
    ] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    place.send(0..3).await;
    for number in 0..3 {
        assert_eq!(number_of(&next(&mut deliveries).await), number);
    }
    link.close().await;
    place.clear().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_is_absent_is_told_and_taken_up_when_it_appears() {
    let Some(mut place) = Place::new("absent").await else {
        return;
    };
    // The first link makes what the second may not.
    place.connect().await.0.close().await;
    place.settings.broker.create_topology = false;
    let late = format!("{}.late", place.settings.broker.inbox);
    place.settings.queues = vec![config::Queue {
        name: late.clone(),
        ..config::Queue::default()
    }];
    let (link, mut deliveries) = place.connect().await;
    let notes = link.state.borrow().notes.clone();
    assert!(notes.len() == 1 && notes[0].code == fault::ABSENT && notes[0].text.contains(&late));
    place.send(0..1).await;
    assert_eq!(
        number_of(&next(&mut deliveries).await),
        0,
        "the others go on"
    );
    let shape = QueueShape {
        queue_type: "quorum".to_owned(),
        single_active_consumer: true,
        is_temporary: false,
    };
    let exchange = place.settings.broker.events_exchange.clone();
    place.make(&late, shape, &[(&exchange, "#")]).await;
    place.send(1..2).await;
    let mut queues = [
        next(&mut deliveries).await.queue,
        next(&mut deliveries).await.queue,
    ];
    queues.sort();
    assert_eq!(
        queues.map(|queue| queue.to_string()),
        [place.settings.broker.inbox.clone(), late]
    );
    link.close().await;
    place.clear().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_exchange_bars_itself_and_not_the_results() {
    let Some(place) = Place::new("barred").await else {
        return;
    };
    let (link, _deliveries) = place.connect().await;
    let exchange = place.settings.broker.results_exchange.clone();
    place.make_results("#").await;
    let session = link.state.borrow().session;
    let ours: Arc<str> = Arc::from(exchange);
    let batch = vec![
        numbered(&ours, "message.send", 1),
        numbered(&Arc::from("nowhere.at.all"), "message.send", 1),
        numbered(&Arc::from(""), "no.such.queue", 1),
        numbered(&ours, "message.send", 2),
        numbered(&ours, &"k".repeat(300), 3),
    ];
    let published = loop {
        if let Ok(published) = link.publisher.publish(batch.clone()).await {
            break published;
        }
    };
    let (yes, no) = (Published::Confirmed, Published::Unroutable);
    assert_eq!(published, [yes, no, no, yes, no]);
    let state = link.state.borrow().clone();
    assert_eq!(state.session, session, "the session goes on");
    assert_eq!(state.notes[0].code, fault::BARRED);
    link.close().await;
    place.clear().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_holds_results_up_in_order_until_there_is_room() {
    let Some(place) = Place::new("full").await else {
        return;
    };
    if control(&["version"]).await.is_none() {
        return;
    }
    let (link, _deliveries) = place.connect().await;
    let results = place.results_queue();
    let policy = r#"{"max-length":2,"overflow":"reject-publish"}"#;
    control(&["set_policy", "full", &results.replace('.', "\\."), policy]).await;
    let exchange = place.settings.broker.results_exchange.clone();
    place.make_results("#").await;
    let ours: Arc<str> = Arc::from(exchange);
    let publishing = async {
        for number in 0..10 {
            let message = numbered(&ours, "message.send", number);
            while link.publisher.publish(vec![message.clone()]).await.is_err() {}
        }
    };
    let ((), order) = tokio::join!(publishing, async {
        let state = wait(&link, |state| !state.notes.is_empty()).await;
        assert_eq!(state.notes[0].code, fault::REFUSED);
        control(&["clear_policy", "full"]).await;
        let mut inlet = place.client.consume(&results, 100).await.expect("consumed");
        first_comings(&mut inlet, 10).await
    });
    assert_eq!(order, (0..10).collect::<Vec<_>>());
    wait(&link, |state| state.notes.is_empty()).await;
    link.close().await;
    place.clear().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_keeps_us_out_is_told_apart() {
    let Some(mut place) = Place::new("out").await else {
        return;
    };
    let (scheme, rest) = place.url.split_once("://").expect("a URL");
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let host = host.split('/').next().expect("a host").to_owned();
    for (url, code) in [
        (format!("{scheme}://guest:wrong@{host}"), fault::LOGIN),
        (
            format!("{}/nowhere", place.url.trim_end_matches('/')),
            fault::VHOST,
        ),
        ("amqp://127.0.0.1:1".to_owned(), fault::UNREACHABLE),
        ("amqp://no-such-host.invalid".to_owned(), fault::UNREACHABLE),
        (
            "http://guest:secret@127.0.0.1".to_owned(),
            fault::BAD_ADDRESS,
        ),
    ] {
        place.settings.urls = vec![url.clone()];
        let (link, _deliveries) = place.start();
        let state = wait(&link, |state| state.fault.is_some()).await;
        let fault = state.fault.expect("a fault");
        assert_eq!(fault.code, code, "{url}: {fault}");
        assert!(!fault.text.contains("secret"));
        link.close().await;
    }
    // The next host is tried in its turn.
    place.settings.urls = vec!["amqp://127.0.0.1:1".to_owned(), place.url.clone()];
    let (link, _deliveries) = place.connect().await;
    link.close().await;
    place.clear().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_permission_is_told_and_heals_when_it_is_granted() {
    let Some(mut place) = Place::new("permission").await else {
        return;
    };
    if control(&["version"]).await.is_none() {
        return;
    }
    let user = format!("u{}", std::process::id());
    control(&["add_user", &user, "secret"]).await;
    place.connect().await.0.close().await;
    // May write and look, may not read the inbox.
    control(&["set_permissions", &user, "^$", ".*", "^$"]).await;
    let host = place
        .url
        .rsplit_once('@')
        .map_or("127.0.0.1", |(_, host)| host);
    place.settings.urls = vec![format!("amqp://{user}:secret@{host}")];
    let (link, mut deliveries) = place.connect().await;
    let notes = link.state.borrow().notes.clone();
    assert!(
        notes
            .iter()
            .any(|note| note.code == fault::PERMISSION && note.text.contains("inbox")),
        "{notes:?}"
    );
    control(&["set_permissions", &user, ".*", ".*", ".*"]).await;
    place.send(0..1).await;
    assert_eq!(number_of(&next(&mut deliveries).await), 0);
    wait(&link, |state| state.notes.is_empty()).await;
    link.close().await;
    control(&["delete_user", &user]).await;
    place.clear().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_is_left_at_once_whether_or_not_it_stands() {
    let Some(mut place) = Place::new("leave").await else {
        return;
    };
    let (link, mut deliveries) = place.connect().await;
    place.send(0..2_000).await;
    next(&mut deliveries).await;
    let left = tokio::time::timeout(Duration::from_secs(2), link.close()).await;
    left.expect("left in time, though nobody reads");
    while deliveries.recv().await.is_some() {}
    place.settings.urls = vec!["amqp://127.0.0.1:1".to_owned()];
    let (link, _deliveries) = place.start();
    let publisher = link.publisher.clone();
    let tasks = tokio_util::task::TaskTracker::new();
    let waiting = tasks.spawn(async move { publisher.publish(vec![Outgoing::default()]).await });
    wait(&link, |state| state.fault.is_some()).await;
    let left = tokio::time::timeout(Duration::from_secs(2), link.close()).await;
    left.expect("left in time");
    assert!(waiting.await.expect("it ends").is_err());
    place.clear().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute and a half, and freezes the whole broker"]
async fn a_frozen_broker_is_given_up_and_nothing_of_the_tries_is_left_behind() {
    let Some(place) = Place::new("frozen").await else {
        return;
    };
    let Some(process) = control(&["eval", "os:getpid()."]).await else {
        return;
    };
    let process = process.trim().trim_matches('"').to_owned();
    let signal = |name: &str| {
        let sent = std::process::Command::new("kill")
            .args([name, &process])
            .status();
        assert!(sent.expect("it runs").success());
    };
    let threads = || std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
    let (link, mut deliveries) = place.connect().await;
    let before = threads();
    signal("-STOP");
    let state = tokio::time::timeout(Duration::from_secs(60), async {
        let mut state = link.state.clone();
        let broken = state.wait_for(|state| !state.connected).await;
        broken.expect("the link lives").clone()
    });
    let state = state.await.expect("noticed by the heartbeats");
    assert_eq!(state.fault.map(|fault| fault.code), Some(fault::SILENT));
    tokio::time::sleep(Duration::from_secs(45)).await;
    let during = threads();
    signal("-CONT");
    assert!(during <= before, "{before} threads became {during}");
    wait(&link, |state| state.connected).await;
    let tool = place.tool().await;
    let exchange: Arc<str> = Arc::from(place.settings.broker.events_exchange.as_str());
    let sent = tool.publish(vec![numbered(&exchange, "conversation.message", 1)]);
    sent.await.expect("published");
    assert_eq!(number_of(&next(&mut deliveries).await), 1);
    link.close().await;
    Place {
        client: tool,
        ..place
    }
    .clear()
    .await;
}
