//! The tickets of a bench, and what comes back of them.

use serde_json::{Value, json};

use crate::{
    broker::{Client, Delivery, Outgoing},
    cli::{
        Failure,
        bench::{ground::Ground, load::Names},
    },
    clock::Clock,
    domain::{sla::Owner, time::Timestamp},
    store::Reader,
};

/// Makes the message that opens a ticket of a category.
pub(super) fn ticket(number: u64, category: &str) -> Outgoing {
    let run = Clock::machine().now().micros();
    let id = format!("{run}-{number}");
    let event = json!({
        "specversion": "1.0", "id": id, "source": "/bench", "type": "ticket.requested",
        "subject": format!("sla-{id}"),
        "data": {"subject": "Where is my order", "category": category, "actor": {"kind": "agent", "id": "bench"}},
    });
    Outgoing {
        exchange: Names::default().events_exchange.into(),
        routing_key: "ticket.requested".to_owned(),
        body: event.to_string().into_bytes(),
        message_id: id,
        kind: "ticket.requested".to_owned(),
        ..Outgoing::default()
    }
}

/// A ticket that was opened.
#[derive(Clone, Debug)]
pub(super) struct Opened {
    pub(super) ticket_id: String,
    pub(super) conversation_id: String,
    /// When its clock is due.
    pub(super) due_at: Timestamp,
}

impl Opened {
    /// Looks up when its clock is due.
    pub(super) fn with_due(mut self, reader: &mut Reader) -> Result<Self, Failure> {
        let clocks = reader.clocks_of(&Owner::Ticket(self.ticket_id.clone()))?;
        let clock = clocks.first();
        self.due_at = clock
            .ok_or_else(|| Failure::new("the ticket has no clock"))?
            .due_at;
        Ok(self)
    }
}

/// What comes out of the daemon.
pub(super) struct Inlet {
    client: Client,
    inlet: crate::broker::Inlet,
}

impl Inlet {
    /// Reads the bench's sink.
    pub(super) async fn open(ground: &Ground) -> Result<Self, Failure> {
        let client = ground.connect().await?;
        let inlet = client.consume(Names::default().sink, 2_000).await?;
        Ok(Self { client, inlet })
    }

    /// Waits for a ticket that was opened.
    pub(super) async fn opened(&mut self) -> Result<Opened, Failure> {
        let mut deliveries = Vec::new();
        self.inlet.next_many(&mut deliveries, 1).await?;
        let delivery = deliveries
            .pop()
            .ok_or_else(|| Failure::new("no ticket was opened"))?;
        self.inlet.done([delivery.ordinal]);
        let data = data(&delivery);
        let text = |name: &str| data[name].as_str().unwrap_or_default().to_owned();
        Ok(Opened {
            ticket_id: text("ticket_id"),
            conversation_id: text("conversation_id"),
            due_at: Timestamp::default(),
        })
    }

    /// Waits for so many breaches, and gives how late each came out. *Units*: milliseconds.
    pub(super) async fn breaches(&mut self, count: u64) -> Result<Vec<f64>, Failure> {
        let clock = Clock::machine();
        let (mut late, mut deliveries) = (Vec::new(), Vec::new());
        while (late.len() as u64) < count {
            self.inlet.next_many(&mut deliveries, 256).await?;
            let now = clock.now();
            for delivery in deliveries.drain(..) {
                let data = data(&delivery);
                if let Some(due_at) = data["due_at"].as_str().and_then(Timestamp::parse) {
                    late.push(now.since(due_at).to_std().as_secs_f64() * 1_000.0);
                }
                self.inlet.done([delivery.ordinal]);
            }
        }
        Ok(late)
    }

    pub(super) async fn close(self) {
        self.client.close().await;
    }
}

fn data(delivery: &Delivery) -> Value {
    let event: Value = serde_json::from_slice(&delivery.body).unwrap_or_default();
    event["data"].clone()
}
