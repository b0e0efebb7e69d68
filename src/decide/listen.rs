//! Listening to the customer: for the run that is under way, for the choice that was asked for, or for the
//! procedure that the words ask for.

use std::{fmt::Write as _, sync::Arc};

use serde_json::{Map, json};

use super::{Case, Stop};
use crate::domain::{
    procedure::{Matcher, lexical::Found, version::Procedures},
    words,
};

impl Case<'_> {
    /// Listens to what the customer says. Once a person is wanted, no procedure begins by itself.
    pub(super) fn listen(&mut self, text: &str) -> Result<(), Stop> {
        if self.hear(text)? || self.settings.procedures.matcher == Matcher::Off {
            return Ok(());
        }
        if self
            .conversation()
            .is_some_and(|known| known.is_escalated())
        {
            return Ok(());
        }
        let all = Arc::clone(self.world.procedures()?);
        let offered = self.conversation().map(|known| known.choice.clone());
        let offered = offered.filter(|offered| !offered.is_empty());
        if offered.is_some() {
            self.conversation_mut().choice.clear();
        }
        if let Some(slug) = offered.and_then(|offered| chosen(&all, &offered, text)) {
            return self.start_for_customer(&all, &slug);
        }
        match all.triggers().find(text) {
            Found::None => Ok(()),
            Found::One(slug) => self.start_for_customer(&all, &slug),
            Found::Tie(slugs) => {
                self.offer(&all, slugs);
                Ok(())
            }
        }
    }

    /// Starts what the customer asks for; what cannot be started is no reason to refuse what he says.
    fn start_for_customer(&mut self, all: &Procedures, slug: &str) -> Result<(), Stop> {
        let Ok(published) = all.find(slug) else {
            return Ok(());
        };
        let actor = self.actor();
        self.start_run(published, &Map::new(), actor).map(drop)
    }

    /// Asks the customer which of several procedures it is.
    fn offer(&mut self, all: &Procedures, slugs: Vec<String>) {
        let mut text = self.settings.procedures.choice.clone();
        for (place, slug) in slugs.iter().enumerate() {
            let name = all.active.get(slug);
            let name = name.map_or(slug, |known| &known.definition.display_name);
            let _ = write!(text, "\n{}. {name}", place + 1);
        }
        self.send_message(&text, "procedure");
        self.record(json!({"effect": "procedures_offered", "procedures": slugs}));
        self.conversation_mut().choice = slugs;
    }
}

/// Gives which of the offered procedures is meant: its number, or its name.
fn chosen(all: &Procedures, offered: &[String], text: &str) -> Option<String> {
    let said = words::normalise(text);
    let number = said.trim_matches(|sign: char| !sign.is_alphanumeric());
    if let Ok(number) = number.parse::<usize>() {
        return offered.get(number.checked_sub(1)?).cloned();
    }
    let mut offered = offered.iter();
    let found = offered.find(|slug| {
        let known = all.active.get(*slug);
        known.is_some_and(|known| words::normalise(&known.definition.display_name) == number)
    });
    found.cloned()
}
