//! Telling teammates: people in the app and by mail, and their channels.
//!
//! What goes to a channel is a delivery, committed with the decision that has it to say;
//! `crate::daemon` posts it afterwards, and [`super::post_due`] says what goes next.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::json;

use super::Case;
use crate::domain::{
    delivery::{Delivery, DeliveryState},
    notice::Notice,
    outcome::Change,
};

/// Whom a notice reaches.
#[derive(Debug, Default)]
struct Reached {
    people: BTreeSet<String>,
    /// Names of channels, without `#`.
    channels: BTreeSet<String>,
}

impl Case<'_> {
    /// Tells teammates: `#channel`, `@person`, `@team`. People, and a team's members, are told in the
    /// app, and by mail where that is configured; a channel, and a team's own, gets a post.
    pub(super) fn tell(&mut self, to: &[String], notice: Notice) {
        let reached = self.reach(to);
        let notice = Arc::new(notice);
        if reached.people.is_empty() && reached.channels.is_empty() {
            return;
        }
        let notice_id = self.make_id("ntc");
        if !reached.people.is_empty() {
            self.post_in_app(&notice_id, &reached.people, &notice);
        }
        let channels = reached.channels.iter();
        let all: Vec<String> = channels
            .map(|name| format!("#{name}"))
            .chain(reached.people.iter().cloned())
            .collect();
        self.record(json!({
            "effect": "notify", "notice_id": notice_id, "to": all, "kind": notice.kind,
        }));
        let mailed: Vec<String> = reached
            .people
            .iter()
            .filter(|person| self.is_mailed(person))
            .map(|person| format!("@{person}"))
            .collect();
        for channel in reached.channels.into_iter().chain(mailed) {
            let delivery_id = self.make_id("dlv");
            self.deliver(delivery_id, (&notice_id, channel), &notice);
        }
    }

    fn reach(&self, to: &[String]) -> Reached {
        let directory = &self.settings.directory;
        let known = &self.settings.notices.channels;
        let mut reached = Reached::default();
        for recipient in to {
            let team = recipient
                .strip_prefix('@')
                .and_then(|name| directory.teams.get(name));
            let channel = match team {
                Some(team) => team.channel.as_deref(),
                None => Some(recipient.as_str()),
            };
            let channel = channel.and_then(|name| name.strip_prefix('#'));
            if let Some(name) = channel.filter(|name| known.contains_key(*name)) {
                reached.channels.insert(name.to_owned());
            }
            if !recipient.starts_with('#') {
                reached.people.extend(directory.reach(recipient));
            }
        }
        reached
    }

    /// Tells whether somebody is told by mail too.
    fn is_mailed(&self, person: &str) -> bool {
        let known = self.settings.directory.people.get(person);
        self.settings.notices.mail.is_some() && known.is_some_and(|person| person.email.is_some())
    }

    fn post_in_app(&mut self, notice_id: &str, people: &BTreeSet<String>, notice: &Notice) {
        let mut data = json!({
            "notice_id": notice_id, "to": people, "kind": notice.kind, "about": notice.about,
            "title": notice.title, "text": notice.text,
        });
        if self.conversation().is_some() {
            data["conversation_id"] = json!(self.input.event.subject);
        }
        if let Some(link) = &notice.link {
            data["link"] = json!(link);
        }
        self.publish("notice.posted", data);
    }

    /// Puts a notice on its way to a channel.
    pub(super) fn deliver(
        &mut self,
        delivery_id: String,
        (notice_id, channel): (&str, String),
        notice: &Arc<Notice>,
    ) {
        let delivery = Delivery {
            delivery_id,
            notice_id: notice_id.to_owned(),
            channel,
            subject: self.input.event.subject.to_string(),
            state: DeliveryState::Pending,
            attempts: 0,
            ambiguous: 0,
            not_before: notice.not_before.unwrap_or(self.now),
            updated_at: self.now,
            part_of: None,
            error: None,
            notice: Arc::clone(notice),
        };
        self.change(Change::Delivery {
            delivery: Arc::new(delivery),
            is_new: true,
        });
    }

    /// Gives the way back to the conversation; `None` when no address is configured for it.
    pub(super) fn way_back(&self) -> Option<String> {
        Some(self.link()).filter(|link| !link.is_empty())
    }
}
