//! The outlet: everything a session publishes goes through this one task.
//!
//! A single refusal (an unknown exchange, no permission, a full queue) ends the
//! channel, not the session: the batches under way fail, in order, and a new
//! channel takes over. An exchange that is not one of ours is barred for a while,
//! so that one wrong `reply_to` cannot hold all results up. Confirms that stay out
//! end the session, unless the broker said that it takes nothing in.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::poll_fn;
use lapin::{Channel, options::ConfirmSelectOptions};
use tokio::{
    sync::{mpsc, watch},
    time::MissedTickBehavior,
};

use super::{
    connect::Line,
    fault::{self, Fault},
    publish::{Door, Job},
    report::Reporter,
    window::{Refusal, Window},
};
use crate::clock::Clock;

/// How many batches may wait for room.
const DESK: usize = 16;
/// How often confirms are looked for within `confirm_timeout`.
const LOOKS: u32 = 4;
/// How long to wait after a queue refused.
const REFUSED_PAUSE: Duration = Duration::from_secs(2);
/// How long an exchange stays barred.
const BARRED_FOR: Duration = Duration::from_secs(60);

/// What an outlet works with.
pub(super) struct Outlet {
    pub(super) line: Arc<Line>,
    pub(super) door: watch::Sender<Door>,
    pub(super) barred: Arc<Barred>,
    pub(super) reporter: Option<Reporter>,
    pub(super) confirm_timeout: Duration,
}

/// A channel with confirms, and the desk that brings it batches.
pub(super) struct Counter {
    jobs: mpsc::Receiver<Job>,
    window: Window,
}

impl Outlet {
    /// Opens a channel; publishers come in once it stands.
    pub(super) async fn open(&self) -> Result<Counter, Fault> {
        let opening = async {
            let channel = self.line.connection.create_channel().await?;
            let options = ConfirmSelectOptions::default();
            channel.confirm_select(options).await?;
            Ok(channel)
        };
        let opened: lapin::Result<Channel> = opening.await;
        let window = Window::new(opened.map_err(|error| fault::read(&error))?);
        let (desk, jobs) = mpsc::channel(DESK);
        Door::replace(&self.door, Some(desk));
        tracing::debug!("a publishing channel stands");
        Ok(Counter { jobs, window })
    }

    /// Publishes until the session is of no more use; gives why.
    pub(super) async fn run(&self, mut counter: Counter) -> Fault {
        loop {
            let refusal = self.serve(&mut counter).await;
            // First nobody comes in any more, then the batches under way fail.
            Door::replace(&self.door, None);
            drop(counter);
            let next = match self.settle(refusal).await {
                Ok(()) => self.open().await,
                Err(fault) => Err(fault),
            };
            counter = match next {
                Ok(counter) => counter,
                Err(fault) => return fault,
            };
        }
    }

    /// Works on a channel until something on it fails.
    async fn serve(&self, counter: &mut Counter) -> Refusal {
        let Counter { jobs, window } = counter;
        let mut looks = tokio::time::interval((self.confirm_timeout / LOOKS).max(MIN_LOOK));
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut idle = 0;
        let mut was_refused = self.is_noted(fault::REFUSED);
        loop {
            let has_room = window.has_room();
            tokio::select! {
                biased;
                front = poll_fn(|context| window.poll(context)) => match front {
                    Ok(()) => {
                        idle = 0;
                        if std::mem::take(&mut was_refused) {
                            self.forget(fault::REFUSED);
                        }
                    }
                    Err(refusal) => return refusal,
                },
                job = jobs.recv(), if has_room => match job {
                    Some(job) => window.begin(job, |exchange| self.barred.holds(exchange)),
                    None => return Refusal::Failed(fault::ended("nobody publishes any more")),
                },
                _ = looks.tick() => {
                    // A broker that takes nothing in confirms nothing; that is no fault of the session.
                    let waits = window.is_waiting() && !self.line.connection.status().blocked();
                    idle = if waits { idle + 1 } else { 0 };
                    if idle > LOOKS {
                        return Refusal::Failed(self.unconfirmed());
                    }
                    if self.barred.end() {
                        self.forget(fault::BARRED);
                    }
                }
            }
        }
    }

    /// Decides what a refusal means; an error ends the session.
    async fn settle(&self, refusal: Refusal) -> Result<(), Fault> {
        match refusal {
            Refusal::Nack => {
                let text =
                    "a queue refuses results; they are tried again every few seconds, in order";
                self.note(Fault::new(fault::REFUSED, text));
                tokio::time::sleep(REFUSED_PAUSE).await;
                Ok(())
            }
            Refusal::Failed(fault) if self.barred.bar(&fault) => {
                let text = format!(
                    "messages for an exchange count as unroutable for a while, because {}",
                    fault.text
                );
                self.note(Fault::new(fault::BARRED, text));
                Ok(())
            }
            Refusal::Failed(fault) => Err(fault),
        }
    }

    fn unconfirmed(&self) -> Fault {
        let limit = self.confirm_timeout;
        let text = format!("the broker did not confirm results within {limit:?}");
        Fault::new(fault::UNCONFIRMED, text)
    }

    fn note(&self, fault: Fault) {
        if let Some(reporter) = &self.reporter {
            reporter.note(fault);
        }
    }

    fn forget(&self, code: &str) {
        if let Some(reporter) = &self.reporter {
            reporter.forget(code);
        }
    }

    fn is_noted(&self, code: &str) -> bool {
        let reporter = self.reporter.as_ref();
        reporter.is_some_and(|reporter| reporter.is_noted(code))
    }
}

/// An interval of nothing is not allowed.
const MIN_LOOK: Duration = Duration::from_millis(10);

/// Exchanges that nothing is sent to for a while. Outlives sessions.
pub(super) struct Barred {
    clock: Clock,
    /// Exchanges that are never barred; absent: none ever is.
    ours: Option<Vec<String>>,
    until: Mutex<HashMap<String, Duration>>,
}

impl Barred {
    /// Bars any exchange but ours.
    pub(super) fn new(clock: Clock, ours: Vec<String>) -> Self {
        Self {
            clock,
            ours: Some(ours),
            until: Mutex::default(),
        }
    }

    /// Bars nothing: every failure is told.
    pub(super) fn nothing(clock: Clock) -> Self {
        Self {
            clock,
            ours: None,
            until: Mutex::default(),
        }
    }

    fn holds(&self, exchange: &str) -> bool {
        let until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        // Nearly always empty: then neither looked up nor timed.
        let limit = if until.is_empty() {
            None
        } else {
            until.get(exchange)
        };
        limit.is_some_and(|limit| *limit > self.clock.monotonic())
    }

    /// Bars the exchange that the broker complains of; `false` when that is none or one of ours.
    fn bar(&self, fault: &Fault) -> bool {
        let complaint = matches!(fault.code, fault::ABSENT | fault::PERMISSION);
        let named = fault.text.split_once("exchange '");
        let named = named.and_then(|(_, rest)| rest.split_once('\''));
        let named = named.map(|(name, _)| if name == "amq.default" { "" } else { name });
        let (Some(name), Some(ours)) = (named.filter(|_| complaint), &self.ours) else {
            return false;
        };
        if ours.iter().any(|ours| ours == name) {
            return false;
        }
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.insert(name.to_owned(), self.clock.monotonic() + BARRED_FOR);
        true
    }

    /// Lets go what was barred long enough; tells whether the last one went.
    fn end(&self) -> bool {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        let before = until.len();
        until.retain(|_, limit| *limit > self.clock.monotonic());
        before > 0 && until.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::{Span, Timestamp};

    fn complaint(code: &'static str, exchange: &str) -> Fault {
        Fault::new(
            code,
            format!("the broker says: NOT_FOUND - no exchange '{exchange}' in vhost '/'"),
        )
    }

    #[test]
    fn an_exchange_of_others_is_barred_for_a_minute_and_ours_never() {
        let clock = Clock::standing_at(Timestamp::default());
        let barred = Barred::new(clock.clone(), vec!["provost.results".to_owned()]);
        assert!(!barred.holds("nowhere") && !barred.end());
        assert!(!barred.bar(&complaint(fault::ABSENT, "provost.results")));
        assert!(!barred.bar(&complaint(fault::CLOSED, "nowhere")));
        assert!(!barred.bar(&Fault::new(fault::ABSENT, "no queue 'q'")));
        assert!(barred.bar(&complaint(fault::ABSENT, "nowhere")));
        assert!(barred.bar(&complaint(fault::PERMISSION, "amq.default")));
        assert!(barred.holds("nowhere") && barred.holds("") && !barred.holds("provost.results"));
        clock.advance(Span::from_secs(61));
        assert!(!barred.holds("nowhere"));
        assert!(barred.end() && !barred.end());
    }
}
