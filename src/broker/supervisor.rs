//! The supervisor: one session after the other, the hosts in turn, for as long as the link lives.
//!
//! There is no limit on tries. Between them it waits by `backoff`, but goes on to
//! the next host at once while there is one it has not asked in this round.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{
    Acks, Delivery, LinkState, Publisher, Settings,
    address::Address,
    backoff::Backoff,
    fault::Fault,
    outlet::Barred,
    publish::Door,
    report::Reporter,
    session::{self, End, Ground},
    topology::Plan,
};

/// Keeps a session standing.
pub(super) struct Supervisor {
    ground: Ground,
    addresses: Vec<Address>,
    bad: Vec<Fault>,
}

/// What the daemon holds of it.
pub(super) struct Ends {
    pub(super) acks: Acks,
    pub(super) publisher: Publisher,
    pub(super) state: watch::Receiver<LinkState>,
}

impl Supervisor {
    pub(super) fn new(
        settings: &Settings,
        deliveries: mpsc::Sender<Delivery>,
        leaving: CancellationToken,
    ) -> (Self, Ends) {
        let mut addresses = Vec::new();
        let mut bad = Vec::new();
        for url in &settings.urls {
            match Address::read(url) {
                Ok(address) => addresses.push(address),
                Err(fault) => bad.push(fault),
            }
        }
        let reporter = Reporter::new();
        let (door, publisher) = watch::channel(Door::default());
        let ours = vec![settings.broker.results_exchange.clone()];
        let ends = Ends {
            acks: Acks::default(),
            publisher: Publisher::new(publisher),
            state: reporter.subscribe(),
        };
        let ground = Ground {
            plan: Plan::new(settings),
            prefetch: settings.broker.prefetch,
            confirm_timeout: settings.broker.confirm_timeout.to_std(),
            acks: ends.acks.clone(),
            door,
            deliveries,
            barred: Arc::new(Barred::new(reporter.clock().clone(), ours)),
            reporter,
            leaving,
            seat: settings.seat.clone(),
        };
        let supervisor = Self {
            ground,
            addresses,
            bad,
        };
        (supervisor, ends)
    }

    /// Runs until the link is left.
    pub(super) async fn run(mut self) {
        let reporter = &self.ground.reporter;
        for fault in std::mem::take(&mut self.bad) {
            if self.addresses.is_empty() {
                reporter.disconnected(fault);
            } else {
                reporter.note(fault);
            }
        }
        if self.addresses.is_empty() {
            self.ground.leaving.cancelled().await;
        } else {
            self.keep_standing().await;
        }
        reporter.left();
    }

    async fn keep_standing(&self) {
        let mut backoff = Backoff::default();
        let mut number = 1;
        let mut turn = 0;
        loop {
            let address = &self.addresses[turn % self.addresses.len()];
            turn += 1;
            let mut has_asked_all = turn.is_multiple_of(self.addresses.len());
            match session::run(&self.ground, address, number).await {
                End::Left => return,
                End::Unbuilt(fault) => self.ground.reporter.disconnected(fault),
                End::Broken { fault, has_lasted } => {
                    self.ground.reporter.disconnected(fault);
                    if has_lasted {
                        backoff.reset();
                    }
                    has_asked_all = true;
                }
            }
            // A number is never used twice, also when its session stood only in part.
            number += 1;
            if has_asked_all {
                let pause = tokio::time::sleep(backoff.next());
                if self
                    .ground
                    .leaving
                    .run_until_cancelled(pause)
                    .await
                    .is_none()
                {
                    return;
                }
            }
        }
    }
}
