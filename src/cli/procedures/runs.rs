//! `provost procedures run` and `runs`: runs in a daemon.

use std::path::PathBuf;

use reqwest::Method;
use serde_json::{Map, Value, json};

use super::{
    files,
    simulate::{VARIABLES, variables},
};
use crate::cli::{
    Failure, checks,
    client::{Client, Page, given, segment},
    output::{self, Column, Output},
};

/// What is started.
#[derive(Debug, clap::Args)]
pub(super) struct Start {
    /// The procedure's slug
    slug: String,
    /// In this conversation
    #[arg(long, value_name = "ID")]
    conversation: String,
    /// What the run knows from the beginning: JSON where it can be, else a text. May be repeated
    #[arg(long = "variable", value_name = "NAME=VALUE")]
    variables: Vec<String>,
}

/// What is done with runs.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  provost procedures runs --procedure refund --state failed
  provost procedures runs show run_01j…       where it stands, what it knows and who stated it, what it did
  provost procedures runs cancel run_01j… --reason \"asked twice\"
  provost procedures runs replay run_01j…     what would be otherwise with the draft
  provost procedures runs replay run_01j… --file refund.yaml")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List runs (also without a subcommand)
    List(List),
    /// Show one: where it stands, what it knows, and what each step did
    Show {
        /// The run's id
        id: String,
    },
    /// Call one off
    Cancel {
        /// The run's id
        id: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// Run what was recorded through the draft, a version or a file, without any effect
    Replay(Replay),
}

#[derive(Debug, clap::Args)]
struct List {
    /// Only those of this procedure
    #[arg(long, value_name = "SLUG")]
    procedure: Option<String>,
    /// Only those that stand so: `awaiting_action`, `awaiting_input`, cancelled, completed, escalated, failed
    #[arg(long)]
    state: Option<String>,
    /// Only those of this conversation
    #[arg(long, value_name = "ID")]
    conversation: Option<String>,
    #[command(flatten)]
    page: Page,
}

#[derive(Debug, clap::Args)]
struct Replay {
    /// The run's id
    id: String,
    /// With this version instead of the draft; where there is none, with what is active
    #[arg(long, value_name = "N", conflicts_with = "file")]
    version: Option<i64>,
    /// With this definition, JSON or YAML
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

const LIST: &[Column] = &[
    ("RUN", "/run_id"),
    ("PROCEDURE", "/procedure"),
    ("VERSION", "/version"),
    ("STATE", "/state"),
    ("STEP", "/step"),
    ("CONVERSATION", "/conversation_id"),
    ("STARTED", "/started_at"),
    ("UPDATED", "/updated_at"),
    ("REASON", "/reason"),
];

const RUN: &[Column] = &[
    ("run", "/run_id"),
    ("procedure", "/procedure"),
    ("version", "/version"),
    ("conversation", "/conversation_id"),
    ("state", "/state"),
    ("step", "/step"),
    ("reason", "/reason"),
    ("started by", "/actor/id"),
    ("started", "/started_at"),
    ("updated", "/updated_at"),
    ("ends at the latest", "/ends"),
    ("request", "/request_id"),
    ("steps done", "/steps_done"),
];

fn path(id: &str, then: &str) -> String {
    format!("/v1/runs/{}{then}", segment(id))
}

/// Starts a procedure.
pub(super) async fn start(client: &Client, output: Output, wish: &Start) -> Result<(), Failure> {
    let body = json!({
        "procedure": wish.slug, "conversation_id": wish.conversation,
        "variables": checks::typed("variable", &wish.variables, &Value::Null)?,
    });
    let run = client.send_json(Method::POST, "/v1/runs", &body).await?;
    show(output, run)
}

/// Runs the command.
pub(super) async fn main(client: &Client, output: Output, args: Args) -> Result<(), Failure> {
    match args.command.unwrap_or(Command::List(args.list)) {
        Command::List(list) => {
            let query = given(&[
                ("procedure", &list.procedure),
                ("state", &list.state),
                ("conversation", &list.conversation),
            ]);
            let answer = client.get("/v1/runs", &list.page.onto(query)).await?;
            output::listing(output, &answer, LIST)
        }
        Command::Show { id } => show(output, client.get(&path(&id, ""), &[]).await?),
        Command::Cancel { id, reason } => {
            let body = reason.map_or_else(|| json!({}), |reason| json!({ "reason": reason }));
            let path = path(&id, "/cancel");
            show(output, client.send_json(Method::POST, &path, &body).await?)
        }
        Command::Replay(wish) => replay(client, output, &wish).await,
    }
}

fn show(output: Output, mut run: Value) -> Result<(), Failure> {
    if output == Output::Table && run["state"].as_str().is_some_and(is_under_way) {
        run["ends"] = run["ends_at"].clone();
    }
    checks::fields(output, &run, RUN, below(&run))
}

fn is_under_way(state: &str) -> bool {
    state.starts_with("awaiting_")
}

/// Lays out what a run knows, and what each step did.
fn below(run: &Value) -> [Option<String>; 2] {
    let table = |columns, items: &[Value]| {
        let is_any = !items.is_empty();
        is_any.then(|| output::table(columns, items))
    };
    let trail = run["trail"].as_array().map_or(&[][..], Vec::as_slice);
    [
        table(VARIABLES, &variables(&run["variables"])),
        table(
            &[("TIME", "/at"), ("STEP", "/step"), ("DID", "/did")],
            trail,
        ),
    ]
}

/// Tries a recorded run again.
///
/// *Errors*: it comes out otherwise.
async fn replay(client: &Client, output: Output, wish: &Replay) -> Result<(), Failure> {
    let mut body = Map::new();
    if let Some(version) = wish.version {
        body.insert("version".to_owned(), version.into());
    }
    if let Some(file) = &wish.file {
        body.insert("definition".to_owned(), files::read(file, output)?.text);
    }
    let path = path(&wish.id, "/replay");
    let answer = client
        .send_json(Method::POST, &path, &Value::Object(body))
        .await?;
    let differences = answer["differences"].as_array();
    let differences = differences.map_or(&[][..], Vec::as_slice);
    if output == Output::Json {
        output::json(&answer)?;
    } else if differences.is_empty() {
        output::line("it comes out the same")?;
    } else {
        let mut lines = differences.iter().map(output::printable);
        lines.try_for_each(|line| output::line(&line))?;
    }
    if differences.is_empty() {
        Ok(())
    } else {
        Err(Failure::said())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_shows_who_stated_what_and_what_each_step_did() {
        let run = json!({
            "variables": {
                "order_id": {"value": "4711", "from": "customer"},
                "order": {"value": {"refundable": true}, "from": "api"},
            },
            "trail": [
                {"step": "ask", "at": "2026-11-20T08:00:00Z", "did": "asked the customer"},
                {"step": "look", "at": "2026-11-20T08:00:09Z", "did": "called `api_call`"},
            ],
        });
        let below = below(&run).map(|table| table.expect("a table"));
        insta::assert_snapshot!(below.join("\n\n"), @r#"
        VARIABLE  VALUE                STATED BY
        order     {"refundable":true}  api
        order_id  4711                 customer

        TIME                  STEP  DID
        2026-11-20T08:00:00Z  ask   asked the customer
        2026-11-20T08:00:09Z  look  called `api_call`
        "#);
        assert_eq!(super::below(&json!({})), [None, None]);
    }
}
