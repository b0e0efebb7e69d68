//! `provost requests list | show | try | ask | reverse | cancel | resolve`.

use clap::ValueEnum;
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    Failure, checks,
    client::{Client, Connection, Page, given, segment},
    output::{self, Output},
};

/// Ask for actions, try them, look at what was asked for, undo it
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  provost requests --state unknown           what a person has to find out about
  provost requests try refund --param order_id=A-1001 --param amount=20 --conversation c-1001
  provost requests ask refund --params '{\"order_id\": \"A-1001\", \"amount\": 20}' --request-id r-1
  provost requests show r-1
  provost requests reverse r-1 --reason \"the wrong order\"
  provost requests resolve r-1 succeeded --reason \"it stands in the payment system\"")]
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
    /// List requests (also without a subcommand)
    List(List),
    /// Show one, with what was checked
    Show {
        /// The request's id
        id: String,
    },
    /// Tell what would happen, without effect
    Try(Wish),
    /// Ask for an action, for real
    Ask {
        #[command(flatten)]
        wish: Wish,
        /// Names the request for good: the same again changes nothing
        #[arg(long)]
        request_id: Option<String>,
    },
    /// Undo what was done, by a request of its own
    Reverse {
        /// The request's id
        id: String,
        /// Why
        #[arg(long)]
        reason: String,
        /// A part of it: parameters of the reversal, as a JSON object
        #[arg(long, value_name = "JSON")]
        params: Option<String>,
    },
    /// Withdraw one that has not run yet
    Cancel {
        /// The request's id
        id: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// Say what became of an unknown one
    Resolve {
        /// The request's id
        id: String,
        /// What became of it
        outcome: Outcome,
        /// How you know
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, clap::Args)]
struct List {
    /// Only those in this state, such as `awaiting_approval`, succeeded, unknown
    #[arg(long)]
    state: Option<String>,
    /// Only those for this action
    #[arg(long)]
    action: Option<String>,
    /// Only those of this conversation
    #[arg(long)]
    conversation: Option<String>,
    #[command(flatten)]
    page: Page,
}

#[derive(Debug, clap::Args)]
struct Wish {
    /// The action's name
    action: String,
    #[command(flatten)]
    params: checks::Params,
    /// For this conversation
    #[arg(long)]
    conversation: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Outcome {
    /// It was done
    Succeeded,
    /// It was not
    Failed,
}

/// Runs the command.
pub(super) async fn main(args: Args) -> Result<(), Failure> {
    let client = Client::new(&args.connection)?;
    let output = args.connection.output;
    match args.command.unwrap_or(Command::List(args.list)) {
        Command::List(list) => print_list(&client, output, list).await,
        Command::Show { id } => show(output, &client.get(&path(&id, ""), &[]).await?),
        Command::Try(wish) => {
            let mut body = wish.body(&client).await?;
            body["dry_run"] = true.into();
            let asked = client.send_json(Method::POST, &wish.path(), &body).await?;
            preview(output, &asked)
        }
        Command::Ask { wish, request_id } => {
            let mut body = wish.body(&client).await?;
            if let Some(id) = request_id {
                body["request_id"] = id.into();
            }
            let asked = client.send_json(Method::POST, &wish.path(), &body).await?;
            let id = asked["request_id"].as_str().unwrap_or_default();
            show(output, &client.get(&path(id, ""), &[]).await?)
        }
        Command::Reverse { id, reason, params } => {
            let mut body = json!({ "reason": reason });
            if let Some(text) = params {
                body["params"] = checks::object(&text)?.into();
            }
            step(&client, output, &path(&id, "/reversal"), body).await
        }
        Command::Cancel { id, reason } => {
            let body = reason.map_or_else(|| json!({}), |reason| json!({ "reason": reason }));
            step(&client, output, &path(&id, "/cancellation"), body).await
        }
        Command::Resolve {
            id,
            outcome,
            reason,
        } => {
            let outcome = match outcome {
                Outcome::Succeeded => "succeeded",
                Outcome::Failed => "failed",
            };
            let body = json!({ "outcome": outcome, "reason": reason });
            step(&client, output, &path(&id, "/resolution"), body).await
        }
    }
}

async fn print_list(client: &Client, output: Output, list: List) -> Result<(), Failure> {
    let query = given(&[
        ("state", &list.state),
        ("action", &list.action),
        ("conversation", &list.conversation),
    ]);
    let answer = client.get("/v1/requests", &list.page.onto(query)).await?;
    output::listing(
        output,
        &answer,
        &[
            ("REQUEST", "/request_id"),
            ("STATE", "/state"),
            ("ACTION", "/action"),
            ("PARAMS", "/params"),
            ("BY", "/actor/id"),
            ("SUBJECT", "/subject"),
            ("REASON", "/reason"),
            ("REQUESTED", "/requested_at"),
        ],
    )
}

fn path(id: &str, then: &str) -> String {
    format!("/v1/requests/{}{then}", segment(id))
}

async fn step(client: &Client, output: Output, path: &str, body: Value) -> Result<(), Failure> {
    show(output, &client.send_json(Method::POST, path, &body).await?)
}

impl Wish {
    fn path(&self) -> String {
        format!("/v1/actions/{}/requests", segment(&self.action))
    }

    /// Gives what is posted; the action's schema is asked for where a type is not clear.
    async fn body(&self, client: &Client) -> Result<Value, Failure> {
        let mut schema = Value::Null;
        if self.params.want_schema() {
            let path = format!("/v1/actions/{}", segment(&self.action));
            schema = client.get(&path, &[]).await?["params"].take();
        }
        let mut body = json!({ "params": self.params.read(&schema)? });
        if let Some(id) = &self.conversation {
            body["conversation_id"] = id.as_str().into();
        }
        Ok(body)
    }
}

fn show(output: Output, request: &Value) -> Result<(), Failure> {
    checks::fields(
        output,
        request,
        &[
            ("request", "/request_id"),
            ("action", "/action"),
            ("params", "/params"),
            ("state", "/state"),
            ("code", "/code"),
            ("reason", "/reason"),
            ("asked by", "/actor/id"),
            ("with the roles", "/actor/roles"),
            ("subject", "/subject"),
            ("customer", "/customer_id"),
            ("amount", "/amount"),
            ("approval", "/approval_id"),
            ("confirmed", "/is_confirmed"),
            ("attempts", "/attempts"),
            ("output", "/output"),
            ("reverses", "/reverses"),
            ("reversals", "/reversals"),
            ("requested", "/requested_at"),
            ("succeeded", "/succeeded_at"),
            ("updated", "/updated_at"),
        ],
        [checks::table(&request["checks"])],
    )
}

fn preview(output: Output, preview: &Value) -> Result<(), Failure> {
    if output == Output::Json {
        return output::json(preview);
    }
    if let Some(table) = checks::table(&preview["checks"]) {
        output::line(&table)?;
        output::line("")?;
    }
    output::line(&verdict(preview))
}

/// Says in one sentence what would happen.
fn verdict(preview: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let action = text(&preview["action"]);
    let checks = preview["checks"].as_array().map_or(&[][..], Vec::as_slice);
    let detail = |check: &str, outcome: &str| {
        let found = checks
            .iter()
            .find(|known| known["check"] == check && known["outcome"] == outcome);
        found.map_or_else(String::new, |known| text(&known["detail"]))
    };
    match preview["outcome"].as_str() {
        Some("ready") => format!("`{action}` would be carried out at once."),
        Some("awaiting_confirmation") => {
            let prompt = detail("confirmation", "asked");
            format!("The customer would be asked first: {prompt}")
        }
        Some("awaiting_approval") => {
            let people = detail("approval", "required");
            format!("`{action}` would wait for an approval: {people}.")
        }
        _ => {
            let (code, reason) = (text(&preview["code"]), text(&preview["reason"]));
            format!("`{action}` would be denied ({code}): {reason}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_try_ends_with_a_sentence() {
        let try_of = |outcome: &str, check: Value| {
            verdict(
                &json!({"action": "refund", "outcome": outcome, "checks": [check],
                "code": "rule", "reason": "not on a Sunday"}),
            )
        };
        let said = [
            try_of("ready", json!({"check": "approval", "outcome": "passed"})),
            try_of(
                "awaiting_confirmation",
                json!({"check": "confirmation", "outcome": "asked", "detail": "Shall I refund 20?"}),
            ),
            try_of(
                "awaiting_approval",
                json!({"check": "approval", "outcome": "required", "detail": "2 of manager"}),
            ),
            try_of(
                "denied",
                json!({"check": "rules", "outcome": "rule", "rule": "Sundays"}),
            ),
        ];
        insta::assert_snapshot!(said.join("\n"), @r"
        `refund` would be carried out at once.
        The customer would be asked first: Shall I refund 20?
        `refund` would wait for an approval: 2 of manager.
        `refund` would be denied (rule): not on a Sunday
        ");
    }

    #[test]
    fn checks_are_a_table() {
        let checks = json!([
            {"check": "action", "outcome": "passed"},
            {"check": "limits", "outcome": "approval", "rule": "Refunds a day", "detail": "120 of 100"},
        ]);
        insta::assert_snapshot!(checks::table(&checks).expect("checks"), @r"
        CHECK   OUTCOME   RULE           DETAIL
        action  passed
        limits  approval  Refunds a day  120 of 100
        ");
    }
}
