//! The declared history as rules see it: `e.history.NAME.count`, `e.history.NAME.sum("amount")`.
//!
//! What was declared and not loaded, or has no key, is an error and never nothing: a
//! threshold on it would let everything through.

use std::sync::Arc;

use rhai::{Dynamic, Engine, ImmutableString};

use super::whose;
use crate::{
    domain::{facts::Facts, history::History, nearest::did_you_mean},
    policy::{
        condition::Declared,
        shape::View,
        value::{Raised, raise},
    },
};

/// All that a rule declares.
#[derive(Clone)]
struct Past {
    facts: Arc<Facts>,
    declared: Option<Arc<[Declared]>>,
}

/// One history.
#[derive(Clone)]
struct Recalled {
    name: Arc<str>,
    history: Arc<History>,
}

/// Registers the types.
pub(super) fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<Past>("history")
        .register_type_with_name::<Recalled>("one history")
        .register_indexer_get(|past: &mut Past, name: ImmutableString| past.recall(&name))
        .register_get("count", |recalled: &mut Recalled| recalled.history.count)
        .register_fn("sum", |recalled: &mut Recalled, field: ImmutableString| {
            recalled.sum(&field)
        });
}

/// Reads what the rule declares.
#[expect(clippy::unnecessary_wraps, reason = "what every field answers")]
pub(super) fn of_event(view: &View) -> Result<Dynamic, Raised> {
    Ok(Dynamic::from(Past {
        facts: Arc::clone(&view.facts),
        declared: view.past.clone(),
    }))
}

impl Past {
    fn recall(&self, name: &str) -> Result<Recalled, Raised> {
        let declared = self.declared.as_deref().unwrap_or_default();
        let Some(one) = declared.iter().find(|one| one.name == name) else {
            let hint = did_you_mean(name, declared.iter().map(|one| one.name.as_str()));
            let hint = hint.map_or_else(String::new, |hint| format!("; {hint}"));
            return Err(raise(format!(
                "the rule declares no history `{name}`{hint}"
            )));
        };
        let ask = one
            .ask(&whose(&self.facts))
            .map_err(|unknown| raise(format!("the history `{name}`: {unknown}")))?;
        match self.facts.state.history.get(&ask.identity()) {
            Some(history) => Ok(Recalled {
                name: name.into(),
                history: Arc::clone(history),
            }),
            None => Err(raise(format!("the history `{name}` was not loaded"))),
        }
    }
}

impl Recalled {
    fn sum(&self, field: &str) -> Result<Dynamic, Raised> {
        self.history
            .sum(field)
            .map(Dynamic::from_decimal)
            .ok_or_else(|| {
                raise(format!(
                    "`{field}` was not always a number in the history `{}`",
                    self.name
                ))
            })
    }
}
