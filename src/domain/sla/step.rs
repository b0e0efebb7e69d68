//! The one way in which a clock changes: a signal, and when it happened.
//!
//! What time has brought until then is settled first, so that outcomes do not depend on who
//! looked when. A signal that comes late counts at its own time: a breach that it proves wrong
//! is retracted. One from before the clock's last change counts at that change.

use super::{
    Breach, BreachCause, CancelReason, Chain, Clock, ClockKey, ClockState, RetargetCause, Terms,
    Transition, TransitionKind, clock::breach_of,
};
use crate::domain::time::{Span, Timestamp};

/// When something happened, and the event or timer that says so.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// When it happened; of a timer, now.
    pub at: Timestamp,
    /// The event's id.
    pub event: &'a str,
}

/// What a clock is told.
#[derive(Clone, Copy, Debug)]
pub enum Signal<'a> {
    /// Time has passed: a timer, or the safety sweep.
    Look,
    /// Nothing counts from now on. Changes nothing where it does not run.
    Pause,
    /// It counts again. Changes nothing where it is not paused.
    Resume,
    /// What it waits for has happened.
    Stop,
    /// What it waits for is no longer wanted.
    Cancel(CancelReason),
    /// What it waited for has happened, but not for good.
    Reopen,
    /// Somebody has seen to the breach: no level fires any more.
    SeenTo,
    /// It has another target, or other terms. Changes nothing where both are the same.
    Retarget {
        /// The terms from now on.
        to: &'a Terms,
        /// The target from now on.
        target: Span,
        /// Why.
        cause: RetargetCause,
    },
}

/// A clock after a signal, and what happened to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The clock as it is now.
    pub clock: Clock,
    /// What happened, in order of its record; empty where the signal changed nothing that is told.
    pub happened: Vec<Transition>,
}

impl Clock {
    /// Starts a clock.
    pub fn start(key: ClockKey, terms: &Terms, target: Span, moment: Moment<'_>) -> Step {
        let clock = Self {
            key,
            pin: terms.pin(),
            state: ClockState::Running,
            started_at: moment.at,
            target,
            consumed: Span::default(),
            since: moment.at,
            due_at: terms.calendar.due(moment.at, target),
            wake_at: None,
            warned: std::collections::BTreeSet::new(),
            breach: None,
            met_at: None,
            unanswered: Vec::new(),
            chain: Chain::default(),
        };
        let mut stepping = Stepping::new(clock, terms, moment.event);
        stepping.due_before = None;
        stepping.note(TransitionKind::Started, moment.at);
        stepping.done()
    }

    /// Gives the clock as it is after a signal.
    ///
    /// *Shape*: the terms are those that it has pinned. A signal that finds nothing to do gives
    /// the clock as it was.
    #[must_use]
    pub fn step(&self, signal: Signal<'_>, terms: &Terms, moment: Moment<'_>) -> Step {
        let mut stepping = Stepping::new(self.clone(), terms, moment.event);
        let at = moment.at;
        match signal {
            Signal::Look => stepping.settle(at),
            Signal::Pause => stepping.pause(at),
            Signal::Resume => stepping.resume(at),
            Signal::Stop => stepping.stop(at),
            Signal::Cancel(reason) => stepping.cancel(reason, at),
            Signal::Reopen => stepping.reopen(at),
            Signal::SeenTo => stepping.seen_to(at),
            Signal::Retarget { to, target, cause } => stepping.retarget(to, target, cause, at),
        }
        stepping.done()
    }
}

/// A clock under way from one state to the next.
pub(super) struct Stepping<'a> {
    pub(super) clock: Clock,
    pub(super) terms: &'a Terms,
    event: &'a str,
    /// The due time as the record has it; `None`: it has none.
    due_before: Option<Timestamp>,
    happened: Vec<Transition>,
}

impl<'a> Stepping<'a> {
    fn new(clock: Clock, terms: &'a Terms, event: &'a str) -> Self {
        Self {
            due_before: Some(clock.due_at),
            clock,
            terms,
            event,
            happened: Vec::new(),
        }
    }

    fn done(mut self) -> Step {
        self.clock.wake_at = self.wake();
        Step {
            clock: self.clock,
            happened: self.happened,
        }
    }

    /// Adds to the record.
    pub(super) fn note(&mut self, kind: TransitionKind, at: Timestamp) {
        let due_before = self.due_before.replace(self.clock.due_at);
        let clock = &self.clock;
        self.happened.push(Transition {
            kind,
            at,
            key: clock.key.clone(),
            pin: clock.pin.clone(),
            state: clock.state,
            target: clock.target,
            consumed: clock.consumed_at(&self.terms.calendar, at),
            due_before,
            due_after: clock.due_at,
            breached_at: clock.breach.map(|breach| breach.at),
            event: self.event.to_owned(),
        });
    }

    pub(super) fn breach(&mut self, at: Timestamp, cause: BreachCause) {
        self.clock.breach = Some(Breach {
            at,
            consumed: self.clock.consumed_at(&self.terms.calendar, at),
            cause,
        });
        self.note(TransitionKind::Breached(cause), at);
    }

    /// Takes a breach back that a late event proves wrong: what it says was before it was due.
    fn retract(&mut self, at: Timestamp) {
        let late = |breach: &Breach| breach.cause == BreachCause::Due && at < breach.at;
        if let Some(breach) = self.clock.breach.take_if(|breach| late(breach)) {
            self.clock.chain = Chain::default();
            self.note(TransitionKind::Retracted(breach.at), at);
        }
    }

    /// Counts up to an instant, and stands there in another state.
    fn stand(&mut self, state: ClockState, at: Timestamp) {
        self.clock.consumed = self.clock.consumed_at(&self.terms.calendar, at);
        self.clock.since = at;
        self.clock.state = state;
        let zone_data = self.terms.calendar.zone_data();
        if self.clock.pin.zone_data != zone_data {
            zone_data.clone_into(&mut self.clock.pin.zone_data);
        }
    }

    /// Gives when a signal counts: not before the clock's last change.
    fn counts_at(&self, at: Timestamp) -> Timestamp {
        at.max(self.clock.since)
    }

    fn pause(&mut self, at: Timestamp) {
        if self.clock.state != ClockState::Running {
            return;
        }
        let at = self.counts_at(at);
        self.retract(at);
        self.settle(at);
        self.stand(ClockState::Paused, at);
        self.note(TransitionKind::Paused, at);
    }

    fn resume(&mut self, at: Timestamp) {
        if self.clock.state != ClockState::Paused {
            return;
        }
        let at = self.counts_at(at);
        self.run_again(at, true);
    }

    /// Lets it run on, due when the rest of its target is used up.
    fn run_again(&mut self, at: Timestamp, is_told: bool) {
        self.stand(ClockState::Running, at);
        if self.clock.breach.is_none() {
            let left = Span::from_micros(self.clock.left().max(0));
            self.clock.due_at = self.terms.calendar.due(at, left);
        }
        if is_told {
            self.note(TransitionKind::Resumed, at);
        }
        // Only a retarget while it stood still takes more than there was.
        if self.clock.breach.is_none() && self.clock.left() < 0 {
            self.breach(at, BreachCause::Retarget);
        }
    }

    fn stop(&mut self, happened_at: Timestamp) {
        if !self.clock.state.is_live() {
            return;
        }
        self.retract(happened_at);
        let at = self.counts_at(happened_at);
        if self.clock.state == ClockState::Paused {
            self.run_again(at, false);
        }
        self.settle_breach(happened_at);
        self.stand(ClockState::Stopped, at);
        self.clock.chain.is_stopped = true;
        if self.clock.breach.is_none() {
            self.clock.met_at = Some(happened_at);
            self.note(TransitionKind::Met, at);
        } else {
            self.note(TransitionKind::Stopped, at);
        }
    }

    fn cancel(&mut self, reason: CancelReason, happened_at: Timestamp) {
        if !self.clock.state.is_live() {
            return;
        }
        self.retract(happened_at);
        self.settle_breach(happened_at);
        let at = self.counts_at(happened_at);
        self.stand(ClockState::Cancelled, at);
        self.clock.chain.is_stopped = true;
        self.note(TransitionKind::Cancelled(reason), at);
    }

    fn reopen(&mut self, at: Timestamp) {
        if self.clock.state == ClockState::Stopped {
            let at = self.counts_at(at);
            self.run_again(at, true);
        }
    }

    fn seen_to(&mut self, at: Timestamp) {
        if self.clock.state == ClockState::Running {
            self.settle(at);
        }
        if self.clock.breach.is_some_and(|breach| at >= breach.at) {
            self.clock.chain.is_stopped = true;
        }
    }

    fn retarget(&mut self, to: &'a Terms, target: Span, cause: RetargetCause, at: Timestamp) {
        let is_same = to.pin() == self.clock.pin && target == self.clock.target;
        if !self.clock.state.is_live() || is_same {
            return;
        }
        let at = self.counts_at(at);
        let is_extended =
            target.micros() > self.clock.consumed_at(&self.terms.calendar, at).micros();
        if is_extended {
            self.retract(at);
        }
        self.settle(at);
        // What is used up was counted by the old calendar; what is left, by the new one.
        self.stand(self.clock.state, at);
        self.terms = to;
        self.clock.pin = to.pin();
        self.clock.target = target;
        let left = self.clock.left();
        if left > 0 {
            self.clock.due_at = to.calendar.due(at, Span::from_micros(left));
        } else if self.clock.breach.is_none() {
            self.clock.due_at = at;
        }
        let used = self.clock.consumed;
        let is_passed = |threshold: Option<Span>| threshold.is_none_or(|passed| passed <= used);
        self.clock
            .warned
            .retain(|warn| is_passed(warn.threshold(target)));
        self.note(TransitionKind::Retargeted(cause), at);
        if self.clock.state == ClockState::Running {
            if left <= 0 && self.clock.breach.is_none() {
                self.breach(at, BreachCause::Retarget);
            }
            self.settle(at);
        }
    }
}

impl Stepping<'_> {
    /// Notes that it was due, if it was by then.
    pub(super) fn settle_breach(&mut self, until: Timestamp) {
        let is_standing = self.clock.state != ClockState::Running || self.clock.breach.is_some();
        let at = breach_of(self.clock.due_at);
        if !is_standing && at <= until {
            self.overtake_warnings();
            self.breach(at, BreachCause::Due);
        }
    }
}
