//! The flow of a definition: which steps a run can come to, and what is known when it does.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::internal::internal;
use crate::domain::{
    procedure::{ApiCall, Definition, Goto, Step, StepKind, Target},
    run::StatedBy,
    template::{Template, texts},
};

/// What a run has without any step: the customer and the conversation.
pub(super) const GIVEN: [&str; 2] = ["conversation", "customer"];

/// What may be known of variables at a step: of each, where its value may come from, and whether it has
/// one on every way there.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Known(BTreeMap<String, (BTreeSet<StatedBy>, bool)>);

/// A definition as a graph.
pub(super) struct Flow<'d> {
    pub(super) definition: &'d Definition,
    /// By place: what is known when a run comes there; `None`: none does.
    known: Vec<Option<Known>>,
}

impl Known {
    fn set(&mut self, name: &str, origins: BTreeSet<StatedBy>) {
        self.0.insert(name.to_owned(), (origins, true));
    }

    /// Adds what is known on another way to the same step.
    fn join(&mut self, other: &Self) {
        for (name, (origins, always)) in &mut self.0 {
            match other.0.get(name) {
                Some((more, is_always)) => {
                    origins.extend(more);
                    *always &= is_always;
                }
                None => *always = false,
            }
        }
        for (name, (origins, _)) in &other.0 {
            let entry = self.0.entry(name.clone());
            entry.or_insert_with(|| (origins.clone(), false));
        }
    }

    /// Tells whether a variable has a value on some way here, and whether on every one.
    pub(super) fn has(&self, name: &str) -> (bool, bool) {
        let known = self.0.get(name).map(|(_, always)| *always);
        (known.is_some(), known.unwrap_or_default())
    }

    /// Gives where the value of a variable may come from.
    pub(super) fn origins(&self, name: &str) -> BTreeSet<StatedBy> {
        let known = self.0.get(name).map(|(origins, _)| origins.clone());
        known.unwrap_or_else(|| BTreeSet::from([StatedBy::System]))
    }
}

impl<'d> Flow<'d> {
    /// Follows every way through a definition.
    pub(super) fn of(definition: &'d Definition) -> Self {
        let mut known: Vec<Option<Known>> = vec![None; definition.steps.len()];
        if let Some(first) = known.first_mut() {
            *first = Some(Known::default());
        }
        let mut open: Vec<usize> = vec![0];
        while let Some(place) = open.pop() {
            let (Some(step), Some(Some(before))) = (definition.steps.get(place), known.get(place))
            else {
                continue;
            };
            let mut after = before.clone();
            fill(&mut after, step);
            for way in definition.ways(step) {
                let Goto::Step(next) = way else { continue };
                let mut joined = after.clone();
                if let Some(there) = &known[next] {
                    joined = there.clone();
                    joined.join(&after);
                }
                if known[next].as_ref() != Some(&joined) {
                    known[next] = Some(joined);
                    open.push(next);
                }
            }
        }
        Self { definition, known }
    }

    /// Gives what is known when a run comes to a step; `None`: none does.
    pub(super) fn known(&self, place: usize) -> Option<&Known> {
        self.known.get(place)?.as_ref()
    }

    /// Gives the steps that a run can come to from one, itself included, without going on past those of
    /// which `is_end` is true.
    pub(super) fn reached(&self, from: Goto, is_end: impl Fn(&Step) -> bool) -> BTreeSet<usize> {
        let (mut reached, mut open) = (BTreeSet::new(), vec![from]);
        while let Some(way) = open.pop() {
            let Goto::Step(place) = way else { continue };
            let step = &self.definition.steps[place];
            if reached.insert(place) && !is_end(step) {
                open.extend(self.definition.ways(step));
            }
        }
        reached
    }

    /// Gives the names of all variables that some step fills.
    pub(super) fn filled(&self) -> BTreeSet<String> {
        let mut known = Known::default();
        for step in &self.definition.steps {
            fill(&mut known, step);
        }
        known.0.into_keys().collect()
    }
}

/// Adds what is known after a step.
fn fill(known: &mut Known, step: &Step) {
    match &step.kind {
        StepKind::ApiCall(ApiCall {
            response_variable: Some(name),
            ..
        }) => known.set(name, BTreeSet::from([StatedBy::Api])),
        StepKind::CollectInput(input) => {
            known.set(&input.variable, BTreeSet::from([StatedBy::Customer]));
        }
        StepKind::InternalAction(action) => {
            if let Some(name) = internal(&action.action).and_then(|internal| internal.fills) {
                known.set(name, BTreeSet::from([StatedBy::System]));
            }
        }
        StepKind::SetVariable { name, value } => {
            let mut origins: BTreeSet<StatedBy> = paths_of(value)
                .iter()
                .flat_map(|path| known.origins(root(path)))
                .collect();
            if origins.is_empty() {
                origins.insert(StatedBy::System);
            }
            known.set(name, origins);
        }
        StepKind::ApiCall(_)
        | StepKind::Condition(_)
        | StepKind::Escalate { .. }
        | StepKind::Message { .. } => {}
    }
}

/// Gives the variable that a path goes into.
pub(super) fn root(path: &str) -> &str {
    path.split('.').next().unwrap_or(path)
}

/// Gives the paths of all placeholders in a value's texts.
pub(super) fn paths_of(value: &Value) -> Vec<String> {
    let templates: Vec<Template> = texts(value).into_iter().flatten().collect();
    templates.iter().flat_map(Template::paths).collect()
}

/// Gives every path that a step looks at, each with the field that it stands in.
pub(super) fn looked_at(step: &Step) -> Vec<(&'static str, String)> {
    let of =
        |field: &'static str, paths: Vec<String>| paths.into_iter().map(move |path| (field, path));
    let template = |template: &Template| template.paths().collect::<Vec<_>>();
    match &step.kind {
        StepKind::ApiCall(call) => match &call.target {
            Target::Action { params, .. } => {
                let params = Value::Object(params.clone());
                of("params", paths_of(&params)).collect()
            }
            Target::Url { url, body, .. } => {
                let body = body.as_ref().map(paths_of).unwrap_or_default();
                of("url", template(url)).chain(of("body", body)).collect()
            }
        },
        StepKind::CollectInput(input) => of("prompt", template(&input.prompt)).collect(),
        StepKind::Condition(condition) => {
            let value = condition.value.as_ref().map(paths_of).unwrap_or_default();
            let variable = vec![condition.variable.clone()];
            of("variable", variable).chain(of("value", value)).collect()
        }
        StepKind::Escalate { reason } => of("reason", template(reason)).collect(),
        StepKind::InternalAction(action) => {
            let params = Value::Object(action.params.clone());
            of("params", paths_of(&params)).collect()
        }
        StepKind::Message { content } => of("content", template(content)).collect(),
        StepKind::SetVariable { value, .. } => of("value", paths_of(value)).collect(),
    }
}
