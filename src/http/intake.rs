//! `POST /v1/intake/{mapping}`: foreign messages in, through an inbound mapping.
//!
//! An intake with a configured secret is authenticated by its signature, any
//! other by a token. A message that cannot be mapped is parked and answered with
//! 400: the programs behind webhooks seldom send the same again.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, header::AUTHORIZATION},
    response::Response,
};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{
    auth, events,
    extract::{Named, Payload},
    problem::{Kind, Problem},
    signature,
    state::Api,
};
use crate::{
    daemon::{Receipt, SubmitError},
    decide::{Entry, Input, PutAside},
    domain::{
        access::Verb,
        actor::Actor,
        bounds::Bounds,
        event::{Event, Reason, Rejection},
        ids::{EventKey, SubjectId, leading_16},
        members,
        outcome::Parked,
    },
    policy::ForeignMessage,
};

/// Takes a foreign message in.
pub(super) async fn take_in(
    State(api): State<Api>,
    Named(name): Named,
    payload: Payload,
) -> Result<Response, Problem> {
    let entry = Arc::new(authenticate(&api, &name, &payload).await?);
    let mapping = api
        .app
        .config
        .intake
        .get(&name)
        .and_then(|intake| intake.mapping.clone())
        .unwrap_or_else(|| name.clone());
    if !api.app.in_force.ruling().mappings.knows(&mapping) {
        return Err(Problem::unknown("mapping", &mapping));
    }
    let taken = match events_of(&api, &mapping, &payload) {
        Ok(found) => match events::submit(&api, found, &entry).await {
            Ok(receipts) => Ok(receipts),
            Err(SubmitError::Invalid { rejection, .. }) => Err(rejection),
            Err(other) => return Err(other.into()),
        },
        Err(rejection) => Err(rejection),
    };
    match taken {
        Ok(receipts) => events::answer(&receipts, false),
        Err(rejection) => Err(park(&api, &entry, &mapping, &payload, rejection).await?),
    }
}

async fn authenticate(api: &Api, name: &str, payload: &Payload) -> Result<Entry, Problem> {
    let configured = api.app.config.intake.get(name);
    let trust_actor = configured.is_some_and(|intake| intake.trust_actor);
    let entry_name: Arc<str> = format!("intake:{name}").into();
    if let Some(secret) = configured.and_then(|intake| intake.secret.as_ref()) {
        signature::verify(
            &payload.headers,
            &payload.bytes,
            secret.expose_secret().as_bytes(),
            api.app.clock.now(),
        )
        .map_err(|fault| Problem::new(Kind::BadSignature, fault.to_string()))?;
        return Ok(Entry {
            actor: Actor::system(entry_name.to_string()),
            name: entry_name,
            is_trusted: trust_actor,
        });
    }
    let owner = auth::identify(api, &payload.headers).await?;
    auth::check(api, &owner, &[Verb::Ingest])?;
    Ok(Entry {
        is_trusted: trust_actor || owner.may_impersonate,
        actor: owner.actor,
        name: entry_name,
    })
}

fn events_of(api: &Api, mapping: &str, payload: &Payload) -> Result<Vec<Event>, Rejection> {
    let body: Value = serde_json::from_slice(&payload.bytes)
        .map_err(|error| Rejection::new(Reason::Malformed, "", format!("not JSON: {error}")))?;
    let message = ForeignMessage {
        body,
        headers: headers_of(&payload.headers),
        routing_key: String::new(),
    };
    let ruling = api.app.in_force.ruling();
    let events = ruling
        .mappings
        .map(mapping, &message, api.app.clock.now())?;
    let limits = &api.app.config.limits;
    let bounds = Bounds {
        nesting: limits.nesting,
        string_bytes: limits.string_bytes,
    };
    for event in &events {
        bounds.check(&event.data)?;
    }
    Ok(events)
}

fn headers_of(headers: &HeaderMap) -> Map<String, Value> {
    headers
        .iter()
        .filter(|(name, _)| **name != AUTHORIZATION)
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.into())))
        .collect()
}

/// Puts the message aside and gives the problem to answer with.
///
/// *Errors*: 503 when it could not be stored, so that the sender keeps it.
async fn park(
    api: &Api,
    entry: &Arc<Entry>,
    mapping: &str,
    payload: &Payload,
    rejection: Rejection,
) -> Result<Problem, Problem> {
    let mut hash = Sha256::new();
    hash.update(entry.name.as_bytes());
    hash.update([0]);
    hash.update(&payload.bytes);
    let parked_id = EventKey(leading_16(hash)).to_id("prk");
    let headers = headers_of(&payload.headers);
    let transport = json!({
        "queue": *entry.name,
        "mapping": mapping,
        "content_type": headers.get("content-type"),
        "headers": headers,
    });
    let parked = Parked {
        parked_id: parked_id.clone(),
        reason: rejection.reason,
        detail: rejection.detail.clone(),
        event_id: rejection.event_id.clone(),
        entry: entry.name.to_string(),
        transport: transport.to_string(),
        content: Arc::from(&*payload.bytes),
    };
    let data = json!({ "parked_id": parked_id, "reason": rejection.reason, "entry": *entry.name });
    let (id, subject) = (parked_id.clone(), SubjectId::from(parked_id.as_str()));
    let event = Event {
        data: members::of(data),
        ..Event::of_house(&api.app.config.source, "event.parked", id, subject)
    };
    let input = Input::made(event, Arc::new(PutAside(parked)), entry);
    let receipts = api.app.intake.decide(vec![Arc::new(input)]).await?;
    if let Some(Receipt::Refused(rejection)) = receipts.into_iter().next() {
        return Err(rejection.into());
    }
    Ok(Problem::from(rejection).with("parked_id", parked_id))
}
