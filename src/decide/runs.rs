//! Runs of procedures: begun, moved along, ended. What a run does next says `crate::procedures::interpret`;
//! here it is carried out.
//!
//! A step that acts is an input of its own, decided right after the one that came to it, so that it has its own
//! checks and its own entry in the audit log; how it ends is taken at the end of the decision that finds out
//! ([`Case::settle_runs`]). So no decision moves a run past more than one action.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value, json};

use super::{Case, Stop};
use crate::{
    domain::{
        actor::Actor,
        audit::AuditOutcome,
        effect::Escalate,
        escalation::Trigger,
        event::Reason,
        members,
        outcome::Change,
        procedure::version::Published,
        request::{Request, RequestState, StepOf},
        run::{MOST_BYTES, Run, RunState, StatedBy},
        world::Need,
    },
    procedures::{
        answer,
        interpret::{self, Acted, Ground, Move},
    },
};

/// What the customer is told who is handed to a person.
pub(super) const HANDED_OVER: &str = "A colleague takes over from here.";

/// The event by which a run has its next action done.
pub(super) const STEP: &str = "procedure.step";

impl Case<'_> {
    /// Gives a run of this conversation, with what this decision has changed on it.
    pub(super) fn run(&self, id: &str) -> Result<Option<Arc<Run>>, Need> {
        if let Some(run) = self.runs.get(id) {
            return Ok(Some(Arc::clone(run)));
        }
        let subject = self.input.event.subject.as_str();
        let found = self.world.run(id)?;
        Ok(found.filter(|run| run.subject == subject).map(Arc::clone))
    }

    /// Gives a run that an input names.
    ///
    /// *Errors*: `unknown_reference`.
    pub(super) fn named_run(&self, id: &str) -> Result<Run, Stop> {
        let found = self.run(id)?;
        found.map(|run| (*run).clone()).ok_or_else(|| {
            let detail = format!("`{}` has no run `{id}`", self.input.event.subject);
            Stop::refuse(Reason::UnknownReference, "data.run_id", detail)
        })
    }

    /// Gives the run that is under way in the conversation.
    pub(super) fn active_run(&self) -> Result<Option<Run>, Need> {
        let known = self.conversation().and_then(|known| known.run.as_deref());
        let Some(id) = known else { return Ok(None) };
        Ok(self.run(id)?.map(|run| (*run).clone()))
    }

    /// Puts a run in place; the one way of every change of a run.
    fn put_run(&mut self, run: Run) {
        let id = run.run_id.clone();
        let listed = self.conversation().and_then(|known| known.run.as_deref()) == Some(&id);
        if run.state.is_over() == listed {
            self.conversation_mut().run = (!listed).then(|| id.clone());
        }
        let run = Arc::new(run);
        self.runs.insert(id, Arc::clone(&run));
        self.change(Change::Run(run));
    }

    /// Gives the version that a run goes by. A version that was stopped is an `Err` with why.
    pub(super) fn version_of(&self, run: &Run) -> Result<Result<Arc<Published>, String>, Stop> {
        let all = self.world.procedures()?;
        if let Some(why) = all.why_stopped(&run.procedure, run.version) {
            return Ok(Err(format!("the procedure was stopped: {why}")));
        }
        let active = all.active.get(&run.procedure);
        if let Some(active) = active.filter(|active| active.version.version == run.version) {
            return Ok(Ok(Arc::clone(active)));
        }
        let found = self.world.version(&run.procedure, run.version)?;
        let absent = || format!("version {} is kept nowhere", run.version);
        Ok(found.map(Arc::clone).ok_or_else(absent))
    }

    /// Gives what templates and conditions of a run find besides its variables.
    pub(super) fn given(&self) -> Map<String, Value> {
        let known = self.conversation();
        let customer = known.map(|known| Value::Object((*known.customer).clone()));
        Map::from_iter([
            ("customer".to_owned(), customer.unwrap_or_else(|| json!({}))),
            (
                "conversation".to_owned(),
                json!({
                    "id": self.input.event.subject,
                    "channel": known.map(|known| known.channel.clone()),
                    "attributes": known.map(|known| known.attributes.clone()),
                }),
            ),
        ])
    }

    /// Moves a run along by what its version says.
    fn move_run(
        &mut self,
        mut run: Run,
        work: impl FnOnce(&Ground<'_>, &mut Run) -> Vec<Move>,
    ) -> Result<(), Stop> {
        let moves = match self.version_of(&run)? {
            Ok(published) => {
                let settings = self.settings;
                let ground = Ground {
                    definition: &published.definition,
                    given: &self.given(),
                    country: settings.procedures.country.as_deref(),
                    now: self.now,
                };
                work(&ground, &mut run)
            }
            Err(why) => interpret::give_up(&mut run, &why, self.now),
        };
        self.carry_on(run, moves)
    }

    /// Begins a run.
    ///
    /// *Errors*: another one is under way, the variables hold too much.
    pub(super) fn start_run(
        &mut self,
        published: &Published,
        variables: &Map<String, Value>,
        actor: Actor,
    ) -> Result<String, Stop> {
        if let Some(other) = self.active_run()? {
            let detail = format!(
                "`{}` is under way here as {}; cancel it first",
                other.procedure, other.run_id
            );
            return Err(Stop::refuse(Reason::IllegalMove, "data.procedure", detail));
        }
        let version = &published.version;
        let run_id = self.make_id("run");
        let from = StatedBy::from(&actor);
        let mut run = Run {
            run_id: run_id.clone(),
            procedure: version.slug.clone(),
            version: version.version,
            subject: self.input.event.subject.to_string(),
            actor,
            state: RunState::AwaitingAction,
            step: String::new(),
            variables: BTreeMap::new(),
            wait: 0,
            tries: 0,
            steps_done: 0,
            request_id: None,
            early: None,
            started_at: self.now,
            updated_at: self.now,
            ends_at: self.now.plus(self.settings.procedures.max_age),
            reason: None,
            trail: Vec::new(),
        };
        for (name, value) in variables {
            run.set(name, value.clone(), from);
        }
        if run.bytes() > MOST_BYTES {
            let detail = format!("the variables hold more than {MOST_BYTES} bytes");
            return Err(Stop::refuse(Reason::InvalidData, "data.variables", detail));
        }
        self.conversation_mut().choice.clear();
        self.report_run(
            "procedure.started",
            &run,
            json!({"variables": run.values()}),
        );
        self.record_run("run_started", &run);
        self.move_run(run, interpret::begin)?;
        Ok(run_id)
    }

    /// Has the run that is under way hear what the customer says; tells whether there is one.
    pub(super) fn hear(&mut self, text: &str) -> Result<bool, Stop> {
        let Some(run) = self.active_run()? else {
            return Ok(false);
        };
        let asked = match &run.request_id {
            Some(id) if run.state == RunState::AwaitingAction => self.request(id)?,
            _ => None,
        };
        let asked = asked.filter(|request| request.state == RequestState::AwaitingConfirmation);
        match (asked, answer::consent(text)) {
            (Some(request), Some(is_yes)) => self.take_consent((*request).clone(), is_yes)?,
            _ => self.move_run(run, |ground, run| interpret::hear(ground, run, text))?,
        }
        Ok(true)
    }

    /// Notes how a request has ended that is a step of a run.
    pub(super) fn note_end(&mut self, request: &Request, acted: Acted) {
        if let Some(step) = &request.step {
            let id = request.request_id.clone();
            self.acted.push((step.clone(), id, acted));
        }
    }

    /// Goes on with the runs whose action has ended in this decision.
    pub(super) fn settle_runs(&mut self) -> Result<(), Stop> {
        for (step, request_id, acted) in std::mem::take(&mut self.acted) {
            self.know_run(&step)?;
            let found = self.run(&step.run_id)?.map(|run| (*run).clone());
            let waits = |run: &Run| {
                run.state == RunState::AwaitingAction
                    && run.request_id.as_deref() == Some(&request_id)
            };
            if let Some(run) = found.filter(waits) {
                self.move_run(run, |ground, run| {
                    interpret::take_outcome(ground, run, acted)
                })?;
            }
        }
        Ok(())
    }

    /// Asks in one go for everything that a run goes on by.
    fn know_run(&self, step: &StepOf) -> Result<(), Stop> {
        let world = self.world;
        let needs: Vec<Need> = [
            world.run(&step.run_id).err(),
            world.procedures().err(),
            world.version(&step.procedure, step.version).err(),
        ]
        .into_iter()
        .flatten()
        .collect();
        if needs.is_empty() {
            return Ok(());
        }
        Err(Stop::Needs(needs))
    }

    /// Ends the run that is under way, because a person takes over or the conversation is over.
    pub(super) fn end_run(&mut self, why: &str) -> Result<(), Stop> {
        let Some(run) = self.active_run()? else {
            return Ok(());
        };
        self.withdraw_run(run, why)
    }

    /// Ends a run that nobody wants any more.
    pub(super) fn withdraw_run(&mut self, mut run: Run, why: &str) -> Result<(), Stop> {
        let last = interpret::withdraw(&mut run, why, self.now);
        self.carry_on(run, vec![last])
    }

    /// Hands a run over to a person.
    pub(super) fn give_run_up(&mut self, mut run: Run, why: &str) -> Result<(), Stop> {
        let moves = interpret::give_up(&mut run, why, self.now);
        self.carry_on(run, moves)
    }

    /// Carries out what a run wants, in order, and keeps it.
    fn carry_on(&mut self, run: Run, moves: Vec<Move>) -> Result<(), Stop> {
        for one in moves {
            match one {
                Move::Say(text) => self.say_in_run(&run, &text),
                Move::Ask(prompt) => {
                    self.say_in_run(&run, &prompt);
                    let more = json!({"step": run.step, "prompt": prompt});
                    self.report_run("procedure.awaiting_input", &run, more);
                }
                Move::Act => {
                    let data = json!({
                        "run_id": run.run_id, "wait": run.wait, "actor": run.actor,
                        "procedure": run.procedure, "version": run.version,
                    });
                    self.ask_house(STEP, members::of(data));
                }
                Move::HandOver { reason, said } => self.hand_run_over(&run, &reason, said),
                Move::End => self.tell_end(&run),
            }
        }
        if run.state.is_over() {
            self.drop_request(&run)?;
        }
        self.put_run(run);
        Ok(())
    }

    /// Withdraws the request that a run waited for which is over now.
    fn drop_request(&mut self, run: &Run) -> Result<(), Stop> {
        let Some(id) = &run.request_id else {
            return Ok(());
        };
        let waits = self
            .request(id)?
            .is_some_and(|request| request.state.is_waiting());
        if waits {
            self.cancel_request(id, "procedure", None)?;
        }
        Ok(())
    }

    fn say_in_run(&mut self, run: &Run, text: &str) {
        self.send_message(text, &format!("procedure:{}", run.procedure));
    }

    fn tell_end(&mut self, run: &Run) {
        let values = json!({"variables": run.values()});
        let reason = json!({"step": run.step, "error": run.reason});
        if run.state == RunState::Completed {
            self.report_run("procedure.completed", run, values);
            self.record_run("run_completed", run);
        } else {
            self.report_run("procedure.cancelled", run, reason);
            self.record_run("run_cancelled", run);
        }
    }

    /// Hands the conversation of a run to a person, and tells the customer.
    fn hand_run_over(&mut self, run: &Run, reason: &str, said: Option<String>) {
        let more = json!({"step": run.step, "error": reason});
        if run.state == RunState::Failed {
            self.end_as(AuditOutcome::Failed);
            self.report_run("procedure.failed", run, more);
            self.record_run("run_failed", run);
        } else {
            self.report_run("procedure.escalated", run, more);
            self.record_run("run_escalated", run);
        }
        let wish = Escalate {
            reason: format!("procedure `{}`: {reason}", run.procedure),
            ..Escalate::default()
        };
        let data = json!({
            "trigger": Trigger::Procedure, "actor": Actor::system("provost"), "wish": wish,
            "reason": wish.reason,
        });
        self.ask_house("escalation.requested", members::of(data));
        self.publish(
            "conversation.transfer",
            json!({
                "conversation_id": run.subject, "to": "human", "reason": wish.reason,
                "message": said.unwrap_or_else(|| HANDED_OVER.to_owned()),
            }),
        );
    }

    /// Publishes a report about a run: what it is, and what `more` adds.
    pub(super) fn report_run(&mut self, kind: &'static str, run: &Run, more: Value) {
        let mut data = json!({
            "run_id": run.run_id, "procedure": run.procedure, "version": run.version,
            "conversation_id": run.subject,
        });
        if let Value::Object(more) = more {
            for (name, value) in more.into_iter().filter(|(_, value)| !value.is_null()) {
                data[&name] = value;
            }
        }
        self.publish(kind, data);
    }

    fn record_run(&mut self, effect: &str, run: &Run) {
        self.record(json!({
            "effect": effect, "run_id": run.run_id, "procedure": run.procedure,
            "version": run.version, "step": run.step,
        }));
    }

    /// Has a run wait for the request that its step has become.
    pub(super) fn await_request(&mut self, mut run: Run, request_id: &str) {
        run.request_id = Some(request_id.to_owned());
        self.put_run(run);
    }

    /// Moves a run that waits to another version of its procedure.
    pub(super) fn put_moved(&mut self, mut run: Run, version: i64) {
        run.move_to(version, self.now);
        self.record_run("run_moved", &run);
        self.put_run(run);
    }
}
