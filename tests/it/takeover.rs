//! Several daemons on one PostgreSQL: order, takeover of a dead one's results, fencing of a frozen one.
//!
//! Across a failover the wire may show a later result before an earlier one;
//! `sequence` sorts them, as the contract says, and so do these tests.

use std::time::Duration;

use crate::support::{Daemon, Kind, Ledger, Rig, place::within, soak};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_daemons_results_are_published_by_another() {
    let rig = Rig::new(Kind::Postgres).await;
    // The first to consume is the active one.
    let mut doomed = rig
        .start_as("one", &[("PROVOST_CRASH_AT", "after_ack:2")])
        .await;
    let other = rig.start_as("two", &[]).await;
    let mut ledger = Ledger::default();
    rig.deliver(&ledger.interleaved(4, 50)).await;
    doomed.exit().await;
    rig.deliver(&ledger.interleaved(4, 50)).await;
    rig.verify_across_a_failover(&other, &ledger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_restarted_under_its_name_takes_over_from_itself_at_once() {
    let rig = Rig::new(Kind::Postgres).await;
    let mut ledger = Ledger::default();
    rig.deliver(&ledger.interleaved(4, 50)).await;
    rig.doomed("after_ack:2").exit().await;
    let daemon = rig.start().await;
    let causes: Vec<String> = ledger.ids().map(str::to_owned).collect();
    // Sooner than the ten seconds after which another daemon would count it as dead.
    within(Duration::from_secs(8), "its results go out", async || {
        rig.published(&daemon, &causes).await;
        Some(())
    })
    .await;
    rig.verify(&daemon, &ledger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_daemons_killed_in_turn_lose_and_double_nothing() {
    let rig = Rig::new(Kind::Postgres).await;
    let mut ledger = Ledger::default();
    let mut daemons = [
        rig.start_as("one", &[]).await,
        rig.start_as("two", &[]).await,
    ];
    for round in 0..if soak() { 60 } else { 6 } {
        rig.deliver(&ledger.interleaved(5, 40)).await;
        let turn = round % 2;
        daemons[turn].kill();
        daemons[turn] = rig.start_as(["one", "two"][turn], &[]).await;
    }
    rig.verify_across_a_failover(&daemons[0], &ledger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_daemon_that_wakes_up_does_nothing_twice() {
    let mut rig = Rig::new(Kind::Postgres).await;
    rig.excuse("PV-");
    let one = rig.start_as("one", &[]).await;
    let two = rig.start_as("two", &[]).await;
    let mut ledger = Ledger::default();
    rig.deliver(&ledger.interleaved(4, 50)).await;
    one.signal("STOP");
    rig.deliver(&ledger.interleaved(4, 50)).await;
    // Closing the frozen one's connections hands its deliveries to the other; its row goes silent.
    rig.vhost().close_connections("frozen").await;
    let causes: Vec<String> = ledger.ids().map(str::to_owned).collect();
    rig.published(&two, &causes).await;
    one.signal("CONT");
    rig.deliver(&ledger.interleaved(4, 20)).await;
    rig.verify_across_a_failover(&two, &ledger).await;
    rig.verify_across_a_failover(&one, &ledger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_daemons_keep_the_order_of_each_conversation() {
    let rig = Rig::new(Kind::Postgres).await;
    let one = rig.start_as("one", &[]).await;
    let two = rig.start_as("two", &[]).await;
    let mut ledger = Ledger::default();
    for _ in 0..5 {
        rig.deliver(&ledger.interleaved(5, 20)).await;
        // In one conversation, each posted to the other daemon than the one before.
        for daemon in [&one, &two, &one, &two] {
            daemon.deliver(&ledger.messages("posted", 3)).await;
        }
    }
    rig.verify_across_a_failover(&one, &ledger).await;
    agree(&one, &two).await;
}

// Both daemons tell one history.
async fn agree(one: &Daemon, two: &Daemon) {
    let (left, right) = tokio::join!(one.list("/v1/results"), two.list("/v1/results"));
    assert_eq!(left.len(), right.len());
    assert_eq!(left, right);
}
