//! The rule kind `schedule`: effects at times of the calendar.

use chrono_tz::Tz;

use super::{
    catch_up::CatchUp,
    condition::Conditions,
    kinds::{Kind, unreviewed},
    rule::{Action, Checked, Made},
    spec::{Choice, Key, Takes, closure_at, optional, required, text_at},
};

/// What becomes of missed times.
const CATCH_UP: Choice = Choice {
    what: "what becomes of missed times",
    words: &["all", "last", "none"],
    shown: "`\"last\"`, `\"none\"` or `\"all\"`",
};

const KEYS: &[Key] = &[
    optional(
        "catch_up",
        Takes::OneOf(CATCH_UP),
        "which of the times are made up for that were missed while nothing ran: the last, if it is not older than a day, none, or all of them, at most 100; `last` when not said",
    ),
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
            catch_up: match text_at(checked.map, "catch_up").as_deref() {
                Some("all") => CatchUp::All,
                Some("none") => CatchUp::None,
                _ => CatchUp::Last,
            },
            then: closure_at(checked.map, "then")?,
        },
    })
}
