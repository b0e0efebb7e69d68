//! Internal actions: what a procedure can have Provost do itself, and with which parameters.
//!
//! Each is an action like those of the catalogue, so that rules, limits and approvals reach it by its name; so
//! is the call of an address that a step gives itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, LazyLock},
};

use serde_json::{Map, Value, json};

use crate::domain::{
    action::{Action, BuiltIn, Performer},
    catalogue::Catalogue,
    integration::{MAIL, SEND},
    schema::Schema,
};

/// The action of a step that calls an address.
pub const API_CALL: &str = "api_call";

/// An internal action.
#[derive(Clone, Copy, Debug)]
pub struct Internal {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    /// Its parameters, by name, each with whether it must be there.
    pub params: &'static [(&'static str, bool)],
    /// The variable that it fills, if any.
    pub fills: Option<&'static str>,
}

/// Every internal action, by name.
pub const INTERNAL: &[Internal] = &[
    Internal {
        name: "create_lead",
        about: "Keeps the customer as a lead",
        params: &[
            ("company", false),
            ("email", true),
            ("message", false),
            ("name", false),
            ("phone", false),
        ],
        fills: Some("leadId"),
    },
    Internal {
        name: "create_ticket",
        about: "Opens a ticket with what was found out",
        params: &[
            ("description", false),
            ("email", false),
            ("name", false),
            ("priority", false),
            ("subject", true),
        ],
        fills: Some("ticketId"),
    },
    Internal {
        name: "resolve_session",
        about: "Asks the platform to resolve the conversation",
        params: &[],
        fills: None,
    },
    Internal {
        name: "send_email",
        about: "Sends a mail",
        params: &[("body", true), ("subject", true), ("to", true)],
        fills: None,
    },
    Internal {
        name: "tag_session",
        about: "Tags the conversation",
        params: &[("tag", true)],
        fills: None,
    },
];

/// Gives the internal action of a name.
pub fn internal(name: &str) -> Option<&'static Internal> {
    INTERNAL.iter().find(|internal| internal.name == name)
}

/// Gives the names of all actions that rules may be about: those of a catalogue, and Provost's own.
pub fn action_names(catalogue: &Catalogue) -> BTreeSet<String> {
    let listed = catalogue.actions.keys().map(String::as_str);
    let internal = INTERNAL.iter().map(|internal| internal.name);
    let all = listed.chain(internal).chain([API_CALL]);
    all.map(str::to_owned).collect()
}

/// Gives an action that Provost has without a file: an internal one, or [`API_CALL`].
pub fn own_action(name: &str) -> Option<Arc<Action>> {
    static OWN: LazyLock<BTreeMap<&str, Arc<Action>>> = LazyLock::new(|| {
        let internal = INTERNAL.iter().filter_map(made);
        internal.chain(api_call()).collect()
    });
    OWN.get(name).map(Arc::clone)
}

fn made(internal: &Internal) -> Option<(&'static str, Arc<Action>)> {
    let names = BuiltIn::NAMES.into_iter();
    let mut built_in = names.filter(|(name, _)| *name == internal.name);
    let performer = match built_in.next() {
        Some((_, built_in)) => Performer::BuiltIn(built_in),
        None => Performer::Operation {
            integration: MAIL.to_owned(),
            operation: SEND.to_owned(),
        },
    };
    let names = internal.params.iter();
    let properties: Map<String, Value> = names
        .clone()
        .map(|(name, _)| ((*name).to_owned(), json!({"type": "string"})))
        .collect();
    let required: Vec<&str> = names
        .filter(|(_, is_required)| *is_required)
        .map(|(name, _)| *name)
        .collect();
    let params = json!({
        "type": "object", "properties": properties, "required": required,
        "additionalProperties": false,
    });
    let params = Schema::new(params).ok()?;
    let action = Action::own(internal.name, internal.about, performer, params);
    Some((internal.name, Arc::new(action)))
}

fn api_call() -> Option<(&'static str, Arc<Action>)> {
    let params = json!({
        "type": "object", "required": ["method", "url"], "additionalProperties": false,
        "properties": {"method": {"type": "string"}, "url": {"type": "string"}, "body": {}},
    });
    let params = Schema::new(params).ok()?;
    let about = "Calls an address that a procedure gives";
    let action = Action::own(API_CALL, about, Performer::Address, params);
    Some((API_CALL, Arc::new(action)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_internal_action_is_an_action_that_something_performs() {
        for internal in INTERNAL {
            let action = own_action(internal.name).expect(internal.name);
            let is_mail = matches!(action.performer, Performer::Operation { .. });
            assert_eq!(is_mail, internal.name == "send_email");
            let names: Vec<&str> = action.param_names().collect();
            let params: Vec<&str> = internal.params.iter().map(|(name, _)| *name).collect();
            assert_eq!(names, params);
        }
        assert!(own_action(API_CALL).is_some());
        assert!(own_action("refund").is_none());
    }
}
