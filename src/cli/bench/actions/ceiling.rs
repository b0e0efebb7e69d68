//! The ceiling: the stub called bare, by the client that the daemon calls with.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::task::JoinSet;

use super::{catalogue::CONCURRENCY, report::Speed, wishes};
use crate::{
    cli::Failure,
    clock::{Clock, Stopwatch},
    domain::network::Network,
    outbound::{Limits, MAX_ANSWER_BYTES, Request, Sender, SystemLookup},
};

/// As the actions have it.
const LIMITS: Limits = Limits {
    timeout: Duration::from_secs(10),
    max_bytes: MAX_ANSWER_BYTES,
};

/// Makes `calls` calls, as many at once as the integration allows.
pub(super) async fn measure(url: &str, calls: u64) -> Result<Speed, Failure> {
    let loopback: Vec<Network> = Network::parse("127.0.0.0/8").into_iter().collect();
    let sender = Sender::new(&loopback, Arc::new(SystemLookup)).map_err(Failure::new)?;
    let run = Clock::machine().now().micros();
    let next = Arc::new(AtomicU64::new(0));
    let watch = Stopwatch::start();
    let mut callers: JoinSet<Result<(), Failure>> = JoinSet::new();
    for _ in 0..CONCURRENCY {
        let (sender, next, url) = (sender.clone(), Arc::clone(&next), format!("{url}/calls"));
        callers.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= calls {
                    return Ok(());
                }
                call(&sender, &url, &format!("bare-{run}-{number}")).await?;
            }
        });
    }
    while let Some(done) = callers.join_next().await {
        done.map_err(|error| Failure::new(format!("a caller: {error}")))??;
    }
    Ok(Speed::of(calls, watch.elapsed()))
}

async fn call(sender: &Sender, url: &str, key: &str) -> Result<(), Failure> {
    let request = Request {
        method: "POST".to_owned(),
        url: url.to_owned(),
        headers: vec![
            ("Idempotency-Key".to_owned(), key.to_owned()),
            ("Content-Type".to_owned(), "application/json".to_owned()),
        ],
        body: Some(wishes::params(key).to_string()),
    };
    let answer = sender.send(request, LIMITS).await;
    let answer = answer.map_err(|fault| Failure::new(format!("the stub: {fault}")))?;
    match (answer.status, answer.body) {
        (200, Ok(_)) => Ok(()),
        (status, _) => Err(Failure::new(format!("the stub answered {status}"))),
    }
}
