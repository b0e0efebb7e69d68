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

use super::{
    Failure,
    house::{Folders, Place},
    output::{self, Output},
};

/// Check, list, test and explain the rules of a policy folder
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  provost rules check                     every fault of rules/, with its line
  provost rules test                      run the cases beside the rules
  provost rules explain event.json        what each rule makes of an event
  provost rules list --rules rules-next   what another folder holds")]
pub struct Args {
    #[command(flatten)]
    folders: Folders,
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
    let place = Place::find(&args.folders, args.output)?;
    match &args.command {
        RulesCommand::Check => check::main(&place),
        RulesCommand::List { full } => list::main(&place, &place.load()?, *full),
        RulesCommand::Test { filter } => run_cases::main(&place, &place.load()?, filter.as_deref()),
        RulesCommand::Explain { event } => explain::main(&place, &place.load()?, event),
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
            assert_eq!(args.folders.rules, Some(PathBuf::from("next")));
            assert_eq!(args.output, Output::Json);
        }
    }
}
