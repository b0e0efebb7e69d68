//! Tickets: the trackable record of work on a conversation.
//!
//! Here: what a ticket is, its statuses and the moves between them, what it may be
//! closed as, and the context that it carries from its conversation. Opening one is
//! `crate::decide::ticket`; SLA clocks hang on it from outside.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::time::Timestamp;

/// What the customer is told when a ticket is resolved, where nothing else is configured.
pub const RESOLVED_MESSAGE: &str =
    "Your request {{number}} is resolved. Just answer here if there is anything else.";

/// How urgent something is. Read in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Can wait.
    Low,
    /// The usual.
    #[default]
    Medium,
    /// Soon.
    High,
    /// Now.
    Urgent,
}

impl Priority {
    /// All of them, lowest first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Urgent];

    /// Gives the wire name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Urgent => "urgent",
        }
    }

    /// Reads a priority in any case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|priority| priority.as_str().eq_ignore_ascii_case(text))
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Priority {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "`{text}` is not a priority; use low, medium, high or urgent"
            ))
        })
    }
}

/// Where a ticket stands.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum TicketStatus {
    /// Newly made; nobody is on it.
    #[default]
    Open,
    /// Somebody is on it.
    InProgress,
    /// Paused on the customer.
    Waiting,
    /// Done.
    Resolved,
    /// Archived.
    Closed,
}

impl TicketStatus {
    /// All of them, in the order of a ticket's life.
    pub const ALL: [Self; 5] = [
        Self::Open,
        Self::InProgress,
        Self::Waiting,
        Self::Resolved,
        Self::Closed,
    ];

    /// Gives the wire name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::InProgress => "in_progress",
            Self::Waiting => "waiting",
            Self::Resolved => "resolved",
            Self::Closed => "closed",
        }
    }

    /// Reads a wire name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Tells whether work is still to be done.
    pub fn is_unfinished(self) -> bool {
        matches!(self, Self::Open | Self::InProgress | Self::Waiting)
    }

    /// Tells whether a ticket may move from here to `to`.
    pub fn may_become(self, to: Self) -> bool {
        use TicketStatus::{Closed, InProgress, Open, Resolved, Waiting};
        match self {
            Open | InProgress | Waiting => to != self,
            Resolved => matches!(to, Open | Closed),
            Closed => matches!(to, Open),
        }
    }
}

impl fmt::Display for TicketStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a ticket was closed as, for good: it is no piece of work any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClosedAs {
    /// Another ticket goes on with it.
    Merged,
    /// Nobody meant it.
    Spam,
    /// It should not have been.
    Deleted,
}

impl ClosedAs {
    /// Gives the wire name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Merged => "merged",
            Self::Spam => "spam",
            Self::Deleted => "deleted",
        }
    }
}

impl fmt::Display for ClosedAs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a ticket does not move.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoveFault {
    /// The table has no such move.
    #[error("ticket {number} is {from}, it cannot become {to}")]
    Illegal {
        /// Which ticket.
        number: i64,
        /// Where it stands.
        from: TicketStatus,
        /// Where it was to go.
        to: TicketStatus,
    },
    /// It was closed as something, and that is for good.
    #[error("ticket {number} is closed as {closed_as}, which is for good: it cannot become {to}")]
    ForGood {
        /// Which ticket.
        number: i64,
        /// As what.
        closed_as: ClosedAs,
        /// Where it was to go.
        to: TicketStatus,
    },
}

/// A ticket, as it stands and as it is shown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ticket {
    /// `tkt_…`, derived from what opened it.
    pub ticket_id: String,
    /// The number that people use; rising, with gaps.
    pub number: i64,
    /// The conversation that it came from.
    pub conversation_id: String,
    /// One line.
    pub subject: String,
    /// More, if there was more to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where it stands.
    pub status: TicketStatus,
    /// How urgent it is.
    pub priority: Priority,
    /// What it is about; routing goes by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Who looks after it, as a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// Who looks after it, as a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// Tags, sorted.
    pub tags: BTreeSet<String>,
    /// The way back to the conversation; empty when no `conversation_url` is configured.
    pub link: String,
    /// When it was opened.
    pub created_at: Timestamp,
    /// Who opened it: `kind:id`, of a customer the kind alone.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub created_by: String,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it was resolved, or closed without; absent while it is unfinished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<Timestamp>,
    /// How often it was reopened.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reopened: u32,
    /// What it was closed as, if as something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_as: Option<ClosedAs>,
    /// The ticket that goes on with it, by id, if it was merged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<String>,
    /// The conversation as it was when the ticket was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<TicketContext>,
}

impl Ticket {
    /// Moves it to a status; to be there already is no move.
    ///
    /// *Errors*: the table has no such move, or it was closed as something.
    pub fn move_to(&mut self, to: TicketStatus, at: Timestamp) -> Result<(), MoveFault> {
        let number = self.number;
        if to == self.status {
            return Ok(());
        }
        if let Some(closed_as) = self.closed_as {
            return Err(MoveFault::ForGood {
                number,
                closed_as,
                to,
            });
        }
        if !self.status.may_become(to) {
            let from = self.status;
            return Err(MoveFault::Illegal { number, from, to });
        }
        self.enter(to, at);
        Ok(())
    }

    /// Closes it as something, wherever it stands; a merged one names the ticket that goes on.
    pub fn close_as(&mut self, closed_as: ClosedAs, into: Option<String>, at: Timestamp) {
        self.closed_as = Some(closed_as);
        self.merged_into = into;
        self.enter(TicketStatus::Closed, at);
    }

    fn enter(&mut self, to: TicketStatus, at: Timestamp) {
        match (self.status.is_unfinished(), to.is_unfinished()) {
            (true, false) => self.resolved_at = Some(at),
            (false, true) => {
                self.resolved_at = None;
                self.reopened += 1;
            }
            (true, true) | (false, false) => {}
        }
        self.status = to;
    }
}

// The signature that serde's `skip_serializing_if` asks for.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// The conversation as it was when a ticket was opened from it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TicketContext {
    /// The channel.
    pub channel: String,
    /// The customer's profile.
    pub customer: Map<String, Value>,
    /// The newest messages, oldest first, each as its event stated it.
    pub messages: Vec<Value>,
    /// Sentiment (newest and average), intent, tags, attributes, and the platform's own analysis.
    pub analysis: Map<String, Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_moves_are_those_of_the_table() {
        let allowed: Vec<String> = TicketStatus::ALL
            .into_iter()
            .map(|from| {
                let to: Vec<&str> = TicketStatus::ALL
                    .into_iter()
                    .filter(|&to| from.may_become(to))
                    .map(TicketStatus::as_str)
                    .collect();
                format!("{from} → {}", to.join(", "))
            })
            .collect();
        assert_eq!(
            allowed,
            [
                "open → in_progress, waiting, resolved, closed",
                "in_progress → open, waiting, resolved, closed",
                "waiting → open, in_progress, resolved, closed",
                "resolved → open, closed",
                "closed → open",
            ]
        );
    }

    fn ticket() -> Ticket {
        Ticket {
            number: 7,
            ..Ticket::default()
        }
    }

    #[test]
    fn a_ticket_knows_when_it_was_done_and_how_often_it_came_back() {
        let at = Timestamp::from_micros;
        let mut ticket = ticket();
        let stands = |ticket: &Ticket| (ticket.resolved_at, ticket.reopened);
        ticket.move_to(TicketStatus::Waiting, at(1)).expect("moves");
        assert_eq!(stands(&ticket), (None, 0));
        ticket
            .move_to(TicketStatus::Resolved, at(2))
            .expect("moves");
        ticket.move_to(TicketStatus::Closed, at(3)).expect("moves");
        ticket
            .move_to(TicketStatus::Closed, at(4))
            .expect("is there");
        assert_eq!(stands(&ticket), (Some(at(2)), 0));
        ticket.move_to(TicketStatus::Open, at(5)).expect("moves");
        assert_eq!(stands(&ticket), (None, 1));
        ticket.move_to(TicketStatus::Closed, at(6)).expect("moves");
        assert_eq!(stands(&ticket), (Some(at(6)), 1));
        let fault = ticket
            .move_to(TicketStatus::Waiting, at(7))
            .expect_err("no");
        assert_eq!(
            fault.to_string(),
            "ticket 7 is closed, it cannot become waiting"
        );
    }

    #[test]
    fn what_was_closed_as_something_stays_closed() {
        let at = Timestamp::from_micros;
        let mut ticket = ticket();
        ticket.close_as(ClosedAs::Merged, Some("tkt_2".to_owned()), at(1));
        assert_eq!(ticket.status, TicketStatus::Closed);
        let fault = ticket.move_to(TicketStatus::Open, at(2)).expect_err("no");
        assert_eq!(
            fault.to_string(),
            "ticket 7 is closed as merged, which is for good: it cannot become open"
        );
        assert_eq!(ticket.move_to(TicketStatus::Closed, at(2)), Ok(()));
    }

    #[test]
    fn a_priority_reads_in_any_case() {
        assert_eq!(
            serde_json::from_str::<Priority>("\"HIGH\"").ok(),
            Some(Priority::High)
        );
        assert!(serde_json::from_str::<Priority>("\"huge\"").is_err());
    }
}
