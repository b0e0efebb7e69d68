//! `/v1/tickets/{id}/comments`: what is said about a ticket, in the order in which it was said.
//!
//! Whoever may view tickets reads the internal ones too; what reaches the customer's side is the
//! result `ticket.commented`, and only of those that are not internal.

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value};

use super::{
    auth::Owner,
    extract::{self, Asked, Named},
    page::{self, PageQuery, shown},
    problem::Problem,
    state::Api,
    tickets,
};

/// Lists the comments on a ticket.
pub(super) async fn list(
    State(api): State<Api>,
    Named(id): Named,
    Asked(query): Asked<PageQuery>,
) -> Result<Json<Value>, Problem> {
    let page = query.page()?;
    let ticket = tickets::find(&api, &id).await?.ticket_id;
    let listing = api
        .read(move |reader| reader.comments(&ticket, page))
        .await?;
    Ok(page::listing(listing, |comment| shown(&comment)))
}

/// Comments on a ticket.
pub(super) async fn create(
    State(api): State<Api>,
    Extension(owner): Extension<Owner>,
    Named(id): Named,
    headers: HeaderMap,
    extract::Json(data): extract::Json<Map<String, Value>>,
) -> Result<Response, Problem> {
    tickets::refuse_members(&data, &["actor", "ticket_id"])?;
    let about = (id.as_str(), "ticket.commented");
    let done = tickets::about(&api, &owner, about, data, &headers).await?;
    // The id follows from the event, also where it was decided before.
    let made = done.key.derive("cmt", 1).to_id("cmt");
    let wanted = made.clone();
    let comment = api
        .read(move |reader| reader.comment(&wanted))
        .await?
        .ok_or_else(|| Problem::unknown("comment", &made))?;
    Ok((StatusCode::CREATED, Json(shown(&comment))).into_response())
}
