//! `provost channels`: where notices go, whether they get there, and trying it.

use reqwest::Method;
use serde_json::json;

use super::{
    Failure,
    client::{Client, Connection, Page, given, segment},
    output::{self, Column},
};

/// Look at team channels, try one, see what became of each notice
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  provost channels                           every channel, and whether it works
  provost channels test billing              post a test notice to #billing
  provost channels deliveries --channel billing --state failed"
)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show every channel, and whether it works
    List,
    /// Post a test notice to a channel and wait for what comes of it
    Test {
        /// The channel, with or without `#`
        name: String,
    },
    /// Show what was on its way to channels, the newest first
    Deliveries(Deliveries),
}

#[derive(Debug, clap::Args)]
struct Deliveries {
    /// Only those to this channel; `@NAME` for a person's mail
    #[arg(long)]
    channel: Option<String>,
    /// Only those in this state: pending, posting, joined, sent, failed or unknown
    #[arg(long)]
    state: Option<String>,
    /// Only those about this id: a ticket, an approval, a conversation
    #[arg(long)]
    about: Option<String>,
    #[command(flatten)]
    page: Page,
}

const CHANNELS: &[Column] = &[
    ("CHANNEL", "/name"),
    ("KIND", "/kind"),
    ("STATE", "/state"),
    ("PENDING", "/pending"),
    ("FAILING SINCE", "/failing_since"),
    ("ERROR", "/error"),
    ("SENT", "/sent_at"),
];

const DELIVERIES: &[Column] = &[
    ("DELIVERY", "/delivery_id"),
    ("CHANNEL", "/channel"),
    ("KIND", "/kind"),
    ("ABOUT", "/about"),
    ("STATE", "/state"),
    ("ATTEMPTS", "/attempts"),
    ("TITLE", "/title"),
    ("AT", "/at"),
    ("ERROR", "/error"),
];

/// Runs the command.
pub(super) async fn main(args: Args) -> Result<(), Failure> {
    let client = Client::new(&args.connection)?;
    let output = args.connection.output;
    match args.command.unwrap_or(Command::List) {
        Command::List => {
            let answer = client.get("/v1/channels", &[]).await?;
            output::listing(output, &answer, CHANNELS)
        }
        Command::Test { name } => {
            let name = name.trim_start_matches('#');
            let path = format!("/v1/channels/{}/test", segment(name));
            let delivery = client.send_json(Method::POST, &path, &json!({})).await?;
            output::fields(
                output,
                &delivery,
                &[
                    ("delivery", "/delivery_id"),
                    ("channel", "/channel"),
                    ("state", "/state"),
                    ("error", "/error"),
                ],
            )?;
            if delivery["state"] == "sent" {
                return Ok(());
            }
            Err(Failure::new(format!("the notice did not reach #{name}")))
        }
        Command::Deliveries(asked) => {
            let query = given(&[
                ("channel", &asked.channel),
                ("state", &asked.state),
                ("about", &asked.about),
            ]);
            let answer = client
                .get("/v1/deliveries", &asked.page.onto(query))
                .await?;
            output::listing(output, &answer, DELIVERIES)
        }
    }
}
