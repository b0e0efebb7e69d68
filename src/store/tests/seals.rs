//! Seals are kept with the batch that makes them, once each, and read in order.

use super::*;
use crate::{
    domain::{
        actor::Actor,
        audit::{AuditBody, AuditOutcome},
        seal::{KEY_ADDED, Seal, SealKey, Stretch},
    },
    http::verification::{Report, Seals, Verification},
};

fn seal(first: i64, last: i64, previous: &str) -> Arc<Seal> {
    let key = SealKey::of(&[7; 32]);
    Arc::new(key.seal(&Stretch {
        first,
        last,
        root: [u8::try_from(last).expect("small"); 32],
        previous,
    }))
}

#[test]
fn seals_are_kept_once_and_listed_oldest_first() {
    on_each(|scratch| {
        let store = scratch.store();
        let daemon = register(&store, "one");
        let mut writer = store.writer().expect("a writer");
        let first = seal(1, 2, "");
        let second = seal(3, 9, &first.seal_id);
        let rival = seal(3, 8, &first.seal_id);
        let kept = [("1", &first), ("2", &second), ("3", &rival), ("4", &second)];
        for (id, seal) in kept {
            let add = |write: &mut Write| write.seals.push((Arc::clone(seal), at(1)));
            commit_with(&mut writer, daemon, &[("a", id)], add).expect("commits");
        }
        let mut reader = store.reader();
        let rows = reader.seals(0, 10).expect("reads");
        let seals: Vec<&Seal> = rows.iter().map(|row| &row.seal).collect();
        assert_eq!(seals, [&*first, &*second], "the rival came too late");
        assert_eq!(rows[0].at, at(1));
        assert_eq!(reader.seals(2, 10).expect("reads").len(), 1);
        let page = reader.seals_page(Page::first(1)).expect("reads");
        assert_eq!((page.items.len(), page.next), (1, Some(2)));
        let newest = reader.seal_newest().expect("reads").expect("a seal");
        assert_eq!(newest.seal, *second);
        assert_eq!(reader.seal_has_key(&first.public_key), Ok(true));
        assert_eq!(reader.seal_has_key(&[0; 32]), Ok(false));
    });
}

/// An entry as the daemon makes it.
fn entry(end: &mut Tail, action: &str, effects: Vec<Value>) -> AuditRow {
    end.audit_sequence += 1;
    let body = AuditBody {
        v: 1,
        at: at(end.audit_sequence),
        actor: Actor::system("provost"),
        action: action.to_owned(),
        event_id: "e".to_owned(),
        source: "/test".to_owned(),
        subject: "c".to_owned(),
        customer: None,
        amount: None,
        outcome: AuditOutcome::Done,
        rules: vec!["Refunds".to_owned()],
        checks: Vec::new(),
        effects,
        policy: "p".to_owned(),
    };
    let text = serde_json::to_string(&body).expect("JSON");
    let (sequence, position) = (end.audit_sequence, end.position);
    end.audit_hash = link(&end.audit_hash, sequence, position, &leaf(&text));
    let entry = AuditEntry {
        sequence,
        position,
        body: text,
        hash: end.audit_hash,
    };
    AuditRow::of(entry, body)
}

/// Writes two stretches of three entries, each with its seal and the record of it.
fn sealed_log(store: &Store) {
    let daemon = register(store, "one");
    let mut writer = store.writer().expect("a writer");
    let key = SealKey::of(&[7; 32]);
    let mut newest: Option<Seal> = None;
    for id in ["1", "2"] {
        let tail = store.reader().tail().expect("a tail");
        let mut end = Tail {
            position: tail.position + 1,
            ..tail
        };
        let mut rows: Vec<AuditRow> = (0..3)
            .map(|_| entry(&mut end, "conversation.message", Vec::new()))
            .collect();
        let seal = key.seal(&Stretch {
            first: newest.as_ref().map_or(1, |seal| seal.last + 1),
            last: end.audit_sequence,
            root: end.audit_hash,
            previous: newest.as_ref().map_or("", |seal| &seal.seal_id),
        });
        let public_key = json!(crate::domain::ids::hex(&key.public()));
        let added = json!({"effect": "audit_key_added", "public_key": public_key});
        rows.push(entry(&mut end, KEY_ADDED, vec![added]));
        let mut effect = seal.to_json();
        effect["effect"] = "audit_sealed".into();
        rows.push(entry(&mut end, "audit.sealed", vec![effect]));
        commit_with(&mut writer, daemon, &[("c", id)], |write| {
            write.audit = rows;
            write.tail = end;
            write.seals.push((Arc::new(seal.clone()), at(1)));
        })
        .expect("commits");
        newest = Some(seal);
    }
}

fn verify(store: &Store) -> Report {
    let mut reader = store.reader();
    let (seals, tail) = Seals::read(&mut reader).expect("reads");
    let mut walk = Verification::until(tail, seals);
    while let Some(after) = walk.next() {
        walk.take(&reader.audit_slice(after, 2).expect("reads"));
    }
    walk.report()
}

const KEEP: &str = "CREATE TABLE s AS SELECT * FROM seals; CREATE TABLE a AS SELECT * FROM audit; \
    CREATE TABLE t AS SELECT * FROM tail";
const PUT_BACK: &str = "DELETE FROM seals; INSERT INTO seals SELECT * FROM s; \
    DELETE FROM audit; INSERT INTO audit SELECT * FROM a; \
    DELETE FROM tail; INSERT INTO tail SELECT * FROM t";

#[test]
fn whatever_is_done_to_a_sealed_log_is_found() {
    let swapped = "UPDATE audit SET sequence = -sequence WHERE sequence IN (1, 2); \
        UPDATE audit SET sequence = 3 + sequence WHERE sequence < 0";
    let other = "(SELECT signature FROM seals WHERE first = 1)";
    let changes = [
        (
            format!("UPDATE seals SET signature = {other} WHERE first > 1"),
            "not signed by the key",
        ),
        (
            "UPDATE seals SET root = (SELECT hash FROM audit WHERE sequence = 1) WHERE first = 1"
                .to_owned(),
            "entry 3 does not have the hash",
        ),
        (
            "UPDATE seals SET previous = '' WHERE first > 1".to_owned(),
            "does not follow",
        ),
        (
            "DELETE FROM seals WHERE first = 1".to_owned(),
            "entry 5 records the seal",
        ),
        ("DELETE FROM seals".to_owned(), "entry 5 records the seal"),
        (
            "UPDATE audit SET rule = 'Other' WHERE sequence = 2".to_owned(),
            "entry 2: its column",
        ),
        (
            "UPDATE audit SET body = body || ' ' WHERE sequence = 4".to_owned(),
            "entry 4 does not",
        ),
        (
            "DELETE FROM audit WHERE sequence = 4".to_owned(),
            "entry 4 is missing",
        ),
        (swapped.to_owned(), "entry 1 does not match"),
        // The whole tail is cut off, and the end of the log says so too.
        (
            "DELETE FROM audit WHERE sequence > 2; UPDATE tail SET audit_sequence = 2, \
             audit_hash = (SELECT hash FROM audit WHERE sequence = 2)"
                .to_owned(),
            "covers up to entry 3: its tail was cut off",
        ),
    ];
    on_each(|scratch| {
        let store = scratch.store();
        sealed_log(&store);
        let report = verify(&store);
        assert_eq!((report.fault, report.seals, report.sealed_to), (None, 2, 8));
        scratch.execute(KEEP);
        for (statements, said) in &changes {
            scratch.execute(statements);
            let fault = verify(&store).fault.unwrap_or_default();
            assert!(fault.contains(said), "{statements}: {fault}");
            scratch.execute(PUT_BACK);
            assert_eq!(verify(&store).fault, None, "{statements}");
        }
    });
}
