//! Clocks: lists walk without gaps, filters and counts hold, reports read what was decided in a
//! time, and what is over for long goes.

use std::collections::BTreeMap;

use super::{batches::ticket, *};
use crate::domain::{
    approval::Approval,
    calendar::CalendarSpec,
    sla::{
        CancelReason, Clock, ClockKey, ClockState, Metric, Moment, Owner, Signal, SlaPolicy, Step,
        Terms, TermsSpec, TransitionKind,
    },
    standing::SOON,
    ticket::{Priority, Ticket, TicketStatus},
    time::Span,
    world::Need,
};

/// Clocks in the making: by terms under which all time counts.
pub(super) struct Maker {
    pub(super) terms: Terms,
    steps: Vec<Step>,
}

pub(super) fn of_ticket(id: &str) -> Owner {
    Owner::Ticket(id.to_owned())
}

impl Maker {
    pub(super) fn new(policy: &str) -> Self {
        let spec = TermsSpec {
            policy: SlaPolicy {
                name: policy.to_owned(),
                version: "v1".to_owned(),
                targets: BTreeMap::new(),
                ..SlaPolicy::default()
            },
            calendar: CalendarSpec::always_open("always", "Europe/Berlin"),
        };
        Self {
            terms: spec.compile().expect("compiles"),
            steps: Vec::new(),
        }
    }

    /// Starts a clock at a second, due so many seconds later.
    pub(super) fn start(&mut self, owner: Owner, metric: Metric, (start, target): (i64, i64)) {
        let cycles = self.steps.iter().map(|step| &step.clock.key);
        let cycles = cycles.filter(|key| key.owner == owner && key.metric == metric);
        let cycle = u32::try_from(cycles.count()).expect("few") + 1;
        let key = ClockKey {
            owner,
            metric,
            cycle,
        };
        let moment = Moment {
            at: at(start),
            event: "evt_1",
        };
        let target = Span::from_secs(target);
        self.steps
            .push(Clock::start(key, &self.terms, target, moment));
    }

    /// Tells the clock that was started last something at a second.
    pub(super) fn tell(&mut self, signal: Signal<'_>, second: i64) {
        let moment = Moment {
            at: at(second),
            event: "evt_2",
        };
        let last = self.steps.last_mut().expect("a clock");
        let next = last.clock.step(signal, &self.terms, moment);
        last.clock = next.clock;
        last.happened.extend(next.happened);
    }

    /// Puts the clocks and what happened to them into a batch.
    pub(super) fn write(self, subject: &str, write: &mut Write) {
        for step in self.steps {
            write
                .clocks
                .push((SubjectId::from(subject), Arc::new(step.clock)));
            write
                .transitions
                .extend(step.happened.into_iter().map(Arc::new));
        }
    }
}

/// A ticket of a team at a priority.
fn of(id: &str, number: i64, (team, priority): (&str, Priority)) -> Arc<Ticket> {
    let mut ticket = ticket(id, number, "c1");
    ticket.team = Some(team.to_owned());
    ticket.priority = priority;
    Arc::new(ticket)
}

fn pending(id: &str) -> Approval {
    serde_json::from_value(json!({
        "approval_id": id, "request_id": "r-1", "subject": "c2", "action": "refund", "summary": "",
        "context": {}, "digest": vec![0; 32], "requester": "bot", "stages": [], "rejections": 1,
        "state": "pending", "stage": 0, "votes": [], "requested_at": at(1), "expires_at": at(99),
    }))
    .expect("an approval")
}

/// Three tickets and an approval with clocks, looked at in second 100.
fn stage(store: &Store) {
    let daemon = register(store, "one");
    let mut writer = store.writer().expect("connects");
    commit_with(&mut writer, daemon, &[("c1", "a")], |write| {
        write.tickets = vec![
            of("tkt_1", 1, ("support", Priority::High)),
            of("tkt_2", 2, ("billing", Priority::Urgent)),
            of("tkt_3", 3, ("billing", Priority::Low)),
        ];
        let mut gold = Maker::new("Gold");
        // Overdue since second 50, and nobody has noticed.
        gold.start(of_ticket("tkt_1"), Metric::FirstResponse, (0, 50));
        // Due in second 150.
        gold.start(of_ticket("tkt_1"), Metric::Resolution, (0, 150));
        // Paused before it was due.
        gold.start(of_ticket("tkt_2"), Metric::Resolution, (0, 80));
        gold.tell(Signal::Pause, 60);
        // Met in second 20.
        gold.start(of_ticket("tkt_2"), Metric::FirstResponse, (0, 30));
        gold.tell(Signal::Stop, 20);
        // Breached in second 10, done with in second 40.
        gold.start(of_ticket("tkt_3"), Metric::FirstResponse, (0, 10));
        gold.tell(Signal::Stop, 40);
        gold.write("c1", write);
        let mut slow = Maker::new("Slow");
        // Breached in second 90, still running.
        slow.start(of_ticket("tkt_3"), Metric::Resolution, (0, 90));
        slow.tell(Signal::Look, 95);
        // Cancelled in second 70.
        slow.start(of_ticket("tkt_3"), Metric::NextResponse, (60, 30));
        slow.tell(Signal::Cancel(CancelReason::Resolved), 70);
        slow.start(
            Owner::Approval("apr_1".to_owned()),
            Metric::Approval,
            (0, 5_000),
        );
        slow.write("c1", write);
        write.clocks.sort_by(|(_, a), (_, b)| a.key.cmp(&b.key));
    })
    .expect("commits");
}

fn named(clock: &Clock) -> String {
    let (Owner::Ticket(id) | Owner::Approval(id) | Owner::Request(id)) = &clock.key.owner;
    format!("{id} {}", clock.key.metric.as_str())
}

/// Walks a list in pages of two.
fn walk(reader: &mut Reader, filter: &ClockFilter) -> Vec<String> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = reader.clock_list(filter, after.as_ref(), 2).expect("reads");
        assert!(page.items.len() <= 2);
        all.extend(page.items.iter().map(|row| named(&row.clock)));
        let Some(next) = page.next else { return all };
        // As it travels.
        after = ClockPlace::parse(&next.to_string());
        assert_eq!(after, Some(next));
    }
}

fn all() -> ClockFilter {
    ClockFilter::default()
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn narrowed() -> Vec<(ClockFilter, Vec<&'static str>)> {
    let text = |text: &str| Some(text.to_owned());
    vec![
        (
            all(),
            vec![
                "tkt_1 first_response",
                "tkt_2 resolution",
                "tkt_3 resolution",
                "tkt_1 resolution",
                "apr_1 approval",
            ],
        ),
        (
            ClockFilter {
                overdue_at: Some(at(100)),
                ..all()
            },
            vec!["tkt_1 first_response", "tkt_3 resolution"],
        ),
        (
            ClockFilter {
                state: Some(ClockState::Paused),
                ..all()
            },
            vec!["tkt_2 resolution"],
        ),
        (
            // Latest ended first.
            ClockFilter {
                state: Some(ClockState::Stopped),
                ..all()
            },
            vec!["tkt_3 first_response", "tkt_2 first_response"],
        ),
        (
            ClockFilter {
                state: Some(ClockState::Cancelled),
                ..all()
            },
            vec!["tkt_3 next_response"],
        ),
        (
            ClockFilter {
                state: Some(ClockState::Stopped),
                overdue_at: Some(at(100)),
                ..all()
            },
            vec![],
        ),
        (
            ClockFilter {
                team: text("billing"),
                ..all()
            },
            vec!["tkt_2 resolution", "tkt_3 resolution"],
        ),
        (
            ClockFilter {
                priority: Some(Priority::Low),
                ..all()
            },
            vec!["tkt_3 resolution"],
        ),
        (
            ClockFilter {
                assignee: text("lee"),
                ..all()
            },
            vec![],
        ),
        (
            ClockFilter {
                policy: text("Slow"),
                metric: Some(Metric::Approval),
                ..all()
            },
            vec!["apr_1 approval"],
        ),
        (
            ClockFilter {
                due_before: Some(at(90)),
                ..all()
            },
            vec!["tkt_1 first_response", "tkt_2 resolution"],
        ),
        (
            ClockFilter {
                due_from: Some(at(90)),
                ..all()
            },
            vec!["tkt_1 resolution", "apr_1 approval"],
        ),
        (
            ClockFilter {
                owner: Some(of_ticket("tkt_1")),
                ..all()
            },
            vec!["tkt_1 first_response", "tkt_1 resolution"],
        ),
    ]
}

#[test]
fn clocks_are_listed_soonest_due_first_and_filters_hold() {
    on_each(|scratch| {
        let store = scratch.store();
        stage(&store);
        let mut reader = store.reader();
        for (filter, expected) in narrowed() {
            assert_eq!(walk(&mut reader, &filter), expected, "{filter:?}");
        }
        let page = reader.clock_list(&all(), None, 9).expect("reads");
        let first = page.items[0].ticket.as_ref().expect("a ticket");
        assert_eq!(
            (first.number, first.team.as_deref(), &first.context),
            (1, Some("support"), &None)
        );
        assert_eq!(page.items[0].subject.as_str(), "c1");
        assert!(page.items[4].ticket.is_none());
    });
}

#[test]
fn many_that_are_due_at_once_are_listed_each_once() {
    on_each(|scratch| {
        let store = scratch.store();
        let daemon = register(&store, "one");
        let mut writer = store.writer().expect("connects");
        commit_with(&mut writer, daemon, &[("c1", "a")], |write| {
            let mut maker = Maker::new("Gold");
            for id in ["tkt_1", "tkt_2", "tkt_3"] {
                for metric in [Metric::FirstResponse, Metric::Own, Metric::Own] {
                    maker.start(of_ticket(id), metric, (0, 50));
                }
            }
            maker.write("c1", write);
        })
        .expect("commits");
        let listed = walk(&mut store.reader(), &all());
        let expected = ["tkt_1", "tkt_2", "tkt_3"].into_iter().flat_map(|id| {
            let metrics = ["first_response", "own", "own"].into_iter();
            metrics.map(move |metric| format!("{id} {metric}"))
        });
        assert_eq!(listed, expected.collect::<Vec<_>>());
    });
}

#[test]
fn clocks_are_counted_and_tickets_found_that_are_overdue() {
    on_each(|scratch| {
        let store = scratch.store();
        stage(&store);
        let mut reader = store.reader();
        let counts = |filter: &ClockFilter| {
            let mut reader = store.reader();
            let counts = reader.clock_counts(filter, (at(100), at(200)));
            let counts = counts.expect("counts");
            [
                counts.running,
                counts.paused,
                counts.overdue,
                counts.due_soon,
            ]
        };
        assert_eq!(counts(&all()), [4, 1, 2, 1]);
        let of_billing = ClockFilter {
            team: Some("billing".to_owned()),
            ..all()
        };
        assert_eq!(counts(&of_billing), [1, 1, 1, 0]);
        let overdue = |at| {
            let filter = TicketFilter {
                overdue_at: Some(at),
                ..TicketFilter::default()
            };
            let mut reader = store.reader();
            let found = reader.tickets(&filter, Page::first(9)).expect("reads");
            let found = found.items.iter().map(|ticket| ticket.number);
            found.collect::<Vec<_>>()
        };
        assert_eq!(overdue(at(100)), [3, 1]);
        // One was breached already, whenever it is asked.
        assert_eq!(overdue(at(10)), [3]);
        let running = reader.clocked_tickets(None, "", 2).expect("reads");
        let running: Vec<&str> = running.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(running, ["tkt_1", "tkt_2"]);
        let after = reader.clocked_tickets(None, "tkt_2", 2).expect("reads");
        assert_eq!(after, [("tkt_3".to_owned(), SubjectId::from("c1"))]);
        let slow = reader.clocked_tickets(Some("Slow"), "", 9).expect("reads");
        assert_eq!(slow, after);
    });
}

#[test]
fn outcomes_are_read_in_slices_each_in_the_time_in_which_it_was_decided() {
    on_each(|scratch| {
        let store = scratch.store();
        stage(&store);
        let mut reader = store.reader();
        let mut outcomes = |kind, from: Option<i64>, to| {
            let (mut all, mut after) = (Vec::new(), None);
            loop {
                let period = (from.map(at), at(to));
                let (items, next) = reader
                    .clock_outcomes(kind, period, after.as_ref(), 1)
                    .expect("reads");
                all.extend(items.iter().map(|one| named(&one.clock)));
                after = next;
                if after.is_none() {
                    return all;
                }
            }
        };
        let (breached, unbreached) = (OutcomeKind::Breached, OutcomeKind::Unbreached);
        assert_eq!(
            outcomes(breached, None, 100),
            ["tkt_3 first_response", "tkt_3 resolution"]
        );
        // It ended in second 40, but was late from second 10 on.
        assert_eq!(outcomes(breached, Some(20), 100), ["tkt_3 resolution"]);
        assert_eq!(
            outcomes(unbreached, None, 100),
            ["tkt_2 first_response", "tkt_3 next_response"]
        );
        assert_eq!(outcomes(unbreached, Some(20), 70), ["tkt_2 first_response"]);
        assert_eq!(outcomes(unbreached, Some(21), 70), [""; 0]);
        let found = reader.clock_outcomes(unbreached, (None, at(100)), None, 9);
        let (found, next) = found.expect("reads");
        assert_eq!((found[0].team.as_deref(), next), (Some("billing"), None));
        assert_eq!(found[0].priority.as_deref(), Some("urgent"));
        assert!(found[0].tags.contains("refund"));
    });
}

#[test]
fn how_things_stand_is_counted_for_a_team_and_for_all() {
    on_each(|scratch| {
        let store = scratch.store();
        stage(&store);
        let daemon = register(&store, "two");
        let mut writer = store.writer().expect("connects");
        commit_with(&mut writer, daemon, &[("c2", "b")], |write| {
            let resolved = |id, number, second| {
                let mut ticket = ticket(id, number, "c2");
                ticket.status = TicketStatus::Resolved;
                ticket.team = Some("billing".to_owned());
                ticket.updated_at = at(second);
                Arc::new(ticket)
            };
            write.tickets = vec![resolved("tkt_4", 4, 30), resolved("tkt_5", 5, 90)];
            write.approvals = vec![Arc::new(pending("apr_1"))];
        })
        .expect("commits");
        let mut reader = store.reader();
        let standing = reader.standing(None, (at(50), at(100))).expect("counts");
        let soon = i64::try_from(standing.next_due.len()).expect("few");
        assert_eq!(
            (standing.open, standing.in_progress, standing.waiting),
            (3, 0, 0)
        );
        assert_eq!((standing.resolved_today, standing.overdue), (1, 2));
        assert_eq!(
            (standing.due_soon, soon, standing.pending_approvals),
            (2, 2, 1)
        );
        let named = |all: &[crate::domain::standing::Pressing]| {
            let named = all.iter().map(|one| one.what.clone());
            named.collect::<Vec<_>>()
        };
        assert_eq!(
            named(&standing.most_overdue),
            ["#1 It's \"broken\"", "#3 It's \"broken\""]
        );
        assert_eq!(named(&standing.next_due), ["#1 It's \"broken\"", "apr_1"]);
        assert!(at(5_000) < at(100).plus(SOON));
        let billing = reader.standing(Some("billing"), (at(0), at(100)));
        let billing = billing.expect("counts");
        assert_eq!((billing.open, billing.resolved_today), (2, 2));
        assert_eq!(named(&billing.most_overdue), ["#3 It's \"broken\""]);
        assert_eq!((billing.overdue, billing.due_soon), (1, 0));
    });
}

#[test]
fn a_world_is_read_without_a_batch() {
    on_each(|scratch| {
        let store = scratch.store();
        stage(&store);
        let mut reader = store.reader();
        let owner = of_ticket("tkt_3");
        let needs = [
            Need::Ticket("tkt_3".to_owned()),
            Need::Clocks(owner.clone()),
        ];
        let subjects = [SubjectId::from("c1"), SubjectId::from("c9")];
        let world = reader
            .world(&subjects, &needs, World::default())
            .expect("reads");
        assert!(world.conversation(&subjects[0]).is_some());
        assert!(world.conversation(&subjects[1]).is_none());
        let found = world.ticket("tkt_3").expect("is loaded");
        assert_eq!(found.map(|ticket| ticket.number), Some(3));
        assert_eq!(world.clocks(&owner).map(<[_]>::len), Ok(3));
        let more = [Need::Ticket("tkt_9".to_owned())];
        let world = reader.world(&[], &more, world).expect("reads");
        assert!(world.conversation(&subjects[0]).is_some());
        assert_eq!(world.ticket("tkt_9"), Ok(None));
    });
}

#[test]
fn erasing_a_customer_leaves_the_clocks_which_name_nobody() {
    on_each(|scratch| {
        let store = scratch.store();
        stage(&store);
        let before = store.reader().clock_list(&all(), None, 9).expect("reads");
        let mut desk = store.desk();
        let blanked = desk.conversation_blank("c1", "customer.erased");
        assert_eq!(blanked.expect("blanks").tickets, 3);
        let after = desk.clock_list(&all(), None, 9).expect("reads");
        let clocks = |page: &ClockPage| {
            let clocks = page.items.iter().map(|row| row.clock.clone());
            clocks.collect::<Vec<_>>()
        };
        assert_eq!(clocks(&after), clocks(&before));
        let subjects = after.items.iter().filter_map(|row| row.ticket.as_ref());
        let subjects: Vec<&str> = subjects.map(|ticket| ticket.subject.as_str()).collect();
        assert_eq!(subjects, ["(erased)"; 4]);
    });
}

#[test]
fn clocks_go_when_all_of_a_thing_are_over_for_long_and_its_ticket_is_done() {
    on_each(|scratch| {
        let store = scratch.store();
        let daemon = register(&store, "one");
        let mut writer = store.writer().expect("connects");
        let finished = |id, number, second| {
            let mut ticket = ticket(id, number, "c1");
            ticket.status = TicketStatus::Closed;
            ticket.updated_at = at(second);
            Arc::new(ticket)
        };
        commit_with(&mut writer, daemon, &[("c1", "a")], |write| {
            write.tickets = vec![
                finished("tkt_1", 1, 40),
                finished("tkt_2", 2, 90),
                Arc::new(ticket("tkt_3", 3, "c1")),
                finished("tkt_4", 4, 40),
            ];
            let mut maker = Maker::new("Gold");
            for id in ["tkt_1", "tkt_2", "tkt_3", "tkt_4"] {
                maker.start(of_ticket(id), Metric::FirstResponse, (0, 30));
                maker.tell(Signal::Stop, 20);
            }
            // One of its clocks ended later.
            maker.start(of_ticket("tkt_4"), Metric::Own, (0, 30));
            maker.tell(Signal::Stop, 60);
            maker.start(
                Owner::Approval("apr_1".to_owned()),
                Metric::Approval,
                (0, 30),
            );
            maker.tell(Signal::Stop, 20);
            maker.start(Owner::Request("r-1".to_owned()), Metric::Unknown, (0, 30));
            maker.write("c1", write);
            write.clocks.sort_by(|(_, a), (_, b)| a.key.cmp(&b.key));
        })
        .expect("commits");
        let mut desk = store.desk();
        assert_eq!(desk.clocks_prune(at(50), 1), Ok(1));
        assert_eq!(desk.clocks_prune(at(50), 9), Ok(1));
        assert_eq!(desk.clocks_prune(at(50), 9), Ok(0));
        let left = |owner: &Owner| {
            let mut reader = store.reader();
            let clocks = reader.clocks_of(owner).expect("reads").len();
            (clocks, reader.transitions_of(owner).expect("reads").len())
        };
        let approval = Owner::Approval("apr_1".to_owned());
        assert_eq!(
            (left(&of_ticket("tkt_1")), left(&approval)),
            ((0, 0), (0, 0))
        );
        assert_eq!(left(&of_ticket("tkt_2")), (1, 2));
        assert_eq!(left(&of_ticket("tkt_3")), (1, 2));
        assert_eq!(left(&of_ticket("tkt_4")), (2, 5));
        assert_eq!(left(&Owner::Request("r-1".to_owned())), (1, 1));
        assert_eq!(desk.clocks_prune(at(100), 9), Ok(3));
        let kept = store.reader().transitions_of(&of_ticket("tkt_3"));
        let kept: Vec<&str> = kept.iter().flatten().map(|one| one.kind.as_str()).collect();
        assert_eq!(kept, ["started", TransitionKind::Met.as_str()]);
    });
}
