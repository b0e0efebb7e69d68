//! What the policy says to a request for an action, before `crate::decide` puts it together.
//!
//! Data only: denials, limits to reserve under, approvals and confirmations that are
//! wanted, and gates that failed. A gate that failed is no permission: the request then
//! waits for people.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    access::Amount,
    approval::Stage,
    budget::Cap,
    time::Span,
    verdict::{Fired, RuleFailure},
};

/// All that the policy says to one request, in the order of the policy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gate {
    /// Who says no.
    pub denials: Vec<Denial>,
    /// The limits that it falls under.
    pub limits: Vec<LimitAsk>,
    /// The approvals that it needs.
    pub approvals: Vec<ApprovalAsk>,
    /// What the customer is asked first.
    pub confirmations: Vec<Prompt>,
    /// Other rules about `action.requested` that fired, with effects that gate nothing.
    pub fired: Vec<Fired>,
    /// Gates that failed: the request waits for approval.
    pub failures: Vec<RuleFailure>,
}

/// A no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The rule.
    pub rule: Arc<str>,
    /// Why, in its words.
    pub reason: String,
    /// Whether it is because a value that a threshold asks for is no number.
    pub is_unreadable: bool,
}

/// A limit that a request falls under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitAsk {
    /// The limit's name, which is its identity.
    pub rule: Arc<str>,
    /// Whose window it is.
    pub key: String,
    /// What may pass.
    pub cap: Cap,
    /// How much this request is about, by the limit's own field.
    pub amount: Amount,
    /// What becomes of what does not fit.
    pub otherwise: Otherwise,
    /// The roles that may let it pass all the same.
    pub approvers: Vec<String>,
}

/// What becomes of a request that does not fit under a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Otherwise {
    /// It is denied.
    #[default]
    Deny,
    /// People decide.
    Approval,
    /// It is denied, and the conversation escalated.
    Escalate,
}

/// What becomes of a request whose approval expires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnExpiry {
    /// It is denied.
    #[default]
    Reject,
    /// It is denied, and the conversation escalated.
    Escalate,
}

/// An approval that a rule wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovalAsk {
    /// The rule.
    pub rule: Arc<str>,
    /// Who decides, in order; never empty.
    pub stages: Vec<Stage>,
    /// How many rejections end it.
    pub rejections: u32,
    /// How long it stands open; `None`: the default.
    pub expires_after: Option<Span>,
    /// How long until who is asked is reminded.
    pub remind_after: Option<Span>,
    /// What then.
    pub on_expiry: OnExpiry,
    /// Who is told: `#channel`, `@person`, `@team`.
    pub notify: Vec<String>,
    /// The calendar in whose open time the spans count; `None`: all time counts.
    pub calendar: Option<String>,
}

/// A confirmation that a rule wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// The rule.
    pub rule: Arc<str>,
    /// What the customer is asked.
    pub text: String,
}
