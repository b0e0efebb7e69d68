//! A timer of a clock: somebody's clocks are looked at. Stated only by the house.

use std::sync::Arc;

use serde_json::Map;

use super::{Case, Decide, Input, Stop};
use crate::domain::{
    event::Event,
    ids::SubjectId,
    sla::{Owner, Signal, TicketEvent},
    time::Timestamp,
    world::Need,
};

/// Clocks are to be looked at.
#[derive(Debug)]
pub struct ClockDue {
    owner: Owner,
}

impl ClockDue {
    /// Makes the input that looks at somebody's clocks because a timer was set for `due_at`.
    ///
    /// The same timer always makes the same event, so that of several daemons one decides it.
    /// `again` tells apart the tries at one that was decided before and is due all the same.
    pub fn input(
        source: &str,
        (owner, subject): (&Owner, &SubjectId),
        due_at: Timestamp,
        again: Option<i64>,
    ) -> Input {
        let label = owner.label();
        let again = again.map(|nth| format!(":{nth}")).unwrap_or_default();
        let mut data = Map::new();
        data.insert("owner".to_owned(), label.clone().into());
        let id = format!("{label}:due:{due_at}{again}");
        let event = Event {
            time: Some(due_at),
            data,
            ..Event::of_house(source, "clock.due", id, subject.clone())
        };
        let owner = owner.clone();
        Input::of_house(event, Arc::new(Self { owner }))
    }
}

impl Decide for ClockDue {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        match &self.owner {
            Owner::Ticket(id) => match case.ticket(id)? {
                Some(ticket) => case.tell_clocks(&ticket, &TicketEvent::Due),
                None => case.tell_clock(&self.owner, Signal::Look),
            },
            Owner::Approval(_) | Owner::Request(_) => case.tell_clock(&self.owner, Signal::Look),
        }
    }

    fn foresees(&self) -> Vec<Need> {
        vec![Need::Clocks(self.owner.clone())]
    }
}
