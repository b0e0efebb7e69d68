//! Scenarios: scripts with what must come of them, kept with a definition. All of them hold before it is
//! published.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::simulate::{Ground, Script, Simulated, simulate, uncovered, unknown};
use crate::domain::{
    procedure::{Definition, Fault, Weight, remedy},
    run::RunState,
};

/// A scenario that cannot be read.
const BAD_SCENARIO: &str = "PV-PROC-030";
/// A scenario that comes out otherwise.
const OTHERWISE: &str = "PV-PROC-031";
/// A part that no scenario comes to.
const UNCOVERED: &str = "PV-PROC-032";

/// Every code of this module with its remedy.
pub const CODES: &[(&str, &str)] = &[
    (
        BAD_SCENARIO,
        "Write the scenario as the documentation has it: `name`, the script, and `expect`.",
    ),
    (
        OTHERWISE,
        "Mend the procedure, or what the scenario expects; `provost procedures simulate` shows what happens.",
    ),
    (
        UNCOVERED,
        "Add a scenario that goes there, so that the next change is held against it.",
    ),
];

/// A scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// What people call it.
    pub name: String,
    /// What happens.
    pub script: Script,
    /// What must come of it.
    pub expect: Expect,
}

/// What must come of a script; what is left out may be anything.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expect {
    /// Where the run ends or waits.
    pub state: Option<RunState>,
    /// The steps that it does, all of them in order.
    pub path: Option<Vec<String>>,
    /// Steps that it never comes to.
    pub never: Vec<String>,
    /// What the customer hears: of these texts each is part of one, in this order.
    pub messages: Vec<String>,
    /// Variables with their values at the end.
    pub variables: Map<String, Value>,
    /// The actions that it asks for, all of them in order.
    pub actions: Option<Vec<String>>,
    /// The steps for which people are asked, all of them in order.
    pub approvals: Option<Vec<String>>,
    /// A part of why it ended so.
    pub reason: Option<String>,
}

/// What came of a definition's scenarios.
#[derive(Clone, Debug, Default)]
pub struct Held {
    /// What is wrong: errors for what does not hold, warnings for what no scenario comes to.
    pub faults: Vec<Fault>,
    /// What came of each that could be read, by its name.
    pub simulated: Vec<(String, Simulated)>,
}

impl Scenario {
    /// Reads a scenario of a definition.
    ///
    /// *Errors*: what is wrong with it, steps that are not there included.
    pub fn read(value: &Value, definition: &Definition) -> Result<Self, String> {
        let mut members = value.as_object().cloned().unwrap_or_default();
        let Some(Value::String(name)) = members.remove("name") else {
            return Err("`name` is missing".to_owned());
        };
        let expect = members.remove("expect").unwrap_or_default();
        let expect = match expect {
            Value::Null => Expect::default(),
            stated => serde_path_to_error::deserialize(stated)
                .map_err(|error| format!("`expect.{}`: {}", error.path(), error.inner()))?,
        };
        let script: Script = serde_path_to_error::deserialize(Value::Object(members))
            .map_err(|error| format!("`{}`: {}", error.path(), error.inner()))?;
        let mut strangers = script.strangers(definition);
        strangers.extend(unknown(definition, "expect.never", &expect.never));
        let path = expect.path.iter().flatten();
        strangers.extend(unknown(definition, "expect.path", path));
        let approvals = expect.approvals.iter().flatten();
        strangers.extend(unknown(definition, "expect.approvals", approvals));
        if !strangers.is_empty() {
            return Err(strangers.join("; "));
        }
        Ok(Self {
            name,
            script,
            expect,
        })
    }
}

/// Runs every scenario of a definition, and says what does not hold.
pub fn hold(ground: &Ground<'_>, definition: &Definition) -> Held {
    let mut held = Held::default();
    for (place, written) in definition.scenarios.iter().enumerate() {
        match Scenario::read(written, definition) {
            Ok(scenario) => {
                let simulated = simulate(ground, definition, &scenario.script);
                for message in scenario.expect.differences(&simulated) {
                    let message = format!("scenario `{}`: {message}", scenario.name);
                    held.faults.push(fault(OTHERWISE, place, message));
                }
                held.simulated.push((scenario.name, simulated));
            }
            Err(message) => {
                let message = format!("scenario {}: {message}", place + 1);
                held.faults.push(fault(BAD_SCENARIO, place, message));
            }
        }
    }
    if !held.simulated.is_empty() {
        let all: Vec<Simulated> = held.simulated.iter().map(|(_, one)| one.clone()).collect();
        let missing = uncovered(definition, &all);
        if !missing.is_empty() {
            held.faults.push(Fault {
                code: UNCOVERED,
                severity: Weight::Warning,
                step: None,
                pointer: "/scenarios".to_owned(),
                message: format!("no scenario comes to {}", missing.join(", ")),
                hint: remedy(CODES, UNCOVERED),
            });
        }
    }
    held
}

fn fault(code: &'static str, place: usize, message: String) -> Fault {
    Fault {
        code,
        severity: Weight::Error,
        step: None,
        pointer: format!("/scenarios/{place}"),
        message,
        hint: remedy(CODES, code),
    }
}

impl Expect {
    /// Says how something came out otherwise.
    pub fn differences(&self, simulated: &Simulated) -> Vec<String> {
        let mut said = Vec::new();
        // A run that waits for more than the script says may be what is expected.
        let is_waiting = self.state.is_some() && self.state == simulated.state;
        if let Some(fault) = simulated.fault.as_ref().filter(|_| !is_waiting) {
            return vec![fault.clone()];
        }
        if let Some(state) = self.state.filter(|state| Some(*state) != simulated.state) {
            let found = simulated.state.map_or("did not begin", RunState::as_str);
            let why = simulated.reason.as_ref().map(|why| format!(" ({why})"));
            said.push(format!(
                "expected {}, found {found}{}",
                state.as_str(),
                why.unwrap_or_default()
            ));
        }
        let path: Vec<String> = simulated.path.iter().map(|one| one.step.clone()).collect();
        said.extend(list("path", self.path.as_ref(), &path));
        for step in self.never.iter().filter(|step| path.contains(step)) {
            said.push(format!("it came to `{step}`"));
        }
        said.extend(self.unheard(simulated));
        for (name, value) in &self.variables {
            let found = simulated.variables.get(name).map(|known| &known.value);
            if found != Some(value) {
                let found = found.map_or("nothing".to_owned(), Value::to_string);
                said.push(format!("`{name}`: expected {value}, found {found}"));
            }
        }
        let actions: Vec<String> = simulated
            .requests
            .iter()
            .map(|one| one.action.clone())
            .collect();
        said.extend(list("actions", self.actions.as_ref(), &actions));
        let asked: Vec<String> = simulated
            .approvals
            .iter()
            .map(|one| one.step.clone())
            .collect();
        said.extend(list("approvals", self.approvals.as_ref(), &asked));
        if let Some(part) = &self.reason
            && !simulated
                .reason
                .as_ref()
                .is_some_and(|why| why.contains(part))
        {
            let found = simulated.reason.as_deref().unwrap_or("none");
            said.push(format!("expected the reason `{part}`, found `{found}`"));
        }
        said
    }

    /// Says what the customer did not hear.
    fn unheard(&self, simulated: &Simulated) -> Option<String> {
        let mut heard = simulated.messages.iter();
        let missing = self
            .messages
            .iter()
            .find(|part| !heard.any(|text| text.contains(part.as_str())))?;
        let all = simulated.messages.join("` · `");
        Some(format!(
            "the customer did not hear `{missing}`, but `{all}`"
        ))
    }
}

fn list(name: &str, wanted: Option<&Vec<String>>, found: &[String]) -> Option<String> {
    let wanted = wanted.filter(|wanted| *wanted != found)?;
    let (wanted, found) = (wanted.join(", "), found.join(", "));
    Some(format!("`{name}`: expected {wanted}; found {found}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{directory::Directory, time::Timestamp},
        policy::{Policy, Sources},
        workbench::cases::default_settings,
    };

    const REFUND: &str = r#"
display_name: Refund
trigger_description: When a customer asks for a refund
steps:
  - { id: ask, type: collect_input, variable: order_id, prompt: "Which order, {{customer.name}}?" }
  - { id: look, type: api_call, url: "https://api.example.com/orders/{{order_id}}", response_variable: order }
  - { id: fork, type: condition, variable: order.refundable, operator: equals, value: true, then: open, else: sorry }
  - { id: open, type: internal_action, action: create_ticket, approval: require, params: { subject: "Refund {{order_id}}" } }
  - { id: told, type: message, content: "Ticket #{{ticketId}}.", next: end }
  - { id: sorry, type: escalate, reason: "Not eligible." }
scenarios:
  - name: approved
    customer: { name: Ada }
    inputs: ["4711"]
    mocks: { look: { body: { refundable: true } } }
    approvals: { open: approve }
    expect:
      state: completed
      path: [ask, look, fork, open, told]
      messages: ["Which order, Ada?", "Ticket #1."]
      variables: { ticketId: 1 }
      actions: [api_call, create_ticket]
      approvals: [open]
  - name: rejected
    inputs: ["4711"]
    mocks: { look: { body: { refundable: true } } }
    approvals: { open: { reject: too late } }
    expect: { state: escalated, reason: "rejected: too late", never: [told] }
"#;

    fn held(text: &str) -> Vec<String> {
        let policy = Policy::load(&Sources::default(), &Directory::default()).expect("empty");
        let settings = default_settings();
        let ground = Ground {
            policy: &policy,
            settings: &settings,
            now: Timestamp::parse("2026-01-05T09:00:00Z").expect("a time"),
        };
        let definition = Definition::parse(text).expect("valid");
        let faults = hold(&ground, &definition).faults;
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn scenarios_hold_and_what_none_comes_to_is_named() {
        insta::assert_snapshot!(held(REFUND).join("\n"), @"/scenarios: no scenario comes to fork: no, sorry [PV-PROC-032]; add a scenario that goes there, so that the next change is held against it");
    }

    #[test]
    fn what_comes_out_otherwise_is_told_with_both() {
        let text = REFUND
            .replace("Ticket #1.", "Ticket #2.")
            .replace("ticketId: 1", "ticketId: 2")
            .replace("path: [ask, look", "path: [look, ask")
            .replace("approvals: { open: { reject: too late } }", "approvals: {}")
            .replace("never: [told]", "never: [told], aproved: 1");
        insta::assert_snapshot!(held(&text).join("\n"), @"
        /scenarios/0: scenario `approved`: `path`: expected look, ask, fork, open, told; found ask, look, fork, open, told [PV-PROC-031]; mend the procedure, or what the scenario expects; `provost procedures simulate` shows what happens
        /scenarios/0: scenario `approved`: the customer did not hear `Ticket #2.`, but `Which order, Ada?` · `Ticket #1.` [PV-PROC-031]; mend the procedure, or what the scenario expects; `provost procedures simulate` shows what happens
        /scenarios/0: scenario `approved`: `ticketId`: expected 2, found 1 [PV-PROC-031]; mend the procedure, or what the scenario expects; `provost procedures simulate` shows what happens
        /scenarios/1: scenario 2: `expect.aproved`: unknown field `aproved`, expected one of `state`, `path`, `never`, `messages`, `variables`, `actions`, `approvals`, `reason` [PV-PROC-030]; write the scenario as the documentation has it: `name`, the script, and `expect`
        /scenarios: no scenario comes to fork: no, sorry [PV-PROC-032]; add a scenario that goes there, so that the next change is held against it
        ");
    }

    #[test]
    fn steps_that_are_not_there_are_named() {
        let text = REFUND
            .replace("mocks: { look: ", "mocks: { lok: ")
            .replace("never: [told]", "never: [tolt, nowhere]");
        insta::assert_snapshot!(held(&text).join("\n"), @"
        /scenarios/0: scenario 1: `mocks`: there is no step `lok`; did you mean `look`? [PV-PROC-030]; write the scenario as the documentation has it: `name`, the script, and `expect`
        /scenarios/1: scenario 2: `mocks`: there is no step `lok`; did you mean `look`?; `expect.never`: there is no step `tolt`; did you mean `told`?; `expect.never`: there is no step `nowhere` [PV-PROC-030]; write the scenario as the documentation has it: `name`, the script, and `expect`
        ");
    }

    #[test]
    fn a_script_that_does_not_say_what_happens_is_an_error_with_the_step() {
        let mocks = "mocks: { look: { body: { refundable: true } } }";
        let (first, second) = REFUND
            .split_once("  - name: rejected")
            .expect("two scenarios");
        let second = second.replace("inputs: [\"4711\"]", "inputs: []");
        let text = format!(
            "{}  - name: rejected{second}",
            first.replace(mocks, "mocks: {}")
        );
        let faults = held(&text);
        insta::assert_snapshot!(faults.join("\n"), @"
        /scenarios/0: scenario `approved`: `look` calls another system, and `mocks` does not say what it answers [PV-PROC-031]; mend the procedure, or what the scenario expects; `provost procedures simulate` shows what happens
        /scenarios/1: scenario `rejected`: `ask` waits for an answer, and `inputs` has no more [PV-PROC-031]; mend the procedure, or what the scenario expects; `provost procedures simulate` shows what happens
        /scenarios: no scenario comes to fork, open, told, sorry [PV-PROC-032]; add a scenario that goes there, so that the next change is held against it
        ");
    }
}
