//! `provost escalations list | ack | settle`.

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    Failure,
    client::{Client, Connection, Page, given, segment},
    output::{self, Output},
};

/// Look at, take and settle escalations
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  provost escalations --state raised        what waits for a person
  provost escalations ack esc_01j…          take one
  provost escalations settle esc_01j… --reason \"called back\"")]
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
    /// List escalations (also without a subcommand)
    List(List),
    /// Show one
    Show {
        /// The escalation's id
        id: String,
    },
    /// Take one
    Ack(Move),
    /// Declare one done with
    Settle(Move),
}

#[derive(Debug, clap::Args)]
struct List {
    /// Only those in this state: raised, acknowledged, settled
    #[arg(long)]
    state: Option<String>,
    /// Only those of this team
    #[arg(long)]
    team: Option<String>,
    /// Only those of this conversation
    #[arg(long)]
    conversation: Option<String>,
    #[command(flatten)]
    page: Page,
}

#[derive(Debug, clap::Args)]
struct Move {
    /// The escalation's id
    id: String,
    /// Why
    #[arg(long)]
    reason: Option<String>,
}

/// Runs the command.
pub(super) async fn main(args: Args) -> Result<(), Failure> {
    let client = Client::new(&args.connection)?;
    let output = args.connection.output;
    match args.command.unwrap_or(Command::List(args.list)) {
        Command::List(list) => {
            let query = given(&[
                ("state", &list.state),
                ("team", &list.team),
                ("conversation", &list.conversation),
            ]);
            let answer = client
                .get("/v1/escalations", &list.page.onto(query))
                .await?;
            output::listing(
                output,
                &answer,
                &[
                    ("ESCALATION", "/escalation_id"),
                    ("STATE", "/state"),
                    ("PRIORITY", "/priority"),
                    ("TEAM", "/team"),
                    ("CONVERSATION", "/conversation_id"),
                    ("REASON", "/reason"),
                    ("RAISED", "/raised_at"),
                ],
            )
        }
        Command::Show { id } => {
            let path = format!("/v1/escalations/{}", segment(&id));
            show(output, &client.get(&path, &[]).await?)
        }
        Command::Ack(step) => take(&client, output, step, "ack").await,
        Command::Settle(step) => take(&client, output, step, "settle").await,
    }
}

async fn take(client: &Client, output: Output, step: Move, verb: &str) -> Result<(), Failure> {
    let path = format!("/v1/escalations/{}/{verb}", segment(&step.id));
    let body = step
        .reason
        .map_or_else(|| json!({}), |reason| json!({ "reason": reason }));
    show(output, &client.send_json(Method::POST, &path, &body).await?)
}

fn show(output: Output, escalation: &Value) -> Result<(), Failure> {
    output::fields(
        output,
        escalation,
        &[
            ("escalation", "/escalation_id"),
            ("state", "/state"),
            ("conversation", "/conversation_id"),
            ("trigger", "/trigger"),
            ("rule", "/rule"),
            ("reason", "/reason"),
            ("priority", "/priority"),
            ("team", "/team"),
            ("ticket", "/ticket_id"),
            ("raised", "/raised_at"),
            ("acknowledged by", "/acknowledged_by"),
            ("settled by", "/settled_by"),
            ("updated", "/updated_at"),
        ],
    )
}
