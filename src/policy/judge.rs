//! The judging: facts in, verdict out.
//!
//! Rules are indexed by event type; those with keywords are reached from the
//! words that were found, the others are sieved by channel and segment. Closures
//! come last, one engine for all, the facts built once an event.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use rhai::{Dynamic, Engine, FnPtr, NativeCallContext, Position};

use super::{
    Considered, Finding,
    condition::{Bits, Met, Sieve},
    effects, facts,
    fault::Located,
    rule::{Action, Rule},
    sandbox::{self, CALL_OPERATIONS},
    words::Keywords,
};
use crate::domain::{
    effect::{Effect, Route},
    facts::Facts,
    verdict::{Fired, RuleFailure, Verdict},
};

/// The rules, ready to be asked.
pub(super) struct Judge {
    engine: Engine,
    rules: Vec<Rule>,
    sieves: Vec<Sieve>,
    bits: Bits,
    keywords: Keywords,
    by_event: HashMap<String, Candidates>,
    routes: Vec<usize>,
}

/// The rules that are asked about one event type, by index.
#[derive(Default)]
struct Candidates {
    /// Those without keywords, in order.
    plain: Vec<usize>,
    /// Those with keywords, by keyword.
    by_word: HashMap<usize, Vec<usize>>,
}

/// The event as closures get it, built when the first one is called.
struct Lazy<'a> {
    facts: &'a Facts,
    event: Option<Dynamic>,
}

impl Lazy<'_> {
    fn event(&mut self) -> Dynamic {
        let facts = self.facts;
        self.event
            .get_or_insert_with(|| facts::event(&Arc::new(facts.clone())))
            .clone()
    }
}

impl Judge {
    /// Indexes the rules.
    ///
    /// *Errors*: there are too many keywords for one automaton.
    pub(super) fn new(engine: Engine, mut rules: Vec<Rule>) -> Result<Self, String> {
        let mut indices: BTreeMap<String, usize> = BTreeMap::new();
        let mut words = Vec::new();
        for rule in &mut rules {
            for word in &rule.conditions.keywords {
                let index = *indices.entry(word.clone()).or_insert_with(|| {
                    words.push(word.clone());
                    words.len() - 1
                });
                rule.conditions.keyword_indices.push(index);
            }
        }
        let keywords = Keywords::new(words).map_err(|error| error.to_string())?;
        let mut bits = Bits::default();
        let mut sieves = Vec::with_capacity(rules.len());
        let mut by_event: HashMap<String, Candidates> = HashMap::new();
        let mut routes = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            sieves.push(bits.sieve(&rule.conditions));
            if matches!(rule.action, Action::Route { .. }) {
                routes.push(index);
            }
            for kind in &rule.on {
                let candidates = by_event.entry(kind.clone()).or_default();
                if rule.conditions.keywords.is_empty() {
                    candidates.plain.push(index);
                }
                for &word in &rule.conditions.keyword_indices {
                    candidates.by_word.entry(word).or_default().push(index);
                }
            }
        }
        Ok(Self {
            engine,
            rules,
            sieves,
            bits,
            keywords,
            by_event,
            routes,
        })
    }

    /// Asks the rules about an event.
    pub(super) fn judge(&self, facts: &Facts) -> Verdict {
        let mut verdict = Verdict::default();
        let Some(candidates) = self.by_event.get(&facts.event.kind) else {
            return verdict;
        };
        let met = Met::of_event(facts, &self.keywords);
        let met_bits = self.bits.met(&met);
        let mut lazy = Lazy { facts, event: None };
        let found = candidates.by_words(&met);
        for index in merge(&candidates.plain, &found) {
            if !self.sieves[index].lets_through(met_bits) {
                continue;
            }
            let rule = &self.rules[index];
            if rule.conditions.first_unmet(&rule.name, &met).is_some() {
                continue;
            }
            match self.ask(rule, &mut lazy) {
                Ok(Asked::Held(effects)) if !effects.is_empty() => {
                    verdict.fired.push(fired(rule, effects));
                }
                Ok(_) => {}
                Err(failure) => verdict.failures.push(failure),
            }
        }
        verdict
    }

    /// Asks a `schedule` rule.
    pub(super) fn judge_schedule(&self, name: &str, facts: &Facts) -> Verdict {
        let mut verdict = Verdict::default();
        let due = self
            .rules
            .iter()
            .find(|rule| &*rule.name == name && matches!(rule.action, Action::Timer { .. }));
        let Some(rule) = due else {
            return verdict;
        };
        match self.act(rule, &mut Lazy { facts, event: None }) {
            Ok(effects) if effects.is_empty() => {}
            Ok(effects) => verdict.fired.push(fired(rule, effects)),
            Err(failure) => verdict.failures.push(failure),
        }
        verdict
    }

    /// Asks the `route` rules; the first that matches counts.
    pub(super) fn route(&self, facts: &Facts) -> (Option<Route>, Vec<RuleFailure>) {
        let met = Met::of_draft(facts, &self.keywords);
        let met_bits = self.bits.met(&met);
        let mut lazy = Lazy { facts, event: None };
        let mut failures = Vec::new();
        for &index in &self.routes {
            let rule = &self.rules[index];
            if !self.sieves[index].lets_through(met_bits)
                || rule.conditions.first_unmet(&rule.name, &met).is_some()
            {
                continue;
            }
            match self.holds(rule, &mut lazy) {
                Ok(Ok(())) => return (rule.destination(), failures),
                Ok(Err(_)) => {}
                Err(failure) => failures.push(failure),
            }
        }
        (None, failures)
    }

    /// Tells for every rule what it makes of the facts.
    pub(super) fn explain(&self, facts: &Facts) -> Vec<Considered> {
        let met = Met::of_event(facts, &self.keywords);
        let draft = Met::of_draft(facts, &self.keywords);
        let mut lazy = Lazy { facts, event: None };
        let mut counted: Option<Arc<str>> = None;
        let mut considered = Vec::with_capacity(self.rules.len());
        for rule in &self.rules {
            let finding = match &rule.action {
                Action::Timer { .. } => continue,
                Action::Route { .. } if facts.state.draft.is_none() => continue,
                Action::Route { .. } => {
                    let finding = self.explain_rule(rule, &draft, &mut lazy);
                    match (finding, &counted) {
                        (Finding::Routed { .. }, Some(by)) => {
                            Finding::Overtaken { by: Arc::clone(by) }
                        }
                        (finding, _) => {
                            if matches!(finding, Finding::Routed { .. }) {
                                counted = Some(Arc::clone(&rule.name));
                            }
                            finding
                        }
                    }
                }
                Action::Effects(_) | Action::Then(_) => self.explain_rule(rule, &met, &mut lazy),
            };
            considered.push(Considered {
                rule: Arc::clone(&rule.name),
                kind: rule.kind,
                file: Arc::clone(&rule.home.file),
                line: rule.home.at.line().unwrap_or(0),
                finding,
            });
        }
        considered
    }

    fn explain_rule(&self, rule: &Rule, met: &Met, lazy: &mut Lazy) -> Finding {
        let kind = &met.facts.event.kind;
        if !rule.on.is_empty() && !rule.on.contains(kind) {
            return Finding::Unmet {
                condition: "on",
                wanted: rule.on.join(", "),
                met: kind.clone(),
            };
        }
        if let Some(condition) = rule.conditions.first_unmet(&rule.name, met) {
            let (wanted, met) = rule.conditions.describe(condition, &rule.name, met);
            return Finding::Unmet {
                condition,
                wanted,
                met,
            };
        }
        match self.ask(rule, lazy) {
            Ok(Asked::Not(answer)) => Finding::Unmet {
                condition: "when",
                wanted: "true".to_owned(),
                met: answer,
            },
            Ok(Asked::Held(effects)) => match rule.destination() {
                Some(route) => Finding::Routed { route },
                None => Finding::Fired { effects },
            },
            Err(failure) => Finding::Failed { failure },
        }
    }

    /// Asks a rule whose data conditions hold.
    fn ask(&self, rule: &Rule, lazy: &mut Lazy) -> Result<Asked, RuleFailure> {
        match self.holds(rule, lazy)? {
            Err(answer) => Ok(Asked::Not(answer)),
            Ok(()) => Ok(Asked::Held(self.act(rule, lazy)?)),
        }
    }

    /// Asks a rule's `when`; the inner error is what it answered instead of `true`.
    fn holds(&self, rule: &Rule, lazy: &mut Lazy) -> Result<Result<(), String>, RuleFailure> {
        let Some(when) = &rule.conditions.when else {
            return Ok(Ok(()));
        };
        let answer = self.call(rule, when, lazy)?;
        match answer.as_bool() {
            Ok(true) => Ok(Ok(())),
            Ok(false) => Ok(Err("false".to_owned())),
            Err(_) if answer.is_unit() => Ok(Err("()".to_owned())),
            Err(found) => Err(failure(
                rule,
                format!("`when` answered a value of type `{found}`, neither true nor false"),
            )),
        }
    }

    fn act(&self, rule: &Rule, lazy: &mut Lazy) -> Result<Vec<Effect>, RuleFailure> {
        match &rule.action {
            Action::Effects(effects) => Ok(effects.clone()),
            Action::Route { .. } => Ok(Vec::new()),
            Action::Then(then) | Action::Timer { then, .. } => {
                let answer = self.call(rule, then, lazy)?;
                effects::read(answer, &rule.name).map_err(|error| failure(rule, error))
            }
        }
    }

    fn call(&self, rule: &Rule, closure: &FnPtr, lazy: &mut Lazy) -> Result<Dynamic, RuleFailure> {
        let global = &rule.home.global;
        let context = NativeCallContext::new_with_all_fields(
            &self.engine,
            closure.fn_name(),
            None,
            global,
            Position::NONE,
        );
        let answer = if rule.takes_event(closure) {
            let mut arguments = [lazy.event()];
            sandbox::guarded(CALL_OPERATIONS, || {
                closure.call_raw(&context, None, &mut arguments)
            })
        } else {
            sandbox::guarded(CALL_OPERATIONS, || {
                closure.call_raw(&context, None, &mut [])
            })
        };
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
}

/// How a rule answered.
enum Asked {
    /// Its `when` did not hold; what it answered.
    Not(String),
    /// It holds, and wants this.
    Held(Vec<Effect>),
}

impl Candidates {
    /// Gives the rules whose keywords were found, in order, each once.
    fn by_words(&self, met: &Met) -> Vec<usize> {
        let mut found = Vec::new();
        if !self.by_word.is_empty() {
            met.each_hit(|word| {
                if let Some(rules) = self.by_word.get(&word) {
                    found.extend_from_slice(rules);
                }
            });
            found.sort_unstable();
            found.dedup();
        }
        found
    }
}

/// Merges two rising lists that have nothing in common.
fn merge<'a>(a: &'a [usize], b: &'a [usize]) -> impl Iterator<Item = usize> + 'a {
    let (mut a, mut b) = (a.iter().copied().peekable(), b.iter().copied().peekable());
    std::iter::from_fn(move || match (a.peek(), b.peek()) {
        (Some(left), Some(right)) if left > right => b.next(),
        (Some(_), _) => a.next(),
        (None, _) => b.next(),
    })
}

fn fired(rule: &Rule, effects: Vec<Effect>) -> Fired {
    Fired {
        rule: Arc::clone(&rule.name),
        effects,
        has_cooldown: rule.conditions.cooldown.is_some(),
    }
}

fn failure(rule: &Rule, error: String) -> RuleFailure {
    RuleFailure {
        rule: Arc::clone(&rule.name),
        file: Arc::clone(&rule.home.file),
        line: rule.home.at.line().unwrap_or(0),
        column: rule.home.at.position().unwrap_or(0),
        error,
    }
}

impl Rule {
    fn destination(&self) -> Option<Route> {
        match &self.action {
            Action::Route { team, assign } => Some(Route {
                rule: Arc::clone(&self.name),
                team: team.clone(),
                assign: assign.clone(),
            }),
            Action::Effects(_) | Action::Then(_) | Action::Timer { .. } => None,
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
            Action::Effects(_) | Action::Then(_) | Action::Route { .. } => true,
        }
    }
}

#[cfg(test)]
mod tests;
