//! The daemon's catalogue for a bench: two integrations on one stub, and three actions.

use crate::cli::bench::{POLICY, daemon::Files};

/// How many calls may be under way at once, the bare ones too.
pub(super) const CONCURRENCY: usize = 256;
/// How many slow calls may be.
pub(super) const SLOW_CONCURRENCY: u64 = 16;
/// How long a slow call takes. *Units*: seconds.
pub(super) const SLOW_SECONDS: u64 = 2;

/// The action that is measured.
pub(super) const PAY: &str = "pay";
/// The same on the slow integration.
pub(super) const WAIT: &str = "wait";
/// The same, which waits for approval first.
pub(super) const GATED: &str = "gated";

/// The files of a catalogue.
pub(super) struct Catalogue(Vec<(&'static str, String)>);

impl Catalogue {
    /// Makes a catalogue whose actions call the stub at `url`.
    pub(super) fn on(url: &str) -> Self {
        let fast = integration(url, CONCURRENCY as u64);
        let slow = integration(&format!("{url}/slow"), SLOW_CONCURRENCY);
        let gated = "approval = \"require\"\napprovers = [\"manager\"]\n";
        let files = vec![
            ("rules/gates.rhai", include_str!("policy.rhai").to_owned()),
            ("integrations/fast.toml", fast),
            ("integrations/slow.toml", slow),
            ("actions/pay.toml", action("fast", "")),
            ("actions/wait.toml", action("slow", "")),
            ("actions/gated.toml", action("fast", gated)),
        ];
        Self(files)
    }

    /// Gives the files of the daemon's folder.
    pub(super) fn files(&self) -> Vec<(&str, &str)> {
        let own = self.0.iter().map(|(path, text)| (*path, text.as_str()));
        let policy: Files<'_> = POLICY;
        policy.iter().copied().chain(own).collect()
    }
}

fn integration(url: &str, concurrency: u64) -> String {
    format!(
        r#"
kind = "http"
base_url = "{url}"
honours_idempotency_key = true
idempotency_window = "24h"
concurrency = {concurrency}
allow_addresses = ["127.0.0.0/8"]
[operations.pay]
method = "POST"
path = "/calls"
body = {{ order = "{{{{order}}}}", amount = "{{{{amount}}}}" }}
"#
    )
}

fn action(integration: &str, level: &str) -> String {
    format!(
        r#"
description = "Pays"
integration = "{integration}"
operation = "pay"
allow = ["ai"]
amount = "amount"
timeout = "10s"
{level}
[params]
required = ["order", "amount"]
[params.properties]
order = {{ type = "string" }}
amount = {{ type = "number" }}
[output.map]
id = "{{{{id}}}}"
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{CatalogueSources, Env, Ground, read_catalogue},
        domain::access::Roles,
    };

    #[test]
    fn the_daemon_takes_every_file() {
        let catalogue = Catalogue::on("http://127.0.0.1:1");
        let mut sources = CatalogueSources::default();
        for (path, text) in catalogue.files() {
            let (kind, file) = path.split_once('/').expect("a folder");
            let name = file.split('.').next().unwrap_or_default().to_owned();
            match kind {
                "actions" => sources.actions.insert(name, text.to_owned()),
                "integrations" => sources.integrations.insert(name, text.to_owned()),
                _ => None,
            };
        }
        let ground = Ground {
            env: &Env::default(),
            folder: std::path::Path::new("."),
            roles: &Roles::default(),
        };
        let loaded = read_catalogue(&sources, &ground);
        assert!(loaded.faults.is_empty(), "{:?}", loaded.faults);
        let names: Vec<&String> = loaded.catalogue.actions.keys().collect();
        assert_eq!(names, [GATED, PAY, WAIT]);
    }
}
