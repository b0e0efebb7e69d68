//! Escalations: the signal that a conversation needs a person.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ticket::Priority, time::Timestamp};

/// What raised an escalation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// The customer asked for a person.
    Customer,
    /// A node of the platform's flow.
    Flow,
    /// An agent took the conversation over.
    Takeover,
    /// The platform's AI handed it on.
    Ai,
    /// A rule of the policy.
    Rule,
    /// An approval that was rejected, expired, or that too few can decide on.
    Approval,
    /// An action whose end nobody knows, or that a limit stopped.
    Action,
    /// A breach that lasts.
    Sla,
    /// A run of a procedure.
    Procedure,
}

impl Trigger {
    /// Gives the wire name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Flow => "flow",
            Self::Takeover => "takeover",
            Self::Ai => "ai",
            Self::Rule => "rule",
            Self::Approval => "approval",
            Self::Action => "action",
            Self::Sla => "sla",
            Self::Procedure => "procedure",
        }
    }
}

/// Where an escalation stands: `raised → acknowledged → settled`; settling a raised one is allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EscalationState {
    /// Nobody has taken it yet.
    #[default]
    Raised,
    /// A person has taken it.
    Acknowledged,
    /// Done with.
    Settled,
}

impl EscalationState {
    /// Gives the wire name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Acknowledged => "acknowledged",
            Self::Settled => "settled",
        }
    }

    /// Tells whether an escalation may move from here to `to`.
    pub fn may_become(self, to: Self) -> bool {
        matches!(
            (self, to),
            (Self::Raised, Self::Acknowledged | Self::Settled)
                | (Self::Acknowledged, Self::Settled)
        )
    }
}

impl fmt::Display for EscalationState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An escalation, as it stands and as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Escalation {
    /// `esc_…`, derived from what raised it.
    pub escalation_id: String,
    /// The conversation.
    pub conversation_id: String,
    /// What raised it.
    pub trigger: Trigger,
    /// The rule, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Why, in words.
    pub reason: String,
    /// How urgent it is.
    pub priority: Priority,
    /// Who should see to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// The ticket that goes with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket_id: Option<String>,
    /// Where it stands.
    pub state: EscalationState,
    /// When it was raised.
    pub raised_at: Timestamp,
    /// Who acknowledged it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_by: Option<String>,
    /// Who settled it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled_by: Option<String>,
    /// When it last changed.
    pub updated_at: Timestamp,
}
