//! Databases of a test's own: a file, a database on the shared server, a server of its own.
//!
//! Rows are read and spoilt by plain SQL through diesel's connections, beside
//! the product's store.

use std::path::Path;

use diesel::{
    Connection, PgConnection, QueryableByName, RunQueryDsl, SqliteConnection,
    connection::SimpleConnection, sql_query, sql_types::Text,
};

use super::place::{Place, given, service_env, services, unique};

/// Which database a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A file in the test's folder.
    Sqlite,
    /// A fresh database on a PostgreSQL server.
    Postgres,
}

/// A database that no other test uses.
#[derive(Debug)]
pub(crate) struct Database {
    /// Which kind.
    pub(crate) kind: Kind,
    /// As the daemon is told it.
    pub(crate) url: String,
    // The server's own database, to drop this one from; `None` where it goes with its server or folder.
    server: Option<String>,
}

#[derive(QueryableByName)]
struct Cell {
    #[diesel(sql_type = Text)]
    value: String,
}

impl Database {
    /// Makes a fresh database; a SQLite file lies below `folder`.
    pub(crate) fn fresh(kind: Kind, folder: &Path) -> Self {
        match kind {
            Kind::Sqlite => Self::at_file(&folder.join("provost.db")),
            Kind::Postgres => Self::on_server(&given("PROVOST_TEST_POSTGRES")),
        }
    }

    /// Names a SQLite file that the daemon will make.
    pub(crate) fn at_file(file: &Path) -> Self {
        Self {
            kind: Kind::Sqlite,
            url: format!("sqlite:{}", file.display()),
            server: None,
        }
    }

    /// Names a database on a server that is there already.
    pub(crate) fn at_url(url: String) -> Self {
        Self {
            kind: Kind::Postgres,
            url,
            server: None,
        }
    }

    /// Makes a database on the server whose own database is `server`.
    pub(crate) fn on_server(server: &str) -> Self {
        let name = unique("t");
        let mut connection = PgConnection::establish(server).expect("the PostgreSQL server");
        connection
            .batch_execute(&format!("CREATE DATABASE {name}"))
            .expect("a database");
        let (base, _) = server.rsplit_once('/').expect("a URL with a database");
        Self {
            kind: Kind::Postgres,
            url: format!("{base}/{name}"),
            server: Some(server.to_owned()),
        }
    }

    /// Gives the SQLite file.
    pub(crate) fn file(&self) -> &Path {
        Path::new(self.url.trim_start_matches("sqlite:"))
    }

    /// Opens a connection of the test's own.
    pub(crate) fn connect(&self) -> Session {
        match self.kind {
            Kind::Sqlite => {
                let mut connection =
                    SqliteConnection::establish(&self.file().to_string_lossy()).expect("the file");
                connection
                    .batch_execute("PRAGMA busy_timeout = 10000")
                    .expect("a time-out");
                Session::Sqlite(connection)
            }
            Kind::Postgres => {
                Session::Postgres(PgConnection::establish(&self.url).expect("the database"))
            }
        }
    }

    /// Runs statements on a connection of their own.
    pub(crate) fn execute(&self, sql: &str) {
        self.connect().execute(sql);
    }

    /// Gives the column `value`, a text, of each row.
    pub(crate) fn values(&self, sql: &str) -> Vec<String> {
        self.connect().values(sql)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let Some(server) = &self.server else { return };
        let name = self.url.rsplit('/').next().unwrap_or_default();
        if let Ok(mut connection) = PgConnection::establish(server) {
            let _ = connection.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)"));
        }
    }
}

/// A connection of the test's own, beside the daemon's.
pub(crate) enum Session {
    /// To a file.
    Sqlite(SqliteConnection),
    /// To a server.
    Postgres(PgConnection),
}

impl Session {
    /// Runs statements; an error fails the test.
    pub(crate) fn execute(&mut self, sql: &str) {
        self.try_execute(sql)
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// Runs statements.
    pub(crate) fn try_execute(&mut self, sql: &str) -> Result<(), diesel::result::Error> {
        match self {
            Self::Sqlite(connection) => connection.batch_execute(sql),
            Self::Postgres(connection) => connection.batch_execute(sql),
        }
    }

    /// Gives the column `value`, a text, of each row.
    pub(crate) fn values(&mut self, sql: &str) -> Vec<String> {
        let rows: Vec<Cell> = match self {
            Self::Sqlite(connection) => sql_query(sql).load(connection),
            Self::Postgres(connection) => sql_query(sql).load(connection),
        }
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
        rows.into_iter().map(|row| row.value).collect()
    }
}

/// A PostgreSQL server of the test's own, to be stopped and killed.
#[derive(Debug)]
pub(crate) struct PostgresServer(Place);

impl PostgresServer {
    /// Starts one.
    pub(crate) async fn private() -> Self {
        let server = Self(Place::new("postgres"));
        server.start().await;
        server
    }

    /// Starts it, again or for the first time; port and content stay.
    pub(crate) async fn start(&self) {
        self.verb("start").await;
    }

    /// Ends clients and stops in order.
    pub(crate) async fn stop(&self) {
        self.verb("stop").await;
    }

    /// Stops as a crash does: transactions under way are gone.
    pub(crate) async fn kill(&self) {
        self.verb("kill").await;
    }

    /// Makes a database on it.
    pub(crate) fn database(&self) -> Database {
        let mut database =
            Database::on_server(&service_env(self.0.path(), "PROVOST_TEST_POSTGRES"));
        // It goes with its server.
        database.server = None;
        database
    }

    async fn verb(&self, verb: &str) {
        services(&["postgres", verb, &self.0.path().to_string_lossy()]).await;
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        remove("postgres", self.0.path());
    }
}

/// Ends a service of the test's own and removes its folder, from a destructor.
pub(crate) fn remove(service: &str, folder: &Path) {
    let _ = std::process::Command::new(super::place::of_package("tests/support/services"))
        .args([service, "remove"])
        .arg(folder)
        .status();
}
