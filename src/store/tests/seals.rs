//! Seals are kept with the batch that makes them, once each, and read in order.

use super::*;
use crate::domain::seal::{Seal, SealKey, Stretch};

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
