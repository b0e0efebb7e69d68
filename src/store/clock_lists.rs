//! Clocks as they are listed, counted and reported, each with the ticket that it belongs to.
//!
//! Lists of what is live come soonest due first, lists of what is over latest ended first;
//! all go on by [`ClockPlace`]. Reports read in slices what was decided in a time.

use std::{collections::BTreeSet, fmt};

use diesel::{
    dsl::sql,
    prelude::*,
    sql_types::{BigInt, Bool, Text},
};

use super::{
    connection::on,
    error::StoreError,
    reader::Reader,
    requests::document,
    schema::{clocks, tickets},
    tickets::{TicketRow, to_ticket},
};
use crate::domain::{
    ids::SubjectId,
    sla::{Clock, ClockState, Metric, Owner},
    ticket::{Priority, Ticket},
    time::Timestamp,
};

/// Which clocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClockFilter {
    /// Where it stands; `None`: those that may still stop.
    pub state: Option<ClockState>,
    /// What it measures.
    pub metric: Option<Metric>,
    /// The policy that it goes by.
    pub policy: Option<String>,
    /// The team of its ticket.
    pub team: Option<String>,
    /// The person of its ticket.
    pub assignee: Option<String>,
    /// The priority of its ticket.
    pub priority: Option<Priority>,
    /// Only those that are over their time at this instant.
    pub overdue_at: Option<Timestamp>,
    /// Only those that are due at this instant or later, and in time so far.
    pub due_from: Option<Timestamp>,
    /// Only those that are due before this.
    pub due_before: Option<Timestamp>,
    /// Only those of this.
    pub owner: Option<Owner>,
}

/// A clock with what it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct ClockRow {
    /// The clock.
    pub clock: Clock,
    /// Under which subject it changes.
    pub subject: SubjectId,
    /// Its ticket, without the context; `None` where it belongs to none.
    pub ticket: Option<Ticket>,
}

/// A place in a list of clocks; reading goes on strictly after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockPlace {
    /// When it is due, ended or was breached, as the list goes by.
    pub at: Timestamp,
    /// What it measures.
    pub metric: Metric,
    /// The how manieth of this metric.
    pub cycle: u32,
    /// What it belongs to.
    pub owner: Owner,
}

/// A page of clocks.
#[derive(Clone, Debug, PartialEq)]
pub struct ClockPage {
    /// The clocks.
    pub items: Vec<ClockRow>,
    /// Where the next page goes on; `None`: this is the last.
    pub next: Option<ClockPlace>,
}

/// How many clocks stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockCounts {
    /// Those that run, overdue ones among them.
    pub running: i64,
    /// Those that are paused.
    pub paused: i64,
    /// Those that are over their time, paused ones among them.
    pub overdue: i64,
    /// Those that run and are due soon.
    pub due_soon: i64,
}

/// How a clock came out that a report counts.
#[derive(Clone, Debug, PartialEq)]
pub struct ClockOutcome {
    /// The clock.
    pub clock: Clock,
    /// Its ticket's team.
    pub team: Option<String>,
    /// Its ticket's priority.
    pub priority: Option<String>,
    /// What its ticket is about.
    pub category: Option<String>,
    /// Its ticket's tags.
    pub tags: BTreeSet<String>,
}

/// Which outcomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutcomeKind {
    /// Breaches, by when they were.
    Breached,
    /// Ends without a breach.
    Unbreached,
}

/// The condition of the partial index over clocks that may still stop.
const IS_LIVE: &str = "clocks.state IN ('running', 'paused')";
/// What joins a clock to its ticket; no other thing's label has a ticket's id there.
pub(super) const OF_TICKET: &str = "tickets.ticket_id = substr(clocks.owner, 8)";
/// Those that are over their time at the instant bound next: before and after the bind. What is
/// paused will be due later than it says.
const IS_OVERDUE: (&str, &str) = (
    "(clocks.breached_at IS NOT NULL OR (clocks.state = 'running' AND clocks.due_at < ",
    "))",
);

/// A row of a list, and of a report.
type Row = (String, String, Option<TicketRow>);
type OutcomeRow = (
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
);

impl ClockPlace {
    /// Reads what [`fmt::Display`] has written.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(4, '.');
        let at = Timestamp::from_micros(parts.next()?.parse().ok()?);
        let metric = parts.next()?;
        let metric = Metric::ALL.into_iter().find(|one| one.as_str() == metric)?;
        let cycle = parts.next()?.parse().ok()?;
        let owner = Owner::parse(parts.next()?)?;
        Some(Self {
            at,
            metric,
            cycle,
            owner,
        })
    }

    fn of(clock: &Clock, at: Timestamp) -> Self {
        Self {
            at,
            metric: clock.key.metric,
            cycle: clock.key.cycle,
            owner: clock.key.owner.clone(),
        }
    }
}

impl fmt::Display for ClockPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (at, metric) = (self.at.micros(), self.metric.as_str());
        write!(f, "{at}.{metric}.{}.{}", self.cycle, self.owner.label())
    }
}

/// Narrows a boxed query over clocks joined to their tickets.
macro_rules! narrowed {
    ($query:expr, $filter:expr) => {{
        let (mut query, filter) = ($query, $filter);
        query = match filter.state {
            None => query.filter(sql::<Bool>(IS_LIVE)),
            // The condition of the partial index, where it holds.
            Some(state) if state.is_live() => query
                .filter(sql::<Bool>(IS_LIVE))
                .filter(clocks::state.eq(state.as_str())),
            Some(state) => query.filter(clocks::state.eq(state.as_str())),
        };
        if let Some(metric) = filter.metric {
            query = query.filter(clocks::metric.eq(metric.as_str()));
        }
        if let Some(policy) = &filter.policy {
            query = query.filter(clocks::policy.eq(policy));
        }
        if let Some(team) = &filter.team {
            query = query.filter(tickets::team.eq(team));
        }
        if let Some(assignee) = &filter.assignee {
            query = query.filter(tickets::assignee.eq(assignee));
        }
        if let Some(priority) = filter.priority {
            query = query.filter(tickets::priority.eq(priority.as_str()));
        }
        if let Some(at) = filter.overdue_at {
            let (before, after) = IS_OVERDUE;
            let overdue = sql::<Bool>(before).bind::<BigInt, _>(at.micros());
            query = query
                .filter(sql::<Bool>(IS_LIVE))
                .filter(overdue.sql(after));
        }
        if let Some(at) = filter.due_from {
            let in_time = clocks::breached_at.is_null();
            query = query.filter(clocks::due_at.ge(at.micros())).filter(in_time);
        }
        if let Some(at) = filter.due_before {
            query = query.filter(clocks::due_at.lt(at.micros()));
        }
        if let Some(owner) = &filter.owner {
            query = query.filter(clocks::owner.eq(owner.label()));
        }
        query
    }};
}

/// Goes on after a place, in rising order of a column or in falling order.
macro_rules! after {
    ($query:expr, $place:expr, $text:expr) => {
        $query.filter(
            sql::<Bool>($text)
                .bind::<BigInt, _>($place.at.micros())
                .sql(", ")
                .bind::<Text, _>($place.owner.label())
                .sql(", ")
                .bind::<Text, _>($place.metric.as_str())
                .sql(", ")
                .bind::<BigInt, _>(i64::from($place.cycle))
                .sql(")"),
        )
    };
}

impl Reader {
    /// Lists clocks: those that may still stop soonest due first, those that are over latest first.
    pub fn clock_list(
        &mut self,
        filter: &ClockFilter,
        after: Option<&ClockPlace>,
        limit: i64,
    ) -> Result<ClockPage, StoreError> {
        let is_live = filter.state.is_none_or(ClockState::is_live);
        let from = after.map_or(i64::MIN, |place| place.at.micros());
        let to = after.map_or(i64::MAX, |place| place.at.micros());
        self.ask(|connection| {
            let rows: Vec<Row> = on!(connection, c => {
                let joined = clocks::table
                    .left_join(tickets::table.on(sql::<Bool>(OF_TICKET)))
                    .select((clocks::subject, clocks::body, Option::<TicketRow>::as_select()))
                    .limit(limit.saturating_add(1))
                    .into_boxed::<Db>();
                let mut query = narrowed!(joined, filter);
                if is_live {
                    // The bound has SQLite go by the index, where it would sort otherwise.
                    query = query.filter(clocks::due_at.ge(from)).order((
                        clocks::due_at,
                        clocks::owner,
                        clocks::metric,
                        clocks::cycle,
                    ));
                    if let Some(place) = after {
                        query = after!(
                            query,
                            place,
                            "(clocks.due_at, clocks.owner, clocks.metric, clocks.cycle) > ("
                        );
                    }
                } else {
                    query = query.filter(clocks::ended_at.le(to)).order((
                        clocks::ended_at.desc(),
                        clocks::owner.desc(),
                        clocks::metric.desc(),
                        clocks::cycle.desc(),
                    ));
                    if let Some(place) = after {
                        query = after!(
                            query,
                            place,
                            "(clocks.ended_at, clocks.owner, clocks.metric, clocks.cycle) < ("
                        );
                    }
                }
                query.load(c)?
            });
            let at = |clock: &Clock| if is_live { clock.due_at } else { clock.since };
            page(rows, limit, at)
        })
    }

    /// Counts clocks that may still stop; soon is before `soon`.
    pub fn clock_counts(
        &mut self,
        filter: &ClockFilter,
        (now, soon): (Timestamp, Timestamp),
    ) -> Result<ClockCounts, StoreError> {
        let (before, after) = IS_OVERDUE;
        self.ask(|connection| {
            let (running, paused, overdue, due_soon): (i64, i64, i64, i64) = on!(connection, c => {
                let joined = clocks::table
                    .left_join(tickets::table.on(sql::<Bool>(OF_TICKET)))
                    .select((
                        sql::<BigInt>("count(*) FILTER (WHERE clocks.state = 'running')"),
                        sql::<BigInt>("count(*) FILTER (WHERE clocks.state = 'paused')"),
                        sql::<BigInt>("count(*) FILTER (WHERE ")
                            .sql(before)
                            .bind::<BigInt, _>(now.micros())
                            .sql(after)
                            .sql(")"),
                        sql::<BigInt>("count(*) FILTER (WHERE clocks.state = 'running' \
                                AND clocks.breached_at IS NULL AND clocks.due_at >= ")
                            .bind::<BigInt, _>(now.micros())
                            .sql(" AND clocks.due_at < ")
                            .bind::<BigInt, _>(soon.micros())
                            .sql(")"),
                    ))
                    .into_boxed::<Db>();
                narrowed!(joined, filter).first(c)?
            });
            Ok(ClockCounts {
                running,
                paused,
                overdue,
                due_soon,
            })
        })
    }

    /// Gives outcomes of one kind in [from, to), in the order of time, and where the next ones are.
    pub fn clock_outcomes(
        &mut self,
        kind: OutcomeKind,
        (from, to): (Option<Timestamp>, Timestamp),
        after: Option<&ClockPlace>,
        limit: i64,
    ) -> Result<(Vec<ClockOutcome>, Option<ClockPlace>), StoreError> {
        let from = from.map_or(i64::MIN, Timestamp::micros);
        let since = after.map_or(from, |place| place.at.micros().max(from));
        let rows: Vec<OutcomeRow> = self.ask(|connection| {
            Ok(on!(connection, c => {
                let mut query = clocks::table
                    .left_join(tickets::table.on(sql::<Bool>(OF_TICKET)))
                    .select((
                        clocks::body,
                        tickets::team.nullable(),
                        tickets::priority.nullable(),
                        tickets::category.nullable(),
                        tickets::tags.nullable(),
                    ))
                    .limit(limit)
                    .into_boxed::<Db>();
                match kind {
                    OutcomeKind::Breached => {
                        query = query
                            .filter(clocks::breached_at.ge(since))
                            .filter(clocks::breached_at.lt(to.micros()))
                            .order((
                                clocks::breached_at, clocks::owner, clocks::metric, clocks::cycle,
                            ));
                        if let Some(place) = after {
                            query = after!(query, place,
                                "(clocks.breached_at, clocks.owner, clocks.metric, clocks.cycle) > (");
                        }
                    }
                    OutcomeKind::Unbreached => {
                        query = query
                            .filter(clocks::breached_at.is_null())
                            .filter(clocks::ended_at.ge(since))
                            .filter(clocks::ended_at.lt(to.micros()))
                            .order((
                                clocks::ended_at, clocks::owner, clocks::metric, clocks::cycle,
                            ));
                        if let Some(place) = after {
                            query = after!(query, place,
                                "(clocks.ended_at, clocks.owner, clocks.metric, clocks.cycle) > (");
                        }
                    }
                }
                query.load(c)?
            }))
        })?;
        let is_full = i64::try_from(rows.len()).is_ok_and(|count| count >= limit);
        let outcomes = rows.into_iter().map(outcome);
        let outcomes: Vec<ClockOutcome> = outcomes.collect::<Result<_, _>>()?;
        let last = outcomes.last().filter(|_| is_full);
        let next = last.map(|last| ClockPlace::of(&last.clock, last.decided_at()));
        Ok((outcomes, next))
    }

    /// Gives tickets that have a clock which may still stop, with their subjects, in the order of
    /// their ids after one; `policy`: with such a clock that goes by it.
    pub fn clocked_tickets(
        &mut self,
        policy: Option<&str>,
        after: &str,
        limit: i64,
    ) -> Result<Vec<(String, SubjectId)>, StoreError> {
        let after = Owner::Ticket(after.to_owned()).label();
        self.ask(|connection| {
            let rows: Vec<(String, Option<String>)> = on!(connection, c => {
                let mut query = clocks::table
                    .group_by(clocks::owner)
                    .select((clocks::owner, diesel::dsl::min(clocks::subject)))
                    // Not by the state: in order of the owners there is no index over what is live.
                    .filter(clocks::ended_at.is_null())
                    .filter(clocks::owner.gt(after))
                    // `;` follows `:`.
                    .filter(clocks::owner.lt("ticket;"))
                    .order(clocks::owner)
                    .limit(limit)
                    .into_boxed::<Db>();
                if let Some(policy) = policy {
                    query = query.filter(clocks::policy.eq(policy));
                }
                query.load(c)?
            });
            let tickets = rows.into_iter().filter_map(|(label, subject)| {
                let id = label.strip_prefix("ticket:")?.to_owned();
                Some((id, SubjectId::from(subject?)))
            });
            Ok(tickets.collect())
        })
    }
}

impl ClockOutcome {
    /// Gives when the outcome was decided: at the breach, or else at the end.
    pub fn decided_at(&self) -> Timestamp {
        self.clock
            .breach
            .map_or(self.clock.since, |breach| breach.at)
    }
}

fn page(
    mut rows: Vec<Row>,
    limit: i64,
    at: impl Fn(&Clock) -> Timestamp,
) -> Result<ClockPage, StoreError> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let items = rows.into_iter().map(|(subject, body, ticket)| {
        Ok(ClockRow {
            clock: document("clocks", &body)?,
            subject: SubjectId::from(subject),
            ticket: ticket.map(to_ticket).transpose()?,
        })
    });
    let items: Vec<ClockRow> = items.collect::<Result<_, StoreError>>()?;
    let last = items.last().filter(|_| has_more);
    let next = last.map(|row| ClockPlace::of(&row.clock, at(&row.clock)));
    Ok(ClockPage { items, next })
}

fn outcome(row: OutcomeRow) -> Result<ClockOutcome, StoreError> {
    let (body, team, priority, category, tags) = row;
    let tags = tags.map(|tags| document("tickets.tags", &tags));
    Ok(ClockOutcome {
        clock: document("clocks", &body)?,
        team,
        priority,
        category,
        tags: tags.transpose()?.unwrap_or_default(),
    })
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn a_place_reads_back_as_written() {
        let place = ClockPlace {
            at: Timestamp::from_micros(-5),
            metric: Metric::FirstResponse,
            cycle: 2,
            owner: Owner::Request("r.1:a b".to_owned()),
        };
        assert_eq!(ClockPlace::parse(&place.to_string()), Some(place));
        for bad in [
            "",
            "5",
            "5.own.1",
            "x.own.1.ticket:a",
            "5.own.1.tkt_1",
            "5.odd.1.ticket:a",
        ] {
            assert_eq!(ClockPlace::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_partial_index_is_found_by_its_condition() {
        let condition = IS_LIVE.replace("clocks.", "");
        for migration in [
            include_str!("../../migrations/postgres/0006_clocks/up.sql"),
            include_str!("../../migrations/sqlite/0006_clocks/up.sql"),
        ] {
            assert!(migration.contains(&format!("WHERE {condition};")));
        }
    }
}
