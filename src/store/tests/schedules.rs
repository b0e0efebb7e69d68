//! Up to which of its times a schedule was decided.

use super::*;

#[test]
fn a_schedule_is_known_by_the_newest_of_its_times_not_by_when_it_was_decided() {
    on_each(|scratch| {
        let store = scratch.store();
        let daemon = register(&store, "one");
        let mut writer = store.writer().expect("connects");
        let given = [
            ("schedule:a", "1"),
            ("schedule:a", "2"),
            ("schedule:b", "3"),
        ];
        commit_with(&mut writer, daemon, &given, |write| {
            for (row, time) in write.journal.iter_mut().zip([at(-300), at(-200), at(-100)]) {
                row.kind = "schedule.due".to_owned();
                row.time = time;
            }
            // What others put upon a schedule is none of its times.
            write.journal[2].kind = "conversation.message".to_owned();
        })
        .expect("commits");
        let asked = ["schedule:a", "schedule:b", "schedule:c"].map(str::to_owned);
        let seen = store.reader().schedules_seen(&asked).expect("reads");
        let decided_b = at(3);
        assert_eq!(
            seen.into_iter().collect::<Vec<_>>(),
            [
                ("schedule:a".to_owned(), at(-200)),
                ("schedule:b".to_owned(), decided_b)
            ]
        );
    });
}
