//! Procedures: multi-step workflows inside a conversation, as they are defined.
//!
//! A definition is read once, whole: everything wrong with it is told at once, each fault with its place and
//! a remedy ([`read`]). What a step holds is listed in [`forms`], from which the published JSON Schema is
//! made too. Whether the steps fit together and what they name exists is `crate::procedures`' affair.

pub mod fields;
pub mod forms;
pub mod lexical;
pub mod read;
pub mod version;

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use self::forms::StepForm;
use super::{action::Level, integration::HttpMethod, template::Template, time::Span};

/// How procedures run, as the configuration says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conduct {
    /// Whether a customer's message starts one by itself.
    pub matcher: Matcher,
    /// What the customer is asked whose message fits several alike; their names follow.
    pub choice: String,
    /// The country that telephone numbers without one belong to, as ISO 3166.
    pub country: Option<String>,
    /// How long a run may last; then a person takes over.
    pub max_age: Span,
}

impl Default for Conduct {
    fn default() -> Self {
        Self {
            matcher: Matcher::Off,
            choice: "Which of these is it about?".to_owned(),
            country: None,
            max_age: Span::from_secs(30 * 86_400),
        }
    }
}

/// What makes a customer's message start a procedure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Matcher {
    /// Its words, where they fit the trigger of one.
    Lexical,
    /// Nothing: the platform asks for procedures.
    #[default]
    Off,
}

/// A definition, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// What people call it.
    pub display_name: String,
    /// Names it, for good.
    pub slug: String,
    /// When it is to be started.
    pub trigger_description: String,
    /// A note for the team.
    pub description: Option<String>,
    /// What happens, in order; the first one begins.
    pub steps: Vec<Step>,
    /// What must come out before it is published, as it was written; `crate::workbench` reads it.
    pub scenarios: Vec<Value>,
    /// As it was written, with everything that only an editor needs, such as positions.
    pub text: Value,
}

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Names it within its procedure.
    pub id: String,
    /// What it does.
    pub kind: StepKind,
    /// What comes after it, where it does not say so itself.
    pub next: Goto,
    /// Whether `next` was written, rather than being the step that follows.
    pub is_next_stated: bool,
}

/// Where a run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goto {
    /// At the step of this place, from 0.
    Step(usize),
    /// Nowhere: the procedure is complete.
    End,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub enum StepKind {
    /// Calls another system.
    ApiCall(ApiCall),
    /// Asks the customer and waits for the answer.
    CollectInput(CollectInput),
    /// Goes one way or the other.
    Condition(Condition),
    /// Hands the conversation to a person; the run ends.
    Escalate {
        /// What the customer is told.
        reason: Template,
    },
    /// Has Provost do something.
    InternalAction(InternalAction),
    /// Tells the customer something.
    Message {
        /// What.
        content: Template,
    },
    /// Gives a variable a value.
    SetVariable {
        /// The variable.
        name: String,
        /// The value; its texts are templates.
        value: Value,
    },
}

/// A call to another system.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiCall {
    /// What is called.
    pub target: Target,
    /// The variable that takes the answer of a call that went well.
    pub response_variable: Option<String>,
    /// How much approval it takes.
    pub gate: Gate,
}

/// What a call reaches.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// An action of the catalogue, by its name.
    Action {
        /// Its name.
        name: String,
        /// Its parameters; their texts are templates.
        params: Map<String, Value>,
    },
    /// An address.
    Url {
        /// The address; values are percent-encoded.
        url: Template,
        /// The method.
        method: HttpMethod,
        /// The body as JSON; its texts are templates.
        body: Option<Value>,
    },
}

/// A question to the customer.
#[derive(Clone, Debug, PartialEq)]
pub struct CollectInput {
    /// The variable that takes the answer.
    pub variable: String,
    /// The question.
    pub prompt: Template,
    /// What an answer must be.
    pub validation: Validation,
    /// How many answers that are none are taken before a person takes over.
    pub max_tries: u32,
}

/// A fork.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The path of what is looked at, with dots.
    pub variable: String,
    /// How it is compared.
    pub operator: Operator,
    /// With what; absent where the operator takes nothing.
    pub value: Option<Value>,
    /// Where it goes on if so.
    pub then: Goto,
    /// Where it goes on if not.
    pub otherwise: Goto,
}

/// Something that Provost does itself.
#[derive(Clone, Debug, PartialEq)]
pub struct InternalAction {
    /// The action.
    pub action: String,
    /// Its parameters; their texts are templates.
    pub params: Map<String, Value>,
    /// How much approval it takes.
    pub gate: Gate,
}

/// How much approval a step takes, and whose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gate {
    /// How much.
    pub level: Level,
    /// The roles that may approve; empty: agents.
    pub approvers: Vec<String>,
}

/// What an answer must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Validation {
    /// An address of a mailbox.
    Email,
    /// A number.
    Number,
    /// A telephone number.
    Phone,
    /// Any text that is not empty.
    #[default]
    Text,
}

/// How a condition compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// A text holds the value, or a list has it.
    Contains,
    /// Both are written alike.
    Equals,
    /// It is there, and not empty.
    Exists,
    /// Greater than.
    Gt,
    /// Greater than, or equal to.
    Gte,
    /// Less than.
    Lt,
    /// Less than, or equal to.
    Lte,
    /// It is not there, or empty.
    NotExists,
}

impl Operator {
    /// Every operator by its wire name.
    pub const NAMES: [(&'static str, Self); 8] = [
        ("contains", Self::Contains),
        ("equals", Self::Equals),
        ("exists", Self::Exists),
        ("gt", Self::Gt),
        ("gte", Self::Gte),
        ("lt", Self::Lt),
        ("lte", Self::Lte),
        ("not_exists", Self::NotExists),
    ];

    /// Gives its wire name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Contains => "contains",
            Self::Equals => "equals",
            Self::Exists => "exists",
            Self::Gt => "gt",
            Self::Gte => "gte",
            Self::Lt => "lt",
            Self::Lte => "lte",
            Self::NotExists => "not_exists",
        }
    }

    /// Tells whether it compares with a value.
    pub fn takes_value(self) -> bool {
        !matches!(self, Self::Exists | Self::NotExists)
    }
}

impl Validation {
    /// Every validation by its wire name.
    pub const NAMES: [(&'static str, Self); 4] = [
        ("email", Self::Email),
        ("number", Self::Number),
        ("phone", Self::Phone),
        ("text", Self::Text),
    ];
}

impl Definition {
    /// Gives the step of an id.
    pub fn step(&self, id: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == id)
    }

    /// Gives where each step may go on, in the order in which it is written.
    pub fn ways(&self, step: &Step) -> Vec<Goto> {
        match &step.kind {
            StepKind::Condition(condition) => vec![condition.then, condition.otherwise],
            StepKind::Escalate { .. } => Vec::new(),
            StepKind::ApiCall(_)
            | StepKind::CollectInput(_)
            | StepKind::InternalAction(_)
            | StepKind::Message { .. }
            | StepKind::SetVariable { .. } => vec![step.next],
        }
    }
}

impl StepKind {
    /// Gives the wire name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ApiCall(_) => "api_call",
            Self::CollectInput(_) => "collect_input",
            Self::Condition(_) => "condition",
            Self::Escalate { .. } => "escalate",
            Self::InternalAction(_) => "internal_action",
            Self::Message { .. } => "message",
            Self::SetVariable { .. } => "set_variable",
        }
    }

    /// Tells whether a step comes after it, rather than that it ends the run or says itself where it goes on.
    pub fn has_next(&self) -> bool {
        StepForm::of(self.name()).is_some_and(|form| form.has_next)
    }
}

/// How much a fault weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// It cannot be published.
    Error,
    /// It can, and somebody should look at it.
    Warning,
}

/// Something wrong with a definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// A stable code, such as `PV-PROC-003`.
    pub code: &'static str,
    /// How much it weighs.
    pub severity: Weight,
    /// The step, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Where in the definition: a JSON pointer (RFC 6901).
    pub pointer: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Gives what to do about a code, where nothing better is known.
pub fn remedy(codes: &[(&str, &str)], code: &str) -> Option<String> {
    let found = codes.iter().find(|(known, _)| *known == code);
    let mut remedy = found?.1.trim_end_matches('.').to_owned();
    if let Some(first) = remedy.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    Some(remedy)
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.pointer.is_empty() {
            "/"
        } else {
            &self.pointer
        };
        write!(f, "{place}: {} [{}]", self.message, self.code)?;
        if let Some(hint) = &self.hint {
            write!(f, "; {hint}")?;
        }
        Ok(())
    }
}
