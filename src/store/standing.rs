//! How things stand with a team, or with all, counted in one go for a digest.

use std::collections::HashMap;

use diesel::{dsl::sql, prelude::*, sql_types::Bool};

use super::{
    clock_lists::{ClockFilter, ClockPage},
    connection::on,
    error::StoreError,
    reader::Reader,
    schema::{approvals, tickets},
    tickets::IS_UNFINISHED,
};
use crate::domain::{
    sla::ClockState,
    standing::{NAMED, Pressing, SOON, Standing},
    ticket::TicketStatus,
    time::Timestamp,
};

impl Reader {
    /// Counts how things stand with a team, or with all; today began at `today`.
    pub fn standing(
        &mut self,
        team: Option<&str>,
        (today, now): (Timestamp, Timestamp),
    ) -> Result<Standing, StoreError> {
        let soon = now.plus(SOON);
        let all = ClockFilter {
            team: team.map(str::to_owned),
            ..ClockFilter::default()
        };
        let overdue = ClockFilter {
            overdue_at: Some(now),
            ..all.clone()
        };
        let counts = self.clock_counts(&all, (now, soon))?;
        let most_overdue = pressing(&self.clock_list(&overdue, None, NAMED)?);
        let next_due = self.clocks_due_soon(&all, (now, soon))?;
        let tickets = self.tickets_standing(team, today)?;
        let count = |status: TicketStatus| tickets.get(status.as_str()).copied().unwrap_or(0);
        Ok(Standing {
            open: count(TicketStatus::Open),
            in_progress: count(TicketStatus::InProgress),
            waiting: count(TicketStatus::Waiting),
            resolved_today: count(TicketStatus::Resolved),
            overdue: counts.overdue,
            most_overdue,
            due_soon: counts.due_soon,
            next_due,
            pending_approvals: self.approvals_pending()?,
        })
    }

    /// Names the clocks that are due first of those that are not overdue and soon will be.
    fn clocks_due_soon(
        &mut self,
        all: &ClockFilter,
        (now, soon): (Timestamp, Timestamp),
    ) -> Result<Vec<Pressing>, StoreError> {
        let filter = ClockFilter {
            state: Some(ClockState::Running),
            due_from: Some(now),
            due_before: Some(soon),
            ..all.clone()
        };
        Ok(pressing(&self.clock_list(&filter, None, NAMED)?))
    }

    /// Counts a team's unfinished tickets by status, and those that were resolved since `today`.
    fn tickets_standing(
        &mut self,
        team: Option<&str>,
        today: Timestamp,
    ) -> Result<HashMap<String, i64>, StoreError> {
        let resolved = TicketStatus::Resolved.as_str();
        self.ask(|connection| {
            let counts: Vec<(String, i64)> = on!(connection, c => {
                let mut unfinished = tickets::table
                    .filter(sql::<Bool>(IS_UNFINISHED))
                    .group_by(tickets::status)
                    .select((tickets::status, diesel::dsl::count_star()))
                    .into_boxed::<Db>();
                let mut finished = tickets::table
                    .filter(tickets::status.eq(resolved))
                    .filter(tickets::updated_at.ge(today.micros()))
                    .group_by(tickets::status)
                    .select((tickets::status, diesel::dsl::count_star()))
                    .into_boxed::<Db>();
                if let Some(team) = team {
                    unfinished = unfinished.filter(tickets::team.eq(team));
                    finished = finished.filter(tickets::team.eq(team));
                }
                let mut counts: Vec<(String, i64)> = unfinished.load(c)?;
                counts.extend(finished.load::<(String, i64)>(c)?);
                counts
            });
            Ok(counts.into_iter().collect())
        })
    }

    fn approvals_pending(&mut self) -> Result<i64, StoreError> {
        self.ask(|connection| {
            Ok(on!(connection, c => approvals::table
                // The condition of the partial index.
                .filter(sql::<Bool>("state = 'pending'"))
                .count()
                .get_result(c)?))
        })
    }
}

fn pressing(page: &ClockPage) -> Vec<Pressing> {
    let rows = page.items.iter();
    rows.map(|row| Pressing::of(&row.clock, row.ticket.as_ref()))
        .collect()
}
