//! Who does something: a customer, an AI, an agent, or the system (a rule, a timer).

use serde::{Deserialize, Serialize};

/// The kind of an actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// The person whom the conversation is with.
    Customer,
    /// An automatic assistant.
    Ai,
    /// A teammate.
    Agent,
    /// Provost itself, a rule, a timer, or another machine.
    System,
}

/// Somebody, as named in an event or by a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The kind.
    pub kind: ActorKind,
    /// The id within its kind, such as `dana` or `rule:Refund requests`.
    pub id: String,
    /// The roles it acts with; believed only where the entry is trusted to name actors.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
}

impl ActorKind {
    /// Gives what somebody is who acts with these roles: the owner of a token, by what it was made for.
    pub fn of_roles(roles: &[String]) -> Self {
        let has = |role: &str| roles.iter().any(|held| held == role);
        if has("ai") {
            Self::Ai
        } else if has("platform") {
            Self::System
        } else {
            Self::Agent
        }
    }

    /// Gives the wire name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Ai => "ai",
            Self::Agent => "agent",
            Self::System => "system",
        }
    }
}

impl Actor {
    /// Gives `kind:id`, by which it is found in the audit log.
    pub fn label(&self) -> String {
        format!("{}:{}", self.kind.as_str(), self.id)
    }

    /// Gives the actor as which the rule `name` acts.
    pub fn rule(name: &str) -> Self {
        Self {
            kind: ActorKind::System,
            id: format!("rule:{name}"),
            roles: vec!["rule".to_owned()],
        }
    }

    /// Gives the actor of a machine or entry without a person behind it, such as `queue:provost.inbox`.
    pub fn system(id: impl Into<String>) -> Self {
        Self {
            kind: ActorKind::System,
            id: id.into(),
            roles: Vec::new(),
        }
    }
}
