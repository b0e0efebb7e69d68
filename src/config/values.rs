//! Values that actions and integrations are made of: templates, JSON, secrets.
//!
//! They go through [`Section`] like every other key, so a fault names file, line,
//! column and key.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde_json::Value;

use super::{
    fault::{self, Place},
    section::Section,
};
use crate::domain::{
    network::Network,
    template::{Template, canonical},
};

/// Reads a secret, which the file only refers to: its text is kept with every version of the policy.
pub(super) fn secret(section: &mut Section<'_>, key: &'static str) -> Option<SecretString> {
    let found = section.text(key)?;
    if !found.is_reference {
        let message = format!("`{}` is a secret written in the file", found.place.key);
        let hint = "refer to it: ${env:NAME}, ${file:PATH} or ${credential:NAME}".to_owned();
        let fault = found.place.fault(fault::PLAIN_SECRET, message, Some(hint));
        section.doc.report(fault);
        return None;
    }
    Some(SecretString::from(found.value))
}

/// Reads a secret that must be there.
pub(super) fn required_secret(section: &mut Section<'_>, key: &'static str) -> SecretString {
    if !section.has(key) {
        section.missing(key);
    }
    secret(section, key).unwrap_or_default()
}

/// Reads a text that must be there and say something.
pub(super) fn required_text(section: &mut Section<'_>, key: &'static str) -> String {
    if !section.has(key) {
        section.missing(key);
    }
    match section.text(key) {
        Some(found) if found.value.trim().is_empty() => {
            section.bad(&found.place, "is empty", None);
            String::new()
        }
        found => found.map(|found| found.value).unwrap_or_default(),
    }
}

/// Reads a list of networks; absent, it is empty.
pub(super) fn networks(section: &mut Section<'_>, key: &'static str) -> Vec<Network> {
    let mut networks = Vec::new();
    for found in section.texts(key) {
        if let Some(network) = Network::parse(&found.value) {
            networks.push(network);
            continue;
        }
        let said = format!(
            "is `{}`, which is no network such as `10.0.0.0/8`",
            found.value
        );
        section.bad(&found.place, &said, None);
    }
    networks
}

/// Reads a template, if it is there.
pub(super) fn template(section: &mut Section<'_>, key: &'static str) -> Option<Template> {
    let found = section.text(key)?;
    parsed(section, &found.place, &found.value)
}

/// Reads a template that must be there.
pub(super) fn required_template(section: &mut Section<'_>, key: &'static str) -> Template {
    if !section.has(key) {
        section.missing(key);
    }
    template(section, key).unwrap_or_else(empty)
}

/// Reads a table of templates; absent, it is empty. Numbers and the like stand for their text.
pub(super) fn templates(
    section: &mut Section<'_>,
    key: &'static str,
) -> BTreeMap<String, Template> {
    let Some((value, place)) = section.json(key) else {
        return BTreeMap::new();
    };
    let Value::Object(members) = value else {
        section.bad(&place, "must be a table of texts", None);
        return BTreeMap::new();
    };
    let mut read = BTreeMap::new();
    for (name, value) in members {
        if matches!(value, Value::Array(_) | Value::Object(_)) {
            section.bad(&place, &format!("has `{name}`, which is no text"), None);
        } else if let Some(template) = parsed(section, &place, &canonical(&value)) {
            read.insert(name, template);
        }
    }
    read
}

/// Reads JSON whose texts are templates, if it is there.
pub(super) fn body(section: &mut Section<'_>, key: &'static str) -> Option<Value> {
    let (value, place) = section.json(key)?;
    check_texts(section, &place, &value);
    Some(value)
}

fn check_texts(section: &Section<'_>, place: &Place, value: &Value) {
    match value {
        Value::String(text) => {
            parsed(section, place, text);
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| check_texts(section, place, item)),
        Value::Object(members) => members
            .values()
            .for_each(|member| check_texts(section, place, member)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Reads a text of a place as a template.
pub(super) fn parsed(section: &Section<'_>, place: &Place, text: &str) -> Option<Template> {
    match Template::parse(text) {
        Ok(template) => Some(template),
        Err(reason) => {
            section.bad(place, &reason.to_string(), None);
            None
        }
    }
}

fn empty() -> Template {
    Template::parse("").expect("nothing is a template")
}
