//! Seals: signed checkpoints of the audit log.
//!
//! A seal signs the hash of the newest entry that it covers, and with it every entry
//! before, because each hash holds the one before it. It names the seal before it by
//! that one's id, which is a hash of what was signed; so seals are a chain as well. What
//! is signed is no more than what is published: whoever keeps the seals elsewhere can
//! check them with the public key alone. Made by `crate::daemon`, checked by
//! `crate::http::verification`.

use std::collections::BTreeMap;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::ids::{EventKey, hex, leading_16, unhex};

/// The type under which a seal is published, and the action of its audit entry.
pub const SEALED: &str = "audit.sealed";
/// The action of the audit entry that names a key before its first seal.
pub const KEY_ADDED: &str = "audit.key_added";

/// A signed checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// `seal_…`: a hash of what is signed.
    pub seal_id: String,
    /// The first entry that no earlier seal covers.
    pub first: i64,
    /// The newest entry that it covers.
    pub last: i64,
    /// The hash of that entry.
    pub root: [u8; 32],
    /// The id of the seal before; empty for the first.
    pub previous: String,
    /// The signature over the canonical text.
    pub signature: [u8; 64],
    /// The public key.
    pub public_key: [u8; 32],
}

/// What a key signs, beside the key itself.
#[derive(Clone, Copy, Debug)]
pub struct Stretch<'a> {
    /// The first entry.
    pub first: i64,
    /// The newest entry.
    pub last: i64,
    /// The hash of the newest.
    pub root: [u8; 32],
    /// The id of the seal before; empty for the first.
    pub previous: &'a str,
}

/// The key of an installation: signs, and never shows its secret.
#[derive(Clone)]
pub struct SealKey(SigningKey);

impl SealKey {
    /// Makes the key of a secret of 32 random bytes.
    pub fn of(secret: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(secret))
    }

    /// Gives the public key.
    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// Signs a stretch of the log.
    pub fn seal(&self, stretch: &Stretch<'_>) -> Seal {
        let public_key = self.public();
        let entries = stretch.last - stretch.first + 1;
        let text = signed_text(
            entries,
            &stretch.root,
            stretch.previous,
            &key_id(&public_key),
        );
        Seal {
            seal_id: id_of(&text),
            first: stretch.first,
            last: stretch.last,
            root: stretch.root,
            previous: stretch.previous.to_owned(),
            signature: self.0.sign(text.as_bytes()).to_bytes(),
            public_key,
        }
    }
}

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SealKey")
            .field(&key_id(&self.public()))
            .finish()
    }
}

/// Gives the short name of a public key: 32 hexadecimal digits of its SHA-256.
pub fn key_id(public_key: &[u8; 32]) -> String {
    let mut hash = Sha256::new();
    hash.update(public_key);
    hex(&leading_16(hash))
}

/// The canonical text: one line a member, in this order, each ended by a line feed.
fn signed_text(entries: i64, root: &[u8; 32], previous: &str, key_id: &str) -> String {
    format!(
        "provost audit seal 1\nentries {entries}\nroot {}\nprevious {previous}\nkey {key_id}\n",
        hex(root)
    )
}

fn id_of(text: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(text.as_bytes());
    EventKey(leading_16(hash)).to_id("seal")
}

impl Seal {
    /// Gives how many entries it covers that no earlier seal does.
    pub fn entries(&self) -> i64 {
        self.last - self.first + 1
    }

    /// Gives the short name of its key.
    pub fn key_id(&self) -> String {
        key_id(&self.public_key)
    }

    /// Gives what is published of it.
    pub fn to_published(&self) -> Value {
        json!({
            "seal_id": self.seal_id, "entries": self.entries(), "root": hex(&self.root),
            "previous": self.previous, "signature": hex(&self.signature), "key_id": self.key_id(),
        })
    }

    /// Gives all of it, the key and the places included.
    pub fn to_json(&self) -> Value {
        let mut whole = self.to_published();
        whole["first"] = self.first.into();
        whole["last"] = self.last.into();
        whole["public_key"] = hex(&self.public_key).into();
        whole
    }

    /// Checks the id and the signature.
    pub fn check(&self) -> Result<(), SealFault> {
        Claim::of(self).check(&self.public_key)
    }
}

/// A seal as it was published: without places, and without the key itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Its id.
    pub seal_id: String,
    /// How many entries it covers.
    pub entries: i64,
    /// The hash of the newest of them.
    pub root: [u8; 32],
    /// The id of the seal before; empty for the first.
    pub previous: String,
    /// The signature.
    pub signature: [u8; 64],
    /// The short name of the key.
    pub key_id: String,
}

impl Claim {
    /// Gives the claim that a seal makes.
    pub fn of(seal: &Seal) -> Self {
        Self {
            seal_id: seal.seal_id.clone(),
            entries: seal.entries(),
            root: seal.root,
            previous: seal.previous.clone(),
            signature: seal.signature,
            key_id: seal.key_id(),
        }
    }

    /// Reads a claim: the content of `audit.sealed`, the whole event around it, or a seal as the
    /// API shows it. `None` when it is neither.
    pub fn read(value: &Value) -> Option<Self> {
        let members = value.get("data").unwrap_or(value).as_object()?;
        Some(Self {
            seal_id: text(members, "seal_id")?,
            entries: members.get("entries")?.as_i64()?,
            root: unhex(members.get("root")?.as_str()?)?,
            previous: text(members, "previous")?,
            signature: unhex(members.get("signature")?.as_str()?)?,
            key_id: text(members, "key_id")?,
        })
    }

    /// Checks the id and the signature.
    pub fn check(&self, public_key: &[u8; 32]) -> Result<(), SealFault> {
        let text = signed_text(self.entries, &self.root, &self.previous, &self.key_id);
        if self.key_id != key_id(public_key) || self.seal_id != id_of(&text) {
            return Err(SealFault::Changed(self.seal_id.clone()));
        }
        let is_signed = VerifyingKey::from_bytes(public_key).is_ok_and(|key| {
            let signature = Signature::from_bytes(&self.signature);
            key.verify_strict(text.as_bytes(), &signature).is_ok()
        });
        if is_signed {
            Ok(())
        } else {
            Err(SealFault::Signature(self.seal_id.clone()))
        }
    }
}

fn text(members: &Map<String, Value>, name: &str) -> Option<String> {
    Some(members.get(name)?.as_str()?.to_owned())
}

/// Public keys by their short names.
pub type Keys = BTreeMap<String, [u8; 32]>;

/// Why a seal does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealFault {
    /// Its id is not the hash of what it says.
    #[error("the seal `{0}` was changed: its id is not the hash of what it says")]
    Changed(String),
    /// Its signature is not the key's.
    #[error("the seal `{0}` is not signed by the key that it names")]
    Signature(String),
    /// It is signed by another key than the one that is expected.
    #[error("the seal `{seal_id}` is signed by the key {found}, not by the one that is expected")]
    Key {
        /// The seal.
        seal_id: String,
        /// The key.
        found: String,
    },
    /// Nothing tells its public key.
    #[error("the seal `{seal_id}` names the key {key_id}, which the log does not know")]
    UnknownKey {
        /// The seal.
        seal_id: String,
        /// The key.
        key_id: String,
    },
    /// The hash of the entry that it names is another.
    #[error(
        "entry {last} does not have the hash that the seal `{seal_id}` signed: it, or one before it, was changed"
    )]
    Root {
        /// The seal.
        seal_id: String,
        /// The entry.
        last: i64,
    },
    /// A seal between two is missing, or they are swapped.
    #[error(
        "the seal `{seal_id}` does not follow the one before it: a seal is missing, or out of order"
    )]
    Link {
        /// The seal.
        seal_id: String,
    },
    /// It covers entries that are gone.
    #[error(
        "the log ends with entry {found}, but the seal `{seal_id}` covers up to entry {last}: its tail was cut off"
    )]
    Cut {
        /// The seal.
        seal_id: String,
        /// The newest entry that it covers.
        last: i64,
        /// The newest entry that is there.
        found: i64,
    },
    /// No entry has the hash that it signed.
    #[error(
        "no entry has the hash that the seal `{0}` signed: the log was cut off below it, or changed"
    )]
    Nowhere(String),
    /// The log records a seal that is not among the seals.
    #[error("entry {sequence} records the seal `{seal_id}`, which is missing among the seals")]
    Missing {
        /// The entry.
        sequence: i64,
        /// The seal.
        seal_id: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(first: i64, last: i64, previous: &str) -> Seal {
        let key = SealKey::of(&[7; 32]);
        key.seal(&Stretch {
            first,
            last,
            root: [1; 32],
            previous,
        })
    }

    #[test]
    fn a_seal_holds_and_whatever_is_changed_on_it_is_found() {
        let seal = sealed(1, 3, "");
        assert_eq!(seal.check(), Ok(()));
        assert_eq!((seal.entries(), seal.key_id().len()), (3, 32));
        let changed = |change: fn(&mut Seal)| {
            let mut other = seal.clone();
            change(&mut other);
            other.check()
        };
        let id = seal.seal_id.clone();
        assert_eq!(
            changed(|seal| seal.last = 4),
            Err(SealFault::Changed(id.clone()))
        );
        assert_eq!(
            changed(|seal| seal.root[0] = 9),
            Err(SealFault::Changed(id.clone()))
        );
        assert_eq!(
            changed(|seal| seal.signature[0] ^= 1),
            Err(SealFault::Signature(id.clone()))
        );
        assert_eq!(
            changed(|seal| seal.public_key[0] ^= 1),
            Err(SealFault::Changed(id))
        );
    }

    #[test]
    fn what_is_published_can_be_checked_with_the_public_key_alone() {
        let seal = sealed(4, 9, "seal_0");
        let event = json!({"type": SEALED, "data": seal.to_published()});
        for shown in [seal.to_published(), seal.to_json(), event] {
            let claim = Claim::read(&shown).expect("a claim");
            assert_eq!(claim.check(&seal.public_key), Ok(()));
            assert!(claim.check(&[3; 32]).is_err());
        }
        assert_eq!(Claim::read(&json!({"seal_id": "x"})), None);
    }

    #[test]
    fn the_same_secret_is_the_same_key_and_stays_secret() {
        let key = SealKey::of(&[7; 32]);
        assert_eq!(key.public(), SealKey::of(&[7; 32]).public());
        assert_ne!(key.public(), SealKey::of(&[8; 32]).public());
        assert!(!format!("{key:?}").contains("0707"));
    }
}
