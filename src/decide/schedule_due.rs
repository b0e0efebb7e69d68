//! `schedule.due`: a `schedule` rule's time has come. Stated only by the house.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Case, Decide, InboundType, Stop, payload};
use crate::domain::{
    event::{Event, Reason},
    ids::SubjectId,
    time::Timestamp,
};

pub(super) const DUE: InboundType = InboundType {
    name: "schedule.due",
    needs: &[],
    read: |data| Ok(Arc::new(payload::read::<Due>(data)?)),
};

/// Gives the subject of a schedule's instants.
pub fn due_subject(rule: &str) -> SubjectId {
    SubjectId::from(format!("schedule:{rule}"))
}

/// Makes the event of a schedule's instant. The same instant always has the same id, so that of
/// several daemons one decides it.
pub fn due_event(source: &str, rule: &str, at: Timestamp) -> Event {
    let data = Map::from_iter([
        ("rule".to_owned(), json!(rule)),
        ("due_at".to_owned(), json!(at)),
    ]);
    let id = format!("schedule:{rule}:{at}");
    Event {
        time: Some(at),
        data,
        ..Event::of_house(source, "schedule.due", id, due_subject(rule))
    }
}

#[derive(Debug, Deserialize)]
struct Due {
    rule: String,
    #[expect(dead_code, reason = "read to be checked; it is the event's time too")]
    due_at: Value,
}

impl Decide for Due {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        if case.input.event.source != case.settings.source {
            let detail = "`schedule.due` is stated only by this daemon".to_owned();
            return Err(Stop::refuse(Reason::Forbidden, "type", detail));
        }
        let facts = case.facts(None);
        let verdict = case.policy.judge_schedule(&self.rule, &facts);
        case.carry_out(verdict)
    }
}
