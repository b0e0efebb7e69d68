//! Wishes for actions, as events, and what is told of them.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    broker::{Client, Delivery, Inlet, Outgoing},
    cli::{
        Failure,
        bench::{
            ground::Ground,
            load::{Names, conversation_of},
        },
    },
    clock::{Clock, Stopwatch},
};

/// The end that every action of a bench should come to.
pub(super) const SUCCEEDED: &str = "action.succeeded";
/// Where a gated one waits.
pub(super) const AWAITING: &str = "action.awaiting_approval";
/// The ends that none should come to.
const FAILURES: [&str; 4] = [
    "action.denied",
    "action.failed",
    "action.unknown",
    "event.rejected",
];
/// How long it may take until something is told.
const PATIENCE: Duration = Duration::from_secs(60);

/// Wishes for one action; their ids differ from those of every other run.
#[derive(Clone, Debug)]
pub(super) struct Wishes {
    exchange: Arc<str>,
    action: &'static str,
    /// What every id begins with.
    prefix: String,
    conversations: u64,
}

impl Wishes {
    /// Makes wishes that are spread among so many conversations.
    pub(super) fn new(action: &'static str, conversations: u64) -> Self {
        Self {
            exchange: Arc::from(Names::default().events_exchange),
            action,
            prefix: format!("{action}-{}", Clock::machine().now().micros()),
            conversations,
        }
    }

    /// Makes the event of one wish.
    pub(super) fn message(&self, number: u64) -> Outgoing {
        let (action, id) = (self.action, format!("{}-{number}", self.prefix));
        let conversation = conversation_of(number, self.conversations);
        let event = json!({
            "specversion": "1.0", "id": id, "source": "/bench", "type": "action.requested",
            "subject": format!("{action}-conversation-{conversation}"),
            "data": {
                "request_id": id, "action": action, "params": params(&id),
                "actor": {"kind": "ai", "id": "bench"},
            },
        });
        Outgoing {
            exchange: Arc::clone(&self.exchange),
            routing_key: "action.requested".to_owned(),
            body: event.to_string().into_bytes(),
            message_id: id,
            kind: "action.requested".to_owned(),
            ..Outgoing::default()
        }
    }
}

/// Gives the parameters of a wish, which are the body of its call as well.
pub(super) fn params(id: &str) -> Value {
    json!({"order": id, "amount": 5})
}

/// What a result tells of a wish.
#[derive(Debug, Deserialize)]
struct Told {
    data: About,
}

#[derive(Debug, Deserialize)]
struct About {
    #[serde(default)]
    request_id: String,
    approval_id: Option<String>,
    reason: Option<String>,
    detail: Option<String>,
}

/// Gives the number of the wish that a result is about.
pub(super) fn number_of_wish(delivery: &Delivery) -> Option<usize> {
    let told: Told = serde_json::from_slice(&delivery.body).ok()?;
    told.number()
}

impl Told {
    fn number(&self) -> Option<usize> {
        self.data.request_id.rsplit_once('-')?.1.parse().ok()
    }
}

/// What was told of many wishes.
#[derive(Debug, Default)]
struct Series {
    /// Which numbers; a result may be told twice.
    numbers: HashSet<String>,
    /// When, in order. *Units*: seconds.
    at: Vec<f64>,
}

/// Takes what is told of wishes.
pub(super) struct Ends {
    reader: Client,
    inlet: Inlet,
    /// What was told, by type and prefix.
    told: HashMap<(String, String), Series>,
    watch: Stopwatch,
    /// The approvals that were asked for.
    pub(super) approvals: Vec<String>,
}

impl Ends {
    /// Names the results that a bench's queue should take.
    pub(super) fn types() -> Vec<&'static str> {
        [SUCCEEDED, AWAITING].into_iter().chain(FAILURES).collect()
    }

    /// Begins to take what is told.
    pub(super) async fn open(ground: &Ground) -> Result<Self, Failure> {
        let reader = ground.connect().await?;
        let inlet = reader.consume(Names::default().sink, 2_000).await?;
        Ok(Self {
            reader,
            inlet,
            told: HashMap::new(),
            watch: Stopwatch::start(),
            approvals: Vec::new(),
        })
    }

    /// Waits until so many of the wishes came to `kind`.
    ///
    /// *Errors*: one of them came to a bad end, or nothing is told any more.
    pub(super) async fn until(
        &mut self,
        wishes: &Wishes,
        kind: &str,
        count: u64,
    ) -> Result<(), Failure> {
        let mut deliveries = Vec::new();
        while self.count(wishes, kind) < count {
            let next = self.inlet.next_many(&mut deliveries, 256);
            let next = tokio::time::timeout(PATIENCE, next).await;
            next.map_err(|_| self.silent(wishes, kind, count))??;
            for delivery in deliveries.drain(..) {
                let ordinal = delivery.ordinal;
                self.take(delivery)?;
                self.inlet.done([ordinal]);
            }
        }
        Ok(())
    }

    /// Gives how many of the wishes came to `kind` so far.
    pub(super) fn count(&self, wishes: &Wishes, kind: &str) -> u64 {
        self.series(wishes, kind)
            .map_or(0, |series| series.at.len() as u64)
    }

    /// Gives how many of the wishes came to `kind` a second, once that was under way.
    pub(super) fn steady(&self, wishes: &Wishes, kind: &str) -> f64 {
        self.series(wishes, kind)
            .map_or(f64::NAN, |series| steady(&series.at))
    }

    fn series(&self, wishes: &Wishes, kind: &str) -> Option<&Series> {
        let key = (kind.to_owned(), wishes.prefix.clone());
        self.told.get(&key)
    }

    /// Stops taking.
    pub(super) async fn close(self) {
        self.reader.close().await;
    }

    fn take(&mut self, delivery: Delivery) -> Result<(), Failure> {
        let kind = delivery.routing_key;
        let told: Told = serde_json::from_slice(&delivery.body)
            .map_err(|error| Failure::new(format!("`{kind}` cannot be read: {error}")))?;
        let about = told.data;
        if FAILURES.contains(&kind.as_str()) {
            let reason = about.reason.unwrap_or_default();
            let detail = about.detail.unwrap_or_default();
            let id = about.request_id;
            return Err(
                Failure::new(format!("`{id}` came to `{kind}`: {reason} {detail}"))
                    .next("see the daemon's log with --log FILE"),
            );
        }
        let Some((prefix, number)) = about.request_id.rsplit_once('-') else {
            return Ok(());
        };
        if kind == AWAITING {
            self.approvals.extend(about.approval_id);
        }
        let series = self.told.entry((kind, prefix.to_owned())).or_default();
        if series.numbers.insert(number.to_owned()) {
            series.at.push(self.watch.elapsed().as_secs_f64());
        }
        Ok(())
    }

    fn silent(&self, wishes: &Wishes, kind: &str, count: u64) -> Failure {
        let so_far = self.count(wishes, kind);
        Failure::new(format!(
            "{so_far} of {count} came to `{kind}`, and nothing more is told"
        ))
        .next("see the daemon's log with --log FILE")
    }
}

/// Gives the rate between the first tenth and the last twentieth of what came at these times.
fn steady(at: &[f64]) -> f64 {
    let (first, last) = (at.len() / 10, at.len() - at.len() / 20);
    match (at.get(first), at.get(last.saturating_sub(1))) {
        #[expect(clippy::cast_precision_loss, reason = "a rate")]
        (Some(from), Some(to)) if to > from => (last - 1 - first) as f64 / (to - from),
        _ => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(body: &str) -> Option<usize> {
        let told: Told = serde_json::from_str(body).ok()?;
        told.number()
    }

    #[test]
    fn a_result_names_its_wish() {
        let wishes = Wishes::new("pay", 10);
        let event: Value = serde_json::from_slice(&wishes.message(42).body).expect("JSON");
        assert_eq!(told(&event.to_string()), Some(42));
        assert_eq!(event["data"]["params"]["order"], event["id"]);
        assert_eq!(told(r#"{"data": {"request_id": "other"}}"#), None);
        assert_eq!(told(r#"{"data": {}}"#), None);
    }

    #[test]
    fn a_steady_rate_leaves_start_and_end_aside() {
        // One a second, after a start of a minute and before an end of another one.
        let mut at: Vec<f64> = (0..100).map(|second| 60.0 + f64::from(second)).collect();
        at[0] = 0.0;
        at[99] = 300.0;
        assert_eq!(steady(&at).to_string(), "1");
        assert!(steady(&[]).is_nan() && steady(&[1.0]).is_nan());
    }
}
