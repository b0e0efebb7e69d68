//! How HTTP integrations know Provost: the headers that say so.
//!
//! A key, a name with its password and a token that stays are headers at once. A token by
//! OAuth 2 client credentials is fetched through the same guarded sender, once for all who
//! wait, and kept until shortly before it ends. One that was answered with 401 is not used
//! again: the next call fetches another. No secret is in an error or a log.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Limits, Request, SendFault, Sender};
use crate::{clock::Clock, domain::integration::Auth};

/// How long before its end a token is no longer used; of a short-lived one, a tenth of its life.
const BEFORE_ITS_END: Duration = Duration::from_secs(30);
/// How long a token lives that does not say. *Source*: RFC 6749 leaves it open.
const UNSAID_LIFE: Duration = Duration::from_secs(300);
/// The longest that one is kept, whatever it says.
const MAX_LIFE: Duration = Duration::from_secs(86_400);
/// How large the answer with a token may be.
const MAX_BYTES: usize = 65_536;

/// The headers of a call.
pub(super) type Headers = Vec<(String, String)>;

/// A token, until it is no longer used.
struct Token {
    text: SecretString,
    until: Duration,
}

/// Where one integration's token is; whoever fetches it holds the lock, so that one does.
type Slot = Arc<tokio::sync::Mutex<Option<Token>>>;

/// The tokens of this daemon, by what they are had with.
pub(super) struct Credentials {
    clock: Clock,
    slots: Mutex<HashMap<[u8; 32], Slot>>,
}

impl Credentials {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            slots: Mutex::default(),
        }
    }

    /// Gives the headers by which an integration knows Provost.
    ///
    /// *Errors*: `Refused` when the client is not known where tokens are had, `NotSent` when it cannot
    /// be asked now. The call itself was not sent.
    pub(super) async fn headers(
        &self,
        auth: &Auth,
        sender: &Sender,
        timeout: Duration,
    ) -> Result<Headers, SendFault> {
        let bearer = |token: &SecretString| format!("Bearer {}", token.expose_secret());
        let header = match auth {
            Auth::None => return Ok(Vec::new()),
            Auth::ApiKey { header, key } => (header.clone(), key.expose_secret().to_owned()),
            Auth::Basic { user, password } => (
                "Authorization".to_owned(),
                basic(user, password.expose_secret()),
            ),
            Auth::Bearer { token } => ("Authorization".to_owned(), bearer(token)),
            Auth::OAuth2 { .. } => {
                let fetching = self.token(auth, sender, timeout);
                // Who waits for another's token waits no longer than for its own.
                let token = tokio::time::timeout(timeout, fetching).await;
                let token = token.map_err(|_| not_had("the time was up"))??;
                ("Authorization".to_owned(), bearer(&token))
            }
        };
        Ok(vec![header])
    }

    /// Says that these headers were answered with 401; a token among them is not used again.
    pub(super) async fn refused(&self, auth: &Auth, headers: &Headers) {
        if !matches!(auth, Auth::OAuth2 { .. }) {
            return;
        }
        let slot = self.slot(auth);
        let mut kept = slot.lock().await;
        let is_the_same = kept.as_ref().is_some_and(|token| {
            let own = format!("Bearer {}", token.text.expose_secret());
            headers.iter().any(|(_, value)| *value == own)
        });
        if is_the_same {
            *kept = None;
        }
    }

    async fn token(
        &self,
        auth: &Auth,
        sender: &Sender,
        timeout: Duration,
    ) -> Result<SecretString, SendFault> {
        let slot = self.slot(auth);
        let mut kept = slot.lock().await;
        if let Some(token) = kept.as_ref()
            && self.clock.monotonic() < token.until
        {
            return Ok(token.text.clone());
        }
        *kept = None;
        let asked_at = self.clock.monotonic();
        let (text, life) = fetch(auth, sender, timeout).await?;
        let until = asked_at + life.saturating_sub(BEFORE_ITS_END.min(life / 10));
        *kept = Some(Token {
            text: text.clone(),
            until,
        });
        Ok(text)
    }

    fn slot(&self, auth: &Auth) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(key(auth)).or_default())
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials (not shown)")
    }
}

/// Names a token by what it is had with.
fn key(auth: &Auth) -> [u8; 32] {
    let mut hash = Sha256::new();
    if let Auth::OAuth2 {
        token_url,
        client_id,
        client_secret,
        scope,
    } = auth
    {
        let scope = scope.as_deref().unwrap_or_default();
        for part in [token_url, client_id, client_secret.expose_secret(), scope] {
            hash.update(part.len().to_be_bytes());
            hash.update(part.as_bytes());
        }
    }
    hash.finalize().into()
}

/// Has a token made, once.
async fn fetch(
    auth: &Auth,
    sender: &Sender,
    timeout: Duration,
) -> Result<(SecretString, Duration), SendFault> {
    let Auth::OAuth2 {
        token_url,
        client_id,
        client_secret,
        scope,
    } = auth
    else {
        return Err(SendFault::Refused("it has no tokens".to_owned()));
    };
    let mut form = "grant_type=client_credentials".to_owned();
    if let Some(scope) = scope {
        form.push_str("&scope=");
        form.push_str(&encoded(scope));
    }
    // RFC 6749, 2.3.1: both are encoded before they are joined.
    let known_as = basic(&encoded(client_id), &encoded(client_secret.expose_secret()));
    let header = |name: &str, value: String| (name.to_owned(), value);
    let request = Request {
        method: "POST".to_owned(),
        url: token_url.clone(),
        headers: vec![
            header("Authorization", known_as),
            header(
                "Content-Type",
                "application/x-www-form-urlencoded".to_owned(),
            ),
            header("Accept", "application/json".to_owned()),
        ],
        body: Some(form),
    };
    let limits = Limits {
        timeout,
        max_bytes: MAX_BYTES,
    };
    let answer = sender
        .send(request, limits)
        .await
        .map_err(|fault| match fault {
            SendFault::Refused(said) => SendFault::Refused(format!("no token: {said}")),
            SendFault::NotSent(said) | SendFault::Broken(said) => not_had(&said),
        })?;
    let body = answer.body.unwrap_or_default();
    match answer.status {
        200..=299 => read(&body),
        400..=499 if ![408, 425, 429].contains(&answer.status) => {
            let said = format!("no token: {}{}", answer.status, code(&body));
            Err(SendFault::Refused(said))
        }
        status => Err(not_had(&format!("{status}{}", code(&body)))),
    }
}

/// Reads a token and how long it lives.
fn read(body: &Value) -> Result<(SecretString, Duration), SendFault> {
    let text = body["access_token"].as_str().unwrap_or_default();
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(not_had("the answer holds none"));
    }
    let life = match &body["expires_in"] {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.as_u64(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    let life = life.map_or(UNSAID_LIFE, Duration::from_secs).min(MAX_LIFE);
    Ok((SecretString::from(text.to_owned()), life))
}

fn basic(user: &str, password: &str) -> String {
    let both = BASE64_STANDARD.encode(format!("{user}:{password}"));
    format!("Basic {both}")
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Gives the error's code of RFC 6749, and nothing else of an answer that may repeat what it was sent.
fn code(body: &Value) -> String {
    let code = body["error"].as_str().unwrap_or_default();
    let is_code = |c: char| c.is_ascii_lowercase() || c == '_';
    if code.is_empty() || code.len() > 40 || !code.chars().all(is_code) {
        return String::new();
    }
    format!(" {code}")
}

fn not_had(said: &str) -> SendFault {
    SendFault::NotSent(format!("no token: {said}"))
}
