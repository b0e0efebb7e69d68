//! Declared histories: what counts, whose it is, how far back, and what the batch has changed itself.

use std::sync::Arc;

use rust_decimal::Decimal;

use super::*;
use crate::domain::{
    actor::{Actor, ActorKind},
    history::{By, HistoryAsk},
    outcome::Change,
    record::WrittenRequest,
    request::{Request, RequestState},
    time::Span,
    world::Need,
};

pub(super) fn request(
    id: &str,
    customer: &str,
    state: RequestState,
    at: Timestamp,
) -> Arc<Request> {
    Arc::new(Request {
        request_id: id.to_owned(),
        subject: format!("c-{customer}"),
        action: "refund".to_owned(),
        params: members(json!({"amount": 10.25})),
        actor: Actor {
            kind: ActorKind::Ai,
            id: "bot".to_owned(),
            ..Actor::system("bot")
        },
        customer_id: customer.to_owned(),
        state,
        requested_at: at,
        updated_at: at,
        succeeded_at: None,
        amount: None,
        checks: Vec::new(),
        flagged_by: Vec::new(),
        reserved: Vec::new(),
        approval_id: None,
        is_confirmed: false,
        attempts: 0,
        output: None,
        code: None,
        reason: None,
        reverses: None,
        reversals: Vec::new(),
        step: None,
        is_timed: false,
    })
}

fn ask(by: By, key: &str) -> HistoryAsk {
    HistoryAsk {
        name: "refunds".to_owned(),
        action: "refund".to_owned(),
        by,
        key: key.to_owned(),
        window: Span::from_secs(3_600),
    }
}

#[test]
fn a_history_is_what_counts_in_its_window_and_nothing_else() {
    on_each(|scratch| {
        let store = scratch.store();
        let daemon = register(&store, "one");
        let mut writer = store.writer().expect("connects");
        let now = open(&mut writer, &[("c1", "x")]).expect("opens").now;
        let ago = |seconds: i64| now.minus(Span::from_secs(seconds));
        let rows = [
            request("r1", "ada", RequestState::Succeeded, ago(10)),
            request("r2", "ada", RequestState::AwaitingApproval, ago(20)),
            request("r3", "ada", RequestState::Denied, ago(30)),
            request("r4", "ada", RequestState::Succeeded, ago(4_000)),
            request("r5", "bob", RequestState::Unknown, ago(40)),
        ];
        commit_with(&mut writer, daemon, &[("c1", "a")], |write| {
            let new = |request: &Arc<Request>| WrittenRequest {
                request: Arc::clone(request),
                is_new: true,
            };
            write.requests = rows.iter().map(new).collect();
        })
        .expect("commits");

        let mut world = open(&mut writer, &[("c1", "b")]).expect("opens").world;
        let asks = [
            ask(By::Customer, "customer:ada"),
            ask(By::Customer, "customer:bob"),
            ask(By::Customer, "customer:eve"),
            ask(By::Conversation, "conversation:c-bob"),
            ask(By::Actor, "actor:ai:bot"),
            ask(By::Everyone, "everyone"),
        ];
        let mut needs: Vec<Need> = asks.iter().cloned().map(Need::History).collect();
        needs.push(Need::Request("r2".to_owned()));
        writer.load(&needs, &mut world).expect("loads");
        let of = |world: &World, at: usize| {
            let found = world.history(&asks[at]).expect("loaded");
            let history = found.without(None).expect("read");
            (history.count, history.sum("amount"))
        };
        let sum = |count: i64| (count, Some(Decimal::new(1_025, 2) * Decimal::from(count)));
        let counts: Vec<_> = (0..asks.len()).map(|at| of(&world, at)).collect();
        assert_eq!(counts, [2, 1, 0, 1, 3, 3].map(sum));

        // What the batch changes is carried forward.
        let withdrawn = request("r2", "ada", RequestState::Cancelled, ago(20));
        let new = request("r6", "bob", RequestState::Ready, now);
        for (request, is_new) in [(withdrawn, false), (new, true)] {
            let change = Change::Request { request, is_new };
            world.apply(&SubjectId::from("c1"), &change);
        }
        let counts: Vec<_> = (0..asks.len()).map(|at| of(&world, at)).collect();
        assert_eq!(counts, [1, 2, 0, 2, 3, 3].map(sum));
        writer.abandon();
    });
}
