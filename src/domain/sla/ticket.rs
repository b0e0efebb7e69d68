//! From what happens to a ticket to its clocks.
//!
//! One pass: what happened, the ticket as it is after it, its clocks, the terms. What was told
//! to a customer or asked by one goes to the response clocks, moves to `resolution` and to
//! whatever else the policy pauses, people to `own`. A clock goes by the terms that it has
//! pinned; a new one by today's.

use super::{
    Book, CancelReason, Clock, ClockKey, ClockState, Metric, MissingTerms, Moment, Owner, Reopen,
    RetargetCause, Signal, Step, Terms,
};
use crate::domain::{
    actor::ActorKind,
    ticket::{Ticket, TicketStatus},
    time::Timestamp,
};

/// What happened to a ticket.
#[derive(Clone, Copy, Debug)]
pub enum TicketEvent<'a> {
    /// It was opened.
    Created {
        /// By whom: for the customer's first message of a ticket that an agent opens is waited.
        by: ActorKind,
    },
    /// Somebody changed it.
    Changed {
        /// As it was.
        before: &'a Ticket,
    },
    /// The customer wrote, and [`super::on_customer_message`] was done to it.
    CustomerMessage {
        /// As it was.
        before: &'a Ticket,
    },
    /// Somebody answered the customer, in the conversation or by a public comment.
    Reply {
        /// Who; a customer's is no reply.
        by: ActorKind,
    },
    /// It was merged, or was no ticket at all.
    ClosedAs(CancelReason),
    /// Somebody has taken notice of its escalation.
    Acknowledged,
    /// Somebody moves its clocks to what today's policy promises.
    Repin {
        /// Only those that go by the policy of this name.
        of: Option<&'a str>,
    },
    /// A timer of one of its clocks, or the safety sweep.
    Due,
}

/// Gives the clocks of a ticket that change by what happened to it, or start.
///
/// *Shape*: `clocks` are all that the ticket ever had; those that stay as they are are left
/// out; in order of their keys. What has to be looked at next is each one's `wake_at`.
///
/// *Errors*: [`MissingTerms`] of a live clock, with which to load and to ask again.
pub fn ticket_step(
    clocks: &[Clock],
    ticket: &Ticket,
    event: &TicketEvent<'_>,
    book: &Book,
    moment: Moment<'_>,
) -> Result<Vec<Step>, MissingTerms> {
    let steps = clocks.iter().map(|clock| Step {
        clock: clock.clone(),
        happened: Vec::new(),
    });
    let mut round = Round {
        steps: steps.collect(),
        ticket,
        book,
        moment,
    };
    match event {
        TicketEvent::Created { by } => round.created(*by),
        TicketEvent::Changed { before } => round.changed(before)?,
        TicketEvent::CustomerMessage { before } => {
            round.changed(before)?;
            round.asked();
        }
        TicketEvent::Reply { by } => round.replied(*by)?,
        TicketEvent::ClosedAs(reason) => {
            round.tell(|_| Some(Signal::Cancel(*reason)))?;
        }
        TicketEvent::Acknowledged => round.tell(|_| Some(Signal::SeenTo))?,
        TicketEvent::Repin { of } => round.repinned(*of)?,
        TicketEvent::Due => round.tell(|_| Some(Signal::Look))?,
    }
    let mut changed: Vec<Step> = round.steps;
    changed.retain(|step| !step.happened.is_empty() || !clocks.contains(&step.clock));
    changed.sort_by(|a, b| a.clock.key.cmp(&b.clock.key));
    Ok(changed)
}

struct Round<'a> {
    steps: Vec<Step>,
    ticket: &'a Ticket,
    book: &'a Book,
    moment: Moment<'a>,
}

impl<'a> Round<'a> {
    fn created(&mut self, by: ActorKind) {
        if by != ActorKind::Agent {
            self.start(Metric::FirstResponse, self.moment.at);
        }
        self.start(Metric::Resolution, self.moment.at);
        if self.ticket.assignee.is_none() {
            self.start(Metric::Own, self.moment.at);
        }
    }

    fn changed(&mut self, before: &Ticket) -> Result<(), MissingTerms> {
        let (was, is) = (before.status, self.ticket.status);
        if !is.is_unfinished() {
            return if was.is_unfinished() {
                self.finished()
            } else {
                Ok(())
            };
        }
        let is_reopened = !was.is_unfinished();
        if is_reopened {
            self.reopened()?;
        }
        self.moved()?;
        self.handed(before)?;
        self.realign(before, is_reopened)?;
        // What has just started waits too.
        self.moved()
    }

    /// It waits for the customer, or does not: what pauses then is paused.
    fn moved(&mut self) -> Result<(), MissingTerms> {
        if self.ticket.status != TicketStatus::Waiting {
            return self
                .tell(|clock| (clock.state == ClockState::Paused).then_some(Signal::Resume));
        }
        let book = self.book;
        self.tell(|clock| {
            // A clock whose terms are missing is told, so that they are asked for.
            let terms = book.terms(&clock.pin).ok();
            let pauses = terms.is_none_or(|terms| terms.policy.pauses(clock.key.metric));
            (pauses && clock.state == ClockState::Running).then_some(Signal::Pause)
        })
    }

    /// It is resolved or closed: what is still waited for is no longer wanted, unless it is late.
    fn finished(&mut self) -> Result<(), MissingTerms> {
        let at = self.moment.at;
        self.tell(|clock| {
            let is_end = clock.key.metric == Metric::Resolution;
            Some(if is_end || clock.is_over_at(at) {
                Signal::Stop
            } else {
                Signal::Cancel(CancelReason::Resolved)
            })
        })
    }

    /// Work begins again: on the clock that was stopped, or on a fresh one.
    fn reopened(&mut self) -> Result<(), MissingTerms> {
        let newest = |step: &&mut Step| step.clock.key.metric == Metric::Resolution;
        let newest = self.steps.iter_mut().filter(newest);
        let newest = newest.max_by_key(|step| step.clock.key.cycle);
        let stopped = newest.filter(|step| step.clock.state == ClockState::Stopped);
        if let Some(step) = stopped {
            let terms = self.book.terms(&step.clock.pin)?;
            if terms.policy.reopen != Reopen::NewCycle {
                let next = step.clock.step(Signal::Reopen, terms, self.moment);
                step.take(next);
            }
        }
        self.start_unless_live(Metric::Resolution);
        if self.ticket.assignee.is_none() {
            self.start_unless_live(Metric::Own);
        }
        Ok(())
    }

    /// Somebody looks after it now, or has to be found.
    fn handed(&mut self, before: &Ticket) -> Result<(), MissingTerms> {
        let ticket = self.ticket;
        if ticket.assignee.is_some() && ticket.assignee != before.assignee {
            return self.tell(|clock| (clock.key.metric == Metric::Own).then_some(Signal::Stop));
        }
        let is_dropped = ticket.assignee.is_none() && before.assignee.is_some();
        let is_handed_on = ticket.team.is_some() && ticket.team != before.team;
        if is_dropped || is_handed_on {
            self.start_unless_live(Metric::Own);
        }
        Ok(())
    }

    /// Its priority has changed, now or while it was done, or so much that another policy may hold.
    fn realign(&mut self, before: &Ticket, is_reopened: bool) -> Result<(), MissingTerms> {
        let ticket = self.ticket;
        let is_other = ticket.priority != before.priority
            || ticket.team != before.team
            || ticket.category != before.category
            || ticket.tags != before.tags;
        if !is_other && !is_reopened {
            return Ok(());
        }
        let current = self.book.current.as_ref().filter(|_| is_other);
        self.retarget(|pinned| {
            let other = current.filter(|terms| terms.policy.name != pinned)?;
            Some((other, RetargetCause::Policy))
        })?;
        let has_one = |step: &Step| step.clock.key.metric == Metric::Resolution;
        if !self.steps.iter().any(has_one) {
            self.start(Metric::Resolution, self.moment.at);
        }
        Ok(())
    }

    fn repinned(&mut self, of: Option<&str>) -> Result<(), MissingTerms> {
        let Some(current) = &self.book.current else {
            return Ok(());
        };
        for index in self.live() {
            if of.is_none_or(|of| self.steps[index].clock.pin.policy == of) {
                self.give(index, (current, RetargetCause::Repin))?;
            }
        }
        Ok(())
    }

    /// Gives the live clocks the targets of these terms, by the name of the policy that they go by;
    /// `None`: those of the terms that they have pinned, at the ticket's priority.
    fn retarget(
        &mut self,
        terms: impl Fn(&str) -> Option<(&'a Terms, RetargetCause)>,
    ) -> Result<(), MissingTerms> {
        for index in self.live() {
            let clock = &self.steps[index].clock;
            let other = terms(&clock.pin.policy);
            let (to, cause) = match other {
                Some(other) => other,
                None => (self.book.terms(&clock.pin)?, RetargetCause::Priority),
            };
            let target = to.policy.target(clock.key.metric, self.ticket.priority);
            if other.is_none() && target == Some(clock.target) {
                continue;
            }
            self.give(index, (to, cause))?;
        }
        Ok(())
    }

    /// Gives a clock other terms, and the target that they have for it; without one it ends.
    fn give(
        &mut self,
        index: usize,
        (to, cause): (&'a Terms, RetargetCause),
    ) -> Result<(), MissingTerms> {
        let metric = self.steps[index].clock.key.metric;
        let signal = match to.policy.target(metric, self.ticket.priority) {
            Some(target) => Signal::Retarget { to, target, cause },
            None => Signal::Cancel(CancelReason::Policy),
        };
        self.tell_one(index, signal)
    }

    /// The customer has written.
    fn asked(&mut self) {
        let at = self.moment.at;
        // A message that comes late may have been answered before it came.
        let is_answered = self.steps.iter().any(|step| {
            let is_stopped = step.clock.state == ClockState::Stopped;
            step.clock.key.metric.is_response() && is_stopped && step.clock.since > at
        });
        if is_answered || !self.ticket.status.is_unfinished() {
            return;
        }
        let live = self.live();
        let mut asked = live
            .into_iter()
            .filter(|index| self.steps[*index].clock.key.metric.is_response());
        if let Some(index) = asked.next() {
            self.steps[index].clock.note_message(at);
            return;
        }
        let has_first = |step: &Step| step.clock.key.metric == Metric::FirstResponse;
        let is_first = !self.steps.iter().any(has_first);
        let is_asking = (is_first && self.start(Metric::FirstResponse, at))
            || self.start(Metric::NextResponse, at);
        if let Some(step) = self.steps.last_mut().filter(|_| is_asking) {
            step.clock.note_message(at);
        }
    }

    /// Somebody has answered.
    fn replied(&mut self, by: ActorKind) -> Result<(), MissingTerms> {
        let at = self.moment.at;
        let mut later: Vec<Timestamp> = Vec::new();
        for index in self.live() {
            let clock = &self.steps[index].clock;
            let counts = match by {
                ActorKind::Customer => false,
                ActorKind::Agent => true,
                ActorKind::Ai | ActorKind::System => self.book.terms(&clock.pin)?.policy.bot_counts,
            };
            if !counts {
                continue;
            }
            if !clock.key.metric.is_response() {
                self.tell_one(index, Signal::SeenTo)?;
            } else if clock.started_at <= at {
                later.extend(clock.unanswered.iter().filter(|asked| **asked > at));
                self.tell_one(index, Signal::Stop)?;
                self.steps[index].clock.unanswered.clear();
            }
        }
        later.sort_unstable();
        if let Some(oldest) = later.first().copied()
            && self.ticket.status.is_unfinished()
            && self.start(Metric::NextResponse, oldest)
            && let Some(step) = self.steps.last_mut()
        {
            step.clock.unanswered = later;
        }
        Ok(())
    }

    /// Tells each live clock what concerns it.
    fn tell(&mut self, signal: impl Fn(&Clock) -> Option<Signal<'a>>) -> Result<(), MissingTerms> {
        for index in self.live() {
            if let Some(signal) = signal(&self.steps[index].clock) {
                self.tell_one(index, signal)?;
            }
        }
        Ok(())
    }

    fn tell_one(&mut self, index: usize, signal: Signal<'a>) -> Result<(), MissingTerms> {
        let step = &mut self.steps[index];
        let terms = self.book.terms(&step.clock.pin)?;
        let next = step.clock.step(signal, terms, self.moment);
        step.take(next);
        Ok(())
    }

    fn live(&self) -> Vec<usize> {
        let live = self.steps.iter().enumerate();
        live.filter(|(_, step)| step.clock.state.is_live())
            .map(|(index, _)| index)
            .collect()
    }

    fn start_unless_live(&mut self, metric: Metric) {
        let mut steps = self.steps.iter();
        if !steps.any(|step| step.clock.key.metric == metric && step.clock.state.is_live()) {
            self.start(metric, self.moment.at);
        }
    }

    /// Starts the next cycle of a metric, last in the row; tells whether anything is promised.
    fn start(&mut self, metric: Metric, at: Timestamp) -> bool {
        let Some(terms) = &self.book.current else {
            return false;
        };
        let Some(target) = terms.policy.target(metric, self.ticket.priority) else {
            return false;
        };
        let cycles = self.steps.iter().map(|step| &step.clock.key);
        let cycles = cycles.filter(|key| key.metric == metric);
        let key = ClockKey {
            owner: Owner::Ticket(self.ticket.ticket_id.clone()),
            metric,
            cycle: cycles.map(|key| key.cycle).max().unwrap_or(0) + 1,
        };
        let moment = Moment { at, ..self.moment };
        self.steps.push(Clock::start(key, terms, target, moment));
        true
    }
}

impl Step {
    /// Goes one step further.
    fn take(&mut self, next: Step) {
        self.clock = next.clock;
        self.happened.extend(next.happened);
    }
}
