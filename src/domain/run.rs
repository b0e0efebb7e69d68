//! A run of a procedure: where it stands, what it knows, what it waits for. All of it is data.
//!
//! Between two decisions a run waits or is over. `crate::procedures::interpret` moves it along, and only a
//! decision does that; a wait has a number, so that of two answers to it the second finds it gone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    actor::{Actor, ActorKind},
    time::Timestamp,
};

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Names it, for good.
    pub run_id: String,
    /// The procedure's slug.
    pub procedure: String,
    /// Its version; the run ends on the one that it began with.
    pub version: i64,
    /// The conversation.
    pub subject: String,
    /// Who started it.
    pub actor: Actor,
    /// Where it stands.
    pub state: RunState,
    /// The step that it stands at, or ended with.
    pub step: String,
    /// What it knows.
    pub variables: BTreeMap<String, Variable>,
    /// The number of its newest wait.
    pub wait: u32,
    /// How many answers to the question that it waits with were none.
    pub tries: u32,
    /// How many steps it has done.
    pub steps_done: u32,
    /// The request that it waits for, or waited for last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// What the customer said last while the run did not wait for it: tried on the next question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early: Option<String>,
    /// When it started.
    pub started_at: Timestamp,
    /// When it last moved.
    pub updated_at: Timestamp,
    /// When a person takes over, however it stands then.
    pub ends_at: Timestamp,
    /// Why it ended, in words, where it did not complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The steps that it has done, oldest first.
    pub trail: Vec<Passed>,
}

/// A variable of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Variable {
    /// Its value.
    pub value: Value,
    /// Who stated it.
    pub from: StatedBy,
}

/// Who stated a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatedBy {
    /// A person of the team.
    Agent,
    /// The platform's AI.
    Ai,
    /// Another system.
    Api,
    /// The customer.
    Customer,
    /// A rule.
    Rule,
    /// The platform, the procedure or Provost.
    System,
}

/// A step that was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    /// The step.
    pub step: String,
    /// When.
    pub at: Timestamp,
    /// What it did, in a few words.
    pub did: String,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// An action is under way, or waits for people.
    AwaitingAction,
    /// The customer is asked.
    AwaitingInput,
    /// Withdrawn.
    Cancelled,
    /// At its end.
    Completed,
    /// A person took over.
    Escalated,
    /// A step could not be done; a person took over.
    Failed,
}

impl From<&Actor> for StatedBy {
    fn from(actor: &Actor) -> Self {
        match actor.kind {
            ActorKind::Agent => Self::Agent,
            ActorKind::Ai => Self::Ai,
            ActorKind::Customer => Self::Customer,
            ActorKind::System if actor.roles.iter().any(|role| role == "rule") => Self::Rule,
            ActorKind::System => Self::System,
        }
    }
}

impl StatedBy {
    /// Gives how little a value is worth of itself that somebody stated; more is more doubtful.
    pub fn doubt(self) -> u8 {
        match self {
            Self::System | Self::Rule => 0,
            Self::Api => 1,
            Self::Agent => 2,
            Self::Ai => 3,
            Self::Customer => 4,
        }
    }
}

impl Passed {
    /// Tells whether the run was moved to another version there; the step was not done.
    pub fn is_move(&self) -> bool {
        self.did.starts_with(MOVED)
    }
}

impl RunState {
    /// Gives the wire name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AwaitingAction => "awaiting_action",
            Self::AwaitingInput => "awaiting_input",
            Self::Cancelled => "cancelled",
            Self::Completed => "completed",
            Self::Escalated => "escalated",
            Self::Failed => "failed",
        }
    }

    /// Tells whether nothing more becomes of it.
    pub fn is_over(self) -> bool {
        !matches!(self, Self::AwaitingAction | Self::AwaitingInput)
    }
}

/// The most steps that a run takes; then a person takes over. *Source*: governance, *Procedures*, caps.
pub const MOST_STEPS: u32 = 1_000;
/// The most that variables hold, written as JSON. *Units*: bytes.
pub const MOST_BYTES: usize = 64 * 1024;
/// How the entry of a trail begins that says that the run was moved to another version.
const MOVED: &str = "moved from version ";
/// The most entries of a trail; older ones give way.
const MOST_TRAIL: usize = 200;

impl Run {
    /// Gives when a clock has to look at it; `None` once it is over.
    pub fn due_at(&self) -> Option<Timestamp> {
        (!self.state.is_over()).then_some(self.ends_at)
    }

    /// Gives when it was over; `None` while it is under way.
    pub fn over_at(&self) -> Option<Timestamp> {
        self.state.is_over().then_some(self.updated_at)
    }

    /// Gives it without everything that somebody has stated, as it is kept of a person who was erased.
    #[must_use]
    pub fn blanked(self) -> Self {
        let mut actor = self.actor;
        if actor.kind == ActorKind::Customer {
            "(erased)".clone_into(&mut actor.id);
        }
        Self {
            actor,
            variables: BTreeMap::new(),
            early: None,
            reason: None,
            ..self
        }
    }

    /// Gives a variable a value.
    pub fn set(&mut self, name: &str, value: Value, from: StatedBy) {
        let variable = Variable { value, from };
        self.variables.insert(name.to_owned(), variable);
    }

    /// Gives the values of all variables, for templates.
    pub fn values(&self) -> Map<String, Value> {
        let variables = self.variables.iter();
        variables
            .map(|(name, variable)| (name.clone(), variable.value.clone()))
            .collect()
    }

    /// Tells how much the variables hold. *Units*: bytes.
    pub fn bytes(&self) -> usize {
        serde_json::to_string(&self.variables).map_or(0, |text| text.len())
    }

    /// Has it go on with another version.
    pub fn move_to(&mut self, version: i64, now: Timestamp) {
        let (step, before) = (self.step.clone(), self.version);
        self.version = version;
        self.pass(&step, format!("{MOVED}{before} to version {version}"), now);
    }

    /// Notes a step that was done.
    pub fn pass(&mut self, step: &str, did: String, now: Timestamp) {
        self.steps_done += 1;
        if self.trail.len() == MOST_TRAIL {
            self.trail.remove(0);
        }
        self.trail.push(Passed {
            step: step.to_owned(),
            at: now,
            did,
        });
    }
}
