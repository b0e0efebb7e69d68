//! Microsoft Teams: an Adaptive Card for a Workflows webhook.
//!
//! *Source*: a message has at most 28 KB; of what is too long the end is left out, and the card says
//! so. Texts stand in runs, which know neither Markdown nor mentions (a mention would be an entity
//! of its own besides).

use serde_json::{Value, json};

use super::{
    Post,
    text::{Room, Said, said},
};

/// The most in a message. *Units*: bytes; 28 KB, and not a byte of doubt.
const MOST: usize = 28_000;
/// How much fits at first; a message that is too large has ever less.
const ROOM: Room = Room {
    title: 300,
    text: 16_000,
    facts: 20,
    name: 100,
    value: 500,
};
/// The most lines of a text that are a block each; the rest share one.
const MOST_LINES: usize = 60;

/// Makes the payload.
pub(super) fn payload(post: &Post<'_>) -> Value {
    let mut room = ROOM;
    loop {
        let payload = message(&said(post, str::to_owned, room));
        if payload.to_string().len() <= MOST || room.text < 100 {
            return payload;
        }
        room.text = room.text / 4 * 3;
        room.value = (room.value / 4 * 3).max(50);
        room.facts = room.facts.saturating_sub(2);
    }
}

fn message(said: &Said) -> Value {
    let mut body = vec![runs(
        &json!([run(&said.title, Some(("Large", "Bolder")))]),
        "Default",
    )];
    let lines: Vec<&str> = said.text.splitn(MOST_LINES, '\n').collect();
    for line in lines.into_iter().filter(|line| !line.trim().is_empty()) {
        body.push(runs(&json!([run(line, None)]), "Small"));
    }
    for (name, value) in &said.facts {
        let name = run(&format!("{name}: "), Some(("Default", "Bolder")));
        body.push(runs(&json!([name, run(value, None)]), "Small"));
    }
    for note in &said.notes {
        let mut note = run(note, None);
        note["isSubtle"] = json!(true);
        body.push(runs(&json!([note]), "Small"));
    }
    let mut card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard", "version": "1.4", "fallbackText": said.title,
        "msteams": {"width": "Full"}, "body": body,
    });
    if let Some(link) = &said.link {
        card["actions"] = json!([{"type": "Action.OpenUrl", "title": "Open", "url": link}]);
    }
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": card,
        }],
    })
}

fn runs(inlines: &Value, spacing: &str) -> Value {
    json!({"type": "RichTextBlock", "inlines": inlines, "spacing": spacing})
}

fn run(text: &str, look: Option<(&str, &str)>) -> Value {
    let mut run = json!({"type": "TextRun", "text": text});
    if let Some((size, weight)) = look {
        run["size"] = json!(size);
        run["weight"] = json!(weight);
    }
    run
}
