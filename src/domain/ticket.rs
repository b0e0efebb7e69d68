//! Tickets: the trackable record of work on a conversation.
//!
//! Here: what a ticket is, its statuses and the moves between them, and the
//! context that it carries from its conversation. Opening one is
//! `crate::decide::ticket`; SLA clocks hang on it from outside.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::time::Timestamp;

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

/// A ticket, as it stands and as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The conversation as it was when the ticket was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<TicketContext>,
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
    /// Sentiment (newest and average), tags, attributes, and the platform's own analysis.
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

    #[test]
    fn a_priority_reads_in_any_case() {
        assert_eq!(
            serde_json::from_str::<Priority>("\"HIGH\"").ok(),
            Some(Priority::High)
        );
        assert!(serde_json::from_str::<Priority>("\"huge\"").is_err());
    }
}
