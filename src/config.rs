//! The configuration: `config/provost.toml`, one file a section, every key with a default.
//!
//! Environment variables win over the file (contract, *Running it*). Loading
//! reports every fault at once, with file, line, column and key, and the nearest
//! right spelling. Defaults and checks of a section stand in its own file; what
//! sections have in common is `document` (reading), `fault` (reporting) and
//! `secret` (references). Loaded by `crate::cli`, handed on by `crate::daemon`.

mod actions;
mod address;
mod audit;
mod broker;
mod catalogue;
mod channels;
mod database;
mod directory;
mod document;
mod env;
mod fault;
mod http;
mod intake;
mod integrations;
mod json;
mod limits;
mod notices;
mod outbound;
mod policy;
mod probe;
mod procedures;
mod retention;
mod roles;
mod root;
mod secret;
mod section;
mod texts;
mod tickets;
mod values;

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use toml::de::DeTable;

pub use self::{
    audit::Audit,
    broker::{Broker, Queue},
    catalogue::{
        ACTION_SCHEMA, CatalogueSources, Ground, INTEGRATION_SCHEMA, LoadedCatalogue,
        read_catalogue, read_catalogue_over,
    },
    database::Database,
    env::Env,
    fault::{CODES, ConfigFault},
    http::Http,
    intake::{BUILT_IN_MAPPINGS, Intake},
    limits::Limits,
    outbound::Outbound,
    policy::PolicySection,
    procedures::read_procedure_files,
    retention::Retention,
    texts::read_texts,
    tickets::Tickets,
};
use self::{document::Document, fault::Place};
use crate::domain::{
    access::Roles,
    channel::Notices,
    directory::{Directory, Person, Team},
    procedure::Conduct,
    time::Span,
};

/// The file within the configuration's folder.
pub const FILE: &str = "provost.toml";

/// Everything that can be configured in `provost.toml`.
#[derive(Clone, Debug)]
pub struct Config {
    /// `source` of what Provost publishes.
    pub source: String,
    /// The name of this daemon among those on one database; default: the host's name and the HTTP port.
    pub instance: String,
    /// The template of a ticket's link, with `{{conversation_id}}`; empty: no link.
    pub conversation_url: String,
    /// The filter of the log; `PROVOST_LOG` wins.
    pub log: String,
    /// How long SIGTERM may take to finish what has begun.
    pub shutdown_timeout: Span,
    /// `[database]`
    pub database: Database,
    /// `[broker]`
    pub broker: Broker,
    /// `[[queues]]`: inbound queues besides the default inbox.
    pub queues: Vec<Queue>,
    /// `[http]`
    pub http: Http,
    /// `[intake.NAME]`: HTTP intakes with a mapping.
    pub intake: BTreeMap<String, Intake>,
    /// `[limits]`
    pub limits: Limits,
    /// `[policy]`
    pub policy: PolicySection,
    /// `[retention]`
    pub retention: Retention,
    /// `[roles.NAME]`, over the built-in ones.
    pub roles: Roles,
    /// `[people.NAME]`; without people and teams: the person `owner` and the team `support`.
    pub people: BTreeMap<String, Person>,
    /// `[teams.NAME]`
    pub teams: BTreeMap<String, Team>,
    /// `[channels.NAME]` and `[notices]`
    pub notices: Arc<Notices>,
    /// `[outbound]`
    pub outbound: Outbound,
    /// `[audit]`
    pub audit: Audit,
    /// `[tickets]`
    pub tickets: Tickets,
    /// `[procedures]`
    pub procedures: Conduct,
}

/// A configuration that was read without a fault.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What is in force.
    pub config: Config,
    /// What does not stop the start, in the order of the file.
    pub warnings: Vec<ConfigFault>,
    /// The file that was read; `None` when there is none and defaults are in force.
    pub file: Option<PathBuf>,
}

impl Config {
    /// Reads `dir/provost.toml`; an absent folder or file means the defaults.
    ///
    /// *Errors*: every fault of the file and of the environment, in the order of the file.
    pub fn load(dir: &Path, env: &Env) -> Result<Loaded, Vec<ConfigFault>> {
        let path = dir.join(FILE);
        let (text, file) = match fs::read_to_string(&path) {
            Ok(text) => (text, Some(path.clone())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => (String::new(), None),
            Err(error) => {
                let place = Place {
                    file: path.display().to_string(),
                    line: 0,
                    column: 0,
                    key: String::new(),
                };
                let message = format!("cannot read the file: {error}");
                return Err(vec![place.fault(fault::UNREADABLE, message, None)]);
            }
        };
        let document = Document::new(path.display().to_string(), &text, env, dir);
        let config = read(&document);
        let sorted = |mut faults: Vec<ConfigFault>| {
            faults.sort_by_key(|fault| (fault.line, fault.column));
            faults
        };
        let faults = document.faults.take();
        if !faults.is_empty() {
            return Err(sorted(faults));
        }
        Ok(Loaded {
            config,
            warnings: sorted(document.warnings.take()),
            file,
        })
    }

    /// Gives everybody and everything that the policy may name.
    pub fn directory(&self) -> Directory {
        Directory {
            people: self.people.clone(),
            teams: self.teams.clone(),
            channels: self.notices.channels.keys().cloned().collect(),
            roles: self.roles.clone(),
            actions: std::collections::BTreeSet::new(),
        }
    }

    /// Tells whether some queue or intake may name people whom nothing here knows.
    pub fn names_others(&self) -> bool {
        let has_broker = !self.broker.urls().is_empty();
        let by_queue = self.broker.trust_actor || self.queues.iter().any(|queue| queue.trust_actor);
        (has_broker && by_queue) || self.intake.values().any(|intake| intake.trust_actor)
    }

    /// Gives a URL, or several separated by commas, with its passwords hidden: the form to log and show.
    pub fn redacted_url(url: &str) -> String {
        secret::redact(url)
    }
}

/// What is in force with an empty folder and an empty environment.
impl Default for Config {
    fn default() -> Self {
        let env = Env::default();
        let document = Document::new(FILE.to_owned(), "", &env, Path::new(""));
        read(&document)
    }
}

/// Reads the whole document; faults gather in it.
fn read(document: &Document<'_>) -> Config {
    let (table, errors) = DeTable::parse_recoverable(document.text);
    let config = root::read(document, table.get_ref());
    document.report_strangers();
    let syntax: Vec<ConfigFault> = errors
        .iter()
        .map(|error| not_toml(document, error))
        .collect();
    if let Some(first) = syntax.iter().map(|fault| fault.line).min() {
        // What stands behind a syntax error, and whether anything is absent, is guesswork.
        let mut faults = document.faults.borrow_mut();
        faults.retain(|fault| fault.line < first && fault.is_about_what_stands_there());
        faults.extend(syntax);
    }
    config
}

fn not_toml(document: &Document<'_>, error: &toml::de::Error) -> ConfigFault {
    let place = document.place(&error.span().unwrap_or(0..0), "");
    let message = format!("not TOML: {}", error.message().replace('\n', "; "));
    place.fault(fault::SYNTAX, message, None)
}

#[cfg(test)]
mod tests;
