//! SLA clocks: how long something may take, how long it took, and what follows.
//!
//! A clock is one row for a thing, a metric and a cycle. It is plain data, and changes in one
//! way: [`Clock::step`] takes a [`Signal`] and when it happened, and gives the clock as it is
//! then with what happened to it. [`ticket_step`] says which signals a change of a ticket, or a
//! message to it, gives to which of its clocks. Outcomes come from when things happened, never
//! from when somebody looked; `wake_at` says when to look next. Who stores, publishes and
//! notifies is not here: see `crate::decide`.

use serde::{Deserialize, Serialize};

pub use self::{
    book::{Book, MissingTerms, Pin, Terms, TermsSpec},
    clock::{Breach, BreachCause, Chain, Clock, ClockState},
    explain::{Because, CountedInterval, explain},
    policy::{Deliver, Level, LevelTime, Reopen, SlaPolicy, Targets, WarnAt, parse_target},
    reopen::{MessageMove, on_customer_message},
    step::{Moment, Signal, Step},
    ticket::{TicketEvent, ticket_step},
    transition::{CancelReason, RetargetCause, Transition, TransitionKind},
};

mod book;
mod chain;
mod clock;
mod explain;
mod policy;
mod reopen;
mod settle;
mod step;
mod ticket;
mod transition;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// From the ticket, or the customer's first message, to the first public reply of a person.
    FirstResponse,
    /// From the oldest unanswered message of the customer to the next such reply.
    NextResponse,
    /// From the ticket to its end.
    Resolution,
    /// From when nobody looks after the ticket to when somebody does.
    Own,
    /// From the asking to the decision.
    Approval,
    /// From when nobody knows how a request ended to when somebody does.
    Unknown,
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::FirstResponse,
        Self::NextResponse,
        Self::Resolution,
        Self::Own,
        Self::Approval,
        Self::Unknown,
    ];

    /// Gives the wire name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FirstResponse => "first_response",
            Self::NextResponse => "next_response",
            Self::Resolution => "resolution",
            Self::Own => "own",
            Self::Approval => "approval",
            Self::Unknown => "unknown",
        }
    }

    /// Tells whether a reply to the customer stops it.
    pub fn is_response(self) -> bool {
        matches!(self, Self::FirstResponse | Self::NextResponse)
    }
}

/// What a clock belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Owner {
    /// A ticket, by id.
    #[serde(rename = "ticket_id")]
    Ticket(String),
    /// An approval, by id.
    #[serde(rename = "approval_id")]
    Approval(String),
    /// A request of which nobody knows how it ended, by id.
    #[serde(rename = "request_id")]
    Request(String),
}

impl Owner {
    /// Writes it as one text, such as `ticket:tkt_1`.
    pub fn label(&self) -> String {
        match self {
            Self::Ticket(id) => format!("ticket:{id}"),
            Self::Approval(id) => format!("approval:{id}"),
            Self::Request(id) => format!("request:{id}"),
        }
    }

    /// Reads what [`Owner::label`] has written.
    pub fn parse(label: &str) -> Option<Self> {
        let (kind, id) = label.split_once(':')?;
        match kind {
            "ticket" => Some(Self::Ticket(id.to_owned())),
            "approval" => Some(Self::Approval(id.to_owned())),
            "request" => Some(Self::Request(id.to_owned())),
            _ => None,
        }
    }
}

/// Which clock it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClockKey {
    /// What it belongs to.
    #[serde(flatten)]
    pub owner: Owner,
    /// What it measures.
    pub metric: Metric,
    /// The how manieth of this metric; from 1.
    pub cycle: u32,
}

#[cfg(test)]
mod tests;
