//! Timers: clocks, approvals and runs of procedures whose time has come, as inputs.
//!
//! Timers are rows: what is due is found by its instant, so that a look costs what is due and
//! not what runs, and a daemon that comes later finds what one before it left. Due timers are
//! handed on in due order, a subject's together, each decided as of the instant that it was set
//! for; a timer always makes the same event, so that of several daemons one decides it.
//! Between looks this sleeps until the next timer; a commit that sets an earlier one rings.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use futures_util::{StreamExt, stream};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{app::App, intake::Receipt};
use crate::{
    decide::{ApprovalDue, ClockDue, Input, RunDue},
    domain::{
        approval::Approval,
        ids::SubjectId,
        run::Run,
        time::{Span, Timestamp},
    },
    policy::Schedule,
    store::{DueOwner, StoreError},
    telemetry,
};

/// The longest sleep: what other daemons have set, and a clock that jumps, is noticed by then.
const LONGEST: Span = Span::from_secs(1);
/// How many timers are read at once.
const MOST: i64 = 2_048;
/// How many subjects' timers are on their way at once.
const IN_FLIGHT: usize = 512;
/// How many clocks without a timer are looked at in one sweep.
const MOST_LOST: i64 = 256;
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

/// What a timer belongs to, and when it was due.
type Name = (String, Timestamp);

/// A timer that is to be decided.
struct Due {
    name: Name,
    input: Arc<Input>,
}

/// Puts timers together that have one subject, the longest due first.
fn by_subject(mut due: Vec<Due>) -> Vec<Vec<Due>> {
    due.sort_by_key(|due| due.name.1);
    let mut groups: Vec<Vec<Due>> = Vec::with_capacity(due.len());
    let mut places: HashMap<SubjectId, usize> = HashMap::with_capacity(due.len());
    for one in due {
        let subject = one.input.event.subject.clone();
        let place = *places.entry(subject).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(one),
            None => groups.push(vec![one]),
        }
    }
    groups
}

/// A timer that is due.
enum Timer {
    Clocks(DueOwner),
    Approval(Box<Approval>),
    Run(Box<Run>),
}

impl Timer {
    fn name(&self) -> Name {
        match self {
            Self::Clocks(due) => (due.owner.label(), due.due_at),
            Self::Approval(approval) => (
                approval.approval_id.clone(),
                approval.due_at().unwrap_or_default(),
            ),
            Self::Run(run) => (run.run_id.clone(), run.due_at().unwrap_or_default()),
        }
    }

    fn input(&self, source: &str, again: Option<i64>) -> Option<Input> {
        match self {
            Self::Clocks(due) => {
                let of = (&due.owner, &due.subject);
                Some(ClockDue::input(source, of, due.due_at, again))
            }
            Self::Approval(approval) => ApprovalDue::input(source, approval, again),
            Self::Run(run) => RunDue::input(source, run, again),
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
    pub(super) stuck: HashMap<Name, (i64, Timestamp)>,
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
            let approvals = reader.approvals_due(now, most)?;
            Ok((clocks, approvals, reader.runs_due(now, most)?))
        });
        let (clocks, approvals, runs) = read.await?;
        let approvals = approvals.into_iter().map(Box::new).map(Timer::Approval);
        let runs = runs.into_iter().map(Box::new).map(Timer::Run);
        let timers = clocks.into_iter().map(Timer::Clocks);
        let timers = timers.chain(approvals).chain(runs);
        let due: Vec<Due> = timers.filter_map(|timer| self.due(&timer, now)).collect();
        let count = due.len();
        let ended = stream::iter(by_subject(due))
            .map(|due| self.decide(due))
            .buffer_unordered(IN_FLIGHT);
        let ended: Vec<(Name, bool)> = ended.map(stream::iter).flatten().collect().await;
        for (name, is_accepted) in ended {
            self.note(name, is_accepted, now);
        }
        Ok(count)
    }

    /// Makes the input of a timer, unless it rests.
    fn due(&self, timer: &Timer, now: Timestamp) -> Option<Due> {
        let name = timer.name();
        let stuck = self.stuck.get(&name);
        if stuck.is_some_and(|(_, until)| *until > now) {
            return None;
        }
        let input = timer.input(&self.app.config.source, stuck.map(|(times, _)| *times))?;
        Some(Due {
            name,
            input: Arc::new(input),
        })
    }

    /// Has a subject's timers decided together, so that their order is kept; one by one where that
    /// fails. Tells of each whether it came to its end here.
    async fn decide(&self, due: Vec<Due>) -> Vec<(Name, bool)> {
        let inputs = due.iter().map(|due| Arc::clone(&due.input)).collect();
        let mut ended = Vec::with_capacity(due.len());
        match self.app.intake.decide_behind(inputs).await {
            Ok(receipts) => {
                let decided_at = self.app.clock.now();
                for (due, receipt) in due.into_iter().zip(receipts) {
                    let late = decided_at.since(due.name.1).to_std();
                    metrics::histogram!(telemetry::TIMER_LATE_SECONDS).record(late);
                    ended.push((due.name, matches!(receipt, Receipt::Accepted { .. })));
                }
            }
            Err(error) if due.len() == 1 => {
                tracing::warn!(timer = %due[0].name.0, %error, "a timer was not decided");
                ended.extend(due.into_iter().map(|due| (due.name, false)));
            }
            Err(error) => {
                tracing::debug!(%error, "timers are decided one by one");
                for due in due {
                    ended.extend(Box::pin(self.decide(vec![due])).await);
                }
            }
        }
        ended
    }

    /// Remembers a timer that did not come to its end here: another daemon decided it, or nobody can.
    fn note(&mut self, name: Name, is_accepted: bool, now: Timestamp) {
        if is_accepted {
            self.stuck.remove(&name);
            return;
        }
        let entry = self.stuck.entry(name).or_insert((0, now));
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
            let next = [
                reader.clocks_next()?,
                reader.approvals_next()?,
                reader.runs_next()?,
            ];
            Ok(next.into_iter().flatten().min())
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
        let lost = self.app.store.read(|reader| reader.clocks_lost(MOST_LOST));
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
