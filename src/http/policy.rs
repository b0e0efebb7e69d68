//! `/v1/policy`: what is in force, reading it again, and why rules decide as they do.

use axum::{Extension, Json, extract::State};
use serde_json::{Value, json};

use super::{
    auth::Owner,
    explain,
    extract::Payload,
    page::shown,
    problem::{Kind, Problem},
    state::Api,
};
use crate::{daemon::ReloadFault, domain::event::Event};

/// Shows the policy in force.
pub(super) async fn show(State(api): State<Api>) -> Json<Value> {
    let ruling = api.app.in_force.ruling();
    let now = api.app.clock.now();
    let schedules: Vec<Value> = ruling
        .policy
        .schedules()
        .iter()
        .map(|schedule| {
            json!({
                "rule": schedule.rule,
                "cron": schedule.cron,
                "timezone": schedule.timezone.name(),
                "catch_up": schedule.catch_up,
                "next": schedule.next_after(now),
            })
        })
        .collect();
    Json(json!({
        "version": ruling.version,
        "rules": shown(&ruling.policy.rules()),
        "schedules": schedules,
        "warnings": shown(&ruling.policy.warnings()),
        "fault": api.app.status.policy_fault(),
    }))
}

/// Reads the policy folder again.
pub(super) async fn reload(State(api): State<Api>) -> Result<Json<Value>, Problem> {
    match api.app.reload().await {
        Ok(loaded) if loaded.held.is_empty() => Ok(Json(json!({
            "version": loaded.version,
            "rules": loaded.rules,
            "changed": loaded.has_changed,
        }))),
        // The rest is in force; that something is not must not go unseen.
        Ok(loaded) => {
            let fault = ReloadFault::Config(loaded.held);
            let detail = format!("{fault}; its last good form stays, the rest is in force");
            Err(Problem::new(Kind::PolicyRejected, detail)
                .with("errors", fault.to_json())
                .with("version", loaded.version)
                .with("changed", loaded.has_changed))
        }
        Err(fault) => {
            Err(Problem::new(Kind::PolicyRejected, fault.to_string())
                .with("errors", fault.to_json()))
        }
    }
}

/// Says what each rule makes of an event, and what would follow; nothing is changed.
pub(super) async fn explain(
    State(api): State<Api>,
    Extension(owner): Extension<Owner>,
    payload: Payload,
) -> Result<Json<Value>, Problem> {
    let event = Event::from_json(&payload.bytes)?;
    explain::explain(&api, event, owner.entry()).await.map(Json)
}
