//! Inbound mappings: `fn map(message)` turns a foreign message into events.
//!
//! The sandbox is that of the rules. `message` has `body` (JSON), `headers`,
//! `routing_key` and `now`; the answer is one event as a map, an array of them,
//! or `()` to ignore the message. `crate::daemon` reads the events from there.

use std::sync::Arc;

use rhai::{
    AST, CallFnOptions, Dynamic, Engine, ImmutableString, OptimizationLevel, Position, Scope,
};
use serde_json::{Map, Value};

use super::{
    check,
    fault::{self, Fault, Located},
    names::{File, Library},
    sandbox::{self, MAP_OPERATIONS},
    value::{self, Free, MAX_JSON_BYTES, to_json},
};
use crate::domain::{directory::Directory, time::Timestamp};

/// A loaded mapping.
pub struct Mapping {
    file: String,
    engine: Engine,
    ast: AST,
}

/// A message as another program published it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ForeignMessage {
    /// Its body.
    pub body: Value,
    /// Its headers.
    pub headers: Map<String, Value>,
    /// The routing key; empty where there is none.
    pub routing_key: String,
}

/// The message as the script sees it.
#[derive(Clone)]
struct Message {
    body: Arc<Value>,
    headers: Arc<Map<String, Value>>,
    routing_key: ImmutableString,
    now: Timestamp,
}

impl std::fmt::Debug for Mapping {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mapping")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

impl Mapping {
    /// Compiles a mapping; `name` is that of its file, without `.rhai`.
    ///
    /// *Errors*: every fault at once, with file, line and column.
    pub fn load(name: &str, source: &str) -> Result<Self, Vec<Fault>> {
        let file = format!("{name}.rhai");
        let mut engine = sandbox::engine(OptimizationLevel::None);
        register_message(&mut engine);
        let ast = engine
            .compile(source)
            .map_err(|error| vec![Fault::of_parsing(&file, &error)])?;
        let mut library = Library::default();
        library.add(File::new(&file, ast));
        let Some(compiled) = library.file(name) else {
            return Err(Vec::new());
        };
        let report = check::check(compiled, &library, &Directory::default());
        sandbox::know_properties(&mut engine, report.properties.iter().map(String::as_str));
        let ast = compiled.ast.clone();
        let mut faults = report.faults;
        let alien = report
            .imports
            .iter()
            .map(|(_, at)| (*at, "a mapping imports nothing"))
            .chain(
                report
                    .registrations
                    .iter()
                    .map(|(_, at)| (*at, "a mapping registers no rules")),
            );
        for (at, message) in alien {
            faults.push(Fault::new(fault::REGISTRATION, &file, at, message));
        }
        let has_map = ast
            .iter_functions()
            .any(|function| function.name == "map" && function.params.len() == 1);
        if !has_map {
            faults.push(
                Fault::new(
                    fault::MISSING,
                    &file,
                    Position::NONE,
                    "the mapping has no `fn map(message)`",
                )
                .hinted(Some("write `fn map(message) { … }`".to_owned())),
            );
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Self { file, engine, ast })
    }

    /// Turns a message into events, each the JSON of a structured event.
    ///
    /// *Errors*: what the script raised, with its place.
    pub fn map(&self, message: &ForeignMessage, now: Timestamp) -> Result<Vec<Value>, String> {
        let message = Message {
            body: Arc::new(message.body.clone()),
            headers: Arc::new(message.headers.clone()),
            routing_key: message.routing_key.as_str().into(),
            now,
        };
        let answer: Dynamic = sandbox::guarded(MAP_OPERATIONS, || {
            let options = CallFnOptions::new().eval_ast(!self.ast.statements().is_empty());
            self.engine.call_fn_with_options(
                options,
                &mut Scope::new(),
                &self.ast,
                "map",
                (message,),
            )
        })
        .map_err(|error| {
            let found = Located::of(&error, &self.file);
            format!(
                "{}:{}:{}: {}",
                found.file, found.line, found.column, found.message
            )
        })?;
        self.events(&answer)
    }

    fn events(&self, answer: &Dynamic) -> Result<Vec<Value>, String> {
        let mut budget = MAX_JSON_BYTES;
        let value =
            to_json(answer, &mut budget).map_err(|error| format!("{}: {error}", self.file))?;
        let events = match value {
            Value::Null => Vec::new(),
            Value::Array(events) => events,
            event => vec![event],
        };
        match events.iter().find(|event| !event.is_object()) {
            None => Ok(events),
            Some(other) => Err(format!(
                "{}: `map` answered `{other}`, not an event (a map), an array of them or ()",
                self.file
            )),
        }
    }
}

fn register_message(engine: &mut Engine) {
    engine
        .register_type_with_name::<Message>("message")
        .register_get("body", |message: &mut Message| value::body(&message.body))
        .register_get("headers", |message: &mut Message| {
            Free::members(&message.headers)
        })
        .register_get("routing_key", |message: &mut Message| {
            message.routing_key.clone()
        })
        .register_get("now", |message: &mut Message| message.now);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn map(source: &str, body: Value) -> Result<Vec<Value>, String> {
        let mapping = Mapping::load("test", source).expect("loads");
        let message = ForeignMessage {
            body,
            headers: Map::from_iter([("app_id".to_owned(), json!("a1"))]),
            routing_key: "rasa.events".to_owned(),
        };
        mapping.map(&message, Timestamp::from_micros(1_795_000_000_000_000))
    }

    #[test]
    fn a_message_becomes_an_event() {
        let source = r#"
            const PREFIX = "x-";
            fn id(body) { global::PREFIX + fingerprint(body) }
            fn map(message) {
                let body = message.body;
                if body.event != "user" { return; }
                #{
                    specversion: "1.0", id: id(body), source: "/" + message.headers.app_id,
                    type: "conversation.message", subject: body.sender_id,
                    time: unix_time(body.timestamp),
                    data: #{ message: #{ text: body.text, intent: body.parse_data.intent.name },
                             metadata: body.metadata, missing: body.nothing.at.all }
                }
            }"#;
        let body = json!({"event": "user", "sender_id": "c1", "timestamp": 1_795_000_000.25,
            "text": "hi", "metadata": {"a": [1, {"b": null}]}, "parse_data": {"intent": {"name": "greet"}}});
        let events = map(source, body.clone()).expect("maps");
        assert_eq!(events.len(), 1);
        let mut event = events[0].clone();
        let id = event["id"].take();
        assert!(
            id.as_str()
                .is_some_and(|id| id.starts_with("x-") && id.len() == 34)
        );
        assert_eq!(
            event,
            json!({"specversion": "1.0", "id": null, "source": "/a1", "type": "conversation.message",
                "subject": "c1", "time": "2026-11-18T11:06:40.250Z",
                "data": {"message": {"text": "hi", "intent": "greet"}, "metadata": {"a": [1, {"b": null}]}}})
        );
        assert_eq!(map(source, json!({"event": "bot"})), Ok(vec![]));
        assert_eq!(
            map(source, body).map(|events| events[0]["id"].clone()),
            Ok(id)
        );
    }

    #[test]
    fn what_a_mapping_raises_has_a_place() {
        let error = map("fn map(message) {\n  throw \"no\";\n}", json!({})).expect_err("raises");
        assert_eq!(error, "test.rhai:2:3: no");
        let error = map("fn map(message) { 7 }", json!({})).expect_err("no event");
        assert!(error.contains("not an event"), "{error}");
    }

    #[test]
    fn a_mapping_without_map_is_refused() {
        let faults = Mapping::load("test", "fn mapp(message) { }").expect_err("refused");
        assert_eq!(faults[0].code, fault::MISSING);
        let faults = Mapping::load("test", "fn map(message) { ").expect_err("refused");
        assert_eq!((faults[0].code, faults[0].line), (fault::SYNTAX, 1));
    }

    #[test]
    fn names_are_checked_before_a_message_comes() {
        let source = "import \"x\" as x;\nfn map(message) { unix_tme(message.body.at) + sum(1) }\nescalation(\"a\", #{});";
        let faults = Mapping::load("test", source).expect_err("refused");
        let told: Vec<(usize, &str)> = faults
            .iter()
            .map(|fault| (fault.line, fault.message.as_str()))
            .collect();
        assert!(
            told.contains(&(2, "there is no function `unix_tme`")),
            "{told:?}"
        );
        assert!(told.contains(&(1, "a mapping imports nothing")), "{told:?}");
        assert!(
            told.contains(&(3, "a mapping registers no rules")),
            "{told:?}"
        );
    }
}
