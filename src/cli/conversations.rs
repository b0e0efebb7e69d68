//! `provost conversations list | show`: what is true of conversations now.

use serde_json::Value;

use super::{
    Failure,
    client::{Client, Connection, Page, given, segment},
    output::{self, Output},
};

/// Look at conversations
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  provost conversations                     the newest first
  provost conversations --channel whatsapp  those of one channel
  provost conversations show c-1001         state and timeline")]
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
    /// List conversations (also without a subcommand)
    List(List),
    /// Show one: its state and its timeline
    Show {
        /// The conversation's id
        id: String,
    },
}

#[derive(Debug, clap::Args)]
struct List {
    /// Only those in this status: open, resolved, ended
    #[arg(long)]
    status: Option<String>,
    /// Only those of this channel
    #[arg(long)]
    channel: Option<String>,
    /// Only those with the customer of this id
    #[arg(long)]
    customer: Option<String>,
    #[command(flatten)]
    page: Page,
}

/// Runs the command.
pub(super) async fn main(args: Args) -> Result<(), Failure> {
    let client = Client::new(&args.connection)?;
    let output = args.connection.output;
    match args.command.unwrap_or(Command::List(args.list)) {
        Command::List(list) => {
            let query = given(&[
                ("status", &list.status),
                ("channel", &list.channel),
                ("customer", &list.customer),
            ]);
            let answer = client
                .get("/v1/conversations", &list.page.onto(query))
                .await?;
            output::listing(
                output,
                &answer,
                &[
                    ("CONVERSATION", "/conversation_id"),
                    ("STATUS", "/state/status"),
                    ("CHANNEL", "/state/channel"),
                    ("CUSTOMER", "/state/customer/id"),
                    ("MESSAGES", "/state/messages"),
                    ("ESCALATIONS", "/state/escalations"),
                    ("TAGS", "/state/tags"),
                    ("UPDATED", "/state/updated_at"),
                ],
            )
        }
        Command::Show { id } => {
            let path = format!("/v1/conversations/{}", segment(&id));
            show(output, &client.get(&path, &[]).await?)
        }
    }
}

fn show(output: Output, answer: &Value) -> Result<(), Failure> {
    output::fields(
        output,
        answer,
        &[
            ("conversation", "/conversation_id"),
            ("status", "/state/status"),
            ("channel", "/state/channel"),
            ("customer", "/state/customer"),
            ("messages", "/state/messages"),
            ("tags", "/state/tags"),
            ("attributes", "/state/attributes"),
            ("escalations", "/state/escalations"),
            ("open tickets", "/state/open_tickets"),
            ("started", "/state/started_at"),
            ("updated", "/state/updated_at"),
        ],
    )?;
    if output == Output::Json {
        return Ok(());
    }
    let timeline = answer["timeline"].as_array().map_or(&[][..], Vec::as_slice);
    output::line("")?;
    output::line(&output::table(
        &[
            ("TIME", "/time"),
            ("EVENT", "/type"),
            ("WHO", "/who"),
            ("WHAT", "/text"),
            ("RESULTS", "/results"),
        ],
        &timeline.iter().map(told).collect::<Vec<_>>(),
    ))
}

fn told(entry: &Value) -> Value {
    let data = &entry["event"]["data"];
    let who = data
        .pointer("/message/author/id")
        .or_else(|| data.pointer("/actor/id"));
    let text = data.pointer("/message/text").or_else(|| data.get("reason"));
    let results: Vec<&Value> = entry["results"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|result| &result["type"])
        .collect();
    serde_json::json!({
        "time": entry["time"], "type": entry["type"], "who": who, "text": text, "results": results,
    })
}
