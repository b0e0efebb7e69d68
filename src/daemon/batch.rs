//! One batch from its inputs to the durable commit: load, decide, seal, commit.
//!
//! The whole of it runs on the lane's own thread and connection, so that no
//! cancelled future tears a transaction. It may be run again at any time – after
//! a deadlock, a lost connection, an unknown commit – because what was committed
//! is found in the journal and everything else is derived anew.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use super::{
    crash_point,
    intake::Receipt,
    persons::Persons,
    round::Round,
    seal::{ResultSpan, Sealed, Stamp, draft},
};
use crate::{
    clock::Stopwatch,
    decide::{Entry, Input, Refuse, Settings},
    domain::{
        event::{Event, Reason, Rejection},
        execution::Execution,
        ids::{EventKey, SubjectId},
        record::{Seen, Tail},
        world::Need,
    },
    policy::Policy,
    store::{StoreError, Writer},
    telemetry,
};

/// How many ticket numbers a lane reserves at first; each further block is larger, because what a block
/// has left at the end stays a gap.
const FIRST_NUMBERS: i64 = 8;
/// The largest block.
const MOST_NUMBERS: i64 = 1_024;

/// What a lane needs to run batches.
pub(super) struct Bench<'a> {
    /// The lane's connection.
    pub(super) writer: &'a mut Writer,
    /// The policy in force as the batch begins.
    pub(super) policy: &'a Policy,
    /// Its version, mappings included.
    pub(super) version: &'a Arc<str>,
    /// What the configuration says about deciding.
    pub(super) settings: &'a Settings,
    /// The daemon's id.
    pub(super) daemon: i64,
    /// The labels of customers in the audit log.
    pub(super) persons: &'a Persons,
    /// Ticket numbers reserved for this lane.
    pub(super) numbers: &'a mut Numbers,
    /// Whether some of the inputs were perhaps decided before.
    pub(super) is_suspect: bool,
}

/// Ticket numbers that a lane has reserved.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    free: VecDeque<i64>,
    /// How many to reserve next.
    block: i64,
}

/// A committed batch.
pub(super) struct Committed {
    /// What became of each input, in order.
    pub(super) receipts: Vec<Receipt>,
    /// What was written, with the results to publish.
    pub(super) sealed: Option<Sealed>,
    /// Rows of duplicates, whose results go out again.
    pub(super) repeats: Vec<Seen>,
}

/// Told just before the commit, under the tail.
pub(super) trait Announce {
    /// Registers that positions `first..=last` carry so many results, and gives the watermark to write
    /// with the batch.
    fn announce(&mut self, first: i64, last: i64, results: usize) -> i64;

    /// Hears what is to be sent once the batch stands.
    fn sends(&mut self, executions: &[Arc<Execution>]);
}

/// Runs a batch once.
///
/// *Errors*: as the store classifies them; nothing is committed then, but after `Lost`, which is unknown.
pub(super) fn run(
    bench: &mut Bench<'_>,
    inputs: &[Arc<Input>],
    attempts_over: &[EventKey],
    relay: &mut dyn Announce,
) -> Result<Committed, StoreError> {
    let mut refusals = HashSet::new();
    loop {
        match attempt(bench, inputs, attempts_over, &mut refusals, relay) {
            Ok(committed) => return Ok(committed),
            Err(Again::NumbersFirst) => {
                bench.writer.abandon();
                let block = bench.numbers.block.clamp(FIRST_NUMBERS, MOST_NUMBERS);
                bench.numbers.free.extend(bench.writer.numbers(block)?);
                bench.numbers.block = block * 4;
            }
            Err(Again::RefusalsFirst) => bench.writer.abandon(),
            Err(Again::Store(error)) => {
                bench.writer.abandon();
                return Err(error);
            }
        }
    }
}

/// Why a batch did not come to its commit.
enum Again {
    /// A decision wants more ticket numbers than are reserved.
    NumbersFirst,
    /// An id was used again with other content: whether that was refused before must be looked up too.
    RefusalsFirst,
    /// The database failed.
    Store(StoreError),
}

impl From<StoreError> for Again {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

fn attempt(
    bench: &mut Bench<'_>,
    inputs: &[Arc<Input>],
    attempts_over: &[EventKey],
    refusals: &mut HashSet<EventKey>,
    relay: &mut dyn Announce,
) -> Result<Committed, Again> {
    let (subjects, keys) = wanted(inputs, refusals);
    let is_suspect = bench.is_suspect || !refusals.is_empty();
    let opening = bench.writer.begin(&subjects, &keys, is_suspect)?;
    let sorted = sort_out(inputs, opening.seen);
    if sorted.reused.iter().any(|key| refusals.insert(*key)) {
        refusals.extend(sorted.reused);
        return Err(Again::RefusalsFirst);
    }

    let mut world = opening.world;
    world.numbers.clone_from(&bench.numbers.free);
    let mut round = Round::new(
        bench.policy,
        bench.settings,
        world,
        opening.now,
        sorted.fresh.iter().cloned(),
    );
    let watch = Stopwatch::start();
    decide_all(bench, &mut round)?;
    metrics::histogram!(telemetry::DECIDE_SECONDS).record(watch.elapsed());

    let Round {
        world, finished, ..
    } = round;
    if finished.is_empty() {
        // Only duplicates: nothing to write; what counts their attempts ages out.
        bench.writer.abandon();
        let receipts = sorted.receipts.into_iter().flatten().collect();
        return Ok(Committed {
            receipts,
            sealed: None,
            repeats: sorted.repeats,
        });
    }
    let refused: HashMap<EventKey, Rejection> = finished
        .iter()
        .filter_map(|one| Some((one.input.key, one.outcome.refusal.clone()?)))
        .collect();
    let stamp = Stamp {
        policy: bench.version,
        source: &bench.settings.source,
        daemon: bench.daemon,
        persons: bench.persons,
    };
    let mut draft = draft(finished, &world, &stamp);
    draft.end_attempts(attempts_over);
    let tail = bench.writer.tail()?;
    let mut sealed = draft.seal(&tail);
    commit(bench, &mut sealed, &tail, relay)?;
    bench.persons.keep(&sealed.write.persons);
    bench.numbers.free = world.numbers;
    let receipts = complete(sorted.receipts, inputs, &sealed, &refused);
    Ok(Committed {
        receipts,
        sealed: Some(sealed),
        repeats: sorted.repeats,
    })
}

/// Gives the subjects to load and the keys to look up, each sorted and once.
fn wanted(inputs: &[Arc<Input>], refusals: &HashSet<EventKey>) -> (Vec<SubjectId>, Vec<EventKey>) {
    let mut subjects: Vec<SubjectId> = inputs
        .iter()
        .map(|input| input.event.subject.clone())
        .collect();
    subjects.sort();
    subjects.dedup();
    let mut keys: Vec<EventKey> = inputs
        .iter()
        .map(|input| input.key)
        .chain(refusals.iter().copied())
        .collect();
    keys.sort();
    keys.dedup();
    (subjects, keys)
}

/// Gives every input its receipt; those that were decided now get theirs here.
fn complete(
    receipts: Vec<Option<Receipt>>,
    inputs: &[Arc<Input>],
    sealed: &Sealed,
    refused: &HashMap<EventKey, Rejection>,
) -> Vec<Receipt> {
    let rows = sealed.write.journal.iter().enumerate();
    let places: HashMap<EventKey, usize> = rows.map(|(place, row)| (row.key, place)).collect();
    let pairs = receipts.into_iter().zip(inputs);
    pairs
        .map(|(receipt, input)| {
            receipt.unwrap_or_else(|| receipt_of(input, sealed, &places, refused))
        })
        .collect()
}

fn decide_all(bench: &mut Bench<'_>, round: &mut Round<'_>) -> Result<(), Again> {
    let mut needs = round.foreseen();
    loop {
        if needs.contains(&Need::TicketNumber) {
            return Err(Again::NumbersFirst);
        }
        if !needs.is_empty() {
            bench.writer.load(&needs, &mut round.world)?;
            round.append_own_messages(&needs);
        }
        needs = round.advance();
        if needs.is_empty() {
            return Ok(());
        }
    }
}

fn commit(
    bench: &mut Bench<'_>,
    sealed: &mut Sealed,
    tail: &Tail,
    relay: &mut dyn Announce,
) -> Result<(), StoreError> {
    let results = sealed.results.iter().map(Vec::len).sum();
    let watermark = relay.announce(tail.position + 1, sealed.write.tail.position, results);
    relay.sends(&sealed.write.executions);
    sealed.write.watermark = (bench.daemon, watermark);
    crash_point::pass("before_commit");
    let watch = Stopwatch::start();
    bench.writer.commit(&sealed.write)?;
    metrics::histogram!(telemetry::COMMIT_SECONDS).record(watch.elapsed());
    crash_point::pass("after_commit");
    Ok(())
}

/// The inputs of a batch, sorted into new ones and those that were decided before.
struct Sorted {
    /// To be decided.
    fresh: Vec<Arc<Input>>,
    /// Receipts of those that are not; `None` for the others.
    receipts: Vec<Option<Receipt>>,
    /// Rows whose results go out again.
    repeats: Vec<Seen>,
    /// The keys of refusals of used ids.
    reused: Vec<EventKey>,
}

fn sort_out(inputs: &[Arc<Input>], seen: Vec<Seen>) -> Sorted {
    let seen: HashMap<EventKey, Seen> = seen.into_iter().map(|row| (row.key, row)).collect();
    let mut here: HashMap<EventKey, [u8; 16]> = HashMap::new();
    let mut repeated = HashSet::new();
    let mut sorted = Sorted {
        fresh: Vec::new(),
        receipts: Vec::new(),
        repeats: Vec::new(),
        reused: Vec::new(),
    };
    for input in inputs {
        let before = seen
            .get(&input.key)
            .map(|row| row.digest)
            .or_else(|| here.get(&input.key).copied());
        let receipt = match before {
            None => {
                here.insert(input.key, input.digest);
                sorted.fresh.push(Arc::clone(input));
                None
            }
            Some(digest) if digest == input.digest => {
                if let Some(row) = seen.get(&input.key).filter(|_| repeated.insert(input.key)) {
                    sorted.repeats.push(row.clone());
                }
                Some(Receipt::Duplicate {
                    event_id: input.event.id.clone(),
                })
            }
            Some(_) => {
                let refused = reused(input);
                sorted.reused.push(refused.key);
                let rejection = reused_rejection(input);
                if !seen.contains_key(&refused.key) && !here.contains_key(&refused.key) {
                    here.insert(refused.key, refused.digest);
                    sorted.fresh.push(Arc::new(refused));
                }
                Some(Receipt::Refused(rejection))
            }
        };
        sorted.receipts.push(receipt);
    }
    sorted
}

/// The key under which the refusal of this content of a reused id is kept.
fn reused_key(input: &Input) -> EventKey {
    input.key.derive(
        "reused",
        usize::from(u16::from_be_bytes([input.digest[0], input.digest[1]])),
    )
}

fn reused_rejection(input: &Input) -> Rejection {
    let detail = format!(
        "`{}` of `{}` was used before with other content; the first one counts",
        input.event.id, input.event.source
    );
    Rejection {
        event_id: Some(input.event.id.clone()),
        ..Rejection::new(Reason::IdReused, "id", detail)
    }
}

/// Makes the input that refuses other content under a used id; its own id is made unique by the content.
fn reused(input: &Arc<Input>) -> Input {
    let key = reused_key(input);
    let event = Event {
        id: input.event.id.clone(),
        ..(*input.event).clone()
    };
    let mut refused = Input::of(
        event,
        input.digest,
        Arc::new(Refuse(reused_rejection(input))),
        &Arc::new(Entry::clone(&input.entry)),
    );
    refused.key = key;
    refused.reply_to.clone_from(&input.reply_to);
    refused.correlation_id.clone_from(&input.correlation_id);
    refused
}

fn receipt_of(
    input: &Input,
    sealed: &Sealed,
    places: &HashMap<EventKey, usize>,
    refusals: &HashMap<EventKey, Rejection>,
) -> Receipt {
    let event_id = input.event.id.clone();
    if let Some(rejection) = refusals.get(&input.key) {
        return Receipt::Refused(Rejection {
            event_id: Some(event_id),
            ..rejection.clone()
        });
    }
    match places
        .get(&input.key)
        .map(|&place| &sealed.write.journal[place])
    {
        Some(row) => Receipt::Accepted {
            event_id,
            position: row.position,
            results: row.results.clone(),
        },
        None => Receipt::Duplicate { event_id },
    }
}

/// Cuts the results of a sealed row out of its text.
pub(super) fn cut<'a>(
    text: &'a str,
    spans: &'a [ResultSpan],
) -> impl Iterator<Item = (&'a ResultSpan, &'a str)> {
    spans.iter().map(|span| (span, &text[span.bytes.clone()]))
}
