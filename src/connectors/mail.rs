//! Mails: one to one person, with an identity that a repetition keeps.
//!
//! A value can name no second recipient and add no header: the address is a plain one,
//! and a subject is one line. The sender and the server stand with the integration.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::domain::{
    ids::{hex, leading_16},
    integration::MailOperation,
};

/// The longest address. *Source*: RFC 5321, a path without its brackets.
const MAX_ADDRESS: usize = 254;
/// The longest subject. *Source*: RFC 5322, a line.
const MAX_SUBJECT: usize = 998;

/// A mail, but for its sender.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// The address of whom it is for.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The text.
    pub text: String,
    /// Names it for good; the same for each attempt, so that a mailbox can tell a repetition.
    pub message_id: String,
}

/// Why a mail cannot be made of these values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MailFault {
    /// It is for nobody, for more than one, or for no address.
    #[error("the mail would be for something else than one plain address")]
    Address,
    /// The subject has more than one line, or is too long.
    #[error("the mail's subject is not one line of at most {MAX_SUBJECT} bytes")]
    Subject,
}

/// Makes the mail of an operation.
///
/// *Errors*: a value that cannot stand where it belongs.
pub fn mail(
    operation: &MailOperation,
    from: &str,
    values: &Map<String, Value>,
    key: &str,
) -> Result<Mail, MailFault> {
    let to = operation.to.expand(values, str::to_owned).trim().to_owned();
    if !is_address(&to) {
        return Err(MailFault::Address);
    }
    let subject = operation.subject.expand(values, str::to_owned);
    if subject.len() > MAX_SUBJECT || subject.chars().any(char::is_control) {
        return Err(MailFault::Subject);
    }
    Ok(Mail {
        to,
        subject,
        text: operation.text.expand(values, str::to_owned),
        message_id: message_id(from, key),
    })
}

/// Tells whether a text is one address and nothing more: no name, no list, no comment.
fn is_address(text: &str) -> bool {
    let Some((person, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let stands = |sign: char| {
        !sign.is_whitespace() && !sign.is_control() && !"<>()[],;:\\\"@".contains(sign)
    };
    text.len() <= MAX_ADDRESS
        && !person.is_empty()
        && !domain.is_empty()
        && !domain.starts_with(['.', '-'])
        && text.chars().filter(|&sign| sign == '@').count() == 1
        && person.chars().chain(domain.chars()).all(stands)
}

/// Names a mail by its key, below the sender's domain.
fn message_id(from: &str, key: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(key.as_bytes());
    let name = hex(&leading_16(hash));
    let address = from.trim().trim_end_matches('>');
    let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    if domain.is_empty() || !domain.chars().all(is_plain) {
        format!("<{name}@provost.invalid>")
    } else {
        format!("<{name}@{domain}>")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::domain::template::Template;

    fn made(to: &str, subject: &str, key: &str) -> Result<Mail, MailFault> {
        let template = |text: &str| Template::parse(text).expect("a template");
        let operation = MailOperation {
            to: template("{{to}}"),
            subject: template("Your order: {{subject}}"),
            text: template("Hello"),
        };
        let values = json!({"to": to, "subject": subject});
        let values = values.as_object().expect("an object");
        mail(&operation, "Shop <desk@shop.example>", values, key)
    }

    #[test]
    fn a_mail_is_for_one_address() {
        assert_eq!(
            made(" ann@example.org ", "x", "k").expect("a mail").to,
            "ann@example.org"
        );
        for to in [
            "",
            "ann",
            "@example.org",
            "ann@",
            "ann@example.org, bob@example.org",
            "ann@example.org;bob@example.org",
            "ann@example.org\r\nBcc: bob@example.org",
            "Ann <ann@example.org>",
            "ann@bob@example.org",
            "ann @example.org",
            "ann@-example.org",
        ] {
            assert_eq!(made(to, "x", "k"), Err(MailFault::Address), "{to:?}");
        }
    }

    #[test]
    fn a_repetition_keeps_its_identity_and_another_request_has_its_own() {
        let id = |key: &str| {
            made("ann@example.org", "x", key)
                .expect("a mail")
                .message_id
        };
        assert_eq!(id("key-1"), id("key-1"));
        assert_ne!(id("key-1"), id("key-2"));
        assert!(id("key\r\n>x").ends_with("@shop.example>"));
        assert_eq!(
            message_id("desk", "k").split('@').nth(1),
            Some("provost.invalid>")
        );
    }

    proptest! {
        #[test]
        fn whatever_a_value_is_it_adds_no_header(to in ".*", subject in "(.|\r|\n)*", key in ".*") {
            if let Ok(mail) = made(&to, &subject, &key) {
                let lines = [&mail.to, &mail.subject, &mail.message_id];
                prop_assert!(lines.iter().all(|line| !line.chars().any(char::is_control)));
                prop_assert_eq!(mail.to.matches('@').count(), 1);
            }
        }
    }
}
