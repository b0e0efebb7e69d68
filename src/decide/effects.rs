//! Asking the rules, and carrying out what they ask for.

use std::{fmt::Write as _, sync::Arc};

use serde_json::{Map, Value, json};

use super::{Case, Stop};
use crate::domain::{
    actor::Actor,
    effect::{Effect, ReportWish},
    notice::{LookUp, Notice, NoticeKind},
    ticket::Ticket,
    verdict::{RuleFailure, Verdict},
};

impl Case<'_> {
    /// Asks the rules about the event and carries out their effects, in order.
    pub(super) fn ask_rules(&mut self, ticket: Option<Arc<Ticket>>) -> Result<(), Stop> {
        let mut facts = self.facts(ticket);
        self.recall(&mut facts)?;
        self.keep_facts(facts.state.clone());
        let verdict = self.policy.judge(&facts);
        self.carry_out(verdict)
    }

    /// Carries out a verdict.
    pub(super) fn carry_out(&mut self, verdict: Verdict) -> Result<(), Stop> {
        self.report_failures(&verdict.failures);
        for fired in verdict.fired {
            self.record_rule(&fired.rule);
            if fired.has_cooldown {
                let now = self.now;
                self.conversation_mut()
                    .cooldowns
                    .insert(fired.rule.to_string(), now);
            }
            for effect in fired.effects {
                self.carry_out_one(&fired.rule, effect)?;
            }
        }
        Ok(())
    }

    /// Reports an effect that can have none here.
    fn report_vain(&mut self, rule: &Arc<str>, effect: &Effect, why: &str) {
        let failure = RuleFailure {
            rule: Arc::clone(rule),
            file: Arc::from(""),
            line: 0,
            column: 0,
            error: format!("{}: {why}", effect.name()),
        };
        self.report_failures(&[failure]);
    }

    /// Asks the house for an action, as a rule.
    fn ask_for_action(&mut self, rule: &str, name: &str, params: &Map<String, Value>) {
        let request_id = self.make_id("req");
        let data = json!({
            "request_id": request_id, "action": name, "params": params, "actor": Actor::rule(rule),
        });
        if let Value::Object(data) = data {
            self.ask_house("action.requested", data);
        }
        self.record(
            json!({"effect": "run_action", "rule": rule, "action": name, "request_id": request_id}),
        );
    }

    /// Asks the house to start a procedure, as a rule.
    fn ask_for_procedure(&mut self, rule: &str, slug: &str, variables: &Map<String, Value>) {
        let data = json!({"procedure": slug, "variables": variables, "actor": Actor::rule(rule)});
        if let Value::Object(data) = data {
            self.ask_house("procedure.requested", data);
        }
        self.record(json!({"effect": "start_procedure", "rule": rule, "procedure": slug}));
    }

    fn carry_out_one(&mut self, rule: &Arc<str>, effect: Effect) -> Result<(), Stop> {
        let wants_conversation = matches!(
            effect,
            Effect::Escalate(_)
                | Effect::SendMessage { .. }
                | Effect::StartProcedure { .. }
                | Effect::Tag { .. }
                | Effect::Resolve
        );
        if wants_conversation && self.conversation().is_none() {
            self.report_vain(rule, &effect, "there is no conversation here");
            return Ok(());
        }
        match effect {
            Effect::Escalate(wish) => self.ask_for_escalation(rule, &wish),
            Effect::CreateTicket(draft) => {
                self.open_ticket(draft, &Actor::rule(rule))?;
            }
            Effect::UpdateTicket(patch) => self.update_by_rule(rule, &patch)?,
            Effect::Notify { to, text } => self.notify(rule, &to, text),
            Effect::SendMessage { text } => self.send_message(&text, &format!("rule:{rule}")),
            Effect::Tag { tag } => self.tag(&tag),
            Effect::Resolve => {
                self.publish(
                    "conversation.resolve",
                    json!({"conversation_id": self.input.event.subject}),
                );
                self.record(json!({"effect": "resolve"}));
            }
            Effect::Digest { to } => self.post_digest(rule, to),
            Effect::Report(wish) => self.post_report(rule, wish),
            Effect::RunAction { name, params } => self.ask_for_action(rule, &name, &params),
            Effect::StartProcedure { slug, variables } => {
                self.ask_for_procedure(rule, &slug, &variables);
            }
            Effect::Deny { .. }
            | Effect::RequireApproval { .. }
            | Effect::RequireConfirmation { .. } => {
                self.report_vain(rule, &effect, "no request is judged here");
            }
        }
        Ok(())
    }

    /// Tells a channel how things stand: with the one team that it belongs to, or with all.
    fn post_digest(&mut self, rule: &str, to: String) {
        let teams = self.settings.directory.teams.iter();
        let mut own = teams.filter(|(_, team)| team.channel.as_deref() == Some(&to));
        let team = match (own.next(), own.next()) {
            (Some((name, _)), None) => Some(name.clone()),
            _ => None,
        };
        let about = team.clone().unwrap_or_else(|| "all".to_owned());
        let look_up = LookUp::Digest {
            team,
            timezone: self.timezone_of(rule),
        };
        let said = (NoticeKind::Digest, about, "How things stand".to_owned());
        self.tell_later(&[to], said, look_up);
    }

    /// Sends a report to whom it is for.
    fn post_report(&mut self, rule: &str, wish: ReportWish) {
        let to = wish.to.clone();
        let name = wish.name.as_str();
        let about = format!("report:{name}");
        let title = format!("Report {name} of the last {}", wish.period);
        let look_up = LookUp::Report {
            wish,
            timezone: self.timezone_of(rule),
        };
        self.tell_later(&to, (NoticeKind::Report, about, title), look_up);
    }

    /// Tells something that is looked up when it is posted; in the app, that it is there.
    fn tell_later(
        &mut self,
        to: &[String],
        (kind, about, title): (NoticeKind, String, String),
        look_up: LookUp,
    ) {
        let notice = Notice {
            kind,
            about,
            text: format!("{title}."),
            title,
            facts: Vec::new(),
            link: None,
            at: self.now,
            not_before: None,
            look_up: Some(look_up),
        };
        self.tell(to, notice);
    }

    /// Gives the time zone that a `schedule` hangs in; that of other rules is UTC.
    fn timezone_of(&self, rule: &str) -> String {
        let mut schedules = self.policy.schedules().iter();
        let found = schedules.find(|schedule| &*schedule.rule == rule);
        found
            .map_or("UTC", |schedule| schedule.timezone.name())
            .to_owned()
    }

    /// Tells teammates what a rule says.
    fn notify(&mut self, rule: &str, to: &[String], text: String) {
        let notice = Notice {
            kind: NoticeKind::Rule,
            about: self.input.event.subject.to_string(),
            title: rule.to_owned(),
            text,
            facts: Vec::new(),
            link: self.way_back(),
            at: self.now,
            not_before: None,
            look_up: None,
        };
        self.tell(to, notice);
    }

    /// Says something to the customer; `reason` tells what asked for it.
    pub(super) fn send_message(&mut self, text: &str, reason: &str) {
        let subject = &self.input.event.subject;
        self.publish(
            "message.send",
            json!({"conversation_id": subject, "text": text, "reason": reason}),
        );
        self.record(json!({"effect": "send_message", "reason": reason}));
    }

    /// Tags the conversation; a tag that it already has changes nothing.
    pub(super) fn tag(&mut self, tag: &str) {
        if self
            .conversation()
            .is_some_and(|conversation| conversation.tags.contains(tag))
        {
            return;
        }
        self.conversation_mut().tags.insert(tag.to_owned());
        self.publish(
            "conversation.tag",
            json!({"conversation_id": self.input.event.subject, "tag": tag}),
        );
        self.record(json!({"effect": "tag", "tag": tag}));
    }

    /// Gives the way back to the conversation; empty when none is configured.
    pub(super) fn link(&self) -> String {
        let subject = percent_encode(self.input.event.subject.as_str());
        self.settings
            .conversation_url
            .replace("{{conversation_id}}", &subject)
    }
}

fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a text does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::percent_encode;

    #[test]
    fn a_link_carries_any_conversation_id() {
        assert_eq!(percent_encode("c-1_a.b~"), "c-1_a.b~");
        assert_eq!(percent_encode("a/b?ü"), "a%2Fb%3F%C3%BC");
    }
}
