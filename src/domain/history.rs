//! Whose window it is, and the declared history: what a rule wants to know of the past.
//!
//! A rule names its history as data, so that it can be loaded before it is asked.
//! [`HistoryAsk::identity`] is what the facts keep an answer under. A history that was not
//! loaded is not an empty one; who reads it fails.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{request::Request, time::Span};

pub use self::past::{Past, Recalled};

mod past;

/// By what a window, a history or a watch goes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// Each actor by itself.
    Actor,
    /// Each conversation by itself.
    Conversation,
    /// Each customer by itself.
    Customer,
    /// All together.
    #[default]
    Everyone,
}

/// Who is concerned; what is not known is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whose {
    /// The actor, as `kind:id`.
    pub actor: Option<String>,
    /// The conversation.
    pub conversation: Option<String>,
    /// The customer.
    pub customer: Option<String>,
}

/// Nobody knows whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no {} is known", .0.as_str())]
pub struct NoKey(pub By);

impl By {
    /// Every one, by name.
    pub const ALL: [Self; 4] = [
        Self::Actor,
        Self::Conversation,
        Self::Customer,
        Self::Everyone,
    ];

    /// Gives the wire name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Actor => "actor",
            Self::Conversation => "conversation",
            Self::Customer => "customer",
            Self::Everyone => "everyone",
        }
    }

    /// Gives the one of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.as_str() == name)
    }

    /// Gives the key of a window: the kind comes first, so that no customer is taken for an actor.
    ///
    /// *Errors*: it is not known whose it would be.
    pub fn key(self, whose: &Whose) -> Result<String, NoKey> {
        let known = match self {
            Self::Actor => &whose.actor,
            Self::Conversation => &whose.conversation,
            Self::Customer => &whose.customer,
            Self::Everyone => return Ok(self.as_str().to_owned()),
        };
        match known.as_deref().filter(|id| !id.is_empty()) {
            Some(id) => Ok(format!("{}:{id}", self.as_str())),
            None => Err(NoKey(self)),
        }
    }
}

impl Whose {
    /// Gives who is concerned by a request. One outside of any conversation is its own subject.
    pub fn of(request: &Request) -> Self {
        let known = |id: &String| Some(id.clone()).filter(|id| !id.is_empty());
        Self {
            actor: Some(request.actor.label()),
            conversation: known(&request.subject).filter(|id| *id != request.request_id),
            customer: known(&request.customer_id),
        }
    }
}

/// A history that a rule wants.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HistoryAsk {
    /// What the rule calls it.
    pub name: String,
    /// The action whose requests are looked at; those that were denied, failed or withdrawn are not.
    pub action: String,
    /// By what it goes.
    pub by: By,
    /// Whose it is.
    pub key: String,
    /// How far back it reaches.
    pub window: Span,
}

impl HistoryAsk {
    /// Names what is asked for: two rules that ask for the same read one answer.
    pub fn identity(&self) -> String {
        let Self {
            action,
            key,
            window,
            ..
        } = self;
        format!("{action} {}us {key}", window.micros())
    }

    /// Gives the id of whose it is, as it stands on a request; empty where it is everyone's.
    pub fn owner(&self) -> &str {
        let kind = self.by.as_str();
        let id = self.key.strip_prefix(kind).unwrap_or_default();
        id.strip_prefix(':').unwrap_or_default()
    }

    /// Tells whether a request is part of it, as far as the time does not say otherwise.
    pub fn holds(&self, request: &Request) -> bool {
        self.action == request.action
            && request.state.counts()
            && match self.by {
                By::Actor => request.actor.label() == self.owner(),
                By::Conversation => request.subject == self.owner(),
                By::Customer => request.customer_id == self.owner(),
                By::Everyone => true,
            }
    }
}

/// What a history was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// How many requests.
    pub count: i64,
    /// What the parameters that are numbers come to together, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub amounts: BTreeMap<String, Decimal>,
    /// The parameters that were something else at least once: these have no sum.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unreadable: BTreeSet<String>,
}

impl History {
    /// Sums up requests by their parameters.
    pub fn of<'r>(requests: impl IntoIterator<Item = &'r Map<String, Value>>) -> Self {
        let mut past = Past::default();
        for params in requests {
            past.join(params);
        }
        past.history()
    }

    /// Gives the sum of a parameter; `None` when it was no number at least once. Where no request had
    /// the parameter it is nothing.
    pub fn sum(&self, name: &str) -> Option<Decimal> {
        if self.unreadable.contains(name) {
            return None;
        }
        Some(self.amounts.get(name).copied().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(text: &str) -> Map<String, Value> {
        serde_json::from_str(text).expect("an object")
    }

    #[test]
    fn keys_of_different_kinds_never_meet() {
        let same = || Some("7".to_owned());
        let whose = Whose {
            actor: same(),
            conversation: same(),
            customer: same(),
        };
        let keys: BTreeSet<String> = By::ALL.into_iter().flat_map(|by| by.key(&whose)).collect();
        assert_eq!(keys.len(), By::ALL.len());
        for by in By::ALL {
            assert_eq!(By::parse(by.as_str()), Some(by));
        }
    }

    #[test]
    fn nobody_in_particular_has_no_key() {
        let nobody = Whose {
            customer: Some(String::new()),
            ..Whose::default()
        };
        assert_eq!(By::Customer.key(&nobody), Err(NoKey(By::Customer)));
        assert_eq!(NoKey(By::Actor).to_string(), "no actor is known");
        assert_eq!(By::Everyone.key(&nobody), Ok("everyone".to_owned()));
    }

    #[test]
    fn a_history_sums_numbers_to_the_cent_and_nothing_else() {
        let asked = [
            params(r#"{"amount": 0.10, "reason": "late", "fee": 1}"#),
            params(r#"{"amount": 0.20, "fee": "2"}"#),
            params("{}"),
        ];
        let history = History::of(&asked);
        assert_eq!(history.count, 3);
        assert_eq!(history.sum("amount"), Some(Decimal::new(30, 2)));
        assert_eq!(history.sum("nothing"), Some(Decimal::ZERO));
        assert_eq!((history.sum("fee"), history.sum("reason")), (None, None));
    }

    #[test]
    fn what_does_not_fit_has_no_sum() {
        let most = params(&format!(r#"{{"amount": {}}}"#, Decimal::MAX));
        assert_eq!(History::of([&most, &most]).sum("amount"), None);
    }
}
