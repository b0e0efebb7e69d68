//! Team channels, over the wire: what arrives there, and what does when they or the daemon misbehave.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{
    Daemon, Kind, Rig, eventually,
    ledger::message,
    on_both_databases,
    place::within,
    relay::{Letter, Relay},
    soak,
    stub::{Call, Stub},
    verify::audit_verifies,
};

on_both_databases!(
    a_dead_channel_delays_no_other,
    each_kind_of_channel_gets_what_it_understands,
    breaches_that_waited_are_one_post_in_the_order_of_their_times,
    killed_at_every_step_no_notice_is_lost_and_none_is_doubled_without_the_mark,
    what_a_channel_says_is_heeded,
    whoever_tries_a_channel_is_told_what_came_of_it,
);

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Adds a channel whose address is a way of the stub.
fn channel(rig: &mut Rig, (name, kind): (&str, &str), stub: &Stub, way: &str) {
    rig.configuration(&format!("{name}.url"), &format!("{}/{way}", stub.url));
    rig.settings(&format!(
        "[channels.{name}]\nkind = \"{kind}\"\nurl = \"${{file:{name}.url}}\"\nrate = 1000\n\
         timeout = \"1s\"\nallow_addresses = [\"127.0.0.0/8\"]"
    ));
}

/// A rule that tells these channels what customers say.
fn tell(rig: &Rig, channels: &[&str]) {
    let to = json!(channels);
    rig.rule(
        "tell.rhai",
        &format!(
            r#"on("conversation.message", "Tell", #{{ then: |e| notify({to}, e.message.text) }});"#
        ),
    );
}

/// Gives what came on one way of the stub.
fn came(stub: &Stub, way: &str) -> Vec<Call> {
    let calls = stub.calls().into_iter();
    calls.filter(|call| call.way == way).collect()
}

/// Waits until every delivery is over; gives them all.
async fn all_over(daemon: &Daemon) -> Vec<Value> {
    eventually("every delivery is over", async || {
        let all = daemon.list("/v1/deliveries").await;
        let is_over = |one: &Value| {
            ["sent", "failed", "unknown"].contains(&one["state"].as_str().unwrap_or_default())
        };
        (!all.is_empty() && all.iter().all(is_over)).then_some(all)
    })
    .await
}

/// Where each kind of channel shows what is said, and how it is written there.
const SAID: [(&str, &str, &str); 5] = [
    (
        "slack",
        "/blocks/1/text/text",
        "Somebody says: Hello &lt;\u{200b}!here&gt; @\u{200b}channel",
    ),
    (
        "teams",
        "/attachments/0/content/body/1/inlines/0/text",
        "Somebody says: Hello <!here> @channel",
    ),
    (
        "mattermost",
        "/text",
        "**Tell**\n\nSomebody says: Hello \\<\u{200b}!here\\> @\u{200b}channel",
    ),
    (
        "discord",
        "/embeds/0/description",
        "Somebody says: Hello \\<\u{200b}!here\\> @\u{200b}channel",
    ),
    (
        "webhook",
        "/data/text",
        "Somebody says: Hello <!here> @channel",
    ),
];

async fn each_kind_of_channel_gets_what_it_understands(kind: Kind) {
    let stub = Stub::start().await;
    let mut rig = Rig::embedded(kind);
    let kinds = ["slack", "teams", "mattermost", "discord", "webhook"];
    for kind in kinds {
        channel(&mut rig, (kind, kind), &stub, kind);
    }
    rig.configuration("hook.key", SECRET);
    rig.settings("secret = \"${file:hook.key}\"");
    rig.settings("[notices.templates]\nrule = \"Somebody says: {{text}}\"");
    tell(
        &rig,
        &["#slack", "#teams", "#mattermost", "#discord", "#webhook"],
    );
    let mut daemon = rig.start().await;
    daemon
        .deliver(&[message("e1", "c1", "Hello <!here> @channel")])
        .await;
    let deliveries = all_over(&daemon).await;
    assert_eq!(deliveries.len(), kinds.len(), "{deliveries:?}");
    assert!(
        deliveries.iter().all(|one| one["state"] == "sent"),
        "{deliveries:?}"
    );
    for (way, pointer, text) in SAID {
        let calls = came(&stub, way);
        assert_eq!(calls.len(), 1, "{way}");
        assert_eq!(calls[0].body.pointer(pointer), Some(&json!(text)), "{way}");
    }
    let signed = &came(&stub, "webhook")[0];
    assert!(is_signed(signed), "{:?}", signed.headers);
    let told = daemon.list("/v1/results?type=notification.sent").await;
    let channels: BTreeSet<&str> = told
        .iter()
        .filter_map(|event| event["data"]["channel"].as_str())
        .collect();
    assert_eq!(channels, BTreeSet::from(kinds));
    // No address is anywhere but in the file that holds it.
    for text in [daemon.log(), format!("{told:?}{deliveries:?}")] {
        assert!(!text.contains(&stub.url), "{text}");
    }
    audit_verifies(&daemon).await;
    daemon.stop().await;
}

/// Verifies a post as Standard Webhooks has it done.
fn is_signed(call: &Call) -> bool {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    use hmac::{Hmac, Mac};
    let header = |name: &str| {
        let value = call.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let key = SECRET.trim_start_matches("whsec_");
    let key = BASE64_STANDARD.decode(key).expect("base64");
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).expect("any length");
    let (id, stamp) = (header("webhook-id"), header("webhook-timestamp"));
    mac.update(format!("{id}.{stamp}.{}", call.text).as_bytes());
    let signature = header("webhook-signature");
    let digest = signature.strip_prefix("v1,").unwrap_or_default();
    let digest = BASE64_STANDARD.decode(digest).unwrap_or_default();
    mac.verify_slice(&digest).is_ok()
}

async fn a_dead_channel_delays_no_other(kind: Kind) {
    let stub = Stub::start().await;
    let mut rig = Rig::embedded(kind);
    channel(&mut rig, ("dead", "slack"), &stub, "never");
    channel(&mut rig, ("well", "slack"), &stub, "ok");
    tell(&rig, &["#dead", "#well"]);
    let mut daemon = rig.start().await;
    for number in 0..8 {
        let id = format!("e{number}");
        daemon
            .deliver(&[message(&id, &format!("c{number}"), "look")])
            .await;
    }
    // The dead one takes eight seconds for as many, one after the other.
    within(
        Duration::from_secs(5),
        "the other has all eight",
        async || (came(&stub, "ok").len() == 8).then_some(()),
    )
    .await;
    assert!(came(&stub, "never").len() < 8);
    eventually("the status names the dead one", async || {
        let status = daemon.get("/v1/status").await;
        status["channels_failing"]["dead"]["error"]
            .is_string()
            .then_some(())
    })
    .await;
    let status = daemon.get("/v1/status").await;
    assert!(status["channels_failing"]["well"].is_null(), "{status}");
    let shown = rig.ask(&daemon, &["channels"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(
        shown.contains("failing") && shown.contains("no certain answer"),
        "{shown}"
    );
    daemon.stop().await;
}

/// Three clocks ran out while no daemon was there to tell of it.
async fn breaches_that_waited_are_one_post_in_the_order_of_their_times(kind: Kind) {
    let stub = Stub::start().await;
    let mut rig = Rig::embedded(kind);
    channel(&mut rig, ("desk", "slack"), &stub, "ok");
    let mut daemon = rig.start().await;
    daemon.stop().await;
    for (id, minute) in [("b", 10), ("a", 5), ("c", 20)] {
        let at = 1_763_892_000_000_000_i64 + minute * 60_000_000;
        let notice = json!({
            "kind": "sla_breached", "about": format!("tkt_{id}"), "title": format!("Ticket {id}"),
            "text": "is overdue", "at": format!("2025-11-23T10:{minute:02}:00Z"),
        });
        rig.database.execute(&format!(
            "INSERT INTO deliveries (delivery_id, notice_id, channel, kind, about, subject, rank, at, \
             notice, state, attempts, ambiguous, not_before, updated_at) VALUES ('dlv_{id}', \
             'ntc_{id}', 'desk', 'sla_breached', 'tkt_{id}', 'c1', 0, {at}, '{notice}', 'pending', \
             0, 0, {at}, {at})"
        ));
    }
    let mut daemon = rig.start().await;
    let deliveries = all_over(&daemon).await;
    assert!(
        deliveries.iter().all(|one| one["state"] == "sent"),
        "{deliveries:?}"
    );
    let calls = came(&stub, "ok");
    assert_eq!(calls.len(), 1, "one digest");
    let said = calls[0].body["blocks"][1]["text"]["text"]
        .as_str()
        .expect("a text");
    assert_eq!(
        said,
        "2025-11-23 10:05:00 UTC  Ticket a – is overdue\n\
         2025-11-23 10:10:00 UTC  Ticket b – is overdue\n\
         2025-11-23 10:20:00 UTC  Ticket c – is overdue"
    );
    let told = daemon.list("/v1/results?type=notification.sent").await;
    let about: BTreeSet<&str> = told
        .iter()
        .filter_map(|event| event["data"]["about"].as_str())
        .collect();
    assert_eq!(about, BTreeSet::from(["tkt_a", "tkt_b", "tkt_c"]));
    daemon.stop().await;
}

async fn what_a_channel_says_is_heeded(kind: Kind) {
    let stub = Stub::start().await;
    let mut rig = Rig::embedded(kind);
    channel(&mut rig, ("busy", "slack"), &stub, "busy");
    channel(&mut rig, ("gone", "slack"), &stub, "missing");
    channel(&mut rig, ("storm", "slack"), &stub, "storm");
    channel(&mut rig, ("ops", "slack"), &stub, "ok");
    rig.settings("[notices]\noperators = \"#ops\"");
    tell(&rig, &["#busy", "#gone", "#storm"]);
    let mut daemon = rig.start().await;
    daemon.deliver(&[message("e1", "c1", "look")]).await;
    let deliveries = all_over(&daemon).await;
    let stands: BTreeMap<&str, (&str, i64)> = deliveries
        .iter()
        .map(|one| {
            let text = |name: &str| one[name].as_str().unwrap_or_default();
            let attempts = one["attempts"].as_i64().unwrap_or_default();
            (text("channel"), (text("state"), attempts))
        })
        .collect();
    assert_eq!(
        stands,
        BTreeMap::from([
            ("busy", ("sent", 2)),
            ("gone", ("failed", 1)),
            ("ops", ("sent", 1)),
            // Two of the three may have been posted; the third was.
            ("storm", ("sent", 3)),
        ])
    );
    let marked: Vec<bool> = came(&stub, "storm")
        .iter()
        .map(|call| call.text.contains("(perhaps posted before)"))
        .collect();
    assert_eq!(marked, [false, true, true]);
    let told = came(&stub, "ok")[0].text.clone();
    assert!(told.contains("#gone does not take notices"), "{told}");
    let kinds = daemon.list("/v1/results?type=notification.*").await;
    let count = |kind: &str| kinds.iter().filter(|event| event["type"] == kind).count();
    assert_eq!(
        (
            count("notification.sent"),
            count("notification.failed"),
            count("notification.unknown")
        ),
        (3, 1, 2)
    );
    daemon.stop().await;
}

async fn whoever_tries_a_channel_is_told_what_came_of_it(kind: Kind) {
    let stub = Stub::start().await;
    let mut rig = Rig::embedded(kind);
    channel(&mut rig, ("gone", "slack"), &stub, "missing");
    channel(&mut rig, ("ops", "slack"), &stub, "ok");
    let mut daemon = rig.start().await;
    let (status, tried) = daemon
        .send(
            Method::POST,
            "/v1/channels/gone/test",
            "application/json",
            "",
        )
        .await;
    assert_eq!(
        (status, &tried["state"]),
        (StatusCode::OK, &json!("failed"))
    );
    let tried = rig.ask(&daemon, &["channels", "test", "ops"]);
    assert!(tried.status.success(), "{tried:?}");
    let tried = rig.ask(&daemon, &["channels", "test", "#gone"]);
    assert_eq!(tried.status.code(), Some(1), "{tried:?}");
    daemon.stop().await;
}

/// A daemon is killed again and again, at the steps of a post and anywhere between.
async fn killed_at_every_step_no_notice_is_lost_and_none_is_doubled_without_the_mark(kind: Kind) {
    let stub = Stub::start().await;
    let mut rig = Rig::embedded(kind);
    channel(&mut rig, ("desk", "webhook"), &stub, "ok");
    tell(&rig, &["#desk"]);
    let steps = ["before_post", "after_post", "before_commit", "after_commit"];
    let kills = if soak() { 200 } else { 40 };
    let mut texts = Vec::new();
    for round in 0..kills {
        let point = format!("{}:{}", steps[round % steps.len()], 1 + round / 5 % 6);
        let mut daemon = rig.doomed(&point);
        daemon.ready_or_dead().await;
        for number in 0..3 {
            let text = format!("r{round}-{number}.");
            let event = message(&text, &format!("c{number}"), &text);
            if daemon.try_deliver(&[event]).await {
                texts.push(text);
            }
        }
        let newest = texts.last().cloned().unwrap_or_default();
        eventually("the newest is posted, or the daemon dead", async || {
            let is_posted = stub
                .calls()
                .iter()
                .any(|call| call.body["data"]["text"] == *newest);
            (daemon.poll().is_some() || is_posted).then_some(())
        })
        .await;
        daemon.kill();
    }
    let mut daemon = rig.start().await;
    assert!(texts.len() > kills, "{} were accepted", texts.len());
    eventually("nothing waits any more", async || {
        let mut waiting = 0;
        for state in ["pending", "posting", "joined"] {
            waiting += daemon
                .list(&format!("/v1/deliveries?state={state}"))
                .await
                .len();
        }
        (waiting == 0).then_some(())
    })
    .await;
    // Of what is unknown it was said, each time, that it may not have been posted.
    let unknown = daemon.list("/v1/deliveries?state=unknown").await;
    texts.retain(|text| unknown.iter().all(|one| one["text"] != **text));
    assert!(texts.len() > kills, "{} are unknown", unknown.len());
    posted_as_promised(&stub, &texts);
    assert_eq!(daemon.list("/v1/deliveries?state=failed").await.len(), 0);
    audit_verifies(&daemon).await;
    daemon.stop().await;
}

/// Looks whether each text was posted, and again only with the mark.
fn posted_as_promised(stub: &Stub, texts: &[String]) {
    let mut posts: BTreeMap<String, Vec<Call>> = BTreeMap::new();
    for call in came(stub, "ok") {
        let text = call.body["data"]["text"]
            .as_str()
            .expect("a text")
            .to_owned();
        posts.entry(text).or_default().push(call);
    }
    for text in texts {
        let found = posts.get(text).map(Vec::as_slice).unwrap_or_default();
        assert!(!found.is_empty(), "{text} is lost");
        for again in &found[1..] {
            assert_eq!(again.body["id"], found[0].body["id"], "{text}");
            let mark = &again.body["data"]["perhaps_posted_before"];
            assert_eq!(*mark, true, "{text} is doubled without the mark");
        }
    }
    assert!(
        posts.values().any(|found| found.len() > 1),
        "some were killed between"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_post_that_a_dead_daemon_had_is_taken_over_and_marked() {
    let stub = Stub::start().await;
    let mut rig = Rig::embedded(Kind::Postgres);
    channel(&mut rig, ("desk", "slack"), &stub, "ok");
    tell(&rig, &["#desk"]);
    for instance in ["one", "two"] {
        let url = format!("{}/ok", stub.url);
        rig.place
            .write(&format!("config-{instance}/desk.url"), &url);
    }
    let mut one = rig
        .start_as("one", &[("PROVOST_CRASH_AT", "before_post:1")])
        .await;
    one.deliver(&[message("e1", "c1", "look")]).await;
    one.exit().await;
    assert_eq!(stub.calls().len(), 0);
    let mut two = rig.start_as("two", &[]).await;
    let deliveries = all_over(&two).await;
    assert_eq!(
        (
            &deliveries[0]["state"],
            &deliveries[0]["attempts"],
            &deliveries[0]["perhaps_posted"]
        ),
        (&json!("sent"), &json!(2), &json!(true))
    );
    let calls = came(&stub, "ok");
    assert_eq!(calls.len(), 1);
    assert!(
        calls[0].text.contains("(perhaps posted before)"),
        "{}",
        calls[0].text
    );
    let kinds: Vec<Value> = two.list("/v1/results?type=notification.*").await;
    let kinds: Vec<&str> = kinds
        .iter()
        .filter_map(|event| event["type"].as_str())
        .collect();
    assert_eq!(kinds, ["notification.unknown", "notification.sent"]);
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_can_be_a_queue_on_the_broker() {
    let mut rig = Rig::new(Kind::Sqlite).await;
    rig.settings(
        "[channels.board]\nkind = \"amqp\"\nrouting_key = \"notice.board\"\n\
         [channels.nobody]\nkind = \"amqp\"\nexchange = \"amq.direct\"\nrouting_key = \"nobody\"",
    );
    tell(&rig, &["#board", "#nobody"]);
    let mut daemon = rig.start().await;
    rig.deliver(&[message("e1", "c1", "look")]).await;
    let deliveries = all_over(&daemon).await;
    let stands: BTreeMap<&str, &str> = deliveries
        .iter()
        .map(|one| {
            let text = |name: &str| one[name].as_str().unwrap_or_default();
            (text("channel"), text("state"))
        })
        .collect();
    assert_eq!(
        stands,
        BTreeMap::from([("board", "sent"), ("nobody", "failed")])
    );
    rig.wire()
        .until("the event", |published| {
            published.routing_key == "notice.board" && published.text("type") == "notice.posted"
        })
        .await;
    daemon.stop().await;
}

/// What is configured beside a relay: people with and without an address, and a channel that is mail.
fn mailing(relay: &Relay) -> String {
    let server = format!(
        "url = \"{}\"\nfrom = \"Desk <desk@example.com>\"\nallow_addresses = [\"127.0.0.0/8\"]",
        relay.url
    );
    format!(
        "conversation_url = \"https://chat.example.com/c/{{{{conversation_id}}}}\"\n\
         [people.dana]\nemail = \"dana@example.com\"\n[people.lee]\n[people.owner]\n\
         [teams.support]\nmembers = [\"dana\", \"lee\"]\n\
         [channels.night]\nkind = \"email\"\nto = [\"a@example.com\", \"b@example.com\"]\n{server}\n\
         [notices.mail]\n{server}"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_are_told_by_mail_where_they_have_an_address() {
    let relay = Relay::start().await;
    let mut rig = Rig::embedded(Kind::Sqlite);
    rig.settings(&mailing(&relay));
    tell(&rig, &["@support", "#night"]);
    let mut daemon = rig.start().await;
    daemon.deliver(&[message("e1", "c1", "Grüße")]).await;
    let deliveries = all_over(&daemon).await;
    let channels: BTreeSet<&str> = deliveries
        .iter()
        .filter_map(|one| one["channel"].as_str())
        .collect();
    assert_eq!(channels, BTreeSet::from(["@dana", "night"]));
    let mut letters = relay.letters();
    letters.sort_by_key(|letter| letter.to.len());
    let to: Vec<&[String]> = letters.iter().map(|letter| &*letter.to).collect();
    assert_eq!(
        to,
        [
            &["dana@example.com".to_owned()][..],
            &["a@example.com".to_owned(), "b@example.com".to_owned()]
        ]
    );
    let Letter { text, .. } = &letters[0];
    for line in [
        "Subject: Tell",
        "From: Desk <desk@example.com>",
        "https://chat.example.com/c/c1",
    ] {
        assert!(text.contains(line), "{text}");
    }
    let told = daemon.list("/v1/results?type=notice.posted").await;
    assert_eq!(
        told[0]["data"]["to"],
        json!(["dana", "lee"]),
        "and in the app"
    );
    daemon.stop().await;
}
