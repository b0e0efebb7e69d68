//! Time: instants and spans. There is no clock; `e.now` is the only now.

use chrono::{Datelike, NaiveDateTime, Timelike};
use chrono_tz::Tz;
use rhai::{Engine, INT, ImmutableString};
use rust_decimal::{Decimal, prelude::ToPrimitive};

use super::{HostFunction, HostGroup, function};
use crate::{
    domain::time::{Span, Timestamp},
    policy::value::{Raised, raise},
};

const FUNCTIONS: &[HostFunction] = &[
    function(
        "date",
        "date(time, timezone) -> text",
        "Gives the local date, as `2026-11-21`.",
    ),
    function(
        "day",
        "day(time, timezone) -> integer",
        "Gives the local day of the month, 1 to 31.",
    ),
    function(
        "duration",
        "duration(text) -> duration",
        "Reads `500ms`, `30s`, `15m`, `2h` or `14d`.",
    ),
    function(
        "hour",
        "hour(time, timezone) -> integer",
        "Gives the local hour, 0 to 23.",
    ),
    function(
        "is_weekend",
        "is_weekend(time, timezone) -> bool",
        "Tells whether it is Saturday or Sunday there.",
    ),
    function(
        "minute",
        "minute(time, timezone) -> integer",
        "Gives the local minute, 0 to 59.",
    ),
    function(
        "month",
        "month(time, timezone) -> integer",
        "Gives the local month, 1 to 12.",
    ),
    function(
        "parse_time",
        "parse_time(text) -> time",
        "Reads an RFC 3339 instant, such as `2026-11-21T10:00:00Z`.",
    ),
    function(
        "seconds",
        "seconds(duration) -> decimal",
        "Gives a duration in seconds; an integer or decimal is taken as seconds the other way.",
    ),
    function(
        "unix_time",
        "unix_time(seconds) -> time",
        "Reads seconds since 1970 (an integer, a decimal, or either as text).",
    ),
    function(
        "weekday",
        "weekday(time, timezone) -> text",
        "Gives the local weekday: `mon`, `tue`, `wed`, `thu`, `fri`, `sat` or `sun`.",
    ),
    function(
        "year",
        "year(time, timezone) -> integer",
        "Gives the local year.",
    ),
];

pub(super) const GROUP: HostGroup = HostGroup {
    title: "Time",
    functions: FUNCTIONS,
    register,
};

fn register(engine: &mut Engine) {
    operators(engine);
    engine
        .register_fn("duration", |text: &str| Span::parse(text).map_err(raise))
        .register_fn("parse_time", |text: &str| -> Result<Timestamp, Raised> {
            Timestamp::parse(text).ok_or_else(|| raise(format!("`{text}` is not an RFC 3339 time")))
        })
        .register_fn("unix_time", |seconds: INT| unix(Decimal::from(seconds)))
        .register_fn("unix_time", unix)
        .register_fn("unix_time", |text: &str| -> Result<Timestamp, Raised> {
            unix(
                Decimal::from_str_exact(text.trim())
                    .map_err(|_| raise(format!("`{text}` is not a number of seconds")))?,
            )
        })
        .register_fn("seconds", |span: &mut Span| {
            Decimal::new(span.micros(), 6).normalize()
        })
        .register_fn("seconds", |count: INT| Span::from_secs(count))
        .register_fn("date", |at: &mut Timestamp, zone: &str| {
            local(*at, zone).map(|local| local.date().to_string())
        })
        .register_fn("weekday", |at: &mut Timestamp, zone: &str| {
            local(*at, zone).map(|local| weekday(local).to_owned())
        })
        .register_fn("is_weekend", |at: &mut Timestamp, zone: &str| {
            local(*at, zone).map(|local| matches!(weekday(local), "sat" | "sun"))
        })
        .register_fn("year", |at: &mut Timestamp, zone: &str| {
            local(*at, zone).map(|local| INT::from(local.year()))
        })
        .register_fn("month", |at: &mut Timestamp, zone: &str| {
            local(*at, zone).map(|local| INT::from(local.month()))
        })
        .register_fn("day", |at: &mut Timestamp, zone: &str| {
            local(*at, zone).map(|local| INT::from(local.day()))
        })
        .register_fn("hour", |at: &mut Timestamp, zone: &str| {
            local(*at, zone).map(|local| INT::from(local.hour()))
        })
        .register_fn("minute", |at: &mut Timestamp, zone: &str| {
            local(*at, zone).map(|local| INT::from(local.minute()))
        });
}

fn operators(engine: &mut Engine) {
    engine
        .register_fn("==", |a: Timestamp, b: Timestamp| a == b)
        .register_fn("!=", |a: Timestamp, b: Timestamp| a != b)
        .register_fn("<", |a: Timestamp, b: Timestamp| a < b)
        .register_fn("<=", |a: Timestamp, b: Timestamp| a <= b)
        .register_fn(">", |a: Timestamp, b: Timestamp| a > b)
        .register_fn(">=", |a: Timestamp, b: Timestamp| a >= b)
        .register_fn("-", |a: Timestamp, b: Timestamp| a.since(b))
        .register_fn("-", |a: Timestamp, b: Span| a.minus(b))
        .register_fn("+", |a: Timestamp, b: Span| a.plus(b))
        .register_fn("==", |a: Span, b: Span| a == b)
        .register_fn("!=", |a: Span, b: Span| a != b)
        .register_fn("<", |a: Span, b: Span| a < b)
        .register_fn("<=", |a: Span, b: Span| a <= b)
        .register_fn(">", |a: Span, b: Span| a > b)
        .register_fn(">=", |a: Span, b: Span| a >= b)
        .register_fn("+", |a: Span, b: Span| {
            Span::from_micros(a.micros().saturating_add(b.micros()))
        })
        .register_fn("-", |a: Span, b: Span| {
            Span::from_micros(a.micros().saturating_sub(b.micros()))
        })
        .register_fn("*", |a: Span, times: INT| {
            Span::from_micros(a.micros().saturating_mul(times))
        })
        .register_fn("to_string", |at: &mut Timestamp| at.to_string())
        .register_fn("to_debug", |at: &mut Timestamp| at.to_string())
        .register_fn("+", |text: ImmutableString, at: Timestamp| {
            format!("{text}{at}")
        })
        .register_fn("to_string", |span: &mut Span| span.to_string())
        .register_fn("to_debug", |span: &mut Span| span.to_string());
}

fn unix(seconds: Decimal) -> Result<Timestamp, Raised> {
    seconds
        .checked_mul(Decimal::from(1_000_000))
        .and_then(|micros| micros.trunc().to_i64())
        .map(Timestamp::from_micros)
        .filter(|at| (1970..=9999).contains(&at.to_utc().year()))
        .ok_or_else(|| raise(format!("`{seconds}` is not a time in seconds since 1970")))
}

fn local(at: Timestamp, zone: &str) -> Result<NaiveDateTime, Raised> {
    let zone: Tz = zone
        .parse()
        .map_err(|_| raise(format!("`{zone}` is not an IANA timezone")))?;
    Ok(at.to_utc().with_timezone(&zone).naive_local())
}

fn weekday(local: NaiveDateTime) -> &'static str {
    const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    NAMES[local.weekday().num_days_from_monday() as usize]
}
