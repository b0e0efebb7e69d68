//! How long counting in a calendar takes, over ten years with holidays.

use std::{fmt, hint::black_box};

use serde::Serialize;
use serde_json::json;

use crate::{
    cli::Failure,
    clock::Stopwatch,
    domain::{
        calendar::{Calendar, CalendarSpec},
        time::{Span, Timestamp},
    },
};

/// How often each is asked.
const TIMES: u32 = 100_000;

/// What it came to. *Units*: microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Calendars {
    /// `due`: ten years of open time ahead.
    due_us: f64,
    /// `elapsed`: over ten years.
    elapsed_us: f64,
}

impl fmt::Display for Calendars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "calendar, ten years: due {:.2} µs, elapsed {:.2} µs",
            self.due_us, self.elapsed_us
        )
    }
}

/// Measures.
pub(super) fn measure() -> Result<Calendars, Failure> {
    let day = ["09:00-12:30", "13:30-18:00"];
    let none: [&str; 0] = [];
    let mut overrides = serde_json::Map::new();
    for year in 2026..=2036 {
        for date in ["01-01", "05-01", "10-03", "12-24", "12-25", "12-26"] {
            overrides.insert(format!("{year}-{date}"), json!({"windows": none}));
        }
    }
    let spec: CalendarSpec = serde_json::from_value(json!({
        "name": "berlin", "timezone": "Europe/Berlin",
        "week": [day, day, day, day, day, none, none], "overrides": overrides,
    }))
    .map_err(|error| Failure::new(error.to_string()))?;
    let calendar = Calendar::compile(spec).map_err(|fault| Failure::new(fault.to_string()))?;
    let from = Timestamp::from_micros(1_772_442_000_000_000);
    let to = from.plus(Span::from_secs(10 * 365 * 86_400));
    let open = calendar.elapsed(from, to);
    let due_us = each(|nth| {
        black_box(calendar.due(from.plus(Span::from_secs(nth)), open));
    });
    let elapsed_us = each(|nth| {
        black_box(calendar.elapsed(from.plus(Span::from_secs(nth)), to));
    });
    Ok(Calendars { due_us, elapsed_us })
}

/// Gives how long one takes, on average. *Units*: microseconds.
fn each(work: impl Fn(i64)) -> f64 {
    let watch = Stopwatch::start();
    for nth in 0..TIMES {
        work(i64::from(nth));
    }
    watch.elapsed().as_secs_f64() * 1e6 / f64::from(TIMES)
}
