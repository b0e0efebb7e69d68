//! What the values of keys are: types, forms, and the names that the configuration knows.

use chrono_tz::Tz;
use rhai::Dynamic;
use rust_decimal::Decimal;

use super::{Wrong, decimal, text, wrong};
use crate::{
    domain::{
        access::fits,
        directory::Directory,
        ticket::{Priority, TicketStatus},
        time::Span,
    },
    policy::{
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
    /// `least_open`, `round_robin` or a person.
    Assign,
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
    /// A map that can be written as JSON.
    Object,
    /// A person.
    Person,
    /// A priority.
    Priority,
    /// `#channel`, `@person` or `@team`, one or several.
    Recipients,
    /// A role or several.
    Roles,
    /// A number from -1 to 1.
    Sentiment,
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
}

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
            Self::Assign => "`\"least_open\"`, `\"round_robin\"` or a person",
            Self::Closure => "a closure such as `|e| …`",
            Self::Count => "a whole number from 1 to 100",
            Self::Cron => "a cron expression",
            Self::Duration => "a duration such as `\"30m\"`",
            Self::Events => "an event type, or an array of them",
            Self::Object => "a map of texts, numbers, flags, lists and maps",
            Self::Person => "a person",
            Self::Priority => "`\"low\"`, `\"medium\"`, `\"high\"` or `\"urgent\"`",
            Self::Recipients => "`\"#channel\"`, `\"@person\"` or `\"@team\"`, or an array of them",
            Self::Roles => "a role, or an array of them",
            Self::Sentiment => "a number from -1 to 1",
            Self::Status => {
                "`\"open\"`, `\"in_progress\"`, `\"waiting\"`, `\"resolved\"` or `\"closed\"`"
            }
            Self::Team => "a team",
            Self::Text => "a text",
            Self::Texts => "an array of texts",
            Self::Ticket => "`true`, `false` or `\"new\"`",
            Self::Timezone => "an IANA timezone such as `\"Europe/Berlin\"`",
            Self::Timer => "a closure such as `|| …`",
        }
    }

    /// Checks a value.
    pub(in crate::policy) fn check(
        self,
        value: &Dynamic,
        directory: &Directory,
    ) -> Result<(), Wrong> {
        match self {
            Self::Closure | Self::Timer => self.only(value.is_fnptr(), value),
            Self::Ticket => {
                let is_new = text(value).is_some_and(|text| text == "new");
                self.only(value.is_bool() || is_new, value)
            }
            Self::Sentiment => {
                let number = decimal(value);
                let is_within = number.is_some_and(|number| number.abs() <= Decimal::ONE);
                self.only(is_within, value)
            }
            Self::Count => {
                let most = i64::from(MAX_COUNT);
                self.only(value.as_int().is_ok_and(|n| (1..=most).contains(&n)), value)
            }
            Self::Object => self.object(value),
            Self::Roles => self.each(value, true, &|text| role(text, directory)),
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
        // What is only worth mending hides no error behind it.
        let mut found = Ok(());
        for (index, item) in items.iter().enumerate() {
            let one = match text(item) {
                Some(text) => check(&text),
                None => self.only(false, item),
            };
            let one = one.map_err(|wrong| Wrong {
                element: Some(index),
                ..wrong
            });
            match one {
                Err(wrong) if !fault::is_warning(wrong.code) => return Err(wrong),
                Err(_) if found.is_ok() => found = one,
                _ => {}
            }
        }
        found
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

fn chosen(what: &str, text: &str, known: &[&'static str]) -> Result<(), Wrong> {
    if known.contains(&text) {
        return Ok(());
    }
    let hint =
        nearest(text, known.iter().copied()).unwrap_or_else(|| format!("use {}", known.join(", ")));
    Err(wrong(
        fault::VALUE,
        format!("`{text}` is not {what}"),
        Some(hint),
    ))
}

fn named<'a>(
    what: &str,
    name: &str,
    mut known: impl Iterator<Item = &'a String> + Clone,
) -> Result<(), Wrong> {
    if known.clone().any(|candidate| candidate == name) {
        return Ok(());
    }
    let hint = nearest(name, known.by_ref().map(String::as_str));
    Err(wrong(
        fault::NAME,
        format!("there is no {what} `{name}` in the configuration"),
        hint,
    ))
}

/// Checks the name of an action, or the beginning of one with a `*`.
fn action(name: &str, directory: &Directory) -> Result<(), Wrong> {
    let start = name.strip_suffix('*');
    if name.trim().is_empty() {
        return Err(wrong(fault::VALUE, "the text is empty".to_owned(), None));
    }
    if start.unwrap_or(name).contains('*') {
        return Err(wrong(
            fault::VALUE,
            format!("`{name}` is not the name of an action"),
            Some("a `*` stands at the end, for whatever follows".to_owned()),
        ));
    }
    let mut known = directory.actions.iter();
    if directory.actions.is_empty() || known.any(|action| fits(name, action)) {
        return Ok(());
    }
    Err(wrong(
        fault::UNKNOWN,
        format!("there is no action `{name}` in the configuration"),
        nearest(name, directory.actions.iter().map(String::as_str)),
    ))
}

fn role(name: &str, directory: &Directory) -> Result<(), Wrong> {
    named("role", name, directory.roles.0.keys())
}

fn team(name: &str, directory: &Directory) -> Result<(), Wrong> {
    named("team", name, directory.teams.keys())?;
    match directory.teams.get(name) {
        Some(team) if team.members.is_empty() && team.channel.is_none() => Err(wrong(
            fault::NAME,
            format!("the team `{name}` has neither members nor a channel"),
            None,
        )),
        _ => Ok(()),
    }
}

/// Checks the name of a person.
fn person(name: &str, directory: &Directory) -> Result<(), Wrong> {
    named("person", name, directory.people.keys())
}

/// Checks a `#channel`, `@person` or `@team`.
fn recipient(text: &str, directory: &Directory) -> Result<(), Wrong> {
    if directory.knows(text) {
        return Ok(());
    }
    if let Some(name) = text.strip_prefix('#') {
        return named("channel", name, directory.channels.iter())
            .map_err(|wrong| with_sign('#', wrong));
    }
    if let Some(name) = text.strip_prefix('@') {
        let known = directory.people.keys().chain(directory.teams.keys());
        return named("person or team", name, known).map_err(|wrong| with_sign('@', wrong));
    }
    let hint = ['#', '@']
        .iter()
        .map(|sign| format!("{sign}{text}"))
        .find(|signed| directory.knows(signed))
        .map(|signed| format!("did you mean `{signed}`?"));
    Err(wrong(
        fault::VALUE,
        format!("`{text}` is neither `#channel`, `@person` nor `@team`"),
        hint,
    ))
}

fn with_sign(sign: char, wrong: Wrong) -> Wrong {
    Wrong {
        hint: wrong
            .hint
            .map(|hint| hint.replacen('`', &format!("`{sign}"), 1)),
        ..wrong
    }
}
