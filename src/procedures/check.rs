//! Checking a definition before it is published: whether its steps fit together, and whether what they
//! name exists.
//!
//! What has the right form (`crate::domain::procedure::read`) can still lead nowhere, go round for ever, or
//! use what no step has filled. Every finding has a code, its step, its place and a remedy.

use std::collections::BTreeSet;

use super::{
    flow::{Flow, GIVEN, looked_at, root},
    naming::{Names, naming},
};
use crate::domain::{
    action::Level,
    integration::HttpMethod,
    nearest::did_you_mean,
    procedure::{ApiCall, Definition, Fault, Goto, Step, StepKind, Target, Weight, remedy},
    run::StatedBy,
};

/// A variable that no step fills.
const NO_VARIABLE: &str = "PV-PROC-011";
/// A variable that is filled on some ways only.
const SOMETIMES_EMPTY: &str = "PV-PROC-012";
/// A step that no run comes to.
const UNREACHED: &str = "PV-PROC-013";
/// Steps that go round without ever waiting.
const ENDLESS: &str = "PV-PROC-014";
/// A branch that falls into the other one.
const FALLS_IN: &str = "PV-PROC-015";
/// An action that does not exist.
pub(super) const NO_ACTION: &str = "PV-PROC-016";
/// A parameter that is missing, or that nothing takes.
pub(super) const BAD_PARAM: &str = "PV-PROC-017";
/// A role that does not exist.
pub(super) const NO_ROLE: &str = "PV-PROC-018";
/// A gate that rests on what only the customer said.
const CUSTOMERS_WORD: &str = "PV-PROC-019";
/// A name that a step must not fill.
pub(super) const RESERVED: &str = "PV-PROC-020";
/// A mail without a server to send it by.
pub(super) const NO_MAIL: &str = "PV-PROC-021";
/// A value that an internal action does not take.
pub(super) const BAD_VALUE: &str = "PV-PROC-022";

/// Every code of this module with its remedy.
pub const CODES: &[(&str, &str)] = &[
    (
        NO_VARIABLE,
        "Use a variable that an earlier step fills, or give it when the procedure is started.",
    ),
    (
        SOMETIMES_EMPTY,
        "Give the variable a default with `set_variable` before the ways part.",
    ),
    (UNREACHED, "Have a step go there, or remove it."),
    (
        ENDLESS,
        "Have the steps wait for the customer somewhere, or let them end.",
    ),
    (
        FALLS_IN,
        "Give the last step of the branch `next: end`, or name the step that is meant.",
    ),
    (
        NO_ACTION,
        "Name an internal action, or an action of the catalogue.",
    ),
    (BAD_PARAM, "Give the parameters that the action takes."),
    (NO_ROLE, "Name a role of `provost.toml`."),
    (
        CUSTOMERS_WORD,
        "Look the value up in a system of your own, or have people approve the step.",
    ),
    (RESERVED, "Choose another name for the variable."),
    (
        NO_MAIL,
        "Name the mail server of the house in `[notices.mail]`; procedures send by it.",
    ),
    (BAD_VALUE, "Give the parameter a value that it takes."),
];

/// Checks a definition: everything that is wrong or doubtful, errors first.
pub fn check(definition: &Definition, names: &Names<'_>) -> Vec<Fault> {
    let flow = Flow::of(definition);
    let mut check = Check {
        flow: &flow,
        faults: Vec::new(),
    };
    for (place, step) in definition.steps.iter().enumerate() {
        check.faults.extend(naming(place, step, names));
        check.what_it_uses(place, step);
        check.how_it_goes_on(place, step);
    }
    check.loops();
    let mut faults = check.faults;
    faults.sort_by_key(|fault| fault.severity);
    faults
}

struct Check<'c> {
    flow: &'c Flow<'c>,
    faults: Vec<Fault>,
}

/// What is wrong: its code, its weight and the field it stands in.
pub(super) struct What(
    pub(super) &'static str,
    pub(super) Weight,
    pub(super) &'static str,
);

impl What {
    /// Makes the fault of a step, which has a place and an id.
    pub(super) fn fault(
        &self,
        (place, id): (usize, &str),
        message: String,
        hint: Option<String>,
    ) -> Fault {
        let Self(code, severity, field) = *self;
        let field = if field.is_empty() {
            String::new()
        } else {
            format!("/{field}")
        };
        Fault {
            code,
            severity,
            step: Some(id.to_owned()),
            pointer: format!("/steps/{place}{field}"),
            message,
            hint: hint.or_else(|| remedy(CODES, code)),
        }
    }
}

impl Check<'_> {
    fn note(
        &mut self,
        place: usize,
        what: &What,
        message: String,
        hint: impl Into<Option<String>>,
    ) {
        let at = (place, self.flow.definition.steps[place].id.as_str());
        self.faults.push(what.fault(at, message, hint.into()));
    }

    fn what_it_uses(&mut self, place: usize, step: &Step) {
        let Some(known) = self.flow.known(place) else {
            let what = What(UNREACHED, Weight::Warning, "");
            self.note(place, &what, format!("no run comes to `{}`", step.id), None);
            return;
        };
        let filled = self.flow.filled();
        for (field, path) in looked_at(step) {
            let name = root(&path);
            let (is_known, is_always) = known.has(name);
            if GIVEN.contains(&name) || is_always {
                continue;
            }
            if is_known {
                let message = format!("`{name}` has no value on some of the ways to `{}`", step.id);
                let what = What(SOMETIMES_EMPTY, Weight::Warning, field);
                self.note(place, &what, message, None);
                continue;
            }
            let hint = did_you_mean(
                name,
                filled
                    .iter()
                    .map(String::as_str)
                    .filter(|near| *near != name),
            );
            let weight = match &hint {
                Some(_) => Weight::Error,
                None => Weight::Warning,
            };
            let message = format!("no step before `{}` fills `{name}`", step.id);
            let hint =
                hint.unwrap_or_else(|| "it is empty unless it is given at the start".to_owned());
            self.note(place, &What(NO_VARIABLE, weight, field), message, hint);
        }
    }

    fn how_it_goes_on(&mut self, place: usize, step: &Step) {
        let StepKind::Condition(condition) = &step.kind else {
            return;
        };
        for (own, other) in [
            (condition.then, condition.otherwise),
            (condition.otherwise, condition.then),
        ] {
            self.falls_in(place, own, other);
        }
        let Some(known) = self.flow.known(place) else {
            return;
        };
        let origins = known.origins(root(&condition.variable));
        let (is_known, _) = known.has(root(&condition.variable));
        if !is_known || origins != BTreeSet::from([StatedBy::Customer]) {
            return;
        }
        let is_fork = |step: &Step| matches!(step.kind, StepKind::Condition(_));
        let then = self.flow.reached(condition.then, is_fork);
        let otherwise = self.flow.reached(condition.otherwise, is_fork);
        for reached in then.symmetric_difference(&otherwise) {
            let step = &self.flow.definition.steps[*reached];
            if acts_alone(step) {
                let message = format!(
                    "whether `{}` is done rests on `{}`, which is only what the customer said",
                    step.id, condition.variable
                );
                let what = What(CUSTOMERS_WORD, Weight::Warning, "variable");
                self.note(place, &what, message, None);
            }
        }
    }

    /// Notes a branch that comes to the head of the other one without having been told to.
    fn falls_in(&mut self, fork: usize, own: Goto, other: Goto) {
        let (Goto::Step(mut place), Goto::Step(head)) = (own, other) else {
            return;
        };
        let steps = &self.flow.definition.steps;
        while place < head {
            let step = &steps[place];
            if !step.kind.has_next() || step.is_next_stated {
                return;
            }
            if place + 1 == head {
                let message = format!(
                    "`{}` falls into `{}`, the other branch of `{}`",
                    step.id, steps[head].id, steps[fork].id
                );
                let hint = format!(
                    "write `next: end` in `{}`, or name the step that is meant",
                    step.id
                );
                self.note(
                    place,
                    &What(FALLS_IN, Weight::Warning, "next"),
                    message,
                    hint,
                );
            }
            place += 1;
        }
    }

    /// Notes steps that lead back to themselves without a wait on the way.
    fn loops(&mut self) {
        let waits = |step: &Step| matches!(step.kind, StepKind::CollectInput(_));
        let steps = &self.flow.definition.steps;
        let mut told: BTreeSet<usize> = BTreeSet::new();
        for (place, step) in steps.iter().enumerate() {
            if waits(step) || self.flow.known(place).is_none() || told.contains(&place) {
                continue;
            }
            let ways = self.flow.definition.ways(step);
            let after: BTreeSet<usize> = ways
                .into_iter()
                .flat_map(|way| self.flow.reached(way, waits))
                .filter(|place| !waits(&steps[*place]))
                .collect();
            if !after.contains(&place) {
                continue;
            }
            let round: BTreeSet<usize> = after
                .into_iter()
                .filter(|other| {
                    self.flow
                        .reached(Goto::Step(*other), waits)
                        .contains(&place)
                })
                .collect();
            let names: Vec<String> = round
                .iter()
                .map(|place| format!("`{}`", steps[*place].id))
                .collect();
            let message = format!("{} go round without ever waiting", names.join(", "));
            told.extend(round);
            self.note(place, &What(ENDLESS, Weight::Error, ""), message, None);
        }
    }
}

/// Tells whether a step does something outside without anybody looking first.
fn acts_alone(step: &Step) -> bool {
    let (gate, acts) = match &step.kind {
        StepKind::ApiCall(ApiCall { target, gate, .. }) => {
            let reads = matches!(
                target,
                Target::Url {
                    method: HttpMethod::Get,
                    ..
                }
            );
            (gate, !reads)
        }
        StepKind::InternalAction(action) => (&action.gate, action.action == "send_email"),
        StepKind::CollectInput(_)
        | StepKind::Condition(_)
        | StepKind::Escalate { .. }
        | StepKind::Message { .. }
        | StepKind::SetVariable { .. } => return false,
    };
    acts && gate.level != Level::Require
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{access::Roles, catalogue::Catalogue};

    fn found(text: &str) -> String {
        let definition = Definition::parse(text).expect("a definition of the right form");
        let names = Names {
            catalogue: &Catalogue::default(),
            roles: &Roles::default(),
            has_mail: false,
        };
        let faults = check(&definition, &names);
        let lines: Vec<String> = faults
            .iter()
            .map(|fault| format!("{:?} {fault}", fault.severity))
            .collect();
        lines.join("\n")
    }

    #[test]
    fn the_classic_mistake_is_named_with_both_steps_and_its_cure() {
        let text = |cure: &str| {
            format!(
                r#"
display_name: Refund
trigger_description: When a customer asks for a refund
steps:
  - {{ id: ask, type: collect_input, variable: order_id, prompt: "Which order?" }}
  - {{ id: look, type: api_call, url: "https://example.com/{{{{order_id}}}}", response_variable: order }}
  - {{ id: fork, type: condition, variable: order.refundable, operator: equals, value: true, then: open, else: sorry }}
  - {{ id: open, type: internal_action, action: create_ticket, params: {{ subject: "Refund {{{{order_id}}}}" }} }}
  - {{ id: told, type: message, content: "Ticket {{{{ticketId}}}}"{cure} }}
  - {{ id: sorry, type: escalate, reason: "Not eligible." }}
"#
            )
        };
        insta::assert_snapshot!(found(&text("")), @"Warning /steps/4/next: `told` falls into `sorry`, the other branch of `fork` [PV-PROC-015]; write `next: end` in `told`, or name the step that is meant");
        assert_eq!(found(&text(", next: end")), "");
    }

    #[test]
    fn what_leads_nowhere_goes_round_or_does_not_exist_is_found() {
        let text = r#"
display_name: Muddle
trigger_description: When nothing fits
steps:
  - { id: ask, type: collect_input, variable: email_address, prompt: "Hello {{name}}, your address?" }
  - { id: fork, type: condition, variable: email_adress, operator: exists, then: mail, else: spin }
  - { id: mail, type: internal_action, action: send_emial, params: {}, approvers: [manger] }
  - { id: ticket, type: internal_action, action: create_ticket, params: { subjekt: x }, next: end }
  - { id: lost, type: message, content: "nobody hears this" }
  - { id: spin, type: set_variable, name: customer, value: "{{email_address}}" }
  - { id: again, type: message, content: "round {{ticketId}}", next: spin }
"#;
        insta::assert_snapshot!(found(text), @r"
        Error /steps/1/variable: no step before `fork` fills `email_adress` [PV-PROC-011]; did you mean `email_address`?
        Error /steps/2/approvers: there is no role `manger` [PV-PROC-018]; did you mean `manager`?
        Error /steps/2/action: there is no internal action `send_emial` [PV-PROC-016]; did you mean `send_email`?
        Error /steps/3/params: the action takes no `subjekt` [PV-PROC-017]; did you mean `subject`?
        Error /steps/3/params: the action wants `subject` [PV-PROC-017]; give the parameters that the action takes
        Error /steps/5/name: `customer` is filled by Provost alone [PV-PROC-020]; choose another name for the variable
        Error /steps/5: `spin`, `again` go round without ever waiting [PV-PROC-014]; have the steps wait for the customer somewhere, or let them end
        Warning /steps/0/prompt: no step before `ask` fills `name` [PV-PROC-011]; it is empty unless it is given at the start
        Warning /steps/4: no run comes to `lost` [PV-PROC-013]; have a step go there, or remove it
        Warning /steps/6/content: no step before `again` fills `ticketId` [PV-PROC-011]; it is empty unless it is given at the start
        ");
    }

    #[test]
    fn a_gate_that_rests_on_the_customers_word_and_a_default_that_is_missing_are_doubtful() {
        let text = r#"
display_name: Discount
trigger_description: When a customer wants a discount
steps:
  - { id: ask, type: collect_input, variable: years, prompt: "For how long?", validation: number }
  - { id: same, type: set_variable, name: loyalty, value: "{{years}} years" }
  - { id: fork, type: condition, variable: years, operator: gte, value: 5, then: grant, else: told }
  - { id: grant, type: api_call, url: "https://example.com/discounts", method: POST, body: { why: "{{loyalty}}" }, response_variable: granted }
  - { id: told, type: message, content: "You have {{granted.percent}} %." }
"#;
        insta::assert_snapshot!(found(text), @r"
        Warning /steps/3/next: `grant` falls into `told`, the other branch of `fork` [PV-PROC-015]; write `next: end` in `grant`, or name the step that is meant
        Warning /steps/2/variable: whether `grant` is done rests on `years`, which is only what the customer said [PV-PROC-019]; look the value up in a system of your own, or have people approve the step
        Warning /steps/4/content: `granted` has no value on some of the ways to `told` [PV-PROC-012]; give the variable a default with `set_variable` before the ways part
        ");
    }
}
