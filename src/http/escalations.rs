//! `/v1/escalations`: read from the table, moved through events.

use axum::{Extension, Json, extract::State, http::HeaderMap};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    auth::Owner,
    extract::{self, Asked, Named},
    page::{self, shown},
    problem::Problem,
    state::Api,
    submit::{self, Command, command},
};
use crate::{domain::escalation::Escalation, store::EscalationFilter};

/// The query of the list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    limit: Option<i64>,
    after: Option<String>,
    state: Option<String>,
    team: Option<String>,
    priority: Option<String>,
    conversation: Option<String>,
}

/// The body of a move.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Move {
    reason: Option<String>,
}

/// Lists escalations.
pub(super) async fn list(
    State(api): State<Api>,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<Value>, Problem> {
    let page = page::page(query.limit, query.after.as_deref())?;
    let filter = EscalationFilter {
        state: query.state,
        team: query.team,
        priority: query.priority.map(|text| text.to_ascii_lowercase()),
        conversation: query.conversation,
    };
    let listing = api
        .read(move |reader| reader.escalations(&filter, page))
        .await?;
    Ok(page::listing(listing, |escalation| shown(&escalation)))
}

/// Shows an escalation.
pub(super) async fn show(State(api): State<Api>, Named(id): Named) -> Result<Json<Value>, Problem> {
    Ok(Json(shown(&find(&api, &id).await?)))
}

async fn find(api: &Api, id: &str) -> Result<Escalation, Problem> {
    let wanted = id.to_owned();
    api.read(move |reader| reader.escalation(&wanted))
        .await?
        .ok_or_else(|| Problem::unknown("escalation", id))
}

/// Takes an escalation.
pub(super) async fn acknowledge(
    State(api): State<Api>,
    Extension(owner): Extension<Owner>,
    Named(id): Named,
    headers: HeaderMap,
    extract::Json(step): extract::Json<Move>,
) -> Result<Json<Value>, Problem> {
    let wanted = moving("escalation.acknowledged", &id, step, &headers)?;
    shift(&api, &owner, &id, wanted).await
}

/// Declares an escalation done with.
pub(super) async fn settle(
    State(api): State<Api>,
    Extension(owner): Extension<Owner>,
    Named(id): Named,
    headers: HeaderMap,
    extract::Json(step): extract::Json<Move>,
) -> Result<Json<Value>, Problem> {
    let wanted = moving("escalation.settled", &id, step, &headers)?;
    shift(&api, &owner, &id, wanted).await
}

fn moving(
    kind: &'static str,
    id: &str,
    step: Move,
    headers: &HeaderMap,
) -> Result<Command, Problem> {
    let mut data = Map::new();
    data.insert("escalation_id".to_owned(), id.into());
    if let Some(reason) = step.reason {
        data.insert("reason".to_owned(), reason.into());
    }
    Ok(Command {
        kind,
        subject: None,
        data,
        key: submit::idempotency_key(headers)?,
    })
}

async fn shift(
    api: &Api,
    owner: &Owner,
    id: &str,
    mut wanted: Command,
) -> Result<Json<Value>, Problem> {
    wanted.subject = Some(find(api, id).await?.conversation_id);
    command(api, owner, wanted).await?;
    Ok(Json(shown(&find(api, id).await?)))
}
