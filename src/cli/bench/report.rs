//! The figures of a bench, for people and for programs.

use std::fmt;

use serde::Serialize;
use serde_json::json;

use super::{ground::Ground, machine};
use crate::cli::{
    Failure,
    output::{self, Output},
};

/// How fast something went through.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Rate {
    /// Events a second, between the first tenth and the last twentieth of the run.
    pub(super) per_second: f64,
    /// How long the whole took.
    pub(super) seconds: f64,
}

impl Rate {
    /// Gives the mean of two runs.
    pub(super) fn mean(&self, other: &Self) -> Self {
        Self {
            per_second: f64::midpoint(self.per_second, other.per_second),
            seconds: f64::midpoint(self.seconds, other.seconds),
        }
    }
}

/// What the daemon took for it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Figures {
    /// From its start to ready, while all events wait in the inbox. *Units*: milliseconds.
    pub(super) ready_ms: f64,
    /// Resident memory after a tenth of the run. *Units*: MiB, as below.
    pub(super) early_mib: u64,
    /// Resident memory at the end of the run.
    pub(super) resident_mib: u64,
    /// Its peak.
    pub(super) peak_mib: u64,
    /// How many inputs a commit carried, on average.
    pub(super) inputs_per_commit: f64,
}

/// Several daemons on one database.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Beside {
    /// How fast they are together.
    pub(super) rate: Rate,
    /// How many events each has decided.
    pub(super) decided: Vec<f64>,
}

/// How long something took, many times over.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Spread {
    /// How many were measured.
    pub(super) count: usize,
    /// The median. *Units*: milliseconds, as all below.
    pub(super) p50_ms: f64,
    /// 99 of 100 are faster.
    pub(super) p99_ms: f64,
    /// 999 of 1,000 are faster.
    pub(super) p999_ms: f64,
    /// The slowest.
    pub(super) max_ms: f64,
}

impl Spread {
    /// Sorts and sums up. *Units*: `millis` in milliseconds.
    pub(super) fn of(mut millis: Vec<f64>) -> Self {
        millis.sort_by(f64::total_cmp);
        let at = |share: f64| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "an index within the list"
            )]
            let index =
                ((millis.len() as f64 * share) as usize).min(millis.len().saturating_sub(1));
            millis.get(index).copied().unwrap_or(f64::NAN)
        };
        Self {
            count: millis.len(),
            p50_ms: at(0.5),
            p99_ms: at(0.99),
            p999_ms: at(0.999),
            max_ms: at(1.0),
        }
    }
}

/// How long it took from publish to result, at a steady rate.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Latency {
    /// The rate that was asked for.
    pub(super) rate: u32,
    /// How long each took.
    #[serde(flatten)]
    pub(super) spread: Spread,
}

/// What the run worked on.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Plan {
    /// The database, without its password.
    pub(super) database: String,
    /// How many journal rows stood there before.
    pub(super) journal_rows: i64,
}

/// What a run was measured on.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Setting {
    pub(super) machine: String,
    /// How long the disk takes to make 4 KiB durable. *Units*: milliseconds.
    pub(super) fdatasync_ms: f64,
    pub(super) plan: Plan,
    pub(super) queue_type: String,
    pub(super) durability: &'static str,
}

impl Setting {
    /// Looks at the machine that it runs on.
    pub(super) fn of(ground: &Ground, plan: Plan) -> Result<Self, Failure> {
        Ok(Self {
            machine: machine::describe(),
            fdatasync_ms: machine::fdatasync_ms()?,
            plan,
            queue_type: ground.queue_type.clone(),
            durability: DURABILITY,
        })
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "machine     {}, broker and database on it", self.machine)?;
        writeln!(f, "durability  {}", self.durability)?;
        writeln!(
            f,
            "disk        {:.1} ms for 4 KiB to be durable (median fdatasync)",
            self.fdatasync_ms
        )?;
        write!(
            f,
            "database    {}, {} journal rows before",
            self.plan.database, self.plan.journal_rows
        )
    }
}

/// One run.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    #[serde(flatten)]
    pub(super) setting: Setting,
    pub(super) events: u64,
    pub(super) conversations: u64,
    pub(super) ceiling: Rate,
    pub(super) rate: Rate,
    pub(super) figures: Figures,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) side_by_side: Option<Beside>,
    /// The latencies of the bare relay.
    pub(super) floors: Vec<Latency>,
    pub(super) latencies: Vec<Latency>,
    /// The largest tables after the run with their indexes, or the files. *Units*: bytes.
    pub(super) table_bytes: Vec<(String, i64)>,
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "at {:>5}/s   p50 {:>6.1} ms   p99 {:>6.1} ms   p99.9 {:>6.1} ms   ({} results)",
            self.rate,
            self.spread.p50_ms,
            self.spread.p99_ms,
            self.spread.p999_ms,
            self.spread.count
        )
    }
}

impl Report {
    /// Prints it.
    pub(super) fn print(&self, form: Output) -> Result<(), Failure> {
        let share = self.rate.per_second / self.ceiling.per_second;
        if form == Output::Json {
            let mut report = json!(self);
            report["share"] = json!(share);
            return output::json(&report);
        }
        output::line(&self.setting.to_string())?;
        output::line(&format!(
            "load        {} persistent events of 500 bytes in {} conversations, {} queues, 50 rules",
            self.events, self.conversations, self.setting.queue_type
        ))?;
        output::line("")?;
        output::line(&format!(
            "bare relay      {:>8.0} events/s",
            self.ceiling.per_second
        ))?;
        output::line(&format!(
            "whole daemon    {:>8.0} events/s   {share:.2} of the relay",
            self.rate.per_second
        ))?;
        if let Some(beside) = &self.side_by_side {
            let (together, alone) = (beside.rate.per_second, self.rate.per_second);
            let decided = beside.decided.iter().map(|count| format!("{count:.0}"));
            output::line(&format!(
                "side by side    {together:>8.0} events/s   {:.2} of one daemon; they decided {}",
                together / alone,
                decided.collect::<Vec<_>>().join(" and ")
            ))?;
        }
        output::line(&format!(
            "inputs a commit {:>8.0}",
            self.figures.inputs_per_commit
        ))?;
        output::line(&format!(
            "start to ready  {:>8.0} ms, with the whole load waiting",
            self.figures.ready_ms
        ))?;
        output::line(&format!(
            "memory          {:>8} MiB resident at the end, {} MiB after a tenth of the run, {} MiB at its peak",
            self.figures.resident_mib, self.figures.early_mib, self.figures.peak_mib
        ))?;
        let sizes = self.table_bytes.iter();
        let sizes = sizes.map(|(name, bytes)| format!("{name} {} MiB", bytes / (1 << 20)));
        output::line(&format!(
            "tables after    {}",
            sizes.collect::<Vec<_>>().join(", ")
        ))?;
        for (floor, latency) in self.floors.iter().zip(&self.latencies) {
            output::line(&format!("bare relay   {floor}"))?;
            output::line(&format!("whole daemon {latency}"))?;
        }
        Ok(())
    }
}

const DURABILITY: &str = "synchronous=FULL or synchronous_commit=on, persistent messages, publisher confirms, manual acknowledgements";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_told_by_what_stands_at_its_share() {
        let spread = Spread::of((1..=1_000).rev().map(f64::from).collect());
        let told = [spread.p50_ms, spread.p99_ms, spread.p999_ms, spread.max_ms];
        assert_eq!(spread.count, 1_000);
        assert_eq!(
            told.map(|millis| millis.to_string()),
            ["501", "991", "1000", "1000"]
        );
        let one = Spread::of(vec![7.0]);
        assert_eq!(
            (one.p50_ms.to_string(), one.p99_ms.to_string()),
            ("7".to_owned(), "7".to_owned())
        );
        assert!(Spread::of(Vec::new()).p50_ms.is_nan());
    }
}
