//! What the daemon knows of itself: counters, faults, progress. Read by health, metrics and the watchdog.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use serde::Serialize;
use serde_json::Value;

use super::{batch::cut, intake::Receipt, seal::Sealed};
use crate::{store::StoreError, telemetry};

/// Counters and faults of the running daemon.
#[derive(Debug, Default)]
pub struct Status {
    taken_in: AtomicU64,
    answered: AtomicU64,
    decided: AtomicU64,
    batches: AtomicU64,
    results: AtomicU64,
    duplicates: AtomicU64,
    refused: AtomicU64,
    parked: AtomicU64,
    published: AtomicU64,
    unroutable: AtomicU64,
    storage_fault: Mutex<Option<String>>,
    policy_fault: Mutex<Option<String>>,
}

/// A copy of the counters. All count from the start of the process.
#[derive(Clone, Debug, Serialize)]
pub struct Counters {
    /// Inputs taken in.
    pub taken_in: u64,
    /// Inputs decided and durably stored, the house's own included.
    pub decided: u64,
    /// Batches committed.
    pub batches: u64,
    /// Results stored.
    pub results: u64,
    /// Inputs that were decided before.
    pub duplicates: u64,
    /// Inputs understood and refused.
    pub refused: u64,
    /// Inputs put aside.
    pub parked: u64,
    /// Results confirmed by the broker.
    pub published: u64,
    /// Results for which the broker had no queue.
    pub unroutable: u64,
}

impl Status {
    /// Gives a copy of the counters.
    pub fn counters(&self) -> Counters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counters {
            taken_in: read(&self.taken_in),
            decided: read(&self.decided),
            batches: read(&self.batches),
            results: read(&self.results),
            duplicates: read(&self.duplicates),
            refused: read(&self.refused),
            parked: read(&self.parked),
            published: read(&self.published),
            unroutable: read(&self.unroutable),
        }
    }

    /// Gives the storage's fault, if it has one now.
    pub fn storage_fault(&self) -> Option<String> {
        self.storage_fault
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Gives why the newest policy was refused, if it was.
    pub fn policy_fault(&self) -> Option<String> {
        self.policy_fault
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Sets or clears the policy's fault.
    pub(super) fn set_policy_fault(&self, fault: Option<String>) {
        *self
            .policy_fault
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = fault;
    }

    pub(super) fn taken_in(&self, inputs: usize, entry: &'static str) {
        add(&self.taken_in, inputs);
        metrics::counter!(telemetry::EVENTS_TAKEN, "entry" => entry).increment(inputs as u64);
    }

    pub(super) fn decided(&self, sealed: &Sealed) {
        let (rows, parked) = (sealed.write.journal.len(), sealed.write.parked.len());
        let results = sealed.results.iter().map(Vec::len).sum::<usize>();
        add(&self.decided, rows);
        add(&self.batches, 1);
        add(&self.results, results);
        add(&self.parked, parked);
        metrics::counter!(telemetry::EVENTS_DECIDED).increment(rows as u64);
        count_results(sealed);
        for (parked, _) in &sealed.write.parked {
            metrics::counter!(telemetry::EVENTS_PARKED, "reason" => parked.reason.as_str())
                .increment(1);
        }
        for transition in &sealed.write.transitions {
            let (kind, metric) = (transition.kind.as_str(), transition.key.metric.as_str());
            metrics::counter!(telemetry::SLA_TRANSITIONS, "kind" => kind, "metric" => metric)
                .increment(1);
        }
        for run in &sealed.write.runs {
            let state = run.state.as_str();
            metrics::counter!(telemetry::RUNS_MOVED, "procedure" => run.procedure.clone(), "state" => state)
                .increment(1);
        }
        for rule in &sealed.fired {
            metrics::counter!(telemetry::RULES_FIRED, "rule" => rule.clone()).increment(1);
        }
        #[expect(clippy::cast_precision_loss, reason = "a batch is small")]
        metrics::histogram!(telemetry::BATCH_EVENTS).record(rows as f64);
    }

    /// Gives how many inputs were taken in and not brought to their end yet.
    pub fn under_way(&self) -> u64 {
        let answered = self.answered.load(Ordering::Relaxed);
        self.taken_in
            .load(Ordering::Relaxed)
            .saturating_sub(answered)
    }

    pub(super) fn received(&self, receipts: &[Receipt]) {
        add(&self.answered, receipts.len());
        let duplicates = receipts
            .iter()
            .filter(|receipt| matches!(receipt, Receipt::Duplicate { .. }))
            .count();
        let refused = receipts
            .iter()
            .filter(|receipt| matches!(receipt, Receipt::Refused(_)))
            .count();
        if duplicates > 0 {
            add(&self.duplicates, duplicates);
            metrics::counter!(telemetry::EVENTS_DUPLICATE).increment(duplicates as u64);
        }
        if refused > 0 {
            add(&self.refused, refused);
            for receipt in receipts {
                if let Receipt::Refused(rejection) = receipt {
                    metrics::counter!(telemetry::EVENTS_REFUSED, "reason" => rejection.reason.as_str()).increment(1);
                }
            }
        }
    }

    pub(super) fn published(&self, confirmed: usize, unroutable: usize) {
        add(&self.published, confirmed);
        add(&self.unroutable, unroutable);
        metrics::counter!(telemetry::RESULTS_PUBLISHED).increment(confirmed as u64);
        metrics::counter!(telemetry::RESULTS_UNROUTABLE).increment(unroutable as u64);
    }

    pub(super) fn storage_works(&self) {
        let mut fault = self
            .storage_fault
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if fault.take().is_some() {
            metrics::gauge!(telemetry::DATABASE_CONNECTED).set(1.0);
            tracing::info!("the database works again");
        }
    }

    /// Says once what is wrong with the database, and what happens next.
    pub(super) fn storage_fails(&self, error: &StoreError) {
        let mut fault = self
            .storage_fault
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let text = error.to_string();
        if fault.as_ref() != Some(&text) {
            tracing::error!(code = error.code(), error = %text, "the database fails; what was taken in waits and is tried again until it works");
            *fault = Some(text);
            metrics::gauge!(telemetry::DATABASE_CONNECTED).set(0.0);
        }
    }
}

fn add(counter: &AtomicU64, count: usize) {
    counter.fetch_add(count as u64, Ordering::Relaxed);
}

/// Counts the results that have a metric of their own.
fn count_results(sealed: &Sealed) {
    let rows = sealed.write.journal.iter().zip(&sealed.results);
    for (span, text) in rows.flat_map(|(row, spans)| cut(&row.results, spans)) {
        let label = |name: &str| {
            let event: Value = serde_json::from_str(text).unwrap_or_default();
            event["data"][name].as_str().unwrap_or_default().to_owned()
        };
        match span.kind {
            "conversation.escalated" => {
                metrics::counter!(telemetry::ESCALATIONS_RAISED, "trigger" => label("trigger"))
                    .increment(1);
            }
            "rule.failed" => {
                metrics::counter!(telemetry::RULES_FAILED, "rule" => label("rule")).increment(1);
            }
            "ticket.created" => metrics::counter!(telemetry::TICKETS_CREATED).increment(1),
            _ => {}
        }
    }
}
