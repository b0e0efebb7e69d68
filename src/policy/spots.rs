//! Spots: where in a file the parts of a registration stand.
//!
//! Values know nothing of their place. The check of a file notes the place of
//! every argument, key and element; a fault found in a value is put there.

use std::collections::HashMap;

use rhai::{Expr, Position};

use super::{fault, spec::Wrong};

/// The places of the registrations of a file, by the place of the call.
#[derive(Debug, Default)]
pub(super) struct Spots {
    calls: HashMap<Position, Vec<Spot>>,
}

/// The place of an expression and of its parts.
#[derive(Debug)]
struct Spot {
    at: Position,
    keys: Vec<(String, Position, Spot)>,
    elements: Vec<Position>,
}

impl Spots {
    /// Notes the arguments of a call.
    pub(super) fn note(&mut self, call: Position, arguments: &[Expr]) {
        self.calls
            .insert(call, arguments.iter().map(Spot::of).collect());
    }

    /// Gives the place of an argument; that of the call when it is not known.
    pub(super) fn argument(
        &self,
        call: Position,
        index: usize,
        element: Option<usize>,
    ) -> Position {
        self.calls
            .get(&call)
            .and_then(|spots| spots.get(index))
            .map_or(call, |spot| spot.element(element))
    }

    /// Gives the place of what is wrong with `key` of the map that is the argument `index`.
    pub(super) fn key(&self, call: Position, index: usize, key: &str, wrong: &Wrong) -> Position {
        let Some(spot) = self.calls.get(&call).and_then(|spots| spots.get(index)) else {
            return call;
        };
        match spot.keys.iter().find(|(name, ..)| name == key) {
            None => call,
            Some((_, at, _)) if wrong.code == fault::KEY => *at,
            Some((_, _, value)) => value.element(wrong.element),
        }
    }
}

impl Spot {
    fn of(expression: &Expr) -> Self {
        let mut spot = Self {
            at: expression.start_position(),
            keys: Vec::new(),
            elements: Vec::new(),
        };
        match expression {
            Expr::Map(members, _) => {
                spot.keys = members
                    .0
                    .iter()
                    .map(|(key, value)| (key.name.to_string(), key.pos, Self::of(value)))
                    .collect();
            }
            Expr::Array(items, _) => {
                spot.elements = items.iter().map(Expr::start_position).collect();
            }
            _ => {}
        }
        spot
    }

    fn element(&self, index: Option<usize>) -> Position {
        index
            .and_then(|index| self.elements.get(index))
            .copied()
            .unwrap_or(self.at)
    }
}
