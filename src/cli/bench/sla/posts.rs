//! A stub of a team channel: it takes every post and notes how late it came.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::net::TcpListener;

use crate::{
    cli::Failure,
    clock::{Clock, Stopwatch},
    domain::time::Timestamp,
    http,
};

/// How long posts may take to come.
const PATIENCE: Duration = Duration::from_secs(60);

/// The posts that came.
pub(super) struct Posts {
    url: String,
    /// How late each was. *Units*: milliseconds.
    late: Arc<Mutex<Vec<f64>>>,
    serving: tokio::task::JoinHandle<()>,
}

impl Posts {
    /// Listens on a free port of the loopback.
    pub(super) async fn listen() -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let late: Arc<Mutex<Vec<f64>>> = Arc::default();
        let taken = Arc::clone(&late);
        let clock = Clock::machine();
        let note = move |body: &str| {
            let now = clock.now();
            if let Some(due_at) = due_of(body) {
                let late_by = now.since(due_at).to_std().as_secs_f64() * 1_000.0;
                let mut late = taken.lock().unwrap_or_else(PoisonError::into_inner);
                late.push(late_by);
            }
        };
        #[expect(clippy::disallowed_methods, reason = "a bench, not the daemon")]
        let serving = tokio::spawn(async move {
            // Without it nothing comes, and whoever waits says so.
            let _ = http::stub::listen(listener, note).await;
        });
        Ok(Self { url, late, serving })
    }

    /// Gives the configuration of a channel that posts here.
    pub(super) fn configuration(&self) -> String {
        format!(
            "[channels.stub]\nkind = \"slack\"\nurl = \"{}/posts\"\nrate = 1000\ndigest_above = 1000\nallow_addresses = [\"127.0.0.0/8\"]\n",
            self.url
        )
    }

    /// Waits for so many posts, and gives how late each was. *Units*: milliseconds.
    pub(super) async fn wait_for(&self, count: u64) -> Result<Vec<f64>, Failure> {
        let watch = Stopwatch::start();
        loop {
            let late = self
                .late
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            if late.len() as u64 >= count {
                return Ok(late);
            }
            if watch.elapsed() > PATIENCE {
                let came = late.len();
                return Err(Failure::new(format!("of {count} posts {came} came")));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Posts {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Finds in a post when what it tells of was due: the only instant to the millisecond in it.
fn due_of(body: &str) -> Option<Timestamp> {
    let from = body.find("Due")?;
    let rest = &body[from..];
    let start = rest.find("20")?;
    let end = start + rest[start..].find('Z')? + 1;
    Timestamp::parse(&rest[start..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_due_time_is_found_in_a_post() {
        let body = r#"{"fields":[{"text":"*Due*\n2026-11-22T02:30:00.123Z"}]}"#;
        let found = due_of(body).map(|at| at.to_string());
        assert_eq!(found.as_deref(), Some("2026-11-22T02:30:00.123Z"));
        assert_eq!(due_of("{}"), None);
    }
}
