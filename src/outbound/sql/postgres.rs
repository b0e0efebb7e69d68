//! PostgreSQL: a connection to the address that was looked at, and one statement in a transaction.
//!
//! A statement that only reads runs in a read-only transaction, each has the time that its
//! action has, and a row is made JSON by the server. When something failed, the connection
//! is asked to roll back: if it answers, nothing was done, for certain.

use std::net::IpAddr;

use diesel::{
    Connection as _, PgConnection, QueryableByName, RunQueryDsl, connection::SimpleConnection,
    sql_query, sql_types::Text,
};
use reqwest::Url;

use super::{Fault, Job, Rows, no, statement::Shape};
use crate::outbound::{SendFault, stage::Stage};

/// How long a connection may take, in seconds. *Source*: libpq takes no fewer than two.
const CONNECT_SECONDS: &str = "3";

/// A server, as its URL names it.
#[derive(Clone)]
pub(super) struct Server {
    url: Url,
}

/// A row, made JSON by the server.
#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

impl Server {
    /// Reads a URL.
    ///
    /// *Errors*: it names no host, or more than one, or asks for TLS where this build has none.
    pub(super) fn parse(text: &str) -> Result<Self, SendFault> {
        let refused = |said: &str| SendFault::Refused(format!("the database's URL {said}"));
        let url = Url::parse(text).map_err(|_| refused("is none"))?;
        let host = url.host_str().unwrap_or_default();
        if host.is_empty() || host.contains(['/', ',', '%']) {
            return Err(refused("does not name one host"));
        }
        for (name, value) in url.query_pairs() {
            if ["host", "hostaddr", "service", "servicefile"].contains(&name.as_ref()) {
                return Err(refused(&format!("names its host by `{name}`")));
            }
            let wants_tls =
                name == "sslmode" && value != "disable" && value != "allow" && value != "prefer";
            if (wants_tls || name == "requiressl") && !cfg!(feature = "postgres-tls") {
                return Err(refused(
                    "asks for TLS, and this build has none to PostgreSQL",
                ));
            }
        }
        Ok(Self { url })
    }

    /// Gives the host's name.
    pub(super) fn host(&self) -> String {
        self.url.host_str().unwrap_or_default().to_owned()
    }

    /// Connects to the first of these addresses that answers; the name is only for TLS.
    pub(super) fn connect(&self, addresses: &[IpAddr]) -> Result<PgConnection, String> {
        let mut said = String::new();
        for address in addresses {
            let mut url = self.url.clone();
            let has = |name: &str| self.url.query_pairs().any(|(found, _)| found == name);
            let has_timeout = has("connect_timeout");
            let mut pairs = url.query_pairs_mut();
            pairs.append_pair("hostaddr", &address.to_string());
            if !has_timeout {
                pairs.append_pair("connect_timeout", CONNECT_SECONDS);
            }
            pairs.append_pair("fallback_application_name", "provost");
            pairs.append_pair("tcp_user_timeout", "10000");
            drop(pairs);
            match PgConnection::establish(url.as_str()) {
                Ok(connection) => return Ok(connection),
                Err(error) => said = error.to_string(),
            }
        }
        Err(said)
    }
}

/// Runs a job in a transaction of its own.
pub(super) fn run(connection: &mut PgConnection, job: &Job, stage: &Stage) -> Result<Rows, Fault> {
    let mode = if job.writes {
        "READ WRITE"
    } else {
        "READ ONLY"
    };
    let begin = format!(
        "BEGIN {mode}; SET LOCAL statement_timeout = {}; SET LOCAL TimeZone = 'UTC'",
        job.time_left()
    );
    connection
        .batch_execute(&begin)
        .map_err(|error| Fault::Unusable(error.to_string()))?;
    if !stage.begin() {
        // Nothing waits for it; a connection that cannot is dropped.
        let _ = connection.batch_execute("ROLLBACK");
        return Err(Fault::GivenUp);
    }
    let done = execute(connection, job);
    let done = done.and_then(|rows| connection.batch_execute("COMMIT").map(|()| rows));
    match done {
        Ok((lines, count)) => Ok(rows(&lines, count, job)),
        // Whoever still answers has rolled back.
        Err(error) => match connection.batch_execute("ROLLBACK") {
            Ok(()) => Err(no(&error)),
            Err(_) => Err(Fault::Lost(error.to_string())),
        },
    }
}

fn execute(
    connection: &mut PgConnection,
    job: &Job,
) -> Result<(Vec<Line>, usize), diesel::result::Error> {
    let place = |number: usize| job.binds[number - 1].in_postgres(number);
    let text = job.statement.write(place);
    let shape = job.statement.shape();
    let text = match shape {
        Shape::Count => text,
        Shape::Rows => {
            // A write that is a query runs to its end.
            let limit = if job.writes {
                String::new()
            } else {
                format!("LIMIT {}", u64::from(job.max_rows) + 1)
            };
            format!(
                "SELECT row_to_json(provost_row)::text AS line FROM (\n{text}\n) AS provost_row {limit}"
            )
        }
        Shape::Returning => format!(
            "WITH provost_row AS (\n{text}\n) SELECT row_to_json(provost_row)::text AS line FROM provost_row"
        ),
    };
    let mut query = sql_query(text).into_boxed();
    for bind in job.binds.clone() {
        query = bind.bound_to_postgres(query);
    }
    if shape == Shape::Count {
        Ok((Vec::new(), query.execute(connection)?))
    } else {
        let lines: Vec<Line> = query.load(connection)?;
        let count = lines.len();
        Ok((lines, count))
    }
}

fn rows(lines: &[Line], count: usize, job: &Job) -> Rows {
    let mut rows = Rows::new(job);
    for line in lines {
        // What the server makes is JSON.
        let value = serde_json::from_str(&line.line).unwrap_or_default();
        if !rows.take(value, line.line.len()) {
            break;
        }
    }
    rows.written = count;
    rows
}
