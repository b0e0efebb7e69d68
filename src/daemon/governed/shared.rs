//! Requests that share a call: what each of them stores, and that what is decided of one is decided
//! of each.

use serde_json::json;

use super::{
    answered, broken,
    desk::{Desk, ai},
};
use crate::domain::{
    execution::{Ended, Joined},
    request::RequestState,
    time::Span,
};

const KEY: &str = "batch-1";

fn place(place: u32) -> Joined {
    Joined {
        key: KEY.to_owned(),
        place,
        count: 2,
        attempt: 1,
    }
}

/// Two that have joined one call.
fn joined() -> Desk {
    let mut desk = Desk::new("");
    for id in ["r1", "r2"] {
        desk.ask(id, "label", json!({"order_id": id}), ai());
        desk.pass_time(Span::from_millis(10));
    }
    desk.join("r1", None, place(0));
    desk.join("r2", None, place(1));
    desk
}

#[test]
fn what_is_gathered_is_not_made_before_it_is_known_for_whom() {
    let mut desk = Desk::new("");
    let out = desk.ask("r1", "label", json!({"order_id": "A"}), ai());
    assert_eq!(out.kinds(), ["action.started"]);
    let execution = desk.execution("r1").expect("an execution");
    assert_eq!(execution.prepared, "");
    let share = execution.share.clone().expect("a share");
    assert_eq!(share.item["order_id"], "A");
    assert_eq!(share.joined, None);
}

#[test]
fn what_is_sent_is_stored_with_the_first_and_each_keeps_his_place() {
    let desk = joined();
    let (first, second) = (desk.execution("r1"), desk.execution("r2"));
    let (first, second) = (first.expect("one"), second.expect("another"));
    assert_eq!((&*first.prepared, &*second.prepared), ("all of it", ""));
    assert_eq!(second.joined(), Some(&place(1)));
    assert_eq!(
        first.first_at, second.first_at,
        "the key is as old for each"
    );
}

#[test]
fn who_has_joined_one_call_joins_no_other() {
    let mut desk = joined();
    let other = Joined {
        key: "batch-2".to_owned(),
        ..place(0)
    };
    desk.join("r2", None, other.clone());
    let kept = desk.execution("r2").expect("an execution");
    assert_eq!(kept.joined(), Some(&place(1)));
    // But he leaves one that was never sent.
    desk.join("r2", Some(KEY), other.clone());
    let moved = desk.execution("r2").expect("an execution");
    assert_eq!(moved.joined(), Some(&other));
}

#[test]
fn a_call_is_made_again_for_all_of_them_at_one_instant() {
    let mut desk = joined();
    let at = desk.now();
    for id in ["r1", "r2"] {
        desk.pass_time(Span::from_millis(7));
        desk.ended_at((id, 1), broken(), at);
    }
    let again = ["r1", "r2"].map(|id| desk.execution(id).expect("another attempt"));
    assert_eq!(again[0].due_at, again[1].due_at);
    assert_eq!((again[0].attempt, again[1].attempt), (2, 2));
    assert_eq!(&*again[0].prepared, "all of it");
    for (id, part) in [("r1", 1), ("r2", 2)] {
        desk.ended_at((id, 2), answered(200, json!({"label": part})), at);
    }
    let output = |id: &str| desk.request(id).expect("a request").output.clone();
    assert_eq!(output("r1"), Some(json!({"label": 1})));
    assert_eq!(output("r2"), Some(json!({"label": 2})));
}

#[test]
fn an_answer_that_cannot_be_divided_is_done_and_no_output() {
    let mut desk = joined();
    let at = desk.now();
    let undivided = Ended::Undivided {
        detail: "the answer to a batch is no list".to_owned(),
    };
    let out = desk.ended_at(("r1", 1), undivided, at);
    assert_eq!(out.one("action.failed")["code"], "output");
    assert_eq!(desk.state("r1"), RequestState::Failed);
    assert!(desk.execution("r1").is_none());
}
