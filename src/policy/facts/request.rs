//! The request for an action as rules see it, and what gates look at natively.
//!
//! Where a request is at hand it counts; before there is one, the event that asks
//! for the action says the same.

use std::sync::Arc;

use rhai::Dynamic;
use serde_json::{Map, Value};

use super::{ACTOR, DECIMAL, Read, TEXT, TIME, at, field, text, texts};
use crate::{
    domain::{facts::Facts, history::Whose, request::Request},
    policy::{
        shape::{Base, Holds, Shape, View},
        value::Free,
    },
};

pub(super) static REQUEST: Shape = Shape {
    name: "the request",
    fields: &[
        field("action", TEXT, "the action's name", |v| {
            with_request(v, |r| text(&r.action))
        }),
        field(
            "actor",
            Holds::Shape(&ACTOR),
            "who asks, with the roles that count",
            |v| Ok(request(v).map_or(Dynamic::UNIT, |_| v.of(&ACTOR, Base::Requester))),
        ),
        field(
            "amount",
            DECIMAL,
            "how much it is about, where the action says so",
            |v| with_request(v, |r| r.amount.map_or(Dynamic::UNIT, Dynamic::from_decimal)),
        ),
        field("params", Holds::Free, "what it was asked with", |v| {
            Ok(request(v).map_or(Dynamic::UNIT, |r| Dynamic::from(Free::params(r))))
        }),
        field("request_id", TEXT, "its id", |v| {
            with_request(v, |r| text(&r.request_id))
        }),
        field("requested_at", TIME, "when it was taken in", |v| {
            with_request(v, |r| Dynamic::from(r.requested_at))
        }),
        field("state", TEXT, "where it stands, such as `requested`", |v| {
            with_request(v, |r| text(r.state.as_str()))
        }),
    ],
};

fn request(view: &View) -> Option<&Arc<Request>> {
    view.facts.state.request.as_ref()
}

#[expect(clippy::unnecessary_wraps, reason = "what every field answers")]
fn with_request(view: &View, read: impl FnOnce(&Request) -> Dynamic) -> Read {
    Ok(request(view).map_or(Dynamic::UNIT, |request| read(request)))
}

/// Reads the request, should there be one.
#[expect(clippy::unnecessary_wraps, reason = "what every field answers")]
pub(super) fn of_event(view: &View) -> Read {
    Ok(request(view).map_or(Dynamic::UNIT, |_| view.of(&REQUEST, Base::Event)))
}

/// Reads the name of the action that the event is about.
pub(super) fn action_of_event(view: &View) -> Read {
    match request(view) {
        Some(request) => Ok(text(&request.action)),
        None => at(view, &["action"]),
    }
}

/// Reads the parameters with which an action is asked for.
#[expect(clippy::unnecessary_wraps, reason = "what every field answers")]
pub(super) fn params_of_event(view: &View) -> Read {
    let facts = &view.facts;
    Ok(match (&facts.state.request, params(facts)) {
        (Some(request), _) => Dynamic::from(Free::params(request)),
        (None, Some(_)) => Dynamic::from(Free::data_at(&facts.event, "params")),
        (None, None) => Dynamic::UNIT,
    })
}

/// Reads a field of whoever asked.
#[expect(clippy::unnecessary_wraps, reason = "what every field answers")]
pub(super) fn requester(view: &View, key: &str) -> Read {
    Ok(request(view).map_or(Dynamic::UNIT, |request| match key {
        "id" => text(&request.actor.id),
        "kind" => text(request.actor.kind.as_str()),
        _ => texts(&request.actor.roles),
    }))
}

/// Gives the name of the action that the event is about.
pub(in crate::policy) fn action(facts: &Facts) -> Option<&str> {
    match &facts.state.request {
        Some(request) => Some(&request.action),
        None => facts.event.data.get("action")?.as_str(),
    }
}

/// Gives the parameters with which an action is asked for.
fn params(facts: &Facts) -> Option<&Map<String, Value>> {
    match &facts.state.request {
        Some(request) => Some(&request.params),
        None => facts.event.data.get("params")?.as_object(),
    }
}

/// Gives the roles with which whoever asked acts.
pub(in crate::policy) fn roles(facts: &Facts) -> Vec<&str> {
    if let Some(request) = &facts.state.request {
        return request.actor.roles.iter().map(String::as_str).collect();
    }
    let actor = facts.event.data.get("actor");
    let roles = actor.and_then(|actor| actor.get("roles")?.as_array());
    let roles = roles.into_iter().flatten();
    roles.filter_map(Value::as_str).collect()
}

/// Tells whether whoever asked acts with a role.
pub(in crate::policy) fn acts_as(facts: &Facts, role: &str) -> bool {
    roles(facts).contains(&role)
}

/// Gives who is concerned; before there is a request, as far as the event and the conversation say.
pub(in crate::policy) fn whose(facts: &Facts) -> Whose {
    let members = super::customer_members(facts);
    let customer = members.and_then(|customer| match customer.get("id")? {
        Value::String(id) => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    });
    match &facts.state.request {
        Some(request) => {
            let whose = Whose::of(request);
            Whose {
                customer: whose.customer.or(customer),
                ..whose
            }
        }
        None => Whose {
            actor: actor_label(facts),
            conversation: facts
                .state
                .conversation
                .as_ref()
                .map(|_| facts.event.subject.to_string()),
            customer,
        },
    }
}

fn actor_label(facts: &Facts) -> Option<String> {
    let data = &facts.event.data;
    let author = || data.get("message")?.get("author");
    let actor = data.get("actor").or_else(author)?;
    let (kind, id) = (actor.get("kind")?.as_str()?, actor.get("id")?.as_str()?);
    Some(format!("{kind}:{id}"))
}

/// Gives a parameter by its name, or by the names on the way to it with dots between.
pub(in crate::policy) fn param<'f>(facts: &'f Facts, path: &str) -> Option<&'f Value> {
    let params = params(facts)?;
    if let Some(value) = params.get(path) {
        return Some(value);
    }
    let mut names = path.split('.');
    let first = params.get(names.next()?)?;
    names.try_fold(first, |value, name| value.get(name))
}
