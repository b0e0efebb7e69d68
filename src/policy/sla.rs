//! The rule kind `sla`: what is promised about tickets. The first that matches counts.
//!
//! Conditions and a [`SlaPolicy`], which is plain data; its calendar is put to it by
//! `super::terms`. What becomes of the promise is not here: see `crate::domain::sla`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use rhai::{Dynamic, Map};

use super::{
    condition::{Conditions, TICKET_KEYS},
    effects, fault,
    kinds::Kind,
    rule::{Action, Checked, Made, Sla},
    spec::{
        Choice, Key, Step, Takes, Wrong, optional, quiet_team, required, span_at, text, text_at,
        texts_at, whole_at,
    },
};
use crate::domain::{
    directory::Directory,
    sla::{Deliver, Level, LevelTime, Metric, Reopen, SlaPolicy, Targets, WarnAt, parse_target},
    ticket::Priority,
};

/// When alerts are delivered.
const DELIVER: Choice = Choice {
    what: "a time of delivery",
    words: &["now", "opening"],
    shown: "`\"now\"` or `\"opening\"`",
};
/// What becomes of a resolved ticket.
const REOPEN: Choice = Choice {
    what: "what becomes of a resolved ticket",
    words: &["resume", "new_cycle", "ignore", "new_ticket"],
    shown: "`\"resume\"`, `\"new_cycle\"`, `\"ignore\"` or `\"new_ticket\"`",
};
/// In which time a level counts.
const LEVEL_TIME: Choice = Choice {
    what: "a kind of time",
    words: &["business", "wall"],
    shown: "`\"business\"` or `\"wall\"`",
};

/// The keys of a priority's targets, by name.
pub(super) const TARGET_KEYS: &[Key] = &[
    optional(
        "first_response",
        Takes::Target,
        "to the first public reply of a person",
    ),
    optional(
        "next_response",
        Takes::Target,
        "from the customer's oldest unanswered message to the next such reply",
    ),
    optional(
        "own",
        Takes::Target,
        "until somebody looks after it, also after it was handed to another team",
    ),
    optional("resolution", Takes::Target, "until it is resolved"),
    optional(
        "unknown",
        Takes::Target,
        "until somebody knows how a request of it ended that nobody knows about",
    ),
];

/// The keys of a level, by name.
pub(super) const LEVEL_KEYS: &[Key] = &[
    required(
        "after",
        Takes::Duration,
        "how long after the breach; in days only of wall time",
    ),
    optional(
        "assignee",
        Takes::Person,
        "the person who is to look after it from then on",
    ),
    optional("escalate", Takes::Flag, "whether to raise an escalation"),
    optional("notify", Takes::Alerts, "whom to tell"),
    optional(
        "priority",
        Takes::Priority,
        "what the priority is raised to",
    ),
    optional(
        "repeat",
        Takes::Repeats,
        "how often it comes again, each time as long after the last; 0 when not said",
    ),
    optional(
        "team",
        Takes::Team,
        "the team that is to look after it from then on",
    ),
    optional(
        "time",
        Takes::OneOf(LEVEL_TIME),
        "whether `after` is open time of the calendar, or real time; `business` when not said",
    ),
];

const KEYS: &[Key] = &[
    optional(
        "bot_counts",
        Takes::Flag,
        "whether a bot's reply counts as a person's; `false` when not said",
    ),
    optional(
        "calendar",
        Takes::Text,
        "the name of a `calendar`, whose open time counts; always open when not said",
    ),
    optional(
        "deliver",
        Takes::OneOf(DELIVER),
        "whether alerts go out at once, or when the calendar opens next; `now` when not said",
    ),
    optional("high", Takes::Targets, "what is promised at this priority"),
    optional(
        "levels",
        Takes::Levels,
        "what is done when it stays overdue",
    ),
    optional("low", Takes::Targets, "what is promised at this priority"),
    optional(
        "medium",
        Takes::Targets,
        "what is promised at this priority",
    ),
    optional(
        "notify",
        Takes::Alerts,
        "whom to tell of warnings, and of what is overdue",
    ),
    optional(
        "pauses",
        Takes::Metrics,
        "what pauses while the ticket waits for the customer, beside `resolution`",
    ),
    optional(
        "reopen",
        Takes::OneOf(REOPEN),
        "what becomes of a resolved ticket when the customer writes again; `resume` when not said",
    ),
    optional(
        "reopen_days",
        Takes::Whole,
        "for how many days it does, afterwards it is a new ticket; 14 when not said",
    ),
    optional(
        "urgent",
        Takes::Targets,
        "what is promised at this priority",
    ),
    optional("warn_at", Takes::WarnAt, "when to warn"),
];

pub(super) const KIND: Kind = Kind {
    name: "sla",
    doc: "Promises how soon a ticket is answered and resolved; of all that match, the first counts.",
    signature: "sla(name, #{ … })",
    takes_event: false,
    keys: &[TICKET_KEYS, KEYS],
    review,
    make,
};

#[expect(clippy::unnecessary_wraps, reason = "the signature of every kind")]
fn make(checked: &Checked) -> Option<Made> {
    let sla = Sla {
        policy: Arc::new(policy(checked.name, checked.map).versioned()),
        calendar: text_at(checked.map, "calendar"),
    };
    Some(Made {
        on: Vec::new(),
        conditions: Conditions::read(checked.map),
        action: Action::Sla(Box::new(sla)),
    })
}

fn policy(name: &str, map: &Map) -> SlaPolicy {
    SlaPolicy {
        name: name.to_owned(),
        version: String::new(),
        targets: targets(map),
        warn_at: warnings(map).into_iter().collect(),
        notify: texts_at(map, "notify"),
        pausing: pausing(map),
        reopen: match text_at(map, "reopen").as_deref() {
            Some("new_cycle") => Reopen::NewCycle,
            Some("ignore") => Reopen::Ignore,
            Some("new_ticket") => Reopen::NewTicket,
            _ => Reopen::Resume,
        },
        reopen_days: whole_at(map, "reopen_days").map(|days| days.try_into().unwrap_or(u32::MAX)),
        bot_counts: is_set(map, "bot_counts"),
        deliver: match text_at(map, "deliver").as_deref() {
            Some("opening") => Deliver::Opening,
            _ => Deliver::Now,
        },
        levels: levels(map),
    }
}

fn is_set(map: &Map, key: &str) -> bool {
    map.get(key).is_some_and(|flag| flag.as_bool() == Ok(true))
}

fn targets(map: &Map) -> BTreeMap<Priority, Targets> {
    let of_priority = |priority: Priority| {
        let stated = map.get(priority.as_str())?.as_map_ref().ok()?;
        let each = Metric::ALL.into_iter();
        let targets: Targets = each
            .filter_map(|metric| {
                let target = text_at(&stated, metric.as_str())?;
                Some((metric, parse_target(&target).ok()?))
            })
            .collect();
        (!targets.is_empty()).then_some((priority, targets))
    };
    Priority::ALL.into_iter().filter_map(of_priority).collect()
}

/// Gives when to warn, in the order in which it is written.
fn warnings(map: &Map) -> Vec<WarnAt> {
    let read = |value: &Dynamic| {
        let percent = value
            .as_int()
            .ok()
            .and_then(|percent| percent.try_into().ok());
        percent
            .map(WarnAt::Percent)
            .or_else(|| text(value)?.parse().ok())
    };
    match map.get("warn_at") {
        None => Vec::new(),
        Some(value) => match value.as_array_ref() {
            Ok(items) => items.iter().filter_map(read).collect(),
            Err(_) => read(value).into_iter().collect(),
        },
    }
}

fn pausing(map: &Map) -> BTreeSet<Metric> {
    let named = texts_at(map, "pauses");
    let metrics = Metric::ALL.into_iter();
    metrics
        .filter(|metric| *metric != Metric::Resolution)
        .filter(|metric| named.iter().any(|name| name == metric.as_str()))
        .collect()
}

fn levels(map: &Map) -> Vec<Level> {
    let listed = map
        .get("levels")
        .and_then(|value| value.as_array_ref().ok());
    let each = listed.iter().flat_map(|listed| listed.iter());
    each.filter_map(|level| {
        let level = level.as_map_ref().ok()?;
        let level: &Map = &level;
        Some(Level {
            after: span_at(level, "after")?,
            time: match text_at(level, "time").as_deref() {
                Some("wall") => LevelTime::Wall,
                _ => LevelTime::Business,
            },
            repeat: whole_at(level, "repeat")
                .and_then(|times| times.try_into().ok())
                .unwrap_or(0),
            notify: texts_at(level, "notify"),
            assignee: text_at(level, "assignee"),
            team: text_at(level, "team"),
            priority: effects::priority(level),
            escalate: is_set(level, "escalate"),
        })
    })
    .collect()
}

fn review(map: &Map, directory: &Directory) -> Vec<(&'static str, Wrong)> {
    let mut found = Vec::new();
    let targets = targets(map);
    if targets.is_empty() {
        let message =
            "the policy promises nothing: give `urgent`, `high`, `medium` or `low` a target";
        found.push(("", Wrong::new(fault::MISSING, message.to_owned())));
    }
    for (index, warn) in warnings(map).into_iter().enumerate() {
        let never = never_warned(warn, &targets);
        if !never.is_empty() {
            let message = format!(
                "`warn_at`: `{warn}` is never reached for {}",
                never.join(", ")
            );
            let wrong = Wrong::new(fault::USELESS, message);
            found.push(("warn_at", wrong.within(Step::Element(index))));
        }
    }
    for (index, team) in texts_at(map, "teams").iter().enumerate() {
        let wrong = quiet_team(team, directory);
        found.extend(wrong.map(|wrong| ("teams", wrong.within(Step::Element(index)))));
    }
    for (index, level) in levels(map).into_iter().enumerate() {
        let wrong = level.team.and_then(|team| quiet_team(&team, directory));
        let placed = wrong.map(|wrong| wrong.within(Step::Key("team".to_owned())));
        found.extend(placed.map(|wrong| ("levels", wrong.within(Step::Element(index)))));
    }
    found
}

/// Gives the targets before which a warning has no time to come, in words.
fn never_warned(warn: WarnAt, targets: &BTreeMap<Priority, Targets>) -> Vec<String> {
    let each = targets.iter().rev().flat_map(|(priority, targets)| {
        let late = targets
            .iter()
            .filter(move |(_, target)| warn.threshold(**target).is_none());
        late.map(move |(metric, target)| format!("`{priority}` `{}` ({target})", metric.as_str()))
    });
    each.collect()
}

#[cfg(test)]
mod tests;
