//! Connectors: from a request for an action to what is sent, and from what came back to
//! what it means. Pure: nothing here sends anything.
//!
//! One file a kind, and beside them what stands between a request and its call: [`pace`],
//! [`breaker`], [`cache`], [`batch`]. What is sent is made once, before the first byte
//! leaves, and stored with the attempt; a retry sends the stored bytes again. Secrets are no
//! part of it: whoever sends adds them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::domain::{
    action::{Action, Performer},
    integration::{HttpMethod, Integration, Kind},
    time::Span,
};

pub mod amqp;
pub mod answer;
pub mod batch;
pub mod breaker;
pub mod cache;
pub mod http;
pub mod mail;
pub mod pace;
pub mod sql;

/// What an execution sends, as it is stored with its attempt; it holds no secret.
///
/// *Shape*: the kind's name is the one member around it. A tag beside the members would have every
/// number read by way of a map, which the exact numbers of this crate do not survive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prepared {
    /// A message to Provost's own broker.
    Amqp(amqp::Message),
    /// A call of an HTTP API.
    Http(http::Call),
    /// A mail.
    Mail(mail::Mail),
    /// A statement for a database.
    Sql(sql::Query),
}

/// Why nothing can be sent for a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrepareFault {
    /// The action is performed by no operation, or by one that its integration lacks.
    #[error("`{0}` names no operation of the integration")]
    NoOperation(String),
    /// A value cannot stand in the call.
    #[error(transparent)]
    Http(#[from] http::CallFault),
    /// A value cannot stand in the mail.
    #[error(transparent)]
    Mail(#[from] mail::MailFault),
    /// A value cannot stand in the message.
    #[error(transparent)]
    Amqp(#[from] amqp::MessageFault),
}

impl Prepared {
    /// Tells whether it may be sent again without any effect: it only reads.
    pub fn is_safe(&self) -> bool {
        match self {
            Self::Http(call) => call.method == HttpMethod::Get,
            Self::Sql(query) => !query.writes,
            Self::Amqp(_) | Self::Mail(_) => false,
        }
    }
}

/// Makes what is sent for a request.
///
/// `values` are the parameters, and `customer` and `conversation` beside them; `key` names the
/// request to the other side, and is the same for each of its attempts.
///
/// *Errors*: a value that cannot stand where it belongs, or an action that no operation performs.
pub fn prepare(
    action: &Action,
    integration: &Integration,
    values: &Map<String, Value>,
    key: &str,
) -> Result<Prepared, PrepareFault> {
    let absent = || PrepareFault::NoOperation(action.name.clone());
    let operation = match &action.performer {
        Performer::Address => return address(values, key).ok_or_else(absent),
        Performer::Operation { operation, .. } => operation,
        Performer::BuiltIn(_) | Performer::Function(_) | Performer::Workflow(_) => {
            return Err(absent());
        }
    };
    prepare_operation(operation, integration, values, key).map_err(|fault| match fault {
        PrepareFault::NoOperation(_) => absent(),
        other => other,
    })
}

/// Makes the call of an address that the values give as `method`, `url` and `body`.
fn address(values: &Map<String, Value>, key: &str) -> Option<Prepared> {
    let text = |name: &str| values.get(name).and_then(Value::as_str);
    let method = HttpMethod::parse(text("method")?)?;
    let call = http::call_of(method, text("url")?, values.get("body"), key);
    Some(Prepared::Http(call))
}

/// Makes what is sent for an operation, whatever it is for.
///
/// *Errors*: as [`prepare`].
pub fn prepare_operation(
    operation: &str,
    integration: &Integration,
    values: &Map<String, Value>,
    key: &str,
) -> Result<Prepared, PrepareFault> {
    let absent = || PrepareFault::NoOperation(operation.to_owned());
    match &integration.kind {
        Kind::Amqp { operations } => {
            let operation = operations.get(operation).ok_or_else(absent)?;
            Ok(Prepared::Amqp(amqp::message(operation, values, key)?))
        }
        Kind::Http {
            base_url,
            headers,
            operations,
            ..
        } => {
            let operation = operations.get(operation).ok_or_else(absent)?;
            let own: Vec<(String, String)> = headers.clone().into_iter().collect();
            let call = http::call(base_url, &own, operation, values, key)?;
            Ok(Prepared::Http(call))
        }
        Kind::Smtp {
            from, operations, ..
        } => {
            let operation = operations.get(operation).ok_or_else(absent)?;
            Ok(Prepared::Mail(mail::mail(operation, from, values, key)?))
        }
        Kind::Sql { operations, .. } => {
            let operation = operations.get(operation).ok_or_else(absent)?;
            Ok(Prepared::Sql(sql::query(operation, values)))
        }
    }
}

/// Tells whether the system gives a repeated key one effect, and still knows a key of this age.
///
/// `age` is counted from the request's first attempt.
pub fn honours_key(integration: &Integration, age: Span) -> bool {
    match &integration.kind {
        Kind::Http {
            honours_idempotency_key,
            idempotency_window,
            ..
        } => *honours_idempotency_key && idempotency_window.is_none_or(|window| age < window),
        Kind::Amqp { .. } | Kind::Smtp { .. } | Kind::Sql { .. } => false,
    }
}

#[cfg(test)]
mod tests;
