//! Tickets: found by their words on either database alike, commented on, merged, counted.

use super::{batches::ticket, *};
use crate::domain::{
    actor::{Actor, ActorKind},
    comment::Comment,
    ticket::{ClosedAs, Ticket, TicketStatus},
    words::words,
    world::Need,
};

/// A comment of the customer on the ticket of that number.
pub(super) fn comment(id: &str, number: i64, body: &str) -> Comment {
    Comment {
        comment_id: id.to_owned(),
        ticket_id: format!("tkt_{number}"),
        number,
        conversation_id: "c1".to_owned(),
        at: at(4),
        by: Actor {
            kind: ActorKind::Customer,
            id: "ada".to_owned(),
            roles: Vec::new(),
        },
        internal: number % 2 == 0,
        body: body.to_owned(),
    }
}

/// Gives the numbers of the tickets that a search finds.
pub(super) fn found(reader: &mut Reader, asked: &str) -> Vec<i64> {
    let filter = TicketFilter {
        words: words(asked),
        ..TicketFilter::default()
    };
    let listing = reader.tickets(&filter, Page::first(100)).expect("reads");
    listing.items.iter().map(|ticket| ticket.number).collect()
}

fn titled(number: i64, subject: &str) -> Ticket {
    Ticket {
        subject: subject.to_owned(),
        tags: std::collections::BTreeSet::new(),
        ..ticket(&format!("tkt_{number}"), number, "c1")
    }
}

/// Searches with what each finds, in a desk of five tickets and a comment on the second.
const SEARCHES: [(&str, &[i64]); 26] = [
    ("parcel", &[2, 1]),
    ("PARC", &[2, 1]),
    ("arcel", &[]),
    ("parcel lost", &[1]),
    ("parcel customs", &[2]),
    ("lost customs", &[]),
    ("more", &[5, 4, 3, 2, 1]),
    ("cafe", &[]),
    ("café", &[3]),
    ("CAFE\u{301}", &[3]),
    ("strasse", &[3]),
    ("退款", &[4]),
    ("款退", &[4]),
    ("退钱", &[]),
    ("धनवापसी", &[4]),
    ("धनवा", &[4]),
    ("ада", &[5]),
    ("ada@example.com", &[5]),
    ("o'brien", &[5]),
    ("'o':* | \"x\" & ! NOT", &[]),
    ("3", &[3]),
    ("#12 or", &[]),
    ("well-known_thing", &[2]),
    ("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", &[1]),
    ("duty more", &[2]),
    ("a b c d", &[]),
];

fn filled(scratch: &Scratch) -> (Store, Writer, i64) {
    let store = scratch.store();
    let daemon = register(&store, "one");
    let mut writer = store.writer().expect("connects");
    commit_with(&mut writer, daemon, &[("c1", "a")], |write| {
        let mut last = titled(5, "АДА schreibt");
        let context = last.context.as_mut().expect("a context");
        context.customer =
            members(json!({"id": "ada-1", "name": "Ann O'Brien", "email": "ada@example.com"}));
        let long = format!("Lost parcel {}", "x".repeat(90));
        write.tickets = [
            titled(1, &long),
            titled(2, "Parcel damaged"),
            titled(3, "Café in der Straße"),
            titled(4, "我要退款谢谢 धनवापसी"),
            last,
        ]
        .map(Arc::new)
        .into();
    })
    .expect("commits");
    commit_with(&mut writer, daemon, &[("c1", "b")], |write| {
        let said = "Customs wants a duty; a well-known_thing";
        write.comments = vec![Arc::new(comment("cmt_1", 2, said))];
    })
    .expect("commits");
    (store, writer, daemon)
}

#[test]
fn a_search_finds_the_same_on_either_database() {
    on_each(|scratch| {
        let (store, _, _) = filled(scratch);
        let mut reader = store.reader();
        for (asked, expected) in SEARCHES {
            assert_eq!(found(&mut reader, asked), expected, "{asked}");
        }
    });
}

#[test]
fn a_search_goes_with_filters_and_pages() {
    on_each(|scratch| {
        let (store, mut writer, daemon) = filled(scratch);
        commit_with(&mut writer, daemon, &[("c1", "c")], |write| {
            let mut free = titled(4, "another");
            free.assignee = None;
            free.created_at = at(9);
            write.tickets = vec![Arc::new(free)];
        })
        .expect("commits");
        let mut reader = store.reader();
        let more = TicketFilter {
            words: words("more"),
            ..TicketFilter::default()
        };
        let mut numbers = |filter: &TicketFilter, page: Page| -> (Vec<i64>, Option<i64>) {
            let listing = reader.tickets(filter, page).expect("reads");
            let numbers = listing.items.iter().map(|ticket| ticket.number);
            (numbers.collect(), listing.next)
        };
        let first = Page::first(2);
        assert_eq!(numbers(&more, first), (vec![5, 4], Some(4)));
        let next = Page {
            after: Some(4),
            ..first
        };
        assert_eq!(numbers(&more, next), (vec![3, 2], Some(2)));
        let free = TicketFilter {
            is_unassigned: true,
            ..more.clone()
        };
        assert_eq!(numbers(&free, first).0, [4]);
        let someones = TicketFilter {
            customer: Some("cus-c1".to_owned()),
            ..more.clone()
        };
        assert_eq!(numbers(&someones, Page::first(9)).0.len(), 5);
        // The time of opening is told once, when it is opened.
        for (from, to, expected) in [(1, 2, 5), (2, 9, 0)] {
            let then = TicketFilter {
                created_from: Some(at(from)),
                created_to: Some(at(to)),
                ..more.clone()
            };
            assert_eq!(numbers(&then, Page::first(9)).0.len(), expected);
        }
    });
}

#[test]
fn what_thousands_have_is_found_like_what_few_have() {
    on_each(|scratch| {
        let (store, mut writer, daemon) = filled(scratch);
        commit_with(&mut writer, daemon, &[("c1", "c")], |write| {
            let many = (6..2_106).map(|number| Arc::new(titled(number, "Parcel again")));
            write.tickets = many.collect();
        })
        .expect("commits");
        let mut reader = store.reader();
        assert_eq!(found(&mut reader, "parcel").len(), 100, "a page");
        assert_eq!(found(&mut reader, "parcel lost"), [1]);
        let last = TicketFilter {
            words: words("parcel again"),
            ..TicketFilter::default()
        };
        let page = Page {
            after: Some(8),
            limit: 9,
        };
        let rest = reader.tickets(&last, page).expect("reads").items;
        let rest: Vec<i64> = rest.iter().map(|ticket| ticket.number).collect();
        assert_eq!(rest, [7, 6]);
    });
}

#[test]
fn what_a_ticket_says_no_more_finds_it_no_more() {
    on_each(|scratch| {
        let (store, mut writer, daemon) = filled(scratch);
        commit_with(&mut writer, daemon, &[("c1", "c")], |write| {
            write.tickets = vec![Arc::new(titled(2, "Box dented"))];
            write.comments = vec![
                Arc::new(comment("cmt_2", 2, "a photo came")),
                Arc::new(comment("cmt_3", 3, "closed today")),
            ];
        })
        .expect("commits");
        let mut reader = store.reader();
        for (asked, expected) in [
            ("parcel", &[1][..]),
            ("box", &[2]),
            ("box customs photo", &[2]),
            ("café today", &[3]),
        ] {
            assert_eq!(found(&mut reader, asked), expected, "{asked}");
        }
    });
}

#[test]
fn words_that_are_too_many_stop_nothing() {
    on_each(|scratch| {
        let (store, mut writer, daemon) = filled(scratch);
        let mut many = |id: &str, letter: char| {
            let word = |n: i32| format!("{n:04}{}", letter.to_string().repeat(28));
            let body: Vec<String> = (0..2_500).map(word).collect();
            commit_with(&mut writer, daemon, &[("c1", id)], |write| {
                write.comments = vec![Arc::new(comment(id, 1, &body.join(" ")))];
                let mut all = titled(1, "lost");
                all.description = Some(body.join(" "));
                write.tickets = vec![Arc::new(all)];
            })
            .expect("commits");
        };
        for (id, letter) in [("c", '𐐨'), ("d", '𐐩'), ("e", '𐐪')] {
            many(id, letter);
        }
        let mut reader = store.reader();
        assert_eq!(found(&mut reader, "1 lost"), [1]);
    });
}

#[test]
fn tickets_that_stand_there_before_the_schema_knows_words_are_found_after_it() {
    on_each(|scratch| {
        let (store, mut writer, daemon) = filled(scratch);
        commit_with(&mut writer, daemon, &[("c1", "c")], |write| {
            let mut resolved = titled(4, "x");
            resolved
                .move_to(TicketStatus::Resolved, at(8))
                .expect("moves");
            write.tickets = vec![Arc::new(resolved)];
        })
        .expect("commits");
        scratch.execute(if scratch.is_postgres() {
            include_str!("../../../migrations/postgres/0008_desk/down.sql")
        } else {
            include_str!("../../../migrations/sqlite/0008_desk/down.sql")
        });
        scratch.execute("DELETE FROM __diesel_schema_migrations WHERE version = '0008'");
        assert_eq!(store.migrate(), Ok(1));
        let mut reader = store.reader();
        assert_eq!(found(&mut reader, "parcel"), [2, 1]);
        assert_eq!(found(&mut reader, "ada"), [5]);
        let resolved = reader.ticket("tkt_4").expect("reads").expect("there");
        assert_eq!(resolved.resolved_at, Some(resolved.updated_at));
    });
}

#[test]
fn comments_are_listed_in_their_order_and_counted() {
    on_each(|scratch| {
        let (store, mut writer, daemon) = filled(scratch);
        let second = Arc::new(comment("cmt_2", 2, "It's \"here\""));
        commit_with(&mut writer, daemon, &[("c1", "c")], |write| {
            write.comments = vec![Arc::clone(&second), Arc::new(comment("cmt_3", 3, "x"))];
        })
        .expect("commits");
        let mut reader = store.reader();
        let first = reader.comments("tkt_2", Page::first(1)).expect("reads");
        assert_eq!(first.items[0].comment_id, "cmt_1");
        let page = Page {
            after: first.next,
            limit: 1,
        };
        let rest = reader.comments("tkt_2", page).expect("reads");
        assert_eq!((rest.items, rest.next), (vec![(*second).clone()], None));
        assert_eq!(reader.comments_count("tkt_2"), Ok(2));
        assert_eq!(reader.comment("cmt_9"), Ok(None));
    });
}

#[test]
fn tickets_that_were_closed_as_something_are_not_among_the_resolved() {
    on_each(|scratch| {
        let (store, mut writer, daemon) = filled(scratch);
        commit_with(&mut writer, daemon, &[("c1", "c")], |write| {
            let [mut resolved, mut closed, mut merged] = [1, 2, 3].map(|n| titled(n, "x"));
            resolved
                .move_to(TicketStatus::Resolved, at(8))
                .expect("moves");
            closed
                .move_to(TicketStatus::Resolved, at(8))
                .expect("moves");
            closed.move_to(TicketStatus::Closed, at(9)).expect("moves");
            merged.close_as(ClosedAs::Merged, Some("tkt_1".to_owned()), at(9));
            write.tickets = [resolved, closed, merged].map(Arc::new).into();
        })
        .expect("commits");
        let mut reader = store.reader();
        let counted = reader.ticket_counts(at(8)).expect("reads");
        let expected = [
            (TicketStatus::Open, 2),
            (TicketStatus::Resolved, 1),
            (TicketStatus::Closed, 1),
        ];
        assert_eq!(counted, expected.into());
        let later = reader.ticket_counts(at(9)).expect("reads");
        assert_eq!(later, [(TicketStatus::Open, 2)].into());
        let merged = vec![("tkt_3".to_owned(), 3)];
        assert_eq!(reader.tickets_merged_into("tkt_1"), Ok(merged));
    });
}

#[test]
fn a_merge_target_that_has_moved_since_it_was_read_runs_the_batch_again() {
    on_each(|scratch| {
        if !scratch.is_postgres() {
            // SQLite has one writer: nothing moves beside it.
            return;
        }
        let (store, mut writer, daemon) = filled(scratch);
        let mut other = store.writer().expect("connects");
        for (id, moves) in [("c", true), ("d", false)] {
            let opening = open(&mut writer, &[("c1", id)]).expect("opens");
            let mut world = opening.world;
            let needs = ["2", "tkt_9"].map(|name| Need::MergeTarget(name.to_owned()));
            writer.load(&needs, &mut world).expect("loads");
            let read = world.merge_target("2").expect("loaded").expect("there");
            let read = Arc::clone(read);
            assert_eq!(world.merge_target("tkt_9"), Ok(None));
            if moves {
                commit_with(&mut other, daemon, &[("c2", "x")], |write| {
                    let mut closed = (*read).clone();
                    closed.move_to(TicketStatus::Closed, at(9)).expect("moves");
                    write.tickets = vec![Arc::new(closed)];
                })
                .expect("commits");
            }
            let tail = writer.tail().expect("the tail");
            let mut write = compose(&world, &tail, daemon, &[("c1", id)]);
            write.relied_on = vec![read];
            let committed = writer.commit(&write);
            assert_eq!(
                matches!(committed, Err(StoreError::Retry(_))),
                moves,
                "{committed:?}"
            );
        }
        let kept = store.reader().journal_seen(key("c")).expect("reads");
        assert_eq!(kept, None, "nothing of it stands");
    });
}
