//! What a step names, and whether there is such a thing: actions with their parameters, roles, variables.
//!
//! It is looked at step by step, also in a definition of which other steps cannot be read.

use serde_json::Value;

use super::{
    check::{BAD_PARAM, BAD_VALUE, NO_ACTION, NO_MAIL, NO_ROLE, RESERVED, What},
    flow::GIVEN,
    internal::{INTERNAL, internal},
};
use crate::domain::{
    access::Roles,
    catalogue::Catalogue,
    nearest::{did_you_mean, one_of},
    procedure::{Fault, Gate, InternalAction, Step, StepKind, Target, Weight},
    ticket::Priority,
};

/// What there is to name.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    /// Actions and integrations.
    pub catalogue: &'a Catalogue,
    /// The roles.
    pub roles: &'a Roles,
    /// Whether there is a mail server.
    pub has_mail: bool,
}

/// Notes what the step at a place names and what is not there.
pub fn naming(place: usize, step: &Step, names: &Names<'_>) -> Vec<Fault> {
    let mut naming = Naming {
        names,
        place,
        id: &step.id,
        faults: Vec::new(),
    };
    naming.look(step);
    naming.faults
}

struct Naming<'c> {
    names: &'c Names<'c>,
    place: usize,
    id: &'c str,
    faults: Vec<Fault>,
}

impl Naming<'_> {
    fn note(&mut self, what: &What, message: String, hint: impl Into<Option<String>>) {
        let at = (self.place, self.id);
        self.faults.push(what.fault(at, message, hint.into()));
    }

    fn look(&mut self, step: &Step) {
        match &step.kind {
            StepKind::ApiCall(call) => {
                self.gate(&call.gate);
                self.fills("response_variable", call.response_variable.as_deref());
                if let Target::Action { name, params } = &call.target {
                    self.action(name, params);
                }
            }
            StepKind::CollectInput(input) => self.fills("variable", Some(&input.variable)),
            StepKind::InternalAction(action) => {
                self.gate(&action.gate);
                self.internal(action);
            }
            StepKind::SetVariable { name, .. } => self.fills("name", Some(name)),
            StepKind::Condition(_) | StepKind::Escalate { .. } | StepKind::Message { .. } => {}
        }
    }

    fn gate(&mut self, gate: &Gate) {
        for role in &gate.approvers {
            if !self.names.roles.0.contains_key(role) {
                let hint = did_you_mean(role, self.names.roles.0.keys().map(String::as_str));
                let what = What(NO_ROLE, Weight::Error, "approvers");
                self.note(&what, format!("there is no role `{role}`"), hint);
            }
        }
    }

    fn fills(&mut self, field: &'static str, name: Option<&str>) {
        let own = INTERNAL.iter().filter_map(|internal| internal.fills);
        if let Some(name) =
            name.filter(|name| GIVEN.iter().copied().chain(own).any(|own| own == *name))
        {
            let message = format!("`{name}` is filled by Provost alone");
            self.note(&What(RESERVED, Weight::Error, field), message, None);
        }
    }

    fn action(&mut self, name: &str, params: &serde_json::Map<String, Value>) {
        let actions = &self.names.catalogue.actions;
        let Some(action) = actions.get(name) else {
            let hint = did_you_mean(name, actions.keys().map(String::as_str));
            let what = What(NO_ACTION, Weight::Error, "action");
            self.note(&what, format!("there is no action `{name}`"), hint);
            return;
        };
        let schema = action.params.text();
        let known: Vec<&str> = schema["properties"]
            .as_object()
            .map(|known| known.keys().map(String::as_str).collect())
            .unwrap_or_default();
        let required = schema["required"].as_array().into_iter().flatten();
        let required: Vec<&str> = required.filter_map(Value::as_str).collect();
        let is_open = schema["additionalProperties"] == Value::Bool(true) || known.is_empty();
        self.params(params, (&known, &required), is_open);
    }

    fn internal(&mut self, action: &InternalAction) {
        let Some(internal) = internal(&action.action) else {
            let names = INTERNAL.iter().map(|internal| internal.name);
            let hint = one_of(&action.action, names);
            let message = format!("there is no internal action `{}`", action.action);
            self.note(&What(NO_ACTION, Weight::Error, "action"), message, hint);
            return;
        };
        self.values(action);
        let known: Vec<&str> = internal.params.iter().map(|(name, _)| *name).collect();
        let required = internal
            .params
            .iter()
            .filter(|(_, is_required)| *is_required);
        let required: Vec<&str> = required.map(|(name, _)| *name).collect();
        self.params(&action.params, (&known, &required), false);
    }

    /// Looks at what an internal action needs beyond its parameters' names.
    fn values(&mut self, action: &InternalAction) {
        if action.action == "send_email" && !self.names.has_mail {
            let message = "there is no `[notices.mail]` to send it by".to_owned();
            let what = What(NO_MAIL, Weight::Error, "action");
            self.note(&what, message, None);
        }
        let stated = action.params.get("priority").and_then(Value::as_str);
        if let Some(stated) = stated.filter(|stated| !stated.contains("{{"))
            && Priority::parse(stated).is_none()
        {
            let names = Priority::ALL.map(Priority::as_str);
            let what = What(BAD_VALUE, Weight::Error, "params");
            let message = format!("`{stated}` is no priority");
            self.note(&what, message, one_of(&stated.to_lowercase(), names));
        }
    }

    fn params(
        &mut self,
        given: &serde_json::Map<String, Value>,
        (known, required): (&[&str], &[&str]),
        is_open: bool,
    ) {
        let what = What(BAD_PARAM, Weight::Error, "params");
        for name in given
            .keys()
            .filter(|name| !is_open && !known.contains(&name.as_str()))
        {
            let hint = did_you_mean(name, known.iter().copied());
            self.note(&what, format!("the action takes no `{name}`"), hint);
        }
        for name in required.iter().filter(|name| !given.contains_key(**name)) {
            self.note(&what, format!("the action wants `{name}`"), None);
        }
    }
}
