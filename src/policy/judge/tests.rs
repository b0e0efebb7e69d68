//! Cases and properties of judging: conditions, closures, routes, schedules, failures.
//!
//! The index is held against a plain look at every rule, at two optimisation levels.

use serde_json::json;

use super::*;
use crate::{
    domain::{
        effect::{Assign, Escalate, TicketChoice, TicketDraft},
        ticket::Priority,
        time::{Span, Timestamp},
    },
    policy::{
        Finding,
        testing::{NOW, facts, message, policy, policy_at, with},
    },
};

fn names(verdict: &Verdict) -> Vec<&str> {
    assert_eq!(verdict.failures, []);
    verdict.fired.iter().map(|fired| &*fired.rule).collect()
}

const REFUND: &str = r##"
    escalation("Refund requests", #{
        keywords: ["refund", "money back"], channels: ["whatsapp", "web"], sentiment_below: -0.4,
        segments: ["vip"], when: |e| e.conversation.messages > 2,
        priority: "high", team: "billing", assignee: "dana", category: "billing", ticket: true,
        notify: ["#billing", "@dana"], tags: ["refund"],
        message: "I am handing you to a colleague.", cooldown: "30m",
    });"##;

fn angry() -> Facts {
    let facts = facts(
        "conversation.message",
        json!({"message": {"id": "m", "text": "I want my MONEY  back!", "sentiment": -0.75,
            "author": {"kind": "customer", "id": "u"}}}),
    );
    with(facts, |conversation| {
        conversation.messages = 3;
        conversation.customer = Arc::new(
            json!({"id": "u", "segment": "vip"})
                .as_object()
                .cloned()
                .expect("object"),
        );
    })
}

#[test]
fn an_escalation_says_all_that_it_was_given() {
    let verdict = policy(REFUND).judge(&angry());
    assert_eq!(names(&verdict), ["Refund requests"]);
    assert!(verdict.fired[0].has_cooldown);
    assert_eq!(
        verdict.fired[0].effects,
        [Effect::Escalate(Escalate {
            reason: "Refund requests".to_owned(),
            priority: Priority::High,
            team: Some("billing".to_owned()),
            assignee: Some("dana".to_owned()),
            category: Some("billing".to_owned()),
            ticket: TicketChoice::Join,
            notify: vec!["#billing".to_owned(), "@dana".to_owned()],
            tags: ["refund".to_owned()].into(),
            message: Some("I am handing you to a colleague.".to_owned()),
        })]
    );
}

#[test]
fn each_condition_must_hold_and_the_first_that_does_not_is_told() {
    let policy = policy(REFUND);
    let last = Timestamp::parse(NOW)
        .expect("RFC 3339")
        .minus(Span::from_secs(1799));
    let calm = facts(
        "conversation.message",
        json!({"message": {"text": "money back", "sentiment": -0.4}}),
    );
    let vip = |facts| {
        with(facts, |c| {
            c.customer = Arc::clone(&angry().state.conversation.expect("one").customer);
        })
    };
    let cases = [
        (
            with(angry(), |c| c.channel = "email".into()),
            "channels",
            "email",
        ),
        (
            with(angry(), |c| c.customer = Arc::default()),
            "segments",
            "()",
        ),
        (vip(calm), "sentiment_below", "-0.4"),
        (vip(message("refund")), "sentiment_below", "()"),
        (with(angry(), |c| c.messages = 2), "when", "false"),
        (
            with(angry(), |c| {
                c.cooldowns.insert("Refund requests".into(), last);
            }),
            "cooldown",
            "fired at 2026-11-21T09:30:01Z",
        ),
        (facts("call.ringing", json!({})), "on", "call.ringing"),
    ];
    for (facts, wanted, value) in cases {
        assert_eq!(policy.judge(&facts).fired, [], "{wanted}");
        let explanation = policy.explain(&facts);
        let Finding::Unmet { condition, met, .. } = &explanation.rules[0].finding else {
            panic!("{wanted}: {explanation:?}");
        };
        assert_eq!((*condition, met.as_str()), (wanted, value));
    }
    let just = with(angry(), |c| {
        c.cooldowns
            .insert("Refund requests".into(), last.minus(Span::from_secs(1)));
    });
    assert_eq!(names(&policy.judge(&just)), ["Refund requests"]);
}

#[test]
fn rules_fire_in_the_order_of_the_policy_whatever_found_them() {
    let policy = policy(
        r#"escalation("a", #{ keywords: ["two"] }); escalation("b", #{});
           escalation("c", #{ keywords: ["one", "two"] }); escalation("d", #{ channels: ["web"] });
           escalation("e", #{ keywords: ["three"] });"#,
    );
    assert_eq!(
        names(&policy.judge(&message("one two"))),
        ["a", "b", "c", "d"]
    );
}

#[test]
fn a_closure_answers_one_effect_several_or_none() {
    let policy = policy(
        r##"
        on("conversation.message", "one", #{ then: |e| tag(e.message.text) });
        on("conversation.message", "several", #{ then: |e| [
            escalate(#{ priority: "urgent", ticket: "new" }), create_ticket(#{ subject: "s" }),
            update_ticket(#{ status: "waiting", tags_added: ["x"] }), notify("@billing", "n"),
            notify(["#billing"], "n"), send_message("m"), resolve(), if false { tag("t") },
        ] });
        on("conversation.message", "none", #{ then: |e| () });
        on("conversation.message", "empty", #{ then: |e| [] });
        "##,
    );
    let verdict = policy.judge(&message("hello"));
    assert_eq!(names(&verdict), ["one", "several"]);
    assert_eq!(
        verdict.fired[0].effects,
        [Effect::Tag {
            tag: "hello".into()
        }]
    );
    let asked: Vec<&str> = verdict.fired[1].effects.iter().map(Effect::name).collect();
    assert_eq!(
        asked,
        [
            "escalate",
            "create_ticket",
            "update_ticket",
            "notify",
            "notify",
            "send_message",
            "resolve"
        ]
    );
    let Effect::Escalate(escalate) = &verdict.fired[1].effects[0] else {
        panic!()
    };
    assert_eq!(
        (escalate.reason.as_str(), escalate.ticket),
        ("several", TicketChoice::New)
    );
}

#[test]
fn a_rule_that_fails_has_a_place_and_its_neighbours_decide() {
    let policy = policy(
        "on(\"conversation.message\", \"first\", #{ then: |e| tag(\"a\") });\n\
         on(\"conversation.message\", \"throws\", #{\n  then: |e| throw \"no luck\"\n});\n\
         on(\"conversation.message\", \"unknown team\", #{\n  then: |e| escalate(#{ team: e.message.text })\n});\n\
         on(\"conversation.message\", \"no effect\", #{ then: |e| 7 });\n\
         on(\"conversation.message\", \"no flag\", #{ when: |e| 7, then: |e| tag(\"b\") });\n\
         on(\"conversation.message\", \"too much\", #{ then: |e| { let a = []; for i in 0..33 { a.push(tag(\"x\")); } a } });\n\
         on(\"conversation.message\", \"last\", #{ then: |e| tag(\"z\") });",
    );
    let verdict = policy.judge(&message("biling"));
    let fired: Vec<&str> = verdict.fired.iter().map(|fired| &*fired.rule).collect();
    assert_eq!(fired, ["first", "last"]);
    let told: Vec<String> = verdict
        .failures
        .iter()
        .map(|f| format!("{} {}:{}:{} {}", f.rule, f.file, f.line, f.column, f.error))
        .collect();
    assert_eq!(
        told,
        [
            "throws a.rhai:3:13 no luck",
            "unknown team a.rhai:6:13 `team`: there is no team `biling` in the configuration; did you mean `billing`?",
            "no effect a.rhai:8:1 `then` answered a value of type `i64`, not effects such as `tag(…)`",
            "no flag a.rhai:9:1 `when` answered a value of type `i64`, neither true nor false",
            "too much a.rhai:10:1 `then` asks for 33 effects, more than 32",
        ]
    );
}

const ROUTES: &str = r#"
    route("By category", #{ categories: ["billing"], team: "billing", assign: "least_open" });
    route("By word", #{ keywords: ["invoice"], team: "billing", assign: "lee" });
    route("VIP", #{ when: |e| e.draft.priority == "urgent", team: "billing" });
    route("Rest", #{ team: "support", assign: "round_robin" });
"#;

#[test]
fn the_first_route_that_matches_counts() {
    let policy = policy(ROUTES);
    let route = |text: &str, change: fn(&mut TicketDraft)| {
        let mut facts = message(text);
        let mut draft = TicketDraft::default();
        change(&mut draft);
        facts.state.draft = Some(Arc::new(draft));
        let (route, failures) = policy.route(&facts);
        assert_eq!(failures, []);
        let route = route.expect("the last takes everything");
        (route.rule.to_string(), route.assign)
    };
    assert_eq!(
        route("", |draft| draft.category = Some("billing".into())),
        ("By category".to_owned(), Some(Assign::LeastOpen))
    );
    let by_word = ("By word".to_owned(), Some(Assign::Person("lee".into())));
    assert_eq!(
        route("", |draft| draft.subject = "My Invoice".into()),
        by_word
    );
    assert_eq!(
        route("", |draft| draft.description = Some("an invoice".into())),
        by_word
    );
    assert_eq!(route("Invoice?", |_| {}), by_word);
    assert_eq!(
        route("hi", |draft| draft.priority = Priority::Urgent),
        ("VIP".to_owned(), None)
    );
    assert_eq!(route("hi", |_| {}).0, "Rest");
}

#[test]
fn the_routes_after_the_one_that_counts_are_told_as_overtaken() {
    let mut facts = message("invoice");
    facts.state.draft = Some(Arc::default());
    let findings: Vec<String> = policy(ROUTES)
        .explain(&facts)
        .rules
        .iter()
        .map(|considered| match &considered.finding {
            Finding::Unmet { condition, .. } => (*condition).to_owned(),
            Finding::Routed { route } => format!("to {}", route.team),
            Finding::Overtaken { by } => format!("after {by}"),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(
        findings,
        ["categories", "to billing", "when", "after By word"]
    );
}

#[test]
fn a_schedule_is_asked_by_name() {
    let policy = policy(
        r#"schedule("Nightly", #{ cron: "0 3 * * *", then: || notify("@dana", "night") });
           schedule("Weekly", #{ cron: "0 9 * * Mon", timezone: "Europe/Berlin", then: |e| tag(e.type) });"#,
    );
    let facts = facts("timer.due", json!({}));
    assert_eq!(
        names(&policy.judge_schedule("Nightly", &facts)),
        ["Nightly"]
    );
    assert_eq!(
        policy.judge_schedule("Weekly", &facts).fired[0].effects,
        [Effect::Tag {
            tag: "timer.due".into()
        }]
    );
    assert_eq!(policy.judge_schedule("Gone", &facts), Verdict::default());
    assert_eq!(policy.schedules().len(), 2);
    assert_eq!(policy.judge(&facts), Verdict::default());
}

#[test]
fn what_closures_capture_is_their_own_and_never_changes() {
    let policy = policy(
        r#"
        const BOUND = 2;
        let count = 0; let words = ["a"];
        fn over(n) { n > global::BOUND }
        on("conversation.message", "counts", #{ then: |e| { count += 1; words.push("b"); tag(`${count} ${words.len()}`) } });
        count = 10;
        on("conversation.message", "constant", #{ when: |e| over(e.conversation.messages + BOUND), then: |e| tag("c") });
        "#,
    );
    for _ in 0..3 {
        let verdict = policy.judge(&message("hi"));
        assert_eq!(names(&verdict), ["counts", "constant"]);
        assert_eq!(
            verdict.fired[0].effects,
            [Effect::Tag { tag: "1 2".into() }]
        );
    }
}

#[test]
fn a_loop_registers_rules_with_values_of_their_own() {
    let policy = policy(
        r#"for word in ["x", "y"] { on("conversation.message", word, #{ then: |e| tag(word) }); }"#,
    );
    let verdict = policy.judge(&message("hi"));
    let tags: Vec<&Effect> = verdict
        .fired
        .iter()
        .flat_map(|fired| &fired.effects)
        .collect();
    assert_eq!(
        tags,
        [
            &Effect::Tag { tag: "x".into() },
            &Effect::Tag { tag: "y".into() }
        ]
    );
}

#[test]
fn a_policy_can_be_asked_from_many_threads_at_once() {
    fn shareable<T: Send + Sync>(_: &T) {}
    let policy = policy(
        r#"let words = ["a", "b"];
           for i in 0..20 { on("conversation.message", `r${i}`, #{ when: |e| words.contains(e.message.text), then: |e| tag(words[0]) }); }"#,
    );
    shareable(&policy);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    assert_eq!(names(&policy.judge(&message("a"))).len(), 20);
                }
            });
        }
    });
}

/// Writes a rule from a few choices.
fn rule(index: usize, choices: (u8, u8, u8, u8, bool)) -> String {
    let (words, channel, segment, sentiment, has_when) = choices;
    let mut keys = Vec::new();
    if words > 0 {
        let list: Vec<String> = (0..words)
            .map(|n| format!("\"w{}\"", (index + usize::from(n)) % 5))
            .collect();
        keys.push(format!("keywords: [{}]", list.join(", ")));
    }
    if channel > 0 {
        keys.push(format!("channels: [\"c{channel}\"]"));
    }
    if segment > 0 {
        keys.push(format!("segments: [\"s{segment}\", \"s3\"]"));
    }
    if sentiment > 0 {
        keys.push(format!("sentiment_below: 0.{sentiment}"));
    }
    if has_when {
        keys.push(
            "when: |e| e.conversation.messages > 1 && e.customer.segment != \"s2\"".to_owned(),
        );
    }
    if index.is_multiple_of(2) {
        format!("escalation(\"r{index}\", #{{ {} }});\n", keys.join(", "))
    } else {
        keys.push("then: |e| tag(e.message.text)".to_owned());
        format!(
            "on(\"conversation.message\", \"r{index}\", #{{ {} }});\n",
            keys.join(", ")
        )
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]
    #[test]
    fn the_index_finds_what_a_look_at_every_rule_finds(
        rules in proptest::collection::vec((0_u8..3, 0_u8..3, 0_u8..3, 0_u8..9, proptest::bool::ANY), 0..24),
        words in proptest::collection::vec(0_u8..6, 0..4),
        channel in 0_u8..4, segment in 0_u8..4, sentiment in 0_u8..9, messages in 0_u64..4,
    ) {
        let text: String = rules.into_iter().enumerate().map(|(index, choices)| rule(index, choices)).collect();
        let plain = policy(&text);
        let said: Vec<String> = words.iter().map(|n| format!("W{n}")).collect();
        let facts = facts(
            "conversation.message",
            json!({"message": {"text": format!("so {}", said.join(" ")), "sentiment": f64::from(sentiment) / 10.0}}),
        );
        let facts = with(facts, |c| {
            c.channel = format!("c{channel}");
            c.messages = messages;
            c.customer = Arc::new(serde_json::Map::from_iter([("segment".to_owned(), json!(format!("s{segment}")))]));
        });
        let verdict = plain.judge(&facts);
        let explained: Vec<(Arc<str>, Vec<Effect>)> = plain
            .explain(&facts)
            .rules
            .into_iter()
            .filter_map(|considered| match considered.finding {
                Finding::Fired { effects } => Some((considered.rule, effects)),
                _ => None,
            })
            .collect();
        let fired: Vec<(Arc<str>, Vec<Effect>)> =
            verdict.fired.iter().map(|fired| (Arc::clone(&fired.rule), fired.effects.clone())).collect();
        proptest::prop_assert_eq!(fired, explained);
        let optimised = policy_at(&text, rhai::OptimizationLevel::Simple);
        proptest::prop_assert_eq!(optimised.judge(&facts), verdict);
    }
}
