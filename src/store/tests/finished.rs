//! What governed actions leave behind goes when it is old and settled; what still counts stays.

use rust_decimal::Decimal;

use super::{histories::request, *};
use crate::domain::{
    budget::{Budget, BudgetKey, Reservation},
    record::WrittenRequest,
    request::RequestState,
    time::Span,
    world::Need,
};

#[test]
fn finished_requests_go_when_they_are_old_and_open_ones_never() {
    on_each(|scratch| {
        let store = scratch.store();
        let daemon = register(&store, "one");
        let mut writer = store.writer().expect("connects");
        let rows = [
            request("r1", "ada", RequestState::AwaitingApproval, at(1)),
            request("r2", "ada", RequestState::Succeeded, at(2)),
            request("r3", "ada", RequestState::Unknown, at(3)),
            request("r4", "bob", RequestState::Denied, at(4)),
            request("r5", "bob", RequestState::Failed, at(50)),
        ];
        commit_with(&mut writer, daemon, &[("c1", "a")], |write| {
            write.requests = rows
                .into_iter()
                .map(|request| WrittenRequest {
                    request,
                    is_new: true,
                })
                .collect();
        })
        .expect("commits");
        let mut desk = store.desk();
        assert_eq!(desk.requests_prune(at(50), 1), Ok(1));
        assert_eq!(desk.requests_prune(at(50), 9), Ok(1));
        assert_eq!(desk.requests_prune(at(50), 9), Ok(0));
        let left = desk.requests(&RequestFilter::default(), Page::first(9));
        let left: Vec<String> = left
            .expect("reads")
            .items
            .into_iter()
            .map(|request| request.request_id)
            .collect();
        assert_eq!(left, ["r5", "r3", "r1"]);
    });
}

#[test]
fn budgets_go_when_their_windows_are_empty_and_count_what_is_in_them_until_then() {
    on_each(|scratch| {
        let store = scratch.store();
        let daemon = register(&store, "one");
        let mut writer = store.writer().expect("connects");
        let key = |key: &str| BudgetKey {
            limit: "refunds".to_owned(),
            key: key.to_owned(),
        };
        let hour = Span::from_secs(3_600);
        let day = Span::from_secs(24 * 3_600);
        let kinds = [("short", Some(hour)), ("long", Some(day)), ("ever", None)];
        let opening = open(&mut writer, &[("c1", "a")]).expect("opens");
        let (start, mut world) = (opening.now, opening.world);
        let needs: Vec<Need> = kinds
            .iter()
            .map(|(name, window)| Need::Budget(key(name), *window))
            .collect();
        writer.load(&needs, &mut world).expect("loads");
        let tail = writer.tail().expect("locks");
        let mut write = compose(&world, &tail, daemon, &[("c1", "a")]);
        for (name, _) in kinds {
            let one = Reservation {
                request_id: format!("r-{name}"),
                at: start,
                amount: Decimal::TEN,
            };
            let mut budget = Budget::default();
            budget.take(one.amount);
            write.budgets.push((key(name), budget));
            write.reserved.push((key(name), one));
        }
        writer.commit(&write).expect("commits");

        let mut desk = store.desk();
        let after = |span: Span| start.plus(span);
        let second = Span::from_secs(1);
        let of = |name: &str, window| {
            let mut writer = store.writer().expect("connects");
            let mut world = open(&mut writer, &[("c2", "b")]).expect("opens").world;
            let need = Need::Budget(key(name), window);
            writer.load(&[need], &mut world).expect("loads");
            let budget = world.budgets[&key(name)].clone();
            writer.abandon();
            budget.count
        };
        let counts =
            |of: &dyn Fn(&str, Option<Span>) -> i64| kinds.map(|(name, window)| of(name, window));
        assert_eq!(
            desk.budgets_prune(start, after(day)),
            Ok(0),
            "nothing is old"
        );
        // Old, and the window of one is over: its row and its reservation go, and that of what has no window.
        let removed = desk.budgets_prune(after(second), after(hour).plus(second));
        assert_eq!(removed, Ok(3));
        assert_eq!(counts(&of), [0, 1, 1]);
        let removed = desk.budgets_prune(after(second), after(day).plus(second));
        assert_eq!(removed, Ok(2), "the long window is over as well");
        assert_eq!(counts(&of), [0, 0, 1]);
    });
}
