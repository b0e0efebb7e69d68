//! Problem documents (RFC 9457): the one form of every error of the HTTP API.
//!
//! [`Kind`] names all of them, with status, title, stable code and remedy;
//! handlers answer `Result<_, Problem>` and nothing else makes an error response.
//! Refusals of an event keep their reason and the field at fault.

mod kind;

use axum::{
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

pub use self::kind::{CODES, Kind};
use crate::{
    daemon::SubmitError,
    domain::event::{Reason, Rejection},
    store::StoreError,
};

/// An error response.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// The class.
    pub kind: Kind,
    /// What exactly is wrong, in one sentence.
    pub detail: String,
    /// Further members, such as `event`, `field`, `errors`.
    pub members: Box<Map<String, Value>>,
    pub(super) retry_after_secs: Option<u64>,
}

impl Problem {
    /// Makes a problem of a class with what exactly is wrong.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            members: Box::default(),
            retry_after_secs: None,
        }
    }

    /// Adds a member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// States when to try again.
    #[must_use]
    pub fn retry_after(mut self, secs: u64) -> Self {
        self.retry_after_secs = Some(secs.max(1));
        self
    }

    /// Says that there is no `what` of that id.
    pub fn unknown(what: &str, id: &str) -> Self {
        Self::new(Kind::NotFound, format!("there is no {what} `{id}`"))
            .with("reason", Reason::UnknownReference.as_str())
    }

    /// Tells of a fault that is Provost's own; `context` goes to the log, not to the caller.
    pub fn internal(context: &dyn std::fmt::Display) -> Self {
        tracing::error!(error = %context, "a request failed for a fault of our own");
        Self::new(Kind::Internal, "the daemon's log says more")
    }

    /// Makes the problem for a refused event, with its place in the batch if it was one of several.
    pub fn of_rejection(rejection: &Rejection, index: Option<usize>) -> Self {
        let kind = match rejection.reason {
            Reason::Malformed
            | Reason::UnknownType
            | Reason::InvalidData
            | Reason::MissingAttribute => Kind::InvalidEvent,
            Reason::UnknownReference => Kind::NotFound,
            Reason::IllegalMove | Reason::Settled => Kind::IllegalMove,
            Reason::Forbidden => Kind::Forbidden,
            Reason::IdReused => Kind::IdReused,
            Reason::Poison => Kind::Internal,
        };
        let mut event = Map::new();
        if let Some(index) = index {
            event.insert("index".to_owned(), index.into());
        }
        if let Some(id) = &rejection.event_id {
            event.insert("id".to_owned(), id.as_str().into());
        }
        let mut problem =
            Self::new(kind, &*rejection.detail).with("reason", rejection.reason.as_str());
        if !rejection.field.is_empty() {
            problem = problem.with("field", &*rejection.field);
        }
        if event.is_empty() {
            problem
        } else {
            problem.with("event", event)
        }
    }

    /// Gives the document.
    pub fn to_json(&self) -> Value {
        let mut document = json!({
            "type": format!("urn:provost:problem:{}", self.kind.slug()),
            "title": self.kind.title(),
            "status": self.kind.status().as_u16(),
            "detail": self.detail,
            "code": self.kind.code(),
        });
        if let Value::Object(members) = &mut document {
            members.extend(
                self.members
                    .iter()
                    .map(|(name, value)| (name.clone(), value.clone())),
            );
        }
        document
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        Self::of_rejection(&rejection, None)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Lasting(_) => Self::internal(&error),
            StoreError::Retry(_)
            | StoreError::Lost(_)
            | StoreError::Full(_)
            | StoreError::Refused { .. } => {
                tracing::warn!(%error, "a request could not be answered from the database");
                Self::new(
                    Kind::Store,
                    "the database did not answer; the daemon's log says more",
                )
                .retry_after(2)
            }
        }
    }
}

impl From<SubmitError> for Problem {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Invalid { rejection, .. } => rejection.into(),
            SubmitError::Busy {
                reason,
                retry_after,
            } => Self::new(Kind::Busy, reason).retry_after(retry_after.to_std().as_secs()),
            SubmitError::Stopping => Self::new(Kind::Busy, "the daemon is stopping").retry_after(5),
            SubmitError::Store(detail) => {
                tracing::warn!(error = %detail, "a unit was not stored");
                Self::new(Kind::Store, "the events were not stored").retry_after(2)
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (
            self.kind.status(),
            [(header::CONTENT_TYPE, "application/problem+json")],
            self.to_json().to_string(),
        )
            .into_response();
        let headers = response.headers_mut();
        if let Some(secs) = self.retry_after_secs {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(secs));
        }
        if self.kind == Kind::Unauthorized {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"provost\""),
            );
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_event_is_named_with_its_place_and_field() {
        let mut rejection =
            Rejection::new(Reason::InvalidData, "data.message.text", "`7` is no text");
        rejection.event_id = Some("e-1".to_owned());
        let document = Problem::of_rejection(&rejection, Some(3)).to_json();
        assert_eq!(document["status"], 400);
        assert_eq!(document["event"], json!({"index": 3, "id": "e-1"}));
        assert_eq!(document["field"], "data.message.text");
        assert_eq!(document["reason"], "invalid_data");
        assert_eq!(document["type"], "urn:provost:problem:invalid-event");
    }

    #[test]
    fn busy_says_when_to_try_again() {
        let response = Problem::new(Kind::Busy, "full")
            .retry_after(0)
            .into_response();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        assert_eq!(
            response.headers()[header::CONTENT_TYPE],
            "application/problem+json"
        );
    }
}
