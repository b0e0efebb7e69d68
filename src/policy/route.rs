//! The rule kind `route`: where a ticket goes. The first that matches counts.

use rhai::Map;

use super::{
    condition::{CONDITION_KEYS, Conditions},
    kinds::Kind,
    rule::{Action, Checked, Made},
    spec::{Key, Takes, Wrong, optional, quiet_team, required, text_at},
};
use crate::domain::{directory::Directory, effect::Assign};

const KEYS: &[Key] = &[
    optional(
        "assign",
        Takes::Assign,
        "how the team's ticket finds its person",
    ),
    optional(
        "categories",
        Takes::Texts,
        "the ticket's category is one of these",
    ),
    required("team", Takes::Team, "the team"),
];

pub(super) const KIND: Kind = Kind {
    name: "route",
    doc: "Sends a new ticket to a team; `keywords` look at its subject, its description and the message.",
    signature: "route(name, #{ … })",
    takes_event: false,
    keys: &[CONDITION_KEYS, KEYS],
    review,
    make,
};

fn review(map: &Map, directory: &Directory) -> Vec<(&'static str, Wrong)> {
    let team = text_at(map, "team");
    let quiet = team.and_then(|team| quiet_team(&team, directory));
    quiet.map(|wrong| ("team", wrong)).into_iter().collect()
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of every kind")]
fn make(checked: &Checked) -> Option<Made> {
    let assign = text_at(checked.map, "assign").map(|text| match text.as_str() {
        "least_open" => Assign::LeastOpen,
        "round_robin" => Assign::RoundRobin,
        _ => Assign::Person(text),
    });
    Some(Made {
        on: Vec::new(),
        conditions: Conditions::read(checked.map),
        action: Action::Route {
            team: text_at(checked.map, "team").unwrap_or_default(),
            assign,
        },
    })
}
