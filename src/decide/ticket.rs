//! Opening and changing tickets.
//!
//! A ticket opened from a conversation carries its context as it was, a number,
//! a link back, and is routed: by the draft's own team, else by the first
//! `route` rule that matches; then to a person.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Map, Value, json};

use super::{Case, Stop};
use crate::domain::{
    actor::Actor,
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
        let context = self.context()?;
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
            updated_at: self.now,
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
        analysis.insert("sentiment".to_owned(), json!(conversation.sentiment.last));
        analysis.insert(
            "sentiment_average".to_owned(),
            json!(conversation.sentiment.average()),
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
        self.check_team(patch.team.as_deref(), "data.team")?;
        self.check_person(patch.assignee.as_deref())?;
        let mut changed = ticket.clone();
        if let Some(to) = patch.status.filter(|to| *to != ticket.status) {
            if !ticket.status.may_become(to) {
                let detail = format!(
                    "ticket {} is {}, it cannot become {to}",
                    ticket.number, ticket.status
                );
                return Err(Stop::refuse(Reason::IllegalMove, "data.status", detail));
            }
            changed.status = to;
        }
        changed.priority = patch.priority.unwrap_or(ticket.priority);
        changed.category = patch.category.clone().or(changed.category);
        changed.assignee = patch.assignee.clone().or(changed.assignee);
        changed.team = patch.team.clone().or(changed.team);
        changed.subject = patch.subject.clone().unwrap_or(changed.subject);
        changed.tags.extend(patch.tags_added.iter().cloned());
        changed.tags = &changed.tags - &patch.tags_removed;
        let differing = differences(ticket, &changed);
        if differing.is_empty() {
            return Ok(());
        }
        changed.updated_at = self.now;
        let id = &ticket.ticket_id;
        self.publish(
            "ticket.updated",
            json!({"conversation_id": ticket.conversation_id, "ticket_id": id, "changes": differing}),
        );
        self.record(json!({"effect": "update_ticket", "ticket_id": id, "by": actor.id, "fields": differing.keys().collect::<BTreeSet<_>>()}));
        self.put_ticket(changed.clone());
        self.tell_clocks(&changed, &TicketEvent::Changed { before: ticket })
    }
}

/// Gives `{field: [old, new]}` of what differs.
fn differences(old: &Ticket, new: &Ticket) -> Map<String, Value> {
    let fields = |ticket: &Ticket| {
        json!({
            "status": ticket.status, "priority": ticket.priority, "category": ticket.category, "team": ticket.team,
            "assignee": ticket.assignee, "subject": ticket.subject, "tags": ticket.tags,
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
