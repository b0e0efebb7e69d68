//! Calls of other systems among one another: many requests in one call, and what one system bears
//! while another is well.

use serde_json::{Value, json};

use crate::{
    actions::{asked, becomes, ends},
    support::{Kind, Rig, eventually, on_both_databases, stub::Stub, verify::audit_verifies},
};

on_both_databases!(
    a_slow_system_holds_up_nothing_of_another,
    a_system_that_only_fails_is_left_alone,
    many_requests_go_in_one_call_and_each_gets_its_part,
    what_shares_a_call_is_sent_again_as_it_was_after_a_crash,
);

/// An integration that honours keys, with an operation for each way of the stub.
fn integration(rig: &Rig, stub: &Stub, name: &str, ways: &[&str]) {
    let mut text = format!(
        "kind = \"http\"\nbase_url = \"{}\"\nhonours_idempotency_key = true\nconcurrency = 1\n\
         allow_addresses = [\"127.0.0.0/8\"]\n",
        stub.url
    );
    for way in ways {
        let list = if way.starts_with("list") {
            "body = { items = \"{{items}}\" }\n"
        } else {
            ""
        };
        let operation = format!("[operations.{way}]\nmethod = \"POST\"\npath = \"/{way}\"\n{list}");
        text.push_str(&operation);
    }
    rig.configuration(&format!("integrations/{name}.toml"), &text);
}

/// An action for a way of the stub, named `NAME_WAY`; `more` are further keys.
fn action(rig: &Rig, (name, way): (&str, &str), more: &str) {
    let text = format!(
        "description = \"Calls\"\nintegration = \"{name}\"\noperation = \"{way}\"\n\
         allow = [\"ai\"]\n{more}\n[params.properties]\norder = {{ type = \"string\" }}\n"
    );
    rig.configuration(&format!("actions/{name}_{way}.toml"), &text);
}

fn all_asked(action: &str, ids: &[&str]) -> Vec<Value> {
    let ask = |id: &&str| asked(id, action, &format!("c-{id}"), &json!({"order": id}));
    ids.iter().map(ask).collect()
}

async fn many_requests_go_in_one_call_and_each_gets_its_part(kind: Kind) {
    let stub = Stub::start().await;
    let rig = Rig::embedded(kind);
    integration(&rig, &stub, "labels", &["list", "list_storm"]);
    let batch = "batch = { max = 3, within = \"1s\" }\nretry = { backoff = \"50ms\" }";
    action(&rig, ("labels", "list"), batch);
    action(&rig, ("labels", "list_storm"), batch);
    let mut daemon = rig.start().await;
    let calm = ["a", "b", "c", "d", "e"];
    daemon.deliver(&all_asked("labels_list", &calm)).await;
    let stormy = ["x", "y", "z"];
    daemon
        .deliver(&all_asked("labels_list_storm", &stormy))
        .await;
    for id in calm.iter().chain(&stormy) {
        let request = ends(&daemon, id).await;
        assert_eq!(request["state"], "succeeded", "{request}");
        assert_eq!(request["output"]["id"], *id, "his own part: {request}");
    }
    let calls = stub.calls();
    let sizes = |way: &str| -> Vec<usize> {
        let calls = calls.iter().filter(|call| call.way == way);
        calls
            .map(|call| call.body["items"].as_array().map_or(0, Vec::len))
            .collect()
    };
    assert_eq!(sizes("list"), [3, 2]);
    assert_eq!(sizes("list_storm"), [3, 3, 3], "as often as it took, whole");
    let answered_with_storms: Vec<_> = calls
        .iter()
        .filter(|call| call.way == "list_storm")
        .collect();
    for call in &answered_with_storms {
        assert_eq!(
            (&call.key, &call.body),
            (&answered_with_storms[0].key, &answered_with_storms[0].body,)
        );
    }
    assert_eq!(stub.done().len(), 3, "a key for each call");
    audit_verifies(&daemon).await;
    daemon.stop().await;
}

async fn what_shares_a_call_is_sent_again_as_it_was_after_a_crash(kind: Kind) {
    let stub = Stub::start().await;
    let rig = Rig::embedded(kind);
    integration(&rig, &stub, "labels", &["list_silent"]);
    let batch =
        "timeout = \"1m\"\nbatch = { max = 3, within = \"1m\" }\nretry = { backoff = \"50ms\" }";
    action(&rig, ("labels", "list_silent"), batch);
    let mut daemon = rig.start().await;
    let ids = ["a", "b", "c", "d"];
    daemon.deliver(&all_asked("labels_list_silent", &ids)).await;
    eventually("the call is under way", async || {
        (!stub.calls().is_empty()).then_some(())
    })
    .await;
    daemon.kill();
    // The fourth waits for others still, and is not taken for sent.
    let mut daemon = rig.start().await;
    for id in &ids[..3] {
        let request = ends(&daemon, id).await;
        assert_eq!(request["state"], "succeeded", "{request}");
        assert_eq!(request["output"]["id"], *id);
    }
    becomes(&daemon, "d", "executing").await;
    daemon
        .deliver(&all_asked("labels_list_silent", &["e", "f"]))
        .await;
    // Their call is not answered at first either, and the next daemon finds it.
    eventually("their call is under way", async || {
        (stub.done().len() == 2).then_some(())
    })
    .await;
    daemon.kill();
    let mut daemon = rig.start().await;
    for id in ["d", "e", "f"] {
        let request = ends(&daemon, id).await;
        assert_eq!(request["state"], "succeeded", "{request}");
    }
    let calls = stub.calls();
    assert_eq!(calls.len(), 4);
    for pair in calls.chunks(2) {
        assert_eq!((&pair[0].key, &pair[0].body), (&pair[1].key, &pair[1].body));
    }
    daemon.stop().await;
}

async fn a_slow_system_holds_up_nothing_of_another(kind: Kind) {
    let stub = Stub::start().await;
    let rig = Rig::embedded(kind);
    integration(&rig, &stub, "slow", &["never"]);
    integration(&rig, &stub, "quick", &["ok"]);
    action(&rig, ("slow", "never"), "timeout = \"10m\"");
    action(&rig, ("quick", "ok"), "");
    let mut daemon = rig.start().await;
    let slow = ["s1", "s2", "s3"];
    daemon.deliver(&all_asked("slow_never", &slow)).await;
    eventually("the slow system is asked", async || {
        (!stub.calls().is_empty()).then_some(())
    })
    .await;
    let quick: Vec<String> = (0..20).map(|number| format!("q{number}")).collect();
    let quick: Vec<&str> = quick.iter().map(String::as_str).collect();
    daemon.deliver(&all_asked("quick_ok", &quick)).await;
    for id in quick {
        assert_eq!(ends(&daemon, id).await["state"], "succeeded");
    }
    for id in slow {
        let request = daemon.get(&format!("/v1/requests/{id}")).await;
        assert_eq!(request["state"], "executing");
    }
    let asked = stub
        .calls()
        .iter()
        .filter(|call| call.way == "never")
        .count();
    assert_eq!(asked, 1, "one at a time");
    daemon.kill();
}

async fn a_system_that_only_fails_is_left_alone(kind: Kind) {
    let stub = Stub::start().await;
    let rig = Rig::embedded(kind);
    integration(&rig, &stub, "ill", &["ok", "storm"]);
    integration(&rig, &stub, "well", &["ok"]);
    let once = "retry = { attempts = 1 }";
    action(&rig, ("ill", "ok"), once);
    action(&rig, ("ill", "storm"), once);
    action(&rig, ("well", "ok"), once);
    let mut daemon = rig.start().await;
    for id in ["f1", "f2", "f3", "f4", "f5"] {
        daemon.deliver(&all_asked("ill_storm", &[id])).await;
        assert_eq!(ends(&daemon, id).await["state"], "unknown");
    }
    daemon.deliver(&all_asked("ill_ok", &["r1"])).await;
    let request = ends(&daemon, "r1").await;
    assert_eq!(request["state"], "failed", "{request}");
    assert_eq!(request["code"], "circuit_open", "{request}");
    assert_eq!(stub.calls().len(), 5, "nothing was sent");
    daemon.deliver(&all_asked("well_ok", &["r2"])).await;
    assert_eq!(ends(&daemon, "r2").await["state"], "succeeded");
    daemon.stop().await;
}
