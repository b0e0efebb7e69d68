//! What a channel's answer means: posted, not and never, not yet, or perhaps.
//!
//! The table is that of `crate::connectors::answer` for a system that knows no keys, with what the
//! vendors say in their own ways. *Source*: Slack answers `ok`; Discord's 429 names the wait in its
//! body; Teams' connectors answered 200 with an error in words.

use secrecy::ExposeSecret;
use serde_json::Value;

use crate::domain::{channel::ChannelKind, delivery::PostEnd, time::Span};

/// How much of what a channel says is passed on. *Units*: characters.
const MAX_SAID: usize = 200;
/// A part of an address that is so long may be its secret. *Units*: bytes.
const MIN_SECRET: usize = 8;

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Its status, in the terms of HTTP.
    pub status: u16,
    /// When it says to come again.
    pub retry_after: Option<Span>,
    /// What it said; `null` where it said nothing readable.
    pub body: Value,
}

/// Says what an answer means.
pub fn meaning(kind: &ChannelKind, answer: &Answer) -> PostEnd {
    let detail = || format!("it answered {}{}", answer.status, said(kind, &answer.body));
    match answer.status {
        200..=299 => in_words(kind, &answer.body),
        408 | 425 | 429 | 503 => PostEnd::Later {
            retry_after: answer.retry_after.or_else(|| wait_in(&answer.body)),
            detail: detail(),
        },
        // Redirects are not followed, and every other 4xx is a no.
        100..=499 => PostEnd::Refused { detail: detail() },
        _ => PostEnd::Perhaps { detail: detail() },
    }
}

/// Reads a yes that may be a no in words.
fn in_words(kind: &ChannelKind, body: &Value) -> PostEnd {
    let text = body.as_str().unwrap_or_default().trim();
    let refused = || PostEnd::Refused {
        detail: format!("it answered{}", said(kind, body)),
    };
    match kind {
        ChannelKind::Slack { .. } if body["ok"] == false => refused(),
        ChannelKind::Slack { .. } if !text.is_empty() && text != "ok" => refused(),
        ChannelKind::Teams { .. } if text.contains("HTTP error 429") => PostEnd::Later {
            detail: "it answered 429 in words".to_owned(),
            retry_after: None,
        },
        ChannelKind::Teams { .. } if text.contains("failed with error") => refused(),
        ChannelKind::Amqp { .. }
        | ChannelKind::Discord { .. }
        | ChannelKind::Email { .. }
        | ChannelKind::Mattermost { .. }
        | ChannelKind::Slack { .. }
        | ChannelKind::Teams { .. }
        | ChannelKind::Webhook { .. } => PostEnd::Sent,
    }
}

/// Reads `retry_after` of a body: seconds, perhaps a fraction of one.
fn wait_in(body: &Value) -> Option<Span> {
    let seconds = body["retry_after"].as_f64()?;
    let is_sane = seconds.is_finite() && (0.0..=1e9).contains(&seconds);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it lies within what fits, and is rounded up"
    )]
    is_sane.then(|| Span::from_millis((seconds * 1_000.0).ceil() as i64))
}

/// Gives the short word by which a channel says why, such as `invalid_payload`; nothing of an answer
/// that repeats what it was sent to.
fn said(kind: &ChannelKind, body: &Value) -> String {
    let words = [
        &body["message"],
        &body["error"],
        &body["error"]["message"],
        body,
    ];
    let word = words
        .into_iter()
        .find_map(Value::as_str)
        .unwrap_or_default();
    let is_plain = |sign: char| sign.is_alphanumeric() || " _-.,:;'()<>@/".contains(sign);
    let word = word.trim();
    if word.is_empty() || word.chars().count() > MAX_SAID || !word.chars().all(is_plain) {
        return String::new();
    }
    let address = address(kind);
    let parts = word.split(|sign: char| !sign.is_alphanumeric() && sign != '_' && sign != '-');
    let mut secrets = parts.filter(|part| part.len() >= MIN_SECRET);
    if secrets.any(|part| address.contains(part)) {
        return String::new();
    }
    format!(": {word}")
}

fn address(kind: &ChannelKind) -> &str {
    match kind {
        ChannelKind::Amqp { .. } => "",
        ChannelKind::Discord { url }
        | ChannelKind::Email { url, .. }
        | ChannelKind::Mattermost { url }
        | ChannelKind::Slack { url }
        | ChannelKind::Teams { url }
        | ChannelKind::Webhook { url, .. } => url.expose_secret(),
    }
}
