//! `[outbound]`: what everything that is sent may reach. Read by `root`.

use super::{section::Section, values::networks};
use crate::domain::network::Network;

/// `[outbound]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outbound {
    /// Networks that outgoing requests may reach although they are private.
    pub allow_addresses: Vec<Network>,
}

impl Outbound {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let allow_addresses = networks(&mut section, "allow_addresses");
        section.end();
        Self { allow_addresses }
    }
}
