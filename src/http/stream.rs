//! The stream of results: server-sent events whose ids are cursors.
//!
//! A stream reads slices of the journal, sleeps until something is committed
//! here (or a second has passed, for what other daemons commit), and ends when
//! the daemon stops; the client goes on by `Last-Event-ID`.

use std::{collections::VecDeque, convert::Infallible, time::Duration};

use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{Stream, stream};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::{
    cursor::Cursor,
    problem::{Kind, Problem},
    results::{Filter, Placed, slice},
    state::Api,
};

/// How many results are read at once.
const SLICE: usize = 128;
/// How long a stream sleeps at most when nothing is committed here.
const NAP: Duration = Duration::from_secs(1);

struct Streaming {
    api: Api,
    committed: watch::Receiver<i64>,
    next: Cursor,
    filter: Filter,
    waiting: VecDeque<Placed>,
    _place: OwnedSemaphorePermit,
}

/// Opens a stream of results after a cursor.
///
/// *Errors*: 503 when there are too many streams.
pub(super) fn open(
    api: Api,
    after: Cursor,
    filter: Filter,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let place = std::sync::Arc::clone(&api.streams)
        .try_acquire_owned()
        .map_err(|_| Problem::new(Kind::Busy, "there are too many open streams").retry_after(10))?;
    let streaming = Streaming {
        committed: api.app.committed.clone(),
        next: after,
        filter,
        waiting: VecDeque::new(),
        api,
        _place: place,
    };
    let events = stream::unfold(streaming, |mut streaming| async {
        let event = streaming.advance().await?;
        Some((Ok(event), streaming))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

impl Streaming {
    /// Gives the next event; `None` when the stream is over.
    async fn advance(&mut self) -> Option<Event> {
        loop {
            if self.api.stopping.is_cancelled() {
                return None;
            }
            if let Some(placed) = self.waiting.pop_front() {
                let event = Event::default().id(placed.cursor.to_string());
                return Some(event.data(placed.event.get()));
            }
            // Seen before the read, so that what is committed meanwhile wakes the next nap.
            self.committed.mark_unchanged();
            match slice(&self.api, self.next, SLICE, &self.filter).await {
                Ok((found, next)) => {
                    self.next = next;
                    self.waiting.extend(found);
                }
                // The client comes again with the last id that it saw.
                Err(_) => return None,
            }
            if self.waiting.is_empty() {
                self.nap().await;
            }
        }
    }

    async fn nap(&mut self) {
        tokio::select! {
            () = self.api.stopping.cancelled() => {}
            () = tokio::time::sleep(NAP) => {}
            changed = self.committed.changed() => {
                if changed.is_err() {
                    tokio::time::sleep(NAP).await;
                }
            }
        }
    }
}
