//! What people do to procedures: drafts written, versions published, archived and stopped; and to runs: moved to
//! another version, and looked at when their time is up. None of it is an event of the contract.
//!
//! The subject of the first four is [`procedure_subject`], so that the versions of a procedure are numbered one
//! after the other. Whoever asks has checked the definition before.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Case, Decide, Entry, Input, Stop};
use crate::domain::{
    event::{Event, Reason, Trace},
    ids::SubjectId,
    outcome::Change,
    procedure::StepKind,
    procedure::version::{DRAFT, Procedures, Published, Source, Stage, Version},
    run::{Run, RunState},
    time::Timestamp,
    world::Need,
};

/// Gives what the changes of a procedure are about.
pub fn procedure_subject(slug: &str) -> String {
    format!("procedure:{slug}")
}

/// A draft is written, or a version is published.
#[derive(Debug)]
pub struct ProcedureWritten {
    /// What it says; the slug and the definition count, and whether it is a draft.
    pub published: Arc<Published>,
}

impl Decide for ProcedureWritten {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        let all = Arc::clone(case.world.procedures()?);
        let asked = &self.published.version;
        check_source(&all, asked)?;
        let is_draft = asked.stage == Stage::Draft;
        let newest = all.newest.get(&asked.slug).copied().unwrap_or(DRAFT);
        let number = if is_draft { DRAFT } else { newest + 1 };
        if let Some(before) = all.active.get(&asked.slug).filter(|_| !is_draft) {
            if before.version.definition == asked.definition
                && before.version.source == asked.source
            {
                // Two daemons read the same file.
                return Ok(());
            }
            case.put_version(before, |version| version.stage = Stage::Archived);
        }
        case.put_version(&self.published, |version| version.version = number);
        case.record(json!({
            "effect": if is_draft { "procedure_drafted" } else { "procedure_published" },
            "procedure": asked.slug, "version": number,
        }));
        Ok(())
    }

    fn foresees(&self) -> Vec<Need> {
        vec![Need::Procedures]
    }
}

/// A file alone says what a procedure is that it once said.
fn check_source(all: &Procedures, asked: &Version) -> Result<(), Stop> {
    let active = all.active.get(&asked.slug);
    match active.map(|active| &active.version.source) {
        Some(Source::File(file)) if asked.source == Source::Api => {
            let detail = format!("`{}` is written in `{file}`; change it there", asked.slug);
            Err(Stop::refuse(Reason::IllegalMove, "procedure", detail))
        }
        _ => Ok(()),
    }
}

/// A procedure is archived: no run begins with it any more.
#[derive(Debug)]
pub struct ProcedureArchived {
    /// Which.
    pub slug: String,
    /// Who archives it: a file that is gone, or somebody.
    pub source: Source,
}

impl Decide for ProcedureArchived {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        let all = Arc::clone(case.world.procedures()?);
        let Some(active) = all.active.get(&self.slug) else {
            let detail = format!("no version of `{}` is active", self.slug);
            return Err(Stop::refuse(Reason::Settled, "procedure", detail));
        };
        let asked = Version {
            source: self.source.clone(),
            ..active.version.clone()
        };
        check_source(&all, &asked)?;
        case.put_version(active, |version| version.stage = Stage::Archived);
        let number = active.version.version;
        case.record(json!({
            "effect": "procedure_archived", "procedure": self.slug, "version": number,
        }));
        Ok(())
    }

    fn foresees(&self) -> Vec<Need> {
        vec![Need::Procedures]
    }
}

/// A version is stopped, so that no run begins or goes on with it, or let go on again.
#[derive(Debug)]
pub struct VersionStopped {
    /// The procedure.
    pub slug: String,
    /// The version.
    pub version: i64,
    /// Why; `None`: it goes on.
    pub why: Option<String>,
}

impl Decide for VersionStopped {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        // What is published changes with it, so it must be at hand.
        case.world.procedures()?;
        let found = case.world.version(&self.slug, self.version)?;
        let Some(found) = found.filter(|_| self.version != DRAFT).cloned() else {
            let detail = format!("`{}` has no version {}", self.slug, self.version);
            return Err(Stop::refuse(Reason::UnknownReference, "version", detail));
        };
        case.put_version(&found, |version| version.stopped.clone_from(&self.why));
        case.record(json!({
            "effect": if self.why.is_some() { "version_stopped" } else { "version_released" },
            "procedure": self.slug, "version": self.version, "reason": self.why,
        }));
        Ok(())
    }

    fn foresees(&self) -> Vec<Need> {
        vec![
            Need::Procedures,
            Need::Version(self.slug.clone(), self.version),
        ]
    }
}

impl Case<'_> {
    /// Puts a version in place as it is changed; the one way of every change of one.
    fn put_version(&mut self, published: &Arc<Published>, change: impl FnOnce(&mut Version)) {
        let mut changed = (**published).clone();
        change(&mut changed.version);
        changed.version.changed_at = self.now;
        changed.version.changed_by = self.actor().label();
        self.change(Change::Procedure(Arc::new(changed)));
    }
}

/// A run that waits for an answer is moved to another version of its procedure.
#[derive(Debug)]
pub struct RunMoved {
    /// The run.
    pub run_id: String,
    /// The version.
    pub version: i64,
}

/// Says why a run cannot go on with another version; nothing: it can.
pub fn why_not(run: &Run, to: &Published) -> Option<String> {
    if let Some(why) = &to.version.stopped {
        return Some(format!("that version is stopped: {why}"));
    }
    if run.version == to.version.version {
        return Some("it goes by this version already".to_owned());
    }
    if run.state != RunState::AwaitingInput {
        return Some("it does not wait for an answer".to_owned());
    }
    match to.definition.step(&run.step).map(|step| &step.kind) {
        Some(StepKind::CollectInput(_)) => None,
        Some(_) => Some(format!("`{}` asks nothing there", run.step)),
        None => Some(format!("there is no step `{}`", run.step)),
    }
}

impl Decide for RunMoved {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        let run = case.named_run(&self.run_id)?;
        let found = case.world.version(&run.procedure, self.version)?;
        let Some(to) = found.filter(|_| self.version != DRAFT).cloned() else {
            let detail = format!("`{}` has no version {}", run.procedure, self.version);
            return Err(Stop::refuse(Reason::UnknownReference, "version", detail));
        };
        if let Some(why) = why_not(&run, &to) {
            return Err(Stop::refuse(Reason::IllegalMove, "run_id", why));
        }
        case.put_moved(run, self.version);
        Ok(())
    }

    fn foresees(&self) -> Vec<Need> {
        vec![Need::Run(self.run_id.clone())]
    }
}

/// A run has lasted as long as it may.
#[derive(Debug)]
pub struct RunDue {
    /// The run.
    pub run_id: String,
}

impl RunDue {
    /// Makes the input that looks at a run at its time; `None` once it is over.
    ///
    /// `again` tells apart the tries at one that was decided before and is due all the same.
    pub fn input(source: &str, run: &Run, again: Option<i64>) -> Option<Input> {
        let due_at = run.due_at()?;
        let again = again.map(|nth| format!(":{nth}")).unwrap_or_default();
        let run_id = run.run_id.clone();
        let event = Event {
            id: format!("{run_id}:due:{due_at}{again}"),
            source: source.to_owned(),
            kind: "run.due".to_owned(),
            subject: SubjectId::from(run.subject.as_str()),
            time: Some(due_at),
            data: Map::from_iter([("run_id".to_owned(), Value::from(run_id.clone()))]),
            trace: Trace::default(),
        };
        let digest = event.digest();
        let verb = Arc::new(Self { run_id });
        Some(Input::of(event, digest, verb, &Arc::new(Entry::house())))
    }
}

impl Decide for RunDue {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        let run = case.named_run(&self.run_id)?;
        let now: Timestamp = case.looked_at();
        if run.due_at().is_none_or(|due_at| due_at > now) {
            return Ok(());
        }
        let age = run.ends_at.since(run.started_at);
        case.give_run_up(run, &format!("it has lasted {age}"))
    }

    fn foresees(&self) -> Vec<Need> {
        vec![Need::Run(self.run_id.clone())]
    }
}
