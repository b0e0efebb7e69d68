//! How a command ends badly: one clear line, what to do next, an exit code.

use std::{
    io::{self, Write},
    process::ExitCode,
};

/// Why a command did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    message: String,
    next: Option<String>,
    code: u8,
}

impl Failure {
    /// Makes a run-time failure (exit code 1) with what went wrong.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            next: None,
            code: 1,
        }
    }

    /// Makes a failure of which everything is said already.
    pub fn said() -> Self {
        Self::new("")
    }

    /// Adds what to do next.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// Sets the exit code.
    #[must_use]
    pub fn code(mut self, code: u8) -> Self {
        self.code = code;
        self
    }

    /// Gives what went wrong.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Writes the failure to standard error and gives its exit code.
    pub fn report(&self) -> ExitCode {
        // Nothing is left to tell it to, should standard error be closed.
        let mut out = io::stderr().lock();
        if !self.message.is_empty() {
            let _ = writeln!(out, "provost: {}", self.message);
        }
        if let Some(next) = &self.next {
            let _ = writeln!(out, "  → {next}");
        }
        ExitCode::from(self.code)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        // A reader that has seen enough (`| head`) is no failure.
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::said().code(0);
        }
        Self::new(error.to_string())
    }
}
