//! What rules want to know of the past, loaded before they are asked.

use super::{Case, Stop};
use crate::domain::{facts::Facts, request::Request, world::Need};

impl Case<'_> {
    /// Fills in the histories that the rules declare which could fire for the facts.
    ///
    /// One that is too long to be read is left out: whatever rule reads it fails, and a gate that
    /// fails is no permission.
    pub(super) fn recall(&self, facts: &mut Facts) -> Result<(), Stop> {
        let needs = self.fill_in(facts);
        if needs.is_empty() {
            Ok(())
        } else {
            Err(Stop::Needs(needs))
        }
    }

    /// Fills in as far as the world reaches and gives what is missing.
    pub(super) fn fill_in(&self, facts: &mut Facts) -> Vec<Need> {
        let mut needs = Vec::new();
        let judged = facts.state.request.clone();
        for ask in self.policy.histories(facts) {
            match self.world.history(&ask) {
                Ok(recalled) => {
                    let known = judged.as_deref().and_then(|request| self.known(request));
                    let history = recalled.without(known);
                    let filled = history.map(|history| (ask.identity(), history));
                    facts.state.history.extend(filled);
                }
                Err(need) => needs.push(need),
            }
        }
        needs
    }

    /// Gives a request as the world has it, which is how it is counted.
    fn known(&self, request: &Request) -> Option<&Request> {
        let found = self.world.requests.get(&request.request_id)?;
        found.as_deref()
    }
}
