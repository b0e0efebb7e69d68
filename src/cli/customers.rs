//! `provost customers erase`: what is kept of a person goes.

use reqwest::Method;
use serde_json::Value;

use super::{
    Failure,
    client::{Client, Connection, segment},
    output,
};

/// Erase what is kept of a customer
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  provost customers erase c-1001            there is no way back

What is erased: messages and events, the customer's data, texts of tickets, comments and escalations,
parked messages, and the id in the audit log, which still verifies. Backups, exports and
what was published are out of reach.")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Erase one, for good; asking again finishes an erasure that broke off
    Erase {
        /// The customer's id, as the platform names it
        id: String,
    },
}

/// Runs the command.
pub(super) async fn main(args: Args) -> Result<(), Failure> {
    let client = Client::new(&args.connection)?;
    let Command::Erase { id } = args.command;
    let path = format!("/v1/customers/{}", segment(&id));
    let answer = client
        .send_json(Method::DELETE, &path, &Value::Null)
        .await?;
    output::fields(
        args.connection.output,
        &answer,
        &[
            ("conversations", "/conversations"),
            ("events", "/events"),
            ("tickets", "/tickets"),
            ("comments", "/comments"),
            ("escalations", "/escalations"),
            ("requests", "/requests"),
            ("parked", "/parked"),
        ],
    )
}
