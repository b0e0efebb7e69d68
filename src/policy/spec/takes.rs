//! What the values of keys are: types, forms, and the names that the configuration knows.

use chrono_tz::Tz;
use rhai::{Dynamic, Map};
use rust_decimal::Decimal;

use super::{
    Key, Wrong, check_map, decimal,
    known::{action, chosen, person, recipient, role, team},
    optional, required, text, wrong,
};
use crate::{
    domain::{
        directory::Directory,
        history::By,
        ticket::{Priority, TicketStatus},
        time::Span,
    },
    policy::{
        effects::APPROVAL_KEYS,
        event_types,
        fault::{self, nearest},
        value::{Free, to_json},
    },
};

/// What a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::policy) enum Takes {
    /// An action.
    Action,
    /// An action or several, beginnings with a `*` among them.
    Actions,
    /// A number that is not negative.
    Amount,
    /// A role or several, with which somebody asks.
    Askers,
    /// `least_open`, `round_robin` or a person.
    Assign,
    /// What a window goes by.
    By,
    /// A closure that gets the parameters of a request.
    Calculation,
    /// A closure that gets the event.
    Closure,
    /// A whole number from 1 on.
    Count,
    /// A cron expression (read in full by its kind).
    Cron,
    /// A duration.
    Duration,
    /// An event type or several.
    Events,
    /// `true` or `false`.
    Flag,
    /// What a rule wants to know of the past.
    History,
    /// What a window goes by, or a closure that answers its key.
    Key,
    /// A map that can be written as JSON.
    Object,
    /// One of a few words.
    OneOf(Choice),
    /// A person.
    Person,
    /// A number above 0.
    Positive,
    /// A priority.
    Priority,
    /// `#channel`, `@person` or `@team`, one or several.
    Recipients,
    /// A role or several.
    Roles,
    /// A number from -1 to 1.
    Sentiment,
    /// The stages of an approval.
    Stages,
    /// A ticket status.
    Status,
    /// A team.
    Team,
    /// A text that is not empty.
    Text,
    /// Several texts.
    Texts,
    /// `true`, `false` or `"new"`.
    Ticket,
    /// An IANA timezone.
    Timezone,
    /// A closure that gets nothing, or the event.
    Timer,
    /// A whole number from 0 on.
    Whole,
}

/// A few words of which one is to be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::policy) struct Choice {
    /// What each of them is, with its article.
    pub(in crate::policy) what: &'static str,
    /// The words.
    pub(in crate::policy) words: &'static [&'static str],
    /// The words as messages and the reference show them.
    pub(in crate::policy) shown: &'static str,
}

/// The keys of a history that a rule declares, by name.
const HISTORY_KEYS: &[Key] = &[
    required("action", Takes::Action, "the action whose requests count"),
    optional("by", Takes::By, "whose; `everyone` when not said"),
    required("window", Takes::Duration, "how far back"),
];

/// The role with which customers act.
const CUSTOMER: &str = "customer";
/// The most histories of one rule, and the most stages of one approval.
const MAX_PARTS: usize = 16;

/// The largest whole number that counts people or the like.
const MAX_COUNT: u32 = 100;
/// The most that a map may be, written as JSON. *Units*: bytes, roughly.
pub(in crate::policy) const MAX_OBJECT_BYTES: usize = 64 * 1024;

/// The ways in which a team's ticket finds its person.
const ASSIGN: [&str; 2] = ["least_open", "round_robin"];

impl Takes {
    /// Says what it takes, for messages and the reference.
    pub(in crate::policy) fn describe(self) -> &'static str {
        match self {
            Self::Action => "an action",
            Self::Actions => "an action, `\"NAME*\"` or `\"*\"`, or an array of them",
            Self::Amount => "a number from 0 on",
            Self::Askers => "a role, `customer` among them, or an array of them",
            Self::Assign => "`\"least_open\"`, `\"round_robin\"` or a person",
            Self::By => "`\"customer\"`, `\"actor\"`, `\"conversation\"` or `\"everyone\"`",
            Self::Calculation => "a closure such as `|params| …`",
            Self::Closure => "a closure such as `|e| …`",
            Self::Count => "a whole number from 1 to 100",
            Self::Cron => "a cron expression",
            Self::Duration => "a duration such as `\"30m\"`",
            Self::Events => "an event type, or an array of them",
            Self::Flag => "`true` or `false`",
            Self::History => {
                "a map such as `#{ refunds: #{ action: \"refund\", by: \"customer\", window: \"24h\" } }`"
            }
            Self::Key => {
                "`\"customer\"`, `\"actor\"`, `\"conversation\"`, `\"everyone\"` or a closure such as `|e| …`"
            }
            Self::Object => "a map of texts, numbers, flags, lists and maps",
            Self::OneOf(choice) => choice.shown,
            Self::Person => "a person",
            Self::Positive => "a number above 0",
            Self::Priority => "`\"low\"`, `\"medium\"`, `\"high\"` or `\"urgent\"`",
            Self::Recipients => "`\"#channel\"`, `\"@person\"` or `\"@team\"`, or an array of them",
            Self::Roles => "a role, or an array of them",
            Self::Sentiment => "a number from -1 to 1",
            Self::Stages => "an array of maps such as `#{ approvers: [\"manager\"], required: 2 }`",
            Self::Status => {
                "`\"open\"`, `\"in_progress\"`, `\"waiting\"`, `\"resolved\"` or `\"closed\"`"
            }
            Self::Team => "a team",
            Self::Text => "a text",
            Self::Texts => "an array of texts",
            Self::Ticket => "`true`, `false` or `\"new\"`",
            Self::Timezone => "an IANA timezone such as `\"Europe/Berlin\"`",
            Self::Timer => "a closure such as `|| …`",
            Self::Whole => "a whole number from 0 on",
        }
    }

    /// Checks a value.
    pub(in crate::policy) fn check(
        self,
        value: &Dynamic,
        directory: &Directory,
    ) -> Result<(), Wrong> {
        match self {
            Self::Calculation | Self::Closure | Self::Timer => self.only(value.is_fnptr(), value),
            Self::Key if value.is_fnptr() => Ok(()),
            Self::Flag => self.only(value.is_bool(), value),
            Self::Ticket => {
                let is_new = text(value).is_some_and(|text| text == "new");
                self.only(value.is_bool() || is_new, value)
            }
            Self::Amount | Self::Count | Self::Positive | Self::Sentiment | Self::Whole => {
                self.only(self.is_number(value), value)
            }
            Self::History => self.histories(value, directory),
            Self::Object => self.object(value),
            Self::Stages => self.stages(value, directory),
            Self::Actions => self.each(value, true, &|text| action(text, directory)),
            Self::Roles => self.each(value, true, &|text| role(text, directory)),
            Self::Askers => self.each(value, true, &|text| match text {
                // Customers act with a role that no configuration gives anything.
                CUSTOMER => Ok(()),
                other => role(other, directory),
            }),
            Self::Texts => self.each(value, false, &|text| {
                if text.trim().is_empty() {
                    Err(wrong(fault::VALUE, "the text is empty".to_owned(), None))
                } else {
                    Ok(())
                }
            }),
            Self::Recipients => self.each(value, true, &|text| recipient(text, directory)),
            Self::Events => self.each(value, true, &event_types::check),
            _ => match text(value) {
                Some(text) => self.check_text(&text, directory),
                None => self.only(false, value),
            },
        }
    }

    fn is_number(self, value: &Dynamic) -> bool {
        let is_whole = value.is_int();
        decimal(value).is_some_and(|number| match self {
            Self::Amount => number >= Decimal::ZERO,
            Self::Count => is_whole && (Decimal::ONE..=Decimal::from(MAX_COUNT)).contains(&number),
            Self::Positive => number > Decimal::ZERO,
            Self::Sentiment => number.abs() <= Decimal::ONE,
            _ => is_whole && number >= Decimal::ZERO,
        })
    }

    fn check_text(self, text: &str, directory: &Directory) -> Result<(), Wrong> {
        match self {
            Self::Action if text.contains('*') => Err(wrong(
                fault::VALUE,
                format!("`{text}` is not the name of an action"),
                None,
            )),
            Self::Action => action(text, directory),
            Self::Assign if ASSIGN.contains(&text) => Ok(()),
            Self::Assign => person(text, directory).map_err(|wrong| Wrong {
                hint: nearest(text, ASSIGN).or(wrong.hint),
                ..wrong
            }),
            Self::By | Self::Key => chosen("what a window goes by", text, &By::ALL.map(By::as_str)),
            Self::OneOf(choice) => chosen(choice.what, text, choice.words),
            Self::Person => person(text, directory),
            Self::Team => team(text, directory),
            Self::Duration => match Span::parse(text) {
                Ok(span) if span.micros() > 0 => Ok(()),
                Ok(_) => Err(wrong(
                    fault::VALUE,
                    format!("`{text}` is no time at all"),
                    None,
                )),
                Err(message) => Err(wrong(fault::VALUE, message, None)),
            },
            Self::Priority => chosen(
                "a priority",
                &text.to_ascii_lowercase(),
                &Priority::ALL.map(Priority::as_str),
            ),
            Self::Status => chosen(
                "a ticket status",
                text,
                &TicketStatus::ALL.map(TicketStatus::as_str),
            ),
            Self::Timezone => match text.parse::<Tz>() {
                Ok(_) => Ok(()),
                Err(_) => Err(wrong(
                    fault::CRON,
                    format!("`{text}` is not an IANA timezone"),
                    nearest(text, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name())),
                )),
            },
            _ if text.trim().is_empty() => {
                Err(wrong(fault::VALUE, "the text is empty".to_owned(), None))
            }
            _ => Ok(()),
        }
    }

    fn only(self, is_right: bool, value: &Dynamic) -> Result<(), Wrong> {
        if is_right {
            return Ok(());
        }
        let shown = match text(value) {
            Some(text) => format!("the text `{text}`"),
            None if value.is_unit() => "()".to_owned(),
            None if value.is_int() || value.is_decimal() || value.is_bool() => {
                format!("`{value}`")
            }
            None => format!("a value of type `{}`", short_type(value)),
        };
        Err(wrong(
            fault::VALUE,
            format!("wants {}, not {shown}", self.describe()),
            None,
        ))
    }

    fn each(
        self,
        value: &Dynamic,
        one_will_do: bool,
        check: &dyn Fn(&str) -> Result<(), Wrong>,
    ) -> Result<(), Wrong> {
        if one_will_do && let Some(text) = text(value) {
            return check(&text);
        }
        let Ok(items) = value.as_array_ref() else {
            return self.only(false, value);
        };
        if items.is_empty() {
            return Err(wrong(fault::VALUE, "the array is empty".to_owned(), None));
        }
        gravest(items.iter().enumerate().map(|(index, item)| {
            let one = match text(item) {
                Some(text) => check(&text),
                None => self.only(false, item),
            };
            one.map_err(|wrong| Wrong {
                element: Some(index),
                ..wrong
            })
        }))
    }

    fn histories(self, value: &Dynamic, directory: &Directory) -> Result<(), Wrong> {
        let Ok(named) = value.as_map_ref() else {
            return self.only(false, value);
        };
        if named.is_empty() || named.len() > MAX_PARTS {
            let message = format!("wants 1 to {MAX_PARTS} histories, not {}", named.len());
            return Err(wrong(fault::VALUE, message, None));
        }
        let each = named.iter().map(|(name, one)| {
            let inner = self.part(HISTORY_KEYS, one, directory);
            inner.map_err(|found| Wrong {
                message: format!("`{name}`: {}", found.message),
                ..found
            })
        });
        gravest(each)
    }

    fn stages(self, value: &Dynamic, directory: &Directory) -> Result<(), Wrong> {
        let Ok(stages) = value.as_array_ref() else {
            return self.only(false, value);
        };
        if stages.is_empty() || stages.len() > MAX_PARTS {
            let message = format!("wants 1 to {MAX_PARTS} stages, not {}", stages.len());
            return Err(wrong(fault::VALUE, message, None));
        }
        let each = stages.iter().enumerate().map(|(index, stage)| {
            let inner = self.part(APPROVAL_KEYS, stage, directory);
            inner.map_err(|found| Wrong {
                element: Some(index),
                ..found
            })
        });
        gravest(each)
    }

    /// Checks a map inside of a value.
    fn part(self, keys: &[Key], value: &Dynamic, directory: &Directory) -> Result<(), Wrong> {
        let Ok(map) = value.as_map_ref() else {
            return self.only(false, value);
        };
        let map: &Map = &map;
        let found = check_map(&[keys], map, directory).into_iter();
        gravest(found.map(|(_, wrong)| {
            Err(Wrong {
                element: None,
                ..wrong
            })
        }))
    }

    fn object(self, value: &Dynamic) -> Result<(), Wrong> {
        if !value.is_map() && !value.is::<Free>() {
            return self.only(false, value);
        }
        let written = to_json(value, &mut MAX_OBJECT_BYTES.clone());
        written
            .map(|_| ())
            .map_err(|error| wrong(fault::VALUE, error, None))
    }
}

/// Gives the first error, else the first warning: what is only worth mending hides nothing behind it.
fn gravest(found: impl Iterator<Item = Result<(), Wrong>>) -> Result<(), Wrong> {
    let mut milder = Ok(());
    for one in found {
        match one {
            Err(wrong) if !fault::is_warning(wrong.code) => return Err(wrong),
            Err(_) if milder.is_ok() => milder = one,
            _ => {}
        }
    }
    milder
}

fn short_type(value: &Dynamic) -> &'static str {
    if value.is_array() {
        "array"
    } else if value.is_map() {
        "map"
    } else if value.is_fnptr() {
        "closure"
    } else {
        value.type_name().rsplit("::").next().unwrap_or_default()
    }
}
