//! From a registration to a rule: names, maps and closures checked as values.
//!
//! The second look at what `super::check` saw as text, and the first at what was
//! computed. Each fault is put at its key where the map is written out.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use rhai::{Dynamic, FnPtr, Map, Position};

use super::{
    RuleSummary, calendar,
    check::Report,
    fault::{self, Fault, Severity},
    kinds::Registration,
    names::Library,
    rule::{Action, Checked, Home, Rule},
    spec::{self, Step, Takes, Wrong},
};
use crate::domain::directory::Directory;

/// The longest name of a rule. *Units*: bytes.
const MAX_NAME_BYTES: usize = 200;

/// Makes rules of registrations.
pub(super) struct Maker<'a> {
    library: &'a Library,
    reports: &'a BTreeMap<Arc<str>, Report>,
    directory: &'a Directory,
    named: HashMap<Arc<str>, String>,
    /// The names of the calendars that were registered, whatever is wrong with them.
    pub(super) calendars: BTreeSet<String>,
    made: Vec<(Rule, RuleSummary)>,
    faults: Vec<Fault>,
    warnings: Vec<Fault>,
}

impl<'a> Maker<'a> {
    /// Begins.
    pub(super) fn new(
        library: &'a Library,
        reports: &'a BTreeMap<Arc<str>, Report>,
        directory: &'a Directory,
    ) -> Self {
        Self {
            library,
            reports,
            directory,
            named: HashMap::new(),
            calendars: BTreeSet::new(),
            made: Vec::new(),
            faults: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Makes a rule, or notes what keeps it from being one.
    pub(super) fn make(&mut self, registration: Registration) {
        let before = self.faults.len();
        let name = self.name(&registration);
        let on = self.events(&registration);
        let map = self.map(&registration);
        if self.faults.len() > before {
            return;
        }
        let (Some(name), Some(map)) = (name, map) else {
            return;
        };
        let checked = Checked {
            name: &name,
            on,
            map: &map,
        };
        let Some(made) = (registration.kind.make)(&checked) else {
            return;
        };
        let rule = Rule {
            name,
            kind: registration.kind.name,
            on: made.on,
            conditions: made.conditions,
            action: made.action,
            home: Home {
                file: registration.file,
                at: registration.at,
                global: registration.global,
            },
        };
        self.look_over(&rule);
        let summary = rule.summary(&map);
        self.made.push((rule, summary));
    }

    /// Hands over the rules, and adds what is wrong or worth mending to the others.
    pub(super) fn finish(
        self,
        faults: &mut Vec<Fault>,
        warnings: &mut Vec<Fault>,
    ) -> Vec<(Rule, RuleSummary)> {
        faults.extend(self.faults);
        warnings.extend(self.warnings);
        self.made
    }

    fn name(&mut self, registration: &Registration) -> Option<Arc<str>> {
        let index = registration.arguments.len() - 2;
        let at = self.argument(registration, index, &[]);
        let text = spec::text(&registration.arguments[index])
            .filter(|text| !text.trim().is_empty() && text.len() <= MAX_NAME_BYTES);
        let Some(text) = text else {
            let message = format!("a rule's name is a text of 1 to {MAX_NAME_BYTES} bytes");
            self.fault(registration, at, Wrong::new(fault::VALUE, message));
            return None;
        };
        if registration.kind.name == calendar::KIND_NAME {
            self.calendars.insert(text.clone());
        }
        let name: Arc<str> = text.into();
        let place = format!(
            "{}:{}",
            registration.file,
            registration.at.line().unwrap_or(0)
        );
        if let Some(first) = self.named.get(&name) {
            let message = format!("there is a rule `{name}` already, at {first}");
            self.fault(registration, at, Wrong::new(fault::DUPLICATE, message));
            return None;
        }
        self.named.insert(Arc::clone(&name), place);
        Some(name)
    }

    fn events(&mut self, registration: &Registration) -> Vec<String> {
        if !registration.kind.takes_event {
            return Vec::new();
        }
        let given = &registration.arguments[0];
        if let Err(wrong) = Takes::Events.check(given, self.directory) {
            let at = self.argument(registration, 0, &wrong.path);
            self.fault(registration, at, wrong);
        }
        spec::texts_of(given)
    }

    fn map(&mut self, registration: &Registration) -> Option<Map> {
        let index = registration.arguments.len() - 1;
        let Some(map) = registration.arguments[index].clone().try_cast::<Map>() else {
            let at = self.argument(registration, index, &[]);
            let message = format!(
                "`{}` is written `{}`",
                registration.kind.name, registration.kind.signature
            );
            self.fault(registration, at, Wrong::new(fault::VALUE, message));
            return None;
        };
        let mut wrongs = spec::check_map(registration.kind.keys, &map, self.directory);
        for (name, value) in &map {
            let takes = spec::find(registration.kind.keys, name).map(|key| key.takes);
            if let Some(wrong) = self.parameters(registration, takes, value) {
                wrongs.push(wrong.within(Step::Key(name.to_string())));
            }
        }
        if wrongs.iter().all(|wrong| fault::is_warning(wrong.code)) {
            let reviewed = (registration.kind.review)(&map, self.directory).into_iter();
            wrongs.extend(reviewed.map(|(key, wrong)| match key {
                "" => wrong,
                key => wrong.within(Step::Key(key.to_owned())),
            }));
        }
        for wrong in wrongs {
            let at = self
                .reports
                .get(&registration.file)
                .map_or(registration.at, |report| {
                    report.spots.key(registration.at, index, &wrong.path)
                });
            self.fault(registration, at, wrong);
        }
        Some(map)
    }

    /// Checks how many parameters a closure has.
    fn parameters(
        &self,
        registration: &Registration,
        takes: Option<Takes>,
        value: &Dynamic,
    ) -> Option<Wrong> {
        let wanted: &[usize] = match takes? {
            Takes::Calculation | Takes::Closure | Takes::Key => &[1],
            Takes::Timer => &[0, 1],
            _ => return None,
        };
        let pointer = value.read_lock::<FnPtr>()?;
        let name = registration
            .file
            .strip_suffix(".rhai")
            .unwrap_or(&registration.file);
        let file = self.library.file(name)?;
        let is_right = wanted.iter().any(|count| {
            file.function(pointer.fn_name(), pointer.curry().len() + count)
                .is_some()
        });
        let message = match takes {
            Some(Takes::Timer) => "the closure is written `|| …`",
            _ => "the closure takes one argument: `|e| …`",
        };
        (!is_right).then(|| Wrong::new(fault::VALUE, message.to_owned()))
    }

    /// Notes what is right but useless.
    fn look_over(&mut self, rule: &Rule) {
        let speaks_of_messages =
            !rule.conditions.keywords.is_empty() || rule.conditions.sentiment_below.is_some();
        let hears_messages = rule.on.iter().any(|kind| kind == "conversation.message");
        if !rule.on.is_empty() && speaks_of_messages && !hears_messages {
            let message = format!(
                "the rule `{}` never fires: `keywords` and `sentiment_below` hold for `conversation.message` only",
                rule.name
            );
            self.warn(rule, message);
        }
        if matches!(rule.action, Action::Sla(_)) {
            let earlier = self.made.iter().map(|(earlier, _)| earlier);
            let mut slas = earlier.filter(|earlier| matches!(earlier.action, Action::Sla(_)));
            let overtaking =
                slas.find(|earlier| rule.conditions.are_covered_by(&earlier.conditions));
            if let Some(earlier) = overtaking {
                let message = format!(
                    "the sla `{}` never counts: `{}` before it takes every ticket that it would",
                    rule.name, earlier.name
                );
                self.warn(rule, message);
            }
        }
        if matches!(rule.action, Action::Route { .. }) {
            let overtaking = self.made.iter().find(|(earlier, _)| {
                matches!(earlier.action, Action::Route { .. }) && earlier.conditions.is_open()
            });
            if let Some((earlier, _)) = overtaking {
                let message = format!(
                    "the route `{}` never counts: `{}` before it takes everything",
                    rule.name, earlier.name
                );
                self.warn(rule, message);
            }
        }
    }

    fn warn(&mut self, rule: &Rule, message: String) {
        self.warnings.push(Fault::new(
            fault::USELESS,
            &rule.home.file,
            rule.home.at,
            message,
        ));
    }

    fn argument(&self, registration: &Registration, index: usize, path: &[Step]) -> Position {
        self.reports
            .get(&registration.file)
            .map_or(registration.at, |report| {
                report.spots.argument(registration.at, index, path)
            })
    }

    fn fault(&mut self, registration: &Registration, at: Position, wrong: Wrong) {
        let fault =
            Fault::new(wrong.code, &registration.file, at, wrong.message).hinted(wrong.hint);
        match fault.severity {
            Severity::Warning => self.warnings.push(fault),
            Severity::Error => self.faults.push(fault),
        }
    }
}
