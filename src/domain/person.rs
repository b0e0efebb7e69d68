//! Persons in the audit log: the chain holds a salted hash, the value stands apart.
//!
//! A label is `~` and 32 hexadecimal digits of SHA-256 over salt and value. Deleting salt
//! and value leaves the chain as it is, and the label says nothing any more. One person
//! may have several labels, each with a salt of its own. Labels are given by
//! `crate::daemon`, which has randomness, and resolved by `crate::store`.

use sha2::{Digest, Sha256};

use super::{
    ids::{hex, leading_16},
    time::Timestamp,
};

/// What a label begins with.
const MARK: char = '~';

/// A person's id with the label under which the chain knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// `~` and 32 hexadecimal digits.
    pub label: String,
    /// The salt.
    pub salt: [u8; 16],
    /// The customer's id.
    pub value: String,
    /// When the label was given.
    pub at: Timestamp,
}

impl Person {
    /// Gives a value a label.
    pub fn new(value: &str, salt: [u8; 16], at: Timestamp) -> Self {
        let mut hash = Sha256::new();
        hash.update(salt);
        hash.update(value.as_bytes());
        Self {
            label: format!("{MARK}{}", hex(&leading_16(hash))),
            salt,
            value: value.to_owned(),
            at,
        }
    }

    /// Tells whether the label is that of salt and value.
    pub fn holds(&self) -> bool {
        Self::new(&self.value, self.salt, self.at).label == self.label
    }
}

/// Tells whether a text has the form of a label.
pub fn is_label(text: &str) -> bool {
    text.strip_prefix(MARK).is_some_and(|digits| {
        digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_depends_on_the_salt_and_shows_nothing_of_the_value() {
        let label = |value: &str, salt: u8| Person::new(value, [salt; 16], Timestamp::default());
        let one = label("ada", 1);
        assert_eq!(one, label("ada", 1));
        assert_ne!(one.label, label("ada", 2).label);
        assert_ne!(one.label, label("eve", 1).label);
        assert!(is_label(&one.label) && one.holds());
        let forged = Person {
            value: "eve".to_owned(),
            ..one
        };
        assert!(!forged.holds());
        assert!(!is_label("~ada") && !is_label("ada"));
    }
}
