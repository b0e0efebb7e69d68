//! Delegations: kept, found by the one who stands in as long as they are not over, listed, deleted.

use super::*;
use crate::domain::{
    delegation::{Delegation, Scope},
    time::Span,
    world::Need,
};

/// A delegation that ends so long after the database's own time.
fn delegation(id: &str, (from, to): (&str, &str), ends_at: Timestamp) -> Arc<Delegation> {
    Arc::new(Delegation {
        delegation_id: id.to_owned(),
        from: from.to_owned(),
        from_roles: vec!["admin".to_owned()],
        to: to.to_owned(),
        scope: Scope {
            actions: vec!["refund*".to_owned()],
            amount: "500.50".parse().ok(),
            ..Scope::default()
        },
        ends_at,
        ..Delegation::default()
    })
}

fn standing(writer: &mut Writer, people: &[&str]) -> Vec<Vec<String>> {
    let mut world = open(writer, &[("c1", "later")]).expect("opens").world;
    let named = |to: &&str| Need::Delegations((*to).to_owned());
    let needs: Vec<Need> = people.iter().map(named).collect();
    writer.load(&needs, &mut world).expect("loads");
    writer.abandon();
    let ids = |to: &&str| {
        let found = world.delegations(to).expect("loaded").iter();
        found.map(|one| one.delegation_id.clone()).collect()
    };
    people.iter().map(ids).collect()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// Commits four of them and gives them with the database's time: two are to bob and not over.
fn committed(store: &Store, writer: &mut Writer) -> (Vec<Arc<Delegation>>, Timestamp) {
    let daemon = register(store, "one");
    let now = open(writer, &[("c1", "a")]).expect("opens").now;
    writer.abandon();
    let hour = Span::from_secs(3_600);
    let made = vec![
        delegation("dlg_1", ("ann", "bob"), now.plus(hour)),
        delegation("dlg_2", ("ann", "bob"), now.minus(hour)),
        delegation("dlg_3", ("cid", "bob"), now.plus(hour)),
        delegation("dlg_4", ("ann", "mia"), now.plus(hour)),
    ];
    commit_with(writer, daemon, &[("c1", "a")], |write| {
        write.delegations.clone_from(&made);
    })
    .expect("commits");
    let revoked = Delegation {
        revoked_at: Some(now),
        ..(*delegation("dlg_5", ("ann", "bob"), now.plus(hour))).clone()
    };
    let before = Delegation {
        revoked_at: None,
        ..revoked.clone()
    };
    for (id, one) in [("b", before), ("c", revoked)] {
        commit_with(writer, daemon, &[("c1", id)], |write| {
            write.delegations = vec![Arc::new(one)];
        })
        .expect("commits");
        let held: &[&str] = if id == "b" {
            &["dlg_1", "dlg_3", "dlg_5"]
        } else {
            &["dlg_1", "dlg_3"]
        };
        assert_eq!(standing(writer, &["bob"]), [names(held)]);
    }
    (made, now)
}

#[test]
fn delegations_are_found_by_the_stand_in_until_they_are_over() {
    on_each(|scratch| {
        let store = scratch.store();
        let mut writer = store.writer().expect("connects");
        committed(&store, &mut writer);
        assert_eq!(
            standing(&mut writer, &["bob", "mia", "nobody"]),
            [names(&["dlg_1", "dlg_3"]), names(&["dlg_4"]), names(&[])]
        );
    });
}

#[test]
fn delegations_are_listed_newest_first_and_go_when_they_are_long_over() {
    on_each(|scratch| {
        let store = scratch.store();
        let mut writer = store.writer().expect("connects");
        let (made, now) = committed(&store, &mut writer);
        let mut desk = store.desk();
        assert_eq!(desk.delegation("dlg_1"), Ok(Some((*made[0]).clone())));
        assert_eq!(desk.delegation("dlg_9"), Ok(None));
        let mut listed = |filter: &DelegationFilter| -> Vec<String> {
            let page = Page::first(9);
            let found = desk.delegations(filter, page).expect("reads").items;
            found.into_iter().map(|one| one.delegation_id).collect()
        };
        let mut filter = DelegationFilter::default();
        assert_eq!(
            listed(&filter),
            ["dlg_5", "dlg_4", "dlg_3", "dlg_2", "dlg_1"]
        );
        filter.to = Some("bob".to_owned());
        assert_eq!(listed(&filter), ["dlg_5", "dlg_3", "dlg_2", "dlg_1"]);
        filter.from = Some("ann".to_owned());
        assert_eq!(listed(&filter), ["dlg_5", "dlg_2", "dlg_1"]);
        filter.not_over_at = Some(now);
        assert_eq!(listed(&filter), ["dlg_1"]);
        let first = desk.delegations(&DelegationFilter::default(), Page::first(1));
        assert!(first.expect("reads").next.is_some());

        assert_eq!(
            desk.delegations_prune(now, 9),
            Ok(1),
            "what ended an hour ago"
        );
        assert_eq!(desk.delegation("dlg_2"), Ok(None));
        let soon = now.plus(Span::from_secs(1));
        assert_eq!(
            desk.delegations_prune(soon, 9),
            Ok(1),
            "what was taken back"
        );
        assert_eq!(desk.delegations_prune(soon, 9), Ok(0));
        assert_eq!(
            standing(&mut writer, &["bob"]),
            [names(&["dlg_1", "dlg_3"])]
        );
    });
}
