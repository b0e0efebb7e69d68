//! A case: the working copy on which one decision is made.
//!
//! Holds what the decision has changed so far, so that its later steps see its
//! earlier ones, and gathers the outcome. Every input type works through it.

use std::{collections::BTreeMap, sync::Arc};

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::{Input, Settings};
use crate::{
    domain::{
        actor::Actor,
        audit::{AuditCheck, AuditOutcome},
        conversation::{Conversation, ConversationStatus},
        event::{Event, Reason, Rejection},
        facts::{Facts, StateFacts},
        outcome::{AuditDraft, Change, Outcome, ResultEvent},
        request::{Check, Request, StepOf},
        run::Run,
        sla::{Clock, Owner},
        ticket::Ticket,
        time::{Span, Timestamp},
        verdict::RuleFailure,
        world::{Need, World},
    },
    policy::Policy,
    procedures::interpret::Acted,
};

/// An event's time counts at most this much later than its intake.
const MAX_AHEAD: Span = Span::from_secs(5);

/// Why a decision did not come to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The world is too small.
    Needs(Vec<Need>),
    /// The input is understood and refused.
    Refused(Rejection),
}

impl Stop {
    /// Refuses the input for `reason`, at `field`.
    pub(super) fn refuse(reason: Reason, field: &str, detail: String) -> Self {
        Self::Refused(Rejection::new(reason, field, detail))
    }
}

impl From<Need> for Stop {
    fn from(need: Need) -> Self {
        Self::Needs(vec![need])
    }
}

/// The working copy of one decision.
#[derive(Debug)]
pub struct Case<'a> {
    pub(super) policy: &'a Policy,
    pub(super) settings: &'a Settings,
    pub(super) world: &'a World,
    pub(super) input: &'a Input,
    /// When it is decided.
    pub(super) now: Timestamp,
    /// When it happened.
    pub(super) time: Timestamp,
    conversation: Option<Arc<Conversation>>,
    conversation_changed: bool,
    tickets: BTreeMap<String, Arc<Ticket>>,
    /// The clocks that this decision has to do with, as they are now.
    pub(super) clocks: BTreeMap<Owner, Vec<Arc<Clock>>>,
    /// Requests that this decision has changed.
    pub(super) requests: BTreeMap<String, Arc<Request>>,
    /// Runs that this decision has changed.
    pub(super) runs: BTreeMap<String, Arc<Run>>,
    /// How requests have ended that are steps of runs, each with its step and its own id.
    pub(super) acted: Vec<(StepOf, String, Acted)>,
    numbers_taken: usize,
    ids_made: usize,
    effects: Vec<Value>,
    rules: Vec<String>,
    checks: Vec<AuditCheck>,
    end: AuditOutcome,
    /// How much it is about, for the record.
    pub(super) amount: Option<Decimal>,
    about: Option<String>,
    outcome: Outcome,
}

impl<'a> Case<'a> {
    /// Opens the case of an input.
    pub(super) fn open(
        policy: &'a Policy,
        settings: &'a Settings,
        world: &'a World,
        input: &'a Input,
        now: Timestamp,
    ) -> Self {
        Self {
            policy,
            settings,
            world,
            input,
            now,
            time: input.event.time.unwrap_or(now).min(now.plus(MAX_AHEAD)),
            conversation: world.conversation(&input.event.subject).map(Arc::clone),
            conversation_changed: false,
            tickets: BTreeMap::new(),
            clocks: BTreeMap::new(),
            requests: BTreeMap::new(),
            runs: BTreeMap::new(),
            acted: Vec::new(),
            numbers_taken: 0,
            ids_made: 0,
            effects: Vec::new(),
            rules: Vec::new(),
            checks: Vec::new(),
            end: AuditOutcome::Done,
            amount: None,
            about: None,
            outcome: Outcome::default(),
        }
    }

    /// Gives the conversation to change; a new one begins here.
    pub(super) fn conversation_mut(&mut self) -> &mut Conversation {
        self.conversation_changed = true;
        let time = self.time;
        let conversation = Arc::make_mut(self.conversation.get_or_insert_with(|| {
            Arc::new(Conversation {
                started_at: time,
                ..Conversation::default()
            })
        }));
        conversation.updated_at = conversation.updated_at.max(time);
        conversation
    }

    /// Gives the conversation as it is now; `None` when the subject is none.
    pub(super) fn conversation(&self) -> Option<&Arc<Conversation>> {
        self.conversation.as_ref()
    }

    /// Opens a resolved or ended conversation again, because it goes on.
    pub(super) fn reopen(&mut self) {
        self.conversation_mut().status = ConversationStatus::Open;
    }

    /// Gives who acts: as the event says, where it may say so.
    pub(super) fn actor(&self) -> Actor {
        let stated = |value: &Value| serde_json::from_value::<Actor>(value.clone()).ok();
        let data = &self.input.event.data;
        let author = || {
            data.get("message")
                .and_then(|message| message.get("author"))
        };
        if let Some(actor) = data.get("actor").or_else(author).and_then(stated) {
            return actor;
        }
        self.input.entry.actor.clone()
    }

    /// Gives the id of the customer whom the conversation is with, or was with before this.
    fn customer(&self) -> Option<String> {
        if self.about.is_some() {
            return self.about.clone();
        }
        let before = self.world.conversation(&self.input.event.subject);
        let conversations = self.conversation.iter().chain(before);
        let mut ids = conversations.filter_map(|conversation| conversation.customer_text("id"));
        ids.next().map(str::to_owned)
    }

    /// Gives the roles with which it acts. Whoever may not name actors acts with its own.
    pub(super) fn roles(&self) -> Vec<String> {
        let entry = &self.input.entry;
        if entry.is_trusted {
            self.settings.directory.roles_of(&self.actor())
        } else {
            entry.actor.roles.clone()
        }
    }

    /// Looks whether the actor may ask for this at all.
    ///
    /// *Errors*: `forbidden`, with what it would take.
    pub(super) fn check_access(&self) -> Result<(), Rejection> {
        let needs = self.input.needs;
        if needs.is_empty() {
            return Ok(());
        }
        let known = &self.settings.directory.roles;
        let Some(needed) = known.lacking(&self.roles(), needs) else {
            return Ok(());
        };
        let detail = format!(
            "`{}` needs the verb {needed}, which no role of `{}` gives",
            self.input.event.kind,
            self.actor().id
        );
        Err(Rejection::new(Reason::Forbidden, "data.actor", detail))
    }

    /// Gives a ticket of this conversation, with what this decision has changed on it.
    pub(super) fn ticket(&self, id: &str) -> Result<Option<Arc<Ticket>>, Need> {
        if let Some(ticket) = self.tickets.get(id) {
            return Ok(Some(Arc::clone(ticket)));
        }
        let subject = self.input.event.subject.as_str();
        Ok(self
            .world
            .ticket(id)?
            .filter(|ticket| ticket.conversation_id == subject)
            .map(Arc::clone))
    }

    /// Puts a new or changed ticket in place and keeps the conversation's lists of them. The one way of
    /// every change of a ticket.
    pub(super) fn put_ticket(&mut self, ticket: Ticket) {
        let id = ticket.ticket_id.clone();
        let known = self.conversation.as_ref();
        if known.is_some_and(|known| !known.lists(&ticket)) {
            self.conversation_mut().list(&ticket);
        }
        let ticket = Arc::new(ticket);
        self.tickets.insert(id, Arc::clone(&ticket));
        self.outcome.changes.push(Change::Ticket(ticket));
    }

    /// Counts the unfinished tickets of `person` in `team`, this decision's own included.
    pub(super) fn open_count(&self, team: &str, person: &str) -> Result<i64, Need> {
        let here = |ticket: &Ticket| {
            ticket.status.is_unfinished()
                && ticket.team.as_deref() == Some(team)
                && ticket.assignee.as_deref() == Some(person)
        };
        let loaded = self
            .world
            .team(team)?
            .open
            .get(person)
            .copied()
            .unwrap_or(0);
        let mut count = loaded;
        for (id, ticket) in &self.tickets {
            let before = self.world.tickets.get(id).and_then(Option::as_ref);
            count += i64::from(here(ticket)) - i64::from(before.is_some_and(|ticket| here(ticket)));
        }
        Ok(count)
    }

    /// Gives the turn of a team's round robin and moves it on.
    pub(super) fn take_turn(&mut self, team: &str) -> Result<i64, Need> {
        let taken = self
            .outcome
            .changes
            .iter()
            .filter(|change| matches!(change, Change::TeamTurn(of) if of == team))
            .count();
        let turn = self.world.team(team)?.turn + i64::try_from(taken).unwrap_or(0);
        self.outcome.changes.push(Change::TeamTurn(team.to_owned()));
        Ok(turn)
    }

    /// Gives the next free ticket number.
    pub(super) fn take_number(&mut self) -> Result<i64, Need> {
        let number = self.world.number(self.numbers_taken)?;
        self.numbers_taken += 1;
        self.outcome.changes.push(Change::NumberTaken);
        Ok(number)
    }

    /// Makes an id that follows from the cause.
    pub(super) fn make_id(&mut self, prefix: &str) -> String {
        self.ids_made += 1;
        self.input.key.derive(prefix, self.ids_made).to_id(prefix)
    }

    /// Adds a change that needs no bookkeeping here.
    pub(super) fn change(&mut self, change: Change) {
        self.outcome.changes.push(change);
    }

    /// Publishes something about the subject. `data` is an object.
    pub(super) fn publish(&mut self, kind: &'static str, data: Value) {
        let Value::Object(data) = data else { return };
        let subject = self.input.event.subject.clone();
        self.outcome.results.push(ResultEvent {
            kind,
            subject,
            data,
        });
    }

    /// Puts on record what was done: an object with `effect` and ids, without personal values.
    pub(super) fn record(&mut self, effect: Value) {
        self.effects.push(effect);
    }

    /// Puts on record which customer it is about, where no conversation says so.
    pub(super) fn about(&mut self, customer: &str) {
        self.about = Some(customer.to_owned());
    }

    /// Puts on record that a rule fired.
    pub(super) fn record_rule(&mut self, rule: &str) {
        self.rules.push(rule.to_owned());
    }

    /// Puts on record what a request was held against; the rules among it count as asked.
    pub(super) fn note_checks(&mut self, checks: &[Check]) {
        for check in checks {
            self.checks.push(AuditCheck {
                check: check.check.clone(),
                outcome: check.outcome.clone(),
                rule: check.rule.clone(),
            });
        }
    }

    /// Says how the decision ended, for the record.
    pub(super) fn end_as(&mut self, end: AuditOutcome) {
        self.end = end;
    }

    /// Keeps what the rules saw, for the journal.
    pub(super) fn keep_facts(&mut self, state: StateFacts) {
        self.outcome.facts = Some(state);
    }

    /// Asks the house for something: an event decided right after this one, in the same transaction.
    pub(super) fn ask_house(&mut self, kind: &str, data: Map<String, Value>) {
        let id = self.make_id("evt");
        let subject = self.input.event.subject.clone();
        self.outcome.follow.push(Event {
            time: Some(self.time),
            data,
            ..Event::of_house(&self.settings.source, kind, id, subject)
        });
    }

    /// Joins the event to the state as it is now; what the rules see.
    pub(super) fn facts(&mut self, ticket: Option<Arc<Ticket>>) -> Facts {
        let state = StateFacts {
            now: self.now,
            time: self.time,
            conversation: self.conversation.clone(),
            ticket,
            draft: None,
            request: None,
            history: BTreeMap::new(),
        };
        self.outcome.facts = Some(state.clone());
        Facts {
            event: Arc::clone(&self.input.event),
            state,
        }
    }

    /// Reports rules that failed; the others still decide.
    pub(super) fn report_failures(&mut self, failures: &[RuleFailure]) {
        for failure in failures {
            let mut data = serde_json::to_value(failure).unwrap_or_default();
            data["event_id"] = json!(self.input.event.id);
            self.publish("rule.failed", data);
            self.record(json!({"effect": "rule_failed", "rule": failure.rule, "file": failure.file, "line": failure.line}));
        }
    }

    /// Closes the case: the outcome with the conversation's change and the audit entry.
    pub(super) fn close(mut self) -> Outcome {
        if let Some(conversation) = self
            .conversation
            .clone()
            .filter(|_| self.conversation_changed)
        {
            self.outcome
                .changes
                .push(Change::Conversation(conversation));
        }
        if !self.effects.is_empty() {
            let customer = self.customer();
            self.outcome.audit = Some(AuditDraft {
                actor: self.actor(),
                customer,
                amount: self.amount,
                outcome: self.end,
                rules: std::mem::take(&mut self.rules),
                checks: std::mem::take(&mut self.checks),
                effects: std::mem::take(&mut self.effects),
            });
        }
        self.outcome
    }

    /// Closes the case with a refusal: nothing changes, the refusal is published and on record.
    pub(super) fn refuse(mut self, rejection: &Rejection) -> Outcome {
        self.outcome = Outcome {
            refusal: Some(rejection.clone()),
            ..Outcome::default()
        };
        let event_id = &self.input.event.id;
        self.publish(
            "event.rejected",
            json!({"reason": rejection.reason, "detail": rejection.detail, "event_id": event_id}),
        );
        self.outcome.audit = Some(AuditDraft {
            actor: self.actor(),
            customer: self.customer(),
            amount: None,
            outcome: AuditOutcome::Denied,
            rules: Vec::new(),
            checks: vec![AuditCheck {
                check: "event".to_owned(),
                outcome: rejection.reason.as_str().to_owned(),
                rule: None,
            }],
            effects: Vec::new(),
        });
        self.outcome
    }
}
