//! The harness itself: it notices what it is there to notice, and its hands do what they say.

use serde_json::{Value, json};

use crate::support::{
    Broker, Kind, Ledger, Loss, Proxy, Rig, Side, database::Database, eventually, ledger::message,
    place::Place, proxy::CONFIRM, verify::no_loss_no_double_in_order, wire::Wire,
};

fn answers(causes: &[&str]) -> Vec<Value> {
    let answer = |(number, cause): (usize, &&str)| {
        json!({"id": format!("r{number}"), "type": "message.send", "subject": "c",
               "causationid": cause, "sequence": format!("{number:05}")})
    };
    causes.iter().enumerate().map(answer).collect()
}

// Gives what the check says against these answers; empty when it passes.
fn complaint(results: Vec<Value>) -> String {
    let expected = ["a", "b", "c"].map(str::to_owned);
    let check =
        std::panic::catch_unwind(move || no_loss_no_double_in_order(&results, "c", &expected));
    check.err().map_or_else(String::new, |payload| {
        payload
            .downcast_ref::<String>()
            .cloned()
            .unwrap_or_else(|| "something".to_owned())
    })
}

#[test]
fn losses_doubles_disorder_and_changed_repetitions_are_noticed() {
    assert_eq!(complaint(answers(&["a", "b", "c"])), "");
    assert!(complaint(answers(&["a", "c"])).contains("lost"));
    assert!(complaint(answers(&["a", "b", "b", "c"])).contains("doubled"));
    assert!(complaint(answers(&["b", "a", "c"])).contains("out of order"));
    let mut repeated = answers(&["a", "b", "c"]);
    repeated.push(repeated[0].clone());
    assert_eq!(
        complaint(repeated.clone()),
        "",
        "the same once more is no fault"
    );
    repeated[3]["data"] = json!("other");
    assert!(complaint(repeated).contains("other content"));
    let mut backwards = answers(&["a", "b", "c"]);
    backwards[2]["sequence"] = json!("00000");
    assert!(complaint(backwards).contains("backwards"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_leaves_the_commit_done_and_lost_bytes_leave_it_undone() {
    let place = Place::new("proxy");
    let direct = Database::fresh(Kind::Postgres, place.path());
    direct.execute("CREATE TABLE deeds (deed text)");
    let (_, rest) = direct.url.rsplit_once('@').expect("a user");
    let proxy = Proxy::to(rest.split('/').next().expect("a host")).await;
    let url = proxy.in_front_of(&direct.url);
    for (loss, deeds) in [
        (Loss::Answer, vec!["done".to_owned()]),
        (Loss::Bytes, vec![]),
    ] {
        direct.execute("DELETE FROM deeds");
        proxy.trap(Side::Client, b"COMMIT", loss, 1);
        let url = url.clone();
        let outcome = tokio::task::spawn_blocking(move || {
            let through = Database::at_url(url);
            let mut session = through.connect();
            session.execute("BEGIN; INSERT INTO deeds VALUES ('done')");
            session.try_execute("COMMIT")
        });
        assert!(
            outcome.await.expect("the task ran").is_err(),
            "nobody knows"
        );
        proxy.sprung().await;
        assert_eq!(
            direct.values("SELECT deed AS value FROM deeds"),
            deeds,
            "{loss:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_confirm_leaves_the_message_stored() {
    let rig = Rig::new(Kind::Sqlite).await;
    let proxy = Proxy::to(rig.vhost().address()).await;
    let through = Wire::open(&proxy.in_front_of(&rig.vhost().url())).await;
    proxy.trap(Side::Server, CONFIRM, Loss::Bytes, 1);
    through.deliver(&[message("e1", "c1", "x")]).await;
    proxy.sprung().await;
    let stored = Wire::listen_to(&rig.vhost().url(), "provost.inbox").await;
    // Sent again after the lost confirm, so the broker holds it twice.
    eventually("both copies", async || {
        (stored.seen().len() == 2).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_collector_outlives_a_killed_broker_and_a_frozen_line() {
    let broker = Broker::private("").await;
    let rig = Rig::on(Kind::Sqlite, &broker).await;
    let stored = Wire::listen_to(&rig.vhost().url(), "provost.inbox").await;
    let mut ledger = Ledger::default();
    rig.deliver(&ledger.messages("c1", 3)).await;
    broker.kill().await;
    let (mut more, mut last) = (ledger.messages("c1", 3), ledger.messages("c1", 3));
    let ((), ()) = tokio::join!(broker.start(), rig.deliver(&more));
    rig.vhost().close_connections("test").await;
    rig.deliver(&last).await;
    more.append(&mut last);
    let expected: Vec<&str> = ledger.ids().collect();
    eventually("all nine", async || {
        let mut seen: Vec<String> = stored
            .seen()
            .iter()
            .map(|event| event.text("id").to_owned())
            .collect();
        seen.dedup();
        let all = expected.iter().all(|id| seen.iter().any(|seen| seen == id));
        all.then_some(())
    })
    .await;
}
