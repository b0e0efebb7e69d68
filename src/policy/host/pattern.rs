//! Regular expressions in linear time. Patterns are compiled once and kept, up to a bound.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, RwLock},
};

use regex::{Regex, RegexBuilder};
use rhai::{Array, Dynamic, Engine, ImmutableString};

use super::{HostFunction, HostGroup, function};
use crate::policy::{
    sandbox::charge,
    value::{Raised, raise, text},
};

/// How many compiled patterns are kept; past it they are dropped and compiled again.
const KEPT: usize = 1_000;
/// The longest pattern. *Units*: bytes.
const MAX_PATTERN_BYTES: usize = 1_024;
/// The largest compiled pattern. *Units*: bytes.
const MAX_COMPILED_BYTES: usize = 512 * 1024;

const FUNCTIONS: &[HostFunction] = &[
    function(
        "capture",
        "capture(text, pattern) -> array or ()",
        "Gives the first match and its groups as texts (`()` for a group that took no part).",
    ),
    function(
        "find_all",
        "find_all(text, pattern) -> array",
        "Gives every match as a text.",
    ),
    function(
        "matches",
        "matches(text, pattern) -> bool",
        "Tells whether the pattern matches anywhere; begin it with `(?i)` for any case.",
    ),
    function(
        "replace_all",
        "replace_all(text, pattern, with) -> text",
        "Replaces every match; `$1` stands for a group.",
    ),
];

pub(super) const GROUP: HostGroup = HostGroup {
    title: "Patterns",
    functions: FUNCTIONS,
    register,
};

static COMPILED: LazyLock<RwLock<HashMap<String, Arc<Regex>>>> = LazyLock::new(RwLock::default);

fn register(engine: &mut Engine) {
    engine
        .register_fn(
            "matches",
            |subject: ImmutableString, pattern: ImmutableString| -> Result<bool, Raised> {
                Ok(prepare(&subject, &pattern)?.is_match(&subject))
            },
        )
        .register_fn("matches", |_absent: (), _pattern: ImmutableString| false)
        .register_fn(
            "capture",
            |subject: ImmutableString, pattern: ImmutableString| -> Result<Dynamic, Raised> {
                let found = prepare(&subject, &pattern)?;
                Ok(found.captures(&subject).map_or(Dynamic::UNIT, |groups| {
                    let groups: Array = groups
                        .iter()
                        .map(|group| text(group.map(|group| group.as_str())))
                        .collect();
                    Dynamic::from_array(groups)
                }))
            },
        )
        .register_fn(
            "find_all",
            |subject: ImmutableString, pattern: ImmutableString| -> Result<Array, Raised> {
                let found = prepare(&subject, &pattern)?;
                Ok(found
                    .find_iter(&subject)
                    .take(crate::policy::sandbox::MAX_ELEMENTS)
                    .map(|found| text(Some(found.as_str())))
                    .collect())
            },
        )
        .register_fn("replace_all", replace_all);
}

fn replace_all(subject: &str, pattern: &str, with: &str) -> Result<ImmutableString, Raised> {
    let found = prepare(subject, pattern)?;
    let limit = crate::policy::sandbox::MAX_STRING_BYTES;
    let mut written = String::with_capacity(subject.len());
    let mut end = 0;
    for groups in found.captures_iter(subject) {
        let Some(whole) = groups.get(0) else { continue };
        written.push_str(&subject[end..whole.start()]);
        groups.expand(with, &mut written);
        end = whole.end();
        if written.len() > limit {
            return Err(raise("too large: Length of string"));
        }
    }
    written.push_str(&subject[end..]);
    Ok(written.into())
}

/// Compiles `pattern` or takes it from the kept ones, and charges for the search.
fn prepare(subject: &str, pattern: &str) -> Result<Arc<Regex>, Raised> {
    charge(subject.len())?;
    if let Some(found) = COMPILED
        .read()
        .ok()
        .and_then(|kept| kept.get(pattern).cloned())
    {
        return Ok(found);
    }
    // Compiling costs as much as searching a long text.
    charge(64 * 1024)?;
    let compiled = Arc::new(compile(pattern).map_err(raise)?);
    if let Ok(mut kept) = COMPILED.write() {
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(pattern.to_owned(), Arc::clone(&compiled));
    }
    Ok(compiled)
}

/// Compiles a pattern within its bounds.
pub(in crate::policy) fn compile(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > MAX_PATTERN_BYTES {
        return Err(format!(
            "the pattern is longer than {MAX_PATTERN_BYTES} bytes"
        ));
    }
    RegexBuilder::new(pattern)
        .size_limit(MAX_COMPILED_BYTES)
        .dfa_size_limit(MAX_COMPILED_BYTES)
        .build()
        .map_err(|error| {
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or_default();
            format!(
                "`{pattern}` is not a pattern: {}",
                reason.trim_start_matches("error: ")
            )
        })
}
