//! `[roles.NAME]`: what the holders of a role may do.
//!
//! A section replaces the built-in role of that name; all others stay. Verbs are
//! the domain's; a grant may be narrowed by action, channel, segment and amount
//! where its verbs are asked of an action. Read by `root`.

use super::{fault, section::Section};
use crate::domain::access::{Grant, Role, Roles, VERBS, Verb};
use crate::domain::nearest::did_you_mean;

/// Reads every `[roles.NAME]` over the built-in ones.
pub(super) fn read_roles(sections: Vec<(String, Section<'_>)>) -> Roles {
    let mut roles = Roles::default();
    for (name, mut section) in sections {
        let role = Role {
            grants: read_grants(section.list("grants")),
            denials: read_grants(section.list("denials")),
        };
        if role.grants.is_empty() && role.denials.is_empty() {
            let place = section.place();
            let message = format!("`{}` grants nothing and denies nothing", place.key);
            let hint = "add grants = [{ verbs = [\"view\"] }]".to_owned();
            section
                .doc
                .warn(place.fault(fault::NO_EFFECT, message, Some(hint)));
        }
        section.end();
        roles.0.insert(name, role);
    }
    roles
}

fn read_grants(sections: Vec<Section<'_>>) -> Vec<Grant> {
    sections.into_iter().map(read_grant).collect()
}

fn read_grant(mut section: Section<'_>) -> Grant {
    let mut verbs: Vec<Verb> = Vec::new();
    for found in section.texts("verbs") {
        if let Some(verb) = Verb::parse(&found.value) {
            verbs.push(verb);
            continue;
        }
        let said = format!("is `{}`, which is no verb", found.value);
        let hint = did_you_mean(&found.value, VERBS.map(Verb::as_str));
        section.bad(&found.place, &said, hint);
    }
    if !section.has("verbs") {
        section.missing("verbs");
    }
    let texts = |found: Vec<super::section::Text>| found.into_iter().map(|one| one.value).collect();
    let grant = Grant {
        actions: texts(section.texts("actions")),
        channels: texts(section.texts("channels")),
        segments: texts(section.texts("segments")),
        amount: section.decimal("amount"),
        verbs,
    };
    let is_narrowed = !grant.actions.is_empty()
        || !grant.channels.is_empty()
        || !grant.segments.is_empty()
        || grant.amount.is_some();
    let unscoped = grant.verbs.iter().find(|verb| !verb.is_scoped());
    if let (true, Some(verb)) = (is_narrowed, unscoped) {
        let place = section.place();
        let said = format!(
            "narrows `{}`, which is not asked of an action",
            verb.as_str()
        );
        let hint = "give that verb a grant of its own, without a scope".to_owned();
        section.bad(place, &said, Some(hint));
    }
    section.end();
    grant
}
