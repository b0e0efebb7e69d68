//! The stub that the actions call: a process of its own, as the daemon is.

use std::io::Read;

use tokio::net::TcpListener;

use crate::{
    cli::{Failure, bench::helper::Helper, output},
    http,
};

/// A stub at work, until it is dropped.
pub(super) struct Stub {
    /// Where it listens.
    pub(super) url: String,
    _process: Helper,
}

impl Stub {
    /// Starts a stub on a free port of the loopback.
    pub(super) async fn start() -> Result<Self, Failure> {
        let mut process = Helper::start(&["bench", "actions", "--be-stub"])?;
        let url = process.first_line().await?;
        if url.is_empty() {
            return Err(Failure::new("the stub does not start"));
        }
        Ok(Self {
            url,
            _process: process,
        })
    }
}

/// Is the stub: says where it listens and answers until whoever started it is gone.
pub(super) async fn run() -> Result<(), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    output::line(&format!("http://{}", listener.local_addr()?))?;
    let gone = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    tokio::select! {
        served = http::stub::serve(listener) => Ok(served?),
        _ = gone => Ok(()),
    }
}
