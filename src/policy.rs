//! The policy: the rules that the operations team writes, loaded and asked.
//!
//! `rules/**/*.rhai` is run once, at load, and leaves data and closures behind,
//! indexed by event type. Asking is pure: facts in, verdict out. Rhai's types
//! stay inside. `crate::decide` asks, `crate::daemon` loads and swaps.

mod anomaly;
mod approval;
mod builtin_mappings;
mod calendar;
mod catch_up;
mod check;
mod condition;
mod cron;
mod effects;
mod escalation;
mod event_types;
mod facts;
mod fault;
mod function;
pub mod host;
mod judge;
mod kinds;
mod limit;
mod load;
mod mapping;
mod names;
mod on;
pub mod reference;
mod register;
mod route;
mod rule;
mod sandbox;
mod schedule;
mod shape;
mod sla;
mod sources;
mod spec;
mod spots;
mod strict;
mod terms;
#[cfg(test)]
mod testing;
mod value;
mod words;

use std::{collections::BTreeMap, sync::Arc};

use rhai::OptimizationLevel;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::domain::{
    anomaly::Watch,
    calendar::Calendar,
    directory::Directory,
    effect::{Effect, Route},
    facts::Facts,
    gate::Gate,
    history::HistoryAsk,
    nearest::did_you_mean,
    sla::{Pin, Targets, Terms},
    ticket::Priority,
    time::Timestamp,
    verdict::{RuleFailure, Verdict},
};

use self::{judge::Judge, terms::Ledger};

pub use self::{
    builtin_mappings::BUILTIN,
    catch_up::CatchUp,
    cron::Schedule,
    fault::{CODES, Fault, Severity},
    mapping::{ForeignMessage, Mapping},
    sources::Sources,
};

/// A loaded policy.
pub struct Policy {
    warnings: Vec<Fault>,
    rules: Vec<RuleSummary>,
    schedules: Vec<Schedule>,
    watches: Vec<Watch>,
    ledger: Ledger,
    judge: Judge,
}

/// A rule, as `provost rules list` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleSummary {
    /// Its name.
    pub name: Arc<str>,
    /// Its kind, such as `escalation`.
    pub kind: &'static str,
    /// The event types that it is asked about; empty for what is asked about no event.
    pub on: Vec<String>,
    /// The file, relative to the policy folder.
    pub file: Arc<str>,
    /// The line of its registration.
    pub line: usize,
    /// Its conditions and what it does, each as `key: value`.
    pub keys: Vec<String>,
}

/// What every rule made of one set of facts.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Explanation {
    /// Every rule considered, in the order of the policy.
    pub rules: Vec<Considered>,
}

/// What one rule made of the facts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Considered {
    /// Its name.
    pub rule: Arc<str>,
    /// Its kind.
    pub kind: &'static str,
    /// The file, relative to the policy folder.
    pub file: Arc<str>,
    /// The line of its registration.
    pub line: usize,
    /// How it ended.
    #[serde(flatten)]
    pub finding: Finding,
}

/// How a rule's consideration ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Finding {
    /// A condition did not hold.
    Unmet {
        /// The condition: its key, such as `channels`.
        condition: &'static str,
        /// What it asks for.
        wanted: String,
        /// What it met.
        met: String,
    },
    /// It fired.
    Fired {
        /// What it asks for.
        effects: Vec<Effect>,
    },
    /// It is the route that counts.
    Routed {
        /// Where to.
        route: Route,
    },
    /// It is the `sla` that counts.
    Promised {
        /// The calendar.
        calendar: String,
        /// What is promised, by priority and metric.
        targets: BTreeMap<Priority, Targets>,
    },
    /// It is a limit or an approval, and has a say in the request.
    Gated {
        /// What it says, in words.
        says: String,
    },
    /// A route or an `sla` that would match, after the first that did.
    Overtaken {
        /// The rule that counted.
        by: Arc<str>,
    },
    /// It failed.
    Failed {
        /// How.
        failure: RuleFailure,
    },
}

impl Policy {
    /// Compiles and runs every file and collects the rules.
    ///
    /// *Errors*: all faults at once, by file, line and column.
    pub fn load(sources: &Sources, directory: &Directory) -> Result<Self, Vec<Fault>> {
        Self::load_at(sources, directory, OptimizationLevel::None)
    }

    fn load_at(
        sources: &Sources,
        directory: &Directory,
        level: OptimizationLevel,
    ) -> Result<Self, Vec<Fault>> {
        let loaded = load::load(sources, directory, level)?;
        let judge = Judge::new(loaded.engine, loaded.strict, loaded.rules)
            .map_err(|error| vec![Fault::new(fault::VALUE, "", rhai::Position::NONE, error)])?;
        Ok(Self {
            warnings: loaded.warnings,
            rules: loaded.summaries,
            schedules: loaded.schedules,
            watches: loaded.watches,
            ledger: loaded.ledger,
            judge,
        })
    }

    /// Gives what is worth mending though the policy loaded.
    pub fn warnings(&self) -> &[Fault] {
        &self.warnings
    }

    /// Gives every rule, in order.
    pub fn rules(&self) -> &[RuleSummary] {
        &self.rules
    }

    /// Gives when the `schedule` rules are due.
    pub fn schedules(&self) -> &[Schedule] {
        &self.schedules
    }

    /// Gives what is watched: by the `anomaly` rules, and by default where no rule has the measure.
    pub fn watches(&self) -> &[Watch] {
        &self.watches
    }

    /// Asks the `escalation` and `on` rules about an event; those about `action.requested` are gates,
    /// and [`Policy::gate`] asks them.
    pub fn judge(&self, facts: &Facts) -> Verdict {
        self.judge.judge(facts)
    }

    /// Asks the gates about a request for an action: the `limit` and `approval` rules, and the `escalation`
    /// and `on` rules about `action.requested`.
    ///
    /// The event of the facts is an `action.requested`, and they hold the request. A gate that failed is
    /// no permission.
    pub fn gate(&self, facts: &Facts) -> Gate {
        self.judge.gate(facts)
    }

    /// Gives the histories that the rules which could fire for the facts declare, each once. They are
    /// loaded into the facts before the rules are asked.
    pub fn histories(&self, facts: &Facts) -> Vec<HistoryAsk> {
        self.judge.histories(facts)
    }

    /// Tells whether there is a `function` of this name.
    pub fn has_function(&self, name: &str) -> bool {
        let mut rules = self.rules.iter();
        rules.any(|rule| rule.kind == function::KIND.name && &*rule.name == name)
    }

    /// Gives the fault of an action that names a function which is not there.
    pub fn no_function(&self, action: &str, name: &str) -> Fault {
        let functions = self
            .rules
            .iter()
            .filter(|rule| rule.kind == function::KIND.name);
        let hint = did_you_mean(name, functions.map(|rule| &*rule.name));
        let place = format!("actions/{action}.toml");
        let message = format!("the policy has no function `{name}`");
        let fault = Fault::new(fault::FUNCTION, &place, rhai::Position::NONE, message);
        fault.hinted(hint)
    }

    /// Asks a `function` for its answer to the parameters of a request.
    ///
    /// *Errors*: there is none of that name, or what it raised.
    pub fn call(&self, name: &str, params: &Arc<Map<String, Value>>) -> Result<Value, String> {
        self.judge.answer(name, params)
    }

    /// Asks a `schedule` rule what it wants now that it is due; a rule that is gone wants nothing.
    pub fn judge_schedule(&self, rule: &str, facts: &Facts) -> Verdict {
        self.judge.judge_schedule(rule, facts)
    }

    /// Asks the `route` rules where the draft in the facts goes; the first that matches counts.
    pub fn route(&self, facts: &Facts) -> (Option<Route>, Vec<RuleFailure>) {
        self.judge.route(facts)
    }

    /// Asks the `sla` rules what is promised about the ticket in the facts; the first that matches counts.
    pub fn sla(&self, facts: &Facts) -> (Option<Terms>, Vec<RuleFailure>) {
        let (rule, failures) = self.judge.sla(facts);
        let terms = rule.and_then(|rule| self.ledger.of_rule(rule));
        (terms.cloned(), failures)
    }

    /// Gives all terms, those of approvals too, in the order of the rules.
    pub fn terms(&self) -> &[Terms] {
        self.ledger.terms()
    }

    /// Gives the terms that a clock holds on to; `None` where they are not those of this policy.
    pub fn pinned(&self, pin: &Pin) -> Option<&Terms> {
        self.ledger.pinned(pin)
    }

    /// Gives a calendar by name.
    pub fn calendar(&self, name: &str) -> Option<&Arc<Calendar>> {
        self.ledger.calendar(name)
    }

    /// Gives how soon an `approval` rule wants a decision; `None` where it does not say.
    pub fn approval_terms(&self, rule: &str) -> Option<&Terms> {
        let of_rule = self.ledger.of_rule(rule);
        of_rule.filter(|terms| terms.policy.is_of_approvals())
    }

    /// Looks at what time may have made wrong since the load: calendars that do not open any more.
    ///
    /// A load itself knows no time; whoever puts a policy in force asks here too, and refuses
    /// it for a fault.
    pub fn check_at(&self, now: Timestamp) -> Vec<Fault> {
        self.ledger.check_at(now)
    }

    /// Tells for every rule what it makes of the facts; `route` rules only where there is a draft, `sla`
    /// rules only where there is a ticket.
    pub fn explain(&self, facts: &Facts) -> Explanation {
        Explanation {
            rules: self.judge.explain(facts, &self.ledger),
        }
    }
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Policy")
            .field("rules", &self.rules.len())
            .finish_non_exhaustive()
    }
}
