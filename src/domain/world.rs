//! The slice of the world that a batch has loaded, and what it still needs.
//!
//! Filled by the store under the subjects' locks, read by `crate::decide`,
//! carried forward by [`World::apply`] so that the next input of a batch meets
//! what the one before it changed. Looking up what is not loaded is a [`Need`].

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

use serde_json::Value;

use super::{
    conversation::Conversation, escalation::Escalation, ids::SubjectId, outcome::Change,
    ticket::Ticket, time::Timestamp,
};

/// Something that a decision must know and that is not loaded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// An escalation, by id.
    Escalation(String),
    /// The newest messages of a conversation.
    Messages(SubjectId),
    /// A team's turn and the open tickets of its members.
    Team(String),
    /// A ticket, by id.
    Ticket(String),
    /// A free ticket number.
    TicketNumber,
}

/// How many messages a ticket's context carries.
pub const CONTEXT_MESSAGES: usize = 10;

/// The row of a subject: its lock, its version, and the conversation's state if it is one.
#[derive(Clone, Debug, PartialEq)]
pub struct Subject {
    /// What it is.
    pub id: SubjectId,
    /// How many inputs it has seen.
    pub version: i64,
    /// The time of its newest decision; `now` never runs backwards within a subject.
    pub decided_at: Timestamp,
    /// The conversation's state; `None` for what is no conversation.
    pub conversation: Option<Arc<Conversation>>,
}

/// A team's turn and load.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TeamLoad {
    /// How many tickets round robin has given out.
    pub turn: i64,
    /// Unfinished tickets by member.
    pub open: BTreeMap<String, i64>,
}

/// What is loaded. A key with `None` is known not to exist.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// The subjects of the batch; absent: a new one.
    pub subjects: HashMap<SubjectId, Subject>,
    /// Tickets by id.
    pub tickets: HashMap<String, Option<Arc<Ticket>>>,
    /// Escalations by id.
    pub escalations: HashMap<String, Option<Arc<Escalation>>>,
    /// Teams by name.
    pub teams: HashMap<String, TeamLoad>,
    /// The newest messages by conversation, oldest first, at most [`CONTEXT_MESSAGES`].
    pub messages: HashMap<SubjectId, Vec<Value>>,
    /// Free ticket numbers, lowest first.
    pub numbers: VecDeque<i64>,
}

impl World {
    /// Gives the state of a conversation; `None` when it is new.
    pub fn conversation(&self, id: &SubjectId) -> Option<&Arc<Conversation>> {
        self.subjects.get(id)?.conversation.as_ref()
    }

    /// Gives a ticket, `None` when there is none of that id.
    pub fn ticket(&self, id: &str) -> Result<Option<&Arc<Ticket>>, Need> {
        self.tickets
            .get(id)
            .map(Option::as_ref)
            .ok_or_else(|| Need::Ticket(id.to_owned()))
    }

    /// Gives an escalation, `None` when there is none of that id.
    pub fn escalation(&self, id: &str) -> Result<Option<&Arc<Escalation>>, Need> {
        self.escalations
            .get(id)
            .map(Option::as_ref)
            .ok_or_else(|| Need::Escalation(id.to_owned()))
    }

    /// Gives a team's turn and load.
    pub fn team(&self, name: &str) -> Result<&TeamLoad, Need> {
        self.teams
            .get(name)
            .ok_or_else(|| Need::Team(name.to_owned()))
    }

    /// Gives the newest messages of a conversation, oldest first.
    pub fn messages(&self, id: &SubjectId) -> Result<&[Value], Need> {
        self.messages
            .get(id)
            .map(Vec::as_slice)
            .ok_or_else(|| Need::Messages(id.clone()))
    }

    /// Gives the `nth` free ticket number, from 0.
    pub fn number(&self, nth: usize) -> Result<i64, Need> {
        self.numbers.get(nth).copied().ok_or(Need::TicketNumber)
    }

    /// Carries a decision's change forward.
    pub fn apply(&mut self, subject: &SubjectId, change: &Change) {
        match change {
            Change::Conversation(conversation) => {
                if let Some(row) = self.subjects.get_mut(subject) {
                    row.conversation = Some(Arc::clone(conversation));
                }
            }
            Change::Message(message) => {
                if let Some(messages) = self.messages.get_mut(subject) {
                    if messages.len() == CONTEXT_MESSAGES {
                        messages.remove(0);
                    }
                    messages.push(message.clone());
                }
            }
            Change::Ticket(ticket) => {
                let before = self
                    .tickets
                    .insert(ticket.ticket_id.clone(), Some(Arc::clone(ticket)))
                    .flatten();
                self.count_open(before.as_deref(), -1);
                self.count_open(Some(ticket), 1);
            }
            Change::Escalation(escalation) => {
                self.escalations.insert(
                    escalation.escalation_id.clone(),
                    Some(Arc::clone(escalation)),
                );
            }
            Change::TeamTurn(team) => {
                if let Some(load) = self.teams.get_mut(team) {
                    load.turn += 1;
                }
            }
            Change::NumberTaken => {
                self.numbers.pop_front();
            }
            Change::Park(_) | Change::Unpark(_) => {}
        }
    }

    fn count_open(&mut self, ticket: Option<&Ticket>, by: i64) {
        let Some(ticket) = ticket.filter(|ticket| ticket.status.is_unfinished()) else {
            return;
        };
        let (Some(team), Some(person)) = (&ticket.team, &ticket.assignee) else {
            return;
        };
        if let Some(load) = self.teams.get_mut(team) {
            *load.open.entry(person.clone()).or_default() += by;
        }
    }
}
