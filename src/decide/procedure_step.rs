//! A step of a run that acts: it becomes a request of its own, along the same path as every other one.
//!
//! Decided right after the input that came to the step, and asked by the house alone. The request says itself
//! which step it is, so that it needs nothing of the procedure to go on later.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Case, Decide, InboundType, Stop, payload, runs};
use crate::{
    connectors,
    domain::{
        members,
        procedure::{ApiCall, Gate, InternalAction, Step, StepKind, Target},
        request::{StepDoes, StepOf},
        run::{Run, RunState},
        template::{Template, canonical, filled},
        ticket::Priority,
        world::Need,
    },
    procedures::internal::API_CALL,
};

pub(super) const STEP: InboundType = InboundType {
    name: runs::STEP,
    needs: &[],
    read: |data| Ok(Arc::new(payload::read::<StepDue>(data)?)),
};

#[derive(Debug, Deserialize)]
struct StepDue {
    run_id: String,
    wait: u32,
    procedure: String,
    version: i64,
}

/// What a step asks for.
struct Asked<'s> {
    action: String,
    params: Map<String, Value>,
    does: StepDoes,
    gate: &'s Gate,
}

impl Decide for StepDue {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        let run = case.named_run(&self.run_id)?;
        if run.state != RunState::AwaitingAction || run.wait != self.wait {
            return Ok(());
        }
        let published = match case.version_of(&run)? {
            Ok(published) => published,
            Err(why) => return case.give_run_up(run, &why),
        };
        let Some(step) = published.definition.step(&run.step) else {
            return case.give_run_up(run, "its step is not there any more");
        };
        match ask(case, &run, step) {
            Ok(asked) => begin(case, run, (&published.definition.display_name, asked)),
            Err(why) => case.give_run_up(run, &why),
        }
    }

    fn foresees(&self) -> Vec<Need> {
        vec![
            Need::Run(self.run_id.clone()),
            Need::Procedures,
            Need::Version(self.procedure.clone(), self.version),
        ]
    }
}

/// Makes the request of a step and sends it on its way.
fn begin(
    case: &mut Case<'_>,
    run: Run,
    (display_name, asked): (&str, Asked<'_>),
) -> Result<(), Stop> {
    let id = case.make_id("req");
    let mut request = case.new_request(id.clone(), asked.action, asked.params, run.actor.clone());
    request.step = Some(StepOf {
        run_id: run.run_id.clone(),
        procedure: run.procedure.clone(),
        display_name: display_name.to_owned(),
        version: run.version,
        step: run.step.clone(),
        does: asked.does,
        level: asked.gate.level,
        approvers: asked.gate.approvers.clone(),
    });
    request.amount = case.amount_of(&request);
    case.await_request(run, &id);
    case.pass(request, None)
}

/// Says what a step asks for, with its templates filled in.
///
/// *Errors*: a value that cannot stand where it belongs.
fn ask<'s>(case: &Case<'_>, run: &Run, step: &'s Step) -> Result<Asked<'s>, String> {
    let mut values = run.values();
    values.extend(case.given());
    match &step.kind {
        StepKind::ApiCall(call) => api_call(call, &values),
        StepKind::InternalAction(action) => internal(action, &values),
        StepKind::CollectInput(_)
        | StepKind::Condition(_)
        | StepKind::Escalate { .. }
        | StepKind::Message { .. }
        | StepKind::SetVariable { .. } => Err(format!("`{}` does not act any more", step.id)),
    }
}

fn api_call<'s>(call: &'s ApiCall, values: &Map<String, Value>) -> Result<Asked<'s>, String> {
    let gate = &call.gate;
    match &call.target {
        Target::Action { name, params } => {
            let params = filled(&Value::Object(params.clone()), values);
            Ok(Asked {
                action: name.clone(),
                params: members::of(params),
                does: StepDoes::Catalogue,
                gate,
            })
        }
        Target::Url { url, method, body } => {
            let url = connectors::http::address(url, values).map_err(|fault| fault.to_string())?;
            let mut params = json!({"method": method.as_str(), "url": url});
            if let Some(body) = body {
                params["body"] = filled(body, values);
            }
            Ok(Asked {
                action: API_CALL.to_owned(),
                params: members::of(params),
                does: StepDoes::Address,
                gate,
            })
        }
    }
}

/// The parameters of internal actions are texts; those that come out empty are left out.
fn internal<'s>(
    action: &'s InternalAction,
    values: &Map<String, Value>,
) -> Result<Asked<'s>, String> {
    let mut params = Map::new();
    for (name, value) in &action.params {
        let text = match value {
            Value::String(text) => Template::parse(text)
                .map_or_else(|_| text.clone(), |text| text.expand(values, str::to_owned)),
            other => canonical(&filled(other, values)),
        };
        if !text.trim().is_empty() {
            params.insert(name.clone(), text.into());
        }
    }
    if let Some(Value::String(stated)) = params.get("priority")
        && Priority::parse(stated).is_none()
    {
        return Err(format!("`{stated}` is no priority"));
    }
    Ok(Asked {
        action: action.action.clone(),
        params,
        does: StepDoes::Internal,
        gate: &action.gate,
    })
}
