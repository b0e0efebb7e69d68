//! `GET /v1/sla/{ticket}/explain`: every interval that a thing's clocks counted, and every one that
//! they skipped, and why.
//!
//! Made from the record alone, by the terms that held at the time; beside each UTC time stands the
//! time on the wall where the calendar is.

use axum::{Json, extract::State};
use chrono::SecondsFormat;
use chrono_tz::Tz;
use serde_json::{Map, Value, json};

use super::shown::{self, millis};
use crate::{
    domain::{
        sla::{
            Because, Book, Clock, CountedInterval, Owner, Pin, Transition, explain as intervals_of,
        },
        ticket::Ticket,
        time::Timestamp,
    },
    http::{extract::Named, page, problem::Problem, state::Api},
    store::{Reader, StoreError},
};

/// Whose clocks they are, and all that there is of them.
struct Found {
    owner: Owner,
    ticket: Option<Ticket>,
    clocks: Vec<Clock>,
    record: Vec<Transition>,
}

/// Explains the clocks of a ticket (by id or number), an approval or a request.
///
/// *Errors*: 404 where there is nothing of that id.
pub(in crate::http) async fn explain(
    State(api): State<Api>,
    Named(id): Named,
) -> Result<Json<Value>, Problem> {
    let wanted = id.clone();
    let found = api.read(move |reader| find(reader, &wanted)).await?;
    let found = found.ok_or_else(|| Problem::unknown("ticket, approval or request", &id))?;
    let pins = found.clocks.iter().map(|clock| &clock.pin);
    let pins = pins.chain(found.record.iter().map(|entry| &entry.pin));
    let book = api.app.terms_of(pins).await?;
    let now = api.app.clock.now();
    let mut answer = page::shown(&found.owner);
    if let Some(ticket) = &found.ticket {
        answer["number"] = json!(ticket.number);
        answer["subject"] = json!(ticket.subject);
    }
    let clocks = found.clocks.iter().map(|clock| {
        let record: Vec<&Transition> = found.record.iter().filter(|e| e.key == clock.key).collect();
        one(clock, &record, &book, now)
    });
    answer["clocks"] = clocks.collect();
    Ok(Json(answer))
}

fn find(reader: &mut Reader, id: &str) -> Result<Option<Found>, StoreError> {
    let ticket = reader.ticket(id)?;
    let ticket_id = ticket
        .as_ref()
        .map_or(id, |ticket| &ticket.ticket_id)
        .to_owned();
    let owners = [
        Owner::Ticket(ticket_id),
        Owner::Approval(id.to_owned()),
        Owner::Request(id.to_owned()),
    ];
    let mut is_known = [
        ticket.is_some(),
        reader.approval(id)?.is_some(),
        reader.request(id)?.is_some(),
    ]
    .into_iter();
    let mut untimed = None;
    for owner in owners {
        let is_known = is_known.next().unwrap_or(false);
        let clocks = reader.clocks_of(&owner)?;
        let found = Found {
            record: reader.transitions_of(&owner)?,
            ticket: ticket.clone(),
            owner,
            clocks,
        };
        if !found.clocks.is_empty() {
            return Ok(Some(found));
        }
        if is_known && untimed.is_none() {
            untimed = Some(found);
        }
    }
    Ok(untimed)
}

fn one(clock: &Clock, record: &[&Transition], book: &Book, now: Timestamp) -> Value {
    let mut told = shown::clock(clock, book, now);
    told["consumed_ms"] = json!(millis(shown::consumed(clock, book, now)));
    let zone = zone_of(book, &clock.pin);
    if let Some(zone) = zone {
        told["timezone"] = json!(zone.name());
        told["due_at_local"] = json!(local(clock.due_at, zone));
    }
    let entries: Vec<Transition> = record.iter().map(|&entry| entry.clone()).collect();
    match intervals_of(&entries, book, now) {
        Ok(intervals) => {
            let intervals = intervals.iter().map(|interval| {
                // The terms that held when it began.
                let mut earlier = record.iter().rev();
                let entry = earlier.find(|entry| entry.at <= interval.from);
                interval_of(interval, entry.and_then(|entry| zone_of(book, &entry.pin)))
            });
            told["intervals"] = intervals.collect();
        }
        Err(missing) => {
            told["intervals"] = json!([]);
            told["fault"] = json!(format!(
                "the terms `{}` of version {} are kept nowhere",
                missing.0.policy, missing.0.policy_version
            ));
        }
    }
    told["transitions"] = record.iter().map(|entry| transition(entry, book)).collect();
    told
}

fn interval_of(interval: &CountedInterval, zone: Option<Tz>) -> Value {
    let mut told = page::shown(interval);
    let counted = match interval.because {
        Because::Open => millis(interval.to.since(interval.from)),
        Because::Closed | Because::Holiday { .. } | Because::Paused | Because::Stopped => 0,
    };
    told["counted_ms"] = json!(counted);
    if let Some(zone) = zone {
        told["from_local"] = json!(local(interval.from, zone));
        told["to_local"] = json!(local(interval.to, zone));
    }
    told
}

/// Shows an entry of the record: what was published of it, when it was, and what brought it.
fn transition(entry: &Transition, book: &Book) -> Value {
    let mut told = Map::new();
    told.insert("at".to_owned(), json!(entry.at));
    told.insert("kind".to_owned(), json!(entry.kind.as_str()));
    let of_all = ["ticket_id", "approval_id", "request_id", "metric", "cycle"];
    let published = entry.result_data().into_iter();
    told.extend(published.filter(|(name, _)| !of_all.contains(&name.as_str())));
    told.insert("due_before".to_owned(), json!(entry.due_before));
    told.insert("policy_version".to_owned(), json!(entry.pin.policy_version));
    told.insert("calendar".to_owned(), json!(entry.pin.calendar));
    told.insert(
        "calendar_version".to_owned(),
        json!(entry.pin.calendar_version),
    );
    told.insert("event".to_owned(), json!(entry.event));
    if let Some(zone) = zone_of(book, &entry.pin) {
        told.insert("at_local".to_owned(), json!(local(entry.at, zone)));
        told.insert(
            "due_at_local".to_owned(),
            json!(local(entry.due_after, zone)),
        );
    }
    Value::Object(told)
}

fn zone_of(book: &Book, pin: &Pin) -> Option<Tz> {
    let terms = book.terms(pin).ok()?;
    Some(terms.calendar.zone())
}

/// Writes an instant as the time on the wall of a zone, with its distance from UTC.
fn local(at: Timestamp, zone: Tz) -> String {
    let there = at.to_utc().with_timezone(&zone);
    there.to_rfc3339_opts(SecondsFormat::AutoSi, false)
}
