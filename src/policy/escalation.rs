//! The rule kind `escalation`: this conversation needs a person.

use super::{
    condition::{CONDITION_KEYS, Conditions, FIRING_KEYS},
    effects::{self, ESCALATE_KEYS},
    kinds::{Kind, unreviewed},
    rule::{Action, Checked, Made},
    spec::{Key, Takes, optional, texts_at},
};
use crate::domain::effect::Effect;

const KEYS: &[Key] = &[optional(
    "on",
    Takes::Events,
    "the event type or types; `conversation.message` when not said",
)];

pub(super) const KIND: Kind = Kind {
    name: "escalation",
    doc: "Says that the conversation needs a person: raises an escalation, with a ticket if wanted.",
    signature: "escalation(name, #{ … })",
    takes_event: false,
    keys: &[CONDITION_KEYS, FIRING_KEYS, ESCALATE_KEYS, KEYS],
    review: unreviewed,
    make,
};

#[expect(clippy::unnecessary_wraps, reason = "the signature of every kind")]
fn make(checked: &Checked) -> Option<Made> {
    let mut on = texts_at(checked.map, "on");
    if on.is_empty() {
        on.push("conversation.message".to_owned());
    }
    Some(Made {
        on,
        conditions: Conditions::read(checked.map),
        action: Action::Effects(vec![Effect::Escalate(effects::escalate(
            checked.map,
            checked.name,
        ))]),
    })
}
