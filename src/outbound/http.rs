//! Requests over HTTP, each sent once.
//!
//! Redirects are not followed, proxies of the environment not used, answers capped in
//! size and time, and no error names a URL, whose query may hold what nobody should
//! read in a log. A connection has its own, shorter time: what failed to stand in it was
//! not sent, for certain.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use reqwest::{Method, Url, redirect::Policy};
use serde_json::Value;

use super::{
    Answer, BodyFault, SendFault,
    guard::{self, Guard, Lookup, Resolver},
};
use crate::domain::network::Network;

/// How long a connection may take to stand, TLS included; the longest that is not longer than
/// three quarters of what the whole may take.
const CONNECT_TIMEOUTS: [Duration; 4] = [
    Duration::from_secs(3),
    Duration::from_secs(1),
    Duration::from_millis(300),
    Duration::from_millis(100),
];

/// What is sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The whole URL.
    pub url: String,
    /// Headers, secrets among them.
    pub headers: Vec<(String, String)>,
    /// The body, if there is one.
    pub body: Option<String>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (URL, headers and body not shown)", self.method)
    }
}

/// How far a request may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long it may take, from here to the answer's last byte.
    pub timeout: Duration,
    /// How large the answer may be.
    pub max_bytes: usize,
}

/// Sends requests to what it may reach; a clone shares its connections.
#[derive(Clone, Debug)]
pub struct Sender {
    guard: Guard,
    /// One client for each time that a connection may take; made when it is needed.
    clients: Arc<[OnceLock<reqwest::Client>; CONNECT_TIMEOUTS.len()]>,
}

impl Sender {
    /// Makes a sender that reaches public addresses and the listed networks.
    ///
    /// *Errors*: when TLS cannot be set up.
    pub fn new(listed: &[Network], lookup: Arc<dyn Lookup>) -> Result<Self, String> {
        let sender = Self {
            guard: Guard::new(lookup, listed),
            clients: Arc::default(),
        };
        sender.client(CONNECT_TIMEOUTS[0]).map(|_| sender.clone())
    }

    /// Gives the guard that it asks.
    pub(super) fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Sends a request, once.
    ///
    /// *Errors*: whether anything went out is in the kind of the fault.
    pub async fn send(&self, request: Request, limits: Limits) -> Result<Answer, SendFault> {
        let url = Url::parse(&request.url)
            .map_err(|error| SendFault::Refused(format!("it has no usable URL: {error}")))?;
        if !["http", "https"].contains(&url.scheme()) {
            return Err(SendFault::Refused(format!(
                "`{}` is no scheme that is sent to",
                url.scheme()
            )));
        }
        self.guard.check_literal(&url)?;
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| SendFault::Refused(format!("`{}` is no method", request.method)))?;
        let client = self.client(limits.timeout).map_err(SendFault::NotSent)?;
        let mut building = client.request(method, url).timeout(limits.timeout);
        for (name, value) in &request.headers {
            building = building.header(name, value);
        }
        if let Some(body) = request.body {
            building = building.body(body);
        }
        let response = building.send().await.map_err(fault)?;
        let retry_after = response.headers().get("retry-after");
        Ok(Answer {
            status: response.status().as_u16(),
            retry_after: retry_after.and_then(|value| value.to_str().ok().map(str::to_owned)),
            body: read(response, limits.max_bytes).await.and_then(understand),
        })
    }

    /// Gives the client whose connections stand within `timeout`, with time left for an answer.
    fn client(&self, timeout: Duration) -> Result<reqwest::Client, String> {
        let fits = |most: &Duration| *most <= timeout.mul_f32(0.75);
        let index = CONNECT_TIMEOUTS.iter().position(fits);
        let index = index.unwrap_or(CONNECT_TIMEOUTS.len() - 1);
        if let Some(client) = self.clients[index].get() {
            return Ok(client.clone());
        }
        let client = reqwest::Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUTS[index])
            .dns_resolver(Arc::new(Resolver::new(self.guard.clone())))
            .build()
            .map_err(|error| error.without_url().to_string())?;
        Ok(self.clients[index].get_or_init(|| client).clone())
    }
}

/// Looks whether a request goes to where its integration is: a stored one does not take today's
/// credential to yesterday's address.
pub(super) fn check_base(url: &str, base_url: &str) -> Result<(), SendFault> {
    match url.strip_prefix(base_url) {
        Some(rest) if rest.is_empty() || rest.starts_with(['/', '?']) => Ok(()),
        _ => Err(SendFault::Refused(
            "it would go to another address than its integration has now".to_owned(),
        )),
    }
}

/// Reads a body as far as it may go.
async fn read(mut response: reqwest::Response, most: usize) -> Result<Vec<u8>, BodyFault> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| BodyFault::Broken)? {
        if body.len() + chunk.len() > most {
            return Err(BodyFault::TooLarge(most));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Reads a body as JSON; one that is none is its text.
fn understand(body: Vec<u8>) -> Result<Value, BodyFault> {
    if body.trim_ascii().is_empty() {
        return Ok(Value::Null);
    }
    if let Ok(value) = serde_json::from_slice(&body) {
        return Ok(value);
    }
    let text = String::from_utf8(body);
    text.map(Value::String).map_err(|_| BodyFault::Unreadable)
}

/// Sorts an error by whether anything can have gone out.
fn fault(error: reqwest::Error) -> SendFault {
    let error = error.without_url();
    if let Some(refused) = guard::refusal(&error) {
        return SendFault::Refused(refused);
    }
    let said = innermost(&error);
    if error.is_builder() {
        SendFault::Refused(said)
    } else if error.is_connect() {
        SendFault::NotSent(said)
    } else {
        SendFault::Broken(said)
    }
}

/// Gives the cause at the bottom, which says what happened.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
