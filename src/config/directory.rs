//! `[people.NAME]` and `[teams.NAME]`: who can be named.
//!
//! The types are the domain's; here they are read and checked against each other,
//! so that nobody is named who does not exist. Read by `root`.

use std::collections::{BTreeMap, BTreeSet};

use super::{fault, section::Section};
use crate::domain::{
    access::Roles,
    availability::Away,
    directory::{Person, Team},
    nearest::did_you_mean,
};

/// Reads every `[people.NAME]`.
pub(super) fn read_people(
    sections: Vec<(String, Section<'_>)>,
    roles: &Roles,
) -> BTreeMap<String, Person> {
    sections
        .into_iter()
        .map(|(id, section)| {
            check_id(&id, &section);
            let person = read_person(section, roles);
            (id, person)
        })
        .collect()
}

fn read_person(mut section: Section<'_>, known: &Roles) -> Person {
    let name = section
        .text("name")
        .map(|found| found.value)
        .unwrap_or_default();
    let email = match section.text("email") {
        Some(found) if !is_email(&found.value) => {
            let said = format!("is `{}`, which is no mail address", found.value);
            section.bad(&found.place, &said, None);
            None
        }
        found => found.map(|found| found.value),
    };
    let mut roles = Vec::new();
    for found in section.texts("roles") {
        if found.value.is_empty() {
            section.bad(&found.place, "is an empty role", None);
        } else if !roles.contains(&found.value) {
            if !known.0.contains_key(&found.value) {
                let message = format!(
                    "`{}` is `{}`, a role that allows nothing",
                    found.place.key, found.value
                );
                let hint = did_you_mean(&found.value, known.0.keys().map(String::as_str))
                    .or_else(|| Some(format!("say what it may do below [roles.{}]", found.value)));
                let fault = found.place.fault(fault::NO_EFFECT, message, hint);
                section.doc.warn(fault);
            }
            roles.push(found.value);
        }
    }
    let person = Person {
        name,
        email,
        roles,
        calendar: read_calendar(&mut section),
        away: read_away(&mut section),
    };
    section.end();
    person
}

/// Whether the policy has such a calendar is looked at when it is loaded.
fn read_calendar(section: &mut Section<'_>) -> Option<String> {
    let found = section.text("calendar")?;
    if found.value.trim().is_empty() {
        let hint = "name a `calendar` of the rules, or leave the key out".to_owned();
        section.bad(&found.place, "is empty", Some(hint));
        return None;
    }
    Some(found.value)
}

fn read_away(section: &mut Section<'_>) -> Vec<Away> {
    let mut days = Vec::new();
    for found in section.texts("away") {
        match found.value.parse() {
            Ok(away) => days.push(away),
            Err(message) => {
                let said = format!("is wrong: {message}");
                let hint = "write `2026-12-24` or `2026-12-20/2026-12-31`".to_owned();
                section.bad(&found.place, &said, Some(hint));
            }
        }
    }
    days
}

/// Reads every `[teams.NAME]`; members are people, and its channel is one of `channels`.
pub(super) fn read_teams(
    sections: Vec<(String, Section<'_>)>,
    people: &BTreeMap<String, Person>,
    channels: &BTreeSet<String>,
) -> BTreeMap<String, Team> {
    sections
        .into_iter()
        .map(|(id, mut section)| {
            check_id(&id, &section);
            if people.contains_key(&id) {
                let said = format!("has the name of a person: `@{id}` would be either");
                section.bad(section.place(), &said, None);
            }
            let team = Team {
                members: read_members(&mut section, people),
                channel: read_channel(&mut section, channels),
            };
            if team.members.is_empty() && team.channel.is_none() {
                report_empty(&section);
            }
            section.end();
            (id, team)
        })
        .collect()
}

fn read_members(section: &mut Section<'_>, people: &BTreeMap<String, Person>) -> Vec<String> {
    let mut members = Vec::new();
    for found in section.texts("members") {
        let id = found.value;
        if !people.contains_key(&id) {
            let message = format!(
                "`{}` names the person `{id}`, who is not in [people]",
                found.place.key
            );
            let hint = did_you_mean(&id, people.keys().map(String::as_str));
            section
                .doc
                .report(found.place.fault(fault::UNKNOWN_NAME, message, hint));
        } else if members.contains(&id) {
            section.bad(&found.place, &format!("names `{id}` twice"), None);
            continue;
        }
        members.push(id);
    }
    members
}

fn read_channel(section: &mut Section<'_>, channels: &BTreeSet<String>) -> Option<String> {
    let found = section.text("channel")?;
    match found.value.strip_prefix('#') {
        Some(name) if !name.is_empty() => {
            if !channels.contains(name) {
                let message = format!(
                    "`{}` names `#{name}`, but there is no [channels.{name}]",
                    found.place.key
                );
                let hint = did_you_mean(name, channels.iter().map(String::as_str));
                section
                    .doc
                    .warn(found.place.fault(fault::NO_EFFECT, message, hint));
            }
        }
        _ => {
            let said = format!("is `{}`, which is no channel", found.value);
            let hint = format!("write `#{}`", found.value.trim_start_matches('#'));
            section.bad(&found.place, &said, Some(hint));
        }
    }
    Some(found.value)
}

fn report_empty(section: &Section<'_>) {
    let place = section.place();
    let message = format!("`{}` has neither members nor a channel", place.key);
    let hint = "add members = [\"…\"] or channel = \"#…\"".to_owned();
    section
        .doc
        .report(place.fault(fault::EMPTY_TEAM, message, Some(hint)));
}

/// Ids stand behind `@` in rules and in tokens' owners.
pub(super) fn check_id(id: &str, section: &Section<'_>) {
    let fits = !id.is_empty()
        && id.len() <= 64
        && id.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c));
    if !fits {
        section.bad(
            section.place(),
            "is no name: letters, digits, `-`, `_` and `.` only",
            None,
        );
    }
}

/// Tells whether a text looks like a mail address.
pub(super) fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(user, host)| {
        !user.is_empty() && !host.is_empty() && !text.contains(char::is_whitespace)
    })
}
