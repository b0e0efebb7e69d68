//! `provost audit search | show | export | verify`: who did what, and whether the log is whole.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
};

use futures_util::StreamExt;
use serde_json::Value;

use super::{
    Failure,
    client::{Client, Connection, Page, Query, given, segment},
    offline::Place,
    output::{self, Output},
};
use crate::http::{
    export_file::{End, from_line},
    verification::{Report, SLICE, Verification},
};

/// Search, export and verify the audit log
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  provost audit search --conversation c-1001
  provost audit search --actor dana --outcome denied --from 2026-11-01T00:00:00Z
  provost audit show 42
  provost audit export --file audit.jsonl               the whole log, to be kept elsewhere
  provost audit export --format csv --action ticket.updated > tickets.csv
  provost audit verify --file audit.jsonl               needs nothing but the file
  provost audit verify                                  asks the daemon
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
    /// Show one entry
    Show {
        /// Its sequence
        sequence: u64,
    },
    /// Write the log to a file; the export is on record itself
    Export(Export),
    /// Walk the whole chain and name the first bad entry
    Verify {
        /// Walk along an export in JSON Lines, without a daemon
        #[arg(long, value_name = "FILE", conflicts_with = "database")]
        file: Option<PathBuf>,
        /// Walk on the database itself, without a daemon
        #[arg(long, value_name = "URL")]
        database: Option<String>,
    },
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
    /// Only what this actor asked, such as dana or system:rule:Refunds
    #[arg(long)]
    actor: Option<String>,
    /// Only this event type
    #[arg(long)]
    action: Option<String>,
    /// Only those that ended so: done, denied, failed
    #[arg(long)]
    outcome: Option<String>,
    /// Only those where this rule fired first
    #[arg(long)]
    rule: Option<String>,
    /// Not before this time (RFC 3339)
    #[arg(long)]
    from: Option<String>,
    /// Before this time (RFC 3339)
    #[arg(long)]
    to: Option<String>,
}

impl Filter {
    fn given(&self) -> Query<'_> {
        given(&[
            ("conversation", &self.conversation),
            ("actor", &self.actor),
            ("action", &self.action),
            ("outcome", &self.outcome),
            ("rule", &self.rule),
            ("from", &self.from),
            ("to", &self.to),
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
        Command::Show { sequence } => {
            let client = Client::new(&args.connection)?;
            let path = format!("/v1/audit/{}", segment(&sequence.to_string()));
            show(output, &client.get(&path, &[]).await?)
        }
        Command::Export(wanted) => export(&Client::new(&args.connection)?, &wanted).await,
        Command::Verify { file, database } => {
            let answer = match (file, database) {
                (Some(file), _) => shown(&walk_file(&file)?),
                (None, Some(url)) => shown(&walk(url)?),
                (None, None) => {
                    let client = Client::new(&args.connection)?;
                    client.get("/v1/audit/verify", &[]).await?
                }
            };
            verdict(output, &answer)
        }
    }
}

fn shown(report: &Report) -> Value {
    serde_json::to_value(report).unwrap_or_default()
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

/// Walks along an export: its last line first, which names the end of the chain.
fn walk_file(path: &Path) -> Result<Report, Failure> {
    let lines = || Ok::<_, io::Error>(BufReader::new(File::open(path)?).lines());
    let mut last = None;
    for line in lines()? {
        last = Some(line?);
    }
    let end = last.as_deref().and_then(End::parse);
    let tail = end.as_ref().and_then(End::tail);
    let (Some(end), Some(tail)) = (end, tail) else {
        let said = format!("`{}` has no last line of an export", path.display());
        return Err(Failure::new(said).next("it was cut off, or is no export in JSON Lines"));
    };
    if end.filtered {
        return Err(
            Failure::new("the export was narrowed, so it has no chain to verify")
                .next("export the log whole"),
        );
    }
    let mut walk = Verification::until(tail);
    for (number, line) in lines()?.enumerate() {
        let line = line?;
        if End::parse(&line).is_some() {
            break;
        }
        let row = from_line(&line)
            .map_err(|said| Failure::new(format!("line {}: {said}", number + 1)))?;
        walk.take(&[row]);
    }
    Ok(walk.report())
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
            ("outcome", "/outcome"),
            ("rules", "/rules"),
            ("checks", "/checks"),
            ("effects", "/effects"),
            ("policy", "/policy"),
            ("hash", "/hash"),
        ],
    )
}

fn walk(url: String) -> Result<Report, Failure> {
    let place = Place {
        config: "config".into(),
        database: Some(url),
    };
    let mut reader = place.open()?.reader();
    let tail = reader.tail()?;
    let total = u64::try_from(tail.audit_sequence).unwrap_or(0);
    let bar = indicatif::ProgressBar::new(total);
    let mut walk = Verification::until(tail);
    while let Some(after) = walk.next() {
        walk.take(&reader.audit_slice(after, SLICE)?);
        bar.set_position(u64::try_from(after).unwrap_or(0));
    }
    bar.finish_and_clear();
    Ok(walk.report())
}

fn verdict(output: Output, report: &Value) -> Result<(), Failure> {
    if output == Output::Json {
        output::json(report)?;
    } else if report["valid"] == true {
        let kept = match report["first"].as_i64() {
            Some(first) if first > 1 => format!("; those before {first} are past retention"),
            _ => String::new(),
        };
        output::line(&format!(
            "whole: {} entries, the newest is {}{kept}",
            report["entries"], report["last"]
        ))?;
    }
    if report["valid"] == true {
        return Ok(());
    }
    let fault = report["fault"]
        .as_str()
        .unwrap_or("the log does not verify");
    Err(Failure::new(format!("the audit log is broken: {fault}"))
        .next("keep a copy of the database before anything else; somebody or something changed it"))
}
