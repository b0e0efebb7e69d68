//! Anomalies: what is out of the usual, by a robust score over the same hours of the last weeks.
//!
//! The median says what is usual and the median absolute deviation how much that varies, so
//! that one wild week in the history moves neither. Until there is enough of a history a
//! fixed cap stands in. A flag carries value, expectation and score; it never denies.
//! *Source*: Iglewicz and Hoaglin, the modified z-score.

use std::sync::Arc;

use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    access::fits,
    history::{By, NoKey, Whose},
    time::Span,
};

pub use self::record::Anomaly;

mod record;

/// How many hours a week has.
const HOURS_A_WEEK: i64 = 168;
/// What makes the median absolute deviation comparable with a standard deviation.
const CONSISTENCY: f64 = 0.6745;
/// How many samples make a history.
pub const MIN_SAMPLES: usize = 6;
/// The shortest baseline: a week gives three samples.
pub const LEAST_BASELINE: Span = Span::from_secs(2 * HOURS_A_WEEK * 3_600);

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// How many approvals one approver gave in the window, if there was no rejection among them.
    ApprovalRate,
    /// How many requests there were in the window.
    Count,
    /// How many requests there were at an hour at which there were none in the whole baseline.
    OffHours,
    /// How many requests with the same action and parameters there were in the window.
    Repeat,
    /// What the amounts of the requests in the window come to.
    Sum,
}

/// Something that is watched.
#[derive(Clone, Debug, PartialEq)]
pub struct Watch {
    /// Its name: the rule's, or that of a default.
    pub name: Arc<str>,
    /// The actions, by name or beginning; empty: every one.
    pub actions: Vec<String>,
    /// What is measured.
    pub measure: Measure,
    /// The parameter that is summed; `None`: what the action calls its amount.
    pub field: Option<String>,
    /// Whose requests are measured together; of approvals, the actor is the approver.
    pub by: By,
    /// Whether each action and each segment counts by itself.
    pub is_split: bool,
    /// Over how long.
    pub window: Span,
    /// How far back the usual is looked for.
    pub baseline: Span,
    /// When it is flagged.
    pub threshold: Threshold,
    /// Who is told: `#channel`, `@person`, `@team`.
    pub notify: Vec<String>,
    /// Whether people decide on a request that is flagged.
    pub requires_approval: bool,
}

/// When a value is flagged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// From which score on.
    pub sensitivity: f64,
    /// From which value on, while there is no history; `None`: not at all then.
    pub cap: Option<Decimal>,
}

/// Something out of the usual.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Flag {
    /// What it is.
    pub value: Decimal,
    /// What is usual; the cap while there is no history.
    pub expected: Decimal,
    /// How far beside it is; `None` while there is no history.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
}

impl Measure {
    /// Every one, by name.
    pub const ALL: [Self; 5] = [
        Self::ApprovalRate,
        Self::Count,
        Self::OffHours,
        Self::Repeat,
        Self::Sum,
    ];

    /// Gives the wire name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ApprovalRate => "approval_rate",
            Self::Count => "count",
            Self::OffHours => "off_hours",
            Self::Repeat => "repeat",
            Self::Sum => "sum",
        }
    }

    /// Gives the one of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|measure| measure.as_str() == name)
    }

    /// Gives from which value on it is flagged while there is no history.
    fn cap(self) -> Option<Decimal> {
        match self {
            Self::ApprovalRate => Some(Decimal::from(20)),
            Self::Count => Some(Decimal::from(60)),
            Self::Repeat => Some(Decimal::from(5)),
            // Without a history nobody knows the currency, nor which hours are usual.
            Self::OffHours | Self::Sum => None,
        }
    }
}

impl Watch {
    /// Gives the usual watch of a measure, under a name.
    pub fn usual(name: Arc<str>, measure: Measure) -> Self {
        Self {
            name,
            actions: Vec::new(),
            measure,
            field: None,
            by: By::Actor,
            is_split: true,
            window: Span::from_secs(3_600),
            baseline: Span::from_secs(4 * HOURS_A_WEEK * 3_600),
            threshold: Threshold {
                sensitivity: 4.0,
                cap: measure.cap(),
            },
            notify: Vec::new(),
            requires_approval: false,
        }
    }

    /// Gives what is watched without any rule: every measure, by name.
    pub fn defaults() -> Vec<Self> {
        let named = |measure: Measure| Arc::from(format!("default:{}", measure.as_str()));
        let each = Measure::ALL.into_iter();
        each.map(|measure| Self::usual(named(measure), measure))
            .collect()
    }

    /// Adds the defaults of the measures that nobody watches.
    pub fn completed(mut watches: Vec<Self>) -> Vec<Self> {
        let is_missing = |default: &Self| {
            let mut own = watches.iter();
            !own.any(|watch| watch.measure == default.measure)
        };
        let missing: Vec<Self> = Self::defaults().into_iter().filter(is_missing).collect();
        watches.extend(missing);
        watches
    }

    /// Tells whether it is about an action.
    pub fn concerns(&self, action: &str) -> bool {
        let mut patterns = self.actions.iter();
        self.actions.is_empty() || patterns.any(|pattern| fits(pattern, action))
    }

    /// Gives the key under which a request is measured.
    ///
    /// *Errors*: it is not known whose it would be; then it is not measured here.
    pub fn key(&self, whose: &Whose, action: &str, segment: Option<&str>) -> Result<String, NoKey> {
        let key = self.by.key(whose)?;
        if !self.is_split {
            return Ok(key);
        }
        // As JSON, so that no two keys meet whatever stands in them.
        Ok(json!([key, action, segment]).to_string())
    }

    /// Gives how many weeks the baseline reaches back.
    pub fn weeks(&self) -> u32 {
        let week = HOURS_A_WEEK * 3_600_000_000;
        u32::try_from(self.baseline.micros() / week).unwrap_or(u32::MAX)
    }
}

/// Gives the hours that an hour is compared with: the same one of the last weeks and its neighbours.
///
/// *Units*: hours since the epoch. *Shape*: newest week first.
pub fn baseline_hours(hour: i64, weeks: u32) -> Vec<i64> {
    let weeks = 1..=i64::from(weeks);
    weeks
        .flat_map(|week| {
            let same = hour - week * HOURS_A_WEEK;
            [same, same - 1, same + 1]
        })
        .collect()
}

/// Holds a value against its history; hours without anything count as zero and are part of it.
pub fn judge(value: Decimal, history: &[Decimal], threshold: &Threshold) -> Option<Flag> {
    judge_by(value, history, threshold, Decimal::ONE)
}

/// Holds a sum against its history. Where most hours have none, those that have one say how much is much.
pub fn judge_sum(value: Decimal, history: &[Decimal], threshold: &Threshold) -> Option<Flag> {
    let some = history.iter().copied().filter(|sum| !sum.is_zero());
    let some: Vec<Decimal> = some.collect();
    if some.is_empty() {
        return judge(value, &[], threshold);
    }
    let grain = if median(history).is_zero() {
        median(&some).abs()
    } else {
        Decimal::ONE
    };
    judge_by(value, history, threshold, grain)
}

fn judge_by(
    value: Decimal,
    history: &[Decimal],
    threshold: &Threshold,
    grain: Decimal,
) -> Option<Flag> {
    if history.len() < MIN_SAMPLES {
        let cap = threshold.cap.filter(|cap| value > *cap)?;
        return Some(Flag {
            value,
            expected: cap,
            score: None,
        });
    }
    let expected = median(history);
    let deviations: Vec<Decimal> = history
        .iter()
        .map(|past| (*past - expected).abs())
        .collect();
    // A history without any variation would flag the first cent: a tenth of the usual, and the grain, stand in.
    let least = (expected.abs() / Decimal::TEN).max(grain);
    let distance = (value - expected) / median(&deviations).max(least);
    let score = CONSISTENCY * distance.to_f64().unwrap_or(f64::MAX);
    (value > expected && score >= threshold.sensitivity).then_some(Flag {
        value,
        expected,
        score: Some(score),
    })
}

/// Gives the middle value, or what lies between the two middle ones; zero of nothing.
fn median(values: &[Decimal]) -> Decimal {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let middle = sorted.len() / 2;
    match (sorted.len() % 2, sorted.get(middle)) {
        (_, None) => Decimal::ZERO,
        (1, Some(value)) => *value,
        (_, Some(value)) => (*value + sorted[middle - 1]) / Decimal::TWO,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const THRESHOLD: Threshold = Threshold {
        sensitivity: 4.0,
        cap: Some(Decimal::ONE_HUNDRED),
    };

    fn history(values: &[i64]) -> Vec<Decimal> {
        values.iter().map(|&value| Decimal::from(value)).collect()
    }

    #[test]
    fn a_spike_is_flagged_and_the_usual_is_not() {
        let usual = history(&[10, 12, 9, 11, 10, 13, 8, 10]);
        for calm in [0, 8, 13, 15] {
            assert_eq!(
                judge(Decimal::from(calm), &usual, &THRESHOLD),
                None,
                "{calm}"
            );
        }
        let flag = judge(Decimal::from(60), &usual, &THRESHOLD).expect("a spike");
        assert_eq!(
            (flag.value, flag.expected),
            (Decimal::from(60), Decimal::from(10))
        );
        assert!(flag.score.is_some_and(|score| score > 20.0), "{flag:?}");
    }

    #[test]
    fn a_rare_sum_is_held_against_what_it_is_when_there_is_one() {
        let rare = history(&[0, 0, 80, 0, 0, 0, 120, 0]);
        assert_eq!(judge_sum(Decimal::from(300), &rare, &THRESHOLD), None);
        let flag = judge_sum(Decimal::from(600), &rare, &THRESHOLD).expect("a spike");
        assert_eq!(flag.expected, Decimal::ZERO);
        let never = history(&[0; 12]);
        assert_eq!(judge_sum(Decimal::from(100), &never, &THRESHOLD), None);
        let flag = judge_sum(Decimal::from(101), &never, &THRESHOLD).expect("above the cap");
        assert_eq!(flag.score, None);
    }

    #[test]
    fn one_wild_week_in_the_history_hides_nothing() {
        let wild = history(&[10, 12, 9, 11, 900, 13, 8, 10]);
        assert!(judge(Decimal::from(60), &wild, &THRESHOLD).is_some());
    }

    #[test]
    fn a_history_that_never_varied_allows_for_a_little() {
        let still = history(&[0; 8]);
        assert_eq!(judge(Decimal::from(3), &still, &THRESHOLD), None);
        assert!(judge(Decimal::from(7), &still, &THRESHOLD).is_some());
    }

    #[test]
    fn until_there_is_a_history_the_cap_stands_in() {
        let short = history(&[1, 2, 3]);
        assert_eq!(judge(Decimal::from(100), &short, &THRESHOLD), None);
        let flag = judge(Decimal::from(101), &short, &THRESHOLD).expect("over the cap");
        assert_eq!((flag.expected, flag.score), (Decimal::ONE_HUNDRED, None));
        let uncapped = Threshold {
            cap: None,
            ..THRESHOLD
        };
        assert_eq!(judge(Decimal::from(1_000_000), &short, &uncapped), None);
    }

    #[test]
    fn the_defaults_watch_everything_until_a_rule_does() {
        let defaults = Watch::defaults();
        let measures: Vec<Measure> = defaults.iter().map(|watch| watch.measure).collect();
        assert_eq!(measures, Measure::ALL);
        for measure in Measure::ALL {
            assert_eq!(Measure::parse(measure.as_str()), Some(measure));
        }
        let own = Watch {
            actions: vec!["refund*".to_owned()],
            ..Watch::usual("own".into(), Measure::Count)
        };
        assert!(own.concerns("refund_all") && !own.concerns("discount"));
        let all = Watch::completed(vec![own]);
        assert_eq!((all.len(), &*all[0].name), (Measure::ALL.len(), "own"));
        assert!(all.iter().all(|watch| &*watch.name != "default:count"));
    }

    #[test]
    fn each_actor_action_and_segment_is_measured_by_itself() {
        let watch = Watch::usual("w".into(), Measure::Count);
        let whose = Whose {
            actor: Some("ai:bot".to_owned()),
            ..Whose::default()
        };
        let key = watch.key(&whose, "refund", Some("vip"));
        assert_eq!(key.as_deref(), Ok(r#"["actor:ai:bot","refund","vip"]"#));
        assert_ne!(watch.key(&whose, "refund", None), key);
        let together = Watch {
            is_split: false,
            ..watch.clone()
        };
        assert_eq!(
            together.key(&whose, "refund", None).as_deref(),
            Ok("actor:ai:bot")
        );
        assert!(watch.key(&Whose::default(), "refund", None).is_err());
        assert_eq!(
            (watch.weeks(), baseline_hours(1_000, watch.weeks()).len()),
            (4, 12)
        );
        let least = 3 * usize::try_from(LEAST_BASELINE.micros() / 604_800_000_000).expect("few");
        assert!(least >= MIN_SAMPLES);
    }

    #[test]
    fn an_hour_is_compared_with_the_same_ones_of_the_last_weeks() {
        assert_eq!(baseline_hours(1_000, 2), [832, 831, 833, 664, 663, 665]);
    }

    proptest! {
        #[test]
        fn more_is_never_less_of_an_anomaly(past in proptest::collection::vec(0..1_000_i64, 6..40), value in 0..5_000_i64) {
            let past = history(&past);
            let lower = judge(Decimal::from(value), &past, &THRESHOLD);
            let higher = judge(Decimal::from(value + 1), &past, &THRESHOLD);
            prop_assert!(lower.is_none() || higher.is_some());
        }
    }
}
