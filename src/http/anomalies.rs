//! `/v1/anomalies`: what was out of the usual.

use axum::{Json, extract::State};
use serde_json::Value;

use super::{
    extract::Asked,
    page::{self, PageQuery, shown},
    problem::Problem,
    state::Api,
};

/// Lists what was out of the usual, newest first.
pub(super) async fn list(
    State(api): State<Api>,
    Asked(query): Asked<PageQuery>,
) -> Result<Json<Value>, Problem> {
    let page = query.page()?;
    let listing = api.read(move |reader| reader.anomalies(page)).await?;
    Ok(page::listing(listing, |anomaly| shown(&anomaly)))
}
