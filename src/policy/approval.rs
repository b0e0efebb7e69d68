//! The rule kind `approval`: people decide on a request before it goes on.

use std::sync::Arc;

use rhai::Map;

use super::{
    condition::{Conditions, GATE_KEYS},
    effects::{self, APPROVAL_KEYS},
    fault,
    kinds::Kind,
    limit::default_approver,
    rule::{Action, Approval, Checked, Made},
    spec::{Choice, Key, Takes, Wrong, decimal, optional, span_at, text_at, texts_at, whole_at},
};
use crate::domain::{
    access::Roles,
    approval::Stage,
    directory::Directory,
    gate::{ApprovalAsk, OnExpiry},
    sla::{Metric, SlaPolicy, Targets, parse_target},
    ticket::Priority,
};

/// What becomes of what nobody decided.
const ON_EXPIRY: Choice = Choice {
    what: "what becomes of it then",
    words: &["reject", "escalate"],
    shown: "`\"reject\"` or `\"escalate\"`",
};

const KEYS: &[Key] = &[
    optional(
        "above",
        Takes::Amount,
        "only where `field` is more than this",
    ),
    optional(
        "calendar",
        Takes::Text,
        "the name of a `calendar`, in whose open time `target`, `remind_after` and `expires_after` count",
    ),
    optional(
        "expires_after",
        Takes::Duration,
        "how long it stands open; a day when not said",
    ),
    optional("field", Takes::Text, "the parameter that `above` looks at"),
    optional("notify", Takes::Recipients, "whom to tell"),
    optional(
        "on_expiry",
        Takes::OneOf(ON_EXPIRY),
        "what becomes of it then; `reject` when not said",
    ),
    optional(
        "rejections",
        Takes::Count,
        "how many of them end it; 1 when not said",
    ),
    optional(
        "remind_after",
        Takes::Duration,
        "when who is asked is reminded",
    ),
    optional(
        "stages",
        Takes::Stages,
        "several in order, in place of `approvers` and `required`",
    ),
    optional("target", Takes::Target, "how soon it should be decided"),
];

pub(super) const KIND: Kind = Kind {
    name: "approval",
    doc: "Has people decide before a request for an action goes on.",
    signature: "approval(name, #{ … })",
    takes_event: false,
    keys: &[GATE_KEYS, APPROVAL_KEYS, KEYS],
    review,
    make,
};

#[expect(clippy::unnecessary_wraps, reason = "the signature of every kind")]
fn make(checked: &Checked) -> Option<Made> {
    let map = checked.map;
    let above = map.get("above").and_then(decimal);
    let rejections = whole_at(map, "rejections");
    let notify = texts_at(map, "notify");
    let approval = Approval {
        threshold: text_at(map, "field").zip(above),
        ask: ApprovalAsk {
            rule: checked.name.clone(),
            stages: stages(map),
            rejections: rejections
                .and_then(|count| count.try_into().ok())
                .unwrap_or(1),
            expires_after: span_at(map, "expires_after"),
            remind_after: span_at(map, "remind_after"),
            on_expiry: match text_at(map, "on_expiry").as_deref() {
                Some("escalate") => OnExpiry::Escalate,
                _ => OnExpiry::Reject,
            },
            notify: notify.clone(),
            calendar: text_at(map, "calendar"),
        },
        promise: promise(checked.name, map, notify).map(Arc::new),
    };
    Some(Made {
        on: vec!["action.requested".to_owned()],
        conditions: Conditions::read(map),
        action: Action::Approval(Box::new(approval)),
    })
}

/// Makes a policy of the target: the same at each priority, for an approval has none.
fn promise(name: &str, map: &Map, notify: Vec<String>) -> Option<SlaPolicy> {
    let target = parse_target(&text_at(map, "target")?).ok()?;
    let targets = Targets::from([(Metric::Approval, target)]);
    let policy = SlaPolicy {
        name: name.to_owned(),
        targets: Priority::ALL
            .into_iter()
            .map(|priority| (priority, targets.clone()))
            .collect(),
        notify,
        ..SlaPolicy::default()
    };
    Some(policy.versioned())
}

fn stages(map: &Map) -> Vec<Stage> {
    let Some(stages) = map
        .get("stages")
        .and_then(|value| value.as_array_ref().ok())
    else {
        return vec![effects::stage(map)];
    };
    let maps = stages.iter().filter_map(|stage| stage.as_map_ref().ok());
    maps.map(|stage| effects::stage(&stage)).collect()
}

fn review(map: &Map, directory: &Directory) -> Vec<(&'static str, Wrong)> {
    let mut found = Vec::new();
    for (one, other) in [("above", "field"), ("field", "above")] {
        if map.contains_key(one) && !map.contains_key(other) {
            let message = format!("`{one}` means nothing without `{other}`");
            found.push((one, Wrong::new(fault::MISSING, message)));
        }
    }
    for key in ["approvers", "required"] {
        if map.contains_key("stages") && map.contains_key(key) {
            let message = format!("`{key}` belongs into each of the `stages`");
            found.push((key, Wrong::new(fault::VALUE, message)));
        }
    }
    if !map.contains_key("stages") {
        found.extend(default_approver(map, directory));
    }
    let counted = ["expires_after", "remind_after", "target"];
    if map.contains_key("calendar") && !counted.iter().any(|key| map.contains_key(*key)) {
        let message = "`calendar` counts nothing: give `target`, `remind_after` or `expires_after`";
        found.push(("calendar", Wrong::new(fault::USELESS, message.to_owned())));
    }
    if let Some(stage) = stages(map).iter().find(|stage| !is_held(stage, directory)) {
        let message = format!(
            "nobody in the configuration can approve this as `{}`",
            stage.approvers.join("` or `")
        );
        let key = if map.contains_key("stages") {
            "stages"
        } else {
            "approvers"
        };
        found.push((key, Wrong::new(fault::UNKNOWN, message)));
    }
    found
}

/// Tells whether somebody holds one of a stage's roles. Nobody yet is no error: tokens may.
fn is_held(stage: &Stage, directory: &Directory) -> bool {
    directory.people.values().any(|person| {
        let mut asked = stage.approvers.iter();
        asked.any(|role| Roles::count_as(&person.roles, role))
    })
}

#[cfg(test)]
mod tests {
    use crate::policy::testing::{faults, lines, policy};

    #[test]
    fn what_is_wrong_with_an_approval_is_told_at_load() {
        let text = r##"approval("a", #{ above: 100 });
approval("b", #{ action: "refund", above: 100 });
approval("c", #{ action: "refund", field: "amount" });
approval("d", #{ action: "refund", field: "amount", above: -1, required: 0, rejections: 0 });
approval("e", #{ action: "refund", approvers: "manger", notify: ["#biling"], on_expiry: "rejct" });
approval("f", #{ action: "refund", approvers: ["manager"], required: 2, stages: [#{ approvers: ["agent"] }] });
approval("g", #{ action: "refund", stages: [#{ approvers: ["agent"] }, #{ approvers: ["manger"] }] });
approval("h", #{ action: "refund", stages: [#{ aprovers: ["agent"] }], expires_after: "soon" });
approval("i", #{ action: "refund", stages: [], target: "1h", calendar: 7 });
approval("j", #{ action: "refund", target: "1d" });
approval("k", #{ action: "refund", target: "1h", calendar: "ofice" });
calendar("office", #{ timezone: "UTC", hours: #{ daily: ["09:00-17:00"] } });
"##;
        insta::assert_snapshot!(faults(&[("a.rhai", text)]), @r#"
        a.rhai:1:1: the key `action` is missing: an action, `"NAME*"` or `"*"`, or an array of them [PV-RULE-005]
        a.rhai:2:43: `above` means nothing without `field` [PV-RULE-005]
        a.rhai:3:43: `field` means nothing without `above` [PV-RULE-005]
        a.rhai:4:60: `above`: wants a number from 0 on, not `-1` [PV-RULE-004]
        a.rhai:4:74: `required`: wants a whole number from 1 to 100, not `0` [PV-RULE-004]
        a.rhai:4:89: `rejections`: wants a whole number from 1 to 100, not `0` [PV-RULE-004]
        a.rhai:5:47: `approvers`: there is no role `manger` in the configuration [PV-RULE-006]; did you mean `manager`?
        a.rhai:5:66: `notify`: there is no channel `biling` in the configuration [PV-RULE-006]; did you mean `#billing`?
        a.rhai:5:89: `on_expiry`: `rejct` is not what becomes of it then [PV-RULE-004]; did you mean `reject`?
        a.rhai:6:47: `approvers` belongs into each of the `stages` [PV-RULE-004]
        a.rhai:6:70: `required` belongs into each of the `stages` [PV-RULE-004]
        a.rhai:7:87: `stages`: `approvers`: there is no role `manger` in the configuration [PV-RULE-006]; did you mean `manager`?
        a.rhai:8:48: `stages`: there is no key `aprovers` here [PV-RULE-003]; did you mean `approvers`?
        a.rhai:8:87: `expires_after`: `soon` is not a duration; write a number and a unit: ms, s, m, h or d [PV-RULE-004]
        a.rhai:9:44: `stages`: wants 1 to 16 stages, not 0 [PV-RULE-004]
        a.rhai:9:72: `calendar`: wants a text, not `7` [PV-RULE-004]
        a.rhai:10:44: `target`: `1d` is in days, which a calendar does not count; write its opening hours, such as `8h` for a day's [PV-RULE-004]
        a.rhai:11:60: `calendar`: there is no calendar `ofice` in the policy [PV-RULE-019]; did you mean `office`?
        "#);
    }

    #[test]
    fn a_calendar_by_which_nothing_counts_is_a_warning() {
        let policy = policy(
            r#"calendar("office", #{ timezone: "UTC", hours: #{ daily: ["09:00-17:00"] } });
approval("a", #{ action: "refund", target: "1h", calendar: "office" });
approval("b", #{ action: "refund", remind_after: "1h", calendar: "office" });
approval("c", #{ action: "refund", calendar: "office" });"#,
        );
        insta::assert_snapshot!(lines(policy.warnings()), @"a.rhai:4:46: `calendar` counts nothing: give `target`, `remind_after` or `expires_after` [PV-RULE-016]");
    }
}
