//! `provost leads`: who may become a customer.

use super::{
    Failure,
    client::{Client, Connection, Page},
    output,
};

/// Look at leads: who may become a customer
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  provost leads                              the newest first
  provost leads --output json > leads.json")]
pub struct Args {
    #[command(flatten)]
    page: Page,
    #[command(flatten)]
    connection: Connection,
}

/// Runs the command.
pub(super) async fn main(args: Args) -> Result<(), Failure> {
    let client = Client::new(&args.connection)?;
    let query = args.page.onto(Vec::new());
    let answer = client.get("/v1/leads", &query).await?;
    output::listing(
        args.connection.output,
        &answer,
        &[
            ("LEAD", "/lead_id"),
            ("EMAIL", "/email"),
            ("NAME", "/name"),
            ("PHONE", "/phone"),
            ("COMPANY", "/company"),
            ("MESSAGE", "/message"),
            ("CONVERSATION", "/conversation_id"),
            ("CREATED", "/created_at"),
        ],
    )
}
