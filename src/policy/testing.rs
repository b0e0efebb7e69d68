//! What the tests of this module share: a configuration, facts, a policy from text.

use std::sync::Arc;

use rhai::OptimizationLevel;
use serde_json::{Value, json};

use super::{Fault, Policy, Sources};
use crate::domain::{
    conversation::Conversation,
    directory::{Directory, Person, Team},
    event::Event,
    facts::{Facts, StateFacts},
    request::{Request, RequestState},
    time::Timestamp,
};

/// Names two people, two teams, a channel and two actions.
pub(super) fn directory() -> Directory {
    let mut directory = Directory::default();
    for name in ["dana", "lee"] {
        directory.people.insert(name.to_owned(), Person::default());
    }
    directory.teams.insert(
        "billing".to_owned(),
        Team {
            members: vec!["dana".to_owned(), "lee".to_owned()],
            channel: Some("#billing".to_owned()),
        },
    );
    directory.teams.insert("empty".to_owned(), Team::default());
    directory.channels.insert("billing".to_owned());
    for name in ["find_customer", "refund"] {
        directory.actions.insert(name.to_owned());
    }
    directory
}

/// Makes sources of paths and texts.
pub(super) fn sources(files: &[(&str, &str)]) -> Sources {
    Sources {
        files: files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
            .collect(),
    }
}

/// Loads a policy of one file, `a.rhai`.
pub(super) fn policy(text: &str) -> Policy {
    policy_at(text, OptimizationLevel::None)
}

/// Loads a policy of one file at an optimisation level.
pub(super) fn policy_at(text: &str, level: OptimizationLevel) -> Policy {
    Policy::load_at(&sources(&[("a.rhai", text)]), &directory(), level)
        .unwrap_or_else(|faults| panic!("{}", lines(&faults)))
}

/// Loads a policy of several files that is wrong, and words its faults.
pub(super) fn faults(files: &[(&str, &str)]) -> String {
    match Policy::load(&sources(files), &directory()) {
        Ok(policy) => format!("loaded {:?}", policy.rules()),
        Err(faults) => lines(&faults),
    }
}

/// Words faults, a line each.
pub(super) fn lines(faults: &[Fault]) -> String {
    faults.iter().fold(String::new(), |text, fault| {
        text + format!("{fault}\n").as_str()
    })
}

/// The instant at which the tests decide.
pub(super) const NOW: &str = "2026-11-21T10:00:00Z";

/// Makes facts of an event in an open conversation on the channel `web`.
#[expect(clippy::needless_pass_by_value, reason = "written `json!(…)` in place")]
pub(super) fn facts(kind: &str, data: Value) -> Facts {
    let event = Event::from_value(json!({
        "specversion": "1.0", "id": "e1", "source": "/chat", "type": kind, "subject": "c1",
        "time": NOW, "data": data,
    }))
    .expect("a valid event");
    let now = Timestamp::parse(NOW).expect("RFC 3339");
    Facts {
        event: Arc::new(event),
        state: StateFacts {
            now,
            time: now,
            conversation: Some(Arc::new(Conversation {
                channel: "web".to_owned(),
                started_at: now,
                updated_at: now,
                messages: 1,
                ..Conversation::default()
            })),
            ticket: None,
            draft: None,
            request: None,
            history: std::collections::BTreeMap::new(),
        },
    }
}

/// Makes facts of an AI's request for an action by the customer `u1`.
#[expect(clippy::needless_pass_by_value, reason = "written `json!(…)` in place")]
pub(super) fn request(action: &str, params: Value) -> Facts {
    let actor = json!({"kind": "ai", "id": "bot", "roles": ["ai"]});
    let mut facts = facts(
        "action.requested",
        json!({"request_id": "r1", "action": action, "params": params, "actor": actor}),
    );
    let now = facts.state.now;
    facts.state.request = Some(Arc::new(Request {
        request_id: "r1".to_owned(),
        subject: "c1".to_owned(),
        action: action.to_owned(),
        params: params.as_object().cloned().unwrap_or_default(),
        actor: serde_json::from_value(actor).expect("an actor"),
        customer_id: "u1".to_owned(),
        state: RequestState::Requested,
        requested_at: now,
        updated_at: now,
        succeeded_at: None,
        amount: None,
        checks: Vec::new(),
        flagged_by: Vec::new(),
        reserved: Vec::new(),
        approval_id: None,
        is_confirmed: false,
        attempts: 0,
        output: None,
        code: None,
        reason: None,
        reverses: None,
        reversals: Vec::new(),
        step: None,
        is_timed: false,
    }));
    facts
}

/// Makes facts of a customer's message.
pub(super) fn message(text: &str) -> Facts {
    facts(
        "conversation.message",
        json!({"message": {"id": "m1", "text": text, "author": {"kind": "customer", "id": "u1"}}}),
    )
}

/// Changes the conversation of facts.
pub(super) fn with(mut facts: Facts, change: impl FnOnce(&mut Conversation)) -> Facts {
    let mut conversation = facts
        .state
        .conversation
        .as_deref()
        .cloned()
        .unwrap_or_default();
    change(&mut conversation);
    facts.state.conversation = Some(Arc::new(conversation));
    facts
}
