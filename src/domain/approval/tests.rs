//! What an approval promises, by cases and over any order of votes, time-outs and withdrawals.

use proptest::prelude::*;

use super::*;
use crate::domain::time::Span;

const DIGEST: [u8; 32] = [7; 32];

fn at(minute: i64) -> Timestamp {
    Timestamp::default().plus(Span::from_secs(60 * minute))
}

fn approval(stages: &[(&str, u32)], rejections: u32) -> Approval {
    Approval {
        approval_id: "apr_1".to_owned(),
        request_id: "req_1".to_owned(),
        subject: "c1".to_owned(),
        action: "refund".to_owned(),
        summary: String::new(),
        context: serde_json::Map::new(),
        requested_at: at(0),
        remind_at: None,
        on_expiry: crate::domain::gate::OnExpiry::Reject,
        notify: Vec::new(),
        is_timed: false,
        digest: DIGEST,
        requester: "asker".to_owned(),
        starter: Some("starter".to_owned()),
        stages: stages
            .iter()
            .map(|(role, required)| Stage {
                approvers: vec![(*role).to_owned()],
                required: *required,
            })
            .collect(),
        rejections,
        state: ApprovalState::Pending,
        stage: 0,
        votes: Vec::new(),
        expires_at: at(60),
    }
}

fn voter(id: &str, roles: &[&str]) -> Voter {
    let roles: Vec<String> = roles.iter().map(|&role| role.to_owned()).collect();
    Voter {
        actor: Actor {
            kind: ActorKind::Agent,
            id: id.to_owned(),
            roles: roles.clone(),
        },
        roles,
        on_behalf: None,
        is_permitted: true,
    }
}

fn says(
    approval: &mut Approval,
    id: &str,
    role: &str,
    decision: Decision,
) -> Result<(), VoteFault> {
    approval.vote(&voter(id, &[role]), decision, None, at(1))
}

#[test]
fn stages_go_in_order_and_want_distinct_people() {
    let mut approval = approval(&[("manager", 2), ("director", 1)], 1);
    let yes = Decision::Approve;
    let early = says(&mut approval, "zoe", "director", yes);
    assert!(matches!(early, Err(VoteFault::NotAsked(..))), "{early:?}");
    assert_eq!(says(&mut approval, "ann", "manager", yes), Ok(()));
    let again = says(&mut approval, "ann", "manager", yes);
    assert_eq!(again, Err(VoteFault::Again("ann".to_owned())));
    assert_eq!(says(&mut approval, "bo", "manager", yes), Ok(()));
    assert_eq!(
        (approval.state, approval.stage),
        (ApprovalState::Pending, 1)
    );
    let second_hat = says(&mut approval, "ann", "director", yes);
    assert_eq!(second_hat, Err(VoteFault::Again("ann".to_owned())));
    assert_eq!(says(&mut approval, "zoe", "director", yes), Ok(()));
    assert_eq!(approval.state, ApprovalState::Approved);
    let late = says(&mut approval, "cy", "director", Decision::Reject);
    assert_eq!(late, Err(VoteFault::Settled(ApprovalState::Approved)));
}

#[test]
fn who_asked_and_what_is_no_person_has_no_say() {
    let mut approval = approval(&[("manager", 1)], 1);
    let yes = Decision::Approve;
    for name in ["asker", "starter"] {
        let own = says(&mut approval, name, "owner", yes);
        assert_eq!(own, Err(VoteFault::Requester(name.to_owned())));
    }
    let mut stand_in = voter("bo", &["manager"]);
    stand_in.on_behalf = Some("asker".to_owned());
    let fault = approval.vote(&stand_in, yes, None, at(1));
    assert_eq!(fault, Err(VoteFault::Requester("asker".to_owned())));
    for kind in [ActorKind::Ai, ActorKind::Customer, ActorKind::System] {
        let mut machine = voter("bot", &["manager"]);
        machine.actor.kind = kind;
        assert_eq!(
            approval.vote(&machine, yes, None, at(1)),
            Err(VoteFault::NoPerson)
        );
    }
    let mut capped = voter("bo", &["manager"]);
    capped.is_permitted = false;
    let fault = approval.vote(&capped, yes, None, at(1));
    assert_eq!(fault, Err(VoteFault::NotPermitted("bo".to_owned())));
    assert_eq!(approval.votes, []);
    assert_eq!(
        says(&mut approval, "bo", "owner", yes),
        Ok(()),
        "an owner stands for every role"
    );
}

#[test]
fn one_person_has_one_say_also_on_behalf_of_another() {
    let mut approval = approval(&[("manager", 2)], 1);
    let mut stand_in = voter("bo", &["manager"]);
    stand_in.on_behalf = Some("ann".to_owned());
    assert_eq!(
        approval.vote(&stand_in, Decision::Approve, None, at(1)),
        Ok(())
    );
    for name in ["bo", "ann"] {
        let again = says(&mut approval, name, "manager", Decision::Approve);
        assert_eq!(again, Err(VoteFault::Again(name.to_owned())));
    }
}

#[test]
fn it_is_consumed_once_for_what_it_was_given_for() {
    let mut approval = approval(&[("manager", 1)], 1);
    let pending = approval.consume(&DIGEST);
    assert_eq!(pending, Err(ConsumeFault::State(ApprovalState::Pending)));
    says(&mut approval, "ann", "manager", Decision::Approve).expect("counts");
    assert_eq!(approval.consume(&[8; 32]), Err(ConsumeFault::Other));
    assert_eq!(approval.consume(&DIGEST), Ok(()));
    assert_eq!(
        approval.consume(&DIGEST),
        Err(ConsumeFault::State(ApprovalState::Consumed))
    );
    assert!(!approval.supersede() && !approval.cancel());
}

#[test]
fn a_deadlock_is_seen_where_one_person_would_have_to_sit_twice() {
    let both = ["manager".to_owned(), "director".to_owned()];
    let manager = ["manager".to_owned()];
    let two = approval(&[("manager", 1), ("director", 1)], 1);
    assert!(two.is_deadlocked([("ann", &both[..])]));
    assert!(two.is_deadlocked([("ann", &both[..]), ("asker", &both[..])]));
    assert!(!two.is_deadlocked([("ann", &both[..]), ("bo", &manager[..])]));
    assert!(two.is_deadlocked([("ann", &manager[..]), ("bo", &manager[..])]));
    let mut begun = two;
    says(&mut begun, "bo", "manager", Decision::Approve).expect("counts");
    assert!(!begun.is_deadlocked([("ann", &both[..])]));
    assert!(begun.is_deadlocked([("bo", &both[..])]));
}

#[derive(Clone, Debug)]
enum Step {
    Vote {
        who: usize,
        role: usize,
        yes: bool,
        minute: i64,
    },
    Expire(i64),
    Cancel,
    Supersede,
    Consume(u8),
}

const PEOPLE: [&str; 7] = ["ann", "bo", "cy", "di", "ed", "asker", "starter"];
const ROLES: [&str; 3] = ["manager", "director", "agent"];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..PEOPLE.len(), 0..ROLES.len(), any::<bool>(), 0..80_i64)
            .prop_map(|(who, role, yes, minute)| Step::Vote { who, role, yes, minute }),
        1 => (0..90_i64).prop_map(Step::Expire),
        1 => Just(Step::Cancel),
        1 => Just(Step::Supersede),
        3 => (6..8_u8).prop_map(Step::Consume),
    ]
}

proptest! {
    #[test]
    fn a_rejection_never_ends_in_a_yes_and_n_people_are_n(
        required in 1..4_u32,
        second in 0..3_u32,
        rejections in 1..3_u32,
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        let mut stages = vec![("manager", required)];
        if second > 0 {
            stages.push(("director", second));
        }
        let mut approval = approval(&stages, rejections);
        let (mut consumed, mut has_ended) = (0, false);
        for step in steps {
            let before = approval.state;
            match step {
                Step::Vote { who, role, yes, minute } => {
                    let decision = if yes { Decision::Approve } else { Decision::Reject };
                    let voter = voter(PEOPLE[who], &[ROLES[role]]);
                    let _ = approval.vote(&voter, decision, None, at(minute));
                }
                Step::Expire(minute) => {
                    approval.expire(at(minute));
                }
                Step::Cancel => {
                    approval.cancel();
                }
                Step::Supersede => {
                    approval.supersede();
                }
                Step::Consume(byte) => {
                    consumed += usize::from(approval.consume(&[byte; 32]).is_ok());
                }
            }
            if before != approval.state {
                prop_assert!(!has_ended, "{before} became {}", approval.state);
            }
            has_ended = !matches!(approval.state, ApprovalState::Pending | ApprovalState::Approved);
            let approvers: BTreeSet<&str> = approval
                .votes
                .iter()
                .filter(|vote| vote.decision == Decision::Approve)
                .map(|vote| vote.actor.id.as_str())
                .collect();
            let against = approval.votes.len() - approvers.len();
            if matches!(approval.state, ApprovalState::Approved | ApprovalState::Consumed) {
                prop_assert_eq!(approvers.len(), usize::try_from(required + second).expect("small"));
                prop_assert!(against < usize::try_from(rejections).expect("small"));
                prop_assert!(!approvers.contains("asker") && !approvers.contains("starter"));
            }
        }
        prop_assert!(consumed <= 1);
    }
}
