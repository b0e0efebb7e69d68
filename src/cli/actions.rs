//! `provost actions list | show | schema`.

use serde_json::Value;

use super::{
    Failure,
    client::{Client, Connection, Page, given, segment},
    output::{self, Output},
};
use crate::config;

/// Look at what may be asked for: the catalogue of actions
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  provost actions                            every action
  provost actions --phase before             what has its place before anybody speaks
  provost actions show refund
  provost actions schema > action.schema.json     for the editor of config/actions/*.toml
  provost actions schema --of integration > integration.schema.json")]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: List,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List actions (also without a subcommand)
    List(List),
    /// Show one, with its parameters
    Show {
        /// The action's name
        name: String,
    },
    /// Print the JSON Schema of a file format; needs no daemon
    Schema {
        /// Of which files
        #[arg(long, value_enum, default_value_t)]
        of: Format,
    },
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Format {
    #[default]
    Action,
    Integration,
}

#[derive(Debug, clap::Args)]
struct List {
    /// Only those that have their place there: before, during, after
    #[arg(long)]
    phase: Option<String>,
    #[command(flatten)]
    page: Page,
}

/// Runs the command.
pub(super) async fn main(args: Args) -> Result<(), Failure> {
    let output = args.connection.output;
    let client = || Client::new(&args.connection);
    match args.command.unwrap_or(Command::List(args.list)) {
        Command::Schema { of } => output::line(match of {
            Format::Action => config::ACTION_SCHEMA.trim_end(),
            Format::Integration => config::INTEGRATION_SCHEMA.trim_end(),
        }),
        Command::Show { name } => {
            let path = format!("/v1/actions/{}", segment(&name));
            show(output, &client()?.get(&path, &[]).await?)
        }
        Command::List(list) => {
            let query = list.page.onto(given(&[("phase", &list.phase)]));
            let answer = client()?.get("/v1/actions", &query).await?;
            output::listing(
                output,
                &answer,
                &[
                    ("ACTION", "/name"),
                    ("PHASE", "/phase"),
                    ("APPROVAL", "/approval"),
                    ("ALLOW", "/allow"),
                    ("DESCRIPTION", "/description"),
                ],
            )
        }
    }
}

fn show(output: Output, action: &Value) -> Result<(), Failure> {
    output::fields(
        output,
        action,
        &[
            ("action", "/name"),
            ("description", "/description"),
            ("trigger", "/trigger"),
            ("examples", "/examples"),
            ("phase", "/phase"),
            ("performer", "/performer"),
            ("params", "/params"),
            ("allow", "/allow"),
            ("confirmation", "/confirmation"),
            ("approval", "/approval"),
            ("approvers", "/approvers"),
            ("required", "/required"),
            ("irreversible", "/irreversible"),
            ("reversible", "/reversible"),
            ("timeout", "/timeout"),
        ],
    )
}
