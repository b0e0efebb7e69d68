//! What the values of keys are: types, forms, and the names that the configuration knows.

use chrono_tz::Tz;
use rhai::Dynamic;
use rust_decimal::Decimal;

use super::{
    Step, Wrong, decimal,
    known::{action, channel, chosen, person, recipient, role, team},
    text, wrong,
};
use crate::{
    domain::{
        directory::Directory,
        history::By,
        nearest::did_you_mean,
        sla::parse_target,
        ticket::{Priority, TicketStatus},
        time::Span,
    },
    policy::{
        event_types, fault,
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
    /// `#channel`, `@person`, a team, or `@team` for the ticket's own; one or several.
    Alerts,
    /// A number that is not negative.
    Amount,
    /// A text, which may be empty.
    AnyText,
    /// A role or several, with which somebody asks.
    Askers,
    /// `least_open`, `round_robin` or a person.
    Assign,
    /// What a window goes by.
    By,
    /// A closure that gets the parameters of a request.
    Calculation,
    /// `#channel`.
    Channel,
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
    /// Dates on which nobody is there, with their names or without.
    Holidays,
    /// The windows of each weekday.
    Hours,
    /// What a window goes by, or a closure that answers its key.
    Key,
    /// What is done when a breach lasts.
    Levels,
    /// A metric or several, of those that may pause.
    Metrics,
    /// A map that can be written as JSON.
    Object,
    /// One of a few words.
    OneOf(Choice),
    /// The windows of single dates.
    Overrides,
    /// A person.
    Person,
    /// A number above 0.
    Positive,
    /// A priority.
    Priority,
    /// `#channel`, `@person` or `@team`, one or several.
    Recipients,
    /// How often something comes again.
    Repeats,
    /// A role or several.
    Roles,
    /// A number from -1 to 1.
    Sentiment,
    /// The stages of an approval.
    Stages,
    /// A ticket status.
    Status,
    /// A length of open time.
    Target,
    /// The targets of one priority.
    Targets,
    /// A team.
    Team,
    /// A team or several.
    Teams,
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
    /// When to warn: once, or several times.
    WarnAt,
    /// A whole number from 0 on.
    Whole,
    /// The windows of one day; none: closed.
    Windows,
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

/// The role with which customers act.
const CUSTOMER: &str = "customer";
/// The largest whole number that counts people or the like.
const MAX_COUNT: u32 = 100;
/// The most that a map may be, written as JSON. *Units*: bytes, roughly.
pub(in crate::policy) const MAX_OBJECT_BYTES: usize = 64 * 1024;

/// The literal by which alerts name the team of the ticket that they are about.
const OWN_TEAM: &str = "@team";
/// The metrics that a policy may pause while a ticket waits.
const PAUSING: [&str; 4] = ["first_response", "next_response", "own", "resolution"];

/// The ways in which a team's ticket finds its person.
const ASSIGN: [&str; 2] = ["least_open", "round_robin"];

impl Takes {
    /// Says what it takes, for messages and the reference.
    pub(in crate::policy) fn describe(self) -> &'static str {
        match self {
            Self::Action => "an action",
            Self::Actions => "an action, `\"NAME*\"` or `\"*\"`, or an array of them",
            Self::Alerts => {
                "`\"#channel\"`, `\"@person\"`, `\"@team\"` (the ticket's own) or another team's `\"@name\"`, or an array of them"
            }
            Self::Amount => "a number from 0 on",
            Self::AnyText => "a text, which may be empty",
            Self::Askers => "a role, `customer` among them, or an array of them",
            Self::Assign => "`\"least_open\"`, `\"round_robin\"` or a person",
            Self::By => "`\"customer\"`, `\"actor\"`, `\"conversation\"` or `\"everyone\"`",
            Self::Calculation => "a closure such as `|params| …`",
            Self::Channel => "`\"#channel\"`",
            Self::Closure => "a closure such as `|e| …`",
            Self::Count => "a whole number from 1 to 100",
            Self::Cron => "a cron expression",
            Self::Duration => "a duration such as `\"30m\"`",
            Self::Events => "an event type, or an array of them",
            Self::Flag => "`true` or `false`",
            Self::History
            | Self::Holidays
            | Self::Hours
            | Self::Levels
            | Self::Overrides
            | Self::Stages
            | Self::Targets
            | Self::WarnAt
            | Self::Windows => self.describe_deep(),
            Self::Key => {
                "`\"customer\"`, `\"actor\"`, `\"conversation\"`, `\"everyone\"` or a closure such as `|e| …`"
            }
            Self::Metrics => {
                "`\"first_response\"`, `\"next_response\"` or `\"own\"`, or an array of them"
            }
            Self::Object => "a map of texts, numbers, flags, lists and maps",
            Self::OneOf(choice) => choice.shown,
            Self::Person => "a person",
            Self::Positive => "a number above 0",
            Self::Priority => "`\"low\"`, `\"medium\"`, `\"high\"` or `\"urgent\"`",
            Self::Recipients => "`\"#channel\"`, `\"@person\"` or `\"@team\"`, or an array of them",
            Self::Repeats => "a whole number from 0 to 100",
            Self::Roles => "a role, or an array of them",
            Self::Sentiment => "a number from -1 to 1",
            Self::Status => {
                "`\"open\"`, `\"in_progress\"`, `\"waiting\"`, `\"resolved\"` or `\"closed\"`"
            }
            Self::Target => "a length of open time such as `\"30m\"`, in s, m or h",
            Self::Team => "a team",
            Self::Teams => "a team, or an array of them",
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
            _ if self.is_deep() => gravest(self.faults(value, directory).into_iter().map(Err)),
            Self::AnyText => self.only(value.is_string(), value),
            Self::Calculation | Self::Closure | Self::Timer => self.only(value.is_fnptr(), value),
            Self::Key if value.is_fnptr() => Ok(()),
            Self::Flag => self.only(value.is_bool(), value),
            Self::Ticket => {
                let is_new = text(value).is_some_and(|text| text == "new");
                self.only(value.is_bool() || is_new, value)
            }
            Self::Amount
            | Self::Count
            | Self::Positive
            | Self::Repeats
            | Self::Sentiment
            | Self::Whole => self.only(self.is_number(value), value),
            Self::Object => self.object(value),
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
            Self::Alerts => self.each(value, true, &|text| match text {
                OWN_TEAM => Ok(()),
                other => recipient(other, directory).map_err(|wrong| Wrong {
                    hint: wrong.hint.or_else(|| did_you_mean(other, [OWN_TEAM])),
                    ..wrong
                }),
            }),
            Self::Metrics => self.each(value, true, &|text| {
                chosen("a metric that can pause", text, &PAUSING)
            }),
            Self::Recipients => self.each(value, true, &|text| recipient(text, directory)),
            Self::Teams => self.each(value, true, &|text| team(text, directory)),
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
            Self::Repeats => {
                is_whole && (Decimal::ZERO..=Decimal::from(MAX_COUNT)).contains(&number)
            }
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
                hint: did_you_mean(text, ASSIGN).or(wrong.hint),
                ..wrong
            }),
            Self::By | Self::Key => chosen("what a window goes by", text, &By::ALL.map(By::as_str)),
            Self::Channel => channel(text, directory),
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
            Self::Target => match parse_target(text) {
                Ok(_) => Ok(()),
                Err(message) => Err(wrong(fault::VALUE, message, None)),
            },
            Self::Timezone => match text.parse::<Tz>() {
                Ok(_) => Ok(()),
                Err(_) => Err(wrong(
                    fault::CRON,
                    format!("`{text}` is not an IANA timezone"),
                    did_you_mean(text, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name())),
                )),
            },
            _ if text.trim().is_empty() => {
                Err(wrong(fault::VALUE, "the text is empty".to_owned(), None))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn only(self, is_right: bool, value: &Dynamic) -> Result<(), Wrong> {
        if is_right {
            return Ok(());
        }
        Err(self.refused(value))
    }

    /// Words that a value is of the wrong type.
    pub(super) fn refused(self, value: &Dynamic) -> Wrong {
        let shown = match text(value) {
            Some(text) => format!("the text `{text}`"),
            None if value.is_unit() => "()".to_owned(),
            None if value.is_int() || value.is_decimal() || value.is_bool() => {
                format!("`{value}`")
            }
            None => format!("a value of type `{}`", short_type(value)),
        };
        let message = format!("wants {}, not {shown}", self.describe());
        Wrong::new(fault::VALUE, message)
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
            one.map_err(|wrong| wrong.within(Step::Element(index)))
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
