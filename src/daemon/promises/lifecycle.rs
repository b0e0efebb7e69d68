//! Tickets and their clocks: what a customer's message does, and what becomes of clocks whose rule is gone.

use serde_json::json;

use super::*;

#[test]
fn a_message_after_the_reopening_days_and_on_a_closed_ticket_opens_another() {
    let rule = r#"sla("Gold", #{ reopen_days: 1, medium: #{ resolution: "8h" } });"#;
    let (policy, settings) = (policy(rule), settings());
    let mut ward = Ward::new(&policy, &settings);
    let (first, _) = ward.open("Mon 09:00", json!({}));
    ward.update("Mon 10:00", &first, json!({"status": "resolved"}));
    let out = ward.say("Wed 10:00", "customer");
    let second = of(&out, "ticket.created");
    assert_eq!(second.len(), 1, "{out:?}");
    assert_eq!(second[0]["subject"], json!("Where is my order"));
    assert_eq!(second[0]["team"], json!("billing"));
    assert!(of(&out, "ticket.updated").is_empty());
    assert_eq!(clocks(&out), ["started resolution 1"]);
    // It has its ticket: a further message opens none.
    assert!(of(&ward.say("Wed 10:05", "customer"), "ticket.created").is_empty());
    let id = second[0]["ticket_id"].as_str().expect("an id").to_owned();
    ward.update("Wed 11:00", &id, json!({"status": "closed"}));
    assert!(of(&ward.say("Wed 11:01", "agent"), "ticket.created").is_empty());
    let out = ward.say("Wed 11:05", "customer");
    assert_eq!(of(&out, "ticket.created").len(), 1);
}

#[test]
fn a_fresh_cycle_an_ignored_message_and_another_ticket_as_the_policy_says() {
    let outcome = |reopen: &str| {
        let rule =
            format!(r#"sla("Gold", #{{ reopen: "{reopen}", medium: #{{ resolution: "8h" }} }});"#);
        let (policy, settings) = (policy(&rule), settings());
        let mut ward = Ward::new(&policy, &settings);
        let (ticket, _) = ward.open("Mon 09:00", json!({}));
        ward.update("Mon 10:00", &ticket, json!({"status": "resolved"}));
        let out = ward.say("Mon 11:00", "customer");
        let opened = of(&out, "ticket.created").len();
        (clocks(&out), of(&out, "ticket.updated").len(), opened)
    };
    let said = |lines: &[&str]| {
        lines
            .iter()
            .map(|&line| line.to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(outcome("resume"), (said(&["resumed resolution 1"]), 1, 0));
    assert_eq!(
        outcome("new_cycle"),
        (said(&["started resolution 2"]), 1, 0)
    );
    assert_eq!(outcome("ignore"), (said(&[]), 0, 0));
    assert_eq!(
        outcome("new_ticket"),
        (said(&["started resolution 1"]), 0, 1)
    );
}

#[test]
fn without_any_promise_a_message_brings_a_ticket_back_all_the_same() {
    let (policy, settings) = (policy(""), settings());
    let mut ward = Ward::new(&policy, &settings);
    let (ticket, out) = ward.open("Mon 09:00", json!({}));
    assert_eq!(clocks(&out), [""; 0]);
    ward.update("Mon 10:00", &ticket, json!({"status": "waiting"}));
    let out = ward.say("Mon 11:00", "customer");
    let moved = of(&out, "ticket.updated")[0];
    assert_eq!(moved["changes"]["status"], json!(["waiting", "open"]));
}

#[test]
fn a_clock_goes_by_the_terms_that_it_has_pinned_also_when_the_rule_has_changed_or_is_gone() {
    let old = policy(r#"sla("Gold", #{ calendar: "ny", medium: #{ resolution: "8h" } });"#);
    let settings = settings();
    let mut ward = Ward::new(&old, &settings);
    let (ticket, _) = ward.open("Mon 09:00", json!({"assignee": "dana"}));
    let mut world = ward.world.world().clone();
    let terms = old.terms()[0].clone();
    for new in [
        policy(r#"sla("Gold", #{ calendar: "ny", medium: #{ resolution: "1h" } });"#),
        policy(""),
    ] {
        // Unknown to the new policy, they come from where they are kept.
        world.terms.insert(terms.pin(), Some(terms.clone()));
        let mut ward = Ward::over(&new, &settings, world.clone(), local("Mon 09:30"));
        let out = ward.update("Mon 10:00", &ticket, json!({"status": "waiting"}));
        assert_eq!(clocks(&out), ["paused resolution 1"]);
        let out = ward.say("Tue 10:00", "customer");
        assert_eq!(
            instant(of(&out, "sla.resumed")[0], "due_at"),
            local("Tue 17:00")
        );
        assert_eq!(clocks(&ward.until("Wed 10:00")), ["breached resolution 1"]);
    }
    world.terms.insert(terms.pin(), None);
    let bare = policy("");
    let mut ward = Ward::over(&bare, &settings, world, local("Mon 09:30"));
    let out = ward.until("Wed 10:00");
    let failed = of(&out, "rule.failed");
    assert_eq!(
        failed.len(),
        1,
        "it is told once, and looked at no more: {out:?}"
    );
    assert_eq!(failed[0]["rule"], json!("Gold"));
}

#[test]
fn a_public_comment_of_a_person_is_a_reply_and_an_internal_one_is_none() {
    let rule = r#"sla("Gold", #{ calendar: "ny", medium: #{ first_response: "2h" } });"#;
    let (policy, settings) = (policy(rule), settings());
    let mut ward = Ward::new(&policy, &settings);
    let customer = json!({"actor": {"kind": "customer", "id": "ada"}});
    let (ticket, _) = ward.open("Mon 09:00", customer);
    let comment = json!({"ticket_id": ticket, "body": "looking", "actor": agent("dana")});
    let out = ward.at("Mon 09:30", "ticket.commented", comment.clone());
    assert_eq!(clocks(&out), [""; 0]);
    let mut public = comment;
    public["internal"] = json!(false);
    let out = ward.at("Mon 10:00", "ticket.commented", public);
    assert_eq!(clocks(&out), ["met first_response 1"]);
}

#[test]
fn what_is_merged_spam_or_deleted_is_held_to_nothing_any_more() {
    let rule = r#"sla("Gold", #{ calendar: "ny", medium: #{ resolution: "8h" } });"#;
    let (policy, settings) = (policy(rule), settings());
    let mut ward = Ward::new(&policy, &settings);
    let (target, _) = ward.open("Mon 09:00", json!({}));
    for closed_as in ["merged", "spam", "deleted"] {
        let (ticket, _) = ward.open("Mon 10:00", json!({}));
        let mut data = json!({"ticket_id": ticket, "as": closed_as, "actor": agent("dana")});
        if closed_as == "merged" {
            data["into"] = json!(target);
        }
        let out = ward.at("Mon 10:00", "ticket.closed_as", data);
        assert_eq!(clocks(&out), ["cancelled resolution 1"]);
        assert_eq!(of(&out, "sla.cancelled")[0]["reason"], closed_as);
    }
    let late = clocks(&ward.until("Fri 12:00"));
    assert_eq!(late, ["breached resolution 1"], "the one that goes on");
}
