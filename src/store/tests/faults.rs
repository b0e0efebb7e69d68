//! Faults: what refuses to open, what is lost, what is full, and how it heals.

use diesel::connection::SimpleConnection;

use super::*;
use crate::store::connection::Connection;

fn code<T>(result: &Result<T, StoreError>) -> Option<&'static str> {
    match result {
        Err(StoreError::Refused { code, .. }) => Some(code),
        _ => None,
    }
}

#[test]
fn a_second_daemon_on_one_file_is_refused_and_a_command_is_not() {
    let scratch = Scratch::sqlite();
    let first = Store::open(&scratch.url, Role::Daemon).expect("opens");
    first.migrate().expect("migrates");
    let second = Store::open(&scratch.url, Role::Daemon);
    assert_eq!(code(&second), Some("PV-STORE-001"));
    let tool = Store::open(&scratch.url, Role::Tool).expect("opens");
    assert!(tool.desk().daemon_register("x").is_ok());
    drop(first);
    assert!(Store::open(&scratch.url, Role::Daemon).is_ok());
}

#[test]
fn a_file_that_is_no_database_or_in_no_folder_is_refused() {
    let scratch = Scratch::sqlite();
    let file = scratch.url.trim_start_matches("sqlite:");
    std::fs::write(
        file,
        "no database, but longer than the header of one would be".repeat(20),
    )
    .expect("writes");
    assert_eq!(
        code(&Store::open(&scratch.url, Role::Daemon)),
        Some("PV-STORE-006")
    );
    let nowhere = scratch.url.replace("provost.db", "none/provost.db");
    assert_eq!(
        code(&Store::open(&nowhere, Role::Daemon)),
        Some("PV-STORE-005")
    );
    let tool = Store::open(&nowhere, Role::Tool).expect("opens nothing yet");
    assert_eq!(code(&tool.migrate()), Some("PV-STORE-005"));
}

#[test]
fn a_schema_that_wants_a_newer_reader_is_refused() {
    on_each(|scratch| {
        let store = scratch.store();
        assert_eq!(store.migrate(), Ok(0), "nothing is left to do");
        scratch.execute("UPDATE tail SET min_reader = 99");
        assert_eq!(code(&store.migrate()), Some("PV-STORE-004"));
        assert_eq!(code(&store.writer()), Some("PV-STORE-004"));
    });
}

#[test]
fn a_role_that_may_not_change_the_schema_starts_on_a_complete_one() {
    let Some(scratch) = Scratch::postgres() else {
        return;
    };
    scratch.store();
    let role = scratch.server.as_ref().expect("there").1.clone() + "_user";
    scratch.execute(&format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}"
    ));
    let place = scratch.url.split_once('@').expect("a user in the URL").1;
    let store = Store::open(&format!("postgres://{role}:x@{place}"), Role::Tool).expect("opens");
    let migrated = store.migrate();
    let daemon = register(&store, "one");
    let mut writer = store.writer().expect("connects");
    let committed = commit(&mut writer, daemon, &[("c1", "a")]);
    drop((store, writer));
    scratch.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
    assert_eq!(migrated, Ok(0));
    assert!(committed.is_ok(), "{committed:?}");
}

#[test]
fn tables_that_are_absent_are_refused_and_not_blamed_on_the_input() {
    on_each(|scratch| {
        let store = Store::open(&scratch.url, Role::Tool).expect("opens");
        let mut writer = store.writer().expect("connects");
        let begun = open(&mut writer, &[("c1", "a")]);
        assert_eq!(code(&begun), Some("PV-STORE-007"));
        store.migrate().expect("migrates");
        assert!(open(&mut writer, &[("c1", "a")]).is_ok());
    });
}

#[test]
fn a_full_disk_is_told_and_heals_without_a_restart() {
    let scratch = Scratch::sqlite();
    let store = scratch.store();
    let daemon = register(&store, "one");
    let mut writer = store.writer().expect("connects");
    commit(&mut writer, daemon, &[("c1", "a")]).expect("commits");
    let limit = |writer: &mut Writer, pages: u32| {
        writer
            .link
            .run(|connection| match connection {
                Connection::Sqlite(c) => {
                    Ok(c.batch_execute(&format!("PRAGMA max_page_count = {pages}"))?)
                }
                Connection::Postgres(_) => Ok(()),
            })
            .expect("sets");
    };
    limit(&mut writer, 1);
    let full = commit_with(&mut writer, daemon, &[("c1", "b")], |write| {
        write.journal[0].facts = "x".repeat(1_000_000);
    });
    assert!(matches!(full, Err(StoreError::Full(_))), "{full:?}");
    limit(&mut writer, 1_000_000);
    commit(&mut writer, daemon, &[("c1", "b")]).expect("heals");
    assert_eq!(store.reader().tail().expect("reads").position, 2);
}

#[test]
fn what_cannot_be_stored_is_a_lasting_fault_of_its_batch_alone() {
    let Some(scratch) = Scratch::postgres() else {
        return;
    };
    let store = scratch.store();
    let daemon = register(&store, "one");
    let mut writer = store.writer().expect("connects");
    let bad = commit_with(&mut writer, daemon, &[("c1", "a")], |write| {
        write.journal[0].facts = "a\0b".to_owned();
    });
    assert!(matches!(bad, Err(StoreError::Lasting(_))), "{bad:?}");
    commit(&mut writer, daemon, &[("c1", "a")]).expect("commits");
}

#[test]
fn a_connection_that_dies_is_lost_and_opened_again() {
    let Some(scratch) = Scratch::postgres() else {
        return;
    };
    let store = scratch.store();
    let daemon = register(&store, "one");
    let mut writer = store.writer().expect("connects");
    let opening = open(&mut writer, &[("c1", "a")]).expect("opens");
    let tail = writer.tail().expect("locks");
    scratch.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
    let write = compose(&opening.world, &tail, daemon, &[("c1", "a")]);
    let lost = writer.commit(&write);
    assert!(matches!(lost, Err(StoreError::Lost(_))), "{lost:?}");
    commit(&mut writer, daemon, &[("c1", "a")]).expect("a new connection commits");
}

#[test]
fn a_server_that_is_away_or_says_no_is_told_apart() {
    let away = Store::open("postgres://u@127.0.0.1:1/d", Role::Daemon).expect("not asked yet");
    assert!(matches!(away.migrate(), Err(StoreError::Lost(_))));
    let Some(scratch) = Scratch::postgres() else {
        return;
    };
    let absent = scratch.url.replace("provost_test", "no_provost_test");
    let store = Store::open(&absent, Role::Daemon).expect("not asked yet");
    assert_eq!(code(&store.migrate()), Some("PV-STORE-009"));
    if !cfg!(feature = "postgres-tls") {
        let tls = format!("{}?sslmode=require", scratch.url);
        assert_eq!(code(&Store::open(&tls, Role::Daemon)), Some("PV-STORE-003"));
    }
}

#[cfg(feature = "postgres-tls")]
#[allow(
    clippy::disallowed_methods,
    reason = "the suite is told by the environment whom to trust"
)]
#[test]
fn tls_is_used_and_the_servers_certificate_is_checked() {
    let (Some(scratch), Ok(authority)) = (
        Scratch::postgres(),
        std::env::var("PROVOST_TEST_POSTGRES_CA"),
    ) else {
        return;
    };
    let is_encrypted = |mode: &str| {
        let store = Store::open(&format!("{}?sslmode={mode}", scratch.url), Role::Daemon)?;
        let mut reader = store.reader();
        reader.ask(|connection| {
            use diesel::RunQueryDsl as _;
            let used = diesel::dsl::sql::<diesel::sql_types::Bool>(
                "(SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid())",
            );
            Ok(super::connection::on!(connection, c => diesel::select(used).get_result::<bool>(c)?))
        })
    };
    assert!(!is_encrypted("disable").expect("connects"));
    assert!(is_encrypted("require").expect("connects"));
    let known = format!("verify-full&sslrootcert={authority}");
    assert!(is_encrypted(&known).expect("the authority is known"));
    let unknown = is_encrypted("verify-full&sslrootcert=/nowhere/root.crt");
    assert!(unknown.is_err(), "{unknown:?}");
}

#[test]
fn a_reader_cannot_write() {
    on_each(|scratch| {
        let store = scratch.store();
        let mut reader = store.reader();
        let written = reader.ask(|connection| {
            super::connection::on!(connection, c => c.batch_execute("DELETE FROM tail")?);
            Ok(())
        });
        assert!(written.is_err());
        assert!(store.reader().tail().is_ok());
    });
}
