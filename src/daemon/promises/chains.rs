//! Warnings, breaches, and what follows while a breach lasts.

use serde_json::json;

use super::*;

const CHAIN: &str = r#"sla("Gold", #{
    calendar: "ny", warn_at: [50, 80], notify: ["@lee"],
    medium: #{ resolution: "2h" }, urgent: #{ resolution: "1h" },
    levels: [
        #{ after: "30m", notify: ["@team"] },
        #{ after: "1h", priority: "urgent", assignee: "lee", escalate: true, repeat: 1 },
    ],
});"#;

fn told(out: &[Output]) -> Vec<(Vec<&str>, &str)> {
    let notices = of(out, "notice.posted");
    let told = notices.iter().map(|notice| {
        let to = notice["to"].as_array().expect("people");
        let to = to.iter().filter_map(Value::as_str).collect();
        (to, notice["kind"].as_str().expect("a kind"))
    });
    told.collect()
}

#[test]
fn a_clock_warns_breaches_and_its_levels_do_what_they_say() {
    let (policy, settings) = (policy(CHAIN), settings());
    let mut ward = Ward::new(&policy, &settings);
    ward.say("Mon 09:00", "customer");
    let (ticket, _) = ward.open("Mon 09:00", json!({"assignee": "dana"}));
    let out = ward.until("Mon 10:59");
    assert_eq!(
        clocks(&out),
        ["warning resolution 1", "warning resolution 1"]
    );
    let percents: Vec<_> = of(&out, "sla.warning")
        .iter()
        .map(|warning| warning["percent"].clone())
        .collect();
    assert_eq!(percents, [json!(50), json!(80)]);
    assert_eq!(
        told(&out),
        [(vec!["lee"], "sla_warning"), (vec!["lee"], "sla_warning")]
    );
    let out = ward.until("Mon 11:29");
    assert_eq!(clocks(&out), ["breached resolution 1"]);
    assert_eq!(told(&out), [(vec!["lee"], "sla_breached")]);
    let out = ward.until("Mon 11:31");
    assert_eq!(clocks(&out), ["escalated resolution 1"]);
    assert_eq!(told(&out), [(vec!["dana", "lee"], "sla_escalated")]);
    let out = ward.until("Mon 12:01");
    assert_eq!(of(&out, "sla.escalated")[0]["level"], json!(2));
    let raised = of(&out, "conversation.escalated")[0];
    assert_eq!(raised["trigger"], json!("sla"));
    assert_eq!(raised["ticket_id"], json!(ticket));
    let changes = &of(&out, "ticket.updated")[0]["changes"];
    assert_eq!(changes["priority"], json!(["medium", "urgent"]));
    assert_eq!(changes["assignee"], json!(["dana", "lee"]));
    let escalation = raised["escalation_id"].clone();
    let out = ward.at(
        "Mon 12:30",
        "escalation.acknowledged",
        json!({"escalation_id": escalation, "actor": agent("lee")}),
    );
    assert_eq!(clocks(&out), [""; 0]);
    assert_eq!(
        clocks(&ward.until("Fri 12:00")),
        [""; 0],
        "acknowledged: it is over"
    );
}

#[test]
fn a_level_comes_again_as_often_as_it_says_until_somebody_sees_to_it() {
    let (policy, settings) = (policy(CHAIN), settings());
    let mut ward = Ward::new(&policy, &settings);
    ward.open("Mon 09:00", json!({}));
    let out = ward.until("Fri 12:00");
    let levels: Vec<_> = of(&out, "sla.escalated")
        .iter()
        .map(|fired| fired["level"].clone())
        .collect();
    assert_eq!(levels, [json!(1), json!(2), json!(2)]);
}

#[test]
fn a_team_that_has_a_breach_and_names_nobody_is_told_itself() {
    let rule = r#"sla("Gold", #{ medium: #{ own: "10m" } });"#;
    let (policy, settings) = (policy(rule), settings());
    let mut ward = Ward::new(&policy, &settings);
    let (ticket, out) = ward.open("Mon 09:00", json!({}));
    assert_eq!(clocks(&out), ["started own 1"]);
    let out = ward.until("Mon 09:20");
    assert_eq!(clocks(&out), ["breached own 1"]);
    assert_eq!(told(&out), [(vec!["dana", "lee"], "sla_breached")]);
    let notice = of(&out, "notice.posted")[0];
    assert_eq!(notice["about"], json!(ticket));
    let out = ward.update("Mon 09:30", &ticket, json!({"assignee": "lee"}));
    assert_eq!(
        clocks(&out),
        [""; 0],
        "stopped after its breach: nothing is met"
    );
}

#[test]
fn a_reply_that_was_in_time_and_comes_late_takes_the_breach_back() {
    let rule = r#"sla("Gold", #{ medium: #{ first_response: "1h" } });"#;
    let (policy, settings) = (policy(rule), settings());
    let mut ward = Ward::new(&policy, &settings);
    ward.open(
        "Mon 09:00",
        json!({"actor": {"kind": "customer", "id": "ada"}}),
    );
    assert_eq!(
        clocks(&ward.until("Mon 10:10")),
        ["breached first_response 1"]
    );
    let data =
        json!({"message": {"id": "late", "text": "hi", "author": {"kind": "agent", "id": "dana"}}});
    let Value::Object(data) = data else { panic!() };
    let late = Event {
        id: "late".to_owned(),
        source: "/chat".to_owned(),
        kind: "conversation.message".to_owned(),
        subject: SubjectId::from("c-1"),
        time: Some(local("Mon 09:50")),
        data,
        trace: Trace::default(),
    };
    let out = ward.world.deliver(late).expect("is decided").outputs;
    assert_eq!(
        clocks(&out),
        ["retracted first_response 1", "met first_response 1"]
    );
}
