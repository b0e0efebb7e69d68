//! Raising an escalation: what a rule's wish and a platform's request come to.

use serde_json::{Map, Value, json};

use super::{Case, Stop};
use crate::domain::{
    actor::Actor,
    effect::{Escalate, TicketChoice, TicketDraft, TicketPatch},
    escalation::{Escalation, EscalationState, Trigger},
    event::Reason,
    notice::{Notice, NoticeKind},
    outcome::Change,
};

impl Case<'_> {
    /// Asks the house to escalate, as a rule wishes.
    pub(super) fn ask_for_escalation(&mut self, rule: &str, wish: &Escalate) {
        let data = json!({
            "trigger": Trigger::Rule, "rule": rule, "actor": Actor::rule(rule), "wish": wish,
            "reason": wish.reason, "priority": wish.priority, "team": wish.team,
        });
        if let Value::Object(data) = data {
            self.ask_house("escalation.requested", data);
        }
        self.record(json!({"effect": "escalate", "rule": rule}));
    }

    /// Raises an escalation, with its ticket, tags, message and notices.
    pub(super) fn escalate(
        &mut self,
        trigger: Trigger,
        rule: Option<&str>,
        wish: &Escalate,
    ) -> Result<(), Stop> {
        self.check_team(wish.team.as_deref(), "data.team")?;
        let actor = rule.map_or_else(|| self.actor(), Actor::rule);
        let ticket_id = match wish.ticket {
            TicketChoice::None => None,
            TicketChoice::New => Some(self.open_ticket(draft_of(wish), &actor)?),
            TicketChoice::Join => Some(match self.newest_open_ticket() {
                Some(id) => self.join_ticket(id, wish, &actor)?,
                None => self.open_ticket(draft_of(wish), &actor)?,
            }),
        };
        self.raise((trigger, rule), wish, ticket_id)
    }

    /// Raises an escalation about a ticket, or about none.
    pub(super) fn raise(
        &mut self,
        (trigger, rule): (Trigger, Option<&str>),
        wish: &Escalate,
        ticket_id: Option<String>,
    ) -> Result<(), Stop> {
        self.check_team(wish.team.as_deref(), "data.team")?;
        let actor = rule.map_or_else(|| self.actor(), Actor::rule);
        let escalation_id = self.make_id("esc");
        let team = wish.team.clone().or(self.team_of(ticket_id.as_deref())?);
        let is_taken_over = trigger == Trigger::Takeover;
        // Somebody wants a person, or has one: nothing else speaks to the customer then.
        if matches!(
            trigger,
            Trigger::Ai | Trigger::Customer | Trigger::Flow | Trigger::Takeover
        ) {
            self.end_run("a person takes over")?;
        }
        let escalation = Escalation {
            escalation_id: escalation_id.clone(),
            conversation_id: self.input.event.subject.to_string(),
            trigger,
            rule: rule.map(str::to_owned),
            reason: wish.reason.clone(),
            priority: wish.priority,
            team,
            ticket_id,
            state: if is_taken_over {
                EscalationState::Acknowledged
            } else {
                EscalationState::Raised
            },
            raised_at: self.time,
            acknowledged_by: is_taken_over.then(|| actor.id.clone()),
            settled_by: None,
            updated_at: self.now,
        };
        self.conversation_mut()
            .escalations
            .insert(escalation_id.clone());
        self.publish_escalated(&escalation);
        self.record(json!({
            "effect": "escalated", "escalation_id": escalation_id, "trigger": trigger, "rule": rule,
            "ticket_id": escalation.ticket_id, "priority": wish.priority, "team": escalation.team,
        }));
        let told = self.notice_of(&escalation);
        self.change(Change::Escalation(escalation.into()));
        for tag in &wish.tags {
            self.tag(tag);
        }
        if let Some(message) = &wish.message {
            self.send_message(
                message,
                &rule.map_or_else(|| "escalation".to_owned(), |rule| format!("rule:{rule}")),
            );
        }
        self.tell(&wish.notify, told);
        Ok(())
    }

    fn notice_of(&self, escalation: &Escalation) -> Notice {
        let subject = &self.input.event.subject;
        let facts = [
            ("Priority", Some(escalation.priority.to_string())),
            ("Team", escalation.team.clone()),
            ("Ticket", escalation.ticket_id.clone()),
            ("Conversation", Some(subject.to_string())),
        ];
        let known = facts.into_iter();
        Notice {
            kind: NoticeKind::Escalation,
            about: escalation.escalation_id.clone(),
            title: format!("Escalation: {}", escalation.reason),
            text: format!(
                "{} (conversation {subject}, {} priority)",
                escalation.reason, escalation.priority
            ),
            facts: known
                .filter_map(|(name, value)| Some((name.to_owned(), value?)))
                .collect(),
            link: self.way_back(),
            at: self.now,
            not_before: None,
            look_up: None,
        }
    }

    fn publish_escalated(&mut self, escalation: &Escalation) {
        let mut data = json!({
            "conversation_id": escalation.conversation_id, "escalation_id": escalation.escalation_id,
            "trigger": escalation.trigger, "reason": escalation.reason, "priority": escalation.priority,
        });
        for (name, value) in [
            ("rule", &escalation.rule),
            ("team", &escalation.team),
            ("ticket_id", &escalation.ticket_id),
        ] {
            if let Some(value) = value {
                data[name] = json!(value);
            }
        }
        self.publish("conversation.escalated", data);
        if let Some(by) = &escalation.acknowledged_by {
            let data = json!({
                "conversation_id": escalation.conversation_id, "escalation_id": escalation.escalation_id, "by": by,
            });
            self.publish("escalation.acknowledged", data);
        }
    }

    /// Refuses a team that is not configured.
    pub(super) fn check_team(&self, team: Option<&str>, field: &str) -> Result<(), Stop> {
        match team {
            Some(team) if !self.settings.directory.teams.contains_key(team) => Err(Stop::refuse(
                Reason::UnknownReference,
                field,
                format!("there is no team `{team}`"),
            )),
            _ => Ok(()),
        }
    }

    fn newest_open_ticket(&self) -> Option<String> {
        self.conversation()
            .and_then(|conversation| conversation.open_tickets.last().cloned())
    }

    fn team_of(&self, ticket_id: Option<&str>) -> Result<Option<String>, Stop> {
        let Some(id) = ticket_id else { return Ok(None) };
        Ok(self.ticket(id)?.and_then(|ticket| ticket.team.clone()))
    }

    /// Joins an open ticket: its priority rises to the wish's, its tags grow.
    fn join_ticket(&mut self, id: String, wish: &Escalate, actor: &Actor) -> Result<String, Stop> {
        let Some(ticket) = self.ticket(&id)? else {
            return self.open_ticket(draft_of(wish), actor);
        };
        let patch = TicketPatch {
            priority: (wish.priority > ticket.priority).then_some(wish.priority),
            tags_added: wish.tags.clone(),
            ..TicketPatch::default()
        };
        self.patch_ticket(&ticket, &patch, actor)?;
        Ok(id)
    }
}

fn draft_of(wish: &Escalate) -> TicketDraft {
    TicketDraft {
        subject: wish.reason.clone(),
        description: None,
        priority: wish.priority,
        category: wish.category.clone(),
        team: wish.team.clone(),
        assignee: wish.assignee.clone(),
        tags: wish.tags.clone(),
        contact: Map::new(),
    }
}
