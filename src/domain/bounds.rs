//! Bounds on an event's data: how deep it may nest, how long its strings may be.
//!
//! Checked where events come in, before anything else looks at them, so that no
//! later part meets a value it was not made for.

use std::fmt::Write;

use serde_json::{Map, Value};

use super::event::{Reason, Rejection};

/// The bounds, as configured under `[limits]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The deepest nesting; an event's `data` itself is 1.
    pub nesting: usize,
    /// The longest string. *Units*: bytes.
    pub string_bytes: usize,
}

impl Bounds {
    /// Checks `data`.
    ///
    /// *Errors*: `invalid_data` with the dotted path of the first value past a bound.
    pub fn check(self, data: &Map<String, Value>) -> Result<(), Rejection> {
        self.members(data, &mut "data".to_owned(), 1)
    }

    fn members(
        self,
        members: &Map<String, Value>,
        path: &mut String,
        depth: usize,
    ) -> Result<(), Rejection> {
        let here = path.len();
        for (name, value) in members {
            if name.len() > self.string_bytes {
                return Err(self.long(path, name));
            }
            path.push('.');
            path.push_str(name);
            self.value(value, path, depth)?;
            path.truncate(here);
        }
        Ok(())
    }

    fn value(self, value: &Value, path: &mut String, depth: usize) -> Result<(), Rejection> {
        match value {
            Value::String(text) if text.len() > self.string_bytes => Err(self.long(path, text)),
            Value::Array(_) | Value::Object(_) if depth >= self.nesting => Err(Rejection::new(
                Reason::InvalidData,
                path.clone(),
                format!("the data is nested more than {} levels deep", self.nesting),
            )),
            Value::Array(items) => {
                let here = path.len();
                for (index, item) in items.iter().enumerate() {
                    // Writing to a String cannot fail.
                    let _ = write!(path, "[{index}]");
                    self.value(item, path, depth + 1)?;
                    path.truncate(here);
                }
                Ok(())
            }
            Value::Object(members) => self.members(members, path, depth + 1),
            Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => Ok(()),
        }
    }

    fn long(self, path: &str, text: &str) -> Rejection {
        Rejection::new(
            Reason::InvalidData,
            path,
            format!(
                "a string is {} bytes long, more than {}",
                text.len(),
                self.string_bytes
            ),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(data: &Value) -> Result<(), String> {
        let bounds = Bounds {
            nesting: 3,
            string_bytes: 4,
        };
        bounds
            .check(data.as_object().expect("object"))
            .map_err(|rejection| rejection.field)
    }

    #[test]
    fn the_first_value_past_a_bound_is_named() {
        assert_eq!(check(&json!({"a": {"b": [1, "four"]}})), Ok(()));
        assert_eq!(check(&json!({"a": {"b": [[]]}})), Err("data.a.b[0]".into()));
        assert_eq!(
            check(&json!({"a": [1, {"b": "fives"}]})),
            Err("data.a[1].b".into())
        );
        assert_eq!(check(&json!({"fives": 1})), Err("data".into()));
    }
}
