//! Effects: what a rule asks for when it fires.
//!
//! Made by the policy from what a rule states or its closure returns, with every
//! name checked; carried out by `crate::decide::effects`.

use std::{collections::BTreeSet, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::{
    ticket::{Priority, TicketStatus},
    time::Span,
};

/// One thing that a rule asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    /// Raise an escalation.
    Escalate(Escalate),
    /// Open a ticket from the conversation.
    CreateTicket(TicketDraft),
    /// Change the ticket at hand, or the conversation's newest open one.
    UpdateTicket(TicketPatch),
    /// Tell teammates.
    Notify {
        /// `#channel`, `@person` or `@team`.
        to: Vec<String>,
        /// The notice.
        text: String,
    },
    /// Say something to the customer.
    SendMessage {
        /// What to say.
        text: String,
    },
    /// Tag the conversation.
    Tag {
        /// The tag.
        tag: String,
    },
    /// Ask the platform to resolve the conversation.
    Resolve,
    /// Asks for an action, as the rule, along the same path as everybody.
    RunAction {
        /// The action's name.
        name: String,
        /// Its parameters.
        params: Map<String, Value>,
    },
    /// Starts a procedure in the conversation.
    StartProcedure {
        /// Its slug.
        slug: String,
        /// What it knows from the beginning.
        variables: Map<String, Value>,
    },
    /// Posts the state of affairs to a team channel.
    Digest {
        /// `#channel`.
        to: String,
    },
    /// Sends a report.
    Report(ReportWish),
    /// Says no to the request that is judged.
    Deny {
        /// Why.
        reason: String,
    },
    /// Has people decide on the request that is judged.
    RequireApproval {
        /// The roles of which they must have one.
        approvers: Vec<String>,
        /// How many distinct people.
        required: u32,
    },
    /// Has the customer asked before the request that is judged goes on.
    RequireConfirmation {
        /// What the customer is asked.
        prompt: String,
    },
}

impl Effect {
    /// Gives the name under which rules ask for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Escalate(_) => "escalate",
            Self::CreateTicket(_) => "create_ticket",
            Self::UpdateTicket(_) => "update_ticket",
            Self::Notify { .. } => "notify",
            Self::SendMessage { .. } => "send_message",
            Self::Tag { .. } => "tag",
            Self::Resolve => "resolve",
            Self::RunAction { .. } => "run_action",
            Self::StartProcedure { .. } => "start_procedure",
            Self::Digest { .. } => "digest",
            Self::Report(_) => "report",
            Self::Deny { .. } => "deny",
            Self::RequireApproval { .. } => "require_approval",
            Self::RequireConfirmation { .. } => "require_confirmation",
        }
    }
}

/// The wish for a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportWish {
    /// Which.
    pub name: ReportName,
    /// For whom: `#channel`, `@person`, `@team`.
    pub to: Vec<String>,
    /// How far back it goes.
    pub period: Span,
    /// In which form.
    pub format: ReportFormat,
    /// About which team; `None`: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
}

/// The reports that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportName {
    /// What was asked for, allowed and denied.
    Actions,
    /// What was promised and kept.
    Sla,
}

impl ReportName {
    /// Gives the wire name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Actions => "actions",
            Self::Sla => "sla",
        }
    }
}

/// The forms of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportFormat {
    /// Comma-separated values.
    Csv,
    /// A page.
    Html,
    /// Lines of text.
    #[default]
    Table,
}

/// Whether an escalation comes with a ticket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TicketChoice {
    /// Without.
    #[default]
    None,
    /// With the conversation's open ticket, or a new one when there is none.
    Join,
    /// Always with a new one.
    New,
}

/// The wish to escalate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Escalate {
    /// Why, in words; a rule's name when it says nothing else.
    pub reason: String,
    /// How urgent.
    pub priority: Priority,
    /// For which team.
    pub team: Option<String>,
    /// For which person.
    pub assignee: Option<String>,
    /// What it is about.
    pub category: Option<String>,
    /// With a ticket or without.
    pub ticket: TicketChoice,
    /// Whom to tell: `#channel`, `@person`, `@team`.
    pub notify: Vec<String>,
    /// Tags for the conversation and the ticket.
    pub tags: BTreeSet<String>,
    /// What to say to the customer.
    pub message: Option<String>,
}

/// The wish for a ticket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TicketDraft {
    /// One line; empty: made from the conversation.
    pub subject: String,
    /// More.
    pub description: Option<String>,
    /// How urgent.
    pub priority: Priority,
    /// What it is about.
    pub category: Option<String>,
    /// For which team; `None`: routing decides.
    pub team: Option<String>,
    /// For which person; `None`: routing decides.
    pub assignee: Option<String>,
    /// Tags.
    pub tags: BTreeSet<String>,
    /// What was found out about the customer, such as `name` and `email`; what the conversation knows
    /// itself counts before it.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub contact: Map<String, Value>,
}

/// What a patch says of a member that may be absent: nothing, that it goes, or what it becomes.
///
/// *Shape*: in JSON an absent member, `null`, or the value. A field of this type carries
/// `#[serde(default, skip_serializing_if = "Stated::is_silent")]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Stated<T> {
    /// It stays as it is.
    #[default]
    Silent,
    /// It is taken away.
    Gone,
    /// It becomes this.
    To(T),
}

impl<T: Clone> Stated<T> {
    /// Tells whether nothing is said.
    pub fn is_silent(&self) -> bool {
        matches!(self, Self::Silent)
    }

    /// Gives what it becomes, if it becomes something.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::To(value) => Some(value),
            Self::Silent | Self::Gone => None,
        }
    }

    /// Changes a member as is said.
    pub fn change(&self, member: &mut Option<T>) {
        match self {
            Self::Silent => {}
            Self::Gone => *member = None,
            Self::To(value) => *member = Some(value.clone()),
        }
    }
}

impl<T> From<Option<T>> for Stated<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Silent, Self::To)
    }
}

impl<T: Serialize> Serialize for Stated<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Silent | Self::Gone => serializer.serialize_none(),
            Self::To(value) => value.serialize(serializer),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Stated<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Option::<T>::deserialize(deserializer)?;
        Ok(value.map_or(Self::Gone, Self::To))
    }
}

/// A wish to change a ticket; what is not stated stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TicketPatch {
    /// Which; `None`: the ticket at hand.
    pub ticket_id: Option<String>,
    /// The new status.
    pub status: Option<TicketStatus>,
    /// The new priority.
    pub priority: Option<Priority>,
    /// The new category.
    #[serde(skip_serializing_if = "Stated::is_silent")]
    pub category: Stated<String>,
    /// The new assignee.
    #[serde(skip_serializing_if = "Stated::is_silent")]
    pub assignee: Stated<String>,
    /// The new team.
    #[serde(skip_serializing_if = "Stated::is_silent")]
    pub team: Stated<String>,
    /// The new subject line.
    pub subject: Option<String>,
    /// What the customer is told when this resolves it; empty: nothing, `None`: what is configured.
    pub message: Option<String>,
    /// Tags to add.
    pub tags_added: BTreeSet<String>,
    /// Tags to take off.
    pub tags_removed: BTreeSet<String>,
}

/// How a routed ticket finds its person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assign {
    /// The members in turn.
    RoundRobin,
    /// The member with the fewest open tickets; among equals the first listed.
    LeastOpen,
    /// This person.
    Person(String),
}

/// Where a ticket goes: the answer of the first `route` rule that matched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Route {
    /// The rule.
    pub rule: Arc<str>,
    /// The team.
    pub team: String,
    /// The way to a person, if the rule wants one.
    pub assign: Option<Assign>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_tells_what_is_absent_from_what_is_taken_away() {
        let read = |text: &str| serde_json::from_str::<TicketPatch>(text).expect("a patch");
        let patch = read(r#"{"assignee": null, "team": "billing"}"#);
        assert_eq!(patch.assignee, Stated::Gone);
        assert_eq!(patch.team.value().map(String::as_str), Some("billing"));
        assert_eq!(patch.category, Stated::Silent);
        let written = serde_json::to_string(&patch).expect("JSON");
        assert_eq!(read(&written), patch, "{written}");
        let mut member = Some("dana".to_owned());
        patch.category.change(&mut member);
        assert_eq!(member.as_deref(), Some("dana"));
        patch.assignee.change(&mut member);
        assert_eq!(member, None);
    }
}
