//! `GET /v1/results`: what was published, as a list or as a stream.
//!
//! The cursor is a result's `sequence`. Positions are given in commit order under
//! one lock, so whoever has read up to a cursor has missed nothing before it.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, header::ACCEPT},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    cursor::Cursor,
    extract::Asked,
    page::{bad_cursor, limit},
    problem::Problem,
    state::Api,
    stream,
};
use crate::store::{JournalResults, Reader};

/// How many journal rows are looked through at once.
const SLICE: i64 = 256;
/// How many are looked through for one answer at most, when a filter lets few pass.
const MOST_SLICES: usize = 64;

/// The query.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    limit: Option<i64>,
    after: Option<String>,
    r#type: Option<String>,
    conversation: Option<String>,
}

/// Which results.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    types: Vec<String>,
    conversation: Option<String>,
}

/// A result with its place.
#[derive(Debug)]
pub(super) struct Placed {
    /// Its place.
    pub(super) cursor: Cursor,
    /// The event, as it was published.
    pub(super) event: Box<RawValue>,
}

#[derive(Serialize)]
struct Answer {
    items: Vec<Box<RawValue>>,
    next: String,
}

/// Answers a page, or opens a stream where the client asks for one.
pub(super) async fn read(
    State(api): State<Api>,
    headers: HeaderMap,
    Asked(query): Asked<Query>,
) -> Result<Response, Problem> {
    let limit = usize::try_from(limit(query.limit)?).unwrap_or(usize::MAX);
    let filter = Filter {
        types: types(query.r#type.as_deref()),
        conversation: query.conversation,
    };
    let last = headers
        .get("last-event-id")
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let wants_stream = accepts_stream(&headers);
    let after = match last.filter(|_| wants_stream).or(query.after) {
        None => Cursor::default(),
        Some(text) if text == "latest" => Cursor::past(api.read(Reader::tail).await?.position),
        Some(text) => Cursor::parse(&text).ok_or_else(|| bad_cursor(&text))?,
    };
    if wants_stream {
        return stream::open(api, after, filter).map(IntoResponse::into_response);
    }
    let (found, next) = slice(&api, after, limit, &filter).await?;
    Ok(Json(Answer {
        items: found.into_iter().map(|placed| placed.event).collect(),
        next: next.to_string(),
    })
    .into_response())
}

/// Reads up to `limit` results after a cursor, and the cursor from which to go on.
pub(super) async fn slice(
    api: &Api,
    after: Cursor,
    limit: usize,
    filter: &Filter,
) -> Result<(Vec<Placed>, Cursor), Problem> {
    let mut found = Vec::new();
    let mut next = after;
    for _ in 0..MOST_SLICES {
        // The position of the cursor may have more results than were read.
        let (from, conversation) = (next.position - 1, filter.conversation.clone());
        let rows = api
            .read(move |reader| reader.results(from, SLICE, conversation.as_deref()))
            .await?;
        let is_last = rows.len() < usize::try_from(SLICE).unwrap_or(usize::MAX);
        for row in rows {
            for placed in placed(&row, next, filter)? {
                next = placed.cursor;
                found.push(placed);
                if found.len() == limit {
                    return Ok((found, next));
                }
            }
            next = next.max(Cursor::past(row.position));
        }
        if is_last {
            break;
        }
    }
    Ok((found, next))
}

fn placed(row: &JournalResults, after: Cursor, filter: &Filter) -> Result<Vec<Placed>, Problem> {
    let events: Vec<Box<RawValue>> =
        serde_json::from_str(&row.results).map_err(|error| Problem::internal(&error))?;
    Ok(events
        .into_iter()
        .enumerate()
        .filter(|(ordinal, event)| after.is_before(row.position, *ordinal) && filter.passes(event))
        .map(|(ordinal, event)| Placed {
            cursor: Cursor {
                position: row.position,
                ordinal,
            },
            event,
        })
        .collect())
}

impl Filter {
    fn passes(&self, event: &RawValue) -> bool {
        #[derive(Deserialize)]
        struct Kind<'a> {
            #[serde(borrow)]
            r#type: std::borrow::Cow<'a, str>,
        }
        if self.types.is_empty() {
            return true;
        }
        let Ok(kind) = serde_json::from_str::<Kind<'_>>(event.get()) else {
            return false;
        };
        self.types
            .iter()
            .any(|wanted| match wanted.strip_suffix('*') {
                Some(stem) => kind.r#type.starts_with(stem),
                None => kind.r#type == *wanted,
            })
    }
}

fn types(asked: Option<&str>) -> Vec<String> {
    asked
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|kind| !kind.is_empty())
        .map(str::to_owned)
        .collect()
}

fn accepts_stream(headers: &HeaderMap) -> bool {
    headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains("text/event-stream"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::SubjectId;

    fn row(position: i64, kinds: &[&str]) -> JournalResults {
        let events: Vec<_> = kinds
            .iter()
            .map(|kind| serde_json::json!({"type": kind, "amount": 1}))
            .collect();
        JournalResults {
            kind: String::new(),
            position,
            subject: SubjectId::from("c"),
            results: serde_json::to_string(&events).expect("json"),
            reply_to: None,
            correlation_id: None,
        }
    }

    fn kinds(after: &str, filter: &Filter) -> Vec<String> {
        let after = Cursor::parse(after).expect("a cursor");
        placed(
            &row(5, &["ticket.created", "message.send", "ticket.updated"]),
            after,
            filter,
        )
        .expect("readable")
        .iter()
        .map(|placed| placed.cursor.ordinal.to_string() + placed.event.get())
        .collect()
    }

    #[test]
    fn reading_goes_on_within_a_position() {
        let all = Filter::default();
        assert_eq!(kinds("4", &all).len(), 3);
        assert_eq!(kinds("5-0", &all).len(), 2);
        assert_eq!(kinds("5-2", &all).len(), 0);
        assert_eq!(kinds("5", &all).len(), 0);
    }

    #[test]
    fn types_are_filtered_whole_or_by_kind() {
        let filter = |text| Filter {
            types: types(Some(text)),
            conversation: None,
        };
        assert_eq!(kinds("0", &filter("ticket.*")).len(), 2);
        assert_eq!(kinds("0", &filter("message.send, ticket.created")).len(), 2);
        assert_eq!(kinds("0", &filter("ticket")).len(), 0);
        assert_eq!(kinds("0", &filter("")).len(), 3);
    }
}
