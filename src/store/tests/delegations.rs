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

#[test]
fn delegations_are_found_by_the_stand_in_until_they_are_over() {
    on_each(|scratch| {
        let store = scratch.store();
        let daemon = register(&store, "one");
        let mut writer = store.writer().expect("connects");
        let now = open(&mut writer, &[("c1", "a")]).expect("opens").now;
        writer.abandon();
        let (hour, later) = (Span::from_secs(3_600), now.plus(Span::from_secs(7_200)));
        let made = [
            delegation("dlg_1", ("ann", "bob"), later),
            delegation("dlg_2", ("ann", "bob"), now.minus(hour)),
            delegation("dlg_3", ("cid", "bob"), later),
            delegation("dlg_4", ("ann", "mia"), later),
        ];
        commit_with(&mut writer, daemon, &[("c1", "a")], |write| {
            write.delegations = made.to_vec();
        })
        .expect("commits");
        let names =
            |names: &[&str]| -> Vec<String> { names.iter().map(|&name| name.to_owned()).collect() };
        assert_eq!(
            standing(&mut writer, &["bob", "mia", "nobody"]),
            [names(&["dlg_1", "dlg_3"]), names(&["dlg_4"]), names(&[])]
        );

        let revoked = Arc::new(Delegation {
            revoked_at: Some(now),
            ..(*made[0]).clone()
        });
        commit_with(&mut writer, daemon, &[("c1", "b")], |write| {
            write.delegations = vec![Arc::clone(&revoked)];
        })
        .expect("commits");
        assert_eq!(standing(&mut writer, &["bob"]), [names(&["dlg_3"])]);

        let mut desk = store.desk();
        assert_eq!(desk.delegation("dlg_1"), Ok(Some((*revoked).clone())));
        assert_eq!(desk.delegation("dlg_9"), Ok(None));
        let mut listed = |filter: &DelegationFilter| -> Vec<String> {
            let page = Page::first(9);
            let found = desk.delegations(filter, page).expect("reads").items;
            found.into_iter().map(|one| one.delegation_id).collect()
        };
        let mut filter = DelegationFilter::default();
        assert_eq!(listed(&filter), ["dlg_4", "dlg_3", "dlg_2", "dlg_1"]);
        filter.to = Some("bob".to_owned());
        assert_eq!(listed(&filter), ["dlg_3", "dlg_2", "dlg_1"]);
        filter.from = Some("ann".to_owned());
        assert_eq!(listed(&filter), ["dlg_2", "dlg_1"]);
        filter.not_over_at = Some(now.minus(Span::from_secs(1)));
        assert_eq!(listed(&filter), ["dlg_1"]);

        let first = Page::first(1);
        let page = desk
            .delegations(&DelegationFilter::default(), first)
            .expect("reads");
        assert_eq!(page.items, [(*made[3]).clone()]);
        assert!(page.next.is_some());
        let soon = now.plus(Span::from_secs(1));
        assert_eq!(desk.delegations_prune(soon, 1), Ok(1));
        assert_eq!(desk.delegations_prune(soon, 9), Ok(1));
        assert_eq!(desk.delegations_prune(soon, 9), Ok(0));
        assert_eq!(desk.delegation("dlg_2"), Ok(None));
        assert_eq!(standing(&mut writer, &["bob"]), [names(&["dlg_3"])]);
    });
}
