//! Governed actions, asked for from outside and carried out in a system that misbehaves.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{
    Daemon, Kind, Rig, eventually, ledger::event, on_both_databases, soak, stub::Stub,
    verify::audit_verifies,
};

on_both_databases!(
    an_action_is_carried_out_once_and_its_answer_is_told,
    an_unknown_end_is_found_out_by_a_probe,
    each_way_of_misbehaving_has_its_end,
    of_twenty_at_once_exactly_the_seven_pass_that_fit,
    killed_at_every_step_nothing_is_lost_and_nothing_doubled,
    what_waits_is_decided_by_people_over_the_api,
    what_was_not_sent_at_a_stop_is_sent_by_the_next_daemon,
);

/// What the payments know Provost by.
const TOKEN: &str = "s3cret-of-payments";

const PAYMENT: &str = r#"
description = "Pays"
integration = "payments"
operation = "pay"
allow = ["ai", "agent", "owner"]
amount = "amount"
timeout = "1s"
retry = { attempts = 4, backoff = "50ms" }
[params]
required = ["way", "order"]
[params.properties]
way = { type = "string" }
order = { type = "string" }
amount = { type = "number" }
[output.map]
id = "{{id}}"
"#;

fn payments(url: &str) -> String {
    format!(
        r#"
kind = "http"
base_url = "{url}"
honours_idempotency_key = true
idempotency_window = "24h"
allow_addresses = ["127.0.0.0/8"]
auth = {{ kind = "bearer", token = "${{file:pay.token}}" }}
[operations.pay]
method = "POST"
path = "/{{{{way}}}}"
body = {{ order = "{{{{order}}}}", amount = "{{{{amount}}}}" }}
"#
    )
}

/// A rig whose catalogue reaches the stub; `gated` waits for a manager first.
pub(crate) fn furnish(rig: &Rig, stub: &Stub) {
    rig.configuration("pay.token", TOKEN);
    rig.configuration("integrations/payments.toml", &payments(&stub.url));
    rig.configuration("actions/pay.toml", PAYMENT);
    let gated = format!("approval = \"require\"\napprovers = [\"manager\"]\n{PAYMENT}");
    rig.configuration("actions/gated.toml", &gated);
}

pub(crate) fn asked(id: &str, action: &str, conversation: &str, params: &Value) -> Value {
    let data = json!({
        "request_id": id, "action": action, "params": params,
        "actor": {"kind": "ai", "id": "bot"},
    });
    event(
        &format!("ask-{id}"),
        "action.requested",
        conversation,
        &data,
    )
}

pub(crate) async fn ends(daemon: &Daemon, id: &str) -> Value {
    eventually(&format!("request {id} ends"), async || {
        let path = format!("/v1/requests/{id}");
        let (status, request) = daemon
            .send(Method::GET, &path, "application/json", "")
            .await;
        let is_over = ["succeeded", "failed", "denied", "unknown", "cancelled"];
        let state = request["state"].as_str().unwrap_or_default();
        (status == StatusCode::OK && is_over.contains(&state)).then(|| request.clone())
    })
    .await
}

async fn an_action_is_carried_out_once_and_its_answer_is_told(kind: Kind) {
    let stub = Stub::start().await;
    let rig = Rig::embedded(kind);
    furnish(&rig, &stub);
    let mut daemon = rig.start().await;
    let params = r#"{"way": "ok", "order": "A-1", "amount": 5.10}"#;
    let params: Value = serde_json::from_str(params).expect("JSON");
    daemon.deliver(&[asked("r1", "pay", "c1", &params)]).await;
    let request = ends(&daemon, "r1").await;
    assert_eq!(request["state"], "succeeded", "{request}");
    assert_eq!(request["output"]["id"], "provost-r1");
    let calls = stub.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].key, "provost-r1");
    assert_eq!(calls[0].authorization, format!("Bearer {TOKEN}"));
    assert!(!daemon.log().contains(TOKEN), "a secret stands in no log");
    for table in ["requests", "executions", "journal", "audit"] {
        let bodies = rig
            .database
            .values(&format!("SELECT body AS value FROM {table}"));
        let shown = bodies.iter().any(|body| body.contains(TOKEN));
        assert!(!shown, "a secret stands in no table: {table}");
    }
    assert_eq!(
        calls[0].body["amount"].to_string(),
        "5.10",
        "exactly as asked"
    );
    // The same again changes nothing; other content is told apart.
    daemon.deliver(&[asked("r1", "pay", "c1", &params)]).await;
    let other = json!({"request_id": "r1", "params": {"way": "ok", "order": "A-2"}});
    let (status, _) = daemon
        .send(
            Method::POST,
            "/v1/actions/pay/requests",
            "application/json",
            other.to_string(),
        )
        .await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(stub.calls().len(), 1);
    audit_verifies(&daemon).await;
    daemon.stop().await;
}

async fn each_way_of_misbehaving_has_its_end(kind: Kind) {
    let stub = Stub::start().await;
    let rig = Rig::embedded(kind);
    furnish(&rig, &stub);
    let mut daemon = rig.start().await;
    let ways = [
        ("refuse", "failed", Some("upstream")),
        ("never", "unknown", None),
        ("late", "succeeded", None),
        ("busy", "succeeded", None),
        ("storm", "succeeded", None),
        ("endless", "succeeded", None),
        ("redirect", "failed", Some("upstream")),
    ];
    for (way, _, _) in ways {
        let params = json!({"way": way, "order": way});
        daemon.deliver(&[asked(way, "pay", way, &params)]).await;
    }
    for (way, state, code) in ways {
        let request = ends(&daemon, way).await;
        assert_eq!(request["state"], state, "{way}: {request}");
        assert_eq!(request["code"].as_str(), code, "{way}: {request}");
    }
    let done = stub.done();
    assert!(
        done.keys().all(|key| key.starts_with("provost-")),
        "{done:?}"
    );
    daemon.stop().await;
}

async fn of_twenty_at_once_exactly_the_seven_pass_that_fit(kind: Kind) {
    let stub = Stub::start().await;
    let rig = Rig::embedded(kind);
    furnish(&rig, &stub);
    rig.rule(
        "budget.rhai",
        r#"limit("Payments", #{ action: "pay", by: "everyone", window: "1d", max_sum: 75, field: "amount" });"#,
    );
    let mut daemon = rig.start().await;
    let twenty = (0..20).map(|number| {
        let id = format!("r{number}");
        let params = json!({"way": "ok", "order": id, "amount": 10});
        let event = asked(&id, "pay", &format!("c{number}"), &params);
        let daemon = &daemon;
        async move { daemon.deliver(&[event]).await }
    });
    futures_util::future::join_all(twenty).await;
    let mut states = Vec::new();
    for number in 0..20 {
        let request = ends(&daemon, &format!("r{number}")).await;
        states.push(request["state"].as_str().expect("a state").to_owned());
    }
    let passed = states.iter().filter(|state| *state == "succeeded").count();
    assert_eq!(passed, 7, "{states:?}");
    assert_eq!(stub.done().len(), 7);
    daemon.stop().await;
}

/// Parcels are sent without a key that is honoured, and looked for as the parameter `look` says.
fn furnish_parcels(rig: &Rig, stub: &Stub) {
    let integration = format!(
        r#"
kind = "http"
base_url = "{}"
allow_addresses = ["127.0.0.0/8"]
[operations.send]
method = "POST"
path = "/never"
[operations.find]
method = "GET"
path = "/{{{{look}}}}/{{{{request.key}}}}"
"#,
        stub.url
    );
    let action = r#"
description = "Sends a parcel"
integration = "parcels"
operation = "send"
allow = ["ai"]
timeout = "1s"
[params.properties]
look = { type = "string" }
[output.map]
status = "{{status}}"
[probe]
operation = "find"
done = { path = "status", equals = "sent" }
missing = "failed"
after = "2s"
every = "1h"
"#;
    rig.configuration("integrations/parcels.toml", &integration);
    rig.configuration("actions/parcel.toml", action);
}

pub(crate) async fn becomes(daemon: &Daemon, id: &str, state: &str) -> Value {
    eventually(&format!("request {id} is {state}"), async || {
        let request = daemon.get(&format!("/v1/requests/{id}")).await;
        (request["state"] == state).then(|| request.clone())
    })
    .await
}

async fn an_unknown_end_is_found_out_by_a_probe(kind: Kind) {
    let stub = Stub::start().await;
    let rig = Rig::embedded(kind);
    furnish_parcels(&rig, &stub);
    let mut daemon = rig.start().await;
    for look in ["ok", "missing", "refuse"] {
        let params = json!({"look": look});
        daemon
            .deliver(&[asked(look, "parcel", look, &params)])
            .await;
    }
    for id in ["ok", "missing", "refuse"] {
        becomes(&daemon, id, "unknown").await;
    }
    // Whoever comes next looks for what this one left.
    daemon.kill();
    let mut daemon = rig.start().await;
    let found = becomes(&daemon, "ok", "succeeded").await;
    assert_eq!(found["output"], json!({"status": "sent"}));
    assert_eq!(found["attempts"], 1);
    becomes(&daemon, "missing", "failed").await;
    eventually("the third was looked for", async || {
        stub.calls()
            .iter()
            .any(|call| call.way == "refuse")
            .then_some(())
    })
    .await;
    assert_eq!(daemon.get("/v1/requests/refuse").await["state"], "unknown");
    let said = json!({"outcome": "succeeded", "reason": "it arrived"}).to_string();
    let path = "/v1/requests/refuse/resolution";
    let (status, answer) = daemon
        .send(Method::POST, path, "application/json", said)
        .await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(answer["state"], "succeeded");
    audit_verifies(&daemon).await;
    daemon.stop().await;
}

async fn what_waits_is_decided_by_people_over_the_api(kind: Kind) {
    let stub = Stub::start().await;
    let rig = Rig::embedded(kind);
    furnish(&rig, &stub);
    let mut daemon = rig.start().await;
    let params = json!({"way": "ok", "order": "A-1"});
    daemon.deliver(&[asked("r1", "gated", "c1", &params)]).await;
    let request = daemon.get("/v1/requests/r1").await;
    assert_eq!(request["state"], "awaiting_approval");
    let pending = daemon.list("/v1/approvals?state=pending").await;
    assert_eq!(pending.len(), 1, "{pending:?}");
    let id = pending[0]["approval_id"].as_str().expect("an id");
    assert_eq!(pending[0]["context"]["params"], params);
    let path = format!("/v1/approvals/{id}/decision");
    let yes = json!({"decision": "approve"}).to_string();
    let send = async || {
        daemon
            .send(Method::POST, &path, "application/json", yes.clone())
            .await
    };
    let (status, answer) = send().await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(answer["state"], "consumed");
    assert_eq!(ends(&daemon, "r1").await["state"], "succeeded");
    let (status, answer) = send().await;
    assert_eq!(status, StatusCode::CONFLICT, "{answer}");
    assert_eq!(stub.calls().len(), 1);
    daemon.stop().await;
}

async fn what_was_not_sent_at_a_stop_is_sent_by_the_next_daemon(kind: Kind) {
    let stub = Stub::start().await;
    let rig = Rig::embedded(kind);
    furnish(&rig, &stub);
    let one_at_a_time = format!("concurrency = 1\n{}", payments(&stub.url));
    rig.configuration("integrations/payments.toml", &one_at_a_time);
    let slow = PAYMENT.replace("timeout = \"1s\"", "timeout = \"5s\"");
    rig.configuration("actions/pay.toml", &slow);
    let mut daemon = rig.start().await;
    for id in ["r1", "r2", "r3"] {
        let params = json!({"way": "slow", "order": id});
        daemon.deliver(&[asked(id, "pay", id, &params)]).await;
    }
    eventually("the first is under way", async || {
        (!stub.calls().is_empty()).then_some(())
    })
    .await;
    daemon.stop().await;
    let mut daemon = rig.start().await;
    for id in ["r1", "r2", "r3"] {
        let request = ends(&daemon, id).await;
        assert_eq!(request["state"], "succeeded", "{request}");
        assert_eq!(request["attempts"], 1, "{request}");
    }
    daemon.stop().await;
}

/// A daemon is killed again and again, at the steps of an action's way and anywhere between; the stub
/// honours keys, so what came twice under one key was done once.
async fn killed_at_every_step_nothing_is_lost_and_nothing_doubled(kind: Kind) {
    let stub = Stub::start().await;
    let rig = Rig::embedded(kind);
    furnish(&rig, &stub);
    let steps = ["before_commit", "after_commit", "before_send", "after_send"];
    let kills = if soak() { 500 } else { 150 };
    let mut ids = Vec::new();
    for round in 0..kills {
        let point = format!("{}:{}", steps[round % steps.len()], 2 + round / 7 % 8);
        let mut daemon = rig.doomed(&point);
        daemon.ready_or_dead().await;
        for number in 0..3 {
            let id = format!("r{round}-{number}");
            let params = json!({"way": "ok", "order": id});
            let event = asked(&id, "pay", &format!("c{number}"), &params);
            // Whatever is answered before the kill is kept; the rest was never accepted.
            if daemon.try_deliver(&[event]).await {
                ids.push(id);
            }
        }
        if round % 2 == 0 {
            let sent = ids.last().map(|id| format!("provost-{id}"));
            eventually("the newest is sent, or the daemon dead", async || {
                let calls = stub.calls();
                let is_sent = calls.iter().any(|call| Some(&call.key) == sent.as_ref());
                (daemon.poll().is_some() || is_sent).then_some(())
            })
            .await;
        }
        daemon.kill();
        let verified = rig.tool(&["audit", "verify", "--database", &rig.database_url]);
        assert!(
            verified.status.success(),
            "after kill {round}: {verified:?}"
        );
    }
    let mut daemon = rig.start().await;
    assert!(
        ids.len() > kills,
        "{} of {} were accepted",
        ids.len(),
        kills * 3
    );
    for id in &ids {
        let request = ends(&daemon, id).await;
        assert_eq!(request["state"], "succeeded", "{request}");
    }
    let mut keys: Vec<String> = stub.done().into_keys().collect();
    keys.retain(|key| ids.contains(&key.trim_start_matches("provost-").to_owned()));
    assert_eq!(keys.len(), ids.len(), "each was done under one key");
    audit_verifies(&daemon).await;
    daemon.stop().await;
}
