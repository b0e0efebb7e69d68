//! Statements with a fixed text; on PostgreSQL with arrays for binds.
//!
//! Diesel prepares `sql_query` anew at each use, and so it does with every update. A
//! statement here is known by its type, so that it is prepared once a connection.

use std::marker::PhantomData;

use diesel::{
    PgConnection, QueryResult, RunQueryDsl, SqliteConnection,
    pg::Pg,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    result::Error::QueryBuilderError,
    sql_types::{Array, BigInt, Binary, Nullable, Text},
    sqlite::Sqlite,
};

/// A statement: its text, with `?` for each bind in turn, and the types of its rows.
pub(super) trait Statement: 'static {
    /// The text; `?` stands for a bind and for nothing else.
    const TEXT: &'static str;
    /// The SQL types of a row.
    type Row;
}

/// A value for one `?`.
#[derive(Debug)]
pub(super) enum Bind<'a> {
    BigInt(i64),
    Bytes(&'a [u8]),
    BigInts(Vec<i64>),
    Texts(Vec<&'a str>),
    OptionalBigInts(Vec<Option<i64>>),
    OptionalTexts(Vec<Option<&'a str>>),
    BytesList(Vec<&'a [u8]>),
    Text(&'a str),
    OptionalText(Option<&'a str>),
    OptionalBigInt(Option<i64>),
}

/// A statement with its values.
pub(super) struct Fixed<'a, S> {
    binds: Vec<Bind<'a>>,
    statement: PhantomData<S>,
}

impl<'a, S: Statement> Fixed<'a, S> {
    pub(super) fn new(binds: Vec<Bind<'a>>) -> Self {
        debug_assert_eq!(
            S::TEXT.matches('?').count(),
            binds.len(),
            "each `?` has its value"
        );
        Self {
            binds,
            statement: PhantomData,
        }
    }
}

impl<S: Statement> QueryFragment<Pg> for Fixed<'_, S> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut parts = S::TEXT.split('?');
        out.push_sql(parts.next().unwrap_or_default());
        for (bind, part) in self.binds.iter().zip(parts) {
            match bind {
                Bind::BigInt(value) => out.push_bind_param::<BigInt, _>(value)?,
                Bind::Bytes(value) => out.push_bind_param::<Binary, _>(*value)?,
                Bind::BigInts(values) => out.push_bind_param::<Array<BigInt>, _>(values)?,
                Bind::Texts(values) => out.push_bind_param::<Array<Text>, _>(values)?,
                Bind::OptionalBigInts(values) => {
                    out.push_bind_param::<Array<Nullable<BigInt>>, _>(values)?;
                }
                Bind::OptionalTexts(values) => {
                    out.push_bind_param::<Array<Nullable<Text>>, _>(values)?;
                }
                Bind::BytesList(values) => out.push_bind_param::<Array<Binary>, _>(values)?,
                Bind::Text(value) => out.push_bind_param::<Text, _>(*value)?,
                Bind::OptionalText(value) => out.push_bind_param::<Nullable<Text>, _>(value)?,
                Bind::OptionalBigInt(value) => out.push_bind_param::<Nullable<BigInt>, _>(value)?,
            }
            out.push_sql(part);
        }
        Ok(())
    }
}

impl<S: Statement> QueryFragment<Sqlite> for Fixed<'_, S> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        let mut parts = S::TEXT.split('?');
        out.push_sql(parts.next().unwrap_or_default());
        for (bind, part) in self.binds.iter().zip(parts) {
            match bind {
                Bind::BigInt(value) => out.push_bind_param::<BigInt, _>(value)?,
                Bind::Bytes(value) => out.push_bind_param::<Binary, _>(*value)?,
                Bind::Text(value) => out.push_bind_param::<Text, _>(*value)?,
                Bind::OptionalText(value) => out.push_bind_param::<Nullable<Text>, _>(value)?,
                Bind::OptionalBigInt(value) => out.push_bind_param::<Nullable<BigInt>, _>(value)?,
                Bind::BigInts(_)
                | Bind::Texts(_)
                | Bind::OptionalBigInts(_)
                | Bind::OptionalTexts(_)
                | Bind::BytesList(_) => {
                    return Err(QueryBuilderError("SQLite has no arrays".into()));
                }
            }
            out.push_sql(part);
        }
        Ok(())
    }
}

impl<S: Statement> QueryId for Fixed<'_, S> {
    type QueryId = Fixed<'static, S>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<S: Statement> Query for Fixed<'_, S> {
    type SqlType = S::Row;
}

impl<S: Statement> RunQueryDsl<PgConnection> for Fixed<'_, S> {}
impl<S: Statement> RunQueryDsl<SqliteConnection> for Fixed<'_, S> {}
