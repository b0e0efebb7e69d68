//! Identifiers. All that Provost makes itself are derived from the cause, never
//! drawn at random, so that deciding again gives the same names.
//!
//! [`EventKey`] is the deduplication key of an input; [`EventKey::derive`] names
//! what that input caused. Readable prefixes: `evt_`, `esc_`, `tkt_`, `ntc_`.

use std::{
    borrow::Borrow,
    fmt::{self, Write},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The deduplication key of an input: the first 16 bytes of SHA-256 over source, NUL and id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventKey(pub [u8; 16]);

impl EventKey {
    /// Gives the key of the event that `source` named `id`.
    pub fn of(source: &str, id: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(source.as_bytes());
        hash.update([0]);
        hash.update(id.as_bytes());
        Self(leading_16(hash))
    }

    /// Gives the key of the `ordinal`-th thing of kind `tag` that this input caused.
    #[must_use]
    pub fn derive(self, tag: &str, ordinal: usize) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(tag.as_bytes());
        hash.update((ordinal as u64).to_be_bytes());
        Self(leading_16(hash))
    }

    /// Writes the key as an id with a readable prefix: `tkt_` and 26 characters.
    pub fn to_id(self, prefix: &str) -> String {
        const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
        let mut bits = u128::from_be_bytes(self.0);
        let mut digits = [b'0'; 26];
        for digit in digits.iter_mut().rev() {
            *digit = ALPHABET[(bits & 31) as usize];
            bits >>= 5;
        }
        let mut id = String::with_capacity(prefix.len() + 27);
        id.push_str(prefix);
        id.push('_');
        id.extend(digits.iter().map(|&digit| char::from(digit)));
        id
    }
}

impl fmt::Debug for EventKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_id("key"))
    }
}

/// Gives the first 16 bytes of a finished hash.
pub fn leading_16(hash: Sha256) -> [u8; 16] {
    let full = hash.finalize();
    let mut short = [0; 16];
    short.copy_from_slice(&full[..16]);
    short
}

/// Writes bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Reads hexadecimal digits; `None` when they are none, or not as many as wanted.
pub fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != N * 2 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(bytes)
}

/// What an input is about and is serialised by: a conversation's id, or the id of the thing itself.
///
/// *Shape*: 1 to [`SubjectId::MAX_BYTES`] bytes, no U+0000; intake refuses others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SubjectId(pub Arc<str>);

impl SubjectId {
    /// The longest subject that intake accepts. *Units*: bytes.
    pub const MAX_BYTES: usize = 512;

    /// Gives the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for SubjectId {
    fn from(text: &str) -> Self {
        Self(Arc::from(text))
    }
}

impl From<String> for SubjectId {
    fn from(text: String) -> Self {
        Self(Arc::from(text))
    }
}

impl Borrow<str> for SubjectId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SubjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_digits_are_read_as_they_were_written() {
        assert_eq!(unhex(&hex(&[0, 255, 16])), Some([0, 255, 16]));
        for wrong in ["", "0", "00ff1", "00ff1g", "00ff100", "+0ff10"] {
            assert_eq!(unhex::<3>(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_same_cause_names_the_same_things() {
        let key = EventKey::of("/chat", "1");
        assert_eq!(key, EventKey::of("/chat", "1"));
        assert_ne!(key, EventKey::of("/cha", "t1"));
        assert_ne!(key.derive("ticket", 0), key.derive("ticket", 1));
        assert_eq!(key.to_id("tkt").len(), 30);
    }
}
