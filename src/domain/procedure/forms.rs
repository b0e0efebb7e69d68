//! The forms of steps: which fields each type has, and what is made of them.
//!
//! One entry a step type, by name; reading, the published JSON Schema and the documentation follow it.

use serde_json::{Map, Value};

use super::{
    ApiCall, CollectInput, Condition, Gate, InternalAction, Operator, StepKind, Target, Validation,
    fields::{Fields, MISSING, UNKNOWN_FIELD, WRONG_VALUE},
};
use crate::domain::{action::Level, integration::HttpMethod, template::Template};

/// What a field takes.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// One of these names.
    Choice(fn() -> Vec<&'static str>),
    /// A whole number between two.
    Count(u32, u32),
    /// An object; its texts have placeholders.
    Object,
    /// A list of objects.
    Objects,
    /// A path into a variable.
    Path,
    /// The id of a step, or `end`.
    Step,
    /// A text with placeholders.
    Template,
    /// A text.
    Text,
    /// A list of texts.
    Texts,
    /// An address with placeholders.
    Url,
    /// Anything; its texts have placeholders.
    Value,
    /// The name of a variable.
    Variable,
}

/// A field.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub shape: Shape,
    /// Whether it must be there.
    pub is_required: bool,
    /// What it says, as the end of "it is …".
    pub about: &'static str,
}

/// A step type.
pub struct StepForm {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    /// Its own fields, by name.
    pub fields: &'static [Field],
    /// Whether a step comes after it: whether it may have `next`.
    pub has_next: bool,
    /// Makes it; `None` where something is missing, which is noted.
    pub make: fn(&mut Fields<'_, '_>) -> Option<StepKind>,
}

const fn must(name: &'static str, shape: Shape, about: &'static str) -> Field {
    Field {
        name,
        shape,
        is_required: true,
        about,
    }
}

const fn may(name: &'static str, shape: Shape, about: &'static str) -> Field {
    Field {
        name,
        shape,
        is_required: false,
        about,
    }
}

/// What the definition has besides its steps.
pub const DEFINITION: &[Field] = &[
    may("description", Shape::Text, "a note for the team"),
    must(
        "display_name",
        Shape::Text,
        "what people call the procedure",
    ),
    may(
        "scenarios",
        Shape::Objects,
        "what must come out before it is published",
    ),
    may(
        "slug",
        Shape::Text,
        "the name that others use; made of `display_name` if left out",
    ),
    must(
        "trigger_description",
        Shape::Text,
        "when the procedure is to be started, in a sentence",
    ),
];

/// What every step has besides its own fields. An editor keeps what it needs in `name` and `position`.
pub const STEP: &[Field] = &[
    must("id", Shape::Text, "what other steps call it"),
    may("name", Shape::Text, "what people call it"),
    may(
        "next",
        Shape::Step,
        "the step that comes after it, or `end`; the following one if left out",
    ),
    may("position", Shape::Value, "where an editor draws it"),
    must("type", Shape::Choice(types), "what it does"),
];

/// The most tries that may be allowed.
const MOST_TRIES: u32 = 20;
/// How many tries there are if nothing is said.
const USUAL_TRIES: u32 = 3;

/// Every step type, by name.
pub const FORMS: &[StepForm] = &[
    StepForm {
        name: "api_call",
        about: "Calls another system and keeps its answer.",
        fields: &[
            may(
                "action",
                Shape::Text,
                "an action of the catalogue, instead of `url`",
            ),
            may(
                "approval",
                Shape::Choice(levels),
                "how much approval it takes",
            ),
            may("approvers", Shape::Texts, "the roles that may approve it"),
            may("body", Shape::Value, "the body, as JSON"),
            may(
                "method",
                Shape::Choice(methods),
                "the method; `GET` if left out",
            ),
            may("params", Shape::Object, "the parameters of `action`"),
            may(
                "response_variable",
                Shape::Variable,
                "the variable that takes the answer",
            ),
            may("url", Shape::Url, "the address to call"),
        ],
        has_next: true,
        make: api_call,
    },
    StepForm {
        name: "collect_input",
        about: "Asks the customer and waits for the answer.",
        fields: &[
            may(
                "max_tries",
                Shape::Count(1, MOST_TRIES),
                "how many wrong answers are taken",
            ),
            must("prompt", Shape::Template, "the question"),
            may(
                "validation",
                Shape::Choice(validations),
                "what an answer must be",
            ),
            must(
                "variable",
                Shape::Variable,
                "the variable that takes the answer",
            ),
        ],
        has_next: true,
        make: collect_input,
    },
    StepForm {
        name: "condition",
        about: "Goes one way or the other.",
        fields: &[
            must("else", Shape::Step, "the step to go to if not"),
            must("operator", Shape::Choice(operators), "how it is compared"),
            must("then", Shape::Step, "the step to go to if so"),
            may("value", Shape::Value, "what it is compared with"),
            must("variable", Shape::Path, "what is looked at"),
        ],
        has_next: false,
        make: condition,
    },
    StepForm {
        name: "escalate",
        about: "Hands the conversation to a person; the procedure ends.",
        fields: &[must("reason", Shape::Template, "what the customer is told")],
        has_next: false,
        make: escalate,
    },
    StepForm {
        name: "internal_action",
        about: "Has Provost do something itself.",
        fields: &[
            must("action", Shape::Text, "the action"),
            may(
                "approval",
                Shape::Choice(levels),
                "how much approval it takes",
            ),
            may("approvers", Shape::Texts, "the roles that may approve it"),
            may("params", Shape::Object, "the parameters of `action`"),
        ],
        has_next: true,
        make: internal_action,
    },
    StepForm {
        name: "message",
        about: "Tells the customer something.",
        fields: &[must(
            "content",
            Shape::Template,
            "what the customer is told",
        )],
        has_next: true,
        make: message,
    },
    StepForm {
        name: "set_variable",
        about: "Gives a variable a value.",
        fields: &[
            must("name", Shape::Variable, "the variable"),
            must("value", Shape::Value, "the value"),
        ],
        has_next: true,
        make: set_variable,
    },
];

impl StepForm {
    /// Gives the form of a step type.
    pub fn of(name: &str) -> Option<&'static Self> {
        FORMS.iter().find(|form| form.name == name)
    }
}

fn names_of<T>(names: &[(&'static str, T)]) -> Vec<&'static str> {
    names.iter().map(|(name, _)| *name).collect()
}

fn types() -> Vec<&'static str> {
    FORMS.iter().map(|form| form.name).collect()
}

fn levels() -> Vec<&'static str> {
    names_of(&Level::NAMES)
}

fn methods() -> Vec<&'static str> {
    names_of(&HttpMethod::NAMES)
}

fn operators() -> Vec<&'static str> {
    names_of(&Operator::NAMES)
}

fn validations() -> Vec<&'static str> {
    names_of(&Validation::NAMES)
}

fn gate(fields: &mut Fields<'_, '_>) -> Gate {
    Gate {
        level: fields.choice("approval", &Level::NAMES).unwrap_or_default(),
        approvers: fields.texts("approvers"),
    }
}

fn api_call(fields: &mut Fields<'_, '_>) -> Option<StepKind> {
    let gate = gate(fields);
    let response_variable = fields.variable("response_variable");
    let is_url = fields.members.contains_key("url");
    if is_url == fields.members.contains_key("action") {
        let hint =
            "give the address as `url`, or an action of the catalogue as `action`".to_owned();
        let message = if is_url {
            "`url` and `action` exclude each other"
        } else {
            "there is neither `url` nor `action`"
        };
        fields.fault(MISSING, "", message.to_owned(), hint);
        return None;
    }
    let of_the_other: &[&str] = if is_url {
        &["params"]
    } else {
        &["body", "method"]
    };
    for name in of_the_other {
        if fields.members.contains_key(*name) {
            let kind = if is_url { "url" } else { "action" };
            let message = format!("`{name}` does not go with `{kind}`");
            fields.fault(UNKNOWN_FIELD, name, message, None);
        }
    }
    let target = if is_url { url(fields) } else { action(fields) };
    Some(StepKind::ApiCall(ApiCall {
        target: target?,
        response_variable,
        gate,
    }))
}

fn action(fields: &mut Fields<'_, '_>) -> Option<Target> {
    Some(Target::Action {
        name: fields.text("action")?.to_owned(),
        params: fields.object("params"),
    })
}

fn url(fields: &mut Fields<'_, '_>) -> Option<Target> {
    let written = fields.choice("method", &HttpMethod::NAMES);
    let method = written.unwrap_or(HttpMethod::Get);
    let body = body(fields);
    if body.is_some() && matches!(method, HttpMethod::Get | HttpMethod::Delete) {
        let message = "a call that reads or takes away has no `body`".to_owned();
        fields.fault(
            WRONG_VALUE,
            "body",
            message,
            "use `POST`, `PUT` or `PATCH`".to_owned(),
        );
    }
    let url = fields.template("url")?;
    let text = url.to_string();
    let host = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let host = host.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    if host.is_none_or(|host| host.is_empty() || host.contains("{{") || host.contains('@')) {
        let message = format!("`{text}` is not the address of a system");
        let hint = "begin with `https://` and a host; values may stand in path and query only";
        fields.fault(WRONG_VALUE, "url", message, hint.to_owned());
        return None;
    }
    Some(Target::Url { url, method, body })
}

/// Reads a body: as JSON, or as the text of it, in which a bare placeholder stands for a value.
fn body(fields: &mut Fields<'_, '_>) -> Option<Value> {
    let Value::String(text) = fields.filled("body")? else {
        return fields.filled("body");
    };
    let read = serde_json::from_str(&quoted(&text)).ok();
    if read.is_none() {
        let message = "`body` is not JSON".to_owned();
        let hint = r#"write it as an object, or as its text, such as {"order": "{{order_id}}"}"#;
        fields.fault(WRONG_VALUE, "body", message, hint.to_owned());
    }
    read
}

/// Puts placeholders that stand outside of a JSON text into quotes.
fn quoted(text: &str) -> String {
    let (mut out, mut is_inside, mut rest) = (String::with_capacity(text.len()), false, text);
    while let Some(sign) = rest.chars().next() {
        let length = match sign {
            '\\' if is_inside => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            '{' if !is_inside && rest.starts_with("{{") && rest.contains("}}") => {
                let end = rest.find("}}").map_or(rest.len(), |end| end + 2);
                if Template::parse(&rest[..end]).is_ok() {
                    out.extend(['"'].iter().chain(&rest[..end].chars().collect::<Vec<_>>()));
                    out.push('"');
                    rest = &rest[end..];
                    continue;
                }
                1
            }
            '"' => {
                is_inside = !is_inside;
                1
            }
            other => other.len_utf8(),
        };
        out.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    out
}

fn collect_input(fields: &mut Fields<'_, '_>) -> Option<StepKind> {
    let validation = fields.choice("validation", &Validation::NAMES);
    let max_tries = fields.count("max_tries", 1..=MOST_TRIES);
    let (variable, prompt) = (fields.variable("variable"), fields.template("prompt"));
    Some(StepKind::CollectInput(CollectInput {
        variable: variable?,
        prompt: prompt?,
        validation: validation.unwrap_or_default(),
        max_tries: max_tries.unwrap_or(USUAL_TRIES),
    }))
}

fn condition(fields: &mut Fields<'_, '_>) -> Option<StepKind> {
    let (variable, operator) = (
        fields.path("variable"),
        fields.choice("operator", &Operator::NAMES),
    );
    let (then, otherwise) = (fields.goto("then"), fields.goto("else"));
    let value = fields.filled("value");
    let operator = operator?;
    if operator.takes_value() && value.is_none() {
        let message = "`value` is missing".to_owned();
        fields.fault(
            MISSING,
            "value",
            message,
            "say what it is compared with".to_owned(),
        );
        return None;
    }
    Some(StepKind::Condition(Condition {
        variable: variable?,
        operator,
        value: value.filter(|_| operator.takes_value()),
        then: then?,
        otherwise: otherwise?,
    }))
}

fn escalate(fields: &mut Fields<'_, '_>) -> Option<StepKind> {
    let reason = fields.template("reason")?;
    Some(StepKind::Escalate { reason })
}

fn internal_action(fields: &mut Fields<'_, '_>) -> Option<StepKind> {
    let gate = gate(fields);
    let params: Map<String, Value> = fields.object("params");
    Some(StepKind::InternalAction(InternalAction {
        action: fields.text("action")?.to_owned(),
        params,
        gate,
    }))
}

fn message(fields: &mut Fields<'_, '_>) -> Option<StepKind> {
    let content = fields.template("content")?;
    Some(StepKind::Message { content })
}

fn set_variable(fields: &mut Fields<'_, '_>) -> Option<StepKind> {
    let (name, value) = (fields.variable("name"), fields.filled("value"));
    Some(StepKind::SetVariable {
        name: name?,
        value: value?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_placeholder_in_a_body_stands_for_a_value() {
        let text = r#"{"id": {{order.id}}, "note": "for {{name}} {\"{{x}}\"}", "n": [{{n}}]}"#;
        let read: Value = serde_json::from_str(&quoted(text)).expect("JSON");
        assert_eq!(
            read,
            serde_json::json!({"id": "{{order.id}}", "note": "for {{name}} {\"{{x}}\"}", "n": ["{{n}}"]})
        );
    }

    #[test]
    fn forms_and_their_fields_are_listed_by_name() {
        let is_rising = |names: Vec<&str>| names.is_sorted_by(|one, next| one < next);
        assert!(is_rising(types()));
        let fields = |fields: &[Field]| fields.iter().map(|field| field.name).collect::<Vec<_>>();
        for form in FORMS {
            assert!(is_rising(fields(form.fields)), "{}", form.name);
        }
        assert!(is_rising(fields(DEFINITION)) && is_rising(fields(STEP)));
    }

    #[test]
    fn each_operator_is_read_by_the_name_that_it_is_written_with() {
        for (name, operator) in Operator::NAMES {
            assert_eq!(operator.as_str(), name);
        }
    }
}
