//! The way out over HTTP, behind the address guard.
//!
//! Every address is looked at as it is connected to – names by the resolver, which gives
//! only addresses that may be reached, literals before anything is sent – so a name that
//! answers otherwise a moment later gains nothing. Redirects are not followed, proxies of
//! the environment not used, answers capped in size and time, and no error names a URL,
//! whose query may hold what nobody should read in a log.

mod guard;

use std::{fmt, sync::Arc, time::Duration};

use reqwest::{Method, Url, redirect::Policy};

pub use self::guard::{Lookup, SystemLookup};
use crate::domain::network::Network;

/// How long a connection may take to stand, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

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
    pub body: Option<Vec<u8>>,
    /// How long it may take, from here to the answer's last byte.
    pub timeout: Duration,
    /// How large the answer may be.
    pub max_bytes: usize,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (URL, headers and body not shown)", self.method)
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// `Retry-After`, as it came.
    pub retry_after: Option<String>,
    /// The body, or why there is none.
    pub body: Result<Vec<u8>, BodyFault>,
}

/// Why an answer's body is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyFault {
    /// It is larger than it may be.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    /// It broke off, or its time was up.
    #[error("the answer broke off")]
    Broken,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendFault {
    /// The address may not be reached; nothing was sent.
    #[error("{0}")]
    Refused(String),
    /// No address, no connection, no TLS; nothing was sent.
    #[error("not sent: {0}")]
    NotSent(String),
    /// Bytes went out, and no answer came in time.
    #[error("no answer: {0}")]
    Broken(String),
}

/// Sends requests to what it may reach.
#[derive(Clone, Debug)]
pub struct Sender {
    client: reqwest::Client,
    listed: Arc<[Network]>,
}

impl Sender {
    /// Makes a sender that reaches public addresses and the listed networks.
    ///
    /// *Errors*: when TLS cannot be set up.
    pub fn new(listed: &[Network], lookup: Arc<dyn Lookup>) -> Result<Self, String> {
        let listed: Arc<[Network]> = listed.into();
        let client = reqwest::Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .dns_resolver(Arc::new(guard::Resolver::new(lookup, Arc::clone(&listed))))
            .build()
            .map_err(|error| error.without_url().to_string())?;
        Ok(Self { client, listed })
    }

    /// Sends a request, once.
    ///
    /// *Errors*: whether anything went out is in the kind of the fault.
    pub async fn send(&self, request: Request) -> Result<Answer, SendFault> {
        let url = Url::parse(&request.url)
            .map_err(|error| SendFault::Refused(format!("it has no usable URL: {error}")))?;
        if !["http", "https"].contains(&url.scheme()) {
            return Err(SendFault::Refused(format!(
                "`{}` is no scheme that is sent to",
                url.scheme()
            )));
        }
        guard::check_literal(&url, &self.listed).map_err(SendFault::Refused)?;
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| SendFault::Refused(format!("`{}` is no method", request.method)))?;
        let mut building = self.client.request(method, url).timeout(request.timeout);
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
            body: read(response, request.max_bytes).await,
        })
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

/// Sorts an error by whether anything can have gone out.
fn fault(error: reqwest::Error) -> SendFault {
    let error = error.without_url();
    if let Some(refused) = guard::refusal(&error) {
        return SendFault::Refused(refused);
    }
    let said = innermost(&error);
    if error.is_connect() || error.is_builder() {
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

#[cfg(test)]
mod tests;
