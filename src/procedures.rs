//! Procedures: what is made of a definition, without running it.
//!
//! - [`check`]: whether the steps fit together, and whether what they name exists.
//! - [`diff`]: what differs between two versions.
//! - [`draw`]: the flow, for a terminal and as Mermaid.
//! - [`schema`]: the form of definitions as JSON Schema.
//!
//! Pure: a definition, and what there is to name, in; findings and texts out.

pub mod check;
pub mod diff;
pub mod draw;
mod flow;
pub mod internal;
pub mod schema;

pub use check::CODES;
