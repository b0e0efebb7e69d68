//! The rule kind `on`: when this happens, do that.

use super::{
    condition::{CONDITION_KEYS, Conditions, FIRING_KEYS},
    kinds::{Kind, unreviewed},
    rule::{Action, Checked, Made},
    spec::{Key, Takes, closure_at, required},
};

const KEYS: &[Key] = &[required(
    "then",
    Takes::Closure,
    "answers one effect, an array of them, or `()`",
)];

pub(super) const KIND: Kind = Kind {
    name: "on",
    doc: "Answers an event with effects.",
    signature: "on(event type, name, #{ … })",
    takes_event: true,
    keys: &[CONDITION_KEYS, FIRING_KEYS, KEYS],
    review: unreviewed,
    make,
};

fn make(checked: &Checked) -> Option<Made> {
    Some(Made {
        on: checked.on.clone(),
        conditions: Conditions::read(checked.map),
        action: Action::Then(closure_at(checked.map, "then")?),
    })
}
