//! Mattermost: an incoming webhook; the text is Markdown, the facts are an attachment.
//!
//! *Source*: a post has at most 16,383 characters; older servers take 7,900 in all attachments.
//! Mattermost also reads Slack's `<!here>` and `<@…>`, so both ways of calling are taken out.

use serde_json::{Value, json};

use super::{
    Post,
    text::{Room, Said, cut, line, said, uncalled, unmarked},
};

/// The most in a post.
const MOST: usize = 16_383;
/// How much fits, so that the facts stay below what all attachments may have.
const ROOM: Room = Room {
    title: 300,
    text: 14_000,
    facts: 10,
    name: 80,
    value: 400,
};

/// Makes the payload.
pub(super) fn payload(post: &Post<'_>) -> Value {
    let said = said(post, unmarked, ROOM);
    let mut payload = json!({"text": cut(&text(&said), MOST)});
    if !said.facts.is_empty() {
        let fields: Vec<Value> = said
            .facts
            .iter()
            .map(|(name, value)| json!({"title": name, "value": value, "short": true}))
            .collect();
        // Shown as it is, where attachments are not.
        let titles = post.deliveries.iter().map(|one| line(&one.notice.title));
        let fallback = cut(&uncalled(&titles.collect::<String>()), ROOM.title);
        payload["attachments"] = json!([{"fallback": fallback, "fields": fields}]);
    }
    payload
}

fn text(said: &Said) -> String {
    let mut text = format!("**{}**", said.title);
    if !said.text.is_empty() {
        // A line's end alone is no line's end in Markdown.
        text.push_str("\n\n");
        text.push_str(&said.text);
    }
    let link = said.link.iter().map(|link| format!("[Open]({link})"));
    let notes: Vec<String> = link.chain(said.notes.iter().cloned()).collect();
    if !notes.is_empty() {
        text.push_str("\n\n");
        text.push_str(&notes.join(" · "));
    }
    text
}
