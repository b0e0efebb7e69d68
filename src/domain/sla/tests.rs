//! The traces of the specification, and what holds for every clock.

use std::sync::Arc;

use serde_json::{Map, json};

use super::*;
use crate::domain::{
    actor::ActorKind,
    calendar::{Calendar, CalendarSpec},
    ticket::{Priority, Ticket, TicketStatus},
    time::{Span, Timestamp},
};

mod clocks;
mod properties;
mod traces;

/// New York, Monday to Friday from 9 to 5, with Thanksgiving and Christmas; in UTC, 14 to 22 in winter.
fn new_york() -> Arc<Calendar> {
    let day = ["09:00-17:00"];
    let none: [&str; 0] = [];
    let spec: CalendarSpec = serde_json::from_value(json!({
        "name": "ny", "timezone": "America/New_York", "week": [day, day, day, day, day, none, none],
        "overrides": {
            "2026-11-26": {"windows": [], "name": "Thanksgiving"}, "2026-12-25": {"windows": []},
            "2026-11-27": {"windows": ["09:00-13:00"]},
        },
    }))
    .expect("a calendar");
    Arc::new(Calendar::compile(spec).expect("compiles"))
}

fn span(text: &str) -> Span {
    Span::parse(text).expect("a span")
}

/// Reads `Mon 09:00`: a day of the week of 2026-11-23, by the clock in New York.
fn local(text: &str) -> Timestamp {
    let (day, clock) = text.split_once(' ').expect("day and time");
    let days = ["Mon", "Tue", "Wed", "Thu", "Fri"];
    let day = days.iter().position(|name| *name == day).expect("a day") + 23;
    let clock = if clock.len() == 5 {
        format!("{clock}:00")
    } else {
        clock.to_owned()
    };
    Timestamp::parse(&format!("2026-11-{day}T{clock}-05:00")).expect("a time")
}

fn policy(targets: &[(Metric, &str, &str)]) -> SlaPolicy {
    let mut policy = SlaPolicy {
        name: "Gold".to_owned(),
        version: "v1".to_owned(),
        ..SlaPolicy::default()
    };
    for (metric, medium, urgent) in targets {
        for (priority, target) in [(Priority::Medium, medium), (Priority::Urgent, urgent)] {
            let own = policy.targets.entry(priority).or_default();
            own.insert(*metric, span(target));
        }
    }
    policy
}

fn resolution(target: &str) -> SlaPolicy {
    policy(&[(Metric::Resolution, target, "4h")])
}

/// A ticket with its clocks, to which things happen.
struct Desk {
    ticket: Ticket,
    clocks: Vec<Clock>,
    book: Book,
    record: Vec<Transition>,
}

impl Desk {
    fn new(policy: SlaPolicy) -> Self {
        let terms = Terms {
            policy: Arc::new(policy),
            calendar: new_york(),
        };
        let created_at = local("Mon 09:00");
        Self {
            ticket: Ticket {
                ticket_id: "tkt_1".to_owned(),
                number: 1,
                conversation_id: "c".to_owned(),
                team: Some("support".to_owned()),
                assignee: Some("dana".to_owned()),
                created_at,
                updated_at: created_at,
                ..Ticket::default()
            },
            clocks: Vec::new(),
            book: Book {
                current: Some(terms),
                pinned: Vec::new(),
            },
            record: Vec::new(),
        }
    }

    /// A desk with a ticket of a customer, opened at this time.
    fn opened(policy: SlaPolicy, time: &str) -> Self {
        let mut desk = Self::new(policy);
        let by = ActorKind::Customer;
        desk.happen(&TicketEvent::Created { by }, time);
        desk
    }

    fn happen(&mut self, event: &TicketEvent<'_>, time: &str) {
        self.happen_at(event, local(time));
    }

    fn happen_at(&mut self, event: &TicketEvent<'_>, at: Timestamp) {
        let moment = Moment { at, event: "evt_1" };
        let steps = ticket_step(&self.clocks, &self.ticket, event, &self.book, moment);
        for step in steps.expect("the terms are there") {
            self.record.extend(step.happened);
            self.clocks.retain(|clock| clock.key != step.clock.key);
            self.clocks.push(step.clock);
        }
        self.clocks.sort_by(|a, b| a.key.cmp(&b.key));
    }

    fn change(&mut self, change: impl FnOnce(&mut Ticket), time: &str) {
        self.change_at(change, local(time));
    }

    fn change_at(&mut self, change: impl FnOnce(&mut Ticket), at: Timestamp) {
        let before = self.ticket.clone();
        change(&mut self.ticket);
        self.happen_at(&TicketEvent::Changed { before: &before }, at);
    }

    fn becomes(&mut self, status: TicketStatus, time: &str) {
        self.change(|ticket| ticket.status = status, time);
    }

    fn prioritised(&mut self, priority: Priority, time: &str) {
        self.change(|ticket| ticket.priority = priority, time);
    }

    /// The customer writes; gives what that does to the ticket.
    fn writes(&mut self, time: &str) -> MessageMove {
        self.writes_at(local(time))
    }

    fn writes_at(&mut self, at: Timestamp) -> MessageMove {
        let before = self.ticket.clone();
        let policy = self.book.current.as_ref().map(|terms| &*terms.policy);
        let finished_at = self.clock(Metric::Resolution).map(|clock| clock.since);
        let moved = on_customer_message(&self.ticket, finished_at, policy, at);
        if let MessageMove::Become(status) = moved {
            self.ticket.status = status;
        }
        if moved != MessageMove::NewTicket {
            self.happen_at(&TicketEvent::CustomerMessage { before: &before }, at);
        }
        moved
    }

    fn replies(&mut self, by: ActorKind, time: &str) {
        self.happen(&TicketEvent::Reply { by }, time);
    }

    fn looked(&mut self, time: &str) {
        self.happen(&TicketEvent::Due, time);
    }

    /// The newest clock of a metric.
    fn clock(&self, metric: Metric) -> Option<&Clock> {
        self.clocks.iter().rfind(|clock| clock.key.metric == metric)
    }

    fn resolution(&self) -> &Clock {
        self.clock(Metric::Resolution).expect("it was opened")
    }

    fn calendar(&self) -> &Calendar {
        &self
            .book
            .current
            .as_ref()
            .expect("there are terms")
            .calendar
    }

    /// What happened, one a line: the time in New York, the clock, what, how much was used up, when it is due.
    fn told(&self) -> String {
        let clock = |at: Timestamp| {
            let zone: chrono_tz::Tz = "America/New_York".parse().expect("a zone");
            at.to_utc()
                .with_timezone(&zone)
                .format("%a %H:%M:%S%.f")
                .to_string()
        };
        let line = |entry: &Transition| {
            format!(
                "{} {} {} {:?}, used {}, due {}",
                clock(entry.at),
                entry.key.metric.as_str(),
                entry.key.cycle,
                entry.kind,
                entry.consumed,
                clock(entry.due_after)
            )
        };
        self.record.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    fn kinds(&self) -> Vec<&'static str> {
        let kinds = self.record.iter();
        kinds
            .map(|entry| entry.result_type().unwrap_or("stopped"))
            .collect()
    }
}

fn result(entry: &Transition) -> Map<String, serde_json::Value> {
    entry.result_data()
}
