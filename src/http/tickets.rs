//! `/v1/tickets`: read from the table, written through events.

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderMap, StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
};
use chrono_tz::Tz;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    auth::Owner,
    extract::{self, Asked, Named},
    page::{self, shown},
    problem::{Kind, Problem},
    reports, sla,
    state::Api,
    submit::{self, Command, command},
};
use crate::{
    domain::{
        ids::SubjectId,
        ticket::{Priority, Ticket, TicketStatus},
        wall,
    },
    store::TicketFilter,
};

/// The query of the list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    limit: Option<i64>,
    after: Option<String>,
    status: Option<String>,
    priority: Option<String>,
    team: Option<String>,
    assignee: Option<String>,
    category: Option<String>,
    tag: Option<String>,
    conversation: Option<String>,
    overdue: Option<bool>,
}

/// The query of the counts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CountsQuery {
    timezone: Option<String>,
}

/// Lists tickets, without their contexts.
pub(super) async fn list(
    State(api): State<Api>,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<Value>, Problem> {
    let page = page::page(query.limit, query.after.as_deref())?;
    let known = |name: &str, value: &Option<String>, is_known: fn(&str) -> bool| match value {
        Some(value) if !is_known(value) => {
            let detail = format!("`{value}` is no {name} of a ticket");
            Err(Problem::new(Kind::BadRequest, detail).with("field", name))
        }
        _ => Ok(()),
    };
    known("status", &query.status, |text| {
        TicketStatus::parse(text).is_some()
    })?;
    known("priority", &query.priority, |text| {
        Priority::parse(text).is_some()
    })?;
    let filter = TicketFilter {
        status: query.status,
        priority: query.priority.map(|text| text.to_ascii_lowercase()),
        team: query.team,
        assignee: query.assignee,
        category: query.category,
        tag: query.tag,
        conversation: query.conversation,
        overdue_at: query
            .overdue
            .unwrap_or_default()
            .then(|| api.app.clock.now()),
    };
    let listing = api
        .read(move |reader| reader.tickets(&filter, page))
        .await?;
    Ok(page::listing(listing, |ticket| shown(&ticket)))
}

/// Shows a ticket, with its clocks.
pub(super) async fn show(State(api): State<Api>, Named(id): Named) -> Result<Json<Value>, Problem> {
    let ticket = find(&api, &id).await?;
    let mut answer = shown(&ticket);
    answer["sla"] = sla::of_ticket(&api, &ticket).await?;
    Ok(Json(answer))
}

async fn find(api: &Api, id: &str) -> Result<Ticket, Problem> {
    let wanted = id.to_owned();
    api.read(move |reader| reader.ticket(&wanted))
        .await?
        .ok_or_else(|| Problem::unknown("ticket", id))
}

/// Opens a ticket, in a conversation or on its own.
pub(super) async fn create(
    State(api): State<Api>,
    Extension(owner): Extension<Owner>,
    headers: HeaderMap,
    extract::Json(mut data): extract::Json<Map<String, Value>>,
) -> Result<Response, Problem> {
    refuse_members(&data, &["actor"])?;
    let subject = match data.remove("conversation_id") {
        None | Some(Value::Null) => None,
        Some(Value::String(id)) if (1..=SubjectId::MAX_BYTES).contains(&id.len()) => Some(id),
        Some(other) => {
            let detail = format!("`conversation_id` is {other}, no id of a conversation");
            return Err(Problem::new(Kind::BadRequest, detail).with("field", "conversation_id"));
        }
    };
    let wanted = Command {
        kind: "ticket.requested",
        subject,
        data,
        key: submit::idempotency_key(&headers)?,
    };
    let done = command(&api, &owner, wanted).await?;
    // A duplicate made nothing; the id follows from the event, as it did then.
    let id = done
        .result_text("ticket.created", "ticket_id")
        .unwrap_or_else(|| done.key.derive("tkt", 1).to_id("tkt"));
    let ticket = find(&api, &id).await?;
    let location = format!("/v1/tickets/{id}");
    Ok((
        StatusCode::CREATED,
        [(LOCATION, location)],
        Json(shown(&ticket)),
    )
        .into_response())
}

/// Changes a ticket.
pub(super) async fn update(
    State(api): State<Api>,
    Extension(owner): Extension<Owner>,
    Named(id): Named,
    headers: HeaderMap,
    extract::Json(mut data): extract::Json<Map<String, Value>>,
) -> Result<Json<Value>, Problem> {
    refuse_members(&data, &["actor", "ticket_id"])?;
    if data.is_empty() {
        return Err(Problem::new(Kind::BadRequest, "there is nothing to change"));
    }
    let ticket = find(&api, &id).await?;
    data.insert("ticket_id".to_owned(), id.as_str().into());
    let wanted = Command {
        kind: "ticket.updated",
        subject: Some(ticket.conversation_id),
        data,
        key: submit::idempotency_key(&headers)?,
    };
    command(&api, &owner, wanted).await?;
    Ok(Json(shown(&find(&api, &id).await?)))
}

fn refuse_members(data: &Map<String, Value>, names: &[&str]) -> Result<(), Problem> {
    match names.iter().find(|name| data.contains_key(**name)) {
        None => Ok(()),
        Some(name) => {
            let detail = format!("`{name}` is not the caller's to say here");
            Err(Problem::new(Kind::BadRequest, detail).with("field", *name))
        }
    }
}

/// Counts tickets: open, in progress, and resolved today.
pub(super) async fn counts(
    State(api): State<Api>,
    Asked(query): Asked<CountsQuery>,
) -> Result<Json<Value>, Problem> {
    let zone = reports::zone(query.timezone.as_deref())?.unwrap_or(Tz::UTC);
    let since = wall::start_of_day(api.app.clock.now(), zone);
    let counted = api.read(move |reader| reader.ticket_counts(since)).await?;
    let count = |status| counted.get(&status).copied().unwrap_or(0);
    Ok(Json(json!({
        "open": count(TicketStatus::Open),
        "in_progress": count(TicketStatus::InProgress),
        "waiting": count(TicketStatus::Waiting),
        "resolved_today": count(TicketStatus::Resolved),
        "closed_today": count(TicketStatus::Closed),
        "timezone": zone.name(),
        "since": since,
    })))
}
