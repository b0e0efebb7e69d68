//! Integrations: the systems that actions reach, and the operations they offer.
//!
//! Read from `config/integrations/NAME.toml`, secrets resolved; whoever prints one
//! prints no secret. The connectors make requests of them, the outbound adapters
//! send those.

use std::{collections::BTreeMap, sync::Arc};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    channel::MailServer,
    network::Network,
    template::{Template, texts},
    time::Span,
};

/// The name of the mail server of notices, as an integration.
pub const MAIL: &str = "notices.mail";
/// Its one operation.
pub const SEND: &str = "send";
/// How many calls at once go to a system that a procedure names by its address.
const CALLS_TO_ORIGIN: u32 = 8;

/// How an HTTP integration knows Provost.
#[derive(Clone, Debug, Default)]
pub enum Auth {
    /// Not at all.
    #[default]
    None,
    /// A key in a header.
    ApiKey {
        /// The header's name.
        header: String,
        /// The key.
        key: SecretString,
    },
    /// A user and a password.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: SecretString,
    },
    /// A token that stays.
    Bearer {
        /// The token.
        token: SecretString,
    },
    /// OAuth 2 client credentials.
    OAuth2 {
        /// Where tokens are had.
        token_url: String,
        /// The client.
        client_id: String,
        /// Its secret.
        client_secret: SecretString,
        /// What is asked for, if anything.
        scope: Option<String>,
    },
}

/// A method of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum HttpMethod {
    /// Takes away.
    Delete,
    /// Reads.
    Get,
    /// Changes a part.
    Patch,
    /// Does or makes.
    Post,
    /// Replaces.
    Put,
}

/// An operation over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpOperation {
    /// The method.
    pub method: HttpMethod,
    /// The path below the base URL; values are percent-encoded.
    pub path: Template,
    /// The query, by name; values are percent-encoded, absent ones are left out.
    pub query: BTreeMap<String, Template>,
    /// Headers besides the integration's own.
    pub headers: BTreeMap<String, Template>,
    /// The body as JSON; its texts are templates.
    pub body: Option<Value>,
}

/// An operation on a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlOperation {
    /// The statement, with `$1`, `$2`, … for what is bound.
    pub statement: String,
    /// What is bound, in order.
    pub binds: Vec<Template>,
    /// Whether it may write.
    pub writes: bool,
    /// How many rows it gives at most.
    pub max_rows: u32,
}

/// An operation that sends mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailOperation {
    /// To whom.
    pub to: Template,
    /// The subject.
    pub subject: Template,
    /// The text.
    pub text: Template,
}

/// An operation that publishes over AMQP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AmqpOperation {
    /// The exchange.
    pub exchange: String,
    /// The routing key.
    pub routing_key: Template,
    /// The body as JSON; its texts are templates.
    pub body: Value,
}

/// What stands behind an integration, with its operations.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Provost's own broker.
    Amqp {
        /// By name.
        operations: BTreeMap<String, AmqpOperation>,
    },
    /// An HTTP API.
    Http {
        /// Where its paths begin.
        base_url: String,
        /// How it knows Provost.
        auth: Box<Auth>,
        /// Headers of every request.
        headers: BTreeMap<String, String>,
        /// Whether a repeated key has one effect there.
        honours_idempotency_key: bool,
        /// For how long it does.
        idempotency_window: Option<Span>,
        /// By name.
        operations: BTreeMap<String, HttpOperation>,
    },
    /// A mail server.
    Smtp {
        /// The server's URL, `smtps://`, `smtp+starttls://`, or `smtp://` (plain to a relay in the
        /// house only); holds the password.
        url: SecretString,
        /// The sender.
        from: String,
        /// By name.
        operations: BTreeMap<String, MailOperation>,
    },
    /// A database.
    Sql {
        /// Its URL; holds the password.
        url: SecretString,
        /// By name.
        operations: BTreeMap<String, SqlOperation>,
    },
}

/// A system that actions reach.
#[derive(Clone, Debug)]
pub struct Integration {
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: String,
    /// What stands behind it.
    pub kind: Kind,
    /// How many calls a minute, by this daemon.
    pub rate_per_minute: Option<u32>,
    /// How many calls at once, by this daemon.
    pub concurrency: u32,
    /// Networks that it may be reached in although they are private.
    pub allow_addresses: Vec<Network>,
}

impl HttpMethod {
    /// Every method by its name.
    pub const NAMES: [(&'static str, Self); 5] = [
        ("DELETE", Self::Delete),
        ("GET", Self::Get),
        ("PATCH", Self::Patch),
        ("POST", Self::Post),
        ("PUT", Self::Put),
    ];

    /// Gives the method of a name.
    pub fn parse(name: &str) -> Option<Self> {
        let mut names = Self::NAMES.into_iter();
        names
            .find(|(known, _)| *known == name)
            .map(|(_, method)| method)
    }

    /// Gives its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "DELETE",
            Self::Get => "GET",
            Self::Patch => "PATCH",
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }
}

impl Integration {
    /// Gives the names of its operations.
    pub fn operation_names(&self) -> Vec<&str> {
        match &self.kind {
            Kind::Amqp { operations } => operations.keys().map(String::as_str).collect(),
            Kind::Http { operations, .. } => operations.keys().map(String::as_str).collect(),
            Kind::Smtp { operations, .. } => operations.keys().map(String::as_str).collect(),
            Kind::Sql { operations, .. } => operations.keys().map(String::as_str).collect(),
        }
    }

    /// Tells whether an operation only reads, so that its answer may be kept for a while.
    pub fn only_reads(&self, operation: &str) -> bool {
        match &self.kind {
            Kind::Http { operations, .. } => operations
                .get(operation)
                .is_some_and(|one| one.method == HttpMethod::Get),
            Kind::Sql { operations, .. } => {
                operations.get(operation).is_some_and(|one| !one.writes)
            }
            Kind::Amqp { .. } | Kind::Smtp { .. } => false,
        }
    }

    /// Gives every placeholder of an operation. Texts that are no templates were refused when it was read.
    pub fn placeholders(&self, operation: &str) -> Vec<String> {
        let mut templates: Vec<Template> = Vec::new();
        match &self.kind {
            Kind::Http { operations, .. } => {
                if let Some(one) = operations.get(operation) {
                    templates.push(one.path.clone());
                    templates.extend(one.query.values().chain(one.headers.values()).cloned());
                    templates.extend(one.body.iter().flat_map(texts).flatten());
                }
            }
            Kind::Sql { operations, .. } => {
                let found = operations.get(operation);
                templates.extend(found.into_iter().flat_map(|one| one.binds.clone()));
            }
            Kind::Smtp { operations, .. } => {
                if let Some(one) = operations.get(operation) {
                    templates.extend([one.to.clone(), one.subject.clone(), one.text.clone()]);
                }
            }
            Kind::Amqp { operations } => {
                if let Some(one) = operations.get(operation) {
                    templates.push(one.routing_key.clone());
                    templates.extend(texts(&one.body).into_iter().flatten());
                }
            }
        }
        templates.iter().flat_map(Template::paths).collect()
    }

    /// Gives it as a list shows it, without any secret.
    pub fn describe(&self) -> Value {
        let kind = match &self.kind {
            Kind::Amqp { .. } => "amqp",
            Kind::Http { .. } => "http",
            Kind::Smtp { .. } => "smtp",
            Kind::Sql { .. } => "sql",
        };
        json!({
            "name": self.name, "description": self.description, "kind": kind,
            "operations": self.operation_names(),
        })
    }
}

/// Gives where an address begins: scheme, host and port.
pub fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..].find(['/', '?', '#']);
    end.map_or(url, |end| &url[..host + end])
}

/// Makes the integration of a system that is named by its address alone: without a credential, within the
/// networks that `[outbound]` allows.
pub fn of_origin(origin: &str) -> Arc<Integration> {
    Arc::new(Integration {
        name: origin.to_owned(),
        description: "A system that a procedure calls by its address".to_owned(),
        kind: Kind::Http {
            base_url: origin.to_owned(),
            auth: Box::default(),
            headers: BTreeMap::new(),
            honours_idempotency_key: false,
            idempotency_window: None,
            operations: BTreeMap::new(),
        },
        rate_per_minute: None,
        concurrency: CALLS_TO_ORIGIN,
        allow_addresses: Vec::new(),
    })
}

/// Makes the integration of the mail server of notices, by which procedures send mail.
pub fn of_mail_server(server: &MailServer) -> Arc<Integration> {
    let part = |name: &str| Template::placeholder(name).unwrap_or_default();
    let operation = MailOperation {
        to: part("to"),
        subject: part("subject"),
        text: part("body"),
    };
    Arc::new(Integration {
        name: MAIL.to_owned(),
        description: "The mail server of notices".to_owned(),
        kind: Kind::Smtp {
            url: server.url.clone(),
            from: server.from.clone(),
            operations: BTreeMap::from([(SEND.to_owned(), operation)]),
        },
        rate_per_minute: None,
        concurrency: 1,
        allow_addresses: server.allow_addresses.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::origin;

    #[test]
    fn an_address_begins_with_scheme_host_and_port() {
        for (url, begins) in [
            (
                "https://api.example.com/orders/1?x=https://other",
                "https://api.example.com",
            ),
            ("http://127.0.0.1:8080?x", "http://127.0.0.1:8080"),
            ("https://api.example.com", "https://api.example.com"),
        ] {
            assert_eq!(origin(url), begins);
        }
    }
}
