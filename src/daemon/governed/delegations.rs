//! Delegations at the vote: what a stand-in may, and all that he may not.

use serde_json::{Value, json};

use super::{
    desk::{Desk, Out, agent, ai, customer},
    refund,
};
use crate::{
    decide::{DelegationMade, DelegationRevoked},
    domain::{
        access::{Grant, Role, Verb},
        delegation::Scope,
        directory::Person,
        request::RequestState,
        time::Span,
    },
};

const DAY: Span = Span::from_secs(86_400);

/// A delegation to somebody, for three days and for everything.
pub(super) fn handed(desk: &Desk, to: &str) -> DelegationMade {
    DelegationMade {
        to: to.to_owned(),
        scope: Scope::default(),
        starts_at: None,
        ends_at: desk.now().plus(DAY).plus(DAY).plus(DAY),
        reason: None,
    }
}

fn admin(name: &str) -> Value {
    agent(name, &["admin"])
}

fn bob() -> Value {
    agent("bob", &["agent"])
}

/// A desk where `ann`, an admin, has handed her say to `bob`, an agent.
fn handed_to_bob(change: impl FnOnce(&mut DelegationMade)) -> Desk {
    let mut desk = Desk::new("");
    let mut made = handed(&desk, "bob");
    change(&mut made);
    let out = desk.delegate("dlg_1", admin("ann"), made);
    assert_eq!(out.kinds(), ["delegation.created", "notice.posted"]);
    desk
}

fn asked(desk: &mut Desk, by: Value) -> String {
    let out = desk.ask("r1", "big_refund", refund(&json!(500)), by);
    out.text("approval.requested", "approval_id")
}

fn refusal(out: &Out) -> (&str, &str) {
    let refused = out.one("event.rejected");
    let text = |name: &str| refused[name].as_str().expect("a text");
    (text("reason"), text("detail"))
}

/// Has bob vote on what an AI asked for, and gives the reason of the refusal; empty: it counted.
fn of_bob(desk: &mut Desk) -> String {
    let id = asked(desk, ai());
    let out = desk.vote(&id, "approve", bob());
    if out.kinds().is_empty() {
        return String::new();
    }
    refusal(&out).0.to_owned()
}

/// Makes a role that gives and takes something.
fn role(desk: &mut Desk, name: &str, grants: Vec<Grant>, denials: Vec<Grant>) {
    let roles = &mut desk.settings_mut().directory.roles;
    let role = Role { grants, denials };
    roles.0.insert(name.to_owned(), role);
}

fn grant(verb: Verb) -> Grant {
    Grant {
        verbs: vec![verb],
        ..Grant::default()
    }
}

#[test]
fn a_stand_in_decides_with_both_names_on_record_and_is_told_so() {
    let mut desk = Desk::new("");
    let mut made = handed(&desk, "bob");
    made.reason = Some("holiday".to_owned());
    let out = desk.delegate("dlg_1", admin("ann"), made);
    let told = out.one("delegation.created");
    assert_eq!(
        (&told["delegation_id"], &told["from"], &told["to"]),
        (&json!("dlg_1"), &json!("ann"), &json!("bob"))
    );
    assert_eq!(
        (&told["reason"], &told["scope"]),
        (&json!("holiday"), &json!({}))
    );
    let notice = out.one("notice.posted");
    assert_eq!(notice["to"], json!(["bob"]));
    assert!(notice.get("conversation_id").is_none(), "{notice:?}");

    let id = asked(&mut desk, ai());
    assert_eq!(desk.vote(&id, "approve", bob()).kinds(), [""; 0]);
    let out = desk.vote(&id, "approve", agent("cid", &["manager"]));
    assert_eq!(out.kinds(), ["approval.decided", "action.started"]);
    let by = &out.one("approval.decided")["by"];
    assert_eq!(
        (&by[0]["actor"]["id"], &by[0]["on_behalf"]),
        (&json!("bob"), &json!("ann"))
    );
    assert!(by[1].get("on_behalf").is_none(), "{by}");
}

#[test]
fn a_delegator_and_his_stand_ins_count_once_together() {
    let reason = |out: &Out| refusal(out).0.to_owned();
    for first in [admin("ann"), bob()] {
        let mut desk = handed_to_bob(|_| ());
        let made = handed(&desk, "cid");
        desk.delegate("dlg_2", admin("ann"), made);
        let id = asked(&mut desk, ai());
        assert_eq!(desk.vote(&id, "approve", first).kinds(), [""; 0]);
        for other in [admin("ann"), bob(), agent("cid", &["agent"])] {
            assert_eq!(reason(&desk.vote(&id, "approve", other)), "settled");
        }
        assert_eq!(desk.state("r1"), RequestState::AwaitingApproval);
        let out = desk.vote(&id, "approve", agent("dan", &["manager"]));
        assert_eq!(out.kinds(), ["approval.decided", "action.started"]);
    }
}

#[test]
fn nobody_stands_in_for_who_asked() {
    let mut desk = handed_to_bob(|_| ());
    let id = asked(&mut desk, admin("ann"));
    let out = desk.vote(&id, "approve", bob());
    assert_eq!(
        refusal(&out),
        ("forbidden", "`ann` asked for it, and has no say in it")
    );
    // Nor does who asked for somebody else.
    let mut desk = handed_to_bob(|_| ());
    let id = asked(&mut desk, bob());
    let out = desk.vote(&id, "approve", bob());
    assert_eq!(
        refusal(&out),
        ("forbidden", "`bob` asked for it, and has no say in it")
    );
}

#[test]
fn ones_own_right_goes_first_and_leaves_the_delegator_his_say() {
    let mut desk = handed_to_bob(|_| ());
    let id = asked(&mut desk, ai());
    let manager = agent("bob", &["manager"]);
    assert_eq!(desk.vote(&id, "approve", manager).kinds(), [""; 0]);
    let out = desk.vote(&id, "approve", admin("ann"));
    assert_eq!(out.kinds(), ["approval.decided", "action.started"]);
    let by = &out.one("approval.decided")["by"];
    assert!(by[0].get("on_behalf").is_none(), "{by}");
}

#[test]
fn a_delegation_reaches_no_further_than_its_scope() {
    let names = |name: &str| vec![name.to_owned()];
    let mut wide = handed_to_bob(|made| {
        made.scope.actions = names("big_*");
        made.scope.amount = Some(500.into());
    });
    assert_eq!(of_bob(&mut wide), "");
    let mut small = handed_to_bob(|made| made.scope.amount = Some(499.into()));
    let mut other = handed_to_bob(|made| made.scope.actions = names("refund"));
    let mut phone = handed_to_bob(|made| made.scope.channels = names("phone"));
    let mut vip = handed_to_bob(|made| made.scope.segments = names("vip"));
    for desk in [&mut small, &mut other, &mut phone, &mut vip] {
        assert_eq!(of_bob(desk), "forbidden");
    }
}

#[test]
fn a_delegation_stands_for_its_time_alone() {
    let mut later = handed_to_bob(|made| made.starts_at = Some(made.ends_at.minus(DAY)));
    assert_eq!(of_bob(&mut later), "forbidden", "not yet");
    let mut later = handed_to_bob(|made| made.starts_at = Some(made.ends_at.minus(DAY)));
    later.pass_time(Span::from_secs(2 * 86_400));
    assert_eq!(of_bob(&mut later), "");
    let mut over = handed_to_bob(|_| ());
    over.pass_time(Span::from_secs(3 * 86_400));
    assert_eq!(of_bob(&mut over), "forbidden", "not any more");
}

#[test]
fn who_handed_over_takes_it_back_and_so_does_who_operates() {
    let revoked = || DelegationRevoked {
        delegation_id: "dlg_1".to_owned(),
        from: "ann".to_owned(),
        to: "bob".to_owned(),
    };
    for who in [agent("ann", &["viewer"]), agent("olga", &["owner"])] {
        let mut desk = handed_to_bob(|_| ());
        for other in [
            bob(),
            agent("cid", &["manager"]),
            json!({"kind": "ai", "id": "ann"}),
        ] {
            assert_eq!(refusal(&desk.revoke(other, revoked())).0, "forbidden");
        }
        let out = desk.revoke(who.clone(), revoked());
        assert_eq!(out.kinds(), ["delegation.revoked", "notice.posted"]);
        assert_eq!(
            refusal(&desk.revoke(who, revoked())),
            ("settled", "the delegation `dlg_1` has ended already")
        );
        assert_eq!(of_bob(&mut desk), "forbidden");
    }
}

#[test]
fn what_was_handed_over_goes_no_further() {
    let mut desk = Desk::new("");
    role(&mut desk, "clerk", vec![grant(Verb::Delegate)], Vec::new());
    let clerk = agent("cid", &["clerk"]);
    let made = handed(&desk, "cid");
    desk.delegate("dlg_1", admin("ann"), made);
    let made = handed(&desk, "bob");
    let out = desk.delegate("dlg_2", clerk.clone(), made);
    assert_eq!(out.kinds(), ["delegation.created", "notice.posted"]);
    let id = asked(&mut desk, ai());
    assert_eq!(refusal(&desk.vote(&id, "approve", bob())).0, "forbidden");
    assert_eq!(desk.vote(&id, "approve", clerk).kinds(), [""; 0]);
}

#[test]
fn denials_hold_the_delegators_and_the_stand_ins() {
    let denial = || Grant {
        actions: vec!["big_refund".to_owned()],
        ..grant(Verb::Approve)
    };
    let mut desk = Desk::new("");
    role(&mut desk, "careful", Vec::new(), vec![denial()]);
    let made = handed(&desk, "bob");
    desk.delegate("dlg_1", agent("ann", &["admin", "careful"]), made);
    assert_eq!(of_bob(&mut desk), "forbidden", "hers");
    let mut desk = handed_to_bob(|_| ());
    role(&mut desk, "careful", Vec::new(), vec![denial()]);
    let id = asked(&mut desk, ai());
    let out = desk.vote(&id, "approve", agent("bob", &["agent", "careful"]));
    assert_eq!(refusal(&out).0, "forbidden", "his");
}

#[test]
fn the_delegators_roles_of_today_count_where_he_is_known() {
    let person = |roles: &[&str]| Person {
        roles: roles.iter().map(|&role| role.to_owned()).collect(),
        ..Person::default()
    };
    for (roles, expected) in [
        (&["viewer"][..], "forbidden"),
        (&[], "forbidden"),
        (&["manager"], ""),
    ] {
        let mut desk = handed_to_bob(|_| ());
        let people = &mut desk.settings_mut().directory.people;
        people.insert("ann".to_owned(), person(roles));
        assert_eq!(of_bob(&mut desk), expected, "{roles:?}");
    }
}

#[test]
fn only_people_hand_over_and_only_people_stand_in() {
    let mut desk = Desk::new("");
    let made = |desk: &Desk| handed(desk, "bob");
    let owner = json!({"kind": "ai", "id": "bot", "roles": ["owner"]});
    for (who, expected) in [
        (owner, "forbidden"),
        (agent("ann", &["manager"]), "forbidden"),
        (customer(), "forbidden"),
    ] {
        let out = desk.delegate("dlg_1", who, made(&desk));
        assert_eq!(refusal(&out).0, expected);
    }
    let out = desk.delegate("dlg_1", admin("bob"), made(&desk));
    assert_eq!(
        refusal(&out),
        (
            "illegal_move",
            "`bob` decides for himself already; name somebody else"
        )
    );
    let mut over = made(&desk);
    over.ends_at = desk.now();
    assert_eq!(
        refusal(&desk.delegate("dlg_1", admin("ann"), over)).0,
        "illegal_move"
    );
    desk.settings_mut().names_others = false;
    let out = desk.delegate("dlg_1", admin("ann"), made(&desk));
    assert_eq!(refusal(&out).0, "unknown_reference");
    // An AI to whom something was handed all the same has no say.
    let mut desk = handed_to_bob(|_| ());
    let id = asked(&mut desk, ai());
    let out = desk.vote(&id, "approve", json!({"kind": "ai", "id": "bob"}));
    assert_eq!(
        refusal(&out),
        ("forbidden", "only people decide on approvals")
    );
}

#[test]
fn who_is_gone_has_no_roles_that_somebody_could_stand_in_with() {
    let mut desk = handed_to_bob(|_| ());
    let id = asked(&mut desk, ai());
    // Everybody is known here now, and ann is not among them.
    desk.settings_mut().names_others = false;
    let out = desk.vote(&id, "approve", bob());
    assert_eq!(refusal(&out).0, "forbidden");
    desk.settings_mut().names_others = true;
    let out = desk.vote(&id, "approve", bob());
    assert_eq!(out.kinds(), [""; 0], "counted; one more is asked");
}
