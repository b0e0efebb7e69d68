//! What the rest of the house sees of the running daemon.

use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::sync::watch;
use uuid::Uuid;

use super::{
    consume::Reading,
    intake::{Intake, Receipt, SubmitError},
    persons::Persons,
    relay::Relay,
    reload::{Folders, InForce, ReloadFault, Reloaded, Ruling},
    status::Status,
    terms::Shelf,
};
use crate::{
    broker::{Delivery, LinkState},
    clock::Clock,
    config::{Config, ConfigFault},
    decide::{Decide, Entry, Input, PolicyLoaded, PolicyRejected, Replayed},
    domain::{
        access::Verb,
        event::{Event, Reason, Rejection},
        ids::SubjectId,
        outcome::Parked,
    },
    policy::ForeignMessage,
    store::{Store, StoreError},
    telemetry,
};

/// How many faults of a refused policy are logged one by one; all of them are published.
const LOGGED_FAULTS: usize = 20;

/// The running daemon, as HTTP and the command line use it.
#[derive(Clone)]
pub struct App {
    /// The configuration that it was started with.
    pub config: Arc<Config>,
    /// The database.
    pub store: Store,
    /// The policy in force.
    pub in_force: Arc<InForce>,
    /// The way in.
    pub intake: Intake,
    /// The newest position that was committed here.
    pub committed: watch::Receiver<i64>,
    /// The broker's state; `None` without one.
    pub broker: Option<watch::Receiver<LinkState>>,
    /// Counters and faults.
    pub status: Arc<Status>,
    /// The clocks.
    pub clock: Clock,
    pub(super) persons: Arc<Persons>,
    pub(super) folders: Folders,
    pub(super) relay: Arc<Relay>,
    pub(super) reading: Reading,
    pub(super) terms: Arc<Shelf>,
}

/// A policy that has come into force, or was in force already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Its version.
    pub version: String,
    /// How many rules it has.
    pub rules: usize,
    /// Whether it differs from the one before.
    pub has_changed: bool,
    /// The faults of actions and integrations that kept their last good form.
    pub held: Vec<ConfigFault>,
}

/// Why a parked message was not replayed or dropped.
#[derive(Debug, thiserror::Error)]
pub enum ParkedFault {
    /// There is none of that id.
    #[error("there is no parked message `{0}`")]
    Unknown(String),
    /// It still cannot be read; it stays parked.
    #[error("it still cannot be read: {0}")]
    StillUnreadable(String),
    /// The pipeline did not take it.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl App {
    /// Loads the policy, mappings, people and teams from their folders and puts them in force, and publishes
    /// what the files of procedures say, whatever became of the policy.
    ///
    /// *Errors*: every fault of the policy; the last good one stays in force.
    pub async fn reload(&self) -> Result<Loaded, ReloadFault> {
        let loaded = self.reload_policy().await;
        self.publish_files().await;
        loaded
    }

    async fn reload_policy(&self) -> Result<Loaded, ReloadFault> {
        let folders = self.folders.clone();
        let last = Arc::clone(&self.in_force.ruling().catalogue_sources);
        let now = self.clock.now();
        let read = tokio::task::spawn_blocking(move || folders.read_tested(&last, now)).await;
        let Reloaded {
            bundle,
            ruling,
            held,
        } = match read {
            Ok(Ok(read)) => read,
            Ok(Err(fault)) => {
                self.report_rejected(&fault).await;
                return Err(fault);
            }
            Err(error) => {
                let fault = ReloadFault::of_panic(&error.to_string());
                self.report_rejected(&fault).await;
                return Err(fault);
            }
        };
        let before = self.in_force.ruling();
        let loaded = Loaded {
            version: ruling.version.to_string(),
            rules: ruling.policy.rules().len(),
            has_changed: ruling.version != before.version,
            held,
        };
        self.status.set_policy_fault(None);
        if loaded.has_changed {
            // Kept before it is in force: the heartbeat follows what the database names as current.
            self.keep(&ruling, &bundle).await;
        }
        self.in_force.swap(ruling);
        if loaded.has_changed {
            metrics::gauge!(telemetry::POLICY_INFO, "version" => before.version.to_string())
                .set(0.0);
            self.report_loaded(&loaded).await;
        }
        let outcome = if loaded.has_changed {
            "loaded"
        } else {
            "unchanged"
        };
        metrics::counter!(telemetry::POLICY_RELOADS, "outcome" => outcome).increment(1);
        if !loaded.held.is_empty() {
            let fault = ReloadFault::Config(loaded.held.clone());
            self.report_rejected(&fault).await;
        }
        Ok(loaded)
    }

    /// Takes over a version that another daemon on the database put in force.
    pub(super) async fn follow(&self, version: &str) {
        if *version == *self.in_force.ruling().version {
            return;
        }
        let wanted = version.to_owned();
        let Ok(Some(saved)) = self.store.read(move |reader| reader.policy(&wanted)).await else {
            return;
        };
        let settings = (*self.in_force.ruling().settings).clone();
        let compiled = serde_json::from_str::<super::Bundle>(&saved.sources)
            .map(|bundle| bundle.compile(settings, &self.folders));
        match compiled {
            Ok(Ok(ruling)) => {
                tracing::info!(
                    policy.version = version,
                    "the policy that another daemon loaded is in force here too"
                );
                self.in_force.swap(ruling);
            }
            Ok(Err(fault)) => {
                tracing::error!(
                    policy.version = version,
                    %fault,
                    "the policy that another daemon loaded does not load here; the last good one stays"
                );
            }
            Err(error) => tracing::error!(%error, "the stored policy cannot be read"),
        }
    }

    /// Keeps a version's sources, and the terms that clocks may hold on to, and makes it the current one.
    pub(super) async fn keep(&self, ruling: &Ruling, bundle: &super::Bundle) {
        let sources = serde_json::to_string(bundle).unwrap_or_default();
        let (version, now) = (ruling.version.to_string(), self.clock.now());
        let terms = ruling.policy.terms().to_vec();
        let kept = self.store.write(move |desk| {
            desk.terms_save(&terms)?;
            desk.policy_save(&version, &sources, now)
        });
        let kept = kept.await;
        if let Err(error) = kept {
            tracing::error!(%error, "the policy's sources were not kept");
        }
    }

    pub(super) async fn report_loaded(&self, loaded: &Loaded) {
        self.show_policy();
        tracing::info!(policy.version = %loaded.version, rules = loaded.rules, "policy loaded");
        let said = PolicyLoaded {
            version: loaded.version.clone(),
            rules: loaded.rules,
        };
        self.state_of_house("policy.loaded", Arc::new(said)).await;
    }

    /// Shows the policy in force in the metrics.
    fn show_policy(&self) {
        let ruling = self.in_force.ruling();
        metrics::gauge!(telemetry::POLICY_INFO, "version" => ruling.version.to_string()).set(1.0);
        #[expect(clippy::cast_precision_loss, reason = "a gauge")]
        metrics::gauge!(telemetry::POLICY_RULES).set(ruling.policy.rules().len() as f64);
    }

    async fn report_rejected(&self, fault: &ReloadFault) {
        let errors = fault.to_json();
        metrics::counter!(telemetry::POLICY_RELOADS, "outcome" => "rejected").increment(1);
        for error in errors.iter().take(LOGGED_FAULTS) {
            let place = format!(
                "{}:{}:{}",
                error["file"].as_str().unwrap_or_default(),
                error["line"],
                error["column"]
            );
            let code = error["code"].as_str().unwrap_or_default();
            tracing::error!(
                place,
                code,
                "{}",
                error["message"].as_str().unwrap_or_default()
            );
        }
        tracing::error!(
            errors = errors.len(),
            "what is at fault was refused; its last good form stays in force"
        );
        self.status.set_policy_fault(Some(fault.to_string()));
        self.state_of_house("policy.rejected", Arc::new(PolicyRejected { errors }))
            .await;
    }

    /// Has something decided that the house itself states.
    pub(super) async fn state_of_house(&self, kind: &str, verb: Arc<dyn Decide>) {
        if let Err(error) = self.record(kind, "policy", verb, &Entry::house()).await {
            tracing::warn!(%error, "{kind} was not published");
        }
    }

    /// Has something decided, and so put on record, that somebody does without an event of his own.
    ///
    /// *Errors*: when the pipeline does not take it; nothing is on record then.
    pub async fn record(
        &self,
        kind: &str,
        subject: &str,
        verb: Arc<dyn Decide>,
        by: &Entry,
    ) -> Result<(), SubmitError> {
        let id = format!("{kind}:{}", self.clock.now());
        let event = Event::of_house(&self.config.source, kind, id, SubjectId::from(subject));
        let input = Input::made(event, verb, &Arc::new(by.clone()));
        self.intake.decide(vec![Arc::new(input)]).await.map(drop)
    }

    /// Has something decided that somebody does to a thing, and that no event of the contract says.
    ///
    /// *Errors*: when the pipeline does not take it. A refusal is in the receipt.
    pub async fn have_decided(
        &self,
        kind: &str,
        subject: &str,
        (verb, needs): (Arc<dyn Decide>, &'static [Verb]),
        by: &Entry,
    ) -> Result<Receipt, SubmitError> {
        let id = format!("{kind}:{}", Uuid::now_v7());
        let event = Event::of_house(&self.config.source, kind, id, SubjectId::from(subject));
        let input = Input {
            needs,
            ..Input::made(event, verb, &Arc::new(by.clone()))
        };
        let receipts = self.intake.decide(vec![Arc::new(input)]).await?;
        receipts.into_iter().next().ok_or(SubmitError::Stopping)
    }

    /// Reads a parked message again and has it decided; it leaves the table in the same transaction.
    ///
    /// *Errors*: see [`ParkedFault`]; the message stays parked then.
    pub async fn replay(&self, parked_id: &str, by: &Entry) -> Result<Vec<Receipt>, ParkedFault> {
        let parked = self.parked(parked_id).await?;
        let delivery = delivery_of(&parked);
        let mut inputs = self.reading.read(&delivery);
        if let Some(still) = inputs
            .iter()
            .find(|input| input.event.kind == "event.parked")
        {
            let detail = format!("{:?}", still.event.data.get("reason"));
            return Err(ParkedFault::StillUnreadable(detail));
        }
        if parked.reason == Reason::Poison {
            // Its own key stands in the journal already, with the answer that it was parked.
            for input in &mut inputs {
                let mut again = Input::clone(input);
                again.key = again.key.derive(parked_id, 0);
                *input = Arc::new(again);
            }
        }
        inputs.push(self.leaving(parked_id, "replay", by));
        Ok(self.intake.decide(inputs).await?)
    }

    /// Drops a parked message for good; that it was dropped, and by whom, is on record.
    pub async fn drop_parked(&self, parked_id: &str, by: &Entry) -> Result<(), ParkedFault> {
        self.parked(parked_id).await?;
        self.intake
            .decide(vec![self.leaving(parked_id, "drop", by)])
            .await?;
        Ok(())
    }

    async fn parked(&self, parked_id: &str) -> Result<Parked, ParkedFault> {
        let id = parked_id.to_owned();
        let row = self
            .store
            .read(move |reader| reader.parked_get(&id))
            .await?;
        row.map(|row| row.parked)
            .ok_or_else(|| ParkedFault::Unknown(parked_id.to_owned()))
    }

    fn leaving(&self, parked_id: &str, how: &'static str, by: &Entry) -> Arc<Input> {
        let (kind, subject) = (format!("parked.{how}"), SubjectId::from(parked_id));
        let id = format!("{how}:{parked_id}:{}", self.clock.now());
        let event = Event::of_house(&self.config.source, &kind, id, subject);
        let verb = Arc::new(Replayed {
            parked_id: parked_id.to_owned(),
            how,
        });
        Arc::new(Input::made(event, verb, &Arc::new(by.clone())))
    }

    /// Gives how many results wait for their publication.
    pub fn unpublished(&self) -> usize {
        self.relay.unpublished()
    }

    /// Tells whether the broker takes nothing in at the moment (a memory or disk alarm).
    pub fn is_broker_blocked(&self) -> bool {
        self.broker
            .as_ref()
            .is_some_and(|link| link.borrow().blocked.is_some())
    }

    /// Maps a foreign message that came over HTTP to events.
    ///
    /// *Errors*: see [`super::Mappings::map`].
    pub fn map(&self, mapping: &str, message: &ForeignMessage) -> Result<Vec<Event>, Rejection> {
        self.in_force
            .ruling()
            .mappings
            .map(mapping, message, self.clock.now())
    }

    /// Tells why the daemon is not ready to take events in; `None` when it is.
    pub fn unready(&self) -> Option<String> {
        if let Some(fault) = self.status.storage_fault() {
            return Some(format!("database: {fault}"));
        }
        let link = self.broker.as_ref()?.borrow().clone();
        if link.connected {
            return None;
        }
        Some(link.fault.map_or_else(
            || "broker: not connected yet".to_owned(),
            |fault| format!("broker: {fault}"),
        ))
    }
}

/// Gives the delivery that a parked message once was, from its transport.
fn delivery_of(parked: &Parked) -> Delivery {
    let transport: Map<String, Value> = serde_json::from_str(&parked.transport).unwrap_or_default();
    let text = |name: &str| {
        transport
            .get(name)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let entry = parked.entry.strip_prefix("queue:").unwrap_or(&parked.entry);
    Delivery {
        queue: Arc::from(text("queue").unwrap_or_else(|| entry.to_owned())),
        body: parked.content.to_vec(),
        content_type: text("content_type"),
        headers: transport
            .get("headers")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default(),
        routing_key: text("routing_key").unwrap_or_default(),
        reply_to: text("reply_to"),
        correlation_id: text("correlation_id"),
        message_id: text("message_id"),
        ..Delivery::default()
    }
}
