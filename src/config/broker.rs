//! `[broker]` and `[[queues]]`: where events come from and results go to.
//!
//! The broker adapter takes these two sections as they stand. URLs may hold
//! passwords, so `Debug` shows them redacted. Read by `root`.

use std::{collections::BTreeSet, fmt};

use super::{address, env, intake, secret, section::Section};
use crate::domain::time::Span;

/// `[broker]`
#[derive(Clone, PartialEq, Eq)]
pub struct Broker {
    /// `amqp://…`, several separated by commas; empty: none. `PROVOST_AMQP_URL` wins. May hold passwords: never log it.
    pub url: String,
    /// The inbound topic exchange.
    pub events_exchange: String,
    /// The inbound queue; with partitions, the stem of their names.
    pub inbox: String,
    /// Whether events of the inbox may name their actor.
    pub trust_actor: bool,
    /// How many inbox queues behind a consistent-hash exchange; 0 or 1: one plain queue.
    pub partitions: u16,
    /// `quorum` or `classic`.
    pub queue_type: String,
    /// The outbound topic exchange.
    pub results_exchange: String,
    /// The dead-letter exchange.
    pub dead_exchange: String,
    /// The queue behind it.
    pub parked_queue: String,
    /// Whether absent exchanges and queues are created.
    pub create_topology: bool,
    /// How many deliveries may be under way. *Units*: messages.
    pub prefetch: u16,
    /// How long a confirm may take before the session is given up.
    pub confirm_timeout: Span,
}

/// `[[queues]]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// The queue's name.
    pub name: String,
    /// The inbound mapping for bodies that are no CloudEvents.
    pub mapping: Option<String>,
    /// Whether its events may name their actor.
    pub trust_actor: bool,
}

impl Default for Broker {
    fn default() -> Self {
        Self {
            url: String::new(),
            events_exchange: "provost.events".to_owned(),
            inbox: "provost.inbox".to_owned(),
            trust_actor: true,
            partitions: 0,
            queue_type: "quorum".to_owned(),
            results_exchange: "provost.results".to_owned(),
            dead_exchange: "provost.dead".to_owned(),
            parked_queue: "provost.parked".to_owned(),
            create_topology: true,
            prefetch: 2_000,
            confirm_timeout: Span::from_secs(30),
        }
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            url,
            events_exchange,
            inbox,
            trust_actor,
            partitions,
            queue_type,
            results_exchange,
            dead_exchange,
            parked_queue,
            create_topology,
            prefetch,
            confirm_timeout,
        } = self;
        f.debug_struct("Broker")
            .field("url", &secret::redact(url))
            .field("events_exchange", events_exchange)
            .field("inbox", inbox)
            .field("trust_actor", trust_actor)
            .field("partitions", partitions)
            .field("queue_type", queue_type)
            .field("results_exchange", results_exchange)
            .field("dead_exchange", dead_exchange)
            .field("parked_queue", parked_queue)
            .field("create_topology", create_topology)
            .field("prefetch", prefetch)
            .field("confirm_timeout", confirm_timeout)
            .finish()
    }
}

impl Broker {
    /// Gives the addresses to try in turn; none without a broker.
    pub fn urls(&self) -> Vec<String> {
        split(&self.url).map(str::to_owned).collect()
    }

    pub(super) fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        let read = Self {
            url: read_urls(&mut section),
            events_exchange: section.name("events_exchange", default.events_exchange),
            inbox: section.name("inbox", default.inbox),
            trust_actor: section.flag("trust_actor", default.trust_actor),
            partitions: section.count("partitions", default.partitions, 0..=256),
            queue_type: section.choice("queue_type", default.queue_type, &["quorum", "classic"]),
            results_exchange: section.name("results_exchange", default.results_exchange),
            dead_exchange: section.name("dead_exchange", default.dead_exchange),
            parked_queue: section.name("parked_queue", default.parked_queue),
            create_topology: section.flag("create_topology", default.create_topology),
            prefetch: section.count("prefetch", default.prefetch, 1..=u16::MAX),
            confirm_timeout: section.span("confirm_timeout", default.confirm_timeout),
        };
        section.end();
        read
    }
}

fn split(urls: &str) -> impl Iterator<Item = &str> {
    urls.split(',').map(str::trim).filter(|url| !url.is_empty())
}

fn read_urls(section: &mut Section<'_>) -> String {
    let Some(found) = section.text_or_variable("url", env::AMQP_URL, true) else {
        return String::new();
    };
    let wrong = split(&found.value).find_map(|url| address::check_broker(url).err());
    match wrong {
        None => found.value,
        Some(said) => {
            section.bad(&found.place, said, None);
            String::new()
        }
    }
}

impl Queue {
    /// Reads `[[queues]]`; `inbox` is consumed anyway and may not stand here again.
    pub(super) fn read_all(sections: Vec<Section<'_>>, inbox: &str) -> Vec<Self> {
        let mut taken = BTreeSet::from([inbox.to_owned()]);
        sections
            .into_iter()
            .filter_map(|section| Self::read(section, &mut taken))
            .collect()
    }

    fn read(mut section: Section<'_>, taken: &mut BTreeSet<String>) -> Option<Self> {
        let name = section.text("name");
        let mapping = intake::mapping(&mut section);
        let trust_actor = section.flag("trust_actor", false);
        let read = match name {
            None => {
                section.missing("name");
                None
            }
            Some(name) if name.value.is_empty() || name.value.len() > 255 => {
                section.bad(&name.place, "must have 1 to 255 bytes", None);
                None
            }
            Some(name) if !taken.insert(name.value.clone()) => {
                section.bad(
                    &name.place,
                    &format!("is `{}`, which is consumed already", name.value),
                    None,
                );
                None
            }
            Some(name) => Some(Self {
                name: name.value,
                mapping,
                trust_actor,
            }),
        };
        section.end();
        read
    }
}
