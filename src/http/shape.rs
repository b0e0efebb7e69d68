//! Shapes: the short notation in which this API's JSON is described.
//!
//! `{ticket_id: text, status?: ticket_status, tags: [text], as: "merged"|"spam"}`
//! becomes a JSON Schema; `?` marks what may be absent. Objects stay open:
//! further members are allowed everywhere. Used by the tables of
//! [`super::routes`] and [`super::messages`]; a test parses every entry.

use serde_json::{Map, Value, json};

/// The named shapes, as they stand under `components/schemas`, sorted.
const NAMED: &[(&str, &str)] = &[
    (
        "action",
        r#"{name: text, description: text, trigger: text, examples: [text], phase: "before"|"during"|"after"|"any", performer: object, params: object, allow: [text], approval: "auto"|"notify"|"require", approvers?: [text], required?: integer, confirmation?: text, irreversible: boolean, reversible: boolean, timeout: text}"#,
    ),
    (
        "actor",
        r#"{kind: "customer"|"ai"|"agent"|"system", id: text, roles?: [text]}"#,
    ),
    (
        "anomaly",
        r#"{anomaly: text, measure: "approval_rate"|"count"|"off_hours"|"repeat"|"sum", value: number, expected: number, score?: number, key: text, at: time, action: text, request_id: text}"#,
    ),
    (
        "approval",
        r#"{approval_id: text, request_id: text, subject: text, action: text, summary: text, context: object, digest: text, requester: text, stages: [object], stage: integer, approvers?: [text], required?: integer, rejections: integer, state: "pending"|"approved"|"rejected"|"expired"|"cancelled"|"superseded"|"consumed", votes: [object], requested_at: time, expires_at: time, remind_at?: time}"#,
    ),
    ("closed_as", r#""merged"|"spam"|"deleted""#),
    (
        "comment",
        "{comment_id: text, ticket_id: text, number: integer, conversation_id: text, at: time, by: actor, internal: boolean, body: text}",
    ),
    (
        "channel",
        r#"{name: text, kind: "slack"|"teams"|"mattermost"|"discord"|"webhook"|"email"|"amqp", state: "ok"|"failing", pending: integer, failing_since?: time, blocked_until?: time, error?: text, sent_at?: time}"#,
    ),
    (
        "clock",
        r#"{ticket_id?: text, approval_id?: text, request_id?: text, metric: "first_response"|"next_response"|"resolution"|"own"|"approval"|"unknown", cycle: integer, policy: text, policy_version: text, calendar: text, state: "running"|"paused"|"stopped"|"cancelled", started_at: time, due_at: time, elapsed_ms: integer, target_ms: integer, percent: integer, breached_at?: time, overdue_ms?: integer, ended_at?: time, conversation_id?: text, number?: integer, subject?: text, status?: ticket_status, priority?: priority, team?: text, assignee?: text}"#,
    ),
    (
        "customer",
        "{id: text, name?: text, email?: text, phone?: text, segment?: text, tier?: text, locale?: text}",
    ),
    (
        "procedure",
        r#"{slug: text, stage: "draft"|"active"|"archived", version: integer, display_name: text, trigger_description: text, source: text, changed_at: time, changed_by: text, draft_differs: boolean, stopped?: text, definition?: any, draft?: any, versions?: [object]}"#,
    ),
    (
        "procedure_version",
        r#"{slug: text, version: integer, stage: "draft"|"active"|"archived", source: text, definition?: object, changed_at: time, changed_by: text, stopped?: text, faults?: [object]}"#,
    ),
    (
        "run",
        r#"{run_id: text, procedure: text, version: integer, conversation_id: text, actor: actor, state: "awaiting_action"|"awaiting_input"|"cancelled"|"completed"|"escalated"|"failed", step: text, variables: object, wait: integer, tries: integer, steps_done: integer, request_id?: text, early?: text, started_at: time, updated_at: time, ends_at: time, reason?: text, trail: [{step: text, at: time, did: text}]}"#,
    ),
    (
        "delegation",
        "{delegation_id: text, from: text, from_roles: [text], to: text, scope: {actions?: [text], channels?: [text], segments?: [text], amount?: number}, starts_at: time, ends_at: time, reason?: text, created_at: time, revoked_at?: time}",
    ),
    (
        "delivery",
        "{delivery_id: text, notice_id: text, channel: text, kind: text, about: text, title: text, text: text, facts?: [any], link?: text, at: time, state: delivery_state, attempts: integer, perhaps_posted: boolean, not_before: time, updated_at: time, part_of?: text, error?: text}",
    ),
    (
        "delivery_state",
        r#""pending"|"posting"|"joined"|"sent"|"failed"|"unknown""#,
    ),
    (
        "event",
        r#"{specversion: "1.0", id: text, source: text, type: text, subject: text, time?: time, traceparent?: text, tracestate?: text, data?: object}"#,
    ),
    (
        "escalation",
        "{escalation_id: text, conversation_id: text, trigger: text, rule?: text, reason: text, priority: priority, team?: text, ticket_id?: text, state: \"raised\"|\"acknowledged\"|\"settled\", raised_at: time, acknowledged_by?: text, settled_by?: text, updated_at: time}",
    ),
    (
        "lead",
        "{lead_id: text, conversation_id: text, email: text, name?: text, phone?: text, company?: text, message?: text, created_at: time}",
    ),
    ("phone", "{id: text, from: text, to: text, direction: text}"),
    ("priority", r#""low"|"medium"|"high"|"urgent""#),
    (
        "problem",
        "{type: text, title: text, status: integer, detail: text, code: text, reason?: text, field?: text, event?: {index?: integer, id?: text}, errors?: [object]}",
    ),
    (
        "request",
        "{request_id: text, subject: text, action: text, params: object, actor: actor, customer_id?: text, state: text, requested_at: time, updated_at: time, checks?: [object], flagged_by?: [text], reserved?: [object], approval_id?: text, attempts: integer, output?: any, code?: text, reason?: text, reverses?: text, reversals?: [object], step?: object}",
    ),
    (
        "result",
        r#"{specversion: "1.0", id: text, source: text, type: text, subject: text, time: time, sequence: text, causationid?: text, traceparent?: text, data: object}"#,
    ),
    (
        "ticket",
        "{ticket_id: text, number: integer, conversation_id: text, subject: text, description?: text, status: ticket_status, priority: priority, category?: text, team?: text, assignee?: text, tags: [text], link: text, created_at: time, created_by?: text, updated_at: time, resolved_at?: time, reopened?: integer, closed_as?: closed_as, merged_into?: text, context?: object, comments?: integer, sla?: [clock], merged_from?: [{ticket_id: text, number: integer}]}",
    ),
    (
        "ticket_status",
        r#""open"|"in_progress"|"waiting"|"resolved"|"closed""#,
    ),
];

/// Gives `components/schemas`: every named shape.
pub(super) fn components() -> Map<String, Value> {
    NAMED
        .iter()
        .map(|(name, shape)| ((*name).to_owned(), schema(shape)))
        .collect()
}

/// Gives the JSON Schema of a shape.
///
/// *Errors*: none at run time; a shape that does not parse is a defect of a const table, which a test finds.
pub(super) fn schema(shape: &str) -> Value {
    parse(shape).unwrap_or_else(|fault| json!({ "description": fault }))
}

/// Reads a shape; the error names what stands where it should not.
pub(super) fn parse(shape: &str) -> Result<Value, String> {
    let mut reader = Reader { text: shape, at: 0 };
    let value = reader.alternatives()?;
    reader.skip();
    if reader.rest().is_empty() {
        Ok(value)
    } else {
        Err(reader.fault("the end"))
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn takes(&mut self, sign: char) -> bool {
        self.skip();
        let taken = self.rest().starts_with(sign);
        if taken {
            self.at += sign.len_utf8();
        }
        taken
    }

    fn fault(&self, wanted: &str) -> String {
        format!("`{}`: {wanted} expected at byte {}", self.text, self.at)
    }

    fn word(&mut self) -> Result<&'a str, String> {
        self.skip();
        let rest = self.rest();
        let length = rest
            .find(|sign: char| !(sign.is_ascii_alphanumeric() || sign == '_'))
            .unwrap_or(rest.len());
        if length == 0 {
            return Err(self.fault("a word"));
        }
        self.at += length;
        Ok(&rest[..length])
    }

    fn quoted(&mut self) -> Result<&'a str, String> {
        let rest = self.rest();
        let length = rest
            .find('"')
            .ok_or_else(|| self.fault("a closing quote"))?;
        self.at += length + 1;
        Ok(&rest[..length])
    }

    fn alternatives(&mut self) -> Result<Value, String> {
        self.skip();
        if !self.rest().starts_with('"') {
            return self.single();
        }
        let mut words = Vec::new();
        loop {
            if !self.takes('"') {
                return Err(self.fault("a quoted word"));
            }
            words.push(self.quoted()?);
            if !self.takes('|') {
                return Ok(json!({ "type": "string", "enum": words }));
            }
        }
    }

    fn single(&mut self) -> Result<Value, String> {
        if self.takes('[') {
            let items = self.alternatives()?;
            return if self.takes(']') {
                Ok(json!({ "type": "array", "items": items }))
            } else {
                Err(self.fault("`]`"))
            };
        }
        if self.takes('{') {
            return self.members();
        }
        Ok(match self.word()? {
            "any" => json!({}),
            "boolean" => json!({ "type": "boolean" }),
            "integer" => json!({ "type": "integer" }),
            "number" => json!({ "type": "number" }),
            "object" => json!({ "type": "object" }),
            "sentiment" => json!({ "type": "number", "minimum": -1, "maximum": 1 }),
            "text" => json!({ "type": "string" }),
            "text_or_null" => json!({ "type": ["string", "null"] }),
            "time" => json!({ "type": "string", "format": "date-time" }),
            name if NAMED.iter().any(|(known, _)| *known == name) => {
                json!({ "$ref": format!("#/components/schemas/{name}") })
            }
            _ => return Err(self.fault("a known shape before this byte")),
        })
    }

    fn members(&mut self) -> Result<Value, String> {
        let mut properties = Map::new();
        let mut required = Vec::new();
        while !self.takes('}') {
            let name = self.word()?;
            if !self.takes('?') {
                required.push(name);
            }
            if !self.takes(':') {
                return Err(self.fault("`:`"));
            }
            properties.insert(name.to_owned(), self.alternatives()?);
            self.skip();
            if !self.takes(',') && !self.rest().starts_with('}') {
                return Err(self.fault("`,` or `}`"));
            }
        }
        let mut schema = json!({ "type": "object", "properties": properties });
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        Ok(schema)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_becomes_a_schema() {
        assert_eq!(
            parse(r#"{id: text, tags?: [text], as: "merged"|"spam", who: actor}"#),
            Ok(json!({
                "type": "object",
                "properties": {
                    "id": {"type": "string"},
                    "tags": {"type": "array", "items": {"type": "string"}},
                    "as": {"type": "string", "enum": ["merged", "spam"]},
                    "who": {"$ref": "#/components/schemas/actor"},
                },
                "required": ["id", "as", "who"],
            }))
        );
    }

    #[test]
    fn every_named_shape_parses_and_a_wrong_one_is_told() {
        for (name, shape) in NAMED {
            assert!(parse(shape).is_ok(), "{name}: {:?}", parse(shape));
        }
        for bad in ["{id text}", "{id: texd}", "[text", "\"a", "text text", ""] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
