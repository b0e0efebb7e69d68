//! `provost audit search | show | verify`: who did what, and whether the log is whole.

use serde_json::Value;

use super::{
    Failure,
    client::{Client, Connection, Page, given, segment},
    offline::Place,
    output::{self, Output},
};
use crate::http::verification::{Report, SLICE, Verification};

/// Search and verify the audit log
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  provost audit search --conversation c-1001
  provost audit search --actor dana --outcome denied --from 2026-11-01T00:00:00Z
  provost audit show 42
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
    /// Walk the whole chain and name the first bad entry
    Verify {
        /// Walk on the database itself, without a daemon
        #[arg(long, value_name = "URL")]
        database: Option<String>,
    },
}

#[derive(Debug, clap::Args)]
struct Search {
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
    #[command(flatten)]
    page: Page,
}

/// Runs the command.
pub(super) async fn main(args: Args) -> Result<(), Failure> {
    let output = args.connection.output;
    match args.command {
        Command::Search(search) => {
            let client = Client::new(&args.connection)?;
            let query = given(&[
                ("conversation", &search.conversation),
                ("actor", &search.actor),
                ("action", &search.action),
                ("outcome", &search.outcome),
                ("rule", &search.rule),
                ("from", &search.from),
                ("to", &search.to),
            ]);
            let answer = client.get("/v1/audit", &search.page.onto(query)).await?;
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
        Command::Verify { database } => {
            let answer = if let Some(url) = database {
                serde_json::to_value(walk(url)?).unwrap_or_default()
            } else {
                let client = Client::new(&args.connection)?;
                client.get("/v1/audit/verify", &[]).await?
            };
            verdict(output, &answer)
        }
    }
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
