//! The exchanges, queues and bindings: looked at first, created where that is configured.
//!
//! Works on a connection of its own, since a complaint of the broker ends the
//! channel and sometimes the connection. What is wrong with one piece is noted and
//! the rest goes on; a queue that exists otherwise is consumed as it is. Only a
//! missing outbound exchange makes a session senseless.

use std::sync::Arc;

use lapin::{
    Channel, ExchangeKind,
    options::{ExchangeBindOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};

use super::{
    Settings,
    address::Address,
    connect::Line,
    declared::{self, Arguments},
    fault::{self, Fault},
    headers,
};

/// The header by which partitions are chosen; publishers set it in structured mode too.
const PARTITION_HEADER: &str = "cloudEvents_subject";
/// The weight of a partition: all alike.
const WEIGHT: &str = "1";

/// What there should be.
pub(super) struct Plan {
    /// Whether absent pieces are created.
    create: bool,
    exchanges: Vec<Exchange>,
    queues: Vec<Queue>,
    bindings: Vec<Binding>,
    /// The queues to consume; `Laid` speaks of them by their places here.
    pub(super) consumed: Vec<Arc<str>>,
    results: String,
}

struct Exchange {
    name: String,
    kind: ExchangeKind,
    arguments: FieldTable,
}

/// A queue as it should be.
pub(super) struct Queue {
    pub(super) name: String,
    pub(super) arguments: Arguments,
}

struct Binding {
    source: String,
    to: Destination,
    key: &'static str,
}

enum Destination {
    Queue(String),
    Exchange(String),
}

/// What was found or made.
#[derive(Default)]
pub(super) struct Laid {
    /// Places of the queues that can be consumed.
    pub(super) ready: Vec<usize>,
    /// Places of those that cannot.
    pub(super) missing: Vec<usize>,
    /// What is wrong with pieces.
    pub(super) notes: Vec<Fault>,
}

impl Plan {
    pub(super) fn new(settings: &Settings) -> Self {
        let broker = &settings.broker;
        let partitions = match broker.partitions {
            0 | 1 => vec![broker.inbox.clone()],
            count => (0..count)
                .map(|number| format!("{}.{number}", broker.inbox))
                .collect(),
        };
        let is_split = broker.partitions > 1;
        let mut exchanges = vec![
            Exchange::topic(&broker.events_exchange),
            Exchange::topic(&broker.results_exchange),
            Exchange::topic(&broker.dead_exchange),
        ];
        let mut bindings = vec![Binding {
            source: broker.dead_exchange.clone(),
            to: Destination::Queue(broker.parked_queue.clone()),
            key: "#",
        }];
        // Exchanges and queues have namespaces of their own: the stem names the splitter.
        let splitter = &broker.inbox;
        if is_split {
            exchanges.push(Exchange::splitter(splitter));
            bindings.push(Binding {
                source: broker.events_exchange.clone(),
                to: Destination::Exchange(splitter.clone()),
                key: "#",
            });
        }
        for queue in &partitions {
            let (source, key) = if is_split {
                (splitter, WEIGHT)
            } else {
                (&broker.events_exchange, "#")
            };
            bindings.push(Binding {
                source: source.clone(),
                to: Destination::Queue(queue.clone()),
                key,
            });
        }
        let others = settings.queues.iter().map(|queue| queue.name.clone());
        let consumed: Vec<String> = partitions.into_iter().chain(others).collect();
        let mut queues: Vec<Queue> = consumed
            .iter()
            .map(|name| Queue::inbound(name, broker))
            .collect();
        queues.push(Queue {
            name: broker.parked_queue.clone(),
            arguments: queue_type(broker),
        });
        Self {
            create: broker.create_topology,
            exchanges,
            queues,
            bindings,
            consumed: consumed.into_iter().map(Arc::from).collect(),
            results: broker.results_exchange.clone(),
        }
    }

    /// Looks at everything and makes what is absent.
    ///
    /// *Errors*: the broker is away, or there is no outbound exchange.
    pub(super) async fn lay(&self, address: &Address) -> Result<Laid, Fault> {
        let mut desk = Desk::open(address).await?;
        let mut laid = Laid::default();
        // Pieces that are not there; what hangs on them is not complained of again.
        let mut gone: Vec<&str> = Vec::new();
        for exchange in &self.exchanges {
            let found = desk.exchange(exchange, self.create).await;
            match noted(found, &mut laid.notes)? {
                Err(fault) if fault.leaves_usable() => {}
                Err(fault) if exchange.name == self.results => {
                    desk.close().await;
                    return Err(fault);
                }
                Err(_) => gone.push(exchange.name.as_str()),
                Ok(()) => {}
            }
        }
        for queue in &self.queues {
            let place = self.consumed.iter().position(|name| **name == *queue.name);
            let found = desk.queue(queue, self.create, place.is_some()).await;
            let found = noted(found, &mut laid.notes)?;
            match (place, found) {
                (Some(place), Ok(())) => laid.ready.push(place),
                (Some(place), Err(fault)) if fault.leaves_usable() => laid.ready.push(place),
                (Some(place), Err(_)) => {
                    laid.missing.push(place);
                    gone.push(&queue.name);
                }
                (None, Err(fault)) if !fault.leaves_usable() => gone.push(&queue.name),
                (None, _) => {}
            }
        }
        let bindings = self.bindings.iter().filter(|_| self.create);
        for binding in bindings.filter(|binding| !gone.iter().any(|name| binding.touches(name))) {
            let bound = desk.bind(binding).await;
            let _ = noted(bound, &mut laid.notes)?;
        }
        desk.close().await;
        Ok(laid)
    }
}

/// Notes what is wrong with a piece; passes on what is wrong with the connection.
fn noted(found: Result<(), Fault>, notes: &mut Vec<Fault>) -> Result<Result<(), Fault>, Fault> {
    match found {
        Err(fault) if fault.ends_connection() => Err(fault),
        Err(fault) => {
            notes.push(fault.clone());
            Ok(Err(fault))
        }
        Ok(()) => Ok(Ok(())),
    }
}

impl Exchange {
    fn topic(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            kind: ExchangeKind::Topic,
            arguments: FieldTable::default(),
        }
    }

    fn splitter(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            kind: ExchangeKind::Custom("x-consistent-hash".to_owned()),
            arguments: headers::from_text([("hash-header", PARTITION_HEADER)]),
        }
    }
}

impl Binding {
    fn touches(&self, name: &str) -> bool {
        let (Destination::Queue(to) | Destination::Exchange(to)) = &self.to;
        self.source == name || to == name
    }
}

impl Queue {
    fn inbound(name: &str, broker: &crate::config::Broker) -> Self {
        let mut arguments = queue_type(broker);
        arguments.insert(
            declared::SINGLE_ACTIVE_CONSUMER.into(),
            AMQPValue::Boolean(true),
        );
        let dead = AMQPValue::LongString(broker.dead_exchange.as_str().into());
        arguments.insert("x-dead-letter-exchange".into(), dead);
        Self {
            name: name.to_owned(),
            arguments,
        }
    }
}

fn queue_type(broker: &crate::config::Broker) -> Arguments {
    let name = AMQPValue::LongString(broker.queue_type.as_str().into());
    Arguments::from([("x-queue-type".into(), name)])
}

/// A connection for looking and declaring, renewed when the broker ends it over a complaint.
pub(super) struct Desk<'a> {
    address: &'a Address,
    line: Line,
}

impl<'a> Desk<'a> {
    async fn open(address: &'a Address) -> Result<Self, Fault> {
        let line = Line::open(address, "provost setup").await?;
        Ok(Self { address, line })
    }

    async fn close(self) {
        self.line.close().await;
    }

    /// Gives a fresh channel: a complaint ends the one it is about.
    pub(super) async fn channel(&mut self) -> Result<Channel, Fault> {
        if !self.line.connection.status().connected() {
            self.line = Line::open(self.address, "provost setup").await?;
        }
        let opened = self.line.connection.create_channel().await;
        opened.map_err(|error| fault::read(&error))
    }

    async fn exchange(&mut self, exchange: &Exchange, create: bool) -> Result<(), Fault> {
        let look = self.declare_exchange(exchange, true).await;
        match look {
            Err(fault) if fault.code == fault::ABSENT && create => {
                let made = self.declare_exchange(exchange, false).await;
                made.map_err(|fault| explained(exchange, fault))
            }
            Err(fault) if fault.code == fault::ABSENT => Err(absent("exchange", &exchange.name)),
            // It is there: declaring it again only compares. Without the permission it is not compared.
            Ok(()) => match self.declare_exchange(exchange, false).await {
                Err(fault) if fault.code == fault::PERMISSION => Ok(()),
                compared => compared,
            },
            other => other,
        }
    }

    async fn declare_exchange(&mut self, exchange: &Exchange, passive: bool) -> Result<(), Fault> {
        let options = ExchangeDeclareOptions {
            passive,
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        let name = headers::cut(&exchange.name);
        let (kind, arguments) = (exchange.kind.clone(), exchange.arguments.clone());
        let channel = self.channel().await?;
        let declared = channel
            .exchange_declare(name, kind, options, arguments)
            .await;
        declared.map_err(|error| fault::read(&error))
    }

    async fn queue(&mut self, queue: &Queue, create: bool, is_consumed: bool) -> Result<(), Fault> {
        let look = self.look_at_queue(&queue.name).await;
        match look {
            Err(fault) if fault.code == fault::ABSENT && create => {
                self.declare_queue(&queue.name, queue.arguments.clone())
                    .await
            }
            Err(fault) if fault.code == fault::ABSENT => Err(absent("queue", &queue.name)),
            Ok(()) if is_consumed => declared::compare(self, queue).await,
            other => other,
        }
    }

    async fn look_at_queue(&mut self, name: &str) -> Result<(), Fault> {
        let options = QueueDeclareOptions::durable().passive();
        let channel = self.channel().await?;
        let looked = channel
            .queue_declare(headers::cut(name), options, FieldTable::default())
            .await;
        looked.map(drop).map_err(|error| fault::read(&error))
    }

    /// Creates a durable queue, or compares the one that exists.
    pub(super) async fn declare_queue(
        &mut self,
        name: &str,
        arguments: Arguments,
    ) -> Result<(), Fault> {
        let options = QueueDeclareOptions::durable();
        let channel = self.channel().await?;
        let declared = channel
            .queue_declare(headers::cut(name), options, FieldTable::from(arguments))
            .await;
        declared.map(drop).map_err(|error| fault::read(&error))
    }

    async fn bind(&mut self, binding: &Binding) -> Result<(), Fault> {
        let source = headers::cut(&binding.source);
        let (key, none) = (binding.key.into(), FieldTable::default());
        let channel = self.channel().await?;
        let bound = match &binding.to {
            Destination::Queue(queue) => {
                let options = QueueBindOptions::default();
                channel
                    .queue_bind(headers::cut(queue), source, key, options, none)
                    .await
            }
            Destination::Exchange(exchange) => {
                let options = ExchangeBindOptions::default();
                channel
                    .exchange_bind(headers::cut(exchange), source, key, options, none)
                    .await
            }
        };
        bound.map_err(|error| fault::read(&error))
    }
}

/// Says what a missing exchange type means.
fn explained(exchange: &Exchange, fault: Fault) -> Fault {
    if fault.code != fault::NO_PLUGIN {
        return fault;
    }
    let text = format!(
        "the broker lacks the plugin `rabbitmq_consistent_hash_exchange`, so that nothing is divided among the partitions of `{}`; it is looked for again by itself ({})",
        exchange.name, fault.text
    );
    Fault::new(fault.code, text)
}

fn absent(what: &str, name: &str) -> Fault {
    Fault::new(
        fault::ABSENT,
        format!(
            "the {what} `{name}` does not exist and is not to be created; it is looked for again by itself"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn plan(partitions: u16) -> Plan {
        Plan::new(&Settings {
            urls: Vec::new(),
            broker: config::Broker {
                partitions,
                ..config::Broker::default()
            },
            queues: vec![config::Queue {
                name: "rasa".to_owned(),
                ..config::Queue::default()
            }],
            seat: tokio::sync::watch::Sender::default().subscribe(),
        })
    }

    fn bound(plan: &Plan) -> Vec<String> {
        let shown = plan.bindings.iter().map(|binding| match &binding.to {
            Destination::Queue(to) => format!("{} -{}-> {to}", binding.source, binding.key),
            Destination::Exchange(to) => format!("{} -{}-> ({to})", binding.source, binding.key),
        });
        shown.collect()
    }

    #[test]
    fn one_inbox_hangs_on_the_events_exchange_itself() {
        let plan = plan(0);
        assert_eq!(plan.consumed, ["provost.inbox", "rasa"].map(Arc::from));
        assert_eq!(
            bound(&plan),
            [
                "provost.dead -#-> provost.parked",
                "provost.events -#-> provost.inbox"
            ]
        );
        assert_eq!(
            plan.queues.len(),
            3,
            "the parked queue is declared, not consumed"
        );
    }

    #[test]
    fn partitions_hang_on_a_splitter_between() {
        let plan = plan(2);
        assert_eq!(
            plan.consumed,
            ["provost.inbox.0", "provost.inbox.1", "rasa"].map(Arc::from)
        );
        assert_eq!(
            bound(&plan),
            [
                "provost.dead -#-> provost.parked",
                "provost.events -#-> (provost.inbox)",
                "provost.inbox -1-> provost.inbox.0",
                "provost.inbox -1-> provost.inbox.1",
            ]
        );
    }
}
