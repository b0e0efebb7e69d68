//! `/v1/delegations`: who stands in for whom in approvals, made and taken back.

use std::sync::Arc;

use axum::{Extension, Json, extract::State, http::StatusCode};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::{
    auth::Owner,
    extract::{self, Asked, Named},
    page::{self, shown},
    problem::{Kind, Problem},
    state::Api,
};
use crate::{
    daemon::Receipt,
    decide::{Decide, DelegationMade, DelegationRevoked},
    domain::{
        access::Verb,
        delegation::{Delegation, Scope, amount},
        time::Timestamp,
    },
    store::DelegationFilter,
};

/// The query of the list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    limit: Option<i64>,
    after: Option<String>,
    from: Option<String>,
    to: Option<String>,
    live: Option<bool>,
}

/// A wish to have somebody stand in.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    to: String,
    ends_at: Timestamp,
    starts_at: Option<Timestamp>,
    #[serde(default)]
    actions: Vec<String>,
    #[serde(default)]
    channels: Vec<String>,
    #[serde(default)]
    segments: Vec<String>,
    #[serde(default, deserialize_with = "amount::deserialize")]
    amount: Option<Decimal>,
    reason: Option<String>,
}

impl From<Wanted> for DelegationMade {
    fn from(wanted: Wanted) -> Self {
        Self {
            to: wanted.to,
            scope: Scope {
                actions: wanted.actions,
                channels: wanted.channels,
                segments: wanted.segments,
                amount: wanted.amount,
            },
            starts_at: wanted.starts_at,
            ends_at: wanted.ends_at,
            reason: wanted.reason,
        }
    }
}

/// Lists delegations, newest first.
pub(super) async fn list(
    State(api): State<Api>,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<Value>, Problem> {
    let page = page::page(query.limit, query.after.as_deref())?;
    let is_live = query.live.unwrap_or_default();
    let filter = DelegationFilter {
        from: query.from,
        to: query.to,
        not_over_at: is_live.then(|| api.app.clock.now()),
    };
    let listing = api
        .read(move |reader| reader.delegations(&filter, page))
        .await?;
    Ok(page::listing(listing, |delegation| shown(&delegation)))
}

async fn find(api: &Api, id: &str) -> Result<Delegation, Problem> {
    let wanted = id.to_owned();
    api.read(move |reader| reader.delegation(&wanted))
        .await?
        .ok_or_else(|| Problem::unknown("delegation", id))
}

/// Hands the owner's say in approvals to somebody else.
///
/// *Errors*: 400 with the field for what cannot be meant, 404 for a person who is not there, 409 for
/// one who cannot stand in.
pub(super) async fn create(
    State(api): State<Api>,
    Extension(owner): Extension<Owner>,
    extract::Json(wanted): extract::Json<Wanted>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let made = DelegationMade::from(wanted);
    let (id, now) = (
        format!("dlg_{}", Uuid::now_v7().simple()),
        api.app.clock.now(),
    );
    let roles = owner.actor.roles.clone();
    made.of(&id, (&owner.actor.id, roles), now)
        .check(now)
        .map_err(|fault| {
            Problem::new(Kind::BadRequest, fault.to_string()).with("field", fault.field())
        })?;
    let verb = (Arc::new(made) as Arc<dyn Decide>, &[Verb::Delegate][..]);
    decided(&api, &owner, ("delegation.created", &id), verb).await?;
    let made = find(&api, &id).await?;
    Ok((StatusCode::CREATED, Json(shown(&made))))
}

/// Takes a delegation back.
///
/// *Errors*: 403 for somebody else's, 404, 409 when it is over already.
pub(super) async fn revoke(
    State(api): State<Api>,
    Extension(owner): Extension<Owner>,
    Named(id): Named,
) -> Result<Json<Value>, Problem> {
    let delegation = find(&api, &id).await?;
    let revoked = DelegationRevoked {
        delegation_id: delegation.delegation_id,
        from: delegation.from,
        to: delegation.to,
    };
    // Whether he may is the delegation's own affair.
    let verb = (Arc::new(revoked) as Arc<dyn Decide>, &[][..]);
    decided(&api, &owner, ("delegation.revoked", &id), verb).await?;
    Ok(Json(shown(&find(&api, &id).await?)))
}

async fn decided(
    api: &Api,
    owner: &Owner,
    (kind, id): (&str, &str),
    verb: (Arc<dyn Decide>, &'static [Verb]),
) -> Result<(), Problem> {
    let by = owner.entry();
    match api.app.have_decided(kind, id, verb, &by).await? {
        Receipt::Refused(rejection) => Err(rejection.into()),
        Receipt::Accepted { .. } | Receipt::Duplicate { .. } | Receipt::Ignored { .. } => Ok(()),
    }
}
