//! The policy in force, and how another one comes into force.
//!
//! Rules, mappings, actions and integrations are one version under one hash. A load
//! compiles everything beside what is in force, runs the cases, and swaps it in
//! atomically; batches under way keep what they began with. Anything wrong with the
//! rules: the last good ones stay. An action or integration at fault keeps its last
//! form, the rest is swapped. `policy.rejected` says why. The sources of every version are kept in the
//! database, where the daemons beside this one find them.

use std::{
    collections::BTreeMap,
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::mappings::Mappings;
use crate::{
    config::{
        CatalogueSources, Config, ConfigFault, Env, Ground, read_catalogue, read_catalogue_over,
        read_procedure_files,
    },
    decide::Settings,
    domain::{
        action::Performer, catalogue::Catalogue, directory::Directory, ids::leading_16,
        time::Timestamp,
    },
    policy::{Fault, Policy, Severity, Sources},
    procedures::internal::action_names,
    workbench::{case_file, cases, simulate::tried_of},
};

/// The policy's folder cannot be read.
const UNREADABLE: &str = "PV-RULE-080";
/// Loading ended in a panic.
const PANICKED: &str = "PV-RULE-081";

/// The codes of this module with their remedies, for `provost explain`.
pub const CODES: &[(&str, &str)] = &[
    (
        UNREADABLE,
        "The folder of the policy or of the mappings cannot be read. Name it with PROVOST_RULES or `[policy] rules`, \
         and let the daemon's user read it.",
    ),
    (
        PANICKED,
        "Loading the policy ended in a defect of the program. Take back the newest change, and report it.",
    ),
];

/// Everything that decides, under one version.
#[derive(Debug)]
pub struct Ruling {
    /// The hash of all sources.
    pub version: Arc<str>,
    /// The rules.
    pub policy: Arc<Policy>,
    /// The inbound mappings.
    pub mappings: Arc<Mappings>,
    /// What actions and integrations were read from: the last good form of each.
    pub catalogue_sources: Arc<CatalogueSources>,
    /// What the configuration says about deciding.
    pub settings: Arc<Settings>,
}

/// What is in force now.
#[derive(Debug)]
pub struct InForce {
    ruling: ArcSwap<Ruling>,
}

impl InForce {
    /// Begins with a ruling.
    pub fn new(ruling: Ruling) -> Self {
        Self {
            ruling: ArcSwap::from_pointee(ruling),
        }
    }

    /// Gives what is in force; what is begun with it is ended with it.
    pub fn ruling(&self) -> Arc<Ruling> {
        self.ruling.load_full()
    }

    /// Puts another one in force.
    pub(super) fn swap(&self, ruling: Ruling) {
        self.ruling.store(Arc::new(ruling));
    }
}

fn unreadable(dir: &Path, error: &io::Error) -> Vec<Fault> {
    vec![Fault {
        code: UNREADABLE,
        severity: Severity::Error,
        file: dir.display().to_string(),
        line: 0,
        column: 0,
        message: format!("cannot read the folder: {error}"),
        hint: Some("name the folder with PROVOST_RULES or `[policy] rules`".to_owned()),
    }]
}

/// The sources of a version, as the database keeps them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// The rules, by path.
    pub rules: BTreeMap<String, String>,
    /// The mappings, by name.
    pub mappings: BTreeMap<String, String>,
    /// Actions and integrations.
    #[serde(flatten)]
    pub catalogue: CatalogueSources,
}

impl Bundle {
    /// Reads the folders: the policy's, and those below the configuration's.
    ///
    /// *Errors*: a fault that names the folder and what is wrong with it.
    pub fn read(rules: &Path, config: &Path) -> Result<Self, Vec<Fault>> {
        Ok(Self {
            rules: Sources::read(rules)
                .map_err(|error| unreadable(rules, &error))?
                .files,
            mappings: Mappings::sources(&config.join("mappings"))
                .map_err(|error| unreadable(config, &error))?,
            catalogue: CatalogueSources::read(config)
                .map_err(|error| unreadable(config, &error))?,
        })
    }

    /// Gives the hash over all sources. *Shape*: 16 hexadecimal digits.
    pub fn version(&self) -> String {
        let mut hash = Sha256::new();
        let of = |kind| move |(name, text)| (kind, name, text);
        let rules = self.rules.iter().map(of("rules"));
        let texts = rules
            .chain(self.mappings.iter().map(of("mappings")))
            .chain(self.catalogue.texts());
        for (kind, name, text) in texts {
            for part in [kind, name, text] {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part.as_bytes());
            }
        }
        format!("{:032x}", u128::from_be_bytes(leading_16(hash)))[..16].to_owned()
    }

    /// Compiles everything. *Errors*: all faults of the catalogue, else all faults of the policy.
    pub fn compile(&self, settings: Settings, folders: &Folders) -> Result<Ruling, ReloadFault> {
        let read = read_catalogue(&self.catalogue, &folders.ground(&settings));
        if read.faults.is_empty() {
            self.compile_with(settings, read.catalogue)
                .map_err(ReloadFault::Policy)
        } else {
            Err(ReloadFault::Config(read.faults))
        }
    }

    fn compile_with(
        &self,
        mut settings: Settings,
        catalogue: Catalogue,
    ) -> Result<Ruling, Vec<Fault>> {
        settings.directory.actions = action_names(&catalogue);
        settings.catalogue = Arc::new(catalogue);
        let sources = Sources {
            files: self.rules.clone(),
        };
        match (
            Policy::load(&sources, &settings.directory),
            Mappings::load(&self.mappings),
        ) {
            (Ok(policy), Ok(mappings)) => {
                let absent = absent_functions(&policy, &settings.catalogue);
                if !absent.is_empty() {
                    return Err(absent);
                }
                Ok(Ruling {
                    version: Arc::from(self.version()),
                    policy: Arc::new(policy),
                    mappings: Arc::new(mappings),
                    catalogue_sources: Arc::new(self.catalogue.clone()),
                    settings: Arc::new(settings),
                })
            }
            (policy, mappings) => {
                let mut faults = policy.err().unwrap_or_default();
                faults.extend(mappings.err().unwrap_or_default());
                Err(faults)
            }
        }
    }
}

/// Gives a fault for every action that is performed by a function which the policy lacks.
fn absent_functions(policy: &Policy, catalogue: &Catalogue) -> Vec<Fault> {
    let mut faults = Vec::new();
    for action in catalogue.actions.values() {
        if let Performer::Function(name) = &action.performer
            && !policy.has_function(name)
        {
            faults.push(policy.no_function(&action.name, name));
        }
    }
    faults
}

/// Where a ruling is read from.
#[derive(Clone, Debug)]
pub struct Folders {
    /// The configuration's folder.
    pub config: PathBuf,
    /// The policy's folder.
    pub rules: PathBuf,
    /// The environment that the process was started with.
    pub env: Env,
}

/// Why a ruling was not read.
#[derive(Clone, Debug)]
pub enum ReloadFault {
    /// The configuration is at fault.
    Config(Vec<ConfigFault>),
    /// The policy is at fault.
    Policy(Vec<Fault>),
}

impl Folders {
    /// Reads and compiles what stands in the folders, and runs the cases beside the rules. An action
    /// or integration at fault keeps its form of `last`; its faults come along.
    ///
    /// *Errors*: the faults of the configuration, else of the policy, and the cases that fail.
    pub fn read_tested(
        &self,
        last: &CatalogueSources,
        now: Timestamp,
    ) -> Result<Reloaded, ReloadFault> {
        let (settings, mut bundle) = self.sources()?;
        let ground = self.ground(&settings);
        let (catalogue, read) = read_catalogue_over(last, bundle.catalogue, &ground);
        bundle.catalogue = catalogue;
        let ruling = bundle
            .compile_with(settings, read.catalogue)
            .map_err(ReloadFault::Policy)?;
        let mut faults = ruling.policy.check_at(now);
        faults.extend(self.failing_cases(&ruling));
        if !faults.is_empty() {
            return Err(ReloadFault::Policy(faults));
        }
        Ok(Reloaded {
            bundle,
            ruling,
            held: read.faults,
        })
    }

    /// Runs the cases beside the rules; gives those that fail.
    pub fn failing_cases(&self, ruling: &Ruling) -> Vec<Fault> {
        match case_file::read_folder(&self.rules) {
            Ok(files) => {
                let folder = self.config.join("procedures");
                // What cannot be read is told where it is published.
                let said = read_procedure_files(&folder).ok().flatten();
                let under = cases::Under {
                    policy: &ruling.policy,
                    settings: &ruling.settings,
                    procedures: &tried_of(&said.unwrap_or_default()),
                };
                cases::run_all(&under, &files, None).faults()
            }
            Err(error) => unreadable(&self.rules, &error),
        }
    }

    /// Reads and compiles what stands in the folders, people and teams included.
    ///
    /// *Errors*: every fault of the configuration, else every fault of the policy, as things stand now.
    pub fn read(&self, now: Timestamp) -> Result<(Bundle, Ruling), ReloadFault> {
        let (settings, bundle) = self.sources()?;
        let ruling = bundle.compile(settings, self)?;
        let faults = ruling.policy.check_at(now);
        if !faults.is_empty() {
            return Err(ReloadFault::Policy(faults));
        }
        Ok((bundle, ruling))
    }

    fn sources(&self) -> Result<(Settings, Bundle), ReloadFault> {
        let config = Config::load(&self.config, &self.env)
            .map_err(ReloadFault::Config)?
            .config;
        let bundle = Bundle::read(&self.rules, &self.config).map_err(ReloadFault::Policy)?;
        Ok((settings(&config), bundle))
    }

    fn ground<'a>(&'a self, settings: &'a Settings) -> Ground<'a> {
        Ground {
            env: &self.env,
            folder: &self.config,
            roles: &settings.directory.roles,
        }
    }
}

/// What a reload read.
#[derive(Debug)]
pub struct Reloaded {
    /// The sources in force, each in its last good form.
    pub bundle: Bundle,
    /// What they make.
    pub ruling: Ruling,
    /// The faults of the actions and integrations that kept their last form.
    pub held: Vec<ConfigFault>,
}

/// Gives what the configuration says about deciding.
pub fn settings(config: &Config) -> Settings {
    let directory: Directory = config.directory();
    Settings {
        source: config.source.clone(),
        conversation_url: config.conversation_url.clone(),
        resolved_message: config.tickets.resolved_message.clone(),
        directory,
        catalogue: Arc::default(),
        notices: Arc::clone(&config.notices),
        procedures: config.procedures.clone(),
        names_others: config.names_others(),
    }
}

impl ReloadFault {
    /// Makes a fault of a load that ended in a panic, which is a defect.
    pub(super) fn of_panic(text: &str) -> Self {
        Self::Policy(vec![Fault {
            code: PANICKED,
            severity: Severity::Error,
            file: String::new(),
            line: 0,
            column: 0,
            message: format!("loading the policy failed: {text}"),
            hint: None,
        }])
    }

    /// Gives the faults as `[{file, line, column, message, code, hint?}]`.
    pub fn to_json(&self) -> Vec<Value> {
        match self {
            Self::Config(faults) => faults
                .iter()
                .map(|fault| {
                    json!({
                        "code": fault.code, "file": fault.file, "line": fault.line, "column": fault.column,
                        "key": fault.key, "message": fault.message, "hint": fault.hint,
                    })
                })
                .collect(),
            Self::Policy(faults) => faults
                .iter()
                .map(|fault| {
                    json!({
                        "code": fault.code, "file": fault.file, "line": fault.line, "column": fault.column,
                        "message": fault.message, "hint": fault.hint,
                    })
                })
                .collect(),
        }
    }
}

impl fmt::Display for ReloadFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, count) = match self {
            Self::Config(faults) => (faults.first().map(ToString::to_string), faults.len()),
            Self::Policy(faults) => (faults.first().map(ToString::to_string), faults.len()),
        };
        write!(f, "{}", first.unwrap_or_default())?;
        if count > 1 {
            write!(f, " (and {} more)", count - 1)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_refused_once_a_calendar_of_it_is_over() {
        let name = format!("provost-reload-{}", std::process::id());
        let place = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&place).expect("a temporary folder");
        let rule = r#"calendar("over", #{ timezone: "UTC", hours: #{ daily: [] }, overrides: #{ "2026-12-24": ["09:00-12:00"] } });"#;
        std::fs::write(place.join("a.rhai"), rule).expect("a temporary file");
        let folders = Folders {
            config: place.join("config"),
            rules: place.clone(),
            env: Env::default(),
        };
        let last = CatalogueSources::default();
        let loads = |time: &str| {
            let now = Timestamp::parse(time).expect("RFC 3339");
            let (read, tested) = (folders.read(now).map(drop), folders.read_tested(&last, now));
            [read, tested.map(drop)].map(|loaded| loaded.map_err(|fault| fault.to_string()))
        };
        assert_eq!(loads("2026-01-01T00:00:00Z"), [Ok(()), Ok(())]);
        for refused in loads("2027-01-01T00:00:00Z") {
            let said = refused.expect_err("it never opens again");
            assert!(said.contains("has no open time in the 366 days"), "{said}");
        }
        let _ = std::fs::remove_dir_all(&place);
    }

    #[test]
    fn the_version_follows_names_and_texts_of_rules_and_mappings() {
        let one = |name: &str, text: &str| BTreeMap::from([(name.to_owned(), text.to_owned())]);
        let version = |rules, mappings| {
            let bundle = Bundle {
                rules,
                mappings,
                ..Bundle::default()
            };
            bundle.version()
        };
        let plain = version(one("a.rhai", "1"), BTreeMap::new());
        assert_eq!(plain, version(one("a.rhai", "1"), BTreeMap::new()));
        assert_eq!(plain.len(), 16);
        for other in [
            version(one("a.rhai", "2"), BTreeMap::new()),
            version(one("b.rhai", "1"), BTreeMap::new()),
            version(one("a.rhai", "1"), one("rasa", "1")),
            version(BTreeMap::new(), one("a.rhai", "1")),
        ] {
            assert_ne!(plain, other);
        }
    }
}
