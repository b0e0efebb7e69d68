//! What requests and approvals have in common when people read them: the checks on the way,
//! parameters in words, and parameters as they are typed.

use serde_json::{Map, Value};

use super::{
    Failure,
    output::{self, Output},
};

/// Parameters of an action, one by one or as a whole.
#[derive(Debug, clap::Args)]
pub(super) struct Params {
    /// The parameters, as a JSON object
    #[arg(long, value_name = "JSON", conflicts_with = "pairs")]
    params: Option<String>,
    /// A parameter; its type is that of the action's schema. May be repeated
    #[arg(long = "param", value_name = "NAME=VALUE")]
    pairs: Vec<String>,
}

impl Params {
    /// Tells whether there are some whose types only the action's schema knows.
    pub(super) fn want_schema(&self) -> bool {
        !self.pairs.is_empty()
    }

    /// Gives the parameters; `schema` is the action's.
    ///
    /// *Errors*: usage, where they cannot be read.
    pub(super) fn read(&self, schema: &Value) -> Result<Map<String, Value>, Failure> {
        match &self.params {
            Some(text) => object(text),
            None => typed("param", &self.pairs, schema),
        }
    }
}

/// Reads a JSON object as it was typed.
///
/// *Errors*: usage, where it is none.
pub(super) fn object(text: &str) -> Result<Map<String, Value>, Failure> {
    serde_json::from_str(text)
        .map_err(|error| Failure::new(format!("`--params` is no JSON object: {error}")).code(2))
}

/// Reads `name=value` of an option as the schema has them: a text stays one, all else is JSON where it can be.
///
/// *Errors*: usage, where they cannot be read.
pub(super) fn typed(
    option: &str,
    pairs: &[String],
    schema: &Value,
) -> Result<Map<String, Value>, Failure> {
    let mut params = Map::new();
    for pair in pairs {
        let Some((name, text)) = pair.split_once('=') else {
            let said = format!("`--{option} {pair}` is no NAME=VALUE");
            return Err(Failure::new(said).code(2));
        };
        let is_text = schema["properties"][name]["type"] == "string";
        let value = match serde_json::from_str(text) {
            Ok(value) if !is_text => value,
            _ => Value::from(text),
        };
        if params.insert(name.to_owned(), value).is_some() {
            let said = format!("`--{option} {name}=` stands twice");
            return Err(Failure::new(said).code(2));
        }
    }
    Ok(params)
}

/// Lays checks out as a table; nothing, where there are none.
pub(super) fn table(checks: &Value) -> Option<String> {
    let checks = checks.as_array().filter(|checks| !checks.is_empty())?;
    Some(output::table(
        &[
            ("CHECK", "/check"),
            ("OUTCOME", "/outcome"),
            ("RULE", "/rule"),
            ("DETAIL", "/detail"),
        ],
        checks,
    ))
}

/// Prints one thing as a table of its fields, and what else belongs to it, for people, below.
pub(super) fn fields(
    output: Output,
    answer: &Value,
    rows: &[output::Column],
    below: impl IntoIterator<Item = Option<String>>,
) -> Result<(), Failure> {
    output::fields(output, answer, rows)?;
    if output == Output::Json {
        return Ok(());
    }
    for text in below.into_iter().flatten() {
        output::line("")?;
        output::line(&text)?;
    }
    Ok(())
}

/// Says in words what stands in an object: `amount 20, order_id "A-1"`, as far as it is known.
pub(super) fn in_words(object: &Value) -> String {
    let members = object.as_object().into_iter().flatten();
    let words: Vec<String> = members
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| format!("{name} {}", output::cell(value)))
        .collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(pairs: &[&str]) -> Result<Map<String, Value>, Failure> {
        let schema = json!({"properties": {
            "order": {"type": "string"}, "amount": {"type": "number"}, "items": {"type": "array"},
        }});
        let pairs: Vec<String> = pairs.iter().map(|pair| (*pair).to_owned()).collect();
        typed("param", &pairs, &schema)
    }

    #[test]
    fn a_parameter_has_the_type_that_the_schema_gives_it() {
        let params = read(&[
            "order=1001",
            "amount=20.5",
            "items=[1,2]",
            "free=a=b",
            "n=7",
        ]);
        assert_eq!(
            Value::Object(params.expect("readable")),
            json!({"order": "1001", "amount": 20.5, "items": [1, 2], "free": "a=b", "n": 7})
        );
    }

    #[test]
    fn what_is_no_parameter_is_a_fault_of_usage() {
        for pairs in [&["order"][..], &["order=1", "order=2"]] {
            let fault = read(pairs).expect_err("no parameter");
            assert_eq!(fault, Failure::new(fault.message()).code(2));
        }
        let fault = object("[1]").expect_err("no object");
        assert_eq!(fault, Failure::new(fault.message()).code(2));
    }

    #[test]
    fn an_object_reads_as_words() {
        let known = json!({"amount": 20, "name": "Eve", "phone": null, "tags": ["a", "b"]});
        assert_eq!(in_words(&known), "amount 20, name Eve, tags a, b");
        assert_eq!(in_words(&Value::Null), "");
    }
}
