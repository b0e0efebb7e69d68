//! The worked cases of the specification, and every calendar against one that looks at each minute.

use proptest::prelude::*;

use super::*;
use crate::{clock::Stopwatch, domain::wall::Date};

mod oracle;

use oracle::Oracle;

/// *Units*: milliseconds.
const MINUTE: i64 = 60_000;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap_or_else(|| panic!("`{text}` is a time"))
}

fn hours(count: i64) -> Span {
    Span::from_secs(count * 3_600)
}

fn windows(texts: &[&str]) -> Vec<Window> {
    let parsed = texts.iter().map(|text| text.parse().expect("a window"));
    parsed.collect()
}

/// A calendar with the same windows from Monday to Friday, and none at the weekend.
fn weekdays(zone: &str, week: &[&str], overrides: &[(&str, &[&str])]) -> Calendar {
    let mut spec = CalendarSpec::always_open("c", zone);
    for (day, own) in spec.week.iter_mut().enumerate() {
        *own = if day < 5 { windows(week) } else { Vec::new() };
    }
    for (date, own) in overrides {
        let day = Override {
            windows: windows(own),
            name: None,
        };
        spec.overrides.insert(date.parse().expect("a date"), day);
    }
    Calendar::compile(spec).expect("compiles")
}

fn new_york() -> Calendar {
    let closed: &[&str] = &[];
    weekdays(
        "America/New_York",
        &["09:00-17:00"],
        &[
            ("2026-11-26", closed),
            ("2026-11-27", &["09:00-13:00"]),
            ("2026-12-25", closed),
        ],
    )
}

fn berlin() -> Calendar {
    weekdays(
        "Europe/Berlin",
        &["09:00-12:00", "13:00-18:00"],
        &[
            ("2026-12-25", &[]),
            ("2026-12-26", &[]),
            ("2027-01-01", &[]),
        ],
    )
}

fn always(zone: &str) -> Calendar {
    Calendar::compile(CalendarSpec::always_open("always", zone)).expect("compiles")
}

fn daily(zone: &str, window: &str) -> Calendar {
    let mut spec = CalendarSpec::always_open("daily", zone);
    spec.week = std::array::from_fn(|_| windows(&[window]));
    Calendar::compile(spec).expect("compiles")
}

/// Holds a due time, and that due and elapsed are one another's inverse there.
fn holds(calendar: &Calendar, start: &str, span: Span, due: &str) {
    let start = at(start);
    assert_eq!(calendar.due(start, span).to_string(), due);
    assert_eq!(calendar.elapsed(start, at(due)), span);
}

#[test]
fn new_york_a_friday_afternoon_goes_on_on_monday() {
    holds(
        &new_york(),
        "2026-11-20T16:30:00-05:00",
        hours(1),
        "2026-11-23T14:30:00Z",
    );
}

#[test]
fn new_york_a_deadline_on_closing_time_stays_there() {
    holds(
        &new_york(),
        "2026-11-23T16:00:00-05:00",
        hours(1),
        "2026-11-23T22:00:00Z",
    );
}

#[test]
fn new_york_before_opening_nothing_counts() {
    holds(
        &new_york(),
        "2026-11-25T07:00:00-05:00",
        hours(2),
        "2026-11-25T16:00:00Z",
    );
}

#[test]
fn new_york_thanksgiving_is_skipped() {
    holds(
        &new_york(),
        "2026-11-25T16:00:00-05:00",
        hours(4),
        "2026-11-27T17:00:00Z",
    );
}

#[test]
fn new_york_forty_hours_pass_a_holiday_and_a_half_day() {
    holds(
        &new_york(),
        "2026-11-23T09:00:00-05:00",
        hours(40),
        "2026-12-01T18:00:00Z",
    );
}

#[test]
fn berlin_lunch_is_skipped() {
    holds(
        &berlin(),
        "2026-11-23T11:30:00+01:00",
        hours(1),
        "2026-11-23T12:30:00Z",
    );
}

#[test]
fn berlin_christmas_is_skipped() {
    holds(
        &berlin(),
        "2026-12-24T17:00:00+01:00",
        hours(8),
        "2026-12-28T16:00:00Z",
    );
}

#[test]
fn new_york_the_clocks_go_back_over_a_weekend() {
    holds(
        &new_york(),
        "2026-10-30T16:00:00-04:00",
        hours(2),
        "2026-11-02T15:00:00Z",
    );
}

#[test]
fn always_open_new_york_counts_real_hours_in_spring() {
    holds(
        &always("America/New_York"),
        "2027-03-13T20:00:00-05:00",
        hours(24),
        "2027-03-15T01:00:00Z",
    );
}

#[test]
fn always_open_lord_howe_counts_real_hours_in_spring() {
    holds(
        &always("Australia/Lord_Howe"),
        "2026-10-04T00:00:00+10:30",
        hours(4),
        "2026-10-03T17:30:00Z",
    );
}

#[test]
fn london_a_night_in_autumn_is_an_hour_longer() {
    let nights = daily("Europe/London", "22:00-06:00");
    holds(
        &nights,
        "2026-10-24T22:00:00+01:00",
        hours(8),
        "2026-10-25T05:00:00Z",
    );
    let night = nights.elapsed(at("2026-10-24T20:00:00Z"), at("2026-10-25T12:00:00Z"));
    assert_eq!(night, hours(9));
}

#[test]
fn always_open_cairo_passes_a_day_without_midnight() {
    holds(
        &always("Africa/Cairo"),
        "2026-04-23T23:30:00+02:00",
        hours(1),
        "2026-04-23T22:30:00Z",
    );
}

#[test]
fn a_night_belongs_to_its_evening() {
    let mut spec = daily("Europe/Berlin", "22:00-06:00").spec().clone();
    spec.overrides
        .insert("2026-12-24".parse().expect("a date"), Override::default());
    let nights = Calendar::compile(spec).expect("compiles");
    assert!(
        nights.is_open(at("2026-12-24T03:00:00Z")),
        "the night of the 23rd"
    );
    assert!(
        !nights.is_open(at("2026-12-25T03:00:00Z")),
        "the night of the 24th"
    );
    assert!(nights.is_open(at("2026-12-25T22:00:00Z")));
}

#[test]
fn a_window_that_the_gap_swallows_comes_later() {
    let early = daily("Europe/Berlin", "02:15-02:45");
    assert_eq!(
        early.next_open(at("2026-03-29T00:00:00Z")),
        Some(at("2026-03-29T01:15:00Z"))
    );
    assert_eq!(
        early.due(at("2026-03-29T00:00:00Z"), hours(1)),
        at("2026-03-30T00:45:00Z")
    );
}

#[test]
fn the_next_opening_is_now_or_the_first_to_come() {
    let calendar = new_york();
    let next = |text: &str| calendar.next_open(at(text)).map(|at| at.to_string());
    assert_eq!(
        next("2026-11-23T14:00:00.5Z").as_deref(),
        Some("2026-11-23T14:00:00.500Z")
    );
    assert_eq!(
        next("2026-11-23T22:00:00Z").as_deref(),
        Some("2026-11-24T14:00:00Z")
    );
    assert_eq!(
        next("2026-11-27T18:00:00Z").as_deref(),
        Some("2026-11-30T14:00:00Z")
    );
}

#[test]
fn a_calendar_that_stays_closed_for_a_year_is_refused() {
    let now = at("2026-11-21T00:00:00Z");
    assert_eq!(new_york().check_opens(now), Ok(()));
    let never = weekdays("UTC", &[], &[("2027-11-23", &["10:00-11:00"])]);
    let fault = never.check_opens(now).expect_err("367 days away");
    assert_eq!(
        fault.to_string(),
        "the calendar `c` has no open time in the 366 days from 2026-11-21T00:00:00Z"
    );
    assert_eq!(never.check_opens(at("2026-11-23T00:00:00Z")), Ok(()));
    assert_eq!(never.due(now, hours(1)), at("2027-11-23T11:00:00Z"));
    assert_eq!(
        never.due(now, hours(2)),
        at("2101-01-03T00:00:00Z"),
        "never"
    );
    assert_eq!(never.next_open(at("2028-01-01T00:00:00Z")), None);
    let mut spec = CalendarSpec::always_open("c", "Europe/Berln");
    let fault = Calendar::compile(spec.clone()).expect_err("no such zone");
    assert_eq!(fault.to_string(), "`Europe/Berln` is not an IANA timezone");
    "UTC".clone_into(&mut spec.timezone);
    assert!(Calendar::compile(spec).is_ok());
}

#[test]
fn the_ends_of_time_are_closed_and_panic_nowhere() {
    let calendar = always("Pacific/Chatham");
    let (first, last) = (
        Timestamp::from_micros(i64::MIN),
        Timestamp::from_micros(i64::MAX),
    );
    let all = calendar.elapsed(first, last);
    // In 1969 Chatham had no summer time.
    assert_eq!(all, hours(6_836 * 168 - 1));
    assert_eq!(calendar.due(first, all), calendar.due(last, hours(1)));
    assert_eq!(
        calendar.due(first, Span::from_micros(i64::MAX)),
        calendar.due(last, hours(1))
    );
    assert!(!calendar.is_open(first) && !calendar.is_open(last));
    assert_eq!(calendar.next_open(last), None);
    assert_eq!(calendar.stretches(last, first), []);
}

#[test]
fn what_is_skipped_says_why() {
    let calendar = new_york();
    let from = at("2026-11-25T16:00:00-05:00");
    let told: Vec<String> = calendar
        .stretches(from, at("2026-11-27T14:00:00-05:00"))
        .into_iter()
        .map(|stretch| format!("{} {} {:?}", stretch.from, stretch.to, stretch.hours))
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    2026-11-25T21:00:00Z 2026-11-25T22:00:00Z Open
    2026-11-25T22:00:00Z 2026-11-26T14:00:00Z Closed
    2026-11-26T14:00:00Z 2026-11-26T22:00:00Z Holiday { date: Date(2026-11-26), name: None }
    2026-11-26T22:00:00Z 2026-11-27T14:00:00Z Closed
    2026-11-27T14:00:00Z 2026-11-27T18:00:00Z Open
    2026-11-27T18:00:00Z 2026-11-27T19:00:00Z Holiday { date: Date(2026-11-27), name: None }
    "#);
}

/// Prints what the calendar costs; the target is 20 µs over ten years with holidays.
#[test]
fn ten_years_with_holidays_are_counted_at_once() {
    let mut spec = berlin().spec().clone();
    for year in 2026..2036 {
        for day in [
            "01-01", "05-01", "10-03", "12-24", "12-25", "12-26", "12-31",
        ] {
            let date: Date = format!("{year}-{day}").parse().expect("a date");
            spec.overrides.insert(date, Override::default());
        }
    }
    let watch = Stopwatch::start();
    let calendar = Calendar::compile(spec).expect("compiles");
    let compiled = watch.elapsed();
    let (from, to) = (at("2026-01-02T10:00:00Z"), at("2035-12-20T10:00:00Z"));
    let watch = Stopwatch::start();
    let mut open = Span::default();
    for shift in 0..1_000 {
        open = calendar.elapsed(from.plus(Span::from_secs(shift)), to);
    }
    let elapsed = watch.elapsed() / 1_000;
    let watch = Stopwatch::start();
    for shift in 0..1_000 {
        calendar.due(from.plus(Span::from_secs(shift)), open);
    }
    let due = watch.elapsed() / 1_000;
    println!("compile {compiled:?}, elapsed {elapsed:?}, due {due:?}, over {open}");
    assert_eq!(calendar.elapsed(from, calendar.due(from, open)), open);
}

const ZONES: [&str; 8] = [
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Africa/Cairo",
    "Africa/Casablanca",
    "UTC",
];

/// Days around which clocks change somewhere, and one on which they do not.
const DAYS: [&str; 9] = [
    "2026-03-08",
    "2026-03-22",
    "2026-03-29",
    "2026-04-05",
    "2026-04-24",
    "2026-09-27",
    "2026-10-04",
    "2026-10-25",
    "2026-12-25",
];

fn window() -> impl Strategy<Value = Window> {
    (0_u16..96, 1_u16..96).prop_map(|(opens, length)| {
        let clock = |quarter: u16| format!("{:02}:{:02}", quarter / 4, quarter % 4 * 15);
        let closes = opens + length;
        let closes = if closes > 96 { closes - 96 } else { closes };
        let text = format!("{}-{}", clock(opens), clock(closes));
        text.parse().expect("a window")
    })
}

/// A calendar, and the Monday or so around which it is odd.
fn calendar() -> impl Strategy<Value = (Calendar, Timestamp)> {
    let day = || {
        prop_oneof![
            3 => proptest::collection::vec(window(), 0..3),
            1 => Just(vec![Window::ALL_DAY]),
        ]
    };
    let week = proptest::collection::vec(day(), 7);
    let overrides = proptest::collection::vec((-9_i64..9, day()), 0..4);
    let (zone, around) = (
        proptest::sample::select(&ZONES),
        proptest::sample::select(&DAYS),
    );
    (week, overrides, zone, around).prop_map(|(week, overrides, zone, around)| {
        let mut spec = CalendarSpec::always_open("any", zone);
        spec.week = week.try_into().expect("seven days");
        let around_day: Date = around.parse().expect("a date");
        for (days, windows) in overrides {
            let day = Override {
                windows,
                name: None,
            };
            spec.overrides.insert(around_day.plus_days(days), day);
        }
        let compiled = Calendar::compile(spec).expect("compiles");
        (compiled, at(&format!("{around}T00:00:00Z")))
    })
}

fn minutes(count: i64) -> Span {
    Span::from_millis(count * MINUTE)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_calendar_counts_as_one_that_looks_at_each_minute(
        (calendar, around) in calendar(),
        from in -10 * 1_440_i64..10 * 1_440, length in 0_i64..10 * 1_440, wanted in 1_i64..3_000,
    ) {
        let oracle = Oracle::new(calendar.spec(), around);
        let start = around.plus(minutes(from));
        let stop = start.plus(minutes(length));
        prop_assert_eq!(calendar.elapsed(start, stop), oracle.elapsed(start, stop));
        prop_assert_eq!(calendar.is_open(start), oracle.is_open(start));
        if let Some(due) = oracle.due(start, wanted) {
            prop_assert_eq!(calendar.due(start, minutes(wanted)), due);
        }
        let stretches = calendar.stretches(start, stop);
        let open = stretches.iter().filter(|stretch| stretch.hours == Hours::Open);
        for stretch in open.clone() {
            prop_assert!(oracle.is_open(stretch.from));
        }
        let counted: i64 = open.map(|stretch| stretch.to.since(stretch.from).micros()).sum();
        prop_assert_eq!(counted, calendar.elapsed(start, stop).micros());
        let whole = stretches.iter().try_fold(start, |from, stretch| {
            (stretch.from == from && stretch.to > from).then_some(stretch.to)
        });
        prop_assert_eq!(whole, Some(stop));
    }

    #[test]
    fn elapsed_adds_up_and_is_undone_by_due(
        (calendar, around) in calendar(),
        mut instants in proptest::array::uniform3(-40_000_000_000_i64..40_000_000_000),
        span in 1_i64..2_000_000_000, more in 0_i64..2_000_000_000,
    ) {
        instants.sort_unstable();
        let [a, b, c] = instants.map(|millis| around.plus(Span::from_millis(millis)));
        let sum = calendar.elapsed(a, b).micros() + calendar.elapsed(b, c).micros();
        prop_assert_eq!(calendar.elapsed(a, c).micros(), sum);
        prop_assert!(calendar.elapsed(a, b) >= Span::default());
        prop_assert_eq!(calendar.elapsed(b, a), Span::default());
        prop_assert!(calendar.elapsed(a, b) <= b.since(a));

        let end = calendar.due(Timestamp::from_micros(i64::MAX), Span::from_millis(1));
        let (due, later) = (
            calendar.due(a, Span::from_millis(span)),
            calendar.due(a, Span::from_millis(span + more)),
        );
        prop_assert!(a < due && due <= later);
        if later < end {
            prop_assert_eq!(calendar.elapsed(a, due), Span::from_millis(span));
            // The earliest such instant: a moment before, it was less.
            let before = due.minus(Span::from_millis(1));
            prop_assert_eq!(calendar.elapsed(a, before), Span::from_millis(span - 1));
            prop_assert_eq!(calendar.due(due, Span::from_millis(more)), if more == 0 { due } else { later });
            prop_assert!(calendar.due(b, Span::from_millis(span)) >= due);
        }
    }
}
