//! A person is erased: what the state holds of them goes, and the erasure is on record.
//!
//! The event itself names nobody: who it is stands in memory alone, and in the audit log
//! as a salted hash whose value is deleted with the rest.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Case, Decide, Stop};

/// A person's conversation, or the erasure as a whole.
#[derive(Debug)]
pub struct CustomerErased {
    /// The person's id.
    pub customer: String,
    /// What was erased, for the record.
    pub effect: Map<String, Value>,
}

impl Decide for CustomerErased {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        let is_theirs = case.conversation().is_some_and(|conversation| {
            let id = conversation.customer_text("id");
            id.is_none_or(|id| id == self.customer)
        });
        if is_theirs {
            let conversation = case.conversation_mut();
            conversation.customer = Arc::default();
            conversation.attributes = Arc::default();
            conversation.analysis = Arc::default();
            conversation.choice.clear();
        }
        // What it has been told is blanked, so it has nothing to go on with.
        case.end_run("the person was erased")?;
        case.about(&self.customer);
        let mut effect = self.effect.clone();
        effect.insert("effect".to_owned(), "customer_erased".into());
        case.record(Value::Object(effect));
        Ok(())
    }
}
