//! `[channels.NAME]`: team channels, each with the keys of its kind.
//!
//! A channel's address is a secret: whoever knows it can post. The types are the domain's; here
//! they are read. Read by `root`, after the broker, whose exchange of results is a channel's
//! own where it names none.

use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use rust_decimal::{Decimal, prelude::ToPrimitive};
use secrecy::SecretString;

use super::{
    directory::{check_id, is_email},
    fault,
    section::Section,
    values::{networks, required_text},
};
use crate::domain::{
    channel::{Channel, ChannelKind, DIGEST_ABOVE},
    time::Span,
};

/// The kinds of team channel, each with how many posts a second it takes by default. *Source*: what
/// Slack (1), Microsoft Teams (4) and Discord (5 in 2 s, shared by a channel) publish.
const KINDS: [(&str, u32); 7] = [
    ("slack", 1),
    ("teams", 4),
    ("mattermost", 10),
    ("discord", 2),
    ("webhook", 20),
    ("email", 2),
    ("amqp", 100),
];
/// How many mails a second go to one server by default.
pub(super) const MAILS: u32 = 2;
/// The most posts a second that can be asked for.
const MAX_RATE: u32 = 1_000;
/// How long a post may take by default.
const TIMEOUT: Span = Span::from_secs(10);
/// The longest time that it may be given.
const MAX_TIMEOUT: Span = Span::from_secs(60);
/// The longest routing key. *Source*: AMQP 0.9.1, short strings.
const MAX_KEY: usize = 255;

/// Reads every `[channels.NAME]`.
pub(super) fn read_channels(
    sections: Vec<(String, Section<'_>)>,
    results_exchange: &str,
) -> BTreeMap<String, Arc<Channel>> {
    sections
        .into_iter()
        .map(|(name, section)| {
            check_id(&name, &section);
            let channel = read_channel(&name, section, results_exchange);
            (name, Arc::new(channel))
        })
        .collect()
}

fn read_channel(name: &str, mut section: Section<'_>, results_exchange: &str) -> Channel {
    if !section.has("kind") {
        section.missing("kind");
    }
    let kinds = KINDS.map(|(kind, _)| kind);
    let kind = section.choice("kind", String::new(), &kinds);
    let known = KINDS.iter().find(|(known, _)| *known == kind);
    let rate = known.map_or(1, |(_, rate)| *rate);
    let channel = Channel {
        name: name.to_owned(),
        spacing: spacing(&mut section, rate),
        digest_above: section.count("digest_above", DIGEST_ABOVE, 0..=1_000),
        allow_addresses: networks(&mut section, "allow_addresses"),
        timeout: timeout(&mut section),
        kind: read_kind(&kind, &mut section, results_exchange),
    };
    // Of a kind that is none, the keys are not known either.
    if known.is_some() {
        section.end();
    }
    channel
}

fn read_kind(kind: &str, section: &mut Section<'_>, results_exchange: &str) -> ChannelKind {
    match kind {
        "amqp" => ChannelKind::Amqp {
            exchange: section.name("exchange", results_exchange.to_owned()),
            routing_key: routing_key(section),
        },
        "discord" => ChannelKind::Discord { url: url(section) },
        "email" => ChannelKind::Email {
            url: mail_url(section),
            from: sender(section),
            to: recipients(section),
        },
        "mattermost" => ChannelKind::Mattermost { url: url(section) },
        "slack" => ChannelKind::Slack { url: url(section) },
        "teams" => ChannelKind::Teams { url: url(section) },
        "webhook" => ChannelKind::Webhook {
            url: url(section),
            secret: signing_secret(section),
        },
        _ => ChannelKind::Webhook {
            url: SecretString::default(),
            secret: None,
        },
    }
}

/// Reads `rate`, posts a second, as the time between two.
pub(super) fn spacing(section: &mut Section<'_>, default: u32) -> Span {
    let default = Decimal::from(default);
    let has_rate = section.has("rate");
    let rate = section.decimal("rate").unwrap_or(default);
    if has_rate && (rate <= Decimal::ZERO || rate > Decimal::from(MAX_RATE)) {
        let place = section.place_of("rate");
        let said = format!("is {rate}, not above 0 and up to {MAX_RATE} a second");
        section.bad(&place, &said, None);
        return Span::from_secs(1);
    }
    let micros = (Decimal::from(1_000_000) / rate).ceil();
    Span::from_micros(micros.to_i64().unwrap_or(1_000_000))
}

/// Reads `timeout`.
pub(super) fn timeout(section: &mut Section<'_>) -> Span {
    let timeout = section.span("timeout", TIMEOUT);
    if timeout > MAX_TIMEOUT {
        let place = section.place_of("timeout");
        let said = format!("is {timeout}, longer than {MAX_TIMEOUT}");
        section.bad(&place, &said, None);
    }
    timeout
}

/// Reads the URL that is posted to.
fn url(section: &mut Section<'_>) -> SecretString {
    if !section.has("url") {
        section.missing("url");
    }
    let Some(found) = section.text("url") else {
        return SecretString::default();
    };
    if !found.value.starts_with("https://") && !found.value.starts_with("http://") {
        // Not shown: it may be the right secret in the wrong place.
        section.bad(&found.place, "is no `https://` or `http://` address", None);
    } else if !found.is_reference {
        warn_of_secret(section, &found.place, "holds an address with its secret");
    }
    SecretString::from(found.value)
}

/// Reads the URL of a mail server.
pub(super) fn mail_url(section: &mut Section<'_>) -> SecretString {
    if !section.has("url") {
        section.missing("url");
    }
    let Some(found) = section.text("url") else {
        return SecretString::default();
    };
    let schemes = ["smtps://", "smtp+starttls://", "smtp://"];
    let is_known = schemes
        .iter()
        .any(|scheme| found.value.starts_with(*scheme));
    if !is_known {
        let said = "is no mail server: `smtps://`, `smtp+starttls://` or `smtp://`";
        section.bad(&found.place, said, None);
    } else if !found.is_reference && found.value.contains('@') {
        warn_of_secret(section, &found.place, "holds a password");
    }
    SecretString::from(found.value)
}

fn warn_of_secret(section: &Section<'_>, place: &fault::Place, said: &str) {
    let message = format!("`{}` {said} in the file", place.key);
    let hint = "refer to it: ${env:NAME}, ${file:PATH} or ${credential:NAME}".to_owned();
    let fault = place.fault(fault::PLAIN_SECRET, message, Some(hint));
    section.doc.warn(fault);
}

/// Reads the key of Standard Webhooks: base64, with `whsec_` before it.
fn signing_secret(section: &mut Section<'_>) -> Option<SecretString> {
    let Some(found) = section.text("secret") else {
        if !section.has("secret") {
            let place = section.place().clone();
            let message = format!("`{}` has no `secret`: its posts are not signed", place.key);
            let fault = place.fault(fault::NO_EFFECT, message, None);
            section.doc.warn(fault);
        }
        return None;
    };
    let digits = found.value.trim().trim_start_matches("whsec_");
    match BASE64_STANDARD.decode(digits) {
        Ok(key) if !key.is_empty() => {
            if !found.is_reference {
                warn_of_secret(section, &found.place, "is a secret written");
            }
            Some(SecretString::from(digits.to_owned()))
        }
        _ => {
            let hint = "make one: echo whsec_$(openssl rand -base64 32)".to_owned();
            let said = "is no key: `whsec_` and base64";
            section.bad(&found.place, said, Some(hint));
            None
        }
    }
}

/// Reads the sender of mails.
pub(super) fn sender(section: &mut Section<'_>) -> String {
    let from = required_text(section, "from");
    let address = from
        .rsplit_once('<')
        .map_or(from.as_str(), |(_, rest)| rest.trim_end_matches('>'));
    if !from.is_empty() && !is_email(address.trim()) {
        let place = section.place_of("from");
        let said = format!("is `{from}`, which is no mail address");
        section.bad(&place, &said, None);
    }
    from
}

fn recipients(section: &mut Section<'_>) -> Vec<String> {
    if !section.has("to") {
        section.missing("to");
    }
    let found = section.texts("to");
    for one in &found {
        if !is_email(&one.value) {
            let said = format!("is `{}`, which is no mail address", one.value);
            section.bad(&one.place, &said, None);
        }
    }
    if found.is_empty() && section.has("to") {
        let place = section.place_of("to");
        section.bad(&place, "names nobody", None);
    }
    found.into_iter().map(|one| one.value).collect()
}

fn routing_key(section: &mut Section<'_>) -> String {
    let key = required_text(section, "routing_key");
    if key.len() > MAX_KEY || key.chars().any(char::is_control) {
        let place = section.place_of("routing_key");
        let said = format!("is no text of at most {MAX_KEY} bytes without control characters");
        section.bad(&place, &said, None);
    }
    key
}
