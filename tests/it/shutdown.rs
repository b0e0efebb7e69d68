//! SIGTERM under load, twice, and while the broker does not answer.

use std::time::Duration;

use serde_json::Value;

use crate::support::{
    Kind, Ledger, Proxy, Rig, database::PostgresServer, eventually, on_both_databases,
};

on_both_databases!(
    sigterm_under_load_ends_cleanly_and_loses_nothing,
    what_was_decided_before_a_clean_stop_is_published_before_it,
    a_second_sigterm_ends_at_once_and_loses_nothing,
    a_drain_that_cannot_finish_ends_in_time_and_loses_nothing,
);

async fn sigterm_under_load_ends_cleanly_and_loses_nothing(kind: Kind) {
    let rig = Rig::new(kind).await;
    let mut ledger = Ledger::default();
    for _ in 0..4 {
        let mut daemon = rig.start().await;
        let events = ledger.interleaved(10, 60);
        let early = events[100]["id"].as_str().expect("an id").to_owned();
        let (first, rest) = events.split_at(300);
        rig.deliver(first).await;
        rig.published(&daemon, &[early]).await;
        daemon.signal("TERM");
        rig.deliver(rest).await;
        assert_eq!(daemon.exit().await.code(), Some(0), "{}", daemon.log());
    }
    let daemon = rig.start().await;
    rig.verify(&daemon, &ledger).await;
}

async fn what_was_decided_before_a_clean_stop_is_published_before_it(kind: Kind) {
    let rig = Rig::new(kind).await;
    let mut daemon = rig.start().await;
    let mut ledger = Ledger::default();
    rig.deliver(&ledger.interleaved(10, 60)).await;
    daemon.stop().await;

    let decided = rig
        .database
        .values("SELECT results AS value FROM journal WHERE results <> ''");
    let decided: Vec<String> = decided
        .iter()
        .flat_map(|results| serde_json::from_str::<Vec<Value>>(results).expect("JSON"))
        .map(|event| event["id"].as_str().expect("an id").to_owned())
        .collect();
    eventually("every decided result is out", async || {
        let seen = rig.wire().seen();
        let out: std::collections::HashSet<&str> =
            seen.iter().map(|result| result.text("id")).collect();
        decided
            .iter()
            .all(|id| out.contains(id.as_str()))
            .then_some(())
    })
    .await;
    let daemon = rig.start().await;
    rig.verify(&daemon, &ledger).await;
}

async fn a_second_sigterm_ends_at_once_and_loses_nothing(kind: Kind) {
    let mut rig = Rig::new(kind).await;
    rig.settings("shutdown_timeout = \"60s\"");
    rig.excuse("PV-AMQP");
    rig.excuse("PV-RUN");
    let proxy = Proxy::to(rig.vhost().address()).await;
    rig.amqp_url = proxy.in_front_of(&rig.amqp_url);
    let mut daemon = rig.start().await;
    let mut ledger = Ledger::default();
    rig.deliver(&ledger.interleaved(5, 60)).await;
    proxy.freeze();
    daemon.deliver(&ledger.messages("posted", 5)).await;
    daemon.signal("TERM");
    daemon.says("intake is closed").await;
    daemon.signal("TERM");
    daemon.exit_within(Duration::from_secs(5)).await;

    proxy.restore();
    let daemon = rig.start().await;
    rig.verify(&daemon, &ledger).await;
}

async fn a_drain_that_cannot_finish_ends_in_time_and_loses_nothing(kind: Kind) {
    let mut rig = Rig::new(kind).await;
    rig.settings("shutdown_timeout = \"2s\"");
    rig.excuse("PV-AMQP");
    rig.excuse("PV-RUN");
    let proxy = Proxy::to(rig.vhost().address()).await;
    rig.amqp_url = proxy.in_front_of(&rig.amqp_url);
    let mut daemon = rig.start().await;
    let mut ledger = Ledger::default();
    rig.deliver(&ledger.interleaved(5, 60)).await;
    proxy.freeze();
    daemon.deliver(&ledger.messages("posted", 5)).await;
    daemon.signal("TERM");
    daemon.exit_within(Duration::from_secs(10)).await;

    proxy.restore();
    let daemon = rig.start().await;
    rig.verify(&daemon, &ledger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_without_a_database_ends_in_time_and_loses_nothing() {
    let server = PostgresServer::private().await;
    let mut rig = Rig::new(Kind::Postgres)
        .await
        .with_database(server.database());
    rig.settings("shutdown_timeout = \"2s\"");
    rig.excuse("PV-STORE");
    let mut daemon = rig.start().await;
    let mut ledger = Ledger::default();
    rig.deliver(&ledger.interleaved(5, 60)).await;
    server.stop().await;
    rig.deliver(&ledger.interleaved(5, 60)).await;
    daemon.says("PV-STORE").await;
    daemon.signal("TERM");
    daemon.exit_within(Duration::from_secs(10)).await;

    server.start().await;
    let daemon = rig.start().await;
    rig.verify(&daemon, &ledger).await;
}
