//! The rule kind `anomaly`: what is watched for being out of the usual. Data only.

use std::sync::Arc;

use rhai::Map;
use rust_decimal::prelude::ToPrimitive;

use super::{
    condition::Conditions,
    fault,
    kinds::Kind,
    rule::{Action, Checked, Made},
    spec::{
        Choice, Key, Takes, Wrong, by_at, decimal, optional, required, span_at, text_at, texts_at,
    },
};
use crate::domain::{
    anomaly::{LEAST_BASELINE, Measure, Threshold, Watch},
    directory::Directory,
};

/// What can be measured.
const MEASURE: Choice = Choice {
    what: "a measure",
    words: &["approval_rate", "count", "off_hours", "repeat", "sum"],
    shown: "`\"count\"`, `\"sum\"`, `\"repeat\"`, `\"approval_rate\"` or `\"off_hours\"`",
};

const KEYS: &[Key] = &[
    optional(
        "action",
        Takes::Actions,
        "the action or actions; every one when not said",
    ),
    optional(
        "baseline",
        Takes::Duration,
        "how far back the usual is looked for, two weeks at least; four when not said",
    ),
    optional("by", Takes::By, "whose; `everyone` when not said"),
    optional(
        "cap",
        Takes::Amount,
        "what is flagged above this while there is no history",
    ),
    optional("field", Takes::Text, "the parameter that `sum` sums"),
    required("measure", Takes::OneOf(MEASURE), "what is measured"),
    optional("notify", Takes::Recipients, "whom to tell"),
    optional(
        "require_approval",
        Takes::Flag,
        "whether people decide on what is flagged; `false` when not said",
    ),
    optional(
        "sensitivity",
        Takes::Positive,
        "from which score on; 4 when not said, more flags less",
    ),
    optional(
        "window",
        Takes::Duration,
        "over how long it is measured; an hour when not said",
    ),
];

pub(super) const KIND: Kind = Kind {
    name: "anomaly",
    doc: "Watches requests for what is out of the usual at that hour; it tells, and never denies.",
    signature: "anomaly(name, #{ … })",
    takes_event: false,
    keys: &[KEYS],
    review,
    make,
};

fn make(checked: &Checked) -> Option<Made> {
    let map = checked.map;
    let measure = Measure::parse(&text_at(map, "measure")?)?;
    let usual = Watch::usual(Arc::clone(checked.name), measure);
    let sensitivity = map.get("sensitivity").and_then(decimal);
    let mut actions = texts_at(map, "action");
    if actions.iter().any(|action| action == "*") {
        actions.clear();
    }
    let watch = Watch {
        actions,
        field: text_at(map, "field"),
        by: by_at(map, "by").unwrap_or_default(),
        is_split: false,
        window: span_at(map, "window").unwrap_or(usual.window),
        baseline: span_at(map, "baseline").unwrap_or(usual.baseline),
        threshold: Threshold {
            sensitivity: sensitivity
                .and_then(|score| score.to_f64())
                .unwrap_or(usual.threshold.sensitivity),
            cap: map.get("cap").and_then(decimal),
        },
        notify: texts_at(map, "notify"),
        requires_approval: map
            .get("require_approval")
            .is_some_and(|flag| flag.as_bool() == Ok(true)),
        ..usual
    };
    Some(Made {
        on: Vec::new(),
        conditions: Conditions::default(),
        action: Action::Watch(Box::new(watch)),
    })
}

fn review(map: &Map, _directory: &Directory) -> Vec<(&'static str, Wrong)> {
    let mut found = Vec::new();
    let sums = text_at(map, "measure").is_some_and(|measure| measure == "sum");
    if sums && !map.contains_key("field") {
        let message = "the measure `sum` needs `field`: the parameter that is summed";
        found.push(("measure", Wrong::new(fault::MISSING, message.to_owned())));
    }
    if !sums && map.contains_key("field") {
        let message = "`field` is looked at by the measure `sum` only";
        found.push(("field", Wrong::new(fault::USELESS, message.to_owned())));
    }
    if span_at(map, "baseline").is_some_and(|baseline| baseline < LEAST_BASELINE) {
        let message =
            format!("`baseline`: below {LEAST_BASELINE} there is never enough to tell the usual");
        found.push(("baseline", Wrong::new(fault::VALUE, message)));
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::{
        domain::{anomaly::Measure, history::By, time::Span},
        policy::testing::{directory, faults, lines, policy},
    };

    #[test]
    fn what_is_wrong_with_an_anomaly_is_told_at_load() {
        let text = r#"anomaly("a", #{ action: "refund" });
anomaly("b", #{ measure: "sum", action: "refund" });
anomaly("c", #{ measure: "cuont", by: |e| e.actor.id, window: "1", baseline: "7d", sensitivity: 0, cap: -1 });
anomaly("d", #{ measure: "count", notify: ["@dna"], require_approval: "yes", when: |e| true });
anomaly("e", #{ measure: "count", baseline: "13d" });
"#;
        insta::assert_snapshot!(faults(&[("a.rhai", text)]), @r#"
        a.rhai:1:1: the key `measure` is missing: `"count"`, `"sum"`, `"repeat"`, `"approval_rate"` or `"off_hours"` [PV-RULE-005]
        a.rhai:2:26: the measure `sum` needs `field`: the parameter that is summed [PV-RULE-005]
        a.rhai:3:26: `measure`: `cuont` is not a measure [PV-RULE-004]; did you mean `count`?
        a.rhai:3:39: `by`: wants `"customer"`, `"actor"`, `"conversation"` or `"everyone"`, not a value of type `closure` [PV-RULE-004]
        a.rhai:3:63: `window`: `1` is not a duration; write a number and a unit: ms, s, m, h or d [PV-RULE-004]
        a.rhai:3:97: `sensitivity`: wants a number above 0, not `0` [PV-RULE-004]
        a.rhai:3:105: `cap`: wants a number from 0 on, not `-1` [PV-RULE-004]
        a.rhai:4:44: `notify`: there is no person or team `dna` in the configuration [PV-RULE-006]; did you mean `@dana`?
        a.rhai:4:71: `require_approval`: wants `true` or `false`, not the text `yes` [PV-RULE-004]
        a.rhai:4:78: there is no key `when` here [PV-RULE-003]
        a.rhai:5:45: `baseline`: below 14d there is never enough to tell the usual [PV-RULE-004]
        "#);
        let policy =
            policy(r#"anomaly("f", #{ measure: "count", field: "amount", action: "refnd" });"#);
        insta::assert_snapshot!(lines(policy.warnings()), @r#"
        a.rhai:1:42: `field` is looked at by the measure `sum` only [PV-RULE-016]
        a.rhai:1:60: `action`: there is no action `refnd` in the configuration [PV-RULE-017]; did you mean `refund`?
        "#);
    }

    #[test]
    fn a_watch_says_all_that_it_was_given_and_the_defaults_fill_the_rest() {
        assert!(directory().actions.contains("refund"));
        let policy = policy(
            r#"anomaly("Refund spike", #{
                action: "refund", measure: "sum", field: "amount", by: "actor", window: "30m", baseline: "14d",
                sensitivity: 4.5, cap: 500, notify: ["@dana"], require_approval: true,
            });
            anomaly("Loops", #{ action: "*", measure: "repeat" });"#,
        );
        let [spike, loops, defaults @ ..] = policy.watches() else {
            panic!("{:?}", policy.watches())
        };
        assert_eq!(
            (&*spike.name, spike.measure, spike.by),
            ("Refund spike", Measure::Sum, By::Actor)
        );
        assert_eq!(
            (spike.actions.as_slice(), spike.field.as_deref()),
            (&["refund".to_owned()][..], Some("amount"))
        );
        assert_eq!(
            (spike.window, spike.baseline),
            (Span::from_secs(1800), Span::from_secs(14 * 86_400))
        );
        assert_eq!(
            (spike.threshold.sensitivity, spike.threshold.cap),
            (4.5, Some(500.into()))
        );
        assert!(spike.requires_approval && spike.notify == ["@dana"] && !spike.is_split);
        assert_eq!(
            (loops.by, loops.window, loops.actions.len()),
            (By::Everyone, Span::from_secs(3600), 0)
        );
        assert!(!loops.requires_approval && loops.threshold.cap.is_none());
        let rest: Vec<Measure> = defaults.iter().map(|watch| watch.measure).collect();
        assert_eq!(
            rest,
            [Measure::ApprovalRate, Measure::Count, Measure::OffHours]
        );
        assert_eq!(policy.rules()[0].kind, "anomaly");
    }
}
