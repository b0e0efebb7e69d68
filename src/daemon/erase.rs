//! Erasing a person: state through the pipeline, rows at the desk, the labels last.
//!
//! Each conversation is told by an input, so that no decision under way writes back what
//! it had loaded; only then are the rows blanked. The labels of the audit log go at the
//! very end: until then they lead to the person's conversations, so an erasure that broke
//! off is finished by asking again.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{app::App, intake::SubmitError};
use crate::{
    decide::{CustomerErased, Entry, Input},
    domain::{event::Event, ids::SubjectId, members},
    store::{Page, ParkedRow, StoreError},
};

/// The type of the inputs.
const KIND: &str = "customer.erased";
/// The subject of the erasure as a whole.
const WHOLE: &str = "customers";
/// How many conversations are told at once.
const AT_ONCE: usize = 100;
/// How many parked messages are looked at at once.
const PARKED: i64 = 100;

/// What was erased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Erased {
    /// Conversations.
    pub conversations: usize,
    /// Events of theirs.
    pub events: usize,
    /// Tickets of theirs.
    pub tickets: usize,
    /// Comments on those.
    pub comments: usize,
    /// Escalations of theirs.
    pub escalations: usize,
    /// Requests for actions of theirs, with approvals and leads.
    pub requests: usize,
    /// Parked messages that named them.
    pub parked: usize,
}

/// Why an erasure broke off; asking again finishes it.
#[derive(Debug, thiserror::Error)]
pub enum EraseFault {
    /// The pipeline did not take it.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl App {
    /// Erases a customer: state, journal, tickets, escalations, requests, parked messages and the audit log's
    /// labels. That it was done, and by whom, is on record.
    ///
    /// *Errors*: it broke off; what is left is found again by asking again.
    pub async fn erase(&self, customer: &str, by: &Entry) -> Result<Erased, EraseFault> {
        let mut erased = Erased::default();
        let id = customer.to_owned();
        let mut subjects = self
            .store
            .read(move |reader| reader.subjects_of(&id))
            .await?;
        subjects.remove(WHOLE);
        let subjects: Vec<String> = subjects.into_iter().collect();
        erased.conversations = subjects.len();
        for some in subjects.chunks(AT_ONCE) {
            let told = some
                .iter()
                .map(|subject| self.told(customer, subject, Map::new(), by));
            self.intake.decide(told.collect()).await?;
            for subject in some {
                let subject = subject.clone();
                let blank =
                    move |desk: &mut crate::store::Desk| desk.conversation_blank(&subject, KIND);
                let blanked = self.store.write(blank).await?;
                erased.events += blanked.events;
                erased.tickets += blanked.tickets;
                erased.comments += blanked.comments;
                erased.escalations += blanked.escalations;
                erased.requests += blanked.requests;
            }
        }
        erased.parked = self.erase_parked(customer, &subjects).await?;
        let counts = members::of(json!(erased));
        let whole = self.told(customer, WHOLE, counts, by);
        self.intake.decide(vec![whole]).await?;
        let id = customer.to_owned();
        self.store
            .write(move |desk| desk.persons_erase(&id))
            .await?;
        self.persons.forget(customer);
        tracing::info!(
            conversations = erased.conversations,
            "a customer was erased"
        );
        Ok(erased)
    }

    fn told(
        &self,
        customer: &str,
        subject: &str,
        effect: Map<String, Value>,
        by: &Entry,
    ) -> Arc<Input> {
        let id = format!("{KIND}:{subject}:{}", self.clock.now());
        let event = Event::of_house(&self.config.source, KIND, id, SubjectId::from(subject));
        let verb = Arc::new(CustomerErased {
            customer: customer.to_owned(),
            effect,
        });
        Arc::new(Input::made(event, verb, &Arc::new(by.clone())))
    }

    /// Drops parked messages that name the customer or one of the conversations.
    async fn erase_parked(&self, customer: &str, subjects: &[String]) -> Result<usize, EraseFault> {
        let named: Vec<String> = std::iter::once(customer)
            .chain(subjects.iter().map(String::as_str))
            .map(str::to_owned)
            .collect();
        let (mut count, mut after) = (0, None);
        loop {
            let page = Page {
                after,
                limit: PARKED,
            };
            let listing = self.store.read(move |reader| reader.parked(page)).await?;
            for row in listing.items.iter().filter(|row| names(row, &named)) {
                let id = row.parked.parked_id.clone();
                let is_gone = self.store.write(move |desk| desk.parked_drop(&id)).await?;
                count += usize::from(is_gone);
            }
            after = listing.next;
            if after.is_none() {
                return Ok(count);
            }
        }
    }
}

/// Tells whether a parked message holds one of the ids as a text of its own; in what is no JSON,
/// anywhere.
fn names(row: &ParkedRow, ids: &[String]) -> bool {
    if let Ok(value) = serde_json::from_slice::<Value>(&row.parked.content) {
        return holds(&value, ids);
    }
    let text = String::from_utf8_lossy(&row.parked.content);
    ids.iter().any(|id| !id.is_empty() && text.contains(id))
}

fn holds(value: &Value, ids: &[String]) -> bool {
    match value {
        Value::String(text) => ids.contains(text),
        Value::Array(items) => items.iter().any(|item| holds(item, ids)),
        Value::Object(members) => members.values().any(|member| holds(member, ids)),
        Value::Number(number) => ids.contains(&number.to_string()),
        Value::Null | Value::Bool(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_found_as_a_whole_text_wherever_it_stands() {
        let ids = ["ada".to_owned(), "17".to_owned()];
        for found in [json!({"a": [{"id": "ada"}]}), json!({"id": 17})] {
            assert!(holds(&found, &ids), "{found}");
        }
        assert!(!holds(&json!({"ada": "adam", "n": 170}), &ids));
    }
}
