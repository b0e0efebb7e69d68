//! PostgreSQL restarted, frozen, lost at COMMIT, and deadlocked by somebody else.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use crate::{
    actions::{asked, ends, furnish},
    support::{
        Kind, Ledger, Loss, Proxy, Rig, Side, database::PostgresServer, ledger::message, soak,
        stub::Stub,
    },
};

async fn rig_on(server: &PostgresServer) -> Rig {
    let mut rig = Rig::new(Kind::Postgres)
        .await
        .with_database(server.database());
    rig.excuse("PV-STORE");
    rig
}

// Only what writes a batch, and commits it by itself, carries events to the database.
const BATCH: &[u8] = b"\"specversion\"";

async fn rig_behind_proxy() -> (Rig, Proxy) {
    let mut rig = Rig::new(Kind::Postgres).await;
    rig.excuse("PV-STORE");
    let proxy = Proxy::to(&address(&rig.database.url)).await;
    rig.database_url = proxy.in_front_of(&rig.database.url);
    (rig, proxy)
}

// Host and port of a database URL.
fn address(url: &str) -> String {
    let (_, rest) = url.rsplit_once('@').expect("a user");
    rest.split('/').next().expect("a host").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_restarted_in_mid_transaction_costs_nothing() {
    let server = PostgresServer::private().await;
    let rig = rig_on(&server).await;
    let daemon = rig.start().await;
    let mut ledger = Ledger::default();
    for round in 0..4 {
        rig.deliver(&ledger.interleaved(5, 60)).await;
        if round % 2 == 0 {
            server.kill().await;
        } else {
            server.stop().await;
        }
        server.start().await;
    }
    rig.verify(&daemon, &ledger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_lost_at_commit_is_settled_by_the_journal() {
    let (rig, proxy) = rig_behind_proxy().await;
    let daemon = rig.start().await;
    let mut ledger = Ledger::default();
    for _ in 0..if soak() { 50 } else { 6 } {
        proxy.trap(Side::Client, BATCH, Loss::Answer, 2);
        rig.deliver(&ledger.interleaved(5, 40)).await;
        daemon.deliver(&ledger.messages("posted", 3)).await;
        proxy.sprung().await;
    }
    rig.verify(&daemon, &ledger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_commit_of_unknown_outcome_sends_is_sent_once_without_a_restart() {
    let stub = Stub::start().await;
    let (rig, proxy) = rig_behind_proxy().await;
    furnish(&rig, &stub);
    let daemon = rig.start().await;
    for number in 0..6 {
        proxy.trap(Side::Client, BATCH, Loss::Answer, 1);
        let id = format!("r{number}");
        let params = json!({"way": "ok", "order": id});
        daemon.deliver(&[asked(&id, "pay", &id, &params)]).await;
        proxy.sprung().await;
        assert_eq!(ends(&daemon, &id).await["state"], "succeeded");
    }
    assert_eq!(stub.calls().len(), 6, "each was sent once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_never_arrived_is_done_again() {
    let (rig, proxy) = rig_behind_proxy().await;
    let daemon = rig.start().await;
    let mut ledger = Ledger::default();
    for _ in 0..4 {
        proxy.trap(Side::Client, BATCH, Loss::Bytes, 2);
        rig.deliver(&ledger.interleaved(5, 40)).await;
        proxy.sprung().await;
    }
    rig.verify(&daemon, &ledger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_database_is_given_up_and_found_again() {
    let (rig, proxy) = rig_behind_proxy().await;
    let daemon = rig.start().await;
    let mut ledger = Ledger::default();
    rig.deliver(&ledger.interleaved(3, 20)).await;
    proxy.freeze();
    let until = Instant::now() + Duration::from_secs(12);
    rig.deliver(&ledger.interleaved(3, 20)).await;
    // The time itself is what is tested: longer than the daemon waits for an answer.
    sleep_until(until).await;
    proxy.cut();
    proxy.restore();
    rig.verify(&daemon, &ledger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadlock_with_somebody_else_is_tried_again() {
    let mut rig = Rig::new(Kind::Postgres).await;
    rig.excuse("PV-STORE");
    let daemon = rig.start().await;
    let mut ledger = Ledger::default();
    rig.deliver(&ledger.interleaved(2, 1)).await;
    rig.verify(&daemon, &ledger).await;
    for _ in 0..3 {
        // Locks the second subject, lets the daemon take the first and wait, then wants the first.
        let mut rival = rig.database.connect();
        // The rival is patient, so that the daemon is the one that is chosen to fail.
        rival.execute("SET deadlock_timeout = '60s'; BEGIN; SELECT 1 FROM subjects WHERE id = 'c1' FOR UPDATE");
        daemon_is_waiting(&rig, &daemon, &mut ledger).await;
        let rival = tokio::task::spawn_blocking(move || {
            rival.execute("SELECT 1 FROM subjects WHERE id = 'c0' FOR UPDATE; COMMIT");
        });
        rival.await.expect("the rival had its way");
    }
    rig.verify(&daemon, &ledger).await;
}

// Posts one unit over both subjects without waiting for its answer, and waits until the daemon stands at a lock.
async fn daemon_is_waiting(rig: &Rig, daemon: &crate::support::Daemon, ledger: &mut Ledger) {
    let events = ledger.interleaved(2, 1);
    // Taken in by the broker, so that nobody here has to wait for the answer.
    let _ = daemon;
    rig.deliver(&events).await;
    crate::support::eventually("the daemon waits for a lock", async || {
        let waiting = rig.database.values(
            "SELECT count(*)::text AS value FROM pg_stat_activity
             WHERE wait_event_type = 'Lock' AND datname = current_database()",
        );
        (waiting != ["0"]).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_away_at_start_is_said_and_waited_for() {
    let server = PostgresServer::private().await;
    let rig = rig_on(&server).await;
    rig.start().await.stop().await;
    let mut ledger = Ledger::default();
    rig.deliver(&ledger.interleaved(3, 10)).await;
    server.stop().await;
    let mut daemon = rig.launch("one", &[]);
    daemon.says("PV-STORE").await;
    server.start().await;
    daemon.ready().await;
    rig.verify(&daemon, &ledger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_of_the_server_is_said_and_healed_without_a_restart() {
    let mut rig = Rig::new(Kind::Postgres).await;
    rig.excuse("PV-STORE");
    let daemon = rig.start().await;
    let mut ledger = Ledger::default();
    rig.database.execute(
        "CREATE FUNCTION is_full() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN RAISE EXCEPTION 'could not extend file \"base/1/2\": No space left on device'
            USING ERRCODE = '53100'; END $$;
         CREATE TRIGGER is_full BEFORE INSERT ON journal FOR EACH ROW EXECUTE FUNCTION is_full()",
    );
    rig.deliver(&ledger.interleaved(3, 20)).await;
    daemon.says("PV-STORE-013").await;
    let (status, answer) = daemon.post(&[message("posted", "c9", "x")]).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
    rig.database.execute("DROP TRIGGER is_full ON journal");
    rig.verify(&daemon, &ledger).await;
    let parked = daemon.list("/v1/parked").await;
    assert!(
        parked.is_empty(),
        "nothing was wrong with the events: {parked:?}"
    );
}
