//! One running daemon: its process, its HTTP API, its log.
//!
//! Dropping it kills it and fails the test when it panicked or logged an error
//! that the test did not announce; a test that panicked itself shows the end of
//! the log instead.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, ExitStatus},
    sync::Once,
    time::Duration,
};

use reqwest::{Client, Method, Response, StatusCode};
use serde_json::Value;

use super::place::{PATIENCE, eventually, within};

/// Gives an HTTP client that speaks to loopback without a proxy.
pub(crate) fn client() -> Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(30))
        .build()
        .expect("a client")
}

/// A daemon that was started.
#[derive(Debug)]
pub(crate) struct Daemon {
    child: Child,
    ended: Option<ExitStatus>,
    url: String,
    token: String,
    log: PathBuf,
    excused: Vec<String>,
    client: Client,
}

impl Daemon {
    /// Takes over a started process that listens at `url` and writes to `log`.
    pub(crate) fn new(
        child: Child,
        url: String,
        token: String,
        log: PathBuf,
        excused: Vec<String>,
    ) -> Self {
        Self {
            child,
            ended: None,
            url,
            token,
            log,
            excused,
            client: client(),
        }
    }

    /// Gives the base of its URLs.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Gives the owner's token.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Waits for `/readyz`; fails at once when the process ends instead.
    pub(crate) async fn ready(&mut self) {
        let url = format!("{}/readyz", self.url);
        eventually("the daemon is ready", async || {
            if let Some(status) = self.poll() {
                panic!("the daemon ended with {status} while starting");
            }
            let answer = self.client.get(&url).send().await.ok()?;
            (answer.status() == StatusCode::OK).then_some(())
        })
        .await;
    }

    /// Waits for `/readyz`, or for the end of a daemon that was doomed.
    pub(crate) async fn ready_or_dead(&mut self) {
        let url = format!("{}/readyz", self.url);
        eventually("the daemon is ready or dead", async || {
            if self.poll().is_some() {
                return Some(());
            }
            let answer = self.client.get(&url).send().await.ok()?;
            (answer.status() == StatusCode::OK).then_some(())
        })
        .await;
    }

    /// Delivers events once; false when nobody answered that they were accepted.
    pub(crate) async fn try_deliver(&self, events: &[Value]) -> bool {
        let sent = self
            .client
            .post(format!("{}/v1/events", self.url))
            .bearer_auth(&self.token)
            .header("content-type", "application/cloudevents-batch+json")
            .body(Value::from(events.to_vec()).to_string())
            .send()
            .await;
        sent.is_ok_and(|answer| answer.status() == StatusCode::ACCEPTED)
    }

    /// Tells whether it has ended, and how.
    pub(crate) fn poll(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().expect("a child of ours");
        }
        self.ended
    }

    /// Waits until it ends by itself.
    pub(crate) async fn exit(&mut self) -> ExitStatus {
        self.exit_within(PATIENCE).await
    }

    /// As [`Daemon::exit`], with a deadline of the test's own.
    pub(crate) async fn exit_within(&mut self, limit: Duration) -> ExitStatus {
        within(limit, "the daemon ends", async || self.poll()).await
    }

    /// Kills it, as `kill -9` does, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        self.ended = Some(self.child.wait().expect("a child of ours"));
    }

    /// Sends a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([format!("-{name}"), self.child.id().to_string()])
            .status()
            .expect("kill runs");
        assert!(status.success(), "kill -{name}");
    }

    /// Asks it to stop, and waits until it did with exit code 0.
    pub(crate) async fn stop(&mut self) {
        self.signal("TERM");
        let status = self.exit().await;
        assert_eq!(status.code(), Some(0), "a clean stop: {status}");
    }

    /// Gives its log so far, standard output and error alike.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until its log holds the text.
    pub(crate) async fn says(&self, text: &str) {
        let what = format!("the log says `{text}`");
        eventually(&what, async || self.log().contains(text).then_some(())).await;
    }

    /// Sends a request with the owner's token.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: impl Into<String>,
    ) -> (StatusCode, Value) {
        let answer = self
            .client
            .request(method, format!("{}{path}", self.url))
            .bearer_auth(&self.token)
            .header("content-type", content_type)
            .body(body.into())
            .send()
            .await
            .unwrap_or_else(|error| panic!("{path}: {error:?}"));
        let status = answer.status();
        let text = answer.text().await.unwrap_or_default();
        let value = serde_json::from_str(&text).unwrap_or(Value::String(text));
        (status, value)
    }

    /// Gets JSON; anything but 200 fails the test.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, value) = self.send(Method::GET, path, "application/json", "").await;
        assert_eq!(status, StatusCode::OK, "{path}: {value}");
        value
    }

    /// Opens a stream of server-sent events.
    pub(crate) async fn stream(&self, path: &str, last_event_id: Option<&str>) -> Stream {
        let mut request = self
            .client
            .get(format!("{}{path}", self.url))
            .bearer_auth(&self.token)
            .header("accept", "text/event-stream");
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let answer = request.send().await.expect("a stream");
        assert_eq!(answer.status(), StatusCode::OK);
        Stream {
            answer,
            text: String::new(),
        }
    }

    /// Posts one batch of structured events.
    pub(crate) async fn post(&self, events: &[Value]) -> (StatusCode, Value) {
        let body = Value::from(events.to_vec()).to_string();
        let content_type = "application/cloudevents-batch+json";
        self.send(Method::POST, "/v1/events", content_type, body)
            .await
    }

    /// Delivers events over HTTP, as a client does that comes back after a 503.
    pub(crate) async fn deliver(&self, events: &[Value]) {
        for batch in events.chunks(100) {
            eventually("a batch is accepted", async || {
                let (status, answer) = self.post(batch).await;
                if status == StatusCode::SERVICE_UNAVAILABLE {
                    return None;
                }
                assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
                Some(())
            })
            .await;
        }
    }

    /// Reads a whole list, page by page.
    pub(crate) async fn list(&self, path: &str) -> Vec<Value> {
        let (mut items, mut after) = (Vec::new(), None::<String>);
        let join = if path.contains('?') { '&' } else { '?' };
        loop {
            let cursor = after
                .as_ref()
                .map_or_else(String::new, |after| format!("&after={after}"));
            let page = self.get(&format!("{path}{join}limit=200{cursor}")).await;
            items.extend(page["items"].as_array().cloned().unwrap_or_default());
            // A cursor that stands still is the end: the results have no last page.
            match &page["next"] {
                Value::String(next) if Some(next) != after.as_ref() => after = Some(next.clone()),
                _ => return items,
            }
        }
    }

    fn complaints(&self) -> Vec<String> {
        let log = self.log();
        log.lines()
            .filter(|line| line.contains("\"level\":\"ERROR\"") || line.contains("panicked at"))
            .filter(|line| !self.excused.iter().any(|excuse| line.contains(excuse)))
            .map(str::to_owned)
            .collect()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.poll().is_none() {
            self.kill();
        }
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let from = lines.len().saturating_sub(60);
            eprintln!("---- {}\n{}", self.log.display(), lines[from..].join("\n"));
        } else {
            let complaints = self.complaints();
            assert!(
                complaints.is_empty(),
                "errors nobody announced:\n{}",
                complaints.join("\n")
            );
        }
    }
}

/// A stream of server-sent events.
pub(crate) struct Stream {
    answer: Response,
    text: String,
}

impl Stream {
    /// Waits for the next event: its id and its data.
    pub(crate) async fn next(&mut self) -> (String, Value) {
        within(PATIENCE, "the stream's next event", async || {
            while !self.text.contains("\n\n") {
                let chunk = self
                    .answer
                    .chunk()
                    .await
                    .expect("a stream")
                    .expect("not its end");
                self.text.push_str(&String::from_utf8_lossy(&chunk));
            }
            let (block, rest) = self.text.split_once("\n\n").expect("just found");
            let field = |name: &str| {
                let lines = block.lines().filter_map(|line| line.strip_prefix(name));
                lines.map(str::trim_start).collect::<Vec<_>>().join("\n")
            };
            let (id, data) = (field("id:"), field("data:"));
            rest.to_owned().clone_into(&mut self.text);
            // A comment or a bare field keeps the connection alive and carries nothing.
            (!data.is_empty()).then(|| (id, serde_json::from_str(&data).expect("JSON")))
        })
        .await
    }
}
