//! The daemon killed at each instant that matters, with a backlog under way.
//!
//! After the restart everything accepted is decided once, published in order,
//! audited, and nobody had to help.

use crate::support::{
    Kind, Ledger, Loss, Proxy, Rig, Side, on_both_databases, proxy::CONFIRM, soak,
};

on_both_databases!(
    killed_before_commit_everything_is_decided_once,
    killed_between_commit_and_ack_everything_is_decided_once,
    killed_after_ack_before_publish_everything_is_published_once,
    killed_after_publish_before_its_confirm_was_recorded_nothing_is_doubled,
    killed_while_the_confirm_is_under_way_nothing_is_doubled,
    killed_again_and_again_under_load_everything_is_decided_once,
    killed_with_http_intake_an_accepted_event_is_kept,
);

// A backlog over a few conversations, decided by a daemon that dies at the point, several
// times, and then by one that lives.
async fn dies_at(kind: Kind, point: &str) {
    let rig = Rig::new(kind).await;
    let mut ledger = Ledger::default();
    // The first passing is the report that the policy was loaded. More than two full batches
    // of events follow, so that the point is passed often enough.
    for passing in 2..=3 {
        rig.deliver(&ledger.interleaved(4, 150)).await;
        let mut doomed = rig.doomed(&format!("{point}:{passing}"));
        let status = doomed.exit().await;
        assert_eq!(
            status.code(),
            None,
            "killed at {point}, not ended: {status}"
        );
    }
    let daemon = rig.start().await;
    rig.verify(&daemon, &ledger).await;
}

async fn killed_before_commit_everything_is_decided_once(kind: Kind) {
    dies_at(kind, "before_commit").await;
}

async fn killed_between_commit_and_ack_everything_is_decided_once(kind: Kind) {
    dies_at(kind, "after_commit").await;
}

async fn killed_after_ack_before_publish_everything_is_published_once(kind: Kind) {
    dies_at(kind, "after_ack").await;
}

async fn killed_after_publish_before_its_confirm_was_recorded_nothing_is_doubled(kind: Kind) {
    dies_at(kind, "after_publish").await;
}

async fn killed_while_the_confirm_is_under_way_nothing_is_doubled(kind: Kind) {
    let mut rig = Rig::new(kind).await;
    let proxy = Proxy::to(rig.vhost().address()).await;
    rig.amqp_url = proxy.in_front_of(&rig.amqp_url);
    let mut ledger = Ledger::default();
    let mut daemon = rig.start().await;

    proxy.trap(Side::Server, CONFIRM, Loss::Bytes, 1);
    rig.deliver(&ledger.interleaved(4, 20)).await;
    proxy.sprung().await;
    daemon.kill();

    let daemon = rig.start().await;
    rig.verify(&daemon, &ledger).await;
}

async fn killed_again_and_again_under_load_everything_is_decided_once(kind: Kind) {
    let rig = Rig::new(kind).await;
    let mut ledger = Ledger::default();
    for round in 0..if soak() { 100 } else { 5 } {
        let mut daemon = rig.start().await;
        let events = ledger.interleaved(5, 60);
        // The kill falls somewhere into the work: once half of this round is answered, at the latest.
        let half = events[events.len() / 2]["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        rig.deliver(&events).await;
        if round % 2 == 0 {
            rig.published(&daemon, &[half]).await;
        }
        daemon.kill();
    }
    let daemon = rig.start().await;
    rig.verify(&daemon, &ledger).await;
}

async fn killed_with_http_intake_an_accepted_event_is_kept(kind: Kind) {
    let rig = Rig::embedded(kind);
    let mut ledger = Ledger::default();
    for _ in 0..3 {
        let mut daemon = rig.start().await;
        daemon.deliver(&ledger.interleaved(3, 20)).await;
        daemon.kill();
    }
    let daemon = rig.start().await;
    rig.verify(&daemon, &ledger).await;
}
