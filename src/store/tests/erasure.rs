//! Erasing: a conversation is blanked where it stands, and a person's labels go.

use super::{
    batches::ticket,
    tickets::{comment, found},
    *,
};
use crate::domain::person::Person;

#[test]
fn a_conversation_is_blanked_and_the_others_stay() {
    on_each(|scratch| {
        let store = scratch.store();
        let daemon = register(&store, "one");
        let mut writer = store.writer().expect("connects");
        let given = [("c1", "a"), ("c2", "b"), ("c1", "c")];
        commit_with(&mut writer, daemon, &given, |write| {
            let mut ticket = ticket("tkt_1", 1, "c1");
            ticket.description = Some("IBAN GB33".to_owned());
            write.tickets.push(Arc::new(ticket));
            write.persons = vec![Person::new("cus-c1", [1; 16], at(1))];
            write.audit[1].customer = Some(write.persons[0].label.clone());
        })
        .expect("commits");
        let mut desk = store.desk();
        let subjects = desk.subjects_of("cus-c1").expect("reads");
        assert!(
            subjects.iter().eq(["c1", "c2"]),
            "by the state, and by the log"
        );
        let blanked = Blanked {
            events: 2,
            tickets: 1,
            comments: 0,
            escalations: 0,
            requests: 0,
        };
        assert_eq!(
            desk.conversation_blank("c1", "customer.erased"),
            Ok(blanked)
        );
        let again = desk
            .conversation_blank("c1", "customer.erased")
            .expect("again");
        assert_eq!(again.events, 0);
        let page = Page::first(9);
        let shown = desk.timeline("c1", page).expect("reads").items;
        assert!(
            shown
                .iter()
                .all(|entry| entry.body == ERASED && entry.results.is_empty())
        );
        assert!(
            desk.timeline("c2", page).expect("reads").items[0]
                .body
                .contains("Hällo")
        );
        assert_eq!(
            desk.journal_seen(key("a"))
                .expect("reads")
                .map(|seen| seen.digest),
            Some([7; 16])
        );
    });
}

#[test]
fn what_was_said_about_a_ticket_goes_with_the_words_that_find_it() {
    on_each(|scratch| {
        let store = scratch.store();
        let daemon = register(&store, "one");
        let mut writer = store.writer().expect("connects");
        commit_with(&mut writer, daemon, &[("c1", "a")], |write| {
            write.tickets.push(Arc::new(ticket("tkt_1", 1, "c1")));
            let mut other = comment("cmt_2", 2, "here to stay");
            other.conversation_id = "c2".to_owned();
            write.comments = vec![Arc::new(comment("cmt_1", 1, "IBAN GB33")), Arc::new(other)];
        })
        .expect("commits");
        let mut desk = store.desk();
        assert_eq!(found(&mut desk, "iban"), [1]);
        let blanked = desk.conversation_blank("c1", "customer.erased");
        assert_eq!(blanked.map(|blanked| blanked.comments), Ok(1));
        let said = desk.comment("cmt_1").expect("reads").expect("there");
        assert_eq!((&*said.body, &*said.by.id), ("(erased)", "(erased)"));
        for word in ["iban", "broken"] {
            assert_eq!(found(&mut desk, word), [0; 0], "{word}");
        }
        let kept = desk.comment("cmt_2").expect("reads").expect("there");
        assert_eq!(kept.body, "here to stay");
    });
}

#[test]
fn labels_go_with_the_person_or_with_the_log_that_holds_them() {
    on_each(|scratch| {
        let store = scratch.store();
        let daemon = register(&store, "one");
        let mut writer = store.writer().expect("connects");
        let label = |value: &str, salt: u8| Person::new(value, [salt; 16], at(1));
        let persons = vec![label("eve", 1), label("ada", 2), label("eve", 3)];
        let labels: Vec<String> = persons.iter().map(|person| person.label.clone()).collect();
        commit_with(&mut writer, daemon, &[("c1", "a")], |write| {
            write.persons = persons;
        })
        .expect("commits");
        let mut desk = store.desk();
        assert_eq!(desk.persons_erase("eve"), Ok(2));
        let known = desk.persons(&labels).expect("reads");
        assert_eq!(known.get(&labels[1]).map(String::as_str), Some("ada"));
        assert_eq!(known.len(), 1);
        assert_eq!(desk.persons_prune(at(3_600)), Ok(0), "it may be in use");
        assert_eq!(desk.persons_prune(at(3_602)), Ok(1));
    });
}
