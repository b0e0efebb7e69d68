//! What the tests of this module share: the API of a real daemon on a fresh SQLite file.

use std::{path::PathBuf, sync::Arc};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, Response},
};
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::{
    clock::Clock,
    config::{Config, Env},
    daemon::{self, Folders, Running},
    domain::time::Timestamp,
    store::Token,
};

const RULES: &str = r#"
escalation("Refund requests", #{ keywords: ["refund"], priority: "high", ticket: true, message: "One moment." });
"#;

const CONFIG: &str = r#"
[intake.chatwoot]
secret = "geheim"
[policy]
watch = false
[roles.feed]
grants = [{ verbs = ["ingest"] }]
[limits]
body_bytes = 65536
batch_events = 20
nesting = 8
string_bytes = 4096
"#;

const NOT_YET: &str = r#"fn map(message) { throw "not yet"; }"#;

const MAPPING: &str = r#"
fn map(message) {
    #{ specversion: "1.0", id: message.body.id, source: "/crm", type: "conversation.ended", subject: "crm-1", data: #{} }
}
"#;

/// A daemon with its API.
pub(super) struct Place {
    dir: PathBuf,
    running: Option<Running>,
    router: Router,
    /// Ends the streams.
    pub(super) stopping: CancellationToken,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    /// The status.
    pub(super) status: u16,
    /// The headers.
    pub(super) headers: HeaderMap,
    /// The body as JSON; `null` when it is none.
    pub(super) body: Value,
}

impl Place {
    /// Starts a daemon with the token `t-agent` of dana, an agent, and `t-owner`.
    pub(super) async fn start() -> Self {
        Self::start_at(Clock::machine()).await
    }

    /// The same by a clock that the test may move.
    pub(super) async fn start_at(clock: Clock) -> Self {
        let dir = std::env::temp_dir().join(format!("provost-http-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir_all(dir.join("rules")).expect("a folder");
        std::fs::write(dir.join("rules/refunds.rhai"), RULES).expect("a rule");
        std::fs::create_dir_all(dir.join("mappings")).expect("a folder");
        std::fs::write(dir.join("mappings/crm.rhai"), NOT_YET).expect("a mapping");
        std::fs::write(dir.join("provost.toml"), CONFIG).expect("a configuration");
        let database = format!("sqlite:{}", dir.join("provost.db").display());
        let rules = dir.join("rules").display().to_string();
        let env = Env::from([
            ("PROVOST_DATABASE_URL", database.as_str()),
            ("PROVOST_RULES", &rules),
        ]);
        let config = Config::load(&dir, &env).expect("a configuration").config;
        let folders = Folders {
            config: dir.clone(),
            rules: config.policy.rules.clone(),
            env,
        };
        let running = daemon::start(config, folders, clock)
            .await
            .expect("a daemon");
        let stopping = CancellationToken::new();
        let place = Self {
            router: super::router(Arc::new(running.app.clone()), stopping.clone()),
            dir,
            running: Some(running),
            stopping,
        };
        place.keep_token("dana", "agent", "t-agent").await;
        place.keep_token("owner", "owner", "t-owner").await;
        place
    }

    /// Makes the token `t-NAME` of somebody with one role.
    pub(super) async fn make_token(&self, name: &str, role: &str) {
        self.keep_token(name, role, &format!("t-{name}")).await;
    }

    async fn keep_token(&self, name: &str, role: &str, secret: &str) {
        let token = Token {
            name: name.to_owned(),
            roles: vec![role.to_owned()],
            created_at: Timestamp::default(),
            expires_at: None,
            last_used: None,
        };
        let store = &self.running.as_ref().expect("a daemon").app.store;
        let secret = secret.to_owned();
        let made = store.write(move |desk| desk.token_create(&token, &secret));
        assert_eq!(made.await, Ok(true));
    }

    /// Sends a request.
    pub(super) async fn send(&self, request: Request<Body>) -> Response<Body> {
        let answer = self.router.clone().oneshot(request).await;
        answer.expect("the router answers")
    }

    /// Sends a request with the owner's token and reads the answer.
    pub(super) async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.ask_as("t-owner", method, path, body).await
    }

    /// Sends a request with a token and reads the answer.
    pub(super) async fn ask_as(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        let builder = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json");
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        read(self.send(builder.body(body).expect("a request")).await).await
    }

    /// Posts events as a batch, or one as a structured event.
    pub(super) async fn post(&self, token: &str, events: &Value) -> Answer {
        let media = if events.is_array() {
            super::BATCHED
        } else {
            super::STRUCTURED
        };
        let request = Request::post("/v1/events")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", media)
            .body(Body::from(events.to_string()));
        read(self.send(request.expect("a request")).await).await
    }

    /// Mends the mapping `crm`, which always fails at first.
    pub(super) fn mend_mapping(&self) {
        std::fs::write(self.dir.join("mappings/crm.rhai"), MAPPING).expect("a mapping");
    }

    /// Writes a file below the configuration's folder.
    pub(super) fn configure(&self, file: &str, text: &str) {
        let path = self.dir.join(file);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }

    /// Breaks the policy's folder.
    pub(super) fn break_rules(&self) {
        let text = "escalation(\"Half\", #{ keyword: [\"x\"] });";
        std::fs::write(self.dir.join("rules/half.rhai"), text).expect("a rule");
    }

    /// Stops the daemon but not the API.
    pub(super) async fn stop_daemon(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
    }

    /// Stops the daemon.
    pub(super) async fn end(mut self) {
        self.stop_daemon().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Reads an answer whole.
pub(super) async fn read(response: Response<Body>) -> Answer {
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let bytes = to_bytes(response.into_body(), 10_000_000)
        .await
        .expect("a body");
    Answer {
        status,
        headers,
        body: serde_json::from_slice(&bytes).unwrap_or_default(),
    }
}

/// Makes a message of a customer.
pub(super) fn message(id: &str, conversation: &str, text: &str) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": "/chat", "type": "conversation.message",
        "subject": conversation,
        "data": {
            "channel": "web",
            "customer": {"id": "cus-1", "name": "Eve"},
            "message": {"id": id, "text": text, "author": {"kind": "customer", "id": "cus-1"}},
        },
    })
}

/// Signs as senders do, for tests.
pub(super) fn sign(secret: &[u8], parts: &[&[u8]]) -> String {
    use std::fmt::Write;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any length");
    for part in parts {
        mac.update(part);
    }
    let mut text = "sha256=".to_owned();
    for byte in mac.finalize().into_bytes() {
        write!(text, "{byte:02x}").expect("a String takes all");
    }
    text
}
