//! Everything that is asked of a definition before it is published: its form, whether its steps fit together
//! and what they name exists, and whether its scenarios hold.

use super::{
    scenarios::{self, hold},
    simulate::{Ground, Simulated},
};
use crate::{
    domain::procedure::{Definition, Fault, Weight, read::Malformed},
    procedures::{
        check,
        naming::{Names, naming},
    },
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

/// Checks whether the steps fit together and what they name exists: everything wrong or doubtful, errors first.
pub fn check(ground: &Ground<'_>, definition: &Definition) -> Vec<Fault> {
    check::check(definition, &names(ground))
}

fn names<'g>(ground: &Ground<'g>) -> Names<'g> {
    let settings = ground.settings;
    Names {
        catalogue: &settings.catalogue,
        roles: &settings.directory.roles,
        has_mail: settings.notices.mail.is_some(),
    }
}

/// Looks at a definition as it was read; where its form is wrong, also at what its other steps name.
pub fn verify(ground: &Ground<'_>, read: Result<Definition, Malformed>) -> Verified {
    let definition = match read {
        Ok(definition) => definition,
        Err(Malformed { mut faults, steps }) => {
            for (place, step) in &steps {
                faults.extend(naming(*place, step, &names(ground)));
            }
            return Verified {
                definition: None,
                faults,
                simulated: Vec::new(),
            };
        }
    };
    let mut faults = check(ground, &definition);
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

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, path::PathBuf};

    use super::*;
    use crate::{
        config::read_procedure_files,
        domain::{directory::Directory, time::Timestamp},
        policy::{Policy, Sources},
        workbench::cases::default_settings,
    };

    fn verified(text: &str) -> Verified {
        let policy = Policy::load(&Sources::default(), &Directory::default()).expect("empty");
        let settings = default_settings();
        let ground = Ground {
            policy: &policy,
            settings: &settings,
            now: Timestamp::parse("2026-01-05T09:00:00Z").expect("a time"),
        };
        verify(&ground, Definition::parse(text))
    }

    #[test]
    fn the_shipped_procedures_hold_by_scenarios_that_come_everywhere() {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("config/procedures");
        let files = read_procedure_files(&folder).expect("readable");
        let files: BTreeMap<String, String> = files.expect("a folder");
        assert_eq!(files.len(), 3);
        for (file, text) in files {
            let verified = verified(&text);
            let faults: Vec<String> = verified.faults.iter().map(ToString::to_string).collect();
            assert_eq!(faults, [""; 0], "{file}");
            assert!(!verified.simulated.is_empty(), "{file}");
        }
    }

    #[test]
    fn a_step_that_cannot_be_read_hides_nothing_that_the_others_name() {
        let text = "display_name: x\ntrigger_description: y\nsteps:\n  - { id: a, type: mesage, content: b }\n  - { id: m, type: internal_action, action: send_emial, params: {} }\n";
        let faults = verified(text).faults;
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(faults.join("\n"), @"
        /steps/0/type: there is no step of type `mesage` [PV-PROC-005]; did you mean `message`?
        /steps/1/action: there is no internal action `send_emial` [PV-PROC-016]; did you mean `send_email`?
        ");
    }

    #[test]
    fn what_is_wrong_stands_before_what_is_doubtful() {
        let text = "display_name: x\ntrigger_description: y\nsteps:\n  - { id: a, type: message, content: \"{{b}}\" }\n  - { id: m, type: internal_action, action: send_email, params: { to: x, subject: y, body: z } }\n";
        let verified = verified(text);
        assert!(verified.publishable().is_none());
        let faults: Vec<&str> = verified.faults.iter().map(|fault| fault.code).collect();
        assert_eq!(faults, ["PV-PROC-021", "PV-PROC-011"]);
    }
}
