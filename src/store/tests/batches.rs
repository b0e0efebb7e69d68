//! Batches: what is committed reads back, duplicates are seen, needs are met.

use std::{collections::BTreeSet, sync::Arc};

use super::*;
use crate::domain::{
    escalation::{Escalation, EscalationState, Trigger},
    event::Reason,
    outcome::Parked,
    ticket::{ClosedAs, Priority, Ticket, TicketContext, TicketStatus},
    world::Need,
};

pub(super) fn ticket(id: &str, number: i64, conversation: &str) -> Ticket {
    Ticket {
        ticket_id: id.to_owned(),
        number,
        conversation_id: conversation.to_owned(),
        subject: "It's \"broken\"".to_owned(),
        description: Some("more".to_owned()),
        status: TicketStatus::Open,
        priority: Priority::High,
        category: Some("billing".to_owned()),
        team: Some("support".to_owned()),
        assignee: Some("dana".to_owned()),
        tags: BTreeSet::from(["refund".to_owned(), "v,\"i\"p".to_owned()]),
        link: "https://example.test/c".to_owned(),
        created_at: at(1),
        created_by: "agent:dana".to_owned(),
        updated_at: at(2),
        resolved_at: None,
        reopened: 1,
        closed_as: None,
        merged_into: None,
        context: Some(TicketContext {
            channel: "web".to_owned(),
            messages: vec![serde_json::json!({"text": "hi", "amount": 80.10})],
            ..TicketContext::default()
        }),
    }
}

pub(super) fn escalation(id: &str, conversation: &str) -> Escalation {
    Escalation {
        escalation_id: id.to_owned(),
        conversation_id: conversation.to_owned(),
        trigger: Trigger::Rule,
        rule: Some("Angry".to_owned()),
        reason: "asked thrice".to_owned(),
        priority: Priority::Urgent,
        team: None,
        ticket_id: None,
        state: EscalationState::Raised,
        raised_at: at(3),
        acknowledged_by: None,
        settled_by: None,
        updated_at: at(3),
    }
}

pub(super) fn parked(id: &str) -> Parked {
    Parked {
        parked_id: id.to_owned(),
        reason: Reason::Malformed,
        detail: "not JSON".to_owned(),
        event_id: None,
        entry: "queue:provost.inbox".to_owned(),
        transport: "{}".to_owned(),
        content: Arc::from(&b"{\x00\xff"[..]),
    }
}

#[test]
fn what_a_batch_writes_reads_back_in_the_next_one() {
    on_each(|scratch| {
        let store = scratch.store();
        let daemon = register(&store, "one");
        let mut writer = store.writer().expect("connects");
        let given = [("c1", "a"), ("c2", "b"), ("c1", "c")];
        let write = commit_with(&mut writer, daemon, &given, |write| {
            let first = Arc::make_mut(write.subjects[0].conversation.as_mut().expect("there"));
            first.open_tickets = vec!["tkt_1".to_owned()];
            write.tickets = vec![Arc::new(ticket("tkt_1", 1, "c1"))];
            write.escalations = vec![Arc::new(escalation("esc_1", "c1"))];
            write.teams = vec![("support".to_owned(), 4)];
            write.parked = vec![(parked("prk_1"), at(9))];
        })
        .expect("commits");

        let opening = open(&mut writer, &[("c1", "c"), ("c2", "d"), ("c3", "e")]).expect("opens");
        assert!(opening.now > Timestamp::from_micros(1_577_836_800_000_000));
        assert_eq!(
            opening.world.subjects.get("c1"),
            Some(&write.subjects[0]),
            "the state, the version and the time"
        );
        assert_eq!(conversation_of(&opening, "c2").messages, 1);
        assert!(!opening.world.subjects.contains_key("c3"));
        assert_eq!(opening.seen.len(), 1);
        let seen = &opening.seen[0];
        let row = &write.journal[2];
        assert_eq!(
            (seen.key, seen.position, seen.digest, &seen.results),
            (row.key, 3, row.digest, &row.results)
        );
        let loaded = opening.world.ticket("tkt_1").expect("is loaded");
        let without_context = Ticket {
            context: None,
            ..(*write.tickets[0]).clone()
        };
        assert_eq!(loaded.map(|ticket| &**ticket), Some(&without_context));
        assert_eq!(
            store.reader().ticket("tkt_1").expect("reads").as_ref(),
            Some(&*write.tickets[0])
        );

        let mut world = opening.world;
        let needs = [
            Need::Escalation("esc_1".to_owned()),
            Need::Escalation("esc_2".to_owned()),
            Need::Team("support".to_owned()),
            Need::Team("new".to_owned()),
            Need::Ticket("tkt_9".to_owned()),
            Need::TicketNumber,
        ];
        writer.load(&needs, &mut world).expect("loads");
        assert_eq!(world.escalation("esc_1"), Ok(Some(&write.escalations[0])));
        assert_eq!(world.escalation("esc_2"), Ok(None));
        assert_eq!(world.ticket("tkt_9"), Ok(None));
        assert_eq!(world.team("new").expect("there").turn, 0);
        let team = world.team("support").expect("there");
        assert_eq!((team.turn, team.open.get("dana")), (4, Some(&1)));
        assert_eq!(writer.tail().expect("locks"), write.tail);
        writer.abandon();
    });
}

#[test]
fn things_that_changed_are_written_over_and_what_is_over_is_gone() {
    on_each(|scratch| {
        let store = scratch.store();
        let daemon = register(&store, "one");
        let mut writer = store.writer().expect("connects");
        commit_with(&mut writer, daemon, &[("c1", "a")], |write| {
            write.tickets = vec![Arc::new(ticket("tkt_1", 1, "c1"))];
            write.escalations = vec![Arc::new(escalation("esc_1", "c1"))];
            write.teams = vec![("support".to_owned(), 1)];
            write.parked = vec![(parked("prk_1"), at(9)), (parked("prk_2"), at(9))];
        })
        .expect("commits");
        assert_eq!(writer.attempts(&[key("b")]).expect("counts")[&key("b")], 1);
        let write = commit_with(&mut writer, daemon, &[("c1", "b")], |write| {
            let mut closed = ticket("tkt_1", 1, "c1");
            closed.status = TicketStatus::Closed;
            closed.description = None;
            closed.close_as(ClosedAs::Merged, Some("tkt_9".to_owned()), at(5));
            closed.tags.clear();
            write.tickets = vec![Arc::new(closed)];
            let mut settled = escalation("esc_1", "c1");
            settled.state = EscalationState::Settled;
            settled.settled_by = Some("agent:dana".to_owned());
            write.escalations = vec![Arc::new(settled)];
            write.teams = vec![("support".to_owned(), 2)];
            write.unparked = vec!["prk_1".to_owned()];
            write.attempts_over = vec![key("b")];
            write.watermark.1 = 1;
        })
        .expect("commits");

        let mut reader = store.reader();
        assert_eq!(
            reader.ticket("tkt_1").expect("reads").as_ref(),
            Some(&*write.tickets[0])
        );
        assert_eq!(
            reader.escalation("esc_1").expect("reads").as_ref(),
            Some(&*write.escalations[0])
        );
        assert_eq!(reader.parked_get("prk_1").expect("reads"), None);
        assert_eq!(
            reader
                .parked_get("prk_2")
                .expect("reads")
                .map(|row| row.parked),
            Some(parked("prk_2"))
        );
        assert_eq!(reader.daemons().expect("reads")[0].watermark, 1);
        let again = writer.attempts(&[key("b"), key("a")]).expect("counts");
        assert_eq!((again[&key("a")], again[&key("b")]), (1, 1));
        let again = writer.attempts(&[key("b"), key("b")]).expect("counts");
        assert_eq!(again[&key("b")], 2, "a key given twice is one attempt");
    });
}

#[test]
fn the_newest_ten_messages_come_oldest_first_with_their_times() {
    on_each(|scratch| {
        let store = scratch.store();
        let daemon = register(&store, "one");
        let mut writer = store.writer().expect("connects");
        let ids: Vec<String> = (0..13).map(|n| format!("e{n}")).collect();
        let given: Vec<Given<'_>> = ids.iter().map(|id| ("c1", id.as_str())).collect();
        commit_with(&mut writer, daemon, &given, |write| {
            write.journal[12].kind = "conversation.updated".to_owned();
        })
        .expect("commits");
        commit(&mut writer, daemon, &[("c2", "x")]).expect("commits");

        let mut world = open(&mut writer, &[("c1", "y")]).expect("opens").world;
        let needs = ["c1", "c2", "c3"].map(|id| Need::Messages(SubjectId::from(id)));
        writer.load(&needs, &mut world).expect("loads");
        let messages = world.messages(&SubjectId::from("c1")).expect("loaded");
        let found: Vec<&str> = messages.iter().filter_map(|m| m["id"].as_str()).collect();
        let wanted: Vec<String> = (2..12).map(|n| format!("m-e{n}")).collect();
        assert_eq!(found, wanted);
        assert_eq!(messages[0]["time"], serde_json::json!(at(3)));
        assert_eq!(messages[0]["text"], "Hällo");
        assert_eq!(
            world.messages(&SubjectId::from("c2")).map(<[_]>::len),
            Ok(1)
        );
        assert_eq!(
            world.messages(&SubjectId::from("c3")).map(<[_]>::len),
            Ok(0)
        );
    });
}

#[test]
fn an_abandoned_batch_leaves_nothing_behind() {
    on_each(|scratch| {
        let store = scratch.store();
        let daemon = register(&store, "one");
        let mut writer = store.writer().expect("connects");
        let opening = open(&mut writer, &[("c1", "a")]).expect("opens");
        let tail = writer.tail().expect("locks");
        let _ = compose(&opening.world, &tail, daemon, &[("c1", "a")]);
        writer.abandon();
        assert_eq!(store.reader().tail().expect("reads").position, 0);
        assert!(
            matches!(writer.tail(), Err(StoreError::Lasting(_))),
            "nothing is open any more"
        );
        commit(&mut writer, daemon, &[("c1", "a")]).expect("commits");
    });
}

#[test]
fn number_blocks_do_not_overlap() {
    on_each(|scratch| {
        let store = scratch.store();
        let (mut one, mut two) = (
            store.writer().expect("connects"),
            store.writer().expect("connects"),
        );
        assert_eq!(one.numbers(10), Ok(1..11));
        assert_eq!(two.numbers(5), Ok(11..16));
        assert_eq!(one.numbers(1), Ok(16..17));
    });
}
