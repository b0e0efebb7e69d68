//! Opening and changing tickets.
//!
//! A ticket opened from a conversation carries its context as it was, a number,
//! a link back, and is routed: by the draft's own team, else by the first
//! `route` rule that matches; then to a person.

use std::{collections::BTreeSet, sync::Arc};

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::{Case, Stop};
use crate::domain::{
    actor::{Actor, ActorKind},
    availability::is_available,
    effect::{Assign, TicketDraft, TicketPatch},
    event::Reason,
    facts::Facts,
    sla::TicketEvent,
    ticket::{Ticket, TicketContext, TicketStatus},
    verdict::RuleFailure,
    world::{CONTEXT_MESSAGES, Need},
};

/// The longest subject line that is made from a message. *Units*: characters.
const MADE_SUBJECT_CHARS: usize = 80;

impl Case<'_> {
    /// Opens a ticket and gives its id.
    pub(super) fn open_ticket(
        &mut self,
        mut draft: TicketDraft,
        actor: &Actor,
    ) -> Result<String, Stop> {
        self.check_team(draft.team.as_deref(), "data.team")?;
        self.check_person(draft.assignee.as_deref())?;
        self.route(&mut draft)?;
        let mut context = self.context()?;
        for (name, value) in draft.contact {
            context.customer.entry(name).or_insert(value);
        }
        let number = self.take_number()?;
        let ticket_id = self.make_id("tkt");
        let ticket = Ticket {
            ticket_id: ticket_id.clone(),
            number,
            conversation_id: self.input.event.subject.to_string(),
            subject: if draft.subject.is_empty() {
                made_subject(&context)
            } else {
                draft.subject
            },
            description: draft.description,
            status: TicketStatus::Open,
            priority: draft.priority,
            category: draft.category,
            team: draft.team,
            assignee: draft.assignee,
            tags: draft.tags,
            link: self.link(),
            created_at: self.time,
            created_by: match actor.kind {
                ActorKind::Customer => actor.kind.as_str().to_owned(),
                ActorKind::Agent | ActorKind::Ai | ActorKind::System => actor.label(),
            },
            updated_at: self.now,
            resolved_at: None,
            reopened: 0,
            closed_as: None,
            merged_into: None,
            context: Some(context),
        };
        self.publish(
            "ticket.created",
            serde_json::to_value(&ticket).unwrap_or_default(),
        );
        self.record(json!({
            "effect": "create_ticket", "ticket_id": ticket_id, "number": number, "by": actor.id,
            "priority": ticket.priority, "team": ticket.team, "assignee": ticket.assignee,
        }));
        self.put_ticket(ticket.clone());
        self.tell_clocks(&ticket, &TicketEvent::Created { by: actor.kind })?;
        Ok(ticket_id)
    }

    /// Finds team and person where the draft names none.
    fn route(&mut self, draft: &mut TicketDraft) -> Result<(), Stop> {
        if draft.team.is_some() || draft.assignee.is_some() {
            return Ok(());
        }
        let mut state = self.facts(None).state;
        state.draft = Some(Arc::new(draft.clone()));
        let (route, failures) = self.policy.route(&Facts {
            event: Arc::clone(&self.input.event),
            state,
        });
        self.report_failures(&failures);
        let Some(route) = route else { return Ok(()) };
        draft.assignee = match &route.assign {
            None => None,
            Some(Assign::Person(person)) => Some(person.clone()),
            Some(Assign::RoundRobin) => self.next_in_turn(&route.team)?,
            Some(Assign::LeastOpen) => self.least_busy(&route.team)?,
        };
        draft.team = Some(route.team);
        self.record_rule(&route.rule);
        Ok(())
    }

    fn members(&self, team: &str) -> Vec<String> {
        self.settings
            .directory
            .teams
            .get(team)
            .map(|team| team.members.clone())
            .unwrap_or_default()
    }

    /// Tells whether somebody can be given a ticket now. A calendar that the policy lost holds nobody up.
    fn is_there(&self, person: &str) -> bool {
        let known = self.settings.directory.people.get(person);
        known.is_none_or(|person| {
            let named = person.calendar.as_deref();
            let calendar = named.and_then(|name| self.policy.calendar(name));
            is_available(person, calendar.map(|calendar| &**calendar), self.now)
        })
    }

    /// Gives the member whose turn it is. Who is away is passed over, and the turn goes on after the one
    /// who gets it, so that the order of the others stays.
    fn next_in_turn(&mut self, team: &str) -> Result<Option<String>, Need> {
        let members = self.members(team);
        if !members.iter().any(|person| self.is_there(person)) {
            return Ok(None);
        }
        loop {
            let turn = usize::try_from(self.take_turn(team)?).unwrap_or(0);
            let person = &members[turn % members.len()];
            if self.is_there(person) {
                return Ok(Some(person.clone()));
            }
        }
    }

    fn least_busy(&self, team: &str) -> Result<Option<String>, Need> {
        let mut best: Option<(i64, String)> = None;
        for person in self.members(team) {
            if !self.is_there(&person) {
                continue;
            }
            let open = self.open_count(team, &person)?;
            if best.as_ref().is_none_or(|(fewest, _)| open < *fewest) {
                best = Some((open, person));
            }
        }
        Ok(best.map(|(_, person)| person))
    }

    /// Refuses a person who is not configured.
    pub(super) fn check_person(&self, person: Option<&str>) -> Result<(), Stop> {
        match person {
            Some(person) if !self.settings.directory.people.contains_key(person) => {
                Err(Stop::refuse(
                    Reason::UnknownReference,
                    "data.assignee",
                    format!("there is no person `{person}`"),
                ))
            }
            _ => Ok(()),
        }
    }

    /// Takes the conversation down as it is: channel, customer, last messages, analysis.
    fn context(&mut self) -> Result<TicketContext, Stop> {
        let Some(conversation) = self.conversation().map(Arc::clone) else {
            return Ok(TicketContext::default());
        };
        let own = Some(self.own_message()).filter(Value::is_object);
        let earlier = conversation
            .messages
            .saturating_sub(u64::from(own.is_some()));
        let mut messages = if earlier == 0 {
            Vec::new()
        } else {
            self.world.messages(&self.input.event.subject)?.to_vec()
        };
        messages.extend(own);
        let surplus = messages.len().saturating_sub(CONTEXT_MESSAGES);
        messages.drain(..surplus);
        let mut analysis: Map<String, Value> = (*conversation.analysis).clone();
        let intents = messages.iter().rev();
        if let Some(intent) = intents
            .filter_map(|message| message.get("intent"))
            .find(|intent| intent.is_string())
        {
            analysis.entry("intent").or_insert_with(|| intent.clone());
        }
        if let Some(run) = self.active_run()? {
            analysis.insert("procedure".to_owned(), json!(run.procedure));
            analysis.insert("variables".to_owned(), Value::Object(run.values()));
        }
        let sentiment = &conversation.sentiment;
        analysis.insert("sentiment".to_owned(), plain_number(sentiment.last));
        analysis.insert(
            "sentiment_average".to_owned(),
            plain_number(sentiment.average()),
        );
        analysis.insert("tags".to_owned(), json!(conversation.tags));
        analysis.insert("attributes".to_owned(), json!(conversation.attributes));
        Ok(TicketContext {
            channel: conversation.channel.clone(),
            customer: (*conversation.customer).clone(),
            messages,
            analysis,
        })
    }

    /// Changes a ticket as a rule asks: the one it names, the one at hand, or the newest open one.
    pub(super) fn update_by_rule(
        &mut self,
        rule: &Arc<str>,
        patch: &TicketPatch,
    ) -> Result<(), Stop> {
        let stated = self
            .input
            .event
            .data
            .get("ticket_id")
            .and_then(Value::as_str)
            .map(str::to_owned);
        let newest = || {
            self.conversation()
                .and_then(|conversation| conversation.open_tickets.last().cloned())
        };
        let found = match patch.ticket_id.clone().or(stated).or_else(newest) {
            Some(id) => self.ticket(&id)?,
            None => None,
        };
        let fault = match found {
            None => "update_ticket: the conversation has no such ticket".to_owned(),
            Some(ticket) => match self.patch_ticket(&ticket, patch, &Actor::rule(rule)) {
                Err(Stop::Refused(rejection)) => rejection.detail,
                other => return other,
            },
        };
        let failure = RuleFailure {
            rule: Arc::clone(rule),
            file: Arc::from(""),
            line: 0,
            column: 0,
            error: fault,
        };
        self.report_failures(&[failure]);
        Ok(())
    }

    /// Changes a ticket; what the patch leaves out stays. No difference, no result.
    pub(super) fn patch_ticket(
        &mut self,
        ticket: &Ticket,
        patch: &TicketPatch,
        actor: &Actor,
    ) -> Result<(), Stop> {
        self.check_team(patch.team.value().map(String::as_str), "data.team")?;
        self.check_person(patch.assignee.value().map(String::as_str))?;
        let mut changed = ticket.clone();
        if let Some(to) = patch.status {
            changed.move_to(to, self.time).map_err(|fault| {
                Stop::refuse(Reason::IllegalMove, "data.status", fault.to_string())
            })?;
        }
        check_message(ticket, patch)?;
        changed.priority = patch.priority.unwrap_or(ticket.priority);
        patch.category.change(&mut changed.category);
        patch.assignee.change(&mut changed.assignee);
        patch.team.change(&mut changed.team);
        changed.subject = patch.subject.clone().unwrap_or(changed.subject);
        changed.tags.extend(patch.tags_added.iter().cloned());
        changed.tags = &changed.tags - &patch.tags_removed;
        let is_resolved =
            changed.status != ticket.status && changed.status == TicketStatus::Resolved;
        let closing = is_resolved.then(|| self.closing_message(&changed, patch.message.as_deref()));
        if self.put_changes(ticket, changed, actor)?
            && let Some(text) = closing.flatten()
        {
            self.send_message(&text, &format!("ticket:{}", ticket.number));
        }
        Ok(())
    }

    /// Puts a changed ticket in place, and tells and records what differs; nothing, when nothing does.
    pub(super) fn put_changes(
        &mut self,
        before: &Ticket,
        mut changed: Ticket,
        actor: &Actor,
    ) -> Result<bool, Stop> {
        let differing = differences(before, &changed);
        if differing.is_empty() {
            return Ok(false);
        }
        changed.updated_at = self.now;
        let id = &before.ticket_id;
        self.publish(
            "ticket.updated",
            json!({"conversation_id": before.conversation_id, "ticket_id": id, "changes": differing}),
        );
        self.record(json!({"effect": "update_ticket", "ticket_id": id, "by": actor.id, "fields": differing.keys().collect::<BTreeSet<_>>()}));
        self.put_ticket(changed.clone());
        let event = match changed.closed_as.filter(|_| before.closed_as.is_none()) {
            Some(closed_as) => TicketEvent::ClosedAs(closed_as.into()),
            None => TicketEvent::Changed { before },
        };
        self.tell_clocks(&changed, &event)?;
        Ok(true)
    }

    /// Gives what the customer is told of a ticket that becomes resolved: what was said for it, else the
    /// configured text; `None` where nothing is to be said or nobody is there to hear it.
    fn closing_message(&self, ticket: &Ticket, said: Option<&str>) -> Option<String> {
        let conversation = self
            .conversation()
            .filter(|known| known.has_customer_side())?;
        let text = match (said, &self.settings.resolved_message) {
            (Some(said), _) => said.to_owned(),
            (None, Some(template)) => {
                let values = Map::from_iter([
                    ("number".to_owned(), json!(ticket.number)),
                    ("subject".to_owned(), json!(ticket.subject)),
                    ("link".to_owned(), json!(ticket.link)),
                    ("customer".to_owned(), json!(conversation.customer)),
                ]);
                template.expand(&values, str::to_owned)
            }
            (None, None) => return None,
        };
        Some(text).filter(|text| !text.trim().is_empty())
    }

    /// Gives a ticket of this conversation.
    ///
    /// *Errors*: `unknown_reference`; what must be loaded first.
    pub(super) fn known_ticket(&self, id: &str) -> Result<Arc<Ticket>, Stop> {
        let subject = &self.input.event.subject;
        self.ticket(id)?.ok_or_else(|| {
            let detail = format!("conversation `{subject}` has no ticket `{id}`");
            Stop::refuse(Reason::UnknownReference, "data.ticket_id", detail)
        })
    }
}

/// Refuses a message for the customer where nothing is resolved, so that it is never dropped unsaid.
fn check_message(ticket: &Ticket, patch: &TicketPatch) -> Result<(), Stop> {
    if patch.message.is_none() || patch.status == Some(TicketStatus::Resolved) {
        return Ok(());
    }
    let detail = format!(
        "`message` is said when a ticket becomes resolved, and ticket {} does not by this",
        ticket.number
    );
    Err(Stop::refuse(Reason::IllegalMove, "data.message", detail))
}

/// Gives `{field: [old, new]}` of what differs.
fn differences(old: &Ticket, new: &Ticket) -> Map<String, Value> {
    let fields = |ticket: &Ticket| {
        json!({
            "status": ticket.status, "priority": ticket.priority, "category": ticket.category, "team": ticket.team,
            "assignee": ticket.assignee, "subject": ticket.subject, "tags": ticket.tags,
            "closed_as": ticket.closed_as, "merged_into": ticket.merged_into,
        })
    };
    let (Value::Object(old), Value::Object(new)) = (fields(old), fields(new)) else {
        return Map::new();
    };
    old.into_iter()
        .zip(new)
        .filter(|((_, old), (_, new))| old != new)
        .map(|((name, old), (_, new))| (name, json!([old, new])))
        .collect()
}

/// Writes a decimal as quantities go out: as a plain number.
fn plain_number(value: Option<Decimal>) -> Value {
    let number = value.and_then(|value| value.to_string().parse().ok());
    number.map_or(Value::Null, Value::Number)
}

fn made_subject(context: &TicketContext) -> String {
    let newest = context
        .messages
        .iter()
        .rev()
        .find_map(|message| message.get("text").and_then(Value::as_str));
    match newest.map(str::trim).filter(|text| !text.is_empty()) {
        Some(text) => text.chars().take(MADE_SUBJECT_CHARS).collect(),
        None => "Conversation".to_owned(),
    }
}
