//! `/v1/requests` and what is asked of actions: requested, looked up,
//! withdrawn, undone, settled by a person.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    auth::Owner,
    extract::{self, Asked, Named},
    page::{self, shown},
    problem::{Kind, Problem},
    state::Api,
    submit::{self, Command, Done, command},
};
use crate::{
    daemon::Receipt,
    decide::RequestResolved,
    domain::{
        access::Verb,
        ids::SubjectId,
        members,
        request::{Request, RequestState},
    },
    store::RequestFilter,
};

/// The query of the list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    limit: Option<i64>,
    after: Option<String>,
    state: Option<String>,
    action: Option<String>,
    conversation: Option<String>,
}

/// A wish for an action.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    request_id: Option<String>,
    conversation_id: Option<String>,
    #[serde(default)]
    params: Map<String, Value>,
    #[serde(default)]
    dry_run: bool,
}

/// A wish to undo.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Undo {
    reason: String,
    params: Option<Map<String, Value>>,
}

/// A wish to withdraw.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Withdrawal {
    reason: Option<String>,
}

/// How an unknown one ended.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Resolution {
    outcome: Outcome,
    reason: String,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Succeeded,
    Failed,
}

/// Lists requests, newest first.
pub(super) async fn list(
    State(api): State<Api>,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<Value>, Problem> {
    let page = page::page(query.limit, query.after.as_deref())?;
    if let Some(state) = &query.state
        && RequestState::parse(state).is_none()
    {
        let detail = format!("`{state}` is no state of a request");
        return Err(Problem::new(Kind::BadRequest, detail).with("field", "state"));
    }
    let filter = RequestFilter {
        state: query.state,
        action: query.action,
        conversation: query.conversation,
    };
    let listing = api
        .read(move |reader| reader.requests(&filter, page))
        .await?;
    Ok(page::listing(listing, |request| shown(&request)))
}

/// Shows a request.
pub(super) async fn show(State(api): State<Api>, Named(id): Named) -> Result<Json<Value>, Problem> {
    Ok(Json(shown(&find(&api, &id).await?)))
}

async fn find(api: &Api, id: &str) -> Result<Request, Problem> {
    let wanted = id.to_owned();
    api.read(move |reader| reader.request(&wanted))
        .await?
        .ok_or_else(|| Problem::unknown("request", id))
}

/// Requests an action; or, as a dry run, tells what would happen.
///
/// *Errors*: 404 for an action that is not there, 400 with `errors` for parameters that do not
/// fit, 409 for an id that was used before with other content.
pub(super) async fn create(
    State(api): State<Api>,
    Extension(owner): Extension<Owner>,
    Named(action): Named,
    extract::Json(wanted): extract::Json<Wanted>,
) -> Result<Response, Problem> {
    let request_id = wanted
        .request_id
        .unwrap_or_else(|| format!("req_{}", Uuid::now_v7().simple()));
    check_ids(&request_id, wanted.conversation_id.as_ref())?;
    let data = json!({
        "request_id": request_id, "action": action, "params": wanted.params,
        "dry_run": wanted.dry_run,
    });
    let asked = Command {
        kind: "action.requested",
        subject: Some(wanted.conversation_id.unwrap_or_else(|| request_id.clone())),
        data: members::of(data),
        key: None,
    };
    let done = command(&api, &owner, asked).await?;
    if wanted.dry_run {
        return preview(&request_id, done).map(IntoResponse::into_response);
    }
    let request = find(&api, &request_id).await?;
    if let Some(problem) = not_understood(&api, &request) {
        return Err(problem);
    }
    let answer = json!({"request_id": request_id, "state": request.state});
    Ok((StatusCode::ACCEPTED, Json(answer)).into_response())
}

fn check_ids(request_id: &String, conversation_id: Option<&String>) -> Result<(), Problem> {
    for (name, id) in [
        ("request_id", Some(request_id)),
        ("conversation_id", conversation_id),
    ] {
        if id.is_some_and(|id| !(1..=SubjectId::MAX_BYTES).contains(&id.len())) {
            let detail = format!("`{name}` is a text of 1 to {} bytes", SubjectId::MAX_BYTES);
            return Err(Problem::new(Kind::BadRequest, detail).with("field", name));
        }
    }
    Ok(())
}

/// Gives what a dry run has to say; nothing, where the id is that of a real request.
fn preview(request_id: &str, done: Done) -> Result<Json<Value>, Problem> {
    let results = done.results.unwrap_or_default();
    let mut found = results.into_iter();
    let preview = found.find(|result| result["type"] == "action.previewed");
    preview
        .map(|mut result| Json(result["data"].take()))
        .ok_or_else(|| {
            let detail = format!("`{request_id}` was requested already; try without an id");
            Problem::new(Kind::IdReused, detail).with("field", "request_id")
        })
}

/// Says of a request that was denied for how it was written that it was; it is on record all the same.
fn not_understood(api: &Api, request: &Request) -> Option<Problem> {
    let detail = request.reason.clone().unwrap_or_default();
    let problem = match request.code.as_deref() {
        Some("unknown_action") => Problem::new(Kind::NotFound, detail),
        Some("invalid_params") => {
            let ruling = api.app.in_force.ruling();
            let action = ruling.settings.catalogue.actions.get(&request.action);
            let params = Value::Object(request.params.clone());
            let faults = action.map(|action| action.params.faults(&params));
            Problem::new(Kind::BadRequest, detail)
                .with("field", "params")
                .with("errors", json!(faults.unwrap_or_default()))
        }
        _ => return None,
    };
    Some(
        problem
            .with("reason", request.code.clone().unwrap_or_default())
            .with("request_id", request.request_id.as_str())
            .with("state", request.state.as_str()),
    )
}

/// Asks for a request to be undone.
pub(super) async fn reverse(
    State(api): State<Api>,
    Extension(owner): Extension<Owner>,
    Named(id): Named,
    headers: HeaderMap,
    extract::Json(undo): extract::Json<Undo>,
) -> Result<Response, Problem> {
    let request = find(&api, &id).await?;
    let mut data = json!({"request_id": id, "reason": undo.reason});
    if let Some(params) = undo.params {
        data["params"] = Value::Object(params);
    }
    let asked = Command {
        kind: "action.reversal_requested",
        subject: Some(request.subject),
        data: members::of(data),
        key: submit::idempotency_key(&headers)?,
    };
    command(&api, &owner, asked).await?;
    let request = find(&api, &id).await?;
    Ok((StatusCode::ACCEPTED, Json(shown(&request))).into_response())
}

/// Withdraws a request that has not run yet.
pub(super) async fn cancel(
    State(api): State<Api>,
    Extension(owner): Extension<Owner>,
    Named(id): Named,
    headers: HeaderMap,
    extract::Json(withdrawal): extract::Json<Withdrawal>,
) -> Result<Json<Value>, Problem> {
    let request = find(&api, &id).await?;
    let mut data = json!({"request_id": id});
    if let Some(reason) = withdrawal.reason {
        data["reason"] = reason.into();
    }
    let asked = Command {
        kind: "action.cancelled",
        subject: Some(request.subject),
        data: members::of(data),
        key: submit::idempotency_key(&headers)?,
    };
    command(&api, &owner, asked).await?;
    Ok(Json(shown(&find(&api, &id).await?)))
}

/// Settles a request of which nobody knew how it ended.
pub(super) async fn resolve(
    State(api): State<Api>,
    Extension(owner): Extension<Owner>,
    Named(id): Named,
    extract::Json(resolution): extract::Json<Resolution>,
) -> Result<Json<Value>, Problem> {
    let request = find(&api, &id).await?;
    let verb = RequestResolved {
        request_id: id.clone(),
        is_done: resolution.outcome == Outcome::Succeeded,
        reason: resolution.reason,
    };
    let (subject, by) = (request.subject, owner.entry());
    let receipt = api
        .app
        .have_decided(
            "request.resolved",
            &subject,
            (Arc::new(verb), &[Verb::Resolve]),
            &by,
        )
        .await?;
    if let Receipt::Refused(rejection) = receipt {
        return Err(rejection.into());
    }
    Ok(Json(shown(&find(&api, &id).await?)))
}
