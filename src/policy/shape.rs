//! Shapes: the fixed forms in which rules see the facts.
//!
//! A [`Shape`] lists its fields; a [`View`] is a shape laid over the facts of one
//! event, and costs nothing until a field is read. The same lists serve the
//! getters, the check of closures at load, and the reference. The fields
//! themselves stand in `super::facts`.

use std::sync::Arc;

use rhai::{Dynamic, Engine, ImmutableString};

use super::{
    condition::Declared,
    value::{Raised, raise},
};
use crate::domain::{facts::Facts, nearest::did_you_mean};

/// A fixed form.
pub(super) struct Shape {
    /// What it is called in messages.
    pub(super) name: &'static str,
    /// Its fields, by name.
    pub(super) fields: &'static [Field],
}

/// A field of a shape.
pub(super) struct Field {
    /// Its name.
    pub(super) name: &'static str,
    /// What it holds.
    pub(super) holds: Holds,
    /// What it means, in a few words.
    pub(super) doc: &'static str,
    /// Reads it.
    pub(super) read: fn(&View) -> Result<Dynamic, Raised>,
}

/// What a field holds.
#[derive(Clone, Copy)]
pub(super) enum Holds {
    /// A fixed form of its own, or `()`.
    Shape(&'static Shape),
    /// An object with keys of anybody's choice.
    Free,
    /// The histories that the rule declares.
    Past,
    /// Text, a number, a flag, a time or an array, as the name here says.
    Plain(&'static str),
}

/// Which of several places a shape is laid over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Base {
    /// The event itself and what belongs to it.
    Event,
    /// The actor of the event.
    Actor,
    /// The author of the event's message.
    Author,
    /// Whoever asked for the action.
    Requester,
}

/// A shape laid over the facts of one event.
#[derive(Clone)]
pub(super) struct View {
    pub(super) shape: &'static Shape,
    pub(super) base: Base,
    pub(super) facts: Arc<Facts>,
    /// What of the past the rule declares.
    pub(super) past: Option<Arc<[Declared]>>,
}

impl View {
    /// Lays another shape over the same facts.
    pub(super) fn of(&self, shape: &'static Shape, base: Base) -> Dynamic {
        Dynamic::from(Self {
            shape,
            base,
            facts: Arc::clone(&self.facts),
            past: self.past.clone(),
        })
    }

    /// Reads a field.
    ///
    /// *Errors*: the shape has no such field; the nearest one is named.
    fn read(&self, name: &str) -> Result<Dynamic, Raised> {
        if let Some(field) = self.shape.field(name) {
            return (field.read)(self);
        }
        let hint = match self.shape.hint(name) {
            Some(hint) => format!("; {hint}"),
            None => String::new(),
        };
        Err(raise(format!(
            "{} has no field `{name}`{hint}",
            self.shape.name
        )))
    }
}

impl Shape {
    /// Finds a field.
    pub(super) fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Gives the nearest field as a hint.
    pub(super) fn hint(&self, name: &str) -> Option<String> {
        did_you_mean(name, self.fields.iter().map(|field| field.name))
    }
}

/// Registers the getters of `shapes`.
pub(super) fn register(engine: &mut Engine, shapes: &[&'static Shape]) {
    let mut names: Vec<&'static str> = shapes
        .iter()
        .flat_map(|shape| shape.fields)
        .map(|field| field.name)
        .collect();
    names.sort_unstable();
    names.dedup();
    engine
        .register_type_with_name::<View>("facts")
        .register_indexer_get(|view: &mut View, key: ImmutableString| view.read(&key));
    for name in names {
        engine.register_get(name, move |view: &mut View| view.read(name));
    }
}
