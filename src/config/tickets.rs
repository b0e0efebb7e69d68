//! `[tickets]`: what goes with every ticket.
//!
//! Read by `root`; the message goes into `decide`'s settings, so a reload takes it over.

use super::{fault::Place, section::Section, values::parsed};
use crate::domain::{nearest::did_you_mean, template::Template, ticket::RESOLVED_MESSAGE};

/// What a text about a ticket may name, besides the members of the customer.
const VARIABLES: [&str; 3] = ["link", "number", "subject"];

/// `[tickets]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tickets {
    /// What the customer is told when a ticket is resolved; `None`: nothing.
    pub resolved_message: Option<Template>,
}

impl Default for Tickets {
    fn default() -> Self {
        Self {
            resolved_message: Template::parse(RESOLVED_MESSAGE).ok(),
        }
    }
}

impl Tickets {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let mut read = Self::default();
        if let Some(found) = section.text("resolved_message") {
            read.resolved_message = parsed(&section, &found.place, &found.value)
                .filter(|_| !found.value.trim().is_empty());
            if let Some(template) = &read.resolved_message {
                check(template, &section, &found.place);
            }
        }
        section.end();
        read
    }
}

/// Refuses a text that names what is not there, for it would reach the customer with a hole in it.
fn check(template: &Template, section: &Section<'_>, place: &Place) {
    for path in template.paths() {
        let is_of_customer = path.strip_prefix("customer.").is_some();
        if is_of_customer || VARIABLES.contains(&path.as_str()) {
            continue;
        }
        let hint = did_you_mean(&path, VARIABLES).or_else(|| {
            let known = "it knows {{number}}, {{subject}}, {{link}} and {{customer.NAME}}";
            Some(known.to_owned())
        });
        let said = format!("names `{path}`, which such a message does not know");
        section.bad(place, &said, hint);
    }
}
