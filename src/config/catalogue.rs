//! The catalogue's files: `actions/*.toml` and `integrations/*.toml`, read one by one
//! and checked against one another.
//!
//! A file in error does not spoil the others: its faults are told, and the caller
//! decides whether to refuse the whole (at the start) or to keep that file's last
//! good form (at a reload).

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::Path,
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use toml::de::DeTable;

use super::{
    ConfigFault, Env, actions,
    document::Document,
    fault::{self, Place},
    integrations,
    section::Section,
    texts::read_texts,
};
use crate::domain::{
    access::Roles,
    action::{Action, Performer},
    catalogue::Catalogue,
    integration::Integration,
    nearest::did_you_mean,
    template::Template,
};

/// What every template may name besides the action's parameters.
const ALWAYS_THERE: [&str; 5] = ["actor", "conversation", "customer", "request", "request_id"];

/// The JSON Schema of `actions/*.toml`.
pub const ACTION_SCHEMA: &str = include_str!("action.schema.json");
/// The JSON Schema of `integrations/*.toml`.
pub const INTEGRATION_SCHEMA: &str = include_str!("integration.schema.json");

/// The texts of the catalogue, by the files' names without their ending.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogueSources {
    /// `actions/*.toml`
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub actions: BTreeMap<String, String>,
    /// `integrations/*.toml`
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub integrations: BTreeMap<String, String>,
}

impl CatalogueSources {
    /// Reads both folders below the configuration's; an absent one is empty.
    ///
    /// *Errors*: when a folder or file is there and cannot be read.
    pub fn read(config: &Path) -> io::Result<Self> {
        Ok(Self {
            actions: read_texts(&config.join("actions"), "toml")?,
            integrations: read_texts(&config.join("integrations"), "toml")?,
        })
    }

    /// Gives every text with its kind and name, in a fixed order.
    pub fn texts(&self) -> impl Iterator<Item = (&'static str, &String, &String)> {
        let of = |kind| move |(name, text)| (kind, name, text);
        let actions = self.actions.iter().map(of("actions"));
        actions.chain(self.integrations.iter().map(of("integrations")))
    }

    /// Puts a file's last form in its place, or takes it out where that is no other one.
    fn fall_back(&mut self, file: &str, last: &Self) {
        let (kind, name) = file.split_once('/').unwrap_or_default();
        let name = name.strip_suffix(".toml").unwrap_or(name);
        let (texts, before) = match kind {
            "actions" => (&mut self.actions, last.actions.get(name)),
            _ => (&mut self.integrations, last.integrations.get(name)),
        };
        match before.filter(|before| texts.get(name) != Some(*before)) {
            Some(before) => texts.insert(name.to_owned(), before.clone()),
            None => texts.remove(name),
        };
    }
}

/// What the catalogue's files may refer to.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'a> {
    /// The environment that the process was started with.
    pub env: &'a Env,
    /// The configuration's folder, where references to files begin.
    pub folder: &'a Path,
    /// The roles that there are.
    pub roles: &'a Roles,
}

/// Makes a catalogue of new sources in which every file at fault keeps its last good form, or is
/// left out where it had none.
///
/// *Shape*: what is in force, its catalogue, and the faults of the files that were not taken.
pub fn read_catalogue_over(
    last: &CatalogueSources,
    mut sources: CatalogueSources,
    ground: &Ground<'_>,
) -> (CatalogueSources, LoadedCatalogue) {
    let mut faults: Vec<ConfigFault> = Vec::new();
    loop {
        let mut loaded = read_catalogue(&sources, ground);
        let at_fault: BTreeSet<String> = loaded
            .faults
            .iter()
            .map(|fault| fault.file.clone())
            .collect();
        let told: BTreeSet<String> = faults.iter().map(|fault| fault.file.clone()).collect();
        let new = loaded
            .faults
            .iter()
            .filter(|fault| !told.contains(&fault.file));
        faults.extend(new.cloned());
        if at_fault.is_empty() {
            loaded.faults = faults;
            return (sources, loaded);
        }
        // A file changes at most twice, to its last form and to none: this comes to an end.
        for file in at_fault {
            sources.fall_back(&file, last);
        }
    }
}

/// What was read of the catalogue.
#[derive(Debug, Default)]
pub struct LoadedCatalogue {
    /// What is without fault.
    pub catalogue: Catalogue,
    /// What is wrong, by file and line.
    pub faults: Vec<ConfigFault>,
    /// What looks wrong and stops nothing.
    pub warnings: Vec<ConfigFault>,
}

/// Reads the catalogue of these sources.
pub fn read_catalogue(sources: &CatalogueSources, ground: &Ground<'_>) -> LoadedCatalogue {
    let mut loaded = LoadedCatalogue::default();
    let mut bad = BTreeSet::new();
    for (name, text) in &sources.integrations {
        let document = open("integrations", name, text, ground);
        let read = read_file(&document, |section| {
            integrations::read_integration(section, name)
        });
        if let (true, Some(read)) = (loaded.take(&document), read) {
            let integrations = &mut loaded.catalogue.integrations;
            integrations.insert(name.clone(), Arc::new(read.value));
        }
    }
    let mut places: BTreeMap<String, Places> = BTreeMap::new();
    for (name, text) in &sources.actions {
        let document = open("actions", name, text, ground);
        let read = read_file(&document, |section| actions::read_action(section, name));
        let is_good = loaded.take(&document);
        let Some(read) = read else { continue };
        let action = read.value;
        if let Some(other) = places.get(&action.name) {
            let message = format!(
                "the action `{}` stands in `{}` too",
                action.name, other.file.file
            );
            let fault = read
                .places
                .of("name")
                .fault(fault::BAD_VALUE, message, None);
            loaded.faults.push(fault);
            continue;
        }
        if !is_good {
            bad.insert(action.name.clone());
        }
        places.insert(action.name.clone(), read.places);
        let actions = &mut loaded.catalogue.actions;
        actions.insert(action.name.clone(), Arc::new(action));
    }
    check(&mut loaded, &places, sources, ground.roles, bad);
    loaded
        .faults
        .sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    loaded
}

fn open<'a>(kind: &str, name: &str, text: &'a str, ground: &Ground<'a>) -> Document<'a> {
    let file = format!("{kind}/{name}.toml");
    Document::new(file, text, ground.env, ground.folder)
}

/// One file as it was read, right or wrong.
struct Read<T> {
    value: T,
    places: Places,
}

/// Where the keys of a file stand.
struct Places {
    file: Place,
    keys: BTreeMap<String, Place>,
}

impl Places {
    /// Gives the place of a key, or of the key that it stands below.
    fn of(&self, key: &str) -> Place {
        let outermost = key.split('.').next().unwrap_or_default();
        let found = self.keys.get(outermost).unwrap_or(&self.file);
        Place {
            key: key.to_owned(),
            ..found.clone()
        }
    }
}

/// Reads one file; `None` when it is not TOML. What is wrong with it gathers in the document.
fn read_file<T>(
    document: &Document<'_>,
    read: impl for<'s> FnOnce(Section<'s>) -> T,
) -> Option<Read<T>> {
    let (table, errors) = DeTable::parse_recoverable(document.text);
    if let Some(error) = errors.first() {
        document.report(super::not_toml(document, error));
        return None;
    }
    let keys = table.get_ref().iter().map(|(name, value)| {
        let place = document.place(&value.span(), name.get_ref());
        (name.get_ref().to_string(), place)
    });
    let places = Places {
        file: document.place(&(0..0), ""),
        keys: keys.collect(),
    };
    let value = read(Section::root(document, table.get_ref()));
    document.report_strangers();
    Some(Read { value, places })
}

impl LoadedCatalogue {
    /// Takes what was said of a file; tells whether it is without fault.
    fn take(&mut self, document: &Document<'_>) -> bool {
        let faults = document.faults.take();
        self.warnings.extend(document.warnings.take());
        let is_good = faults.is_empty();
        self.faults.extend(faults);
        is_good
    }
}

/// Checks what actions name elsewhere; an action at fault is not in the catalogue.
fn check(
    loaded: &mut LoadedCatalogue,
    places: &BTreeMap<String, Places>,
    sources: &CatalogueSources,
    roles: &Roles,
    mut bad: BTreeSet<String>,
) {
    let mut faults = Vec::new();
    for (name, action) in &loaded.catalogue.actions {
        let mut report = |key: &str, message: String, hint: Option<String>| {
            let said = format!("`{key}` {message}");
            let place = places[name].of(key);
            faults.push(place.fault(fault::UNKNOWN_NAME, said, hint));
            bad.insert(name.clone());
        };
        check_roles(action, roles, &mut report);
        check_params(action, &mut report);
        check_texts(action, &mut report);
        check_operation(action, &loaded.catalogue, sources, &mut report);
        check_reversal(action, &loaded.catalogue, sources, &mut report);
        probes::check_probe(action, &loaded.catalogue, &mut report);
    }
    loaded.faults.extend(faults);
    for name in bad {
        loaded.catalogue.actions.remove(&name);
    }
}

type Report<'r> = dyn FnMut(&str, String, Option<String>) + 'r;

fn check_roles(action: &Action, roles: &Roles, report: &mut Report<'_>) {
    for (key, named) in [("allow", &action.allow), ("approvers", &action.approvers)] {
        for role in named.iter().filter(|role| !roles.0.contains_key(*role)) {
            let hint = did_you_mean(role, roles.0.keys().map(String::as_str));
            report(
                key,
                format!("names the role `{role}`, which nothing defines"),
                hint,
            );
        }
    }
}

/// Checks that no parameter has the name of what templates find besides.
fn check_params(action: &Action, report: &mut Report<'_>) {
    for name in action
        .param_names()
        .filter(|name| ALWAYS_THERE.contains(name))
    {
        report(
            "params",
            format!("have `{name}`, a name that templates have for something else"),
            Some(format!("call it `{name}_given`, or whatever it is")),
        );
    }
}

/// Checks that what is said to the customer finds what it names. What is said of an answer may name
/// what only the answer brings.
fn check_texts(action: &Action, report: &mut Report<'_>) {
    let say = &action.say;
    let texts = [
        ("confirmation", &action.confirmation),
        ("say.failed", &say.failed),
        ("say.denied", &say.denied),
        ("say.waiting", &say.waiting),
        ("say.unknown", &say.unknown),
    ];
    let params: Vec<&str> = action.param_names().collect();
    for (key, text) in texts {
        for path in text.iter().flat_map(Template::paths) {
            let first = path.split('.').next().unwrap_or_default();
            if !params.contains(&first) && !ALWAYS_THERE.contains(&first) {
                let hint = did_you_mean(first, params.iter().copied());
                report(key, format!("puts `{first}` in, which is not there"), hint);
            }
        }
    }
}

fn check_operation(
    action: &Action,
    catalogue: &Catalogue,
    sources: &CatalogueSources,
    report: &mut Report<'_>,
) {
    let Performer::Operation {
        integration,
        operation,
    } = &action.performer
    else {
        return;
    };
    let Some(known) = catalogue.integrations.get(integration) else {
        // Its own faults are told where it stands.
        if !sources.integrations.contains_key(integration) {
            let names = sources.integrations.keys().map(String::as_str);
            let hint = did_you_mean(integration, names)
                .or_else(|| Some(format!("make integrations/{integration}.toml")));
            report(
                "integration",
                format!("is `{integration}`, which is no integration"),
                hint,
            );
        }
        return;
    };
    let operations = known.operation_names();
    if !operations.contains(&operation.as_str()) {
        let hint = did_you_mean(operation, operations);
        report(
            "operation",
            format!("is `{operation}`, which `{integration}` has not"),
            hint,
        );
        return;
    }
    if action.cache.is_some() && !known.only_reads(operation) {
        let said = format!("keeps the answers of `{operation}`, which does more than read");
        report("cache", said, None);
    }
    if action.batch.is_some() {
        batches::check_batch(action, known, operation, report);
    } else {
        check_placeholders(action, known, operation, report);
    }
}

/// Checks that an operation finds what it puts in.
fn check_placeholders(
    action: &Action,
    integration: &Integration,
    operation: &str,
    report: &mut Report<'_>,
) {
    let params: Vec<&str> = action.param_names().collect();
    for path in integration.placeholders(operation) {
        let first = path.split('.').next().unwrap_or_default();
        if !params.contains(&first) && !ALWAYS_THERE.contains(&first) {
            let name = &integration.name;
            let said = format!("lack `{first}`, which `{name}.{operation}` puts in");
            report("params", said, did_you_mean(first, params.iter().copied()));
        }
    }
}

fn check_reversal(
    action: &Action,
    catalogue: &Catalogue,
    sources: &CatalogueSources,
    report: &mut Report<'_>,
) {
    let Some(reversal) = &action.reversal else {
        return;
    };
    let Some(inverse) = catalogue.actions.get(&reversal.action) else {
        if !sources.actions.contains_key(&reversal.action) {
            let names = catalogue.actions.keys().map(String::as_str);
            let hint = did_you_mean(&reversal.action, names);
            report(
                "reversible.action",
                format!("is `{}`, which is no action", reversal.action),
                hint,
            );
        }
        return;
    };
    let known: Vec<&str> = inverse.param_names().collect();
    for name in reversal.params.keys() {
        if !known.contains(&name.as_str()) {
            let said = format!("gives `{name}`, which `{}` does not take", reversal.action);
            report(
                "reversible.params",
                said,
                did_you_mean(name, known.iter().copied()),
            );
        }
    }
    let required = inverse
        .params
        .text()
        .get("required")
        .and_then(Value::as_array);
    for name in required.into_iter().flatten().filter_map(Value::as_str) {
        if !reversal.params.contains_key(name) {
            let said = format!("lack `{name}`, which `{}` wants", reversal.action);
            report("reversible.params", said, None);
        }
    }
}

mod batches;
mod probes;
#[cfg(test)]
mod tests;
