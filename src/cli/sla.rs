//! `provost sla status | explain | repin`: how SLA clocks stand, why, and by which terms.

mod explain;

use std::cmp::Ordering;

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    Failure,
    client::{Client, Connection, Page, given, segment},
    output::{self, Column, Output},
};
use crate::domain::{
    report::spelled,
    time::{Span, Timestamp},
};

/// See how SLA clocks stand and why, and move them to today's policy
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  provost sla                                what runs, and what is due first
  provost sla status --team billing --overdue
  provost sla explain 1042                   every interval counted and skipped, and why
  provost sla repin                          which clocks today's policy would move
  provost sla repin --policy Gold --yes      move those that go by Gold

A new policy touches no running clock: what was promised stays, until somebody repins it.")]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    status: Status,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Count clocks and list the most urgent ones (also without a subcommand)
    Status(Status),
    /// Show every interval that the clocks of a ticket counted, and every one that they skipped
    Explain {
        /// The ticket's number or id, or the id of an approval or a request
        ticket: String,
    },
    /// Show which running clocks today's policy would move, or move them
    Repin(Repin),
}

#[derive(Debug, clap::Args)]
struct Status {
    /// Only those of this team's tickets
    #[arg(long)]
    team: Option<String>,
    /// Only those of this person's tickets
    #[arg(long)]
    assignee: Option<String>,
    /// Only those of tickets of this priority: low, medium, high, urgent
    #[arg(long)]
    priority: Option<String>,
    /// Only those that go by this policy
    #[arg(long)]
    policy: Option<String>,
    /// Only those that measure this: `first_response`, `next_response`, `resolution`, `own`, `approval` or `unknown`
    #[arg(long)]
    metric: Option<String>,
    /// List only those in this state: running, paused, stopped or cancelled
    #[arg(long)]
    state: Option<String>,
    /// List only those that are over their time
    #[arg(long)]
    overdue: bool,
    #[command(flatten)]
    page: Page,
}

#[derive(Debug, clap::Args)]
struct Repin {
    /// Only the clocks of these tickets, by number or id
    tickets: Vec<String>,
    /// Only clocks that go by this policy
    #[arg(long)]
    policy: Option<String>,
    /// Move them; without this it is only shown what would move
    #[arg(long)]
    yes: bool,
}

const CLOCKS: &[Column] = &[
    ("TICKET", "/of"),
    ("METRIC", "/metric"),
    ("STATE", "/state"),
    ("DUE", "/due_at"),
    ("LEFT", "/left"),
    ("USED", "/used"),
    ("POLICY", "/policy"),
    ("PRIORITY", "/priority"),
    ("TEAM", "/team"),
    ("ASSIGNEE", "/assignee"),
    ("SUBJECT", "/subject"),
];

const MOVES: &[Column] = &[
    ("TICKET", "/of"),
    ("METRIC", "/metric"),
    ("STATE", "/state"),
    ("FROM", "/was"),
    ("TO", "/becomes"),
    ("DUE BEFORE", "/due_before"),
    ("DUE AFTER", "/due_after"),
    ("BREACHED", "/breached"),
];

/// Runs the command.
pub(super) async fn main(args: Args) -> Result<(), Failure> {
    let client = Client::new(&args.connection)?;
    let output = args.connection.output;
    match args.command.unwrap_or(Command::Status(args.status)) {
        Command::Status(status) => show(&client, output, &status).await,
        Command::Explain { ticket } => {
            let path = format!("/v1/sla/{}/explain", segment(&ticket));
            let answer = client.get(&path, &[]).await?;
            match output {
                Output::Json => output::json(&answer),
                Output::Table => output::line(&explain::told(&answer)),
            }
        }
        Command::Repin(repin) => move_clocks(&client, output, &repin).await,
    }
}

async fn show(client: &Client, output: Output, status: &Status) -> Result<(), Failure> {
    let narrowed = given(&[
        ("team", &status.team),
        ("assignee", &status.assignee),
        ("priority", &status.priority),
        ("policy", &status.policy),
        ("metric", &status.metric),
    ]);
    let counts = client.get("/v1/sla/counts", &narrowed).await?;
    let mut query = status.page.onto(narrowed);
    query.extend(status.state.clone().map(|state| ("state", state)));
    if status.overdue {
        query.push(("overdue", "true".to_owned()));
    }
    let mut answer = client.get("/v1/sla", &query).await?;
    if output == Output::Json {
        answer["counts"] = counts;
        return output::json(&answer);
    }
    output::line(&format!(
        "{} running, {} paused; {} overdue, {} due within the hour",
        counts["running"], counts["paused"], counts["overdue"], counts["due_within_hour"]
    ))?;
    let now = time(&counts["at"]).unwrap_or_default();
    let items = answer["items"].as_array_mut().into_iter().flatten();
    items.for_each(|item| readable(item, now));
    output::listing(output, &answer, CLOCKS)
}

/// Says of a clock what a person wants to know at a glance.
fn readable(item: &mut Value, now: Timestamp) {
    item["of"] = whose(item).into();
    let (used, target) = (span(&item["elapsed_ms"]), span(&item["target_ms"]));
    item["used"] = format!("{} of {}, {} %", used, target, item["percent"]).into();
    let left = time(&item["due_at"]).map(|due| due.since(now));
    item["left"] = match (item["state"].as_str(), left) {
        (_, _) if item["overdue_ms"].is_number() => {
            format!("late by {}", span(&item["overdue_ms"])).into()
        }
        (Some("running"), Some(left)) => match left.micros().cmp(&0) {
            Ordering::Less => "late".into(),
            Ordering::Equal | Ordering::Greater => spelled(left).into(),
        },
        _ => Value::Null,
    };
}

/// Names what a clock belongs to, as people do.
fn whose(item: &Value) -> String {
    if let Some(number) = item["number"].as_i64() {
        return format!("#{number}");
    }
    let ids = ["ticket_id", "approval_id", "request_id"].into_iter();
    let mut ids = ids.filter_map(|name| item[name].as_str());
    ids.next().unwrap_or_default().to_owned()
}

fn time(value: &Value) -> Option<Timestamp> {
    Timestamp::parse(value.as_str()?)
}

fn span(millis: &Value) -> String {
    spelled(Span::from_millis(millis.as_i64().unwrap_or_default()))
}

/// Shows what would move or moves it, page by page where it is much.
async fn move_clocks(client: &Client, output: Output, repin: &Repin) -> Result<(), Failure> {
    let mut body = json!({"preview": !repin.yes, "limit": 50});
    if let Some(policy) = &repin.policy {
        body["policy"] = json!(policy);
    }
    if !repin.tickets.is_empty() {
        body["tickets"] = json!(repin.tickets);
    }
    let mut all = client
        .send_json(Method::POST, "/v1/sla/repin", &body)
        .await?;
    let mut is_complete = all["complete"] == true;
    let mut next = all["next"].take();
    while !is_complete {
        body["after"] = next;
        let mut more = client
            .send_json(Method::POST, "/v1/sla/repin", &body)
            .await?;
        is_complete = more["complete"] == true;
        next = more["next"].take();
        add(&mut all, &more);
    }
    all["complete"] = json!(true);
    if output == Output::Json {
        return output::json(&all);
    }
    tell(&mut all, repin.yes)
}

/// Adds the counts of a page to those before.
fn add(all: &mut Value, more: &Value) {
    for name in ["tickets", "clocks", "moved"] {
        let sum = all[name].as_u64().unwrap_or(0) + more[name].as_u64().unwrap_or(0);
        all[name] = json!(sum);
    }
    let is_empty = all["items"].as_array().is_none_or(Vec::is_empty);
    if is_empty {
        all["items"] = more["items"].clone();
    }
}

fn tell(all: &mut Value, is_done: bool) -> Result<(), Failure> {
    let (clocks, moved) = (all["clocks"].clone(), all["moved"].clone());
    let items = all["items"].as_array_mut().map(std::mem::take);
    let mut items = items.unwrap_or_default();
    for item in &mut items {
        item["of"] = whose(item).into();
        item["was"] = terms(&item["from"]).into();
        item["becomes"] = match &item["to"] {
            Value::Null => "ends: nothing is promised any more".into(),
            to => terms(to).into(),
        };
        item["breached"] = if item["breached"] == true { "yes" } else { "" }.into();
    }
    if !items.is_empty() {
        output::line(&output::table(MOVES, &items))?;
    }
    let others = clocks
        .as_u64()
        .unwrap_or(0)
        .saturating_sub(items.len() as u64);
    if others > 0 {
        output::aside(&format!("and {others} more"))?;
    }
    if is_done {
        return output::line(&format!("moved {moved}"));
    }
    output::aside(&match clocks.as_u64() {
        Some(0) => "nothing would move".to_owned(),
        _ => format!("{clocks} would move; with --yes they do"),
    })
}

/// Names terms in short: the policy, and the first signs of its version and its calendar's.
fn terms(pin: &Value) -> String {
    let text = |name: &str| pin[name].as_str().unwrap_or_default();
    let short = |name: &str| text(name).chars().take(6).collect::<String>();
    format!(
        "{} {}, {} {}",
        text("policy"),
        short("policy_version"),
        text("calendar"),
        short("calendar_version")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_told_at_a_glance() {
        let now = Timestamp::parse("2026-11-23T10:00:00Z").expect("a time");
        let mut items = [
            json!({"ticket_id": "tkt_1", "number": 12, "metric": "first_response", "state": "running",
                "due_at": "2026-11-23T09:30:00Z", "elapsed_ms": 5_400_000, "target_ms": 3_600_000,
                "percent": 150, "overdue_ms": 1_800_000, "policy": "Gold", "priority": "high",
                "team": "billing", "assignee": "dana", "subject": "Parcel"}),
            json!({"approval_id": "apr_1", "metric": "approval", "state": "running",
                "due_at": "2026-11-23T10:45:30Z", "elapsed_ms": 900_000, "target_ms": 3_600_000,
                "percent": 25, "policy": "Large refunds"}),
            json!({"ticket_id": "tkt_2", "number": 13, "metric": "resolution", "state": "paused",
                "due_at": "2026-11-23T09:00:00Z", "elapsed_ms": 0, "target_ms": 28_800_000,
                "percent": 0, "policy": "Gold"}),
        ];
        for item in &mut items {
            readable(item, now);
        }
        insta::assert_snapshot!(output::table(CLOCKS, &items), @r"
        TICKET  METRIC          STATE    DUE                   LEFT         USED                 POLICY         PRIORITY  TEAM     ASSIGNEE  SUBJECT
        #12     first_response  running  2026-11-23T09:30:00Z  late by 30m  1h 30m of 1h, 150 %  Gold           high      billing  dana      Parcel
        apr_1   approval        running  2026-11-23T10:45:30Z  45m 30s      15m of 1h, 25 %      Large refunds
        #13     resolution      paused   2026-11-23T09:00:00Z               0s of 8h, 0 %        Gold
        ");
    }

    #[test]
    fn pages_of_what_moves_are_summed() {
        let mut all = json!({"tickets": 256, "clocks": 0, "moved": 0, "items": []});
        let more = json!({"tickets": 4, "clocks": 3, "moved": 2, "items": [{"metric": "own"}]});
        add(&mut all, &more);
        add(&mut all, &more);
        assert_eq!(
            all,
            json!({"tickets": 264, "clocks": 6, "moved": 4, "items": [{"metric": "own"}]})
        );
        let pin = json!({"policy": "Gold", "policy_version": "0123456789", "calendar": "ny", "calendar_version": "abcdefgh"});
        assert_eq!(terms(&pin), "Gold 012345, ny abcdef");
    }
}
