//! The figures of a bench of actions, for people and for programs.

use std::{fmt, time::Duration};

use serde::Serialize;
use serde_json::json;

use super::catalogue::{CONCURRENCY, SLOW_CONCURRENCY, SLOW_SECONDS};
use crate::cli::{
    Failure,
    bench::report::{Latency, Setting, Spread},
    output::{self, Output},
};

/// How fast a number of things went, from the first's beginning to the last's end.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Speed {
    /// How many there were.
    pub(super) count: u64,
    /// How long all of them took.
    pub(super) seconds: f64,
    /// How many a second.
    pub(super) per_second: f64,
}

impl Speed {
    /// Divides.
    pub(super) fn of(count: u64, took: Duration) -> Self {
        let seconds = took.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate")]
        let per_second = count as f64 / seconds;
        Self {
            count,
            seconds,
            per_second,
        }
    }

    /// Gives the speed of two runs together.
    pub(super) fn with(self, other: Self) -> Self {
        let took = Duration::from_secs_f64(self.seconds + other.seconds);
        Self::of(self.count + other.count, took)
    }
}

/// What went while slow calls were under way.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct BesideSlow {
    /// How fast the others went.
    #[serde(flatten)]
    pub(super) speed: Speed,
    /// As the report has it.
    pub(super) steady: f64,
    /// How many slow actions were asked for before the others.
    pub(super) slow: u64,
    /// How many of them had ended when the last of the others had; fewer: slow calls were under way all
    /// the time.
    pub(super) slow_ended: u64,
}

/// What it took people to decide.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Approvals {
    /// How many waited.
    pub(super) pending: usize,
    /// How long a page of what waits took.
    pub(super) pages: Spread,
    /// How long a decision took.
    pub(super) decisions: Spread,
}

/// One run.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    #[serde(flatten)]
    pub(super) setting: Setting,
    pub(super) actions: u64,
    pub(super) conversations: u64,
    /// The stub called bare, before and after.
    pub(super) ceiling: Speed,
    /// Whole actions; where slow calls were tried as well, before and after them.
    pub(super) speed: Speed,
    /// How many a second between the first tenth and the last twentieth of the results.
    pub(super) steady: f64,
    pub(super) beside_slow: Option<BesideSlow>,
    /// How many inputs a commit carried, on average; an action is two.
    pub(super) inputs_per_commit: f64,
    /// Resident memory at the end of the run. *Units*: MiB, as below.
    pub(super) resident_mib: u64,
    /// Its peak.
    pub(super) peak_mib: u64,
    pub(super) latency: Latency,
    pub(super) approvals: Option<Approvals>,
    pub(super) verify: Speed,
    pub(super) export: Speed,
}

impl Report {
    /// Prints it.
    pub(super) fn print(&self, form: Output) -> Result<(), Failure> {
        if form == Output::Json {
            let mut report = json!(self);
            report["share"] = json!(self.share());
            return output::json(&report);
        }
        output::line(&self.to_string())
    }

    fn share(&self) -> f64 {
        self.speed.per_second / self.ceiling.per_second
    }

    fn write_approvals(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(approvals) = &self.approvals else {
            return Ok(());
        };
        for (what, unit, spread) in [
            ("list page", "pages", &approvals.pages),
            ("decision", "decisions", &approvals.decisions),
        ] {
            writeln!(
                f,
                "{what:<15} {:>8.1} ms p50   {:.1} ms p99   ({} {unit}, {} waiting at first)",
                spread.p50_ms, spread.p99_ms, spread.count, approvals.pending
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.setting)?;
        writeln!(
            f,
            "load        {} actions by persistent events in {} conversations, {} queues, 51 rules, {CONCURRENCY} calls at once\n",
            self.actions, self.conversations, self.setting.queue_type
        )?;
        writeln!(
            f,
            "bare stub       {:>8.0} calls/s",
            self.ceiling.per_second
        )?;
        writeln!(
            f,
            "whole action    {:>8.0} actions/s   {:.2} of the stub; {:.0}/s without start and end of the run",
            self.speed.per_second,
            self.share(),
            self.steady
        )?;
        if let Some(beside) = &self.beside_slow {
            writeln!(
                f,
                "beside slow     {:>8.0} actions/s   {:.0}/s without start and end, {:.2} of that alone; {SLOW_CONCURRENCY} calls of {SLOW_SECONDS} s at once, {} of {} ended by then",
                beside.speed.per_second,
                beside.steady,
                beside.steady / self.steady,
                beside.slow_ended,
                beside.slow
            )?;
        }
        writeln!(f, "inputs a commit {:>8.0}", self.inputs_per_commit)?;
        writeln!(
            f,
            "memory          {:>8} MiB resident at the end, {} MiB at its peak",
            self.resident_mib, self.peak_mib
        )?;
        writeln!(f, "whole action {}", self.latency)?;
        self.write_approvals(f)?;
        writeln!(
            f,
            "audit verify    {:>8.0} entries/s   ({} entries)",
            self.verify.per_second, self.verify.count
        )?;
        write!(
            f,
            "audit export    {:>8.0} entries/s   ({} entries)",
            self.export.per_second, self.export.count
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::bench::report::Plan;

    fn spread(millis: f64) -> Spread {
        Spread::of(vec![millis])
    }

    fn report() -> Report {
        let speed = |count, seconds| Speed::of(count, Duration::from_secs(seconds));
        Report {
            setting: Setting {
                machine: "2 cores (a processor), 24 GiB".to_owned(),
                fdatasync_ms: 0.25,
                plan: Plan {
                    database: "sqlite:bench.db".to_owned(),
                    journal_rows: 7,
                },
                queue_type: "quorum".to_owned(),
                durability: "everything",
            },
            actions: 20_000,
            conversations: 10_000,
            ceiling: speed(20_000, 2),
            speed: speed(20_000, 20),
            steady: 1_100.0,
            beside_slow: None,
            inputs_per_commit: 90.0,
            resident_mib: 50,
            peak_mib: 60,
            latency: Latency {
                rate: 500,
                spread: spread(4.0),
            },
            approvals: None,
            verify: speed(40_000, 1),
            export: speed(40_000, 2),
        }
    }

    #[test]
    fn a_report_tells_what_was_measured_and_on_what() {
        insta::assert_snapshot!(report(), @r"
        machine     2 cores (a processor), 24 GiB, broker and database on it
        durability  everything
        disk        0.2 ms for 4 KiB to be durable (median fdatasync)
        database    sqlite:bench.db, 7 journal rows before
        load        20000 actions by persistent events in 10000 conversations, quorum queues, 51 rules, 256 calls at once

        bare stub          10000 calls/s
        whole action        1000 actions/s   0.10 of the stub; 1100/s without start and end of the run
        inputs a commit       90
        memory                50 MiB resident at the end, 60 MiB at its peak
        whole action at   500/s   p50    4.0 ms   p99    4.0 ms   p99.9    4.0 ms   (1 results)
        audit verify       40000 entries/s   (40000 entries)
        audit export       20000 entries/s   (40000 entries)
        ");
    }

    #[test]
    fn a_report_tells_of_slow_calls_and_of_people_where_they_were_measured() {
        let report = Report {
            beside_slow: Some(BesideSlow {
                speed: Speed::of(20_000, Duration::from_secs(25)),
                steady: 1_089.0,
                slow: 256,
                slow_ended: 200,
            }),
            approvals: Some(Approvals {
                pending: 300,
                pages: spread(2.0),
                decisions: spread(3.0),
            }),
            ..report()
        };
        insta::assert_snapshot!(report, @r"
        machine     2 cores (a processor), 24 GiB, broker and database on it
        durability  everything
        disk        0.2 ms for 4 KiB to be durable (median fdatasync)
        database    sqlite:bench.db, 7 journal rows before
        load        20000 actions by persistent events in 10000 conversations, quorum queues, 51 rules, 256 calls at once

        bare stub          10000 calls/s
        whole action        1000 actions/s   0.10 of the stub; 1100/s without start and end of the run
        beside slow          800 actions/s   1089/s without start and end, 0.99 of that alone; 16 calls of 2 s at once, 200 of 256 ended by then
        inputs a commit       90
        memory                50 MiB resident at the end, 60 MiB at its peak
        whole action at   500/s   p50    4.0 ms   p99    4.0 ms   p99.9    4.0 ms   (1 results)
        list page            2.0 ms p50   2.0 ms p99   (1 pages, 300 waiting at first)
        decision             3.0 ms p50   3.0 ms p99   (1 decisions, 300 waiting at first)
        audit verify       40000 entries/s   (40000 entries)
        audit export       20000 entries/s   (40000 entries)
        ");
    }

    #[test]
    fn two_runs_together_are_as_fast_as_both_took() {
        let one = Speed::of(100, Duration::from_secs(1));
        let both = one.with(Speed::of(100, Duration::from_secs(3)));
        assert_eq!(
            (both.count, both.per_second.to_string()),
            (200, "50".to_owned())
        );
    }
}
