//! The rule kind `limit`: how many, how much together, how much each.
//!
//! Only what the policy says is made here. `crate::decide` checks and reserves, in one step.

use rhai::Map;

use super::{
    condition::{Conditions, GATE_KEYS},
    effects::{self, DEFAULT_APPROVER},
    fault,
    kinds::Kind,
    rule::{Action, Checked, Limit, Made, WindowOf},
    spec::{
        Choice, Key, Takes, Wrong, by_at, closure_at, decimal, optional, span_at, text_at,
        texts_at, whole_at,
    },
};
use crate::domain::{budget::Cap, directory::Directory, gate::Otherwise};

/// What becomes of what does not fit.
const OTHERWISE: Choice = Choice {
    what: "what becomes of the rest",
    words: &["deny", "approval", "escalate"],
    shown: "`\"deny\"`, `\"approval\"` or `\"escalate\"`",
};

const KEYS: &[Key] = &[
    optional(
        "approvers",
        Takes::Roles,
        "the roles that may let the rest pass; `manager` when not said",
    ),
    optional("by", Takes::Key, "whose window; `everyone` when not said"),
    optional(
        "field",
        Takes::Text,
        "the parameter that is summed and capped",
    ),
    optional("max_count", Takes::Whole, "how many in the window"),
    optional("max_each", Takes::Amount, "how much each"),
    optional("max_sum", Takes::Amount, "how much together in the window"),
    optional(
        "otherwise",
        Takes::OneOf(OTHERWISE),
        "what becomes of what does not fit; `deny` when not said",
    ),
    optional(
        "window",
        Takes::Duration,
        "how long one counts; for good when not said",
    ),
];

pub(super) const KIND: Kind = Kind {
    name: "limit",
    doc: "Limits how many requests for an action pass, how much they are together, or how much each.",
    signature: "limit(name, #{ … })",
    takes_event: false,
    keys: &[GATE_KEYS, KEYS],
    review,
    make,
};

#[expect(clippy::unnecessary_wraps, reason = "the signature of every kind")]
fn make(checked: &Checked) -> Option<Made> {
    let map = checked.map;
    let by = match closure_at(map, "by") {
        Some(key) => WindowOf::Closure(key),
        None => WindowOf::By(by_at(map, "by").unwrap_or_default()),
    };
    let limit = Limit {
        field: text_at(map, "field"),
        by,
        cap: Cap {
            window: span_at(map, "window"),
            max_count: whole_at(map, "max_count"),
            max_sum: map.get("max_sum").and_then(decimal),
            max_each: map.get("max_each").and_then(decimal),
        },
        otherwise: otherwise(map),
        approvers: effects::stage(map).approvers,
    };
    Some(Made {
        on: vec!["action.requested".to_owned()],
        conditions: Conditions::read(map),
        action: Action::Limit(Box::new(limit)),
    })
}

fn otherwise(map: &Map) -> Otherwise {
    match text_at(map, "otherwise").as_deref() {
        Some("approval") => Otherwise::Approval,
        Some("escalate") => Otherwise::Escalate,
        _ => Otherwise::Deny,
    }
}

fn review(map: &Map, directory: &Directory) -> Vec<(&'static str, Wrong)> {
    let mut found = Vec::new();
    if !["max_count", "max_each", "max_sum"]
        .iter()
        .any(|cap| map.contains_key(*cap))
    {
        let message = "the limit has no cap: give `max_count`, `max_sum` or `max_each`";
        found.push(("", Wrong::new(fault::MISSING, message.to_owned())));
    }
    for cap in ["max_each", "max_sum"] {
        if map.contains_key(cap) && !map.contains_key("field") {
            let message = format!("`{cap}` needs `field`: the parameter that it looks at");
            found.push((cap, Wrong::new(fault::MISSING, message)));
        }
    }
    let names_approvers = !texts_at(map, "approvers").is_empty();
    match (otherwise(map), names_approvers) {
        (Otherwise::Approval, false) => found.extend(default_approver(map, directory)),
        (Otherwise::Deny | Otherwise::Escalate, true) => {
            let message = "`approvers` are asked where `otherwise` is `approval`, and not here";
            found.push(("approvers", Wrong::new(fault::USELESS, message.to_owned())));
        }
        _ => {}
    }
    found
}

/// Says that nobody is named who could decide, where there is not even the usual role.
pub(super) fn default_approver(map: &Map, directory: &Directory) -> Option<(&'static str, Wrong)> {
    if map.contains_key("approvers") || directory.roles.0.contains_key(DEFAULT_APPROVER) {
        return None;
    }
    let message = format!(
        "the key `approvers` is missing, and there is no role `{DEFAULT_APPROVER}` to stand in"
    );
    Some(("", Wrong::new(fault::MISSING, message)))
}

#[cfg(test)]
mod tests {
    use crate::policy::testing::{faults, lines, policy};

    #[test]
    fn what_is_wrong_with_a_limit_is_told_at_load() {
        let text = r#"limit("a", #{ action: "refund" });
limit("b", #{ max_count: 3 });
limit("c", #{ action: "refund", max_sum: 200, max_each: 80 });
limit("d", #{ action: "refund", max_count: -1, max_sum: -0.5, max_each: "80", field: "" });
limit("e", #{ action: "refund", max_count: 1.5, by: "custmer", window: "0s", otherwise: "aproval" });
limit("f", #{ action: ["refund", 7], max_count: 1, roles: ["bot", "customer"], approvers: ["manger"], otherwise: "approval" });
limit("g", #{ action: "re*fund", max_count: 1, maxcount: 3, by: |e, f| e.customer.id, when: |r| r.parms.amount > 1 });
limit("h", #{ action: "refund", max_count: 1, by: |e| e.requst.actor.id, history: #{ past: #{ action: "refund" } } });
limit("i", #{ action: "refund", max_count: 1, history: #{ past: #{ action: "refund", window: "1d", bye: "actor" }, no: 7 } });
limit("j", #{ action: [], max_count: 1, history: #{}, channels: "web", keywords: ["x"] });
"#;
        insta::assert_snapshot!(faults(&[("a.rhai", text)]), @r#"
        a.rhai:1:1: the limit has no cap: give `max_count`, `max_sum` or `max_each` [PV-RULE-005]
        a.rhai:2:1: the key `action` is missing: an action, `"NAME*"` or `"*"`, or an array of them [PV-RULE-005]
        a.rhai:3:42: `max_sum` needs `field`: the parameter that it looks at [PV-RULE-005]
        a.rhai:3:57: `max_each` needs `field`: the parameter that it looks at [PV-RULE-005]
        a.rhai:4:44: `max_count`: wants a whole number from 0 on, not `-1` [PV-RULE-004]
        a.rhai:4:57: `max_sum`: wants a number from 0 on, not `-0.5` [PV-RULE-004]
        a.rhai:4:73: `max_each`: wants a number from 0 on, not the text `80` [PV-RULE-004]
        a.rhai:4:86: `field`: the text is empty [PV-RULE-004]
        a.rhai:5:44: `max_count`: wants a whole number from 0 on, not `1.5` [PV-RULE-004]
        a.rhai:5:53: `by`: `custmer` is not what a window goes by [PV-RULE-004]; did you mean `customer`?
        a.rhai:5:72: `window`: `0s` is no time at all [PV-RULE-004]
        a.rhai:5:89: `otherwise`: `aproval` is not what becomes of the rest [PV-RULE-004]; did you mean `approval`?
        a.rhai:6:34: `action`: wants an action, `"NAME*"` or `"*"`, or an array of them, not `7` [PV-RULE-004]
        a.rhai:6:60: `roles`: there is no role `bot` in the configuration [PV-RULE-006]
        a.rhai:6:92: `approvers`: there is no role `manger` in the configuration [PV-RULE-006]; did you mean `manager`?
        a.rhai:7:23: `action`: `re*fund` is not the name of an action [PV-RULE-004]; a `*` stands at the end, for whatever follows
        a.rhai:7:48: there is no key `maxcount` here [PV-RULE-003]; did you mean `max_count`?
        a.rhai:7:65: the closure takes one argument: `|e| …` [PV-RULE-004]
        a.rhai:7:99: the event has no field `parms` [PV-RULE-008]; did you mean `params`?
        a.rhai:8:57: the event has no field `requst` [PV-RULE-008]; did you mean `request`?
        a.rhai:8:92: `history`: `past`: the key `window` is missing: a duration such as `"30m"` [PV-RULE-005]
        a.rhai:9:100: `history`: `past`: there is no key `bye` here [PV-RULE-003]; did you mean `by`?
        a.rhai:9:120: `history`: `no`: wants a map such as `#{ refunds: #{ action: "refund", by: "customer", window: "24h" } }`, not `7` [PV-RULE-004]
        a.rhai:10:23: `action`: the array is empty [PV-RULE-004]
        a.rhai:10:50: `history`: wants 1 to 16 histories, not 0 [PV-RULE-004]
        a.rhai:10:65: `channels`: wants an array of texts, not the text `web` [PV-RULE-004]
        a.rhai:10:72: there is no key `keywords` here [PV-RULE-003]
        "#);
    }

    #[test]
    fn what_is_worth_mending_in_a_limit_is_a_warning() {
        let policy = policy(
            r#"limit("a", #{ action: ["refnd", "find_*", "*"], max_count: 1, approvers: ["manager"] });
limit("b", #{ action: "none*", max_count: 1, history: #{ past: #{ action: "refnd", window: "1d" } } });
"#,
        );
        insta::assert_snapshot!(lines(policy.warnings()), @r#"
        a.rhai:1:24: `action`: there is no action `refnd` in the configuration [PV-RULE-017]; did you mean `refund`?
        a.rhai:1:74: `approvers` are asked where `otherwise` is `approval`, and not here [PV-RULE-016]
        a.rhai:2:23: `action`: there is no action `none*` in the configuration [PV-RULE-017]
        a.rhai:2:75: `history`: `past`: `action`: there is no action `refnd` in the configuration [PV-RULE-017]; did you mean `refund`?
        "#);
    }
}
