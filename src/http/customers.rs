//! `DELETE /v1/customers/{id}`: erasing a person.

use axum::{Extension, Json, extract::State};
use serde_json::Value;

use super::{auth::Owner, extract::Named, page::shown, problem::Problem, state::Api};
use crate::daemon::EraseFault;

/// Erases a customer. Asking again finishes what broke off, and does no harm.
pub(super) async fn erase(
    State(api): State<Api>,
    Extension(owner): Extension<Owner>,
    Named(id): Named,
) -> Result<Json<Value>, Problem> {
    let erased = api.app.erase(&id, &owner.entry()).await;
    erased
        .map(|erased| Json(shown(&erased)))
        .map_err(|fault| match fault {
            EraseFault::Submit(fault) => fault.into(),
            EraseFault::Store(fault) => fault.into(),
        })
}
