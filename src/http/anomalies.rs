//! `/v1/anomalies`: what was out of the usual.

use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::Value;

use super::{
    extract::Asked,
    page::{self, shown},
    problem::Problem,
    state::Api,
};

/// The query of the list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    limit: Option<i64>,
    after: Option<String>,
}

/// Lists what was out of the usual, newest first.
pub(super) async fn list(
    State(api): State<Api>,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<Value>, Problem> {
    let page = page::page(query.limit, query.after.as_deref())?;
    let listing = api.read(move |reader| reader.anomalies(page)).await?;
    Ok(page::listing(listing, |anomaly| shown(&anomaly)))
}
