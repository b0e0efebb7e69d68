//! Effects: the functions by which a closure says what it wants.
//!
//! Each makes a `crate::domain::effect::Effect` with every key, type and name
//! checked, at load where the map is written out and at run time always. A new
//! effect is one entry in [`EFFECTS`] and one line in [`register`].

use std::{collections::BTreeSet, sync::Arc};

use rhai::{Dynamic, Engine, ImmutableString, Map};
use serde_json::Value;

use super::{
    fault,
    spec::{
        self, Choice, Key, MAX_OBJECT_BYTES, Takes, Wrong, optional, required, span_at, text_at,
        texts_at,
    },
    value::{Raised, raise, to_json},
};
use crate::domain::{
    approval::Stage,
    directory::Directory,
    effect::{
        Effect, Escalate, ReportFormat, ReportName, ReportWish, TicketChoice, TicketDraft,
        TicketPatch,
    },
    ticket::{Priority, TicketStatus},
    time::Span,
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

/// The keys that `require_approval` and the rule kind `approval` share, by name.
pub(super) const APPROVAL_KEYS: &[Key] = &[
    optional(
        "approvers",
        Takes::Roles,
        "the roles of which one is enough; `manager` when not said",
    ),
    optional(
        "required",
        Takes::Count,
        "how many distinct people; 1 when not said",
    ),
];

/// Who decides where nobody is named.
pub(super) const DEFAULT_APPROVER: &str = "manager";

const UPDATE_TICKET_KEYS: &[Key] = &[
    optional("assignee", Takes::Person, "the new person"),
    optional("category", Takes::Text, "the new category"),
    optional(
        "message",
        Takes::AnyText,
        "what the customer is told when it becomes resolved; `\"\"` says nothing",
    ),
    optional("priority", Takes::Priority, "the new priority"),
    optional("status", Takes::Status, "the new status"),
    optional("subject", Takes::Text, "the new line"),
    optional("tags_added", Takes::Texts, "tags to add"),
    optional("tags_removed", Takes::Texts, "tags to take off"),
    optional("team", Takes::Team, "the new team"),
    optional("ticket_id", Takes::Text, "which; else the ticket at hand"),
];

/// The reports that there are.
const REPORT_NAME: Choice = Choice {
    what: "a report",
    words: &["actions", "sla"],
    shown: "`\"sla\"` or `\"actions\"`",
};
/// The forms of a report.
const REPORT_FORMAT: Choice = Choice {
    what: "the form of a report",
    words: &["csv", "html", "table"],
    shown: "`\"table\"`, `\"csv\"` or `\"html\"`",
};
/// How far back a report goes that does not say.
const REPORT_PERIOD: Span = Span::from_secs(7 * 86_400);

const REPORT_KEYS: &[Key] = &[
    optional(
        "format",
        Takes::OneOf(REPORT_FORMAT),
        "its form; `table` when not said",
    ),
    required("name", Takes::OneOf(REPORT_NAME), "which"),
    optional(
        "period",
        Takes::Duration,
        "how far back it goes; a week when not said",
    ),
    optional(
        "team",
        Takes::Team,
        "about which team; all of them when not said",
    ),
    required("to", Takes::Recipients, "for whom"),
];

/// Every effect, by name.
pub(super) const EFFECTS: &[EffectForm] = &[
    EffectForm {
        name: "create_ticket",
        doc: "Opens a ticket from the conversation.",
        takes: Arguments::Map(CREATE_TICKET_KEYS),
    },
    EffectForm {
        name: "deny",
        doc: "Says no to the requested action; only in rules about `action.requested`.",
        takes: Arguments::Values(&[required("reason", Takes::Text, "why")]),
    },
    EffectForm {
        name: "digest",
        doc: "Posts to a channel what is open, overdue and waiting.",
        takes: Arguments::Values(&[required("to", Takes::Channel, "the channel")]),
    },
    EffectForm {
        name: "escalate",
        doc: "Says that the conversation needs a person.",
        takes: Arguments::Map(ESCALATE_KEYS),
    },
    EffectForm {
        name: "notify",
        doc: "Tells teammates: people in the app, and by mail where that is configured; a channel, and that of a team, by a post there.",
        takes: Arguments::Values(&[
            required("to", Takes::Recipients, "whom"),
            required("text", Takes::Text, "what"),
        ]),
    },
    EffectForm {
        name: "report",
        doc: "Sends a report about a time that is over.",
        takes: Arguments::Map(REPORT_KEYS),
    },
    EffectForm {
        name: "require_approval",
        doc: "Has people decide on the requested action; only in rules about `action.requested`.",
        takes: Arguments::Map(APPROVAL_KEYS),
    },
    EffectForm {
        name: "require_confirmation",
        doc: "Has the customer asked before the requested action; only in rules about `action.requested`.",
        takes: Arguments::Values(&[required("prompt", Takes::Text, "the question")]),
    },
    EffectForm {
        name: "resolve",
        doc: "Asks the platform to resolve the conversation.",
        takes: Arguments::Values(&[]),
    },
    EffectForm {
        name: "run_action",
        doc: "Asks for an action, as the rule, along the same path as everybody.",
        takes: Arguments::Values(&[
            required("name", Takes::Action, "which"),
            required("params", Takes::Object, "its parameters"),
        ]),
    },
    EffectForm {
        name: "send_message",
        doc: "Says something to the customer.",
        takes: Arguments::Values(&[required("text", Takes::Text, "what")]),
    },
    EffectForm {
        name: "start_procedure",
        doc: "Starts a procedure in the conversation; a version of it must be active.",
        takes: Arguments::Values(&[
            required("slug", Takes::Text, "which"),
            required(
                "variables",
                Takes::Object,
                "what it knows from the beginning",
            ),
        ]),
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
    register_posts(engine, directory);
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
    register_gates(engine, directory);
}

/// Registers what is told to teammates.
fn register_posts(engine: &mut Engine, directory: &Arc<Directory>) {
    let known = Arc::clone(directory);
    engine.register_fn(
        "digest",
        move |to: ImmutableString| -> Result<Effect, Raised> {
            tolerated(Takes::Channel.check(&Dynamic::from(to.clone()), &known))?;
            Ok(Effect::Digest { to: to.into() })
        },
    );
    let known = Arc::clone(directory);
    engine.register_fn("report", move |map: Map| -> Result<Effect, Raised> {
        checked(REPORT_KEYS, &map, &known)?;
        let wish = report(&map).ok_or_else(|| raise("the report has no name"))?;
        Ok(Effect::Report(wish))
    });
    let known = Arc::clone(directory);
    engine.register_fn(
        "notify",
        move |to: Dynamic, text: ImmutableString| -> Result<Effect, Raised> {
            tolerated(Takes::Recipients.check(&to, &known))?;
            Ok(Effect::Notify {
                to: spec::texts_of(&to),
                text: filled("text", &text)?,
            })
        },
    );
}

/// Registers what has to do with actions.
fn register_gates(engine: &mut Engine, directory: &Arc<Directory>) {
    let known = Arc::clone(directory);
    engine.register_fn(
        "run_action",
        move |name: ImmutableString, params: Dynamic| -> Result<Effect, Raised> {
            let name = filled("name", &name)?;
            tolerated(Takes::Action.check(&Dynamic::from(name.clone()), &known))?;
            tolerated(Takes::Object.check(&params, &known))?;
            Ok(Effect::RunAction {
                name,
                params: object(&params)?,
            })
        },
    );
    let known = Arc::clone(directory);
    engine.register_fn(
        "start_procedure",
        move |slug: ImmutableString, variables: Dynamic| -> Result<Effect, Raised> {
            tolerated(Takes::Object.check(&variables, &known))?;
            Ok(Effect::StartProcedure {
                slug: filled("slug", &slug)?,
                variables: object(&variables)?,
            })
        },
    );
    let known = Arc::clone(directory);
    engine.register_fn(
        "require_approval",
        move |map: Map| -> Result<Effect, Raised> {
            checked(APPROVAL_KEYS, &map, &known)?;
            let Stage {
                approvers,
                required,
            } = stage(&map);
            let default =
                Dynamic::from_array(approvers.iter().cloned().map(Dynamic::from).collect());
            tolerated(Takes::Roles.check(&default, &known))?;
            Ok(Effect::RequireApproval {
                approvers,
                required,
            })
        },
    );
    engine
        .register_fn(
            "deny",
            |reason: ImmutableString| -> Result<Effect, Raised> {
                Ok(Effect::Deny {
                    reason: filled("reason", &reason)?,
                })
            },
        )
        .register_fn(
            "require_confirmation",
            |prompt: ImmutableString| -> Result<Effect, Raised> {
                Ok(Effect::RequireConfirmation {
                    prompt: filled("prompt", &prompt)?,
                })
            },
        );
}

fn object(value: &Dynamic) -> Result<serde_json::Map<String, Value>, Raised> {
    match to_json(value, &mut MAX_OBJECT_BYTES.clone()) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(raise("the params are no map")),
        Err(error) => Err(raise(error)),
    }
}

/// Reads a checked map as a stage of an approval.
pub(super) fn stage(map: &Map) -> Stage {
    let mut approvers = texts_at(map, "approvers");
    if approvers.is_empty() {
        approvers.push(DEFAULT_APPROVER.to_owned());
    }
    let required = map.get("required").and_then(|value| value.as_int().ok());
    Stage {
        approvers,
        required: required
            .and_then(|count| count.try_into().ok())
            .unwrap_or(1),
    }
}

fn filled(what: &str, text: &str) -> Result<String, Raised> {
    if text.trim().is_empty() {
        return Err(raise(format!("the {what} is empty")));
    }
    Ok(text.to_owned())
}

fn checked(keys: &[Key], map: &Map, directory: &Directory) -> Result<(), Raised> {
    let mut found = spec::check_map(&[keys], map, directory).into_iter();
    found.try_for_each(|wrong| tolerated(Err(wrong)))
}

/// Lets pass what is only worth mending.
fn tolerated(found: Result<(), Wrong>) -> Result<(), Raised> {
    match found {
        Err(wrong) if !fault::is_warning(wrong.code) => Err(refusal(wrong)),
        _ => Ok(()),
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
        contact: serde_json::Map::new(),
    }
}

fn report(map: &Map) -> Option<ReportWish> {
    Some(ReportWish {
        name: match text_at(map, "name")?.as_str() {
            "actions" => ReportName::Actions,
            "sla" => ReportName::Sla,
            _ => return None,
        },
        to: texts_at(map, "to"),
        period: span_at(map, "period").unwrap_or(REPORT_PERIOD),
        format: match text_at(map, "format").as_deref() {
            Some("csv") => ReportFormat::Csv,
            Some("html") => ReportFormat::Html,
            _ => ReportFormat::Table,
        },
        team: text_at(map, "team"),
    })
}

fn patch(map: &Map) -> TicketPatch {
    TicketPatch {
        ticket_id: text_at(map, "ticket_id"),
        status: text_at(map, "status").and_then(|text| TicketStatus::parse(&text)),
        priority: priority(map),
        category: text_at(map, "category").into(),
        assignee: text_at(map, "assignee").into(),
        team: text_at(map, "team").into(),
        subject: text_at(map, "subject"),
        message: text_at(map, "message"),
        tags_added: tags(map, "tags_added"),
        tags_removed: tags(map, "tags_removed"),
    }
}

pub(super) fn priority(map: &Map) -> Option<Priority> {
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

#[cfg(test)]
mod tests;
