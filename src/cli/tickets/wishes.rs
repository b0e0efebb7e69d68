//! What the ticket commands send: the body of each, made of what was typed.

use serde_json::{Map, Value, json};

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
pub(super) struct Create {
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
pub(super) struct Update {
    /// The ticket's id or number
    pub(super) id: String,
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
    /// With `--status resolved`: what the customer is told instead of the usual; empty: nothing
    #[arg(long)]
    message: Option<String>,
    /// Take its category away
    #[arg(long, conflicts_with = "category")]
    no_category: bool,
    /// Take it from its team
    #[arg(long, conflicts_with = "team")]
    no_team: bool,
    /// Take it from its person
    #[arg(long, conflicts_with = "assignee")]
    no_assignee: bool,
    #[command(flatten)]
    fields: Fields,
}

#[derive(Debug, clap::Args)]
pub(super) struct Close {
    /// The ticket's id or number
    pub(super) id: String,
    /// For good: as spam, or as deleted; else it is closed and may be reopened
    #[arg(long = "as", value_parser = ["spam", "deleted"])]
    pub(super) closed_as: Option<String>,
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
    pub(super) fn body(self) -> Value {
        let mut body = Map::new();
        body.insert("subject".to_owned(), self.subject.into());
        put(&mut body, "description", self.description);
        put(&mut body, "conversation_id", self.conversation);
        put_all(&mut body, "tags", &self.tags);
        self.fields.onto(body)
    }
}

impl Update {
    pub(super) fn body(self) -> Value {
        let mut body = Map::new();
        put(&mut body, "status", self.status);
        put(&mut body, "subject", self.subject);
        put_all(&mut body, "tags_added", &self.tags_added);
        put_all(&mut body, "tags_removed", &self.tags_removed);
        put(&mut body, "message", self.message);
        for (name, is_gone) in [
            ("category", self.no_category),
            ("team", self.no_team),
            ("assignee", self.no_assignee),
        ] {
            if is_gone {
                body.insert(name.to_owned(), Value::Null);
            }
        }
        self.fields.onto(body)
    }
}

impl Close {
    pub(super) fn body(&self) -> Value {
        match &self.closed_as {
            Some(closed_as) => json!({"as": closed_as}),
            None => json!({"status": "closed"}),
        }
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        update: Update,
    }

    fn body(words: &str) -> Result<String, clap::Error> {
        let words = std::iter::once("x").chain(words.split(' '));
        Ok(Cli::try_parse_from(words)?.update.body().to_string())
    }

    #[test]
    fn what_is_taken_away_is_null_and_what_is_not_named_stays() {
        insta::assert_snapshot!(
            body("7 --status resolved --message ok --no-team --assignee dana").expect("reads"),
            @r#"{"assignee":"dana","message":"ok","status":"resolved","team":null}"#
        );
        assert!(body("7 --team billing --no-team").is_err());
    }
}
