//! `GET /v1/reports/{name}`: what happened over a time, in the form that is asked for.
//!
//! Which reports there are, and how each is counted, is `crate::daemon`'s.

use axum::{
    extract::State,
    http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName},
    response::{IntoResponse, Response},
};
use chrono_tz::Tz;
use serde::Deserialize;

use super::{
    extract::{Asked, Named},
    problem::{Kind, Problem},
    state::Api,
};
use crate::{
    daemon::{self, ReportFault},
    domain::{report::Form, time::Timestamp},
};

/// What a page may do: show itself.
const SHOW_ONLY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// What a report is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    format: Option<String>,
    by: Option<String>,
    timezone: Option<String>,
    metric: Option<String>,
    policy: Option<String>,
    team: Option<String>,
}

impl From<ReportFault> for Problem {
    fn from(fault: ReportFault) -> Self {
        match fault {
            ReportFault::Unknown(name) => Self::unknown("report", &name),
            ReportFault::Asked { field, detail } => wrong(field, &detail),
            ReportFault::Store(error) => error.into(),
        }
    }
}

fn wrong(field: &'static str, detail: &str) -> Problem {
    Problem::new(Kind::BadRequest, format!("the query: {detail}")).with("field", field)
}

/// Reads the name of a time zone.
pub(super) fn zone(name: Option<&str>) -> Result<Option<Tz>, Problem> {
    let Some(name) = name else { return Ok(None) };
    name.parse().map(Some).map_err(|_| {
        let detail = format!("`{name}` is no time zone; write one like Europe/Berlin");
        Problem::new(Kind::BadRequest, detail).with("field", "timezone")
    })
}

/// Makes a report.
pub(super) async fn report(
    State(api): State<Api>,
    Named(name): Named,
    Asked(query): Asked<Query>,
) -> Result<Response, Problem> {
    let form = match query.format.as_deref() {
        None => Form::default(),
        Some(text) => Form::parse(text).ok_or_else(|| {
            let detail = format!("format `{text}` is none of json, csv, html, table");
            wrong("format", &detail)
        })?,
    };
    let asked = daemon::ReportAsked {
        from: query.from,
        to: query.to.unwrap_or_else(|| api.app.clock.now()),
        by: query.by,
        timezone: zone(query.timezone.as_deref())?,
        metric: query.metric,
        policy: query.policy,
        team: query.team,
    };
    let sheet = daemon::report(&api.app.store, &name, &asked).await?;
    let heads: [(HeaderName, &str); 2] = [
        (CONTENT_TYPE, form.media()),
        (CONTENT_SECURITY_POLICY, SHOW_ONLY),
    ];
    Ok((heads, sheet.write(form)).into_response())
}
