//! Trying a channel: a notice goes there as every other one does, and whoever tries is told what
//! came of it.

use std::{sync::Arc, time::Duration};

use uuid::Uuid;

use super::{
    app::App,
    intake::{Receipt, SubmitError},
};
use crate::{
    decide::{ChannelTried, Decide, Entry, channel_subject},
    domain::{access::Verb, delivery::Delivery, event::Rejection},
    store::StoreError,
};

/// How often it is looked whether it is over.
const LOOK: Duration = Duration::from_millis(50);
/// What comes before and after the post itself: its turn, and two commits.
const BESIDES: Duration = Duration::from_secs(2);
/// The longest that somebody is kept waiting.
const MOST: Duration = Duration::from_secs(25);

/// Why a channel was not tried.
#[derive(Debug, thiserror::Error)]
pub enum TrialFault {
    /// There is none of that name.
    #[error("there is no channel `{0}`")]
    Unknown(String),
    /// Whoever tries may not.
    #[error("{0}")]
    Refused(Rejection),
    /// The pipeline did not take it.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl App {
    /// Has a notice posted to a channel and waits for its end, up to the channel's own time. The
    /// delivery that is given waits or is under way where that was too short.
    ///
    /// *Errors*: see [`TrialFault`]. That it did not get there is none.
    pub async fn try_channel(&self, name: &str, by: &Entry) -> Result<Delivery, TrialFault> {
        let settings = Arc::clone(&self.in_force.ruling().settings);
        let channel = settings.notices.channels.get(name);
        let channel = channel.ok_or_else(|| TrialFault::Unknown(name.to_owned()))?;
        let delivery_id = format!("dlv_{}", Uuid::now_v7().simple());
        let verb = ChannelTried {
            channel: name.to_owned(),
            delivery_id: delivery_id.clone(),
        };
        let verb = (Arc::new(verb) as Arc<dyn Decide>, &[Verb::Operate][..]);
        let subject = channel_subject(name);
        let decided = self.have_decided("channel.tried", subject.as_str(), verb, by);
        if let Receipt::Refused(rejection) = decided.await? {
            return Err(TrialFault::Refused(rejection));
        }
        let most = (channel.timeout.to_std() + BESIDES).min(MOST);
        let over = self.until_over(&delivery_id);
        match tokio::time::timeout(most, over).await {
            Ok(over) => over,
            Err(_) => self.delivery(&delivery_id).await,
        }
    }

    async fn until_over(&self, id: &str) -> Result<Delivery, TrialFault> {
        loop {
            let delivery = self.delivery(id).await?;
            if delivery.state.is_over() {
                return Ok(delivery);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn delivery(&self, id: &str) -> Result<Delivery, TrialFault> {
        let wanted = id.to_owned();
        let found = self.store.read(move |reader| reader.delivery(&wanted));
        let found = found.await?;
        found.ok_or_else(|| StoreError::Retry(format!("the delivery `{id}` is not there")).into())
    }
}
