//! Rules that misbehave, and policies that do not load.
//!
//! A rule that loops, sleeps, swells, recurses or throws is refused at load or
//! reported as `rule.failed`; its neighbour, which answers each message, never
//! notices. A bad policy never replaces a good one.

use reqwest::{Method, StatusCode};

use crate::support::{Kind, Ledger, Rig, eventually, wire::Published};

// The rule either does not load (exit code 78, its file named) or fails at run time without
// harm: reported with its place, while every message is answered and the daemon stays quick.
async fn is_harmless(then: &str, functions: &str) {
    let rig = Rig::new(Kind::Sqlite).await;
    let source =
        format!("{functions}\non(\"conversation.message\", \"Bad\", #{{ then: |e| {then} }});\n");
    rig.rule("a_bad.rhai", &source);
    let mut daemon = rig.launch("one", &[]);
    let refused = eventually("ready or refused", async || {
        if let Some(status) = daemon.poll() {
            return Some(Some(status));
        }
        let url = format!("{}/readyz", daemon.url());
        let answer = crate::support::daemon::client()
            .get(url)
            .send()
            .await
            .ok()?;
        (answer.status() == StatusCode::OK).then_some(None)
    })
    .await;
    if let Some(status) = refused {
        assert_eq!(status.code(), Some(78), "{}", daemon.log());
        assert!(daemon.log().contains("a_bad.rhai"), "{}", daemon.log());
        return;
    }
    let mut ledger = Ledger::default();
    rig.deliver(&ledger.interleaved(2, 5)).await;
    rig.verify(&daemon, &ledger).await;
    let failed = rig.wire().until("a report", is_failure).await;
    let data = &failed.event["data"];
    assert_eq!(
        (data["rule"].as_str(), data["file"].as_str()),
        (Some("Bad"), Some("a_bad.rhai")),
        "{data}"
    );
    assert!(
        data["line"].is_number() && data["event_id"].is_string(),
        "{data}"
    );
    assert!(
        data["error"]
            .as_str()
            .is_some_and(|error| error.len() < 2_000),
        "{data}"
    );
}

fn is_failure(result: &Published) -> bool {
    result.text("type") == "rule.failed"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_loops_is_stopped_and_its_neighbours_decide() {
    is_harmless("{ let n = 0; loop { n += 1; } }", "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_sleeps_does_not() {
    is_harmless("{ sleep(3600); [] }", "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_builds_a_huge_string_is_stopped() {
    is_harmless(
        "{ let s = \"xxxxxxxx\"; for n in 0..60 { s += s; } send_message(s) }",
        "",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_builds_a_huge_array_is_stopped() {
    is_harmless("{ let a = [1]; for n in 0..60 { a += a; } [] }", "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_returns_effects_without_end_is_stopped() {
    is_harmless(
        "{ let a = []; for n in 0..100000 { a.push(tag(\"t\" + n)); } a }",
        "",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_recurses_is_stopped() {
    is_harmless(
        "{ down(1); [] }",
        "fn down(n) { down(n + 1) + down(n + 2) }",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_throws_is_reported_with_its_place() {
    is_harmless("throw \"no\"", "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_evaluates_text_is_refused() {
    is_harmless("eval(\"1 + 1\")", "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_imports_from_outside_is_refused() {
    for path in ["/etc/passwd", "../outside", "../config-one/provost"] {
        is_harmless(
            "[]",
            &format!("import \"{path}\" as outside;\nthrow \"reached\";"),
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_cannot_work_on_one_event_works_on_the_next() {
    let rig = Rig::new(Kind::Sqlite).await;
    rig.rule(
        "picky.rhai",
        "on(\"conversation.message\", \"Picky\", #{ then: |e| if e.message.text.contains(\"bad\") { throw \"no\" } else { tag(\"seen\") } });",
    );
    let daemon = rig.start().await;
    let mut ledger = Ledger::default();
    for text in ["bad", "good"] {
        ledger.expect("c1", text);
        rig.deliver(&[crate::support::ledger::message(text, "c1", text)])
            .await;
    }
    rig.verify(&daemon, &ledger).await;
    let failures: Vec<_> = rig.wire().seen().into_iter().filter(is_failure).collect();
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert_eq!(failures[0].event["data"]["event_id"], "bad");
    let tags: Vec<_> = rig
        .wire()
        .seen()
        .into_iter()
        .filter(|result| {
            result.text("type") == "conversation.tag" && result.text("subject") == "c1"
        })
        .collect();
    assert_eq!(tags.len(), 1, "{tags:?}");
    assert_eq!(tags[0].text("causationid"), "good");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_reload_leaves_the_last_good_policy_in_force() {
    let mut rig = Rig::new(Kind::Sqlite).await;
    rig.excuse("what is at fault was refused");
    rig.excuse("PV-RULE");
    let daemon = rig.start().await;
    let good = daemon.get("/v1/policy").await["version"].clone();
    let mut ledger = Ledger::default();
    rig.deliver(&ledger.messages("c1", 5)).await;

    rig.rule(
        "z_broken.rhai",
        "on(\"conversation.message\", \"Broken\", #{\n    thn: |e| tag(\"x\"),\n});\n",
    );
    let rejected = rig
        .wire()
        .until("policy.rejected", |result| {
            result.text("type") == "policy.rejected"
        })
        .await;
    let errors = rejected.event["data"]["errors"].as_array().expect("a list");
    assert!(
        errors
            .iter()
            .any(|error| error["file"] == "z_broken.rhai" && error["line"] == 2),
        "{errors:?}"
    );
    let (status, answer) = daemon
        .send(Method::POST, "/v1/policy/reload", "application/json", "")
        .await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
    assert!(answer["errors"][0]["message"].is_string(), "{answer}");
    daemon.signal("HUP");
    assert_eq!(daemon.get("/v1/policy").await["version"], good);
    rig.deliver(&ledger.messages("c1", 5)).await;
    rig.verify(&daemon, &ledger).await;

    rig.rule(
        "z_broken.rhai",
        "on(\"conversation.message\", \"Mended\", #{\n    then: |e| tag(\"mended\"),\n});\n",
    );
    rig.wire()
        .until("policy.loaded", |result| {
            result.text("type") == "policy.loaded" && result.event["data"]["version"] != good
        })
        .await;
    rig.deliver(&ledger.messages("c1", 1)).await;
    rig.wire()
        .until("the new rule's tag", |result| {
            result.text("type") == "conversation.tag"
        })
        .await;
    rig.verify(&daemon, &ledger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads_under_load_lose_nothing() {
    let rig = Rig::new(Kind::Sqlite).await;
    let daemon = rig.start().await;
    let mut ledger = Ledger::default();
    for round in 0..10 {
        rig.rule("more.rhai", &format!("on(\"conversation.started\", \"Round {round}\", #{{ then: |e| tag(\"r{round}\") }});"));
        let events = ledger.interleaved(5, 20);
        let ((), (status, answer)) = tokio::join!(
            rig.deliver(&events),
            daemon.send(Method::POST, "/v1/policy/reload", "application/json", "")
        );
        assert_eq!(status, StatusCode::OK, "{answer}");
    }
    rig.verify(&daemon, &ledger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_in_error_at_start_names_every_fault_and_ends_with_78() {
    let rig = Rig::embedded(Kind::Sqlite);
    rig.rule(
        "one.rhai",
        "on(\"conversation.message\", \"A\", #{ thn: |e| [] });\n",
    );
    rig.rule(
        "two.rhai",
        "\nescalation(\"B\", #{ keyword: [\"x\"], team: \"nobody\" });\n",
    );
    let mut daemon = rig.launch("one", &[]);
    let status = daemon.exit().await;
    assert_eq!(status.code(), Some(78));
    let log = daemon.log();
    for part in [
        "one.rhai:1",
        "thn",
        "then",
        "two.rhai:2",
        "keyword",
        "keywords",
    ] {
        assert!(log.contains(part), "`{part}` is not in: {log}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_in_error_names_every_fault_and_ends_with_78() {
    let mut rig = Rig::embedded(Kind::Sqlite);
    rig.start().await.stop().await;
    rig.settings("shutdown_timout = \"3s\"\n[limits]\nbody_bytes = \"many\"\n[broker]\nqueue_type = \"mirrored\"");
    let mut daemon = rig.launch("one", &[]);
    assert_eq!(daemon.exit().await.code(), Some(78));
    let log = daemon.log();
    for part in [
        "provost.toml",
        "shutdown_timout",
        "shutdown_timeout",
        "body_bytes",
        "queue_type",
    ] {
        assert!(log.contains(part), "`{part}` is not in: {log}");
    }
}
