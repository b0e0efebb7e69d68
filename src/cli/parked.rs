//! `provost parked list | show | replay | drop`: what could not be understood.

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    Failure,
    client::{Client, Connection, Page, segment},
    output,
};

/// Deal with messages that could not be understood
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  provost parked                            the newest first
  provost parked show prk_01j…              reason, detail and the message as it came
  provost parked replay prk_01j…            take it in again, after the cause is mended
  provost parked drop prk_01j…              give it up for good")]
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
    /// List parked messages (also without a subcommand)
    List(List),
    /// Show one, whole
    Show {
        /// Its id
        id: String,
    },
    /// Take one in again
    Replay {
        /// Its id
        id: String,
    },
    /// Drop one for good
    Drop {
        /// Its id
        id: String,
    },
}

#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    page: Page,
}

/// Runs the command.
pub(super) async fn main(args: Args) -> Result<(), Failure> {
    let client = Client::new(&args.connection)?;
    let output = args.connection.output;
    let path = |id: &str| format!("/v1/parked/{}", segment(id));
    match args.command.unwrap_or(Command::List(args.list)) {
        Command::List(list) => {
            let query = list.page.onto(Vec::new());
            let answer = client.get("/v1/parked", &query).await?;
            output::listing(
                output,
                &answer,
                &[
                    ("PARKED", "/parked_id"),
                    ("AT", "/at"),
                    ("REASON", "/reason"),
                    ("DETAIL", "/detail"),
                    ("EVENT", "/event_id"),
                    ("ENTRY", "/entry"),
                ],
            )
        }
        Command::Show { id } => {
            let answer = client.get(&path(&id), &[]).await?;
            output::fields(
                output,
                &answer,
                &[
                    ("parked", "/parked_id"),
                    ("at", "/at"),
                    ("reason", "/reason"),
                    ("detail", "/detail"),
                    ("event", "/event_id"),
                    ("entry", "/entry"),
                    ("transport", "/transport"),
                    ("content", "/content"),
                ],
            )
        }
        Command::Replay { id } => {
            let answer = client
                .send_json(Method::POST, &format!("{}/replay", path(&id)), &json!({}))
                .await?;
            output::fields(
                output,
                &answer,
                &[("accepted", "/accepted"), ("duplicates", "/duplicates")],
            )
        }
        Command::Drop { id } => {
            let answer = client
                .send_json(Method::DELETE, &path(&id), &Value::Null)
                .await?;
            output::fields(output, &answer, &[("dropped", "/parked_id")])
        }
    }
}
