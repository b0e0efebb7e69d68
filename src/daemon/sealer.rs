//! The sealer: signs the audit log every 1,000 entries or 60 s, whichever comes first.
//!
//! It reads the end of the log as it is committed, signs it, and has the seal decided like
//! any other input, so that it is journaled, published and on record itself. A seal begins
//! where the newest one ends, and that place is its key in the journal: of several daemons
//! that seal at once, one stands. The entry that records a seal is no reason for the next.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::app::App;
use crate::{
    decide::{AuditKeyAdded, AuditSealed, Decide, Input},
    domain::{
        event::Event,
        ids::{EventKey, SubjectId, hex},
        record::{SealRow, Tail},
        seal::{KEY_ADDED, SEALED, SealKey, Stretch},
        time::{Span, Timestamp},
    },
    store::StoreError,
};

/// So many entries are sealed at once when they come fast.
const ENTRIES: i64 = 1_000;
/// The longest that an entry waits for its seal.
const LONGEST: Span = Span::from_secs(60);
/// The pause between two seals of a house that makes thousands of entries a second.
const BREATH: Span = Span::from_millis(250);
/// Keys of seals in the journal: whatever a daemon calls itself, it is the same log.
const SOURCE: &str = "provost audit";

/// Seals until stopped.
pub(super) async fn run(app: App, key: SealKey, stop: CancellationToken) {
    let sealer = Sealer {
        committed: app.committed.clone(),
        app,
        key,
    };
    stop.run_until_cancelled(sealer.run()).await;
}

struct Sealer {
    app: App,
    key: SealKey,
    committed: watch::Receiver<i64>,
}

/// What there is to seal.
struct Due {
    newest: Option<SealRow>,
    tail: Tail,
}

impl Due {
    fn sealed_to(&self) -> i64 {
        self.newest.as_ref().map_or(0, |row| row.seal.last)
    }

    /// Gives how many entries wait, the one that records the newest seal aside.
    fn waiting(&self) -> i64 {
        self.tail.audit_sequence - self.sealed_to() - i64::from(self.newest.is_some())
    }
}

impl Sealer {
    async fn run(mut self) {
        let begun = self.app.clock.now();
        loop {
            match self.due().await {
                Ok(due) => self.wait_and_seal(due, begun).await,
                Err(error) => {
                    tracing::debug!(%error, "the end of the audit log was not read");
                    self.app.clock.sleep(LONGEST).await;
                }
            }
        }
    }

    async fn wait_and_seal(&mut self, due: Due, begun: Timestamp) {
        let last = due.newest.as_ref().map_or(begun, |row| row.at);
        let left = last.plus(LONGEST).since(self.app.clock.now());
        let is_over = left.micros() <= 0;
        let is_due = due.waiting() >= ENTRIES || (is_over && due.waiting() > 0);
        if !is_due {
            let left = if is_over { LONGEST } else { left.min(LONGEST) };
            // An input makes one entry at most: before so many inputs there is nothing to look for.
            let full = due.tail.position + ENTRIES - due.waiting();
            tokio::select! {
                () = self.app.clock.sleep(left) => {}
                _ = self.committed.wait_for(|&position| position >= full) => {}
            }
            return;
        }
        if let Err(error) = self.seal(&due).await {
            tracing::warn!(%error, "the audit log was not sealed; it is tried again in a minute");
            return self.app.clock.sleep(LONGEST).await;
        }
        self.app.clock.sleep(BREATH).await;
    }

    async fn due(&self) -> Result<Due, StoreError> {
        // The seal first: one that is made meanwhile then only makes this one a duplicate.
        let read = |reader: &mut crate::store::Reader| {
            let newest = reader.seal_newest()?;
            let tail = reader.tail()?;
            Ok(Due { newest, tail })
        };
        self.app.store.read(read).await
    }

    async fn seal(&self, due: &Due) -> anyhow::Result<()> {
        let first = due.sealed_to() + 1;
        let previous = due.newest.as_ref().map(|row| row.seal.seal_id.as_str());
        let seal = self.key.seal(&Stretch {
            first,
            last: due.tail.audit_sequence,
            root: due.tail.audit_hash,
            previous: previous.unwrap_or_default(),
        });
        let public_key = seal.public_key;
        let known = move |reader: &mut crate::store::Reader| reader.seal_has_key(&public_key);
        let mut inputs = Vec::new();
        if !self.app.store.read(known).await? {
            let id = hex(&public_key);
            inputs.push(self.input(KEY_ADDED, &id, Arc::new(AuditKeyAdded { public_key })));
        }
        let (entries, last) = (seal.entries(), seal.last);
        let sealed = Arc::new(AuditSealed(Arc::new(seal)));
        inputs.push(self.input(SEALED, &format!("from {first}"), sealed));
        self.app.intake.decide(inputs).await?;
        tracing::debug!(entries, last, "sealed the audit log");
        Ok(())
    }

    fn input(&self, kind: &str, id: &str, verb: Arc<dyn Decide>) -> Arc<Input> {
        let (id, subject) = (format!("{kind}:{id}"), SubjectId::from("audit"));
        let event = Event::of_house(&self.app.config.source, kind, id, subject);
        let mut input = Input::of_house(event, verb);
        input.key = EventKey::of(SOURCE, &input.event.id);
        Arc::new(input)
    }
}
