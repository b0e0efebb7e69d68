//! Actions: what may be asked for, by whom, under which gates, and what performs it.
//!
//! Read from `config/actions/NAME.toml` by `crate::config`, listed over the API as
//! the catalogue, judged and carried out by `crate::decide` and the connectors.
//! Nothing here holds a secret: those stand with the integrations.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    access::Amount, decimal, probe::Probe, schema::Schema, template::Template, time::Span,
};

/// When in a conversation's or call's life an action has its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// While it rings, before anybody speaks.
    Before,
    /// While it lasts.
    During,
    /// Once it is over.
    After,
    /// At any time.
    #[default]
    Any,
}

/// How much approval an action takes of itself; rules may ask for more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// None.
    #[default]
    Auto,
    /// None, and people are told.
    Notify,
    /// People decide first.
    Require,
}

/// What Provost does itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuiltIn {
    /// Hands over the caller's line.
    CallTransfer,
    /// Puts the caller on hold.
    CallHold,
    /// Ends the call.
    CallHangup,
    /// Sends tones down the line.
    CallDtmf,
    /// Opens a ticket.
    CreateTicket,
    /// Keeps a lead.
    CreateLead,
    /// Escalates the conversation.
    Escalate,
    /// Redirects to a person.
    RedirectToPerson,
    /// Resolves the conversation.
    ResolveSession,
    /// Tags the conversation.
    TagSession,
}

/// What performs an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Performer {
    /// The address that the request itself gives, as `method`, `url` and `body`.
    Address,
    /// Provost itself.
    BuiltIn(BuiltIn),
    /// A pure function of the policy: a calculation or a validation.
    Function(String),
    /// An operation of an integration.
    Operation {
        /// The integration's name.
        integration: String,
        /// The operation's name within it.
        operation: String,
    },
    /// A procedure that it starts, by its slug; the parameters become its variables.
    Workflow(String),
}

/// How an attempt that may be made again is made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// How many attempts at most, the first one included.
    pub attempts: u32,
    /// The first wait; each further one is twice as long, with jitter.
    pub backoff: Span,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 6,
            backoff: Span::from_millis(500),
        }
    }
}

/// The action that undoes another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reversal {
    /// Its name.
    pub action: String,
    /// Its parameters, from those and the output of the original.
    pub params: BTreeMap<String, Template>,
    /// How long after its success the original can be undone.
    pub until: Option<Span>,
}

/// What the customer is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Say {
    /// When it was done.
    pub succeeded: Option<Template>,
    /// When it failed.
    pub failed: Option<Template>,
    /// When it was denied.
    pub denied: Option<Template>,
    /// While it waits for approval.
    pub waiting: Option<Template>,
    /// While nobody knows whether it was done.
    pub unknown: Option<Template>,
}

/// What becomes of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// The output's members, from the answer; empty: the answer is the output.
    pub map: BTreeMap<String, Template>,
    /// Which attributes of the conversation take which members of the output.
    pub attributes: BTreeMap<String, Template>,
    /// What the output must look like.
    pub schema: Option<Schema>,
}

/// Many requests in one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// How many at most.
    pub max: u32,
    /// How long the first one waits for others.
    pub within: Span,
}

/// An action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// When to perform it.
    pub trigger: String,
    /// Requests that should trigger it.
    pub examples: Vec<String>,
    /// When it has its place.
    pub phase: Phase,
    /// What performs it.
    pub performer: Performer,
    /// Its parameters: a schema of an object.
    pub params: Schema,
    /// The parameter that says how much it is about.
    pub amount: Option<String>,
    /// The roles that may ask for it.
    pub allow: Vec<String>,
    /// Whether it cannot be undone.
    pub is_irreversible: bool,
    /// What the customer is asked first.
    pub confirmation: Option<Template>,
    /// How much approval it takes.
    pub approval: Level,
    /// The roles that may approve it.
    pub approvers: Vec<String>,
    /// How many distinct people approve it.
    pub required: u32,
    /// How long one attempt may take.
    pub timeout: Span,
    /// How attempts are repeated.
    pub retry: Retry,
    /// How many calls a minute, by this daemon.
    pub rate_per_minute: Option<u32>,
    /// How long an answer is good for the same parameters; reads only.
    pub cache: Option<Span>,
    /// Whether requests are gathered.
    pub batch: Option<Batch>,
    /// What becomes of the answer.
    pub output: Output,
    /// What the customer is told.
    pub say: Say,
    /// What undoes it.
    pub reversal: Option<Reversal>,
    /// How an end of which nobody knows is found out.
    pub probe: Option<Probe>,
}

impl Phase {
    /// Every phase by its wire name.
    pub const NAMES: [(&'static str, Self); 4] = [
        ("after", Self::After),
        ("any", Self::Any),
        ("before", Self::Before),
        ("during", Self::During),
    ];

    /// Gives the wire name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::During => "during",
            Self::After => "after",
            Self::Any => "any",
        }
    }
}

impl Level {
    /// Every level by its wire name.
    pub const NAMES: [(&'static str, Self); 3] = [
        ("auto", Self::Auto),
        ("notify", Self::Notify),
        ("require", Self::Require),
    ];

    /// Gives the wire name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Notify => "notify",
            Self::Require => "require",
        }
    }
}

impl BuiltIn {
    /// Every built-in action by its wire name.
    pub const NAMES: [(&'static str, Self); 10] = [
        ("call_dtmf", Self::CallDtmf),
        ("call_hangup", Self::CallHangup),
        ("call_hold", Self::CallHold),
        ("call_transfer", Self::CallTransfer),
        ("create_lead", Self::CreateLead),
        ("create_ticket", Self::CreateTicket),
        ("escalate", Self::Escalate),
        ("redirect_to_person", Self::RedirectToPerson),
        ("resolve_session", Self::ResolveSession),
        ("tag_session", Self::TagSession),
    ];
}

impl Performer {
    fn describe(&self) -> Value {
        match self {
            Self::Address => json!({"kind": "address"}),
            Self::BuiltIn(built_in) => {
                let named = BuiltIn::NAMES.iter().find(|(_, known)| known == built_in);
                json!({"kind": "built_in", "name": named.map(|(name, _)| name)})
            }
            Self::Function(name) => json!({"kind": "function", "name": name}),
            Self::Operation {
                integration,
                operation,
            } => json!({"kind": "operation", "integration": integration, "operation": operation}),
            Self::Workflow(slug) => json!({"kind": "workflow", "procedure": slug}),
        }
    }
}

/// How long an attempt at an action of Provost's own may take.
const OWN_TIMEOUT: Span = Span::from_secs(15);

impl Action {
    /// Makes an action that Provost has without a file: allowed to nobody by itself.
    pub fn own(name: &str, description: &str, performer: Performer, params: Schema) -> Self {
        Self {
            name: name.to_owned(),
            description: description.to_owned(),
            trigger: String::new(),
            examples: Vec::new(),
            phase: Phase::Any,
            performer,
            params,
            amount: None,
            allow: Vec::new(),
            is_irreversible: false,
            confirmation: None,
            approval: Level::Auto,
            approvers: Vec::new(),
            required: 1,
            timeout: OWN_TIMEOUT,
            retry: Retry::default(),
            rate_per_minute: None,
            cache: None,
            batch: None,
            output: Output::default(),
            say: Say::default(),
            reversal: None,
            probe: None,
        }
    }

    /// Tells whether it has its place in a phase.
    pub fn fits(&self, phase: Phase) -> bool {
        phase == Phase::Any || self.phase == Phase::Any || self.phase == phase
    }

    /// Gives how much a request for it is about.
    ///
    /// A text that looks like a number is none: it would compare as nothing with every threshold.
    pub fn amount_of(&self, params: &Map<String, Value>) -> Amount {
        let Some(name) = &self.amount else {
            return Amount::None;
        };
        let read = params.get(name).and_then(decimal::of);
        read.map_or(Amount::Unreadable, Amount::Of)
    }

    /// Gives the names of its parameters.
    pub fn param_names(&self) -> impl Iterator<Item = &str> {
        let properties = self.params.text().get("properties");
        let properties = properties.and_then(Value::as_object);
        properties
            .into_iter()
            .flat_map(Map::keys)
            .map(String::as_str)
    }

    /// Gives it as the catalogue shows it: what an AI platform needs to choose and to ask.
    pub fn describe(&self) -> Value {
        let mut shown = json!({
            "name": self.name,
            "description": self.description,
            "trigger": self.trigger,
            "examples": self.examples,
            "phase": self.phase.as_str(),
            "performer": self.performer.describe(),
            "params": self.params.text(),
            "allow": self.allow,
            "approval": self.approval.as_str(),
            "irreversible": self.is_irreversible,
            "reversible": self.reversal.is_some(),
            "timeout": self.timeout.to_string(),
        });
        if let Some(prompt) = &self.confirmation {
            shown["confirmation"] = prompt.to_string().into();
        }
        if self.approval == Level::Require {
            shown["approvers"] = json!(self.approvers);
            shown["required"] = self.required.into();
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rust_decimal::Decimal;

    use super::*;

    fn refund() -> Action {
        let text = json!({"type": "object", "properties": {"amount": {"type": "number"}}});
        let performer = Performer::BuiltIn(BuiltIn::CreateTicket);
        Action {
            phase: Phase::During,
            amount: Some("amount".to_owned()),
            ..Action::own(
                "refund",
                "",
                performer,
                Schema::new(text).expect("a JSON Schema"),
            )
        }
    }

    fn amount(params: &str) -> Amount {
        let params: Map<String, Value> = serde_json::from_str(params).expect("JSON");
        refund().amount_of(&params)
    }

    #[test]
    fn an_amount_is_a_number_to_the_digit() {
        assert_eq!(
            amount(r#"{"amount": 80.10}"#),
            Amount::Of(Decimal::new(8_010, 2))
        );
        assert_eq!(amount(r#"{"amount": 1e2}"#), Amount::Of(Decimal::from(100)));
        for params in [
            "{}",
            r#"{"amount": null}"#,
            r#"{"amount": "500"}"#,
            r#"{"amount": [500]}"#,
            r#"{"amount": true}"#,
            r#"{"amount": 1e400}"#,
        ] {
            assert_eq!(amount(params), Amount::Unreadable, "{params}");
        }
        let without = Action {
            amount: None,
            ..refund()
        };
        assert_eq!(without.amount_of(&Map::new()), Amount::None);
    }

    #[test]
    fn what_has_its_place_at_any_time_fits_every_phase() {
        let (during, any) = (
            refund(),
            Action {
                phase: Phase::Any,
                ..refund()
            },
        );
        assert!(during.fits(Phase::During) && during.fits(Phase::Any));
        assert!(!during.fits(Phase::After) && any.fits(Phase::After));
    }

    proptest! {
        #[test]
        fn a_text_is_never_an_amount(text in ".*") {
            let params = json!({"amount": text});
            let params = params.as_object().expect("an object");
            prop_assert_eq!(refund().amount_of(params), Amount::Unreadable);
        }
    }
}
