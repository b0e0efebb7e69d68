//! What each integration bears, and each action of it: how many calls at once, how many a
//! minute, and whether it is left alone for a while because it only fails. By this daemon.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    clock::Clock,
    connectors::{
        answer::Fate,
        breaker::{Breaker, Settings},
        pace::Pace,
    },
    domain::{
        action::Action,
        integration::Integration,
        time::{Span, Timestamp},
    },
    telemetry,
};

/// What all of them bear.
#[derive(Debug, Default)]
pub(super) struct Bearings {
    integrations: Mutex<HashMap<String, Arc<Bearing>>>,
    actions: Mutex<HashMap<String, Pace>>,
}

/// What one integration bears.
#[derive(Debug)]
pub(super) struct Bearing {
    name: String,
    /// How many at once it was made for; another number makes another one.
    concurrency: u32,
    places: Arc<Semaphore>,
    pace: Mutex<Option<Pace>>,
    breaker: Mutex<Breaker>,
}

impl Bearings {
    /// Gives what an integration bears.
    pub(super) fn of(&self, integration: &Integration) -> Arc<Bearing> {
        let mut known = lock(&self.integrations);
        let same = known.get(&integration.name);
        let bearing = match same.filter(|same| same.concurrency == integration.concurrency) {
            Some(same) => Arc::clone(same),
            None => Arc::new(Bearing::new(integration)),
        };
        known.insert(integration.name.clone(), Arc::clone(&bearing));
        drop(known);
        bearing.keep_pace(integration.rate_per_minute);
        bearing
    }

    /// Waits until an action may be performed once more in this minute.
    pub(super) async fn action_in_time(&self, action: &Action, clock: &Clock) {
        let Some(rate) = action.rate_per_minute else {
            return;
        };
        loop {
            let now = clock.now();
            let taken = {
                let mut paces = lock(&self.actions);
                let pace = paces
                    .entry(action.name.clone())
                    .or_insert_with(|| Pace::new(rate));
                pace.set(rate);
                pace.take(now)
            };
            match taken {
                Ok(()) => return,
                Err(wait) => clock.sleep(wait).await,
            }
        }
    }
}

impl Bearing {
    fn new(integration: &Integration) -> Self {
        let places = usize::try_from(integration.concurrency.max(1)).unwrap_or(1);
        Self {
            name: integration.name.clone(),
            concurrency: integration.concurrency,
            places: Arc::new(Semaphore::new(places)),
            pace: Mutex::default(),
            breaker: Mutex::new(Breaker::new(Settings::default())),
        }
    }

    fn keep_pace(&self, per_minute: Option<u32>) {
        let mut pace = lock(&self.pace);
        match (pace.as_mut(), per_minute) {
            (Some(pace), Some(rate)) => pace.set(rate),
            (None, Some(rate)) => *pace = Some(Pace::new(rate)),
            (_, None) => *pace = None,
        }
    }

    /// Waits for a place among the calls under way.
    pub(super) async fn place(&self) -> Option<OwnedSemaphorePermit> {
        // Never closed, so never refused.
        Arc::clone(&self.places).acquire_owned().await.ok()
    }

    /// Waits until one more call may be made in this minute.
    pub(super) async fn in_time(&self, clock: &Clock) {
        loop {
            let now = clock.now();
            let taken = lock(&self.pace).as_mut().map(|pace| pace.take(now));
            match taken {
                Some(Err(wait)) => clock.sleep(wait).await,
                Some(Ok(())) | None => return,
            }
        }
    }

    /// Lets a call through, unless the system only failed lately.
    ///
    /// *Errors*: how long nothing goes through.
    pub(super) fn pass(&self, now: Timestamp) -> Result<(), Span> {
        let passed = lock(&self.breaker).pass(now);
        self.show(now);
        passed
    }

    /// Says how a call ended.
    pub(super) fn ended(&self, fate: &Fate, now: Timestamp) {
        lock(&self.breaker).ended(fate, now);
        self.show(now);
    }

    fn show(&self, now: Timestamp) {
        let state = lock(&self.breaker).state(now);
        metrics::gauge!(telemetry::BREAKER_STATE, "integration" => self.name.clone())
            .set(state.as_number());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
