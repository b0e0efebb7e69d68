//! A seeded model of the whole pipeline around a broker in memory that misbehaves.
//!
//! The real batches, relay and SQLite store; around them a broker that delivers
//! twice, mixes conversations, cuts sessions and loses confirms, and a daemon
//! that dies at any step. Each seed is one history; at its end nothing is lost,
//! nothing is doubled, each conversation is in order and the audit log verifies.
//! `PROVOST_MODEL_SEEDS=N` sets how many seeds run.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Arc,
};

use futures_util::FutureExt;
use serde_json::{Value, json};

use super::{
    batch::{self, Announce, Bench, Committed, Numbers},
    outgoing::Envelope,
    persons::Persons,
    relay::{Backlog, Next, Parcel, Place, Relay},
};
use crate::{
    broker::Outgoing,
    clock::Clock,
    decide::{Entry, Input, Settings},
    domain::{
        audit::{ChainWalk, GENESIS},
        directory::Directory,
        event::Event,
        execution::Execution,
    },
    policy::{Policy, Sources},
    store::{Registration, Role, Store, StoreError, Writer},
};

/// A small generator of chance (`SplitMix64`), so that a seed names a history.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap_or(0)
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

/// The broker: queues by conversation, what is delivered and not acknowledged, what was published.
#[derive(Default)]
struct Broker {
    waiting: BTreeMap<String, VecDeque<Event>>,
    unacked: Vec<Event>,
    published: Vec<Outgoing>,
}

impl Broker {
    /// Delivers up to `count` messages, mixing conversations but keeping each one's order.
    fn deliver(&mut self, count: usize, chance: &mut Chance) -> Vec<Event> {
        let mut taken = Vec::new();
        for _ in 0..count {
            let names: Vec<String> = self
                .waiting
                .iter()
                .filter(|(_, queue)| !queue.is_empty())
                .map(|(name, _)| name.clone())
                .collect();
            let Some(name) = names.get(chance.below(names.len())) else {
                break;
            };
            taken.extend(self.waiting.get_mut(name).and_then(VecDeque::pop_front));
        }
        self.unacked.extend(taken.iter().cloned());
        taken
    }

    /// The session is gone: what was not acknowledged stands at the front again.
    fn cut(&mut self) {
        for event in std::mem::take(&mut self.unacked).into_iter().rev() {
            self.waiting
                .entry(event.subject.to_string())
                .or_default()
                .push_front(event);
        }
    }

    fn is_drained(&self) -> bool {
        self.unacked.is_empty() && self.waiting.values().all(VecDeque::is_empty)
    }
}

/// One life of a daemon.
struct Life {
    store: Store,
    writer: Writer,
    relay: Relay,
    held: Registration,
    numbers: Numbers,
    persons: Persons,
}

impl Life {
    fn begin(path: &Path) -> Self {
        let store = Store::open(&format!("sqlite:{}", path.display()), Role::Daemon)
            .expect("the database opens");
        store.migrate().expect("the schema stands");
        let held = store.desk().daemon_register("model").expect("registered");
        let newest = store.reader().tail().expect("a tail").position;
        let backlog = Backlog {
            watermark: held.watermark,
            newest,
            results: 0,
        };
        let writer = store.writer().expect("a writer");
        Self {
            store,
            writer,
            relay: Relay::new(backlog, true),
            held,
            numbers: Numbers::default(),
            persons: Persons::new(Clock::machine()),
        }
    }
}

/// How a batch ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Stands,
    DiesBeforeCommit,
    DiesAfterCommit,
    CommitsUnknown,
}

struct Dying;

impl Announce for Dying {
    fn announce(&mut self, _: i64, _: i64, _: usize) -> i64 {
        std::panic::panic_any("the daemon dies before its commit")
    }

    fn sends(&mut self, _: &[Arc<Execution>]) {}
}

/// Announces and notes where the batch begins.
struct Noting<'a> {
    relay: &'a Relay,
    place: Option<Place>,
}

impl Announce for Noting<'_> {
    fn announce(&mut self, first: i64, last: i64, results: usize) -> i64 {
        let (place, watermark) = self.relay.announce(first, last, results);
        self.place = Some(place);
        watermark
    }

    fn sends(&mut self, _: &[Arc<Execution>]) {}
}

/// A committed batch, and what it was registered as.
type Ran = Result<(Committed, Option<Place>), StoreError>;

struct Model {
    chance: Chance,
    broker: Broker,
    policy: Policy,
    settings: Settings,
    entry: Arc<Entry>,
    envelope: Envelope,
    path: PathBuf,
    life: Option<Life>,
    /// How many messages each conversation has.
    counts: BTreeMap<String, u64>,
}

impl Model {
    fn new(seed: u64, path: PathBuf) -> Self {
        let rules = r#"
            on("conversation.message", "Echo", #{ then: |e| send_message(e.message.text) });
            escalation("Refund", #{ keywords: ["refund"], team: "support", ticket: true, cooldown: "1h" });
        "#;
        let sources = Sources {
            files: BTreeMap::from([("model.rhai".to_owned(), rules.to_owned())]),
        };
        let directory = Directory::default();
        let policy = Policy::load(&sources, &directory).expect("the policy loads");
        let settings = Settings {
            source: "/provost".to_owned(),
            conversation_url: String::new(),
            resolved_message: None,
            directory,
            catalogue: Arc::default(),
            notices: Arc::default(),
            procedures: crate::domain::procedure::Conduct::default(),
            names_others: true,
        };
        let envelope = Envelope {
            results_exchange: Arc::from("out"),
            dead_exchange: Arc::from("dead"),
            has_broker: true,
        };
        let mut model = Self {
            chance: Chance(seed),
            broker: Broker::default(),
            policy,
            settings,
            entry: Arc::new(Entry::house()),
            envelope,
            life: None,
            counts: BTreeMap::new(),
            path,
        };
        model.fill();
        model
    }

    /// Fills the broker: a few conversations, some messages published twice.
    fn fill(&mut self) {
        for conversation in 0..=self.chance.below(5) {
            let mut queue = VecDeque::new();
            let count = 1 + self.chance.next() % 12;
            self.counts.insert(format!("c{conversation}"), count);
            for number in 0..count {
                let event = message(conversation, number);
                if self.chance.one_in(6) {
                    queue.push_back(event.clone());
                }
                queue.push_back(event);
            }
            self.broker
                .waiting
                .insert(format!("c{conversation}"), queue);
        }
    }

    fn life(&mut self) -> &mut Life {
        let path = &self.path;
        self.life.get_or_insert_with(|| Life::begin(path))
    }

    fn die(&mut self) {
        self.life = None;
        self.broker.cut();
    }

    /// Takes one step at random; `is_calm` forbids faults.
    fn step(&mut self, is_calm: bool) {
        match self.chance.below(5) {
            0 | 1 => self.decide(is_calm),
            2 | 3 => self.publish(is_calm),
            _ if !is_calm && self.chance.one_in(3) => self.die(),
            _ => self.beat(),
        }
    }

    fn beat(&mut self) {
        let life = self.life();
        let held = Registration {
            watermark: life.relay.watermark(),
            ..life.held
        };
        life.store
            .desk()
            .daemon_watermark(held)
            .expect("the watermark is stored");
    }

    fn decide(&mut self, is_calm: bool) {
        let count = 1 + self.chance.below(8);
        let events = self.broker.deliver(count, &mut self.chance);
        if events.is_empty() {
            return;
        }
        let inputs: Vec<Arc<Input>> = events
            .into_iter()
            .map(|event| Arc::new(Input::read(event, &self.entry).expect("readable")))
            .collect();
        let fate = match self.chance.below(8) {
            _ if is_calm => Fate::Stands,
            0 => Fate::DiesBeforeCommit,
            1 => Fate::DiesAfterCommit,
            2 => Fate::CommitsUnknown,
            _ => Fate::Stands,
        };
        if fate == Fate::DiesBeforeCommit {
            let died = catch_unwind(AssertUnwindSafe(|| self.run(&inputs, true)));
            assert!(
                died.is_err()
                    || died.is_ok_and(|ran| ran.is_ok_and(|(done, _)| done.sealed.is_none()))
            );
            return self.die();
        }
        let (committed, place) = self.run(&inputs, false).expect("the batch stands");
        match fate {
            Fate::DiesAfterCommit => return self.die(),
            Fate::CommitsUnknown => {
                // The answer to COMMIT was lost: the batch runs again and finds itself in the journal.
                let (again, _) = self.run(&inputs, false).expect("the batch stands");
                assert!(again.sealed.is_none(), "nothing is decided twice");
                return self.conclude(&again, None, place);
            }
            Fate::Stands | Fate::DiesBeforeCommit => {}
        }
        self.conclude(&committed, place, None);
    }

    fn run(&mut self, inputs: &[Arc<Input>], is_dying: bool) -> Ran {
        let version = Arc::from("model");
        let path = &self.path;
        let life = self.life.get_or_insert_with(|| Life::begin(path));
        let relay = &life.relay;
        let mut bench = Bench {
            writer: &mut life.writer,
            policy: &self.policy,
            version: &version,
            settings: &self.settings,
            daemon: life.held.id,
            persons: &life.persons,
            numbers: &mut life.numbers,
            is_suspect: false,
        };
        if is_dying {
            return batch::run(&mut bench, inputs, &[], &mut Dying).map(|done| (done, None));
        }
        loop {
            let mut announcer = Noting { relay, place: None };
            let result = batch::run(&mut bench, inputs, &[], &mut announcer);
            match (&result, announcer.place) {
                // Something in it was decided before; now it is looked for.
                (Err(StoreError::Retry(_)), Some(place)) => relay.withdraw(place),
                (_, place) => return result.map(|done| (done, place)),
            }
        }
    }

    fn conclude(&mut self, committed: &Committed, place: Option<Place>, unknown: Option<Place>) {
        let repeats: Vec<Outgoing> = committed
            .repeats
            .iter()
            .flat_map(|row| self.envelope.of_seen(row))
            .collect();
        let fresh = committed.sealed.as_ref().map(|sealed| Parcel {
            place,
            messages: Arc::new(self.envelope.of_batch(sealed)),
        });
        let life = self.life();
        if let Some(parcel) = fresh {
            life.relay.hand_over(parcel);
        }
        if repeats.is_empty() {
            if let Some(unknown) = unknown {
                life.relay.withdraw(unknown);
            }
        } else {
            life.relay.hand_over(Parcel {
                place: unknown,
                messages: Arc::new(repeats),
            });
        }
        self.broker.unacked.clear();
    }

    fn publish(&mut self, is_calm: bool) {
        let next = self.life().relay.next().now_or_never();
        match next {
            None => {}
            Some(Next::Hot(parcel)) => {
                let mut tries = 0;
                while !is_calm && self.chance.one_in(4) && tries < 3 {
                    // Some of it, or all, reached the broker; the confirm did not come back.
                    let reached = self.chance.below(parcel.messages.len() + 1);
                    self.broker
                        .published
                        .extend(parcel.messages[..reached].iter().cloned());
                    tries += 1;
                    if self.chance.one_in(4) {
                        return self.die();
                    }
                }
                self.broker
                    .published
                    .extend(parcel.messages.iter().cloned());
                self.life().relay.published(&parcel);
            }
            Some(Next::Cold(position)) => self.publish_cold(position, is_calm),
        }
    }

    fn publish_cold(&mut self, position: i64, is_calm: bool) {
        let envelope = self.envelope.clone();
        let life = self.life();
        let committed = life.relay.committed_to();
        let slice = life
            .store
            .reader()
            .journal_unpublished(life.held.id, position, 3)
            .expect("readable");
        if slice.rows.is_empty() {
            life.relay.published_cold(committed, 0);
            return life.relay.try_turn_hot();
        }
        for row in &slice.rows {
            self.broker
                .published
                .extend(envelope.of_text(&row.results, None, None));
        }
        if !is_calm && self.chance.one_in(6) {
            return self.die();
        }
        let life = self.life();
        life.relay.published_cold(slice.read_to, slice.rows.len());
    }

    fn check(&mut self) {
        let reader = &mut self.life().store.reader();
        let mut walk = ChainWalk::after(0, GENESIS);
        for row in reader.audit_slice(0, 10_000).expect("readable") {
            walk.step(&row.entry).expect("the chain holds");
        }
        let tail = reader.tail().expect("a tail");
        walk.end(tail.audit_sequence, &tail.audit_hash)
            .expect("the chain is whole");
        // What each conversation's results say, in the order in which each first came out.
        let mut first_seen = BTreeSet::new();
        let mut said: HashMap<String, Vec<String>> = HashMap::new();
        let mut tickets: HashMap<String, usize> = HashMap::new();
        for message in &self.broker.published {
            let event: Value = serde_json::from_slice(&message.body).expect("JSON");
            let subject = event["subject"].as_str().unwrap_or_default().to_owned();
            if !first_seen.insert(message.message_id.clone()) {
                continue;
            }
            match message.kind.as_str() {
                "message.send" => said.entry(subject).or_default().push(
                    event["data"]["text"]
                        .as_str()
                        .unwrap_or_default()
                        .to_owned(),
                ),
                "ticket.created" => *tickets.entry(subject).or_default() += 1,
                _ => {}
            }
        }
        let mut rows = self.life().store.reader();
        for (name, expected_count) in &self.counts {
            let conversation = rows.conversation(name).expect("readable").expect("known");
            let texts = said.remove(name).unwrap_or_default();
            let expected: Vec<String> = (0..*expected_count)
                .map(|number| format!("refund {number}"))
                .collect();
            assert_eq!(
                texts, expected,
                "{name}: each message is answered once and in order"
            );
            assert_eq!(
                conversation.conversation.messages, *expected_count,
                "{name}: each message is counted once"
            );
            assert_eq!(
                tickets.get(name),
                Some(&1),
                "{name}: the cooldown lets one ticket through"
            );
        }
    }
}

fn message(conversation: usize, number: u64) -> Event {
    let id = format!("{conversation}-{number}");
    Event::from_value(json!({
        "specversion": "1.0", "id": id, "source": "/model", "type": "conversation.message",
        "subject": format!("c{conversation}"),
        "data": {"message": {"id": id, "text": format!("refund {number}"), "author": {"kind": "customer", "id": "c"}}},
    }))
    .expect("valid")
}

fn folder() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let base = if memory.is_dir() {
        memory.to_owned()
    } else {
        std::env::temp_dir()
    };
    let folder = base.join(format!("provost-model-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the model");
    folder
}

#[test]
fn whatever_the_broker_and_the_process_do_nothing_is_lost_doubled_or_out_of_order() {
    #[expect(
        clippy::disallowed_methods,
        reason = "a switch of the test, no configuration"
    )]
    let seeds = std::env::var("PROVOST_MODEL_SEEDS")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(300_u64);
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !info.payload().is::<&'static str>()
            || info.payload().downcast_ref() != Some(&"the daemon dies before its commit")
        {
            quiet(info);
        }
    }));
    let folder = folder();
    for seed in 0..seeds {
        let path = folder.join(format!("{seed}.db"));
        let mut model = Model::new(seed, path.clone());
        for _ in 0..60 {
            model.step(false);
        }
        model.broker.cut();
        let mut steps = 0;
        while !(model.broker.is_drained() && model.life().relay.is_idle()) {
            model.step(true);
            steps += 1;
            assert!(steps < 10_000, "seed {seed} does not come to rest");
        }
        let checked = catch_unwind(AssertUnwindSafe(|| model.check()));
        assert!(checked.is_ok(), "seed {seed}: see above");
        drop(model);
        for ending in ["", "-wal", "-shm", ".lock"] {
            let _ = std::fs::remove_file(format!("{}{ending}", path.display()));
        }
    }
    let _ = std::fs::remove_dir_all(folder);
}
