//! Simulation: a definition run in memory by the same code that decides in the daemon, with scripted answers,
//! mocked systems and scripted approvals. No network is within reach, and nothing is kept.
//!
//! The policy counts: limits and rules judge the steps as they would the real ones. What the script does not
//! say is an error that names the step.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::bench_world::{BenchWorld, Output, Trail};
use crate::{
    decide::{Decide, Entry, ExecutionEnded, Input, Settings},
    domain::{
        actor::Actor,
        approval::Approval,
        event::{Event, Trace},
        execution::Ended,
        ids::SubjectId,
        nearest::did_you_mean,
        procedure::{
            Definition, StepKind,
            read::value_of,
            version::{Procedures, Published, Source, Stage, Version},
        },
        request::{Request, RequestState},
        run::{Passed, Run, RunState, Variable},
        time::Timestamp,
        world::World,
    },
    policy::Policy,
};

/// The conversation in which it is simulated.
const CONVERSATION: &str = "simulation";
/// The most turns of a simulation: answers, calls and decisions together.
const MOST_TURNS: usize = 1_000;

/// What customers, systems and people do in a simulation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// What the customer says, in order.
    pub inputs: Vec<String>,
    /// What systems answer, by the step that asks.
    pub mocks: BTreeMap<String, Mock>,
    /// What people decide, by the step that waits for them.
    pub approvals: BTreeMap<String, Verdict>,
    /// What the run knows from the beginning.
    pub variables: Map<String, Value>,
    /// The customer: `name`, `email`, `segment`, …
    pub customer: Map<String, Value>,
    /// The conversation's channel; `web` if left out.
    pub channel: Option<String>,
}

impl Script {
    /// Reads a script from its text: JSON, or YAML.
    ///
    /// *Errors*: what is wrong with it, with its place.
    pub fn parse(text: &str) -> Result<Self, String> {
        serde_path_to_error::deserialize(value_of(text)?)
            .map_err(|error| format!("`{}`: {}", error.path(), error.inner()))
    }

    /// Names the steps that it speaks of and a definition does not have.
    pub fn strangers(&self, definition: &Definition) -> Vec<String> {
        let mut strangers = unknown(definition, "mocks", self.mocks.keys());
        strangers.extend(unknown(definition, "approvals", self.approvals.keys()));
        strangers
    }
}

/// Says which names of a field are no steps of a definition.
pub(super) fn unknown<'n>(
    definition: &Definition,
    field: &str,
    names: impl IntoIterator<Item = &'n String>,
) -> Vec<String> {
    let names = names.into_iter();
    let unknown = names.filter(|name| definition.step(name).is_none());
    unknown
        .map(|name| {
            let steps = definition.steps.iter().map(|step| step.id.as_str());
            let hint = did_you_mean(name, steps).map(|hint| format!("; {hint}"));
            let hint = hint.unwrap_or_default();
            format!("`{field}`: there is no step `{name}`{hint}")
        })
        .collect()
}

/// What a system answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mock {
    /// The HTTP status.
    #[serde(default = "ok")]
    pub status: u16,
    /// What it says.
    #[serde(default)]
    pub body: Value,
}

fn ok() -> u16 {
    200
}

/// What people decide: `approve`, `reject`, or `{"reject": "why"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// Yes.
    Approve,
    /// No.
    Reject,
}

/// What people decide, with a reason or without.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Verdict {
    /// Without a reason.
    Plain(Said),
    /// No, and why.
    Rejected {
        /// Why.
        reject: String,
    },
}

impl Verdict {
    fn parts(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Plain(Said::Approve) => ("approve", None),
            Self::Plain(Said::Reject) => ("reject", None),
            Self::Rejected { reject } => ("reject", Some(reject)),
        }
    }
}

/// What came of a simulation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Simulated {
    /// Where the run ended or waits; absent: it did not begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<RunState>,
    /// The step at which it ended or waits.
    pub step: String,
    /// Why it ended so, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The steps that it did, in order.
    pub path: Vec<Passed>,
    /// What was said, in order.
    pub conversation: Vec<Turn>,
    /// What the customer was told and asked.
    pub messages: Vec<String>,
    /// What the run knows at its end.
    pub variables: BTreeMap<String, Variable>,
    /// The approvals that it would open.
    pub approvals: Vec<Asked>,
    /// What it would do in other systems and in this one, in order.
    pub requests: Vec<Acted>,
    /// What the script does not say and would have to, or why the run did not begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// Something that was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Turn {
    /// Who said it.
    pub by: Speaker,
    /// What.
    pub text: String,
}

/// Who speaks in a simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Speaker {
    /// The customer.
    Customer,
    /// The procedure.
    Procedure,
}

/// An approval that a run would open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// The step.
    pub step: String,
    /// The roles that may decide.
    pub approvers: Vec<String>,
    /// What it is about, in one line.
    pub summary: String,
}

/// Something that a run would do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Acted {
    /// The step.
    pub step: String,
    /// The action.
    pub action: String,
    /// Its parameters.
    pub params: Map<String, Value>,
    /// How it ended.
    pub state: RequestState,
}

/// What a simulation goes by.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'g> {
    /// The policy.
    pub policy: &'g Policy,
    /// The configuration.
    pub settings: &'g Settings,
    /// When it begins.
    pub now: Timestamp,
}

/// Gives the place of a version that is only tried out.
pub fn tried(definition: Definition, now: Timestamp) -> Published {
    let version = Version {
        slug: definition.slug.clone(),
        version: 1,
        stage: Stage::Active,
        source: Source::Api,
        definition: Value::Null,
        changed_at: now,
        changed_by: String::new(),
        stopped: None,
    };
    Published {
        version,
        definition,
    }
}

/// Gives the procedures that files say, as if all of them were active; what cannot be read is left out.
pub fn tried_of(files: &BTreeMap<String, String>) -> Arc<Procedures> {
    let mut all = Procedures::default();
    let read = files.values().map(|text| Definition::parse(text));
    for definition in read.flatten() {
        all.put(&Arc::new(tried(definition, Timestamp::default())));
    }
    Arc::new(all)
}

/// Runs a definition by a script.
pub fn simulate(ground: &Ground<'_>, definition: &Definition, script: &Script) -> Simulated {
    let settings = Settings {
        // Nobody has to be there for what is only tried out.
        names_others: true,
        ..ground.settings.clone()
    };
    let mut all = Procedures::default();
    all.put(&Arc::new(tried(definition.clone(), ground.now)));
    let world = World {
        procedures: Some(Arc::new(all)),
        ..World::default()
    };
    let mut stage = Stand {
        bench: BenchWorld::over(ground.policy, &settings, world, ground.now),
        definition,
        script,
        inputs: script.inputs.iter(),
        events: 0,
        conversation: Vec::new(),
        approvals: Vec::new(),
    };
    let fault = stage.play().err();
    stage.report(fault)
}

/// A simulation under way.
struct Stand<'s> {
    bench: BenchWorld<'s>,
    definition: &'s Definition,
    script: &'s Script,
    inputs: std::slice::Iter<'s, String>,
    events: usize,
    conversation: Vec<Turn>,
    approvals: Vec<Asked>,
}

impl Stand<'_> {
    fn play(&mut self) -> Result<(), String> {
        let mut customer = self.script.customer.clone();
        customer
            .entry("id")
            .or_insert_with(|| Value::from("customer"));
        let channel = self.script.channel.as_deref().unwrap_or("web");
        self.deliver(
            "conversation.started",
            &json!({"channel": channel, "customer": customer}),
        )?;
        self.deliver(
            "procedure.requested",
            &json!({
                "procedure": self.definition.slug, "variables": self.script.variables,
                "actor": Actor::rule("simulation"),
            }),
        )?;
        for _ in 0..MOST_TURNS {
            let Some(run) = self.run().filter(|run| !run.state.is_over()) else {
                return Ok(());
            };
            match run.state {
                RunState::AwaitingInput => self.answer(&run)?,
                _ => self.act(&run)?,
            }
        }
        Err(format!("it has taken {MOST_TURNS} turns"))
    }

    fn answer(&mut self, run: &Run) -> Result<(), String> {
        let Some(text) = self.inputs.next() else {
            return Err(format!(
                "`{}` waits for an answer, and `inputs` has no more",
                run.step
            ));
        };
        let id = format!("m{}", self.events);
        let author = json!({"kind": "customer", "id": "customer"});
        self.say(Speaker::Customer, text.clone());
        self.deliver(
            "conversation.message",
            &json!({"message": {"id": id, "text": text, "author": author}}),
        )
    }

    /// Has happen what the run waits for.
    fn act(&mut self, run: &Run) -> Result<(), String> {
        let request = run.request_id.as_deref();
        let request = request.and_then(|id| self.request(id));
        let Some(request) = request else {
            return Err(format!("`{}` waits for nothing", run.step));
        };
        match request.state {
            RequestState::AwaitingConfirmation => {
                let actor = json!({"kind": "customer", "id": "customer"});
                let data = json!({"request_id": request.request_id, "actor": actor});
                self.deliver("action.confirmed", &data)
            }
            RequestState::AwaitingApproval => self.decide(run, &request),
            _ => self.call(run, &request),
        }
    }

    fn decide(&mut self, run: &Run, request: &Request) -> Result<(), String> {
        let id = request.approval_id.clone().unwrap_or_default();
        let Some(approval) = self.approval(&id) else {
            return Err(format!("`{}` waits for an approval that is gone", run.step));
        };
        if approval.votes.is_empty() && !self.approvals.iter().any(|known| known.step == run.step) {
            let approvers = approval.stages.iter();
            self.approvals.push(Asked {
                step: run.step.clone(),
                approvers: approvers
                    .flat_map(|stage| stage.approvers.clone())
                    .collect(),
                summary: approval.summary.clone(),
            });
        }
        let Some(verdict) = self.script.approvals.get(&run.step) else {
            return Err(format!(
                "`{}` waits for people, and `approvals` does not say what they decide",
                run.step
            ));
        };
        let (decision, reason) = verdict.parts();
        let name = format!("person {}", approval.votes.len() + 1);
        let actor = json!({"kind": "agent", "id": name, "roles": ["owner"]});
        let mut data = json!({"approval_id": id, "decision": decision, "actor": actor});
        if let Some(reason) = reason {
            data["reason"] = reason.into();
        }
        self.deliver("approval.decided", &data)
    }

    fn call(&mut self, run: &Run, request: &Request) -> Result<(), String> {
        let id = &request.request_id;
        let execution = self.bench.world().executions.get(id).cloned().flatten();
        let Some(execution) = execution else {
            return Err(format!(
                "`{}` cannot be simulated further: its request is {}",
                run.step, request.state
            ));
        };
        let Some(mock) = self.script.mocks.get(&run.step) else {
            return Err(format!(
                "`{}` calls another system, and `mocks` does not say what it answers",
                run.step
            ));
        };
        let ended = ExecutionEnded {
            request_id: id.clone(),
            attempt: execution.attempt,
            ended: Ended::Answered {
                status: mock.status,
                retry_after: None,
                body: mock.body.clone(),
            },
            at: None,
        };
        let event = self.event("execution.ended", &Value::Null);
        let digest = event.digest();
        let verb: Arc<dyn Decide> = Arc::new(ended);
        let input = Input::of(event, digest, verb, &Arc::new(Entry::house()));
        let trail = self.bench.decide(&input).map_err(|fault| fault.detail)?;
        self.take(&trail)
    }

    fn deliver(&mut self, kind: &str, data: &Value) -> Result<(), String> {
        let event = self.event(kind, data);
        let trail = self.bench.deliver(event).map_err(|fault| fault.detail)?;
        self.take(&trail)
    }

    fn event(&mut self, kind: &str, data: &Value) -> Event {
        self.events += 1;
        Event {
            id: format!("e{}", self.events),
            source: "/simulation".to_owned(),
            kind: kind.to_owned(),
            subject: SubjectId::from(CONVERSATION),
            time: None,
            data: data.as_object().cloned().unwrap_or_default(),
            trace: Trace::default(),
        }
    }

    /// Takes what came out: what the customer hears, and why something was refused.
    fn take(&mut self, trail: &Trail) -> Result<(), String> {
        let text = |output: &Output, name: &str| {
            let text = output.data.get(name).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        for output in &trail.outputs {
            match output.kind.as_str() {
                "message.send" => self.say(Speaker::Procedure, text(output, "text")),
                "conversation.transfer" => self.say(Speaker::Procedure, text(output, "message")),
                "event.rejected" => return Err(text(output, "detail")),
                _ => {}
            }
        }
        Ok(())
    }

    fn say(&mut self, by: Speaker, text: String) {
        self.conversation.push(Turn { by, text });
    }

    fn run(&self) -> Option<Arc<Run>> {
        self.bench.world().runs.values().flatten().next().cloned()
    }

    fn request(&self, id: &str) -> Option<Arc<Request>> {
        self.bench.world().requests.get(id).cloned().flatten()
    }

    fn approval(&self, id: &str) -> Option<Arc<Approval>> {
        self.bench.world().approvals.get(id).cloned().flatten()
    }

    fn report(self, fault: Option<String>) -> Simulated {
        let mut requests: Vec<Arc<Request>> = self
            .bench
            .world()
            .requests
            .values()
            .flatten()
            .cloned()
            .collect();
        requests.sort_by(|one, other| {
            let place = |request: &Request| {
                let step = request.step.as_ref()?;
                let mut steps = self.definition.steps.iter();
                steps.position(|known| known.id == step.step)
            };
            (one.requested_at, place(one)).cmp(&(other.requested_at, place(other)))
        });
        let acted = requests.iter().filter_map(|request| {
            Some(Acted {
                step: request.step.as_ref()?.step.clone(),
                action: request.action.clone(),
                params: request.params.clone(),
                state: request.state,
            })
        });
        let requests = acted.collect();
        let said = self.conversation.iter();
        let said = said.filter(|turn| turn.by == Speaker::Procedure);
        let messages = said.map(|turn| turn.text.clone()).collect();
        let run = self.run();
        Simulated {
            state: run.as_ref().map(|run| run.state),
            step: run.as_ref().map(|run| run.step.clone()).unwrap_or_default(),
            reason: run.as_ref().and_then(|run| run.reason.clone()),
            path: run
                .as_ref()
                .map(|run| run.trail.clone())
                .unwrap_or_default(),
            conversation: self.conversation,
            messages,
            variables: run.map(|run| run.variables.clone()).unwrap_or_default(),
            approvals: self.approvals,
            requests,
            fault,
        }
    }
}

/// Gives what no simulation of these came to: steps, and the ways of conditions.
///
/// *Shape*: `step`, or `step: yes`, `step: no`, in the order of the definition.
pub fn uncovered(definition: &Definition, all: &[Simulated]) -> Vec<String> {
    let passed = || all.iter().flat_map(|one| &one.path);
    let mut missing = Vec::new();
    for step in &definition.steps {
        let was_at = |did: &str| passed().any(|known| known.step == step.id && known.did == did);
        let ended_there = all.iter().any(|one| one.step == step.id);
        if !passed().any(|known| known.step == step.id) && !ended_there {
            missing.push(step.id.clone());
        } else if matches!(step.kind, StepKind::Condition(_)) {
            let ways = ["yes", "no"].into_iter();
            let never = ways.filter(|way| !was_at(way));
            missing.extend(never.map(|way| format!("{}: {way}", step.id)));
        }
    }
    missing
}
