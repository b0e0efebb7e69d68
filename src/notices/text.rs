//! What is said, in words: title, text, facts, link and what is to be known of the post itself.
//!
//! Every kind says the same; it only says how a text is written at its place, and how much fits.
//! *Units*: lengths are UTF-16 code units, which no vendor counts more generously.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::Post;
use crate::domain::{
    delivery::Delivery,
    notice::Notice,
    template::Template,
    time::{Span, Timestamp},
};

/// A post later than this says when it was due.
const LATE: Span = Span::from_secs(60);
/// How many notices a digest lists; the rest is counted.
const MOST_LINES: usize = 20;
/// How much of a notice a digest's line shows.
const MOST_LINE: usize = 200;
/// Mark of a repeat.
pub(super) const REPEAT: &str = "(perhaps posted before)";

/// How a text is written at its place.
pub(super) type Write = fn(&str) -> String;

/// How much fits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// In the title.
    pub(super) title: usize,
    /// In the text.
    pub(super) text: usize,
    /// How many facts.
    pub(super) facts: usize,
    /// In a fact's name.
    pub(super) name: usize,
    /// In a fact's value.
    pub(super) value: usize,
}

/// What is said.
#[derive(Debug)]
pub(super) struct Said {
    /// One line; never empty.
    pub(super) title: String,
    /// The text; lines end with `\n`.
    pub(super) text: String,
    /// Labelled values; neither is empty.
    pub(super) facts: Vec<(String, String)>,
    /// Where to look: an http address.
    pub(super) link: Option<String>,
    /// What is to be known of the post itself.
    pub(super) notes: Vec<String>,
}

/// Puts a post into words that fit.
pub(super) fn said(post: &Post<'_>, write: Write, room: Room) -> Said {
    let mut said = match post.deliveries {
        [one] => of_one(&one.notice, post, write, room),
        many => of_many(many, write, room),
    };
    if post.is_repeat() {
        said.title = format!("{REPEAT} {}", said.title);
    }
    said.title = cut(&said.title, room.title);
    said
}

fn of_one(notice: &Notice, post: &Post<'_>, write: Write, room: Room) -> Said {
    let text = match post.templates.get(&notice.kind) {
        Some(template) => template.expand(&values(notice), write),
        None => write(&clean(&notice.text)),
    };
    let mut notes = Vec::new();
    if post.now.since(notice.at) > LATE {
        notes.push(format!("It was due at {}.", time(notice.at)));
    }
    let mut facts = facts(notice, write, room);
    let left_out = facts.len().saturating_sub(room.facts);
    if left_out > 0 {
        notes.push(format!("{left_out} more facts are left out."));
        facts.truncate(room.facts);
    }
    Said {
        title: titled(&notice.title, write),
        text: cut(&text, room.text),
        facts,
        link: notice.link.as_deref().and_then(address),
        notes,
    }
}

/// Gives the facts that say something, each cut to its room.
fn facts(notice: &Notice, write: Write, room: Room) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    for (name, value) in &notice.facts {
        let (name, value) = (write(&line(name)), write(&clean(value)));
        if !value.trim().is_empty() {
            let name = if name.is_empty() { "–" } else { &name };
            facts.push((cut(name, room.name), cut(&value, room.value)));
        }
    }
    facts
}

/// A digest: a line for each notice with its own time, as many as fit.
fn of_many(many: &[Delivery], write: Write, room: Room) -> Said {
    let mut text = String::new();
    let mut shown = 0;
    let rest = |shown: usize| format!("… and {} more", many.len() - shown);
    for Delivery { notice, .. } in many.iter().take(MOST_LINES) {
        let words = [&notice.title, &notice.text].map(|text| line(text));
        let said: Vec<&str> = words.iter().map(String::as_str).collect();
        let said = said.into_iter().filter(|text| !text.is_empty());
        let line = cut(&write(&said.collect::<Vec<_>>().join(" – ")), MOST_LINE);
        let line = format!("{}  {line}\n", time(notice.at));
        let room_left = room.text.saturating_sub(length(&rest(shown)));
        if length(&text) + length(&line) > room_left {
            break;
        }
        text.push_str(&line);
        shown += 1;
    }
    if shown < many.len() {
        text.push_str(&rest(shown));
    }
    Said {
        title: digest_title(many.len()),
        text: text.trim_end().to_owned(),
        facts: Vec::new(),
        link: None,
        notes: Vec::new(),
    }
}

/// Gives the title of a digest.
pub(super) fn digest_title(count: usize) -> String {
    format!("{count} SLA breaches")
}

fn titled(title: &str, write: Write) -> String {
    match write(&line(title)) {
        empty if empty.trim().is_empty() => "Notice".to_owned(),
        title => title,
    }
}

/// Gives what a template may name.
fn values(notice: &Notice) -> Map<String, Value> {
    let mut facts = Map::new();
    for (name, value) in &notice.facts {
        let value = Value::String(clean(value));
        facts.insert(name.replace(' ', "_"), value);
    }
    let text = |text: &str| Value::String(clean(text));
    Map::from_iter([
        ("about".to_owned(), text(&notice.about)),
        ("at".to_owned(), text(&time(notice.at))),
        ("facts".to_owned(), Value::Object(facts)),
        ("kind".to_owned(), text(notice.kind.as_str())),
        (
            "link".to_owned(),
            text(notice.link.as_deref().unwrap_or_default()),
        ),
        ("text".to_owned(), text(&notice.text)),
        ("title".to_owned(), text(&notice.title)),
    ])
}

/// Writes an instant for people.
pub(super) fn time(at: Timestamp) -> String {
    at.to_utc().format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Gives what a template makes of a notice, as it is.
pub(super) fn plain(notice: &Notice, template: Option<&Template>) -> String {
    match template {
        Some(template) => template.expand(&values(notice), str::to_owned),
        None => clean(&notice.text),
    }
}

/// Takes out what no text shows.
fn clean(text: &str) -> String {
    let is_shown = |sign: &char| !sign.is_control() || *sign == '\n' || *sign == '\t';
    text.chars().filter(is_shown).collect()
}

/// Puts a text on one line.
pub(super) fn line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    clean(&words.join(" "))
}

/// Gives a link if it is an http address, with what would end it escaped.
fn address(link: &str) -> Option<String> {
    if !link.starts_with("https://") && !link.starts_with("http://") {
        return None;
    }
    let mut safe = String::with_capacity(link.len());
    for sign in link.chars() {
        match sign {
            '<' | '>' | '|' | '"' | '(' | ')' | '\\' | '`' | ' ' => {
                // Writing to a text does not fail.
                let _ = write!(safe, "%{:02X}", u32::from(sign));
            }
            sign if sign.is_control() => {}
            sign => safe.push(sign),
        }
    }
    Some(safe)
}

/// How long a text is.
pub(super) fn length(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// Cuts a text so that it fits; what is left out shows as `…`. No escape is cut in two.
pub(super) fn cut(text: &str, most: usize) -> String {
    if length(text) <= most {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 1;
    for sign in text.chars() {
        used += sign.len_utf16();
        if used > most {
            break;
        }
        kept.push(sign);
    }
    if let Some(start) = kept.rfind('&')
        && kept.len() - start < 6
        && !kept[start..].contains(';')
    {
        kept.truncate(start);
    }
    let slashes = kept.len() - kept.trim_end_matches('\\').len();
    if slashes % 2 == 1 {
        kept.pop();
    }
    kept.push('…');
    kept
}

/// Takes from a text what would call somebody: a mark that nobody sees stands behind the sign.
pub(super) fn uncalled(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut before = ' ';
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        safe.push(sign);
        let next = signs.peek().copied().unwrap_or(' ');
        let calls = match sign {
            // Not within a mail address.
            '@' => !before.is_alphanumeric() && (next.is_alphanumeric() || next == '_'),
            '<' => ['!', '@', '#', ':'].contains(&next),
            _ => false,
        };
        if calls {
            safe.push('\u{200b}');
        }
        before = sign;
    }
    safe
}

/// Takes from a text what Markdown would make of it, and what would call somebody.
pub(super) fn unmarked(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for sign in uncalled(text).chars() {
        if r"\`*_~|[]()<>#".contains(sign) {
            safe.push('\\');
        }
        safe.push(sign);
    }
    safe
}
