//! Sets: arrays taken as sets of texts, numbers or flags; the first occurrence gives the order.

use rhai::{Array, Dynamic, Engine};

use super::{HostFunction, HostGroup, function};
use crate::policy::{
    sandbox::charge,
    value::{Raised, raise},
};

const FUNCTIONS: &[HostFunction] = &[
    function(
        "contains_all",
        "contains_all(a, b) -> bool",
        "Tells whether every element of `b` is in `a`.",
    ),
    function(
        "contains_any",
        "contains_any(a, b) -> bool",
        "Tells whether an element of `b` is in `a`.",
    ),
    function(
        "difference",
        "difference(a, b) -> array",
        "Gives the elements of `a` that are not in `b`.",
    ),
    function(
        "intersection",
        "intersection(a, b) -> array",
        "Gives the elements of `a` that are in `b`.",
    ),
    function(
        "union",
        "union(a, b) -> array",
        "Gives the elements of `a` and of `b`, each once.",
    ),
    function(
        "unique",
        "unique(a) -> array",
        "Gives the elements of `a`, each once.",
    ),
];

pub(super) const GROUP: HostGroup = HostGroup {
    title: "Sets",
    functions: FUNCTIONS,
    register,
};

fn register(engine: &mut Engine) {
    engine
        .register_fn(
            "contains_all",
            |a: Array, b: Array| -> Result<bool, Raised> {
                let a = keys(&a)?;
                Ok(keys(&b)?.iter().all(|key| a.contains(key)))
            },
        )
        .register_fn(
            "contains_any",
            |a: Array, b: Array| -> Result<bool, Raised> {
                let a = keys(&a)?;
                Ok(keys(&b)?.iter().any(|key| a.contains(key)))
            },
        )
        .register_fn("difference", |a: Array, b: Array| select(a, &b, false))
        .register_fn("intersection", |a: Array, b: Array| select(a, &b, true))
        .register_fn("union", |mut a: Array, b: Array| {
            a.extend(b);
            unique(a)
        })
        .register_fn("unique", unique);
}

fn unique(items: Array) -> Result<Array, Raised> {
    let mut seen = std::collections::HashSet::new();
    let keys = keys(&items)?;
    Ok(items
        .into_iter()
        .zip(keys)
        .filter_map(|(item, key)| seen.insert(key).then_some(item))
        .collect())
}

fn select(a: Array, b: &Array, wanted: bool) -> Result<Array, Raised> {
    let b: std::collections::HashSet<String> = keys(b)?.into_iter().collect();
    let keys = keys(&a)?;
    unique(
        a.into_iter()
            .zip(keys)
            .filter(|(_, key)| b.contains(key) == wanted)
            .map(|(item, _)| item)
            .collect(),
    )
}

/// Gives a key by which equal elements are equal: `1` and `1.0` are one number.
fn keys(items: &[Dynamic]) -> Result<Vec<String>, Raised> {
    charge(items.len() * 64)?;
    items
        .iter()
        .map(|item| {
            if let Ok(text) = item.as_immutable_string_ref() {
                Ok(format!("t{}", *text))
            } else if let Ok(number) = item.as_int() {
                Ok(format!("n{number}"))
            } else if let Ok(number) = item.as_decimal() {
                Ok(format!("n{}", number.normalize()))
            } else if let Ok(flag) = item.as_bool() {
                Ok(format!("b{flag}"))
            } else {
                Err(raise(format!(
                    "a set holds texts, numbers and flags, not a {}",
                    item.type_name()
                )))
            }
        })
        .collect()
}
