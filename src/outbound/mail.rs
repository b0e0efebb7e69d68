//! Mails over SMTP, each to one person or a few, to a server at the address that was looked at.
//!
//! The integration's URL says how: `smtps://` speaks TLS from the first byte (port 465),
//! `smtp+starttls://` turns to TLS before anything is said (port 587), and `smtp://` (port
//! 25) does so too, but speaks plainly to an address that is listed and no public one: a
//! relay in the house. A name and password go in the URL, percent-encoded.
//!
//! What ends before the mail's text is sent was not sent. A 5xx to the sender, to the
//! recipient or to the text is a certain no (422), a 4xx is for later (503), the server's yes
//! is 200. When no answer to the text came, whether the mail is under way is unknown.

use std::{fmt, net::SocketAddr, time::Duration};

use lettre::{
    Message,
    message::{Mailbox, MessageBuilder, MultiPart, SinglePart},
    transport::smtp::{
        Error,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, TlsParameters},
        commands::{Data, Mail as From, Rcpt},
        extension::{ClientId, Extension, MailBodyParameter, MailParameter},
    },
};
use percent_encoding::percent_decode_str;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::{Answer, Ended, SendFault, guard::Guard, stage::Stage};
use crate::domain::time::Timestamp;

/// How long a connection to one address may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long the goodbye may take, once the mail is taken.
const QUIT_TIMEOUT: Duration = Duration::from_millis(500);
/// How much of what a server says is passed on. *Units*: characters.
const MAX_SAID: usize = 300;

/// A mail, but for its sender.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// The addresses of whom it is for; one that is refused refuses the mail.
    pub to: Vec<String>,
    /// The subject.
    pub subject: String,
    /// The text.
    pub text: String,
    /// The same as a page, for programs that show one.
    pub html: Option<String>,
    /// Its `Message-ID`, angle brackets included.
    pub message_id: String,
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mail {} (address and text not shown)", self.message_id)
    }
}

/// How the connection is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Security {
    /// TLS from the first byte.
    Tls,
    /// TLS before anything is said.
    StartTls,
    /// The same, but to a relay in the house.
    StartTlsOutside,
}

/// A server, as its URL names it.
struct Server {
    host: String,
    port: u16,
    security: Security,
    login: Option<Credentials>,
}

/// Sends a mail, once.
pub(super) async fn send(
    guard: &Guard,
    post: (&SecretString, &str),
    mail: &Mail,
    timeout: Duration,
    now: Timestamp,
) -> Ended {
    let (url, from) = post;
    let server = Server::parse(url.expose_secret())?;
    let message = compose(from, mail, now)?;
    let stage = Stage::default();
    let sending = async {
        let mut connection = server.connect(guard).await?;
        let delivered = deliver(&mut connection, &message, &stage).await;
        Ok((connection, delivered))
    };
    match tokio::time::timeout(timeout, sending).await {
        Ok(Ok((mut connection, delivered))) => {
            // What was answered stands, however the goodbye goes.
            let _ = tokio::time::timeout(QUIT_TIMEOUT, connection.quit()).await;
            delivered
        }
        Ok(Err(fault)) => Err(fault),
        Err(_) if stage.give_up() => Err(SendFault::NotSent("the time was up".to_owned())),
        Err(_) => Err(SendFault::Broken("the time was up".to_owned())),
    }
}

impl Server {
    fn parse(text: &str) -> Result<Self, SendFault> {
        let refused = |said: &str| SendFault::Refused(format!("the mail server's URL {said}"));
        let url = Url::parse(text).map_err(|_| refused("is none"))?;
        let (security, port) = match url.scheme() {
            "smtps" => (Security::Tls, 465),
            "smtp+starttls" => (Security::StartTls, 587),
            "smtp" => (Security::StartTlsOutside, 25),
            _ => return Err(refused("is neither smtps://, smtp+starttls:// nor smtp://")),
        };
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let password = url.password().map(decoded);
        let login = password.map(|password| Credentials::new(decoded(url.username()), password));
        if login.is_none() && !url.username().is_empty() {
            return Err(refused("names a user without a password"));
        }
        let host = url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Ok(Self {
            host: host.to_owned(),
            port: url.port().unwrap_or(port),
            security,
            login,
        })
    }

    /// Connects, secures the connection and logs in. Nothing of the mail has gone out then.
    async fn connect(&self, guard: &Guard) -> Result<AsyncSmtpConnection, SendFault> {
        let addresses = guard.addresses(&self.host).await?;
        let mut said = String::new();
        for address in addresses {
            let is_plain = self.security == Security::StartTlsOutside && guard.is_house(address);
            match self
                .reach(SocketAddr::new(address, self.port), is_plain)
                .await
            {
                Ok(connection) => return self.log_in(connection).await,
                Err(error) => said = cut(&error),
            }
        }
        Err(SendFault::NotSent(said))
    }

    async fn reach(&self, at: SocketAddr, is_plain: bool) -> Result<AsyncSmtpConnection, Error> {
        let hello = ClientId::default();
        let tls = || TlsParameters::new(self.host.clone());
        let first = (self.security == Security::Tls).then(tls).transpose()?;
        let connecting =
            AsyncSmtpConnection::connect_tokio1(at, Some(CONNECT_TIMEOUT), &hello, first, None);
        let mut connection = connecting.await?;
        if self.security != Security::Tls && !is_plain {
            // A server without it is not spoken to.
            connection.starttls(tls()?, &hello).await?;
        }
        Ok(connection)
    }

    async fn log_in(
        &self,
        mut connection: AsyncSmtpConnection,
    ) -> Result<AsyncSmtpConnection, SendFault> {
        let Some(login) = &self.login else {
            return Ok(connection);
        };
        let known = [Mechanism::Plain, Mechanism::Login];
        match connection.auth(&known, login).await {
            Ok(_) => Ok(connection),
            Err(error) if error.is_permanent() => Err(SendFault::Refused(format!(
                "the mail server refused the login: {}",
                cut(&error)
            ))),
            Err(error) => Err(SendFault::NotSent(cut(&error))),
        }
    }
}

/// Makes the mail's bytes.
fn compose(from: &str, mail: &Mail, now: Timestamp) -> Result<Message, SendFault> {
    let mailbox = |text: &str, what: &str| {
        let read = text.parse::<Mailbox>();
        read.map_err(|_| SendFault::Refused(format!("the {what} is no mail address")))
    };
    let mut building = MessageBuilder::new().from(mailbox(from, "sender")?);
    for to in &mail.to {
        let to = mailbox(to, "recipient")?;
        building = building.to(Mailbox::new(None, to.email));
    }
    let building = building
        .subject(mail.subject.clone())
        .message_id(Some(mail.message_id.clone()))
        .date(now.to_utc().into());
    let text = mail.text.clone();
    let message = match &mail.html {
        Some(page) => building.multipart(MultiPart::alternative_plain_html(text, page.clone())),
        None => building.singlepart(SinglePart::plain(text)),
    };
    message.map_err(|error| SendFault::Refused(error.to_string()))
}

/// Hands a mail over.
async fn deliver(connection: &mut AsyncSmtpConnection, message: &Message, stage: &Stage) -> Ended {
    let (envelope, bytes) = (message.envelope(), message.formatted());
    let parameters = parameters(connection, message, &bytes)?;
    let from = From::new(envelope.from().cloned(), parameters);
    if let Err(error) = connection.command(from).await {
        return before_the_text(&error);
    }
    for to in envelope.to() {
        if let Err(error) = connection.command(Rcpt::new(to.clone(), Vec::new())).await {
            return before_the_text(&error);
        }
    }
    if let Err(error) = connection.command(Data).await {
        return before_the_text(&error);
    }
    if !stage.begin() {
        return Err(SendFault::NotSent("the time was up".to_owned()));
    }
    match connection.message(&bytes).await {
        Ok(response) => {
            let said: String = response
                .message()
                .next()
                .unwrap_or_default()
                .chars()
                .take(MAX_SAID)
                .collect();
            Ok(answer(200, json!({"response": said})))
        }
        Err(error) => said_no(&error).ok_or_else(|| SendFault::Broken(cut(&error))),
    }
}

/// Gives what the server must know of a mail that is not all ASCII; only addresses are not.
fn parameters(
    connection: &AsyncSmtpConnection,
    message: &Message,
    bytes: &[u8],
) -> Result<Vec<MailParameter>, SendFault> {
    let envelope = message.envelope();
    let mut addresses = envelope.to().iter().chain(envelope.from());
    let eight_bits = MailParameter::Body(MailBodyParameter::EightBitMime);
    let asks = [
        (
            addresses.any(|address| !AsRef::<str>::as_ref(address).is_ascii()),
            Extension::SmtpUtfEight,
            MailParameter::SmtpUtfEight,
        ),
        (!bytes.is_ascii(), Extension::EightBitMime, eight_bits),
    ];
    let mut parameters = Vec::new();
    for (is_needed, extension, parameter) in asks {
        if is_needed && !connection.server_info().supports_feature(extension) {
            let said = "the mail server takes no such address";
            return Err(SendFault::Refused(said.to_owned()));
        }
        if is_needed {
            parameters.push(parameter);
        }
    }
    Ok(parameters)
}

/// Says how it ended when nothing of the text had gone out.
fn before_the_text(error: &Error) -> Ended {
    said_no(error).ok_or_else(|| SendFault::NotSent(cut(error)))
}

/// Gives the server's no, if it said one.
fn said_no(error: &Error) -> Option<Answer> {
    let status = match (error.is_permanent(), error.is_transient()) {
        (true, _) => 422,
        (false, true) => 503,
        (false, false) => return None,
    };
    Some(answer(status, json!({"error": cut(error)})))
}

fn answer(status: u16, body: serde_json::Value) -> Answer {
    Answer {
        status,
        retry_after: None,
        body: Ok(body),
    }
}

fn cut(error: &Error) -> String {
    let said = error.to_string();
    said.chars()
        .filter(|sign| !sign.is_control())
        .take(MAX_SAID)
        .collect()
}
