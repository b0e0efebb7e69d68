//! Statements for a database: the text as the operation has it, and what is bound to it.
//!
//! A value is bound and never becomes part of the text, whatever it holds. A write is
//! repeated only where nothing went out: a database knows no key.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::domain::integration::SqlOperation;

/// A statement with what is bound to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Query {
    /// The statement, with `$1`, `$2`, … for what is bound.
    pub statement: String,
    /// What is bound, in order.
    pub binds: Vec<Value>,
    /// Whether it may write.
    pub writes: bool,
    /// How many rows it gives at most.
    pub max_rows: u32,
}

/// Makes the query of an operation. An absent value is bound as `NULL`.
pub fn query(operation: &SqlOperation, values: &Map<String, Value>) -> Query {
    let binds = operation.binds.iter();
    Query {
        statement: operation.statement.clone(),
        binds: binds.map(|bind| bind.value(values)).collect(),
        writes: operation.writes,
        max_rows: operation.max_rows,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::template::Template;

    #[test]
    fn a_value_is_bound_with_its_type_and_never_part_of_the_text() {
        let bind = |text: &str| Template::parse(text).expect("a template");
        let operation = SqlOperation {
            statement: "UPDATE orders SET note = $1 WHERE id = $2 AND x = $3".to_owned(),
            binds: vec![bind("{{note}}"), bind("{{id}}"), bind("{{absent}}")],
            writes: true,
            max_rows: 10,
        };
        let values = json!({"id": 7, "note": "'; DROP TABLE orders; -- {{id}}"});
        let query = query(&operation, values.as_object().expect("an object"));
        assert_eq!(query.statement, operation.statement);
        let expected = [
            json!("'; DROP TABLE orders; -- {{id}}"),
            json!(7),
            json!(null),
        ];
        assert_eq!(query.binds, expected);
    }
}
