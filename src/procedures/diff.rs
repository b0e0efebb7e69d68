//! What differs between two versions of a definition: fields, steps that came, went, moved or changed.
//!
//! Steps are told apart by their ids, scenarios by their names. What only an editor needs, such as positions, is no difference.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::domain::procedure::{Definition, forms::STEP};

/// The fields that only an editor needs.
const EDITORS: [&str; 2] = ["name", "position"];

/// One difference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The step; `None`: the procedure itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The field; `None`: the whole step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What it was; `None`: it was not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What it is; `None`: it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<Value>| value.as_ref().map(Value::to_string);
        let sign = match (&self.before, &self.after) {
            (None, _) => '+',
            (_, None) => '-',
            _ => '~',
        };
        write!(f, "{sign} ")?;
        match (&self.step, &self.field) {
            (Some(step), Some(field)) => write!(f, "step `{step}`: {field}")?,
            (Some(step), None) => write!(f, "step `{step}`")?,
            (None, Some(field)) => write!(f, "{field}")?,
            (None, None) => write!(f, "the procedure")?,
        }
        match (shown(&self.before), shown(&self.after)) {
            (Some(before), Some(after)) => write!(f, ": {before} → {after}"),
            (None, Some(only)) | (Some(only), None) => write!(f, ": {only}"),
            (None, None) => Ok(()),
        }
    }
}

/// Gives what differs, in the order of the newer version; steps that are gone come behind, then scenarios.
pub fn diff(before: &Definition, after: &Definition) -> Vec<Change> {
    let (old, new) = (members(&before.text), members(&after.text));
    let apart = ["steps", "scenarios"];
    let mut changes = of_fields(None, &without(old, &apart), &without(new, &apart));
    for (place, step) in after.steps.iter().enumerate() {
        let now = without(members(&after.text["steps"][place]), &EDITORS);
        let found = before.steps.iter().position(|known| known.id == step.id);
        match found {
            None => changes.push(Change {
                step: Some(step.id.clone()),
                field: None,
                before: None,
                after: Some(Value::Object(now)),
            }),
            Some(was_at) => {
                let was = without(members(&before.text["steps"][was_at]), &EDITORS);
                changes.extend(of_fields(Some(&step.id), &was, &now));
                changes.extend(moved(before, after, (was_at, place)));
            }
        }
    }
    for (place, step) in before.steps.iter().enumerate() {
        if after.step(&step.id).is_none() {
            let was = without(members(&before.text["steps"][place]), &EDITORS);
            changes.push(Change {
                step: Some(step.id.clone()),
                field: None,
                before: Some(Value::Object(was)),
                after: None,
            });
        }
    }
    let (old, new) = (scenarios(before), scenarios(after));
    changes.extend(of_fields(None, &old, &new));
    changes
}

/// Gives the scenarios by what tells them apart: their names, else their places.
fn scenarios(definition: &Definition) -> Map<String, Value> {
    let written = definition.scenarios.iter().enumerate();
    written
        .map(|(place, scenario)| {
            let name = scenario["name"].as_str();
            let name = name.map_or_else(
                || format!("scenario {}", place + 1),
                |name| format!("scenario `{name}`"),
            );
            (name, scenario.clone())
        })
        .collect()
}

/// Gives that a step has another one after it, though neither says so.
fn moved(before: &Definition, after: &Definition, (was, is): (usize, usize)) -> Option<Change> {
    let follower = |definition: &Definition, place: usize| {
        let step = &definition.steps[place];
        let next = definition.ways(step).into_iter().next();
        let is_silent = !step.is_next_stated && step.kind.has_next();
        is_silent.then(|| match next {
            Some(crate::domain::procedure::Goto::Step(next)) => definition.steps[next].id.clone(),
            _ => "end".to_owned(),
        })
    };
    let (old, new) = (follower(before, was)?, follower(after, is)?);
    (old != new).then(|| Change {
        step: Some(after.steps[is].id.clone()),
        field: Some("the following step".to_owned()),
        before: Some(old.into()),
        after: Some(new.into()),
    })
}

fn of_fields(
    step: Option<&str>,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
) -> Vec<Change> {
    // The fields that all steps have come first, then each type's own.
    let first = STEP.iter().map(|field| field.name);
    let mut names: Vec<&str> = first
        .filter(|name| old.contains_key(*name) || new.contains_key(*name))
        .collect();
    for name in old.keys().chain(new.keys()) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let changed = names
        .into_iter()
        .filter(|name| old.get(*name) != new.get(*name));
    changed
        .map(|name| Change {
            step: step.map(str::to_owned),
            field: Some(name.to_owned()),
            before: old.get(name).cloned(),
            after: new.get(name).cloned(),
        })
        .collect()
}

fn members(value: &Value) -> &Map<String, Value> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    value.as_object().unwrap_or(&NONE)
}

fn without(members: &Map<String, Value>, names: &[&str]) -> Map<String, Value> {
    let kept = members
        .iter()
        .filter(|(name, _)| !names.contains(&name.as_str()));
    kept.map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(steps: &str, name: &str) -> Definition {
        let text = format!(
            "display_name: {name}\nslug: x\ntrigger_description: y\nsteps:\n{steps}scenarios:\n  - {{ name: {name} }}\n  - {{ name: both, inputs: [{name}] }}\n"
        );
        Definition::parse(&text).expect("valid")
    }

    #[test]
    fn what_came_went_moved_and_changed_is_told_by_step() {
        let before = read(
            "  - { id: a, type: message, content: one, position: { x: 1 } }\n  - { id: b, type: message, content: two }\n  - { id: c, type: message, content: three }\n",
            "Old",
        );
        let after = read(
            "  - { id: a, type: message, content: one!, position: { x: 9 } }\n  - { id: d, type: escalate, reason: four }\n  - { id: c, type: message, content: three, next: end }\n",
            "New",
        );
        let lines: Vec<String> = diff(&before, &after)
            .iter()
            .map(ToString::to_string)
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        ~ display_name: "Old" → "New"
        ~ step `a`: content: "one" → "one!"
        ~ step `a`: the following step: "b" → "d"
        + step `d`: {"id":"d","reason":"four","type":"escalate"}
        + step `c`: next: "end"
        - step `b`: {"content":"two","id":"b","type":"message"}
        - scenario `Old`: {"name":"Old"}
        ~ scenario `both`: {"inputs":["Old"],"name":"both"} → {"inputs":["New"],"name":"both"}
        + scenario `New`: {"name":"New"}
        "#);
        assert_eq!(diff(&after, &after), []);
    }
}
