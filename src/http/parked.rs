//! `/v1/parked`: what could not be understood, shown, replayed, dropped.

use axum::{Extension, Json, extract::State, response::Response};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{
    auth::Owner,
    events,
    extract::{Asked, Named},
    page::{self, PageQuery},
    problem::{Kind, Problem},
    state::Api,
};
use crate::{daemon::ParkedFault, store::ParkedRow};

/// Lists parked messages, the newest first, without their content.
pub(super) async fn list(
    State(api): State<Api>,
    Asked(query): Asked<PageQuery>,
) -> Result<Json<Value>, Problem> {
    let page = query.page()?;
    let listing = api.read(move |reader| reader.parked(page)).await?;
    Ok(page::listing(listing, |row| brief(&row)))
}

/// Shows a parked message, whole.
pub(super) async fn show(State(api): State<Api>, Named(id): Named) -> Result<Json<Value>, Problem> {
    let wanted = id.clone();
    let row = api
        .read(move |reader| reader.parked_get(&wanted))
        .await?
        .ok_or_else(|| Problem::unknown("parked message", &id))?;
    let mut shown = brief(&row);
    shown["transport"] = serde_json::from_str(&row.parked.transport).unwrap_or_default();
    match std::str::from_utf8(&row.parked.content) {
        Ok(text) => shown["content"] = text.into(),
        Err(_) => shown["content_base64"] = STANDARD.encode(&row.parked.content).into(),
    }
    Ok(Json(shown))
}

/// Takes a parked message in again.
pub(super) async fn replay(
    State(api): State<Api>,
    Extension(owner): Extension<Owner>,
    Named(id): Named,
) -> Result<Response, Problem> {
    let receipts = api
        .app
        .replay(&id, &owner.entry())
        .await
        .map_err(problem_of)?;
    // The last one is the replay's own, which takes the message off the table.
    let own = receipts.len().saturating_sub(1);
    events::answer(&receipts[..own], false)
}

/// Drops a parked message for good.
pub(super) async fn discard(
    State(api): State<Api>,
    Extension(owner): Extension<Owner>,
    Named(id): Named,
) -> Result<Json<Value>, Problem> {
    api.app
        .drop_parked(&id, &owner.entry())
        .await
        .map_err(problem_of)?;
    Ok(Json(json!({ "parked_id": id, "dropped": true })))
}

fn problem_of(fault: ParkedFault) -> Problem {
    match fault {
        ParkedFault::Unknown(id) => Problem::unknown("parked message", &id),
        ParkedFault::StillUnreadable(_) => Problem::new(Kind::IllegalMove, fault.to_string()),
        ParkedFault::Submit(error) => error.into(),
        ParkedFault::Store(error) => error.into(),
    }
}

fn brief(row: &ParkedRow) -> Value {
    let parked = &row.parked;
    json!({
        "parked_id": parked.parked_id,
        "at": row.at,
        "reason": parked.reason,
        "detail": parked.detail,
        "event_id": parked.event_id,
        "entry": parked.entry,
        "bytes": parked.content.len(),
    })
}
