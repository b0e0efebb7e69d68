//! A process that helps a bench: this program once more, until it is dropped.

use std::{
    io::BufRead,
    process::{Child, ChildStdin, Command, Stdio},
};

use crate::cli::Failure;

/// A helper at work.
pub(super) struct Helper {
    process: Child,
    /// Closed when the bench is gone, however it went.
    _stdin: Option<ChildStdin>,
}

impl Helper {
    /// Starts this program with other arguments; what it prints may be read.
    pub(super) fn start(arguments: &[&str]) -> Result<Self, Failure> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdin = process.stdin.take();
        Ok(Self {
            process,
            _stdin: stdin,
        })
    }

    /// Waits for the first line that it prints; empty when it ends without one.
    pub(super) async fn first_line(&mut self) -> Result<String, Failure> {
        let stdout = self.process.stdout.take();
        let reading = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            if let Some(stdout) = stdout {
                std::io::BufReader::new(stdout).read_line(&mut line)?;
            }
            Ok::<_, std::io::Error>(line)
        });
        let line = reading
            .await
            .map_err(|error| Failure::new(format!("a helper: {error}")))??;
        Ok(line.trim().to_owned())
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        // Both fail when it has ended, which is as it should be.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
