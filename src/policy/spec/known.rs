//! Names: whether the configuration knows what a key names, and the nearest that it does.

use super::{Wrong, wrong};
use crate::{
    domain::{
        access::fits,
        directory::Directory,
        nearest::{did_you_mean, one_of},
    },
    policy::fault,
};

/// Checks that a text is one of a few.
pub(super) fn chosen(what: &str, text: &str, known: &[&'static str]) -> Result<(), Wrong> {
    if known.contains(&text) {
        return Ok(());
    }
    Err(wrong(
        fault::VALUE,
        format!("`{text}` is not {what}"),
        Some(one_of(text, known.iter().copied())),
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
    let hint = did_you_mean(name, known.by_ref().map(String::as_str));
    Err(wrong(
        fault::NAME,
        format!("there is no {what} `{name}` in the configuration"),
        hint,
    ))
}

/// Checks the name of an action, or the beginning of one with a `*`.
pub(super) fn action(name: &str, directory: &Directory) -> Result<(), Wrong> {
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
        did_you_mean(name, directory.actions.iter().map(String::as_str)),
    ))
}

/// Checks the name of a role.
pub(super) fn role(name: &str, directory: &Directory) -> Result<(), Wrong> {
    named("role", name, directory.roles.0.keys())
}

/// Checks the name of a team that can be told something.
pub(super) fn team(name: &str, directory: &Directory) -> Result<(), Wrong> {
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

/// Says that a team has no channel; nothing of the one that stands in while none is configured.
pub(in crate::policy) fn quiet_team(name: &str, directory: &Directory) -> Option<Wrong> {
    let team = directory.teams.get(name)?;
    if team.channel.is_some() || directory.teams == Directory::default().teams {
        return None;
    }
    let message = format!("the team `{name}` has no channel: only its members are told");
    Some(wrong(
        fault::QUIET,
        message,
        Some(format!("add channel = \"#…\" below [teams.{name}]")),
    ))
}

/// Checks the name of a person.
pub(super) fn person(name: &str, directory: &Directory) -> Result<(), Wrong> {
    named("person", name, directory.people.keys())
}

/// Checks a `#channel`, `@person` or `@team`.
pub(super) fn recipient(text: &str, directory: &Directory) -> Result<(), Wrong> {
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

/// Checks a `#channel`.
pub(super) fn channel(text: &str, directory: &Directory) -> Result<(), Wrong> {
    if text.starts_with('#') {
        return recipient(text, directory);
    }
    let signed = Some(format!("#{text}")).filter(|signed| directory.knows(signed));
    Err(wrong(
        fault::VALUE,
        format!("`{text}` is not a `#channel`"),
        signed.map(|signed| format!("did you mean `{signed}`?")),
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
