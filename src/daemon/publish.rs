//! The publisher: takes from the relay, publishes confirmed and in order, and tells the relay.
//!
//! Up to [`WINDOW`] parcels are under way at once. When the session is lost, all
//! that were not confirmed are started again in order; a result that reached the
//! broker after all goes out twice with the same id.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::FuturesOrdered};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::{
    crash_point,
    identity::Identity,
    outgoing::Envelope,
    relay::{Next, Parcel, Relay},
    status::Status,
};
use crate::{
    broker::{Outgoing, Published, Publisher, SessionLost},
    clock::Stopwatch,
    store::{Registration, Store, StoreError},
    telemetry,
};

/// How many parcels are under way at once.
const WINDOW: usize = 8;
/// How many journal rows are read back at once.
const SLICE: i64 = 512;
/// How long to wait after the database failed to answer.
const PAUSE: Duration = Duration::from_millis(500);

/// What the publisher works with.
pub(super) struct Post {
    /// Publishes.
    pub(super) publisher: Publisher,
    /// What is to be published.
    pub(super) relay: Arc<Relay>,
    /// Reads the journal.
    pub(super) store: Store,
    /// What a result looks like.
    pub(super) envelope: Envelope,
    /// Counts.
    pub(super) status: Arc<Status>,
    /// Ends the work.
    pub(super) stop: CancellationToken,
}

impl Post {
    /// Publishes this daemon's results until it is stopped.
    pub(super) async fn run(self, identity: Arc<Identity>) {
        let mut waiting: VecDeque<Parcel> = VecDeque::new();
        let mut under_way = FuturesOrdered::new();
        loop {
            while under_way.len() < WINDOW
                && let Some(parcel) = waiting.pop_front()
            {
                under_way.push_back(self.send(parcel));
            }
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                Some((parcel, outcome)) = under_way.next(), if !under_way.is_empty() => if let Ok(()) = outcome { self.relay.published(&parcel) } else {
                    // What was started later must not overtake: all of it starts again, in order.
                    let mut again = vec![parcel];
                    while let Some((parcel, _)) = under_way.next().await {
                        again.push(parcel);
                    }
                    for parcel in again.into_iter().rev() {
                        waiting.push_front(parcel);
                    }
                },
                next = self.relay.next(), if waiting.is_empty() && under_way.len() < WINDOW => match next {
                    Next::Hot(parcel) => waiting.push_back(parcel),
                    Next::Cold(_) if !under_way.is_empty() => {
                        while let Some((parcel, outcome)) = under_way.next().await {
                            if outcome.is_ok() {
                                self.relay.published(&parcel);
                            }
                        }
                    }
                    Next::Cold(position) => self.publish_from_journal(identity.held().id, position).await,
                },
            }
        }
    }

    async fn send(&self, parcel: Parcel) -> (Parcel, Result<(), SessionLost>) {
        let outcome = self.publish(&parcel.messages).await;
        (parcel, outcome)
    }

    async fn publish(&self, messages: &Arc<Vec<Outgoing>>) -> Result<(), SessionLost> {
        let watch = Stopwatch::start();
        let published = self.publisher.publish(Arc::clone(messages)).await?;
        metrics::histogram!(telemetry::PUBLISH_SECONDS).record(watch.elapsed());
        crash_point::pass("after_publish");
        let unroutable = published
            .iter()
            .filter(|one| matches!(one, Published::Unroutable))
            .count();
        self.status
            .published(published.len() - unroutable, unroutable);
        Ok(())
    }

    /// Publishes until it stands; `false` when stopped meanwhile.
    async fn publish_surely(&self, messages: Vec<Outgoing>) -> bool {
        let messages = Arc::new(messages);
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return false,
                outcome = self.publish(&messages) => if outcome.is_ok() { return true },
            }
        }
    }

    /// Publishes what the journal holds after `position`, then lets the relay turn hot.
    async fn publish_from_journal(&self, daemon: i64, mut position: i64) {
        loop {
            let committed = self.relay.committed_to();
            let Ok(slice) = self.slice(daemon, position).await else {
                tokio::time::sleep(PAUSE).await;
                return;
            };
            if slice.rows == 0 {
                self.relay.published_cold(committed, 0);
                self.relay.try_turn_hot();
                return;
            }
            if !self.publish_surely(slice.messages).await {
                return;
            }
            self.relay.published_cold(slice.read_to, slice.rows);
            position = slice.read_to;
        }
    }

    async fn slice(&self, daemon: i64, after: i64) -> Result<Slice, StoreError> {
        let envelope = self.envelope.clone();
        self.store
            .read(move |reader| {
                let found = reader.journal_unpublished(daemon, after, SLICE)?;
                let mut messages = Vec::new();
                for row in &found.rows {
                    let texts = envelope.of_text(
                        &row.results,
                        row.reply_to.as_deref(),
                        row.correlation_id.as_deref(),
                    );
                    for parked_id in parked_ids(&row.results) {
                        let parked = reader.parked_get(&parked_id)?;
                        messages.extend(parked.map(|row| envelope.of_parked(&row.parked)));
                    }
                    messages.extend(texts);
                }
                Ok(Slice {
                    rows: found.rows.len(),
                    read_to: found.read_to,
                    messages,
                })
            })
            .await
    }

    /// Publishes what a dead daemon left behind, moving its watermark; its row goes when all of it is out.
    pub(super) async fn run_for(self, mut held: Registration) {
        loop {
            let Ok(slice) = self.slice(held.id, held.watermark).await else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            if slice.rows > 0 && !self.publish_surely(slice.messages).await {
                return;
            }
            held.watermark = slice.read_to;
            match self
                .store
                .write(move |desk| desk.daemon_watermark(held))
                .await
            {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    tracing::warn!(%error, "a dead daemon's watermark was not stored; its results may go out again");
                }
            }
            if slice.rows == 0 {
                break;
            }
        }
        if let Err(error) = self.store.write(move |desk| desk.daemon_retire(held)).await {
            tracing::warn!(%error, "a dead daemon's row was not removed");
        }
    }
}

/// A piece of the journal to publish.
struct Slice {
    /// How many rows have results; none: nothing is left.
    rows: usize,
    /// The position up to which the journal was read.
    read_to: i64,
    messages: Vec<Outgoing>,
}

/// Gives the ids of the messages that a row has parked.
fn parked_ids(results: &str) -> Vec<String> {
    #[derive(Deserialize)]
    struct Rejected {
        data: Data,
    }
    #[derive(Deserialize)]
    struct Data {
        #[serde(default)]
        parked_id: Option<String>,
    }
    // Looked for as text first: hardly any row has one.
    if !results.contains("\"parked_id\"") {
        return Vec::new();
    }
    let rejected: Vec<Rejected> = serde_json::from_str(results).unwrap_or_default();
    rejected
        .into_iter()
        .filter_map(|one| one.data.parked_id)
        .collect()
}
