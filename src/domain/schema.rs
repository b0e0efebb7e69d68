//! JSON Schema, compiled once: what an action takes and gives.
//!
//! Compiled when the catalogue is read, asked with every request. A value is held
//! against it whole, so that everything wrong with it is told at once.

use std::{fmt, sync::Arc};

use jsonschema::Validator;
use serde::Serialize;
use serde_json::Value;

/// A schema with its text.
#[derive(Clone)]
pub struct Schema {
    text: Value,
    validator: Arc<Validator>,
}

/// One thing wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SchemaFault {
    /// Where in the value, with dots; empty: the value itself.
    pub path: String,
    /// What is wrong there.
    pub message: String,
}

impl Schema {
    /// Compiles a schema.
    ///
    /// *Errors*: a sentence that says where the text is no JSON Schema.
    pub fn new(text: Value) -> Result<Self, String> {
        let at = |error: &jsonschema::ValidationError<'_>| match error.instance_path().as_str() {
            "" => error.to_string(),
            path => format!("{error} at `{path}`"),
        };
        jsonschema::meta::validate(&text).map_err(|error| at(&error))?;
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(&text)
            .map_err(|error| at(&error))?;
        Ok(Self {
            text,
            validator: Arc::new(validator),
        })
    }

    /// Gives the text.
    pub fn text(&self) -> &Value {
        &self.text
    }

    /// Gives everything that is wrong with a value; nothing: it fits.
    pub fn faults(&self, value: &Value) -> Vec<SchemaFault> {
        let errors = self.validator.iter_errors(value);
        errors
            .map(|error| SchemaFault {
                path: dotted(error.instance_path().as_str()),
                message: error.to_string(),
            })
            .collect()
    }
}

/// Gives a JSON Pointer with dots: `/lines/0/sku` is `lines.0.sku`.
fn dotted(pointer: &str) -> String {
    let parts = pointer.split('/').skip(1);
    let names: Vec<String> = parts
        .map(|part| part.replace("~1", "/").replace("~0", "~"))
        .collect();
    names.join(".")
}

impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Schema {}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refund() -> Schema {
        let text = json!({
            "type": "object",
            "required": ["amount", "order_id"],
            "additionalProperties": false,
            "properties": {
                "amount": {"type": "number", "exclusiveMinimum": 0},
                "order_id": {"type": "string"},
                "mail": {"type": "string", "format": "email"},
                "lines": {"type": "array", "items": {"type": "object", "required": ["sku"]}}
            }
        });
        Schema::new(text).expect("a JSON Schema")
    }

    #[test]
    fn everything_wrong_is_told_at_once_with_its_path() {
        let value = json!({"amount": "500", "x": 1, "mail": "nobody", "lines": [{"sku": 1}, {}]});
        let faults = refund().faults(&value);
        let mut paths: Vec<&str> = faults.iter().map(|fault| fault.path.as_str()).collect();
        paths.sort_unstable();
        assert_eq!(paths, ["", "", "amount", "lines.1", "mail"], "{faults:?}");
        assert_eq!(
            refund().faults(&json!({"amount": 0.01, "order_id": "A"})),
            []
        );
    }

    #[test]
    fn a_text_that_is_no_schema_says_where() {
        let wrong = Schema::new(json!({"properties": {"a": {"type": "txt"}}}));
        assert!(wrong.is_err_and(|said| said.contains("/properties/a/type")));
    }
}
