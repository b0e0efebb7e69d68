//! Who may call what: every route against every built-in role.

use std::collections::BTreeMap;

use axum::{
    body::Body,
    http::{Method, Request},
};
use serde_json::json;

use crate::{
    domain::access::Roles,
    http::{
        routes::{Access, ROUTES},
        testing::{Place, message, read},
    },
};

/// Every route with a token, and the roles besides `admin` and `owner` that may call it.
const CASES: &str = "
    POST /v1/events: platform
    POST /v1/intake/{mapping}: platform
    GET /v1/results: agent manager platform viewer
    GET /v1/conversations: agent manager viewer
    GET /v1/conversations/{id}: agent manager viewer
    GET /v1/tickets: agent manager viewer
    POST /v1/tickets: agent manager rule system
    GET /v1/tickets/counts: agent manager viewer
    GET /v1/tickets/{id}: agent manager viewer
    PATCH /v1/tickets/{id}: agent manager rule system
    POST /v1/tickets/{id}/closure: agent manager rule system
    GET /v1/tickets/{id}/comments: agent manager viewer
    POST /v1/tickets/{id}/comments: agent manager rule system
    GET /v1/escalations: agent manager viewer
    GET /v1/escalations/{id}: agent manager viewer
    POST /v1/escalations/{id}/ack: agent manager rule system
    POST /v1/escalations/{id}/settle: agent manager rule system
    GET /v1/leads: agent manager viewer
    GET /v1/actions: agent ai manager platform rule viewer
    GET /v1/actions/{name}: agent ai manager platform rule viewer
    POST /v1/actions/{name}/requests: agent ai manager rule
    GET /v1/requests: agent ai manager rule viewer
    GET /v1/requests/{id}: agent ai manager rule viewer
    GET /v1/requests/{id}/story: agent manager viewer
    POST /v1/requests/{id}/reversal: manager
    POST /v1/requests/{id}/cancellation: agent ai manager rule system
    POST /v1/requests/{id}/resolution: manager
    GET /v1/approvals: agent manager viewer
    GET /v1/approvals/{id}: agent manager viewer
    POST /v1/approvals/{id}/decision: agent manager rule system
    GET /v1/delegations: agent manager viewer
    POST /v1/delegations:
    POST /v1/delegations/{id}/revocation: agent manager
    GET /v1/procedures: agent manager viewer
    POST /v1/procedures:
    GET /v1/procedures/catalogue: agent ai manager platform rule viewer
    GET /v1/procedures/{slug}: agent manager viewer
    GET /v1/procedures/{slug}/versions/{n}: agent manager viewer
    PUT /v1/procedures/{slug}:
    POST /v1/procedures/{slug}/publish:
    POST /v1/procedures/{slug}/archive:
    POST /v1/procedures/{slug}/validate:
    POST /v1/procedures/{slug}/simulate:
    GET /v1/procedures/{slug}/diff: agent manager viewer
    POST /v1/procedures/{slug}/versions/{n}/stop:
    POST /v1/procedures/{slug}/versions/{n}/release:
    POST /v1/procedures/{slug}/migrate:
    GET /v1/runs: agent manager viewer
    POST /v1/runs: agent ai manager rule
    GET /v1/runs/{id}: agent ai manager rule viewer
    POST /v1/runs/{id}/cancel: agent ai manager rule system
    POST /v1/runs/{id}/replay:
    GET /v1/audit: agent manager viewer
    GET /v1/audit/export: manager
    GET /v1/audit/seals: agent manager viewer
    GET /v1/audit/verify: agent manager viewer
    GET /v1/audit/{sequence}: agent manager viewer
    DELETE /v1/customers/{id}:
    GET /v1/policy: agent manager viewer
    POST /v1/policy/reload:
    POST /v1/policy/explain: agent manager viewer
    POST /v1/policy/backtest:
    GET /v1/policy/shadow: agent manager viewer
    GET /v1/sla: agent manager viewer
    GET /v1/sla/counts: agent manager viewer
    GET /v1/sla/{ticket}/explain: agent manager viewer
    POST /v1/sla/repin:
    GET /v1/anomalies: agent manager viewer
    GET /v1/reports/{name}: agent manager viewer
    GET /v1/channels: agent manager viewer
    POST /v1/channels/{name}/test:
    GET /v1/deliveries: agent manager viewer
    GET /v1/parked:
    GET /v1/parked/{id}:
    DELETE /v1/parked/{id}:
    POST /v1/parked/{id}/replay:
    GET /v1/status: agent manager viewer
";

fn cases() -> BTreeMap<&'static str, Vec<&'static str>> {
    let lines = CASES.lines().map(str::trim).filter(|line| !line.is_empty());
    let pairs = lines.map(|line| line.rsplit_once(':').expect("a route and its roles"));
    pairs
        .map(|(route, roles)| (route, roles.split_whitespace().collect()))
        .collect()
}

#[tokio::test]
async fn every_route_lets_in_the_roles_of_its_case_and_nobody_else() {
    let place = Place::start().await;
    let mut cases = cases();
    let roles: Vec<String> = Roles::default().0.into_keys().collect();
    for role in &roles {
        place.make_token(&format!("is-{role}"), role).await;
    }
    place.make_token("is-nobody", "nobody").await;
    for route in ROUTES.iter().filter(|route| route.access != Access::Open) {
        let method = route.method.as_str().to_uppercase();
        let name = format!("{method} {}", route.path);
        let allowed = cases.remove(name.as_str());
        let allowed = allowed.unwrap_or_else(|| panic!("{name} has no authorisation case"));
        let path = route
            .path
            .replace("{mapping}", "rasa")
            .replace(['{', '}'], "");
        for role in roles.iter().map(String::as_str).chain(["nobody"]) {
            let request = Request::builder()
                .method(Method::from_bytes(method.as_bytes()).expect("a method"))
                .uri(&path)
                .header("authorization", format!("Bearer t-is-{role}"))
                .body(Body::empty());
            let answer = read(place.send(request.expect("a request")).await).await;
            let is_allowed = ["admin", "owner"].contains(&role) || allowed.contains(&role);
            assert_eq!(
                answer.status != 403,
                is_allowed,
                "{role}: {name}: {}",
                answer.body
            );
            if !is_allowed {
                assert_eq!(answer.body["code"], "PV-HTTP-005", "{role}: {name}");
                assert!(answer.body["needs"].is_array(), "{role}: {name}");
            }
        }
    }
    assert!(cases.is_empty(), "no such routes: {cases:?}");
    place.end().await;
}

#[tokio::test]
async fn an_event_needs_what_its_actor_may_do_whoever_brings_it() {
    let place = Place::start().await;
    place.make_token("chat", "platform").await;
    place.make_token("feed", "feed").await;
    place
        .post("t-chat", &message("e-1", "c-1", "I want a refund"))
        .await;
    let listed = place.ask("GET", "/v1/escalations", None).await.body;
    let escalation = listed["items"][0]["escalation_id"].clone();
    let take = |id: &str, actor: serde_json::Value| {
        json!({"specversion": "1.0", "id": id, "source": "/chat", "type": "escalation.acknowledged",
            "subject": "c-1", "data": {"escalation_id": escalation, "actor": actor}})
    };
    let customer = json!({"kind": "customer", "id": "ada"});
    let claimed = json!({"kind": "agent", "id": "eve", "roles": ["viewer"]});
    let agent = json!({"kind": "agent", "id": "eve"});
    for (token, id, actor, state) in [
        ("t-chat", "a-1", &customer, "raised"),
        ("t-chat", "a-2", &claimed, "raised"),
        // It may take events in, but not say who acts: its own roles count.
        ("t-feed", "a-3", &agent, "raised"),
        ("t-chat", "a-4", &agent, "acknowledged"),
    ] {
        let answer = place.post(token, &take(id, actor.clone())).await;
        assert_eq!(answer.status, 202, "{}", answer.body);
        let listed = place.ask("GET", "/v1/escalations", None).await.body;
        assert_eq!(listed["items"][0]["state"], state, "{id}");
    }
    let refused = place
        .ask("GET", "/v1/audit?outcome=denied", None)
        .await
        .body;
    assert_eq!(
        refused["items"].as_array().map(Vec::len),
        Some(3),
        "{refused}"
    );
    place.end().await;
}
