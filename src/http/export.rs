//! `GET /v1/audit/export`: the audit log as a file, streamed in bounded memory.

use std::sync::Arc;

use axum::{
    Extension,
    body::Body,
    extract::State,
    http::header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use serde::Deserialize;

use super::{
    auth::Owner,
    export_file::{End, to_csv, to_jsonl},
    extract::Asked,
    narrowing::Narrowing,
    problem::{Kind, Problem},
    state::Api,
    verification::SLICE,
};
use crate::{
    decide::AuditExported,
    domain::{record::Tail, time::Timestamp},
    store::{AuditFilter, Reader, StoreError},
};

/// What an export is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    format: Option<String>,
    conversation: Option<String>,
    customer: Option<String>,
    actor: Option<String>,
    action: Option<String>,
    outcome: Option<String>,
    rule: Option<String>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    amount_min: Option<String>,
    amount_max: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Csv,
    Jsonl,
}

struct Exporting {
    api: Api,
    format: Format,
    filter: AuditFilter,
    is_filtered: bool,
    tail: Tail,
    after: i64,
    entries: i64,
    is_over: bool,
}

/// Exports entries, oldest first, up to the one that records this export.
pub(super) async fn export(
    State(api): State<Api>,
    Extension(owner): Extension<Owner>,
    Asked(query): Asked<Query>,
) -> Result<Response, Problem> {
    let format = match query.format.as_deref() {
        None | Some("jsonl") => Format::Jsonl,
        Some("csv") => Format::Csv,
        Some(other) => {
            let detail = format!("the query: format `{other}` is neither csv nor jsonl");
            return Err(Problem::new(Kind::BadRequest, detail).with("field", "format"));
        }
    };
    let (name, media) = match format {
        Format::Csv => ("csv", "text/csv; charset=utf-8"),
        Format::Jsonl => ("jsonl", "application/jsonl"),
    };
    let asked = query.narrowing();
    let said = AuditExported {
        format: name,
        filter: asked.to_record(),
    };
    let (is_filtered, filter) = (!said.filter.is_empty(), asked.filter()?);
    api.app
        .record("audit.exported", "audit", Arc::new(said), &owner.entry())
        .await
        .map_err(Problem::from)?;
    let tail = api.read(Reader::tail).await?;
    let exporting = Exporting {
        format,
        filter,
        is_filtered,
        tail,
        after: 0,
        entries: 0,
        is_over: false,
        api,
    };
    let parts = stream::try_unfold(exporting, |mut exporting| async {
        let part = exporting.next().await?;
        Ok::<_, StoreError>(part.map(|part| (part, exporting)))
    });
    let disposition = format!("attachment; filename=\"provost-audit.{name}\"");
    let headers = [
        (CONTENT_TYPE, media.to_owned()),
        (CONTENT_DISPOSITION, disposition),
    ];
    Ok((headers, Body::from_stream(parts)).into_response())
}

impl Query {
    fn narrowing(self) -> Narrowing {
        Narrowing {
            conversation: self.conversation,
            customer: self.customer,
            actor: self.actor,
            action: self.action,
            outcome: self.outcome,
            rule: self.rule,
            from: self.from,
            to: self.to,
            amount_min: self.amount_min,
            amount_max: self.amount_max,
        }
    }
}

impl Exporting {
    /// Gives the next part of the file; `None` when it is whole.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        if self.is_over {
            return Ok(None);
        }
        let (after, filter) = (self.after, self.filter.clone());
        let mut rows = self
            .api
            .app
            .store
            .read(move |reader| reader.audit_export(&filter, after, SLICE))
            .await?;
        rows.retain(|row| row.entry.sequence <= self.tail.audit_sequence);
        let is_first = self.after == 0;
        self.entries += i64::try_from(rows.len()).unwrap_or(0);
        let Some(last) = rows.last() else {
            self.is_over = true;
            let end = End::new(&self.tail, self.entries, self.is_filtered);
            return Ok(match self.format {
                Format::Jsonl => Some(end.to_line().into_bytes()),
                Format::Csv if is_first => Some(to_csv(&[], true)),
                Format::Csv => None,
            });
        };
        self.after = last.entry.sequence;
        Ok(Some(match self.format {
            Format::Csv => to_csv(&rows, is_first),
            Format::Jsonl => to_jsonl(&rows).into_bytes(),
        }))
    }
}
