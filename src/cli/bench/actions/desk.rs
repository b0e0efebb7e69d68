//! What people do over the API: they look at what waits and decide, and take the audit log away.

use reqwest::Method;
use serde_json::json;

use super::report::{Approvals, Speed};
use crate::{
    cli::{
        Failure,
        bench::{daemon::Daemon, ground::Ground, report::Spread},
        client::{Client, Connection, Reach, segment},
        output::Output,
        token,
    },
    clock::{Clock, Stopwatch},
    domain::time::Span,
    store::{Role, Store, Token},
};

/// How many decisions are measured at most.
const DECISIONS: usize = 1_000;
/// How many pages are.
const PAGES: usize = 100;
/// The longest that the token lives, should nobody be left to revoke it.
const TOKEN_LIVES: Span = Span::from_secs(24 * 3_600);

/// A token of the bench's own, revoked when it is dropped.
pub(super) struct Pass {
    store: Store,
    name: String,
    secret: String,
}

impl Pass {
    /// Makes the token of a manager.
    pub(super) fn new(ground: &Ground) -> Result<Self, Failure> {
        let now = Clock::machine().now();
        let pass = Self {
            store: Store::open(&ground.database, Role::Tool)?,
            name: format!("bench-{}", now.micros()),
            secret: token::new_secret()?,
        };
        let token = Token {
            name: pass.name.clone(),
            roles: vec!["manager".to_owned()],
            created_at: now,
            expires_at: Some(now.plus(TOKEN_LIVES)),
            last_used: None,
        };
        pass.store.desk().token_create(&token, &pass.secret)?;
        Ok(pass)
    }

    /// Makes the client of a daemon.
    pub(super) fn client(&self, daemon: &Daemon) -> Result<Client, Failure> {
        Client::new(&Connection {
            reach: Reach {
                server: daemon.server(),
                token: Some(self.secret.clone()),
            },
            output: Output::Json,
        })
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        // One that cannot be revoked ends by itself.
        let _ = self.store.desk().token_revoke(&self.name);
    }
}

/// Looks through what waits, page by page, and then decides, one after the other.
pub(super) async fn decide(client: &Client, approvals: &[String]) -> Result<Approvals, Failure> {
    let pages = list(client).await?;
    let mut millis = Vec::new();
    for id in approvals.iter().take(DECISIONS) {
        let path = format!("/v1/approvals/{}/decision", segment(id));
        let watch = Stopwatch::start();
        client
            .send_json(Method::POST, &path, &json!({"decision": "approve"}))
            .await?;
        millis.push(watch.elapsed().as_secs_f64() * 1_000.0);
    }
    Ok(Approvals {
        pending: approvals.len(),
        pages,
        decisions: Spread::of(millis),
    })
}

async fn list(client: &Client) -> Result<Spread, Failure> {
    let mut millis = Vec::new();
    let mut query = vec![("state", "pending".to_owned())];
    while millis.len() < PAGES {
        let watch = Stopwatch::start();
        let page = client.get("/v1/approvals", &query).await?;
        millis.push(watch.elapsed().as_secs_f64() * 1_000.0);
        let Some(next) = page["next"].as_str() else {
            break;
        };
        query.truncate(1);
        query.push(("after", next.to_owned()));
    }
    Ok(Spread::of(millis))
}

/// Takes the whole audit log away.
pub(super) async fn export(client: &Client) -> Result<Speed, Failure> {
    let watch = Stopwatch::start();
    let mut file = client.download("/v1/audit/export", &[]).await?;
    let mut lines = 0_u64;
    let broken = |error: reqwest::Error| Failure::new(format!("the export broke off: {error}"));
    while let Some(part) = file.chunk().await.map_err(broken)? {
        lines += part
            .iter()
            .map(|byte| u64::from(*byte == b'\n'))
            .sum::<u64>();
    }
    // The last line is the end of the chain.
    Ok(Speed::of(lines.saturating_sub(1), watch.elapsed()))
}
