//! `/v1/sla`: clocks as they stand, why they stand so, and moving them to today's policy.

mod explain;
mod repin;
mod shown;

use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) use self::{explain::explain, repin::repin};
use super::{
    extract::Asked,
    page,
    problem::{Kind, Problem},
    state::Api,
};
use crate::{
    domain::{
        sla::{Clock, ClockState, Metric, Owner},
        ticket::{Priority, Ticket},
        time::{Span, Timestamp},
    },
    store::{ClockFilter, ClockPage, ClockPlace},
};

/// How soon is soon, where clocks are counted.
const SOON: Span = Span::from_secs(3_600);

/// What a list of clocks is narrowed to.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    limit: Option<i64>,
    after: Option<String>,
    state: Option<String>,
    metric: Option<String>,
    policy: Option<String>,
    team: Option<String>,
    assignee: Option<String>,
    priority: Option<String>,
    overdue: Option<bool>,
    due_before: Option<Timestamp>,
    ticket: Option<String>,
}

/// What counts of clocks are narrowed to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CountsQuery {
    metric: Option<String>,
    policy: Option<String>,
    team: Option<String>,
    assignee: Option<String>,
    priority: Option<String>,
}

impl From<CountsQuery> for ListQuery {
    fn from(query: CountsQuery) -> Self {
        Self {
            metric: query.metric,
            policy: query.policy,
            team: query.team,
            assignee: query.assignee,
            priority: query.priority,
            ..Self::default()
        }
    }
}

impl ListQuery {
    /// Gives the store's filter, without the ticket.
    fn filter(&self, now: Timestamp) -> Result<ClockFilter, Problem> {
        let states = [
            ClockState::Running,
            ClockState::Paused,
            ClockState::Stopped,
            ClockState::Cancelled,
        ];
        let state = known("state", self.state.as_deref(), |text| {
            states.into_iter().find(|state| state.as_str() == text)
        })?;
        let metric = known("metric", self.metric.as_deref(), |text| {
            Metric::ALL
                .into_iter()
                .find(|metric| metric.as_str() == text)
        })?;
        Ok(ClockFilter {
            state,
            metric,
            policy: self.policy.clone(),
            team: self.team.clone(),
            assignee: self.assignee.clone(),
            priority: known("priority", self.priority.as_deref(), Priority::parse)?,
            overdue_at: self.overdue.unwrap_or_default().then_some(now),
            due_before: self.due_before,
            ..ClockFilter::default()
        })
    }
}

fn known<T>(
    field: &'static str,
    text: Option<&str>,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, Problem> {
    let Some(text) = text else { return Ok(None) };
    read(text).map(Some).ok_or_else(|| {
        let detail = format!("`{text}` is no {field} of a clock");
        Problem::new(Kind::BadRequest, detail).with("field", field)
    })
}

/// Lists clocks: those that may still stop, soonest due first; those that are over, latest first.
pub(super) async fn list(
    State(api): State<Api>,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<Value>, Problem> {
    let (limit, now) = (page::limit(query.limit)?, api.app.clock.now());
    let mut filter = query.filter(now)?;
    let after = match query.after.as_deref() {
        None => None,
        Some(text) => Some(ClockPlace::parse(text).ok_or_else(|| page::bad_cursor(text))?),
    };
    if let Some(ticket) = query.ticket {
        let found = api.read(move |reader| reader.ticket(&ticket)).await?;
        let Some(ticket) = found else {
            return Ok(Json(json!({ "items": [], "next": null })));
        };
        filter.owner = Some(Owner::Ticket(ticket.ticket_id));
    }
    let read = api.read(move |reader| reader.clock_list(&filter, after.as_ref(), limit));
    let ClockPage { items, next } = read.await?;
    let pins = items.iter().map(|row| &row.clock.pin);
    let book = api.app.terms_of(pins).await?;
    let items: Vec<Value> = items
        .iter()
        .map(|row| shown::row(row, &book, now))
        .collect();
    let next = next.map(|next| next.to_string());
    Ok(Json(json!({ "items": items, "next": next })))
}

/// Counts the clocks that may still stop.
pub(super) async fn counts(
    State(api): State<Api>,
    Asked(query): Asked<CountsQuery>,
) -> Result<Json<Value>, Problem> {
    let now = api.app.clock.now();
    let (filter, soon) = (ListQuery::from(query).filter(now)?, now.plus(SOON));
    let counts = api
        .read(move |reader| reader.clock_counts(&filter, (now, soon)))
        .await?;
    Ok(Json(json!({
        "running": counts.running,
        "paused": counts.paused,
        "overdue": counts.overdue,
        "due_within_hour": counts.due_soon,
        "at": now,
    })))
}

/// Shows the clocks of a ticket, as they stand beside it.
pub(super) async fn of_ticket(api: &Api, ticket: &Ticket) -> Result<Value, Problem> {
    let owner = Owner::Ticket(ticket.ticket_id.clone());
    let clocks: Vec<Clock> = api.read(move |reader| reader.clocks_of(&owner)).await?;
    let book = api.app.terms_of(clocks.iter().map(|clock| &clock.pin));
    let (book, now) = (book.await?, api.app.clock.now());
    let clocks = clocks.iter().map(|clock| shown::clock(clock, &book, now));
    Ok(clocks.collect())
}
