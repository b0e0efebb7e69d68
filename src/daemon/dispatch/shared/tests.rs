//! Calls that several requests share, as pure as they are: who is sent together, and who gets what.

use serde_json::{Map, Value};

use super::*;
use crate::domain::execution::Share;

fn execution(id: &str, joined: Option<(&str, u32, u32)>, attempt: u32) -> Arc<Execution> {
    let at = Timestamp::from_micros(1_795_000_000_000_000);
    Arc::new(Execution {
        request_id: id.to_owned(),
        subject: id.to_owned(),
        action: "print".to_owned(),
        integration: "printer".to_owned(),
        prepared: String::new(),
        attempt,
        tries: 0,
        first_at: at,
        due_at: at,
        timeout: Span::from_secs(1),
        was_ambiguous: false,
        was_renewed: false,
        look: None,
        share: Some(Share {
            item: Map::new(),
            joined: joined.map(|(key, place, count)| Joined {
                key: key.to_owned(),
                place,
                count,
                attempt: 1,
            }),
        }),
    })
}

fn names(call: &[Arc<Execution>]) -> Vec<&str> {
    call.iter().map(|one| one.request_id.as_str()).collect()
}

#[test]
fn those_who_share_a_call_are_sent_together_in_their_order() {
    let alone = Execution {
        share: None,
        ..(*execution("z", None, 1)).clone()
    };
    let (calls, waiting) = sort(&[
        execution("c", Some(("k1", 1, 2)), 1),
        execution("w", None, 1),
        execution("d", Some(("k2", 0, 1)), 3),
        Arc::new(alone),
        execution("e", Some(("k1", 0, 2)), 1),
    ]);
    let calls: Vec<Vec<&str>> = calls.iter().map(|call| names(call)).collect();
    assert_eq!(calls, [vec!["z"], vec!["e", "c"], vec!["d"]]);
    assert_eq!(names(&waiting), ["w"]);
}

#[test]
fn a_call_that_lacks_somebody_was_never_sent_at_the_attempt_at_which_they_joined() {
    let (calls, waiting) = sort(&[execution("a", Some(("k", 0, 2)), 1)]);
    assert!(calls.is_empty());
    assert_eq!(names(&waiting), ["a"]);
    let (calls, waiting) = sort(&[execution("a", Some(("k", 0, 2)), 2)]);
    assert_eq!(names(&calls[0]), ["a"], "sent again as it is stored");
    assert!(waiting.is_empty());
}

#[test]
fn each_gets_his_part_of_the_answer_and_all_the_same_failure() {
    let call = [
        execution("b", Some(("k", 0, 3)), 1),
        execution("a", Some(("k", 2, 3)), 1),
    ];
    let answered = |body: Value| Ended::Answered {
        status: 200,
        retry_after: None,
        body,
    };
    let of = |body: Value| parts(&call, answered(body));
    assert_eq!(
        of(json!([1, 2, 3])),
        [answered(json!(1)), answered(json!(3))]
    );
    assert!(matches!(
        of(json!([1, 2]))[..],
        [Ended::Undivided { .. }, Ended::Undivided { .. }]
    ));
    let broken = Ended::Broken {
        detail: "reset".to_owned(),
    };
    assert_eq!(parts(&call, broken.clone()), [broken.clone(), broken]);
    let refused = Ended::Answered {
        status: 422,
        retry_after: None,
        body: json!([1, 2, 3]),
    };
    assert_eq!(parts(&call, refused.clone()), [refused.clone(), refused]);
}
