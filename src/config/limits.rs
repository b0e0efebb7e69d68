//! `[limits]`: how much of anything is accepted.
//!
//! Past a limit intake answers with the right status, parks the message, or waits;
//! it never drops anything. Read by `root`.

use super::section::Section;

/// `[limits]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest request or message. *Units*: bytes.
    pub body_bytes: usize,
    /// The most events in one HTTP batch.
    pub batch_events: usize,
    /// The deepest nesting of JSON.
    pub nesting: usize,
    /// The longest string in an event. *Units*: bytes.
    pub string_bytes: usize,
    /// Unpublished results over which intake stops reading.
    pub unpublished_results: usize,
    /// The size of the SQLite files at 80 % of which intake stops reading; 0: none. *Units*: bytes.
    pub disk_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1024 * 1024,
            batch_events: 1_000,
            nesting: 32,
            string_bytes: 256 * 1024,
            unpublished_results: 100_000,
            disk_bytes: 0,
        }
    }
}

impl Limits {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        let read = Self {
            body_bytes: section.count("body_bytes", default.body_bytes, 1_024..=64 * 1024 * 1024),
            batch_events: section.count("batch_events", default.batch_events, 1..=100_000),
            // serde_json itself stops at 128.
            nesting: section.count("nesting", default.nesting, 4..=120),
            string_bytes: section.count(
                "string_bytes",
                default.string_bytes,
                256..=64 * 1024 * 1024,
            ),
            unpublished_results: section.count(
                "unpublished_results",
                default.unpublished_results,
                1..=100_000_000,
            ),
            disk_bytes: section.count("disk_bytes", default.disk_bytes, 0..=u64::MAX),
        };
        section.end();
        read
    }
}
