//! The keys of one section, each with its type and default.
//!
//! A key that is wrong is reported and its default used; `end` reports the keys that
//! were not asked for. A section's own file says what its values must be beyond that.

use std::{fmt::Display, ops::RangeInclusive};

use rust_decimal::Decimal;
use serde_json::Value;
use toml::de::{DeFloat, DeInteger, DeTable, DeValue};

use super::{
    document::{Document, Stranger},
    fault::{self, Place},
    json::to_json,
    secret,
};
use crate::domain::{
    nearest::{did_you_mean, nearest},
    time::Span,
};

/// A table of the document, present or not.
pub(super) struct Section<'d> {
    pub(super) doc: &'d Document<'d>,
    table: Option<&'d DeTable<'d>>,
    place: Place,
    path: String,
    asked: Vec<&'static str>,
}

/// A value with where it stands; `None` when its key is absent.
struct Found<'d> {
    value: &'d DeValue<'d>,
    place: Place,
}

/// A text of the document or of the environment, references resolved.
pub(super) struct Text {
    /// The resolved text.
    pub(super) value: String,
    /// Where it stands.
    pub(super) place: Place,
    /// Whether the file holds a reference instead of the text itself.
    pub(super) is_reference: bool,
}

impl<'d> Section<'d> {
    /// Gives the whole document as a section.
    pub(super) fn root(doc: &'d Document<'d>, table: &'d DeTable<'d>) -> Self {
        Self {
            doc,
            table: Some(table),
            place: doc.place(&(0..0), ""),
            path: String::new(),
            asked: Vec::new(),
        }
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    fn find(&mut self, key: &'static str) -> Option<Found<'d>> {
        let path = self.path_of(key);
        self.asked.push(key);
        self.doc.known.borrow_mut().insert(path.clone());
        let value = self.table?.get(key)?;
        Some(Found {
            place: self.doc.place(&value.span(), &path),
            value: value.get_ref(),
        })
    }

    /// Tells whether the key is there, right or wrong.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// Gives the place of the section itself.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// Gives the place of a key's value; of the section, where the key is absent.
    pub(super) fn place_of(&self, key: &str) -> Place {
        let value = self.table.and_then(|table| table.get(key));
        let path = self.path_of(key);
        match value {
            Some(value) => self.doc.place(&value.span(), &path),
            None => Place {
                key: path,
                ..self.place.clone()
            },
        }
    }

    /// Reads a text, if it is there, and resolves its references.
    pub(super) fn text(&mut self, key: &'static str) -> Option<Text> {
        let found = self.find(key)?;
        self.resolved(found)
    }

    fn resolved(&self, found: Found<'d>) -> Option<Text> {
        let Found { value, place } = found;
        let Some(raw) = value.as_str() else {
            self.wrong_type(&place, value, "a \"text\" in quotes");
            return None;
        };
        match secret::resolve(raw, self.doc.env, self.doc.folder) {
            Ok(value) => Some(Text {
                value,
                place,
                is_reference: secret::is_reference(raw),
            }),
            Err((message, hint)) => {
                let message = format!("`{}`: {message}", place.key);
                self.doc
                    .report(place.fault(fault::UNRESOLVED, message, hint));
                None
            }
        }
    }

    /// Reads a text that an environment variable overrides; an empty variable counts if `empty_counts`.
    pub(super) fn text_or_variable(
        &mut self,
        key: &'static str,
        variable: &str,
        empty_counts: bool,
    ) -> Option<Text> {
        match self.doc.env.var(variable) {
            Some(text) if empty_counts || !text.is_empty() => {
                // The file's value is not resolved: what the variable hides may be unset.
                self.find(key);
                Some(Text {
                    value: text.to_owned(),
                    place: Place {
                        file: variable.to_owned(),
                        line: 0,
                        column: 0,
                        key: self.path_of(key),
                    },
                    is_reference: true,
                })
            }
            _ => self.text(key),
        }
    }

    /// Reads a text that must not be empty, with a default.
    pub(super) fn name(&mut self, key: &'static str, default: String) -> String {
        match self.text(key) {
            Some(found) if found.value.is_empty() || found.value.len() > 255 => {
                self.bad(&found.place, "must have 1 to 255 bytes", None);
                default
            }
            Some(found) => found.value,
            None => default,
        }
    }

    /// Reads one of a few words, with a default.
    pub(super) fn choice(
        &mut self,
        key: &'static str,
        default: String,
        choices: &[&'static str],
    ) -> String {
        match self.text(key) {
            Some(found) if !choices.contains(&found.value.as_str()) => {
                let said = format!("is `{}`, not one of {}", found.value, choices.join(", "));
                let hint = did_you_mean(&found.value, choices.iter().copied());
                self.bad(&found.place, &said, hint);
                default
            }
            Some(found) => found.value,
            None => default,
        }
    }

    /// Reads a length of time above zero, if it is there.
    pub(super) fn optional_span(&mut self, key: &'static str) -> Option<Span> {
        let found = self.text(key)?;
        match Span::parse(&found.value) {
            Ok(span) if span.micros() > 0 => return Some(span),
            Ok(_) => self.bad(&found.place, "must be longer than nothing", None),
            Err(reason) => self.bad(
                &found.place,
                &format!("is no length of time: {reason}"),
                None,
            ),
        }
        None
    }

    /// Reads a length of time above zero, with a default.
    pub(super) fn span(&mut self, key: &'static str, default: Span) -> Span {
        self.optional_span(key).unwrap_or(default)
    }

    /// Reads `true` or `false`, with a default.
    pub(super) fn flag(&mut self, key: &'static str, default: bool) -> bool {
        let Some(Found { value, place }) = self.find(key) else {
            return default;
        };
        value.as_bool().unwrap_or_else(|| {
            self.wrong_type(&place, value, "true or false");
            default
        })
    }

    /// Reads a whole number within `range`, with a default.
    pub(super) fn count<T>(&mut self, key: &'static str, default: T, range: RangeInclusive<T>) -> T
    where
        T: Copy + PartialOrd + Display + TryFrom<i128>,
    {
        let Some(Found { value, place }) = self.find(key) else {
            return default;
        };
        let Some(number) = value.as_integer() else {
            self.wrong_type(&place, value, "a whole number");
            return default;
        };
        let read = i128::from_str_radix(number.as_str(), number.radix())
            .ok()
            .and_then(|number| T::try_from(number).ok())
            .filter(|number| range.contains(number));
        read.unwrap_or_else(|| {
            let said = format!(
                "is {number}, not within {} to {}",
                range.start(),
                range.end()
            );
            self.bad(&place, &said, None);
            default
        })
    }

    /// Reads a number as it is written, if it is there; a money amount never passes a binary float.
    pub(super) fn decimal(&mut self, key: &'static str) -> Option<Decimal> {
        let Found { value, place } = self.find(key)?;
        let written = value
            .as_integer()
            .map(DeInteger::as_str)
            .or_else(|| value.as_float().map(DeFloat::as_str));
        let Some(written) = written else {
            self.wrong_type(&place, value, "a number");
            return None;
        };
        let read = Decimal::from_str_exact(written).ok();
        if read.is_none() {
            self.bad(
                &place,
                &format!("is {written}, which is no plain number"),
                None,
            );
        }
        read
    }

    /// Reads any value as JSON, with its place, if it is there.
    pub(super) fn json(&mut self, key: &'static str) -> Option<(Value, Place)> {
        let Found { value, place } = self.find(key)?;
        Some((to_json(value), place))
    }

    /// Reads one of a few words by its meaning, with a default.
    pub(super) fn one_of<T: Copy, const N: usize>(
        &mut self,
        key: &'static str,
        default: T,
        names: &[(&'static str, T); N],
    ) -> T {
        let words: Vec<&'static str> = names.iter().map(|(name, _)| *name).collect();
        let chosen = self.choice(key, String::new(), &words);
        let mut found = names.iter().filter(|(name, _)| *name == chosen);
        found.next().map_or(default, |(_, meaning)| *meaning)
    }

    /// Reads a list of texts; absent, it is empty.
    pub(super) fn texts(&mut self, key: &'static str) -> Vec<Text> {
        let Some(Found { value, place }) = self.find(key) else {
            return Vec::new();
        };
        let Some(items) = value.as_array() else {
            self.wrong_type(&place, value, "a list of texts, [\"one\", \"two\"]");
            return Vec::new();
        };
        items
            .iter()
            .enumerate()
            .filter_map(|(index, item)| {
                let place = self
                    .doc
                    .place(&item.span(), &format!("{}[{index}]", place.key));
                self.resolved(Found {
                    value: item.get_ref(),
                    place,
                })
            })
            .collect()
    }

    /// Opens `[key]`; absent, it is a section without keys.
    pub(super) fn section(&mut self, key: &'static str) -> Section<'d> {
        let found = self.find(key);
        let path = self.path_of(key);
        let place = found
            .as_ref()
            .map_or_else(|| self.place.clone(), |found| found.place.clone());
        let table = found.and_then(|found| self.table_of(&found));
        self.open(table, place, path)
    }

    /// Opens every `[key.NAME]`, by name.
    pub(super) fn named(&mut self, key: &'static str) -> Vec<(String, Section<'d>)> {
        let table = self.find(key).and_then(|found| self.table_of(&found));
        let entries = table.into_iter().flat_map(DeTable::iter);
        entries
            .map(|(name, value)| {
                let path = self.path_of(&format!("{key}.{}", name.get_ref()));
                let found = Found {
                    value: value.get_ref(),
                    place: self.doc.place(&name.span(), &path),
                };
                let table = self.table_of(&found);
                (
                    name.get_ref().to_string(),
                    self.open(table, found.place, path),
                )
            })
            .collect()
    }

    /// Opens every `[[key]]`, in order.
    pub(super) fn list(&mut self, key: &'static str) -> Vec<Section<'d>> {
        let Some(Found { value, place }) = self.find(key) else {
            return Vec::new();
        };
        let Some(items) = value.as_array() else {
            self.wrong_type(
                &place,
                value,
                &format!("a list of tables, written [[{key}]]"),
            );
            return Vec::new();
        };
        items
            .iter()
            .enumerate()
            .map(|(index, item)| {
                let path = self.path_of(&format!("{key}[{index}]"));
                let found = Found {
                    value: item.get_ref(),
                    place: self.doc.place(&item.span(), &path),
                };
                let table = self.table_of(&found);
                self.open(table, found.place, path)
            })
            .collect()
    }

    fn open(&self, table: Option<&'d DeTable<'d>>, place: Place, path: String) -> Section<'d> {
        Section {
            doc: self.doc,
            table,
            place,
            path,
            asked: Vec::new(),
        }
    }

    fn table_of(&self, found: &Found<'d>) -> Option<&'d DeTable<'d>> {
        let table = found.value.as_table();
        if table.is_none() {
            let wanted = format!("a section, written [{}]", found.place.key);
            self.wrong_type(&found.place, found.value, &wanted);
        }
        table
    }

    fn wrong_type(&self, place: &Place, value: &DeValue<'_>, wanted: &str) {
        let is = match value.type_str() {
            kind @ ("array" | "integer") => format!("an {kind}"),
            kind => format!("a {kind}"),
        };
        let message = format!("`{}` must be {wanted}, not {is}", place.key);
        self.doc
            .report(place.fault(fault::WRONG_TYPE, message, None));
    }

    /// Reports a value that cannot be used; `said` goes on after the key's name.
    pub(super) fn bad(&self, place: &Place, said: &str, hint: Option<String>) {
        let message = match place.key.as_str() {
            "" => format!("the file {said}"),
            key => format!("`{key}` {said}"),
        };
        self.doc
            .report(place.fault(fault::BAD_VALUE, message, hint));
    }

    /// Reports that a required key is absent.
    pub(super) fn missing(&self, key: &str) {
        let mut place = self.place.clone();
        place.key = self.path_of(key);
        let message = match self.path.as_str() {
            "" => format!("the file lacks `{key}`"),
            path => format!("`{path}` lacks `{key}`"),
        };
        let hint = self
            .table
            .and_then(|table| nearest(key, table.keys().map(|name| name.get_ref().as_ref())))
            .map(|name| format!("it has `{name}`"));
        self.doc
            .report(place.fault(fault::MISSING_KEY, message, hint));
    }

    /// Ends the section: what was not asked for is unknown.
    pub(super) fn end(self) {
        for (name, _) in self.table.into_iter().flat_map(DeTable::iter) {
            if self.asked.contains(&name.get_ref().as_ref()) {
                continue;
            }
            let path = self.path_of(name.get_ref());
            self.doc.strangers.borrow_mut().push(Stranger {
                place: self.doc.place(&name.span(), &path),
                name: name.get_ref().to_string(),
                section: self.path.clone(),
                neighbours: self.asked.clone(),
            });
        }
    }
}
