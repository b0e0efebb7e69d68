//! Retention: what is older than its time is deleted, in slices, so that nothing waits on it.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::app::App;
use crate::{
    domain::{
        tally::hour_of,
        time::{Span, Timestamp},
    },
    store::StoreError,
};

/// How often retention looks for what is over.
const ROUND: Duration = Duration::from_secs(60);
/// Every how many rounds that is looked for which takes reading whole tables.
const SELDOM: u64 = 60;
/// How many rows one transaction deletes.
const SLICE: i64 = 1_000;
/// How long attempts at an input count.
const ATTEMPTS: Span = Span::from_secs(86_400);
/// The pause between two slices.
const BREATH: Duration = Duration::from_millis(20);

/// Deletes what is over until stopped.
pub(super) async fn run(app: App, stop: CancellationToken) {
    let mut round = 0_u64;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(ROUND) => {}
        }
        let now = app.clock.now();
        let retention = &app.config.retention;
        let mut times = vec![
            (Part::Journal, now.minus(retention.journal)),
            (Part::Parked, now.minus(retention.parked)),
            (Part::Attempts, now.minus(ATTEMPTS)),
            (Part::Clocks, now.minus(retention.clocks)),
            (Part::Deliveries, now.minus(retention.deliveries)),
            (Part::Requests, now.minus(retention.requests)),
            (Part::Approvals, now.minus(retention.requests)),
            (Part::Runs, now.minus(retention.runs)),
        ];
        let audit = retention.audit.map(|span| now.minus(span));
        times.extend(audit.map(|before| (Part::Audit, before)));
        times.extend(audit.map(|before| (Part::Persons, before)));
        times.extend(audit.map(|before| (Part::Anomalies, before)));
        times.extend(audit.map(|before| (Part::Delegations, before)));
        times.push((Part::Tallies, now));
        if round.is_multiple_of(SELDOM) {
            times.push((Part::Budgets, now.minus(retention.requests)));
        }
        round += 1;
        for (part, before) in times {
            if let Err(error) = prune(&app, part, before, &stop).await {
                tracing::warn!(%error, ?part, "retention stopped; it goes on in a minute");
            }
        }
    }
}

/// A table, or tables, with one time.
#[derive(Clone, Copy, Debug)]
enum Part {
    Journal,
    Audit,
    Persons,
    Parked,
    Attempts,
    Anomalies,
    Delegations,
    Deliveries,
    Tallies,
    Clocks,
    Requests,
    Approvals,
    Budgets,
    Runs,
}

async fn prune(
    app: &App,
    part: Part,
    before: Timestamp,
    stop: &CancellationToken,
) -> Result<(), StoreError> {
    let now = app.clock.now();
    let mut total = 0;
    while !stop.is_cancelled() {
        let deleted = app
            .store
            .write(move |desk| match part {
                Part::Journal => desk.journal_prune(before, SLICE),
                Part::Audit => desk.audit_prune(before, SLICE),
                Part::Persons => desk.persons_prune(before),
                Part::Parked => desk.parked_prune(before, SLICE),
                Part::Attempts => desk.attempts_prune(before, SLICE),
                Part::Anomalies => desk.anomalies_prune(before, SLICE),
                Part::Delegations => desk.delegations_prune(before, SLICE),
                Part::Deliveries => desk.deliveries_prune(before, SLICE),
                Part::Tallies => desk.tallies_prune(hour_of(before), SLICE),
                Part::Clocks => desk.clocks_prune(before, SLICE),
                Part::Requests => desk.requests_prune(before, SLICE),
                Part::Approvals => desk.approvals_prune(before, SLICE),
                Part::Budgets => desk.budgets_prune(before, now),
                Part::Runs => desk.runs_prune(before, SLICE),
            })
            .await?;
        total += deleted;
        if i64::try_from(deleted).unwrap_or(0) < SLICE {
            break;
        }
        tokio::time::sleep(BREATH).await;
    }
    if total > 0 {
        tracing::info!(rows = total, ?part, "retention deleted what is over");
    }
    Ok(())
}
