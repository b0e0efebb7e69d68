//! What an `sla` rule promises: targets, warnings, levels, and how tickets come back.
//!
//! Plain data, made by `crate::policy` from the rule and kept by its version. Which tickets a
//! policy is for is asked there too.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest, Sha256};

use super::Metric;
use crate::domain::{
    calendar::Calendar,
    ids::{hex, leading_16},
    ticket::Priority,
    time::{Span, Timestamp},
};

/// Targets of one priority. *Units*: open time of the policy's calendar.
pub type Targets = BTreeMap<Metric, Span>;

/// When a clock warns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WarnAt {
    /// At so many percent of the target; written `80%`.
    Percent(u8),
    /// So much open time before it is due; written `30m`.
    Before(Span),
}

impl WarnAt {
    /// Gives how much of a target is used up then; `None` where that is nothing, or all of it.
    pub fn threshold(self, target: Span) -> Option<Span> {
        let target = target.micros() / 1_000;
        let millis = match self {
            Self::Percent(percent) => target.saturating_mul(i64::from(percent)) / 100,
            Self::Before(span) => target - span.micros() / 1_000,
        };
        (0 < millis && millis < target).then(|| Span::from_millis(millis))
    }
}

impl FromStr for WarnAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(percent) = text.strip_suffix('%') else {
            return parse_target(text).map(Self::Before);
        };
        let percent = percent
            .parse()
            .ok()
            .filter(|percent| (1..100).contains(percent));
        percent
            .map(Self::Percent)
            .ok_or_else(|| format!("`{text}` is not between 1% and 99%"))
    }
}

impl fmt::Display for WarnAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percent(percent) => write!(f, "{percent}%"),
            Self::Before(span) => span.fmt(f),
        }
    }
}

impl Serialize for WarnAt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for WarnAt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// In which time a level counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LevelTime {
    /// In open time of the calendar, while the clock runs.
    #[default]
    Business,
    /// In real time since the breach.
    Wall,
}

/// What is done when a breach lasts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Level {
    /// How long after the breach.
    pub after: Span,
    /// In which time.
    pub time: LevelTime,
    /// How often it comes again, each time as long after the last.
    pub repeat: u32,
    /// Whom to tell: `#channel`, `@person`, `@team`.
    pub notify: Vec<String>,
    /// The person who is to look after it.
    pub assignee: Option<String>,
    /// The team that is to look after it.
    pub team: Option<String>,
    /// What the priority is raised to.
    pub priority: Option<Priority>,
    /// Whether to raise an escalation.
    pub escalate: bool,
}

/// What becomes of a resolved ticket when the customer writes again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reopen {
    /// It is reopened, and its clock goes on.
    #[default]
    Resume,
    /// It is reopened, with a fresh clock.
    NewCycle,
    /// It stays resolved.
    Ignore,
    /// Another ticket is opened.
    NewTicket,
}

/// When alerts are delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deliver {
    /// At once.
    #[default]
    Now,
    /// When the calendar opens next.
    Opening,
}

impl Deliver {
    /// Gives when an alert of `at` is delivered; at once if the calendar never opens again.
    pub fn when(self, calendar: &Calendar, at: Timestamp) -> Timestamp {
        match self {
            Self::Now => at,
            Self::Opening => calendar.next_open(at).unwrap_or(at),
        }
    }
}

/// An `sla` rule, as data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SlaPolicy {
    /// Its name.
    pub name: String,
    /// The version of its text, which [`SlaPolicy::versioned`] gives.
    pub version: String,
    /// The targets by priority; what has none is not measured.
    pub targets: BTreeMap<Priority, Targets>,
    /// When to warn.
    pub warn_at: BTreeSet<WarnAt>,
    /// Whom to tell of warnings and breaches.
    pub notify: Vec<String>,
    /// The metrics that pause while a ticket waits, beside `resolution`.
    pub pausing: BTreeSet<Metric>,
    /// What becomes of a resolved ticket when the customer writes again.
    pub reopen: Reopen,
    /// For how long it does. *Units*: days of 24 hours; `None`: 14.
    pub reopen_days: Option<u32>,
    /// Whether a bot's reply counts as a person's.
    pub bot_counts: bool,
    /// When alerts are delivered.
    pub deliver: Deliver,
    /// What is done when a breach lasts.
    pub levels: Vec<Level>,
}

impl SlaPolicy {
    /// Gives what is promised for a metric at a priority; `None`: nothing.
    pub fn target(&self, metric: Metric, priority: Priority) -> Option<Span> {
        self.targets.get(&priority)?.get(&metric).copied()
    }

    /// Tells whether it says how soon an approval is decided.
    pub fn is_of_approvals(&self) -> bool {
        let mut targets = self.targets.values();
        targets.any(|targets| targets.contains_key(&Metric::Approval))
    }

    /// Gives it the version that follows from its text: the same for the same, another for any other.
    #[must_use]
    pub fn versioned(mut self) -> Self {
        self.version.clear();
        let mut hash = Sha256::new();
        hash.update(serde_json::to_vec(&self).unwrap_or_default());
        self.version = hex(&leading_16(hash)[..8]);
        self
    }

    /// Tells whether a metric pauses while the ticket waits for the customer.
    pub fn pauses(&self, metric: Metric) -> bool {
        metric == Metric::Resolution || self.pausing.contains(&metric)
    }
}

/// Reads a target: `30s`, `15m` or `2h` of open time.
///
/// *Errors*: what is wrong with it; days are refused, for a calendar's day has no fixed length.
pub fn parse_target(text: &str) -> Result<Span, String> {
    let trimmed = text.trim();
    if trimmed.ends_with('d') && Span::parse(trimmed).is_ok() {
        return Err(format!(
            "`{text}` is in days, which a calendar does not count; write its opening hours, such as `8h` for a day's"
        ));
    }
    let span = Span::parse(trimmed)
        .ok()
        .filter(|_| !trimmed.ends_with("ms"));
    span.filter(|span| span.micros() > 0).ok_or_else(|| {
        format!("`{text}` is not a target; write a number above 0 and a unit: s, m or h")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_in_seconds_minutes_or_hours() {
        assert_eq!(parse_target("15m"), Ok(Span::from_secs(900)));
        let days = parse_target("2d").expect_err("days");
        assert!(days.contains("such as `8h`"), "{days}");
        for bad in ["0h", "500ms", "h", "1w", "-1h", ""] {
            assert!(parse_target(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn warnings_are_written_as_they_are_read() {
        for text in ["80%", "30m"] {
            let warn: WarnAt = text.parse().expect("a warning");
            assert_eq!(warn.to_string(), text);
        }
        for bad in ["0%", "100%", "-5%", "x%", "1d"] {
            assert!(bad.parse::<WarnAt>().is_err(), "{bad}");
        }
        let hour = Span::from_secs(3_600);
        assert_eq!(
            WarnAt::Percent(50).threshold(hour),
            Some(Span::from_secs(1_800))
        );
        assert_eq!(WarnAt::Before(hour).threshold(hour), None);
    }

    #[test]
    fn a_policy_is_plain_data() {
        let text = r#"{"name":"Gold","targets":{"urgent":{"resolution":"4h"}},"warn_at":["50%","30m"],
            "reopen":"new_cycle","levels":[{"after":"30m","time":"wall","repeat":2,"priority":"urgent"}]}"#;
        let policy: SlaPolicy = serde_json::from_str(text).expect("reads");
        let again = serde_json::to_string(&policy).expect("writes");
        assert_eq!(
            serde_json::from_str::<SlaPolicy>(&again).ok(),
            Some(policy.clone())
        );
        assert_eq!(
            policy.target(Metric::Resolution, Priority::Urgent),
            Some(Span::from_secs(14_400))
        );
        assert_eq!(policy.target(Metric::Resolution, Priority::Low), None);
        assert_eq!(policy.levels[0].repeat, 2);
    }
}
