//! The event types of the contract, both ways: name, one sentence, shape of `data`.
//!
//! The AsyncAPI document is made from these two tables, and `POST /v1/events`
//! refuses what is not in [`INBOUND`]. A new type is one entry; the shapes are written in the notation of [`super::shape`].

mod inbound;
mod outbound;

pub use inbound::INBOUND;
pub use outbound::OUTBOUND;

/// One event type.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    /// The CloudEvents `type`.
    pub name: &'static str,
    /// What it says, in one sentence.
    pub summary: &'static str,
    /// The shape of its `data`.
    pub data: &'static str,
}

impl Message {
    const fn new(name: &'static str, summary: &'static str, data: &'static str) -> Self {
        Self {
            name,
            summary,
            data,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::shape;

    #[test]
    fn every_shape_parses_and_names_are_sorted() {
        for table in [INBOUND, OUTBOUND] {
            for message in table {
                let parsed = shape::parse(message.data);
                assert!(parsed.is_ok(), "{}: {parsed:?}", message.name);
            }
            assert!(
                table.is_sorted_by(|a, b| a.name < b.name),
                "one alphabetical list, each name once"
            );
        }
    }
}
