//! An attempt at a post has ended: it is sent, given up, tried again later, or nobody knows.
//!
//! A chat's webhook cannot promise that it posts once. What may have been posted is repeated, marked
//! so, and said to be unknown each time; after [`MOST_AMBIGUOUS`] such attempts it stays unknown.
//! Whoever takes a post over from a daemon that died repeats it more often, marked as well: most
//! of those were never made.

use std::sync::Arc;

use serde_json::json;

use super::{Case, Decide, Stop};
use crate::{
    connectors::answer::backoff,
    domain::{
        delivery::{ChannelState, Delivery, DeliveryState, PostEnd},
        notice::{Notice, NoticeKind},
        outcome::Change,
        time::Span,
        world::Need,
    },
};

/// How many attempts there are at a delivery.
const MOST_ATTEMPTS: u32 = 8;
/// After how many that may have been posted there is no other.
const MOST_AMBIGUOUS: u32 = 3;
/// The wait before the second attempt, at most; each further one may be twice as long, up to five minutes.
const FIRST_WAIT: Span = Span::from_secs(5);
/// The longest wait that a channel's `Retry-After` is honoured with.
const MAX_RETRY_AFTER: Span = Span::from_secs(3_600);

/// An attempt at a post has ended.
#[derive(Debug)]
pub struct PostEnded {
    /// The channel's name.
    pub channel: String,
    /// The delivery that carries the post.
    pub post_id: String,
    /// Which attempt.
    pub attempt: u32,
    /// How.
    pub end: PostEnd,
}

impl Decide for PostEnded {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        let desk = case.world.channel(&self.channel)?;
        let posting = desk.state.posting.as_ref();
        if posting.is_none_or(|one| one.post_id != self.post_id || one.attempt != self.attempt) {
            // Told twice, or of an attempt that somebody else has taken over.
            return Ok(());
        }
        let mut state = ChannelState::clone(&desk.state);
        state.posting = None;
        let post: Vec<Delivery> = desk
            .post(&self.post_id)
            .iter()
            .map(|one| Delivery::clone(one))
            .collect();
        case.record(json!({
            "effect": "post_ended", "channel": self.channel, "delivery_id": self.post_id,
            "attempt": self.attempt, "end": self.end.name(), "detail": self.end.detail(),
        }));
        match self.end.detail() {
            None => state.works(case.now),
            Some(detail) => state.fails(detail, case.now),
        }
        let is_over = self.settle(case, post, &mut state);
        let is_told = state.is_told;
        state.is_told |= is_over && self.end != PostEnd::Sent;
        let tells = state.is_told && !is_told;
        case.change(Change::Channel(self.channel.clone(), Arc::new(state)));
        if tells {
            self.tell_operators(case);
        }
        Ok(())
    }

    fn foresees(&self) -> Vec<Need> {
        vec![Need::Channel(self.channel.clone())]
    }
}

impl PostEnded {
    /// Moves the deliveries of the post; tells whether their end is that they are not there, and that
    /// somebody should know.
    fn settle(&self, case: &mut Case<'_>, post: Vec<Delivery>, state: &mut ChannelState) -> bool {
        let Some(head) = post.first() else {
            return false;
        };
        let is_test = head.notice.kind == NoticeKind::Test;
        let may_retry = !is_test && head.attempts < MOST_ATTEMPTS;
        let ambiguous = head.ambiguous + u32::from(self.is_ambiguous());
        let drawn = backoff(FIRST_WAIT, head.attempts, &head.delivery_id);
        match &self.end {
            PostEnd::Sent => {
                for delivery in post {
                    case.end_delivery(delivery, DeliveryState::Sent, None);
                }
                false
            }
            PostEnd::Later { retry_after, .. } if may_retry => {
                let asked = retry_after.map(|wait| wait.min(MAX_RETRY_AFTER));
                state.blocked_until = asked.map(|wait| case.now.plus(wait));
                self.again(case, post, drawn.max(asked.unwrap_or_default()));
                false
            }
            // That a daemon died says nothing about the channel.
            PostEnd::Perhaps { .. } | PostEnd::Adopted
                if may_retry && (self.end == PostEnd::Adopted || ambiguous < MOST_AMBIGUOUS) =>
            {
                for delivery in &post {
                    case.publish_notification("notification.unknown", delivery, self.end.detail());
                }
                self.again(case, post, drawn);
                false
            }
            PostEnd::Later { .. }
            | PostEnd::Refused { .. }
            | PostEnd::Perhaps { .. }
            | PostEnd::Adopted => {
                let end = if ambiguous > 0 {
                    DeliveryState::Unknown
                } else {
                    DeliveryState::Failed
                };
                for delivery in post {
                    let ambiguous = delivery.ambiguous + u32::from(self.is_ambiguous());
                    let delivery = Delivery {
                        ambiguous,
                        ..delivery
                    };
                    case.end_delivery(delivery, end, self.end.detail());
                }
                !is_test
            }
        }
    }

    fn is_ambiguous(&self) -> bool {
        matches!(self.end, PostEnd::Perhaps { .. } | PostEnd::Adopted)
    }

    /// Puts a post back in the line. What may have been posted stays together, so that it is repeated
    /// as it was; a digest that was certainly not is made anew from what is due then.
    fn again(&self, case: &mut Case<'_>, post: Vec<Delivery>, wait: Span) {
        for delivery in post {
            let ambiguous = delivery.ambiguous + u32::from(self.is_ambiguous());
            let stays_joined = ambiguous > 0 && delivery.part_of.is_some();
            let again = Delivery {
                state: if stays_joined {
                    DeliveryState::Joined
                } else {
                    DeliveryState::Pending
                },
                part_of: delivery.part_of.clone().filter(|_| stays_joined),
                ambiguous,
                not_before: case.now.plus(wait),
                updated_at: case.now,
                error: self.end.detail().map(str::to_owned),
                ..delivery
            };
            case.move_delivery(again);
        }
    }

    /// Tells the operators that a channel does not take what it is sent; never by that channel itself.
    fn tell_operators(&self, case: &mut Case<'_>) {
        let operators = case.settings.notices.operators.as_ref();
        let Some(operators) = operators.filter(|name| **name != self.channel) else {
            return;
        };
        let to = [format!("#{operators}")];
        let name = if self.channel.starts_with('@') {
            format!("Mail to {}", self.channel)
        } else {
            format!("#{}", self.channel)
        };
        let why = self.end.detail().unwrap_or_default();
        let notice = Notice {
            kind: NoticeKind::Channel,
            about: self.channel.clone(),
            title: format!("{name} does not take notices"),
            text: format!("A notice did not get through: {why}. Others are tried as they come."),
            facts: vec![("Channel".to_owned(), name)],
            link: None,
            at: case.now,
            not_before: None,
            look_up: None,
        };
        case.tell(&to, notice);
    }
}
