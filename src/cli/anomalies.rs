//! `provost anomalies`: what was out of the usual.

use super::{
    Failure,
    client::{Client, Connection, Page},
    output,
};

/// Look at what was out of the usual
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  provost anomalies                          the newest first
  provost anomalies --output json > odd.json")]
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
    let answer = client.get("/v1/anomalies", &query).await?;
    output::listing(
        args.connection.output,
        &answer,
        &[
            ("ANOMALY", "/anomaly"),
            ("MEASURE", "/measure"),
            ("VALUE", "/value"),
            ("EXPECTED", "/expected"),
            ("SCORE", "/score"),
            ("KEY", "/key"),
            ("ACTION", "/action"),
            ("REQUEST", "/request_id"),
            ("AT", "/at"),
        ],
    )
}
