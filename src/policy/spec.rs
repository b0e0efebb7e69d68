//! Keys: what the maps of registrations and effects may hold.
//!
//! One list serves the check at load (literal maps, with the place of each key),
//! the check of computed maps, the reading of values, and the reference.

mod known;
mod nested;
mod takes;

use rhai::{Dynamic, FnPtr, Map};
use rust_decimal::Decimal;

use super::fault;
use crate::domain::{directory::Directory, history::By, nearest::did_you_mean, time::Span};

pub(super) use self::{
    known::quiet_team,
    takes::{Choice, MAX_OBJECT_BYTES, Takes},
};

/// A key of a map.
#[derive(Clone, Copy)]
pub(super) struct Key {
    /// Its name.
    pub(super) name: &'static str,
    /// What it takes.
    pub(super) takes: Takes,
    /// Whether it must be there.
    pub(super) is_required: bool,
    /// What it means, in a few words.
    pub(super) doc: &'static str,
}

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// The fault's code.
    pub(super) code: &'static str,
    /// The sentence.
    pub(super) message: String,
    /// What to write instead.
    pub(super) hint: Option<String>,
    /// The way to it, from the value on; empty: the whole value.
    pub(super) path: Vec<Step>,
}

/// A step on the way to what is wrong in a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// To an element of an array.
    Element(usize),
    /// To the value under a key.
    Key(String),
    /// To a key itself.
    Name(String),
}

impl Wrong {
    /// Makes what is wrong with a whole value.
    pub(super) fn new(code: &'static str, message: String) -> Self {
        Self {
            code,
            message,
            hint: None,
            path: Vec::new(),
        }
    }

    /// Puts it one step further in.
    pub(super) fn within(mut self, step: Step) -> Self {
        self.path.insert(0, step);
        self
    }

    /// Puts it under a key, which its message names.
    pub(super) fn under(mut self, key: &str) -> Self {
        self.message = format!("`{key}`: {}", self.message);
        self.within(Step::Key(key.to_owned()))
    }
}

fn wrong(code: &'static str, message: String, hint: Option<String>) -> Wrong {
    Wrong {
        hint,
        ..Wrong::new(code, message)
    }
}

/// Makes a key that may be left out.
pub(super) const fn optional(name: &'static str, takes: Takes, doc: &'static str) -> Key {
    Key {
        name,
        takes,
        is_required: false,
        doc,
    }
}

/// Makes a key that must be there.
pub(super) const fn required(name: &'static str, takes: Takes, doc: &'static str) -> Key {
    Key {
        name,
        takes,
        is_required: true,
        doc,
    }
}

/// Checks a whole map: unknown keys, absent ones, and each value. Answers all that is wrong.
pub(super) fn check_map(groups: &[&[Key]], map: &Map, directory: &Directory) -> Vec<Wrong> {
    let mut found = Vec::new();
    for (name, value) in map {
        match find(groups, name) {
            None => found.push(unknown(groups, name).within(Step::Name(name.to_string()))),
            Some(key) => {
                let faults = key.takes.faults(value, directory).into_iter();
                found.extend(faults.map(|wrong| wrong.under(name)));
            }
        }
    }
    found.extend(absent(groups, |name| map.contains_key(name)));
    found
}

/// Finds a key by name.
pub(super) fn find<'a>(groups: &[&'a [Key]], name: &str) -> Option<&'a Key> {
    groups
        .iter()
        .flat_map(|group| group.iter())
        .find(|key| key.name == name)
}

/// Words the fault of a key that is not there.
pub(super) fn unknown(groups: &[&[Key]], name: &str) -> Wrong {
    let known = groups
        .iter()
        .flat_map(|group| group.iter())
        .map(|key| key.name);
    wrong(
        fault::KEY,
        format!("there is no key `{name}` here"),
        did_you_mean(name, known),
    )
}

/// Words the faults of required keys that `holds` does not know.
pub(super) fn absent(groups: &[&[Key]], holds: impl Fn(&str) -> bool) -> Vec<Wrong> {
    groups
        .iter()
        .flat_map(|group| group.iter())
        .filter(|key| key.is_required && !holds(key.name))
        .map(|key| {
            wrong(
                fault::MISSING,
                format!(
                    "the key `{}` is missing: {}",
                    key.name,
                    key.takes.describe()
                ),
                None,
            )
        })
        .collect()
}

/// Reads a text.
pub(super) fn text(value: &Dynamic) -> Option<String> {
    value
        .as_immutable_string_ref()
        .ok()
        .map(|text| text.to_string())
}

/// Reads an integer or decimal.
pub(super) fn decimal(value: &Dynamic) -> Option<Decimal> {
    value
        .as_int()
        .map(Decimal::from)
        .or_else(|_| value.as_decimal())
        .ok()
}

/// Reads a text under a key.
pub(super) fn text_at(map: &Map, key: &str) -> Option<String> {
    map.get(key).and_then(text)
}

/// Reads a text or an array of texts under a key; empty when absent.
pub(super) fn texts_at(map: &Map, key: &str) -> Vec<String> {
    map.get(key).map(texts_of).unwrap_or_default()
}

/// Reads a text or an array of texts.
pub(super) fn texts_of(value: &Dynamic) -> Vec<String> {
    match value.as_array_ref() {
        Ok(items) => items.iter().filter_map(text).collect(),
        Err(_) => text(value).into_iter().collect(),
    }
}

/// Reads a duration under a key.
pub(super) fn span_at(map: &Map, key: &str) -> Option<Span> {
    text_at(map, key).and_then(|text| Span::parse(&text).ok())
}

/// Reads a whole number under a key.
pub(super) fn whole_at(map: &Map, key: &str) -> Option<i64> {
    map.get(key).and_then(|value| value.as_int().ok())
}

/// Reads what a window goes by under a key.
pub(super) fn by_at(map: &Map, key: &str) -> Option<By> {
    text_at(map, key).and_then(|text| By::parse(&text))
}

/// Reads a closure under a key.
pub(super) fn closure_at(map: &Map, key: &str) -> Option<FnPtr> {
    map.get(key)
        .and_then(|value| value.clone().try_cast::<FnPtr>())
}
