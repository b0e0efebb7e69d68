//! The command line: one subcommand a file, all of them listed in `Command`.
//!
//! Most speak to a running daemon over its HTTP API; `run`, `rules`, `token`,
//! `migrate` and `bench` do not need one. Exit codes: 0 clean, 1 run-time
//! failure, 2 usage, 78 configuration or policy in error.

pub mod actions;
pub mod anomalies;
pub mod approvals;
pub mod audit;
pub mod bench;
pub mod channels;
pub mod completions;
pub mod conversations;
pub mod customers;
pub mod delegations;
pub mod escalations;
pub mod explain;
pub mod leads;
pub mod migrate;
pub mod parked;
pub mod procedures;
pub mod publish;
pub mod reports;
pub mod requests;
pub mod results;
pub mod rules;
pub mod run;
pub mod sla;
pub mod status;
pub mod tickets;
pub mod token;

mod checks;
mod client;
mod failure;
mod faults;
mod house;
mod input;
mod offline;
mod output;
mod story;

use std::{future::Future, process::ExitCode};

use clap::{CommandFactory, Parser, Subcommand};

pub use failure::Failure;

/// What `EX_CONFIG` is on every Unix: configuration or policy in error.
pub const EXIT_CONFIG: u8 = 78;

const EXAMPLES: &str = "\
Examples:
  provost                                   start the daemon, as `provost run` does
  provost token create --name dana --roles agent,manager
  provost publish conversation.ndjson       hand events to the daemon
  provost results --follow                  watch what follows from them
  provost rules check                       read the policy folder, report every fault

Set PROVOST_TOKEN to a token for the commands that speak to a daemon.";

/// Events in, rules decide, results out.
#[derive(Debug, Parser)]
#[command(name = "provost", version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: run::Args,
}

/// The subcommands, in the order in which they are shown.
#[derive(Debug, Subcommand)]
enum Command {
    /// Start the daemon (also without any subcommand)
    Run(run::Args),
    /// Hand events to a daemon or straight to the broker
    Publish(publish::Args),
    /// Show or follow what was published
    Results(results::Args),
    /// Look at conversations
    #[command(visible_alias = "conversation")]
    Conversations(conversations::Args),
    /// Look at, open and change tickets
    #[command(visible_alias = "ticket")]
    Tickets(Box<tickets::Args>),
    /// See how SLA clocks stand and why, and move them to today's policy
    Sla(sla::Args),
    /// Look at, take and settle escalations
    #[command(visible_alias = "escalation")]
    Escalations(escalations::Args),
    /// Look at what may be asked for: the catalogue of actions
    #[command(visible_alias = "action")]
    Actions(actions::Args),
    /// Ask for actions, try them, look at what was asked for, undo it
    #[command(visible_alias = "request")]
    Requests(requests::Args),
    /// Look at what waits for people, and decide
    #[command(visible_alias = "approval")]
    Approvals(approvals::Args),
    /// Write, check, try, publish and run procedures
    #[command(visible_alias = "procedure")]
    Procedures(Box<procedures::Args>),
    /// Have somebody stand in for you in approvals, for a time
    #[command(visible_alias = "delegation")]
    Delegations(delegations::Args),
    /// Look at what was out of the usual
    #[command(visible_alias = "anomaly")]
    Anomalies(anomalies::Args),
    /// Look at team channels, try one, see what became of each notice
    #[command(visible_alias = "channel")]
    Channels(channels::Args),
    /// Look at leads: who may become a customer
    #[command(visible_alias = "lead")]
    Leads(leads::Args),
    /// Deal with messages that could not be understood
    Parked(parked::Args),
    /// Search, export and verify the audit log
    Audit(audit::Args),
    /// Erase what is kept of a customer
    #[command(visible_alias = "customer")]
    Customers(customers::Args),
    /// See what happened over a time, in numbers
    #[command(visible_alias = "report")]
    Reports(reports::Args),
    /// Check, list, test and explain the policy; needs no daemon
    Rules(rules::Args),
    /// Make, list and revoke tokens; works on the database
    Token(token::Args),
    /// Show how a daemon is doing
    Status(status::Args),
    /// Bring the database up to date
    Migrate(migrate::Args),
    /// Measure throughput and latency
    Bench(bench::Args),
    /// Say what a code such as PV-RULE-003 means and what to do
    Explain(explain::Args),
    /// Print a completion script for a shell
    Completions(completions::Args),
}

/// Gives the whole command line as clap sees it, for whoever enumerates it.
pub fn definition() -> clap::Command {
    Cli::command()
}

/// Parses the arguments and runs what they name.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command.unwrap_or(Command::Run(cli.run)) {
        Command::Run(args) => return run::main(args),
        Command::Rules(args) => return rules::main(args),
        Command::Bench(args) => return bench::main(args),
        Command::Procedures(args) => block_on(procedures::main(*args)),
        Command::Publish(args) => block_on(publish::main(args)),
        Command::Results(args) => block_on(results::main(args)),
        Command::Conversations(args) => block_on(conversations::main(args)),
        Command::Tickets(args) => block_on(tickets::main(*args)),
        Command::Sla(args) => block_on(sla::main(args)),
        Command::Escalations(args) => block_on(escalations::main(args)),
        Command::Actions(args) => block_on(actions::main(args)),
        Command::Requests(args) => block_on(requests::main(args)),
        Command::Approvals(args) => block_on(approvals::main(args)),
        Command::Delegations(args) => block_on(delegations::main(args)),
        Command::Anomalies(args) => block_on(anomalies::main(args)),
        Command::Channels(args) => block_on(channels::main(args)),
        Command::Leads(args) => block_on(leads::main(args)),
        Command::Parked(args) => block_on(parked::main(args)),
        Command::Audit(args) => block_on(audit::main(args)),
        Command::Customers(args) => block_on(customers::main(args)),
        Command::Reports(args) => block_on(reports::main(args)),
        Command::Token(args) => token::main(args),
        Command::Status(args) => block_on(status::main(args)),
        Command::Migrate(args) => migrate::main(&args),
        Command::Explain(args) => explain::main(&args),
        Command::Completions(args) => completions::main(&args, &mut definition()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn block_on(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("the runtime does not start: {error}")))?
        .block_on(work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_subcommand_says_what_it_does() {
        for command in Cli::command().get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
        }
    }

    #[test]
    fn no_subcommand_means_run() {
        let cli = Cli::try_parse_from(["provost"]).expect("valid");
        assert!(cli.command.is_none());
        let cli = Cli::try_parse_from(["provost", "tickets", "list", "--output", "json"]);
        assert!(cli.is_ok(), "{cli:?}");
    }
}
