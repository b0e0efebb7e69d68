//! Statements for foreign databases.

use std::fmt;

use serde_json::Value;

/// A statement with what is bound to it.
#[derive(Clone, PartialEq)]
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

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({} binds, not shown)",
            self.statement,
            self.binds.len()
        )
    }
}
