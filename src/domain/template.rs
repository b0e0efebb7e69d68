//! Templates: texts with `{{path.to.0.value}}` in them.
//!
//! Expanded in one pass: what a value holds is never expanded again, however it
//! looks. The caller says how a value is written at its place (a URL, a header, a
//! mail); a template that is one placeholder only can be asked for the value
//! itself, so that a number stays a number. Used by actions and their integrations.

use std::fmt;

use serde_json::{Map, Value};

/// A text with placeholders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// The names along the way, outermost first.
    Path(Vec<String>),
}

/// Where placeholders find their values: members of an object, or what stands in for it.
pub trait Values {
    /// Gives the value with which a path begins.
    fn named(&self, name: &str) -> Option<&Value>;
}

impl Values for Map<String, Value> {
    fn named(&self, name: &str) -> Option<&Value> {
        self.get(name)
    }
}

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateFault {
    /// `{{` without its end.
    #[error("has `{{{{` without `}}}}`")]
    Open,
    /// `{{}}`, or a path with an empty or impossible name in it.
    #[error("has the placeholder `{{{{{0}}}}}`, which is no path such as `customer.email`")]
    NoPath(String),
}

impl Template {
    /// Reads a template.
    ///
    /// *Errors*: a placeholder that does not end, or is no path.
    pub fn parse(text: &str) -> Result<Self, TemplateFault> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find("{{") {
            if start > 0 {
                parts.push(Part::Text(rest[..start].to_owned()));
            }
            let after = &rest[start + 2..];
            let end = after.find("}}").ok_or(TemplateFault::Open)?;
            parts.push(Part::Path(names_of(&after[..end])?));
            rest = &after[end + 2..];
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self { parts })
    }

    /// Makes the template that is one placeholder.
    ///
    /// *Errors*: what is no path.
    pub fn placeholder(path: &str) -> Result<Self, TemplateFault> {
        Ok(Self {
            parts: vec![Part::Path(names_of(path)?)],
        })
    }

    /// Gives every placeholder's path, in order, with dots.
    pub fn paths(&self) -> impl Iterator<Item = String> {
        self.parts.iter().filter_map(|part| match part {
            Part::Path(names) => Some(names.join(".")),
            Part::Text(_) => None,
        })
    }

    /// Writes the text, each value as `write` has it. An absent value is written as `null` is: empty.
    pub fn expand(&self, values: &impl Values, write: impl Fn(&str) -> String) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Path(names) => {
                    let value = look_up(values, names);
                    text.push_str(&write(&value.map(canonical).unwrap_or_default()));
                }
            }
        }
        text
    }

    /// Gives the value itself where the template is one placeholder only, else the text.
    pub fn value(&self, values: &impl Values) -> Value {
        match self.parts.as_slice() {
            [Part::Path(names)] => look_up(values, names).cloned().unwrap_or_default(),
            _ => Value::String(self.expand(values, str::to_owned)),
        }
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            match part {
                Part::Text(plain) => f.write_str(plain)?,
                Part::Path(names) => write!(f, "{{{{{}}}}}", names.join("."))?,
            }
        }
        Ok(())
    }
}

/// Reads the names along a path.
fn names_of(path: &str) -> Result<Vec<String>, TemplateFault> {
    let path = path.trim();
    let names: Vec<String> = path.split('.').map(str::to_owned).collect();
    if names.iter().all(|name| is_name(name)) {
        Ok(names)
    } else {
        Err(TemplateFault::NoPath(path.to_owned()))
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
}

fn look_up<'v>(values: &'v impl Values, names: &[String]) -> Option<&'v Value> {
    let (first, rest) = names.split_first()?;
    rest.iter()
        .try_fold(values.named(first)?, |value, name| match value {
            Value::Array(items) => items.get(name.parse::<usize>().ok()?),
            Value::Object(members) => members.get(name),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        })
}

/// Fills the texts of a JSON value; a text that is one placeholder only keeps the value's type, and one that
/// is no template stays as it is.
pub fn filled(value: &Value, values: &impl Values) -> Value {
    match value {
        Value::String(text) => {
            Template::parse(text).map_or_else(|_| value.clone(), |template| template.value(values))
        }
        Value::Array(items) => items.iter().map(|item| filled(item, values)).collect(),
        Value::Object(members) => {
            let members = members.iter();
            let filled = members.map(|(name, member)| (name.clone(), filled(member, values)));
            Value::Object(filled.collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// Reads each text of a JSON value as a template, in order.
pub fn texts(value: &Value) -> Vec<Result<Template, TemplateFault>> {
    match value {
        Value::String(text) => vec![Template::parse(text)],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(members) => members.values().flat_map(texts).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

/// Gives a value's text: a string as it is, `null` as nothing, all else as JSON.
pub fn canonical(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn values() -> Map<String, Value> {
        let text = r#"{"amount": 80.10, "order": {"lines": [{"sku": "a b"}, {"sku": "{{amount}}"}]}, "none": null}"#;
        let values: Value = serde_json::from_str(text).expect("JSON");
        values.as_object().cloned().expect("an object")
    }

    #[test]
    fn a_placeholder_is_looked_up_along_its_path() {
        let template = Template::parse("/o/{{ order.lines.0.sku }}?x={{amount}}").expect("valid");
        let text = template.expand(&values(), |value| value.replace(' ', "%20"));
        assert_eq!(text, "/o/a%20b?x=80.10");
        let paths: Vec<String> = template.paths().collect();
        assert_eq!(paths, ["order.lines.0.sku", "amount"]);
        assert_eq!(
            template.to_string(),
            "/o/{{order.lines.0.sku}}?x={{amount}}"
        );
    }

    #[test]
    fn what_a_value_holds_is_never_expanded_again() {
        let template = Template::parse("{{order.lines.1.sku}}").expect("valid");
        assert_eq!(template.expand(&values(), str::to_owned), "{{amount}}");
    }

    #[test]
    fn one_placeholder_alone_keeps_its_type() {
        let value = |text: &str| Template::parse(text).expect("valid").value(&values());
        assert_eq!(value("{{amount}}"), values()["amount"]);
        assert_eq!(value("{{amount}} EUR"), json!("80.10 EUR"));
        assert_eq!(value("{{order.absent.0}}"), Value::Null);
        assert_eq!(value("<{{none}}>"), json!("<>"));
    }

    #[test]
    fn a_placeholder_is_made_of_a_path_and_of_nothing_else() {
        let template = Template::placeholder("order.lines.0.sku").expect("a path");
        assert_eq!(Template::parse("{{order.lines.0.sku}}"), Ok(template));
        for bad in ["", "a b", "a}} and {{b", "a}}!"] {
            assert_eq!(
                Template::placeholder(bad),
                Err(TemplateFault::NoPath(bad.to_owned()))
            );
        }
    }

    #[test]
    fn each_text_of_a_value_is_read() {
        let value = json!({"a": ["{{x}}", 1, {"b": "{{y"}], "c": null, "d": "plain"});
        let read = [
            Template::parse("{{x}}"),
            Err(TemplateFault::Open),
            Template::parse("plain"),
        ];
        assert_eq!(texts(&value), read);
    }

    #[test]
    fn a_text_that_is_no_template_says_why() {
        assert_eq!(Template::parse("a {{b"), Err(TemplateFault::Open));
        for bad in ["{{}}", "{{a..b}}", "{{a b}}", "{{a{{b}}"] {
            assert!(
                matches!(Template::parse(bad), Err(TemplateFault::NoPath(_))),
                "{bad}"
            );
        }
        assert!(Template::parse("}} { }").is_ok());
    }
}
