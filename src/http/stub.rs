//! A system that actions call, as bare as it can be: it answers every call at once, or every call
//! after two seconds. `provost bench actions` measures against it; the daemon does not serve it.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    extract::State,
    http::HeaderMap,
    routing::{get, post},
    serve::ListenerExt,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// How long the slow one takes.
const SLOW: Duration = Duration::from_secs(2);

/// Serves `POST /calls`, the slow `POST /slow/calls`, and `GET /calls`, which tells how many came.
///
/// *Errors*: when the listener fails for good.
pub async fn serve(listener: TcpListener) -> io::Result<()> {
    let router = Router::new()
        .route("/calls", post(answer))
        .route("/slow/calls", post(answer_late))
        .route("/calls", get(count))
        .with_state(Arc::<AtomicU64>::default());
    // What cannot be set leaves a slower connection.
    let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
    axum::serve(listener, router).await
}

/// Takes every `POST /posts` and hands its body to `note`.
///
/// *Errors*: when the listener fails for good.
pub async fn listen(
    listener: TcpListener,
    note: impl Fn(&str) + Clone + Send + Sync + 'static,
) -> io::Result<()> {
    let take = move |body: String| {
        note(&body);
        std::future::ready("ok")
    };
    axum::serve(listener, Router::new().route("/posts", post(take))).await
}

type Calls = State<Arc<AtomicU64>>;

async fn answer(State(calls): Calls, headers: HeaderMap, body: Json<Value>) -> Json<Value> {
    calls.fetch_add(1, Ordering::Relaxed);
    drop(body);
    Json(json!({"id": key(&headers)}))
}

async fn answer_late(calls: Calls, headers: HeaderMap, body: Json<Value>) -> Json<Value> {
    tokio::time::sleep(SLOW).await;
    answer(calls, headers, body).await
}

async fn count(State(calls): Calls) -> Json<Value> {
    Json(json!({"calls": calls.load(Ordering::Relaxed)}))
}

fn key(headers: &HeaderMap) -> &str {
    let key = headers.get("idempotency-key");
    key.and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}
