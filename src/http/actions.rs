//! `/v1/actions`: the catalogue, from which an AI platform learns what it may ask for.

use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    extract::{Asked, Named},
    page::limit,
    problem::{Kind, Problem},
    state::Api,
};
use crate::domain::action::Phase;

/// What a list of actions is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    limit: Option<i64>,
    after: Option<String>,
    phase: Option<String>,
}

/// Lists the actions by name.
pub(super) async fn list(
    State(api): State<Api>,
    Asked(query): Asked<Query>,
) -> Result<Json<Value>, Problem> {
    let most = usize::try_from(limit(query.limit)?).unwrap_or(0);
    let phase = match query.phase.as_deref() {
        None => Phase::Any,
        Some(name) => named_phase(name)?,
    };
    let after = query.after.unwrap_or_default();
    let ruling = api.app.in_force.ruling();
    let mut fitting = ruling
        .settings
        .catalogue
        .actions
        .values()
        .filter(|action| action.name > after && action.fits(phase));
    let items: Vec<Value> = fitting
        .by_ref()
        .take(most)
        .map(|action| action.describe())
        .collect();
    let mut answer = json!({ "items": items });
    if fitting.next().is_some() {
        answer["next"] = answer["items"][most - 1]["name"].clone();
    }
    Ok(Json(answer))
}

fn named_phase(name: &str) -> Result<Phase, Problem> {
    let known = Phase::NAMES.iter().find(|(known, _)| *known == name);
    known.map(|(_, phase)| *phase).ok_or_else(|| {
        let names: Vec<&str> = Phase::NAMES.iter().map(|(name, _)| *name).collect();
        let detail = format!(
            "the query: phase `{name}` is not one of {}",
            names.join(", ")
        );
        Problem::new(Kind::BadRequest, detail).with("field", "phase")
    })
}

/// Shows one action.
pub(super) async fn show(
    State(api): State<Api>,
    Named(name): Named,
) -> Result<Json<Value>, Problem> {
    let ruling = api.app.in_force.ruling();
    let action = ruling
        .settings
        .catalogue
        .actions
        .get(&name)
        .ok_or_else(|| Problem::new(Kind::NotFound, format!("there is no action `{name}`")))?;
    Ok(Json(action.describe()))
}
