//! `provost rules explain EVENT.json`: what each rule makes of an event.

use std::path::Path;

use serde_json::{Value, json};

use super::{Failure, Output, Place, output};
use crate::{
    cli::input::text_of,
    clock::Clock,
    domain::event::{Event, Rejection},
    policy::Policy,
    workbench::explain::{explain, render},
};

pub(super) fn main(place: &Place, policy: &Policy, path: &Path) -> Result<(), Failure> {
    let shown = path.display();
    let text = text_of(path)?;
    let values =
        values(&text).map_err(|error| Failure::new(format!("`{shown}` is not JSON: {error}")))?;
    let now = Clock::machine().now();
    let explained = values
        .into_iter()
        .map(read)
        .collect::<Result<Vec<_>, _>>()
        .and_then(|events| explain(policy, &place.settings, events, now));
    match (explained, place.output) {
        (Ok(None), _) => Err(Failure::new(format!("`{shown}` holds no event"))),
        (Ok(Some(explained)), Output::Json) => output::json(&json!(explained)),
        (Ok(Some(explained)), Output::Table) => output::line(render(&explained).trim_end()),
        (Err(rejection), Output::Json) => {
            output::json(&refusal(&rejection))?;
            Err(Failure::said())
        }
        (Err(rejection), Output::Table) => Err(Failure::new(format!(
            "the event would be refused: {rejection}"
        ))),
    }
}

/// Reads one event, an array of events, or one on each line.
fn values(text: &str) -> Result<Vec<Value>, serde_json::Error> {
    let read = serde_json::Deserializer::from_str(text)
        .into_iter::<Value>()
        .collect::<Result<Vec<_>, _>>()?;
    Ok(read
        .into_iter()
        .flat_map(|value| match value {
            Value::Array(items) => items,
            other => vec![other],
        })
        .collect())
}

/// Reads an event; what only the envelope needs may be left out when it is written by hand.
fn read(mut value: Value) -> Result<Event, Rejection> {
    if let Value::Object(members) = &mut value {
        for (name, default) in [
            ("specversion", "1.0"),
            ("id", "explained"),
            ("source", "/explain"),
            ("subject", "explained"),
        ] {
            members
                .entry(name)
                .or_insert_with(|| Value::String(default.to_owned()));
        }
    }
    Event::from_value(value)
}

fn refusal(rejection: &Rejection) -> Value {
    json!({"ok": false, "reason": rejection.reason, "field": rejection.field, "detail": rejection.detail})
}
