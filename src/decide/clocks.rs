//! Clocks: telling them what happened, keeping what became of them, and doing what follows.
//!
//! How a clock changes is `crate::domain::sla`; here its terms are found – today's by the policy,
//! earlier ones in the database –, its transitions published and kept, people told, and the levels
//! of a breach carried out. Every change of a ticket and every message to it passes by here.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Case, Stop};
use crate::domain::{
    actor::Actor,
    effect::{Escalate, TicketPatch},
    escalation::Trigger,
    outcome::Change,
    sla::{
        Book, Clock, ClockState, Level, MissingTerms, Moment, Owner, Pin, Signal, SlaPolicy, Step,
        Terms, TicketEvent, Transition, TransitionKind, ticket_step,
    },
    ticket::Ticket,
    time::Timestamp,
    verdict::RuleFailure,
    world::Need,
};

impl Case<'_> {
    /// Tells a ticket's clocks what happened to it, and does what follows.
    pub(super) fn tell_clocks(
        &mut self,
        ticket: &Ticket,
        event: &TicketEvent<'_>,
    ) -> Result<(), Stop> {
        let owner = Owner::Ticket(ticket.ticket_id.clone());
        if matches!(event, TicketEvent::Created { .. }) {
            self.clocks.entry(owner.clone()).or_default();
        }
        let is_clocked = self
            .conversation()
            .is_some_and(|known| known.clocked_tickets.contains(&ticket.ticket_id));
        if self.policy.terms().is_empty() && !is_clocked {
            return Ok(());
        }
        let clocks = self.clocks_of(&owner)?;
        let at = match event {
            TicketEvent::Due => self.looked_at(),
            TicketEvent::Repin { .. } => self.now,
            TicketEvent::Created { .. }
            | TicketEvent::Changed { .. }
            | TicketEvent::CustomerMessage { .. }
            | TicketEvent::Reply { .. }
            | TicketEvent::ClosedAs(_)
            | TicketEvent::Acknowledged => self.time,
        };
        let starts = !matches!(event, TicketEvent::Due | TicketEvent::Acknowledged);
        let current = if starts { self.promised(ticket) } else { None };
        let mut book = Book {
            current,
            pinned: Vec::new(),
        };
        let id = self.input.event.id.clone();
        let moment = Moment { at, event: &id };
        let steps = loop {
            match ticket_step(&clocks, ticket, event, &book, moment) {
                Ok(steps) => break steps,
                Err(MissingTerms(pin)) => match self.terms_of(&pin)? {
                    Some(terms) => book.pinned.push(terms),
                    None => return self.give_clocks_up(&clocks, &pin),
                },
            }
        };
        self.take_steps(steps, &book, Some(ticket))
    }

    /// Gives the instant at which a timer looks: the one that it was set for, if the clock of who
    /// decides is behind.
    pub(super) fn looked_at(&self) -> Timestamp {
        let set_for = self.input.event.time;
        set_for.map_or(self.now, |at| at.max(self.now))
    }

    /// Tells the one clock of an approval or a request something; without one, nothing happens.
    pub(super) fn tell_clock(&mut self, owner: &Owner, signal: Signal<'_>) -> Result<(), Stop> {
        let at = match signal {
            Signal::Look => self.looked_at(),
            _ => self.now,
        };
        let id = self.input.event.id.clone();
        let (mut steps, mut book) = (Vec::new(), Book::default());
        let clocks = self.clocks_of(owner)?;
        for clock in &clocks {
            let Some(terms) = self.terms_of(&clock.pin)? else {
                return self.give_clocks_up(&clocks, &clock.pin);
            };
            let moment = Moment { at, event: &id };
            let step = clock.step(signal, &terms, moment);
            book.pinned.push(terms);
            if step.clock != *clock {
                steps.push(step);
            }
        }
        self.take_steps(steps, &book, None)
    }

    /// Starts a clock that belongs to no ticket.
    pub(super) fn start_clock(&mut self, step: Step, terms: Terms) -> Result<(), Stop> {
        self.clocks.entry(step.clock.key.owner.clone()).or_default();
        let book = Book {
            current: Some(terms),
            pinned: Vec::new(),
        };
        self.take_steps(vec![step], &book, None)
    }

    /// Gives what today's policy promises for a ticket.
    pub(super) fn promised(&mut self, ticket: &Ticket) -> Option<Terms> {
        if self.policy.terms().is_empty() {
            return None;
        }
        let facts = self.facts(Some(Arc::new(ticket.clone())));
        let (terms, failures) = self.policy.sla(&facts);
        self.report_failures(&failures);
        terms
    }

    fn clocks_of(&self, owner: &Owner) -> Result<Vec<Clock>, Need> {
        let known = match self.clocks.get(owner) {
            Some(own) => own.as_slice(),
            None => self.world.clocks(owner)?,
        };
        Ok(known.iter().map(|clock| Clock::clone(clock)).collect())
    }

    fn terms_of(&self, pin: &Pin) -> Result<Option<Terms>, Need> {
        match self.policy.pinned(pin) {
            Some(terms) => Ok(Some(terms.clone())),
            None => Ok(self.world.terms(pin)?.cloned()),
        }
    }

    /// Ends clocks whose terms are kept nowhere: nobody can say when they are due.
    fn give_clocks_up(&mut self, clocks: &[Clock], pin: &Pin) -> Result<(), Stop> {
        self.report_failures(&[failure(
            &pin.policy,
            format!(
                "version {} of its terms is kept nowhere; its clocks are given up",
                pin.policy_version
            ),
        )]);
        for clock in clocks.iter().filter(|clock| clock.pin == *pin) {
            let mut clock = clock.clone();
            clock.state = ClockState::Cancelled;
            clock.wake_at = None;
            self.put_clock(clock)?;
        }
        Ok(())
    }

    fn put_clock(&mut self, clock: Clock) -> Result<(), Need> {
        let owner = clock.key.owner.clone();
        let clock = Arc::new(clock);
        if let Owner::Ticket(id) = &owner {
            let is_known = self
                .conversation()
                .is_none_or(|known| known.clocked_tickets.contains(id));
            if !is_known {
                let id = id.clone();
                self.conversation_mut().clocked_tickets.insert(id);
            }
        }
        if !self.clocks.contains_key(&owner) {
            let known = self.world.clocks(&owner)?.to_vec();
            self.clocks.insert(owner.clone(), known);
        }
        let known = self.clocks.entry(owner).or_default();
        match known.iter_mut().find(|known| known.key == clock.key) {
            Some(known) => known.clone_from(&clock),
            None => known.push(Arc::clone(&clock)),
        }
        self.change(Change::Clock(clock));
        Ok(())
    }

    /// Keeps what became of clocks, and tells and does what follows from it.
    fn take_steps(
        &mut self,
        steps: Vec<Step>,
        book: &Book,
        ticket: Option<&Ticket>,
    ) -> Result<(), Stop> {
        let mut happened = Vec::new();
        for step in steps {
            let levels = step.clock.chain.levels.clone();
            let pin = step.clock.pin.clone();
            self.put_clock(step.clock)?;
            for transition in step.happened {
                self.note_transition(&transition, ticket);
                happened.push((transition, levels.clone(), pin.clone()));
            }
        }
        for (transition, levels, pin) in happened {
            let terms = book.terms(&pin).ok();
            let policy = terms.map(|terms| Arc::clone(&terms.policy));
            match transition.kind {
                TransitionKind::Escalated { level, .. } => {
                    let place = usize::try_from(level).unwrap_or(1).saturating_sub(1);
                    if let Some(level) = levels.get(place) {
                        self.carry_out_level(&transition, level, ticket)?;
                    }
                }
                TransitionKind::Warning(_) | TransitionKind::Breached(_) => {
                    let to = policy.as_ref().map(|policy| policy.notify.clone());
                    let not_before = terms
                        .map(|terms| terms.policy.deliver.when(&terms.calendar, transition.at));
                    self.alert(&transition, &to.unwrap_or_default(), ticket, not_before);
                }
                TransitionKind::Started
                | TransitionKind::Met
                | TransitionKind::Stopped
                | TransitionKind::Paused
                | TransitionKind::Resumed
                | TransitionKind::Cancelled(_)
                | TransitionKind::Retargeted(_)
                | TransitionKind::Retracted(_) => {}
            }
        }
        Ok(())
    }

    /// Publishes a transition and keeps it for good; what somebody may be held to is on record too.
    fn note_transition(&mut self, transition: &Transition, ticket: Option<&Ticket>) {
        if let Some(kind) = transition.result_type() {
            let mut data = transition.result_data();
            let subject = self.input.event.subject.as_str();
            if ticket.is_none_or(|ticket| !ticket.conversation_id.is_empty())
                && self.conversation().is_some()
            {
                data.insert("conversation_id".to_owned(), json!(subject));
            }
            self.publish(kind, Value::Object(data));
        }
        let is_on_record = match transition.kind {
            TransitionKind::Breached(_)
            | TransitionKind::Escalated { .. }
            | TransitionKind::Retracted(_)
            | TransitionKind::Retargeted(_) => true,
            TransitionKind::Started
            | TransitionKind::Warning(_)
            | TransitionKind::Met
            | TransitionKind::Stopped
            | TransitionKind::Paused
            | TransitionKind::Resumed
            | TransitionKind::Cancelled(_) => false,
        };
        if is_on_record {
            self.record(json!({
                "effect": format!("sla_{}", transition.kind.as_str()),
                "of": transition.key, "policy": transition.pin.policy, "at": transition.at,
                "due_at": transition.due_after,
            }));
        }
        self.change(Change::Transition(Arc::new(transition.clone())));
    }

    /// Does what a level of a breach that lasts asks for. What cannot be done is reported, the rest is.
    fn carry_out_level(
        &mut self,
        transition: &Transition,
        level: &Level,
        ticket: Option<&Ticket>,
    ) -> Result<(), Stop> {
        self.alert(transition, &level.notify, ticket, None);
        let Some(ticket) = ticket else { return Ok(()) };
        let rule: Arc<str> = Arc::from(transition.pin.policy.as_str());
        let patch = TicketPatch {
            priority: level.priority.filter(|to| *to > ticket.priority),
            assignee: level.assignee.clone().into(),
            team: level.team.clone().into(),
            ..TicketPatch::default()
        };
        if patch != TicketPatch::default() {
            let current = self.ticket(&ticket.ticket_id)?;
            let current = current.unwrap_or_else(|| Arc::new(ticket.clone()));
            let done = self.patch_ticket(&current, &patch, &Actor::rule(&rule));
            self.report_refusal(&rule, done)?;
        }
        if level.escalate {
            let wish = Escalate {
                reason: headline(transition, ticket),
                priority: level
                    .priority
                    .unwrap_or(ticket.priority)
                    .max(ticket.priority),
                team: level.team.clone().or_else(|| ticket.team.clone()),
                ..Escalate::default()
            };
            let raised = self.raise(
                (Trigger::Sla, Some(&rule)),
                &wish,
                Some(ticket.ticket_id.clone()),
            );
            self.report_refusal(&rule, raised)?;
        }
        Ok(())
    }

    /// Turns a refusal into a report: the rule asked for what is not there, and nobody else is at fault.
    fn report_refusal(&mut self, rule: &Arc<str>, done: Result<(), Stop>) -> Result<(), Stop> {
        match done {
            Err(Stop::Refused(rejection)) => {
                self.report_failures(&[failure(rule, rejection.detail)]);
                Ok(())
            }
            other => other,
        }
    }

    /// Tells the people and channels of a policy what its clock has come to.
    fn alert(
        &mut self,
        transition: &Transition,
        to: &[String],
        ticket: Option<&Ticket>,
        not_before: Option<Timestamp>,
    ) {
        let notice = super::alerts::notice(transition, ticket, not_before, &self.link());
        let own_team = ticket.and_then(|ticket| ticket.team.as_deref());
        let to = super::alerts::recipients(to, own_team);
        self.tell(&to, notice);
    }
}

/// Says in one line what a clock has come to.
pub(super) fn headline(transition: &Transition, ticket: &Ticket) -> String {
    super::alerts::headline(transition, Some(ticket))
}

fn failure(rule: &str, error: String) -> RuleFailure {
    RuleFailure {
        rule: Arc::from(rule),
        file: Arc::from(""),
        line: 0,
        column: 0,
        error,
    }
}

/// Gives the policy of terms, where there are any.
pub(super) fn policy_of(terms: Option<&Terms>) -> Option<&SlaPolicy> {
    terms.map(|terms| &*terms.policy)
}
