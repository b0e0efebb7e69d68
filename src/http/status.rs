//! `/v1/status`, `/healthz`, `/readyz`, `/metrics`: how the daemon is doing.

use axum::{
    Json,
    extract::State,
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{
    channels,
    page::shown,
    problem::{Kind, Problem},
    state::Api,
};
use crate::{
    broker::{Fault, LinkState},
    telemetry::Metrics,
};

/// Shows counters, faults and how much there is of what.
pub(super) async fn show(State(api): State<Api>) -> Result<Json<Value>, Problem> {
    let app = &api.app;
    let ruling = app.in_force.ruling();
    let (counts, failing) = api
        .read(|reader| Ok((reader.counts()?, channels::failing(reader)?)))
        .await?;
    let unready = app.unready();
    Ok(Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "ready": unready.is_none(),
        "unready": unready,
        "now": app.clock.now(),
        "database": app.store.describe(),
        "broker": app.broker.as_ref().map(|link| broker(&link.borrow())),
        "policy": {
            "version": ruling.version,
            "rules": ruling.policy.rules().len(),
            "fault": app.status.policy_fault(),
        },
        "channels_failing": failing,
        "since_start": shown(&app.status.counters()),
        "stored": {
            "position": counts.position,
            "oldest_position": counts.oldest,
            "audit_entries": counts.audit,
            "unpublished": counts.unpublished,
            "parked": counts.parked,
            "conversations": counts.conversations,
            "tickets": counts.tickets,
            "escalations": counts.escalations,
            "tokens": counts.tokens,
        },
    })))
}

fn broker(link: &LinkState) -> Value {
    let told =
        |fault: &Fault| json!({ "code": fault.code, "detail": fault.text, "since": fault.since });
    json!({
        "connected": link.connected,
        "session": link.session,
        "blocked": link.blocked,
        "fault": link.fault.as_ref().map(told),
        "notes": link.notes.iter().map(told).collect::<Vec<_>>(),
    })
}

/// Says that the process is alive.
pub(super) async fn health() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// Says whether events are taken in; a policy that was refused is told, but hinders nothing.
pub(super) async fn ready(State(api): State<Api>) -> Result<Json<Value>, Problem> {
    if let Some(why) = api.app.unready() {
        return Err(Problem::new(Kind::Busy, why).retry_after(2));
    }
    Ok(Json(json!({
        "status": "ready",
        "policy_fault": api.app.status.policy_fault(),
    })))
}

/// Gives the metrics as Prometheus text.
pub(super) async fn metrics() -> Response {
    let text = Metrics::install().render();
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        text,
    )
        .into_response()
}
