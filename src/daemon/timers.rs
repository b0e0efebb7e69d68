//! Timers: clocks and approvals whose time has come, as inputs.
//!
//! Timers are rows: what is due is found by its instant, so that a look costs what is due and
//! not what runs, and a daemon that comes later finds what one before it left. Due timers are
//! decided in due order, each as of the instant that it was set for, and looked at again under
//! their subject; a timer always makes the same event, so that of several daemons one decides it.
//! Between looks this sleeps until the next timer; a commit that sets an earlier one rings.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{app::App, intake::Receipt};
use crate::{
    decide::{ApprovalDue, ClockDue, Input},
    domain::{
        approval::Approval,
        time::{Span, Timestamp},
    },
    policy::Schedule,
    store::{DueOwner, StoreError},
    telemetry,
};

/// The longest sleep: what other daemons have set, and a clock that jumps, is noticed by then.
const LONGEST: Span = Span::from_secs(1);
/// How many timers go into one batch.
const MOST: i64 = 256;
/// How long a timer rests that was decided and is due all the same, at first and at most.
const REST: (Span, Span) = (Span::from_millis(250), Span::from_secs(600));
/// When clocks without a timer are looked for.
const SWEEP: &str = "* * * * *";

/// When the next timer goes off, as far as this daemon knows.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    /// *Units*: microseconds since the epoch.
    next: AtomicI64,
    bell: Notify,
}

impl Alarm {
    /// Knows of a timer without ringing for it: who sleeps already knows.
    fn arm(&self, at: Timestamp) {
        self.next.fetch_min(at.micros(), Ordering::SeqCst);
    }

    /// Hears of a timer that was set; rings if it goes off before all others.
    pub(super) fn set(&self, at: Timestamp) {
        if at.micros() < self.next.fetch_min(at.micros(), Ordering::SeqCst) {
            self.bell.notify_one();
        }
    }

    /// Forgets what it was set to.
    fn clear(&self) {
        self.next.store(i64::MAX, Ordering::SeqCst);
    }
}

/// A timer that is due.
enum Timer {
    Clocks(DueOwner),
    Approval(Box<Approval>),
}

impl Timer {
    /// Gives its name, and when it was due.
    fn name(&self) -> (String, Timestamp) {
        match self {
            Self::Clocks(due) => (due.owner.label(), due.due_at),
            Self::Approval(approval) => (
                approval.approval_id.clone(),
                approval.due_at().unwrap_or_default(),
            ),
        }
    }

    fn input(&self, source: &str, again: Option<i64>) -> Option<Input> {
        match self {
            Self::Clocks(due) => {
                let of = (&due.owner, &due.subject);
                Some(ClockDue::input(source, of, due.due_at, again))
            }
            Self::Approval(approval) => ApprovalDue::input(source, approval, again),
        }
    }
}

/// Feeds what is due into the pipeline.
pub(super) struct Timers {
    /// The house.
    pub(super) app: App,
    /// Rings when an earlier timer was set.
    pub(super) alarm: Arc<Alarm>,
    /// Timers that were decided and are due all the same: how often, and until when they rest.
    pub(super) stuck: HashMap<(String, Timestamp), (i64, Timestamp)>,
}

impl Timers {
    /// Runs until stopped.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let sweep = Schedule::of_house("sweep", SWEEP);
        let mut swept = self.app.clock.now();
        loop {
            self.alarm.clear();
            let now = self.app.clock.now();
            if sweep.next_after(swept).is_some_and(|at| at <= now) {
                swept = now;
                self.sweep(now).await;
            }
            let wait = match self.look(now).await {
                Ok(0) => self.until_next(now).await,
                Ok(_) => Span::default(),
                Err(error) => {
                    tracing::debug!(%error, "what is due was not looked for");
                    LONGEST
                }
            };
            if wait > Span::default() {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = self.app.clock.sleep(wait) => {}
                    () = self.alarm.bell.notified() => {}
                }
            } else if stop.is_cancelled() {
                return;
            }
        }
    }

    /// Has decided what is due, the longest due first, and tells how many that were.
    async fn look(&mut self, now: Timestamp) -> Result<usize, StoreError> {
        let most = MOST.saturating_add(i64::try_from(self.stuck.len()).unwrap_or(MOST));
        let read = self.app.store.read(move |reader| {
            let clocks = reader.clocks_due(now, most)?;
            Ok((clocks, reader.approvals_due(now, most)?))
        });
        let (clocks, approvals) = read.await?;
        let approvals = approvals.into_iter().map(Box::new).map(Timer::Approval);
        let mut due: Vec<((String, Timestamp), Timer)> = clocks
            .into_iter()
            .map(Timer::Clocks)
            .chain(approvals)
            .map(|timer| (timer.name(), timer))
            .filter(|(name, _)| self.stuck.get(name).is_none_or(|(_, until)| *until <= now))
            .collect();
        due.sort_by_key(|((_, due_at), _)| *due_at);
        due.truncate(usize::try_from(MOST).unwrap_or(usize::MAX));
        let count = due.len();
        let (names, inputs): (Vec<_>, Vec<Arc<Input>>) = due
            .into_iter()
            .filter_map(|(name, timer)| {
                let again = self.stuck.get(&name).map(|(times, _)| *times);
                let input = timer.input(&self.app.config.source, again)?;
                Some((name, Arc::new(input)))
            })
            .unzip();
        self.decide(&names, inputs, now).await;
        Ok(count)
    }

    /// Has timers decided together, so that their order is kept; one by one where that fails.
    async fn decide(
        &mut self,
        names: &[(String, Timestamp)],
        inputs: Vec<Arc<Input>>,
        now: Timestamp,
    ) {
        if inputs.is_empty() {
            return;
        }
        match self.app.intake.decide(inputs.clone()).await {
            Ok(receipts) => {
                let decided_at = self.app.clock.now();
                for (name, receipt) in names.iter().zip(receipts) {
                    let late = decided_at.since(name.1).to_std();
                    metrics::histogram!(telemetry::TIMER_LATE_SECONDS).record(late);
                    self.note(name, matches!(receipt, Receipt::Accepted { .. }), now);
                }
            }
            Err(error) => {
                tracing::debug!(%error, "timers are decided one by one");
                for (name, input) in names.iter().zip(inputs) {
                    let done = self.app.intake.decide(vec![input]).await;
                    if let Err(error) = &done {
                        tracing::warn!(timer = %name.0, %error, "a timer was not decided");
                    }
                    let is_accepted = done.is_ok_and(|receipts| {
                        let mut receipts = receipts.iter();
                        receipts.all(|receipt| matches!(receipt, Receipt::Accepted { .. }))
                    });
                    self.note(name, is_accepted, now);
                }
            }
        }
    }

    /// Remembers a timer that did not come to its end here: another daemon decided it, or nobody can.
    fn note(&mut self, name: &(String, Timestamp), is_accepted: bool, now: Timestamp) {
        if is_accepted {
            self.stuck.remove(name);
            return;
        }
        let entry = self.stuck.entry(name.clone()).or_insert((0, now));
        entry.0 += 1;
        let doubled = u32::try_from(entry.0.clamp(0, 20)).unwrap_or(20);
        let rest = REST.0.micros().saturating_mul(1 << doubled);
        entry.1 = now.plus(Span::from_micros(rest.min(REST.1.micros())));
    }

    /// Gives how long to sleep: until the next timer, or until one that is stuck has rested.
    async fn until_next(&mut self, now: Timestamp) -> Span {
        // What is no longer due needs no memory.
        self.stuck.retain(|_, (_, until)| until.plus(REST.1) > now);
        let next = self.app.store.read(|reader| {
            let approvals = reader.approvals_next()?;
            Ok(reader.clocks_next()?.into_iter().chain(approvals).min())
        });
        match next.await {
            Ok(Some(at)) if at > now => {
                self.alarm.arm(at);
                at.since(now).min(LONGEST)
            }
            // It rests.
            Ok(Some(_)) => REST.0,
            Ok(None) | Err(_) => LONGEST,
        }
    }

    /// Looks for clocks without a timer, and has them looked at.
    async fn sweep(&mut self, now: Timestamp) {
        let lost = self.app.store.read(|reader| reader.clocks_lost(MOST));
        let Ok(lost) = lost.await else { return };
        for due in lost {
            tracing::warn!(owner = %due.owner.label(), "a running clock had no timer");
            let of = (&due.owner, &due.subject);
            let again = Some(now.micros());
            let input = ClockDue::input(&self.app.config.source, of, now, again);
            if let Err(error) = self.app.intake.decide(vec![Arc::new(input)]).await {
                tracing::warn!(%error, "a clock without a timer was not looked at");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alarm_rings_for_an_earlier_timer_only() {
        let alarm = Alarm::default();
        alarm.clear();
        let rings = |at: i64| {
            alarm.set(Timestamp::from_micros(at));
            let mut ringing = std::pin::pin!(alarm.bell.notified());
            ringing.as_mut().enable()
        };
        assert!(rings(50));
        assert!(!rings(70));
        assert!(rings(30));
        alarm.clear();
        assert!(rings(90));
        // Who sleeps until then was not woken by it, and hears only of what comes before.
        alarm.clear();
        alarm.arm(Timestamp::from_micros(80));
        assert!(!rings(80));
        assert!(rings(70));
    }
}
