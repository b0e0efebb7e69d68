//! Something is due on a channel: the next post is begun, on record before its first byte leaves.
//!
//! Decided under the channel as its subject, so that one post at a time is under way whichever
//! daemon makes it. Whoever made the input sends what it begins; when nothing is begun – another
//! one posts, the rate or the channel itself forbids it – nothing is sent.

use std::sync::Arc;

use serde_json::json;

use super::{Case, Decide, Stop};
use crate::domain::{
    audit::AuditOutcome,
    delivery::{ChannelState, Delivery, DeliveryState, Posting},
    ids::SubjectId,
    notice::{Notice, NoticeKind},
    outcome::Change,
    world::Need,
};

/// The next post to a channel is due.
#[derive(Debug)]
pub struct PostDue {
    /// The channel's name.
    pub channel: String,
}

/// Gives the subject of a channel.
pub fn channel_subject(name: &str) -> SubjectId {
    SubjectId::from(format!("channel:{name}"))
}

impl Decide for PostDue {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        let desk = case.world.channel(&self.channel)?;
        if desk.state.posting.is_some() || desk.state.open_at() > case.now {
            return Ok(());
        }
        let settings = case.settings;
        let channel = match settings.notices.channel(&self.channel, &settings.directory) {
            Ok(channel) => channel,
            Err(why) => {
                case.give_up(&self.channel, &why)?;
                return Ok(());
            }
        };
        let post = desk.next_post(channel.digest_above, case.now);
        let Some(head) = post.first() else {
            return Ok(());
        };
        let mut state = ChannelState::clone(&desk.state);
        state.take(channel.spacing, case.now);
        state.posting = Some(Posting {
            post_id: head.delivery_id.clone(),
            attempt: head.attempts + 1,
            turn: case.input.event.id.clone(),
        });
        for (index, delivery) in post.iter().enumerate() {
            let is_head = index == 0;
            let moved = Delivery {
                state: if is_head {
                    DeliveryState::Posting
                } else {
                    DeliveryState::Joined
                },
                part_of: (!is_head).then(|| head.delivery_id.clone()),
                attempts: delivery.attempts + 1,
                updated_at: case.now,
                ..Delivery::clone(delivery)
            };
            case.move_delivery(moved);
        }
        case.change(Change::Channel(self.channel.clone(), Arc::new(state)));
        Ok(())
    }

    fn foresees(&self) -> Vec<Need> {
        vec![Need::Channel(self.channel.clone())]
    }
}

impl Case<'_> {
    /// Puts a delivery in its new place.
    pub(super) fn move_delivery(&mut self, delivery: Delivery) {
        self.change(Change::Delivery {
            delivery: Arc::new(delivery),
            is_new: false,
        });
    }

    /// Ends all that is due on a channel that there is none of any more.
    fn give_up(&mut self, channel: &str, why: &str) -> Result<(), Stop> {
        let desk = self.world.channel(channel)?;
        let due = desk.deliveries.iter();
        let due = due.filter(|one| one.state == DeliveryState::Pending);
        let all: Vec<Delivery> = due
            .flat_map(|one| desk.post(&one.delivery_id))
            .map(|one| Delivery::clone(&one))
            .collect();
        for delivery in all {
            let end = if delivery.ambiguous > 0 {
                DeliveryState::Unknown
            } else {
                DeliveryState::Failed
            };
            self.end_delivery(delivery, end, Some(why));
        }
        Ok(())
    }

    /// Brings a delivery to its end, and says so.
    pub(super) fn end_delivery(
        &mut self,
        delivery: Delivery,
        state: DeliveryState,
        why: Option<&str>,
    ) {
        let kind = match state {
            DeliveryState::Sent => "notification.sent",
            DeliveryState::Unknown => "notification.unknown",
            DeliveryState::Failed
            | DeliveryState::Pending
            | DeliveryState::Posting
            | DeliveryState::Joined => "notification.failed",
        };
        if state != DeliveryState::Sent {
            self.end_as(AuditOutcome::Failed);
        }
        self.publish_notification(kind, &delivery, why);
        self.record(json!({
            "effect": "notification", "delivery_id": delivery.delivery_id, "kind": delivery.notice.kind,
            "about": delivery.notice.about, "channel": delivery.channel, "state": state,
            "attempts": delivery.attempts,
        }));
        let ended = Delivery {
            state,
            error: why.map(str::to_owned),
            updated_at: self.now,
            ..delivery
        };
        self.move_delivery(ended);
    }

    /// Says what became of an attempt at a delivery.
    pub(super) fn publish_notification(
        &mut self,
        kind: &'static str,
        delivery: &Delivery,
        why: Option<&str>,
    ) {
        let mut data = json!({
            "channel": delivery.channel, "kind": delivery.notice.kind, "about": delivery.notice.about,
            "delivery_id": delivery.delivery_id, "attempts": delivery.attempts,
        });
        if let Some(why) = why {
            data["error"] = json!(why);
        }
        if let Some(post) = &delivery.part_of {
            data["part_of"] = json!(post);
        }
        self.publish(kind, data);
    }
}

/// Somebody tries a channel: a notice of its own goes there, and is not repeated.
#[derive(Debug)]
pub struct ChannelTried {
    /// The channel's name.
    pub channel: String,
    /// The delivery's id.
    pub delivery_id: String,
}

impl Decide for ChannelTried {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        let who = case.actor().id;
        let notice = Notice {
            kind: NoticeKind::Test,
            about: self.channel.clone(),
            title: "Test".to_owned(),
            text: format!("{who} tries whether notices reach #{}.", self.channel),
            facts: Vec::new(),
            link: None,
            at: case.now,
            not_before: None,
            look_up: None,
        };
        let notice_id = case.make_id("ntc");
        case.record(json!({
            "effect": "channel_tried", "channel": self.channel, "delivery_id": self.delivery_id,
        }));
        let place = (notice_id.as_str(), self.channel.clone());
        case.deliver(self.delivery_id.clone(), place, &Arc::new(notice));
        Ok(())
    }
}
