//! Deliveries: a notice on its way to a channel, and what a channel's posts came to.
//!
//! A delivery is made by the decision that has something to say, in its own transaction. A
//! channel is a subject, so one post at a time is under way to it, whichever daemon makes it;
//! that it is made is committed before its first byte leaves. Which deliveries go next is
//! [`ChannelDesk::next_post`].

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    notice::{Notice, NoticeKind},
    time::{Span, Timestamp},
};

/// The most breaches that one digest tells of.
pub const MOST_PARTS: usize = 100;

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It waits to be posted, for the first time or again.
    Pending,
    /// It is under way.
    Posting,
    /// It is part of a digest that is under way, or waits to be posted again.
    Joined,
    /// The channel has it.
    Sent,
    /// The channel does not have it, and will not.
    Failed,
    /// It was sent and no certain answer came.
    Unknown,
}

impl DeliveryState {
    /// All of them, in the order of a delivery's life.
    pub const ALL: [Self; 6] = [
        Self::Pending,
        Self::Posting,
        Self::Joined,
        Self::Sent,
        Self::Failed,
        Self::Unknown,
    ];

    /// Gives the wire name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Posting => "posting",
            Self::Joined => "joined",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }

    /// Reads a wire name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Tells whether nothing more becomes of it.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Sent | Self::Failed | Self::Unknown)
    }
}

/// A notice on its way to a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// `dlv_…`, derived from what caused it.
    pub delivery_id: String,
    /// The notice's id, the same for all who are told it.
    pub notice_id: String,
    /// The channel's name without `#`, or `@NAME` for a person's mail.
    pub channel: String,
    /// What is said. It never changes, so that erasing it meets nobody who writes it back.
    pub notice: Arc<Notice>,
    /// The subject of the decision that made it: a conversation, for erasure.
    pub subject: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// How many attempts were begun.
    pub attempts: u32,
    /// How many of them may have been posted.
    pub ambiguous: u32,
    /// Not to be posted before this.
    pub not_before: Timestamp,
    /// When it last moved.
    pub updated_at: Timestamp,
    /// The delivery that carries the digest that this one is part of.
    pub part_of: Option<String>,
    /// Why the newest attempt did not bring it there.
    pub error: Option<String>,
}

impl Delivery {
    /// Gives its place in the line: what is lower goes first.
    pub fn rank(&self) -> i64 {
        rank_of(self.notice.kind)
    }

    fn waits(&self, now: Timestamp) -> bool {
        self.state == DeliveryState::Pending && self.not_before <= now
    }

    fn is_part_of(&self, id: &str) -> bool {
        self.state == DeliveryState::Joined && self.part_of.as_deref() == Some(id)
    }
}

/// Gives the place of a kind in the line: its place in the list of all.
pub fn rank_of(kind: NoticeKind) -> i64 {
    let place = NoticeKind::ALL.iter().position(|known| *known == kind);
    place
        .and_then(|place| i64::try_from(place).ok())
        .unwrap_or(i64::MAX)
}

/// What is known of a channel besides what waits for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChannelState {
    /// Its rate allows no post before this.
    pub next_at: Timestamp,
    /// It said to come again no earlier than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked_until: Option<Timestamp>,
    /// The post that is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub posting: Option<Posting>,
    /// Since when nothing gets through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// Whether the operators were told so.
    pub is_told: bool,
    /// What it said last that was no yes, while it fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When it last took a post.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
}

impl ChannelState {
    /// Gives when a post may go out, as far as rate and channel let it.
    pub fn open_at(&self) -> Timestamp {
        self.next_at.max(self.blocked_until.unwrap_or_default())
    }

    /// Takes a post's place in the rate.
    pub fn take(&mut self, spacing: Span, now: Timestamp) {
        self.next_at = self.next_at.max(now).plus(spacing);
        self.blocked_until = None;
    }

    /// Notes that a post got through.
    pub fn works(&mut self, now: Timestamp) {
        self.failing_since = None;
        self.error = None;
        self.is_told = false;
        self.sent_at = Some(now);
    }

    /// Notes that a post did not get through for certain.
    pub fn fails(&mut self, error: &str, now: Timestamp) {
        self.failing_since.get_or_insert(now);
        self.error = Some(error.to_owned());
    }
}

/// A post that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posting {
    /// The delivery that carries it.
    pub post_id: String,
    /// Which attempt of that delivery.
    pub attempt: u32,
    /// The input by which it was begun; whoever made that one sends it.
    pub turn: String,
}

/// A channel with its deliveries, as far as they are loaded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChannelDesk {
    /// Whether what waits was read; if not, only what the batch itself has made is here.
    pub is_loaded: bool,
    /// The channel's state.
    pub state: Arc<ChannelState>,
    /// What waits and is due, the first in line first, and what is under way.
    pub deliveries: Vec<Arc<Delivery>>,
}

impl ChannelDesk {
    /// Puts a new or changed delivery in place.
    pub fn put(&mut self, delivery: &Arc<Delivery>) {
        let mut known = self.deliveries.iter_mut();
        match known.find(|known| known.delivery_id == delivery.delivery_id) {
            Some(known) => known.clone_from(delivery),
            None => self.deliveries.push(Arc::clone(delivery)),
        }
    }

    /// Adds what was read; what the batch itself has made or changed stays as it is.
    pub fn fill(&mut self, state: Option<ChannelState>, read: Vec<Delivery>) {
        self.is_loaded = true;
        if let Some(state) = state {
            self.state = Arc::new(state);
        }
        let mut deliveries: Vec<Arc<Delivery>> = read.into_iter().map(Arc::new).collect();
        std::mem::swap(&mut self.deliveries, &mut deliveries);
        for own in &deliveries {
            self.put(own);
        }
    }

    /// Gives a post: the delivery that carries it and those that are part of it, in their order.
    pub fn post(&self, post_id: &str) -> Vec<Arc<Delivery>> {
        let mut found = self.deliveries.iter();
        let Some(head) = found.find(|one| one.delivery_id == post_id) else {
            return Vec::new();
        };
        let parts = self
            .deliveries
            .iter()
            .filter(|one| one.is_part_of(post_id))
            .cloned();
        std::iter::once(Arc::clone(head)).chain(parts).collect()
    }

    /// Gives the next post, its carrier first: what is highest in rank, then what is oldest; of
    /// breaches, when more than `digest_above` are due, one digest. None is due: nothing.
    ///
    /// What may have been posted before is repeated as it was, neither less nor more.
    pub fn next_post(&self, digest_above: usize, now: Timestamp) -> Vec<Arc<Delivery>> {
        let due = self.deliveries.iter().filter(|one| one.waits(now));
        let mut due: Vec<Arc<Delivery>> = due.cloned().collect();
        due.sort_by_key(|one| (one.rank(), one.notice.at));
        let Some(first) = due.first() else {
            return due;
        };
        if first.ambiguous > 0 {
            return self.post(&first.delivery_id);
        }
        if first.notice.kind == NoticeKind::SlaBreached {
            let is_fresh = |one: &Arc<Delivery>| {
                one.notice.kind == NoticeKind::SlaBreached && one.ambiguous == 0
            };
            let breaches: Vec<_> = due.iter().filter(|one| is_fresh(one)).cloned().collect();
            if breaches.len() > digest_above {
                return breaches.into_iter().take(MOST_PARTS).collect();
            }
        }
        due.truncate(1);
        due
    }
}

/// How an attempt at a post ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub enum PostEnd {
    /// The channel has it.
    Sent,
    /// The channel said no, and would again; or it may not be sent at all.
    Refused {
        /// Why.
        detail: String,
    },
    /// It was certainly not posted, and may be tried again.
    Later {
        /// Why.
        detail: String,
        /// When the channel says to come again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<Span>,
    },
    /// It may have been posted.
    Perhaps {
        /// What is known.
        detail: String,
    },
    /// Whoever had it died, and may have posted it.
    Adopted,
}

impl PostEnd {
    /// Gives its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Refused { .. } => "refused",
            Self::Later { .. } => "later",
            Self::Perhaps { .. } => "perhaps",
            Self::Adopted => "adopted",
        }
    }

    /// Says why the channel does not have it for certain; nothing, where it has.
    pub fn detail(&self) -> Option<&str> {
        match self {
            Self::Sent => None,
            Self::Refused { detail } | Self::Later { detail, .. } | Self::Perhaps { detail } => {
                Some(detail)
            }
            Self::Adopted => Some("the daemon that may have posted it died before an answer"),
        }
    }
}
