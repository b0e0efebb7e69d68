//! `POST /v1/events`: events in, answered after they are durably stored.
//!
//! A request is one unit: it is stored whole or not at all. `202` counts new
//! events and duplicates; understood events that were refused are listed beside
//! (their refusal is decided, published and on record like anything else). An id
//! that was used before with other content answers `409`.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::{auth::Owner, binding, extract::Payload, problem::Problem, state::Api};
use crate::{
    daemon::{Receipt, SubmitError, Taken},
    decide::Entry,
    domain::event::{Event, Reason, Rejection},
};

/// Takes the events of a request in.
pub(super) async fn take_in(
    State(api): State<Api>,
    Extension(owner): Extension<Owner>,
    payload: Payload,
) -> Result<Response, Problem> {
    let limits = &api.app.config.limits;
    let request = binding::read(&payload.headers, &payload.bytes, limits)?;
    let is_batch = request.is_batch;
    let receipts = submit(&api, request.events, &Arc::new(owner.entry()))
        .await
        .map_err(|error| match error {
            SubmitError::Invalid { index, rejection } => {
                Problem::of_rejection(&rejection, is_batch.then_some(index))
            }
            other => other.into(),
        })?;
    answer(&receipts, is_batch)
}

/// Hands events in as one unit.
pub(super) async fn submit(
    api: &Api,
    events: Vec<Event>,
    entry: &Arc<Entry>,
) -> Result<Vec<Receipt>, SubmitError> {
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let unit = events
        .into_iter()
        .map(|event| Taken {
            event,
            entry: Arc::clone(entry),
            reply_to: None,
            correlation_id: None,
        })
        .collect();
    api.app.intake.submit(unit).await
}

/// Says what became of a request's events.
pub(super) fn answer(receipts: &[Receipt], is_batch: bool) -> Result<Response, Problem> {
    let mut counts = Counts::default();
    for (index, receipt) in receipts.iter().enumerate() {
        counts.add(is_batch.then_some(index), receipt);
    }
    match counts.reused.take() {
        Some(problem) => Err(counts
            .members()
            .into_iter()
            .fold(problem, |problem, (name, value)| problem.with(&name, value))),
        None => Ok((StatusCode::ACCEPTED, Json(Value::Object(counts.members()))).into_response()),
    }
}

#[derive(Default)]
struct Counts {
    accepted: usize,
    duplicates: usize,
    ignored: usize,
    refused: Vec<Value>,
    reused: Option<Problem>,
}

impl Counts {
    fn add(&mut self, index: Option<usize>, receipt: &Receipt) {
        match receipt {
            Receipt::Accepted { .. } => self.accepted += 1,
            Receipt::Duplicate { .. } => self.duplicates += 1,
            Receipt::Ignored { .. } => self.ignored += 1,
            Receipt::Refused(rejection) if rejection.reason == Reason::IdReused => {
                self.reused
                    .get_or_insert_with(|| Problem::of_rejection(rejection, index));
                self.refused.push(refusal(index, rejection));
            }
            Receipt::Refused(rejection) => {
                self.accepted += 1;
                self.refused.push(refusal(index, rejection));
            }
        }
    }

    fn members(&self) -> Map<String, Value> {
        let mut members = Map::new();
        members.insert("accepted".to_owned(), self.accepted.into());
        members.insert("duplicates".to_owned(), self.duplicates.into());
        if self.ignored > 0 {
            members.insert("ignored".to_owned(), self.ignored.into());
        }
        if !self.refused.is_empty() {
            members.insert("refused".to_owned(), self.refused.clone().into());
        }
        members
    }
}

fn refusal(index: Option<usize>, rejection: &Rejection) -> Value {
    let mut refusal = json!({
        "id": rejection.event_id,
        "reason": rejection.reason,
        "detail": rejection.detail,
        "code": Problem::of_rejection(rejection, None).kind.code(),
    });
    if let Some(index) = index {
        refusal["index"] = index.into();
    }
    refusal
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn told(receipts: &[Receipt]) -> (u16, Value) {
        let response = answer(receipts, true).unwrap_or_else(IntoResponse::into_response);
        let status = response.status().as_u16();
        let bytes = axum::body::to_bytes(response.into_body(), 10_000)
            .await
            .expect("a body");
        (status, serde_json::from_slice(&bytes).expect("JSON"))
    }

    fn accepted(id: &str) -> Receipt {
        Receipt::Accepted {
            event_id: id.to_owned(),
            position: 1,
            results: String::new(),
        }
    }

    fn refused(reason: Reason) -> Receipt {
        let mut rejection = Rejection::new(reason, "id", "so it is");
        rejection.event_id = Some("e".to_owned());
        Receipt::Refused(rejection)
    }

    #[tokio::test]
    async fn new_events_and_duplicates_are_counted() {
        let duplicate = Receipt::Duplicate {
            event_id: "b".to_owned(),
        };
        let (status, body) = told(&[accepted("a"), duplicate]).await;
        assert_eq!(
            (status, body),
            (202, json!({"accepted": 1, "duplicates": 1}))
        );
    }

    #[tokio::test]
    async fn a_refused_event_is_stored_and_listed() {
        let (status, body) = told(&[accepted("a"), refused(Reason::UnknownReference)]).await;
        assert_eq!(status, 202);
        assert_eq!(body["accepted"], 2);
        assert_eq!(body["refused"][0]["index"], 1);
        assert_eq!(body["refused"][0]["reason"], "unknown_reference");
    }

    #[tokio::test]
    async fn a_reused_id_is_a_conflict_that_names_the_event() {
        let (status, body) = told(&[accepted("a"), refused(Reason::IdReused)]).await;
        assert_eq!(status, 409);
        assert_eq!(body["event"], json!({"index": 1, "id": "e"}));
        assert_eq!(body["accepted"], 1);
    }
}
