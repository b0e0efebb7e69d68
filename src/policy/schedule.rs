//! The rule kind `schedule`: effects at times of the calendar.

use chrono_tz::Tz;

use super::{
    condition::Conditions,
    kinds::{Kind, unreviewed},
    rule::{Action, Checked, Made},
    spec::{Key, Takes, closure_at, optional, required, text_at},
};

const KEYS: &[Key] = &[
    required(
        "cron",
        Takes::Cron,
        "five fields: minute hour day month weekday, weekdays by name; a sixth in front for seconds",
    ),
    required(
        "then",
        Takes::Timer,
        "answers one effect, an array of them, or `()`",
    ),
    optional(
        "timezone",
        Takes::Timezone,
        "where the clock hangs; `UTC` when not said",
    ),
];

pub(super) const KIND: Kind = Kind {
    name: "schedule",
    doc: "Asks for effects at times of the calendar.",
    signature: "schedule(name, #{ … })",
    takes_event: false,
    keys: &[KEYS],
    review: unreviewed,
    make,
};

fn make(checked: &Checked) -> Option<Made> {
    Some(Made {
        on: Vec::new(),
        conditions: Conditions::default(),
        action: Action::Timer {
            cron: text_at(checked.map, "cron").unwrap_or_default(),
            timezone: text_at(checked.map, "timezone")
                .and_then(|text| text.parse().ok())
                .unwrap_or(Tz::UTC),
            then: closure_at(checked.map, "then")?,
        },
    })
}
