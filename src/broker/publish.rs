//! The publisher's handle: hands batches to the session's outlet, or waits for one.
//!
//! Order is kept across a loss: a call that was made before an outlet ended fails,
//! even when it had not been handed over yet; so what the caller repeats in order
//! cannot be overtaken by a call that simply waited. A call made while there is no
//! outlet waits for the next one. Calls take their turn in the order in which they
//! were made.

use std::{fmt, sync::Arc, time::Duration};

use tokio::sync::{Mutex, mpsc, oneshot, watch};

use super::Outgoing;

/// How long a call dwells when the link was left, so that a caller who repeats does not spin.
const AFTER_THE_END: Duration = Duration::from_millis(500);

/// What became of a message that the broker has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// A queue has it, durably if it is a durable one.
    Confirmed,
    /// No queue was bound for it, or its exchange cannot be used; it went nowhere.
    Unroutable,
}

/// The session ended before everything was confirmed: the batch is to be published again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session with the broker ended before everything was confirmed")]
pub struct SessionLost;

/// A batch on its way to an outlet.
pub(super) struct Job {
    pub(super) batch: Arc<Vec<Outgoing>>,
    /// Dropped without an answer when the outlet ends.
    pub(super) answer: oneshot::Sender<Vec<Published>>,
}

/// Where the outlet is, if there is one.
#[derive(Clone, Default)]
pub(super) struct Door {
    /// How many outlets have ended.
    pub(super) ended: u64,
    pub(super) desk: Option<mpsc::Sender<Job>>,
}

impl Door {
    /// Says that the outlet ended; `next` takes its place.
    pub(super) fn replace(door: &watch::Sender<Self>, next: Option<mpsc::Sender<Job>>) {
        door.send_modify(|door| {
            if door.desk.is_some() {
                door.ended += 1;
            }
            door.desk = next;
        });
    }
}

/// Publishes, confirmed; a clone takes turns with the others.
#[derive(Clone)]
pub struct Publisher {
    door: watch::Receiver<Door>,
    turn: Arc<Mutex<()>>,
}

impl Publisher {
    pub(super) fn new(door: watch::Receiver<Door>) -> Self {
        Self {
            door,
            turn: Arc::default(),
        }
    }

    /// Publishes a batch, in order; answers when the broker has confirmed all of it.
    ///
    /// *Shape*: one answer a message, in the batch's order. Waits while the broker is
    /// away or takes nothing in. May be called again before it has answered: batches
    /// go out in the order of the calls.
    ///
    /// *Errors*: nothing is known of the batch; repeat it, and all that was called
    /// after it, in order. What the broker has had already goes out twice with the same id.
    pub async fn publish(
        &self,
        batch: impl Into<Arc<Vec<Outgoing>>>,
    ) -> Result<Vec<Published>, SessionLost> {
        let batch = batch.into();
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let ended = self.door.borrow().ended;
        let (answer, answered) = oneshot::channel();
        {
            let _turn = self.turn.lock().await;
            let desk = self.desk(ended).await?;
            if desk.send(Job { batch, answer }).await.is_err() {
                return Err(SessionLost);
            }
        }
        answered.await.map_err(|_| SessionLost)
    }

    /// Waits for an outlet, unless one has ended since the call was made.
    async fn desk(&self, ended: u64) -> Result<mpsc::Sender<Job>, SessionLost> {
        let mut door = self.door.clone();
        let is_open = |door: &Door| {
            door.ended != ended || door.desk.as_ref().is_some_and(|desk| !desk.is_closed())
        };
        let found = match door.wait_for(is_open).await {
            Ok(door) => Some((door.ended, door.desk.clone())),
            Err(_) => None,
        };
        match found {
            Some((now, Some(desk))) if now == ended => Ok(desk),
            Some(_) => Err(SessionLost),
            None => {
                tokio::time::sleep(AFTER_THE_END).await;
                Err(SessionLost)
            }
        }
    }
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt, poll, stream::FuturesOrdered};

    use super::*;

    fn batch(id: &str) -> Vec<Outgoing> {
        vec![Outgoing {
            message_id: id.to_owned(),
            ..Outgoing::default()
        }]
    }

    #[tokio::test]
    async fn calls_made_before_an_end_fail_and_later_ones_wait_for_the_next_outlet() {
        let door = watch::Sender::new(Door::default());
        let publisher = Publisher::new(door.subscribe());
        let (desk, jobs) = mpsc::channel(1);
        Door::replace(&door, Some(desk));
        // The second does not fit, the third waits for its turn.
        let mut early =
            FuturesOrdered::from_iter(["a", "b", "c"].map(|id| publisher.publish(batch(id))));
        assert!(poll!(early.next()).is_pending());
        drop(jobs);
        Door::replace(&door, None);
        for _ in 0..3 {
            assert_eq!(early.next().await, Some(Err(SessionLost)));
        }
        let mut late =
            FuturesOrdered::from_iter(["a", "b", "c"].map(|id| publisher.publish(batch(id))));
        assert!(poll!(late.next()).is_pending());
        let (desk, mut jobs) = mpsc::channel(8);
        Door::replace(&door, Some(desk));
        assert!(poll!(late.next()).is_pending());
        for id in ["a", "b", "c"] {
            let job = jobs.recv().await.expect("a batch");
            assert_eq!(job.batch[0].message_id, id, "in the order of the calls");
            let _ = job.answer.send(vec![Published::Confirmed]);
            assert_eq!(late.next().await, Some(Ok(vec![Published::Confirmed])));
            let _ = poll!(late.next());
        }
    }
}
