//! A rule as it is loaded: its conditions, what it does, and where it stands.
//!
//! Made by the rule kinds from a checked registration, asked by `super::judge`.

use std::{fmt, sync::Arc};

use chrono_tz::Tz;
use rhai::{Dynamic, FnPtr, GlobalRuntimeState, Map, Position};
use rust_decimal::Decimal;

use super::{RuleSummary, catch_up::CatchUp, condition::Conditions};
use crate::domain::{
    anomaly::Watch,
    budget::Cap,
    calendar::CalendarSpec,
    effect::{Assign, Effect},
    gate::{ApprovalAsk, Otherwise},
    history::By,
    sla::SlaPolicy,
};

/// A loaded rule.
pub(super) struct Rule {
    /// Its name.
    pub(super) name: Arc<str>,
    /// Its kind.
    pub(super) kind: &'static str,
    /// The event types that it is asked about.
    pub(super) on: Vec<String>,
    /// Its conditions.
    pub(super) conditions: Conditions,
    /// What it does.
    pub(super) action: Action,
    /// Where it stands.
    pub(super) home: Home,
}

/// What a rule does.
pub(super) enum Action {
    /// Asks for these effects.
    Effects(Vec<Effect>),
    /// Asks a closure.
    Then(FnPtr),
    /// Sends a ticket to a team.
    Route {
        /// The team.
        team: String,
        /// The way to a person.
        assign: Option<Assign>,
    },
    /// Counts a request against a cap.
    Limit(Box<Limit>),
    /// Has people decide on a request.
    Approval(Box<Approval>),
    /// Says which time counts.
    Calendar(Box<CalendarSpec>),
    /// Promises something about tickets.
    Sla(Box<Sla>),
    /// Watches for what is out of the usual.
    Watch(Box<Watch>),
    /// Answers an action that calculates or validates.
    Answer(FnPtr),
    /// Asks a closure when it is due.
    Timer {
        /// The cron expression.
        cron: String,
        /// Its timezone.
        timezone: Tz,
        /// What becomes of missed times.
        catch_up: CatchUp,
        /// The closure.
        then: FnPtr,
    },
}

/// What a `limit` says.
pub(super) struct Limit {
    /// The parameter that it looks at.
    pub(super) field: Option<String>,
    /// Whose window it is.
    pub(super) by: WindowOf,
    /// What may pass.
    pub(super) cap: Cap,
    /// What becomes of what does not fit.
    pub(super) otherwise: Otherwise,
    /// The roles that may let it pass all the same.
    pub(super) approvers: Vec<String>,
}

/// What a window goes by.
pub(super) enum WindowOf {
    /// One of the usual ones.
    By(By),
    /// A key that a closure answers.
    Closure(FnPtr),
}

/// What an `approval` says.
pub(super) struct Approval {
    /// The parameter that must be more than so much.
    pub(super) threshold: Option<(String, Decimal)>,
    /// What is asked.
    pub(super) ask: ApprovalAsk,
    /// How soon it should be decided.
    pub(super) promise: Option<Arc<SlaPolicy>>,
}

/// What an `sla` says.
pub(super) struct Sla {
    /// What it promises.
    pub(super) policy: Arc<SlaPolicy>,
    /// The calendar, by name.
    pub(super) calendar: Option<String>,
}

/// Where a rule stands, and what its closures need to be called.
pub(super) struct Home {
    /// The file, relative to the policy folder.
    pub(super) file: Arc<str>,
    /// The place of the registration.
    pub(super) at: Position,
    /// The file's functions, imports and constants, as they were at the registration.
    pub(super) global: GlobalRuntimeState,
}

/// A registration whose map is checked.
pub(super) struct Checked<'a> {
    /// The rule's name.
    pub(super) name: &'a Arc<str>,
    /// The event types given before the name, where the kind has them there.
    pub(super) on: Vec<String>,
    /// The map.
    pub(super) map: &'a Map,
}

/// What a rule kind makes of a registration.
pub(super) struct Made {
    /// The event types that it is asked about.
    pub(super) on: Vec<String>,
    /// Its conditions.
    pub(super) conditions: Conditions,
    /// What it does.
    pub(super) action: Action,
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Rule {
    /// Gives what it watches.
    pub(super) fn watch(&self) -> Option<Watch> {
        match &self.action {
            Action::Watch(watch) => Some(Watch::clone(watch)),
            _ => None,
        }
    }

    /// Gives the summary for lists; `map` is that of its registration.
    pub(super) fn summary(&self, map: &Map) -> RuleSummary {
        RuleSummary {
            name: Arc::clone(&self.name),
            kind: self.kind,
            on: self.on.clone(),
            file: Arc::clone(&self.home.file),
            line: self.home.at.line().unwrap_or(0),
            keys: map
                .iter()
                .map(|(key, value)| format!("{key}: {}", shown(value)))
                .collect(),
        }
    }
}

fn shown(value: &Dynamic) -> String {
    if value.is_fnptr() {
        return "|…| …".to_owned();
    }
    match super::value::to_json(value, &mut 4_096) {
        Ok(json) => json.to_string(),
        Err(_) => "…".to_owned(),
    }
}
