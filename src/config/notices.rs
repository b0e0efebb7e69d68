//! `[notices]`: who hears that a channel fails, how people are told by mail, and what notices say.
//!
//! A template is looked at when it is read, so that none names what a notice does not have.
//! Read by `root`, after the channels.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    channels::{MAILS, mail_url, sender, spacing, timeout},
    fault,
    section::Section,
    values::{networks, template},
};
use crate::domain::{
    channel::{Channel, MailServer, Notices},
    nearest::did_you_mean,
    notice::NoticeKind,
    template::Template,
};

/// What a template may name, besides `facts.NAME`.
const VARIABLES: [&str; 6] = ["about", "at", "kind", "link", "text", "title"];

/// Reads `[notices]`, which go to these channels.
pub(super) fn read_notices(
    mut section: Section<'_>,
    channels: BTreeMap<String, Arc<Channel>>,
) -> Notices {
    let operators = read_operators(&mut section, &channels);
    let has_mail = section.has("mail");
    let mail = section.section("mail");
    let mail = has_mail.then(|| read_mail(mail));
    let templates = read_templates(section.section("templates"));
    section.end();
    Notices {
        channels,
        operators,
        mail,
        templates,
    }
}

fn read_operators(
    section: &mut Section<'_>,
    channels: &BTreeMap<String, Arc<Channel>>,
) -> Option<String> {
    let found = section.text("operators")?;
    let Some(name) = found.value.strip_prefix('#') else {
        let said = format!("is `{}`, which is no channel", found.value);
        let hint = format!("write `#{}`", found.value);
        section.bad(&found.place, &said, Some(hint));
        return None;
    };
    if channels.contains_key(name) {
        return Some(name.to_owned());
    }
    let message = format!(
        "`{}` names `#{name}`, but there is no [channels.{name}]",
        found.place.key
    );
    let hint = did_you_mean(name, channels.keys().map(String::as_str));
    section
        .doc
        .report(found.place.fault(fault::UNKNOWN_NAME, message, hint));
    None
}

fn read_mail(mut section: Section<'_>) -> MailServer {
    let server = MailServer {
        url: mail_url(&mut section),
        from: sender(&mut section),
        spacing: spacing(&mut section, MAILS),
        allow_addresses: networks(&mut section, "allow_addresses"),
        timeout: timeout(&mut section),
    };
    section.end();
    server
}

fn read_templates(mut section: Section<'_>) -> BTreeMap<NoticeKind, Template> {
    let mut templates = BTreeMap::new();
    for kind in NoticeKind::ALL {
        if let Some(template) = template(&mut section, kind.as_str()) {
            check(&section, kind, &template);
            templates.insert(kind, template);
        }
    }
    section.end();
    templates
}

fn check(section: &Section<'_>, kind: NoticeKind, template: &Template) {
    for path in template.paths() {
        let is_fact = path
            .strip_prefix("facts.")
            .is_some_and(|name| !name.contains('.'));
        if is_fact || VARIABLES.contains(&path.as_str()) {
            continue;
        }
        let place = section.place_of(kind.as_str());
        let said = format!("names `{path}`, which a notice does not have");
        let known = "a notice has {{title}}, {{text}}, {{about}}, {{at}}, {{kind}}, {{link}} and {{facts.NAME}}";
        let hint = did_you_mean(&path, VARIABLES).or_else(|| Some(known.to_owned()));
        section.bad(&place, &said, hint);
    }
}
