//! Putting an input aside that could not be understood or decided, taking it back at a replay,
//! and refusing one outright.

use serde_json::json;

use super::{Case, Decide, Stop};
use crate::domain::{
    event::Rejection,
    outcome::{Change, Parked},
};

/// Refuses an input for a reason found before it was decided, such as a reused id.
#[derive(Debug)]
pub struct Refuse(pub Rejection);

impl Decide for Refuse {
    fn decide(&self, _case: &mut Case<'_>) -> Result<(), Stop> {
        Err(Stop::Refused(self.0.clone()))
    }
}

/// Parks a message with its reason.
#[derive(Debug)]
pub struct PutAside(pub Parked);

impl Decide for PutAside {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        let Parked {
            parked_id,
            reason,
            detail,
            event_id,
            entry,
            ..
        } = &self.0;
        let mut data = json!({"reason": reason, "detail": detail, "parked_id": parked_id});
        if let Some(event_id) = event_id {
            data["event_id"] = json!(event_id);
        }
        case.publish("event.rejected", data);
        case.record(
            json!({"effect": "park", "parked_id": parked_id, "reason": reason, "entry": entry}),
        );
        case.change(Change::Park(self.0.clone()));
        Ok(())
    }
}

/// Marks a parked message as done with, because it was replayed or dropped.
#[derive(Debug)]
pub struct Replayed {
    /// Which.
    pub parked_id: String,
    /// `replay` or `drop`.
    pub how: &'static str,
}

impl Decide for Replayed {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        case.change(Change::Unpark(self.parked_id.clone()));
        case.record(json!({"effect": self.how, "parked_id": self.parked_id}));
        Ok(())
    }
}
