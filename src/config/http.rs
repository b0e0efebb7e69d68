//! `[http]`: where the API, health and metrics are.
//!
//! There is no TLS listener here: a proxy stands in front. Read by `root`; the
//! address is bound by `crate::http`, which warns when it is not loopback.

use super::{address, env, section::Section};

/// `[http]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// Where to listen; `PROVOST_HTTP_LISTEN` wins.
    pub listen: String,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8642".to_owned(),
        }
    }
}

impl Http {
    /// Tells whether only this machine can reach the listener.
    pub fn is_loopback(&self) -> bool {
        address::is_loopback(&self.listen)
    }

    pub(super) fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        let listen = match section.text_or_variable("listen", env::HTTP_LISTEN, false) {
            Some(found) if !address::is_listen_address(&found.value) => {
                let said = format!("is `{}`, which is no address and port", found.value);
                let hint = "write `127.0.0.1:8642`, `[::]:8642` or `localhost:8642`".to_owned();
                section.bad(&found.place, &said, Some(hint));
                default.listen
            }
            Some(found) => found.value,
            None => default.listen,
        };
        section.end();
        Self { listen }
    }
}
