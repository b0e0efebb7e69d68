//! Versions: a definition as it is kept, and all that is published at the moment.
//!
//! A procedure has one draft, number 0, which people change, and numbered versions, which nobody does: at most
//! one of them is active. A run ends on the version that it began with, whatever is published meanwhile, unless
//! that version is stopped.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, OnceLock},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Definition, lexical::Triggers, read::Malformed};
use crate::domain::{nearest::did_you_mean, time::Timestamp};

/// The number of a draft.
pub const DRAFT: i64 = 0;

/// A definition as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Version {
    /// The procedure.
    pub slug: String,
    /// From 1; [`DRAFT`] for the draft.
    pub version: i64,
    /// Where it stands.
    pub stage: Stage,
    /// Where it comes from.
    pub source: Source,
    /// The definition, as it was written.
    pub definition: Value,
    /// When it last changed.
    pub changed_at: Timestamp,
    /// Who changed it: `kind:id`.
    pub changed_by: String,
    /// Why it was stopped: no run begins or goes on with it then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
}

/// Where a version stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Is being written.
    Draft,
    /// Runs begin with it.
    Active,
    /// No run begins with it any more.
    Archived,
}

/// Where a definition comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// It was written over the API.
    Api,
    /// A file below `procedures/` says it, and nothing else may.
    File(String),
}

impl Stage {
    /// Gives the wire name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Active => "active",
            Self::Archived => "archived",
        }
    }
}

/// A version with its definition, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Published {
    /// As it is kept.
    pub version: Version,
    /// What it says.
    pub definition: Definition,
}

impl Published {
    /// Reads what a version says.
    ///
    /// *Errors*: everything that is wrong with it; what was published was read before.
    pub fn read(version: Version) -> Result<Self, Malformed> {
        let definition = Definition::read(version.definition.clone())?;
        Ok(Self {
            version,
            definition,
        })
    }
}

/// All that is published at the moment.
#[derive(Clone, Debug, Default)]
pub struct Procedures {
    /// The position in the history of the newest change.
    pub changed: i64,
    /// What runs begin with, by slug.
    pub active: BTreeMap<String, Arc<Published>>,
    /// The newest number of each slug; 0 where there is a draft alone.
    pub newest: BTreeMap<String, i64>,
    /// The versions that were stopped, each with why.
    pub stopped: BTreeMap<(String, i64), String>,
    /// The slugs whose active version a file says.
    pub of_files: BTreeSet<String>,
    triggers: OnceLock<Triggers>,
}

impl Procedures {
    /// Begins with nothing, as of a position.
    pub fn at(changed: i64) -> Self {
        Self {
            changed,
            ..Self::default()
        }
    }

    /// Gives what a run of a slug begins with.
    ///
    /// *Errors*: why none does, in words.
    pub fn find(&self, slug: &str) -> Result<&Arc<Published>, String> {
        let Some(found) = self.active.get(slug) else {
            let hint = did_you_mean(slug, self.active.keys().map(String::as_str));
            let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
            return Err(format!("no procedure `{slug}` is active{hint}"));
        };
        match self.why_stopped(slug, found.version.version) {
            Some(why) => Err(format!("`{slug}` is stopped: {why}")),
            None => Ok(found),
        }
    }

    /// Gives what the triggers of the active procedures are found by.
    pub fn triggers(&self) -> &Triggers {
        self.triggers.get_or_init(|| {
            let active = self.active.iter();
            Triggers::of(active.map(|(slug, published)| {
                let definition = &published.definition;
                let description = definition.trigger_description.as_str();
                (slug.as_str(), definition.display_name.as_str(), description)
            }))
        })
    }

    /// Tells why a version was stopped, if it was.
    pub fn why_stopped(&self, slug: &str, version: i64) -> Option<&str> {
        let why = self.stopped.get(&(slug.to_owned(), version));
        why.map(String::as_str)
    }

    /// Knows that a version is there, whatever it says.
    pub fn count(&mut self, version: &Version) {
        let newest = self.newest.entry(version.slug.clone()).or_default();
        *newest = (*newest).max(version.version);
    }

    /// Takes in a version that was read or has changed.
    pub fn put(&mut self, published: &Arc<Published>) {
        let Version {
            slug,
            version,
            stage,
            source,
            stopped,
            ..
        } = &published.version;
        self.triggers = OnceLock::new();
        self.count(&published.version);
        let place = (slug.clone(), *version);
        match stopped {
            Some(why) => drop(self.stopped.insert(place, why.clone())),
            None => drop(self.stopped.remove(&place)),
        }
        let is_known = |known: &Arc<Published>| known.version.version == *version;
        if *stage == Stage::Active {
            self.active.insert(slug.clone(), Arc::clone(published));
            if matches!(source, Source::File(_)) {
                self.of_files.insert(slug.clone());
            } else {
                self.of_files.remove(slug);
            }
        } else if self.active.get(slug).is_some_and(is_known) {
            self.active.remove(slug);
            self.of_files.remove(slug);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn published(version: i64, stage: Stage) -> Arc<Published> {
        let version = Version {
            slug: "refund".to_owned(),
            version,
            stage,
            source: Source::Api,
            definition: json!({
                "display_name": "Refund", "trigger_description": "When a refund is wanted",
                "steps": [{"id": "a", "type": "message", "content": "x"}],
            }),
            changed_at: Timestamp::default(),
            changed_by: "agent:dana".to_owned(),
            stopped: None,
        };
        Arc::new(Published::read(version).expect("valid"))
    }

    #[test]
    fn one_version_is_active_and_a_stopped_one_begins_no_run() {
        let mut all = Procedures::default();
        all.put(&published(0, Stage::Draft));
        assert!(all.find("refund").is_err());
        all.put(&published(1, Stage::Active));
        all.put(&published(1, Stage::Archived));
        all.put(&published(2, Stage::Active));
        assert_eq!(all.find("refund").map(|found| found.version.version), Ok(2));
        assert_eq!(all.newest["refund"], 2);
        assert_eq!(
            all.find("refnd").expect_err("unknown"),
            "no procedure `refnd` is active; did you mean `refund`?"
        );
        let mut stopped = (*published(2, Stage::Active)).clone();
        stopped.version.stopped = Some("it pays twice".to_owned());
        all.put(&Arc::new(stopped));
        assert_eq!(
            all.find("refund").expect_err("stopped"),
            "`refund` is stopped: it pays twice"
        );
    }
}
