//! The catalogue: every action and every integration, as they stand together.
//!
//! One version with the policy. Made by `crate::config`, which checks that what one
//! names the other has.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    action::{Action, Performer},
    integration::Integration,
};

/// Actions and integrations by name.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// What may be asked for.
    pub actions: BTreeMap<String, Arc<Action>>,
    /// What is reached for it.
    pub integrations: BTreeMap<String, Arc<Integration>>,
}

impl Catalogue {
    /// Gives the integration and operation that perform an action, if one does.
    pub fn operation_of(&self, action: &Action) -> Option<(&Arc<Integration>, String)> {
        match &action.performer {
            Performer::Operation {
                integration,
                operation,
            } => Some((self.integrations.get(integration)?, operation.clone())),
            Performer::Address
            | Performer::BuiltIn(_)
            | Performer::Function(_)
            | Performer::Workflow(_) => None,
        }
    }
}
