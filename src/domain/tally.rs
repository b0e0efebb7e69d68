//! Tallies: how much of what is watched there was, by key and hour.
//!
//! They are written as increments, so that batches that run side by side need no lock: the
//! database adds them up. Sums are whole ten-thousandths, so that this is exact there too.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::{
    anomaly::{Flag, MIN_SAMPLES, Measure, Watch, baseline_hours, judge, judge_sum},
    audit::scaled_amount,
    time::{Span, Timestamp},
};

/// *Units*: microseconds.
const HOUR: i64 = 3_600_000_000;
/// How many hours a week has.
const WEEK: i64 = 168;
/// The longest window. *Units*: hours.
const MOST_HOURS: i64 = WEEK;
/// The longest baseline. *Units*: weeks.
const MOST_WEEKS: u32 = 26;
/// The most that one request adds, so that no hour overflows. *Units*: 1/10,000.
const MOST_EACH: i64 = 10_000_000_000_000;

/// What is tallied: a watch, and whose.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TallyKey {
    /// The watch's name.
    pub name: String,
    /// Whose it is.
    pub key: String,
}

/// A tally that a decision must know, for these hours.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TallyAsk {
    /// Which.
    pub of: TallyKey,
    /// The hours, rising. *Units*: hours since the epoch.
    pub hours: Vec<i64>,
}

/// What there was in one hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many requests, or approvals that were given.
    pub count: i64,
    /// What their amounts come to; of votes, how many were rejections. *Units*: 1/10,000, or votes.
    pub sum: i64,
    /// Whether it was told that this is out of the usual.
    pub is_told: bool,
}

/// What is added to an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tallied {
    /// Which.
    pub of: TallyKey,
    /// The hour. *Units*: hours since the epoch.
    pub hour: i64,
    /// What is added.
    pub added: Tally,
    /// The last hour in which anybody asks for it.
    pub keep_until: i64,
}

/// What is known of one tally.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tallies {
    /// The first hour that is on record; `None`: there is none.
    first: Option<i64>,
    hours: BTreeMap<i64, Tally>,
}

/// Gives the hour of a time. *Units*: hours since the epoch.
pub fn hour_of(time: Timestamp) -> i64 {
    time.micros().div_euclid(HOUR)
}

impl Tally {
    /// Gives one request about an amount, if it is about one.
    pub fn request(amount: Option<Decimal>) -> Self {
        let scaled = amount.map_or(0, scaled_amount);
        Self {
            count: 1,
            sum: scaled.clamp(-MOST_EACH, MOST_EACH),
            is_told: false,
        }
    }

    /// Gives one vote.
    pub fn vote(is_approval: bool) -> Self {
        Self {
            count: i64::from(is_approval),
            sum: i64::from(!is_approval),
            is_told: false,
        }
    }

    /// Adds another one to it.
    pub fn add(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.sum = self.sum.saturating_add(other.sum);
        self.is_told |= other.is_told;
    }
}

impl Tallies {
    /// Keeps what the database has, for the hours that were asked for. What the batch has added to an hour
    /// that is known already stays.
    pub fn keep(&mut self, first: Option<i64>, hours: &[i64], rows: &BTreeMap<i64, Tally>) {
        self.first = self.first.into_iter().chain(first).min();
        for hour in hours {
            let found = || rows.get(hour).copied().unwrap_or_default();
            self.hours.entry(*hour).or_insert_with(found);
        }
    }

    /// Tells whether it is known for these hours.
    pub fn reaches(&self, hours: &[i64]) -> bool {
        hours.iter().all(|hour| self.hours.contains_key(hour))
    }

    /// Adds to an hour.
    pub fn add(&mut self, hour: i64, added: Tally) {
        self.first = Some(self.first.map_or(hour, |first| first.min(hour)));
        self.hours.entry(hour).or_default().add(added);
    }

    /// Tells whether it was told in an hour that this is out of the usual.
    pub fn is_told(&self, hour: i64) -> bool {
        self.hours.get(&hour).is_some_and(|tally| tally.is_told)
    }

    /// Gives what there was in so many hours, the last of which is this one.
    fn over(&self, hour: i64, count: i64) -> Tally {
        let mut total = Tally::default();
        for (_, tally) in self.hours.range(hour - count + 1..=hour) {
            total.add(*tally);
        }
        total
    }
}

impl Watch {
    /// Gives the length of its window. *Units*: whole hours.
    fn window_hours(&self) -> i64 {
        let hours = self.window.micros().saturating_add(HOUR - 1) / HOUR;
        if self.measure == Measure::OffHours {
            return 1;
        }
        hours.clamp(1, MOST_HOURS)
    }

    /// Gives the ends of the windows that it compares with. The same request again and again has no usual.
    fn baseline(&self, hour: i64) -> Vec<i64> {
        match self.measure {
            Measure::Repeat => Vec::new(),
            Measure::ApprovalRate | Measure::Count | Measure::OffHours | Measure::Sum => {
                baseline_hours(hour, self.weeks().min(MOST_WEEKS))
            }
        }
    }

    /// Gives the hours that it wants to know in an hour, rising.
    pub fn hours(&self, hour: i64) -> Vec<i64> {
        let window = self.window_hours();
        let mut ends = self.baseline(hour);
        ends.push(hour);
        let hours = ends.iter().flat_map(|end| end - window + 1..=*end);
        let mut hours: Vec<i64> = hours.collect();
        hours.sort_unstable();
        hours.dedup();
        hours
    }

    /// Gives the last hour in which it asks for what is tallied in this one.
    pub fn keep_until(&self, hour: i64) -> i64 {
        let first = self.hours(hour).first().copied().unwrap_or(hour);
        let is_usual_wanted = !self.baseline(hour).is_empty();
        // A week more, so that whoever does something once a week is no beginner each time.
        let longer = if is_usual_wanted { WEEK } else { 0 };
        hour + (hour - first) + longer
    }

    /// Holds an hour, with what is added to it now, against its past.
    ///
    /// Hours from before the first on record are no part of the past: until there are enough
    /// others, the cap stands in. *Shape*: what was asked for by [`Watch::hours`].
    pub fn look(&self, tallies: &Tallies, hour: i64, added: Tally) -> Option<Flag> {
        let window = self.window_hours();
        let mut now = tallies.over(hour, window);
        now.add(added);
        let known = |end: &i64| {
            let first = tallies.first;
            first.is_some_and(|first| end - window + 1 >= first)
        };
        let ends = self.baseline(hour).into_iter().filter(known);
        let mut past: Vec<Decimal> = ends
            .map(|end| self.value(tallies.over(end, window)))
            .collect();
        if self.measure == Measure::Repeat && self.threshold.cap.is_none() {
            past = vec![Decimal::ZERO; MIN_SAMPLES];
        }
        let is_usual_hour = past.iter().any(|value| *value > Decimal::ZERO);
        if self.measure == Measure::OffHours && is_usual_hour {
            return None;
        }
        let value = self.value(now);
        if self.measure == Measure::Sum {
            judge_sum(value, &past, &self.threshold)
        } else {
            judge(value, &past, &self.threshold)
        }
    }

    fn value(&self, tally: Tally) -> Decimal {
        match self.measure {
            Measure::Sum => Decimal::new(tally.sum, 4).normalize(),
            // Whoever rejects now and then looks at what he decides.
            Measure::ApprovalRate if tally.sum > 0 => Decimal::ZERO,
            Measure::ApprovalRate | Measure::Count | Measure::OffHours | Measure::Repeat => {
                Decimal::from(tally.count)
            }
        }
    }
}

/// Gives the time at which an hour begins.
pub fn begin_of(hour: i64) -> Timestamp {
    Timestamp::from_micros(0).plus(Span::from_micros(hour.saturating_mul(HOUR)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 500_000;

    fn watch(measure: Measure) -> Watch {
        Watch::usual("w".into(), measure)
    }

    /// Four weeks in which each hour was as `of` says; asked for as the watch asks.
    fn past(watch: &Watch, of: impl Fn(i64) -> i64) -> Tallies {
        let hours = watch.hours(NOW);
        let tally = |hour: &i64| {
            let count = of(NOW - hour);
            let sum = count * 10_000;
            (
                *hour,
                Tally {
                    count,
                    sum,
                    is_told: false,
                },
            )
        };
        let rows = hours
            .iter()
            .filter(|hour| **hour < NOW)
            .map(tally)
            .collect();
        let mut tallies = Tallies::default();
        tallies.keep(Some(NOW - 5 * 168), &hours, &rows);
        tallies
    }

    fn many(count: i64) -> Tally {
        Tally {
            count,
            sum: count * 10_000,
            is_told: false,
        }
    }

    #[test]
    fn a_wild_week_in_the_history_moves_nothing() {
        for measure in [Measure::Count, Measure::Sum] {
            let watch = watch(measure);
            let wild = |ago: i64| if (167..170).contains(&ago) { 5_000 } else { 10 };
            let tallies = past(&watch, wild);
            assert_eq!(watch.look(&tallies, NOW, many(14)), None, "{measure:?}");
            let flag = watch.look(&tallies, NOW, many(80)).expect("a spike");
            assert_eq!(flag.expected, Decimal::TEN);
        }
    }

    #[test]
    fn a_cold_start_is_held_against_the_cap_alone() {
        let watch = watch(Measure::Count);
        let mut tallies = Tallies::default();
        tallies.keep(None, &watch.hours(NOW), &BTreeMap::new());
        tallies.add(NOW, many(59));
        assert_eq!(watch.look(&tallies, NOW, many(1)), None);
        let flag = watch.look(&tallies, NOW, many(2)).expect("above the cap");
        assert_eq!((flag.expected, flag.score), (Decimal::from(60), None));
        // A week later there are three hours to compare with, which is not enough.
        let mut young = Tallies::default();
        young.keep(Some(NOW - 200), &watch.hours(NOW), &BTreeMap::new());
        assert_eq!(watch.look(&young, NOW, many(60)), None);
        let mut old = Tallies::default();
        old.keep(Some(NOW - 600), &watch.hours(NOW), &BTreeMap::new());
        assert!(watch.look(&old, NOW, many(60)).is_some());
    }

    #[test]
    fn what_happens_at_an_hour_at_which_nothing_ever_does_is_off_hours() {
        let watch = watch(Measure::OffHours);
        let silent = past(&watch, |_| 0);
        assert_eq!(watch.look(&silent, NOW, many(5)), None, "little is nothing");
        assert!(watch.look(&silent, NOW, many(6)).is_some());
        let once = past(&watch, |ago| i64::from(ago == 2 * 168 + 1));
        assert_eq!(watch.look(&once, NOW, many(60)), None, "not unheard of");
    }

    #[test]
    fn the_same_again_and_again_needs_no_history() {
        let mut watch = watch(Measure::Repeat);
        assert_eq!(watch.hours(NOW), [NOW]);
        let tallies = Tallies::default();
        assert_eq!(watch.look(&tallies, NOW, many(5)), None);
        assert!(watch.look(&tallies, NOW, many(6)).is_some());
        watch.threshold.cap = None;
        assert_eq!(watch.look(&tallies, NOW, many(5)), None);
        assert!(watch.look(&tallies, NOW, many(6)).is_some());
    }

    #[test]
    fn an_approver_who_rejects_now_and_then_looks() {
        let watch = watch(Measure::ApprovalRate);
        let mut tallies = Tallies::default();
        for _ in 0..20 {
            tallies.add(NOW, Tally::vote(true));
        }
        assert!(watch.look(&tallies, NOW, Tally::vote(true)).is_some());
        tallies.add(NOW, Tally::vote(false));
        assert_eq!(watch.look(&tallies, NOW, Tally::vote(true)), None);
    }

    #[test]
    fn a_window_of_hours_is_compared_with_windows_of_hours() {
        let mut watch = watch(Measure::Count);
        watch.window = Span::from_secs(2 * 3_600 + 1);
        let tallies = past(&watch, |ago| if ago < 10 { 0 } else { 10 });
        assert_eq!(watch.hours(NOW).len(), 4 * 5 + 3);
        let flag = watch.look(&tallies, NOW, many(300)).expect("a spike");
        assert_eq!(flag.expected, Decimal::from(30));
        for asked in watch.hours(NOW) {
            assert!(watch.keep_until(asked) >= NOW, "{asked}");
        }
    }

    #[test]
    fn what_the_batch_has_added_stays_when_more_is_loaded() {
        let mut tallies = Tallies::default();
        tallies.keep(None, &[NOW], &BTreeMap::new());
        tallies.add(NOW, many(2));
        tallies.keep(Some(NOW - 9), &[NOW - 9, NOW], &[(NOW, many(7))].into());
        assert!(tallies.reaches(&[NOW - 9, NOW]));
        assert_eq!(tallies.over(NOW, 1).count, 2);
    }

    #[test]
    fn amounts_are_exact_and_an_absurd_one_overflows_nothing() {
        assert_eq!(Tally::request(Some(Decimal::new(1_005, 2))).sum, 100_500);
        assert_eq!(Tally::request(Some(Decimal::MAX)).sum, MOST_EACH);
        assert_eq!(hour_of(begin_of(NOW)), NOW);
    }
}
