//! `POST /v1/sla/repin`: which running clocks today's policy would move, and moving them.

use std::collections::BTreeMap;

use axum::{Extension, Json, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::shown::millis;
use crate::{
    daemon::{Moved, RepinFault, RepinWish},
    domain::{
        ids::SubjectId,
        sla::{Owner, Pin},
    },
    http::{
        auth, extract, page,
        problem::{Kind, Problem},
        state::Api,
    },
};

/// The most tickets that may be named at once.
const MOST_TICKETS: usize = 1_000;

/// What somebody wants moved.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Wanted {
    tickets: Option<Vec<String>>,
    policy: Option<String>,
    preview: Option<bool>,
    limit: Option<i64>,
    after: Option<String>,
}

impl From<RepinFault> for Problem {
    fn from(fault: RepinFault) -> Self {
        match fault {
            RepinFault::Store(error) => error.into(),
            RepinFault::Submit(error) => error.into(),
        }
    }
}

/// Looks at what would move, or moves it.
///
/// *Errors*: 404 for a ticket that is not there.
pub(in crate::http) async fn repin(
    State(api): State<Api>,
    Extension(owner): Extension<auth::Owner>,
    extract::Json(wanted): extract::Json<Wanted>,
) -> Result<Json<Value>, Problem> {
    let limit = page::limit(wanted.limit)?;
    let tickets = match wanted.tickets {
        None => None,
        Some(named) => Some(find(&api, named).await?),
    };
    let wish = RepinWish {
        tickets,
        policy: wanted.policy,
        is_preview: wanted.preview.unwrap_or(true),
        limit: usize::try_from(limit).unwrap_or(usize::MAX),
        after: wanted.after.unwrap_or_default(),
    };
    let done = api.app.repin(&wish, &owner.entry()).await?;
    let items: Vec<Value> = done.items.iter().map(shown).collect();
    Ok(Json(json!({
        "preview": wish.is_preview,
        "tickets": done.tickets,
        "clocks": done.clocks,
        "moved": done.moved,
        "complete": done.is_complete,
        "items": items,
        "next": done.next,
    })))
}

/// Gives the tickets, named by id or number, by rising id.
async fn find(api: &Api, named: Vec<String>) -> Result<Vec<(String, SubjectId)>, Problem> {
    if named.len() > MOST_TICKETS {
        let detail = format!("at most {MOST_TICKETS} tickets at once");
        return Err(Problem::new(Kind::BadRequest, detail).with("field", "tickets"));
    }
    let mut found = BTreeMap::new();
    for id in named {
        let wanted = id.clone();
        let ticket = api.read(move |reader| reader.ticket(&wanted)).await?;
        let ticket =
            ticket.ok_or_else(|| Problem::unknown("ticket", &id).with("field", "tickets"))?;
        found.insert(ticket.ticket_id, SubjectId::from(ticket.conversation_id));
    }
    Ok(found.into_iter().collect())
}

fn shown(moved: &Moved) -> Value {
    let pin = |pin: &Pin| {
        json!({
            "policy": pin.policy, "policy_version": pin.policy_version,
            "calendar": pin.calendar, "calendar_version": pin.calendar_version,
        })
    };
    let mut shown = page::shown(&moved.key);
    if let Owner::Ticket(_) = moved.key.owner {
        shown["number"] = json!(moved.number);
    }
    shown["state"] = json!(moved.state);
    shown["from"] = pin(&moved.from);
    shown["to"] = json!(moved.to.as_ref().map(pin));
    shown["due_before"] = json!(moved.due_at.0);
    shown["due_after"] = json!(moved.due_at.1);
    shown["target_before_ms"] = json!(millis(moved.target.0));
    shown["target_after_ms"] = json!(moved.target.1.map(millis));
    shown["breached"] = json!(moved.is_breached);
    shown
}
