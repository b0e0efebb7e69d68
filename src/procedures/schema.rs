//! The form of definitions as JSON Schema (draft 2020-12), made of what reading goes by.

use serde_json::{Map, Value, json};

use crate::domain::procedure::forms::{DEFINITION, FORMS, Field, STEP, Shape, StepForm};

/// Gives the schema.
pub fn schema() -> Value {
    let mut properties = properties(DEFINITION);
    let steps: Vec<Value> = FORMS.iter().map(step).collect();
    properties.insert(
        "steps".to_owned(),
        json!({
            "description": "What happens, in order; the first one begins.",
            "type": "array", "minItems": 1, "items": {"oneOf": steps},
        }),
    );
    let mut required = required(DEFINITION);
    required.push("steps");
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Procedure",
        "description": "A multi-step workflow inside a conversation.",
        "type": "object", "properties": properties, "required": required,
        "additionalProperties": false,
    })
}

fn step(form: &StepForm) -> Value {
    let mut members = properties(STEP);
    if !form.has_next {
        members.remove("next");
    }
    members.insert("type".to_owned(), json!({"const": form.name}));
    members.extend(properties(form.fields));
    let mut required = required(STEP);
    required.extend(self::required(form.fields));
    let mut step = json!({
        "title": form.name, "description": form.about,
        "type": "object", "properties": members, "required": required,
        "additionalProperties": false,
    });
    if form.name == "api_call" {
        step["oneOf"] = json!([{"required": ["url"]}, {"required": ["action"]}]);
    }
    step
}

fn properties(fields: &[Field]) -> Map<String, Value> {
    let fields = fields.iter();
    fields
        .map(|field| (field.name.to_owned(), property(field)))
        .collect()
}

fn required(fields: &[Field]) -> Vec<&'static str> {
    let fields = fields.iter().filter(|field| field.is_required);
    fields.map(|field| field.name).collect()
}

fn property(field: &Field) -> Value {
    let mut property = match field.shape {
        Shape::Choice(names) => json!({"enum": names()}),
        Shape::Count(from, to) => json!({"type": "integer", "minimum": from, "maximum": to}),
        Shape::Object => json!({"type": "object"}),
        Shape::Objects => json!({"type": "array", "items": {"type": "object"}}),
        Shape::Texts => json!({"type": "array", "items": {"type": "string"}}),
        Shape::Value => json!({}),
        Shape::Variable => json!({"type": "string", "pattern": "^[\\p{L}\\p{N}_]+$"}),
        Shape::Path | Shape::Step | Shape::Template | Shape::Text | Shape::Url => {
            json!({"type": "string", "minLength": 1})
        }
    };
    let mut about = field.about.to_owned();
    if let Some(first) = about.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    property["description"] = json!(format!("{about}."));
    property
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{procedure::Definition, schema::Schema};

    #[test]
    fn the_schema_takes_what_reading_takes_and_refuses_what_it_refuses() {
        let schema = Schema::new(schema()).expect("a schema");
        let with =
            |step: Value| json!({"display_name": "x", "trigger_description": "y", "steps": [step]});
        for (step, is_right) in [
            (json!({"id": "a", "type": "message", "content": "x"}), true),
            (
                json!({"id": "a", "type": "message", "content": "x", "position": {"x": 1}, "name": "A"}),
                true,
            ),
            (json!({"id": "a", "type": "message"}), false),
            (json!({"id": "a", "type": "massage", "content": "x"}), false),
            (
                json!({"id": "a", "type": "message", "content": "x", "colour": 1}),
                false,
            ),
            (
                json!({"id": "a", "type": "api_call", "url": "https://x.example/", "approval": "require"}),
                true,
            ),
            (
                json!({"id": "a", "type": "api_call", "action": "a", "params": {}}),
                true,
            ),
            (json!({"id": "a", "type": "api_call"}), false),
            (
                json!({"id": "a", "type": "api_call", "action": "a", "url": "https://x.example/"}),
                false,
            ),
            (
                json!({"id": "a", "type": "condition", "variable": "x.y", "operator": "exists", "then": "end", "else": "a"}),
                true,
            ),
            (
                json!({"id": "a", "type": "condition", "variable": "x", "operator": "is", "then": "end", "else": "a"}),
                false,
            ),
            (
                json!({"id": "a", "type": "collect_input", "variable": "x", "prompt": "?", "max_tries": 99}),
                false,
            ),
            (
                json!({"id": "a", "type": "escalate", "reason": "x", "next": "a"}),
                false,
            ),
        ] {
            let whole = with(step);
            assert_eq!(schema.faults(&whole).is_empty(), is_right, "{whole}");
            assert_eq!(Definition::read(whole.clone()).is_ok(), is_right, "{whole}");
        }
    }
}
