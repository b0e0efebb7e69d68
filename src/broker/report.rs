//! How the link is, told once: the watched state, and one log line a change.
//!
//! The same fault again is not logged again, however often it is met. Every
//! warning says what happens next. Written by `supervisor`, `session` and
//! `outlet`; read by health, status and the daemon.

use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use tokio::sync::watch;

use super::fault::{self, Fault};
use crate::{clock::Clock, telemetry};

/// How the link to the broker is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LinkState {
    /// Whether a session stands.
    pub connected: bool,
    /// Its number, or that of the last one; the first is 1.
    pub session: u64,
    /// Why the broker takes nothing in, while it does not.
    pub blocked: Option<String>,
    /// Why there is no session; gone when there is one.
    pub fault: Option<Fault>,
    /// What is wrong with single queues or exchanges while the session stands.
    pub notes: Vec<Fault>,
}

/// Tells the state and the log.
#[derive(Clone)]
pub(super) struct Reporter {
    state: Arc<watch::Sender<LinkState>>,
    /// What was told since the last session stood: several hosts may fail in several ways, in turn.
    told: Arc<Mutex<Vec<Fault>>>,
    clock: Clock,
}

impl Reporter {
    pub(super) fn new() -> Self {
        Self {
            state: Arc::new(watch::Sender::new(LinkState::default())),
            told: Arc::default(),
            clock: Clock::machine(),
        }
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<LinkState> {
        self.state.subscribe()
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// A session stands, with what is wrong with parts of it.
    pub(super) fn connected(&self, session: u64, place: &str, notes: Vec<Fault>) {
        metrics::gauge!(telemetry::BROKER_CONNECTED).set(1.0);
        metrics::counter!(telemetry::BROKER_SESSIONS).increment(1);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.clear();
        drop(told);
        self.state.send_modify(|state| {
            state.connected = true;
            state.session = session;
            state.fault = None;
            tracing::info!(session, broker = place, "connected to the broker");
            self.replace_notes(state, notes);
        });
    }

    /// There is no session.
    pub(super) fn disconnected(&self, fault: Fault) {
        metrics::gauge!(telemetry::BROKER_CONNECTED).set(0.0);
        let fault = self.tell(fault);
        self.state.send_modify(|state| {
            state.fault = Some(fault);
            state.connected = false;
            state.blocked = None;
        });
    }

    /// Logs and dates a fault that is new; gives back the old one otherwise.
    fn tell(&self, fault: Fault) -> Fault {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(same) = told.iter().find(|old| is_same(old, &fault)) {
            return same.clone();
        }
        tracing::warn!(
            code = fault.code,
            "{}; nothing is lost, and it is tried again until it works",
            fault.text
        );
        let fault = self.dated(fault);
        told.push(fault.clone());
        fault
    }

    /// The link was left on purpose.
    pub(super) fn left(&self) {
        metrics::gauge!(telemetry::BROKER_CONNECTED).set(0.0);
        self.state.send_modify(|state| state.connected = false);
        tracing::info!("left the broker");
    }

    /// The broker takes nothing in, or does again.
    pub(super) fn blocked(&self, reason: Option<String>) {
        self.state.send_modify(|state| {
            match (&state.blocked, &reason) {
                (None, Some(reason)) => tracing::warn!(
                    code = fault::BLOCKED,
                    reason,
                    "the broker takes nothing in; results wait in the database until it does"
                ),
                (Some(_), None) => tracing::info!("the broker takes messages in again"),
                _ => {}
            }
            state.blocked = reason;
        });
    }

    /// Sets all that is wrong with parts of the session.
    pub(super) fn noted(&self, notes: Vec<Fault>) {
        self.state
            .send_modify(|state| self.replace_notes(state, notes));
    }

    fn replace_notes(&self, state: &mut LinkState, notes: Vec<Fault>) {
        let old = std::mem::take(&mut state.notes);
        let notes = notes.into_iter().map(|note| self.kept(&old, note));
        state.notes = notes.collect();
    }

    /// Adds to what is wrong with parts of the session.
    pub(super) fn note(&self, note: Fault) {
        self.state.send_modify(|state| {
            let known = state.notes.iter().any(|old| is_same(old, &note));
            if !known {
                let note = self.kept(&[], note);
                state.notes.push(note);
            }
        });
    }

    /// Tells whether something is noted under a code.
    pub(super) fn is_noted(&self, code: &str) -> bool {
        let state = self.state.borrow();
        state.notes.iter().any(|note| note.code == code)
    }

    /// Takes back what was noted under a code.
    pub(super) fn forget(&self, code: &str) {
        self.state.send_if_modified(|state| {
            let before = state.notes.len();
            state.notes.retain(|note| note.code != code);
            state.notes.len() < before
        });
    }

    /// Gives the old note if it is the same; else logs and dates the new one.
    fn kept(&self, old: &[Fault], note: Fault) -> Fault {
        if let Some(same) = old.iter().find(|old| is_same(old, &note)) {
            return same.clone();
        }
        tracing::warn!(code = note.code, "{}", note.text);
        self.dated(note)
    }

    fn dated(&self, mut fault: Fault) -> Fault {
        fault.since = self.clock.now();
        fault
    }
}

fn is_same(one: &Fault, other: &Fault) -> bool {
    one.code == other.code && one.text == other.text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_fault_again_keeps_its_date_and_a_session_clears_it() {
        let reporter = Reporter::new();
        let state = reporter.subscribe();
        reporter.disconnected(Fault::new(fault::LOGIN, "no"));
        let first = state.borrow().fault.clone().expect("a fault");
        assert!(first.since.micros() > 0);
        reporter.disconnected(Fault::new(fault::UNREACHABLE, "the other host"));
        reporter.disconnected(Fault::new(fault::LOGIN, "no"));
        assert_eq!(state.borrow().fault, Some(first));
        reporter.connected(1, "mq:5672/", vec![Fault::new(fault::OTHERWISE, "queue")]);
        let now = state.borrow().clone();
        assert!(now.connected && now.fault.is_none() && now.notes.len() == 1);
        reporter.note(Fault::new(fault::REFUSED, "full"));
        reporter.note(Fault::new(fault::REFUSED, "full"));
        assert_eq!(state.borrow().notes.len(), 2);
        reporter.forget(fault::REFUSED);
        assert_eq!(state.borrow().notes, now.notes);
    }
}
