//! The one list of metrics: names, kinds, labels and descriptions.
//!
//! A metric is one entry here; its constant is what code records with. Durations
//! are in seconds, sizes in bytes, as Prometheus users expect.

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts values by the bounds that they do not exceed.
    Histogram(&'static [f64]),
}

/// An entry of the list.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// The name in `/metrics`.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// The labels it is recorded with.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

/// From a tenth of a millisecond to ten seconds.
const SECONDS: Kind = Kind::Histogram(&[
    0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.25, 0.5,
    1.0, 2.5, 5.0, 10.0,
]);
/// Powers of two up to the largest batch.
const BATCH: Kind = Kind::Histogram(&[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0]);

/// Makes a constant and an entry of the list from one line each.
macro_rules! metrics {
    ($($constant:ident = $name:literal $kind:expr, [$($label:literal),*], $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $constant: &str = $name;
        )*
        /// Every metric that Provost records.
        pub const METRICS: &[Metric] = &[
            $(Metric { name: $name, kind: $kind, labels: &[$($label),*], help: $help }),*
        ];
    };
}

metrics! {
    EVENTS_TAKEN = "provost_events_taken_total" Kind::Counter, ["entry"], "Events taken in, by entry.";
    EVENTS_REDELIVERED = "provost_events_redelivered_total" Kind::Counter, [], "Deliveries that the broker marked as delivered before.";
    EVENTS_DECIDED = "provost_events_decided_total" Kind::Counter, [], "Inputs decided and committed.";
    EVENTS_DUPLICATE = "provost_events_duplicate_total" Kind::Counter, [], "Events that had been decided before and changed nothing.";
    EVENTS_REFUSED = "provost_events_refused_total" Kind::Counter, ["reason"], "Events understood and refused, by reason.";
    EVENTS_PARKED = "provost_events_parked_total" Kind::Counter, ["reason"], "Messages parked, by reason.";
    INTAKE_PAUSED = "provost_intake_paused" Kind::Gauge, [], "1 while back-pressure holds intake back.";
    BATCH_EVENTS = "provost_batch_events" BATCH, [], "Inputs in one transaction.";
    BATCH_RETRIES = "provost_batch_retries_total" Kind::Counter, ["cause"], "Transactions run again, by cause.";
    DECIDE_SECONDS = "provost_decide_seconds" SECONDS, [], "Time to decide one batch, without the database.";
    COMMIT_SECONDS = "provost_commit_seconds" SECONDS, [], "Time to write and commit one batch.";
    LANES_BUSY = "provost_lanes_busy" Kind::Gauge, [], "Writers with a batch in hand.";
    RESULTS_PUBLISHED = "provost_results_published_total" Kind::Counter, [], "Results that the broker confirmed.";
    RESULTS_UNROUTABLE = "provost_results_unroutable_total" Kind::Counter, [], "Results that the broker confirmed and no queue was bound for.";
    RESULTS_UNPUBLISHED = "provost_results_unpublished" Kind::Gauge, [], "Results committed and not yet confirmed.";
    PUBLISH_SECONDS = "provost_publish_seconds" SECONDS, [], "Time until the broker had confirmed one batch of results.";
    BROKER_CONNECTED = "provost_broker_connected" Kind::Gauge, [], "1 while a session with the broker is up.";
    BROKER_SESSIONS = "provost_broker_sessions_total" Kind::Counter, [], "Sessions with the broker that were built.";
    DATABASE_CONNECTED = "provost_database_connected" Kind::Gauge, [], "1 while the database answers.";
    DATABASE_BYTES = "provost_database_bytes" Kind::Gauge, [], "Size of the SQLite files.";
    RULES_FIRED = "provost_rules_fired_total" Kind::Counter, ["rule"], "Times a rule had an effect, by rule.";
    RULES_FAILED = "provost_rules_failed_total" Kind::Counter, ["rule"], "Times a rule raised an error or passed a bound, by rule.";
    POLICY_INFO = "provost_policy_info" Kind::Gauge, ["version"], "1 for the version of the policy in force.";
    POLICY_RULES = "provost_policy_rules" Kind::Gauge, [], "Rules of the policy in force.";
    POLICY_RELOADS = "provost_policy_reloads_total" Kind::Counter, ["outcome"], "Attempts to load the policy: loaded, unchanged or rejected.";
    ESCALATIONS_RAISED = "provost_escalations_raised_total" Kind::Counter, ["trigger"], "Escalations raised, by trigger.";
    TICKETS_CREATED = "provost_tickets_created_total" Kind::Counter, [], "Tickets created.";
    RUNS_MOVED = "provost_runs_total" Kind::Counter, ["procedure", "state"], "Runs of procedures that came to wait or to an end, by procedure and state.";
    SLA_TRANSITIONS = "provost_sla_transitions_total" Kind::Counter, ["kind", "metric"], "What happened to SLA clocks, by kind and metric.";
    TIMER_LATE_SECONDS = "provost_timer_late_seconds" SECONDS, [], "Time from the instant that a timer was set for to its decision.";
    ATTEMPTS_ENDED = "provost_attempts_total" Kind::Counter, ["integration", "fate"], "Attempts at executions that ended, by integration and fate.";
    ATTEMPT_SECONDS = "provost_attempt_seconds" SECONDS, ["integration"], "Time from sending to the answer's last byte.";
    BREAKER_STATE = "provost_breaker_state" Kind::Gauge, ["integration"], "The circuit breaker of an integration: 0 closed, 1 half open, 2 open.";
    EXECUTIONS_WAITING = "provost_executions_waiting" Kind::Gauge, [], "Executions that have not begun.";
    POSTS_ENDED = "provost_posts_total" Kind::Counter, ["channel", "end"], "Posts to team channels that ended, by channel and how.";
    TAKEOVERS = "provost_takeovers_total" Kind::Counter, [], "Daemons fallen silent whose work was taken over.";
    HTTP_REQUESTS = "provost_http_requests_total" Kind::Counter, ["method", "route", "status"], "Requests answered, by method, route and status.";
    HTTP_SECONDS = "provost_http_request_seconds" SECONDS, ["method", "route"], "Time to answer a request.";
    READY = "provost_ready" Kind::Gauge, [], "1 while the daemon takes events in.";
    BUILD_INFO = "provost_build_info" Kind::Gauge, ["version"], "1 for the version of the program.";
    RESIDENT_MEMORY = "process_resident_memory_bytes" Kind::Gauge, [], "Resident memory of the process.";
}

impl Metric {
    /// Describes the metric, and shows it at zero when it has no labels.
    pub(super) fn register(&self) {
        let unlabelled = self.labels.is_empty();
        match self.kind {
            Kind::Counter => {
                metrics::describe_counter!(self.name, self.help);
                if unlabelled {
                    metrics::counter!(self.name).absolute(0);
                }
            }
            Kind::Gauge => {
                metrics::describe_gauge!(self.name, self.help);
                if unlabelled {
                    metrics::gauge!(self.name).set(0.0);
                }
            }
            Kind::Histogram(_) => metrics::describe_histogram!(self.name, self.help),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_conventions_and_stand_once() {
        for (index, metric) in METRICS.iter().enumerate() {
            let name = metric.name;
            assert!(
                METRICS[..index].iter().all(|other| other.name != name),
                "{name}"
            );
            assert!(
                name.starts_with("provost_") || name.starts_with("process_"),
                "{name}"
            );
            assert_eq!(
                name.ends_with("_total"),
                metric.kind == Kind::Counter,
                "{name}"
            );
            assert!(metric.help.ends_with('.'), "{name}");
        }
    }
}
