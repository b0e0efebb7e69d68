//! The rule kinds, and the registrations that a load collects.
//!
//! A kind is one file and one line in [`KINDS`]. While files run at load, its
//! function puts a [`Registration`] into the [`Collector`]; nothing is judged
//! before all files have run. Outside a load registering raises an error.

use std::sync::{Arc, Mutex, PoisonError};

use rhai::{Array, Dynamic, Engine, FnPtr, GlobalRuntimeState, Map, NativeCallContext, Position};

use super::{
    anomaly, approval, calendar, escalation, function, limit, on, route,
    rule::{Checked, Made},
    schedule, sla,
    spec::{Key, Wrong},
    value::{Raised, raise},
};
use crate::domain::directory::Directory;

/// The most rules of a policy.
const MAX_RULES: usize = 20_000;

/// A rule kind.
pub(super) struct Kind {
    /// The function that registers it.
    pub(super) name: &'static str,
    /// What it is for, in one sentence.
    pub(super) doc: &'static str,
    /// How it is written.
    pub(super) signature: &'static str,
    /// Whether the event type comes before the name.
    pub(super) takes_event: bool,
    /// The keys of its map, in groups.
    pub(super) keys: &'static [&'static [Key]],
    /// Looks at keys together, each of which is right by itself; gives what is wrong by key.
    pub(super) review: fn(&Map, &Directory) -> Vec<(&'static str, Wrong)>,
    /// Makes the rule from a checked registration; `None` when a required key is absent after all.
    pub(super) make: fn(&Checked) -> Option<Made>,
}

/// Every rule kind, by name.
pub(super) const KINDS: &[&Kind] = &[
    &anomaly::KIND,
    &approval::KIND,
    &calendar::KIND,
    &escalation::KIND,
    &function::KIND,
    &limit::KIND,
    &on::KIND,
    &route::KIND,
    &schedule::KIND,
    &sla::KIND,
];

/// The review of a kind whose keys say nothing about one another.
pub(super) fn unreviewed(_map: &Map, _directory: &Directory) -> Vec<(&'static str, Wrong)> {
    Vec::new()
}

impl Kind {
    /// Gives the number of arguments.
    pub(super) fn arity(&self) -> usize {
        2 + usize::from(self.takes_event)
    }
}

/// A rule as a file registered it, unchecked.
pub(super) struct Registration {
    /// The kind.
    pub(super) kind: &'static Kind,
    /// The arguments, with what closures captured as it was at that moment.
    pub(super) arguments: Vec<Dynamic>,
    /// The place of the call.
    pub(super) at: Position,
    /// The file.
    pub(super) file: Arc<str>,
    /// The file's functions, imports and constants at that moment.
    pub(super) global: GlobalRuntimeState,
}

/// Takes registrations while files run at load.
#[derive(Default)]
pub(super) struct Collector {
    state: Mutex<Collected>,
}

#[derive(Default)]
struct Collected {
    file: Option<Arc<str>>,
    registrations: Vec<Registration>,
}

impl Collector {
    /// Lets `file` register rules from now on; `None` lets nobody.
    pub(super) fn open(&self, file: Option<Arc<str>>) {
        self.lock().file = file;
    }

    /// Hands over what was registered.
    pub(super) fn take(&self) -> Vec<Registration> {
        std::mem::take(&mut self.lock().registrations)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Collected> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn register(
        &self,
        kind: &'static Kind,
        context: &NativeCallContext,
        arguments: Vec<Dynamic>,
    ) -> Result<(), Raised> {
        let mut state = self.lock();
        let Some(file) = state.file.clone() else {
            return Err(raise(format!(
                "`{}` registers a rule, which only the top level of a file does, at load",
                kind.name
            )));
        };
        if context.call_source().is_some_and(|source| source != &*file) {
            return Err(raise(format!(
                "`{}` registers a rule inside an imported file",
                kind.name
            )));
        }
        if state.registrations.len() >= MAX_RULES {
            return Err(raise(format!("more than {MAX_RULES} rules")));
        }
        let mut global = context.global_runtime_state().clone();
        global.level = 0;
        global.scope_level = 0;
        global.num_operations = 0;
        state.registrations.push(Registration {
            kind,
            arguments: arguments.into_iter().map(freeze).collect(),
            at: context.call_position(),
            file,
            global,
        });
        Ok(())
    }
}

/// Registers the functions of every kind; what is called goes to `collector`.
pub(super) fn register(engine: &mut Engine, collector: &Arc<Collector>) {
    for &kind in KINDS {
        let collector = Arc::clone(collector);
        if kind.takes_event {
            engine.register_fn(
                kind.name,
                move |context: NativeCallContext, event: Dynamic, name: Dynamic, map: Dynamic| {
                    collector.register(kind, &context, vec![event, name, map])
                },
            );
        } else {
            engine.register_fn(
                kind.name,
                move |context: NativeCallContext, name: Dynamic, map: Dynamic| {
                    collector.register(kind, &context, vec![name, map])
                },
            );
        }
    }
}

/// Cuts what a closure captured off from everything else, so that no call can leave a trace.
fn freeze(value: Dynamic) -> Dynamic {
    let value = value.flatten();
    if value.is_fnptr() {
        let mut pointer = value.cast::<FnPtr>();
        let captured: Vec<Dynamic> = pointer.curry().iter().cloned().map(freeze).collect();
        pointer.set_curry(captured);
        return Dynamic::from(pointer);
    }
    if value.is_array() {
        return value
            .cast::<Array>()
            .into_iter()
            .map(freeze)
            .collect::<Array>()
            .into();
    }
    if value.is_map() {
        let members = value.cast::<Map>();
        return Dynamic::from_map(
            members
                .into_iter()
                .map(|(key, member)| (key, freeze(member)))
                .collect(),
        );
    }
    value
}
