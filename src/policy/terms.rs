//! Terms: each promise with its calendar, compiled once a load.
//!
//! Rules name calendars, and so do people; whether these are there is looked at when all files
//! have run, so that their order does not matter. Compiling a calendar takes milliseconds: it
//! is done here, and everybody who asks shares the result.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, LazyLock},
};

use rhai::Position;

use super::{
    check::Report,
    fault::{self, Fault},
    load::place_of,
    rule::{Action, Rule},
};
use crate::domain::{
    calendar::{Calendar, CalendarSpec},
    directory::Directory,
    nearest::did_you_mean,
    sla::{Pin, Terms},
    time::Timestamp,
};

/// The calendar of what names none.
static ALWAYS: LazyLock<Arc<Calendar>> = LazyLock::new(|| {
    let spec = CalendarSpec::always_open("always", "UTC");
    Arc::new(Calendar::compile(spec).expect("UTC is a timezone"))
});

/// The calendars of a policy, and the terms that go by them.
#[derive(Default)]
pub(super) struct Ledger {
    calendars: BTreeMap<String, Entry>,
    terms: Vec<Terms>,
    by_rule: HashMap<Arc<str>, usize>,
}

/// A calendar, and where it stands.
struct Entry {
    calendar: Arc<Calendar>,
    file: Arc<str>,
    at: Position,
}

/// Looks whether every calendar that rules and people name is there. One with faults of its own is, and so
/// is one whose file did not run as far.
pub(super) fn check(
    rules: &[Rule],
    registered: BTreeSet<String>,
    reports: &BTreeMap<Arc<str>, Report>,
    directory: &Directory,
) -> Vec<Fault> {
    let mut known = registered;
    for report in reports.values() {
        known.extend(report.calendars.iter().cloned());
    }
    let is_absent = |name: &&str| !known.contains(*name);
    let hint = |name: &str| did_you_mean(name, known.iter().map(String::as_str));
    let mut faults = Vec::new();
    for rule in rules {
        if let Some(name) = rule.calendar().filter(is_absent) {
            let message = format!("`calendar`: there is no calendar `{name}` in the policy");
            let at = place_of(rule, "calendar", reports);
            let fault = Fault::new(fault::CALENDAR, &rule.home.file, at, message);
            faults.push(fault.hinted(hint(name)));
        }
    }
    for (id, person) in &directory.people {
        if let Some(name) = person.calendar.as_deref().filter(is_absent) {
            let message = format!(
                "`people.{id}.calendar` names the calendar `{name}`, which the policy does not have"
            );
            let fault = Fault::new(fault::CALENDAR, CONFIGURATION, Position::NONE, message);
            faults.push(fault.hinted(hint(name)));
        }
    }
    faults
}

/// The file that names people.
const CONFIGURATION: &str = "provost.toml";

impl Rule {
    /// Gives the calendar that it names.
    fn calendar(&self) -> Option<&str> {
        match &self.action {
            Action::Approval(approval) => approval.ask.calendar.as_deref(),
            Action::Sla(sla) => sla.calendar.as_deref(),
            Action::Answer(_)
            | Action::Calendar(_)
            | Action::Effects(_)
            | Action::Limit(_)
            | Action::Route { .. }
            | Action::Then(_)
            | Action::Timer { .. }
            | Action::Watch(_) => None,
        }
    }
}

impl Ledger {
    /// Compiles the calendars of rules that were checked, and puts the terms together.
    ///
    /// *Errors*: a calendar that cannot be compiled.
    pub(super) fn of(rules: &[Rule]) -> Result<Self, Vec<Fault>> {
        let mut ledger = Self::default();
        let mut faults = Vec::new();
        for rule in rules {
            let Action::Calendar(spec) = &rule.action else {
                continue;
            };
            match Calendar::compile((**spec).clone()) {
                Ok(calendar) => {
                    let entry = Entry {
                        calendar: Arc::new(calendar),
                        file: Arc::clone(&rule.home.file),
                        at: rule.home.at,
                    };
                    ledger.calendars.insert(spec.name.clone(), entry);
                }
                Err(fault) => {
                    let message = fault.to_string();
                    let (file, at) = (&rule.home.file, rule.home.at);
                    faults.push(Fault::new(fault::CALENDAR, file, at, message));
                }
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        for rule in rules {
            let policy = match &rule.action {
                Action::Sla(sla) => Arc::clone(&sla.policy),
                Action::Approval(approval) => match &approval.promise {
                    Some(policy) => Arc::clone(policy),
                    None => continue,
                },
                _ => continue,
            };
            let named = rule.calendar().and_then(|name| ledger.calendar(name));
            let calendar = Arc::clone(named.unwrap_or(&ALWAYS));
            ledger
                .by_rule
                .insert(Arc::clone(&rule.name), ledger.terms.len());
            ledger.terms.push(Terms { policy, calendar });
        }
        Ok(ledger)
    }

    /// Gives a calendar by name.
    pub(super) fn calendar(&self, name: &str) -> Option<&Arc<Calendar>> {
        self.calendars.get(name).map(|entry| &entry.calendar)
    }

    /// Gives all terms, in the order of the rules.
    pub(super) fn terms(&self) -> &[Terms] {
        &self.terms
    }

    /// Gives the terms of a rule.
    pub(super) fn of_rule(&self, rule: &str) -> Option<&Terms> {
        self.terms.get(*self.by_rule.get(rule)?)
    }

    /// Gives the terms that a clock holds on to, if they are still those of today.
    pub(super) fn pinned(&self, pin: &Pin) -> Option<&Terms> {
        self.of_rule(&pin.policy).filter(|terms| terms.fit(pin))
    }

    /// Gives a fault for every calendar that is not open any more.
    pub(super) fn check_at(&self, now: Timestamp) -> Vec<Fault> {
        let entries = self.calendars.values();
        entries
            .filter_map(|entry| {
                let fault = entry.calendar.check_opens(now).err()?;
                let message = fault.to_string();
                Some(Fault::new(fault::CALENDAR, &entry.file, entry.at, message))
            })
            .collect()
    }
}
