//! `provost token create | list | revoke`: works on the database, daemon or not.
//!
//! A token is shown once, when it is made; the database keeps its hash only.

use std::{fs::File, io::Read};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{
    Failure,
    offline::Place,
    output::{self, Output},
};
use crate::{
    clock::Clock,
    domain::{
        access::Roles,
        time::{Span, Timestamp},
    },
    store::{Desk, Store, StoreError, Token},
};

/// Make, list and revoke tokens; works on the database
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  provost token create --name dana --roles agent,manager
  provost token create --name chat --roles platform --expires 365d
  export PROVOST_TOKEN=$(provost token create --name me --roles owner --output plain)
  provost token revoke dana")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make a token and print it, this once
    Create(Create),
    /// List the tokens, without their secrets
    List {
        /// The form of what is printed
        #[arg(long, short, value_enum, default_value_t)]
        output: Output,
    },
    /// End a token
    Revoke {
        /// Its name
        name: String,
    },
}

#[derive(Debug, clap::Args)]
struct Create {
    /// Its name: the person or machine that owns it
    #[arg(long)]
    name: String,
    /// The roles with which it acts, separated by commas
    #[arg(long, value_delimiter = ',', required = true)]
    roles: Vec<String>,
    /// How long it lasts, such as 90d; for good when absent
    #[arg(long, value_parser = Span::parse)]
    expires: Option<Span>,
    /// The form of what is printed; `plain` is the token alone
    #[arg(long, short, value_enum, default_value_t)]
    output: Form,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    #[default]
    Table,
    Json,
    Plain,
}

/// Runs the command.
pub(super) fn main(args: Args) -> Result<(), Failure> {
    let store = args.place.open()?;
    store.migrate()?;
    match args.command {
        Command::Create(create) => make(&store, &create),
        Command::List { output } => list(&store, output),
        Command::Revoke { name } => {
            if store.desk().token_revoke(&name)? {
                output::line(&format!("revoked {name}; daemons forget it within seconds"))
            } else {
                Err(Failure::new(format!("there is no token `{name}`"))
                    .next("`provost token list` shows those that exist"))
            }
        }
    }
}

fn make(store: &Store, create: &Create) -> Result<(), Failure> {
    let name = create.name.trim();
    if name.is_empty() || name.len() > 100 || name.chars().any(char::is_control) {
        return Err(Failure::new("a token's name is a text of 1 to 100 characters").code(2));
    }
    let now = Clock::machine().now();
    let token = Token {
        name: name.to_owned(),
        roles: create.roles.clone(),
        created_at: now,
        expires_at: create.expires.map(|span| now.plus(span)),
        last_used: None,
    };
    let secret = new_secret()?;
    if !store.desk().token_create(&token, &secret)? {
        return Err(
            Failure::new(format!("there is a token `{name}` already")).next(format!(
                "choose another name, or `provost token revoke {name}` first"
            )),
        );
    }
    let built_in = Roles::default().0;
    for role in create
        .roles
        .iter()
        .filter(|role| !built_in.contains_key(*role))
    {
        output::aside(&format!(
            "note: `{role}` is none of the built-in roles; it may do what [roles.{role}] says, and nothing without it"
        ))?;
    }
    match create.output {
        Form::Plain => output::line(&secret),
        Form::Json => {
            let mut shown = shown(&token);
            shown["token"] = secret.into();
            output::json(&shown)
        }
        Form::Table => {
            output::line(&secret)?;
            output::aside(&format!(
                "the token of {name} ({}); it is not shown again",
                token.roles.join(", ")
            ))
        }
    }
}

fn list(store: &Store, output: Output) -> Result<(), Failure> {
    let items: Vec<Value> = store.reader().token_list()?.iter().map(shown).collect();
    output::listing(
        output,
        &json!({ "items": items, "next": null }),
        &[
            ("NAME", "/name"),
            ("ROLES", "/roles"),
            ("CREATED", "/created_at"),
            ("EXPIRES", "/expires_at"),
            ("LAST USED", "/last_used"),
        ],
    )
}

fn shown(token: &Token) -> Value {
    json!({
        "name": token.name,
        "roles": token.roles,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "last_used": token.last_used,
    })
}

/// Makes a token `owner` if there is no token at all, and gives it.
///
/// *Shape*: `None` when there is a token already.
pub async fn first_owner(store: &Store) -> Result<Option<String>, Failure> {
    let secret = new_secret()?;
    let now = Clock::machine().now();
    let kept = secret.clone();
    let is_made = store.write(move |desk| first(desk, &kept, now)).await?;
    Ok(is_made.then_some(secret))
}

fn first(desk: &mut Desk, secret: &str, now: Timestamp) -> Result<bool, StoreError> {
    if !desk.token_list()?.is_empty() {
        return Ok(false);
    }
    let owner = Token {
        name: "owner".to_owned(),
        roles: vec!["owner".to_owned()],
        created_at: now,
        expires_at: None,
        last_used: None,
    };
    desk.token_create(&owner, secret)
}

/// Makes a new secret: 256 bits of the system's randomness.
pub(super) fn new_secret() -> Result<String, Failure> {
    let mut bytes = [0; 32];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .map_err(|error| Failure::new(format!("the system gives no randomness: {error}")))?;
    Ok(format!("pvt_{}", URL_SAFE_NO_PAD.encode(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_are_long() {
        let (one, other) = (new_secret().expect("one"), new_secret().expect("other"));
        assert_ne!(one, other);
        assert_eq!(one.len(), 47);
    }
}
