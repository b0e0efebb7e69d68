//! Values that hold lists and maps of their own: all that is wrong in them, each with the way to it.
//!
//! Looked at as values only, so that what is written out and what is computed are told alike.

use rhai::{Dynamic, Map};

use super::{Key, Step, Takes, Wrong, check_map, optional, required, text, text_at};
use crate::{
    domain::{
        calendar::Window,
        directory::Directory,
        sla::{WarnAt, parse_target},
        time::Span,
        wall::Date,
    },
    policy::{calendar::DAY_KEYS, effects::APPROVAL_KEYS, fault, sla},
};

/// The most histories of one rule, stages of one approval, levels of one policy.
const MAX_PARTS: usize = 16;

/// The keys of a history that a rule declares, by name.
const HISTORY_KEYS: &[Key] = &[
    required("action", Takes::Action, "the action whose requests count"),
    optional("by", Takes::By, "whose; `everyone` when not said"),
    required("window", Takes::Duration, "how far back"),
];

impl Takes {
    /// Gives the keys of the maps inside of what it takes.
    pub(in crate::policy) fn inner(self) -> Option<&'static [Key]> {
        match self {
            Self::History => Some(HISTORY_KEYS),
            Self::Hours => Some(DAY_KEYS),
            Self::Levels => Some(sla::LEVEL_KEYS),
            Self::Stages => Some(APPROVAL_KEYS),
            Self::Targets => Some(sla::TARGET_KEYS),
            _ => None,
        }
    }

    /// Says what it takes, of what is looked at here.
    pub(super) fn describe_deep(self) -> &'static str {
        match self {
            Self::History => {
                "a map such as `#{ refunds: #{ action: \"refund\", by: \"customer\", window: \"24h\" } }`"
            }
            Self::Holidays => {
                "an array of dates such as `\"2026-12-25\"`, or a map such as `#{ \"2026-12-25\": \"Christmas\" }`"
            }
            Self::Hours => {
                "a map such as `#{ mon_fri: [\"09:00-12:30\", \"13:30-18:00\"], sat: [] }`"
            }
            Self::Levels => "an array of maps such as `#{ after: \"30m\", notify: [\"@team\"] }`",
            Self::Overrides => "a map such as `#{ \"2026-12-24\": [\"09:00-12:00\"] }`",
            Self::Stages => "an array of maps such as `#{ approvers: [\"manager\"], required: 2 }`",
            Self::Targets => "a map such as `#{ first_response: \"15m\", resolution: \"4h\" }`",
            Self::WarnAt => {
                "percents of the target from 1 to 99, open time before it is due such as `\"30m\"`, or an array of them"
            }
            Self::Windows => "an array such as `[\"09:00-12:30\", \"13:30-18:00\"]`",
            _ => "a value",
        }
    }

    /// Tells whether it takes lists or maps that are looked at here.
    pub(in crate::policy) fn is_deep(self) -> bool {
        self.inner().is_some()
            || matches!(
                self,
                Self::Holidays | Self::Overrides | Self::WarnAt | Self::Windows
            )
    }

    /// Checks a value in full. Answers all that is wrong, each with the way to it.
    pub(in crate::policy) fn faults(self, value: &Dynamic, directory: &Directory) -> Vec<Wrong> {
        match self {
            Self::History => self.histories(value, directory),
            Self::Holidays => self.holidays(value),
            Self::Hours | Self::Targets => self.part(value, directory),
            Self::Levels => self.listed(value, "levels", |level| {
                let mut found = self.part(level, directory);
                if let Ok(level) = level.as_map_ref() {
                    found.extend(level_faults(&level));
                }
                found
            }),
            Self::Overrides => self.overrides(value),
            Self::Stages => self.listed(value, "stages", |stage| self.part(stage, directory)),
            Self::WarnAt => self.warnings(value),
            Self::Windows => self.windows(value),
            _ => self.check(value, directory).err().into_iter().collect(),
        }
    }

    /// Checks a map inside of a value; one without any key says nothing.
    fn part(self, value: &Dynamic, directory: &Directory) -> Vec<Wrong> {
        let Ok(map) = value.as_map_ref() else {
            return vec![self.refused(value)];
        };
        let keys = self.inner().unwrap_or_default();
        if map.is_empty() && matches!(self, Self::Hours | Self::Targets) {
            let message = format!("the map is empty; it wants {}", self.describe());
            return vec![Wrong::new(fault::VALUE, message)];
        }
        check_map(&[keys], &map, directory)
    }

    /// Checks the elements of an array of maps.
    fn listed(
        self,
        value: &Dynamic,
        what: &str,
        check: impl Fn(&Dynamic) -> Vec<Wrong>,
    ) -> Vec<Wrong> {
        let Ok(items) = value.as_array_ref() else {
            return vec![self.refused(value)];
        };
        if items.is_empty() || items.len() > MAX_PARTS {
            let message = format!("wants 1 to {MAX_PARTS} {what}, not {}", items.len());
            return vec![Wrong::new(fault::VALUE, message)];
        }
        each(&items, check)
    }

    fn histories(self, value: &Dynamic, directory: &Directory) -> Vec<Wrong> {
        let Ok(named) = value.as_map_ref() else {
            return vec![self.refused(value)];
        };
        if named.is_empty() || named.len() > MAX_PARTS {
            let message = format!("wants 1 to {MAX_PARTS} histories, not {}", named.len());
            return vec![Wrong::new(fault::VALUE, message)];
        }
        let each = named.iter();
        each.flat_map(|(name, one)| under(name, self.part(one, directory)))
            .collect()
    }

    fn holidays(self, value: &Dynamic) -> Vec<Wrong> {
        if let Ok(items) = value.as_array_ref() {
            return each(&items, |item| match text(item) {
                None => vec![self.refused(item)],
                Some(date) => unreadable::<Date>(&date),
            });
        }
        let Ok(named) = value.as_map_ref() else {
            return vec![self.refused(value)];
        };
        let each = named.iter();
        each.flat_map(|(date, name)| {
            let mut found = undated(date);
            if text(name).is_none_or(|name| name.trim().is_empty()) {
                let message = "wants the holiday's name, a text".to_owned();
                found.push(Wrong::new(fault::VALUE, message).under(date));
            }
            found
        })
        .collect()
    }

    fn overrides(self, value: &Dynamic) -> Vec<Wrong> {
        let Ok(dated) = value.as_map_ref() else {
            return vec![self.refused(value)];
        };
        let each = dated.iter();
        each.flat_map(|(date, windows)| {
            let mut found = undated(date);
            found.extend(under(date, Self::Windows.windows(windows)));
            found
        })
        .collect()
    }

    fn windows(self, value: &Dynamic) -> Vec<Wrong> {
        let Ok(items) = value.as_array_ref() else {
            return vec![self.refused(value)];
        };
        each(&items, |item| match text(item) {
            None => vec![self.refused(item)],
            Some(window) => unreadable::<Window>(&window),
        })
    }

    fn warnings(self, value: &Dynamic) -> Vec<Wrong> {
        match value.as_array_ref() {
            Err(_) => self.warning(value),
            Ok(items) if items.is_empty() => {
                vec![Wrong::new(fault::VALUE, "the array is empty".to_owned())]
            }
            Ok(items) => each(&items, |item| self.warning(item)),
        }
    }

    fn warning(self, value: &Dynamic) -> Vec<Wrong> {
        if let Some(text) = text(value) {
            return unreadable::<WarnAt>(&text);
        }
        let is_percent = value
            .as_int()
            .is_ok_and(|percent| (1..100).contains(&percent));
        if is_percent {
            Vec::new()
        } else {
            vec![self.refused(value)]
        }
    }
}

fn each(items: &[Dynamic], check: impl Fn(&Dynamic) -> Vec<Wrong>) -> Vec<Wrong> {
    let of = |(index, item)| {
        let found = check(item).into_iter();
        found.map(move |wrong| wrong.within(Step::Element(index)))
    };
    items.iter().enumerate().flat_map(of).collect()
}

fn under(key: &str, found: Vec<Wrong>) -> Vec<Wrong> {
    found.into_iter().map(|wrong| wrong.under(key)).collect()
}

/// Says why a text cannot be read as what it is to be.
fn unreadable<T: std::str::FromStr<Err = String>>(text: &str) -> Vec<Wrong> {
    let read = text.parse::<T>();
    let message = read.err().into_iter();
    message
        .map(|message| Wrong::new(fault::VALUE, message))
        .collect()
}

/// Says that a key is no date.
fn undated(key: &str) -> Vec<Wrong> {
    let found = unreadable::<Date>(key).into_iter();
    found
        .map(|wrong| wrong.within(Step::Name(key.to_owned())))
        .collect()
}

/// Looks at the keys of a level together.
fn level_faults(level: &Map) -> Vec<Wrong> {
    let mut found = Vec::new();
    let is_wall = text_at(level, "time").is_some_and(|time| time == "wall");
    let after = text_at(level, "after").filter(|after| !is_wall && Span::parse(after).is_ok());
    if let Some(Err(message)) = after.map(|after| parse_target(&after)) {
        found.push(Wrong::new(fault::VALUE, message).under("after"));
    }
    let escalates = level
        .get("escalate")
        .is_some_and(|flag| flag.as_bool() == Ok(true));
    let does = ["assignee", "notify", "priority", "team"];
    if !escalates && !does.iter().any(|key| level.contains_key(*key)) {
        let message = "the level does nothing: give `notify`, `assignee`, `team`, `priority` or `escalate: true`";
        found.push(Wrong::new(fault::VALUE, message.to_owned()));
    }
    found
}
