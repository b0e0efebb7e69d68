//! A conversation's state: what is true of it now.
//!
//! Kept as one JSON document in its subject's row. Events change it through
//! `crate::decide`; rules read it through [`super::facts`]. The texts of its
//! messages are not here: they stand in the journal.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{ticket::Ticket, time::Timestamp};

/// How many finished tickets a conversation knows.
pub const MOST_FINISHED: usize = 8;

/// What a conversation's life has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConversationStatus {
    /// Under way.
    #[default]
    Open,
    /// Declared resolved; a further message opens it again.
    Resolved,
    /// Ended by the platform.
    Ended,
}

impl ConversationStatus {
    /// Gives the wire name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Resolved => "resolved",
            Self::Ended => "ended",
        }
    }
}

/// The state of one conversation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Conversation {
    /// Open, resolved or ended.
    pub status: ConversationStatus,
    /// When its first event happened.
    pub started_at: Timestamp,
    /// When its newest event happened.
    pub updated_at: Timestamp,
    /// `web`, `whatsapp`, …; empty when nobody said.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub channel: String,
    /// The customer: `id`, `name`, `email`, `segment`, … and whatever else the platform sent.
    #[serde(skip_serializing_if = "is_empty")]
    pub customer: Arc<Map<String, Value>>,
    /// Tags, sorted.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
    /// Free values that the platform or an action keeps here.
    #[serde(skip_serializing_if = "is_empty")]
    pub attributes: Arc<Map<String, Value>>,
    /// What the platform's AI made of it (`conversation.updated`).
    #[serde(skip_serializing_if = "is_empty")]
    pub analysis: Arc<Map<String, Value>>,
    /// How many messages there were.
    pub messages: u64,
    /// The sentiments stated so far: how many, their sum, and the newest.
    pub sentiment: SentimentTally,
    /// Escalations that are not settled, by id.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub escalations: BTreeSet<String>,
    /// Requests that wait for the customer or for people, by id.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub waiting_requests: BTreeSet<String>,
    /// Tickets that are neither resolved nor closed, by id, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub open_tickets: Vec<String>,
    /// Tickets that were resolved or closed, and as nothing else, by id: a message may reopen or follow
    /// them. *Order*: by when they were done, newest last; at most [`MOST_FINISHED`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub finished_tickets: Vec<String>,
    /// Tickets that have clocks, by id; those that were forgotten above are forgotten here.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub clocked_tickets: BTreeSet<String>,
    /// The run of a procedure that is under way, if one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The slugs of the procedures between which the customer was asked to choose.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub choice: Vec<String>,
    /// When each rule with a cooldown last fired here.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub cooldowns: BTreeMap<String, Timestamp>,
}

/// A running tally of sentiments, each −1..1.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentimentTally {
    /// How many were stated.
    pub count: u64,
    /// Their sum.
    pub sum: Decimal,
    /// The newest, if any.
    pub last: Option<Decimal>,
}

impl SentimentTally {
    /// Takes one more in.
    pub fn add(&mut self, sentiment: Decimal) {
        self.count += 1;
        self.sum += sentiment;
        self.last = Some(sentiment);
    }

    /// Gives the average, rounded to 4 places; `None` before the first.
    pub fn average(&self) -> Option<Decimal> {
        (self.count > 0).then(|| (self.sum / Decimal::from(self.count)).round_dp(4))
    }
}

impl Conversation {
    /// Tells whether a person is wanted: an escalation is not settled.
    pub fn is_escalated(&self) -> bool {
        !self.escalations.is_empty()
    }

    /// Takes in what an event says about the customer: new members are added, known ones replaced.
    pub fn know_customer(&mut self, stated: Option<&Map<String, Value>>) {
        if let Some(stated) = stated {
            merge(&mut self.customer, stated);
        }
    }

    /// Keeps attributes: new ones are added, known ones replaced, `null` takes one away.
    pub fn keep_attributes(&mut self, stated: &Map<String, Value>) {
        merge(&mut self.attributes, stated);
    }

    /// Tells whether a ticket stands in the lists where it belongs. One that was finished long ago may
    /// have been dropped.
    pub fn lists(&self, ticket: &Ticket) -> bool {
        let id = &ticket.ticket_id;
        let is_unfinished = ticket.status.is_unfinished();
        let may_be_finished = !is_unfinished && ticket.closed_as.is_none();
        self.open_tickets.contains(id) == is_unfinished
            && (may_be_finished || !self.finished_tickets.contains(id))
    }

    /// Puts a ticket that is new or has moved into the list where it belongs.
    pub fn list(&mut self, ticket: &Ticket) {
        let id = &ticket.ticket_id;
        self.open_tickets.retain(|known| known != id);
        self.finished_tickets.retain(|known| known != id);
        if ticket.status.is_unfinished() {
            self.open_tickets.push(id.clone());
        } else if ticket.closed_as.is_none() {
            self.finished_tickets.push(id.clone());
            let surplus = self.finished_tickets.len().saturating_sub(MOST_FINISHED);
            for forgotten in self.finished_tickets.drain(..surplus) {
                self.clocked_tickets.remove(&forgotten);
            }
        }
    }

    /// Tells whether a customer stands on the other side, who can be told something.
    pub fn has_customer_side(&self) -> bool {
        self.messages > 0 || !self.channel.is_empty()
    }

    /// Gives a text member of the customer, such as `segment`.
    pub fn customer_text(&self, name: &str) -> Option<&str> {
        self.customer.get(name).and_then(Value::as_str)
    }
}

// The signature that serde's `skip_serializing_if` asks for.
fn is_empty(members: &Arc<Map<String, Value>>) -> bool {
    members.is_empty()
}

fn merge(kept: &mut Arc<Map<String, Value>>, stated: &Map<String, Value>) {
    if stated
        .iter()
        .all(|(name, value)| kept.get(name) == Some(value))
    {
        return;
    }
    let kept = Arc::make_mut(kept);
    for (name, value) in stated {
        if value.is_null() {
            kept.remove(name);
        } else {
            kept.insert(name.clone(), value.clone());
        }
    }
}
