//! Connectors: from a request for an action to what is sent, and from what came back to
//! what it means. Pure: nothing here sends anything.
//!
//! One file a kind. What is sent is made once, before the first byte leaves, and stored
//! with the attempt; a retry sends the stored bytes again. Secrets are no part of it:
//! whoever sends adds them.

pub mod answer;
pub mod http;
