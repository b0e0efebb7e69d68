//! Putting the parts of the running whole together.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, atomic::AtomicUsize},
    time::Duration,
};

use tokio::sync::{mpsc, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    app::App,
    beat::Heart,
    consume::{self, QueueEntry, Reading},
    dispatch::{Dispatch, Ground},
    identity::Identity,
    intake::{Intake, Lanes},
    lane::{Lane, Shared},
    outgoing::Envelope,
    persons::Persons,
    poster::{self, Poster},
    publish::Post,
    relay::{Backlog, Relay},
    reload::{Folders, InForce, Ruling},
    retention, schedule,
    status::Status,
    timers::Timers,
    watch as folder_watch,
};
use crate::{
    broker::{self, Link, Seat},
    clock::Clock,
    config::Config,
    decide::Entry,
    domain::{actor::Actor, delivery::ChannelState, execution::Execution},
    outbound::{Outbound, SystemLookup},
    store::{NOBODY, Registration, Role, Store, StoreError},
};

/// How many chunks of units wait in front of a lane.
const LANE_QUEUE: usize = 2;
/// The longest wait between two tries to reach the database at the start.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// The parts that live as long as the daemon.
pub(super) struct House {
    pub(super) dispatch: Dispatch,
    pub(super) poster: Poster,
    pub(super) relay: Arc<Relay>,
    pub(super) identity: Arc<Identity>,
    pub(super) lanes: Vec<std::thread::JoinHandle<()>>,
    pub(super) link: Option<Link>,
    /// Ends the publisher and the link, after everything else.
    pub(super) stop_relay: CancellationToken,
    config: Arc<Config>,
    clock: Clock,
    shared: Arc<Shared>,
    intake: Intake,
    gate: watch::Sender<Option<String>>,
    seat: watch::Sender<Seat>,
}

/// Opens the database; waits, saying so once, while it is away.
pub(super) async fn open_store(config: &Config) -> Result<Store, StoreError> {
    let mut pause = Duration::from_millis(200);
    let mut has_said = false;
    loop {
        let (url, readers) = (config.database.url.clone(), config.database.readers);
        let opened = tokio::task::spawn_blocking(move || {
            let store = Store::open_with(&url, Role::Daemon, readers)?;
            store.migrate()?;
            Ok(store)
        })
        .await
        .unwrap_or_else(|error| Err(StoreError::Retry(error.to_string())));
        match opened {
            Err(error @ (StoreError::Lost(_) | StoreError::Retry(_) | StoreError::Full(_))) => {
                if !has_said {
                    tracing::error!(code = error.code(), %error, "the database cannot be used yet; it is tried again until it works");
                    has_said = true;
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(MAX_PAUSE);
            }
            other => return other,
        }
    }
}

/// Registers this daemon and looks at what its run before left unpublished.
pub(super) async fn register(
    store: &Store,
    config: &Config,
) -> Result<(Registration, Backlog), StoreError> {
    let instance = config.instance.clone();
    let registered = store
        .write(move |desk| desk.daemon_register(&instance))
        .await?;
    let Registration { id, watermark, .. } = registered;
    let backlog = store
        .read(move |reader| {
            let newest = reader.tail()?.position;
            let results = usize::try_from(reader.unpublished_after(id, watermark)?).unwrap_or(0);
            Ok(Backlog {
                watermark,
                newest,
                results,
            })
        })
        .await?;
    Ok((registered, backlog))
}

/// Makes the way out.
///
/// *Errors*: when TLS cannot be set up.
pub(super) fn way_out(config: &Config, clock: &Clock) -> Result<Outbound, String> {
    // An error means that somebody has installed one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let allowed = &config.outbound.allow_addresses;
    Outbound::new(allowed, Arc::new(SystemLookup), clock.clone())
}

/// Gives the executions that a run before left, its own or nobody's; the latter were never sent.
pub(super) async fn left_over(
    store: &Store,
    daemon: i64,
) -> Result<(Vec<Execution>, Vec<Execution>), StoreError> {
    store
        .write(move |desk| {
            let own = desk.executions_of(daemon)?;
            let unsent = desk.executions_hand_over(NOBODY, daemon)?;
            Ok((own, unsent))
        })
        .await
}

/// Gives the channels to which a run before was posting.
pub(super) async fn left_posting(
    store: &Store,
    daemon: i64,
) -> Result<Vec<(String, ChannelState)>, StoreError> {
    store.read(move |reader| reader.channels_of(daemon)).await
}

/// Makes the parts: lanes at work, a link that connects, a way in.
pub(super) fn house(
    config: Arc<Config>,
    store: Store,
    (registered, backlog): (Registration, Backlog),
    ruling: Ruling,
    (clock, outbound): (Clock, Outbound),
) -> House {
    let has_broker = !config.broker.urls().is_empty();
    let lane_count = if store.has_lanes() {
        config.database.lanes.max(1)
    } else {
        1
    };
    let relay = Arc::new(Relay::new(backlog, has_broker));
    let identity = Arc::new(Identity::new(registered));
    let in_force = Arc::new(InForce::new(ruling));
    let (dispatch, poster) = senders(&config, &store, &in_force, (&clock, outbound));
    let shared = Arc::new(Shared {
        alarm: Arc::default(),
        dispatch: dispatch.clone(),
        poster: poster.clone(),
        store,
        reading: reading(&config, &in_force, &clock),
        in_force,
        relay: Arc::clone(&relay),
        envelope: envelope(&config, has_broker),
        identity: Arc::clone(&identity),
        persons: Arc::new(Persons::new(clock.clone())),
        status: Arc::new(Status::default()),
        busy: AtomicUsize::new(0),
        suspects: Mutex::new(()),
        committed: watch::Sender::new(backlog.newest),
    });
    metrics::gauge!(crate::telemetry::DATABASE_CONNECTED).set(1.0);
    let (senders, lanes) = start_lanes(&shared, lane_count);
    let (gate, gate_receiver) = watch::channel(None);
    let (intake, carrier) = Intake::new(
        senders,
        gate_receiver,
        &config.source,
        Arc::clone(&shared.status),
    );
    let stop_relay = CancellationToken::new();
    let seat = watch::Sender::new(Seat::default());
    let link = has_broker.then(|| broker::start(link_settings(&config, &seat), stop_relay.clone()));
    let porters = TaskTracker::new();
    porters.spawn(carrier.run(stop_relay.clone()));
    let publisher = link.as_ref().map(|link| link.publisher.clone());
    dispatch.connect(intake.clone(), publisher.clone());
    poster.connect(intake.clone(), publisher);
    House {
        dispatch,
        poster,
        relay,
        identity,
        lanes,
        link,
        stop_relay,
        config,
        clock,
        shared,
        intake,
        gate,
        seat,
    }
}

/// Makes what sends: actions, and notices to team channels.
fn senders(
    config: &Config,
    store: &Store,
    in_force: &Arc<InForce>,
    (clock, outbound): (&Clock, Outbound),
) -> (Dispatch, Poster) {
    let outbound = Arc::new(outbound);
    let dispatch = Dispatch::new(Ground {
        clock: clock.clone(),
        in_force: Arc::clone(in_force),
        outbound: Arc::clone(&outbound),
        source: config.source.clone(),
    });
    let poster = Poster::new(poster::Ground {
        clock: clock.clone(),
        in_force: Arc::clone(in_force),
        outbound,
        store: store.clone(),
        source: config.source.clone(),
    });
    (dispatch, poster)
}

fn envelope(config: &Config, has_broker: bool) -> Envelope {
    Envelope {
        results_exchange: Arc::from(config.broker.results_exchange.as_str()),
        dead_exchange: Arc::from(config.broker.dead_exchange.as_str()),
        has_broker,
    }
}

fn link_settings(config: &Config, seat: &watch::Sender<Seat>) -> broker::Settings {
    broker::Settings {
        urls: config.broker.urls(),
        broker: config.broker.clone(),
        queues: config.queues.clone(),
        seat: seat.subscribe(),
    }
}

fn start_lanes(shared: &Arc<Shared>, count: usize) -> (Lanes, Vec<std::thread::JoinHandle<()>>) {
    let runtime = tokio::runtime::Handle::current();
    (0..count)
        .map(|number| {
            let (sender, receiver) = mpsc::channel(LANE_QUEUE);
            let lane = Lane::new(Arc::clone(shared), receiver, runtime.clone());
            let thread = std::thread::Builder::new()
                .name(format!("lane-{number}"))
                .spawn(move || run_or_die(lane))
                .expect("a thread can be started");
            (sender, thread)
        })
        .unzip()
}

/// A lane that panics outside a decision is a defect that nothing here can mend: the process ends, so that
/// it is started again, and what was not committed is delivered again.
fn run_or_die(lane: Lane) {
    if catch_unwind(AssertUnwindSafe(|| lane.run())).is_err() {
        tracing::error!("a lane has panicked; the daemon ends, so that it is started again");
        std::process::exit(1);
    }
}

fn reading(config: &Config, in_force: &Arc<InForce>, clock: &Clock) -> Reading {
    Reading {
        queues: Arc::new(queue_entries(config)),
        in_force: Arc::clone(in_force),
        clock: clock.clone(),
        source: Arc::from(config.source.as_str()),
        body_bytes: config.limits.body_bytes,
    }
}

fn queue_entries(config: &Config) -> HashMap<String, QueueEntry> {
    let entry = |name: &str, is_trusted: bool| {
        Arc::new(Entry {
            name: Arc::from(format!("queue:{name}")),
            actor: Actor::system(format!("queue:{name}")),
            is_trusted,
        })
    };
    let mut entries = HashMap::new();
    let inbox = &config.broker.inbox;
    let partitions = (0..config.broker.partitions).map(|number| format!("{inbox}.{number}"));
    for name in partitions.chain([inbox.clone()]) {
        let queue = QueueEntry {
            entry: entry(&name, config.broker.trust_actor),
            mapping: None,
        };
        entries.insert(name, queue);
    }
    for queue in &config.queues {
        let known = QueueEntry {
            entry: entry(&queue.name, queue.trust_actor),
            mapping: queue.mapping.clone(),
        };
        entries.insert(queue.name.clone(), known);
    }
    // Parked messages of HTTP intakes are read here again.
    for (name, intake) in &config.intake {
        let known = QueueEntry {
            entry: Arc::new(Entry {
                name: Arc::from(format!("intake:{name}")),
                actor: Actor::system(format!("intake:{name}")),
                is_trusted: intake.trust_actor,
            }),
            mapping: Some(intake.mapping.clone().unwrap_or_else(|| name.clone())),
        };
        entries.insert(format!("intake:{name}"), known);
    }
    entries
}

impl House {
    /// Makes what the rest of the house sees.
    pub(super) fn app(&self, folders: Folders) -> App {
        App {
            config: Arc::clone(&self.config),
            store: self.shared.store.clone(),
            in_force: Arc::clone(&self.shared.in_force),
            intake: self.intake.clone(),
            committed: self.shared.committed.subscribe(),
            broker: self.link.as_ref().map(|link| link.state.clone()),
            status: Arc::clone(&self.shared.status),
            clock: self.clock.clone(),
            persons: Arc::clone(&self.shared.persons),
            folders,
            relay: Arc::clone(&self.relay),
            reading: self.shared.reading.clone(),
            terms: Arc::default(),
        }
    }

    /// Sets the tasks going; gives the one that takes deliveries in.
    pub(super) fn begin_work(
        &mut self,
        app: &App,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Option<tokio::task::JoinHandle<()>> {
        let publisher = self.link.as_ref().map(|link| link.publisher.clone());
        if let Some(publisher) = publisher.clone() {
            let post = Post {
                publisher,
                relay: Arc::clone(&self.relay),
                store: app.store.clone(),
                envelope: self.shared.envelope.clone(),
                status: Arc::clone(&app.status),
                stop: self.stop_relay.clone(),
            };
            tasks.spawn(post.run(Arc::clone(&self.identity)));
        }
        let heart = Heart {
            app: app.clone(),
            identity: Arc::clone(&self.identity),
            relay: Arc::clone(&self.relay),
            gate: self.gate.clone(),
            seat: self.seat.clone(),
            publisher,
            envelope: self.shared.envelope.clone(),
            dispatch: self.dispatch.clone(),
            poster: self.poster.clone(),
            tasks: tasks.clone(),
            stop: stop.clone(),
        };
        tasks.spawn(heart.run());
        tasks.spawn(schedule::run(app.clone(), stop.clone()));
        tasks.spawn(retention::run(app.clone(), stop.clone()));
        let timers = Timers {
            app: app.clone(),
            alarm: Arc::clone(&self.shared.alarm),
            stuck: HashMap::default(),
        };
        tasks.spawn(timers.run(stop.clone()));
        tasks.spawn(self.poster.clone().run(stop.clone()));
        if self.config.policy.watch {
            let watched = vec![app.folders.rules.clone(), app.folders.config.clone()];
            tasks.spawn(folder_watch::run(app.clone(), watched, stop.clone()));
        }
        self.link.as_mut().map(|link| {
            let (deliveries, acks) = (link.take_deliveries(), link.acks.clone());
            let (intake, reading) = (app.intake.clone(), app.reading.clone());
            tasks.spawn(consume::run(
                deliveries,
                acks,
                intake,
                reading,
                stop.clone(),
            ))
        })
    }
}
