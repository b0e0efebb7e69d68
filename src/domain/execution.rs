//! An execution: a request being carried out in another system.
//!
//! Its row is committed before the first byte leaves, and holds exactly what is sent, so
//! that a repetition sends the same bytes under the same key. Each attempt is counted
//! before it is made; the row goes when the end is certain or nobody can know it. Requests of an
//! action that gathers them share one call.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

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
    /// How many attempts have ended; one that was only taken over from a daemon that died is none.
    #[serde(default)]
    pub tries: u32,
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
    /// Its part of a call that several requests share; `None`: it has a call of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
}

/// A request's part of a call that it shares with others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// What it puts in: its parameters.
    pub item: Map<String, Value>,
    /// The call that it has joined; `None`: it waits for others, and nothing was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joined: Option<Joined>,
}

/// A call that several requests have joined. What is sent is stored with the first of them; their
/// rows come and go in one transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// The call's `Idempotency-Key`.
    pub key: String,
    /// Which of them it is, from 0.
    pub place: u32,
    /// How many they are.
    pub count: u32,
    /// At which attempt they joined.
    pub attempt: u32,
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

    /// Gives the call that it has joined.
    pub fn joined(&self) -> Option<&Joined> {
        self.share.as_ref()?.joined.as_ref()
    }

    /// Gives what names its call; whatever is drawn by it is the same for all who share the call.
    pub fn call_name(&self) -> &str {
        self.joined()
            .map_or(&*self.request_id, |joined| &*joined.key)
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
    /// It was done, and whose part of the answer is whose is not known.
    Undivided {
        /// Why.
        detail: String,
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
            Self::Undivided { .. } => "undivided",
            Self::Broken { .. } => "broken",
            Self::NotSent { .. } => "not_sent",
            Self::Refused { .. } => "refused",
            Self::Open => "open",
            Self::Adopted => "adopted",
        }
    }
}
