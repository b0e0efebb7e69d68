//! `provost audit search | show | export | seals | verify`: who did what, and whether the log is whole.

pub(super) mod verify;

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::PathBuf,
};

use futures_util::StreamExt;
use serde_json::Value;

use super::{
    Failure,
    client::{Client, Connection, Page, Query, given, segment},
    output::{self, Output},
};

/// Search, export and verify the audit log
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  provost audit search --conversation c-1001
  provost audit search --actor dana --outcome denied --from 2026-11-01T00:00:00Z
  provost audit show 42
  provost audit show req_01j…                           the whole story of a request
  provost audit export --file audit.jsonl               the whole log, to be kept elsewhere
  provost audit export --format csv --action ticket.updated > tickets.csv
  provost audit verify --file audit.jsonl               needs nothing but the file
  provost audit verify                                  asks the daemon
  provost audit seals --file seals.jsonl                to be kept elsewhere, with the key's id
  provost audit verify --file audit.jsonl --seals seals.jsonl --key-id 3f0c…
  provost audit verify --database sqlite:provost.db     needs no daemon")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Search entries, the newest first
    Search(Search),
    /// Show one entry, or all that became of one request
    Show {
        /// The entry's sequence, or the request's id
        id: String,
    },
    /// Write the log to a file; the export is on record itself
    Export(Export),
    /// List the seals, the oldest first, or write all of them to a file
    Seals(Seals),
    /// Walk the whole chain and its seals, and name the first bad entry
    Verify(verify::Verify),
}

#[derive(Debug, clap::Args)]
struct Seals {
    /// Write every seal to this file, one a line: to be kept elsewhere
    #[arg(long, short = 'f', value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    page: Page,
}

#[derive(Debug, clap::Args)]
struct Export {
    /// The form: jsonl can be verified, csv is for spreadsheets
    #[arg(long, default_value = "jsonl", value_parser = ["jsonl", "csv"])]
    format: String,
    /// Where to; standard output when absent
    #[arg(long, short = 'f', value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    filter: Filter,
}

#[derive(Debug, clap::Args)]
struct Search {
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    page: Page,
}

#[derive(Debug, clap::Args)]
struct Filter {
    /// Only entries on this conversation
    #[arg(long)]
    conversation: Option<String>,
    /// Only entries on this customer
    #[arg(long)]
    customer: Option<String>,
    /// Only what this actor asked, such as dana, customer:c-1 or system:rule:Refunds
    #[arg(long)]
    actor: Option<String>,
    /// Only this event type
    #[arg(long)]
    action: Option<String>,
    /// Only those that ended so: done, denied, failed
    #[arg(long)]
    outcome: Option<String>,
    /// Only those where this rule fired
    #[arg(long)]
    rule: Option<String>,
    /// Not before this time (RFC 3339)
    #[arg(long)]
    from: Option<String>,
    /// Before this time (RFC 3339)
    #[arg(long)]
    to: Option<String>,
    /// Only those on this amount or more
    #[arg(long)]
    amount_min: Option<String>,
    /// Only those on this amount or less
    #[arg(long)]
    amount_max: Option<String>,
}

impl Filter {
    fn given(&self) -> Query<'_> {
        given(&[
            ("conversation", &self.conversation),
            ("customer", &self.customer),
            ("actor", &self.actor),
            ("action", &self.action),
            ("outcome", &self.outcome),
            ("rule", &self.rule),
            ("from", &self.from),
            ("to", &self.to),
            ("amount_min", &self.amount_min),
            ("amount_max", &self.amount_max),
        ])
    }
}

/// Runs the command.
pub(super) async fn main(args: Args) -> Result<(), Failure> {
    let output = args.connection.output;
    match args.command {
        Command::Search(search) => {
            let client = Client::new(&args.connection)?;
            let query = search.page.onto(search.filter.given());
            let answer = client.get("/v1/audit", &query).await?;
            output::listing(
                output,
                &answer,
                &[
                    ("ENTRY", "/sequence"),
                    ("AT", "/at"),
                    ("ACTOR", "/actor/id"),
                    ("ACTION", "/action"),
                    ("SUBJECT", "/subject"),
                    ("OUTCOME", "/outcome"),
                    ("RULES", "/rules"),
                ],
            )
        }
        Command::Show { id } => {
            let client = Client::new(&args.connection)?;
            if id.parse::<u64>().is_err() {
                return super::story::show(&client, output, &id).await;
            }
            let path = format!("/v1/audit/{}", segment(&id));
            show(output, &client.get(&path, &[]).await?)
        }
        Command::Export(wanted) => export(&Client::new(&args.connection)?, &wanted).await,
        Command::Seals(wanted) => seals(&args.connection, &wanted).await,
        Command::Verify(wanted) => verify::main(wanted, &args.connection).await,
    }
}

/// Lists seals, or writes all of them as JSON Lines.
async fn seals(connection: &Connection, wanted: &Seals) -> Result<(), Failure> {
    let client = Client::new(connection)?;
    let Some(path) = &wanted.file else {
        let query = wanted.page.onto(Vec::new());
        let answer = client.get("/v1/audit/seals", &query).await?;
        return output::listing(
            connection.output,
            &answer,
            &[
                ("SEAL", "/seal_id"),
                ("AT", "/at"),
                ("FIRST", "/first"),
                ("LAST", "/last"),
                ("ROOT", "/root"),
                ("KEY", "/key_id"),
            ],
        );
    };
    let mut into = BufWriter::new(File::create(path)?);
    let mut after = String::from("0");
    loop {
        let query = [("limit", "1000".to_owned()), ("after", after.clone())];
        let answer = client.get("/v1/audit/seals", &query).await?;
        for seal in answer["items"].as_array().into_iter().flatten() {
            writeln!(into, "{seal}")?;
        }
        match answer["next"].as_str() {
            Some(next) => next.clone_into(&mut after),
            None => break,
        }
    }
    into.flush()?;
    Ok(())
}

/// Writes the log as it comes, so that its size does not matter.
async fn export(client: &Client, wanted: &Export) -> Result<(), Failure> {
    let mut query = wanted.filter.given();
    query.push(("format", wanted.format.clone()));
    let answer = client.download("/v1/audit/export", &query).await?;
    let mut into: Box<dyn Write> = match &wanted.file {
        Some(path) => Box::new(BufWriter::new(File::create(path)?)),
        None => Box::new(io::stdout().lock()),
    };
    let mut parts = answer.bytes_stream();
    while let Some(part) = parts.next().await {
        let part = part.map_err(|_| {
            Failure::new("the export broke off; what was written is not the whole log")
        })?;
        into.write_all(&part)?;
    }
    into.flush()?;
    Ok(())
}

fn show(output: Output, entry: &Value) -> Result<(), Failure> {
    output::fields(
        output,
        entry,
        &[
            ("entry", "/sequence"),
            ("at", "/at"),
            ("actor", "/actor"),
            ("action", "/action"),
            ("event", "/event_id"),
            ("source", "/source"),
            ("subject", "/subject"),
            ("customer", "/customer"),
            ("amount", "/amount"),
            ("outcome", "/outcome"),
            ("rules", "/rules"),
            ("checks", "/checks"),
            ("effects", "/effects"),
            ("policy", "/policy"),
            ("hash", "/hash"),
        ],
    )
}
