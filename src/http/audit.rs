//! `/v1/audit`: search, one entry, the seals, and the verification of both.

use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    extract::{Asked, Named},
    page::{self, shown},
    problem::{Kind, Problem},
    state::Api,
    verification::{SLICE, Seals, Verification},
};
use crate::{
    domain::{ids::hex, record::AuditRow, time::Timestamp},
    store::AuditFilter,
};

/// The query of the search.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SearchQuery {
    limit: Option<i64>,
    after: Option<String>,
    conversation: Option<String>,
    actor: Option<String>,
    action: Option<String>,
    outcome: Option<String>,
    rule: Option<String>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    customer: Option<String>,
    amount_min: Option<String>,
    amount_max: Option<String>,
}

/// Lists entries, the newest first.
pub(super) async fn search(
    State(api): State<Api>,
    Asked(query): Asked<SearchQuery>,
) -> Result<Json<Value>, Problem> {
    let page = page::page(query.limit, query.after.as_deref())?;
    for (name, later) in [
        ("customer", &query.customer),
        ("amount_min", &query.amount_min),
        ("amount_max", &query.amount_max),
    ] {
        if later.is_some() {
            let detail = format!("searching by `{name}` comes with a later release");
            return Err(Problem::new(Kind::NotBuilt, detail).with("field", name));
        }
    }
    let filter = AuditFilter {
        subject: query.conversation,
        actor: query.actor.map(actor),
        action: query.action,
        outcome: query.outcome,
        rule: query.rule,
        from: query.from,
        to: query.to,
    };
    let listing = api.read(move |reader| reader.audit(&filter, page)).await?;
    Ok(page::listing(listing, |row| entry(&row)))
}

/// Gives `kind:id` of an actor; a bare id is that of an agent.
pub(super) fn actor(text: String) -> String {
    let kind = text.split(':').next().unwrap_or_default();
    if ["agent", "ai", "customer", "system"].contains(&kind) && text.contains(':') {
        text
    } else {
        format!("agent:{text}")
    }
}

/// Shows an entry.
pub(super) async fn show(
    State(api): State<Api>,
    Named(text): Named,
) -> Result<Json<Value>, Problem> {
    let unknown = || Problem::unknown("audit entry", &text);
    let sequence: i64 = text.parse().map_err(|_| unknown())?;
    let after = sequence.checked_sub(1).ok_or_else(unknown)?;
    let rows = api.read(move |reader| reader.audit_slice(after, 1)).await?;
    rows.first()
        .filter(|row| row.entry.sequence == sequence)
        .map(|row| Json(entry(row)))
        .ok_or_else(unknown)
}

/// The query of the list of seals.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SealsQuery {
    limit: Option<i64>,
    after: Option<String>,
}

/// Lists seals, the oldest first.
pub(super) async fn seals(
    State(api): State<Api>,
    Asked(query): Asked<SealsQuery>,
) -> Result<Json<Value>, Problem> {
    let page = page::page(query.limit, query.after.as_deref())?;
    let listing = api.read(move |reader| reader.seals_page(page)).await?;
    Ok(page::listing(listing, |row| {
        let mut shown = row.seal.to_json();
        shown["at"] = row.at.to_string().into();
        shown
    }))
}

/// The query of the verification.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VerifyQuery {
    key_id: Option<String>,
}

/// Walks the whole chain and its seals.
pub(super) async fn verify(
    State(api): State<Api>,
    Asked(query): Asked<VerifyQuery>,
) -> Result<Json<Value>, Problem> {
    let (mut seals, tail) = api.read(Seals::read).await?;
    let expected = query.key_id.as_deref().unwrap_or_default().split(',');
    seals.expect(expected.filter(|id| !id.is_empty()).map(str::to_owned));
    let mut walk = Verification::until(tail, seals);
    while let Some(after) = walk.next() {
        let rows = api
            .read(move |reader| reader.audit_slice(after, SLICE))
            .await?;
        walk.take(&rows);
    }
    Ok(Json(shown(&walk.report())))
}

fn entry(row: &AuditRow) -> Value {
    let mut shown: Value = serde_json::from_str(&row.entry.body).unwrap_or_else(|_| json!({}));
    shown["sequence"] = row.entry.sequence.into();
    shown["position"] = row.entry.position.into();
    shown["hash"] = hex(&row.entry.hash).into();
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_actor_is_an_agent() {
        assert_eq!(actor("dana".into()), "agent:dana");
        assert_eq!(actor("ai:bot".into()), "ai:bot");
        assert_eq!(actor("system:rule:A".into()), "system:rule:A");
        assert_eq!(actor("x:y".into()), "agent:x:y");
    }
}
