//! `GET /v1/requests/{id}/story`: all that became of one request, in the order of time.
//!
//! Read from the audit log: the entries of the request's subject, from its asking to its last
//! move. What they leave out, such as what the customer was told, comes from the journal while
//! it is kept. [`part`] picks what concerns the request, [`words`] makes the sentences of it.

mod part;
mod words;

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use serde_json::{Value, json};

use self::part::{Cause, Entry, Known};
use super::{extract::Named, problem::Problem, state::Api, verification::SLICE};
use crate::{
    domain::{
        approval::Approval, audit::AuditBody, record::AuditRow, request::Request, time::Timestamp,
    },
    store::AuditFilter,
};

/// Tells the story of a request.
pub(super) async fn tell(State(api): State<Api>, Named(id): Named) -> Result<Json<Value>, Problem> {
    let wanted = id.clone();
    let request = api
        .read(move |reader| reader.request(&wanted))
        .await?
        .ok_or_else(|| Problem::unknown("request", &id))?;
    let entries = collect(&api, &request).await?;
    let approvals = approvals(&api, &entries).await?;
    let sentences = words::sentences(&request, &approvals, &entries);
    let shown: Vec<Value> = entries.iter().map(Entry::shown).collect();
    Ok(Json(json!({
        "request": request, "entries": shown, "sentences": sentences,
    })))
}

/// Reads what concerns a request, slice by slice.
async fn collect(api: &Api, request: &Request) -> Result<Vec<Entry>, Problem> {
    let filter = AuditFilter {
        subject: Some(request.subject.clone()),
        from: Some(request.requested_at),
        to: Some(Timestamp::from_micros(request.updated_at.micros() + 1)),
        ..AuditFilter::default()
    };
    let (mut after, mut found) = (0, Vec::new());
    let mut known = Known::of(request);
    loop {
        let asked = filter.clone();
        let rows = api
            .read(move |reader| reader.audit_export(&asked, after, SLICE))
            .await?;
        let Some(last) = rows.last() else {
            return Ok(found);
        };
        after = last.entry.sequence;
        let causes = causes(api, &rows).await?;
        for row in &rows {
            let Ok(body) = serde_json::from_str::<AuditBody>(&row.entry.body) else {
                continue;
            };
            let cause = causes.get(&row.entry.position).cloned();
            found.extend(known.pick(row.entry.sequence, body, cause));
        }
    }
}

/// Reads what the journal still has of where entries came from.
async fn causes(api: &Api, rows: &[AuditRow]) -> Result<BTreeMap<i64, Cause>, Problem> {
    let mentions = rows.iter().filter(|row| part::may_concern(&row.entry.body));
    let positions: Vec<i64> = mentions.map(|row| row.entry.position).collect();
    let inputs = api
        .read(move |reader| reader.journal_at(&positions))
        .await?;
    Ok(inputs
        .into_iter()
        .map(|input| (input.position, Cause::read(&input.body, &input.results)))
        .collect())
}

async fn approvals(api: &Api, entries: &[Entry]) -> Result<Vec<Approval>, Problem> {
    let mut approvals = Vec::new();
    for id in part::approvals(entries) {
        approvals.extend(api.read(move |reader| reader.approval(&id)).await?);
    }
    Ok(approvals)
}
