//! What a configuration folder says, for the commands that work on files alone.

use std::path::Path;

use serde_json::json;

use super::{
    EXIT_CONFIG, Failure,
    output::{self, Output},
};
use crate::{
    config::{CatalogueSources, Config, Env, Ground, read_catalogue},
    domain::catalogue::Catalogue,
};

/// A configuration folder, read.
pub(super) struct House {
    /// `provost.toml`.
    pub(super) config: Config,
    /// Actions and integrations, as they are written.
    pub(super) sources: CatalogueSources,
    /// The same, read.
    pub(super) catalogue: Catalogue,
}

impl House {
    /// Reads a folder.
    ///
    /// *Errors*: everything wrong with it, shown; exit code 78.
    pub(super) fn read(folder: &Path, output: Output) -> Result<Self, Failure> {
        let env = Env::process();
        let config = Config::load(folder, &env)
            .map_err(|faults| refuse(output, "configuration", &faults))?
            .config;
        let sources = CatalogueSources::read(folder)
            .map_err(|error| Failure::new(format!("cannot read the catalogue: {error}")))?;
        let ground = Ground {
            env: &env,
            folder,
            roles: &config.roles,
        };
        let read = read_catalogue(&sources, &ground);
        if !read.faults.is_empty() {
            return Err(refuse(output, "catalogue", &read.faults));
        }
        Ok(Self {
            config,
            sources,
            catalogue: read.catalogue,
        })
    }
}

fn refuse<T: ToString>(output: Output, what: &str, faults: &[T]) -> Failure {
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    let said = match output {
        Output::Table => output::aside(&lines.join("\n")),
        Output::Json => output::json(&json!({"ok": false, what: lines})),
    };
    said.err().unwrap_or_else(Failure::said).code(EXIT_CONFIG)
}
