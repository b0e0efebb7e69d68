//! A lane: one thread with one connection that turns units into committed batches.
//!
//! It commits at once when idle; while another lane is at work it gathers for
//! about a millisecond, up to 256 inputs. A batch that fails for a passing reason
//! is run again until it stands; one that fails for a lasting reason is halved
//! until the input at fault stands alone and is parked.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::{mpsc, watch};

use super::{
    batch::{self, Announce, Bench, Committed, Numbers},
    consume::Reading,
    crash_point,
    dispatch::Dispatch,
    identity::Identity,
    intake::{Receipt, SubmitError, Unit, Waiter},
    outgoing::Envelope,
    persons::Persons,
    poster::Poster,
    relay::{Parcel, Place, Relay},
    reload::InForce,
    round::put_aside,
    status::Status,
    timers::Alarm,
    waiting::Waiting,
};
use crate::{
    decide::{Input, Settings},
    domain::{execution::Execution, ids::EventKey, record::Write},
    store::{Store, StoreError, Writer},
    telemetry,
};

/// How long a lane gathers while another one is at work.
const GATHER: Duration = Duration::from_millis(1);
/// At which attempt a redelivered input is parked.
const PARK_FROM: i64 = 3;
/// The longest wait between two tries while the database is away.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// What the lanes share.
#[derive(Debug)]
pub(super) struct Shared {
    /// Opens connections.
    pub(super) store: Store,
    /// Reads messages.
    pub(super) reading: Reading,
    /// The policy in force.
    pub(super) in_force: Arc<InForce>,
    /// The relay's ledger.
    pub(super) relay: Arc<Relay>,
    /// What a result's message looks like.
    pub(super) envelope: Envelope,
    /// This daemon's row.
    pub(super) identity: Arc<Identity>,
    /// The labels of customers in the audit log.
    pub(super) persons: Arc<Persons>,
    /// Counters and faults.
    pub(super) status: Arc<Status>,
    /// How many lanes are at work.
    pub(super) busy: AtomicUsize,
    /// The newest position committed here.
    pub(super) committed: watch::Sender<i64>,
    /// Sends what is to be carried out elsewhere.
    pub(super) dispatch: Dispatch,
    /// Rings for timers.
    pub(super) alarm: Arc<Alarm>,
    /// Posts what is said to team channels.
    pub(super) poster: Poster,
    /// Held by the lane that tries what was tried before.
    pub(super) suspects: Mutex<()>,
}

/// A lane at work.
pub(super) struct Lane {
    shared: Arc<Shared>,
    writer: Option<Writer>,
    numbers: Numbers,
    units: mpsc::Receiver<Vec<Unit>>,
    /// Taken from the channel, not in a batch yet.
    waiting: Waiting,
    runtime: tokio::runtime::Handle,
    /// Registrations of batches whose commit has an unknown outcome.
    unknown: Vec<Place>,
    /// What the newest of those sends, should it stand.
    unsent: Vec<Arc<Execution>>,
}

impl Lane {
    /// Makes a lane; [`Lane::run`] is its thread's whole life.
    pub(super) fn new(
        shared: Arc<Shared>,
        units: mpsc::Receiver<Vec<Unit>>,
        runtime: tokio::runtime::Handle,
    ) -> Self {
        Self {
            shared,
            writer: None,
            numbers: Numbers::default(),
            units,
            waiting: Waiting::default(),
            runtime,
            unknown: Vec::new(),
            unsent: Vec::new(),
        }
    }

    /// Works until intake is closed and everything taken in is decided.
    pub(super) fn run(mut self) {
        while let Some(units) = self.gather() {
            let settings = Arc::clone(&self.shared.in_force.ruling().settings);
            self.shared.busy.fetch_add(1, Ordering::Relaxed);
            metrics::gauge!(telemetry::LANES_BUSY).increment(1.0);
            self.work(units, &settings);
            metrics::gauge!(telemetry::LANES_BUSY).decrement(1.0);
            self.shared.busy.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Gives the units of the next batch; `None` when intake is closed and nothing is left.
    fn gather(&mut self) -> Option<Vec<Unit>> {
        if self.waiting.is_empty() {
            self.waiting.extend(self.units.blocking_recv()?);
        }
        while !self.waiting.is_front_full() {
            let Ok(more) = self.units.try_recv() else {
                break;
            };
            self.waiting.extend(more);
        }
        if !self.waiting.is_full() && self.shared.busy.load(Ordering::Relaxed) > 0 {
            let (runtime, units, waiting) = (&self.runtime, &mut self.units, &mut self.waiting);
            runtime.block_on(async {
                let gathering = async {
                    while !waiting.is_full() {
                        let Some(more) = units.recv().await else {
                            break;
                        };
                        waiting.extend(more);
                    }
                };
                // The time being up is the usual end.
                let _ = tokio::time::timeout(GATHER, gathering).await;
            });
        }
        let mut units = self.waiting.take();
        for unit in &mut units {
            if let Some(delivery) = unit.unread.take() {
                unit.inputs = self.shared.reading.read(&delivery);
            }
        }
        Some(units)
    }

    /// Brings units to their end, one way or the other, in their order.
    fn work(&mut self, units: Vec<Unit>, settings: &Settings) {
        let so_far = self.attempts_so_far(&units);
        let mut batch = Vec::with_capacity(units.len());
        for unit in units {
            let was_tried = unit
                .inputs
                .iter()
                .any(|input| so_far.contains_key(&input.key));
            if was_tried && unit.is_redelivered {
                self.try_together(std::mem::take(&mut batch), settings);
                self.try_alone(unit, settings);
            } else {
                batch.push(unit);
            }
        }
        self.try_together(batch, settings);
    }

    /// Decides a batch. The first attempt at what is redelivered is counted before it is decided.
    fn try_together(&mut self, batch: Vec<Unit>, settings: &Settings) {
        if batch.is_empty() {
            return;
        }
        self.count_attempts(&batch);
        self.settle(batch, settings);
    }

    /// Decides what was tried before, alone, or puts it aside. Its attempt is counted only now that
    /// its turn has come: whoever waited behind it when the daemon died had no part in that.
    fn try_alone(&mut self, unit: Unit, settings: &Settings) {
        let shared = Arc::clone(&self.shared);
        // Alone among all lanes: two under suspicion at once would both be blamed for one death.
        let _turn = shared
            .suspects
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let attempts = self.count_attempts(std::slice::from_ref(&unit));
        let count = attempts.values().copied().max().unwrap_or(0);
        if count >= PARK_FROM {
            let why = format!("it was delivered {count} times without coming to an end");
            self.settle(vec![parked(unit, settings, &why)], settings);
        } else {
            self.settle(vec![unit], settings);
        }
    }

    fn attempts_so_far(&mut self, units: &[Unit]) -> HashMap<EventKey, i64> {
        let keys = redelivered(units);
        if keys.is_empty() {
            return HashMap::new();
        }
        self.until_it_stands(|lane| lane.writer()?.attempts_so_far(&keys))
    }

    /// Counts, durably and before anything is decided, the attempts at redelivered inputs.
    fn count_attempts(&mut self, units: &[Unit]) -> HashMap<EventKey, i64> {
        let keys = redelivered(units);
        if keys.is_empty() {
            return HashMap::new();
        }
        self.until_it_stands(|lane| lane.writer()?.attempts(&keys))
    }

    /// Runs a batch until it stands; halves it when something in it cannot be stored.
    fn settle(&mut self, units: Vec<Unit>, settings: &Settings) {
        let inputs: Vec<Arc<Input>> = units
            .iter()
            .flat_map(|unit| unit.inputs.iter().cloned())
            .collect();
        let over: Vec<EventKey> = units
            .iter()
            .filter(|unit| unit.is_redelivered)
            .flat_map(|unit| unit.inputs.iter().map(|input| input.key))
            .collect();
        let result = self.until_it_stands(|lane| match lane.run_once(&inputs, &over, settings) {
            Err(StoreError::Lasting(error)) => Ok(Err(error)),
            other => other.map(Ok),
        });
        match result {
            Ok((committed, place)) => self.conclude(units, committed, place),
            Err(error) => self.halve(units, settings, &error),
        }
    }

    fn halve(&mut self, mut units: Vec<Unit>, settings: &Settings, error: &str) {
        if units.len() > 1 {
            let rest = units.split_off(units.len() / 2);
            self.settle(units, settings);
            self.settle(rest, settings);
            return;
        }
        let Some(unit) = units.pop() else { return };
        let is_parking = unit
            .inputs
            .iter()
            .all(|input| input.event.kind == "event.parked");
        if matches!(unit.waiter, Waiter::Reply(_)) || is_parking {
            tracing::error!(error, "a unit cannot be stored");
            answer(unit.waiter, Err(SubmitError::Store(error.to_owned())));
            return;
        }
        tracing::error!(
            code = "PV-STORE-014",
            error,
            "an input cannot be stored; it is parked"
        );
        self.settle(vec![parked(unit, settings, error)], settings);
    }

    fn run_once(
        &mut self,
        inputs: &[Arc<Input>],
        over: &[EventKey],
        settings: &Settings,
    ) -> Result<(Committed, Option<Place>), StoreError> {
        let shared = Arc::clone(&self.shared);
        let ruling = shared.in_force.ruling();
        let mut numbers = std::mem::take(&mut self.numbers);
        let mut announcer = Announcer {
            relay: &shared.relay,
            place: None,
            executions: Vec::new(),
        };
        let result = self.writer().and_then(|writer| {
            let mut bench = Bench {
                writer,
                policy: &ruling.policy,
                version: &ruling.version,
                settings,
                daemon: shared.identity.held().id,
                persons: &shared.persons,
                numbers: &mut numbers,
                is_suspect: !over.is_empty(),
            };
            batch::run(&mut bench, inputs, over, &mut announcer)
        });
        let place = announcer.place;
        self.numbers = numbers;
        match (&result, place) {
            (Err(StoreError::Lost(_)), Some(place)) => {
                self.unknown.push(place);
                self.unsent = announcer.executions;
            }
            (Err(_), Some(place)) => shared.relay.withdraw(place),
            _ => {}
        }
        result.map(|committed| (committed, place))
    }

    /// Tells everybody about a committed batch.
    fn conclude(&mut self, units: Vec<Unit>, committed: Committed, place: Option<Place>) {
        let shared = &self.shared;
        if let Some(sealed) = &committed.sealed {
            let position = sealed.write.tail.position;
            let messages = Arc::new(shared.envelope.of_batch(sealed));
            shared.status.decided(sealed);
            shared.dispatch.take(&sealed.write.executions);
            shared.dispatch.let_go(&sealed.write.executions_over);
            self.set_timers(&sealed.write);
            shared.poster.wake(&sealed.write.deliveries);
            shared.relay.hand_over(Parcel { place, messages });
            shared.committed.send_if_modified(|newest| {
                let is_newer = position > *newest;
                *newest = position.max(*newest);
                is_newer
            });
        }
        let repeats: Vec<_> = committed
            .repeats
            .iter()
            .flat_map(|row| shared.envelope.of_seen(row))
            .collect();
        let mut unknown = std::mem::take(&mut self.unknown);
        unknown.sort();
        let unsent = std::mem::take(&mut self.unsent);
        if committed.sealed.is_none() {
            // All of it was decided before: the commit of which nobody knew stands.
            shared.dispatch.take(&unsent);
        }
        let mut unknown = unknown.into_iter();
        if !repeats.is_empty() {
            // Committed after all: the repeats carry its results, and hold the watermark until they are out.
            shared.relay.hand_over(Parcel {
                place: unknown.next(),
                messages: Arc::new(repeats),
            });
        }
        for place in unknown {
            shared.relay.withdraw(place);
        }
        let mut receipts = committed.receipts.into_iter();
        for unit in units {
            let own: Vec<Receipt> = receipts.by_ref().take(unit.inputs.len()).collect();
            shared.status.received(&own);
            answer(unit.waiter, Ok(own));
        }
        crash_point::pass("after_ack");
    }

    /// Has the timers heard that this batch has set.
    fn set_timers(&self, write: &Write) {
        let clocks = write.clocks.iter().filter_map(|(_, clock)| clock.wake_at);
        let approvals = write.approvals.iter();
        let approvals = approvals.filter_map(|approval| approval.due_at());
        let runs = write.runs.iter().filter_map(|run| run.due_at());
        if let Some(first) = clocks.chain(approvals).chain(runs).min() {
            self.shared.alarm.set(first);
        }
    }

    fn writer(&mut self) -> Result<&mut Writer, StoreError> {
        if self.writer.is_none() {
            self.writer = Some(self.shared.store.writer()?);
        }
        self.writer
            .as_mut()
            .ok_or_else(|| StoreError::Retry("no connection".into()))
    }

    /// Repeats something until it does not fail for a passing reason; says so once, and again when it is over.
    fn until_it_stands<T>(
        &mut self,
        mut work: impl FnMut(&mut Self) -> Result<T, StoreError>,
    ) -> T {
        let mut pause = Duration::from_millis(2);
        let mut failures = 0_u32;
        loop {
            match work(self) {
                Ok(value) => {
                    self.shared.status.storage_works();
                    return value;
                }
                Err(error) => {
                    failures += 1;
                    metrics::counter!(telemetry::BATCH_RETRIES, "cause" => cause(&error))
                        .increment(1);
                    let is_contention = matches!(error, StoreError::Retry(_)) && failures < 8;
                    if is_contention {
                        tracing::debug!(%error, "the batch is run again");
                    } else {
                        self.shared.status.storage_fails(&error);
                    }
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(if is_contention {
                        Duration::from_millis(50)
                    } else {
                        MAX_PAUSE
                    });
                }
            }
        }
    }
}

/// Announces and notes the place.
struct Announcer<'a> {
    relay: &'a Relay,
    place: Option<Place>,
    executions: Vec<Arc<Execution>>,
}

impl Announce for Announcer<'_> {
    fn announce(&mut self, first: i64, last: i64, results: usize) -> i64 {
        let (place, watermark) = self.relay.announce(first, last, results);
        self.place = Some(place);
        watermark
    }

    fn sends(&mut self, executions: &[Arc<Execution>]) {
        self.executions = executions.to_vec();
    }
}

fn cause(error: &StoreError) -> &'static str {
    match error {
        StoreError::Retry(_) => "contention",
        StoreError::Lost(_) => "connection",
        StoreError::Full(_) => "disk",
        StoreError::Lasting(_) => "data",
        StoreError::Refused { .. } => "refused",
    }
}

/// Gives the keys of what the broker delivered before, sorted, each once.
fn redelivered(units: &[Unit]) -> Vec<EventKey> {
    let mut keys: Vec<EventKey> = units
        .iter()
        .filter(|unit| unit.is_redelivered)
        .flat_map(|unit| unit.inputs.iter().map(|input| input.key))
        .collect();
    keys.sort();
    keys.dedup();
    keys
}

fn parked(unit: Unit, settings: &Settings, why: &str) -> Unit {
    let inputs = unit
        .inputs
        .iter()
        .map(|input| Arc::new(put_aside(input, settings, why)))
        .collect();
    Unit { inputs, ..unit }
}

fn answer(waiter: Waiter, result: Result<Vec<Receipt>, SubmitError>) {
    match waiter {
        // A caller that no longer waits has been told nothing; its events are stored all the same.
        Waiter::Reply(sender) => drop(sender.send(result)),
        Waiter::Delivery(acks, session, ordinal) if result.is_ok() => acks.done(session, ordinal),
        Waiter::Delivery(..) => {}
    }
}
