//! Another system, as an integration finds it: it honours keys, remembers what it did, and
//! misbehaves by the path that it is asked on.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, State},
    http::{HeaderMap, Response},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A call that came in.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The path's first word: how the stub behaves.
    pub(crate) way: String,
    /// Its `Idempotency-Key`.
    pub(crate) key: String,
    /// Its `Authorization`.
    pub(crate) authorization: String,
    /// Its headers.
    pub(crate) headers: HeaderMap,
    /// Its body.
    pub(crate) body: Value,
    /// The same, as it came.
    pub(crate) text: String,
}

/// What the stub remembers.
#[derive(Debug, Default)]
struct Memory {
    calls: Vec<Call>,
    /// What was done, by key: how often the key came.
    done: BTreeMap<String, usize>,
}

/// The stub; it ends with the test.
#[derive(Clone, Debug)]
pub(crate) struct Stub {
    /// Where it listens.
    pub(crate) url: String,
    memory: Arc<Mutex<Memory>>,
}

impl Stub {
    /// Starts a stub on a free port of the loopback.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let stub = Self {
            url: format!("http://{address}"),
            memory: Arc::default(),
        };
        let router = Router::new()
            .route("/{way}", axum::routing::any(Self::answer))
            .route("/{way}/{*rest}", axum::routing::any(Self::answer_below))
            .with_state(stub.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        stub
    }

    /// Gives every call so far, in order.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.memory.lock().unwrap().calls.clone()
    }

    /// Gives what was done, by key, and how often each key came.
    pub(crate) fn done(&self) -> BTreeMap<String, usize> {
        self.memory.lock().unwrap().done.clone()
    }

    async fn answer_below(
        state: State<Self>,
        Path((way, _)): Path<(String, String)>,
        headers: HeaderMap,
        body: Bytes,
    ) -> Response<Body> {
        Self::answer(state, Path(way), headers, body).await
    }

    async fn answer(
        State(stub): State<Self>,
        Path(way): Path<String>,
        headers: HeaderMap,
        body: Bytes,
    ) -> Response<Body> {
        let text = |name: &str| {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let key = text("idempotency-key");
        let before = stub.note(Call {
            way: way.clone(),
            key: key.clone(),
            authorization: text("authorization"),
            headers: headers.clone(),
            body: serde_json::from_slice(&body).unwrap_or_default(),
            text: String::from_utf8_lossy(&body).into_owned(),
        });
        if way.starts_with("list") {
            return stub.answer_list(&way, &key, before, &body).await;
        }
        match way.as_str() {
            "missing" => plain(404, &json!({"error": "unknown"})),
            "refuse" => plain(422, &json!({"error": "no"})),
            "never" => std::future::pending().await,
            "late" => {
                stub.did(&key);
                tokio::time::sleep(Duration::from_secs(if before == 0 { 3 } else { 0 })).await;
                plain(200, &json!({"id": key}))
            }
            "busy" if before == 0 => bare(429, "retry-after", "1"),
            "storm" if before < 2 => {
                stub.did(&key);
                plain(500, &json!({"error": "storm"}))
            }
            "endless" => {
                let chunks = futures_util::stream::repeat_with(|| {
                    Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; 65_536]))
                });
                Response::new(Body::from_stream(chunks))
            }
            "redirect" => bare(302, "location", "http://169.254.169.254/latest"),
            "slow" => {
                tokio::time::sleep(Duration::from_secs(2)).await;
                stub.did(&key);
                plain(200, &json!({"id": key}))
            }
            _ => {
                stub.did(&key);
                plain(200, &json!({"id": key, "status": "sent"}))
            }
        }
    }

    /// Answers a call for many: one part for each of `items`, in their order.
    async fn answer_list(
        &self,
        way: &str,
        key: &str,
        before: usize,
        body: &[u8],
    ) -> Response<Body> {
        self.did(key);
        match way {
            "list_storm" if before < 2 => return plain(500, &json!({"error": "storm"})),
            "list_silent" if before == 0 => std::future::pending().await,
            _ => {}
        }
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let items = body["items"].as_array().cloned().unwrap_or_default();
        let parts = items
            .iter()
            .map(|item| json!({"id": item["order"], "key": key}));
        plain(200, &parts.collect())
    }

    fn note(&self, call: Call) -> usize {
        let mut memory = self.memory.lock().unwrap();
        let same = |known: &&Call| known.key == call.key && known.way == call.way;
        let before = memory.calls.iter().filter(same).count();
        memory.calls.push(call);
        before
    }

    fn did(&self, key: &str) {
        *self
            .memory
            .lock()
            .unwrap()
            .done
            .entry(key.to_owned())
            .or_default() += 1;
    }
}

fn plain(status: u16, body: &Value) -> Response<Body> {
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .unwrap()
}

fn bare(status: u16, header: &str, value: &str) -> Response<Body> {
    Response::builder()
        .status(status)
        .header(header, value)
        .body(Body::empty())
        .unwrap()
}
