//! `provost delegations list | add | revoke`: who stands in for whom in approvals.

use reqwest::Method;
use serde_json::{Number, Value, json};

use super::{
    Failure,
    client::{Client, Connection, Page, given, segment},
    output::{self, Column, Output},
};
use crate::{
    clock::Clock,
    domain::time::{Span, Timestamp},
};

/// Have somebody stand in for you in approvals, for a time
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  provost delegations                        who stands in for whom, now or later
  provost delegations --all --to bob         those that are over too
  provost delegations add bob --for 3d
  provost delegations add bob --until 2026-12-01T00:00:00Z --action 'refund*' --amount 500 --reason holiday
  provost delegations revoke dlg_01j…

The stand-in decides as you might yourself, and both names go on record. What was handed to
you goes no further, and whoever asked for something is no more let decide by another's hand.")]
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
    /// List delegations (also without a subcommand)
    List(List),
    /// Hand your say in approvals to somebody else, for a time
    Add(Add),
    /// Take one back before its end: your own, or any if you may operate
    Revoke {
        /// Its id
        id: String,
    },
}

#[derive(Debug, clap::Args)]
struct List {
    /// Those that are over too
    #[arg(long)]
    all: bool,
    /// Only those of this person's say
    #[arg(long)]
    from: Option<String>,
    /// Only those to this person
    #[arg(long)]
    to: Option<String>,
    #[command(flatten)]
    page: Page,
}

#[derive(Debug, clap::Args)]
struct Add {
    /// Who stands in for you
    to: String,
    /// For how long, such as 3d; 90d at most
    #[arg(long = "for", value_name = "SPAN", value_parser = Span::parse, required_unless_present = "until")]
    lasts: Option<Span>,
    /// Until when, such as 2026-12-01T00:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with = "lasts")]
    until: Option<Timestamp>,
    /// From when on; from now on when absent
    #[arg(long, value_name = "TIME", value_parser = time)]
    starting: Option<Timestamp>,
    /// Only for this action, or with a `*` at the end for all that begin so. May be repeated
    #[arg(long = "action", value_name = "NAME")]
    actions: Vec<String>,
    /// Only on this channel. May be repeated
    #[arg(long = "channel", value_name = "NAME")]
    channels: Vec<String>,
    /// Only for customers of this segment. May be repeated
    #[arg(long = "segment", value_name = "NAME")]
    segments: Vec<String>,
    /// Only up to this amount
    #[arg(long)]
    amount: Option<Number>,
    /// Why
    #[arg(long)]
    reason: Option<String>,
}

fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text)
        .ok_or_else(|| format!("`{text}` is no time; write one such as 2026-12-01T00:00:00Z"))
}

impl List {
    fn query(&self) -> Vec<(&str, String)> {
        let mut query = given(&[("from", &self.from), ("to", &self.to)]);
        if !self.all {
            query.push(("live", "true".to_owned()));
        }
        self.page.onto(query)
    }
}

impl Add {
    fn body(&self, now: Timestamp) -> Value {
        let begins = self.starting.unwrap_or(now);
        let ends_at = begins.plus(self.lasts.unwrap_or_default());
        let mut body = json!({"to": self.to, "ends_at": self.until.unwrap_or(ends_at)});
        let lists = [
            ("actions", &self.actions),
            ("channels", &self.channels),
            ("segments", &self.segments),
        ];
        for (name, names) in lists.into_iter().filter(|(_, names)| !names.is_empty()) {
            body[name] = json!(names);
        }
        let more = [
            ("starts_at", self.starting.map(|at| json!(at))),
            ("amount", self.amount.clone().map(Value::Number)),
            ("reason", self.reason.clone().map(Value::String)),
        ];
        for (name, value) in more {
            if let Some(value) = value {
                body[name] = value;
            }
        }
        body
    }
}

const PATH: &str = "/v1/delegations";

const LIST: &[Column] = &[
    ("DELEGATION", "/delegation_id"),
    ("FROM", "/from"),
    ("TO", "/to"),
    ("FOR", "/for"),
    ("STARTS", "/starts_at"),
    ("ENDS", "/ends_at"),
    ("REVOKED", "/revoked_at"),
    ("REASON", "/reason"),
];

/// Runs the command.
pub(super) async fn main(args: Args) -> Result<(), Failure> {
    let client = Client::new(&args.connection)?;
    let output = args.connection.output;
    match args.command.unwrap_or(Command::List(args.list)) {
        Command::List(list) => {
            let mut answer = client.get(PATH, &list.query()).await?;
            let items = answer["items"].as_array_mut().into_iter().flatten();
            if output == Output::Table {
                items.for_each(|item| item["for"] = reach(&item["scope"]).into());
            }
            output::listing(output, &answer, LIST)
        }
        Command::Add(add) => {
            let body = add.body(Clock::machine().now());
            let made = client.send_json(Method::POST, PATH, &body).await?;
            show(output, made)
        }
        Command::Revoke { id } => {
            let path = format!("{PATH}/{}/revocation", segment(&id));
            let revoked = client.send_json(Method::POST, &path, &json!({})).await?;
            show(output, revoked)
        }
    }
}

/// Says how far a scope reaches: `refund*; web; up to 500`.
fn reach(scope: &Value) -> String {
    let lists = ["actions", "channels", "segments"].into_iter();
    let lists = lists.map(|name| output::cell(&scope[name]));
    let mut said: Vec<String> = lists.filter(|list| !list.is_empty()).collect();
    if !scope["amount"].is_null() {
        said.push(format!("up to {}", scope["amount"]));
    }
    if said.is_empty() {
        return "all".to_owned();
    }
    said.join("; ")
}

fn show(output: Output, mut delegation: Value) -> Result<(), Failure> {
    if output == Output::Table {
        delegation["for"] = reach(&delegation["scope"]).into();
    }
    output::fields(
        output,
        &delegation,
        &[
            ("delegation", "/delegation_id"),
            ("from", "/from"),
            ("to", "/to"),
            ("for", "/for"),
            ("starts", "/starts_at"),
            ("ends", "/ends_at"),
            ("revoked", "/revoked_at"),
            ("reason", "/reason"),
        ],
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        add: Add,
    }

    fn body(words: &str) -> Result<String, clap::Error> {
        let words = std::iter::once("x").chain(words.split(' '));
        let now = Timestamp::parse("2026-11-21T10:00:00Z").expect("a time");
        Ok(Cli::try_parse_from(words)?.add.body(now).to_string())
    }

    #[test]
    fn a_span_counts_from_the_beginning_and_an_end_stands_as_it_is() {
        insta::assert_snapshot!(
            body("bob --for 3d").expect("reads"),
            @r#"{"ends_at":"2026-11-24T10:00:00Z","to":"bob"}"#
        );
        insta::assert_snapshot!(
            body("bob --for 1d --starting 2026-12-01T00:00:00Z --action refund* --action charge --amount 500.50").expect("reads"),
            @r#"{"actions":["refund*","charge"],"amount":500.50,"ends_at":"2026-12-02T00:00:00Z","starts_at":"2026-12-01T00:00:00Z","to":"bob"}"#
        );
        insta::assert_snapshot!(
            body("bob --until 2026-12-01T00:00:00Z --reason holiday").expect("reads"),
            @r#"{"ends_at":"2026-12-01T00:00:00Z","reason":"holiday","to":"bob"}"#
        );
        for bad in [
            "bob",
            "bob --for 3d --until 2026-12-01T00:00:00Z",
            "bob --until soon",
            "bob --for 3d --amount much",
        ] {
            assert!(body(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_scope_is_said_in_one_line() {
        assert_eq!(reach(&json!({})), "all");
        let scope = json!({"actions": ["refund*", "charge"], "channels": ["web"], "amount": 500});
        assert_eq!(reach(&scope), "refund*, charge; web; up to 500");
    }
}
