//! `provost reports actions`: what happened over a time, in numbers.

use std::io::{self, Write};

use clap::ValueEnum;
use futures_util::StreamExt;
use serde_json::Value;

use super::{
    Failure,
    client::{Client, Reach, given},
    output::{self, Column},
};

/// See what happened over a time, in numbers
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  provost reports actions                                   all that is kept
  provost reports actions --from 2026-11-01T00:00:00Z --to 2026-12-01T00:00:00Z
  provost reports actions --output csv > actions.csv")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    reach: Reach,
    /// The form of what is printed
    #[arg(
        long,
        short,
        global = true,
        value_enum,
        default_value_t,
        help_heading = "Connection"
    )]
    output: Form,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// How often each action was asked for, and what became of it
    Actions(Period),
}

#[derive(Debug, clap::Args)]
struct Period {
    /// Not before this time (RFC 3339); from the beginning of the log when absent
    #[arg(long)]
    from: Option<String>,
    /// Before this time (RFC 3339); up to now when absent
    #[arg(long)]
    to: Option<String>,
}

/// The form of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A table for people
    #[default]
    Table,
    /// JSON as the API answers it
    Json,
    /// A file for spreadsheets
    Csv,
}

const ACTIONS: &[Column] = &[
    ("ACTION", "/action"),
    ("ASKED", "/asked"),
    ("DENIED", "/denied"),
    ("BY CODE", "/denied_by_code"),
    ("APPROVED", "/approved"),
    ("BY", "/approved_by"),
    ("REJECTED", "/rejected"),
    ("CANCELLED", "/cancelled"),
    ("DONE", "/succeeded"),
    ("FAILED", "/failed"),
    ("UNKNOWN", "/unknown"),
    ("REVERSED", "/reversed"),
];

/// Runs the command.
pub(super) async fn main(args: Args) -> Result<(), Failure> {
    let client = Client::reach(&args.reach)?;
    let Command::Actions(period) = args.command;
    let mut query = given(&[("from", &period.from), ("to", &period.to)]);
    let path = "/v1/reports/actions";
    if args.output == Form::Csv {
        query.push(("format", "csv".to_owned()));
        let mut parts = client.download(path, &query).await?.bytes_stream();
        while let Some(part) = parts.next().await {
            let part = part.map_err(|_| Failure::new("the report broke off"))?;
            io::stdout().lock().write_all(&part)?;
        }
        return Ok(());
    }
    let answer = client.get(path, &query).await?;
    if args.output == Form::Json {
        return output::json(&answer);
    }
    match lines(&answer) {
        Some(table) => output::line(&table),
        None => output::aside("nothing was asked for in this time"),
    }
}

/// Lays the report out; nothing, where it is empty.
fn lines(answer: &Value) -> Option<String> {
    let items = answer["items"]
        .as_array()
        .filter(|items| !items.is_empty())?;
    let items: Vec<Value> = items
        .iter()
        .map(|item| {
            let mut item = item.clone();
            for name in ["denied_by_code", "approved_by"] {
                item[name] = counts(&item[name]).into();
            }
            item
        })
        .collect();
    Some(output::table(ACTIONS, &items))
}

/// Says how often what: `mia 2, joe 1`.
fn counts(counts: &Value) -> String {
    let counts = counts.as_object().into_iter().flatten();
    let said: Vec<String> = counts
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    said.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_report_is_a_table() {
        let answer = json!({"items": [{
            "action": "refund", "asked": 4, "denied": 2, "denied_by_code": {"rejected": 1, "rule": 1},
            "approved": 1, "approved_by": {"dan": 1, "mia": 1}, "rejected": 1, "cancelled": 0,
            "succeeded": 1, "failed": 1, "unknown": 1, "reversed": 1,
        }]});
        insta::assert_snapshot!(lines(&answer).expect("items"), @r"
        ACTION  ASKED  DENIED  BY CODE             APPROVED  BY            REJECTED  CANCELLED  DONE  FAILED  UNKNOWN  REVERSED
        refund  4      2       rejected 1, rule 1  1         dan 1, mia 1  1         0          1     1       1        1
        ");
        assert_eq!(lines(&json!({"items": []})), None);
    }
}
