//! SQLite: a file on this machine, opened for what the statement may do.
//!
//! A statement that only reads has the file opened read-only. There is no way to stop a
//! statement that runs too long: only waiting for a lock has its time, and whoever waited is
//! told in time that nobody knows.

use std::path::{Path, PathBuf};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use diesel::{
    Connection as _, QueryableByName, RunQueryDsl, SqliteConnection,
    connection::SimpleConnection,
    deserialize,
    row::{Field as _, NamedRow, Row},
    sql_query,
    sqlite::{Sqlite, SqliteType},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Number, Value};

use super::{Fault, Job, Rows, no, statement::Shape};
use crate::outbound::{SendFault, stage::Stage};

/// What stands as it is in the path of a URI.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A row, its columns by name.
struct Line(Map<String, Value>);

/// Reads `sqlite:FILE`.
///
/// *Errors*: it names no file.
pub(super) fn parse(rest: &str) -> Result<PathBuf, SendFault> {
    let file = rest.strip_prefix("//").unwrap_or(rest);
    if file.is_empty() || file.starts_with(":memory:") || file.contains('\0') {
        let said = "the database's URL names no file; write `sqlite:FILE`";
        return Err(SendFault::Refused(said.to_owned()));
    }
    Ok(PathBuf::from(file))
}

/// Opens a file that is there.
pub(super) fn open(file: &Path, writes: bool) -> Result<SqliteConnection, String> {
    let text = file.to_str().ok_or("the file's name is not UTF-8")?;
    let mode = if writes { "rw" } else { "ro" };
    let path = utf8_percent_encode(text, IN_PATH);
    let opened = SqliteConnection::establish(&format!("file:{path}?mode={mode}"));
    opened.map_err(|error| error.to_string())
}

/// Runs a job; by itself it is a transaction.
pub(super) fn run(
    connection: &mut SqliteConnection,
    job: &Job,
    stage: &Stage,
) -> Result<Rows, Fault> {
    let wait = job.time_left();
    connection
        .batch_execute(&format!(
            "PRAGMA busy_timeout = {wait}; PRAGMA foreign_keys = ON"
        ))
        .map_err(|error| Fault::Unusable(error.to_string()))?;
    if !stage.begin() {
        return Err(Fault::GivenUp);
    }
    let text = job.statement.write(|number| format!("?{number}"));
    let mut query = sql_query(text).into_boxed();
    for bind in job.binds.clone() {
        query = bind.bound_to_sqlite(query);
    }
    let mut rows = Rows::new(job);
    if job.statement.shape() == Shape::Count {
        rows.written = query.execute(connection).map_err(|error| no(&error))?;
        return Ok(rows);
    }
    // SQLite writes all that a statement writes before it gives the first row.
    let lines = query.load_iter::<Line, _>(connection);
    for line in lines.map_err(|error| no(&error))? {
        let Line(columns) = line.map_err(|error| no(&error))?;
        let value = Value::Object(columns);
        let size = value.to_string().len();
        if !rows.take(value, size) {
            break;
        }
    }
    rows.written = rows.lines.len();
    Ok(rows)
}

impl QueryableByName<Sqlite> for Line {
    fn build<'a>(row: &impl NamedRow<'a, Sqlite>) -> deserialize::Result<Self> {
        let mut columns = Map::new();
        for index in 0..row.field_count() {
            let Some(field) = Row::get(row, index) else {
                continue;
            };
            let name = field.field_name().unwrap_or_default().to_owned();
            let value = field
                .value()
                .map_or(Value::Null, |mut value| match value.value_type() {
                    None => Value::Null,
                    Some(SqliteType::Text) => value.read_text().into(),
                    Some(SqliteType::Binary) => BASE64_STANDARD.encode(value.read_blob()).into(),
                    Some(SqliteType::Float | SqliteType::Double) => {
                        Number::from_f64(value.read_double()).map_or(Value::Null, Value::Number)
                    }
                    Some(SqliteType::SmallInt | SqliteType::Integer | SqliteType::Long) => {
                        value.read_long().into()
                    }
                });
            columns.insert(name, value);
        }
        Ok(Self(columns))
    }
}
