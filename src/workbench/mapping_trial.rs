//! Trying an inbound mapping out: a foreign message in, events out, each checked
//! as intake would check it.
//!
//! For the tests of the built-in mappings, and for whoever writes one.

use crate::{
    decide::{Entry, Input},
    domain::{
        event::{Event, Reason, Rejection},
        time::Timestamp,
    },
    policy::{ForeignMessage, Mapping},
};

/// Maps a message and reads what comes out.
///
/// *Errors*: what the script raised; or the first event that intake would refuse.
pub fn try_out(
    mapping: &Mapping,
    message: &ForeignMessage,
    now: Timestamp,
) -> Result<Vec<Event>, Rejection> {
    let made = mapping
        .map(message, now)
        .map_err(|error| Rejection::new(Reason::Malformed, "", error))?;
    let entry = std::sync::Arc::new(Entry::house());
    made.into_iter()
        .map(|value| {
            let event = Event::from_value(value)?;
            Input::read(event.clone(), &entry)?;
            Ok(event)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fmt::Write as _, fs, path::PathBuf};

    use serde_json::{Value, json};

    use super::*;
    use crate::policy::BUILTIN;

    /// What every message under `tests/data/NAME` comes to, by the file's name.
    fn results(name: &str) -> BTreeMap<String, Vec<Event>> {
        let (_, source) = BUILTIN
            .iter()
            .find(|(known, _)| *known == name)
            .expect("built in");
        let mapping = Mapping::load(name, source).expect("the mapping loads");
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("tests/data")
            .join(name);
        let mut results = BTreeMap::new();
        for entry in fs::read_dir(folder).expect("messages") {
            let path = entry.expect("readable").path();
            let file = path
                .file_stem()
                .expect("named")
                .to_string_lossy()
                .into_owned();
            let text = fs::read_to_string(&path).expect("readable");
            let message = ForeignMessage {
                body: serde_json::from_str(&text).expect("JSON"),
                ..ForeignMessage::default()
            };
            let now = Timestamp::from_micros(1_795_300_000_000_000);
            let events = try_out(&mapping, &message, now)
                .unwrap_or_else(|rejection| panic!("{name}/{file}: {rejection}"));
            let again = try_out(
                &mapping,
                &message,
                now.plus(crate::domain::time::Span::from_secs(60)),
            );
            assert_eq!(
                again.as_ref(),
                Ok(&events),
                "{file}: the same message is the same events at any time"
            );
            results.insert(file, events);
        }
        results
    }

    /// Each event as one line: file, type, id, time, and the data.
    fn lines(results: &BTreeMap<String, Vec<Event>>) -> String {
        let mut text = String::new();
        for (file, events) in results {
            if events.is_empty() {
                let _ = writeln!(text, "{file}: nothing");
            }
            for event in events {
                let time = event.time.map(|time| time.to_string()).unwrap_or_default();
                let data = serde_json::to_string(&event.data).expect("JSON");
                let _ = writeln!(
                    text,
                    "{file}: {} {}\n    {} of {} at {time}\n    {data}",
                    event.kind, event.subject, event.id, event.source
                );
            }
        }
        text
    }

    /// Compares with `tests/data/NAME.expected.txt`; `UPDATE=1` writes it anew.
    fn compare(name: &str) {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("tests/data")
            .join(format!("{name}.expected.txt"));
        let found = lines(&results(name));
        #[expect(
            clippy::disallowed_methods,
            reason = "a switch of the test, no configuration"
        )]
        let is_update = std::env::var_os("UPDATE").is_some();
        if is_update {
            fs::write(&path, &found).expect("writable");
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(found, expected, "run again with UPDATE=1 if this is meant");
    }

    #[test]
    fn rasa_messages_are_read_as_rasa_publishes_them() {
        compare("rasa");
    }

    #[test]
    fn chatwoot_messages_are_read_as_chatwoot_posts_them() {
        compare("chatwoot");
    }

    #[test]
    fn ids_differ_wherever_the_events_do() {
        for (name, _) in BUILTIN {
            let mut seen: BTreeMap<(String, String), Value> = BTreeMap::new();
            for event in results(name).into_values().flatten() {
                let content = json!([event.kind, event.subject, event.data]);
                let key = (event.source.clone(), event.id.clone());
                let before = seen.insert(key, content.clone());
                assert!(
                    before.is_none_or(|before| before == content),
                    "{name}: `{}` names two events",
                    event.id
                );
            }
        }
    }

    #[test]
    fn what_is_no_message_of_theirs_is_refused_with_a_reason() {
        for (name, source) in BUILTIN {
            let mapping = Mapping::load(name, source).expect("the mapping loads");
            for body in [json!([]), json!("x"), json!(null)] {
                let message = ForeignMessage {
                    body,
                    ..ForeignMessage::default()
                };
                let error = mapping
                    .map(&message, Timestamp::default())
                    .expect_err("not theirs");
                assert!(
                    error.contains("a Rasa event") || error.contains("a Chatwoot webhook"),
                    "{error}"
                );
            }
        }
    }
}
