//! `provost rules check | list | test | explain`: work on the policy without a daemon.
//!
//! Reads the policy folder and, for the names of people, teams and channels, the
//! configuration; touches no database and no broker. Exit codes: 0 all is well,
//! 1 a case fails, 78 the policy or the configuration is in error.

mod check;
mod explain;
mod list;
mod run_cases;

use std::{path::PathBuf, process::ExitCode};

use clap::Subcommand;
use serde_json::json;

use super::{
    EXIT_CONFIG, Failure,
    house::House,
    output::{self, Output},
};
use crate::{
    daemon::{Bundle, Mappings, settings},
    decide::Settings,
    policy::{Policy, Sources},
    workbench::check::render,
};

/// Check, list, test and explain the rules of a policy folder
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  provost rules check                     every fault of rules/, with its line
  provost rules test                      run the cases beside the rules
  provost rules explain event.json        what each rule makes of an event
  provost rules list --rules rules-next   what another folder holds")]
pub struct Args {
    /// The configuration folder; it names the people, teams and channels.
    #[arg(long, value_name = "DIR", default_value = "config", global = true)]
    pub config: PathBuf,
    /// The policy folder; default: `PROVOST_RULES`, else what the configuration says, else `rules`.
    #[arg(long, value_name = "DIR", global = true)]
    pub rules: Option<PathBuf>,
    /// For people or for programs.
    #[arg(long, value_enum, default_value_t, global = true)]
    pub output: Output,
    /// What to do.
    #[command(subcommand)]
    pub command: RulesCommand,
}

/// What to do with the rules.
#[derive(Clone, Debug, Subcommand)]
pub enum RulesCommand {
    /// Load the policy and show every fault with its source line.
    Check,
    /// List the rules in the order in which they are asked.
    List {
        /// Show the conditions and effects of each rule too.
        #[arg(long)]
        full: bool,
    },
    /// Run the cases (`NAME.cases.toml`) that stand beside the rules.
    Test {
        /// Run only cases whose file or name holds this text.
        filter: Option<String>,
    },
    /// Show what each rule makes of an event, and what would come out. Nothing is stored.
    #[command(
        after_help = "EVENT.json holds one event (CloudEvents JSON), an array of them, or one on each line:
all but the last are decided first, so that the last meets a conversation. `-` reads standard input."
    )]
    Explain {
        /// The file with the event.
        #[arg(value_name = "EVENT.json")]
        event: PathBuf,
    },
}

/// Runs the subcommand.
#[expect(
    clippy::needless_pass_by_value,
    reason = "each subcommand takes its arguments over"
)]
pub fn main(args: Args) -> ExitCode {
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(args: &Args) -> Result<(), Failure> {
    let place = Place::find(args)?;
    match &args.command {
        RulesCommand::Check => check::main(&place),
        RulesCommand::List { full } => list::main(&place, &place.load()?, *full),
        RulesCommand::Test { filter } => run_cases::main(&place, &place.load()?, filter.as_deref()),
        RulesCommand::Explain { event } => explain::main(&place, &place.load()?, event),
    }
}

/// Where the policy is, and what it may name.
struct Place {
    config: PathBuf,
    folder: PathBuf,
    sources: Sources,
    /// The version under which a daemon would run this, mappings included.
    version: String,
    settings: Settings,
    output: Output,
}

impl Place {
    fn find(args: &Args) -> Result<Self, Failure> {
        let House {
            config,
            sources: catalogue_sources,
            catalogue,
        } = House::read(&args.config, args.output)?;
        let folder = args
            .rules
            .clone()
            .unwrap_or_else(|| config.policy.rules.clone());
        let sources = Sources::read(&folder).map_err(|error| {
            Failure::new(format!("cannot read the policy folder: {error}"))
                .next("name it with --rules DIR, or with `policy.rules` in provost.toml")
                .code(EXIT_CONFIG)
        })?;
        let mappings = Mappings::sources(&args.config.join("mappings"))
            .map_err(|error| Failure::new(format!("cannot read the mappings: {error}")))?;
        let bundle = Bundle {
            rules: sources.files.clone(),
            mappings,
            catalogue: catalogue_sources,
        };
        let mut directory = config.directory();
        directory.actions = catalogue.actions.keys().cloned().collect();
        Ok(Self {
            config: args.config.clone(),
            folder,
            sources,
            version: bundle.version(),
            settings: Settings {
                directory,
                catalogue: std::sync::Arc::new(catalogue),
                ..settings(&config)
            },
            output: args.output,
        })
    }

    /// Loads the policy; every fault is shown at once.
    fn load(&self) -> Result<Policy, Failure> {
        Policy::load(&self.sources, &self.settings.directory).map_err(|faults| {
            let said = match self.output {
                Output::Table => output::aside(render(&faults, &self.sources).trim_end()),
                Output::Json => output::json(&json!({"ok": false, "faults": faults})),
            };
            said.err().unwrap_or_else(Failure::said).code(EXIT_CONFIG)
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Whole {
        #[command(flatten)]
        rules: Args,
    }

    #[test]
    fn options_may_stand_before_or_after_the_subcommand() {
        for line in [
            ["rules", "--rules", "next", "--output", "json", "test"],
            ["rules", "test", "--rules", "next", "--output", "json"],
        ] {
            let args = Whole::try_parse_from(line).expect("valid").rules;
            assert_eq!(args.rules, Some(PathBuf::from("next")));
            assert_eq!(args.output, Output::Json);
        }
    }
}
