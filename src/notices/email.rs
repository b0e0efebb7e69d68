//! Mail: plain text, one mail to all who are named. Its id stays over repeats, so that most
//! programs show one.

use std::fmt::{self, Write as _};

use secrecy::SecretString;

use super::{
    Post,
    text::{Room, line, said},
};

/// How much is said. A mail has room.
const ROOM: Room = Room {
    title: 200,
    text: 50_000,
    facts: 50,
    name: 200,
    value: 5_000,
};

/// A mail.
pub struct Mail {
    /// The server.
    pub url: SecretString,
    /// The sender.
    pub from: String,
    /// Whom it is for.
    pub to: Vec<String>,
    /// The subject.
    pub subject: String,
    /// The text.
    pub text: String,
    /// The same as a page, where there is one.
    pub html: Option<String>,
    /// Its `Message-ID`, angle brackets included.
    pub message_id: String,
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mail {} (address and text not shown)", self.message_id)
    }
}

/// Makes the mail.
pub(super) fn mail(post: &Post<'_>, (url, from, to): (&SecretString, &str, &[String])) -> Mail {
    let said = said(post, str::to_owned, ROOM);
    let mut text = said.text;
    if !said.facts.is_empty() {
        text.push('\n');
    }
    for (name, value) in &said.facts {
        // Writing to a text does not fail.
        let _ = write!(text, "\n{name}: {value}");
    }
    for more in said.link.iter().chain(&said.notes) {
        text.push_str("\n\n");
        text.push_str(more);
    }
    text.push('\n');
    Mail {
        url: url.clone(),
        from: from.to_owned(),
        to: to.to_vec(),
        subject: line(&said.title),
        text,
        html: post.page.map(str::to_owned),
        message_id: message_id(from, post.id()),
    }
}

/// Names a mail for good, at the sender's host.
fn message_id(from: &str, id: &str) -> String {
    let host = from.rsplit_once('@').map_or("", |(_, host)| host);
    let host = host.trim_end_matches('>').trim();
    let is_host = |sign: char| sign.is_ascii_alphanumeric() || sign == '.' || sign == '-';
    let host = if host.is_empty() || !host.chars().all(is_host) {
        "provost.invalid"
    } else {
        host
    };
    format!("<{id}@{host}>")
}
