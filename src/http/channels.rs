//! `/v1/channels` and `/v1/deliveries`: where notices go, and what became of each.
//!
//! Addresses of channels are secrets and never shown.

use axum::{Extension, Json, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    auth::Owner,
    extract::{Asked, Named},
    page::{self, PageQuery, shown},
    problem::{Kind, Problem},
    state::Api,
};
use crate::{
    daemon::TrialFault,
    domain::{
        channel::Channel,
        delivery::{ChannelState, Delivery, DeliveryState},
    },
    store::{DeliveryFilter, Reader},
};

/// Lists the channels of the configuration by name, each with how it is doing.
pub(super) async fn list(
    State(api): State<Api>,
    Asked(query): Asked<PageQuery>,
) -> Result<Json<Value>, Problem> {
    let (limit, after) = query.by_name()?;
    let settings = std::sync::Arc::clone(&api.app.in_force.ruling().settings);
    let (states, pending) = api
        .read(|reader| Ok((reader.channel_states()?, reader.deliveries_pending()?)))
        .await?;
    let channels = settings.notices.channels.values();
    let mut channels = channels.filter(|channel| *channel.name > *after).peekable();
    let items: Vec<Value> = channels
        .by_ref()
        .take(limit)
        .map(|channel| {
            let state = states.get(&channel.name).cloned().unwrap_or_default();
            let pending = pending.get(&channel.name).copied().unwrap_or(0);
            channel_shown(channel, &state, pending)
        })
        .collect();
    let last = items.last().filter(|_| channels.peek().is_some());
    let next = last.map(|last| last["name"].clone());
    Ok(Json(json!({ "items": items, "next": next })))
}

fn channel_shown(channel: &Channel, state: &ChannelState, pending: i64) -> Value {
    let mut shown = json!({
        "name": channel.name, "kind": channel.kind.name(), "pending": pending,
        "state": if state.failing_since.is_some() { "failing" } else { "ok" },
    });
    let more = [
        ("failing_since", state.failing_since.map(|at| json!(at))),
        ("blocked_until", state.blocked_until.map(|at| json!(at))),
        ("error", state.error.clone().map(Value::String)),
        ("sent_at", state.sent_at.map(|at| json!(at))),
    ];
    for (name, value) in more {
        if let Some(value) = value {
            shown[name] = value;
        }
    }
    shown
}

/// Gives the channels that fail now, by name, for the status.
pub(super) fn failing(reader: &mut Reader) -> Result<Value, crate::store::StoreError> {
    let states = reader.channel_states()?.into_iter();
    let failing = states.filter(|(_, state)| state.failing_since.is_some());
    let failing = failing.map(|(name, state)| {
        let shown = json!({"failing_since": state.failing_since, "error": state.error});
        (name, shown)
    });
    Ok(Value::Object(failing.collect()))
}

/// Posts a test notice and answers what came of it.
///
/// *Errors*: 404 for a channel that is not configured. A post that did not get there is an answer.
pub(super) async fn test(
    State(api): State<Api>,
    Extension(owner): Extension<Owner>,
    Named(name): Named,
) -> Result<Json<Value>, Problem> {
    match api.app.try_channel(&name, &owner.entry()).await {
        Ok(delivery) => Ok(Json(delivery_shown(&delivery))),
        Err(TrialFault::Unknown(name)) => Err(Problem::unknown("channel", &name)),
        Err(TrialFault::Refused(rejection)) => Err(rejection.into()),
        Err(TrialFault::Submit(fault)) => Err(fault.into()),
        Err(TrialFault::Store(fault)) => Err(fault.into()),
    }
}

/// The query of the deliveries.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeliveriesQuery {
    limit: Option<i64>,
    after: Option<String>,
    channel: Option<String>,
    state: Option<String>,
    about: Option<String>,
}

/// Lists deliveries, newest first.
pub(super) async fn deliveries(
    State(api): State<Api>,
    Asked(query): Asked<DeliveriesQuery>,
) -> Result<Json<Value>, Problem> {
    let page = page::page(query.limit, query.after.as_deref())?;
    if let Some(state) = &query.state
        && DeliveryState::parse(state).is_none()
    {
        let known = DeliveryState::ALL.map(DeliveryState::as_str).join(", ");
        let detail = format!("`state` is `{state}`, not one of {known}");
        return Err(Problem::new(Kind::BadRequest, detail).with("field", "state"));
    }
    let channel = query.channel;
    let filter = DeliveryFilter {
        channel: channel.map(|name| name.trim_start_matches('#').to_owned()),
        state: query.state,
        about: query.about,
    };
    let listing = api
        .read(move |reader| reader.deliveries(&filter, page))
        .await?;
    Ok(page::listing(listing, |delivery| delivery_shown(&delivery)))
}

fn delivery_shown(delivery: &Delivery) -> Value {
    let mut shown = shown(&delivery.notice);
    let own = json!({
        "delivery_id": delivery.delivery_id, "notice_id": delivery.notice_id,
        "channel": delivery.channel, "state": delivery.state, "attempts": delivery.attempts,
        "perhaps_posted": delivery.ambiguous > 0 || delivery.state == DeliveryState::Unknown,
        "not_before": delivery.not_before, "updated_at": delivery.updated_at,
    });
    if let (Value::Object(shown), Value::Object(own)) = (&mut shown, own) {
        shown.extend(own);
    }
    for (name, value) in [("part_of", &delivery.part_of), ("error", &delivery.error)] {
        if let Some(value) = value {
            shown[name] = json!(value);
        }
    }
    shown
}
