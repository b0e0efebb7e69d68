//! Lists: pages do not overlap or skip, and filters hold.

use std::sync::Arc;

use super::{
    batches::{escalation, ticket},
    *,
};
use crate::domain::{
    person::Person,
    ticket::{Priority, TicketStatus},
};

/// Walks a list to its end in pages of `limit`.
fn walk<T>(limit: i64, mut page: impl FnMut(Page) -> Listing<T>) -> Vec<T> {
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let listing = page(Page { after, limit });
        assert!(i64::try_from(listing.items.len()).is_ok_and(|len| len <= limit));
        all.extend(listing.items);
        match listing.next {
            Some(next) => after = Some(next),
            None => return all,
        }
    }
}

/// Sets one member of a filter.
type SetTicket = fn(&mut TicketFilter, Option<String>);
type SetAudit = fn(&mut AuditFilter);

#[allow(
    clippy::unnecessary_wraps,
    reason = "every member of a filter is optional"
)]
fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn numbers(reader: &mut Reader, filter: &TicketFilter) -> Vec<i64> {
    walk(3, |page| reader.tickets(filter, page).expect("reads"))
        .iter()
        .map(|row| row.number)
        .collect()
}

fn conversations(reader: &mut Reader, filter: &ConversationFilter) -> Vec<String> {
    walk(2, |page| reader.conversations(filter, page).expect("reads"))
        .iter()
        .map(|row| row.id.to_string())
        .collect()
}

fn escalations(reader: &mut Reader, filter: &EscalationFilter) -> Vec<String> {
    walk(2, |page| reader.escalations(filter, page).expect("reads"))
        .into_iter()
        .map(|row| row.escalation_id)
        .collect()
}

fn entries(reader: &mut Reader, filter: &AuditFilter) -> Vec<i64> {
    walk(2, |page| reader.audit(filter, page).expect("reads"))
        .iter()
        .map(|row| row.entry.sequence)
        .collect()
}

/// Seven tickets, of which the even ones differ in everything.
fn with_tickets(scratch: &Scratch) -> Reader {
    let store = scratch.store();
    let daemon = register(&store, "one");
    let mut writer = store.writer().expect("connects");
    commit_with(&mut writer, daemon, &[("c1", "a")], |write| {
        write.tickets = (1..=7)
            .map(|n| {
                let mut row = ticket(&format!("tkt_{n}"), n, "c1");
                if n % 2 == 0 {
                    row.move_to(TicketStatus::Resolved, at(2)).expect("moves");
                    row.priority = Priority::Low;
                    row.team = None;
                    row.assignee = None;
                    row.category = None;
                    row.tags = [",".to_owned()].into();
                    row.conversation_id = "c2".to_owned();
                }
                Arc::new(row)
            })
            .collect();
    })
    .expect("commits");
    store.reader()
}

#[test]
fn tickets_are_listed_newest_first_and_by_what_is_asked() {
    on_each(|scratch| {
        let mut reader = with_tickets(scratch);
        let mut filter = TicketFilter::default();
        assert_eq!(numbers(&mut reader, &filter), [7, 6, 5, 4, 3, 2, 1]);
        let cases: [(SetTicket, &str); 9] = [
            (|filter, value| filter.status.extend(value), "open"),
            (|filter, value| filter.customer = value, "cus-c1"),
            (|filter, value| filter.priority = value, "high"),
            (|filter, value| filter.team = value, "support"),
            (|filter, value| filter.assignee = value, "dana"),
            (|filter, value| filter.category = value, "billing"),
            (|filter, value| filter.tag = value, "refund"),
            (|filter, value| filter.tag = value, "v,\"i\"p"),
            (|filter, value| filter.conversation = value, "c1"),
        ];
        for (set, value) in cases {
            let mut one = TicketFilter::default();
            set(&mut one, text(value));
            assert_eq!(numbers(&mut reader, &one), [7, 5, 3, 1], "{one:?}");
            set(&mut filter, text(value));
        }
        assert_eq!(numbers(&mut reader, &filter), [7, 5, 3, 1], "all at once");
        let mut tagged = |tag: &str| {
            let filter = TicketFilter {
                tag: text(tag),
                ..TicketFilter::default()
            };
            numbers(&mut reader, &filter)
        };
        assert_eq!(tagged(","), [6, 4, 2], "a whole tag counts");
        assert!(tagged("refun%").is_empty() && tagged("' OR 1=1 --").is_empty());
    });
}

#[test]
fn tickets_are_counted_and_listed_without_their_contexts() {
    on_each(|scratch| {
        let mut reader = with_tickets(scratch);
        let counts = reader.ticket_counts(at(0)).expect("reads");
        assert_eq!(counts[&TicketStatus::Open], 4);
        assert_eq!(counts[&TicketStatus::Resolved], 3);
        let later = reader.ticket_counts(at(3)).expect("reads");
        assert_eq!(later.get(&TicketStatus::Resolved), None);
        let listed = reader
            .tickets(&TicketFilter::default(), Page::first(1))
            .expect("reads");
        assert_eq!(listed.items[0].context, None);
        assert_eq!(listed.next, Some(7));
    });
}

/// Three conversations and a subject that is none.
fn with_conversations(scratch: &Scratch) -> Reader {
    let store = scratch.store();
    let daemon = register(&store, "one");
    let mut writer = store.writer().expect("connects");
    let given = [("c1", "a"), ("c2", "b"), ("c3", "c"), ("c1", "d")];
    commit(&mut writer, daemon, &given).expect("commits");
    commit_with(
        &mut writer,
        daemon,
        &[("c1", "e"), ("rule", "f")],
        |write| {
            write.subjects[1].conversation = None;
            write.journal[1].results.clear();
        },
    )
    .expect("commits");
    store.reader()
}

#[test]
fn conversations_are_listed_newest_first_and_by_what_is_asked() {
    on_each(|scratch| {
        let mut reader = with_conversations(scratch);
        let any = ConversationFilter::default;
        assert_eq!(conversations(&mut reader, &any()), ["c3", "c2", "c1"]);
        let open = ConversationFilter {
            status: text("open"),
            ..any()
        };
        assert_eq!(conversations(&mut reader, &open).len(), 3);
        let sms = ConversationFilter {
            channel: text("sms"),
            ..any()
        };
        assert!(conversations(&mut reader, &sms).is_empty());
        let customer = ConversationFilter {
            customer: text("cus-c2"),
            ..any()
        };
        assert_eq!(conversations(&mut reader, &customer), ["c2"]);
        let one = reader.conversation("c1").expect("reads").expect("there");
        assert_eq!((one.version, one.conversation.messages), (3, 3));
        assert_eq!(reader.conversation("rule"), Ok(None));
        assert_eq!(reader.conversation("c9"), Ok(None));
    });
}

#[test]
fn results_and_timelines_are_listed_oldest_first() {
    on_each(|scratch| {
        let mut reader = with_conversations(scratch);
        let timeline = walk(2, |page| reader.timeline("c1", page).expect("reads"));
        let versions: Vec<i64> = timeline.iter().map(|row| row.version).collect();
        assert_eq!(versions, [1, 2, 3]);
        assert_eq!(timeline[2].time, at(5));
        let found = reader.journal_at(&[5, 1, 99]).expect("reads");
        let found: Vec<i64> = found.iter().map(|row| row.position).collect();
        assert_eq!(found, [1, 5]);
        let mut positions = |after, limit, conversation| -> Vec<i64> {
            let rows = reader.results(after, limit, conversation).expect("reads");
            rows.iter().map(|row| row.position).collect()
        };
        assert_eq!(positions(2, 2, None), [3, 4]);
        assert_eq!(positions(4, 9, None), [5], "the last has no results");
        assert_eq!(positions(0, 9, Some("c1")), [1, 4, 5]);
        let seen = reader
            .journal_seen(key("b"))
            .expect("reads")
            .expect("there");
        assert_eq!(seen.reply_to.as_deref(), Some("answers"));
        assert_eq!(reader.journal_seen(key("z")), Ok(None));
    });
}

#[test]
fn escalations_are_listed_newest_first_and_by_what_is_asked() {
    on_each(|scratch| {
        let store = scratch.store();
        let daemon = register(&store, "one");
        let mut writer = store.writer().expect("connects");
        commit_with(&mut writer, daemon, &[("c1", "a")], |write| {
            write.escalations = (1..=5)
                .map(|n| {
                    let conversation = if n == 2 { "c2" } else { "c1" };
                    Arc::new(escalation(&format!("esc_{n}"), conversation))
                })
                .collect();
        })
        .expect("commits");
        let mut reader = store.reader();
        let any = EscalationFilter::default;
        let all = ["esc_5", "esc_4", "esc_3", "esc_2", "esc_1"];
        assert_eq!(escalations(&mut reader, &any()), all);
        let second = EscalationFilter {
            conversation: text("c2"),
            state: text("raised"),
            priority: text("urgent"),
            ..any()
        };
        assert_eq!(escalations(&mut reader, &second), ["esc_2"]);
        let low = EscalationFilter {
            priority: text("low"),
            ..any()
        };
        assert!(escalations(&mut reader, &low).is_empty());
        let team = EscalationFilter {
            team: text("x"),
            ..any()
        };
        assert!(escalations(&mut reader, &team).is_empty());
    });
}

/// Exports entries one by one.
fn exported(reader: &mut Reader, filter: &AuditFilter) -> Vec<i64> {
    let mut all = Vec::new();
    loop {
        let after = all.last().copied().unwrap_or(0);
        let rows = reader.audit_export(filter, after, 1).expect("reads");
        let Some(row) = rows.first() else {
            return all;
        };
        all.push(row.entry.sequence);
    }
}

/// What is asked, and the sequences that it finds in the log of the test below.
const AUDIT_CASES: [(SetAudit, &[i64]); 17] = [
    (|filter| filter.subject = text("c1"), &[4, 3, 1]),
    (|filter| filter.actor = text("customer:c"), &[4]),
    (|filter| filter.actor = text("customer:ada"), &[2, 1]),
    (|filter| filter.customer = text("ada"), &[2, 1]),
    (|filter| filter.customer = text("bob"), &[]),
    (|filter| filter.amount_min = Some(0), &[2]),
    (|filter| filter.amount_max = Some(125_000), &[3, 2]),
    (
        |filter| (filter.amount_min, filter.amount_max) = (Some(-5), Some(0)),
        &[3],
    ),
    (|filter| filter.rule = text("Odd"), &[3]),
    (|filter| filter.action = text("ticket.requested"), &[]),
    (|filter| filter.outcome = text("denied"), &[4]),
    (|filter| filter.rule = text("Even"), &[4, 3, 2]),
    (
        |filter| (filter.rule, filter.outcome) = (text("Even"), text("done")),
        &[3, 2],
    ),
    (
        |filter| (filter.rule, filter.subject) = (text("Even"), text("c1")),
        &[4, 3],
    ),
    (
        |filter| (filter.rule, filter.customer) = (text("Odd"), text("ada")),
        &[],
    ),
    (
        |filter| (filter.amount_min, filter.subject) = (Some(-5), text("c1")),
        &[3],
    ),
    (
        |filter| (filter.from, filter.to) = (Some(at(2)), Some(at(4))),
        &[3, 2],
    ),
];

#[test]
fn audit_entries_are_listed_newest_first_and_by_what_is_asked() {
    on_each(|scratch| {
        let store = scratch.store();
        let daemon = register(&store, "one");
        let mut writer = store.writer().expect("connects");
        let given = [("c1", "a"), ("c2", "b"), ("c1", "c"), ("c1", "d")];
        commit_with(&mut writer, daemon, &given, |write| {
            write.audit[3].outcome = "denied";
            let label = |value: &str, salt: u8| Person::new(value, [salt; 16], at(1));
            write.persons = vec![label("ada", 1), label("ada", 2), label("eve", 1)];
            for (row, person) in write.audit.iter_mut().zip(&write.persons) {
                row.actor = format!("customer:{}", person.label);
                row.customer = Some(person.label.clone());
            }
            write.audit[1].amount = Some(125_000);
            write.audit[2].amount = Some(-1);
            write.audit[2].more_rules = vec!["Even".to_owned(), "Odd".to_owned()];
        })
        .expect("commits");
        let mut reader = store.reader();
        let any = AuditFilter::default;
        assert_eq!(entries(&mut reader, &any()), [4, 3, 2, 1]);
        for (set, expected) in AUDIT_CASES {
            let mut filter = any();
            set(&mut filter);
            assert_eq!(entries(&mut reader, &filter), expected, "{filter:?}");
            let mut exported = exported(&mut reader, &filter);
            exported.reverse();
            assert_eq!(exported, expected, "{filter:?}");
        }
    });
}
