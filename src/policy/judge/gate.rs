//! The gates: what the policy says to one request for an action.
//!
//! Limits, approvals and the rules about `action.requested`, indexed by the action. A gate
//! that fails is no permission: it is told as a failure, and the caller has the request wait.
//! A cooldown holds back what a rule asks for besides, never its no.

use std::{collections::HashMap, sync::Arc};

use super::{
    GATED, Judge,
    ask::{Asked, Lazy, failure},
    fired, merge,
};
use crate::{
    domain::{
        access::Amount,
        approval::Stage,
        decimal,
        effect::Effect,
        facts::Facts,
        gate::{ApprovalAsk, Denial, Gate, LimitAsk, OnExpiry, Otherwise, Prompt},
        verdict::RuleFailure,
    },
    policy::{
        condition::Met,
        facts,
        rule::{Action, Approval, Limit, Rule, WindowOf},
        spec,
    },
};

/// The longest key that a closure may answer. *Units*: bytes.
const MAX_KEY_BYTES: usize = 256;

/// The gates by action, by index.
#[derive(Default)]
pub(super) struct Gates {
    /// Those about any action, or about all whose names begin alike.
    any: Vec<usize>,
    by_action: HashMap<String, Vec<usize>>,
}

/// What a limit or an approval says to a request.
pub(super) enum Stand {
    /// No.
    Denied(Denial),
    /// It counts here.
    Limited(LimitAsk),
    /// People decide.
    Approval(ApprovalAsk),
}

impl Gates {
    /// Indexes the rules that are gates.
    pub(super) fn of(rules: &[Rule]) -> Self {
        let mut gates = Self::default();
        for (index, rule) in rules.iter().enumerate() {
            if !rule.on.iter().any(|kind| kind == GATED) {
                continue;
            }
            let actions = &rule.conditions.actions;
            if actions.is_empty() || actions.iter().any(|action| action.ends_with('*')) {
                gates.any.push(index);
                continue;
            }
            for action in actions {
                let of_action = gates.by_action.entry(action.clone()).or_default();
                if of_action.last() != Some(&index) {
                    of_action.push(index);
                }
            }
        }
        gates
    }

    /// Gives the gates that may have to do with a request, in the order of the policy.
    pub(super) fn about(&self, facts: &Facts) -> Vec<usize> {
        if facts.event.kind != GATED {
            return Vec::new();
        }
        let of_action = facts::action(facts).and_then(|action| self.by_action.get(action));
        merge(&self.any, of_action.map_or(&[], Vec::as_slice)).collect()
    }
}

impl Judge {
    /// Asks the gates about a request.
    pub(in crate::policy) fn gate(&self, facts: &Facts) -> Gate {
        let mut gate = Gate::default();
        let met = Met::of_event(facts, &self.keywords);
        let mut lazy = Lazy::new(facts);
        for (rule, is_cooling) in self.concerned(&met) {
            match self.ask(rule, &mut lazy) {
                Ok(Asked::Not(..)) => {}
                Ok(Asked::Stands(stand)) => gate.take(stand),
                Ok(Asked::Held(effects)) => gate.take_effects(rule, effects, is_cooling),
                Err(failure) => gate.failures.push(failure),
            }
        }
        gate
    }

    /// Gives the gates that a request has to do with, each with whether it cools down.
    pub(super) fn concerned<'s>(
        &'s self,
        met: &'s Met<'s>,
    ) -> impl Iterator<Item = (&'s Rule, bool)> + 's {
        let bits = self.bits.met(met);
        let about = self.gates.about(met.facts).into_iter();
        about.filter_map(move |index| {
            let rule = &self.rules[index];
            if !self.sieves[index].lets_through(bits) {
                return None;
            }
            let unmet = rule.conditions.first_unmet(&rule.name, met);
            let stands = unmet.is_none_or(|unmet| rule.stands_through(unmet, true));
            stands.then_some((rule, unmet.is_some()))
        })
    }

    /// Gives what a limit says.
    pub(super) fn stand(
        &self,
        rule: &Rule,
        limit: &Limit,
        lazy: &mut Lazy,
    ) -> Result<Stand, RuleFailure> {
        let amount = match &limit.field {
            None => Amount::None,
            Some(field) => match amount(lazy.facts, field) {
                Amount::Unreadable => return Ok(Stand::unreadable(&rule.name, field)),
                known => known,
            },
        };
        let key = match &limit.by {
            WindowOf::By(by) => by
                .key(&facts::whose(lazy.facts))
                .map_err(|unknown| failure(rule, unknown.to_string()))?,
            WindowOf::Closure(closure) => {
                let answer = self.call(rule, closure, lazy)?;
                key(&answer).map_err(|error| failure(rule, error))?
            }
        };
        Ok(Stand::Limited(LimitAsk {
            rule: Arc::clone(&rule.name),
            key,
            cap: limit.cap.clone(),
            amount,
            otherwise: limit.otherwise,
            approvers: limit.approvers.clone(),
        }))
    }
}

/// Makes the key of a window of what a closure answered.
fn key(answer: &rhai::Dynamic) -> Result<String, String> {
    let text = spec::text(answer).filter(|text| !text.trim().is_empty());
    let number = || spec::decimal(answer).map(|number| number.normalize().to_string());
    let flag = || answer.as_bool().ok().map(|flag| flag.to_string());
    let known = text.or_else(number).or_else(flag);
    match known.filter(|known| known.len() <= MAX_KEY_BYTES) {
        Some(known) => Ok(format!("key:{known}")),
        None => Err(format!(
            "`by` answered no key: it wants a text of 1 to {MAX_KEY_BYTES} bytes, a number or a flag"
        )),
    }
}

/// Gives how much a request is about by a parameter. What is no number is unreadable, and so is nothing.
fn amount(facts: &Facts, field: &str) -> Amount {
    let known = facts::param(facts, field).and_then(decimal::of);
    known.map_or(Amount::Unreadable, Amount::Of)
}

impl Rule {
    /// Gives the threshold of an approval and what it met, where that is not above it.
    pub(super) fn is_below(&self, facts: &Facts) -> Option<(String, String)> {
        let Action::Approval(approval) = &self.action else {
            return None;
        };
        let (field, above) = approval.threshold.as_ref()?;
        match amount(facts, field) {
            Amount::Of(amount) if amount <= *above => Some((above.to_string(), amount.to_string())),
            _ => None,
        }
    }

    /// Tells whether a rule is asked although this condition does not hold: a cooldown ends no gate.
    pub(super) fn stands_through(&self, unmet: &str, is_gate: bool) -> bool {
        is_gate && unmet == "cooldown" && matches!(self.action, Action::Then(_))
    }
}

impl Approval {
    /// Gives what an approval says.
    pub(super) fn stand(&self, facts: &Facts) -> Stand {
        match &self.threshold {
            Some((field, _)) if amount(facts, field) == Amount::Unreadable => {
                Stand::unreadable(&self.ask.rule, field)
            }
            _ => Stand::Approval(self.ask.clone()),
        }
    }
}

impl Stand {
    fn unreadable(rule: &Arc<str>, field: &str) -> Self {
        Self::Denied(Denial {
            rule: Arc::clone(rule),
            reason: format!("`{field}` is not a number"),
            is_unreadable: true,
        })
    }

    /// Says it in words, for people.
    pub(super) fn say(&self) -> String {
        match self {
            Self::Denied(denial) => format!("denies: {}", denial.reason),
            Self::Limited(ask) => say_limit(ask),
            Self::Approval(ask) => {
                let stages: Vec<String> = ask.stages.iter().map(say_stage).collect();
                format!("asks {}", stages.join(", then "))
            }
        }
    }
}

fn say_limit(ask: &LimitAsk) -> String {
    let cap = &ask.cap;
    let parts = [
        cap.max_count.map(|most| format!("{most} of them")),
        cap.max_sum.map(|most| format!("{most} together")),
        cap.max_each.map(|most| format!("{most} each")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let window = cap
        .window
        .map_or_else(String::new, |span| format!(" in {span}"));
    let otherwise = match ask.otherwise {
        Otherwise::Deny => "denies".to_owned(),
        Otherwise::Approval => format!("asks {}", ask.approvers.join(" or ")),
        Otherwise::Escalate => "denies and escalates".to_owned(),
    };
    format!(
        "at most {}{window} for `{}`, else {otherwise}",
        parts.join(", "),
        ask.key
    )
}

fn say_stage(stage: &Stage) -> String {
    format!("{} of {}", stage.required, stage.approvers.join(" or "))
}

impl Gate {
    fn take(&mut self, stand: Stand) {
        match stand {
            Stand::Denied(denial) => self.denials.push(denial),
            Stand::Limited(ask) => self.limits.push(ask),
            Stand::Approval(ask) => self.approvals.push(ask),
        }
    }

    /// Takes what a rule asks for; what gates nothing is left out while the rule cools down.
    fn take_effects(&mut self, rule: &Rule, effects: Vec<Effect>, is_cooling: bool) {
        let mut rest = Vec::new();
        let name = || Arc::clone(&rule.name);
        for effect in effects {
            match effect {
                Effect::Deny { reason } => self.denials.push(Denial {
                    rule: name(),
                    reason,
                    is_unreadable: false,
                }),
                Effect::RequireApproval {
                    approvers,
                    required,
                } => self.approvals.push(ApprovalAsk {
                    rule: name(),
                    stages: vec![Stage {
                        approvers,
                        required,
                    }],
                    rejections: 1,
                    expires_after: None,
                    remind_after: None,
                    on_expiry: OnExpiry::default(),
                    notify: Vec::new(),
                    calendar: None,
                }),
                Effect::RequireConfirmation { prompt } => self.confirmations.push(Prompt {
                    rule: name(),
                    text: prompt,
                }),
                other => rest.push(other),
            }
        }
        if !rest.is_empty() && !is_cooling {
            self.fired.push(fired(rule, rest));
        }
    }
}

#[cfg(test)]
mod tests;
