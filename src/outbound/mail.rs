//! Mails over SMTP.

use std::fmt;

/// A mail, but for its sender.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// The address of whom it is for.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The text.
    pub text: String,
    /// Its `Message-ID`, angle brackets included.
    pub message_id: String,
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mail {} (address and text not shown)", self.message_id)
    }
}
