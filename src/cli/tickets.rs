//! `provost tickets list | search | show | create | update | assign | comment | comments | close | merge
//! | counts`.
//!
//! What is sent for each is made in [`wishes`].

mod wishes;

use reqwest::Method;
use serde_json::{Value, json};

use self::wishes::{Close, Create, Update};
use super::{
    Failure,
    client::{Client, Connection, Page, Query, given, segment},
    output::{self, Column, Output},
};

/// Look at, open, change, comment on and close tickets
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  provost tickets --status open,waiting --team billing --unassigned
  provost tickets search lost parcel --customer ada
  provost tickets show 17                      a ticket's number will do everywhere
  provost tickets create --subject \"Broken lamp\" --conversation c-1001 --priority high
  provost tickets update 17 --status resolved --message \"Your lamp is on its way.\"
  provost tickets assign 17 dana
  provost tickets comment 17 \"The parcel came back\"
  provost tickets merge 17 12
  provost tickets close 18 --as spam
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
    /// Find tickets by words: of subject, description, tags, comments, the customer's name and address
    Search {
        /// Each begins a word of the ticket
        #[arg(required = true)]
        words: Vec<String>,
        #[command(flatten)]
        list: List,
    },
    /// Show one
    Show {
        /// The ticket's id or number
        id: String,
    },
    /// Open one
    Create(Create),
    /// Change one
    Update(Update),
    /// Give one to somebody, or take it from everybody
    Assign {
        /// The ticket's id or number
        id: String,
        /// To whom
        #[arg(required_unless_present = "nobody", conflicts_with = "nobody")]
        person: Option<String>,
        /// To nobody
        #[arg(long)]
        nobody: bool,
    },
    /// Say something about one, among teammates
    Comment {
        /// The ticket's id or number
        id: String,
        /// What there is to say
        body: String,
        /// For everybody, the customer's side included
        #[arg(long)]
        public: bool,
    },
    /// List what was said about one
    Comments {
        /// The ticket's id or number
        id: String,
        #[command(flatten)]
        page: Page,
    },
    /// Close one: as done, or for good as spam or deleted
    Close(Close),
    /// Close one for good because another goes on with it
    Merge {
        /// The ticket's id or number
        id: String,
        /// The id or number of the one that goes on
        into: String,
    },
    /// Count open, in progress and resolved today
    Counts {
        /// Whose day is today
        #[arg(long)]
        timezone: Option<String>,
    },
}

#[derive(Debug, clap::Args)]
struct List {
    /// Only those in this status: `open`, `in_progress`, `waiting`, `resolved` or `closed`; several with commas
    #[arg(long)]
    status: Option<String>,
    /// Only those of this priority: low, medium, high, urgent
    #[arg(long)]
    priority: Option<String>,
    /// Only those about this
    #[arg(long)]
    category: Option<String>,
    /// Only those with this tag
    #[arg(long)]
    tag: Option<String>,
    /// Only those of this team
    #[arg(long)]
    team: Option<String>,
    /// Only those of this person
    #[arg(long)]
    assignee: Option<String>,
    /// Only those that nobody has
    #[arg(long, conflicts_with = "assignee")]
    unassigned: bool,
    /// Only those of this conversation
    #[arg(long)]
    conversation: Option<String>,
    /// Only those with an SLA clock that is over its time
    #[arg(long)]
    overdue: bool,
    /// Only those of this customer
    #[arg(long)]
    customer: Option<String>,
    /// Only those opened at this time or later
    #[arg(long)]
    created_from: Option<String>,
    /// Only those opened before this time
    #[arg(long)]
    created_to: Option<String>,
    #[command(flatten)]
    page: Page,
}

impl List {
    fn query(&self) -> Query<'_> {
        let mut query = given(&[
            ("status", &self.status),
            ("priority", &self.priority),
            ("category", &self.category),
            ("tag", &self.tag),
            ("team", &self.team),
            ("assignee", &self.assignee),
            ("conversation", &self.conversation),
            ("customer", &self.customer),
            ("created_from", &self.created_from),
            ("created_to", &self.created_to),
        ]);
        if self.unassigned {
            query.push(("unassigned", "true".to_owned()));
        }
        if self.overdue {
            query.push(("overdue", "true".to_owned()));
        }
        self.page.onto(query)
    }
}

/// Runs the command.
pub(super) async fn main(args: Args) -> Result<(), Failure> {
    let client = Client::new(&args.connection)?;
    let output = args.connection.output;
    let send = async |method: Method, path: String, body: Value| {
        let made = client.send_json(method, &path, &body).await?;
        show(output, &made)
    };
    match args.command.unwrap_or(Command::List(args.list)) {
        Command::List(list) => {
            let answer = client.get("/v1/tickets", &list.query()).await?;
            output::listing(output, &answer, LIST)
        }
        Command::Search { words, list } => {
            let mut query = list.query();
            query.push(("q", words.join(" ")));
            let answer = client.get("/v1/tickets", &query).await?;
            output::listing(output, &answer, LIST)
        }
        Command::Show { id } => show(output, &client.get(&path(&id), &[]).await?),
        Command::Create(create) => {
            send(Method::POST, "/v1/tickets".to_owned(), create.body()).await
        }
        Command::Update(update) => send(Method::PATCH, path(&update.id), update.body()).await,
        Command::Assign { id, person, .. } => {
            send(Method::PATCH, path(&id), json!({"assignee": person})).await
        }
        Command::Comment { id, body, public } => {
            let path = format!("{}/comments", path(&id));
            let body = json!({"body": body, "internal": !public});
            let made = client.send_json(Method::POST, &path, &body).await?;
            output::fields(output, &made, COMMENT)
        }
        Command::Comments { id, page } => {
            let path = format!("{}/comments", path(&id));
            let answer = client.get(&path, &page.onto(Vec::new())).await?;
            output::listing(output, &answer, COMMENTS)
        }
        Command::Close(close) => {
            let (method, path) = match close.closed_as {
                None => (Method::PATCH, path(&close.id)),
                Some(_) => (Method::POST, format!("{}/closure", path(&close.id))),
            };
            send(method, path, close.body()).await
        }
        Command::Merge { id, into } => {
            let path = format!("{}/closure", path(&id));
            send(Method::POST, path, json!({"as": "merged", "into": into})).await
        }
        Command::Counts { timezone } => {
            let query = given(&[("timezone", &timezone)]);
            let answer = client.get("/v1/tickets/counts", &query).await?;
            output::fields(output, &answer, COUNTS)
        }
    }
}

/// Gives the path of a ticket; people write numbers with a `#`.
fn path(id: &str) -> String {
    format!("/v1/tickets/{}", segment(id.trim_start_matches('#')))
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

const COUNTS: &[Column] = &[
    ("open", "/open"),
    ("in progress", "/in_progress"),
    ("waiting", "/waiting"),
    ("resolved today", "/resolved_today"),
    ("since", "/since"),
];

const COMMENT: &[Column] = &[
    ("comment", "/comment_id"),
    ("ticket", "/ticket_id"),
    ("at", "/at"),
    ("by", "/by/id"),
    ("internal", "/internal"),
    ("body", "/body"),
];

const COMMENTS: &[Column] = &[
    ("AT", "/at"),
    ("BY", "/by/id"),
    ("INTERNAL", "/internal"),
    ("BODY", "/body"),
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
            ("closed as", "/closed_as"),
            ("merged into", "/merged_into"),
            ("merged from", "/merged_from"),
            ("priority", "/priority"),
            ("category", "/category"),
            ("team", "/team"),
            ("assignee", "/assignee"),
            ("tags", "/tags"),
            ("comments", "/comments"),
            ("conversation", "/conversation_id"),
            ("link", "/link"),
            ("channel", "/context/channel"),
            ("customer", "/context/customer"),
            ("created", "/created_at"),
            ("created by", "/created_by"),
            ("updated", "/updated_at"),
            ("resolved", "/resolved_at"),
            ("reopened", "/reopened"),
        ],
    )
}
