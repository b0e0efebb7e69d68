//! A policy was loaded or refused: published, and on record.

use serde_json::{Value, json};

use super::{Case, Decide, Stop};

/// A policy has come into force.
#[derive(Debug)]
pub struct PolicyLoaded {
    /// Its version.
    pub version: String,
    /// How many rules it has.
    pub rules: usize,
}

impl Decide for PolicyLoaded {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        case.publish(
            "policy.loaded",
            json!({"version": self.version, "rules": self.rules}),
        );
        case.record(
            json!({"effect": "policy_loaded", "version": self.version, "rules": self.rules}),
        );
        Ok(())
    }
}

/// A policy was refused; the one before stays in force.
#[derive(Debug)]
pub struct PolicyRejected {
    /// `[{file, line, column, message}]`
    pub errors: Vec<Value>,
}

impl Decide for PolicyRejected {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        case.publish("policy.rejected", json!({"errors": self.errors}));
        case.record(json!({"effect": "policy_rejected", "errors": self.errors.len()}));
        Ok(())
    }
}
