//! The traces of the specification, through events, decisions and timers.

use serde_json::json;

use super::*;

fn resolution(medium: &str) -> String {
    format!(
        r#"sla("Gold", #{{ calendar: "ny", medium: #{{ resolution: "{medium}" }}, urgent: #{{ resolution: "4h" }} }});"#
    )
}

#[test]
fn waiting_does_not_count_and_the_customers_message_ends_it() {
    let (policy, settings) = (policy(&resolution("8h")), settings());
    let mut ward = Ward::new(&policy, &settings);
    let (ticket, out) = ward.open("Mon 09:00", json!({"assignee": "dana"}));
    assert_eq!(clocks(&out), ["started resolution 1"]);
    let out = ward.update("Mon 11:00", &ticket, json!({"status": "waiting"}));
    assert_eq!(clocks(&out), ["paused resolution 1"]);
    let out = ward.say("Tue 15:00", "customer");
    assert_eq!(clocks(&out), ["resumed resolution 1"]);
    let resumed = of(&out, "sla.resumed")[0];
    assert_eq!(resumed["elapsed_ms"], json!(2 * 3_600_000));
    assert_eq!(instant(resumed, "due_at"), local("Wed 13:00"));
    let moved = of(&out, "ticket.updated")[0];
    assert_eq!(
        moved["changes"]["status"],
        json!(["waiting", "in_progress"])
    );
    assert_eq!(resumed["conversation_id"], json!("c-1"));
    let out = ward.until("Wed 17:00");
    assert_eq!(clocks(&out), ["breached resolution 1"]);
    let breach = of(&out, "sla.breached")[0];
    assert_eq!(
        instant(breach, "breached_at").micros(),
        local("Wed 13:00").micros() + 1_000
    );
    assert!(ward.until("Fri 12:00").is_empty(), "one breach, once");
}

#[test]
fn what_is_resolved_straight_from_waiting_settles_the_pause_first() {
    let (policy, settings) = (policy(&resolution("8h")), settings());
    let mut ward = Ward::new(&policy, &settings);
    let (ticket, _) = ward.open("Mon 09:00", json!({}));
    ward.update("Mon 10:00", &ticket, json!({"status": "waiting"}));
    let out = ward.update("Wed 10:00", &ticket, json!({"status": "resolved"}));
    let met = of(&out, "sla.met")[0];
    assert_eq!(met["elapsed_ms"], json!(3_600_000));
}

#[test]
fn another_priority_keeps_the_time_that_is_used_up() {
    let (policy, settings) = (policy(&resolution("16h")), settings());
    let mut ward = Ward::new(&policy, &settings);
    let (ticket, _) = ward.open("Mon 09:00", json!({}));
    let out = ward.update("Mon 12:00", &ticket, json!({"priority": "urgent"}));
    let retargeted = of(&out, "sla.retargeted")[0];
    assert_eq!(instant(retargeted, "due_at"), local("Mon 13:00"));
    assert_eq!(instant(retargeted, "before"), local("Tue 17:00"));

    let mut ward = Ward::new(&policy, &settings);
    let (ticket, _) = ward.open("Mon 09:00", json!({}));
    let out = ward.update("Mon 15:00", &ticket, json!({"priority": "urgent"}));
    assert_eq!(
        clocks(&out),
        ["retargeted resolution 1", "breached resolution 1"]
    );
    let breach = of(&out, "sla.breached")[0];
    assert_eq!(breach["cause"], json!("retarget"));
    assert_eq!(instant(breach, "breached_at"), local("Mon 15:00"));
    assert_eq!(breach["overdue_ms"], json!(2 * 3_600_000));
}

#[test]
fn a_ticket_that_comes_back_goes_on_where_it_stopped() {
    let (policy, settings) = (policy(&resolution("8h")), settings());
    let mut ward = Ward::new(&policy, &settings);
    let (ticket, _) = ward.open("Mon 09:00", json!({}));
    let out = ward.update("Mon 13:00", &ticket, json!({"status": "resolved"}));
    assert_eq!(clocks(&out), ["met resolution 1"]);
    let out = ward.say("Wed 10:00", "customer");
    assert_eq!(clocks(&out), ["resumed resolution 1"]);
    let resumed = of(&out, "sla.resumed")[0];
    assert_eq!(instant(resumed, "due_at"), local("Wed 14:00"));
    let moved = of(&out, "ticket.updated")[0];
    assert_eq!(moved["changes"]["status"], json!(["resolved", "open"]));
}

#[test]
fn the_oldest_unanswered_message_counts_and_a_bots_answer_does_not() {
    let rule = r#"sla("Gold", #{ calendar: "ny", medium: #{ first_response: "1h", next_response: "1h" } });"#;
    let (policy, settings) = (policy(rule), settings());
    let mut ward = Ward::new(&policy, &settings);
    ward.say("Mon 09:00", "customer");
    let (ticket, out) = ward.open(
        "Mon 09:10",
        json!({"actor": {"kind": "customer", "id": "ada"}}),
    );
    assert_eq!(clocks(&out), ["started first_response 1"]);
    let out = ward.say("Mon 09:30", "agent");
    assert_eq!(clocks(&out), ["met first_response 1"]);
    let out = ward.say("Mon 10:00", "customer");
    assert_eq!(clocks(&out), ["started next_response 1"]);
    let due = instant(of(&out, "sla.started")[0], "due_at");
    assert_eq!(due, local("Mon 11:00"));
    assert_eq!(clocks(&ward.say("Mon 10:05", "ai")), [""; 0]);
    assert_eq!(clocks(&ward.say("Mon 10:20", "customer")), [""; 0]);
    assert_eq!(clocks(&ward.say("Mon 10:40", "customer")), [""; 0]);
    let out = ward.say("Mon 10:50", "agent");
    assert_eq!(clocks(&out), ["met next_response 1"]);
    assert_eq!(instant(of(&out, "sla.met")[0], "due_at"), due);
    let out = ward.say("Mon 10:55", "customer");
    assert_eq!(clocks(&out), ["started next_response 2"]);
    let out = ward.update("Mon 11:00", &ticket, json!({"status": "resolved"}));
    assert_eq!(clocks(&out), ["cancelled next_response 2"]);
    assert_eq!(of(&out, "sla.cancelled")[0]["reason"], json!("resolved"));
    assert_eq!(clocks(&ward.until("Fri 12:00")), [""; 0]);
}

#[test]
fn what_was_due_during_a_standstill_has_its_own_times() {
    let rule = r#"sla("Gold", #{ medium: #{ resolution: "5m" } });"#;
    let (policy, settings) = (policy(rule), settings());
    let mut ward = Ward::new(&policy, &settings);
    for at in ["Mon 10:00", "Mon 10:02", "Mon 10:04"] {
        ward.open(at, json!({}));
    }
    let out = ward.until("Mon 10:30");
    let breaches = of(&out, "sla.breached");
    let times: Vec<Timestamp> = breaches
        .iter()
        .map(|breach| instant(breach, "due_at"))
        .collect();
    assert_eq!(
        times,
        [local("Mon 10:05"), local("Mon 10:07"), local("Mon 10:09")]
    );
}
