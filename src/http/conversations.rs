//! `GET /v1/conversations[/{id}]`: state and timeline.

use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    extract::{Asked, Named},
    page::{self, PageQuery, shown},
    problem::Problem,
    state::Api,
};
use crate::store::{ConversationFilter, ConversationRow, TimelineEntry};

/// The query of the list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    limit: Option<i64>,
    after: Option<String>,
    status: Option<String>,
    channel: Option<String>,
    customer: Option<String>,
}

/// Lists conversations.
pub(super) async fn list(
    State(api): State<Api>,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<Value>, Problem> {
    let page = page::page(query.limit, query.after.as_deref())?;
    let filter = ConversationFilter {
        status: query.status,
        channel: query.channel,
        customer: query.customer,
    };
    let listing = api
        .read(move |reader| reader.conversations(&filter, page))
        .await?;
    Ok(page::listing(listing, |row| conversation(&row)))
}

/// Shows a conversation with its timeline, oldest first.
pub(super) async fn show(
    State(api): State<Api>,
    Named(id): Named,
    Asked(query): Asked<PageQuery>,
) -> Result<Json<Value>, Problem> {
    let page = query.page()?;
    let wanted = id.clone();
    let found = api
        .read(move |reader| {
            let Some(row) = reader.conversation(&wanted)? else {
                return Ok(None);
            };
            Ok(Some((row, reader.timeline(&wanted, page)?)))
        })
        .await?;
    let (row, timeline) = found.ok_or_else(|| Problem::unknown("conversation", &id))?;
    let mut shown = conversation(&row);
    shown["next"] = timeline.next.map(|next| next.to_string()).into();
    shown["timeline"] = timeline.items.iter().map(entry).collect();
    Ok(Json(shown))
}

fn conversation(row: &ConversationRow) -> Value {
    json!({
        "conversation_id": row.id,
        "version": row.version,
        "decided_at": row.decided_at,
        "escalated": row.conversation.is_escalated(),
        "state": shown(&row.conversation),
    })
}

fn entry(entry: &TimelineEntry) -> Value {
    let results: Value = if entry.results.is_empty() {
        json!([])
    } else {
        serde_json::from_str(&entry.results).unwrap_or_default()
    };
    json!({
        "position": entry.position,
        "version": entry.version,
        "type": entry.kind,
        "time": entry.time,
        "decided_at": entry.decided_at,
        "policy": entry.policy,
        "event": serde_json::from_str::<Value>(&entry.body).unwrap_or_default(),
        "results": results,
    })
}
