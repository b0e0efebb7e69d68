//! Escalations as they are listed and shown, and their rows.

use diesel::prelude::*;

use super::{
    connection::on,
    error::StoreError,
    reader::{Listing, Page, Reader},
    schema::escalations,
    tickets::word,
};
use crate::domain::{escalation::Escalation, time::Timestamp};

/// Which escalations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EscalationFilter {
    /// Where it stands, as its wire name.
    pub state: Option<String>,
    /// Its team.
    pub team: Option<String>,
    /// How urgent it is, as its wire name.
    pub priority: Option<String>,
    /// Its conversation.
    pub conversation: Option<String>,
}

/// An escalation's row.
#[derive(Queryable, Selectable)]
#[diesel(table_name = escalations)]
pub(super) struct EscalationRow {
    ordinal: i64,
    pub(super) escalation_id: String,
    conversation_id: String,
    trigger: String,
    rule: Option<String>,
    reason: String,
    priority: String,
    team: Option<String>,
    ticket_id: Option<String>,
    state: String,
    raised_at: i64,
    acknowledged_by: Option<String>,
    settled_by: Option<String>,
    updated_at: i64,
}

impl Reader {
    /// Lists escalations, newest first.
    pub fn escalations(
        &mut self,
        filter: &EscalationFilter,
        page: Page,
    ) -> Result<Listing<Escalation>, StoreError> {
        self.ask(|connection| {
            let rows: Vec<EscalationRow> = on!(connection, c => {
                let mut query = escalations::table
                    .filter(escalations::ordinal.lt(page.after.unwrap_or(i64::MAX)))
                    .order(escalations::ordinal.desc())
                    .limit(page.fetch())
                    .select(EscalationRow::as_select())
                    .into_boxed::<Db>();
                if let Some(state) = &filter.state {
                    query = query.filter(escalations::state.eq(state));
                }
                if let Some(team) = &filter.team {
                    query = query.filter(escalations::team.eq(team));
                }
                if let Some(priority) = &filter.priority {
                    query = query.filter(escalations::priority.eq(priority));
                }
                if let Some(conversation) = &filter.conversation {
                    query = query.filter(escalations::conversation_id.eq(conversation));
                }
                query.load(c)?
            });
            page.list(rows, |row| row.ordinal, to_escalation)
        })
    }

    /// Gives an escalation.
    pub fn escalation(&mut self, id: &str) -> Result<Option<Escalation>, StoreError> {
        self.ask(|connection| {
            let row: Option<EscalationRow> = on!(connection, c => escalations::table
                .filter(escalations::escalation_id.eq(id))
                .select(EscalationRow::as_select())
                .first(c)
                .optional()?);
            row.map(to_escalation).transpose()
        })
    }
}

pub(super) fn to_escalation(row: EscalationRow) -> Result<Escalation, StoreError> {
    Ok(Escalation {
        escalation_id: row.escalation_id,
        conversation_id: row.conversation_id,
        trigger: word("escalations.trigger", &row.trigger)?,
        rule: row.rule,
        reason: row.reason,
        priority: word("escalations.priority", &row.priority)?,
        team: row.team,
        ticket_id: row.ticket_id,
        state: word("escalations.state", &row.state)?,
        raised_at: Timestamp::from_micros(row.raised_at),
        acknowledged_by: row.acknowledged_by,
        settled_by: row.settled_by,
        updated_at: Timestamp::from_micros(row.updated_at),
    })
}
