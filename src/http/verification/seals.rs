//! The seals beside a walk: each is checked when the walk reaches the entry that it signed.
//!
//! Seals come from the database's table, or from the entries of an export that record them;
//! *claims* are seals that somebody kept elsewhere, as they were published. A claim knows no
//! place, only the hash that it signed: the walk has to meet that hash.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::Value;

use crate::{
    domain::{
        audit::AuditBody,
        ids::unhex,
        record::{AuditRow, Tail},
        seal::{Claim, KEY_ADDED, Keys, SEALED, Seal, SealFault, key_id},
    },
    store::{Reader, StoreError},
};

/// How many seals are read at once.
const SLICE: i64 = 1_000;

/// The seals of a log, and what is expected of them.
#[derive(Debug, Default)]
pub struct Seals {
    waiting: VecDeque<Seal>,
    known: BTreeSet<String>,
    claims: BTreeMap<[u8; 32], Claim>,
    expected: BTreeSet<String>,
    keys: Keys,
    announced: BTreeSet<String>,
    newest: Option<(String, i64)>,
    signers: BTreeSet<String>,
    checked: i64,
    is_whole: bool,
}

/// What was found of the seals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// How many hold.
    pub seals: i64,
    /// The newest entry that is sealed; 0 when none is.
    pub sealed_to: i64,
    /// The keys that signed them.
    pub keys: Vec<String>,
    /// Whether somebody said which keys to expect.
    pub is_pinned: bool,
}

impl Seals {
    /// Takes the seals of a log, the oldest first.
    pub fn of(seals: Vec<Seal>) -> Self {
        Self {
            known: seals.iter().map(|seal| seal.seal_id.clone()).collect(),
            keys: seals
                .iter()
                .map(|seal| (seal.key_id(), seal.public_key))
                .collect(),
            waiting: VecDeque::from(seals),
            ..Self::default()
        }
    }

    /// Reads the seals of a database, and the tail to walk to, while the log may grow.
    pub fn read(reader: &mut Reader) -> Result<(Self, Tail), StoreError> {
        let mut seals = read_after(reader, 0)?;
        let tail = reader.tail()?;
        let newest = seals.last().map_or(0, |seal| seal.last);
        // A seal that was there before the tail was read covers nothing above it, unless it was
        // cut off; of those that came meanwhile the log below the tail records some.
        let later = read_after(reader, newest)?;
        seals.extend(
            later
                .into_iter()
                .filter(|seal| seal.last <= tail.audit_sequence),
        );
        Ok((Self::of(seals), tail))
    }

    /// Expects seals by these keys alone.
    pub fn expect(&mut self, key_ids: impl IntoIterator<Item = String>) {
        self.expected.extend(key_ids);
    }

    /// Makes a public key known.
    pub fn know(&mut self, public_key: [u8; 32]) {
        self.keys.insert(key_id(&public_key), public_key);
    }

    /// Takes a seal that was kept elsewhere; the log must hold what it signed.
    pub fn claim(&mut self, claim: Claim) {
        self.claims.insert(claim.root, claim);
    }

    /// Begins at the first entry that is there.
    pub(super) fn begin(&mut self, sequence: i64) -> Result<(), SealFault> {
        self.is_whole = sequence == 1;
        while let Some(seal) = self.next_to(sequence - 1) {
            self.claims.remove(&seal.root);
            self.hold(&seal)?;
        }
        Ok(())
    }

    /// Looks at an entry that follows: does a seal end here, does the entry record one?
    pub(super) fn pass(&mut self, row: &AuditRow) -> Result<(), SealFault> {
        let entry = &row.entry;
        while let Some(seal) = self.next_to(entry.sequence) {
            if seal.root != entry.hash || seal.last != entry.sequence {
                return Err(SealFault::Root {
                    seal_id: seal.seal_id,
                    last: seal.last,
                });
            }
            self.hold(&seal)?;
        }
        if let Some(claim) = self.claims.remove(&entry.hash) {
            self.hold_claim(&claim)?;
        }
        match row.action.as_str() {
            KEY_ADDED => self.announced.extend(key_added(&entry.body)),
            SEALED => self.recorded(row)?,
            _ => {}
        }
        Ok(())
    }

    /// Ends at the newest entry.
    pub(super) fn end(&self, found: i64) -> Result<(), SealFault> {
        if let Some(seal) = self.waiting.front() {
            return Err(SealFault::Cut {
                seal_id: seal.seal_id.clone(),
                last: seal.last,
                found,
            });
        }
        match self.claims.values().next() {
            Some(claim) => Err(SealFault::Nowhere(claim.seal_id.clone())),
            None => Ok(()),
        }
    }

    pub(super) fn found(&self) -> Found {
        Found {
            seals: self.checked,
            sealed_to: self.newest.as_ref().map_or(0, |(_, last)| *last),
            keys: self.signers.iter().cloned().collect(),
            is_pinned: !self.expected.is_empty(),
        }
    }

    fn next_to(&mut self, sequence: i64) -> Option<Seal> {
        let next = self.waiting.front()?;
        (next.last <= sequence).then(|| self.waiting.pop_front())?
    }

    fn hold(&mut self, seal: &Seal) -> Result<(), SealFault> {
        let follows = match &self.newest {
            Some((id, last)) => seal.previous == *id && seal.first == last + 1,
            // Of a log whose beginning is past retention the first seal may be gone as well.
            None => !self.is_whole || (seal.previous.is_empty() && seal.first == 1),
        };
        if !follows {
            return Err(SealFault::Link {
                seal_id: seal.seal_id.clone(),
            });
        }
        self.expected_key(&seal.seal_id, &seal.key_id())?;
        seal.check()?;
        self.newest = Some((seal.seal_id.clone(), seal.last));
        self.signers.insert(seal.key_id());
        self.checked += 1;
        Ok(())
    }

    fn hold_claim(&self, claim: &Claim) -> Result<(), SealFault> {
        self.expected_key(&claim.seal_id, &claim.key_id)?;
        let Some(key) = self.keys.get(&claim.key_id) else {
            return Err(unknown_key(&claim.seal_id, &claim.key_id));
        };
        claim.check(key)
    }

    fn expected_key(&self, seal_id: &str, key_id: &str) -> Result<(), SealFault> {
        if self.expected.is_empty() || self.expected.contains(key_id) {
            return Ok(());
        }
        Err(SealFault::Key {
            seal_id: seal_id.to_owned(),
            found: key_id.to_owned(),
        })
    }

    /// An entry says that a seal was made: it must be among the seals, by a key that the log named.
    fn recorded(&self, row: &AuditRow) -> Result<(), SealFault> {
        let Some(seal) = seal_of(&row.entry.body) else {
            return Ok(());
        };
        if !self.known.contains(&seal.seal_id) {
            return Err(SealFault::Missing {
                sequence: row.entry.sequence,
                seal_id: seal.seal_id,
            });
        }
        let key_id = seal.key_id();
        if self.is_whole && !self.announced.contains(&key_id) {
            return Err(unknown_key(&seal.seal_id, &key_id));
        }
        Ok(())
    }
}

fn unknown_key(seal_id: &str, key_id: &str) -> SealFault {
    SealFault::UnknownKey {
        seal_id: seal_id.to_owned(),
        key_id: key_id.to_owned(),
    }
}

fn read_after(reader: &mut Reader, mut after: i64) -> Result<Vec<Seal>, StoreError> {
    let mut seals = Vec::new();
    loop {
        let rows = reader.seals(after, SLICE)?;
        let Some(last) = rows.last() else {
            return Ok(seals);
        };
        after = last.seal.last;
        seals.extend(rows.into_iter().map(|row| row.seal));
    }
}

/// Gives the seal that an entry's body records, if it does.
pub fn seal_of(body: &str) -> Option<Seal> {
    let effect = effect(body, "audit_sealed")?;
    let claim = Claim::read(&effect)?;
    Some(Seal {
        seal_id: claim.seal_id,
        first: effect["first"].as_i64()?,
        last: effect["last"].as_i64()?,
        root: claim.root,
        previous: claim.previous,
        signature: claim.signature,
        public_key: unhex(effect["public_key"].as_str()?)?,
    })
}

fn key_added(body: &str) -> Option<String> {
    let effect = effect(body, "audit_key_added")?;
    let public_key: [u8; 32] = unhex(effect["public_key"].as_str()?)?;
    Some(key_id(&public_key))
}

fn effect(body: &str, name: &str) -> Option<Value> {
    let body: AuditBody = serde_json::from_str(body).ok()?;
    let mut effects = body.effects.into_iter();
    effects.find(|effect| effect["effect"] == name)
}
