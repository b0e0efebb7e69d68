//! Spots: where in a file the parts of a registration stand.
//!
//! Values know nothing of their place. The check of a file notes the place of
//! every argument, key and element; a fault found in a value is put there.

use std::collections::HashMap;

use rhai::{Expr, Position};

use super::spec::Step;

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
    elements: Vec<Spot>,
}

impl Spots {
    /// Notes the arguments of a call.
    pub(super) fn note(&mut self, call: Position, arguments: &[Expr]) {
        self.calls
            .insert(call, arguments.iter().map(Spot::of).collect());
    }

    /// Gives the place of a part of an argument; that of the call when it is not known.
    pub(super) fn argument(&self, call: Position, index: usize, path: &[Step]) -> Position {
        self.spot(call, index)
            .map_or(call, |spot| spot.find(path).unwrap_or(spot.at))
    }

    /// Gives the place of what is wrong with the map that is the argument `index`.
    pub(super) fn key(&self, call: Position, index: usize, path: &[Step]) -> Position {
        let spot = self.spot(call, index).filter(|_| !path.is_empty());
        spot.and_then(|spot| spot.find(path)).unwrap_or(call)
    }

    fn spot(&self, call: Position, index: usize) -> Option<&Spot> {
        self.calls.get(&call)?.get(index)
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
                spot.elements = items.iter().map(Self::of).collect();
            }
            _ => {}
        }
        spot
    }

    /// Goes a way as far as the places on it are known; `None` where not even the first is.
    fn find(&self, path: &[Step]) -> Option<Position> {
        let Some((first, rest)) = path.split_first() else {
            return Some(self.at);
        };
        let of_key = |name: &str| self.keys.iter().find(|(key, ..)| key == name);
        let inner = match first {
            Step::Element(index) => self.elements.get(*index)?,
            Step::Key(name) => &of_key(name)?.2,
            Step::Name(name) => return Some(of_key(name)?.1),
        };
        Some(inner.find(rest).unwrap_or(inner.at))
    }
}
