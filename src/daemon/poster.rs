//! The poster: brings deliveries to team channels, each channel by a task of its own, so that a
//! dead one delays nobody.
//!
//! A commit that wrote deliveries wakes their channels, and every second the database is asked what
//! is due, so that what another daemon left, or what was to wait, goes out too. A post is begun
//! by an input that puts it on record, then sent, and its end is an input again; between the
//! two a daemon may die, and whoever takes over says that it may have been posted. A task ends
//! when nothing is due soon. Rejected: sending from one queue for all, behind the slowest.

mod look_up;
mod send;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use super::{
    crash_point,
    intake::{Intake, SubmitError},
    reload::InForce,
};
use crate::{
    broker::Publisher,
    clock::Clock,
    decide::{Decide, Input, PostDue, PostEnded, channel_subject},
    domain::{
        delivery::{ChannelState, Delivery, PostEnd, Posting},
        event::Event,
        members,
        record::WrittenDelivery,
        time::Span,
    },
    outbound::Outbound,
    store::{Reader, Store, StoreError},
    telemetry,
};

/// How long the first post of a burst waits for what comes with it.
const GATHER: Span = Span::from_millis(100);
/// How often the database is asked what is due.
const LOOK: Span = Span::from_secs(1);
/// A task stays where rate and channel let it post so soon; what is due later is found by a look.
const SOON: Span = Span::from_secs(2);
/// How long to wait where the database sees otherwise what is due.
const DOUBT: Span = Span::from_millis(250);
/// How long to wait before an end is told again that could not be told.
const TELL_AGAIN: Span = Span::from_secs(1);

/// What the poster works with.
pub(super) struct Ground {
    /// The clock by which it waits.
    pub(super) clock: Clock,
    /// What channels there are now.
    pub(super) in_force: Arc<InForce>,
    /// The way out.
    pub(super) outbound: Arc<Outbound>,
    /// Where deliveries are.
    pub(super) store: Store,
    /// `source` of our own events.
    pub(super) source: String,
}

/// Posts to team channels; a clone is the same one.
#[derive(Clone)]
pub(super) struct Poster {
    inner: Arc<Inner>,
}

struct Inner {
    ground: Ground,
    publisher: OnceLock<Publisher>,
    intake: OnceLock<Intake>,
    runtime: Handle,
    tasks: TaskTracker,
    stop: CancellationToken,
    /// The channels that a task is at; `true`: more has come since it last looked.
    busy: Mutex<BTreeMap<String, bool>>,
    /// The channels of which it was said that they do not take what they are sent.
    failing: Mutex<BTreeSet<String>>,
}

impl std::fmt::Debug for Poster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Poster").finish_non_exhaustive()
    }
}

/// What a channel's task does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Look again at once.
    Again,
    /// Look again after a while.
    After(Span),
    /// Nothing is due soon.
    Rest,
}

impl Poster {
    pub(super) fn new(ground: Ground) -> Self {
        Self {
            inner: Arc::new(Inner {
                ground,
                publisher: OnceLock::new(),
                intake: OnceLock::new(),
                runtime: Handle::current(),
                tasks: TaskTracker::new(),
                stop: CancellationToken::new(),
                busy: Mutex::default(),
                failing: Mutex::default(),
            }),
        }
    }

    /// Says where posts are begun and their ends go, and what publishes over AMQP.
    pub(super) fn connect(&self, intake: Intake, publisher: Option<Publisher>) {
        // Once, at the start; a second call would change nothing.
        let _ = self.inner.intake.set(intake);
        if let Some(publisher) = publisher {
            let _ = self.inner.publisher.set(publisher);
        }
    }

    /// Wakes the channels of deliveries that were committed.
    pub(super) fn wake(&self, deliveries: &[WrittenDelivery]) {
        for written in deliveries.iter().filter(|written| written.is_new) {
            self.inner.attend(&written.delivery.channel);
        }
    }

    /// Takes over posts that another daemon had, or this one before it died: they may have been made.
    pub(super) fn adopt(&self, channels: Vec<(String, ChannelState)>) {
        for (channel, state) in channels {
            if let Some(posting) = state.posting {
                let task = Arc::clone(&self.inner).adopted(channel, posting);
                self.inner.spawn(task);
            }
        }
    }

    /// Looks for what is due, until stopped.
    pub(super) async fn run(self, stop: CancellationToken) {
        loop {
            let due = self.inner.ground.store.read(Reader::channels_due);
            match due.await {
                Ok(due) => due.iter().for_each(|channel| self.inner.attend(channel)),
                Err(error) => tracing::debug!(%error, "what is due was not looked for"),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.inner.ground.clock.sleep(LOOK) => {}
            }
        }
    }

    /// Begins nothing more and waits for what is under way.
    pub(super) async fn drain(&self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }
}

impl Inner {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn_on(task, &self.runtime);
    }

    fn busy(&self) -> MutexGuard<'_, BTreeMap<String, bool>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sees to it that a task is at a channel, and looks once more.
    fn attend(self: &Arc<Self>, channel: &str) {
        if self.stop.is_cancelled() {
            return;
        }
        let mut busy = self.busy();
        if let Some(has_more) = busy.get_mut(channel) {
            *has_more = true;
            return;
        }
        busy.insert(channel.to_owned(), false);
        drop(busy);
        self.spawn(Arc::clone(self).serve(channel.to_owned()));
    }

    /// Posts what is due to a channel until nothing is, or until stopped.
    async fn serve(self: Arc<Self>, channel: String) {
        let clock = &self.ground.clock;
        let mut wait = GATHER;
        loop {
            if self
                .stop
                .run_until_cancelled(clock.sleep(wait))
                .await
                .is_none()
            {
                return;
            }
            wait = match self.step(&channel).await {
                Next::Again => Span::default(),
                Next::After(span) => span,
                Next::Rest => {
                    let mut busy = self.busy();
                    match busy.get_mut(&channel) {
                        Some(has_more) if *has_more => *has_more = false,
                        _ => {
                            busy.remove(&channel);
                            return;
                        }
                    }
                    GATHER
                }
            };
        }
    }

    /// Makes the next post, if one is due.
    async fn step(&self, channel: &str) -> Next {
        let name = channel.to_owned();
        let look = self
            .ground
            .store
            .read(move |reader| reader.channel_look(&name));
        let look = match look.await {
            Ok(look) => look,
            Err(error) => {
                tracing::debug!(channel, %error, "a channel was not looked at");
                return Next::Rest;
            }
        };
        // Another daemon posts; it goes on with what waits here.
        let (Some(due_at), None) = (look.due_at, &look.state.posting) else {
            return Next::Rest;
        };
        if due_at > look.now {
            return Next::Rest;
        }
        let wait = look.state.open_at().since(look.now);
        if wait > SOON {
            return Next::Rest;
        }
        if wait > Span::default() {
            return Next::After(wait);
        }
        match self.begin(channel).await {
            Ok(Some((posting, post))) => {
                crash_point::pass("before_post");
                let end = self.post(channel, &post).await;
                crash_point::pass("after_post");
                metrics::counter!(telemetry::POSTS_ENDED, "channel" => label(channel), "end" => end.name())
                    .increment(1);
                self.mention(channel, &end);
                self.end(channel, posting, end).await;
                Next::Again
            }
            Ok(None) => Next::After(DOUBT),
            Err(error) => {
                tracing::debug!(channel, %error, "a post was not begun");
                Next::Rest
            }
        }
    }

    /// Says once in the log that a channel does not take what it is sent, and once that it does again.
    fn mention(&self, channel: &str, end: &PostEnd) {
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        match end.detail() {
            Some(detail) if failing.insert(channel.to_owned()) => {
                tracing::warn!(channel, detail, "a channel does not take what it is sent");
            }
            None if failing.remove(channel) => {
                tracing::info!(channel, "a channel takes what it is sent again");
            }
            Some(_) | None => {}
        }
    }

    /// Has the next post begun, on record, and gives it; `None` when another one goes first, or
    /// nothing is left that can be posted.
    async fn begin(&self, channel: &str) -> Result<Option<(Posting, Vec<Delivery>)>, BeginFault> {
        let turn = format!("post:{channel}:{}", Uuid::now_v7());
        let verb = PostDue {
            channel: channel.to_owned(),
        };
        let input = self.input(channel, ("post.due", turn.clone()), json!({}), verb);
        self.intake()?.decide(vec![Arc::new(input)]).await?;
        let name = channel.to_owned();
        let begun = self
            .ground
            .store
            .read(move |reader| reader.channel_posting(&name));
        let (state, deliveries) = begun.await?;
        let Some(posting) = state.posting.filter(|posting| posting.turn == turn) else {
            return Ok(None);
        };
        let (head, parts): (Vec<_>, Vec<_>) = deliveries
            .into_iter()
            .filter(|one| {
                one.delivery_id == posting.post_id || one.part_of.as_ref() == Some(&posting.post_id)
            })
            .partition(|one| one.delivery_id == posting.post_id);
        Ok(Some((posting, [head, parts].concat())))
    }

    fn intake(&self) -> Result<&Intake, SubmitError> {
        self.intake.get().ok_or(SubmitError::Stopping)
    }

    async fn adopted(self: Arc<Self>, channel: String, posting: Posting) {
        self.end(&channel, posting, PostEnd::Adopted).await;
    }

    /// Has the end of a post decided; tried until it is, or until the daemon stops.
    async fn end(&self, channel: &str, posting: Posting, end: PostEnd) {
        let how = match end {
            PostEnd::Adopted => "adopted",
            PostEnd::Sent
            | PostEnd::Refused { .. }
            | PostEnd::Later { .. }
            | PostEnd::Perhaps { .. } => "ended",
        };
        let (post_id, attempt) = (posting.post_id, posting.attempt);
        let id = format!("{post_id}:{attempt}:{how}");
        let data = json!({"post_id": post_id, "attempt": attempt, "end": end});
        let verb = PostEnded {
            channel: channel.to_owned(),
            post_id,
            attempt,
            end,
        };
        let input = Arc::new(self.input(channel, ("post.ended", id), data, verb));
        loop {
            let Ok(intake) = self.intake() else { return };
            match intake.decide(vec![Arc::clone(&input)]).await {
                Ok(_) | Err(SubmitError::Stopping) => return,
                Err(error) => {
                    tracing::warn!(channel, %error, "the end of a post was not stored; it is tried again");
                    self.ground.clock.sleep(TELL_AGAIN).await;
                }
            }
        }
    }

    /// Makes an input of the house about a channel.
    fn input(
        &self,
        channel: &str,
        (kind, id): (&str, String),
        data: Value,
        verb: impl Decide + 'static,
    ) -> Input {
        let subject = channel_subject(channel);
        let event = Event {
            data: members::of(data),
            ..Event::of_house(&self.ground.source, kind, id, subject)
        };
        Input::of_house(event, Arc::new(verb))
    }
}

/// Names a channel in the metrics; people are not told apart there.
fn label(channel: &str) -> String {
    match channel.strip_prefix('@') {
        Some(_) => "@".to_owned(),
        None => channel.to_owned(),
    }
}

/// Why a post was not begun.
#[derive(Debug, thiserror::Error)]
enum BeginFault {
    /// The pipeline did not take it.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
