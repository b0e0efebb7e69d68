//! An execution: a request being carried out in another system.
//!
//! Its row is committed before the first byte leaves, and holds exactly what is sent, so
//! that a repetition sends the same bytes under the same key. Each attempt is counted
//! before it is made; the row goes when the end is certain or nobody can know it.

use serde::{Deserialize, Serialize};

use super::time::{Span, Timestamp};

/// A request being carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Execution {
    /// Whose it is.
    pub request_id: String,
    /// What its inputs are about.
    pub subject: String,
    /// The action's name.
    pub action: String,
    /// The integration's name.
    pub integration: String,
    /// What is sent, as the connectors write it; no secret is in it.
    pub prepared: String,
    /// Which attempt is made or waits to be made, from 1.
    pub attempt: u32,
    /// When the first attempt was due.
    pub first_at: Timestamp,
    /// When this attempt is due.
    pub due_at: Timestamp,
    /// How long it may take.
    pub timeout: Span,
    /// Whether an earlier attempt may have been done.
    #[serde(default)]
    pub was_ambiguous: bool,
    /// Whether the credential was renewed already.
    #[serde(default)]
    pub was_renewed: bool,
    /// Which look at the end of the request this is, from 1; `None`: it carries the request out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look: Option<u32>,
}

impl Execution {
    /// Gives the `Idempotency-Key` of a request. The attempt is no part of it.
    pub fn key_of(request_id: &str) -> String {
        format!("provost-{request_id}")
    }

    /// Gives the key of the looks at a request's end, which are not what they look for.
    pub fn look_key_of(request_id: &str) -> String {
        format!("{}-look", Self::key_of(request_id))
    }
}

/// How an attempt ended, as who made it saw it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fate", rename_all = "snake_case")]
pub enum Ended {
    /// An answer came.
    Answered {
        /// Its status, in the terms of HTTP.
        status: u16,
        /// When it says to come again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<Span>,
        /// What it said; `null` where it said nothing readable.
        body: serde_json::Value,
    },
    /// No certain answer came after bytes went out.
    Broken {
        /// What is known.
        detail: String,
    },
    /// Nothing was sent.
    NotSent {
        /// Why.
        detail: String,
    },
    /// It may not be sent at all: a refused address, a value that fits nowhere.
    Refused {
        /// Why.
        detail: String,
    },
    /// The breaker is open: nothing was tried.
    Open,
    /// Whoever had it died, and may have sent it.
    Adopted,
}

impl Ended {
    /// Gives its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Answered { .. } => "answered",
            Self::Broken { .. } => "broken",
            Self::NotSent { .. } => "not_sent",
            Self::Refused { .. } => "refused",
            Self::Open => "open",
            Self::Adopted => "adopted",
        }
    }
}
