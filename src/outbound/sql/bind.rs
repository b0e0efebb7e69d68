//! Values as they are bound: text, whole number, number, truth value, nothing.
//!
//! Each keeps its type. PostgreSQL gets a number with a fraction as text that is cast where
//! it stands, so it is exact to the digit; SQLite has no decimals and gets its floating
//! point. A list or an object is bound as its JSON text. A text is a text: where the column
//! is of another type the statement casts it, as in `$1::uuid`.

use diesel::{
    pg::Pg,
    query_builder::{BoxedSqlQuery, SqlQuery},
    sql_types::{BigInt, Bool, Double, Nullable, Text},
    sqlite::Sqlite,
};
use serde_json::Value;

/// A value to be bound.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Bind {
    Null,
    Bool(bool),
    Integer(i64),
    /// Any other number, as it is written.
    Number(String),
    Text(String),
}

impl From<&Value> for Bind {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(bool) => Self::Bool(*bool),
            Value::Number(number) => number
                .as_i64()
                .map_or_else(|| Self::Number(number.to_string()), Self::Integer),
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(_) | Value::Object(_) => Self::Text(value.to_string()),
        }
    }
}

impl Bind {
    /// Writes its place in PostgreSQL. Nothing is written out, so that it is of whatever type it
    /// stands for.
    pub(super) fn in_postgres(&self, number: usize) -> String {
        match self {
            Self::Null => "NULL".to_owned(),
            Self::Number(_) => format!("CAST(${number} AS numeric)"),
            Self::Bool(_) | Self::Integer(_) | Self::Text(_) => format!("${number}"),
        }
    }

    pub(super) fn bound_to_postgres(
        self,
        query: BoxedSqlQuery<'static, Pg, SqlQuery>,
    ) -> BoxedSqlQuery<'static, Pg, SqlQuery> {
        match self {
            Self::Null => query.bind::<Nullable<Text>, _>(None::<String>),
            Self::Bool(bool) => query.bind::<Bool, _>(bool),
            Self::Integer(integer) => query.bind::<BigInt, _>(integer),
            Self::Number(text) | Self::Text(text) => query.bind::<Text, _>(text),
        }
    }

    pub(super) fn bound_to_sqlite(
        self,
        query: BoxedSqlQuery<'static, Sqlite, SqlQuery>,
    ) -> BoxedSqlQuery<'static, Sqlite, SqlQuery> {
        match self {
            Self::Null => query.bind::<Nullable<Text>, _>(None::<String>),
            Self::Bool(bool) => query.bind::<BigInt, _>(i64::from(bool)),
            Self::Integer(integer) => query.bind::<BigInt, _>(integer),
            // The text of a JSON number is one of these; past their range it is infinite.
            Self::Number(text) => query.bind::<Double, _>(text.parse().unwrap_or(f64::NAN)),
            Self::Text(text) => query.bind::<Text, _>(text),
        }
    }
}
