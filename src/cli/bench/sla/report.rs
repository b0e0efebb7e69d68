//! The figures of a bench of clocks, for people and for programs.

use std::fmt;

use serde::Serialize;
use serde_json::json;

use super::calendars::Calendars;
use crate::cli::{
    Failure,
    bench::report::{Latency, Setting, Spread},
    output::{self, Output},
};

/// How late something was.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Lateness(pub(super) Spread);

impl fmt::Display for Lateness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Spread {
            count,
            p50_ms,
            p99_ms,
            max_ms,
            ..
        } = &self.0;
        write!(
            f,
            "p50 {p50_ms:.1} ms   p99 {p99_ms:.1} ms   at most {max_ms:.1} ms   ({count})"
        )
    }
}

/// Clocks that were due in one second.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Burst {
    clocks: i64,
    /// Between the first tenth and the last twentieth of them.
    per_second: f64,
    /// After the first of them was due. *Units*: seconds.
    drained_after: f64,
    /// Of events that came beside.
    events: Latency,
}

impl Burst {
    /// Sums up what was counted: how long after the first was due, and how many were drained by then.
    pub(super) fn of(clocks: i64, counts: &[(f64, f64)], events: Latency) -> Self {
        let total = counts.last().map_or(0.0, |(_, count)| *count);
        let at = |share: f64| {
            let mut counts = counts.iter();
            let found = counts.find(|(_, count)| *count >= total * share);
            found.copied().unwrap_or_default()
        };
        let (start, end) = (at(0.1), at(0.95));
        Self {
            clocks,
            per_second: (end.1 - start.1) / (end.0 - start.0).max(0.001),
            drained_after: counts.last().map_or(0.0, |(at, _)| *at),
            events,
        }
    }
}

impl fmt::Display for Burst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} due in one second: {:.0}/s, the last {:.1} s after the first was due; events beside: {}",
            self.clocks, self.per_second, self.drained_after, self.events
        )
    }
}

/// Clocks of which none is due.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Idle {
    pub(super) clocks: i64,
    /// A look that finds nothing.
    pub(super) tick: Spread,
    /// What the daemon computes while nothing comes. *Units*: milliseconds of one core a second.
    pub(super) cpu_ms_per_second: f64,
    /// From its start to ready. *Units*: milliseconds.
    pub(super) ready_ms: f64,
    /// The daemon's memory then. *Units*: MiB.
    pub(super) resident_mib: u64,
}

impl fmt::Display for Idle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} running: a look that finds nothing p50 {:.3} ms, p99 {:.3} ms; {:.1} ms of one core a second; start to ready {:.0} ms; {} MiB resident",
            self.clocks,
            self.tick.p50_ms,
            self.tick.p99_ms,
            self.cpu_ms_per_second,
            self.ready_ms,
            self.resident_mib
        )
    }
}

/// All of it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    #[serde(flatten)]
    pub(super) setting: Setting,
    pub(super) clocks: i64,
    pub(super) rate: u32,
    pub(super) calendars: Calendars,
    pub(super) breaches: Lateness,
    pub(super) alerts: Lateness,
    pub(super) burst: Option<Burst>,
    pub(super) idle: Option<Idle>,
}

impl Report {
    /// Prints it.
    pub(super) fn print(&self, form: Output) -> Result<(), Failure> {
        if form == Output::Json {
            return output::json(&json!(self));
        }
        output::line(&self.setting.to_string())?;
        let (clocks, rate) = (self.clocks, self.rate);
        output::line(&format!(
            "load        {clocks} clocks run, {rate} tickets a second break a promise of one second"
        ))?;
        output::line("")?;
        output::line(&self.calendars.to_string())?;
        output::line(&format!(
            "breach recorded and published after it was due   {}",
            self.breaches
        ))?;
        output::line(&format!(
            "alert posted after it was due                    {}",
            self.alerts
        ))?;
        for line in [
            self.burst.as_ref().map(ToString::to_string),
            self.idle.as_ref().map(ToString::to_string),
        ] {
            line.map_or(Ok(()), |line| output::line(&line))?;
        }
        Ok(())
    }
}
