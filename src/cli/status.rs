//! `provost status`: how a daemon is doing.

use serde_json::Value;

use super::{
    Failure,
    client::{Client, Connection},
    output::{self, Output},
};

/// Show how a daemon is doing
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  provost status --output json")]
pub struct Args {
    #[command(flatten)]
    connection: Connection,
}

/// Prints the daemon's status, one line a figure.
pub(super) async fn main(args: Args) -> Result<(), Failure> {
    let client = Client::new(&args.connection)?;
    let answer = client.get("/v1/status", &[]).await?;
    if args.connection.output == Output::Json {
        return output::json(&answer);
    }
    let mut lines = Vec::new();
    flatten("", &answer, &mut lines);
    let width = lines
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or(0);
    for (name, value) in lines {
        output::line(&format!("{name:width$}  {value}"))?;
    }
    Ok(())
}

fn flatten(prefix: &str, value: &Value, lines: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let name = name.replace('_', " ");
                let path = if prefix.is_empty() {
                    name
                } else {
                    format!("{prefix} {name}")
                };
                flatten(&path, value, lines);
            }
        }
        Value::Null => {}
        other => lines.push((prefix.to_owned(), output::cell(other))),
    }
}
