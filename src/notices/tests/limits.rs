//! Validators of what vendors publish: each fails on a payload that its vendor would refuse, or that
//! would call somebody.

use serde_json::Value;

use super::*;

/// Holds a message against the limits of its kind.
pub(super) fn hold(kind: &ChannelKind, message: &Message) {
    match (kind, message) {
        (ChannelKind::Slack { .. }, Message::Http(request)) => slack(&read(request)),
        (ChannelKind::Teams { .. }, Message::Http(request)) => {
            assert!(request.body.len() <= 28_672, "{} bytes", request.body.len());
            teams(&read(request));
        }
        (ChannelKind::Mattermost { .. }, Message::Http(request)) => mattermost(&read(request)),
        (ChannelKind::Discord { .. }, Message::Http(request)) => discord(&read(request)),
        (ChannelKind::Webhook { .. }, Message::Http(request)) => event(&read(request)),
        (ChannelKind::Amqp { .. }, Message::Amqp(message)) => {
            event(&serde_json::from_str(&message.body).expect("JSON"));
            assert!(message.message_id.len() <= 255 && message.routing_key.len() <= 255);
        }
        (ChannelKind::Email { .. }, Message::Mail(mail)) => {
            assert!(!mail.subject.is_empty() && !mail.subject.contains(char::is_control));
            assert!(
                !mail
                    .text
                    .contains(|sign: char| sign.is_control() && !"\n\t".contains(sign))
            );
        }
        (kind, message) => panic!("{}: {message:?}", kind.name()),
    }
}

fn read(request: &Request) -> Value {
    serde_json::from_str(&request.body).expect("JSON")
}

fn text(value: &Value, (least, most): (usize, usize)) -> &str {
    let text = value.as_str().unwrap_or_else(|| panic!("a text: {value}"));
    let length = text.encode_utf16().count();
    assert!(
        (least..=most).contains(&length),
        "{length} not within {least} to {most}"
    );
    text
}

fn items(value: &Value, most: usize) -> &[Value] {
    let items = value.as_array().expect("a list");
    assert!(
        !items.is_empty() && items.len() <= most,
        "{} of {most}",
        items.len()
    );
    items
}

/// What calls everybody, or somebody, in any of them.
fn calls_nobody(text: &str) {
    for call in ["@channel", "@here", "@all", "@everyone"] {
        let mut rest = text;
        while let Some(place) = rest.find(call) {
            let before = rest[..place].chars().next_back();
            assert!(
                before.is_some_and(char::is_alphanumeric),
                "{call} in {text}"
            );
            rest = &rest[place + 1..];
        }
    }
}

fn mrkdwn(value: &Value, most: usize) {
    assert_eq!(value["type"], "mrkdwn");
    assert_eq!(value["verbatim"], true);
    escaped(text(&value["text"], (1, most)));
}

/// No `<` but those of our own link, and no `&` but those of an escape.
fn escaped(text: &str) {
    calls_nobody(text);
    let own = text.starts_with("<https://") && text.ends_with("|Open>");
    let inner = if own { &text[1..text.len() - 1] } else { text };
    assert!(!inner.contains(['<', '>']), "{text}");
    for (place, _) in inner.match_indices('&') {
        let rest = &inner[place..];
        let is_escape = ["&amp;", "&lt;", "&gt;"]
            .iter()
            .any(|one| rest.starts_with(one));
        assert!(is_escape || own, "{rest}");
    }
}

fn slack(payload: &Value) {
    escaped(text(&payload["text"], (1, 4_000)));
    for block in items(&payload["blocks"], 50) {
        match block["type"].as_str().expect("a type") {
            "header" => {
                assert_eq!(block["text"]["type"], "plain_text");
                let title = text(&block["text"]["text"], (1, 150));
                calls_nobody(title);
                assert!(!title.contains("<!") && !title.contains("<@"), "{title}");
            }
            "section" if block["fields"].is_array() => {
                for field in items(&block["fields"], 10) {
                    mrkdwn(field, 2_000);
                }
            }
            "section" => mrkdwn(&block["text"], 3_000),
            "context" => {
                for element in items(&block["elements"], 10) {
                    mrkdwn(element, 3_000);
                }
            }
            other => panic!("a block `{other}`"),
        }
    }
}

fn teams(payload: &Value) {
    assert_eq!(payload["type"], "message");
    let [attachment] = items(&payload["attachments"], 1) else {
        panic!("one card")
    };
    assert_eq!(
        attachment["contentType"],
        "application/vnd.microsoft.card.adaptive"
    );
    let card = &attachment["content"];
    assert_eq!(
        (&card["type"], &card["version"]),
        (&"AdaptiveCard".into(), &"1.4".into())
    );
    assert!(
        card["msteams"]["entities"].is_null(),
        "a mention is an entity"
    );
    for element in items(&card["body"], 100) {
        assert_eq!(
            element["type"], "RichTextBlock",
            "nothing that reads Markdown"
        );
        for run in items(&element["inlines"], 10) {
            assert_eq!(run["type"], "TextRun");
            text(&run["text"], (1, 20_000));
            assert!(run["selectAction"].is_null());
        }
    }
    for action in card["actions"].as_array().into_iter().flatten() {
        assert_eq!(action["type"], "Action.OpenUrl");
        assert!(
            action["url"]
                .as_str()
                .expect("a URL")
                .starts_with("https://")
        );
    }
}

/// Every sign that Markdown makes something of is escaped, but for those of our own around it.
fn unmarked(text: &str) {
    calls_nobody(text);
    assert!(
        !text.contains("<!") && !text.contains("<@") && !text.contains("<#"),
        "{text}"
    );
    let mut is_escaped = false;
    for sign in text.chars() {
        assert!(is_escaped || !"`[]<>|~".contains(sign), "{sign} in {text}");
        is_escaped = sign == '\\' && !is_escaped;
    }
    assert!(!is_escaped, "a lone slash at the end of {text}");
}

fn mattermost(payload: &Value) {
    let said = text(&payload["text"], (1, 16_383));
    let said = said
        .replacen("[Open](https://", "", 1)
        .replacen("](", "", 1);
    unmarked(&said);
    let attachments = payload["attachments"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    assert!(
        Value::Array(attachments.clone())
            .to_string()
            .chars()
            .count()
            <= 7_900
    );
    for attachment in &attachments {
        calls_nobody(text(&attachment["fallback"], (0, 1_000)));
        for field in items(&attachment["fields"], 10) {
            unmarked(text(&field["title"], (0, 300)));
            unmarked(text(&field["value"], (0, 1_000)));
        }
    }
}

fn discord(payload: &Value) {
    assert_eq!(payload["allowed_mentions"], json!({"parse": []}));
    assert!(payload["content"].is_null());
    let [embed] = items(&payload["embeds"], 1) else {
        panic!("one embed")
    };
    let mut total = 0;
    let mut count = |said: &str| {
        total += said.encode_utf16().count();
        unmarked(said);
    };
    count(text(&embed["title"], (1, 256)));
    count(text(&embed["description"], (0, 4_096)));
    if let Some(fields) = embed["fields"].as_array() {
        assert!(fields.len() <= 25);
        for field in fields {
            count(text(&field["name"], (1, 256)));
            count(text(&field["value"], (1, 1_024)));
        }
    }
    if !embed["footer"].is_null() {
        count(text(&embed["footer"]["text"], (1, 2_048)));
    }
    assert!(total <= 6_000, "{total} in all");
    if let Some(url) = embed["url"].as_str() {
        assert!(url.starts_with("https://") && url.len() <= 2_048);
    }
}

fn event(event: &Value) {
    for name in ["specversion", "id", "source", "type", "subject", "time"] {
        assert!(
            event[name].as_str().is_some_and(|text| !text.is_empty()),
            "{name}"
        );
    }
    for name in ["notice_id", "kind", "about", "title", "text"] {
        assert!(event["data"][name].is_string(), "{name}: {event}");
    }
    assert_eq!(event["data"]["to"], json!(["#billing"]));
}
