//! Notices as they look in a channel: (channel, what is to be said) → what to send.
//!
//! Pure, one file a kind. Each holds to what its vendor publishes: what is too long is cut, and says
//! how much is left out. What customers have said calls nobody and is no markup: it is written
//! for its place, and the templates' own text stays as the operations team has it.
//! Sending, and when, is `crate::daemon`'s; what an answer means is [`meaning`].

mod amqp;
mod answer;
mod discord;
mod email;
mod event;
mod mattermost;
mod slack;
mod teams;
mod text;
mod webhook;

use std::{collections::BTreeMap, fmt};

use secrecy::SecretString;

pub use self::{
    answer::{Answer, meaning},
    email::Mail,
};
use crate::domain::{
    channel::{Channel, ChannelKind},
    delivery::Delivery,
    notice::NoticeKind,
    template::Template,
    time::Timestamp,
};

/// What is to be said.
#[derive(Clone, Copy, Debug)]
pub struct Post<'a> {
    /// Where.
    pub channel: &'a Channel,
    /// The delivery, or those of a digest; the first carries the post.
    pub deliveries: &'a [Delivery],
    /// The same as a page, where there is one; only mails have room for it.
    pub page: Option<&'a str>,
    /// `source` of our own events.
    pub source: &'a str,
    /// What notices say instead of their own text.
    pub templates: &'a BTreeMap<NoticeKind, Template>,
    /// When it is posted.
    pub now: Timestamp,
}

impl<'a> Post<'a> {
    /// Gives what names it for good, however often it is sent.
    fn id(&self) -> &'a str {
        self.deliveries.first().map_or("", |head| &head.delivery_id)
    }

    /// Tells whether it may have been posted before.
    fn is_repeat(&self) -> bool {
        self.deliveries
            .first()
            .is_some_and(|head| head.ambiguous > 0)
    }
}

/// What is sent.
#[derive(Debug)]
pub enum Message {
    /// A message to Provost's own broker.
    Amqp(amqp::Publication),
    /// A request; its body is JSON.
    Http(Request),
    /// A mail.
    Mail(Mail),
}

/// A request to post something.
pub struct Request {
    /// Where; who knows it can post.
    pub url: SecretString,
    /// Headers besides the content type.
    pub headers: Vec<(String, String)>,
    /// The JSON.
    pub body: String,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("POST (URL, headers and body not shown)")
    }
}

/// Makes what to send.
///
/// *Errors*: why it cannot be said there, without anything that it says.
pub fn compose(post: &Post<'_>) -> Result<Message, String> {
    let json = |url: &SecretString, body: serde_json::Value| {
        Message::Http(Request {
            url: url.clone(),
            headers: Vec::new(),
            body: body.to_string(),
        })
    };
    Ok(match &post.channel.kind {
        ChannelKind::Amqp {
            exchange,
            routing_key,
        } => Message::Amqp(amqp::publication(post, exchange, routing_key)),
        ChannelKind::Discord { url } => json(&discord::waiting(url), discord::payload(post)),
        ChannelKind::Email { url, from, to } => Message::Mail(email::mail(post, (url, from, to))),
        ChannelKind::Mattermost { url } => json(url, mattermost::payload(post)),
        ChannelKind::Slack { url } => json(url, slack::payload(post)),
        ChannelKind::Teams { url } => json(url, teams::payload(post)),
        ChannelKind::Webhook { url, secret } => {
            Message::Http(webhook::request(post, url, secret.as_ref())?)
        }
    })
}

#[cfg(test)]
mod tests;
