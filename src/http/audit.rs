//! `/v1/audit`: search, one entry, the seals, and the verification of both.

use std::collections::{BTreeSet, HashMap};

use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    extract::{Asked, Named},
    narrowing::Narrowing,
    page::{self, PageQuery, shown},
    problem::Problem,
    state::Api,
    verification::{SLICE, Seals, Verification},
};
use crate::domain::{ids::hex, person::is_label, record::AuditRow, time::Timestamp};

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
    let asked = Narrowing {
        conversation: query.conversation,
        customer: query.customer,
        actor: query.actor,
        action: query.action,
        outcome: query.outcome,
        rule: query.rule,
        from: query.from,
        to: query.to,
        amount_min: query.amount_min,
        amount_max: query.amount_max,
    };
    let filter = asked.filter()?;
    let (listing, names) = api
        .read(move |reader| {
            let listing = reader.audit(&filter, page)?;
            let names = reader.persons(&labels(&listing.items))?;
            Ok((listing, names))
        })
        .await?;
    Ok(page::listing(listing, |row| entry(&row, &names)))
}

/// Gives the labels of customers that entries hold.
fn labels(rows: &[AuditRow]) -> Vec<String> {
    let labels = rows.iter().flat_map(|row| {
        let actor = row.actor.strip_prefix("customer:").map(str::to_owned);
        actor.into_iter().chain(row.customer.clone())
    });
    let labels: BTreeSet<String> = labels.filter(|label| is_label(label)).collect();
    labels.into_iter().collect()
}

/// Shows an entry.
pub(super) async fn show(
    State(api): State<Api>,
    Named(text): Named,
) -> Result<Json<Value>, Problem> {
    let unknown = || Problem::unknown("audit entry", &text);
    let sequence: i64 = text.parse().map_err(|_| unknown())?;
    let after = sequence.checked_sub(1).ok_or_else(unknown)?;
    let (rows, names) = api
        .read(move |reader| {
            let rows = reader.audit_slice(after, 1)?;
            let names = reader.persons(&labels(&rows))?;
            Ok((rows, names))
        })
        .await?;
    rows.first()
        .filter(|row| row.entry.sequence == sequence)
        .map(|row| Json(entry(row, &names)))
        .ok_or_else(unknown)
}

/// Lists seals, the oldest first.
pub(super) async fn seals(
    State(api): State<Api>,
    Asked(query): Asked<PageQuery>,
) -> Result<Json<Value>, Problem> {
    let page = query.page()?;
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

/// Shows an entry as it was hashed, with the customers' ids where they are known.
fn entry(row: &AuditRow, names: &HashMap<String, String>) -> Value {
    let mut shown: Value = serde_json::from_str(&row.entry.body).unwrap_or_else(|_| json!({}));
    for place in ["/customer", "/actor/id"] {
        if let Some(label) = shown.pointer_mut(place)
            && let Some(name) = label.as_str().and_then(|label| names.get(label))
        {
            *label = name.as_str().into();
        }
    }
    shown["sequence"] = row.entry.sequence.into();
    shown["position"] = row.entry.position.into();
    shown["hash"] = hex(&row.entry.hash).into();
    shown
}
