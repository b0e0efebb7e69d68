//! `[retention]`: how long things are kept.
//!
//! The daemon deletes in slices what is older. Read by `root`.
//! Deduplication reaches back as far as the journal does.

use super::section::Section;
use crate::domain::time::Span;

/// `[retention]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// How long the journal is kept; deduplication lasts as long.
    pub journal: Span,
    /// How long the audit log is kept; absent: for good.
    pub audit: Option<Span>,
    /// Parked messages.
    pub parked: Span,
    /// SLA clocks of what is done with, and what happened to them.
    pub clocks: Span,
    /// Deliveries to team channels that are over.
    pub deliveries: Span,
    /// Finished requests with their approvals, and what limits have counted.
    pub requests: Span,
    /// Runs of procedures that are over, with the values that they held.
    pub runs: Span,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            journal: Span::from_secs(30 * 86_400),
            audit: None,
            parked: Span::from_secs(90 * 86_400),
            clocks: Span::from_secs(400 * 86_400),
            deliveries: Span::from_secs(90 * 86_400),
            requests: Span::from_secs(400 * 86_400),
            runs: Span::from_secs(400 * 86_400),
        }
    }
}

impl Retention {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        let read = Self {
            journal: section.span("journal", default.journal),
            audit: section.optional_span("audit"),
            parked: section.span("parked", default.parked),
            clocks: section.span("clocks", default.clocks),
            deliveries: section.span("deliveries", default.deliveries),
            requests: section.span("requests", default.requests),
            runs: section.span("runs", default.runs),
        };
        section.end();
        read
    }
}
