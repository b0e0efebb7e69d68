//! The kind `function`: a calculation or a validation that an action performs.
//!
//! Pure: it gets the parameters of the request and answers with what came of it. What it
//! raises is the reason why the action failed.

use super::{
    condition::Conditions,
    kinds::{Kind, unreviewed},
    rule::{Action, Checked, Made},
    spec::{Key, Takes, closure_at, required},
};

const KEYS: &[Key] = &[required(
    "answer",
    Takes::Calculation,
    "gets the parameters and answers with a value: what the action gives",
)];

pub(super) const KIND: Kind = Kind {
    name: "function",
    doc: "A calculation or validation that an action performs: `function = \"NAME\"` in its file.",
    signature: "function(name, #{ … })",
    takes_event: false,
    keys: &[KEYS],
    review: unreviewed,
    make,
};

fn make(checked: &Checked) -> Option<Made> {
    Some(Made {
        on: Vec::new(),
        conditions: Conditions::default(),
        action: Action::Answer(closure_at(checked.map, "answer")?),
    })
}
