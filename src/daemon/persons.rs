//! The labels under which the audit log knows customers.
//!
//! A customer whom this daemon has not met lately gets a new label with a salt of its own,
//! written in the same transaction; for ten minutes it is used again. So no decision waits
//! for a look into the table, a person has a few labels instead of one, and a label that
//! was erased is used no longer than that.

use std::{
    collections::HashMap,
    fs::File,
    io::Read,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sha2::{Digest, Sha256};

use crate::{
    clock::Clock,
    domain::{ids::leading_16, person::Person, time::Timestamp},
};

/// How long a label is used again.
const LASTING: Duration = Duration::from_secs(600);
/// How many labels are kept at hand.
const MOST: usize = 50_000;

/// The labels that are in use.
#[derive(Debug)]
pub(super) struct Persons {
    clock: Clock,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    seed: Option<[u8; 32]>,
    count: u64,
    known: HashMap<String, (String, Duration)>,
}

impl Persons {
    /// Begins without a label.
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            inner: Mutex::default(),
        }
    }

    /// Gives a customer's label; a new one joins `new`, to be written with the batch.
    pub(super) fn label(
        &self,
        value: &str,
        at: Timestamp,
        new: &mut HashMap<String, Person>,
    ) -> String {
        if let Some(person) = new.get(value) {
            return person.label.clone();
        }
        let now = self.clock.monotonic();
        let mut inner = self.lock();
        if let Some((label, since)) = inner.known.get(value)
            && now.saturating_sub(*since) < LASTING
        {
            return label.clone();
        }
        let person = Person::new(value, inner.salt(), at);
        drop(inner);
        let label = person.label.clone();
        new.insert(value.to_owned(), person);
        label
    }

    /// Uses labels again that are committed now.
    pub(super) fn keep(&self, persons: &[Person]) {
        if persons.is_empty() {
            return;
        }
        let now = self.clock.monotonic();
        let mut inner = self.lock();
        if inner.known.len() + persons.len() > MOST {
            inner.known.clear();
        }
        for person in persons {
            let known = (person.label.clone(), now);
            inner.known.insert(person.value.clone(), known);
        }
    }

    /// Uses a person's label no more.
    pub(super) fn forget(&self, value: &str) {
        self.lock().known.remove(value);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Draws a salt from a seed that is known nowhere else.
    fn salt(&mut self) -> [u8; 16] {
        let seed = *self.seed.get_or_insert_with(random);
        self.count += 1;
        let mut hash = Sha256::new();
        hash.update(seed);
        hash.update(self.count.to_be_bytes());
        leading_16(hash)
    }
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .expect("the system has randomness: the daemon's key was made of it");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Span;

    #[test]
    fn a_label_is_used_again_once_it_is_committed_until_it_is_old_or_erased() {
        let clock = Clock::standing_at(Timestamp::default());
        let persons = Persons::new(clock.clone());
        let mut new = HashMap::new();
        let first = persons.label("ada", Timestamp::default(), &mut new);
        assert_eq!(
            persons.label("ada", Timestamp::default(), &mut new),
            first,
            "once a batch"
        );
        let committed: Vec<Person> = new.into_values().collect();
        assert!(committed.len() == 1 && committed[0].holds());
        let again = || persons.label("ada", Timestamp::default(), &mut HashMap::new());
        assert_ne!(again(), first, "never committed");
        persons.keep(&committed);
        assert_eq!(again(), first);
        clock.advance(Span::from_secs(601));
        assert_ne!(again(), first);
        persons.keep(&committed);
        persons.forget("ada");
        assert_ne!(again(), first);
    }
}
