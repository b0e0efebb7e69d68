//! Effects as closures ask for them, and what is refused at load and at run time.

use serde_json::json;

use super::*;
use crate::policy::testing::{faults, lines, message, policy};

fn asked(then: &str) -> Vec<Effect> {
    let text = format!("on(\"conversation.message\", \"r\", #{{ then: |e| {then} }});");
    let verdict = policy(&text).judge(&message("hi"));
    assert_eq!(verdict.failures, [], "{then}");
    verdict
        .fired
        .into_iter()
        .flat_map(|fired| fired.effects)
        .collect()
}

#[test]
fn what_is_asked_of_actions_says_all_that_it_was_given() {
    let params = json!({"phone": "+49", "amount": "80.10", "deep": [{"a": true}]});
    let Value::Object(mut params) = params else {
        panic!("an object")
    };
    params["amount"] = serde_json::from_str("80.10").expect("a number");
    assert_eq!(
        asked(
            "run_action(\"refund\", #{ phone: \"+49\", amount: 80.10, none: e.phone.from, deep: [#{ a: true }] })"
        ),
        [Effect::RunAction {
            name: "refund".to_owned(),
            params
        }]
    );
    assert_eq!(
        asked(
            "[deny(\"no\"), require_confirmation(\"Sure?\"), require_approval(#{ approvers: \"admin\", required: 2 }), require_approval(#{})]"
        ),
        [
            Effect::Deny {
                reason: "no".to_owned()
            },
            Effect::RequireConfirmation {
                prompt: "Sure?".to_owned()
            },
            Effect::RequireApproval {
                approvers: vec!["admin".to_owned()],
                required: 2
            },
            Effect::RequireApproval {
                approvers: vec!["manager".to_owned()],
                required: 1
            },
        ]
    );
}

#[test]
fn what_is_told_to_teammates_says_all_that_it_was_given() {
    assert_eq!(
        asked(
            "[digest(\"#billing\"), report(#{ name: \"sla\", to: \"@dana\" }), \
             report(#{ name: \"actions\", to: [\"#billing\"], period: \"24h\", format: \"csv\", team: \"billing\" })]"
        ),
        [
            Effect::Digest {
                to: "#billing".to_owned()
            },
            Effect::Report(ReportWish {
                name: ReportName::Sla,
                to: vec!["@dana".to_owned()],
                period: Span::from_secs(7 * 86_400),
                format: ReportFormat::Table,
                team: None,
            }),
            Effect::Report(ReportWish {
                name: ReportName::Actions,
                to: vec!["#billing".to_owned()],
                period: Span::from_secs(86_400),
                format: ReportFormat::Csv,
                team: Some("billing".to_owned()),
            }),
        ]
    );
}

#[test]
fn what_a_customer_is_told_of_a_resolved_ticket_may_be_nothing() {
    let message_of = |then: &str| match asked(then).remove(0) {
        Effect::UpdateTicket(patch) => patch.message,
        other => panic!("{}", other.name()),
    };
    assert_eq!(message_of("update_ticket(#{ status: \"resolved\" })"), None);
    for text in ["", "Done."] {
        let then = format!("update_ticket(#{{ status: \"resolved\", message: \"{text}\" }})");
        assert_eq!(message_of(&then).as_deref(), Some(text));
    }
}

#[test]
fn what_is_wrong_with_what_is_told_to_teammates_is_told_at_load() {
    let text = r##"schedule("a", #{ cron: "0 9 * * Mon", then: || [
    digest("billing"), digest("#biling"), digest(7), digest("@dana"), digest(["#billing"]),
    report(#{}), report(#{ name: "slo", to: "@dena", period: "0d", format: "pdf", team: "biling", form: "csv" }),
    update_ticket(#{ message: 7 }),
] });
"##;
    insta::assert_snapshot!(faults(&[("a.rhai", text)]), @r##"
    a.rhai:2:12: `to`: `billing` is not a `#channel` [PV-RULE-004]; did you mean `#billing`?
    a.rhai:2:31: `to`: there is no channel `biling` in the configuration [PV-RULE-006]; did you mean `#billing`?
    a.rhai:2:50: `to`: wants `"#channel"`, not `7` [PV-RULE-004]
    a.rhai:2:61: `to`: `@dana` is not a `#channel` [PV-RULE-004]
    a.rhai:2:78: `to`: wants `"#channel"`, not a value of type `array` [PV-RULE-004]
    a.rhai:3:5: the key `name` is missing: `"sla"` or `"actions"` [PV-RULE-005]
    a.rhai:3:5: the key `to` is missing: `"#channel"`, `"@person"` or `"@team"`, or an array of them [PV-RULE-005]
    a.rhai:3:34: `name`: `slo` is not a report [PV-RULE-004]; did you mean `sla`?
    a.rhai:3:45: `to`: there is no person or team `dena` in the configuration [PV-RULE-006]; did you mean `@dana`?
    a.rhai:3:62: `period`: `0d` is no time at all [PV-RULE-004]
    a.rhai:3:76: `format`: `pdf` is not the form of a report [PV-RULE-004]; use csv, html, table
    a.rhai:3:89: `team`: there is no team `biling` in the configuration [PV-RULE-006]; did you mean `billing`?
    a.rhai:3:99: there is no key `form` here [PV-RULE-003]; did you mean `format`?
    a.rhai:4:31: `message`: wants a text, which may be empty, not `7` [PV-RULE-004]
    "##);
}

#[test]
fn what_is_wrong_with_them_is_told_at_load() {
    let text = r#"on("action.requested", "a", #{ then: |e| [
deny(""), deny(), deny(7), require_confirmation(" "),
require_approval(#{ aprovers: ["manager"], required: 0 }), require_approval(#{ approvers: ["manger", 7] }),
require_approval(#{ approvers: "nobody", required: 1.5 }),
run_action("", #{}), run_action("refund*", #{}), run_action("refund", "x"), run_action("refund", #{ f: tag("x") }),
] });
"#;
    insta::assert_snapshot!(faults(&[("a.rhai", text)]), @r#"
    a.rhai:2:6: `reason`: the text is empty [PV-RULE-004]
    a.rhai:2:11: `deny` is written `deny(reason)` [PV-RULE-009]
    a.rhai:2:24: `reason`: wants a text, not `7` [PV-RULE-004]
    a.rhai:2:49: `prompt`: the text is empty [PV-RULE-004]
    a.rhai:3:21: there is no key `aprovers` here [PV-RULE-003]; did you mean `approvers`?
    a.rhai:3:54: `required`: wants a whole number from 1 to 100, not `0` [PV-RULE-004]
    a.rhai:3:92: `approvers`: there is no role `manger` in the configuration [PV-RULE-006]; did you mean `manager`?
    a.rhai:3:102: `approvers`: wants a role, or an array of them, not `7` [PV-RULE-004]
    a.rhai:4:32: `approvers`: there is no role `nobody` in the configuration [PV-RULE-006]
    a.rhai:4:52: `required`: wants a whole number from 1 to 100, not `1.5` [PV-RULE-004]
    a.rhai:5:12: `name`: the text is empty [PV-RULE-004]
    a.rhai:5:33: `name`: `refund*` is not the name of an action [PV-RULE-004]
    a.rhai:5:71: `params`: wants a map of texts, numbers, flags, lists and maps, not the text `x` [PV-RULE-004]
    "#);
}

#[test]
fn an_unknown_action_is_worth_a_warning_and_no_more() {
    let policy = policy(
        "on(\"conversation.message\", \"a\", #{ then: |e| run_action(\"refnd\", #{}) });\n\
         on(\"conversation.message\", \"b\", #{ then: |e| run_action(\"refund\", #{}) });",
    );
    insta::assert_snapshot!(lines(policy.warnings()), @r#"a.rhai:1:57: `name`: there is no action `refnd` in the configuration [PV-RULE-017]; did you mean `refund`?"#);
    assert_eq!(policy.judge(&message("hi")).fired.len(), 2);
}

#[test]
fn what_only_shows_when_it_is_asked_for_fails_the_rule() {
    for (then, expected) in [
        (
            "run_action(\"refund\", #{ f: tag(\"x\") })",
            "cannot be written as JSON",
        ),
        (
            "{ let a = \"\"; a.pad(100000, 'a'); run_action(\"refund\", #{ a: a }) }",
            "too large",
        ),
        (
            "require_approval(#{ approvers: [\"man\" + \"ger\"] })",
            "there is no role `manger`",
        ),
        ("deny(\"\" + \" \")", "the reason is empty"),
    ] {
        let text = format!("on(\"conversation.message\", \"r\", #{{ then: |e| {then} }});");
        let verdict = policy(&text).judge(&message("hi"));
        assert_eq!(verdict.fired, [], "{then}");
        let error = &verdict.failures[0].error;
        assert!(error.contains(expected), "{then}: {error}");
    }
}
