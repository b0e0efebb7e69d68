//! The people, teams, channels, roles and actions that the configuration names.
//!
//! The policy may name only these. Beside an empty configuration stand the
//! person `owner` and the team `support`, so that the sample policy loads.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    access::Roles,
    actor::{Actor, ActorKind},
    availability::Away,
};

/// A teammate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// As shown.
    #[serde(default)]
    pub name: String,
    /// Where mail goes, if anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The roles held.
    #[serde(default)]
    pub roles: Vec<String>,
    /// The calendar of the policy that says when tickets may be given to them; `None`: at any time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<String>,
    /// The days on which they get none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub away: Vec<Away>,
}

/// A team.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Team {
    /// Who belongs to it, in the order of round robin.
    #[serde(default)]
    pub members: Vec<String>,
    /// The channel where it is told things, with its `#`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
}

/// Everybody and everything that can be named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    /// People by id.
    pub people: BTreeMap<String, Person>,
    /// Teams by id.
    pub teams: BTreeMap<String, Team>,
    /// The names of channels, without `#`.
    pub channels: BTreeSet<String>,
    /// What the holders of each role may do.
    pub roles: Roles,
    /// The names of actions; empty: not known, and nothing is said of a name that is not here.
    pub actions: BTreeSet<String>,
}

impl Default for Directory {
    fn default() -> Self {
        let owner = Person {
            name: "Owner".to_owned(),
            roles: vec!["owner".to_owned()],
            ..Person::default()
        };
        let support = Team {
            members: vec!["owner".to_owned()],
            channel: None,
        };
        Self {
            people: BTreeMap::from([("owner".to_owned(), owner)]),
            teams: BTreeMap::from([("support".to_owned(), support)]),
            channels: BTreeSet::new(),
            roles: Roles::default(),
            actions: BTreeSet::new(),
        }
    }
}

impl Directory {
    /// Gives the roles with which an actor acts that somebody names who may: those stated for it, else
    /// those of the person of that name, else what its kind is called.
    pub fn roles_of(&self, actor: &Actor) -> Vec<String> {
        if !actor.roles.is_empty() {
            return actor.roles.clone();
        }
        match (actor.kind, self.people.get(&actor.id)) {
            (ActorKind::Agent, Some(person)) if !person.roles.is_empty() => person.roles.clone(),
            (ActorKind::Agent, _) => vec!["agent".to_owned()],
            (ActorKind::Ai, _) => vec!["ai".to_owned()],
            (ActorKind::Customer, _) => vec!["customer".to_owned()],
            (ActorKind::System, _) => vec!["system".to_owned()],
        }
    }

    /// Tells whether `recipient` (`#channel`, `@person`, `@team`) exists.
    pub fn knows(&self, recipient: &str) -> bool {
        match recipient.split_at_checked(1) {
            Some(("#", channel)) => self.channels.contains(channel),
            Some(("@", name)) => self.people.contains_key(name) || self.teams.contains_key(name),
            _ => false,
        }
    }

    /// Gives the people whom `recipient` reaches in the app; a channel stays as it is.
    pub fn reach(&self, recipient: &str) -> Vec<String> {
        match recipient.strip_prefix('@') {
            Some(name) => match self.teams.get(name) {
                Some(team) => team.members.clone(),
                None => vec![name.to_owned()],
            },
            None => vec![recipient.to_owned()],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_acts_with_what_is_stated_then_configured_then_its_kind() {
        let held =
            |roles: &[&str]| -> Vec<String> { roles.iter().map(|&role| role.to_owned()).collect() };
        let actor = |kind, id: &str, roles: &[&str]| Actor {
            kind,
            id: id.to_owned(),
            roles: held(roles),
        };
        let directory = Directory::default();
        for (actor, expected) in [
            (actor(ActorKind::Agent, "owner", &["viewer"]), "viewer"),
            (actor(ActorKind::Agent, "owner", &[]), "owner"),
            (actor(ActorKind::Ai, "owner", &[]), "ai"),
            (actor(ActorKind::Agent, "lee", &[]), "agent"),
            (actor(ActorKind::Customer, "ada", &[]), "customer"),
            (actor(ActorKind::System, "crm", &[]), "system"),
        ] {
            assert_eq!(directory.roles_of(&actor), held(&[expected]), "{actor:?}");
        }
    }
}
