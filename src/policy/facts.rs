//! The facts as rules see them: every fixed shape with its fields.
//!
//! The event is joined to the state that it met. Optional fields that are absent
//! read as `()`, and so does every field of `()`. Nothing is copied before it is
//! read. New fields are added here, one line each, by name.

mod history;
mod request;

use std::sync::Arc;

use rhai::{Dynamic, Engine, ImmutableString};
use serde_json::{Map, Value};

use super::{
    condition::Declared,
    shape::{self, Base, Field, Holds, Shape, View},
    value::{self, Free, Raised},
};
use crate::domain::{
    conversation::Conversation, decimal, effect::TicketDraft, facts::Facts, ticket::Ticket,
};

/// Every shape, by name.
pub(super) const SHAPES: &[&Shape] = &[
    &ACTOR,
    &CONVERSATION,
    &DRAFT,
    &EVENT,
    &MESSAGE,
    &PHONE,
    &REQUEST,
    &TICKET,
];

use self::request::REQUEST;
pub(in crate::policy) use self::request::{action, acts_as, param, roles, whose};

type Read = Result<Dynamic, Raised>;

const TEXT: Holds = Holds::Plain("text");
const TEXTS: Holds = Holds::Plain("array of texts");
const INTEGER: Holds = Holds::Plain("integer");
const DECIMAL: Holds = Holds::Plain("decimal");
const FLAG: Holds = Holds::Plain("bool");
const TIME: Holds = Holds::Plain("time");

const fn field(
    name: &'static str,
    holds: Holds,
    doc: &'static str,
    read: fn(&View) -> Read,
) -> Field {
    Field {
        name,
        holds,
        doc,
        read,
    }
}

/// The event: what a closure gets.
pub(super) static EVENT: Shape = Shape {
    name: "the event",
    fields: &[
        field(
            "action",
            TEXT,
            "the action that is asked for",
            request::action_of_event,
        ),
        field("actor", Holds::Shape(&ACTOR), "who did it", |v| {
            Ok(has(v, "actor").map_or(Dynamic::UNIT, |()| v.of(&ACTOR, Base::Actor)))
        }),
        field(
            "conversation",
            Holds::Shape(&CONVERSATION),
            "the conversation's state",
            |v| Ok(conversation(v).map_or(Dynamic::UNIT, |_| v.of(&CONVERSATION, Base::Event))),
        ),
        field(
            "customer",
            Holds::Free,
            "the customer: `id`, `segment`, and whatever the platform sent",
            |v| Ok(customer(&v.facts).map_or(Dynamic::UNIT, Dynamic::from)),
        ),
        field("data", Holds::Free, "the event's own content", |v| {
            Ok(Dynamic::from(Free::data(&v.facts.event)))
        }),
        field(
            "draft",
            Holds::Shape(&DRAFT),
            "the ticket about to be opened (`route` rules)",
            |v| Ok(draft(v).map_or(Dynamic::UNIT, |_| v.of(&DRAFT, Base::Event))),
        ),
        field(
            "history",
            Holds::Past,
            "the histories that the rule declares: `e.history.NAME.count`, `.sum(\"amount\")`",
            history::of_event,
        ),
        field("id", TEXT, "the event's id", |v| {
            Ok(text(&v.facts.event.id))
        }),
        field(
            "message",
            Holds::Shape(&MESSAGE),
            "the message (`conversation.message`)",
            |v| Ok(has(v, "message").map_or(Dynamic::UNIT, |()| v.of(&MESSAGE, Base::Event))),
        ),
        field("now", TIME, "when the event is decided", |v| {
            Ok(Dynamic::from(v.facts.state.now))
        }),
        field(
            "params",
            Holds::Free,
            "the parameters with which an action is asked for",
            request::params_of_event,
        ),
        field("phone", Holds::Shape(&PHONE), "the call (`call.*`)", |v| {
            Ok(has(v, "phone").map_or(Dynamic::UNIT, |()| v.of(&PHONE, Base::Event)))
        }),
        field("reason", TEXT, "why, where the event says", |v| {
            at(v, &["reason"])
        }),
        field(
            "request",
            Holds::Shape(&REQUEST),
            "the request for an action that the event concerns",
            request::of_event,
        ),
        field("source", TEXT, "who states the event", |v| {
            Ok(text(&v.facts.event.source))
        }),
        field(
            "subject",
            TEXT,
            "what it is about: the conversation's id",
            |v| Ok(text(v.facts.event.subject.as_str())),
        ),
        field(
            "ticket",
            Holds::Shape(&TICKET),
            "the ticket that the event concerns",
            |v| Ok(ticket(v).map_or(Dynamic::UNIT, |_| v.of(&TICKET, Base::Event))),
        ),
        field("time", TIME, "when the event happened", |v| {
            Ok(Dynamic::from(v.facts.state.time))
        }),
        field(
            "trigger",
            TEXT,
            "what asks for a person (`escalation.requested`)",
            |v| at(v, &["trigger"]),
        ),
        field("type", TEXT, "the event's type", |v| {
            Ok(text(&v.facts.event.kind))
        }),
    ],
};

static MESSAGE: Shape = Shape {
    name: "the message",
    fields: &[
        field("author", Holds::Shape(&ACTOR), "who wrote it", |v| {
            Ok(v.of(&ACTOR, Base::Author))
        }),
        field("id", TEXT, "its id", |v| at(v, &["message", "id"])),
        field("intent", TEXT, "what the platform took it to want", |v| {
            at(v, &["message", "intent"])
        }),
        field("language", TEXT, "its language", |v| {
            at(v, &["message", "language"])
        }),
        field("sentiment", DECIMAL, "its sentiment, -1 to 1", |v| {
            Ok(sentiment(&v.facts).map_or(Dynamic::UNIT, Dynamic::from_decimal))
        }),
        field("text", TEXT, "what it says", |v| {
            at(v, &["message", "text"])
        }),
    ],
};

static ACTOR: Shape = Shape {
    name: "the actor",
    fields: &[
        field("id", TEXT, "the id within its kind", |v| actor(v, "id")),
        field("kind", TEXT, "`customer`, `ai`, `agent` or `system`", |v| {
            actor(v, "kind")
        }),
        field("roles", TEXTS, "the roles it acts with", |v| {
            let roles = actor(v, "roles")?;
            Ok(if roles.is_unit() {
                Dynamic::from_array(Vec::new())
            } else {
                roles
            })
        }),
    ],
};

static PHONE: Shape = Shape {
    name: "the call",
    fields: &[
        field("direction", TEXT, "`inbound` or `outbound`", |v| {
            at(v, &["phone", "direction"])
        }),
        field("from", TEXT, "the calling number", |v| {
            at(v, &["phone", "from"])
        }),
        field("id", TEXT, "its id", |v| at(v, &["phone", "id"])),
        field("to", TEXT, "the called number", |v| at(v, &["phone", "to"])),
    ],
};

static CONVERSATION: Shape = Shape {
    name: "the conversation",
    fields: &[
        field(
            "analysis",
            Holds::Free,
            "what the platform's AI made of it",
            |v| with(v, |c| Dynamic::from(Free::members(&c.analysis))),
        ),
        field("attributes", Holds::Free, "free values kept with it", |v| {
            with(v, |c| Dynamic::from(Free::members(&c.attributes)))
        }),
        field("channel", TEXT, "`web`, `whatsapp`, …", |v| {
            with(v, |c| filled(&c.channel))
        }),
        field("customer", Holds::Free, "the customer", |v| {
            with(v, |c| Dynamic::from(Free::members(&c.customer)))
        }),
        field(
            "escalated",
            FLAG,
            "whether an escalation is not settled",
            |v| with(v, |c| c.is_escalated().into()),
        ),
        field("id", TEXT, "its id", |v| {
            Ok(text(v.facts.event.subject.as_str()))
        }),
        field("last_sentiment", DECIMAL, "the newest sentiment", |v| {
            with(v, |c| {
                c.sentiment
                    .last
                    .map_or(Dynamic::UNIT, Dynamic::from_decimal)
            })
        }),
        field("messages", INTEGER, "how many messages there were", |v| {
            with(v, |c| count(c.messages))
        }),
        field(
            "open_tickets",
            INTEGER,
            "how many of its tickets are unfinished",
            |v| with(v, |c| count(c.open_tickets.len() as u64)),
        ),
        field("sentiment", DECIMAL, "the average sentiment", |v| {
            with(v, |c| {
                c.sentiment
                    .average()
                    .map_or(Dynamic::UNIT, Dynamic::from_decimal)
            })
        }),
        field("started_at", TIME, "when it began", |v| {
            with(v, |c| Dynamic::from(c.started_at))
        }),
        field("status", TEXT, "`open`, `resolved` or `ended`", |v| {
            with(v, |c| text(c.status.as_str()))
        }),
        field("tags", TEXTS, "its tags, sorted", |v| {
            with(v, |c| texts(&c.tags))
        }),
        field("updated_at", TIME, "when it last changed", |v| {
            with(v, |c| Dynamic::from(c.updated_at))
        }),
    ],
};

static TICKET: Shape = Shape {
    name: "the ticket",
    fields: &[
        field("assignee", TEXT, "the person on it", |v| {
            with_ticket(v, |t| value::text(t.assignee.as_deref()))
        }),
        field("category", TEXT, "what it is about", |v| {
            with_ticket(v, |t| value::text(t.category.as_deref()))
        }),
        field("created_at", TIME, "when it was opened", |v| {
            with_ticket(v, |t| Dynamic::from(t.created_at))
        }),
        field("description", TEXT, "more about it", |v| {
            with_ticket(v, |t| value::text(t.description.as_deref()))
        }),
        field("id", TEXT, "its id", |v| {
            with_ticket(v, |t| text(&t.ticket_id))
        }),
        field("link", TEXT, "the way back to the conversation", |v| {
            with_ticket(v, |t| filled(&t.link))
        }),
        field("number", INTEGER, "the number that people use", |v| {
            with_ticket(v, |t| t.number.into())
        }),
        field(
            "priority",
            TEXT,
            "`low`, `medium`, `high` or `urgent`",
            |v| with_ticket(v, |t| text(t.priority.as_str())),
        ),
        field(
            "status",
            TEXT,
            "`open`, `in_progress`, `waiting`, `resolved` or `closed`",
            |v| with_ticket(v, |t| text(t.status.as_str())),
        ),
        field("subject", TEXT, "its one line", |v| {
            with_ticket(v, |t| text(&t.subject))
        }),
        field("tags", TEXTS, "its tags, sorted", |v| {
            with_ticket(v, |t| texts(&t.tags))
        }),
        field("team", TEXT, "the team on it", |v| {
            with_ticket(v, |t| value::text(t.team.as_deref()))
        }),
        field("updated_at", TIME, "when it last changed", |v| {
            with_ticket(v, |t| Dynamic::from(t.updated_at))
        }),
    ],
};

static DRAFT: Shape = Shape {
    name: "the draft",
    fields: &[
        field("assignee", TEXT, "the person asked for", |v| {
            with_draft(v, |d| value::text(d.assignee.as_deref()))
        }),
        field("category", TEXT, "what it is about", |v| {
            with_draft(v, |d| value::text(d.category.as_deref()))
        }),
        field("description", TEXT, "more about it", |v| {
            with_draft(v, |d| value::text(d.description.as_deref()))
        }),
        field(
            "priority",
            TEXT,
            "`low`, `medium`, `high` or `urgent`",
            |v| with_draft(v, |d| text(d.priority.as_str())),
        ),
        field("subject", TEXT, "its one line", |v| {
            with_draft(v, |d| text(&d.subject))
        }),
        field("tags", TEXTS, "its tags, sorted", |v| {
            with_draft(v, |d| texts(&d.tags))
        }),
        field("team", TEXT, "the team asked for", |v| {
            with_draft(v, |d| value::text(d.team.as_deref()))
        }),
    ],
};

/// Registers the shapes.
pub(super) fn register(engine: &mut Engine) {
    shape::register(engine, SHAPES);
    history::register(engine);
}

/// Gives the event as a closure gets it; `past` is what its rule declares.
pub(super) fn event(facts: &Arc<Facts>, past: Option<Arc<[Declared]>>) -> Dynamic {
    Dynamic::from(View {
        shape: &EVENT,
        base: Base::Event,
        facts: Arc::clone(facts),
        past,
    })
}

/// Gives the text of the event's message.
pub(super) fn message_text(facts: &Facts) -> Option<&str> {
    facts.event.data.get("message")?.get("text")?.as_str()
}

/// Gives the sentiment of the event's own message.
pub(super) fn sentiment(facts: &Facts) -> Option<rust_decimal::Decimal> {
    decimal::of(facts.event.data.get("message")?.get("sentiment")?)
}

/// Gives the channel: the conversation's, else the event's.
pub(super) fn channel(facts: &Facts) -> Option<&str> {
    let kept = facts
        .state
        .conversation
        .as_ref()
        .map(|c| c.channel.as_str());
    kept.filter(|channel| !channel.is_empty())
        .or_else(|| facts.event.data.get("channel")?.as_str())
}

/// Gives the customer's segment.
pub(super) fn segment(facts: &Facts) -> Option<&str> {
    customer_members(facts)?.get("segment")?.as_str()
}

fn customer_members(facts: &Facts) -> Option<&Map<String, Value>> {
    match &facts.state.conversation {
        Some(conversation) if !conversation.customer.is_empty() => Some(&conversation.customer),
        _ => facts.event.data.get("customer")?.as_object(),
    }
}

fn customer(facts: &Facts) -> Option<Free> {
    match &facts.state.conversation {
        Some(conversation) if !conversation.customer.is_empty() => {
            Some(Free::members(&conversation.customer))
        }
        _ => facts
            .event
            .data
            .get("customer")?
            .as_object()
            .map(|_| Free::data_at(&facts.event, "customer")),
    }
}

fn has(view: &View, key: &str) -> Option<()> {
    view.facts.event.data.get(key)?.as_object().map(|_| ())
}

/// Reads a plain value from the event's data; what is no plain value reads as `()`.
fn at(view: &View, path: &[&str]) -> Read {
    let mut members = &view.facts.event.data;
    let Some((last, parents)) = path.split_last() else {
        return Ok(Dynamic::UNIT);
    };
    for parent in parents {
        match members.get(*parent) {
            Some(Value::Object(inner)) => members = inner,
            _ => return Ok(Dynamic::UNIT),
        }
    }
    Ok(match members.get(*last) {
        Some(Value::String(text)) => Dynamic::from(ImmutableString::from(text.as_str())),
        Some(Value::Bool(flag)) => Dynamic::from_bool(*flag),
        Some(Value::Number(digits)) => value::number(digits)?,
        Some(Value::Array(items)) => items
            .iter()
            .filter_map(Value::as_str)
            .map(|item| Dynamic::from(ImmutableString::from(item)))
            .collect::<rhai::Array>()
            .into(),
        _ => Dynamic::UNIT,
    })
}

fn actor(view: &View, key: &str) -> Read {
    match view.base {
        Base::Author => at(view, &["message", "author", key]),
        Base::Requester => request::requester(view, key),
        Base::Actor | Base::Event => at(view, &["actor", key]),
    }
}

fn conversation(view: &View) -> Option<&Arc<Conversation>> {
    view.facts.state.conversation.as_ref()
}

fn ticket(view: &View) -> Option<&Arc<Ticket>> {
    view.facts.state.ticket.as_ref()
}

fn draft(view: &View) -> Option<&Arc<TicketDraft>> {
    view.facts.state.draft.as_ref()
}

#[expect(clippy::unnecessary_wraps, reason = "what every field answers")]
fn with(view: &View, read: impl FnOnce(&Conversation) -> Dynamic) -> Read {
    Ok(conversation(view).map_or(Dynamic::UNIT, |conversation| read(conversation)))
}

#[expect(clippy::unnecessary_wraps, reason = "what every field answers")]
fn with_ticket(view: &View, read: impl FnOnce(&Ticket) -> Dynamic) -> Read {
    Ok(ticket(view).map_or(Dynamic::UNIT, |ticket| read(ticket)))
}

#[expect(clippy::unnecessary_wraps, reason = "what every field answers")]
fn with_draft(view: &View, read: impl FnOnce(&TicketDraft) -> Dynamic) -> Read {
    Ok(draft(view).map_or(Dynamic::UNIT, |draft| read(draft)))
}

fn text(text: &str) -> Dynamic {
    Dynamic::from(ImmutableString::from(text))
}

fn filled(content: &str) -> Dynamic {
    if content.is_empty() {
        Dynamic::UNIT
    } else {
        text(content)
    }
}

fn texts<'a>(items: impl IntoIterator<Item = &'a String>) -> Dynamic {
    Dynamic::from_array(items.into_iter().map(|item| text(item)).collect())
}

fn count(number: u64) -> Dynamic {
    Dynamic::from_int(i64::try_from(number).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
