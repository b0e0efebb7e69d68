//! RabbitMQ restarted, away, out of memory, reconfigured, and administrators at work.
//!
//! After each fault the daemon is whole again without a restart and without a
//! person; what was accepted is decided and published once, in order.

use std::time::Duration;

use lapin::{
    BasicProperties,
    options::{QueueDeclareOptions, QueueDeleteOptions},
    types::FieldTable,
};
use tokio::time::{Instant, sleep_until};

use crate::support::{
    Broker, Daemon, Kind, Ledger, Rig, eventually, on_both_databases, place::unique, soak,
};

on_both_databases!(
    connections_closed_by_an_administrator_in_mid_batch_cost_nothing,
    a_cancelled_consumer_consumes_again,
    an_unroutable_publish_among_many_holds_up_nothing,
    a_queue_declared_otherwise_is_used_and_reported,
    an_absent_queue_that_may_not_be_created_is_named_and_waited_for,
    a_missing_permission_is_named_and_healed_without_a_restart,
    a_wrong_password_is_named_and_healed_without_a_restart,
);

// A rig for each database on one node, since a node takes seconds to start.
async fn on_each_database(broker: &Broker, settings: &str) -> Vec<(Rig, Daemon, Ledger)> {
    let mut rigs = Vec::new();
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let mut rig = Rig::on(kind, broker).await;
        rig.settings(settings);
        rig.excuse("PV-AMQP");
        let daemon = rig.start().await;
        rigs.push((rig, daemon, Ledger::default()));
    }
    rigs
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_restarted_while_consuming_and_publishing_costs_nothing() {
    let broker = Broker::private("").await;
    let mut rigs = on_each_database(&broker, "").await;
    for hard in [false, true] {
        for (rig, _, ledger) in &mut rigs {
            rig.deliver(&ledger.interleaved(5, 60)).await;
        }
        if hard {
            broker.kill().await;
        } else {
            broker.stop().await;
        }
        broker.start().await;
    }
    for (rig, daemon, ledger) in &mut rigs {
        rig.deliver(&ledger.interleaved(5, 10)).await;
        rig.verify(daemon, ledger).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_away_for_long_is_found_again_and_http_goes_on_meanwhile() {
    let broker = Broker::private("").await;
    let mut rigs = on_each_database(&broker, "").await;
    for (rig, _, ledger) in &mut rigs {
        rig.deliver(&ledger.interleaved(3, 20)).await;
    }
    broker.stop().await;
    let away = Duration::from_secs(if soak() { 180 } else { 12 });
    let back = Instant::now() + away;
    for (_, daemon, ledger) in &mut rigs {
        daemon.deliver(&ledger.messages("posted", 50)).await;
        assert!(!daemon.get("/healthz").await.is_null(), "alive");
    }
    // The time itself is what is tested: every attempt within it fails.
    sleep_until(back).await;
    broker.start().await;
    for (rig, daemon, ledger) in &mut rigs {
        rig.verify(daemon, ledger).await;
    }
}

async fn connections_closed_by_an_administrator_in_mid_batch_cost_nothing(kind: Kind) {
    let mut rig = Rig::new(kind).await;
    rig.excuse("PV-AMQP");
    let daemon = rig.start().await;
    let mut ledger = Ledger::default();
    for round in 0..4 {
        rig.deliver(&ledger.interleaved(5, 40)).await;
        let reason = format!("maintenance {round}");
        rig.vhost().close_connections(&reason).await;
    }
    rig.verify(&daemon, &ledger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_closed_by_the_ack_time_out_is_opened_again() {
    let broker = Broker::private("consumer_timeout = 2000\n").await;
    let look_every_second = "application:set_env(rabbit, channel_tick_interval, 1000).";
    broker.ctl(&["eval", look_every_second]).await;
    let mut rigs = on_each_database(&broker, "").await;
    for (rig, _, ledger) in &mut rigs {
        rig.deliver(&ledger.interleaved(2, 5)).await;
        // Holds every commit up until the broker has lost its patience.
        let mut hold = rig.database.connect();
        hold.execute(match rig.database.kind {
            Kind::Sqlite => "BEGIN IMMEDIATE",
            Kind::Postgres => "BEGIN; LOCK TABLE journal IN ACCESS EXCLUSIVE MODE",
        });
        rig.deliver(&ledger.interleaved(2, 5)).await;
        broker.says(&format!("vhost: '{}'", rig.vhost().name)).await;
        broker.says("timed out").await;
        hold.execute("ROLLBACK");
    }
    for (rig, daemon, ledger) in &mut rigs {
        rig.verify(daemon, ledger).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_memory_alarm_delays_results_and_loses_none() {
    let broker = Broker::private("").await;
    let mut rigs = on_each_database(&broker, "[broker]\nconfirm_timeout = \"2s\"").await;
    for (rig, _, ledger) in &mut rigs {
        rig.deliver(&ledger.interleaved(3, 20)).await;
    }
    broker
        .ctl(&["set_vm_memory_high_watermark", "0.0000001"])
        .await;
    let until = Instant::now() + Duration::from_secs(6);
    for (_, daemon, ledger) in &mut rigs {
        daemon.deliver(&ledger.interleaved(3, 20)).await;
    }
    // Longer than several confirms may take.
    sleep_until(until).await;
    broker.ctl(&["set_vm_memory_high_watermark", "0.8"]).await;
    for (rig, daemon, ledger) in &mut rigs {
        rig.verify(daemon, ledger).await;
    }
}

async fn a_cancelled_consumer_consumes_again(kind: Kind) {
    let mut rig = Rig::new(kind).await;
    rig.excuse("PV-AMQP");
    let daemon = rig.start().await;
    let mut ledger = Ledger::default();
    rig.deliver(&ledger.interleaved(3, 10)).await;
    rig.verify(&daemon, &ledger).await;
    for _ in 0..3 {
        // What deletes the queue cancels its consumer.
        let line = rig.wire().channel().await;
        line.channel
            .queue_delete("provost.inbox".into(), QueueDeleteOptions::default())
            .await
            .expect("deleted");
        line.close().await;
        eventually("the queue is made again", async || {
            rig.vhost().has_queue("provost.inbox").await.then_some(())
        })
        .await;
        rig.wire().declare_inbox().await;
        rig.deliver(&ledger.interleaved(3, 10)).await;
        // Answered before the next deletion, which takes what waits along.
        rig.verify(&daemon, &ledger).await;
    }
}

async fn an_unroutable_publish_among_many_holds_up_nothing(kind: Kind) {
    let mut rig = Rig::new(kind).await;
    rig.excuse("PV-AMQP");
    let mut daemon = rig.start().await;
    let mut ledger = Ledger::default();
    for _ in 0..5 {
        rig.deliver(&ledger.interleaved(3, 20)).await;
        let lost = BasicProperties::default().with_reply_to("nobody.there".into());
        rig.wire()
            .deliver_with(&ledger.interleaved(3, 1), lost)
            .await;
    }
    rig.verify(&daemon, &ledger).await;

    // It is done with: nothing of it is tried again after a restart.
    daemon.stop().await;
    let before = rig.wire().seen().len();
    let daemon = rig.start().await;
    rig.settle(&daemon).await;
    let again: Vec<_> = rig.wire().seen().split_off(before);
    assert!(
        again
            .iter()
            .all(|result| result.text("subject").starts_with("marker")
                || result.text("type") == "policy.loaded"),
        "published again after a clean stop: {again:?}"
    );
}

async fn a_queue_declared_otherwise_is_used_and_reported(kind: Kind) {
    let mut rig = Rig::bare(kind, &Broker::common()).await;
    rig.excuse("PV-AMQP");
    let line = rig.wire().channel().await;
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    line.channel
        .queue_declare("provost.inbox".into(), durable, FieldTable::default())
        .await
        .expect("a classic queue without a single active consumer");
    line.close().await;

    let daemon = rig.start().await;
    daemon.says("single active consumer").await;
    let mut ledger = Ledger::default();
    rig.deliver(&ledger.interleaved(3, 20)).await;
    rig.verify(&daemon, &ledger).await;
}

async fn an_absent_queue_that_may_not_be_created_is_named_and_waited_for(kind: Kind) {
    let mut rig = Rig::bare(kind, &Broker::common()).await;
    rig.settings("[broker]\ncreate_topology = false");
    rig.excuse("PV-AMQP");
    let daemon = rig.launch("one", &[]);
    daemon.says("PV-AMQP").await;
    assert!(daemon.log().contains("provost.inbox") || daemon.log().contains("provost.events"));

    rig.wire().declare_inbox().await;
    rig.wire().declare_dead().await;
    let mut ledger = Ledger::default();
    rig.deliver(&ledger.interleaved(3, 20)).await;
    rig.verify(&daemon, &ledger).await;
}

async fn a_missing_permission_is_named_and_healed_without_a_restart(kind: Kind) {
    let mut rig = Rig::new(kind).await;
    rig.excuse("PV-AMQP");
    let user = unique("clerk");
    rig.vhost().broker.user(&user, "secret").await;
    rig.vhost().allow(&user, "", "", "").await;
    rig.amqp_url = rig.vhost().url_as(&user, "secret");
    let daemon = rig.launch("one", &[]);
    daemon.says("PV-AMQP").await;

    // One right after another: each absent one is met on its own.
    rig.vhost().allow(&user, "", "", ".*").await;
    let mut ledger = Ledger::default();
    rig.deliver(&ledger.interleaved(3, 10)).await;
    rig.vhost().allow(&user, ".*", ".*", ".*").await;
    rig.verify(&daemon, &ledger).await;
}

async fn a_wrong_password_is_named_and_healed_without_a_restart(kind: Kind) {
    let mut rig = Rig::new(kind).await;
    rig.excuse("PV-AMQP");
    let user = unique("clerk");
    rig.vhost().broker.user(&user, "old").await;
    rig.vhost().allow(&user, ".*", ".*", ".*").await;
    rig.amqp_url = rig.vhost().url_as(&user, "new");
    let daemon = rig.launch("one", &[]);
    daemon.says("PV-AMQP").await;
    let log = daemon.log();
    assert!(!log.contains(":new@"), "a password is in the log: {log}");

    rig.vhost().broker.user(&user, "new").await;
    let mut ledger = Ledger::default();
    rig.deliver(&ledger.interleaved(3, 10)).await;
    rig.verify(&daemon, &ledger).await;
}
