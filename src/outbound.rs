//! The one way out: HTTP APIs, mail servers and foreign databases, behind the address guard.
//!
//! Every address is looked at as it is connected to – names by the guard, which gives only
//! addresses that may be reached, literals before anything is sent. Credentials are added
//! here and nowhere else; no error, no log and no `Debug` shows one. Each call is made once:
//! whether it is made again is decided by who asked, from what is known of its end.
//! Provost's own broker is not reached from here.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use secrecy::SecretString;
use serde_json::Value;

use self::credential::Credentials;
pub use self::{
    guard::{Lookup, SystemLookup},
    http::{Limits, Request, Sender},
};
use crate::{
    clock::{Clock, Stopwatch},
    domain::{
        integration::{Auth, Integration, Kind},
        network::Network,
    },
};

mod credential;
mod guard;
pub mod http;
pub mod mail;
pub mod sql;
mod stage;

/// How large an answer may be.
pub const MAX_ANSWER_BYTES: usize = 1 << 20;

/// What is sent, once.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// A request to an HTTP API, without its credential.
    Http(Request),
    /// A mail.
    Mail(mail::Mail),
    /// A statement for a database.
    Sql(sql::Query),
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Its status; for a database or a mail server the one of HTTP that means the same.
    pub status: u16,
    /// `Retry-After`, as it came.
    pub retry_after: Option<String>,
    /// The body, or why there is none; `null` where it was empty.
    pub body: Result<Value, BodyFault>,
}

/// Why an answer's body is not there. What the status says stands all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyFault {
    /// It is larger than it may be.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    /// It broke off, or its time was up.
    #[error("the answer broke off")]
    Broken,
    /// It is neither JSON nor text.
    #[error("the answer is neither JSON nor text")]
    Unreadable,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendFault {
    /// It may not be sent as it is, and never will be; nothing was.
    #[error("{0}")]
    Refused(String),
    /// No address, no connection, no TLS; nothing was sent.
    #[error("not sent: {0}")]
    NotSent(String),
    /// Bytes went out, and no answer came in time.
    #[error("no answer: {0}")]
    Broken(String),
}

/// How a call ended.
pub type Ended = Result<Answer, SendFault>;

/// The way out to every integration.
pub struct Outbound {
    allow: Vec<Network>,
    lookup: Arc<dyn Lookup>,
    clock: Clock,
    credentials: Credentials,
    databases: sql::Databases,
    /// One sender for each list of networks that somebody may be reached in.
    senders: Mutex<HashMap<Vec<String>, Sender>>,
}

impl Outbound {
    /// Makes the way out to public addresses, the networks of `allow`, and those that an integration
    /// lists for itself.
    ///
    /// *Errors*: when TLS cannot be set up.
    pub fn new(allow: &[Network], lookup: Arc<dyn Lookup>, clock: Clock) -> Result<Self, String> {
        let outbound = Self {
            allow: allow.to_vec(),
            lookup,
            credentials: Credentials::new(clock.clone()),
            databases: sql::Databases::new(clock.clone()),
            clock,
            senders: Mutex::default(),
        };
        outbound.sender(&[]).map(|_| outbound)
    }

    /// Makes a call of an integration, once.
    ///
    /// `timeout` is for all of it, a token that must be had first included.
    ///
    /// *Errors*: whether anything went out is in the kind of the fault.
    pub async fn perform(&self, integration: &Integration, call: Call, timeout: Duration) -> Ended {
        let sender = self
            .sender(&integration.allow_addresses)
            .map_err(SendFault::NotSent)?;
        match (call, &integration.kind) {
            (Call::Http(request), Kind::Http { base_url, auth, .. }) => {
                http::check_base(&request.url, base_url)?;
                self.request(&sender, auth, request, timeout).await
            }
            (Call::Sql(query), Kind::Sql { url, .. }) => {
                let guard = sender.guard();
                self.databases.run(guard, url, &query, timeout).await
            }
            (Call::Mail(mail), Kind::Smtp { url, from, .. }) => {
                let (guard, now) = (sender.guard(), self.clock.now());
                mail::send(guard, (url, from), &mail, timeout, now).await
            }
            (Call::Http(_) | Call::Mail(_) | Call::Sql(_), _) => Err(SendFault::Refused(format!(
                "`{}` is of another kind now",
                integration.name
            ))),
        }
    }

    /// Sends a request that belongs to no integration, such as a post to a team channel, once.
    ///
    /// *Errors*: whether anything went out is in the kind of the fault.
    pub async fn send(
        &self,
        request: Request,
        allow_addresses: &[Network],
        timeout: Duration,
    ) -> Ended {
        let sender = self.sender(allow_addresses).map_err(SendFault::NotSent)?;
        let limits = Limits {
            timeout,
            max_bytes: MAX_ANSWER_BYTES,
        };
        sender.send(request, limits).await
    }

    /// Sends a mail that belongs to no integration, once, by a server and from a sender.
    ///
    /// *Errors*: whether anything went out is in the kind of the fault.
    pub async fn mail(
        &self,
        mail: &mail::Mail,
        post: (&SecretString, &str),
        allow_addresses: &[Network],
        timeout: Duration,
    ) -> Ended {
        let sender = self.sender(allow_addresses).map_err(SendFault::NotSent)?;
        mail::send(sender.guard(), post, mail, timeout, self.clock.now()).await
    }

    /// Sends a request with its credential. One that is answered with 401 is not used again, so that
    /// the same request, sent again, goes with a new one where there can be one.
    async fn request(
        &self,
        sender: &Sender,
        auth: &Auth,
        mut request: Request,
        timeout: Duration,
    ) -> Ended {
        let watch = Stopwatch::start();
        let headers = self.credentials.headers(auth, sender, timeout).await?;
        request.headers.extend_from_slice(&headers);
        let limits = Limits {
            timeout: timeout.saturating_sub(watch.elapsed()),
            max_bytes: MAX_ANSWER_BYTES,
        };
        if limits.timeout.is_zero() {
            return Err(SendFault::NotSent("the time was up".to_owned()));
        }
        let answer = sender.send(request, limits).await?;
        if answer.status == 401 {
            self.credentials.refused(auth, &headers).await;
        }
        Ok(answer)
    }

    /// Gives the sender to public addresses and these networks.
    fn sender(&self, own: &[Network]) -> Result<Sender, String> {
        let listed = [self.allow.as_slice(), own].concat();
        let mut names: Vec<String> = listed.iter().map(ToString::to_string).collect();
        names.sort_unstable();
        names.dedup();
        let mut senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = senders.get(&names) {
            return Ok(sender.clone());
        }
        let sender = Sender::new(&listed, Arc::clone(&self.lookup))?;
        senders.insert(names, sender.clone());
        Ok(sender)
    }
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound")
            .field("allow", &self.allow)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
