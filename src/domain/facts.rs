//! Facts: an event joined to the state it met, in one fixed shape.
//!
//! Rules see nothing else. The state already includes what the event itself
//! states (its message is counted, its tags are on). The journal keeps the event
//! as `body` and the rest as `facts`, so that another policy can be asked later.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    conversation::Conversation, effect::TicketDraft, event::Event, history::History,
    request::Request, ticket::Ticket, time::Timestamp,
};

/// What a rule can know about one event.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The event as stated.
    pub event: Arc<Event>,
    /// The state that it met.
    pub state: StateFacts,
}

/// The state part of the facts; what the journal keeps beside the body.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StateFacts {
    /// The only time there is: when the event is decided.
    pub now: Timestamp,
    /// When the event happened: as stated, at most five seconds later than intake.
    pub time: Timestamp,
    /// The conversation, if the event belongs to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<Arc<Conversation>>,
    /// The ticket that the event concerns, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<Arc<Ticket>>,
    /// The ticket about to be opened, when `route` rules are asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draft: Option<Arc<TicketDraft>>,
    /// The request that is judged, or that the event concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Arc<Request>>,
    /// The histories that rules declare, as far as they were loaded, by
    /// [`HistoryAsk::identity`](super::history::HistoryAsk::identity).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub history: BTreeMap<String, Arc<History>>,
}
