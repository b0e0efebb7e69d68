//! The form of a case file: `NAME.cases.toml`, beside the rules that it tests.
//!
//! Reading keeps the line of each case and each expectation, because a failure
//! names it. A message may be written short (`text`, `author`, `sentiment` beside
//! `type`); it is put into the shape of the contract here. Described for people
//! in `rules/README.md`.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use toml::Spanned;

use crate::domain::time::{Span, Timestamp};

/// The end of a case file's name.
pub const SUFFIX: &str = ".cases.toml";

/// When a case begins that does not say so: a Monday morning.
const DEFAULT_START: &str = "2026-01-05T09:00:00Z";

/// One case: what happens, and what is to follow.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// What it shows, in words.
    pub name: String,
    /// The file, relative to the folder.
    pub file: String,
    /// The line of its name, from 1.
    pub line: usize,
    /// When it begins.
    pub at: Timestamp,
    /// What happens, in order.
    pub steps: Vec<Step>,
    /// How long the clock goes on after the last event, so that schedules come due.
    pub run_for: Span,
    /// What is to follow.
    pub expect: Vec<Expectation>,
    /// What is not to follow.
    pub not: Vec<Expectation>,
}

/// One event of a case.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The line, from 1.
    pub line: usize,
    /// How long after the one before.
    pub after: Span,
    /// The event as structured JSON, without `time`.
    pub event: Value,
}

/// One expectation: an output with these fields, or the firing of a rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// The line, from 1.
    pub line: usize,
    /// The type of the output; `None`: only that the rule fired.
    pub kind: Option<String>,
    /// The rule it comes from, if it matters.
    pub rule: Option<String>,
    /// Exactly how often; `None`: at least once.
    pub times: Option<usize>,
    /// The fields it has among others.
    pub fields: Map<String, Value>,
}

/// Why a case file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {message}")]
pub struct CaseFault {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

/// The names under which rules ask for effects, the outputs that they come to, and the kind of notice
/// where that tells them apart.
pub const EFFECTS: &[(&str, &str, Option<&str>)] = &[
    ("create_ticket", "ticket.created", None),
    ("deny", "action.denied", None),
    ("digest", "notice.posted", Some("digest")),
    ("escalate", "conversation.escalated", None),
    ("notify", "notice.posted", None),
    ("report", "notice.posted", Some("report")),
    ("require_approval", "approval.requested", None),
    ("require_confirmation", "action.awaiting_confirmation", None),
    ("resolve", "conversation.resolve", None),
    ("run_action", "action.started", None),
    ("send_message", "message.send", None),
    ("start_procedure", "procedure.started", None),
    ("tag", "conversation.tag", None),
    ("update_ticket", "ticket.updated", None),
];

/// Reads every case file of a folder. *Shape*: relative path to text, by path.
pub fn read_folder(dir: &Path) -> io::Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    let mut open: Vec<PathBuf> = vec![dir.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.to_string_lossy().ends_with(SUFFIX) {
                let relative = path.strip_prefix(dir).unwrap_or(&path);
                let name = relative
                    .components()
                    .map(|part| part.as_os_str().to_string_lossy())
                    .collect::<Vec<_>>()
                    .join("/");
                files.insert(name, fs::read_to_string(&path)?);
            }
        }
    }
    Ok(files)
}

/// Reads one case file. *Errors*: every fault that can be told apart.
pub fn parse(file: &str, text: &str) -> Result<Vec<Case>, Vec<CaseFault>> {
    let lines = Lines::of(file, text);
    let written: WrittenFile = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        vec![lines.fault(at, error.message().to_owned())]
    })?;
    let mut cases = Vec::new();
    let mut faults = Vec::new();
    for case in written.case {
        match case.read(&lines) {
            Ok(case) => cases.push(case),
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() {
        Ok(cases)
    } else {
        Err(faults)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFile {
    #[serde(default)]
    case: Vec<WrittenCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCase {
    name: Spanned<String>,
    #[serde(default)]
    at: Option<Spanned<toml::Value>>,
    #[serde(default)]
    conversation: Option<String>,
    events: Vec<Spanned<toml::Table>>,
    #[serde(default)]
    run_for: Option<Spanned<String>>,
    #[serde(default)]
    expect: Vec<Spanned<toml::Table>>,
    #[serde(default)]
    not: Vec<Spanned<toml::Table>>,
}

impl WrittenCase {
    fn read(self, lines: &Lines<'_>) -> Result<Case, CaseFault> {
        let start = self.name.span().start;
        let at = match &self.at {
            None => Timestamp::parse(DEFAULT_START).unwrap_or_default(),
            Some(at) => Timestamp::parse(&text_of(at.get_ref())).ok_or_else(|| {
                let message = format!("`{}` is not an RFC 3339 time", text_of(at.get_ref()));
                lines.fault(at.span().start, message)
            })?,
        };
        let run_for = match &self.run_for {
            None => Span::default(),
            Some(text) => {
                Span::parse(text.get_ref()).map_err(|m| lines.fault(text.span().start, m))?
            }
        };
        let conversation = self.conversation.unwrap_or_else(|| "case".to_owned());
        let steps = self
            .events
            .into_iter()
            .enumerate()
            .map(|(index, event)| step(lines, &conversation, index, event))
            .collect::<Result<_, _>>()?;
        let expectations = |written: Vec<Spanned<toml::Table>>| {
            written
                .into_iter()
                .map(|expected| expectation(lines, expected))
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(Case {
            name: self.name.into_inner(),
            file: lines.file.to_owned(),
            line: lines.line(start),
            at,
            steps,
            run_for,
            expect: expectations(self.expect)?,
            not: expectations(self.not)?,
        })
    }
}

fn step(
    lines: &Lines<'_>,
    conversation: &str,
    index: usize,
    written: Spanned<toml::Table>,
) -> Result<Step, CaseFault> {
    let at = written.span().start;
    let mut members = object(written.into_inner());
    let mut take_text = |name: &str| match members.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(lines.fault(at, format!("`{name}` is `{other}`, not a string"))),
    };
    let kind =
        take_text("type")?.ok_or_else(|| lines.fault(at, "an event has a `type`".to_owned()))?;
    let after = match take_text("after")? {
        None => Span::default(),
        Some(text) => Span::parse(&text).map_err(|message| lines.fault(at, message))?,
    };
    let id = take_text("id")?.unwrap_or_else(|| format!("event-{}", index + 1));
    let source = take_text("source")?.unwrap_or_else(|| "/case".to_owned());
    let subject = take_text("conversation")?.unwrap_or_else(|| conversation.to_owned());
    let mut data = match members.remove("data") {
        Some(Value::Object(data)) => data,
        None => Map::new(),
        Some(other) => return Err(lines.fault(at, format!("`data` is `{other}`, not a table"))),
    };
    data.extend(members);
    if kind == "conversation.message" {
        write_message_out(&mut data, &id);
    }
    Ok(Step {
        line: lines.line(at),
        after,
        event: json!({
            "specversion": "1.0", "id": id, "source": source, "type": kind, "subject": subject, "data": data,
        }),
    })
}

/// Puts a message that is written short into the shape of the contract.
fn write_message_out(data: &mut Map<String, Value>, id: &str) {
    let mut message = match data.remove("message") {
        Some(Value::Object(message)) => message,
        Some(other) => {
            data.insert("message".to_owned(), other);
            return;
        }
        None => Map::new(),
    };
    for name in ["text", "author", "sentiment", "intent", "language"] {
        if let Some(value) = data.remove(name) {
            message.insert(name.to_owned(), value);
        }
    }
    message.entry("id").or_insert_with(|| json!(id));
    message.entry("text").or_insert_with(|| json!(""));
    let author = message.entry("author").or_insert_with(|| json!("customer"));
    if let Value::String(kind) = author {
        let known = data.get("customer").and_then(|customer| customer.get("id"));
        let id = known.filter(|_| kind == "customer").cloned();
        *author = json!({"kind": kind, "id": id.unwrap_or_else(|| json!(kind))});
    }
    data.insert("message".to_owned(), Value::Object(message));
}

fn expectation(lines: &Lines<'_>, written: Spanned<toml::Table>) -> Result<Expectation, CaseFault> {
    let at = written.span().start;
    let mut fields = object(written.into_inner());
    let mut take_text = |name: &str| match fields.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(lines.fault(at, format!("`{name}` is `{other}`, not a string"))),
    };
    let effect = take_text("effect")?;
    let kind = take_text("type")?;
    let rule = take_text("rule")?;
    let kind = match (effect, kind) {
        (Some(_), Some(_)) => {
            return Err(lines.fault(at, "write `effect` or `type`, not both".to_owned()));
        }
        (Some(effect), None) => {
            let (kind, notice) = output_of(&effect).map_err(|m| lines.fault(at, m))?;
            if let Some(notice) = notice {
                fields.insert("kind".to_owned(), notice.into());
            }
            Some(kind.to_owned())
        }
        (None, kind) => kind,
    };
    let times = match fields.remove("times") {
        None => None,
        Some(times) => Some(
            times
                .as_u64()
                .and_then(|times| usize::try_from(times).ok())
                .ok_or_else(|| lines.fault(at, format!("`times` is `{times}`, not a count")))?,
        ),
    };
    if kind.is_none() && (rule.is_none() || !fields.is_empty()) {
        let message = "an expectation has an `effect`, a `type` or only a `rule`".to_owned();
        return Err(lines.fault(at, message));
    }
    Ok(Expectation {
        line: lines.line(at),
        kind,
        rule,
        times,
        fields,
    })
}

/// Gives the output that an effect comes to, and the kind of notice if it is one.
fn output_of(effect: &str) -> Result<(&'static str, Option<&'static str>), String> {
    let found = EFFECTS.iter().find(|(name, ..)| *name == effect);
    if let Some((_, kind, notice)) = found {
        return Ok((kind, *notice));
    }
    let known: Vec<&str> = EFFECTS.iter().map(|(name, ..)| *name).collect();
    Err(format!(
        "no effect is called `{effect}`; use {}",
        known.join(", ")
    ))
}

fn text_of(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn object(table: toml::Table) -> Map<String, Value> {
    table
        .into_iter()
        .map(|(name, value)| (name, to_json(value)))
        .collect()
}

fn to_json(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => json!(number),
        toml::Value::Float(number) => json!(number),
        toml::Value::Boolean(truth) => Value::Bool(truth),
        toml::Value::Datetime(at) => Value::String(at.to_string()),
        toml::Value::Array(items) => items.into_iter().map(to_json).collect(),
        toml::Value::Table(table) => Value::Object(object(table)),
    }
}

/// Where lines begin, for offsets that the TOML reader gives.
struct Lines<'a> {
    file: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(file: &'a str, text: &str) -> Self {
        let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            file,
            starts: std::iter::once(0).chain(after_breaks).collect(),
        }
    }

    fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|&start| start <= offset)
    }

    fn fault(&self, offset: usize, message: String) -> CaseFault {
        CaseFault {
            file: self.file.to_owned(),
            line: self.line(offset),
            message,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_message_is_put_into_the_contracts_shape() {
        let text = r#"
[[case]]
name = "short"
events = [
    { type = "conversation.message", text = "hello", sentiment = -0.5, customer = { id = "c7" } },
    { type = "conversation.message", text = "hi", author = "ai", after = "10m" },
]
expect = [{ effect = "tag", tag = "x", times = 2 }]
"#;
        let cases = parse("a.cases.toml", text).expect("valid");
        let case = &cases[0];
        assert_eq!(
            (case.line, case.steps[1].line, case.expect[0].line),
            (3, 6, 8)
        );
        assert_eq!(
            case.steps[0].event["data"],
            json!({"message": {"id": "event-1", "text": "hello", "sentiment": -0.5,
                   "author": {"kind": "customer", "id": "c7"}}, "customer": {"id": "c7"}})
        );
        assert_eq!(
            case.steps[1].event["data"]["message"]["author"]["kind"],
            "ai"
        );
        assert_eq!(case.steps[1].after, Span::from_secs(600));
        assert_eq!(case.expect[0].kind.as_deref(), Some("conversation.tag"));
        assert_eq!(case.expect[0].times, Some(2));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, line, part) in [
            ("[[case]]\nnme = \"x\"\nevents = []", 2, "nme"),
            ("[[case]]\nname = \"x\"\nevents = [{}]", 3, "`type`"),
            (
                "[[case]]\nname = \"x\"\nat = \"noon\"\nevents = []",
                3,
                "noon",
            ),
            (
                "[[case]]\nname = \"x\"\nevents = []\nexpect = [{ effect = \"tagg\" }]",
                4,
                "tagg",
            ),
            (
                "[[case]]\nname = \"x\"\nevents = []\nnot = [{ text = \"a\" }]",
                4,
                "rule",
            ),
        ] {
            let faults = parse("a.cases.toml", text).expect_err(text);
            assert_eq!(faults[0].line, line, "{}", faults[0]);
            assert!(faults[0].message.contains(part), "{}", faults[0]);
        }
    }
}
