//! The heartbeat: renews the daemon's row, watches the others, and keeps the gate.
//!
//! A daemon that was silent for ten seconds is taken over: its unpublished results
//! go out from here, in order. The gate closes intake while too much is
//! unpublished or the disk budget is nearly spent, and opens it again.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    app::App, dispatch::Dispatch, identity::Identity, outgoing::Envelope, poster::Poster,
    publish::Post, relay::Relay,
};
use crate::{
    broker::{Publisher, Seat},
    domain::time::{Span, Timestamp},
    store::{Daemon, NOBODY, Registration},
};

/// How often the daemon's row is renewed.
const BEAT: Duration = Duration::from_secs(2);
/// How often the gate is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// How far this machine's clock may be from the database's before it is said.
const MOST_OFF: Span = Span::from_secs(2);
/// After this silence a daemon is taken over.
const SILENCE: Span = Span::from_secs(10);

/// What the heartbeat works with.
pub(super) struct Heart {
    /// The running daemon.
    pub(super) app: App,
    /// This daemon's row.
    pub(super) identity: Arc<Identity>,
    /// The relay's ledger.
    pub(super) relay: Arc<Relay>,
    /// The gate of intake.
    pub(super) gate: watch::Sender<Option<String>>,
    /// Which of how many daemons this one is.
    pub(super) seat: watch::Sender<Seat>,
    /// Publishes what others left behind; `None` without a broker.
    pub(super) publisher: Option<Publisher>,
    /// What a result looks like.
    pub(super) envelope: Envelope,
    /// Carries on what others had under way.
    pub(super) dispatch: Dispatch,
    /// Goes on with the channels to which others posted.
    pub(super) poster: Poster,
    /// Runs what outlasts a beat.
    pub(super) tasks: TaskTracker,
    /// Ends the work.
    pub(super) stop: CancellationToken,
}

impl Heart {
    /// Beats until stopped.
    pub(super) async fn run(self) {
        let mut beats = tokio::time::interval(BEAT);
        beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut is_clock_off = false;
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                _ = looks.tick() => self.keep_gate(),
                _ = beats.tick() => {
                    if let Some(now) = self.beat().await {
                        is_clock_off = self.compare_clocks(now, is_clock_off);
                    }
                }
            }
        }
    }

    /// Says once when this machine's clock and the database's drift apart, and once when they agree again.
    /// Decisions take the database's time; this clock only schedules and stands in logs.
    fn compare_clocks(&self, now: Timestamp, was_off: bool) -> bool {
        let micros = self.app.clock.now().micros().abs_diff(now.micros());
        let is_off = micros > MOST_OFF.micros().unsigned_abs();
        if is_off && !was_off {
            tracing::warn!(
                seconds = micros / 1_000_000,
                "this machine's clock differs from the database's; set it, for instance by NTP"
            );
        } else if was_off && !is_off {
            tracing::info!("this machine's clock agrees with the database's again");
        }
        is_off
    }

    /// Renews this daemon's row and looks after the others. *Shape*: the database's time, if it answered.
    async fn beat(&self) -> Option<Timestamp> {
        let held = Registration {
            watermark: self.relay.watermark(),
            ..self.identity.held()
        };
        let beaten = self
            .app
            .store
            .write(move |desk| {
                let is_held =
                    desk.daemon_watermark(held)? || desk.daemon_beat(held.id, held.epoch)?;
                let unsent = if desk.executions_of(NOBODY)?.is_empty() {
                    Vec::new()
                } else {
                    desk.executions_hand_over(NOBODY, held.id)?
                };
                let orphans = desk.channels_take_orphans(held.id)?;
                Ok((
                    (is_held, unsent, orphans),
                    desk.daemons()?,
                    desk.policy_current_version()?,
                    desk.now()?,
                ))
            })
            .await;
        match beaten {
            Ok(((is_held, unsent, orphans), daemons, current, now)) => {
                let unsent: Vec<_> = unsent.into_iter().map(Arc::new).collect();
                self.dispatch.take(&unsent);
                self.poster.adopt(orphans);
                if !is_held {
                    self.register_again().await;
                }
                let others = daemons.into_iter().filter(|other| other.id != held.id);
                let (silent, alive): (Vec<_>, Vec<_>) =
                    others.partition(|other| other.silence >= SILENCE);
                self.sit_down(held.id, &alive);
                for other in silent {
                    self.take_over(other).await;
                }
                if let Some(version) = current {
                    self.app.follow(&version).await;
                }
                Some(now)
            }
            Err(error) => {
                tracing::debug!(%error, "the heartbeat was not written");
                None
            }
        }
    }

    /// Finds this daemon's seat among those that live: by the age of their rows.
    fn sit_down(&self, id: i64, others: &[Daemon]) {
        let seat = Seat {
            place: others.iter().filter(|other| other.id < id).count(),
            of: others.len() + 1,
        };
        let has_moved = self.seat.send_if_modified(|now| {
            let has_moved = *now != seat;
            *now = seat;
            has_moved
        });
        if has_moved {
            tracing::info!(
                place = seat.place + 1,
                of = seat.of,
                "daemons share the queues"
            );
        }
    }

    /// Another daemon has taken this one's row over, because it was silent (frozen, or cut off) too long.
    async fn register_again(&self) {
        let instance = self.app.config.instance.clone();
        match self
            .app
            .store
            .write(move |desk| desk.daemon_register(&instance))
            .await
        {
            Ok(registration) => {
                tracing::warn!(
                    "this daemon was silent for too long and had been taken over; it goes on under a new registration"
                );
                self.identity.hold(registration);
            }
            Err(error) => {
                tracing::warn!(%error, "this daemon was taken over and could not register again yet");
            }
        }
    }

    async fn take_over(&self, silent: Daemon) {
        let (instance, from) = (silent.instance.clone(), silent.id);
        let own = self.identity.held().id;
        let taken = self.app.store.write(move |desk| {
            let held = desk.daemon_take_over(&silent)?;
            let Some(held) = held else {
                return Ok(None);
            };
            let executions = desk.executions_hand_over(from, own)?;
            let channels = desk.channels_hand_over(from, own)?;
            Ok(Some((held, executions, channels)))
        });
        match taken.await {
            Ok(Some((held, executions, channels))) => {
                self.dispatch.adopt(executions);
                self.poster.adopt(channels);
                let Some(publisher) = &self.publisher else {
                    return;
                };
                tracing::warn!(
                    instance,
                    "a daemon fell silent; its unpublished results go out from here"
                );
                metrics::counter!(crate::telemetry::TAKEOVERS).increment(1);
                let post = Post {
                    publisher: publisher.clone(),
                    relay: Arc::clone(&self.relay),
                    store: self.app.store.clone(),
                    envelope: self.envelope.clone(),
                    status: Arc::clone(&self.app.status),
                    stop: self.stop.clone(),
                };
                self.tasks.spawn(post.run_for(held));
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(instance, %error, "a silent daemon was not taken over"),
        }
    }

    fn keep_gate(&self) {
        let unpublished = self.relay.unpublished();
        let reason = self.held_back_by(unpublished);
        self.gate.send_if_modified(|gate| {
            let has_changed = gate.is_some() != reason.is_some();
            match &reason {
                Some(reason) if has_changed => {
                    tracing::warn!(reason, "intake is held back; it goes on by itself");
                }
                None if has_changed => tracing::info!("intake goes on"),
                _ => {}
            }
            gate.clone_from(&reason);
            has_changed
        });
        #[expect(clippy::cast_precision_loss, reason = "a gauge")]
        metrics::gauge!(crate::telemetry::RESULTS_UNPUBLISHED).set(unpublished as f64);
        if let Some(bytes) = self.app.store.file_bytes() {
            #[expect(clippy::cast_precision_loss, reason = "a gauge")]
            metrics::gauge!(crate::telemetry::DATABASE_BYTES).set(bytes as f64);
        }
        let is_ready = self.app.unready().is_none();
        metrics::gauge!(crate::telemetry::READY).set(if is_ready { 1.0 } else { 0.0 });
        metrics::gauge!(crate::telemetry::INTAKE_PAUSED).set(if reason.is_some() {
            1.0
        } else {
            0.0
        });
    }

    fn held_back_by(&self, unpublished: usize) -> Option<String> {
        let limits = &self.app.config.limits;
        if unpublished > limits.unpublished_results {
            return Some(format!(
                "{unpublished} results wait for the broker, more than {}",
                limits.unpublished_results
            ));
        }
        if limits.disk_bytes > 0
            && let Some(bytes) = self.app.store.file_bytes()
            && bytes > limits.disk_bytes / 5 * 4
        {
            return Some(format!(
                "the database has {bytes} bytes, over 80 % of the budget of {}",
                limits.disk_bytes
            ));
        }
        None
    }
}
