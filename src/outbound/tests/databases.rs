//! Foreign databases: SQLite files, and PostgreSQL where `PROVOST_TEST_POSTGRES` names a server.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

use diesel::{Connection as _, PgConnection, SqliteConnection, connection::SimpleConnection};
use secrecy::SecretString;
use serde_json::json;

use super::*;

static COUNT: AtomicU32 = AtomicU32::new(0);

const TIMEOUT: Duration = Duration::from_secs(3);

/// A database of its own for one test.
struct Scratch {
    url: String,
    folder: Option<PathBuf>,
    server: Option<(String, String)>,
}

impl Scratch {
    fn name() -> String {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        format!("provost_sql_{}_{count}", std::process::id())
    }

    fn sqlite() -> Self {
        let folder = std::env::temp_dir().join(Self::name());
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        // A name that a URL would read otherwise.
        let file = folder.join("a ?#%41.db");
        let text = file.to_str().expect("UTF-8");
        let open = format!(
            "file:{}",
            text.replace('%', "%25")
                .replace('?', "%3f")
                .replace('#', "%23")
        );
        let mut connection = SqliteConnection::establish(&open).expect("opens");
        connection
            .batch_execute("PRAGMA journal_mode = WAL")
            .expect("runs");
        Self {
            url: format!("sqlite:{text}"),
            folder: Some(folder),
            server: None,
        }
    }

    #[allow(
        clippy::disallowed_methods,
        reason = "the suite is told by the environment where a server is"
    )]
    fn postgres() -> Option<Self> {
        let server = std::env::var("PROVOST_TEST_POSTGRES").ok()?;
        let name = Self::name();
        let mut admin = PgConnection::establish(&server).expect("the test server");
        admin
            .batch_execute(&format!("CREATE DATABASE {name}"))
            .expect("a new database");
        let (place, query) = server.split_once('?').unwrap_or((&server, ""));
        let base = place.rsplit_once('/').map_or(place, |(base, _)| base);
        let url = format!("{base}/{name}?{query}");
        Some(Self {
            url: url.trim_end_matches('?').to_owned(),
            folder: None,
            server: Some((server, name)),
        })
    }

    /// One of each that there is.
    fn all() -> Vec<Self> {
        let mut all = vec![Self::sqlite()];
        all.extend(Self::postgres());
        all
    }

    fn is_postgres(&self) -> bool {
        self.server.is_some()
    }

    async fn run(&self, outbound: &Outbound, query: sql::Query) -> Ended {
        let integration = integration(&self.url);
        outbound
            .perform(&integration, Call::Sql(query), TIMEOUT)
            .await
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            // What is left behind lies in the system's temporary folder.
            let _ = std::fs::remove_dir_all(folder);
        }
        if let Some((server, name)) = &self.server
            && let Ok(mut admin) = PgConnection::establish(server)
        {
            // Likewise on the test server.
            let _ = admin.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)"));
        }
    }
}

fn integration(url: &str) -> Integration {
    system(
        Kind::Sql {
            url: SecretString::from(url.to_owned()),
            operations: BTreeMap::new(),
        },
        &["127.0.0.0/8", "::1"],
    )
}

fn read(statement: &str, binds: &[Value]) -> sql::Query {
    sql::Query {
        statement: statement.to_owned(),
        binds: binds.to_vec(),
        writes: false,
        max_rows: 3,
    }
}

fn write(statement: &str, binds: &[Value]) -> sql::Query {
    sql::Query {
        writes: true,
        ..read(statement, binds)
    }
}

fn body(ended: Ended) -> (u16, Value) {
    let answer = ended.expect("an answer");
    (answer.status, answer.body.expect("a body"))
}

async fn orders(scratch: &Scratch, outbound: &Outbound) {
    let table = "CREATE TABLE orders (id TEXT PRIMARY KEY, amount NUMERIC(12, 2), lines INTEGER, \
        paid BOOLEAN, note TEXT)";
    let made = scratch.run(outbound, write(table, &[])).await;
    assert_eq!(body(made).0, 200);
}

#[tokio::test]
async fn values_are_bound_with_their_types_and_come_back_so() {
    for scratch in Scratch::all() {
        let outbound = outbound();
        orders(&scratch, &outbound).await;
        let amount: Value = serde_json::from_str("80.10").expect("a number");
        let note = json!("'; DROP TABLE orders; -- $1");
        let insert = "INSERT INTO orders VALUES ($1, $2, $3, $4, $5);";
        let binds = [json!("A1"), amount, json!(2), json!(true), note.clone()];
        let (status, said) = body(scratch.run(&outbound, write(insert, &binds)).await);
        assert_eq!(
            (status, said),
            (200, json!({"rows": [], "count": 1, "more": false}))
        );
        let binds = [
            json!("A2"),
            Value::Null,
            Value::Null,
            Value::Null,
            Value::Null,
        ];
        let returning = format!("{} RETURNING id, amount", insert.trim_end_matches(';'));
        let (status, said) = body(scratch.run(&outbound, write(&returning, &binds)).await);
        assert_eq!(status, 200);
        assert_eq!(said["rows"], json!([{"id": "A2", "amount": null}]));

        let select =
            "SELECT id, amount, lines, note FROM orders WHERE note = $2 AND lines = $1 -- one";
        let (status, said) = body(
            scratch
                .run(&outbound, read(select, &[json!(2), note.clone()]))
                .await,
        );
        assert_eq!((status, &said["count"]), (200, &json!(1)));
        let row = &said["rows"][0];
        assert_eq!(
            (&row["id"], &row["lines"], &row["note"]),
            (&json!("A1"), &json!(2), &note)
        );
        let exact = if scratch.is_postgres() {
            "80.10"
        } else {
            "80.1"
        };
        assert_eq!(row["amount"].to_string(), exact);
        let more: Value = serde_json::from_str("80.09").expect("a number");
        let above = read("SELECT id FROM orders WHERE amount > $1", &[more]);
        assert_eq!(
            body(scratch.run(&outbound, above).await).1["count"],
            json!(1)
        );
    }
}

#[tokio::test]
async fn no_more_rows_than_asked_for_are_given() {
    for scratch in Scratch::all() {
        let outbound = outbound();
        orders(&scratch, &outbound).await;
        for id in 0..5 {
            let insert = write(
                "INSERT INTO orders (id) VALUES ($1)",
                &[json!(format!("A{id}"))],
            );
            assert_eq!(body(scratch.run(&outbound, insert).await).0, 200);
        }
        let select = read("SELECT id FROM orders ORDER BY id DESC", &[]);
        let (_, said) = body(scratch.run(&outbound, select).await);
        let expected = json!([{"id": "A4"}, {"id": "A3"}, {"id": "A2"}]);
        assert_eq!(said, json!({"rows": expected, "count": 3, "more": true}));
        // What a write wrote is written, however little of it is shown.
        let update = write("UPDATE orders SET lines = 1 RETURNING id", &[]);
        let (_, said) = body(scratch.run(&outbound, update).await);
        assert_eq!((&said["count"], &said["more"]), (&json!(3), &json!(true)));
        let written = read("SELECT count(*) AS n FROM orders WHERE lines = 1", &[]);
        assert_eq!(
            body(scratch.run(&outbound, written).await).1["rows"][0]["n"],
            json!(5)
        );
        let large = "WITH RECURSIVE a(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM a WHERE n < 3) \
            SELECT n, $1 AS x FROM a";
        let ended = scratch
            .run(&outbound, read(large, &["x".repeat(600_000).into()]))
            .await;
        let answer = ended.expect("an answer");
        assert_eq!(answer.body, Err(BodyFault::TooLarge(MAX_ANSWER_BYTES)));
    }
}

#[tokio::test]
async fn what_the_database_refuses_is_a_no_and_nothing_was_done() {
    for scratch in Scratch::all() {
        let outbound = outbound();
        orders(&scratch, &outbound).await;
        let insert = "INSERT INTO orders (id) VALUES ($1)";
        let status = async |query| body(scratch.run(&outbound, query).await).0;
        assert_eq!(
            status(read(insert, &[json!("A1")])).await,
            400,
            "it may not write"
        );
        assert_eq!(
            status(read("DELETE FROM orders RETURNING id", &[])).await,
            400
        );
        assert_eq!(status(write(insert, &[json!("A1")])).await, 200);
        assert_eq!(
            status(write(insert, &[json!("A1")])).await,
            409,
            "it is there already"
        );
        assert_eq!(status(read("SELEC 1", &[])).await, 400);
        assert_eq!(status(read("SELECT nothing FROM orders", &[])).await, 400);
        let count = read("SELECT id FROM orders", &[]);
        assert_eq!(
            body(scratch.run(&outbound, count).await).1["count"],
            json!(1)
        );
        for query in [
            read("SELECT 1; DELETE FROM orders", &[]),
            read("SELECT $1", &[]),
        ] {
            let ended = scratch.run(&outbound, query).await;
            assert!(matches!(ended, Err(SendFault::Refused(_))), "{ended:?}");
        }
    }
}

#[tokio::test]
async fn a_statement_that_waits_too_long_was_not_done() {
    let scratch = Scratch::sqlite();
    let outbound = outbound();
    orders(&scratch, &outbound).await;
    let file = format!(
        "{}/a %3f%23%2541.db",
        scratch.folder.as_ref().expect("a folder").display()
    );
    let mut other = SqliteConnection::establish(&format!("file:{file}")).expect("opens");
    other.batch_execute("BEGIN IMMEDIATE").expect("locks");
    let insert = write("INSERT INTO orders (id) VALUES ('A1')", &[]);
    let call = Call::Sql(insert);
    let short = Duration::from_secs(2);
    let ended = outbound
        .perform(&integration(&scratch.url), call, short)
        .await;
    assert_eq!(body(ended).0, 503);

    let Some(scratch) = Scratch::postgres() else {
        return;
    };
    let sleep = Call::Sql(write("SELECT pg_sleep(10)", &[]));
    let ended = outbound
        .perform(&integration(&scratch.url), sleep, short)
        .await;
    assert_eq!(body(ended).0, 408);
}

#[tokio::test]
async fn a_connection_that_is_lost_in_a_statement_leaves_it_open() {
    let Some(scratch) = Scratch::postgres() else {
        return;
    };
    let outbound = outbound();
    let end = "SELECT pg_terminate_backend(pg_backend_pid())";
    let ended = scratch.run(&outbound, write(end, &[])).await;
    assert!(matches!(ended, Err(SendFault::Broken(_))), "{ended:?}");
    // One that was closed while it waited is opened again.
    assert_eq!(
        body(scratch.run(&outbound, read("SELECT 1", &[])).await).0,
        200
    );
    let (server, name) = scratch.server.as_ref().expect("a server");
    let mut admin = PgConnection::establish(server).expect("the test server");
    let close = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ";
    admin
        .batch_execute(&format!("{close} '{name}'"))
        .expect("closes");
    assert_eq!(
        body(scratch.run(&outbound, write("SELECT 1", &[])).await).0,
        200
    );
}

#[tokio::test]
async fn a_server_is_reached_only_where_it_may_be_and_its_password_is_shown_nowhere() {
    let stub = Stub::doing(|stream| async move {
        drop(stream);
        Ok(())
    })
    .await;
    let port = stub.address.port();
    let outbound = outbound();
    let run = async |url: &str, listed: &[&str]| {
        let kind = Kind::Sql {
            url: SecretString::from(url.to_owned()),
            operations: BTreeMap::new(),
        };
        let call = Call::Sql(read("SELECT 1", &[]));
        outbound.perform(&system(kind, listed), call, TIMEOUT).await
    };
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "localhost",
        "[::1]",
        "0.0.0.0",
    ] {
        let ended = run(&format!("postgres://u:s3cret@{host}:{port}/x"), &[]).await;
        let Err(SendFault::Refused(said)) = ended else {
            panic!("{host}: {ended:?}");
        };
        assert!(!said.contains("s3cret"), "{said}");
    }
    for url in [
        "postgres:///x",
        "postgres://a,b/x",
        "postgres://%2Ftmp/x",
        "postgres://192.0.2.1/x?host=127.0.0.1",
        "postgres://192.0.2.1/x?hostaddr=127.0.0.1",
        "postgres://192.0.2.1/x?service=own",
        "sqlite::memory:",
        "sqlite:",
        "mysql://u:s3cret@db/x",
    ] {
        let ended = run(url, &["192.0.2.0/24"]).await;
        assert!(
            matches!(ended, Err(SendFault::Refused(_))),
            "{url}: {ended:?}"
        );
    }
    assert_eq!(stub.connections.load(Ordering::SeqCst), 0);
    let lost = run(
        &format!("postgres://u:s3cret@127.0.0.1:{port}/x"),
        &["127.0.0.0/8"],
    )
    .await;
    let Err(SendFault::NotSent(said)) = lost else {
        panic!("{lost:?}");
    };
    assert!(!said.contains("s3cret"), "{said}");
    let absent = run("sqlite:not/there.db", &[]).await;
    assert!(matches!(absent, Err(SendFault::NotSent(_))), "{absent:?}");
}

#[tokio::test]
async fn a_server_that_says_nothing_was_sent_nothing() {
    let silent = Stub::doing(|_stream| std::future::pending()).await;
    let url = format!("postgres://u:p@127.0.0.1:{}/x", silent.address.port());
    let call = Call::Sql(write("SELECT 1", &[]));
    let short = Duration::from_millis(200);
    let ended = outbound().perform(&integration(&url), call, short).await;
    assert!(matches!(ended, Err(SendFault::NotSent(_))), "{ended:?}");
}

#[tokio::test]
async fn a_server_is_looked_up_once_and_reached_there() {
    let stub = Stub::doing(|stream| async move {
        drop(stream);
        Ok(())
    })
    .await;
    let url = format!("postgres://u:p@db.example.com:{}/x", stub.address.port());
    let outbound = outbound_asking(&["127.0.0.1", "10.0.0.1"]);
    let run = async || {
        let call = Call::Sql(read("SELECT 1", &[]));
        outbound.perform(&integration(&url), call, TIMEOUT).await
    };
    let reached = run().await;
    assert!(matches!(reached, Err(SendFault::NotSent(_))), "{reached:?}");
    assert!(stub.connections.load(Ordering::SeqCst) > 0);
    let refused = run().await;
    assert!(matches!(refused, Err(SendFault::Refused(_))), "{refused:?}");
}
