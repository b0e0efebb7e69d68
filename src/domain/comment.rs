//! Comments on tickets: what teammates say to one another, and what may be told outside.
//!
//! A comment is never changed. An internal one never leaves in any result; who may look at the
//! ticket reads it. Made by `crate::decide`, kept and listed by `crate::store`.

use serde::{Deserialize, Serialize};

use super::{actor::Actor, time::Timestamp};

/// The longest comment. *Units*: bytes.
pub const MAX_BODY_BYTES: usize = 65_536;

/// A comment on a ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    /// `cmt_…`.
    pub comment_id: String,
    /// The ticket.
    pub ticket_id: String,
    /// The ticket's number.
    pub number: i64,
    /// The conversation that the ticket belongs to.
    pub conversation_id: String,
    /// When it was made.
    pub at: Timestamp,
    /// Who made it; without roles, which are of the moment.
    pub by: Actor,
    /// Whether it stays among teammates.
    pub internal: bool,
    /// What it says.
    pub body: String,
}
