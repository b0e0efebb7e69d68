//! A verdict: what the policy says to one set of facts.

use std::sync::Arc;

use serde::Serialize;

use super::effect::Effect;

/// All that fired and all that failed, in the order of the policy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// The rules that fired.
    pub fired: Vec<Fired>,
    /// The rules that raised an error or passed a bound; their neighbours still decided.
    pub failures: Vec<RuleFailure>,
}

/// A rule that fired.
#[derive(Clone, Debug, PartialEq)]
pub struct Fired {
    /// Its name.
    pub rule: Arc<str>,
    /// What it asks for.
    pub effects: Vec<Effect>,
    /// Whether the time of its firing is to be kept, because it has a cooldown.
    pub has_cooldown: bool,
}

/// A rule that failed while it decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleFailure {
    /// Its name.
    pub rule: Arc<str>,
    /// The file, relative to the policy folder.
    pub file: Arc<str>,
    /// Line, from 1; 0 when unknown.
    pub line: usize,
    /// Column, from 1; 0 when unknown.
    pub column: usize,
    /// What went wrong.
    pub error: String,
}
