//! Asking one rule: its `when`, what it does, and the call of a closure.

use std::sync::Arc;

use rhai::{Dynamic, Engine, FnPtr, NativeCallContext, Position};
use serde_json::{Map, Value};

use super::{GATED, Judge, gate::Stand};
use crate::{
    domain::{
        effect::{Effect, Route},
        facts::Facts,
        verdict::RuleFailure,
    },
    policy::{
        effects, facts,
        fault::Located,
        rule::{Action, Rule},
        sandbox::{self, CALL_OPERATIONS},
        value::{Free, MAX_JSON_BYTES, to_json},
    },
};

/// The event as closures get it, built when the first one is called.
pub(super) struct Lazy<'a> {
    pub(super) facts: &'a Facts,
    /// Whether gates are asked.
    pub(super) is_gate: bool,
    shared: Option<Arc<Facts>>,
    event: Option<Dynamic>,
}

/// How a rule answered.
pub(super) enum Asked {
    /// A condition did not hold: its key, what it asks for, what it met.
    Not(&'static str, String, String),
    /// It holds, and wants this.
    Held(Vec<Effect>),
    /// It is a limit or an approval, and says this.
    Stands(Stand),
}

impl<'a> Lazy<'a> {
    /// Begins.
    pub(super) fn new(facts: &'a Facts) -> Self {
        Self {
            facts,
            is_gate: facts.event.kind == GATED,
            shared: None,
            event: None,
        }
    }

    /// Begins for rules that gate nothing, whatever the event is.
    pub(super) fn plain(facts: &'a Facts) -> Self {
        Self {
            is_gate: false,
            ..Self::new(facts)
        }
    }

    /// Gives the event; a rule that declares histories gets one that knows of them.
    fn event(&mut self, rule: &Rule) -> Dynamic {
        let facts = self.facts;
        let shared = self.shared.get_or_insert_with(|| Arc::new(facts.clone()));
        if !rule.conditions.histories.is_empty() {
            return facts::event(shared, Some(Arc::clone(&rule.conditions.histories)));
        }
        self.event
            .get_or_insert_with(|| facts::event(shared, None))
            .clone()
    }
}

impl Judge {
    /// Asks a rule whose data conditions hold.
    pub(super) fn ask(&self, rule: &Rule, lazy: &mut Lazy) -> Result<Asked, RuleFailure> {
        if let Some((wanted, met)) = rule.is_below(lazy.facts) {
            return Ok(Asked::Not("above", wanted, met));
        }
        if let Err(answer) = self.holds(rule, lazy)? {
            return Ok(Asked::Not("when", "true".to_owned(), answer));
        }
        match &rule.action {
            Action::Approval(approval) => Ok(Asked::Stands(approval.stand(lazy.facts))),
            Action::Limit(limit) => Ok(Asked::Stands(self.stand(rule, limit, lazy)?)),
            Action::Answer(_)
            | Action::Calendar(_)
            | Action::Effects(_)
            | Action::Route { .. }
            | Action::Sla(_)
            | Action::Then(_)
            | Action::Timer { .. }
            | Action::Watch(_) => Ok(Asked::Held(self.act(rule, lazy)?)),
        }
    }

    /// Asks a rule's `when`; the inner error is what it answered instead of `true`.
    pub(super) fn holds(
        &self,
        rule: &Rule,
        lazy: &mut Lazy,
    ) -> Result<Result<(), String>, RuleFailure> {
        let Some(when) = &rule.conditions.when else {
            return Ok(Ok(()));
        };
        let answer = self.call(rule, when, lazy)?;
        match answer.as_bool() {
            Ok(true) => Ok(Ok(())),
            Ok(false) => Ok(Err("false".to_owned())),
            // Nothing is no answer to whether a gate stands.
            Err(_) if answer.is_unit() && !lazy.is_gate => Ok(Err("()".to_owned())),
            Err(found) => Err(failure(
                rule,
                format!("`when` answered a value of type `{found}`, neither true nor false"),
            )),
        }
    }

    pub(super) fn act(&self, rule: &Rule, lazy: &mut Lazy) -> Result<Vec<Effect>, RuleFailure> {
        match &rule.action {
            Action::Effects(effects) => Ok(effects.clone()),
            Action::Answer(_)
            | Action::Approval(_)
            | Action::Calendar(_)
            | Action::Limit(_)
            | Action::Route { .. }
            | Action::Sla(_)
            | Action::Watch(_) => Ok(Vec::new()),
            Action::Then(then) | Action::Timer { then, .. } => {
                let answer = self.call(rule, then, lazy)?;
                effects::read(answer, &rule.name).map_err(|error| failure(rule, error))
            }
        }
    }

    pub(super) fn call(
        &self,
        rule: &Rule,
        closure: &FnPtr,
        lazy: &mut Lazy,
    ) -> Result<Dynamic, RuleFailure> {
        let engine = if lazy.is_gate {
            &self.strict
        } else {
            &self.engine
        };
        if rule.takes_event(closure) {
            run(engine, rule, closure, &mut [lazy.event(rule)])
        } else {
            run(engine, rule, closure, &mut [])
        }
    }

    /// Asks a `function` for its answer.
    ///
    /// *Errors*: there is none of that name, or what it raised.
    pub(in crate::policy) fn answer(
        &self,
        name: &str,
        params: &Arc<Map<String, Value>>,
    ) -> Result<Value, String> {
        let asked = self.rules.iter().find_map(|rule| match &rule.action {
            Action::Answer(closure) if &*rule.name == name => Some((rule, closure)),
            _ => None,
        });
        let Some((rule, closure)) = asked else {
            return Err(format!("the policy has no function `{name}`"));
        };
        let given = Dynamic::from(Free::members(params));
        // A calculation compares strictly, as a gate does: what rests on it may be money.
        let answer = run(&self.strict, rule, closure, &mut [given]);
        let answer = answer.map_err(|failure| failure.error)?;
        to_json(&answer, &mut MAX_JSON_BYTES.clone())
    }
}

fn run(
    engine: &Engine,
    rule: &Rule,
    closure: &FnPtr,
    arguments: &mut [Dynamic],
) -> Result<Dynamic, RuleFailure> {
    let context = NativeCallContext::new_with_all_fields(
        engine,
        closure.fn_name(),
        None,
        &rule.home.global,
        Position::NONE,
    );
    let answer = sandbox::guarded(CALL_OPERATIONS, || {
        closure.call_raw(&context, None, arguments)
    });
    answer.map_err(|error| {
        let found = Located::of(&error, &rule.home.file);
        if found.line == 0 {
            return failure(rule, found.message);
        }
        RuleFailure {
            rule: Arc::clone(&rule.name),
            file: found.file.into(),
            line: found.line,
            column: found.column,
            error: found.message,
        }
    })
}

pub(super) fn failure(rule: &Rule, error: String) -> RuleFailure {
    RuleFailure {
        rule: Arc::clone(&rule.name),
        file: Arc::clone(&rule.home.file),
        line: rule.home.at.line().unwrap_or(0),
        column: rule.home.at.position().unwrap_or(0),
        error,
    }
}

impl Rule {
    pub(super) fn destination(&self) -> Option<Route> {
        match &self.action {
            Action::Route { team, assign } => Some(Route {
                rule: Arc::clone(&self.name),
                team: team.clone(),
                assign: assign.clone(),
            }),
            Action::Answer(_)
            | Action::Approval(_)
            | Action::Calendar(_)
            | Action::Effects(_)
            | Action::Limit(_)
            | Action::Sla(_)
            | Action::Then(_)
            | Action::Timer { .. }
            | Action::Watch(_) => None,
        }
    }

    /// Tells whether a closure of this rule takes the event; one of a timer may not.
    fn takes_event(&self, closure: &FnPtr) -> bool {
        match self.action {
            Action::Timer { .. } => self.home.global.lib.first().is_some_and(|functions| {
                functions
                    .get_script_fn(closure.fn_name(), closure.curry().len() + 1)
                    .is_some()
            }),
            Action::Answer(_)
            | Action::Approval(_)
            | Action::Calendar(_)
            | Action::Effects(_)
            | Action::Limit(_)
            | Action::Then(_)
            | Action::Route { .. }
            | Action::Sla(_)
            | Action::Watch(_) => true,
        }
    }
}
