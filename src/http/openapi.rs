//! `GET /openapi.json`: the whole API as OpenAPI 3.1, made from the route registry.
//!
//! What is not built yet is listed too, with `x-planned: true` and its 501.

use axum::Json;
use serde_json::{Map, Value, json};

use super::{
    binding,
    routes::{Access, Method, ROUTES, Route},
    shape,
};
use crate::domain::access::any_of;

/// Serves the document.
pub(super) async fn serve() -> Json<Value> {
    Json(document())
}

/// Gives the document.
pub fn document() -> Value {
    let mut paths = Map::new();
    for route in ROUTES {
        let path = paths
            .entry(route.path)
            .or_insert_with(|| Value::Object(Map::new()));
        path[route.method.as_str()] = operation(route);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Provost",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Events in, rules decide, results out.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": shape::components(),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Made by `provost token create`.",
                },
                "signature": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "X-Chatwoot-Signature",
                    "description": "sha256= and the HMAC-SHA256 of timestamp and body; X-Hub-Signature-256, X-Signature-256 and X-Signature over the body alone are read too.",
                },
            },
        },
    })
}

fn operation(route: &Route) -> Value {
    let mut operation = json!({
        "operationId": operation_id(route),
        "summary": route.summary,
        "tags": [tag(route)],
        "responses": responses(route),
        "security": security(route.access),
    });
    let parameters = parameters(route);
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(shape) = route.takes {
        operation["requestBody"] = json!({ "required": true, "content": content(route, shape) });
    }
    if let Access::Verbs(verbs) = route.access {
        let needed = any_of(verbs);
        operation["description"] = format!("The token needs the verb {needed}.").into();
    }
    if route.is_planned() {
        operation["x-planned"] = true.into();
    }
    operation
}

fn operation_id(route: &Route) -> String {
    let mut id = route.method.as_str().to_owned();
    for part in route
        .path
        .split(['/', '.'])
        .filter(|part| !part.is_empty() && *part != "v1")
    {
        id.push('_');
        id.push_str(part.trim_matches(['{', '}']));
    }
    id
}

fn tag(route: &Route) -> &'static str {
    let path = route.path;
    match path.strip_prefix("/v1/") {
        Some(rest) => rest.split('/').next().unwrap_or(rest),
        None => "operations",
    }
}

fn security(access: Access) -> Value {
    match access {
        Access::Open => json!([]),
        Access::Signature => json!([{ "token": [] }, { "signature": [] }]),
        Access::Verbs(_) => json!([{ "token": [] }]),
    }
}

fn parameters(route: &Route) -> Vec<Value> {
    let in_path = route.path_parameters().map(|name| {
        json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } })
    });
    let in_query = route.query.iter().map(|parameter| {
        json!({
            "name": parameter.name,
            "in": "query",
            "description": parameter.summary,
            "schema": shape::schema(parameter.shape),
        })
    });
    in_path.chain(in_query).collect()
}

fn content(route: &Route, shape: &str) -> Value {
    let schema = shape::schema(shape);
    if route.path == "/v1/events" {
        return json!({
            binding::STRUCTURED: { "schema": schema },
            binding::BATCHED: { "schema": { "type": "array", "items": schema } },
            "application/json": { "schema": { "type": "object" } },
        });
    }
    json!({ "application/json": { "schema": schema } })
}

fn responses(route: &Route) -> Value {
    let problem = json!({
        "description": "A problem document",
        "content": { "application/problem+json": { "schema": shape::schema("problem") } },
    });
    if route.is_planned() {
        return json!({ "501": problem, "default": problem });
    }
    let (status, shape) = route.answers;
    let schema = shape::schema(shape);
    let content = match route.path {
        "/metrics" => json!({ "text/plain": { "schema": schema } }),
        "/v1/results" => json!({
            "application/json": { "schema": schema },
            "text/event-stream": { "schema": { "type": "string" } },
        }),
        _ => json!({ "application/json": { "schema": schema } }),
    };
    let mut responses = json!({ "default": problem });
    responses[status.to_string()] = json!({ "description": route.summary, "content": content });
    if route.method != Method::Get && route.access != Access::Open {
        responses["503"] = json!({
            "description": "Not taking anything in right now; `Retry-After` says when to try again",
            "content": problem["content"],
        });
    }
    responses
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(target)) = members.get("$ref") {
                    found.push(target.clone());
                }
                members.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn every_operation_has_its_own_id_and_every_reference_a_target() {
        let document = document();
        let mut ids = HashSet::new();
        for path in document["paths"].as_object().expect("paths").values() {
            for operation in path.as_object().expect("operations").values() {
                let id = operation["operationId"].as_str().expect("an id");
                assert!(ids.insert(id.to_owned()), "{id} stands twice");
                assert!(operation["responses"]["default"].is_object());
            }
        }
        assert_eq!(ids.len(), ROUTES.len());
        let mut found = Vec::new();
        references(&document, &mut found);
        for target in found {
            let pointer = target.strip_prefix('#').expect("local");
            assert!(document.pointer(pointer).is_some(), "{target}");
        }
    }

    #[test]
    fn what_is_planned_is_marked() {
        let document = document();
        assert_eq!(
            document["paths"]["/v1/policy/shadow"]["get"]["x-planned"],
            true
        );
        assert!(
            document["paths"]["/v1/tickets"]["get"]
                .get("x-planned")
                .is_none()
        );
        let parameters =
            &document["paths"]["/v1/procedures/{slug}/versions/{n}"]["get"]["parameters"];
        assert_eq!(parameters.as_array().map(Vec::len), Some(2));
    }
}
