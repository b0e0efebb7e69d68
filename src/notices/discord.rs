//! Discord: a webhook, one embed, nobody mentioned.
//!
//! *Source*: an embed has a title of 256 characters, a description of 4,096, 25 fields with names of 256
//! and values of 1,024, a footer of 2,048, and 6,000 in all. With `wait` the answer comes when
//! the message stands, and is a certain one.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::{
    Post,
    text::{Room, cut, length, said, unmarked},
};

/// How much fits.
const ROOM: Room = Room {
    title: 256,
    text: 4_096,
    facts: 25,
    name: 256,
    value: 1_024,
};
/// The most in a footer, of which there is never so much to say.
const MOST_FOOTER: usize = 300;
/// The most in all of an embed.
const MOST: usize = 6_000;

/// Makes the payload.
pub(super) fn payload(post: &Post<'_>) -> Value {
    let said = said(post, unmarked, ROOM);
    let mut embed = json!({"title": said.title, "description": said.text});
    let mut room = MOST - length(&said.title) - length(&said.text) - MOST_FOOTER;
    let mut fields = Vec::new();
    for (name, value) in &said.facts {
        let size = length(name) + length(value);
        if size > room {
            break;
        }
        room -= size;
        fields.push(json!({"name": name, "value": value, "inline": length(value) <= 40}));
    }
    let mut notes = said.notes;
    if fields.len() < said.facts.len() {
        let left_out = said.facts.len() - fields.len();
        notes.push(format!("{left_out} long facts are left out."));
    }
    if !fields.is_empty() {
        embed["fields"] = fields.into();
    }
    if let Some(link) = said.link {
        embed["url"] = link.into();
    }
    if !notes.is_empty() {
        embed["footer"] = json!({"text": cut(&notes.join(" "), MOST_FOOTER)});
    }
    if let [one] = post.deliveries {
        embed["timestamp"] = json!(one.notice.at);
    }
    json!({"embeds": [embed], "allowed_mentions": {"parse": []}})
}

/// Gives the URL that answers when the message stands.
pub(super) fn waiting(url: &SecretString) -> SecretString {
    let url = url.expose_secret();
    let sign = if url.contains('?') { '&' } else { '?' };
    SecretString::from(format!("{url}{sign}wait=true"))
}
