//! `ticket.closed_as`: a ticket is merged into another one, or closed as spam or deleted.
//!
//! It is closed for good, wherever it stood. The ticket that goes on with a merged one may belong to
//! another conversation; nothing about it changes, and the commit holds that it is still as it was
//! read. Nobody is told anything: the customer's matter was not settled by this.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

use super::{Case, Decide, InboundType, Stop, payload};
use crate::domain::{
    access::Verb,
    actor::Actor,
    event::{Reason, Rejection},
    ticket::{ClosedAs, Ticket, TicketStatus},
    world::Need,
};

pub(super) const CLOSED_AS: InboundType = InboundType {
    name: "ticket.closed_as",
    needs: &[Verb::Work],
    read: |data| {
        let closing: Closing = payload::read(data)?;
        closing.check()?;
        Ok(Arc::new(closing))
    },
};

#[derive(Debug, Deserialize)]
struct Closing {
    ticket_id: String,
    #[serde(rename = "as")]
    closed_as: ClosedAs,
    #[serde(default, deserialize_with = "name")]
    into: Option<String>,
    #[expect(dead_code, reason = "read to be checked; the case names the actor")]
    actor: Actor,
}

/// Reads what names a ticket: its id, or the number that people use, with or without its `#`.
fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match Option::<Value>::deserialize(deserializer)? {
        None => Ok(None),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(Value::String(text)) => Ok(Some(text.trim_start_matches('#').to_owned())),
        Some(other) => Err(D::Error::custom(format!(
            "a ticket is named by its id or number, not by `{other}`"
        ))),
    }
}

impl Closing {
    fn check(&self) -> Result<(), Rejection> {
        let detail = match (self.closed_as, &self.into) {
            (ClosedAs::Merged, None) => "`data.into`: a merged ticket names the one that goes on",
            (ClosedAs::Spam | ClosedAs::Deleted, Some(_)) => {
                "`data.into`: only a merged ticket goes on in another one"
            }
            (ClosedAs::Merged, Some(_)) | (ClosedAs::Spam | ClosedAs::Deleted, None) => {
                return Ok(());
            }
        };
        Err(Rejection::new(Reason::InvalidData, "data.into", detail))
    }
}

impl Decide for Closing {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        let ticket = case.known_ticket(&self.ticket_id)?;
        if let Some(before) = ticket.closed_as {
            let detail = format!("ticket {} is closed as {before} already", ticket.number);
            return Err(Stop::refuse(Reason::Settled, "data.ticket_id", detail));
        }
        let into = match &self.into {
            Some(name) => Some(case.target(&ticket, name)?),
            None => None,
        };
        let mut closed = (*ticket).clone();
        closed.close_as(self.closed_as, into, case.time);
        let actor = case.actor();
        case.put_changes(&ticket, closed, &actor)?;
        let ticket = case.ticket(&self.ticket_id)?;
        case.ask_rules(ticket)
    }

    fn foresees(&self) -> Vec<Need> {
        let ticket = Need::Ticket(self.ticket_id.clone());
        let target = self.into.clone().map(Need::MergeTarget);
        std::iter::once(ticket).chain(target).collect()
    }
}

impl Case<'_> {
    /// Gives the id of the ticket that goes on with a merged one. It is open or resolved, so it was
    /// merged into none itself, and no circle of tickets comes about.
    fn target(&self, ticket: &Ticket, name: &str) -> Result<String, Stop> {
        let refuse = |reason, detail: String| Err(Stop::refuse(reason, "data.into", detail));
        let Some(target) = self.world.merge_target(name)? else {
            return refuse(
                Reason::UnknownReference,
                format!("there is no ticket `{name}`"),
            );
        };
        if target.ticket_id == ticket.ticket_id {
            let detail = format!("ticket {} cannot be merged into itself", ticket.number);
            return refuse(Reason::IllegalMove, detail);
        }
        if target.status == TicketStatus::Closed {
            let how = match target.closed_as {
                Some(closed_as) => format!("closed as {closed_as}"),
                None => "closed; reopen it first".to_owned(),
            };
            let detail = format!(
                "ticket {} cannot be merged into ticket {}, which is {how}",
                ticket.number, target.number
            );
            return refuse(Reason::IllegalMove, detail);
        }
        Ok(target.ticket_id.clone())
    }
}
