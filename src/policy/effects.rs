//! Effects: the functions by which a closure says what it wants.
//!
//! Each makes a `crate::domain::effect::Effect` with every key, type and name
//! checked, at load where the map is written out and at run time always. A new
//! effect is one entry in [`EFFECTS`] and one line in [`register`].

use std::{collections::BTreeSet, sync::Arc};

use rhai::{Dynamic, Engine, ImmutableString, Map};

use super::{
    spec::{self, Key, Takes, Wrong, optional, required, text_at, texts_at},
    value::{Raised, raise},
};
use crate::domain::{
    directory::Directory,
    effect::{Effect, Escalate, TicketChoice, TicketDraft, TicketPatch},
    ticket::{Priority, TicketStatus},
};

/// The most effects that one call of a rule may ask for.
pub(super) const MAX_EFFECTS: usize = 32;

/// An effect as rules write it.
pub(super) struct EffectForm {
    /// The function.
    pub(super) name: &'static str,
    /// What it does, in one sentence.
    pub(super) doc: &'static str,
    /// What it takes.
    pub(super) takes: Arguments,
}

/// The arguments of an effect.
pub(super) enum Arguments {
    /// One map.
    Map(&'static [Key]),
    /// One value after the other.
    Values(&'static [Key]),
}

/// The keys that `escalate` and the rule kind `escalation` share, by name.
pub(super) const ESCALATE_KEYS: &[Key] = &[
    optional("assignee", Takes::Person, "for which person"),
    optional(
        "category",
        Takes::Text,
        "what it is about; routing goes by it",
    ),
    optional("message", Takes::Text, "what to say to the customer"),
    optional("notify", Takes::Recipients, "whom to tell"),
    optional(
        "priority",
        Takes::Priority,
        "how urgent; `medium` when not said",
    ),
    optional(
        "reason",
        Takes::Text,
        "why, in words; the rule's name when not said",
    ),
    optional(
        "tags",
        Takes::Texts,
        "tags for the conversation and the ticket",
    ),
    optional("team", Takes::Team, "for which team"),
    optional(
        "ticket",
        Takes::Ticket,
        "`true` joins the open ticket, `\"new\"` opens another",
    ),
];

const CREATE_TICKET_KEYS: &[Key] = &[
    optional(
        "assignee",
        Takes::Person,
        "for which person; else routing decides",
    ),
    optional(
        "category",
        Takes::Text,
        "what it is about; routing goes by it",
    ),
    optional("description", Takes::Text, "more about it"),
    optional(
        "priority",
        Takes::Priority,
        "how urgent; `medium` when not said",
    ),
    optional(
        "subject",
        Takes::Text,
        "one line; made from the conversation when not said",
    ),
    optional("tags", Takes::Texts, "its tags"),
    optional("team", Takes::Team, "for which team; else routing decides"),
];

const UPDATE_TICKET_KEYS: &[Key] = &[
    optional("assignee", Takes::Person, "the new person"),
    optional("category", Takes::Text, "the new category"),
    optional("priority", Takes::Priority, "the new priority"),
    optional("status", Takes::Status, "the new status"),
    optional("subject", Takes::Text, "the new line"),
    optional("tags_added", Takes::Texts, "tags to add"),
    optional("tags_removed", Takes::Texts, "tags to take off"),
    optional("team", Takes::Team, "the new team"),
    optional("ticket_id", Takes::Text, "which; else the ticket at hand"),
];

/// Every effect, by name.
pub(super) const EFFECTS: &[EffectForm] = &[
    EffectForm {
        name: "create_ticket",
        doc: "Opens a ticket from the conversation.",
        takes: Arguments::Map(CREATE_TICKET_KEYS),
    },
    EffectForm {
        name: "escalate",
        doc: "Says that the conversation needs a person.",
        takes: Arguments::Map(ESCALATE_KEYS),
    },
    EffectForm {
        name: "notify",
        doc: "Tells teammates.",
        takes: Arguments::Values(&[
            required("to", Takes::Recipients, "whom"),
            required("text", Takes::Text, "what"),
        ]),
    },
    EffectForm {
        name: "resolve",
        doc: "Asks the platform to resolve the conversation.",
        takes: Arguments::Values(&[]),
    },
    EffectForm {
        name: "send_message",
        doc: "Says something to the customer.",
        takes: Arguments::Values(&[required("text", Takes::Text, "what")]),
    },
    EffectForm {
        name: "tag",
        doc: "Tags the conversation.",
        takes: Arguments::Values(&[required("tag", Takes::Text, "with what")]),
    },
    EffectForm {
        name: "update_ticket",
        doc: "Changes the ticket at hand, or the conversation's newest open one.",
        takes: Arguments::Map(UPDATE_TICKET_KEYS),
    },
];

/// Effects of later versions, by name.
pub(super) const LATER: &[&str] = &[
    "deny",
    "digest",
    "require_approval",
    "require_confirmation",
    "run_action",
    "start_procedure",
];

/// Registers the effects; names are checked against `directory`.
pub(super) fn register(engine: &mut Engine, directory: &Arc<Directory>) {
    engine.register_type_with_name::<Effect>("effect");
    let known = Arc::clone(directory);
    engine.register_fn("escalate", move |map: Map| -> Result<Effect, Raised> {
        checked(ESCALATE_KEYS, &map, &known)?;
        Ok(Effect::Escalate(escalate(&map, "")))
    });
    let known = Arc::clone(directory);
    engine.register_fn("create_ticket", move |map: Map| -> Result<Effect, Raised> {
        checked(CREATE_TICKET_KEYS, &map, &known)?;
        Ok(Effect::CreateTicket(draft(&map)))
    });
    let known = Arc::clone(directory);
    engine.register_fn("update_ticket", move |map: Map| -> Result<Effect, Raised> {
        checked(UPDATE_TICKET_KEYS, &map, &known)?;
        Ok(Effect::UpdateTicket(patch(&map)))
    });
    let known = Arc::clone(directory);
    engine.register_fn(
        "notify",
        move |to: Dynamic, text: ImmutableString| -> Result<Effect, Raised> {
            Takes::Recipients.check(&to, &known).map_err(refusal)?;
            Ok(Effect::Notify {
                to: spec::texts_of(&to),
                text: filled("text", &text)?,
            })
        },
    );
    engine
        .register_fn(
            "send_message",
            |text: ImmutableString| -> Result<Effect, Raised> {
                Ok(Effect::SendMessage {
                    text: filled("text", &text)?,
                })
            },
        )
        .register_fn("tag", |tag: ImmutableString| -> Result<Effect, Raised> {
            Ok(Effect::Tag {
                tag: filled("tag", &tag)?,
            })
        })
        .register_fn("resolve", || Effect::Resolve);
}

fn filled(what: &str, text: &str) -> Result<String, Raised> {
    if text.trim().is_empty() {
        return Err(raise(format!("the {what} is empty")));
    }
    Ok(text.to_owned())
}

fn checked(keys: &[Key], map: &Map, directory: &Directory) -> Result<(), Raised> {
    match spec::check_map(&[keys], map, directory).into_iter().next() {
        None => Ok(()),
        Some((_, wrong)) => Err(refusal(wrong)),
    }
}

#[expect(
    clippy::unnecessary_box_returns,
    reason = "the form in which Rhai takes it"
)]
fn refusal(wrong: Wrong) -> Raised {
    raise(match wrong.hint {
        None => wrong.message,
        Some(hint) => format!("{}; {hint}", wrong.message),
    })
}

/// Reads a checked map as the wish to escalate.
pub(super) fn escalate(map: &Map, default_reason: &str) -> Escalate {
    Escalate {
        reason: text_at(map, "reason").unwrap_or_else(|| default_reason.to_owned()),
        priority: priority(map).unwrap_or_default(),
        team: text_at(map, "team"),
        assignee: text_at(map, "assignee"),
        category: text_at(map, "category"),
        ticket: match map.get("ticket") {
            None => TicketChoice::None,
            Some(value) => match value.as_bool() {
                Ok(false) => TicketChoice::None,
                Ok(true) => TicketChoice::Join,
                Err(_) => TicketChoice::New,
            },
        },
        notify: texts_at(map, "notify"),
        tags: tags(map, "tags"),
        message: text_at(map, "message"),
    }
}

fn draft(map: &Map) -> TicketDraft {
    TicketDraft {
        subject: text_at(map, "subject").unwrap_or_default(),
        description: text_at(map, "description"),
        priority: priority(map).unwrap_or_default(),
        category: text_at(map, "category"),
        team: text_at(map, "team"),
        assignee: text_at(map, "assignee"),
        tags: tags(map, "tags"),
    }
}

fn patch(map: &Map) -> TicketPatch {
    TicketPatch {
        ticket_id: text_at(map, "ticket_id"),
        status: text_at(map, "status").and_then(|text| TicketStatus::parse(&text)),
        priority: priority(map),
        category: text_at(map, "category"),
        assignee: text_at(map, "assignee"),
        team: text_at(map, "team"),
        subject: text_at(map, "subject"),
        tags_added: tags(map, "tags_added"),
        tags_removed: tags(map, "tags_removed"),
    }
}

fn priority(map: &Map) -> Option<Priority> {
    text_at(map, "priority").and_then(|text| Priority::parse(&text))
}

fn tags(map: &Map, key: &str) -> BTreeSet<String> {
    texts_at(map, key).into_iter().collect()
}

/// Reads what a closure answered: one effect, an array of them, or `()`.
pub(super) fn read(answer: Dynamic, rule: &str) -> Result<Vec<Effect>, String> {
    let answers = if answer.is_array() {
        answer.into_array().unwrap_or_default()
    } else {
        vec![answer]
    };
    let mut effects = Vec::with_capacity(answers.len());
    for answer in answers.into_iter().filter(|answer| !answer.is_unit()) {
        let found = answer.type_name();
        let mut effect = answer.try_cast::<Effect>().ok_or_else(|| {
            format!("`then` answered a value of type `{found}`, not effects such as `tag(…)`")
        })?;
        if let Effect::Escalate(escalate) = &mut effect
            && escalate.reason.is_empty()
        {
            rule.clone_into(&mut escalate.reason);
        }
        effects.push(effect);
    }
    if effects.len() > MAX_EFFECTS {
        return Err(format!(
            "`then` asks for {} effects, more than {MAX_EFFECTS}",
            effects.len()
        ));
    }
    Ok(effects)
}

impl EffectForm {
    /// Gives how it is written.
    pub(super) fn signature(&self) -> String {
        match self.takes {
            Arguments::Map(_) => format!("{}(#{{ … }})", self.name),
            Arguments::Values(keys) => {
                let names: Vec<&str> = keys.iter().map(|key| key.name).collect();
                format!("{}({})", self.name, names.join(", "))
            }
        }
    }
}
