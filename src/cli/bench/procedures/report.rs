//! The figures of a bench of procedures, for people and for programs.

use std::fmt;

use serde::Serialize;
use serde_json::json;

use crate::cli::{
    Failure,
    bench::report::{Latency, Setting},
    output::{self, Output},
};

/// Runs of three steps that wait for nothing.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Walked {
    pub(super) runs: u64,
    pub(super) runs_per_second: f64,
    pub(super) steps_per_second: f64,
    /// How many inputs a commit carried, on average.
    pub(super) inputs_per_commit: f64,
    /// The daemon's memory at the end. *Units*: MiB.
    pub(super) resident_mib: u64,
}

impl fmt::Display for Walked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.0} durable steps/s ({:.0} runs/s of three steps; {:.0} inputs a commit, {} MiB resident)",
            self.steps_per_second, self.runs_per_second, self.inputs_per_commit, self.resident_mib
        )
    }
}

/// Runs that wait.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Parked {
    pub(super) runs: i64,
    /// From the daemon's start to ready. *Units*: milliseconds.
    pub(super) ready_ms: f64,
    /// Its memory after some were resumed. *Units*: MiB.
    pub(super) resident_mib: u64,
    /// From an answer to the next prompt.
    pub(super) resumed: Latency,
}

impl fmt::Display for Parked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} parked runs: start to ready {:.0} ms, {} MiB resident; resumed {}",
            self.runs, self.ready_ms, self.resident_mib, self.resumed
        )
    }
}

/// All of it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    #[serde(flatten)]
    pub(super) setting: Setting,
    /// Steps a second on one core.
    pub(super) simulated: f64,
    pub(super) steps: Option<Walked>,
    /// How many runs were asked at the same time.
    pub(super) concurrent: u64,
    /// From an answer to the next prompt.
    pub(super) answers: Latency,
    pub(super) parked: Option<Parked>,
}

impl Report {
    /// Prints it.
    pub(super) fn print(&self, form: Output) -> Result<(), Failure> {
        if form == Output::Json {
            return output::json(&json!(self));
        }
        output::line(&self.setting.to_string())?;
        output::line("")?;
        output::line(&format!("simulation         {:.0} steps/s", self.simulated))?;
        if let Some(steps) = &self.steps {
            output::line(&format!("steps              {steps}"))?;
        }
        output::line(&format!(
            "answer to prompt   {} ({} runs at the same time)",
            self.answers, self.concurrent
        ))?;
        let parked = self.parked.as_ref();
        parked.map_or(Ok(()), |parked| output::line(&parked.to_string()))
    }
}
