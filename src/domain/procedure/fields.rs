//! Reading the fields of a definition: what is wrong with one is noted with its place, and the rest goes on.

use std::{collections::BTreeMap, ops::RangeInclusive};

use serde_json::{Map, Value};

use super::{Fault, Goto, Weight, forms::Field, read::CODES, remedy};
use crate::domain::{
    nearest::{did_you_mean, one_of},
    template::{Template, TemplateFault, texts},
};

/// Something that must be there is not.
pub const MISSING: &str = "PV-PROC-002";
/// A field that nothing has.
pub const UNKNOWN_FIELD: &str = "PV-PROC-003";
/// A value of the wrong kind.
pub const WRONG_VALUE: &str = "PV-PROC-004";
/// A step that does not exist.
pub const NO_STEP: &str = "PV-PROC-007";
/// A text whose placeholders cannot be read.
pub const NO_TEMPLATE: &str = "PV-PROC-008";
/// The name of a variable that cannot be one.
pub const NO_NAME: &str = "PV-PROC-009";

/// How a step says that nothing follows it.
pub const END: &str = "end";

/// The fields of one object: of the definition, or of a step.
pub struct Fields<'a, 'f> {
    /// The fields that there may be.
    pub form: &'static [Field],
    /// Those that there are.
    pub members: &'a Map<String, Value>,
    /// Where the object stands: a JSON pointer.
    pub pointer: String,
    /// The step, if it is one.
    pub step: Option<&'a str>,
    /// The places of all steps, by id.
    pub steps: &'f BTreeMap<&'a str, usize>,
    /// What was found wrong so far.
    pub faults: &'f mut Vec<Fault>,
}

impl<'a> Fields<'a, '_> {
    /// Notes something wrong with a field; with the object itself, where `name` is empty.
    pub fn fault(
        &mut self,
        code: &'static str,
        name: &str,
        message: String,
        hint: impl Into<Option<String>>,
    ) {
        let mut pointer = self.pointer.clone();
        if !name.is_empty() {
            pointer.push('/');
            pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
        }
        self.faults.push(Fault {
            code,
            severity: Weight::Error,
            step: self.step.map(str::to_owned),
            pointer,
            message,
            hint: hint.into().or_else(|| remedy(CODES, code)),
        });
    }

    /// Notes the fields that nothing has, but for the names of `more`.
    pub fn check_names(&mut self, more: &[&str]) {
        let form = self.form;
        let known = || {
            form.iter()
                .map(|field| field.name)
                .chain(more.iter().copied())
        };
        for name in self.members.keys() {
            if !known().any(|known| known == name) {
                let message = format!("there is no field `{name}`");
                self.fault(UNKNOWN_FIELD, name, message, one_of(name, known()));
            }
        }
    }

    /// Gives the value of a field; notes it where it must be there and is not.
    pub fn value(&mut self, name: &'static str) -> Option<&'a Value> {
        let found = self.members.get(name).filter(|value| !value.is_null());
        let field = self.form.iter().find(|field| field.name == name);
        if found.is_none() && field.is_some_and(|field| field.is_required) {
            let about = field.map(|field| format!("it is {}", field.about));
            self.fault(MISSING, name, format!("`{name}` is missing"), about);
        }
        found
    }

    /// Gives a text that is not empty.
    pub fn text(&mut self, name: &'static str) -> Option<&'a str> {
        match self.value(name)? {
            Value::String(text) if !text.trim().is_empty() => Some(text),
            Value::String(_) => {
                self.fault(MISSING, name, format!("`{name}` is empty"), None);
                None
            }
            other => self.wrong(name, other, "a text"),
        }
    }

    /// Gives a text with placeholders.
    pub fn template(&mut self, name: &'static str) -> Option<Template> {
        let text = self.text(name)?;
        match Template::parse(text) {
            Ok(template) => Some(template),
            Err(fault) => {
                self.no_template(name, &fault);
                None
            }
        }
    }

    /// Gives one of several names.
    pub fn choice<T: Copy>(
        &mut self,
        name: &'static str,
        names: &[(&'static str, T)],
    ) -> Option<T> {
        let text = self.text(name)?;
        let found = names.iter().find(|(known, _)| *known == text);
        if found.is_none() {
            let hint = one_of(text, names.iter().map(|(known, _)| *known));
            let message = format!("`{name}` cannot be `{text}`");
            self.fault(WRONG_VALUE, name, message, hint);
        }
        found.map(|(_, value)| *value)
    }

    /// Gives the name of a variable.
    pub fn variable(&mut self, name: &'static str) -> Option<String> {
        let text = self.text(name)?;
        let is_name = text.chars().all(|c| c.is_alphanumeric() || c == '_');
        if !is_name {
            let message = format!("`{text}` cannot be the name of a variable");
            self.fault(
                NO_NAME,
                name,
                message,
                "use letters, digits and `_`".to_owned(),
            );
        }
        is_name.then(|| text.to_owned())
    }

    /// Gives a path into a variable, with dots.
    pub fn path(&mut self, name: &'static str) -> Option<String> {
        let text = self.text(name)?;
        let bare = text.trim_start_matches("{{").trim_end_matches("}}").trim();
        if bare == text && Template::placeholder(text).is_ok() {
            return Some(text.to_owned());
        }
        let message = format!("`{text}` is no path into a variable");
        let hint = if bare == text {
            "write it with dots, such as `order_data.eligible`".to_owned()
        } else {
            format!("write `{bare}`, without the braces")
        };
        self.fault(NO_NAME, name, message, hint);
        None
    }

    /// Gives a whole number of a range.
    pub fn count(&mut self, name: &'static str, range: RangeInclusive<u32>) -> Option<u32> {
        let value = self.value(name)?;
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        let number = number.filter(|number| range.contains(number));
        if number.is_none() {
            let wanted = format!("a whole number from {} to {}", range.start(), range.end());
            return self.wrong(name, value, &wanted);
        }
        number
    }

    /// Gives the step that a field names, or the end.
    pub fn goto(&mut self, name: &'static str) -> Option<Goto> {
        let text = self.text(name)?;
        if text == END {
            return Some(Goto::End);
        }
        if let Some(place) = self.steps.get(text) {
            return Some(Goto::Step(*place));
        }
        let known = self.steps.keys().copied().chain([END]);
        let hint = did_you_mean(text, known);
        let hint = hint.unwrap_or_else(|| "name a step by its `id`, or `end`".to_owned());
        self.fault(NO_STEP, name, format!("there is no step `{text}`"), hint);
        None
    }

    /// Gives a value whose texts are templates.
    pub fn filled(&mut self, name: &'static str) -> Option<Value> {
        let value = self.value(name)?;
        if let Some(fault) = texts(value).into_iter().find_map(Result::err) {
            self.no_template(name, &fault);
            return None;
        }
        Some(value.clone())
    }

    /// Gives an object whose texts are templates; an empty one where there is none.
    pub fn object(&mut self, name: &'static str) -> Map<String, Value> {
        match self.filled(name) {
            Some(Value::Object(members)) => members,
            Some(other) => self.wrong(name, &other, "an object").unwrap_or_default(),
            None => Map::new(),
        }
    }

    /// Gives a list of texts; an empty one where there is none.
    pub fn texts(&mut self, name: &'static str) -> Vec<String> {
        let Some(value) = self.value(name) else {
            return Vec::new();
        };
        let items = value
            .as_array()
            .map(|items| items.iter().map(Value::as_str));
        let texts: Option<Vec<&str>> = items.and_then(Iterator::collect);
        match texts {
            Some(texts) => texts.into_iter().map(str::to_owned).collect(),
            None => self
                .wrong(name, value, "a list of texts")
                .unwrap_or_default(),
        }
    }

    /// Reads a list of objects; absent, it is empty.
    pub fn objects(&mut self, name: &'static str) -> Vec<Value> {
        let Some(value) = self.value(name) else {
            return Vec::new();
        };
        let items = value.as_array();
        match items.filter(|items| items.iter().all(Value::is_object)) {
            Some(items) => items.clone(),
            None => self
                .wrong(name, value, "a list of objects")
                .unwrap_or_default(),
        }
    }

    /// Notes a value that is of the wrong kind.
    pub fn wrong<T>(&mut self, name: &str, value: &Value, wanted: &str) -> Option<T> {
        let message = format!("`{name}` is {}, not {wanted}", shown(value));
        self.fault(WRONG_VALUE, name, message, None);
        None
    }

    fn no_template(&mut self, name: &str, fault: &TemplateFault) {
        let hint = "a placeholder is `{{variable}}` or `{{variable.member.0}}`".to_owned();
        self.fault(NO_TEMPLATE, name, format!("`{name}` {fault}"), hint);
    }
}

/// Shows a value in a message, cut short.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    let short: String = text.chars().take(40).collect();
    let dots = if short.len() < text.len() { "…" } else { "" };
    format!("`{short}{dots}`")
}
