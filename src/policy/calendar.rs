//! The rule kind `calendar`: which time counts. Data only.
//!
//! What it means in instants is compiled once a load, by `super::terms`.

use std::{collections::BTreeMap, str::FromStr};

use rhai::{Dynamic, Map};

use super::{
    condition::Conditions,
    fault,
    kinds::Kind,
    rule::{Action, Checked, Made},
    spec::{Key, Step, Takes, Wrong, optional, required, text, text_at, texts_of},
};
use crate::domain::{
    calendar::{CalendarSpec, Override, Window},
    directory::Directory,
    wall::Date,
};

/// The days of `hours`, by name. A single day goes before `mon_fri`, and that before `daily`.
pub(super) const DAY_KEYS: &[Key] = &[
    optional("daily", Takes::Windows, "every day that no other key names"),
    optional("fri", Takes::Windows, "Friday"),
    optional("mon", Takes::Windows, "Monday"),
    optional(
        "mon_fri",
        Takes::Windows,
        "Monday to Friday, each day that has no key of its own",
    ),
    optional("sat", Takes::Windows, "Saturday"),
    optional("sun", Takes::Windows, "Sunday"),
    optional("thu", Takes::Windows, "Thursday"),
    optional("tue", Takes::Windows, "Tuesday"),
    optional("wed", Takes::Windows, "Wednesday"),
];

/// The weekdays, in the order of a calendar's week.
const WEEK: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

const KEYS: &[Key] = &[
    optional("holidays", Takes::Holidays, "dates on which it is closed"),
    required("hours", Takes::Hours, "when it is open, by day"),
    optional(
        "overrides",
        Takes::Overrides,
        "single dates with other hours than their weekday's; `[]` is closed",
    ),
    required("timezone", Takes::Timezone, "where the clock hangs"),
];

/// The kind's name.
pub(super) const KIND_NAME: &str = "calendar";

pub(super) const KIND: Kind = Kind {
    name: KIND_NAME,
    doc: "Says which time counts: working hours, holidays, and days with hours of their own.",
    signature: "calendar(name, #{ … })",
    takes_event: false,
    keys: &[KEYS],
    review,
    make,
};

fn make(checked: &Checked) -> Option<Made> {
    let map = checked.map;
    let hours = map.get("hours")?.as_map_ref().ok()?;
    let day = |name: &str| hours.get(name).map(windows);
    let week = |index: usize| {
        let of_weekdays = || day("mon_fri").filter(|_| index < 5);
        day(WEEK[index])
            .or_else(of_weekdays)
            .or_else(|| day("daily"))
            .unwrap_or_default()
    };
    let mut overrides = holidays(map);
    overrides.extend(own_hours(map));
    let spec = CalendarSpec {
        name: checked.name.to_string(),
        timezone: text_at(map, "timezone")?,
        week: std::array::from_fn(week),
        overrides,
    };
    Some(Made {
        on: Vec::new(),
        conditions: Conditions::default(),
        action: Action::Calendar(Box::new(spec)),
    })
}

fn windows(value: &Dynamic) -> Vec<Window> {
    let texts = texts_of(value).into_iter();
    texts.filter_map(|text| text.parse().ok()).collect()
}

fn holidays(map: &Map) -> BTreeMap<Date, Override> {
    let Some(value) = map.get("holidays") else {
        return BTreeMap::new();
    };
    let closed = |name: Option<String>| Override {
        windows: Vec::new(),
        name,
    };
    if let Ok(named) = value.as_map_ref() {
        let dated = named.iter();
        return dated
            .filter_map(|(date, name)| Some((Date::from_str(date).ok()?, closed(text(name)))))
            .collect();
    }
    let dates = texts_of(value).into_iter();
    dates
        .filter_map(|date| Some((date.parse().ok()?, closed(None))))
        .collect()
}

fn own_hours(map: &Map) -> BTreeMap<Date, Override> {
    let dated = map
        .get("overrides")
        .and_then(|value| value.as_map_ref().ok());
    let each = dated.iter().flat_map(|dated| dated.iter());
    each.filter_map(|(date, value)| {
        let own = Override {
            windows: windows(value),
            name: None,
        };
        Some((Date::from_str(date).ok()?, own))
    })
    .collect()
}

fn review(map: &Map, _directory: &Directory) -> Vec<(&'static str, Wrong)> {
    let closed = holidays(map);
    let twice = own_hours(map)
        .into_keys()
        .filter(|date| closed.contains_key(date));
    let say = |date: Date| {
        let message = format!("`{date}` is among the `holidays` too: name it in one of the two");
        let wrong = Wrong::new(fault::VALUE, message);
        ("overrides", wrong.within(Step::Name(date.to_string())))
    };
    twice.map(say).collect()
}

#[cfg(test)]
mod tests {
    use crate::{
        domain::time::Timestamp,
        policy::testing::{faults, lines, policy},
    };

    #[test]
    fn what_is_wrong_with_a_calendar_is_told_at_load() {
        let text = r#"calendar("a", #{});
calendar("b", #{ timezone: "Europe/Berln", hours: #{ mon_fry: ["09:00-17:00"], sat: ["9-17"], sun: "10:00-14:00" } });
calendar("c", #{ timezone: "UTC", hours: #{}, holidays: ["2026-02-30", 7], overrides: #{ "2026-12-4": [] } });
calendar("d", #{ timezone: "UTC", hours: #{ daily: ["09:00-09:00", "24:00-06:00", 8] }, overrides: ["2026-12-24"] });
calendar("e", #{
    timezone: "UTC", hours: ["09:00-17:00"],
    holidays: #{ "2026-12-25": "Christmas", "christmas": "Christmas", "2026-12-26": "" },
    overrides: #{ "2026-12-24": ["09:00-12:00", "13:00"] },
});
calendar("f", #{ timezone: "UTC", hours: #{ daily: [] }, holidays: ["2026-12-24"], overrides: #{ "2026-12-24": ["09:00-12:00"] } });
"#;
        insta::assert_snapshot!(faults(&[("a.rhai", text)]), @r#"
        a.rhai:1:1: the key `hours` is missing: a map such as `#{ mon_fri: ["09:00-12:30", "13:30-18:00"], sat: [] }` [PV-RULE-005]
        a.rhai:1:1: the key `timezone` is missing: an IANA timezone such as `"Europe/Berlin"` [PV-RULE-005]
        a.rhai:2:28: `timezone`: `Europe/Berln` is not an IANA timezone [PV-RULE-012]; did you mean `Europe/Berlin`?
        a.rhai:2:54: `hours`: there is no key `mon_fry` here [PV-RULE-003]; did you mean `mon_fri`?
        a.rhai:2:86: `hours`: `sat`: `9-17` is no opening time; write it like `09:00-17:30` [PV-RULE-004]
        a.rhai:2:100: `hours`: `sun`: wants an array such as `["09:00-12:30", "13:30-18:00"]`, not the text `10:00-14:00` [PV-RULE-004]
        a.rhai:3:42: `hours`: the map is empty; it wants a map such as `#{ mon_fri: ["09:00-12:30", "13:30-18:00"], sat: [] }` [PV-RULE-004]
        a.rhai:3:58: `holidays`: `2026-02-30` is not a date; write it like `2026-12-25` [PV-RULE-004]
        a.rhai:3:72: `holidays`: wants an array of dates such as `"2026-12-25"`, or a map such as `#{ "2026-12-25": "Christmas" }`, not `7` [PV-RULE-004]
        a.rhai:3:90: `overrides`: `2026-12-4` is not a date; write it like `2026-12-25` [PV-RULE-004]
        a.rhai:4:53: `hours`: `daily`: `09:00-09:00` is empty; the whole day is `00:00-24:00` [PV-RULE-004]
        a.rhai:4:68: `hours`: `daily`: `24:00-06:00` is empty; the whole day is `00:00-24:00` [PV-RULE-004]
        a.rhai:4:83: `hours`: `daily`: wants an array such as `["09:00-12:30", "13:30-18:00"]`, not `8` [PV-RULE-004]
        a.rhai:4:100: `overrides`: wants a map such as `#{ "2026-12-24": ["09:00-12:00"] }`, not a value of type `array` [PV-RULE-004]
        a.rhai:6:29: `hours`: wants a map such as `#{ mon_fri: ["09:00-12:30", "13:30-18:00"], sat: [] }`, not a value of type `array` [PV-RULE-004]
        a.rhai:7:45: `holidays`: `christmas` is not a date; write it like `2026-12-25` [PV-RULE-004]
        a.rhai:7:85: `holidays`: `2026-12-26`: wants the holiday's name, a text [PV-RULE-004]
        a.rhai:8:49: `overrides`: `2026-12-24`: `13:00` is no opening time; write it like `09:00-17:30` [PV-RULE-004]
        a.rhai:10:98: `2026-12-24` is among the `holidays` too: name it in one of the two [PV-RULE-004]
        "#);
    }

    #[test]
    fn the_single_day_goes_before_mon_fri_and_that_before_daily() {
        let policy = policy(
            r#"calendar("a", #{
                timezone: "Europe/Berlin",
                hours: #{ daily: ["10:00-12:00"], mon_fri: ["09:00-12:30", "13:30-18:00"], fri: ["22:00-06:00"], sun: [] },
                holidays: #{ "2026-12-25": "Christmas" },
                overrides: #{ "2026-12-24": ["09:00-12:00"], "2026-12-31": [] },
            });"#,
        );
        let spec = policy.calendar("a").expect("there").spec();
        insta::assert_snapshot!(serde_json::to_string_pretty(spec).expect("plain data"), @r#"
        {
          "name": "a",
          "timezone": "Europe/Berlin",
          "week": [
            [
              "09:00-12:30",
              "13:30-18:00"
            ],
            [
              "09:00-12:30",
              "13:30-18:00"
            ],
            [
              "09:00-12:30",
              "13:30-18:00"
            ],
            [
              "09:00-12:30",
              "13:30-18:00"
            ],
            [
              "22:00-06:00"
            ],
            [
              "10:00-12:00"
            ],
            []
          ],
          "overrides": {
            "2026-12-24": {
              "windows": [
                "09:00-12:00"
              ]
            },
            "2026-12-25": {
              "windows": [],
              "name": "Christmas"
            },
            "2026-12-31": {
              "windows": []
            }
          }
        }
        "#);
        assert!(policy.calendar("b").is_none());
    }

    #[test]
    fn a_calendar_that_never_opens_again_is_refused_at_a_time() {
        let policy = policy(
            r#"calendar("over", #{ timezone: "UTC", hours: #{ daily: [] }, overrides: #{ "2026-12-24": ["09:00-12:00"] } });
calendar("fine", #{ timezone: "UTC", hours: #{ sat: ["10:00-14:00"] } });"#,
        );
        let at = |text| Timestamp::parse(text).expect("RFC 3339");
        assert_eq!(lines(&policy.check_at(at("2026-11-21T10:00:00Z"))), "");
        insta::assert_snapshot!(lines(&policy.check_at(at("2027-01-01T10:00:00Z"))), @"a.rhai:1:1: the calendar `over` has no open time in the 366 days from 2027-01-01T10:00:00Z [PV-RULE-019]");
    }
}
