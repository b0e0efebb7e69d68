//! `[policy]`: where the rules are.
//!
//! Only the folder and when to look at it; what the rules say is no configuration.
//! Read by `root`.

use std::path::PathBuf;

use super::{env, section::Section};

/// `[policy]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicySection {
    /// The folder; `PROVOST_RULES` wins.
    pub rules: PathBuf,
    /// Whether a change in the folder reloads it.
    pub watch: bool,
    /// A second folder that decides without effect; from a later release.
    pub shadow: Option<PathBuf>,
}

impl Default for PolicySection {
    fn default() -> Self {
        Self {
            rules: PathBuf::from("rules"),
            watch: true,
            shadow: None,
        }
    }
}

impl PolicySection {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        let rules = match section.text_or_variable("rules", env::RULES, false) {
            Some(found) if found.value.is_empty() => {
                section.bad(&found.place, "names no folder", None);
                default.rules
            }
            Some(found) => PathBuf::from(found.value),
            None => default.rules,
        };
        let read = Self {
            rules,
            watch: section.flag("watch", default.watch),
            shadow: section
                .text("shadow")
                .map(|found| PathBuf::from(found.value)),
        };
        section.end();
        read
    }
}
