//! A world in memory: decides events one by one, as the daemon would commit them.
//!
//! Everything is at hand, so that a [`Need`] is answered at once; what a decision
//! asks of the house is decided right after it, at most [`MAX_DEPTH`] deep; the
//! clock moves only when it is told to, and schedules come due on its way.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value};

use crate::{
    decide::{Decision, Entry, Input, MAX_DEPTH, Settings, decide, due_event},
    domain::{
        event::{Event, Reason, Rejection},
        facts::{Facts, StateFacts},
        history::Past,
        outcome::Outcome,
        time::Timestamp,
        world::{Need, Subject, TeamLoad, World},
    },
    policy::Policy,
};

/// How many rounds of [`Need`] a decision may take.
const MAX_ROUNDS: usize = 8;

/// Something that came out.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// When.
    pub at: Timestamp,
    /// The outbound type.
    pub kind: String,
    /// Its content.
    pub data: Map<String, Value>,
    /// The rules that fired in the decision it came from.
    pub rules: Vec<String>,
}

/// What one event led to.
#[derive(Clone, Debug, Default)]
pub struct Trail {
    /// The outputs, in order, those of what was asked of the house included.
    pub outputs: Vec<Output>,
    /// The rules that fired, in order.
    pub fired: Vec<String>,
    /// What the rules saw; `None` when none was asked.
    pub facts: Option<Facts>,
}

/// The world, its policy and its clock.
#[derive(Debug)]
pub struct BenchWorld<'a> {
    policy: &'a Policy,
    settings: &'a Settings,
    world: World,
    now: Timestamp,
    next_number: i64,
    entry: Arc<Entry>,
}

impl<'a> BenchWorld<'a> {
    /// Makes an empty world whose clock stands at `now`.
    pub fn new(policy: &'a Policy, settings: &'a Settings, now: Timestamp) -> Self {
        Self::over(policy, settings, World::default(), now)
    }

    /// Goes on with a world that was made before, under this policy and these settings.
    pub fn over(policy: &'a Policy, settings: &'a Settings, world: World, now: Timestamp) -> Self {
        let entry = Entry {
            name: Arc::from("workbench"),
            ..Entry::house()
        };
        Self {
            policy,
            settings,
            world,
            now,
            next_number: 1,
            entry: Arc::new(entry),
        }
    }

    /// Gives the time.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Gives the world as it is now.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Decides an event now.
    ///
    /// *Errors*: the data is not what the type asks for.
    pub fn deliver(&mut self, event: Event) -> Result<Trail, Rejection> {
        let input = Input::read(event, &self.entry)?;
        self.decide(&input)
    }

    /// Decides an input now.
    ///
    /// *Errors*: it needs more than a world in memory has.
    pub fn decide(&mut self, input: &Input) -> Result<Trail, Rejection> {
        let mut trail = Trail::default();
        self.decide_all(input, 0, &mut trail)?;
        Ok(trail)
    }

    /// Moves the clock on to `until` and decides the schedules that come due on the way, in order.
    pub fn advance(&mut self, until: Timestamp) -> Result<Trail, Rejection> {
        let mut trail = Trail::default();
        loop {
            let next = self
                .policy
                .schedules()
                .iter()
                .filter_map(|schedule| Some((schedule.next_after(self.now)?, &schedule.rule)))
                .filter(|(at, _)| *at <= until)
                .min_by_key(|(at, _)| *at);
            let Some((at, _)) = next else { break };
            // Several may fall on one instant; each is decided before the clock stands on it.
            let due: Vec<Arc<str>> = self
                .policy
                .schedules()
                .iter()
                .filter(|schedule| schedule.next_after(self.now) == Some(at))
                .map(|schedule| Arc::clone(&schedule.rule))
                .collect();
            self.now = at;
            for rule in due {
                let event = due_event(&self.settings.source, &rule, at);
                let input = Input::read(event, &Arc::new(Entry::house()))?;
                self.decide_all(&input, 0, &mut trail)?;
            }
        }
        self.now = self.now.max(until);
        Ok(trail)
    }

    /// Gives what the rules would see of an event that is not decided, for `explain`.
    pub fn facts(&self, event: &Event) -> Facts {
        let state = StateFacts {
            now: self.now,
            time: event.time.unwrap_or(self.now),
            conversation: self.world.conversation(&event.subject).map(Arc::clone),
            ticket: None,
            draft: None,
            request: None,
            history: BTreeMap::new(),
        };
        Facts {
            event: Arc::new(event.clone()),
            state,
        }
    }

    fn decide_all(
        &mut self,
        input: &Input,
        depth: usize,
        trail: &mut Trail,
    ) -> Result<(), Rejection> {
        let subject = input.event.subject.clone();
        self.world
            .subjects
            .entry(subject.clone())
            .or_insert_with(|| Subject {
                id: subject.clone(),
                version: 0,
                decided_at: self.now,
                conversation: None,
            });
        let outcome = self.settle(input)?;
        for change in &outcome.changes {
            self.world.apply(&subject, change);
        }
        if let Some(row) = self.world.subjects.get_mut(&subject) {
            row.version += 1;
            row.decided_at = self.now;
        }
        self.keep(input, &outcome, trail);
        for event in outcome.follow {
            if depth < MAX_DEPTH {
                let child = input.follow(event)?;
                self.decide_all(&child, depth + 1, trail)?;
            }
        }
        Ok(())
    }

    fn settle(&mut self, input: &Input) -> Result<Outcome, Rejection> {
        // Windows move with the clock.
        self.world.histories.clear();
        for _ in 0..MAX_ROUNDS {
            match decide(self.policy, self.settings, &self.world, input, self.now) {
                Decision::Outcome(outcome) => return Ok(outcome),
                Decision::Needs(needs) => needs.iter().for_each(|need| self.load(need)),
            }
        }
        let detail = format!("the decision still needs something after {MAX_ROUNDS} rounds");
        Err(Rejection::new(Reason::Poison, "", detail))
    }

    fn load(&mut self, need: &Need) {
        let world = &mut self.world;
        match need {
            Need::Escalation(id) => {
                world.escalations.entry(id.clone()).or_default();
            }
            Need::Messages(subject) => {
                world.messages.entry(subject.clone()).or_default();
            }
            Need::Team(team) => {
                let mut load = TeamLoad::default();
                for ticket in world.tickets.values().flatten() {
                    if ticket.status.is_unfinished()
                        && ticket.team.as_ref() == Some(team)
                        && let Some(person) = &ticket.assignee
                    {
                        *load.open.entry(person.clone()).or_default() += 1;
                    }
                }
                world.teams.entry(team.clone()).or_insert(load);
            }
            Need::Ticket(id) => {
                world.tickets.entry(id.clone()).or_default();
            }
            Need::Approval(id) => {
                world.approvals.entry(id.clone()).or_default();
            }
            Need::Budget(key, _) => {
                world.budgets.entry(key.clone()).or_default();
            }
            Need::Execution(id) => {
                world.executions.entry(id.clone()).or_default();
            }
            Need::Request(id) => {
                world.requests.entry(id.clone()).or_default();
            }
            Need::History(ask) => {
                let since = self.now.minus(ask.window);
                world.recall(ask.clone(), since, Some(Past::default()));
            }
            Need::Tally(ask) => {
                let tallies = world.tallies.entry(ask.of.clone()).or_default();
                tallies.keep(None, &ask.hours, &BTreeMap::new());
            }
            Need::TokenOwners => {
                world.token_owners.get_or_insert_default();
            }
            Need::TicketNumber => {
                world.numbers.push_back(self.next_number);
                self.next_number += 1;
            }
        }
    }

    fn keep(&self, input: &Input, outcome: &Outcome, trail: &mut Trail) {
        let mut rules: Vec<String> = outcome
            .audit
            .as_ref()
            .map(|audit| audit.rules.clone())
            .unwrap_or_default();
        trail.fired.extend(rules.iter().cloned());
        // What a rule asked of the house comes from that rule.
        if let Some(rule) = input.event.data.get("rule").and_then(Value::as_str)
            && input.event.source == self.settings.source
        {
            rules.push(rule.to_owned());
        }
        if let (None, Some(state)) = (&trail.facts, &outcome.facts) {
            trail.facts = Some(Facts {
                event: Arc::clone(&input.event),
                state: state.clone(),
            });
        }
        trail
            .outputs
            .extend(outcome.results.iter().map(|result| Output {
                at: self.now,
                kind: result.kind.to_owned(),
                data: result.data.clone(),
                rules: rules.clone(),
            }));
    }
}
