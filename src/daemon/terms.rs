//! The terms that clocks hold on to, at hand for whoever shows clocks: today's from the policy,
//! earlier ones from the database, each compiled once.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
};

use super::app::App;
use crate::{
    domain::sla::{Book, Pin, Terms},
    store::StoreError,
};

/// How many terms are kept at hand.
const CAPACITY: usize = 256;

/// Terms that were compiled before.
#[derive(Debug, Default)]
pub(super) struct Shelf(Mutex<HashMap<Pin, Terms>>);

impl Shelf {
    fn find(&self, pin: &Pin) -> Option<Terms> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(pin).cloned()
    }

    fn keep(&self, pin: Pin, terms: Terms) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= CAPACITY {
            held.clear();
        }
        held.insert(pin, terms);
    }
}

impl App {
    /// Gives the terms that pins name; those that are kept nowhere are missing in the book.
    ///
    /// *Errors*: those of the database.
    pub async fn terms_of(&self, pins: impl IntoIterator<Item = &Pin>) -> Result<Book, StoreError> {
        // The same terms whatever the zone data was when a clock last counted.
        let pins: BTreeSet<Pin> = pins
            .into_iter()
            .map(|pin| Pin {
                zone_data: String::new(),
                ..pin.clone()
            })
            .collect();
        let ruling = self.in_force.ruling();
        let mut book = Book::default();
        for pin in pins {
            let found = match ruling.policy.pinned(&pin) {
                Some(terms) => Some(terms.clone()),
                None => self.earlier_terms(pin).await?,
            };
            book.pinned.extend(found);
        }
        Ok(book)
    }

    async fn earlier_terms(&self, pin: Pin) -> Result<Option<Terms>, StoreError> {
        if let Some(known) = self.terms.find(&pin) {
            return Ok(Some(known));
        }
        let wanted = pin.clone();
        let found = self.store.read(move |reader| {
            let spec = reader.terms(&wanted)?;
            Ok(spec.and_then(|spec| spec.compile().ok()))
        });
        let found = found.await?;
        // What is missing may be kept later, by a daemon that is ahead.
        if let Some(terms) = &found {
            self.terms.keep(pin, terms.clone());
        }
        Ok(found)
    }
}
