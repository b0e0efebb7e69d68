//! Everything that is asked of a definition before it is published: its form, whether its steps fit together
//! and what they name exists, and whether its scenarios hold.

use super::{
    scenarios::{self, hold},
    simulate::{Ground, Simulated},
};
use crate::{
    domain::procedure::{Definition, Fault, Weight},
    procedures::check::{self, Names},
};

/// What was found out about a definition.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The definition, where it could be read.
    pub definition: Option<Definition>,
    /// Everything wrong or doubtful, errors first.
    pub faults: Vec<Fault>,
    /// What came of its scenarios, by name.
    pub simulated: Vec<(String, Simulated)>,
}

impl Verified {
    /// Gives the definition where nothing is wrong with it.
    pub fn publishable(&self) -> Option<&Definition> {
        let is_good = self
            .faults
            .iter()
            .all(|fault| fault.severity == Weight::Warning);
        self.definition.as_ref().filter(|_| is_good)
    }
}

/// Looks at a definition as it was read.
pub fn verify(ground: &Ground<'_>, read: Result<Definition, Vec<Fault>>) -> Verified {
    let definition = match read {
        Ok(definition) => definition,
        Err(faults) => {
            return Verified {
                definition: None,
                faults,
                simulated: Vec::new(),
            };
        }
    };
    let settings = ground.settings;
    let names = Names {
        catalogue: &settings.catalogue,
        roles: &settings.directory.roles,
        has_mail: settings.notices.mail.is_some(),
    };
    let mut faults = check::check(&definition, &names);
    let scenarios::Held {
        faults: more,
        simulated,
    } = hold(ground, &definition);
    faults.extend(more);
    faults.sort_by_key(|fault| fault.severity);
    Verified {
        definition: Some(definition),
        faults,
        simulated,
    }
}
