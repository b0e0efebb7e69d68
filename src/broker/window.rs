//! The batches under way on a publishing channel, and what becomes of their messages.
//!
//! A batch's publishes are started together, in order, and their confirms awaited
//! after. Batches are answered in order. Lapin attaches a returned message to
//! whichever confirm is resolved next, perhaps another batch's: by the time a
//! batch's own confirms are all there, its returned messages are in some confirm
//! that is resolved too. So before a batch is answered all later ones are looked
//! through, and returns are matched by exchange, routing key and id. That is why
//! one task (`outlet`) holds them all.

use std::{
    collections::{HashMap, VecDeque},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use lapin::{
    BasicProperties, Channel, Confirmation, PublisherConfirm, message::BasicReturnMessage,
    options::BasicPublishOptions, types::ShortString,
};
use tokio::sync::oneshot;

use super::{
    Outgoing,
    fault::{self, Fault},
    headers,
    publish::{Job, Published},
};

/// How many messages may be under way before no further batch is started.
const MESSAGES: usize = 4_096;
/// How many batches, since a message is looked at once for each that is answered before it.
const BATCHES: usize = 32;
const CONTENT_TYPE: &str = "application/cloudevents+json";
const PERSISTENT: u8 = 2;

/// Why a channel is of no more use.
pub(super) enum Refusal {
    /// The broker would not take a message: a queue is full.
    Nack,
    /// Anything else.
    Failed(Fault),
}

/// What is under way on one channel.
pub(super) struct Window {
    channel: Arc<Channel>,
    batches: VecDeque<Batch>,
    messages: usize,
    /// Messages that came back, by exchange, routing key and id, not matched yet.
    returned: HashMap<String, usize>,
}

struct Batch {
    messages: Arc<Vec<Outgoing>>,
    slots: Vec<Slot>,
    /// All slots before it are settled.
    settled: usize,
    answer: oneshot::Sender<Vec<Published>>,
}

type Writing = Pin<Box<dyn Future<Output = lapin::Result<PublisherConfirm>> + Send>>;

enum Slot {
    /// On its way to the socket.
    Writing(Writing),
    /// With the broker.
    Confirming(PublisherConfirm),
    Settled(Published),
    Refused,
    Failed(Fault),
}

impl Window {
    pub(super) fn new(channel: Channel) -> Self {
        Self {
            channel: Arc::new(channel),
            batches: VecDeque::new(),
            messages: 0,
            returned: HashMap::new(),
        }
    }

    /// Tells whether a further batch may be started.
    pub(super) fn has_room(&self) -> bool {
        self.messages < MESSAGES && self.batches.len() < BATCHES
    }

    /// Tells whether something is under way.
    pub(super) fn is_waiting(&self) -> bool {
        !self.batches.is_empty()
    }

    /// Starts all of a batch; what `is_barred` is not sent.
    pub(super) fn begin(&mut self, job: Job, is_barred: impl Fn(&str) -> bool) {
        let slots = (0..job.batch.len())
            .map(|index| self.start(&job.batch, index, &is_barred))
            .collect();
        self.messages += job.batch.len();
        self.batches.push_back(Batch {
            messages: job.batch,
            slots,
            settled: 0,
            answer: job.answer,
        });
    }

    /// Waits for the oldest batch and answers it. With nothing under way it waits for good.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        let Some(front) = self.batches.front_mut() else {
            return Poll::Pending;
        };
        while let Some(slot) = front.slots.get_mut(front.settled) {
            ready!(slot.poll(context, &mut self.returned));
            match slot {
                Slot::Refused => return Poll::Ready(Err(Refusal::Nack)),
                Slot::Failed(fault) => return Poll::Ready(Err(Refusal::Failed(fault.clone()))),
                _ => front.settled += 1,
            }
        }
        self.look_through_later_batches();
        if let Some(batch) = self.batches.pop_front() {
            self.messages -= batch.messages.len();
            let answers = batch.answers(&mut self.returned);
            // Whoever asked may have gone; the messages are published all the same.
            let _ = batch.answer.send(answers);
        }
        Poll::Ready(Ok(()))
    }

    fn look_through_later_batches(&mut self) {
        // Nobody is to be woken: each is polled again when it is its turn.
        let mut context = Context::from_waker(Waker::noop());
        for batch in self.batches.iter_mut().skip(1) {
            let unsettled = batch.settled;
            for (index, slot) in batch.slots.iter_mut().enumerate().skip(unsettled) {
                let look = slot.poll(&mut context, &mut self.returned);
                let is_next = look.is_ready() && batch.settled == index;
                if is_next && matches!(slot, Slot::Settled(_)) {
                    batch.settled += 1;
                }
            }
        }
    }

    fn start(
        &self,
        batch: &Arc<Vec<Outgoing>>,
        index: usize,
        is_barred: impl Fn(&str) -> bool,
    ) -> Slot {
        let message = &batch[index];
        let place = headers::short(&message.exchange).zip(headers::short(&message.routing_key));
        let Some((exchange, routing_key)) = place.filter(|_| !is_barred(&message.exchange)) else {
            return Slot::Settled(Published::Unroutable);
        };
        let (channel, batch) = (Arc::clone(&self.channel), Arc::clone(batch));
        let mut writing: Writing = Box::pin(async move {
            let message = &batch[index];
            let options = BasicPublishOptions {
                mandatory: true,
                immediate: false,
            };
            let properties = properties(message);
            channel
                .basic_publish(exchange, routing_key, options, &message.body, properties)
                .await
        });
        // The first look queues the frames; whether they are written is looked at later.
        match writing
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Pending => Slot::Writing(writing),
            Poll::Ready(Ok(confirm)) => Slot::Confirming(confirm),
            Poll::Ready(Err(error)) => Slot::Failed(fault::read(&error)),
        }
    }
}

impl Slot {
    fn poll(
        &mut self,
        context: &mut Context<'_>,
        returned: &mut HashMap<String, usize>,
    ) -> Poll<()> {
        if let Self::Writing(writing) = self {
            *self = match ready!(writing.as_mut().poll(context)) {
                Ok(confirm) => Self::Confirming(confirm),
                Err(error) => Self::Failed(fault::read(&error)),
            };
        }
        if let Self::Confirming(confirm) = self {
            *self = match ready!(Pin::new(confirm).poll(context)) {
                Ok(confirmation) => {
                    let is_refused = matches!(confirmation, Confirmation::Nack(_));
                    if let Some(message) = confirmation.take_message() {
                        *returned.entry(key_of_returned(&message)).or_default() += 1;
                    }
                    if is_refused {
                        Self::Refused
                    } else {
                        Self::Settled(Published::Confirmed)
                    }
                }
                Err(error) => Self::Failed(fault::read(&error)),
            };
        }
        Poll::Ready(())
    }
}

impl Batch {
    fn answers(&self, returned: &mut HashMap<String, usize>) -> Vec<Published> {
        let answers = self.slots.iter().zip(self.messages.iter());
        answers
            .map(|(slot, message)| match slot {
                Slot::Settled(Published::Unroutable) => Published::Unroutable,
                _ if returned.is_empty() => Published::Confirmed,
                _ => take_returned(returned, message),
            })
            .collect()
    }
}

fn take_returned(returned: &mut HashMap<String, usize>, message: &Outgoing) -> Published {
    let id = headers::cut(&message.message_id);
    let key = key(&message.exchange, &message.routing_key, id.as_str());
    match returned.get_mut(&key) {
        None => return Published::Confirmed,
        Some(1) => drop(returned.remove(&key)),
        Some(count) => *count -= 1,
    }
    Published::Unroutable
}

fn key_of_returned(message: &BasicReturnMessage) -> String {
    let id = message.properties.message_id();
    let id = id.as_ref().map_or("", ShortString::as_str);
    key(message.exchange.as_str(), message.routing_key.as_str(), id)
}

fn key(exchange: &str, routing_key: &str, id: &str) -> String {
    format!("{exchange}\0{routing_key}\0{id}")
}

fn properties(message: &Outgoing) -> BasicProperties {
    let content_type = message.content_type.as_deref().unwrap_or(CONTENT_TYPE);
    let mut properties = BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_content_type(headers::cut(content_type))
        .with_message_id(headers::cut(&message.message_id))
        .with_type(headers::cut(&message.kind));
    if let Some(id) = message.correlation_id.as_deref().and_then(headers::short) {
        properties = properties.with_correlation_id(id);
    }
    let trace = message.traceparent.as_deref().map(|it| ("traceparent", it));
    let others = message
        .headers
        .iter()
        .map(|(name, value)| (&**name, &**value));
    if trace.is_some() || !message.headers.is_empty() {
        properties = properties.with_headers(headers::from_text(others.chain(trace)));
    }
    properties
}
