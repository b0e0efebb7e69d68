//! Cases of `sla` rules and their terms: what is refused, what is worth mending, what is promised.

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::{
    domain::{
        calendar::CalendarSpec,
        directory::Directory,
        facts::Facts,
        sla::Terms,
        ticket::{Ticket, TicketContext, TicketStatus},
        time::{Span, Timestamp},
    },
    policy::{
        Finding, Policy,
        testing::{NOW, directory, facts, faults, lines, message, policy, sources, with},
    },
};

const HOURS: &str = r#"calendar("office", #{ timezone: "Europe/Berlin", hours: #{ mon_fri: ["09:00-17:00"] } });
"#;

/// Makes facts of a ticket that somebody changed.
fn of_ticket(change: impl FnOnce(&mut Ticket)) -> Facts {
    let now = Timestamp::parse(NOW).expect("RFC 3339");
    let mut ticket = Ticket {
        ticket_id: "tkt_1".to_owned(),
        number: 1,
        conversation_id: "c1".to_owned(),
        subject: "Help".to_owned(),
        description: None,
        status: TicketStatus::Open,
        priority: Priority::Medium,
        category: Some("billing".to_owned()),
        team: Some("billing".to_owned()),
        assignee: None,
        tags: BTreeSet::new(),
        link: String::new(),
        created_at: now,
        updated_at: now,
        created_by: "customer".to_owned(),
        resolved_at: None,
        reopened: 0,
        closed_as: None,
        merged_into: None,
        context: None,
    };
    change(&mut ticket);
    let mut facts = facts("ticket.updated", json!({"ticket_id": "tkt_1"}));
    facts.state.ticket = Some(Arc::new(ticket));
    facts
}

fn promised(policy: &Policy, facts: &Facts) -> String {
    let (terms, failures) = policy.sla(facts);
    assert_eq!(failures, []);
    terms.map_or_else(|| "nothing".to_owned(), |terms| terms.policy.name.clone())
}

#[test]
fn what_is_wrong_with_an_sla_is_told_at_load() {
    let text = r##"sla("a", #{ warn_at: [50] });
sla("b", #{ urgnt: #{ resolution: "1h" }, high: #{ first_respons: "1h", resolution: "2d", own: 5 }, low: #{}, medium: 7 });
sla("c", #{ high: #{ resolution: "8h" }, calendar: "ofice", warn_at: [0, 100, 50.5, "1d", "30x", true], notify: ["#biling", "@team"] });
sla("e", #{ high: #{ resolution: "8h" }, levels: [], warn_at: [], when: |t| t.tickt.number > 1 });
sla("f", #{ high: #{ resolution: "8h" }, levels: #{ after: "1h" }, warn_at: #{}, calendar: 7 });
"##;
    insta::assert_snapshot!(faults(&[("a.rhai", text), ("b.rhai", HOURS)]), @r#"
    a.rhai:1:1: the policy promises nothing: give `urgent`, `high`, `medium` or `low` a target [PV-RULE-005]
    a.rhai:2:13: there is no key `urgnt` here [PV-RULE-003]; did you mean `urgent`?
    a.rhai:2:52: `high`: there is no key `first_respons` here [PV-RULE-003]; did you mean `first_response`?
    a.rhai:2:85: `high`: `resolution`: `2d` is in days, which a calendar does not count; write its opening hours, such as `8h` for a day's [PV-RULE-004]
    a.rhai:2:96: `high`: `own`: wants a length of open time such as `"30m"`, in s, m or h, not `5` [PV-RULE-004]
    a.rhai:2:106: `low`: the map is empty; it wants a map such as `#{ first_response: "15m", resolution: "4h" }` [PV-RULE-004]
    a.rhai:2:119: `medium`: wants a map such as `#{ first_response: "15m", resolution: "4h" }`, not `7` [PV-RULE-004]
    a.rhai:3:71: `warn_at`: wants percents of the target from 1 to 99, open time before it is due such as `"30m"`, or an array of them, not `0` [PV-RULE-004]
    a.rhai:3:74: `warn_at`: wants percents of the target from 1 to 99, open time before it is due such as `"30m"`, or an array of them, not `100` [PV-RULE-004]
    a.rhai:3:79: `warn_at`: wants percents of the target from 1 to 99, open time before it is due such as `"30m"`, or an array of them, not `50.5` [PV-RULE-004]
    a.rhai:3:85: `warn_at`: `1d` is in days, which a calendar does not count; write its opening hours, such as `8h` for a day's [PV-RULE-004]
    a.rhai:3:91: `warn_at`: `30x` is not a target; write a number above 0 and a unit: s, m or h [PV-RULE-004]
    a.rhai:3:98: `warn_at`: wants percents of the target from 1 to 99, open time before it is due such as `"30m"`, or an array of them, not `true` [PV-RULE-004]
    a.rhai:3:114: `notify`: there is no channel `biling` in the configuration [PV-RULE-006]; did you mean `#billing`?
    a.rhai:4:50: `levels`: wants 1 to 16 levels, not 0 [PV-RULE-004]
    a.rhai:4:63: `warn_at`: the array is empty [PV-RULE-004]
    a.rhai:4:79: the event has no field `tickt` [PV-RULE-008]; did you mean `ticket`?
    a.rhai:5:50: `levels`: wants an array of maps such as `#{ after: "30m", notify: ["@team"] }`, not a value of type `map` [PV-RULE-004]
    a.rhai:5:77: `warn_at`: wants percents of the target from 1 to 99, open time before it is due such as `"30m"`, or an array of them, not a value of type `map` [PV-RULE-004]
    a.rhai:5:92: `calendar`: wants a text, not `7` [PV-RULE-004]
    "#);
}

#[test]
fn what_is_wrong_with_its_options_and_levels_is_told_too() {
    let text = r#"sla("d", #{
    high: #{ approval: "1h", unknown: "0h" }, reopen: "resum", deliver: "opning", bot_counts: "no", pauses: ["resolution", "frist_response"],
    reopen_days: -1, teams: ["biling", 7], categories: "billing", keywords: ["x"],
    levels: [
        #{ after: "30m" },
        #{ after: "2d", notify: ["@tem"] },
        #{ notify: "@team", time: "real", repeat: 200 },
        #{ after: "2d", time: "wall", escalate: false },
        #{ after: "1h", asignee: "dana", assignee: "dena", priority: "urgnt", team: "empty" },
        "1h",
    ],
});
"#;
    insta::assert_snapshot!(faults(&[("a.rhai", text)]), @r#"
    a.rhai:2:14: `high`: there is no key `approval` here [PV-RULE-003]
    a.rhai:2:39: `high`: `unknown`: `0h` is not a target; write a number above 0 and a unit: s, m or h [PV-RULE-004]
    a.rhai:2:55: `reopen`: `resum` is not what becomes of a resolved ticket [PV-RULE-004]; did you mean `resume`?
    a.rhai:2:73: `deliver`: `opning` is not a time of delivery [PV-RULE-004]; did you mean `opening`?
    a.rhai:2:95: `bot_counts`: wants `true` or `false`, not the text `no` [PV-RULE-004]
    a.rhai:2:124: `pauses`: `frist_response` is not a metric that can pause [PV-RULE-004]; did you mean `first_response`?
    a.rhai:3:18: `reopen_days`: wants a whole number from 0 on, not `-1` [PV-RULE-004]
    a.rhai:3:30: `teams`: there is no team `biling` in the configuration [PV-RULE-006]; did you mean `billing`?
    a.rhai:3:40: `teams`: wants a team, or an array of them, not `7` [PV-RULE-004]
    a.rhai:3:56: `categories`: wants an array of texts, not the text `billing` [PV-RULE-004]
    a.rhai:3:67: there is no key `keywords` here [PV-RULE-003]
    a.rhai:5:9: `levels`: the level does nothing: give `notify`, `assignee`, `team`, `priority` or `escalate: true` [PV-RULE-004]
    a.rhai:6:19: `levels`: `after`: `2d` is in days, which a calendar does not count; write its opening hours, such as `8h` for a day's [PV-RULE-004]
    a.rhai:6:34: `levels`: `notify`: there is no person or team `tem` in the configuration [PV-RULE-006]; did you mean `@team`?
    a.rhai:7:9: `levels`: the key `after` is missing: a duration such as `"30m"` [PV-RULE-005]
    a.rhai:7:35: `levels`: `time`: `real` is not a kind of time [PV-RULE-004]; use business, wall
    a.rhai:7:51: `levels`: `repeat`: wants a whole number from 0 to 100, not `200` [PV-RULE-004]
    a.rhai:8:9: `levels`: the level does nothing: give `notify`, `assignee`, `team`, `priority` or `escalate: true` [PV-RULE-004]
    a.rhai:9:25: `levels`: there is no key `asignee` here [PV-RULE-003]; did you mean `assignee`?
    a.rhai:9:52: `levels`: `assignee`: there is no person `dena` in the configuration [PV-RULE-006]; did you mean `dana`?
    a.rhai:9:70: `levels`: `priority`: `urgnt` is not a priority [PV-RULE-004]; did you mean `urgent`?
    a.rhai:9:85: `levels`: `team`: the team `empty` has neither members nor a channel [PV-RULE-006]
    a.rhai:10:9: `levels`: wants an array of maps such as `#{ after: "30m", notify: ["@team"] }`, not the text `1h` [PV-RULE-004]
    "#);
}

#[test]
fn a_fault_of_a_calendar_does_not_make_it_unknown() {
    let wrong = r#"calendar("office", #{ timezone: "UTC", hours: #{ mon_fri: ["9-17"] } });"#;
    let sla = r#"sla("a", #{ high: #{ resolution: "8h" }, calendar: "office" });"#;
    insta::assert_snapshot!(faults(&[("a.rhai", sla), ("b.rhai", wrong)]), @"b.rhai:1:60: `hours`: `mon_fri`: `9-17` is no opening time; write it like `09:00-17:30` [PV-RULE-004]");
    let cannot_be_read = r#"calendar("office", #{ timezone: "UTC" "#;
    insta::assert_snapshot!(faults(&[("a.rhai", sla), ("b.rhai", cannot_be_read)]), @"b.rhai:1:39: Expecting '}' to end this object map literal [PV-RULE-001]");
    let raises = r#"let n = 1 / 0; calendar("office", #{ timezone: "UTC", hours: #{ daily: ["00:00-24:00"] } });"#;
    insta::assert_snapshot!(faults(&[("a.rhai", sla), ("b.rhai", raises)]), @"b.rhai:1:11: Division by zero: 1 / 0 [PV-RULE-002]");
}

#[test]
fn a_person_with_a_calendar_that_is_not_there_is_an_error() {
    let mut known: Directory = directory();
    let dana = known.people.get_mut("dana").expect("there");
    dana.calendar = Some("ofice".to_owned());
    let loaded = Policy::load(&sources(&[("a.rhai", HOURS)]), &known);
    insta::assert_snapshot!(lines(&loaded.expect_err("an unknown calendar")), @"provost.toml:0:0: `people.dana.calendar` names the calendar `ofice`, which the policy does not have [PV-RULE-019]; did you mean `office`?");
}

#[test]
fn what_is_worth_mending_in_an_sla_is_a_warning() {
    let policy = policy(
        r#"sla("VIP", #{ segments: ["vip", "gold"], high: #{ resolution: "8h", first_response: "1h" }, warn_at: ["2h", 50, "10h"] });
sla("Gold", #{ segments: ["gold"], channels: ["web"], when: |e| e.ticket.number > 2, high: #{ resolution: "8h" } });
sla("Some", #{ when: |e| true, teams: ["support", "billing"], high: #{ own: "30m" }, levels: [#{ after: "1h", team: "support" }] });
sla("Same", #{ when: |e| true, teams: ["support"], high: #{ own: "30m" }, notify: "@team" });
sla("All", #{ low: #{ resolution: "8h" } });
sla("Never", #{ categories: ["x"], low: #{ resolution: "8h" } });
route("Rest", #{ team: "support" });
"#,
    );
    insta::assert_snapshot!(lines(policy.warnings()), @r##"
    a.rhai:1:103: `warn_at`: `2h` is never reached for `high` `first_response` (1h) [PV-RULE-016]
    a.rhai:1:113: `warn_at`: `10h` is never reached for `high` `first_response` (1h), `high` `resolution` (8h) [PV-RULE-016]
    a.rhai:2:1: the sla `Gold` never counts: `VIP` before it takes every ticket that it would [PV-RULE-016]
    a.rhai:3:40: the team `support` has no channel: only its members are told [PV-RULE-018]; add channel = "#…" below [teams.support]
    a.rhai:3:117: the team `support` has no channel: only its members are told [PV-RULE-018]; add channel = "#…" below [teams.support]
    a.rhai:4:40: the team `support` has no channel: only its members are told [PV-RULE-018]; add channel = "#…" below [teams.support]
    a.rhai:6:1: the sla `Never` never counts: `All` before it takes every ticket that it would [PV-RULE-016]
    a.rhai:7:24: the team `support` has no channel: only its members are told [PV-RULE-018]; add channel = "#…" below [teams.support]
    "##);
}

#[test]
fn nothing_is_said_of_the_team_that_stands_in_while_none_is_configured() {
    let text = r#"route("Rest", #{ team: "support" }); sla("a", #{ teams: ["support"], low: #{ resolution: "8h" } });"#;
    let policy = Policy::load(&sources(&[("a.rhai", text)]), &Directory::default());
    let policy = policy.unwrap_or_else(|faults| panic!("{}", lines(&faults)));
    assert_eq!(lines(policy.warnings()), "");
}

#[test]
fn a_rule_says_all_that_is_written_in_it() {
    let policy = policy(&format!(
        "{HOURS}{}",
        r##"sla("Gold", #{ segments: ["gold"], calendar: "office", warn_at: [50, 80, "30m"], notify: ["#billing", "@team"],
            urgent: #{ first_response: "15m", next_response: "30m", resolution: "4h", unknown: "1h" },
            high: #{ own: "90s" },
            reopen: "new_cycle", reopen_days: 7, bot_counts: true, deliver: "opening", pauses: ["first_response", "own", "resolution"],
            levels: [
                #{ after: "30m", notify: ["@team"] },
                #{ after: "2d", time: "wall", priority: "URGENT", assignee: "dana", team: "billing", escalate: true, repeat: 2 },
            ] });"##
    ));
    let [terms] = policy.terms() else {
        panic!("one promise");
    };
    assert_eq!(terms.calendar.name(), "office");
    let mut said = (*terms.policy).clone();
    assert_eq!(said.version.len(), 16);
    said.version.clear();
    insta::assert_snapshot!(serde_json::to_string(&said).expect("plain data"), @r##"{"name":"Gold","version":"","targets":{"high":{"own":"90s"},"urgent":{"first_response":"15m","next_response":"30m","resolution":"4h","unknown":"1h"}},"warn_at":["50%","80%","30m"],"notify":["#billing","@team"],"pausing":["first_response","own"],"reopen":"new_cycle","reopen_days":7,"bot_counts":true,"deliver":"opening","levels":[{"after":"30m","time":"business","repeat":0,"notify":["@team"],"assignee":null,"team":null,"priority":null,"escalate":false},{"after":"2d","time":"wall","repeat":2,"notify":[],"assignee":"dana","team":"billing","priority":"urgent","escalate":true}]}"##);
}

#[test]
fn the_first_that_matches_counts() {
    let policy = policy(
        r#"sla("WhatsApp", #{ channels: ["whatsapp"], low: #{ resolution: "8h" } });
sla("Gold billing", #{ segments: ["gold"], categories: ["billing"], teams: ["billing"], low: #{ resolution: "8h" } });
sla("Urgent", #{ when: |e| e.ticket.priority == "urgent", low: #{ resolution: "8h" } });
sla("Web", #{ channels: ["web"], low: #{ resolution: "8h" } });
"#,
    );
    let ours = of_ticket(|_| ());
    assert_eq!(promised(&policy, &ours), "Web");
    let urgent = of_ticket(|ticket| ticket.priority = Priority::Urgent);
    assert_eq!(promised(&policy, &urgent), "Urgent");
    let gold = with(ours.clone(), |known| {
        Arc::make_mut(&mut known.customer).insert("segment".to_owned(), json!("gold"));
    });
    assert_eq!(promised(&policy, &gold), "Gold billing");
    let mut elsewhere = gold.clone();
    let ticket = elsewhere.state.ticket.as_mut().expect("there");
    Arc::make_mut(ticket).team = None;
    assert_eq!(promised(&policy, &elsewhere), "Web");
    let no_category = with(of_ticket(|ticket| ticket.category = None), |known| {
        known.channel = "phone".to_owned();
    });
    assert_eq!(promised(&policy, &no_category), "nothing");

    // Where the conversation is not at hand, the ticket knows where it came from.
    let mut alone = of_ticket(|ticket| {
        let mut customer = serde_json::Map::new();
        customer.insert("segment".to_owned(), json!("gold"));
        ticket.context = Some(TicketContext {
            channel: "whatsapp".to_owned(),
            customer,
            ..TicketContext::default()
        });
    });
    // The channel is that of now; of the customer nothing else is known.
    assert_eq!(promised(&policy, &alone), "Gold billing");
    alone.state.conversation = None;
    assert_eq!(promised(&policy, &alone), "WhatsApp");
}

#[test]
fn a_condition_that_fails_is_told_and_the_next_rule_is_asked() {
    let policy = policy(
        r#"sla("Broken", #{ when: |e| throw "no", low: #{ resolution: "8h" } });
sla("Rest", #{ low: #{ resolution: "8h" } });"#,
    );
    let (terms, failures) = policy.sla(&of_ticket(|_| ()));
    assert_eq!(terms.expect("the rest").policy.name, "Rest");
    assert_eq!(failures.len(), 1);
    assert_eq!((&*failures[0].rule, failures[0].line), ("Broken", 1));
}

#[test]
fn the_version_follows_the_content_and_nothing_else() {
    let version = |text: &str| policy(text).terms()[0].policy.version.clone();
    let plain = version(r#"sla("a", #{ low: #{ resolution: "8h" } });"#);
    assert_eq!(
        plain,
        version("// moved\n\nsla(\"a\", #{ segments: [\"x\"], low: #{ resolution: \"480m\" } });"),
        "whom it is for is no part of the promise"
    );
    for other in [
        r#"sla("b", #{ low: #{ resolution: "8h" } });"#,
        r#"sla("a", #{ low: #{ resolution: "9h" } });"#,
        r#"sla("a", #{ low: #{ resolution: "8h" }, bot_counts: true });"#,
    ] {
        assert_ne!(plain, version(other), "{other}");
    }
}

#[test]
fn terms_are_found_by_their_pins_as_long_as_nothing_changed() {
    let text = |target: &str, closes: &str| {
        format!(
            r#"calendar("office", #{{ timezone: "UTC", hours: #{{ mon_fri: ["09:00-{closes}"] }} }});
sla("a", #{{ low: #{{ resolution: "{target}" }}, calendar: "office" }});
sla("b", #{{ low: #{{ resolution: "8h" }} }});
approval("c", #{{ action: "refund", target: "1h", calendar: "office" }});"#
        )
    };
    let policy_of = |target: &str, closes: &str| policy(&text(target, closes));
    let first = policy_of("8h", "17:00");
    let names = |terms: &[Terms]| -> Vec<String> {
        let each = terms.iter();
        each.map(|terms| format!("{} {}", terms.policy.name, terms.calendar.name()))
            .collect()
    };
    assert_eq!(names(first.terms()), ["a office", "b always", "c office"]);
    assert!(Arc::ptr_eq(
        &first.terms()[0].calendar,
        first.calendar("office").expect("there")
    ));
    let always = CalendarSpec::always_open("always", "UTC").version();
    assert_eq!(first.terms()[1].calendar.version(), always);
    for (later, found) in [
        (policy_of("8h", "17:00"), [true, true, true]),
        (policy_of("9h", "17:00"), [false, true, true]),
        (policy_of("8h", "18:00"), [false, true, false]),
    ] {
        for (terms, is_found) in first.terms().iter().zip(found) {
            assert_eq!(later.pinned(&terms.pin()).is_some(), is_found);
        }
    }
}

#[test]
fn the_target_of_an_approval_is_a_promise_of_its_own() {
    let policy = policy(&format!(
        "{HOURS}{}",
        r##"approval("Large", #{ action: "refund", target: "30m", calendar: "office", notify: ["#billing"] });
approval("Slow", #{ action: "refund", calendar: "office", expires_after: "4h" });
sla("Gold", #{ low: #{ resolution: "8h" } });"##
    ));
    let terms = policy.approval_terms("Large").expect("a target");
    assert_eq!(terms.calendar.name(), "office");
    assert_eq!(terms.policy.notify, ["#billing"]);
    for priority in Priority::ALL {
        let target = terms.policy.target(Metric::Approval, priority);
        assert_eq!(target, Some(Span::from_secs(1_800)), "{priority}");
    }
    assert!(policy.approval_terms("Slow").is_none());
    assert!(
        policy.approval_terms("Gold").is_none(),
        "it is about tickets"
    );
}

#[test]
fn explaining_tells_what_is_promised_and_what_comes_too_late() {
    let policy = policy(&format!(
        "{HOURS}{}",
        r#"sla("Gold", #{ segments: ["gold"], low: #{ resolution: "8h" } });
sla("Billing", #{ teams: ["billing"], calendar: "office", high: #{ resolution: "8h" }, urgent: #{ own: "5m", resolution: "1h" } });
sla("Broken", #{ when: |e| e.ticket.number + (), low: #{ resolution: "8h" } });
sla("Rest", #{ low: #{ resolution: "8h" } });"#
    ));
    let said = |facts: &Facts| -> Vec<String> {
        let explained = policy.explain(facts).rules.into_iter();
        explained
            .map(|rule| {
                let finding = match rule.finding {
                    Finding::Failed { .. } => "failed".to_owned(),
                    other => serde_json::to_string(&other).expect("plain data"),
                };
                format!("{}: {finding}", rule.rule)
            })
            .collect()
    };
    insta::assert_debug_snapshot!(said(&of_ticket(|_| ())), @r#"
    [
        "Gold: {\"outcome\":\"unmet\",\"condition\":\"segments\",\"wanted\":\"gold\",\"met\":\"()\"}",
        "Billing: {\"outcome\":\"promised\",\"calendar\":\"office\",\"targets\":{\"high\":{\"resolution\":\"8h\"},\"urgent\":{\"resolution\":\"1h\",\"own\":\"5m\"}}}",
        "Broken: failed",
        "Rest: {\"outcome\":\"overtaken\",\"by\":\"Billing\"}",
    ]
    "#);
    assert_eq!(said(&message("hi")), [""; 0], "no ticket, no promise");
}
