//! The link to RabbitMQ: deliveries in, acknowledgements and confirmed results out.
//!
//! [`start`] gives a [`Link`] that lives as long as the daemon. Behind it one
//! supervisor owns a *session* at a time (two connections, the topology, the
//! consumers, the publishing channel); whatever goes wrong drops the session
//! whole and builds a new one, so that there is one way to heal and not many
//! (`session` says why). What stands between the daemon and a session is small
//! and outlives it: a bounded channel of [`Delivery`], [`Acks`] by session and
//! ordinal, a [`Publisher`] that waits for the next session, and a watched
//! [`LinkState`]. The tools use [`Client`], one connection without a supervisor.
//!
//! Lapin's types stay inside; nothing here knows what an event is.

mod acks;
mod address;
mod backoff;
mod client;
mod connect;
mod consume;
mod declared;
mod fault;
mod headers;
mod outlet;
mod publish;
mod report;
mod seating;
mod session;
mod supervisor;
mod topology;
mod window;

#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use serde_json::{Map, Value};
use tokio::sync::{mpsc, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::{
    acks::Acks,
    client::{Client, Inlet, QueueShape},
    fault::{CODES, Fault},
    publish::{Published, Publisher, SessionLost},
    report::LinkState,
    seating::Seat,
};

/// How many deliveries wait between the consumers and the daemon; the prefetch bounds the rest.
const DELIVERIES: usize = 512;

/// What a link is made from.
#[derive(Clone)]
pub struct Settings {
    /// The brokers to try in turn. May hold passwords.
    pub urls: Vec<String>,
    /// `[broker]`
    pub broker: crate::config::Broker,
    /// `[[queues]]`
    pub queues: Vec<crate::config::Queue>,
    /// Which of how many daemons this one is.
    pub seat: watch::Receiver<Seat>,
}

/// A message from a queue, not acknowledged yet.
#[derive(Clone, Debug, Default)]
pub struct Delivery {
    /// The session that it came by.
    pub session: u64,
    /// Its name for [`Acks::done`]; within a queue later ones are greater.
    pub ordinal: u64,
    /// The queue.
    pub queue: Arc<str>,
    /// Whether the broker says that it may have been delivered before.
    pub redelivered: bool,
    /// The body as it came.
    pub body: Vec<u8>,
    /// `content_type`
    pub content_type: Option<String>,
    /// The headers as JSON; times are seconds since the epoch.
    pub headers: Map<String, Value>,
    /// The routing key that it was published with.
    pub routing_key: String,
    /// `reply_to`
    pub reply_to: Option<String>,
    /// `correlation_id`
    pub correlation_id: Option<String>,
    /// `message_id`
    pub message_id: Option<String>,
}

/// A message to publish.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outgoing {
    /// The exchange; empty: the default exchange, whose routing key is a queue's name.
    pub exchange: Arc<str>,
    /// The routing key.
    pub routing_key: String,
    /// The body.
    pub body: Vec<u8>,
    /// `content_type`; absent: `application/cloudevents+json`.
    pub content_type: Option<String>,
    /// `message_id`: the event's id.
    pub message_id: String,
    /// `type`: the event's type.
    pub kind: String,
    /// `correlation_id`
    pub correlation_id: Option<String>,
    /// The header `traceparent`.
    pub traceparent: Option<String>,
    /// Further headers.
    pub headers: Vec<(String, String)>,
}

/// The daemon's end of the link. Dropping it leaves the broker without waiting; [`Link::close`] waits.
#[derive(Debug)]
pub struct Link {
    /// Acknowledges deliveries.
    pub acks: Acks,
    /// Publishes.
    pub publisher: Publisher,
    /// How the link is.
    pub state: watch::Receiver<LinkState>,
    deliveries: Option<mpsc::Receiver<Delivery>>,
    leaving: CancellationToken,
    tasks: TaskTracker,
}

/// Starts a link, which connects by itself and stays until `shutdown` or [`Link::close`].
///
/// An address that cannot be read shows as a fault in [`Link::state`]; the others are tried.
#[expect(
    clippy::needless_pass_by_value,
    reason = "a link is made from what it is given"
)]
pub fn start(settings: Settings, shutdown: CancellationToken) -> Link {
    let (sender, deliveries) = mpsc::channel(DELIVERIES);
    let leaving = shutdown.child_token();
    let tasks = TaskTracker::new();
    let (supervisor, ends) = supervisor::Supervisor::new(&settings, sender, leaving.clone());
    tasks.spawn(supervisor.run());
    tasks.close();
    Link {
        acks: ends.acks,
        publisher: ends.publisher,
        state: ends.state,
        deliveries: Some(deliveries),
        leaving,
        tasks,
    }
}

impl Link {
    /// Gives the deliveries, once; they end when the link is left.
    ///
    /// Holding back is not reading: the prefetch bounds what waits. When the receiver
    /// is dropped nothing is taken in any more, and acknowledging and publishing go on.
    ///
    /// # Panics
    ///
    /// When called twice.
    pub fn take_deliveries(&mut self) -> mpsc::Receiver<Delivery> {
        self.deliveries
            .take()
            .expect("the deliveries are taken once")
    }

    /// Leaves: sends the acknowledgements that are due, closes the connections and waits for that.
    ///
    /// What was delivered and not acknowledged goes back to its queue, in order.
    pub async fn close(mut self) {
        self.deliveries = None;
        self.leaving.cancel();
        self.tasks.wait().await;
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.leaving.cancel();
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("urls", &self.urls.len())
            .field("broker", &self.broker)
            .field("queues", &self.queues)
            .field("seat", &*self.seat.borrow())
            .finish()
    }
}
