//! `actions/NAME.toml`: one action a file.
//!
//! Reads and checks what one file says by itself; what it names elsewhere – its
//! integration, roles, the action that undoes it – is checked by `catalogue`.

use serde_json::{Value, json};

use super::{
    fault::Place,
    probe::read_probe,
    section::Section,
    values::{required_text, template, templates},
};
use crate::domain::{
    action::{Action, Batch, BuiltIn, Level, Output, Performer, Phase, Retry, Reversal, Say},
    schema::Schema,
    time::Span,
};

/// How long one attempt may take where nothing is said.
const TIMEOUT: Span = Span::from_secs(5);

/// Reads an action; its name is the file's where it gives none.
pub(super) fn read_action(mut section: Section<'_>, file_name: &str) -> Action {
    let approval = section.one_of("approval", Level::default(), &Level::NAMES);
    let approvers = texts(&mut section, "approvers");
    let action = Action {
        name: section.name("name", file_name.to_owned()),
        description: required_text(&mut section, "description"),
        trigger: text(&mut section, "trigger"),
        examples: texts(&mut section, "examples"),
        phase: section.one_of("phase", Phase::default(), &Phase::NAMES),
        performer: read_performer(&mut section),
        params: read_params(&mut section),
        amount: section.text("amount").map(|found| found.value),
        allow: texts(&mut section, "allow"),
        is_irreversible: section.flag("irreversible", false),
        confirmation: template(&mut section, "confirmation"),
        approvers: if approvers.is_empty() {
            vec!["manager".to_owned()]
        } else {
            approvers
        },
        approval,
        required: section.count("required", 1, 1..=20),
        timeout: section.span("timeout", TIMEOUT),
        retry: read_retry(section.section("retry")),
        rate_per_minute: rate(&mut section),
        cache: section.optional_span("cache"),
        batch: read_batch(&mut section),
        output: read_output(section.section("output")),
        say: read_say(section.section("say")),
        reversal: read_reversal(&mut section),
        probe: read_probe(&mut section),
    };
    check(&action, &section);
    section.end();
    action
}

/// What an action must hold by itself.
fn check(action: &Action, section: &Section<'_>) {
    let place = section.place();
    let fits = action
        .name
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !fits {
        let said = format!(
            "the action's name `{}` has more than a-z, 0-9 and _",
            action.name
        );
        section.bad(place, &said, None);
    }
    if action.is_irreversible && action.confirmation.is_none() && action.approval != Level::Require
    {
        let hint = "give it a `confirmation`, or approval = \"require\"".to_owned();
        section.bad(
            place,
            "calls it irreversible, and nobody is asked first",
            Some(hint),
        );
    }
    if action.is_irreversible && action.reversal.is_some() {
        section.bad(place, "calls it irreversible, and `reversible`", None);
    }
    let is_operation = matches!(action.performer, Performer::Operation { .. });
    if action.batch.is_some() && !is_operation {
        let said = "gathers requests (`batch`), and no operation of an integration performs it";
        section.bad(place, said, None);
    }
    if let Some(amount) = &action.amount {
        let property = &action.params.text()["properties"][amount];
        if !["number", "integer"].contains(&property["type"].as_str().unwrap_or_default()) {
            let said =
                format!("names `{amount}` as its amount, which `params` has not as a number");
            section.bad(place, &said, None);
        }
    }
}

fn read_performer(section: &mut Section<'_>) -> Performer {
    let given = ["integration", "built_in", "function", "workflow"];
    let count = given.iter().filter(|key| section.has(key)).count();
    if count != 1 {
        let place = section.place().clone();
        let hint = "give it `integration` and `operation`, or `function`, `built_in` or `workflow`"
            .to_owned();
        let said = if count == 0 {
            "has nothing that performs it"
        } else {
            "has more than one thing that performs it"
        };
        section.bad(&place, said, Some(hint));
    }
    let names = BuiltIn::NAMES;
    let built_in = section.one_of("built_in", BuiltIn::CreateTicket, &names);
    let function = text(section, "function");
    let workflow = text(section, "workflow");
    let integration = text(section, "integration");
    let operation = text(section, "operation");
    if section.has("built_in") {
        Performer::BuiltIn(built_in)
    } else if section.has("function") {
        Performer::Function(function)
    } else if section.has("workflow") {
        Performer::Workflow(workflow)
    } else {
        if section.has("integration") && operation.is_empty() {
            section.missing("operation");
        }
        Performer::Operation {
            integration,
            operation,
        }
    }
}

/// Reads the parameters' schema: an object, closed unless it says otherwise.
fn read_params(section: &mut Section<'_>) -> Schema {
    let none = || {
        let text = json!({"type": "object", "properties": {}, "additionalProperties": false});
        Schema::new(text).expect("it is one")
    };
    let Some((mut text, place)) = section.json("params") else {
        return none();
    };
    let kind = text.get("type").cloned().unwrap_or(json!("object"));
    if !text.is_object() || kind != "object" {
        let hint = "write [params.properties.NAME] with a `type` each".to_owned();
        section.bad(&place, "is no JSON Schema of an object", Some(hint));
        return none();
    }
    text["type"] = kind;
    if text.get("additionalProperties").is_none() {
        text["additionalProperties"] = json!(false);
    }
    compiled(section, &place, text).unwrap_or_else(none)
}

fn compiled(section: &Section<'_>, place: &Place, text: Value) -> Option<Schema> {
    Schema::new(text)
        .map_err(|said| section.bad(place, &format!("is no JSON Schema: {said}"), None))
        .ok()
}

fn read_retry(mut section: Section<'_>) -> Retry {
    let default = Retry::default();
    let retry = Retry {
        attempts: section.count("attempts", default.attempts, 1..=100),
        backoff: section.span("backoff", default.backoff),
    };
    section.end();
    retry
}

fn read_batch(section: &mut Section<'_>) -> Option<Batch> {
    if !section.has("batch") {
        return None;
    }
    let mut table = section.section("batch");
    let batch = Batch {
        max: table.count("max", 50, 2..=1_000),
        within: table.span("within", Span::from_millis(50)),
    };
    table.end();
    Some(batch)
}

fn read_output(mut section: Section<'_>) -> Output {
    let schema = section.json("schema");
    let output = Output {
        schema: schema.and_then(|(text, place)| compiled(&section, &place, text)),
        map: templates(&mut section, "map"),
        attributes: templates(&mut section, "attributes"),
    };
    section.end();
    output
}

fn read_say(mut section: Section<'_>) -> Say {
    let say = Say {
        succeeded: template(&mut section, "succeeded"),
        failed: template(&mut section, "failed"),
        denied: template(&mut section, "denied"),
        waiting: template(&mut section, "waiting"),
        unknown: template(&mut section, "unknown"),
    };
    section.end();
    say
}

fn read_reversal(section: &mut Section<'_>) -> Option<Reversal> {
    if !section.has("reversible") {
        return None;
    }
    let mut table = section.section("reversible");
    let reversal = Reversal {
        action: required_text(&mut table, "action"),
        params: templates(&mut table, "params"),
        until: table.optional_span("until"),
    };
    table.end();
    Some(reversal)
}

/// Reads `rate_limit`, so many a minute.
pub(super) fn rate(section: &mut Section<'_>) -> Option<u32> {
    section
        .has("rate_limit")
        .then(|| section.count("rate_limit", 60, 1..=1_000_000))
}

pub(super) fn text(section: &mut Section<'_>, key: &'static str) -> String {
    section
        .text(key)
        .map(|found| found.value)
        .unwrap_or_default()
}

fn texts(section: &mut Section<'_>, key: &'static str) -> Vec<String> {
    let found = section.texts(key).into_iter();
    found.map(|found| found.value).collect()
}
