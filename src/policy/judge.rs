//! The judging: facts in, verdict out.
//!
//! Rules are indexed by event type; those with keywords are reached from the
//! words that were found, the others are sieved by channel and segment. Closures
//! come last, one engine for all, the facts built once an event. Rules about
//! `action.requested` are gates: they are asked by [`gate`], by a stricter engine.

mod ask;
mod explain;
mod gate;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use rhai::Engine;

use self::{
    ask::{Asked, Lazy},
    gate::Gates,
};
use super::{
    condition::{Bits, Met, Sieve},
    facts,
    rule::{Action, Rule},
    words::Keywords,
};
use crate::domain::{
    effect::{Effect, Route},
    facts::Facts,
    history::HistoryAsk,
    verdict::{Fired, RuleFailure, Verdict},
};

/// The event type whose rules are gates.
pub(super) const GATED: &str = "action.requested";

/// The rules, ready to be asked.
pub(super) struct Judge {
    engine: Engine,
    /// The engine of gates, which compares strictly.
    strict: Engine,
    rules: Vec<Rule>,
    sieves: Vec<Sieve>,
    bits: Bits,
    keywords: Keywords,
    by_event: HashMap<String, Candidates>,
    gates: Gates,
    routes: Vec<usize>,
    slas: Vec<usize>,
    /// Whether any rule declares a history.
    recalls: bool,
}

/// The rules that are asked about one event type, by index.
#[derive(Default)]
struct Candidates {
    /// Those without keywords, in order.
    plain: Vec<usize>,
    /// Those with keywords, by keyword.
    by_word: HashMap<usize, Vec<usize>>,
}

impl Judge {
    /// Indexes the rules.
    ///
    /// *Errors*: there are too many keywords for one automaton.
    pub(super) fn new(
        engine: Engine,
        strict: Engine,
        mut rules: Vec<Rule>,
    ) -> Result<Self, String> {
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
        let (mut routes, mut slas) = (Vec::new(), Vec::new());
        for (index, rule) in rules.iter().enumerate() {
            sieves.push(bits.sieve(&rule.conditions));
            if matches!(rule.action, Action::Route { .. }) {
                routes.push(index);
            }
            if matches!(rule.action, Action::Sla(_)) {
                slas.push(index);
            }
            for kind in rule.on.iter().filter(|kind| *kind != GATED) {
                let candidates = by_event.entry(kind.clone()).or_default();
                if rule.conditions.keywords.is_empty() {
                    candidates.plain.push(index);
                }
                for &word in &rule.conditions.keyword_indices {
                    candidates.by_word.entry(word).or_default().push(index);
                }
            }
        }
        let declares = |rule: &Rule| !rule.conditions.histories.is_empty();
        Ok(Self {
            engine,
            strict,
            recalls: rules.iter().any(declares),
            gates: Gates::of(&rules),
            rules,
            sieves,
            bits,
            keywords,
            by_event,
            routes,
            slas,
        })
    }

    /// Gives the rules of those at `indices` whose data conditions hold.
    fn holding<'s>(
        &'s self,
        met: &'s Met<'s>,
        indices: impl Iterator<Item = usize> + 's,
    ) -> impl Iterator<Item = &'s Rule> + 's {
        let bits = self.bits.met(met);
        indices
            .filter(move |&index| self.sieves[index].lets_through(bits))
            .map(|index| &self.rules[index])
            .filter(|rule| rule.conditions.first_unmet(&rule.name, met).is_none())
    }

    /// Asks the rules about an event; gates are not asked.
    pub(super) fn judge(&self, facts: &Facts) -> Verdict {
        let mut verdict = Verdict::default();
        let Some(candidates) = self.by_event.get(&facts.event.kind) else {
            return verdict;
        };
        let met = Met::of_event(facts, &self.keywords);
        let mut lazy = Lazy::new(facts);
        let found = candidates.by_words(&met);
        for rule in self.holding(&met, merge(&candidates.plain, &found)) {
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

    /// Gives the histories that the rules which could fire want, each once.
    pub(super) fn histories(&self, facts: &Facts) -> Vec<HistoryAsk> {
        if !self.recalls {
            return Vec::new();
        }
        let mut asked: BTreeMap<String, HistoryAsk> = BTreeMap::new();
        let met = Met::of_event(facts, &self.keywords);
        let whose = facts::whose(facts);
        let mut wanted: Vec<&Rule> = self.concerned(&met).map(|(rule, _)| rule).collect();
        if let Some(candidates) = self.by_event.get(&facts.event.kind) {
            let found = candidates.by_words(&met);
            let indices: Vec<usize> = merge(&candidates.plain, &found).collect();
            wanted.extend(self.holding(&met, indices.into_iter()));
        }
        for rule in wanted {
            // What has no key is not loaded; who reads it fails and says so.
            let declared = rule.conditions.histories.iter();
            for ask in declared.flat_map(|one| one.ask(&whose)) {
                asked.entry(ask.identity()).or_insert(ask);
            }
        }
        asked.into_values().collect()
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
        match self.act(rule, &mut Lazy::new(facts)) {
            Ok(effects) if effects.is_empty() => {}
            Ok(effects) => verdict.fired.push(fired(rule, effects)),
            Err(failure) => verdict.failures.push(failure),
        }
        verdict
    }

    /// Asks the `route` rules; the first that matches counts.
    pub(super) fn route(&self, facts: &Facts) -> (Option<Route>, Vec<RuleFailure>) {
        let met = Met::of_draft(facts, &self.keywords);
        let (rule, failures) = self.first(&self.routes, &met, &mut Lazy::new(facts));
        (rule.and_then(Rule::destination), failures)
    }

    /// Asks the `sla` rules; the first that matches counts.
    pub(super) fn sla(&self, facts: &Facts) -> (Option<&str>, Vec<RuleFailure>) {
        let met = Met::of_ticket(facts, &self.keywords);
        let (rule, failures) = self.first(&self.slas, &met, &mut Lazy::plain(facts));
        (rule.map(|rule| &*rule.name), failures)
    }

    /// Gives the first rule of those at `indices` that holds, and those before it that failed.
    fn first(
        &self,
        indices: &[usize],
        met: &Met,
        lazy: &mut Lazy,
    ) -> (Option<&Rule>, Vec<RuleFailure>) {
        let met_bits = self.bits.met(met);
        let mut failures = Vec::new();
        for &index in indices {
            let rule = &self.rules[index];
            if !self.sieves[index].lets_through(met_bits)
                || rule.conditions.first_unmet(&rule.name, met).is_some()
            {
                continue;
            }
            match self.holds(rule, lazy) {
                Ok(Ok(())) => return (Some(rule), failures),
                Ok(Err(_)) => {}
                Err(failure) => failures.push(failure),
            }
        }
        (None, failures)
    }
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

#[cfg(test)]
mod tests;
