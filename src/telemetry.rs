//! Logs and metrics: how they are set up, and the one list of metrics.
//!
//! Logs go to standard error, for people on a terminal and as JSON otherwise.
//! Metrics gather in the process and are read by `GET /metrics`; code records
//! with `metrics::counter!(telemetry::EVENTS_TAKEN, …)`, by name from the list.
//! Nothing is exported to OpenTelemetry: an event's trace context is only carried
//! through to what it causes. Set up once by `crate::cli`.

mod list;
mod log;

use std::sync::OnceLock;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

pub use self::{
    list::*,
    log::{LogError, init_logs},
};

/// The metrics of this process.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Starts to gather metrics; a second call gives the same ones.
    pub fn install() -> Self {
        static INSTALLED: OnceLock<Metrics> = OnceLock::new();
        INSTALLED.get_or_init(Self::build).clone()
    }

    fn build() -> Self {
        let mut builder = PrometheusBuilder::new();
        for metric in METRICS {
            if let Kind::Histogram(bounds) = metric.kind {
                builder = builder
                    .set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), bounds)
                    .expect("the list's histograms have bounds");
            }
        }
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        // Another recorder is there only when a test installed its own; then ours stays empty.
        if metrics::set_global_recorder(recorder).is_ok() {
            METRICS.iter().for_each(Metric::register);
            metrics::gauge!(BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        }
        Self(handle)
    }

    /// Sums up what histograms have gathered; without it they would grow until somebody looks.
    pub fn upkeep(&self) {
        self.0.run_upkeep();
    }

    /// Gives all metrics in Prometheus' text format.
    pub fn render(&self) -> String {
        if let Some(bytes) = resident_bytes() {
            metrics::gauge!(RESIDENT_MEMORY).set(bytes);
        }
        self.0.run_upkeep();
        self.0.render()
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// Gives the process's resident memory where the kernel says so.
fn resident_bytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u32 = line.split_whitespace().next()?.parse().ok()?;
    Some(f64::from(kilobytes) * 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_recorded_is_rendered_with_its_description_and_buckets() {
        let metrics = Metrics::install();
        Metrics::install();
        metrics::counter!(EVENTS_TAKEN, "entry" => "http:dana").increment(2);
        metrics::histogram!(BATCH_EVENTS).record(3.0);
        let text = metrics.render();
        for line in [
            "# TYPE provost_events_taken_total counter",
            "provost_events_taken_total{entry=\"http:dana\"} 2",
            "provost_batch_events_bucket{le=\"4\"} ",
            "# TYPE provost_results_published_total counter",
            "# TYPE process_resident_memory_bytes gauge",
        ] {
            assert!(text.contains(line), "`{line}` is not in\n{text}");
        }
    }
}
