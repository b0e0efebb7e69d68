//! Procedures through the whole daemon: a refund with people and another system in it, and runs under a daemon
//! that is killed again and again.

use std::collections::BTreeMap;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    actions::furnish,
    support::{
        Daemon, Kind, Rig, eventually, ledger::event, on_both_databases, soak, stub::Stub,
        verify::audit_verifies,
    },
};

on_both_databases!(
    a_refund_goes_from_the_wish_to_the_approved_ticket,
    a_run_waits_for_days_and_goes_on_where_it_was,
    killed_again_and_again_runs_lose_and_double_nothing,
    a_file_is_the_source_of_what_is_published,
);

/// Looks an order up at the stub, pays, opens a ticket.
fn refund(stub: &Stub, gate: &str) -> String {
    format!(
        r#"
display_name: Refund
trigger_description: When a customer asks for a refund
steps:
  - {{ id: ask, type: collect_input, variable: order_id, prompt: "Which order?" }}
  - {{ id: look, type: api_call, url: "{}/order/{{{{order_id}}}}", response_variable: order }}
  - {{ id: fork, type: condition, variable: order.status, operator: equals, value: sent, then: pay, else: sorry }}
  - {{ id: pay, type: api_call, action: pay, params: {{ way: ok, order: "{{{{order_id}}}}" }}, response_variable: paid }}
  - {{ id: open, type: internal_action, action: create_ticket, approval: {gate}, params: {{ subject: "Refund of {{{{order_id}}}}" }} }}
  - {{ id: told, type: message, content: "Ticket #{{{{ticketId}}}}.", next: end }}
  - {{ id: sorry, type: escalate, reason: "Not eligible." }}
"#,
        stub.url
    )
}

fn furnished(rig: &mut Rig, stub: &Stub, gate: &str) {
    furnish(rig, stub);
    rig.settings("[outbound]\nallow_addresses = [\"127.0.0.0/8\"]\n");
    rig.configuration("procedures/refund.yaml", &refund(stub, gate));
}

fn wish(conversation: &str) -> Value {
    let data = json!({"procedure": "refund", "actor": {"kind": "ai", "id": "bot"}});
    event(
        &format!("wish-{conversation}"),
        "procedure.requested",
        conversation,
        &data,
    )
}

fn says(conversation: &str, text: &str) -> Value {
    let id = format!("{conversation}-{text}");
    let data = json!({
        "channel": "web", "customer": {"id": "ada", "name": "Ada"},
        "message": {"id": id, "text": text, "author": {"kind": "customer", "id": "ada"}},
    });
    event(&id, "conversation.message", conversation, &data)
}

/// Waits until the run of a conversation stands so, and gives it.
async fn run_of(daemon: &Daemon, conversation: &str, state: &str) -> Value {
    let path = format!("/v1/runs?conversation={conversation}");
    eventually("the run has moved", async || {
        let runs = daemon.list(&path).await;
        runs.into_iter().find(|run| run["state"] == state)
    })
    .await
}

async fn results(daemon: &Daemon, conversation: &str) -> Vec<Value> {
    let path = format!("/v1/results?conversation={conversation}");
    daemon.list(&path).await
}

fn count(results: &[Value], kind: &str) -> usize {
    results.iter().filter(|one| one["type"] == kind).count()
}

/// Waits until people are asked in the conversation `c1`.
async fn asked(daemon: &Daemon) -> Value {
    let approvals = "/v1/approvals?state=pending&conversation=c1";
    eventually("people are asked", async || {
        daemon.list(approvals).await.pop()
    })
    .await
}

async fn approve(daemon: &Daemon, approval: &Value) {
    let id = approval["approval_id"].as_str().expect("an id");
    let path = format!("/v1/approvals/{id}/decision");
    let yes = json!({"decision": "approve"}).to_string();
    let (status, said) = daemon
        .send(Method::POST, &path, "application/json", yes)
        .await;
    assert_eq!(status, StatusCode::OK, "{said}");
}

/// Rules that have a ticket's opening ask for all that there is.
const BUSY: &str = r#"
route("All", #{ team: "support", assign: "least_open" });
sla("Promise", #{ medium: #{ first_response: "1h", resolution: "8h" } });
limit("Tickets", #{ action: "create_ticket", by: "conversation", window: "1d", max_count: 3 });
on("action.requested", "Often", #{
    history: #{ before: #{ action: "create_ticket", by: "conversation", window: "1d" } },
    then: |e| if e.history.before.count > 5 { [deny("too often")] } else { [] },
});
"#;

async fn a_refund_goes_from_the_wish_to_the_approved_ticket(kind: Kind) {
    let stub = Stub::start().await;
    let mut rig = Rig::new(kind).await;
    furnished(&mut rig, &stub, "require");
    let mut daemon = rig.start().await;
    let events = [wish("c1"), says("c1", "A-1")];
    rig.deliver(&events).await;
    let approval = asked(&daemon).await;
    let context = &approval["context"];
    assert_eq!(context["procedure"], "refund", "{approval}");
    assert_eq!(
        context["variables"]["order_id"],
        json!({"value": "A-1", "from": "customer"})
    );
    approve(&daemon, &approval).await;
    let run = run_of(&daemon, "c1", "completed").await;
    let steps: Vec<&str> = run["trail"]
        .as_array()
        .expect("a trail")
        .iter()
        .filter_map(|one| one["step"].as_str())
        .collect();
    assert_eq!(steps, ["ask", "look", "fork", "pay", "open", "told"]);
    let published = results(&daemon, "c1").await;
    assert_eq!(count(&published, "ticket.created"), 1);
    assert_eq!(count(&published, "procedure.completed"), 1);
    let looked = stub.calls().into_iter().filter(|call| call.way == "order");
    assert_eq!(looked.count(), 1);
    audit_verifies(&daemon).await;
    daemon.stop().await;
}

async fn a_run_waits_for_days_and_goes_on_where_it_was(kind: Kind) {
    let stub = Stub::start().await;
    let mut rig = Rig::embedded(kind);
    furnished(&mut rig, &stub, "require");
    rig.rule("busy.rhai", BUSY);
    let mut daemon = rig.start().await;
    daemon.deliver(&[wish("c1")]).await;
    run_of(&daemon, "c1", "awaiting_input").await;
    daemon.kill();
    // The definition changes meanwhile; the run ends on its own.
    rig.configuration(
        "procedures/refund.yaml",
        &refund(&stub, "require").replace("Ticket #", "Number "),
    );
    let mut daemon = rig.start().await;
    daemon.deliver(&[says("c1", "A-1")]).await;
    approve(&daemon, &asked(&daemon).await).await;
    let run = run_of(&daemon, "c1", "completed").await;
    assert_eq!(run["version"], 1, "{run}");
    let told = results(&daemon, "c1").await;
    assert!(
        told.iter().any(|one| one["data"]["text"] == "Ticket #1."),
        "{told:?}"
    );
    daemon.stop().await;
}

async fn killed_again_and_again_runs_lose_and_double_nothing(kind: Kind) {
    let stub = Stub::start().await;
    let mut rig = Rig::embedded(kind);
    furnished(&mut rig, &stub, "auto");
    let points = ["before_commit", "after_commit", "before_send", "after_send"];
    let kills = if soak() { 300 } else { 60 };
    let mut accepted = Vec::new();
    for round in 0..kills {
        let point = format!("{}:{}", points[round % points.len()], 3 + round / 4 % 14);
        let mut daemon = rig.doomed(&point);
        daemon.ready_or_dead().await;
        for number in 0..3 {
            let conversation = format!("c{round}-{number}");
            let events = [wish(&conversation), says(&conversation, "A-1")];
            // Whatever is answered before the kill is kept; the rest was never accepted.
            if daemon.try_deliver(&events).await {
                accepted.push(conversation);
            }
        }
        daemon.kill();
    }
    let mut daemon = rig.start().await;
    assert!(
        accepted.len() > kills / 2,
        "{} were accepted",
        accepted.len()
    );
    for conversation in &accepted {
        let run = run_of(&daemon, conversation, "completed").await;
        let trail = run["trail"].as_array().map(Vec::len);
        assert_eq!(trail, Some(6), "{run}");
        let told = results(&daemon, conversation).await;
        for kind in [
            "procedure.started",
            "procedure.awaiting_input",
            "procedure.completed",
            "ticket.created",
        ] {
            assert_eq!(count(&told, kind), 1, "{kind} in {conversation}: {told:?}");
        }
        let said = told.iter().filter(|one| {
            let reason = &one["data"]["reason"];
            one["type"] == "message.send" && *reason == "procedure:refund"
        });
        assert_eq!(said.count(), 2, "{conversation}: {told:?}");
    }
    let mut paid: BTreeMap<String, usize> = BTreeMap::new();
    for request in daemon.list("/v1/requests?action=pay").await {
        let conversation = request["subject"].as_str().unwrap_or_default();
        *paid.entry(conversation.to_owned()).or_default() += 1;
    }
    for conversation in &accepted {
        assert_eq!(paid.get(conversation), Some(&1), "{conversation}");
    }
    audit_verifies(&daemon).await;
    daemon.stop().await;
}

async fn a_file_is_the_source_of_what_is_published(kind: Kind) {
    let stub = Stub::start().await;
    let mut rig = Rig::embedded(kind);
    furnished(&mut rig, &stub, "auto");
    rig.excuse("procedures/refund.yaml");
    rig.excuse("PV-PROC-005");
    let mut daemon = rig.start().await;
    let path = "/v1/procedures/refund";
    let shown = daemon.get(path).await;
    assert_eq!(shown["source"], "procedures/refund.yaml", "{shown}");
    let (status, said) = daemon
        .send(
            Method::POST,
            &format!("{path}/archive"),
            "application/json",
            "",
        )
        .await;
    assert_eq!(status, StatusCode::CONFLICT, "{said}");
    // A fault leaves what is published as it is.
    let wrong = refund(&stub, "auto").replace("type: escalate", "type: escalat");
    rig.configuration("procedures/refund.yaml", &wrong);
    daemon.says("did you mean `escalate`").await;
    assert_eq!(daemon.get(path).await["version"], 1);
    let better = refund(&stub, "require");
    rig.configuration("procedures/refund.yaml", &better);
    eventually("the change is published", async || {
        (daemon.get(path).await["version"] == 2).then_some(())
    })
    .await;
    rig.remove("procedures/refund.yaml");
    eventually("it is archived", async || {
        (daemon.get(path).await["stage"] == "archived").then_some(())
    })
    .await;
    daemon.stop().await;
}
