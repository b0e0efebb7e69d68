//! `GET /v1/reports/{name}`: what happened over a time, counted from the audit log.
//!
//! The log is read in slices, so that its size does not matter. Counting is pure and in a file
//! of its own; there is one report by now, [`actions`].

mod actions;

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::State,
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use self::actions::{Actions, unnamed};
use super::{
    extract::{Asked, Named},
    problem::{Kind, Problem},
    state::Api,
    verification::SLICE,
};
use crate::{
    domain::{audit::AuditBody, time::Timestamp},
    store::{AuditFilter, Reader, StoreError},
};

/// What a report is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    format: Option<String>,
}

/// Makes a report.
pub(super) async fn report(
    State(api): State<Api>,
    Named(name): Named,
    Asked(query): Asked<Query>,
) -> Result<Response, Problem> {
    if name != "actions" {
        return Err(Problem::unknown("report", &name));
    }
    let is_csv = match query.format.as_deref() {
        None | Some("json") => false,
        Some("csv") => true,
        Some(other) => {
            let detail = format!("the query: format `{other}` is neither json nor csv");
            return Err(Problem::new(Kind::BadRequest, detail).with("field", "format"));
        }
    };
    let to = query.to.unwrap_or_else(|| api.app.clock.now());
    let filter = AuditFilter {
        from: query.from,
        to: Some(to),
        ..AuditFilter::default()
    };
    let counted = count(&api, filter).await?;
    Ok(if is_csv {
        let media = [(CONTENT_TYPE, "text/csv; charset=utf-8")];
        (media, counted.to_csv()).into_response()
    } else {
        Json(counted.shown(query.from, to)).into_response()
    })
}

async fn count(api: &Api, filter: AuditFilter) -> Result<Actions, Problem> {
    let (mut after, mut counted) = (0, Actions::default());
    loop {
        let asked = filter.clone();
        let (last, bodies, names) = api.read(move |reader| slice(reader, &asked, after)).await?;
        let Some(last) = last else {
            return Ok(counted);
        };
        after = last;
        for body in &bodies {
            counted.take(body, |id| names.get(id).cloned());
        }
    }
}

type Slice = (Option<i64>, Vec<AuditBody>, BTreeMap<String, String>);

/// Reads entries after a sequence: the last one's, what they say, and the actions of requests
/// that they only name by their ids.
fn slice(reader: &mut Reader, filter: &AuditFilter, after: i64) -> Result<Slice, StoreError> {
    let rows = reader.audit_export(filter, after, SLICE)?;
    let last = rows.last().map(|row| row.entry.sequence);
    let bodies = rows.iter();
    let bodies: Vec<AuditBody> = bodies
        .filter_map(|row| serde_json::from_str(&row.entry.body).ok())
        .collect();
    let mut names = BTreeMap::new();
    for id in bodies.iter().flat_map(unnamed) {
        if !names.contains_key(id)
            && let Some(request) = reader.request(id)?
        {
            names.insert(id.to_owned(), request.action);
        }
    }
    Ok((last, bodies, names))
}
