//! The client of the HTTP API that the other commands share.
//!
//! Says in one line what went wrong and what to do next: nothing answers, no
//! token, or the problem document's own detail with its code.

use std::{fmt::Write, time::Duration};

use reqwest::{Method, Response, StatusCode, header};
use serde_json::Value;

use super::{Failure, faults, output::Output};

/// How to reach a daemon.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Reach {
    /// Where the daemon listens
    #[arg(
        long,
        global = true,
        env = "PROVOST_SERVER",
        default_value = "http://127.0.0.1:8642",
        help_heading = "Connection"
    )]
    pub server: String,
    /// The token; better given as `PROVOST_TOKEN` than as an argument, which others can see
    #[arg(
        long,
        global = true,
        env = "PROVOST_TOKEN",
        hide_env_values = true,
        hide_default_value = true,
        help_heading = "Connection"
    )]
    pub token: Option<String>,
}

/// How to reach a daemon, and how to print what it answers.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Connection {
    #[command(flatten)]
    pub reach: Reach,
    /// The form of what is printed
    #[arg(
        long,
        short,
        global = true,
        value_enum,
        default_value_t,
        help_heading = "Connection"
    )]
    pub output: Output,
}

/// Pages of a listing.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Page {
    /// At most so many
    #[arg(long, default_value_t = 50)]
    pub limit: u32,
    /// Go on after this, as the page before said
    #[arg(long)]
    pub after: Option<String>,
}

impl Page {
    /// Adds the page to a query.
    pub(super) fn onto<'a>(&'a self, mut query: Query<'a>) -> Query<'a> {
        query.push(("limit", self.limit.to_string()));
        query.extend(self.after.clone().map(|after| ("after", after)));
        query
    }
}

/// A query in the making.
pub(super) type Query<'a> = Vec<(&'a str, String)>;

/// Makes a query of the filters that were given.
pub(super) fn given<'a>(filters: &[(&'a str, &Option<String>)]) -> Query<'a> {
    filters
        .iter()
        .filter_map(|(name, value)| Some((*name, (*value).clone()?)))
        .collect()
}

/// A client of one daemon.
#[derive(Clone, Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    server: String,
    token: Option<String>,
}

/// An answer that is no success.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    /// The status.
    pub(super) status: StatusCode,
    /// The problem document; `null` when there was none.
    pub(super) problem: Value,
    /// When to try again.
    pub(super) retry_after: Option<Duration>,
}

/// Why a request did not succeed.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// No answer.
    Unreachable(Failure),
    /// An answer, but no success.
    Refused(Refusal),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Unreachable(failure) => failure,
            Fault::Refused(refusal) => refusal.into(),
        }
    }
}

impl Refusal {
    /// Gives what went wrong in one sentence; below it what is wrong with a definition, one a line.
    pub(super) fn detail(&self) -> String {
        let text = |name| self.problem.get(name).and_then(Value::as_str);
        if let Some(faults) = self.faults() {
            return faults;
        }
        if let (Some(title), Some(lines)) = (text("title"), self.faults_of_definition()) {
            return format!("{title}:\n{lines}");
        }
        match (text("detail"), text("title")) {
            (Some(detail), _) if !detail.is_empty() => detail.to_owned(),
            (_, Some(title)) => title.to_owned(),
            _ => format!("the daemon answered {}", self.status),
        }
    }
}

impl Refusal {
    /// Names what is wrong with parameters, each by its place; `None` for all other problems.
    fn faults(&self) -> Option<String> {
        let errors = self.problem.get("errors")?.as_array()?;
        let faults: Option<Vec<String>> = errors
            .iter()
            .map(|error| {
                let (path, message) = (error["path"].as_str()?, error["message"].as_str()?);
                Some(if path.is_empty() {
                    message.to_owned()
                } else {
                    format!("`{path}`: {message}")
                })
            })
            .collect();
        faults
            .filter(|faults| !faults.is_empty())
            .map(|faults| faults.join("; "))
    }

    /// Names what is wrong with a definition, each by its place; `None` for all other problems.
    fn faults_of_definition(&self) -> Option<String> {
        let errors = self.problem.get("errors")?.as_array()?;
        let faults: Option<Vec<String>> = errors
            .iter()
            .map(|error| Some(format!("  {}", faults::told(error)?)))
            .collect();
        faults
            .filter(|faults| !faults.is_empty())
            .map(|faults| faults.join("\n"))
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let failure = Failure::new(refusal.detail());
        if refusal.status == StatusCode::UNAUTHORIZED {
            return failure.next(
                "set PROVOST_TOKEN to a token; `provost token create --name NAME --roles ROLE` prints a new one",
            );
        }
        match refusal.problem.get("code").and_then(Value::as_str) {
            Some(code) => failure.next(format!("`provost explain {code}` says what to do")),
            None if refusal.problem.is_null() => {
                failure.next("is this a Provost daemon? look at --server")
            }
            None => failure,
        }
    }
}

impl Client {
    /// Makes the client.
    pub(super) fn new(connection: &Connection) -> Result<Self, Failure> {
        Self::reach(&connection.reach)
    }

    /// Makes the client of a daemon whose answers are printed in a form of their own.
    pub(super) fn reach(reach: &Reach) -> Result<Self, Failure> {
        // An error means that a provider is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(Duration::from_secs(5))
            .user_agent(concat!("provost/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Failure::new(format!("the HTTP client does not start: {error}")))?;
        Ok(Self {
            http,
            server: reach.server.trim_end_matches('/').to_owned(),
            token: reach.token.clone(),
        })
    }

    /// Reads `path`.
    pub(super) async fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Value, Failure> {
        Ok(self.look(path, query).await?)
    }

    /// Reads `path`, for who goes on after some faults.
    pub(super) async fn look(&self, path: &str, query: &[(&str, String)]) -> Result<Value, Fault> {
        let request = self.request(Method::GET, path).query(query);
        read(self.send(request.timeout(PATIENCE)).await?).await
    }

    /// Sends JSON to `path`.
    pub(super) async fn send_json(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<Value, Failure> {
        let request = self.request(method, path).json(body).timeout(PATIENCE);
        Ok(read(self.send(request).await?).await?)
    }

    /// Posts a body of some content type.
    pub(super) async fn post(
        &self,
        path: &str,
        content_type: &str,
        body: String,
    ) -> Result<Value, Fault> {
        let request = self
            .request(Method::POST, path)
            .header(header::CONTENT_TYPE, content_type)
            .body(body)
            .timeout(PATIENCE);
        read(self.send(request).await?).await
    }

    /// Opens a stream of server-sent events, after the one of id `last` if there was one.
    pub(super) async fn stream(
        &self,
        path: &str,
        query: &[(&str, String)],
        last: Option<&str>,
    ) -> Result<Response, Fault> {
        let mut request = self
            .request(Method::GET, path)
            .query(query)
            .header(header::ACCEPT, "text/event-stream");
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        self.send(request).await
    }

    /// Opens a file that is read as it comes.
    pub(super) async fn download(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<Response, Failure> {
        Ok(self
            .send(self.request(Method::GET, path).query(query))
            .await?)
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.server));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Response, Fault> {
        let response = request
            .send()
            .await
            .map_err(|error| Fault::Unreachable(self.unreachable(&error)))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let retry_after = response
            .headers()
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        let problem = response.json().await.unwrap_or(Value::Null);
        Err(Fault::Refused(Refusal {
            status,
            problem,
            retry_after,
        }))
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let server = &self.server;
        if error.is_builder() {
            return Failure::new(format!("`{server}` is not a URL")).code(2);
        }
        if error.is_timeout() {
            return Failure::new(format!("{server} does not answer in time"))
                .next("`provost status` may say more; the daemon's log certainly does");
        }
        let cause = std::iter::successors(Some(error as &dyn std::error::Error), |error| {
            error.source()
        })
        .last()
        .map(ToString::to_string)
        .unwrap_or_default();
        Failure::new(format!("nothing answers at {server}: {cause}")).next(
            "is the daemon running? start it with `provost run`, or name another with --server",
        )
    }
}

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

async fn read(response: Response) -> Result<Value, Fault> {
    let status = response.status();
    let bytes = response.bytes().await.map_err(|error| {
        Fault::Unreachable(Failure::new(format!("the answer broke off: {error}")))
    })?;
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&bytes).map_err(|_| {
        Fault::Refused(Refusal {
            status,
            problem: Value::Null,
            retry_after: None,
        })
    })
}

/// Writes a value into a path, percent-encoded.
pub(super) fn segment(text: &str) -> String {
    let mut segment = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            segment.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(segment, "%{byte:02X}");
        }
    }
    segment
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_id_stays_one_segment() {
        assert_eq!(segment("a/b c?ü"), "a%2Fb%20c%3F%C3%BC");
    }

    #[test]
    fn faulty_parameters_are_named_by_their_place() {
        let of = |errors: Value| Refusal {
            status: StatusCode::BAD_REQUEST,
            problem: json!({"detail": "all of it", "errors": errors}),
            retry_after: None,
        };
        let faults = json!([
            {"path": "amount", "message": "\"x\" is not of type \"number\""},
            {"path": "", "message": "\"order_id\" is a required property"},
        ]);
        insta::assert_snapshot!(of(faults).detail(), @r#"`amount`: "x" is not of type "number"; "order_id" is a required property"#);
        let policy = json!([{"file": "a.rhai", "line": 1, "message": "no"}]);
        assert_eq!(of(policy).detail(), "all of it");
    }

    #[test]
    fn a_definition_that_is_refused_is_told_fault_by_fault() {
        let refusal = Refusal {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            problem: json!({
                "title": "The procedure is at fault", "detail": "the first, and 1 more",
                "code": "PV-HTTP-018", "errors": [
                    {"pointer": "/steps/0/type", "message": "no type", "code": "PV-PROC-005",
                        "severity": "error", "step": "a", "hint": "did you mean `message`?"},
                    {"pointer": "/scenarios", "message": "no scenario comes to b", "code": "PV-PROC-032",
                        "severity": "warning"},
                ],
            }),
            retry_after: None,
        };
        insta::assert_snapshot!(refusal.detail(), @r"
        The procedure is at fault:
          error: /steps/0/type (step `a`): no type [PV-PROC-005]; did you mean `message`?
          warning: /scenarios: no scenario comes to b [PV-PROC-032]
        ");
    }

    #[test]
    fn a_refusal_says_what_and_what_next() {
        let refusal = Refusal {
            status: StatusCode::CONFLICT,
            problem: json!({"detail": "escalation `esc_1` is settled", "code": "PV-HTTP-009"}),
            retry_after: None,
        };
        let failure = Failure::from(refusal);
        assert_eq!(failure.message(), "escalation `esc_1` is settled");
        assert_eq!(
            failure,
            Failure::new("escalation `esc_1` is settled")
                .next("`provost explain PV-HTTP-009` says what to do")
        );
    }
}
