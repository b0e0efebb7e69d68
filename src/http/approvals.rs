//! `/v1/approvals`: what waits for people, and what they say.

use axum::{Extension, Json, extract::State, http::HeaderMap};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    auth::Owner,
    extract::{self, Asked, Named},
    page::{self, shown},
    problem::{Kind, Problem},
    state::Api,
    submit::{self, Command, command},
};
use crate::{
    domain::{
        approval::{Approval, ApprovalState},
        members,
    },
    store::ApprovalFilter,
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

/// A decision.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Decided {
    decision: crate::domain::approval::Decision,
    reason: Option<String>,
}

/// Lists approvals, newest first.
pub(super) async fn list(
    State(api): State<Api>,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<Value>, Problem> {
    let page = page::page(query.limit, query.after.as_deref())?;
    if let Some(state) = &query.state
        && ApprovalState::parse(state).is_none()
    {
        let detail = format!("`{state}` is no state of an approval");
        return Err(Problem::new(Kind::BadRequest, detail).with("field", "state"));
    }
    let filter = ApprovalFilter {
        state: query.state,
        action: query.action,
        conversation: query.conversation,
    };
    let listing = api
        .read(move |reader| reader.approvals(&filter, page))
        .await?;
    Ok(page::listing(listing, |approval| view(&approval)))
}

/// Shows an approval.
pub(super) async fn show(State(api): State<Api>, Named(id): Named) -> Result<Json<Value>, Problem> {
    Ok(Json(view(&find(&api, &id).await?)))
}

async fn find(api: &Api, id: &str) -> Result<Approval, Problem> {
    let wanted = id.to_owned();
    api.read(move |reader| reader.approval(&wanted))
        .await?
        .ok_or_else(|| Problem::unknown("approval", id))
}

/// Gives an approval as it is shown: who is asked now stands beside the stages.
fn view(approval: &Approval) -> Value {
    let mut shape = shown(approval);
    if let Some(members) = shape.as_object_mut() {
        members.insert(
            "digest".to_owned(),
            crate::domain::ids::hex(&approval.digest).into(),
        );
        let asked = approval.asked();
        members.insert(
            "approvers".to_owned(),
            json!(asked.map(|stage| &stage.approvers)),
        );
        members.insert(
            "required".to_owned(),
            json!(asked.map(|stage| stage.required)),
        );
    }
    shape
}

/// Decides, as the token's owner.
pub(super) async fn decide(
    State(api): State<Api>,
    Extension(owner): Extension<Owner>,
    Named(id): Named,
    headers: HeaderMap,
    extract::Json(decided): extract::Json<Decided>,
) -> Result<Json<Value>, Problem> {
    let approval = find(&api, &id).await?;
    let mut data = json!({"approval_id": id, "decision": decided.decision});
    if let Some(reason) = decided.reason {
        data["reason"] = reason.into();
    }
    let asked = Command {
        kind: "approval.decided",
        subject: Some(approval.subject),
        data: members::of(data),
        key: submit::idempotency_key(&headers)?,
    };
    command(&api, &owner, asked).await?;
    Ok(Json(view(&find(&api, &id).await?)))
}
