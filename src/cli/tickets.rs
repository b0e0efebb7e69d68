//! `provost tickets list | show | create | update | counts`.

use reqwest::Method;
use serde_json::{Map, Value, json};

use super::{
    Failure,
    client::{Client, Connection, Page, given, segment},
    output::{self, Column, Output},
};

/// Look at, open and change tickets
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  provost tickets --status open --team billing
  provost tickets show tkt_01j…
  provost tickets create --subject \"Broken lamp\" --conversation c-1001 --priority high
  provost tickets update tkt_01j… --status in_progress --assignee dana
  provost tickets counts --timezone Europe/Berlin")]
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
    /// List tickets (also without a subcommand)
    List(List),
    /// Show one
    Show {
        /// The ticket's id
        id: String,
    },
    /// Open one
    Create(Create),
    /// Change one
    Update(Update),
    /// Count open, in progress and resolved today
    Counts {
        /// Whose day is today
        #[arg(long)]
        timezone: Option<String>,
    },
}

#[derive(Debug, clap::Args)]
struct List {
    /// Only those in this status: `open`, `in_progress`, `waiting`, `resolved` or `closed`
    #[arg(long)]
    status: Option<String>,
    /// Only those of this priority: low, medium, high, urgent
    #[arg(long)]
    priority: Option<String>,
    /// Only those of this team
    #[arg(long)]
    team: Option<String>,
    /// Only those of this person
    #[arg(long)]
    assignee: Option<String>,
    /// Only those of this conversation
    #[arg(long)]
    conversation: Option<String>,
    /// Only those with an SLA clock that is over its time
    #[arg(long)]
    overdue: bool,
    #[command(flatten)]
    page: Page,
}

#[derive(Debug, clap::Args)]
struct Fields {
    /// low, medium, high or urgent
    #[arg(long)]
    priority: Option<String>,
    /// What it is about
    #[arg(long)]
    category: Option<String>,
    /// For which team
    #[arg(long)]
    team: Option<String>,
    /// For which person
    #[arg(long)]
    assignee: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Create {
    /// One line
    #[arg(long)]
    subject: String,
    /// More
    #[arg(long)]
    description: Option<String>,
    /// The conversation that it belongs to
    #[arg(long)]
    conversation: Option<String>,
    /// A tag; may be repeated
    #[arg(long = "tag")]
    tags: Vec<String>,
    #[command(flatten)]
    fields: Fields,
}

#[derive(Debug, clap::Args)]
struct Update {
    /// The ticket's id
    id: String,
    /// The new status
    #[arg(long)]
    status: Option<String>,
    /// The new subject line
    #[arg(long)]
    subject: Option<String>,
    /// A tag to add; may be repeated
    #[arg(long = "add-tag")]
    tags_added: Vec<String>,
    /// A tag to take off; may be repeated
    #[arg(long = "remove-tag")]
    tags_removed: Vec<String>,
    #[command(flatten)]
    fields: Fields,
}

impl Fields {
    fn onto(self, mut body: Map<String, Value>) -> Value {
        for (name, value) in [
            ("priority", self.priority),
            ("category", self.category),
            ("team", self.team),
            ("assignee", self.assignee),
        ] {
            put(&mut body, name, value);
        }
        Value::Object(body)
    }
}

impl Create {
    fn body(self) -> Value {
        let mut body = Map::new();
        body.insert("subject".to_owned(), self.subject.into());
        put(&mut body, "description", self.description);
        put(&mut body, "conversation_id", self.conversation);
        put_all(&mut body, "tags", &self.tags);
        self.fields.onto(body)
    }
}

impl Update {
    fn body(self) -> Value {
        let mut body = Map::new();
        put(&mut body, "status", self.status);
        put(&mut body, "subject", self.subject);
        put_all(&mut body, "tags_added", &self.tags_added);
        put_all(&mut body, "tags_removed", &self.tags_removed);
        self.fields.onto(body)
    }
}

fn put_all(body: &mut Map<String, Value>, name: &str, values: &[String]) {
    if !values.is_empty() {
        body.insert(name.to_owned(), json!(values));
    }
}

fn put(body: &mut Map<String, Value>, name: &str, value: Option<String>) {
    if let Some(value) = value {
        body.insert(name.to_owned(), value.into());
    }
}

/// Runs the command.
pub(super) async fn main(args: Args) -> Result<(), Failure> {
    let client = Client::new(&args.connection)?;
    let output = args.connection.output;
    match args.command.unwrap_or(Command::List(args.list)) {
        Command::List(list) => {
            let mut query = given(&[
                ("status", &list.status),
                ("priority", &list.priority),
                ("team", &list.team),
                ("assignee", &list.assignee),
                ("conversation", &list.conversation),
            ]);
            if list.overdue {
                query.push(("overdue", "true".to_owned()));
            }
            let answer = client.get("/v1/tickets", &list.page.onto(query)).await?;
            output::listing(output, &answer, LIST)
        }
        Command::Show { id } => {
            let path = format!("/v1/tickets/{}", segment(&id));
            show(output, &client.get(&path, &[]).await?)
        }
        Command::Create(create) => {
            let body = create.body();
            let made = client.send_json(Method::POST, "/v1/tickets", &body);
            show(output, &made.await?)
        }
        Command::Update(update) => {
            let path = format!("/v1/tickets/{}", segment(&update.id));
            let body = update.body();
            let changed = client.send_json(Method::PATCH, &path, &body);
            show(output, &changed.await?)
        }
        Command::Counts { timezone } => {
            let answer = client
                .get("/v1/tickets/counts", &given(&[("timezone", &timezone)]))
                .await?;
            output::fields(
                output,
                &answer,
                &[
                    ("open", "/open"),
                    ("in progress", "/in_progress"),
                    ("resolved today", "/resolved_today"),
                    ("since", "/since"),
                ],
            )
        }
    }
}

const LIST: &[Column] = &[
    ("NUMBER", "/number"),
    ("TICKET", "/ticket_id"),
    ("STATUS", "/status"),
    ("PRIORITY", "/priority"),
    ("TEAM", "/team"),
    ("ASSIGNEE", "/assignee"),
    ("SUBJECT", "/subject"),
    ("UPDATED", "/updated_at"),
];

fn show(output: Output, ticket: &Value) -> Result<(), Failure> {
    output::fields(
        output,
        ticket,
        &[
            ("number", "/number"),
            ("ticket", "/ticket_id"),
            ("subject", "/subject"),
            ("description", "/description"),
            ("status", "/status"),
            ("priority", "/priority"),
            ("category", "/category"),
            ("team", "/team"),
            ("assignee", "/assignee"),
            ("tags", "/tags"),
            ("conversation", "/conversation_id"),
            ("link", "/link"),
            ("customer", "/context/customer"),
            ("created", "/created_at"),
            ("updated", "/updated_at"),
        ],
    )
}
