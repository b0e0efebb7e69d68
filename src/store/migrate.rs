//! The schema: applies what is missing, under a lock, and refuses what is too new.
//!
//! Migrations are embedded, carry the same names for both databases, and only add.
//! `tail.min_reader` names the oldest schema that still understands the database.

use diesel::{
    QueryDsl, QueryableByName, RunQueryDsl,
    backend::Backend,
    migration::{MigrationSource, MigrationVersion},
    pg::Pg,
    sql_query,
    sql_types::{BigInt, Bool, Text},
    sqlite::Sqlite,
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::{
    connection::{Connection, on},
    error::{SCHEMA_TOO_NEW, StoreError},
    link::Link,
    schema::tail,
    words,
};

/// The newest schema that this program understands.
pub(super) const SCHEMA: i64 = 2;

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// The migration since which tickets are found by their words.
const WORDS: &str = "0008";

/// The advisory lock under which PostgreSQL's schema changes: "provost" in ASCII.
const LOCK: i64 = 0x0070_726f_766f_7374;

/// Applies the migrations that are missing; a role that may not change the schema can run
/// this too as long as there are none.
///
/// *Errors*: `Refused` (`PV-STORE-004`) when the schema is too new.
pub(super) fn migrate(link: &mut Link) -> Result<usize, StoreError> {
    let is_complete = link.run(|connection| {
        check(connection)?;
        is_complete(connection)
    })?;
    if is_complete {
        return Ok(0);
    }
    link.transact(|connection| {
        lock(connection)?;
        check(connection)?;
        let done = match connection {
            Connection::Sqlite(c) => c.run_pending_migrations(SQLITE).map(|done| to_texts(&done)),
            Connection::Postgres(c) => c
                .run_pending_migrations(POSTGRES)
                .map(|done| to_texts(&done)),
        };
        let done = done.map_err(of_migrating)?;
        // Words are split by the program, so what stands there already gets them here.
        if done.iter().any(|version| version == WORDS) {
            words::fill(connection)?;
        }
        Ok(done.len())
    })
}

/// Refuses a schema that this program is too old for; one that is not there yet passes.
pub(super) fn check(connection: &mut Connection) -> Result<(), StoreError> {
    if !has_table(connection, "tail")? {
        return Ok(());
    }
    let min_reader: i64 = on!(connection, c => tail::table.select(tail::min_reader).first(c)?);
    if min_reader > SCHEMA {
        return Err(StoreError::refused(
            SCHEMA_TOO_NEW,
            format!(
                "the database wants a reader of schema {min_reader}; this program knows {SCHEMA}"
            ),
        ));
    }
    Ok(())
}

fn to_texts(versions: &[MigrationVersion<'_>]) -> Vec<String> {
    versions.iter().map(ToString::to_string).collect()
}

fn is_complete(connection: &mut Connection) -> Result<bool, StoreError> {
    if !has_table(connection, "__diesel_schema_migrations")? {
        return Ok(false);
    }
    let applied: Vec<String> = on!(connection, c => applied::table
        .select(applied::version)
        .load(c)?);
    let ours = match connection {
        Connection::Sqlite(_) => versions::<Sqlite>(&SQLITE),
        Connection::Postgres(_) => versions::<Pg>(&POSTGRES),
    };
    Ok(ours?.iter().all(|version| applied.contains(version)))
}

fn versions<Db: Backend>(source: &impl MigrationSource<Db>) -> Result<Vec<String>, StoreError> {
    let migrations = source.migrations().map_err(of_migrating)?;
    Ok(migrations
        .iter()
        .map(|migration| migration.name().version().to_string())
        .collect())
}

fn has_table(connection: &mut Connection, name: &str) -> Result<bool, StoreError> {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = Bool)]
        found: bool,
    }
    let row: Found = match connection {
        Connection::Sqlite(c) => sql_query(
            "SELECT count(*) > 0 AS found FROM sqlite_schema WHERE type = 'table' AND name = ?",
        )
        .bind::<Text, _>(name)
        .get_result(&mut **c)?,
        Connection::Postgres(c) => sql_query("SELECT to_regclass($1) IS NOT NULL AS found")
            .bind::<Text, _>(name)
            .get_result(&mut **c)?,
    };
    Ok(row.found)
}

fn of_migrating(error: Box<dyn std::error::Error + Send + Sync>) -> StoreError {
    match error.downcast::<diesel::result::Error>() {
        Ok(error) => StoreError::from(*error),
        Err(error) => StoreError::Lasting(format!("migrating: {error}")),
    }
}

// SQLite's transaction is the lock already.
fn lock(connection: &mut Connection) -> Result<(), StoreError> {
    if let Connection::Postgres(c) = connection {
        sql_query("SET LOCAL statement_timeout = 0").execute(&mut **c)?;
        sql_query("SELECT pg_advisory_xact_lock($1)")
            .bind::<BigInt, _>(LOCK)
            .execute(&mut **c)?;
    }
    Ok(())
}

diesel::table! {
    #[sql_name = "__diesel_schema_migrations"]
    applied (version) {
        version -> Text,
    }
}
