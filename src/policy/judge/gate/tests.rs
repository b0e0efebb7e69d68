//! Cases of gates: what each kind says, what fails, and that nothing is let through by mistake.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::*;
use crate::{
    domain::{budget::Cap, history::History, request::Request, time::Span},
    policy::{
        Finding,
        testing::{message, policy, policy_at, request, with},
    },
};

fn amount_of(amount: &str) -> Facts {
    let params = format!(r#"{{"amount": {amount}}}"#);
    request("refund", serde_json::from_str(&params).expect("valid"))
}

fn changed(mut facts: Facts, change: impl FnOnce(&mut Request)) -> Facts {
    let mut request = facts.state.request.as_deref().cloned().expect("a request");
    change(&mut request);
    facts.state.request = Some(Arc::new(request));
    facts
}

const LIMIT: &str = r#"limit("Refunds the assistant may give", #{
    action: "refund", roles: ["ai"], by: "customer", window: "30d",
    max_count: 3, max_sum: 200, field: "amount", max_each: 80.50,
    otherwise: "approval", approvers: ["manager", "admin"],
});"#;

const APPROVAL: &str = r##"approval("Large refunds", #{
    action: "refund", field: "amount", above: 100, segments: ["consumer"], channels: ["web"],
    when: |r| r.params.reason == () || r.params.reason != "damaged",
    approvers: ["manager"], required: 2, rejections: 2, expires_after: "4h", remind_after: "15m",
    on_expiry: "escalate", notify: ["#billing"],
});"##;

fn consumer(facts: Facts) -> Facts {
    with(facts, |conversation| {
        let customer = json!({"id": 7, "segment": "consumer"});
        conversation.customer = Arc::new(customer.as_object().cloned().expect("an object"));
    })
}

#[test]
fn a_limit_asks_for_its_place_in_the_window() {
    let gate = policy(LIMIT).gate(&amount_of("80.10"));
    let expected = LimitAsk {
        rule: "Refunds the assistant may give".into(),
        key: "customer:u1".to_owned(),
        cap: Cap {
            window: Some(Span::from_secs(30 * 86_400)),
            max_count: Some(3),
            max_sum: Some(Decimal::from(200)),
            max_each: Some(Decimal::new(8050, 2)),
        },
        amount: Amount::Of(Decimal::new(8010, 2)),
        otherwise: Otherwise::Approval,
        approvers: vec!["manager".to_owned(), "admin".to_owned()],
    };
    let only = Gate {
        limits: vec![expected],
        ..Gate::default()
    };
    assert_eq!(gate, only);
    let other = changed(amount_of("80"), |r| {
        r.actor.roles = vec!["agent".to_owned()];
    });
    assert_eq!(policy(LIMIT).gate(&other), Gate::default());
    assert_eq!(
        policy(LIMIT).gate(&request("discount", json!({}))),
        Gate::default()
    );
}

#[test]
fn an_approval_asks_those_it_names_and_only_above_its_threshold() {
    let policy = policy(APPROVAL);
    let gate = policy.gate(&consumer(amount_of("100.01")));
    let expected = ApprovalAsk {
        rule: "Large refunds".into(),
        stages: vec![Stage {
            approvers: vec!["manager".to_owned()],
            required: 2,
        }],
        rejections: 2,
        expires_after: Some(Span::from_secs(4 * 3600)),
        remind_after: Some(Span::from_secs(900)),
        calendar: None,
        on_expiry: OnExpiry::Escalate,
        notify: vec!["#billing".to_owned()],
    };
    assert_eq!(gate.approvals, [expected]);
    assert_eq!(policy.gate(&consumer(amount_of("100"))), Gate::default());
    assert_eq!(policy.gate(&consumer(amount_of("100.00"))), Gate::default());
    assert_eq!(
        policy.gate(&amount_of("500")),
        Gate::default(),
        "another segment"
    );
    let damaged = consumer(request(
        "refund",
        json!({"amount": 500, "reason": "damaged"}),
    ));
    assert_eq!(policy.gate(&damaged), Gate::default());
}

#[test]
fn stages_stand_in_their_order() {
    let text = r#"approval("x", #{ action: "*", stages: [#{ approvers: "agent" }, #{ approvers: ["manager", "admin"], required: 2 }] });"#;
    let gate = policy(text).gate(&request("anything", json!({})));
    let stages: Vec<(usize, u32)> = gate.approvals[0]
        .stages
        .iter()
        .map(|stage| (stage.approvers.len(), stage.required))
        .collect();
    assert_eq!(stages, [(1, 1), (2, 2)]);
}

#[test]
fn a_value_that_is_no_number_denies() {
    let policy = policy(&format!("{LIMIT}\n{APPROVAL}"));
    for value in ["\"500\"", "null", "true", "[500]", "1e400", "{}"] {
        let gate = policy.gate(&consumer(amount_of(value)));
        let denied: Vec<(&str, bool)> = gate
            .denials
            .iter()
            .map(|denial| (&*denial.rule, denial.is_unreadable))
            .collect();
        assert_eq!(
            denied,
            [
                ("Refunds the assistant may give", true),
                ("Large refunds", true)
            ],
            "{value}"
        );
        assert_eq!(
            (gate.limits, gate.approvals, gate.failures),
            (vec![], vec![], vec![])
        );
    }
    let gate = policy.gate(&consumer(request("refund", json!({}))));
    assert_eq!(gate.denials.len(), 2, "what is missing is no number either");
    assert_eq!(gate.denials[0].reason, "`amount` is not a number");
}

#[test]
fn nobody_known_is_a_failure_and_no_free_pass() {
    let policy = policy(LIMIT);
    let unknown = changed(amount_of("1"), |r| r.customer_id.clear());
    let gate = policy.gate(&unknown);
    assert_eq!(gate.limits, []);
    assert_eq!(gate.failures[0].error, "no customer is known");
    // What the conversation knows counts as well.
    let gate = policy.gate(&consumer(unknown));
    assert_eq!(gate.limits[0].key, "customer:7");
}

#[test]
fn a_window_goes_by_what_the_limit_says_and_keys_never_meet() {
    let key = |by: &str, facts: &Facts| {
        let text = format!("limit(\"x\", #{{ action: \"refund\", max_count: 1, by: {by} }});");
        let gate = policy(&text).gate(facts);
        match gate.failures.first() {
            Some(failure) => failure.error.clone(),
            None => gate.limits[0].key.clone(),
        }
    };
    let facts = request(
        "refund",
        json!({"order": "A-1", "n": 1.50, "customer": "customer:u1"}),
    );
    for (by, expected) in [
        ("\"customer\"", "customer:u1"),
        ("\"actor\"", "actor:ai:bot"),
        ("\"conversation\"", "conversation:c1"),
        ("\"everyone\"", "everyone"),
        ("|r| r.params.order", "key:A-1"),
        ("|r| r.params.n", "key:1.5"),
        ("|r| r.params.customer", "key:customer:u1"),
        ("|r| r.params.order + \"/\" + r.actor.id", "key:A-1/bot"),
    ] {
        assert_eq!(key(by, &facts), expected, "{by}");
    }
    for by in [
        "|r| r.params.missing",
        "|r| \"\"",
        "|r| [1]",
        "|r| { let a = \"\"; a.pad(300, 'a'); a }",
    ] {
        assert!(key(by, &facts).contains("`by` answered no key"), "{by}");
    }
    let alone = changed(facts, |r| r.subject = r.request_id.clone());
    assert_eq!(key("\"conversation\"", &alone), "no conversation is known");
}

#[test]
fn what_rules_ask_for_stands_in_the_way_and_the_rest_is_carried_out() {
    let text = r#"
        on("action.requested", "Strict", #{
            when: |e| e.params.amount > 50,
            then: |e| [deny("too much"), tag("refused"), require_confirmation("Sure?"), require_approval(#{ required: 2 })],
        });
        escalation("Watch", #{ on: "action.requested", when: |e| e.action == "refund", cooldown: "1h" });
        on(["conversation.message", "action.requested"], "Both", #{ then: |e| tag("both") });
        on("action.requested", "Silent", #{ then: |e| if e.params.amount > 5000 { deny("no") } });
    "#;
    let policy = policy(text);
    let gate = policy.gate(&amount_of("60"));
    assert_eq!(gate.failures, []);
    let denial = &gate.denials[0];
    assert_eq!(
        (&*denial.rule, &*denial.reason, denial.is_unreadable),
        ("Strict", "too much", false)
    );
    assert_eq!(gate.confirmations[0].text, "Sure?");
    assert_eq!(
        gate.approvals[0].stages,
        [Stage {
            approvers: vec!["manager".to_owned()],
            required: 2
        }]
    );
    let fired: Vec<(&str, usize, bool)> = gate
        .fired
        .iter()
        .map(|fired| (&*fired.rule, fired.effects.len(), fired.has_cooldown))
        .collect();
    assert_eq!(
        fired,
        [("Strict", 1, false), ("Watch", 1, true), ("Both", 1, false)]
    );
    assert_eq!(
        policy.judge(&amount_of("60")),
        crate::domain::verdict::Verdict::default()
    );
    assert_eq!(policy.judge(&message("hi")).fired.len(), 1);
    assert_eq!(policy.gate(&message("hi")), Gate::default());
}

#[test]
fn a_cooldown_switches_off_no_gate() {
    let text = r#"
        on("action.requested", "x", #{ cooldown: "1h", then: |e| [deny("no"), tag("a")] });
        escalation("y", #{ on: "action.requested", cooldown: "1h" });
    "#;
    let cooling = with(amount_of("1"), |conversation| {
        for rule in ["x", "y"] {
            conversation
                .cooldowns
                .insert(rule.to_owned(), conversation.started_at);
        }
    });
    let gate = policy(text).gate(&cooling);
    assert_eq!((gate.denials.len(), gate.fired), (1, vec![]));
    assert_eq!(policy(text).gate(&amount_of("1")).fired.len(), 2);
}

#[test]
fn a_gate_that_fails_is_told_and_its_neighbours_still_decide() {
    let text = r#"
        limit("bad limit", #{ action: "refund", max_count: 1, when: |r| r.params.text > 100 });
        approval("bad approval", #{ action: "refund", when: |r| throw "broken" });
        approval("no answer", #{ action: "refund", when: |r| r.params.flag });
        on("action.requested", "bad rule", #{ then: |e| loop { } });
        on("action.requested", "bad effect", #{ then: |e| "yes" });
        limit("good", #{ action: "refund", max_count: 1 });
    "#;
    for level in [
        rhai::OptimizationLevel::None,
        rhai::OptimizationLevel::Simple,
    ] {
        let gate = policy_at(text, level).gate(&request("refund", json!({"text": "500"})));
        let failed: Vec<String> = gate
            .failures
            .iter()
            .map(|failure| format!("{}:{} {}", failure.rule, failure.line, failure.error))
            .collect();
        insta::allow_duplicates! {
            insta::assert_snapshot!(failed.join("\n"), @r#"
            bad limit:2 `>` cannot compare a text with a number
            bad approval:3 broken
            no answer:4 `when` answered a value of type `()`, neither true nor false
            bad rule:5 too many operations
            bad effect:6 `then` answered a value of type `string`, not effects such as `tag(…)`
            "#);
        }
        assert_eq!(gate.limits.len(), 1);
        assert_eq!(&*gate.limits[0].rule, "good");
    }
}

#[test]
fn every_gate_of_an_action_is_asked_in_order_and_no_other() {
    let text = r#"
        limit("1", #{ action: ["refund", "refund"], max_count: 1 });
        limit("2", #{ action: "*", max_count: 1 });
        limit("3", #{ action: ["discount", "refund"], max_count: 1 });
        limit("4", #{ action: "ref*", max_count: 1 });
        limit("5", #{ action: "refunds", max_count: 1 });
        limit("6", #{ action: ["x", "*"], max_count: 1 });
    "#;
    let names = |action: &str| -> String {
        let gate = policy(text).gate(&request(action, json!({})));
        gate.limits.iter().map(|ask| &*ask.rule).collect()
    };
    assert_eq!(names("refund"), "12346");
    assert_eq!(names("discount"), "236");
    assert_eq!(names("refunds"), "2456");
    assert_eq!(names("other"), "26");
}

#[test]
fn the_gates_are_explained() {
    let text = format!(
        "{LIMIT}\n{APPROVAL}\n\
         approval(\"Staged\", #{{ action: \"refund\", stages: [#{{ approvers: \"agent\" }}, #{{ required: 2 }}] }});\n\
         limit(\"Other\", #{{ action: \"discount\", max_count: 1 }});\n\
         limit(\"Agents\", #{{ action: \"refund\", roles: [\"agent\"], max_count: 1 }});\n\
         on(\"action.requested\", \"No\", #{{ cooldown: \"1h\", then: |e| deny(\"no\") }});\n\
         on(\"conversation.message\", \"Else\", #{{ then: |e| tag(\"x\") }});"
    );
    let policy = policy(&text);
    let explained = |facts: &Facts| -> String {
        let considered = policy.explain(facts).rules.into_iter().map(|considered| {
            let finding = match considered.finding {
                Finding::Unmet {
                    condition,
                    wanted,
                    met,
                } => format!("{condition}: {wanted} / {met}"),
                Finding::Gated { says } => says,
                Finding::Fired { effects } => format!("{effects:?}"),
                other => format!("{other:?}"),
            };
            format!("{}: {finding}", considered.rule)
        });
        considered.collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(explained(&consumer(amount_of("80"))), @r#"
    Refunds the assistant may give: at most 3 of them, 200 together, 80.50 each in 30d for `customer:u1`, else asks manager or admin
    Large refunds: above: 100 / 80
    Staged: asks 1 of agent, then 2 of manager
    Other: action: discount / refund
    Agents: roles: agent / ai
    No: [Deny { reason: "no" }]
    Else: on: conversation.message / action.requested
    "#);
    insta::assert_snapshot!(explained(&consumer(amount_of("\"80\""))), @r#"
    Refunds the assistant may give: denies: `amount` is not a number
    Large refunds: denies: `amount` is not a number
    Staged: asks 1 of agent, then 2 of manager
    Other: action: discount / refund
    Agents: roles: agent / ai
    No: [Deny { reason: "no" }]
    Else: on: conversation.message / action.requested
    "#);
    insta::assert_snapshot!(explained(&message("hi")), @r#"
    No: on: action.requested / conversation.message
    Else: [Tag { tag: "x" }]
    "#);
}

/// The sample policy, where the actions are known that come along.
fn sample() -> crate::policy::Policy {
    let root = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let sources = crate::policy::Sources::read(&root.join("rules")).expect("readable");
    let mut directory = crate::domain::directory::Directory::default();
    for entry in std::fs::read_dir(root.join("config/actions")).expect("readable") {
        let path = entry.expect("readable").path();
        let name = path.file_stem().expect("a file").to_string_lossy();
        directory.actions.insert(name.into_owned());
    }
    let policy = crate::policy::Policy::load(&sources, &directory).expect("it loads");
    assert_eq!(policy.warnings(), []);
    policy
}

#[test]
fn the_sample_gates_discounts_and_contact_data() {
    let policy = sample();
    let percent = |percent: &str| {
        let params = format!(r#"{{"percent": {percent}}}"#);
        request(
            "apply_discount",
            serde_json::from_str(&params).expect("valid"),
        )
    };
    let gate = policy.gate(&percent("10"));
    assert_eq!((gate.limits.len(), gate.approvals.len()), (1, 0));
    let gate = policy.gate(&percent("20.5"));
    assert_eq!((gate.limits.len(), gate.approvals.len()), (1, 1));
    let by_agent = changed(percent("25"), |r| r.actor.roles = vec!["agent".to_owned()]);
    let gate = policy.gate(&by_agent);
    assert_eq!((gate.limits.len(), gate.approvals.len()), (0, 1));
    let gate = policy.gate(&percent("\"10\""));
    assert!(gate.denials.iter().all(|denial| denial.is_unreadable) && gate.denials.len() == 2);
    let contact = |params: Value| policy.gate(&request("update_contact_info", params));
    assert_eq!(contact(json!({"phone": "1"})), Gate::default());
    let gate = contact(json!({"phone": "1", "email": "a@b.example"}));
    assert_eq!(gate.approvals[0].stages[0].approvers, ["agent", "manager"]);
    assert_eq!(policy.watches()[0].measure.as_str(), "count");
    for action in ["schedule_callback", "check_order_status", "create_ticket"] {
        assert_eq!(policy.gate(&request(action, json!({}))), Gate::default());
    }
}

const HISTORY: &str = r#"
    limit("l", #{ action: "refund", max_count: 1, history: #{ mine: #{ action: "refund", by: "customer", window: "24h" } },
        when: |r| r.history.mine.count >= 2 && r.history.mine.sum("amount") > 100 });
    on("action.requested", "o", #{ history: #{ refunds: #{ action: "refund", by: "customer", window: "24h" }, all: #{ action: "refund", window: "1h" } },
        then: |e| if e.history.refunds.count + e.history.all.count > 5 { deny("again") } });
    limit("other", #{ action: "discount", max_count: 1, history: #{ x: #{ action: "discount", window: "1h" } } });
    on("conversation.message", "m", #{ history: #{ refunds: #{ action: "refund", by: "actor", window: "7d" } },
        then: |e| tag(`${e.history.refunds.count}`) });
"#;

#[test]
fn the_histories_of_the_rules_that_could_fire_are_asked_for_once() {
    let policy = policy(HISTORY);
    let asked = |facts: &Facts| -> Vec<String> {
        policy
            .histories(facts)
            .iter()
            .map(crate::domain::history::HistoryAsk::identity)
            .collect()
    };
    assert_eq!(
        asked(&amount_of("1")),
        [
            "refund 3600000000us everyone",
            "refund 86400000000us customer:u1"
        ]
    );
    assert_eq!(
        asked(&message("hi")),
        ["refund 604800000000us actor:customer:u1"]
    );
    let nobody = changed(amount_of("1"), |r| r.customer_id.clear());
    assert_eq!(asked(&nobody), ["refund 3600000000us everyone"]);
}

#[test]
fn a_history_reads_as_it_was_and_one_that_was_not_loaded_fails() {
    let policy = policy(HISTORY);
    let mut facts = amount_of("1");
    let gate = policy.gate(&facts);
    assert_eq!(gate.failures.len(), 2);
    assert_eq!(gate.failures[0].error, "the history `mine` was not loaded");
    let past: Vec<serde_json::Map<String, Value>> = ["60", "40.01"]
        .map(|amount| serde_json::from_str(&format!(r#"{{"amount": {amount}}}"#)).expect("valid"))
        .into();
    for ask in policy.histories(&facts) {
        facts
            .state
            .history
            .insert(ask.identity(), Arc::new(History::of(&past)));
    }
    let gate = policy.gate(&facts);
    assert_eq!(gate.failures, []);
    assert_eq!((gate.limits.len(), gate.denials.len()), (1, 0));
    let unreadable = Arc::new(History {
        unreadable: ["amount".to_owned()].into(),
        ..History::of(&past)
    });
    for history in facts.state.history.values_mut() {
        *history = Arc::clone(&unreadable);
    }
    let gate = policy.gate(&facts);
    assert_eq!(
        gate.failures[0].error,
        "`amount` was not always a number in the history `mine`"
    );
    let nobody = changed(facts, |r| r.customer_id.clear());
    let gate = policy.gate(&nobody);
    assert_eq!(
        gate.failures[0].error,
        "the history `mine`: no customer is known"
    );
    let failures = policy.judge(&message("hi")).failures;
    assert_eq!(failures[0].error, "the history `refunds` was not loaded");
}

#[test]
fn a_history_that_is_not_declared_is_found_at_load() {
    let text = r#"
fn often(e) { e.history.anything.count > 3 }
limit("l", #{ action: "refund", max_count: 1, history: #{ refunds: #{ action: "refund", window: "1h" } }, when: |r| r.history.refnds.count > 1 && often(r) });
approval("a", #{ action: "refund", when: |r| r.history["refunds"].count > 1 });
on("conversation.message", "m", #{ then: |e| tag(e.history.refunds.cuont) });
"#;
    insta::assert_snapshot!(crate::policy::testing::faults(&[("a.rhai", text)]), @r#"
    a.rhai:3:127: the rule declares no history `refnds` [PV-RULE-008]; did you mean `refunds`?
    a.rhai:4:56: the rule declares no history `refunds` [PV-RULE-008]
    a.rhai:5:60: the rule declares no history `refunds` [PV-RULE-008]
    "#);
}

#[test]
fn a_history_that_is_not_declared_names_the_nearest() {
    let text = r#"
        limit("l", #{ action: "refund", max_count: 1, history: #{ refunds: #{ action: "refund", window: "1h" } }, when: |r| r.history["ref" + "nds"].count > 1 });
        approval("a", #{ action: "refund", when: |r| r.history["ref" + "unds"].count > 1 });
    "#;
    let gate = policy(text).gate(&amount_of("1"));
    let told: Vec<&str> = gate
        .failures
        .iter()
        .map(|failure| &*failure.error)
        .collect();
    assert_eq!(
        told,
        [
            "the rule declares no history `refnds`; did you mean `refunds`?",
            "the rule declares no history `refunds`",
        ]
    );
}
