//! `/v1/leads`: who may become a customer.

use axum::{Json, extract::State};
use serde_json::Value;

use super::{
    extract::Asked,
    page::{self, PageQuery, shown},
    problem::Problem,
    state::Api,
};

/// Lists leads, newest first.
pub(super) async fn list(
    State(api): State<Api>,
    Asked(query): Asked<PageQuery>,
) -> Result<Json<Value>, Problem> {
    let page = query.page()?;
    let listing = api.read(move |reader| reader.leads(page)).await?;
    Ok(page::listing(listing, |lead| shown(&lead)))
}
