//! `ticket.commented`: somebody says something about a ticket, to teammates or to everybody.
//!
//! What is internal goes to the database alone: no result carries it. Either way it is on record that
//! somebody commented, without what was said.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::json;

use super::{Case, Decide, InboundType, Stop, payload};
use crate::domain::{
    access::Verb,
    actor::Actor,
    comment::{Comment, MAX_BODY_BYTES},
    event::Reason,
    outcome::Change,
    ticket::Ticket,
    world::Need,
};

pub(super) const COMMENTED: InboundType = InboundType {
    name: "ticket.commented",
    needs: &[Verb::Work],
    read: |data| Ok(Arc::new(payload::read::<Commented>(data)?)),
};

#[derive(Debug, Deserialize)]
struct Commented {
    ticket_id: String,
    #[serde(deserialize_with = "body")]
    body: String,
    #[serde(default = "is_internal")]
    internal: bool,
    #[expect(dead_code, reason = "read to be checked; the case names the actor")]
    actor: Actor,
}

fn is_internal() -> bool {
    true
}

fn body<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = payload::filled(deserializer)?;
    if text.len() > MAX_BODY_BYTES {
        let length = text.len();
        return Err(D::Error::custom(format!(
            "has {length} bytes, a comment has at most {MAX_BODY_BYTES}"
        )));
    }
    Ok(text)
}

impl Decide for Commented {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        let ticket = case.known_ticket(&self.ticket_id)?;
        case.check_not_merged(&ticket)?;
        let comment = Comment {
            comment_id: case.make_id("cmt"),
            ticket_id: ticket.ticket_id.clone(),
            number: ticket.number,
            conversation_id: ticket.conversation_id.clone(),
            at: case.time,
            by: Actor {
                roles: Vec::new(),
                ..case.actor()
            },
            internal: self.internal,
            body: self.body.clone(),
        };
        case.record(json!({
            "effect": "comment", "comment_id": comment.comment_id, "ticket_id": ticket.ticket_id,
            "number": ticket.number, "internal": comment.internal,
        }));
        if !comment.internal {
            case.tell_comment(&comment);
            case.replied(&ticket.ticket_id, comment.by.kind)?;
        }
        case.change(Change::Comment(Arc::new(comment)));
        case.ask_rules(Some(ticket))
    }

    fn foresees(&self) -> Vec<Need> {
        vec![Need::Ticket(self.ticket_id.clone())]
    }
}

impl Case<'_> {
    /// Refuses what belongs to the ticket that goes on with this one.
    fn check_not_merged(&self, ticket: &Ticket) -> Result<(), Stop> {
        let Some(target) = &ticket.merged_into else {
            return Ok(());
        };
        let known = self.world.ticket(target)?;
        let number = known.map(|known| format!("ticket {} ", known.number));
        let detail = format!(
            "ticket {} was merged into {}`{target}`; comment there",
            ticket.number,
            number.unwrap_or_default()
        );
        Err(Stop::refuse(Reason::IllegalMove, "data.ticket_id", detail))
    }

    fn tell_comment(&mut self, comment: &Comment) {
        self.publish(
            "ticket.commented",
            json!({
                "conversation_id": comment.conversation_id, "ticket_id": comment.ticket_id,
                "comment_id": comment.comment_id, "body": comment.body, "by": comment.by.id,
            }),
        );
    }
}
