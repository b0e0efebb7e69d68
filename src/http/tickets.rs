//! `/v1/tickets`: read from the table, written through events. What is said about one is
//! [`super::comments`].

use std::collections::BTreeSet;

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
    submit::{self, Command, Done, command},
};
use crate::{
    domain::{
        ids::SubjectId,
        ticket::{Priority, Ticket, TicketStatus},
        time::Timestamp,
        wall,
        words::words,
    },
    store::TicketFilter,
};

/// The query of the list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    limit: Option<i64>,
    after: Option<String>,
    q: Option<String>,
    status: Option<String>,
    priority: Option<String>,
    team: Option<String>,
    assignee: Option<String>,
    category: Option<String>,
    tag: Option<String>,
    conversation: Option<String>,
    overdue: Option<bool>,
    customer: Option<String>,
    #[serde(default)]
    unassigned: bool,
    created_from: Option<Timestamp>,
    created_to: Option<Timestamp>,
}

/// The most words of one search.
const MOST_WORDS_ASKED: usize = 16;

impl ListQuery {
    /// Gives the store's filter.
    ///
    /// *Errors*: 400 for a word that is none, or a search for nothing.
    fn filter(self, now: Timestamp) -> Result<TicketFilter, Problem> {
        let status = self.status.iter().flat_map(|text| text.split(','));
        let status: Vec<String> = status.map(|text| text.trim().to_owned()).collect();
        for one in &status {
            known("status", one, TicketStatus::parse(one).is_some())?;
        }
        let priority = self.priority.map(|text| text.to_ascii_lowercase());
        if let Some(priority) = &priority {
            known("priority", priority, Priority::parse(priority).is_some())?;
        }
        if self.unassigned && self.assignee.is_some() {
            let detail = "nobody has what is `unassigned`, so it has no `assignee`";
            return Err(Problem::new(Kind::BadRequest, detail).with("field", "unassigned"));
        }
        Ok(TicketFilter {
            status,
            priority,
            team: self.team,
            assignee: self.assignee,
            category: self.category,
            tag: self.tag,
            conversation: self.conversation,
            overdue_at: self.overdue.unwrap_or_default().then_some(now),
            customer: self.customer,
            is_unassigned: self.unassigned,
            created_from: self.created_from,
            created_to: self.created_to,
            words: self
                .q
                .as_deref()
                .map(asked)
                .transpose()?
                .unwrap_or_default(),
        })
    }
}

fn known(name: &'static str, value: &str, is_known: bool) -> Result<(), Problem> {
    if is_known {
        return Ok(());
    }
    let detail = format!("`{value}` is no {name} of a ticket");
    Err(Problem::new(Kind::BadRequest, detail).with("field", name))
}

/// Reads the words of a search.
fn asked(text: &str) -> Result<BTreeSet<String>, Problem> {
    let words = words(text);
    let detail = match words.len() {
        0 => format!("`{text}` has no word to look for"),
        1..=MOST_WORDS_ASKED => return Ok(words),
        many => format!("a search has at most {MOST_WORDS_ASKED} words, not {many}"),
    };
    Err(Problem::new(Kind::BadRequest, detail).with("field", "q"))
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
    let filter = query.filter(api.app.clock.now())?;
    let listing = api
        .read(move |reader| reader.tickets(&filter, page))
        .await?;
    Ok(page::listing(listing, |ticket| shown(&ticket)))
}

/// Shows a ticket, with its clocks.
pub(super) async fn show(State(api): State<Api>, Named(id): Named) -> Result<Json<Value>, Problem> {
    Ok(Json(whole(&api, &id).await?))
}

/// Gives a ticket with how many comments there are, and which tickets were merged into it.
async fn whole(api: &Api, id: &str) -> Result<Value, Problem> {
    let ticket = find(api, id).await?;
    let id = ticket.ticket_id.clone();
    let (comments, merged) = api
        .read(move |reader| {
            Ok((
                reader.comments_count(&id)?,
                reader.tickets_merged_into(&id)?,
            ))
        })
        .await?;
    let mut shown = shown(&ticket);
    shown["sla"] = sla::of_ticket(api, &ticket).await?;
    shown["comments"] = comments.into();
    if !merged.is_empty() {
        let merged = merged.into_iter();
        shown["merged_from"] = merged
            .map(|(id, number)| json!({"ticket_id": id, "number": number}))
            .collect();
    }
    Ok(shown)
}

/// Finds a ticket by its id or number.
pub(super) async fn find(api: &Api, id: &str) -> Result<Ticket, Problem> {
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
    let ticket = whole(&api, &id).await?;
    let location = format!("/v1/tickets/{id}");
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(ticket)).into_response())
}

/// Changes a ticket.
pub(super) async fn update(
    State(api): State<Api>,
    Extension(owner): Extension<Owner>,
    Named(id): Named,
    headers: HeaderMap,
    extract::Json(data): extract::Json<Map<String, Value>>,
) -> Result<Json<Value>, Problem> {
    refuse_members(&data, &["actor", "ticket_id"])?;
    if data.is_empty() {
        return Err(Problem::new(Kind::BadRequest, "there is nothing to change"));
    }
    about(&api, &owner, (&id, "ticket.updated"), data, &headers).await?;
    Ok(Json(whole(&api, &id).await?))
}

/// Closes a ticket as something: merged into another one, spam, deleted.
pub(super) async fn close(
    State(api): State<Api>,
    Extension(owner): Extension<Owner>,
    Named(id): Named,
    headers: HeaderMap,
    extract::Json(data): extract::Json<Map<String, Value>>,
) -> Result<Json<Value>, Problem> {
    refuse_members(&data, &["actor", "ticket_id"])?;
    about(&api, &owner, (&id, "ticket.closed_as"), data, &headers).await?;
    Ok(Json(whole(&api, &id).await?))
}

/// Has a command about a ticket decided; the ticket is named by its id or number.
pub(super) async fn about(
    api: &Api,
    owner: &Owner,
    (id, kind): (&str, &'static str),
    mut data: Map<String, Value>,
    headers: &HeaderMap,
) -> Result<Done, Problem> {
    let ticket = find(api, id).await?;
    data.insert("ticket_id".to_owned(), ticket.ticket_id.into());
    let wanted = Command {
        kind,
        subject: Some(ticket.conversation_id),
        data,
        key: submit::idempotency_key(headers)?,
    };
    command(api, owner, wanted).await
}

/// Refuses members that the path or the token say.
pub(super) fn refuse_members(data: &Map<String, Value>, names: &[&str]) -> Result<(), Problem> {
    match names.iter().find(|name| data.contains_key(**name)) {
        None => Ok(()),
        Some(name) => {
            let detail = format!("`{name}` is not the caller's to say here");
            Err(Problem::new(Kind::BadRequest, detail).with("field", *name))
        }
    }
}

/// Counts tickets: open, in progress, and resolved today and still so; of these, how many are closed.
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
        "resolved_today": count(TicketStatus::Resolved) + count(TicketStatus::Closed),
        "closed_today": count(TicketStatus::Closed),
        "timezone": zone.name(),
        "since": since,
    })))
}
