//! Somebody takes the audit log out: that is on record itself, before the first entry leaves.

use serde_json::{Map, Value, json};

use super::{Case, Decide, Stop};

/// An export begins.
#[derive(Debug)]
pub struct AuditExported {
    /// `csv` or `jsonl`.
    pub format: &'static str,
    /// What it was narrowed to.
    pub filter: Map<String, Value>,
}

impl Decide for AuditExported {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        case.record(
            json!({"effect": "audit_exported", "format": self.format, "filter": self.filter}),
        );
        Ok(())
    }
}
