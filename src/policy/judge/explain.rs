//! The explaining: what every rule makes of the facts, and why.

use std::sync::Arc;

use super::{
    Judge,
    ask::{Asked, Lazy},
};
use crate::{
    domain::facts::Facts,
    policy::{
        Considered, Finding,
        condition::Met,
        rule::{Action, Rule},
        terms::Ledger,
    },
};

/// The rule of those that counted, where only the first does.
type First = Option<Arc<str>>;

/// Says of a rule that would count whether it does, or one before it did.
fn after_the_first(first: &mut First, rule: &Rule, finding: Finding) -> Finding {
    if !matches!(finding, Finding::Promised { .. } | Finding::Routed { .. }) {
        return finding;
    }
    if let Some(by) = first {
        return Finding::Overtaken { by: Arc::clone(by) };
    }
    *first = Some(Arc::clone(&rule.name));
    finding
}

fn promised(rule: &Rule, ledger: &Ledger) -> Finding {
    let terms = ledger.of_rule(&rule.name);
    let calendar = terms.map(|terms| terms.calendar.name().to_owned());
    let targets = terms.map(|terms| terms.policy.targets.clone());
    Finding::Promised {
        calendar: calendar.unwrap_or_default(),
        targets: targets.unwrap_or_default(),
    }
}

impl Judge {
    /// Tells for every rule what it makes of the facts.
    pub(in crate::policy) fn explain(&self, facts: &Facts, ledger: &Ledger) -> Vec<Considered> {
        let met = Met::of_event(facts, &self.keywords);
        let draft = Met::of_draft(facts, &self.keywords);
        let ticket = Met::of_ticket(facts, &self.keywords);
        let (mut lazy, mut plain) = (Lazy::new(facts), Lazy::plain(facts));
        let (mut route, mut sla): (First, First) = (None, None);
        let mut considered = Vec::with_capacity(self.rules.len());
        for rule in &self.rules {
            let finding = match &rule.action {
                Action::Answer(_)
                | Action::Calendar(_)
                | Action::Timer { .. }
                | Action::Watch(_) => continue,
                Action::Route { .. } if facts.state.draft.is_none() => continue,
                Action::Route { .. } => {
                    let finding = self.explain_rule(rule, &draft, &mut lazy);
                    after_the_first(&mut route, rule, finding)
                }
                Action::Sla(_) if facts.state.ticket.is_none() => continue,
                Action::Sla(_) => {
                    let finding = match self.explain_rule(rule, &ticket, &mut plain) {
                        Finding::Fired { .. } => promised(rule, ledger),
                        other => other,
                    };
                    after_the_first(&mut sla, rule, finding)
                }
                Action::Approval(_) | Action::Limit(_) if !lazy.is_gate => continue,
                Action::Approval(_) | Action::Effects(_) | Action::Limit(_) | Action::Then(_) => {
                    self.explain_rule(rule, &met, &mut lazy)
                }
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
        let unmet = rule.conditions.first_unmet(&rule.name, met);
        if let Some(condition) = unmet.filter(|unmet| !rule.stands_through(unmet, lazy.is_gate)) {
            let (wanted, met) = rule.conditions.describe(condition, &rule.name, met);
            return Finding::Unmet {
                condition,
                wanted,
                met,
            };
        }
        match self.ask(rule, lazy) {
            Ok(Asked::Not(condition, wanted, met)) => Finding::Unmet {
                condition,
                wanted,
                met,
            },
            Ok(Asked::Stands(stand)) => Finding::Gated { says: stand.say() },
            Ok(Asked::Held(effects)) => match rule.destination() {
                Some(route) => Finding::Routed { route },
                None => Finding::Fired { effects },
            },
            Err(failure) => Finding::Failed { failure },
        }
    }
}
