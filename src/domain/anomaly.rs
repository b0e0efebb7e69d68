//! Anomalies: what is out of the usual, by a robust score over the same hours of the last weeks.
//!
//! The median says what is usual and the median absolute deviation how much that varies, so
//! that one wild week in the history moves neither. Until there is enough of a history a
//! fixed cap stands in. A flag carries value, expectation and score; it never denies.
//! *Source*: Iglewicz and Hoaglin, the modified z-score.

use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde::{Deserialize, Serialize};

/// How many hours a week has.
const HOURS_A_WEEK: i64 = 168;
/// What makes the median absolute deviation comparable with a standard deviation.
const CONSISTENCY: f64 = 0.6745;
/// How many samples make a history.
pub const MIN_SAMPLES: usize = 6;

/// When a value is flagged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Watch {
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
pub fn judge(value: Decimal, history: &[Decimal], watch: &Watch) -> Option<Flag> {
    if history.len() < MIN_SAMPLES {
        let cap = watch.cap.filter(|cap| value > *cap)?;
        return Some(Flag {
            value,
            expected: cap,
            score: None,
        });
    }
    let expected = median(history);
    let score = score(value, expected, history);
    (value > expected && score >= watch.sensitivity).then_some(Flag {
        value,
        expected,
        score: Some(score),
    })
}

fn score(value: Decimal, expected: Decimal, history: &[Decimal]) -> f64 {
    let deviations: Vec<Decimal> = history
        .iter()
        .map(|past| (*past - expected).abs())
        .collect();
    // A history without any variation would flag the first cent: a tenth of the usual, and one, stand in.
    let least = (expected.abs() / Decimal::TEN).max(Decimal::ONE);
    let spread = median(&deviations).max(least);
    let distance = (value - expected) / spread;
    CONSISTENCY * distance.to_f64().unwrap_or(f64::MAX)
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

    const WATCH: Watch = Watch {
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
            assert_eq!(judge(Decimal::from(calm), &usual, &WATCH), None, "{calm}");
        }
        let flag = judge(Decimal::from(60), &usual, &WATCH).expect("a spike");
        assert_eq!(
            (flag.value, flag.expected),
            (Decimal::from(60), Decimal::from(10))
        );
        assert!(flag.score.is_some_and(|score| score > 20.0), "{flag:?}");
    }

    #[test]
    fn one_wild_week_in_the_history_hides_nothing() {
        let wild = history(&[10, 12, 9, 11, 900, 13, 8, 10]);
        assert!(judge(Decimal::from(60), &wild, &WATCH).is_some());
    }

    #[test]
    fn a_history_that_never_varied_allows_for_a_little() {
        let still = history(&[0; 8]);
        assert_eq!(judge(Decimal::from(3), &still, &WATCH), None);
        assert!(judge(Decimal::from(7), &still, &WATCH).is_some());
    }

    #[test]
    fn until_there_is_a_history_the_cap_stands_in() {
        let short = history(&[1, 2, 3]);
        assert_eq!(judge(Decimal::from(100), &short, &WATCH), None);
        let flag = judge(Decimal::from(101), &short, &WATCH).expect("over the cap");
        assert_eq!((flag.expected, flag.score), (Decimal::ONE_HUNDRED, None));
        let uncapped = Watch { cap: None, ..WATCH };
        assert_eq!(judge(Decimal::from(1_000_000), &short, &uncapped), None);
    }

    #[test]
    fn an_hour_is_compared_with_the_same_ones_of_the_last_weeks() {
        assert_eq!(baseline_hours(1_000, 2), [832, 831, 833, 664, 663, 665]);
    }

    proptest! {
        #[test]
        fn more_is_never_less_of_an_anomaly(past in proptest::collection::vec(0..1_000_i64, 6..40), value in 0..5_000_i64) {
            let past = history(&past);
            let lower = judge(Decimal::from(value), &past, &WATCH);
            let higher = judge(Decimal::from(value + 1), &past, &WATCH);
            prop_assert!(lower.is_none() || higher.is_some());
        }
    }
}
