//! JSON as rules see it, and what rules make as JSON.
//!
//! Integers are integers, fractions are decimals with all their digits. An
//! object is not copied: [`Free`] points into the event or the state and answers
//! `()` for a key that is absent. Used by the facts and by inbound mappings.

use std::sync::Arc;

use rhai::{Array, Dynamic, EvalAltResult, ImmutableString, Position};
use rust_decimal::Decimal;
use serde_json::{Map, Number, Value};

use crate::domain::{
    decimal,
    event::Event,
    request::Request,
    time::{Span, Timestamp},
};

/// The most that a rule or mapping may hand back as JSON. *Units*: bytes, roughly.
pub(super) const MAX_JSON_BYTES: usize = 4 * 1024 * 1024;

/// What went wrong inside a host function.
pub(super) type Raised = Box<EvalAltResult>;

/// Makes an error that a rule raises; its place is filled in by the caller.
#[expect(
    clippy::unnecessary_box_returns,
    reason = "the form in which Rhai takes it"
)]
pub(super) fn raise(message: impl Into<String>) -> Raised {
    EvalAltResult::ErrorRuntime(Dynamic::from(message.into()), Position::NONE).into()
}

/// Where a free object begins.
#[derive(Clone, Debug)]
pub(super) enum Root {
    /// An object of the state, such as the customer.
    Members(Arc<Map<String, Value>>),
    /// The `data` of an event.
    Data(Arc<Event>),
    /// The parameters of a request.
    Params(Arc<Request>),
    /// A foreign message's body.
    Body(Arc<Value>),
}

/// One step into a value.
#[derive(Clone, Debug)]
enum Step {
    Key(ImmutableString),
    Index(usize),
}

/// A JSON object whose keys are anybody's: an absent key answers `()`.
#[derive(Clone, Debug)]
pub(super) struct Free {
    root: Root,
    path: Vec<Step>,
}

impl Free {
    /// Points at an object of the state.
    pub(super) fn members(members: &Arc<Map<String, Value>>) -> Self {
        Self {
            root: Root::Members(Arc::clone(members)),
            path: Vec::new(),
        }
    }

    /// Points at an event's data.
    pub(super) fn data(event: &Arc<Event>) -> Self {
        Self {
            root: Root::Data(Arc::clone(event)),
            path: Vec::new(),
        }
    }

    /// Points at the parameters of a request.
    pub(super) fn params(request: &Arc<Request>) -> Self {
        Self {
            root: Root::Params(Arc::clone(request)),
            path: Vec::new(),
        }
    }

    /// Points at the object under `key` of an event's data.
    pub(super) fn data_at(event: &Arc<Event>, key: &str) -> Self {
        Self {
            root: Root::Data(Arc::clone(event)),
            path: vec![Step::Key(key.into())],
        }
    }

    /// Gives the members; `None` only if the path leads nowhere, which it does not.
    pub(super) fn object(&self) -> Option<&Map<String, Value>> {
        let mut steps = self.path.iter();
        let first = match &self.root {
            Root::Members(members) => members,
            Root::Data(event) => &event.data,
            Root::Params(request) => &request.params,
            Root::Body(value) => {
                return follow(value, steps).and_then(Value::as_object);
            }
        };
        match steps.next() {
            None => Some(first),
            Some(Step::Key(key)) => {
                follow(first.get(key.as_str())?, steps).and_then(Value::as_object)
            }
            Some(Step::Index(_)) => None,
        }
    }

    /// Answers the value under `key`, `()` when absent.
    pub(super) fn get(&self, key: &str) -> Result<Dynamic, Raised> {
        match self.object().and_then(|members| members.get(key)) {
            None => Ok(Dynamic::UNIT),
            Some(value) => dynamic(value, &|| {
                let mut path = self.path.clone();
                path.push(Step::Key(key.into()));
                (self.root.clone(), path)
            }),
        }
    }
}

fn follow<'a, 'b>(value: &'a Value, steps: impl Iterator<Item = &'b Step>) -> Option<&'a Value> {
    let mut value = value;
    for step in steps {
        value = match step {
            Step::Key(key) => value.get(key.as_str())?,
            Step::Index(index) => value.get(*index)?,
        };
    }
    Some(value)
}

/// Gives a whole foreign body as a rule sees it.
pub(super) fn body(value: &Arc<Value>) -> Result<Dynamic, Raised> {
    dynamic(value, &|| (Root::Body(Arc::clone(value)), Vec::new()))
}

/// Gives a value as a rule sees it; `place` says where it stands, should it be an object.
fn dynamic(value: &Value, place: &dyn Fn() -> (Root, Vec<Step>)) -> Result<Dynamic, Raised> {
    Ok(match value {
        Value::Null => Dynamic::UNIT,
        Value::Bool(flag) => Dynamic::from_bool(*flag),
        Value::Number(digits) => number(digits)?,
        Value::String(text) => Dynamic::from(ImmutableString::from(text.as_str())),
        Value::Array(items) => {
            let (root, path) = place();
            let mut array = Array::with_capacity(items.len());
            for (index, item) in items.iter().enumerate() {
                array.push(dynamic(item, &|| {
                    let mut path = path.clone();
                    path.push(Step::Index(index));
                    (root.clone(), path)
                })?);
            }
            Dynamic::from_array(array)
        }
        Value::Object(_) => {
            let (root, path) = place();
            Dynamic::from(Free { root, path })
        }
    })
}

/// Gives a number: an integer, or an exact decimal.
pub(super) fn number(digits: &Number) -> Result<Dynamic, Raised> {
    match digits.as_i64() {
        Some(integer) => Ok(Dynamic::from_int(integer)),
        None => decimal::read(digits.as_str())
            .map(Dynamic::from_decimal)
            .ok_or_else(|| raise(format!("the number `{digits}` is out of range"))),
    }
}

/// Gives a text, or `()`.
pub(super) fn text(value: Option<&str>) -> Dynamic {
    value.map_or(Dynamic::UNIT, |text| {
        Dynamic::from(ImmutableString::from(text))
    })
}

/// Writes what a rule made as JSON; `()` members are left out, `budget` bounds the size.
///
/// *Errors*: the value holds something that JSON does not have, or is too large.
pub(super) fn to_json(value: &Dynamic, budget: &mut usize) -> Result<Value, String> {
    spend(budget, 8)?;
    if value.is_unit() {
        return Ok(Value::Null);
    }
    if let Ok(flag) = value.as_bool() {
        return Ok(Value::Bool(flag));
    }
    if let Ok(integer) = value.as_int() {
        return Ok(Value::from(integer));
    }
    if let Ok(fraction) = value.as_decimal() {
        return Ok(Value::Number(digits(fraction)));
    }
    if let Ok(text) = value.as_immutable_string_ref() {
        spend(budget, text.len())?;
        return Ok(Value::String(text.to_string()));
    }
    if let Ok(letter) = value.as_char() {
        return Ok(Value::String(letter.to_string()));
    }
    if let Ok(items) = value.as_array_ref() {
        return items.iter().map(|item| to_json(item, budget)).collect();
    }
    if let Ok(members) = value.as_map_ref() {
        let mut object = Map::new();
        for (key, member) in members.iter().filter(|(_, member)| !member.is_unit()) {
            spend(budget, key.len())?;
            object.insert(key.to_string(), to_json(member, budget)?);
        }
        return Ok(Value::Object(object));
    }
    special(value, budget)
}

fn special(value: &Dynamic, budget: &mut usize) -> Result<Value, String> {
    if let Some(free) = value.read_lock::<Free>() {
        spend(budget, free.object().map_or(0, size))?;
        return Ok(Value::Object(free.object().cloned().unwrap_or_default()));
    }
    if let Some(at) = value.read_lock::<Timestamp>() {
        return Ok(Value::String(at.to_string()));
    }
    if let Some(span) = value.read_lock::<Span>() {
        return Ok(Value::String(span.to_string()));
    }
    Err(format!("a {} cannot be written as JSON", value.type_name()))
}

fn spend(budget: &mut usize, bytes: usize) -> Result<(), String> {
    *budget = budget
        .checked_sub(bytes)
        .ok_or_else(|| "the value is too large".to_owned())?;
    Ok(())
}

fn size(members: &Map<String, Value>) -> usize {
    members
        .iter()
        .map(|(key, value)| key.len() + size_of_value(value))
        .sum()
}

fn size_of_value(value: &Value) -> usize {
    8 + match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(size_of_value).sum(),
        Value::Object(members) => size(members),
    }
}

/// Writes a decimal as a JSON number, digit by digit.
pub(super) fn digits(fraction: Decimal) -> Number {
    fraction
        .to_string()
        .parse()
        .unwrap_or_else(|_| Number::from(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn numbers_keep_their_digits() {
        let members = Arc::new(
            serde_json::from_str::<Map<String, Value>>(
                r#"{"a": 80.10, "b": 7, "c": 1e3, "d": 1e400, "e": null}"#,
            )
            .expect("valid"),
        );
        let free = Free::members(&members);
        let get = |key| free.get(key).expect("in range");
        assert_eq!(
            get("a").as_decimal().map(|d| d.to_string()),
            Ok("80.10".into())
        );
        assert_eq!(get("b").as_int(), Ok(7));
        assert_eq!(
            get("c").as_decimal().map(|d| d.to_string()),
            Ok("1000".into())
        );
        assert!(free.get("d").is_err());
        assert!(get("e").is_unit() && get("nothing").is_unit());
        assert_eq!(
            to_json(&get("a"), &mut 100).map(|value| value.to_string()),
            Ok("80.10".into())
        );
    }

    #[test]
    fn too_much_is_refused() {
        let members = Arc::new(Map::from_iter([("a".to_owned(), json!("x".repeat(100)))]));
        let free = Dynamic::from(Free::members(&members));
        let many = Dynamic::from_array(vec![free; 100]);
        assert!(to_json(&many, &mut 20_000).is_ok());
        assert!(to_json(&many, &mut 5_000).is_err());
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a-zäß漢 ]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[a-z]{1,4}", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_comes_in_goes_out_unchanged(value in any_json()) {
            let seen = body(&Arc::new(value.clone())).expect("in range");
            prop_assert_eq!(to_json(&seen, &mut MAX_JSON_BYTES.clone()), Ok(value));
        }
    }
}
