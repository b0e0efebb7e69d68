//! A stretch of the audit log was signed: kept, published, and on record, as is the key before its
//! first seal.

use std::sync::Arc;

use serde_json::json;

use super::{Case, Decide, Stop};
use crate::domain::{
    ids::hex,
    outcome::Change,
    seal::{SEALED, Seal, key_id},
};

/// A key is about to sign its first seal.
#[derive(Debug)]
pub struct AuditKeyAdded {
    /// The public key.
    pub public_key: [u8; 32],
}

impl Decide for AuditKeyAdded {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        let public_key = &self.public_key;
        case.record(json!({
            "effect": "audit_key_added", "key_id": key_id(public_key), "public_key": hex(public_key),
        }));
        Ok(())
    }
}

/// A seal was made.
#[derive(Debug)]
pub struct AuditSealed(pub Arc<Seal>);

impl Decide for AuditSealed {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        let seal = &self.0;
        case.change(Change::Seal(Arc::clone(seal)));
        case.publish(SEALED, seal.to_published());
        let mut effect = seal.to_json();
        effect["effect"] = "audit_sealed".into();
        case.record(effect);
        Ok(())
    }
}
