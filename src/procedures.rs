//! Procedures: what is made of a definition, and of a run of it.
//!
//! - [`answer`]: what the customer's answer to a question is worth.
//! - [`check`]: whether the steps fit together, and whether what they name exists.
//! - [`compare`]: what a condition makes of a value.
//! - [`diff`]: what differs between two versions.
//! - [`draw`]: the flow, for a terminal and as Mermaid.
//! - [`interpret`]: what follows in a run, step by step, until it waits or ends.
//! - [`schema`]: the form of definitions as JSON Schema.
//!
//! Pure: a definition, a run and what is known go in; findings, texts and moves come out.

pub mod answer;
pub mod check;
pub mod compare;
pub mod diff;
pub mod draw;
mod flow;
pub mod internal;
pub mod interpret;
pub mod naming;
pub mod schema;

pub use check::CODES;
