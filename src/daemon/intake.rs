//! Intake: where inputs enter the pipeline, whoever brings them.
//!
//! A unit of inputs goes whole to one lane (the hash of its first subject); its
//! answer comes after the durable commit. The gate holds intake back while too
//! much is unpublished or the disk is short: the broker's consumer waits, HTTP
//! is told when to try again; timers and people go on.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex},
};

use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::status::Status;
use crate::{
    broker::Delivery,
    decide::{Entry, Input},
    domain::{
        event::{Event, Rejection},
        time::Span,
    },
};

/// An event as an entry hands it in.
#[derive(Clone, Debug)]
pub struct Taken {
    /// The event.
    pub event: Event,
    /// Where it came in, and who acts where the event may not say so.
    pub entry: Arc<Entry>,
    /// Results go to this queue too.
    pub reply_to: Option<String>,
    /// Copied onto the results.
    pub correlation_id: Option<String>,
}

/// What became of one input.
#[derive(Clone, Debug, PartialEq)]
pub enum Receipt {
    /// Decided and durably stored.
    Accepted {
        /// The event's id.
        event_id: String,
        /// Its journal position.
        position: i64,
        /// What followed: a JSON array of events; empty when nothing did.
        results: String,
    },
    /// Decided before; the same results go out again.
    Duplicate {
        /// The event's id.
        event_id: String,
    },
    /// Stated by Provost itself, which some types are in both directions.
    Ignored {
        /// The event's id.
        event_id: String,
    },
    /// Understood and refused.
    Refused(Rejection),
}

/// Why a unit was not taken in. Nothing of it is stored.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SubmitError {
    /// One event is not what its type asks for.
    #[error("event {index}: {rejection}")]
    Invalid {
        /// Its place in the unit, from 0.
        index: usize,
        /// What is wrong.
        rejection: Rejection,
    },
    /// Too much is under way.
    #[error("intake is held back: {reason}")]
    Busy {
        /// Why.
        reason: String,
        /// When to try again.
        retry_after: Span,
    },
    /// The daemon is stopping.
    #[error("the daemon is stopping")]
    Stopping,
    /// The unit as a whole cannot be stored.
    #[error("the batch cannot be stored: {0}")]
    Store(String),
}

/// Who is told when an input is durably decided.
#[derive(Debug)]
pub(super) enum Waiter {
    /// A caller that waits for the receipts of its unit.
    Reply(oneshot::Sender<Result<Vec<Receipt>, SubmitError>>),
    /// A delivery to acknowledge.
    Delivery(crate::broker::Acks, u64, u64),
}

/// Inputs that are stored together or not at all.
#[derive(Debug)]
pub(super) struct Unit {
    /// The inputs, in order; of a message that is not read yet, none.
    pub(super) inputs: Vec<Arc<Input>>,
    /// A message that its lane reads: what one thread makes and drops costs half as much as what
    /// is made on one and dropped on another.
    pub(super) unread: Option<Box<Delivery>>,
    /// Says which lane it goes to: the hash of its first subject.
    pub(super) place: u64,
    /// Whether the broker says that it delivered this before.
    pub(super) is_redelivered: bool,
    /// Whether it stands behind what others bring; see [`super::waiting`].
    pub(super) is_behind: bool,
    /// About how large it is. *Units*: bytes.
    pub(super) bytes: usize,
    /// Who is told.
    pub(super) waiter: Waiter,
}

impl Unit {
    /// Gives how many inputs it holds or will hold; an unread message is one.
    pub(super) fn count(&self) -> usize {
        self.inputs.len() + usize::from(self.unread.is_some())
    }
}

/// Where each lane takes its units.
pub(super) type Lanes = Vec<mpsc::Sender<Vec<Unit>>>;

/// The way in.
#[derive(Clone, Debug)]
pub struct Intake {
    /// Units of callers who wait for their receipts, on their way to the [`Porter`].
    posted: mpsc::UnboundedSender<Unit>,
    lanes: Arc<Mutex<Option<Lanes>>>,
    gate: watch::Receiver<Option<String>>,
    source: Arc<str>,
    status: Arc<Status>,
}

/// What an event that came over HTTP is taken to weigh; its request was bounded before.
const USUAL_BYTES: usize = 2_048;
/// The most units that are carried to the lanes at once.
const MOST_POSTED: usize = 256;
/// How long a refused caller should wait.
const RETRY_AFTER: Span = Span::from_secs(2);

/// Carries what is posted to the lanes, as many units at once as have come together: callers who each
/// bring one would otherwise be decided nearly one by one.
pub(super) struct Porter {
    intake: Intake,
    posted: mpsc::UnboundedReceiver<Unit>,
}

impl Porter {
    /// Carries until stopped; what is posted afterwards is answered with `Stopping`.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let mut units = Vec::new();
        while let Some(1..) = stop
            .run_until_cancelled(self.posted.recv_many(&mut units, MOST_POSTED))
            .await
        {
            // Refused only when the lanes are closed; dropped, the units tell their callers so.
            let _ = self.intake.send(std::mem::take(&mut units)).await;
        }
    }
}

impl Intake {
    pub(super) fn new(
        lanes: Lanes,
        gate: watch::Receiver<Option<String>>,
        source: &str,
        status: Arc<Status>,
    ) -> (Self, Porter) {
        let (sender, posted) = mpsc::unbounded_channel();
        let intake = Self {
            posted: sender,
            lanes: Arc::new(Mutex::new(Some(lanes))),
            gate,
            source: Arc::from(source),
            status,
        };
        let porter = Porter {
            intake: intake.clone(),
            posted,
        };
        (intake, porter)
    }

    /// Takes events in as one unit and answers after they are durably decided, in order.
    pub async fn submit(&self, events: Vec<Taken>) -> Result<Vec<Receipt>, SubmitError> {
        let held_back = self.gate.borrow().clone();
        // While the database fails nothing could be answered: whoever asks is told so, not held.
        let fault = || {
            let fault = self.status.storage_fault()?;
            Some(format!("nothing can be stored at the moment: {fault}"))
        };
        if let Some(reason) = held_back.or_else(fault) {
            return Err(SubmitError::Busy {
                reason,
                retry_after: RETRY_AFTER,
            });
        }
        let mut inputs = Vec::with_capacity(events.len());
        let mut ignored = Vec::new();
        for (index, taken) in events.into_iter().enumerate() {
            if taken.event.source == *self.source {
                ignored.push((
                    index,
                    Receipt::Ignored {
                        event_id: taken.event.id,
                    },
                ));
                continue;
            }
            let mut input = Input::read(taken.event, &taken.entry)
                .map_err(|rejection| SubmitError::Invalid { index, rejection })?;
            input.reply_to = taken.reply_to;
            input.correlation_id = taken.correlation_id;
            inputs.push(Arc::new(input));
        }
        let mut receipts = if inputs.is_empty() {
            Vec::new()
        } else {
            self.decide(inputs).await?
        };
        for (index, receipt) in ignored {
            receipts.insert(index.min(receipts.len()), receipt);
        }
        Ok(receipts)
    }

    /// Has inputs decided that are ready, such as the house's own; no gate holds these back.
    pub async fn decide(&self, inputs: Vec<Arc<Input>>) -> Result<Vec<Receipt>, SubmitError> {
        self.post(inputs, false).await
    }

    /// Has inputs decided as [`Intake::decide`] does, behind what others bring: for what comes in bulk.
    pub(super) async fn decide_behind(
        &self,
        inputs: Vec<Arc<Input>>,
    ) -> Result<Vec<Receipt>, SubmitError> {
        self.post(inputs, true).await
    }

    async fn post(
        &self,
        inputs: Vec<Arc<Input>>,
        is_behind: bool,
    ) -> Result<Vec<Receipt>, SubmitError> {
        let (sender, receiver) = oneshot::channel();
        let bytes = inputs.len() * USUAL_BYTES;
        let first = inputs.first().map(|input| input.event.subject.as_str());
        let unit = Unit {
            place: place_of(first.unwrap_or_default()),
            inputs,
            unread: None,
            is_redelivered: false,
            is_behind,
            bytes,
            waiter: Waiter::Reply(sender),
        };
        self.posted.send(unit).map_err(|_| SubmitError::Stopping)?;
        receiver.await.unwrap_or(Err(SubmitError::Stopping))
    }

    /// Hands units to their lanes, each lane's in order; waits while a lane is full.
    pub(super) async fn send(&self, units: Vec<Unit>) -> Result<(), SubmitError> {
        let lanes = self.open_lanes().ok_or(SubmitError::Stopping)?;
        let mut shares: Vec<Vec<Unit>> = lanes.iter().map(|_| Vec::new()).collect();
        for unit in units {
            let entry = match unit.waiter {
                Waiter::Delivery(..) => "amqp",
                Waiter::Reply(_) => "http",
            };
            self.status.taken_in(unit.count(), entry);
            shares[lane_of(&unit, lanes.len())].push(unit);
        }
        for (lane, share) in lanes.iter().zip(shares) {
            if !share.is_empty() {
                lane.send(share).await.map_err(|_| SubmitError::Stopping)?;
            }
        }
        Ok(())
    }

    /// Waits until the gate is open.
    pub(super) async fn opened(&self) {
        let mut gate = self.gate.clone();
        // An error means that the daemon is gone; its lanes refuse what comes.
        let _ = gate.wait_for(Option::is_none).await;
    }

    /// Takes nothing more in; the lanes end when they have decided what they hold.
    pub(super) fn close(&self) {
        if let Ok(mut lanes) = self.lanes.lock() {
            *lanes = None;
        }
    }

    fn open_lanes(&self) -> Option<Lanes> {
        self.lanes.lock().ok()?.clone()
    }
}

/// Gives a subject's place among the lanes.
pub(super) fn place_of(subject: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    subject.hash(&mut hasher);
    hasher.finish()
}

fn lane_of(unit: &Unit, lanes: usize) -> usize {
    usize::try_from(unit.place % lanes as u64).unwrap_or(0)
}
