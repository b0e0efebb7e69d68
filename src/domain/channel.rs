//! Team channels as the configuration has them: where notices go, and how fast.
//!
//! A channel's state – what waits for it, whether it works – is `super::delivery`'s. People who
//! are told by mail have a channel of their own, `@NAME`, made from the one mail server for all.

use std::{collections::BTreeMap, sync::Arc};

use secrecy::SecretString;

use super::{
    directory::Directory, network::Network, notice::NoticeKind, template::Template, time::Span,
};

/// A channel.
#[derive(Clone, Debug)]
pub struct Channel {
    /// Its name without `#`, or `@NAME` for a person's mail.
    pub name: String,
    /// What stands behind it.
    pub kind: ChannelKind,
    /// How long two posts lie apart at least.
    pub spacing: Span,
    /// More breaches than so many at once become one digest.
    pub digest_above: usize,
    /// Networks that it may be in although they are private.
    pub allow_addresses: Vec<Network>,
    /// How long a post may take.
    pub timeout: Span,
}

/// What stands behind a channel. Its addresses are secrets: whoever knows one can post.
#[derive(Clone, Debug)]
pub enum ChannelKind {
    /// A queue or more behind an exchange of Provost's own broker.
    Amqp {
        /// The exchange.
        exchange: String,
        /// The routing key.
        routing_key: String,
    },
    /// A Discord webhook.
    Discord {
        /// Its URL.
        url: SecretString,
    },
    /// Mail.
    Email {
        /// The mail server: `smtps://…`, `smtp+starttls://…`, `smtp://…`.
        url: SecretString,
        /// The sender.
        from: String,
        /// Whom it is for.
        to: Vec<String>,
    },
    /// A Mattermost incoming webhook.
    Mattermost {
        /// Its URL.
        url: SecretString,
    },
    /// A Slack incoming webhook.
    Slack {
        /// Its URL.
        url: SecretString,
    },
    /// A Microsoft Teams Workflows webhook.
    Teams {
        /// Its URL.
        url: SecretString,
    },
    /// Anybody who takes JSON, signed by Standard Webhooks.
    Webhook {
        /// Its URL.
        url: SecretString,
        /// The key that posts are signed with; without one they are not.
        secret: Option<SecretString>,
    },
}

impl ChannelKind {
    /// Gives its name in the configuration.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Amqp { .. } => "amqp",
            Self::Discord { .. } => "discord",
            Self::Email { .. } => "email",
            Self::Mattermost { .. } => "mattermost",
            Self::Slack { .. } => "slack",
            Self::Teams { .. } => "teams",
            Self::Webhook { .. } => "webhook",
        }
    }
}

/// The mail server by which people are told.
#[derive(Clone, Debug)]
pub struct MailServer {
    /// Where it is: `smtps://…`, `smtp+starttls://…`, `smtp://…`.
    pub url: SecretString,
    /// The sender.
    pub from: String,
    /// How long two mails to one person lie apart at least.
    pub spacing: Span,
    /// Networks that it may be in although they are private.
    pub allow_addresses: Vec<Network>,
    /// How long a mail may take.
    pub timeout: Span,
}

/// Everything that the configuration says about notices outside the app.
#[derive(Clone, Debug, Default)]
pub struct Notices {
    /// Channels by name.
    pub channels: BTreeMap<String, Arc<Channel>>,
    /// The name of the channel that hears that another one fails.
    pub operators: Option<String>,
    /// The mail server for people; `None`: people are told in the app alone.
    pub mail: Option<MailServer>,
    /// What a notice says instead of its own text.
    pub templates: BTreeMap<NoticeKind, Template>,
}

impl Notices {
    /// Gives a channel by its name; `@NAME` is the mail of a person.
    ///
    /// *Errors*: why there is none.
    pub fn channel(&self, name: &str, directory: &Directory) -> Result<Arc<Channel>, String> {
        let Some(person) = name.strip_prefix('@') else {
            let found = self.channels.get(name).cloned();
            return found.ok_or_else(|| format!("there is no [channels.{name}]"));
        };
        let Some(server) = &self.mail else {
            return Err("there is no [notices.mail]".to_owned());
        };
        let known = directory.people.get(person);
        let Some(address) = known.and_then(|person| person.email.clone()) else {
            return Err(format!("[people.{person}] has no `email`"));
        };
        Ok(Arc::new(Channel {
            name: name.to_owned(),
            kind: ChannelKind::Email {
                url: server.url.clone(),
                from: server.from.clone(),
                to: vec![address],
            },
            spacing: server.spacing,
            digest_above: DIGEST_ABOVE,
            allow_addresses: server.allow_addresses.clone(),
            timeout: server.timeout,
        }))
    }
}

/// More breaches than so many at once become one digest, unless a channel says otherwise.
pub const DIGEST_ABOVE: usize = 2;
