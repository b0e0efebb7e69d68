//! Writes through the API: each is an event, decided like any other.
//!
//! The event's source is the daemon's own with `/api` behind it, its actor the
//! token's owner. With an `Idempotency-Key` the same request again changes
//! nothing and is answered like the first.

use std::sync::Arc;

use axum::http::HeaderMap;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    auth::Owner,
    page::shown,
    problem::{Kind, Problem},
    state::Api,
};
use crate::{
    daemon::{Receipt, SubmitError, Taken},
    decide::Entry,
    domain::{
        event::{Event, Trace},
        ids::{EventKey, SubjectId},
    },
};

/// What somebody wants done.
#[derive(Clone, Debug)]
pub(super) struct Command {
    /// The event's type.
    pub(super) kind: &'static str,
    /// Its subject; the event's own id when there is none.
    pub(super) subject: Option<String>,
    /// Its data, but for the actor.
    pub(super) data: Map<String, Value>,
    /// The `Idempotency-Key`.
    pub(super) key: Option<String>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub(super) struct Done {
    /// The deduplication key of the event, from which the ids of what it made follow.
    pub(super) key: EventKey,
    /// The results; `None` for a duplicate.
    pub(super) results: Option<Vec<Value>>,
}

impl Done {
    /// Gives a text of the first result of a type.
    pub(super) fn result_text(&self, kind: &str, name: &str) -> Option<String> {
        let result = self
            .results
            .as_ref()?
            .iter()
            .find(|result| result["type"] == kind)?;
        result["data"][name].as_str().map(str::to_owned)
    }
}

/// Reads the `Idempotency-Key`.
///
/// *Errors*: 400 when it is empty, too long, or no text.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    match value.to_str().map(str::trim) {
        Ok(key) if !key.is_empty() && key.len() <= 200 => Ok(Some(key.to_owned())),
        _ => Err(Problem::new(
            Kind::BadRequest,
            "the `Idempotency-Key` is a text of 1 to 200 characters",
        )),
    }
}

/// Has a command decided, as the token's owner.
///
/// *Errors*: 404 when it names what does not exist, 409 for an illegal move or a reused key, 400, 503.
pub(super) async fn command(api: &Api, owner: &Owner, command: Command) -> Result<Done, Problem> {
    let source = format!("{}/api", api.app.config.source.trim_end_matches('/'));
    let id = match command.key {
        Some(key) => format!("{}:{key}", owner.name),
        None => Uuid::now_v7().to_string(),
    };
    let mut data = command.data;
    data.insert("actor".to_owned(), shown(&owner.actor));
    let event = Event {
        subject: SubjectId::from(command.subject.unwrap_or_else(|| id.clone())),
        id,
        source,
        kind: command.kind.to_owned(),
        time: None,
        data,
        trace: Trace::default(),
    };
    let key = event.key();
    let entry = Entry {
        is_trusted: true,
        ..owner.entry()
    };
    let taken = Taken {
        event,
        entry: Arc::new(entry),
        reply_to: None,
        correlation_id: None,
    };
    let receipts = match api.app.intake.submit(vec![taken]).await {
        Ok(receipts) => receipts,
        Err(SubmitError::Invalid { mut rejection, .. }) => {
            if let Some(field) = rejection.field.strip_prefix("data.") {
                let field = field.to_owned();
                rejection.field = field;
            }
            rejection.event_id = None;
            let mut problem = Problem::from(rejection);
            problem.kind = Kind::BadRequest;
            return Err(problem);
        }
        Err(other) => return Err(other.into()),
    };
    let results = match receipts.into_iter().next() {
        Some(Receipt::Accepted { results, .. }) => {
            Some(serde_json::from_str(&results).unwrap_or_default())
        }
        Some(Receipt::Duplicate { .. }) => None,
        Some(Receipt::Refused(rejection)) => return Err(rejection.into()),
        Some(Receipt::Ignored { .. }) | None => {
            return Err(Problem::internal(&"a command was not decided"));
        }
    };
    Ok(Done { key, results })
}
