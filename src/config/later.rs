//! `[channels.NAME]` and `[outbound]`: sections of later releases.
//!
//! They are read and checked, so that a configuration written for the whole
//! product is accepted; rules may name the channels already.

use std::collections::BTreeMap;

use super::{section::Section, values::networks};
use crate::domain::network::Network;

/// The kinds of team channel.
const KINDS: [&str; 7] = [
    "slack",
    "teams",
    "mattermost",
    "discord",
    "webhook",
    "email",
    "amqp",
];

/// `[channels.NAME]`; delivered to from a later release, named by rules now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// What stands behind it, such as `slack`.
    pub kind: String,
}

/// `[outbound]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outbound {
    /// Networks that outgoing requests may reach although they are private.
    pub allow_addresses: Vec<Network>,
}

impl Channel {
    /// Reads every `[channels.NAME]`; the keys of each kind are not looked at yet.
    pub(super) fn read_all(sections: Vec<(String, Section<'_>)>) -> BTreeMap<String, Self> {
        sections
            .into_iter()
            .map(|(name, mut section)| {
                if !section.has("kind") {
                    section.missing("kind");
                }
                let kind = section.choice("kind", String::new(), &KINDS);
                (name, Self { kind })
            })
            .collect()
    }
}

impl Outbound {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let allow_addresses = networks(&mut section, "allow_addresses");
        section.end();
        Self { allow_addresses }
    }
}
