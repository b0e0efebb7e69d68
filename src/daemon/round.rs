//! Deciding a batch in memory: subject by subject, in order, until all is decided.
//!
//! A decision that needs more of the world blocks its subject for the round;
//! the others go on. What was needed is loaded for the whole batch at once and
//! the next round resumes. An input that needed more [`MAX_ROUNDS`] times and still
//! does is put aside, as is one whose decision panics.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use crate::{
    decide::{Decision, Entry, Input, MAX_DEPTH, MAX_ROUNDS, PutAside, Settings, decide},
    domain::{
        event::{Event, Reason},
        ids::SubjectId,
        members,
        outcome::{Change, Outcome, Parked},
        time::Timestamp,
        verdict::RuleFailure,
        world::{Need, Subject, World},
    },
    policy::Policy,
};

/// One decided input.
#[derive(Debug)]
pub(super) struct Finished {
    /// The input.
    pub(super) input: Arc<Input>,
    /// What follows.
    pub(super) outcome: Outcome,
    /// When it was decided.
    pub(super) now: Timestamp,
    /// The subject's version after it.
    pub(super) version: i64,
    /// The place, among the finished, of the input from outside that it goes back to.
    pub(super) root: usize,
}

struct Step {
    input: Arc<Input>,
    depth: usize,
    /// The place of the root among the finished; `None` for a root itself.
    root: Option<usize>,
    /// How often it has asked for more.
    rounds: usize,
}

/// A batch under decision.
pub(super) struct Round<'a> {
    policy: &'a Policy,
    settings: &'a Settings,
    now: Timestamp,
    /// The world with what was decided so far.
    pub(super) world: World,
    queues: Vec<(SubjectId, VecDeque<Step>)>,
    /// What is decided, in an order that keeps each subject's.
    pub(super) finished: Vec<Finished>,
}

impl<'a> Round<'a> {
    /// Begins with the inputs in order of intake.
    pub(super) fn new(
        policy: &'a Policy,
        settings: &'a Settings,
        world: World,
        now: Timestamp,
        inputs: impl Iterator<Item = Arc<Input>>,
    ) -> Self {
        let mut places: HashMap<SubjectId, usize> = HashMap::new();
        let mut queues: Vec<(SubjectId, VecDeque<Step>)> = Vec::new();
        for input in inputs {
            let subject = &input.event.subject;
            let place = *places.entry(subject.clone()).or_insert_with(|| {
                queues.push((subject.clone(), VecDeque::new()));
                queues.len() - 1
            });
            queues[place].1.push_back(Step {
                input,
                depth: 0,
                root: None,
                rounds: 0,
            });
        }
        let mut round = Self {
            policy,
            settings,
            now,
            world,
            queues,
            finished: Vec::new(),
        };
        for (subject, _) in &round.queues {
            let new = || Subject {
                id: subject.clone(),
                version: 0,
                decided_at: now,
                conversation: None,
            };
            round
                .world
                .subjects
                .entry(subject.clone())
                .or_insert_with(new);
        }
        round
    }

    /// Tells what its inputs will need for certain, so that it is loaded at once.
    pub(super) fn foreseen(&self) -> Vec<Need> {
        let steps = self.queues.iter().flat_map(|(_, steps)| steps);
        let needs: BTreeSet<Need> = steps.flat_map(|step| step.input.verb.foresees()).collect();
        needs.into_iter().collect()
    }

    /// Decides as far as the world reaches and tells what is needed to go on; nothing: all is decided.
    pub(super) fn advance(&mut self) -> Vec<Need> {
        let mut needs = BTreeSet::new();
        let mut queues = std::mem::take(&mut self.queues);
        for (subject, steps) in &mut queues {
            while let Some(mut step) = steps.pop_front() {
                match self.decide_step(subject, &step) {
                    Decision::Outcome(outcome) => self.take(subject, &step, outcome, steps),
                    Decision::Needs(_) if step.rounds == MAX_ROUNDS => {
                        steps.push_front(self.give_up(subject, &step));
                    }
                    Decision::Needs(more) => {
                        needs.extend(more);
                        step.rounds += 1;
                        steps.push_front(step);
                        break;
                    }
                }
            }
        }
        queues.retain(|(_, steps)| !steps.is_empty());
        self.queues = queues;
        needs.into_iter().collect()
    }

    /// Gives the step that puts an input aside which still needs more.
    fn give_up(&self, subject: &SubjectId, step: &Step) -> Step {
        tracing::error!(subject = %subject, event.id = %step.input.event.id, "a decision keeps asking for more; its input is parked");
        let detail = format!("the decision asked for more than {MAX_ROUNDS} rounds of loading");
        Step {
            input: Arc::new(put_aside(&step.input, self.settings, &detail)),
            rounds: 0,
            ..*step
        }
    }

    /// Adds what the batch itself has said to messages that were loaded from before it.
    pub(super) fn append_own_messages(&mut self, loaded: &[Need]) {
        for need in loaded {
            let Need::Messages(subject) = need else {
                continue;
            };
            for finished in self
                .finished
                .iter()
                .filter(|finished| finished.input.event.subject == *subject)
            {
                for change in finished
                    .outcome
                    .changes
                    .iter()
                    .filter(|change| matches!(change, Change::Message(_)))
                {
                    self.world.apply(subject, change);
                }
            }
        }
    }

    fn decide_step(&self, subject: &SubjectId, step: &Step) -> Decision {
        let now = self.now_of(subject);
        if step.depth > MAX_DEPTH {
            return Decision::Outcome(Outcome::default());
        }
        let attempt =
            AssertUnwindSafe(|| decide(self.policy, self.settings, &self.world, &step.input, now));
        if let Ok(decision) = catch_unwind(attempt) {
            decision
        } else {
            tracing::error!(event.id = %step.input.event.id, "deciding panicked; the input is parked");
            let aside = put_aside(&step.input, self.settings, "deciding it panicked");
            decide(self.policy, self.settings, &self.world, &aside, now)
        }
    }

    fn now_of(&self, subject: &SubjectId) -> Timestamp {
        self.world
            .subjects
            .get(subject)
            .map_or(self.now, |row| row.decided_at.max(self.now))
    }

    fn take(
        &mut self,
        subject: &SubjectId,
        step: &Step,
        mut outcome: Outcome,
        steps: &mut VecDeque<Step>,
    ) {
        let now = self.now_of(subject);
        for change in &outcome.changes {
            self.world.apply(subject, change);
        }
        let mut version = 0;
        if let Some(row) = self.world.subjects.get_mut(subject) {
            row.version += 1;
            row.decided_at = now;
            version = row.version;
        }
        let root = step.root.unwrap_or(self.finished.len());
        let follow = std::mem::take(&mut outcome.follow);
        self.finished.push(Finished {
            input: Arc::clone(&step.input),
            outcome,
            now,
            version,
            root,
        });
        for event in follow.into_iter().rev() {
            let followed = step.input.follow(event);
            // A run has its own end to its steps.
            let is_step = followed.as_ref().is_ok_and(Input::is_step);
            let depth = step.depth + usize::from(!is_step);
            match followed {
                Ok(_) if depth > MAX_DEPTH => self.report_depth(&step.input),
                Ok(input) => {
                    steps.push_front(Step {
                        input: Arc::new(input),
                        depth,
                        root: Some(root),
                        rounds: 0,
                    });
                }
                Err(rejection) => {
                    tracing::error!(%rejection, "the house asked for what it cannot read");
                }
            }
        }
    }

    /// Reports, on the last input of the chain, that a decision asks itself without an end.
    fn report_depth(&mut self, input: &Input) {
        let Some(last) = self.finished.last_mut() else {
            return;
        };
        let failure = RuleFailure {
            rule: Arc::from(
                input
                    .event
                    .data
                    .get("rule")
                    .and_then(|rule| rule.as_str())
                    .unwrap_or_default(),
            ),
            file: Arc::from(""),
            line: 0,
            column: 0,
            error: format!("rules ask one another more than {MAX_DEPTH} deep"),
        };
        let mut data = serde_json::to_value(&failure).unwrap_or_default();
        data["event_id"] = serde_json::json!(input.event.id);
        if let serde_json::Value::Object(data) = data {
            let subject = input.event.subject.clone();
            last.outcome
                .results
                .push(crate::domain::outcome::ResultEvent {
                    kind: "rule.failed",
                    subject,
                    data,
                });
        }
    }
}

/// Makes the input that puts `input` aside as poison. It keeps the subject, so that order holds.
pub(super) fn put_aside(input: &Input, settings: &Settings, detail: &str) -> Input {
    let parked = Parked {
        parked_id: input.key.derive("prk", 0).to_id("prk"),
        reason: Reason::Poison,
        detail: detail.to_owned(),
        event_id: Some(input.event.id.clone()),
        entry: input.entry.name.to_string(),
        transport: r#"{"content_type":"application/cloudevents+json"}"#.to_owned(),
        content: Arc::from(input.event.to_json().as_bytes()),
    };
    let mut aside = parking_input(
        parked,
        input.event.subject.clone(),
        &settings.source,
        &input.entry,
    );
    aside.key = input.key;
    aside.digest = input.digest;
    aside.reply_to.clone_from(&input.reply_to);
    aside.correlation_id.clone_from(&input.correlation_id);
    aside
}

/// Makes the input that parks a message.
pub(super) fn parking_input(
    parked: Parked,
    subject: SubjectId,
    source: &str,
    entry: &Arc<Entry>,
) -> Input {
    let data = serde_json::json!({"parked_id": parked.parked_id, "reason": parked.reason, "entry": parked.entry});
    let id = parked.parked_id.clone();
    let event = Event {
        data: members::of(data),
        ..Event::of_house(source, "event.parked", id, subject)
    };
    Input::made(event, Arc::new(PutAside(parked)), entry)
}
