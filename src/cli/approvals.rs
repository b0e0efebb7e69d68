//! `provost approvals list | show | approve | reject`, and the list kept fresh.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{
    Failure, checks,
    client::{Client, Connection, Fault, Page, Query, segment},
    output::{self, Column, Output},
};

mod watch;

/// Look at what waits for people, and decide
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  provost approvals                          what waits for a decision
  provost approvals --watch                  the same, kept fresh until Ctrl-C
  provost approvals --state all --action refund
  provost approvals show apr_01j…
  provost approvals approve apr_01j…
  provost approvals reject apr_01j… --reason \"not covered by the warranty\"")]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: List,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List approvals (also without a subcommand)
    List(List),
    /// Show one: who asked for what, what was checked, who decided so far
    Show {
        /// The approval's id
        id: String,
    },
    /// Say yes
    Approve {
        /// The approval's id
        id: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// Say no
    Reject {
        /// The approval's id
        id: String,
        /// Why; it goes on record, and to whoever takes the conversation over
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, clap::Args)]
struct List {
    /// Only those in this state: pending, approved, rejected, expired, cancelled, superseded, consumed; or all
    #[arg(long, default_value = "pending")]
    state: String,
    /// Only those for this action
    #[arg(long)]
    action: Option<String>,
    /// Only those of this conversation
    #[arg(long)]
    conversation: Option<String>,
    /// Keep the list fresh; where nobody looks on, print new ones line by line
    #[arg(long, short)]
    watch: bool,
    #[command(flatten)]
    page: Page,
}

impl List {
    fn query(&self) -> Query<'_> {
        let state = Some(self.state.clone()).filter(|state| state != "all");
        let filters = [
            ("state", state),
            ("action", self.action.clone()),
            ("conversation", self.conversation.clone()),
        ];
        let given = filters.into_iter();
        let given = given.filter_map(|(name, value)| Some((name, value?)));
        self.page.onto(given.collect())
    }
}

const LIST: &[Column] = &[
    ("APPROVAL", "/approval_id"),
    ("STATE", "/state"),
    ("WHAT", "/summary"),
    ("ASKED BY", "/requester"),
    ("APPROVERS", "/approvers"),
    ("SUBJECT", "/subject"),
    ("EXPIRES", "/expires_at"),
];

/// Runs the command.
pub(super) async fn main(args: Args) -> Result<(), Failure> {
    let client = Client::new(&args.connection)?;
    let output = args.connection.output;
    match args.command.unwrap_or(Command::List(args.list)) {
        Command::List(list) if list.watch => watch::watch(&client, output, &list.query()).await,
        Command::List(list) => {
            let answer = client.get("/v1/approvals", &list.query()).await?;
            output::listing(output, &answer, LIST)
        }
        Command::Show { id } => show(output, &client.get(&path(&id), &[]).await?),
        Command::Approve { id, reason } => {
            let body = json!({ "decision": "approve", "reason": reason });
            decide(&client, output, &id, body).await
        }
        Command::Reject { id, reason } => {
            let body = json!({ "decision": "reject", "reason": reason });
            decide(&client, output, &id, body).await
        }
    }
}

fn path(id: &str) -> String {
    format!("/v1/approvals/{}", segment(id))
}

/// Decides; whoever comes too late is told what became of it.
async fn decide(client: &Client, output: Output, id: &str, body: Value) -> Result<(), Failure> {
    let to = format!("{}/decision", path(id));
    let decided = client.post(&to, "application/json", body.to_string()).await;
    match decided {
        Ok(approval) => show(output, &approval),
        Err(Fault::Refused(refusal)) if refusal.status == StatusCode::CONFLICT => {
            let approval = client.get(&path(id), &[]).await.unwrap_or_default();
            let failure = Failure::from(refusal);
            Err(late(&approval).map_or(failure, Failure::new))
        }
        Err(fault) => Err(fault.into()),
    }
}

/// Says what became of an approval that is settled; nothing, while it is pending.
fn late(approval: &Value) -> Option<String> {
    let id = approval["approval_id"].as_str()?;
    let said = match approval["state"].as_str()? {
        "approved" | "consumed" => format!("was approved already{}", voters(approval, "approve")),
        "rejected" => format!("was rejected already{}", voters(approval, "reject")),
        "expired" => format!(
            "expired at {} before enough people decided",
            output::cell(&approval["expires_at"])
        ),
        "superseded" => "was superseded: a newer approval stands in its place".to_owned(),
        "cancelled" => "was cancelled: what it was for is gone".to_owned(),
        _ => return None,
    };
    Some(format!("{id} {said}; your decision changes nothing"))
}

/// Names those who decided so and for whom, with the reason of the last: ` by mia for ann (too much)`.
fn voters(approval: &Value, decision: &str) -> String {
    let votes = approval["votes"].as_array().into_iter().flatten();
    let votes: Vec<&Value> = votes.filter(|vote| vote["decision"] == decision).collect();
    let names: Vec<String> = votes
        .iter()
        .map(|vote| {
            let name = output::cell(&vote["actor"]["id"]);
            match vote["on_behalf"].as_str() {
                Some(other) => format!("{name} for {other}"),
                None => name,
            }
        })
        .collect();
    if names.is_empty() {
        return String::new();
    }
    let reason = votes.last().and_then(|vote| vote["reason"].as_str());
    let reason = reason.map_or_else(String::new, |reason| format!(" ({reason})"));
    format!(" by {}{reason}", names.join(" and "))
}

fn show(output: Output, approval: &Value) -> Result<(), Failure> {
    let mut told = approval.clone();
    if output == Output::Table {
        for part in ["params", "customer"] {
            let words = checks::in_words(&approval["context"][part]);
            told["context"][part] = words.into();
        }
    }
    checks::fields(
        output,
        &told,
        &[
            ("approval", "/approval_id"),
            ("state", "/state"),
            ("request", "/request_id"),
            ("action", "/action"),
            ("description", "/context/description"),
            ("params", "/context/params"),
            ("asked by", "/requester"),
            ("with the roles", "/context/requested_by/roles"),
            ("started by", "/starter"),
            ("customer", "/context/customer"),
            ("channel", "/context/channel"),
            ("subject", "/subject"),
            ("requested", "/requested_at"),
            ("expires", "/expires_at"),
            ("then", "/on_expiry"),
        ],
        [
            checks::table(&approval["context"]["checks"]),
            Some(stages(approval)),
            votes(approval),
        ],
    )
}

/// Says stage by stage who is asked and how far it is.
fn stages(approval: &Value) -> String {
    let now = approval["stage"].as_u64().unwrap_or(0);
    let is_pending = approval["state"] == "pending";
    let votes = approval["votes"].as_array().map_or(&[][..], Vec::as_slice);
    let lines = approval["stages"].as_array().into_iter().flatten();
    let lines: Vec<String> = (0..)
        .zip(lines)
        .map(|(number, stage)| {
            let yes = |vote: &&Value| vote["decision"] == "approve" && vote["stage"] == number;
            let mark = if is_pending && number == now {
                ", asked now"
            } else {
                ""
            };
            format!(
                "stage {}: {} of {}, {} so far{mark}",
                number + 1,
                stage["required"],
                output::cell(&stage["approvers"]),
                votes.iter().filter(yes).count(),
            )
        })
        .collect();
    lines.join("\n")
}

fn votes(approval: &Value) -> Option<String> {
    let votes = approval["votes"].as_array()?;
    (!votes.is_empty()).then(|| {
        output::table(
            &[
                ("BY", "/actor/id"),
                ("FOR", "/on_behalf"),
                ("DECISION", "/decision"),
                ("REASON", "/reason"),
                ("AT", "/at"),
            ],
            votes,
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn approval(state: &str) -> Value {
        json!({
            "approval_id": "apr_1", "state": state, "expires_at": "2026-11-21T08:00:00Z", "stage": 1,
            "stages": [{"approvers": ["agent"], "required": 1}, {"approvers": ["manager", "lead"], "required": 2}],
            "votes": [
                {"actor": {"id": "dan"}, "decision": "approve", "stage": 0, "at": "2026-11-20T08:00:00Z"},
                {"actor": {"id": "mia"}, "decision": "reject", "reason": "too much", "stage": 1, "at": "2026-11-20T09:00:00Z"},
            ],
        })
    }

    #[test]
    fn whoever_comes_too_late_is_told_what_became_of_it() {
        let states = ["rejected", "consumed", "expired", "superseded", "cancelled"];
        let said: Vec<String> = states
            .iter()
            .filter_map(|state| late(&approval(state)))
            .collect();
        insta::assert_snapshot!(said.join("\n"), @r"
        apr_1 was rejected already by mia (too much); your decision changes nothing
        apr_1 was approved already by dan; your decision changes nothing
        apr_1 expired at 2026-11-21T08:00:00Z before enough people decided; your decision changes nothing
        apr_1 was superseded: a newer approval stands in its place; your decision changes nothing
        apr_1 was cancelled: what it was for is gone; your decision changes nothing
        ");
        assert_eq!(late(&approval("pending")), None);
        let mut stood_in = approval("consumed");
        stood_in["votes"][0]["on_behalf"] = json!("ann");
        let said = late(&stood_in).expect("settled");
        assert!(said.contains("approved already by dan for ann;"), "{said}");
        let votes = votes(&stood_in).expect("votes");
        assert!(votes.contains("dan  ann  approve"), "{votes}");
    }

    #[test]
    fn stages_and_votes_are_shown() {
        let pending = approval("pending");
        insta::assert_snapshot!(stages(&pending), @r"
        stage 1: 1 of agent, 1 so far
        stage 2: 2 of manager, lead, 0 so far, asked now
        ");
        insta::assert_snapshot!(votes(&pending).expect("votes"), @r"
        BY   FOR  DECISION  REASON    AT
        dan       approve             2026-11-20T08:00:00Z
        mia       reject    too much  2026-11-20T09:00:00Z
        ");
    }

    #[test]
    fn what_waits_is_listed_unless_another_state_is_asked_for() {
        use clap::Parser;
        #[derive(Parser)]
        struct Cli {
            #[command(flatten)]
            list: List,
        }
        let query = |words: &[&str]| {
            let words = std::iter::once("x").chain(words.iter().copied());
            Cli::parse_from(words).list.query().len()
        };
        assert_eq!(query(&[]), 2);
        assert_eq!(query(&["--state", "all"]), 1);
        assert_eq!(query(&["--state", "expired", "--action", "refund"]), 3);
    }
}
