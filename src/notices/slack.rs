//! Slack: an incoming webhook, in blocks, with a text for where blocks are not shown.
//!
//! *Source*: Block Kit – at most 50 blocks; a header has 150 characters of plain text, a section
//! 3,000, each of its 10 fields 2,000, a context 10 elements. `&`, `<` and `>` are escaped, so
//! that no text is a mention or a link; `verbatim` keeps Slack from making some of it.

use serde_json::{Value, json};

use super::{
    Post,
    text::{Room, Said, cut, said, uncalled},
};

/// How much fits, with room for what stands around a fact.
const ROOM: Room = Room {
    title: 150,
    text: 3_000,
    facts: 10,
    name: 200,
    value: 1_700,
};
/// The most in the text for where blocks are not shown.
const MOST_FALLBACK: usize = 3_000;
/// The most in a note.
const MOST_NOTE: usize = 2_000;

/// Makes the payload.
pub(super) fn payload(post: &Post<'_>) -> Value {
    let said = said(post, escaped, ROOM);
    // Plain text shows escapes as they are, and knows no mention.
    let title = cut(&unescaped(&said.title), ROOM.title);
    let mut blocks = vec![json!({
        "type": "header", "text": {"type": "plain_text", "text": title, "emoji": false},
    })];
    if !said.text.trim().is_empty() {
        blocks.push(json!({"type": "section", "text": mrkdwn(&said.text)}));
    }
    if !said.facts.is_empty() {
        let facts = said.facts.iter();
        let fields: Vec<Value> = facts
            .map(|(name, value)| mrkdwn(&format!("*{name}*\n{value}")))
            .collect();
        blocks.push(json!({"type": "section", "fields": fields}));
    }
    let notes = notes(&said);
    if !notes.is_empty() {
        blocks.push(json!({"type": "context", "elements": notes}));
    }
    json!({
        "text": cut(&fallback(&said), MOST_FALLBACK),
        "blocks": blocks, "unfurl_links": false, "unfurl_media": false,
    })
}

fn fallback(said: &Said) -> String {
    match said.text.as_str() {
        "" => said.title.clone(),
        text => format!("{}: {text}", said.title),
    }
}

fn notes(said: &Said) -> Vec<Value> {
    let link = said.link.iter().map(|link| format!("<{link}|Open>"));
    let notes = link.chain(said.notes.iter().map(|note| cut(note, MOST_NOTE)));
    notes.map(|note| mrkdwn(&note)).collect()
}

fn mrkdwn(text: &str) -> Value {
    json!({"type": "mrkdwn", "text": text, "verbatim": true})
}

fn escaped(text: &str) -> String {
    uncalled(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}
