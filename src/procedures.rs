//! Procedures: what is made of a definition, without running it.
//!
//! - [`answer`]: what the customer's answer to a question is worth.
//! - [`check`]: whether the steps fit together, and whether what they name exists.
//! - [`compare`]: what a condition makes of a value.
//! - [`diff`]: what differs between two versions.
//! - [`draw`]: the flow, for a terminal and as Mermaid.
//! - [`schema`]: the form of definitions as JSON Schema.
//!
//! Pure: a definition, and what there is to name, in; findings and texts out.

pub mod answer;
pub mod check;
pub mod compare;
pub mod diff;
pub mod draw;
mod flow;
pub mod internal;
pub mod schema;

pub use check::CODES;
