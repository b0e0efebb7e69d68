//! Past and present runs of procedures: what was recorded of one, tried again with another definition; and
//! those that wait, moved to another version.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    app::App,
    intake::{Receipt, SubmitError},
};
use crate::{
    decide::{Decide, Entry, RunMoved, why_not},
    domain::{
        access::Verb,
        procedure::{Definition, version::Published},
        run::{Run, RunState},
    },
    store::{Page, Reader, RunFilter, StoreError, TimelineEntry},
    workbench::simulate::{Mock, Said, Script, Simulated, Verdict},
};

/// How many entries of a conversation are read at once.
const STRIDE: i64 = 500;

/// What came of a recorded run, and what would come of it.
#[derive(Clone, Debug, Serialize)]
pub struct Replayed {
    /// What was recorded of it.
    pub recorded: Recorded,
    /// What comes of it with the other definition.
    pub replayed: Simulated,
    /// What differs, in words; nothing: it comes out the same.
    pub differences: Vec<String>,
}

/// What was recorded of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Recorded {
    /// Where it ended or stands.
    pub state: RunState,
    /// The steps that it did.
    pub path: Vec<String>,
    /// What the customer was told.
    pub messages: Vec<String>,
    /// What happened, as a script.
    pub script: Script,
}

impl App {
    /// Runs what was recorded of a run through another definition, without any effect.
    ///
    /// *Errors*: those of the database.
    pub async fn replay_run(
        &self,
        run: &Run,
        definition: &Definition,
    ) -> Result<Replayed, StoreError> {
        let of = run.clone();
        let recorded = self.store.read(move |reader| recorded(reader, &of)).await?;
        let replayed = self.simulate_procedure(definition, &recorded.script);
        let differences = differences(&recorded, &replayed);
        Ok(Replayed {
            recorded,
            replayed,
            differences,
        })
    }
}

/// Reads what happened in a run from the journal of its conversation.
fn recorded(reader: &mut Reader, run: &Run) -> Result<Recorded, StoreError> {
    let conversation = reader.conversation(&run.subject)?;
    let conversation = conversation.map(|row| row.conversation).unwrap_or_default();
    let done = run.trail.iter().filter(|one| !one.is_move());
    let mut recorded = Recorded {
        state: run.state,
        path: done.map(|one| one.step.clone()).collect(),
        messages: Vec::new(),
        script: Script {
            customer: (*conversation.customer).clone(),
            channel: Some(conversation.channel).filter(|channel| !channel.is_empty()),
            ..Script::default()
        },
    };
    let mut page = Page {
        after: None,
        limit: STRIDE,
    };
    loop {
        let entries = reader.timeline(&run.subject, page)?;
        for entry in &entries.items {
            let is_of_run = entry.decided_at >= run.started_at
                && (!run.state.is_over() || entry.decided_at <= run.updated_at);
            if is_of_run {
                recorded.take(reader, run, entry)?;
            }
        }
        match entries.next {
            Some(next) => page.after = Some(next),
            None => break,
        }
    }
    if !run.state.is_over() {
        // An attempt that is tried again, or one of several votes: what it waits for has not come.
        recorded.script.mocks.remove(&run.step);
        recorded.script.approvals.remove(&run.step);
    }
    Ok(recorded)
}

impl Recorded {
    /// Takes in an entry of the journal.
    fn take(
        &mut self,
        reader: &mut Reader,
        run: &Run,
        entry: &TimelineEntry,
    ) -> Result<(), StoreError> {
        let event: Value = serde_json::from_str(&entry.body).unwrap_or_default();
        let results: Vec<Value> = serde_json::from_str(&entry.results).unwrap_or_default();
        let data = &event["data"];
        match entry.kind.as_str() {
            "conversation.message" if data["message"]["author"]["kind"] == "customer" => {
                let text = data["message"]["text"].as_str();
                // What started it is no answer.
                let has_begun = results.iter().all(|one| one["type"] != "procedure.started");
                self.script
                    .inputs
                    .extend(text.filter(|_| has_begun).map(str::to_owned));
            }
            "execution.ended" => self.take_answer(reader, data)?,
            "approval.decided" => self.take_decision(reader, data)?,
            _ => {}
        }
        let own = format!("procedure:{}", run.procedure);
        for result in &results {
            let data = &result["data"];
            let text = |name: &str| data[name].as_str().unwrap_or_default().to_owned();
            match result["type"].as_str().unwrap_or_default() {
                "message.send" if data["reason"] == *own => self.messages.push(text("text")),
                "conversation.transfer" => self.messages.push(text("message")),
                "procedure.started" if data["run_id"] == *run.run_id => {
                    let variables: Option<&Map<String, Value>> = data["variables"].as_object();
                    self.script.variables = variables.cloned().unwrap_or_default();
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn take_answer(&mut self, reader: &mut Reader, data: &Value) -> Result<(), StoreError> {
        let id = data["request_id"].as_str().unwrap_or_default();
        let Some(step) = reader.request(id)?.and_then(|request| request.step) else {
            return Ok(());
        };
        let ended = &data["ended"];
        let status = ended["status"]
            .as_u64()
            .and_then(|status| u16::try_from(status).ok());
        let mock = Mock {
            // No answer came: for a system that is away.
            status: status.unwrap_or(503),
            body: ended["body"].clone(),
        };
        self.script.mocks.insert(step.step, mock);
        Ok(())
    }

    fn take_decision(&mut self, reader: &mut Reader, data: &Value) -> Result<(), StoreError> {
        let id = data["approval_id"].as_str().unwrap_or_default();
        let Some(approval) = reader.approval(id)? else {
            return Ok(());
        };
        let request = reader.request(&approval.request_id)?;
        let Some(step) = request.and_then(|request| request.step) else {
            return Ok(());
        };
        let verdict = match (data["decision"].as_str(), data["reason"].as_str()) {
            (Some("approve"), _) => Verdict::Plain(Said::Approve),
            (_, Some(why)) => Verdict::Rejected {
                reject: why.to_owned(),
            },
            (_, None) => Verdict::Plain(Said::Reject),
        };
        self.script.approvals.insert(step.step, verdict);
        Ok(())
    }
}

fn differences(recorded: &Recorded, replayed: &Simulated) -> Vec<String> {
    // One that waits for what has not happened yet waits for it here too.
    let is_waiting = !recorded.state.is_over() && replayed.state == Some(recorded.state);
    let fault = replayed.fault.iter().filter(|_| !is_waiting);
    let mut said: Vec<String> = fault.cloned().collect();
    if replayed.state != Some(recorded.state) {
        let now = replayed.state.map_or("not begun", RunState::as_str);
        said.push(format!(
            "it was {}, and would be {now}",
            recorded.state.as_str()
        ));
    }
    let path: Vec<String> = replayed.path.iter().map(|one| one.step.clone()).collect();
    if path != recorded.path {
        let (was, is) = (recorded.path.join(", "), path.join(", "));
        said.push(format!("the steps were {was}, and would be {is}"));
    }
    for text in recorded
        .messages
        .iter()
        .filter(|text| !replayed.messages.contains(text))
    {
        said.push(format!("the customer would not hear `{text}`"));
    }
    for text in replayed
        .messages
        .iter()
        .filter(|text| !recorded.messages.contains(text))
    {
        said.push(format!("the customer would hear `{text}`"));
    }
    said
}

/// Which runs are moved to which version.
#[derive(Clone, Debug)]
pub struct MigrationWish {
    /// The procedure.
    pub slug: String,
    /// The version.
    pub to: i64,
    /// Whether it is only looked at.
    pub is_preview: bool,
    /// Which of the runs that wait, newest first.
    pub page: Page,
}

/// What became of runs that wait.
#[derive(Clone, Debug, Serialize)]
pub struct Migrated {
    /// Whether it was only looked at.
    pub preview: bool,
    /// The version.
    pub to: i64,
    /// How many were moved, or would be.
    pub moved: usize,
    /// Each run.
    pub items: Vec<MigratedRun>,
    /// Where the rest goes on.
    pub next: Option<String>,
}

/// A run that waits, and whether it is moved.
#[derive(Clone, Debug, Serialize)]
pub struct MigratedRun {
    /// The run.
    pub run_id: String,
    /// Its conversation.
    pub conversation_id: String,
    /// The step at which it waits.
    pub step: String,
    /// The version that it goes by.
    pub from: i64,
    /// Why it is not moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Why runs were not moved.
#[derive(Debug, thiserror::Error)]
pub enum MigrationFault {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The pipeline did not take it.
    #[error(transparent)]
    Submit(#[from] SubmitError),
}

impl App {
    /// Looks at the runs of a procedure that wait for an answer, and moves them to another version where that is
    /// wanted; `None` where there is no such version.
    pub async fn migrate_runs(
        &self,
        wish: &MigrationWish,
        by: &Entry,
    ) -> Result<Option<Migrated>, MigrationFault> {
        let (slug, to) = (wish.slug.clone(), wish.to);
        let version = self
            .store
            .read(move |reader| reader.procedure_version(&slug, to));
        let published = version
            .await?
            .and_then(|version| Published::read(version).ok());
        let Some(published) = published else {
            return Ok(None);
        };
        let filter = RunFilter {
            procedure: Some(wish.slug.clone()),
            state: Some(RunState::AwaitingInput.as_str().to_owned()),
            conversation: None,
        };
        let page = wish.page;
        let runs = self
            .store
            .read(move |reader| reader.runs(&filter, page))
            .await?;
        let mut done = Migrated {
            preview: wish.is_preview,
            to,
            moved: 0,
            items: Vec::new(),
            next: runs.next.map(|next| next.to_string()),
        };
        for run in runs.items {
            let mut reason = why_not(&run, &published);
            if reason.is_none() && !wish.is_preview {
                reason = self.move_run(&run, to, by).await?;
            }
            done.moved += usize::from(reason.is_none());
            done.items.push(MigratedRun {
                run_id: run.run_id,
                conversation_id: run.subject,
                step: run.step,
                from: run.version,
                reason,
            });
        }
        Ok(Some(done))
    }

    /// Moves a run; gives why that was refused.
    async fn move_run(
        &self,
        run: &Run,
        to: i64,
        by: &Entry,
    ) -> Result<Option<String>, MigrationFault> {
        let verb: Arc<dyn Decide> = Arc::new(RunMoved {
            run_id: run.run_id.clone(),
            version: to,
        });
        let needs: &'static [Verb] = &[Verb::Publish];
        let decided = self.have_decided("run.moved", &run.subject, (verb, needs), by);
        Ok(match decided.await? {
            Receipt::Refused(rejection) => Some(rejection.detail),
            Receipt::Accepted { .. } | Receipt::Duplicate { .. } | Receipt::Ignored { .. } => None,
        })
    }
}
