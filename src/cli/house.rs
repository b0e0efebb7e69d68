//! What the configuration folder and the policy folder say, for the commands that work on files alone.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::json;

use super::{
    EXIT_CONFIG, Failure,
    output::{self, Output},
};
use crate::{
    config::{CatalogueSources, Config, Env, Ground, read_catalogue},
    daemon::{Bundle, Mappings, settings},
    decide::Settings,
    domain::catalogue::Catalogue,
    policy::{Policy, Sources},
    procedures::internal::action_names,
    workbench::check::render,
};

/// Where configuration and policy are.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Folders {
    /// The configuration folder; it names people, teams, channels, actions and roles
    #[arg(long, value_name = "DIR", default_value = "config", global = true)]
    pub(super) config: PathBuf,
    /// The policy folder; default: `PROVOST_RULES`, else what the configuration says, else `rules`
    #[arg(long, value_name = "DIR", global = true)]
    pub(super) rules: Option<PathBuf>,
}

/// A configuration folder, read.
struct House {
    /// `provost.toml`.
    config: Config,
    /// Actions and integrations, as they are written.
    sources: CatalogueSources,
    /// The same, read.
    catalogue: Catalogue,
}

impl House {
    /// Reads a folder.
    ///
    /// *Errors*: everything wrong with it, shown; exit code 78.
    fn read(folder: &Path, output: Output) -> Result<Self, Failure> {
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

    /// Gives what is decided by, as a daemon would have it.
    fn settings(self) -> Settings {
        let mut directory = self.config.directory();
        directory.actions = action_names(&self.catalogue);
        Settings {
            directory,
            catalogue: Arc::new(self.catalogue),
            ..settings(&self.config)
        }
    }
}

/// Where the policy is, and what it may name.
pub(super) struct Place {
    /// The configuration folder.
    pub(super) config: PathBuf,
    /// The policy folder.
    pub(super) folder: PathBuf,
    /// The policy as it is written.
    pub(super) sources: Sources,
    /// The version under which a daemon would run this, mappings included.
    pub(super) version: String,
    /// What is decided by.
    pub(super) settings: Settings,
    /// For people or for programs.
    pub(super) output: Output,
}

impl Place {
    /// Reads both folders, but for the policy itself.
    ///
    /// *Errors*: everything wrong with the configuration, shown; exit code 78.
    pub(super) fn find(folders: &Folders, output: Output) -> Result<Self, Failure> {
        let house = House::read(&folders.config, output)?;
        let folder = folders.rules.clone();
        let folder = folder.unwrap_or_else(|| house.config.policy.rules.clone());
        let sources = Sources::read(&folder).map_err(|error| {
            Failure::new(format!("cannot read the policy folder: {error}"))
                .next("name it with --rules DIR, or with `policy.rules` in provost.toml")
                .code(EXIT_CONFIG)
        })?;
        let mappings = Mappings::sources(&folders.config.join("mappings"))
            .map_err(|error| Failure::new(format!("cannot read the mappings: {error}")))?;
        let bundle = Bundle {
            rules: sources.files.clone(),
            mappings,
            catalogue: house.sources.clone(),
        };
        Ok(Self {
            config: folders.config.clone(),
            folder,
            sources,
            version: bundle.version(),
            settings: house.settings(),
            output,
        })
    }

    /// Loads the policy; every fault is shown at once.
    pub(super) fn load(&self) -> Result<Policy, Failure> {
        Policy::load(&self.sources, &self.settings.directory).map_err(|faults| {
            let said = match self.output {
                Output::Table => output::aside(render(&faults, &self.sources).trim_end()),
                Output::Json => output::json(&json!({"ok": false, "faults": faults})),
            };
            said.err().unwrap_or_else(Failure::said).code(EXIT_CONFIG)
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
