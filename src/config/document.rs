//! The file being read, and every fault that was found on the way.
//!
//! Sections ask for their keys; what nobody asked for is unknown. Nothing ends the
//! reading, so that one start shows all faults. Used by the sections only.

use std::{cell::RefCell, collections::BTreeSet, ops::Range, path::Path};

use super::{
    env::Env,
    fault::{self, ConfigFault, Place},
};
use crate::domain::nearest::did_you_mean;

/// The file being read, with what its values may refer to.
pub(super) struct Document<'a> {
    /// As shown in faults.
    pub(super) file: String,
    pub(super) text: &'a str,
    pub(super) env: &'a Env,
    /// The configuration's folder.
    pub(super) folder: &'a Path,
    pub(super) faults: RefCell<Vec<ConfigFault>>,
    pub(super) warnings: RefCell<Vec<ConfigFault>>,
    /// The dotted path of every key that a section asked for.
    pub(super) known: RefCell<BTreeSet<String>>,
    pub(super) strangers: RefCell<Vec<Stranger>>,
}

/// A key that its section did not ask for.
pub(super) struct Stranger {
    pub(super) place: Place,
    pub(super) name: String,
    pub(super) section: String,
    pub(super) neighbours: Vec<&'static str>,
}

impl<'a> Document<'a> {
    pub(super) fn new(file: String, text: &'a str, env: &'a Env, folder: &'a Path) -> Self {
        Self {
            file,
            text,
            env,
            folder,
            faults: RefCell::default(),
            warnings: RefCell::default(),
            known: RefCell::default(),
            strangers: RefCell::default(),
        }
    }

    /// Reports a fault.
    pub(super) fn report(&self, fault: ConfigFault) {
        self.faults.borrow_mut().push(fault);
    }

    /// Reports something that does not stop the start.
    pub(super) fn warn(&self, warning: ConfigFault) {
        self.warnings.borrow_mut().push(warning);
    }

    /// Gives the place of a byte range of the text.
    pub(super) fn place(&self, span: &Range<usize>, key: &str) -> Place {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Place {
            file: self.file.clone(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            key: key.to_owned(),
        }
    }

    /// Reports the keys that no section asked for, now that all known ones are.
    pub(super) fn report_strangers(&self) {
        let known = self.known.borrow();
        for stranger in self.strangers.take() {
            let elsewhere = |name: &str| {
                known
                    .iter()
                    .find(|path| path.rsplit('.').next() == Some(name))
                    .map(|path| format!("`{path}` is known"))
            };
            let hint = did_you_mean(&stranger.name, stranger.neighbours.iter().copied())
                .or_else(|| elsewhere(&stranger.name));
            let message = if stranger.section.is_empty() {
                format!("unknown key `{}`", stranger.name)
            } else {
                format!("unknown key `{}` in `{}`", stranger.name, stranger.section)
            };
            self.report(stranger.place.fault(fault::UNKNOWN_KEY, message, hint));
        }
    }
}
