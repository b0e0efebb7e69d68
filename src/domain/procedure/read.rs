//! Reading a definition from JSON or YAML: everything wrong with its form at once.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use unicode_normalization::UnicodeNormalization;

use super::{
    Definition, Fault, Goto, Step, Weight,
    fields::{Fields, MISSING, UNKNOWN_FIELD, WRONG_VALUE},
    forms::{DEFINITION, FORMS, STEP, StepForm},
};
use crate::domain::nearest::one_of;

/// A text that is neither JSON nor YAML.
pub const UNREADABLE: &str = "PV-PROC-001";
/// A step of a type that nobody knows.
pub const NO_TYPE: &str = "PV-PROC-005";
/// The id of a step that is none, or that another one has.
pub const BAD_ID: &str = "PV-PROC-006";
/// A slug that is none.
pub const BAD_SLUG: &str = "PV-PROC-010";

/// The longest name of a procedure, and of a step.
const MAX_NAME_CHARS: usize = 80;
/// The most steps of a procedure.
const MOST_STEPS: usize = 200;

/// What was to be a definition and has not the form of one.
#[derive(Clone, Debug)]
pub struct Malformed {
    /// Everything wrong with its form.
    pub faults: Vec<Fault>,
    /// The steps that could be read all the same, with their places.
    pub steps: Vec<(usize, Step)>,
}

impl Definition {
    /// Reads a definition from its text: JSON, or YAML.
    ///
    /// *Errors*: everything wrong with its form.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        Self::read(value_of(text).map_err(unreadable)?)
    }

    /// Reads a definition.
    ///
    /// *Errors*: everything wrong with its form.
    pub fn read(text: Value) -> Result<Self, Malformed> {
        let Value::Object(members) = &text else {
            return Err(unreadable("a procedure is an object".to_owned()));
        };
        let mut faults = Vec::new();
        let written = members.get("steps").and_then(Value::as_array);
        let written = written.map(Vec::as_slice).unwrap_or_default();
        let ids = ids(written, &mut faults);
        let mut fields = Fields {
            form: DEFINITION,
            members,
            pointer: String::new(),
            step: None,
            steps: &ids,
            faults: &mut faults,
        };
        fields.check_names(&["steps"]);
        if written.is_empty() || written.len() > MOST_STEPS {
            let message = format!("`steps` is a list of 1 to {MOST_STEPS} steps");
            fields.fault(MISSING, "steps", message, None);
        }
        let (display_name, trigger) = (
            fields.text("display_name"),
            fields.text("trigger_description"),
        );
        let (description, stated) = (fields.text("description"), fields.text("slug"));
        let slug = slug(&mut fields, stated, display_name);
        let scenarios = fields.objects("scenarios");
        let steps: Vec<(usize, Step)> = (0..written.len())
            .filter_map(|place| Some((place, step(written, place, &ids, &mut faults)?)))
            .collect();
        let is_right = faults.is_empty() && steps.len() == written.len();
        match (display_name, slug, trigger) {
            (Some(display_name), Some(slug), Some(trigger)) if is_right => Ok(Self {
                display_name: display_name.to_owned(),
                slug,
                trigger_description: trigger.to_owned(),
                description: description.map(str::to_owned),
                steps: steps.into_iter().map(|(_, step)| step).collect(),
                scenarios,
                text,
            }),
            _ => Err(Malformed { faults, steps }),
        }
    }
}

/// Reads JSON or YAML.
///
/// *Errors*: what is wrong with it, in words.
pub fn value_of(text: &str) -> Result<Value, String> {
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map_err(|error| error.to_string());
    }
    // `yes` and `on` are words here, as in YAML 1.2.
    let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
    let read = serde_saphyr::from_str_with_options(text, options);
    // Advice to programmers is none for whoever writes a procedure.
    let advice = ", set DuplicateKeyPolicy in Options if acceptable";
    read.map_err(|error| error.to_string().replace(advice, ""))
}

fn unreadable(message: String) -> Malformed {
    let fault = Fault {
        code: UNREADABLE,
        severity: Weight::Error,
        step: None,
        pointer: String::new(),
        message,
        hint: Some("a procedure is written as JSON or YAML".to_owned()),
    };
    Malformed {
        faults: vec![fault],
        steps: Vec::new(),
    }
}

/// Gives the places of the steps by their ids, and notes ids that cannot be.
fn ids<'v>(steps: &'v [Value], faults: &mut Vec<Fault>) -> BTreeMap<&'v str, usize> {
    let mut ids = BTreeMap::new();
    for (place, step) in steps.iter().enumerate() {
        let Some(id) = step.get("id").and_then(Value::as_str) else {
            continue;
        };
        let (message, hint) = if !is_id(id) {
            let hint = "an id is made of letters, digits, `-` and `_`, and is not `end`";
            (format!("`{id}` cannot be the id of a step"), hint)
        } else if let Some(first) = ids.get(id) {
            let message = format!("`{id}` is the id of step {} already", first + 1);
            (message, "each step has an id of its own")
        } else {
            ids.insert(id, place);
            continue;
        };
        faults.push(Fault {
            code: BAD_ID,
            severity: Weight::Error,
            step: Some(id.to_owned()),
            pointer: format!("/steps/{place}/id"),
            message,
            hint: Some(hint.to_owned()),
        });
    }
    ids
}

fn is_id(id: &str) -> bool {
    let is_sign = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    (1..=MAX_NAME_CHARS).contains(&id.chars().count())
        && id.chars().all(is_sign)
        && id != super::fields::END
}

fn slug(fields: &mut Fields<'_, '_>, stated: Option<&str>, name: Option<&str>) -> Option<String> {
    let slug = stated.map_or_else(|| name.map(slug_of), |stated| Some(stated.to_owned()))?;
    let is_sign = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_slug = (1..=MAX_NAME_CHARS).contains(&slug.len()) && slug.chars().all(is_sign);
    if !is_slug {
        let message = if stated.is_some() {
            format!("`{slug}` is no slug")
        } else {
            "no slug can be made of `display_name`".to_owned()
        };
        let better = slug_of(&slug);
        let hint = if better.is_empty() {
            "a slug is made of `a` to `z`, digits and `-`".to_owned()
        } else {
            format!("write `{better}`")
        };
        fields.fault(BAD_SLUG, "slug", message, hint);
    }
    is_slug.then_some(slug)
}

/// Makes a slug of a name: lower case without accents, everything else a hyphen.
pub fn slug_of(name: &str) -> String {
    let mut slug = String::new();
    for sign in name.nfkd().flat_map(char::to_lowercase) {
        if sign.is_ascii_alphanumeric() {
            slug.push(sign);
        } else if !slug.ends_with('-') && !unicode_normalization::char::is_combining_mark(sign) {
            slug.push('-');
        }
    }
    slug.trim_matches('-').to_owned()
}

fn step(
    steps: &[Value],
    place: usize,
    ids: &BTreeMap<&str, usize>,
    faults: &mut Vec<Fault>,
) -> Option<Step> {
    static NOTHING: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    let members = steps[place].as_object();
    let id = members.and_then(|members| members.get("id")?.as_str());
    let mut fields = Fields {
        form: STEP,
        members: members.unwrap_or(&NOTHING),
        pointer: format!("/steps/{place}"),
        step: id,
        steps: ids,
        faults,
    };
    if members.is_none() {
        fields.fault(WRONG_VALUE, "", "a step is an object".to_owned(), None);
        return None;
    }
    let id = fields.text("id").filter(|id| ids.get(id) == Some(&place));
    let stated = fields.members.contains_key("next");
    let next = fields.goto("next");
    fields.text("name");
    let name = fields.text("type")?;
    let Some(form) = StepForm::of(name) else {
        let hint = one_of(name, FORMS.iter().map(|form| form.name));
        fields.fault(
            NO_TYPE,
            "type",
            format!("there is no step of type `{name}`"),
            hint,
        );
        return None;
    };
    fields.form = form.fields;
    let own: Vec<&str> = STEP.iter().map(|field| field.name).collect();
    fields.check_names(&own);
    if stated && !form.has_next {
        let message = format!("a step of type `{name}` has no `next`");
        let hint = match form.name {
            "condition" => "it goes on at `then` or `else`",
            _ => "the procedure ends with it",
        };
        fields.fault(UNKNOWN_FIELD, "next", message, hint.to_owned());
    }
    let kind = (form.make)(&mut fields);
    let following = match place + 1 {
        next if next < steps.len() => Goto::Step(next),
        _ => Goto::End,
    };
    Some(Step {
        id: id?.to_owned(),
        kind: kind?,
        next: if stated { next? } else { following },
        is_next_stated: stated,
    })
}

/// Every code of reading with its remedy.
pub const CODES: &[(&str, &str)] = &[
    (
        UNREADABLE,
        "Write the procedure as JSON or YAML; the message says where reading stopped.",
    ),
    (
        MISSING,
        "Add what is missing; `provost procedures schema` prints what each step has.",
    ),
    (
        super::fields::UNKNOWN_FIELD,
        "Remove the field, or write it as the hint says.",
    ),
    (
        WRONG_VALUE,
        "Write a value of the kind that the message names.",
    ),
    (NO_TYPE, "Use one of the seven step types."),
    (
        BAD_ID,
        "Give each step an id of its own, of letters, digits, `-` and `_`.",
    ),
    (
        super::fields::NO_STEP,
        "Name a step by its `id`, or write `end`.",
    ),
    (
        super::fields::NO_TEMPLATE,
        "A placeholder is `{{variable}}` or `{{variable.member.0}}`.",
    ),
    (
        super::fields::NO_NAME,
        "A variable is named with letters, digits and `_`; a path goes into it with dots.",
    ),
    (BAD_SLUG, "A slug is made of `a` to `z`, digits and `-`."),
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::{
        action::Level,
        procedure::StepKind,
        procedure::forms::{Field, Shape},
    };

    fn faults_of(text: &str) -> String {
        let faults = Definition::parse(text).expect_err("it has faults").faults;
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        lines.join("\n")
    }

    const REFUND: &str = r#"
display_name: Refund Request Handler
trigger_description: When a customer asks for a refund
steps:
  - { id: hello, type: message, content: "I can help you with a refund." }
  - { id: ask, type: collect_input, variable: order_id, prompt: "What is your order number?" }
  - { id: look, type: api_call, url: "https://api.example.com/orders/{{order_id}}", response_variable: order_data }
  - { id: fork, type: condition, variable: order_data.refundable, operator: equals, value: true, then: open, else: sorry }
  - { id: open, type: internal_action, action: create_ticket, approval: require, params: { subject: "Refund: Order #{{order_id}}", priority: HIGH } }
  - { id: told, type: message, content: "Submitted (Ticket #{{ticketId}}).", next: end }
  - { id: sorry, type: escalate, reason: "Let me connect you with an agent." }
"#;

    #[test]
    fn a_definition_is_read_from_yaml_and_the_same_from_json() {
        let read = Definition::parse(REFUND).expect("valid");
        assert_eq!(read.slug, "refund-request-handler");
        let ways = |id: &str| read.ways(read.step(id).expect("there"));
        assert_eq!(ways("hello"), [Goto::Step(1)]);
        assert_eq!(ways("fork"), [Goto::Step(4), Goto::Step(6)]);
        assert_eq!(ways("told"), [Goto::End]);
        assert_eq!(ways("sorry"), []);
        match &read.step("open").expect("there").kind {
            StepKind::InternalAction(open) => assert_eq!(open.gate.level, Level::Require),
            other => panic!("{other:?}"),
        }
        let again = Definition::parse(&read.text.to_string()).expect("valid");
        assert_eq!(again, read);
    }

    #[test]
    fn everything_wrong_is_told_at_once_with_its_place_and_a_remedy() {
        let text = r#"{
            "display_name": "Ünïted — Refunds!", "slug": "Refunds 1", "triger_description": "x",
            "steps": [
                {"id": "a", "type": "mesage", "content": "x"},
                {"id": "a", "type": "message", "content": "{{oops"},
                {"id": "c", "type": "condition", "variable": "{{x.y}}", "operator": "equal", "value": 1, "then": "b", "else": "enb"},
                {"id": "d", "type": "collect_input", "variable": "e-mail", "prompt": "", "max_tries": 0},
                {"id": "e", "type": "api_call", "url": "/orders", "action": "x"},
                {"id": "f", "type": "api_call", "url": "https://{{host}}/x", "body": "{nope"},
                {"type": "set_variable", "name": "x"}, 7
            ]
        }"#;
        insta::assert_snapshot!(faults_of(text), @r#"
        /steps/1/id: `a` is the id of step 1 already [PV-PROC-006]; each step has an id of its own
        /triger_description: there is no field `triger_description` [PV-PROC-003]; did you mean `trigger_description`?
        /trigger_description: `trigger_description` is missing [PV-PROC-002]; it is when the procedure is to be started, in a sentence
        /slug: `Refunds 1` is no slug [PV-PROC-010]; write `refunds-1`
        /steps/0/type: there is no step of type `mesage` [PV-PROC-005]; did you mean `message`?
        /steps/1/content: `content` has `{{` without `}}` [PV-PROC-008]; a placeholder is `{{variable}}` or `{{variable.member.0}}`
        /steps/2/variable: `{{x.y}}` is no path into a variable [PV-PROC-009]; write `x.y`, without the braces
        /steps/2/operator: `operator` cannot be `equal` [PV-PROC-004]; did you mean `equals`?
        /steps/2/then: there is no step `b` [PV-PROC-007]; name a step by its `id`, or `end`
        /steps/2/else: there is no step `enb` [PV-PROC-007]; did you mean `end`?
        /steps/3/max_tries: `max_tries` is `0`, not a whole number from 1 to 20 [PV-PROC-004]; write a value of the kind that the message names
        /steps/3/variable: `e-mail` cannot be the name of a variable [PV-PROC-009]; use letters, digits and `_`
        /steps/3/prompt: `prompt` is empty [PV-PROC-002]; add what is missing; `provost procedures schema` prints what each step has
        /steps/4: `url` and `action` exclude each other [PV-PROC-002]; give the address as `url`, or an action of the catalogue as `action`
        /steps/5/body: `body` is not JSON [PV-PROC-004]; write it as an object, or as its text, such as {"order": "{{order_id}}"}
        /steps/5/url: `https://{{host}}/x` is not the address of a system [PV-PROC-004]; begin with `https://` and a host; values may stand in path and query only
        /steps/6/id: `id` is missing [PV-PROC-002]; it is what other steps call it
        /steps/6/value: `value` is missing [PV-PROC-002]; it is the value
        /steps/7: a step is an object [PV-PROC-004]; write a value of the kind that the message names
        "#);
    }

    #[test]
    fn words_of_yaml_stay_words() {
        let text = REFUND.replace("value: true", "value: yes");
        let read = Definition::parse(&text).expect("valid");
        assert_eq!(read.text["steps"][3]["value"], "yes");
    }

    #[test]
    fn a_text_that_cannot_be_read_says_where() {
        for (text, part) in [
            ("{\"display_name\": 1,}", "line 1"),
            ("display_name: [", "line"),
            (
                "display_name: a\ndisplay_name: b",
                "duplicate mapping key: display_name at line 2",
            ),
            ("- a", "object"),
        ] {
            let faults = faults_of(text);
            assert!(
                faults.contains(part) && faults.contains(UNREADABLE),
                "{faults}"
            );
        }
    }

    /// Gives a value that a field of that shape takes.
    fn example(shape: Shape) -> Value {
        match shape {
            Shape::Choice(names) => names()[0].into(),
            Shape::Count(from, _) => from.into(),
            Shape::Object => json!({"a": "{{b}}"}),
            Shape::Objects => json!([{}]),
            Shape::Path => "order.eligible".into(),
            Shape::Step => "end".into(),
            Shape::Text | Shape::Template | Shape::Value => "text".into(),
            Shape::Texts => json!(["agent"]),
            Shape::Url => "https://api.example.com/{{a}}".into(),
            Shape::Variable => "answer".into(),
        }
    }

    fn filled(fields: &[Field], is_all: bool) -> Map<String, Value> {
        let wanted = fields.iter().filter(|field| is_all || field.is_required);
        wanted
            .map(|field| (field.name.to_owned(), example(field.shape)))
            .collect()
    }

    #[test]
    fn each_step_is_read_with_what_its_form_says_and_misses_what_it_must_have() {
        for form in FORMS {
            for is_all in [true, false] {
                let mut step = filled(form.fields, is_all);
                step.extend([
                    ("id".to_owned(), "s".into()),
                    ("type".to_owned(), form.name.into()),
                ]);
                if form.name == "api_call" {
                    step.insert("url".to_owned(), "https://example.com/{{a}}".into());
                    for name in ["action", "params"] {
                        step.remove(name);
                    }
                    if is_all {
                        step.insert("method".to_owned(), "POST".into());
                        step.insert("body".to_owned(), json!({"a": "{{b}}"}));
                    }
                }
                if form.name == "condition" {
                    step.insert("value".to_owned(), 1.into());
                }
                let whole = |step: &Map<String, Value>| {
                    let text =
                        json!({"display_name": "x", "trigger_description": "y", "steps": [step]});
                    Definition::read(text)
                };
                let read = whole(&step).expect(form.name);
                let kind = &read.steps[0].kind;
                assert_eq!((kind.name(), kind.has_next()), (form.name, form.has_next));
                for field in form.fields.iter().filter(|field| field.is_required) {
                    let mut less = step.clone();
                    less.remove(field.name);
                    let faults = whole(&less).expect_err(field.name).faults;
                    let place = format!("/steps/0/{}", field.name);
                    assert_eq!((faults[0].code, &faults[0].pointer), (MISSING, &place));
                }
            }
        }
    }

    #[test]
    fn a_slug_is_made_of_any_name() {
        assert_eq!(slug_of("Refund Request Handler"), "refund-request-handler");
        assert_eq!(
            slug_of("  Rückgabe & Umtausch (neu)  "),
            "ruckgabe-umtausch-neu"
        );
        assert_eq!(slug_of("退款"), "");
    }
}
