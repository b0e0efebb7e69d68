//! The environment: the only place that reads the process's variables.
//!
//! A snapshot is taken once, at start, and handed on; tests build their own.
//! The variables that the contract names win over `provost.toml`.

use std::collections::BTreeMap;

/// Names the database; wins over `database.url`.
pub(super) const DATABASE_URL: &str = "PROVOST_DATABASE_URL";
/// Names the broker; wins over `broker.url`, also when empty (no broker).
pub(super) const AMQP_URL: &str = "PROVOST_AMQP_URL";
/// Says where to listen; wins over `http.listen`.
pub(super) const HTTP_LISTEN: &str = "PROVOST_HTTP_LISTEN";
/// Names the policy's folder; wins over `policy.rules`.
pub(super) const RULES: &str = "PROVOST_RULES";
/// Filters the log; wins over `log`.
pub(super) const LOG: &str = "PROVOST_LOG";
/// Where systemd puts the service's credentials.
pub(super) const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// A snapshot of environment variables.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Env(BTreeMap<String, String>);

impl Env {
    /// Takes the snapshot of this process; variables that are not UTF-8 are left out.
    #[allow(
        clippy::disallowed_methods,
        reason = "this is the place that reads the environment"
    )]
    pub fn process() -> Self {
        Self(
            std::env::vars_os()
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .collect(),
        )
    }

    /// Gives a variable.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Env {
    fn from(vars: [(&str, &str); N]) -> Self {
        Self(
            vars.into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        )
    }
}

/// Values may be secrets, so only the names are shown.
impl std::fmt::Debug for Env {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
