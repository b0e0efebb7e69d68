//! A world in memory: decides events one by one, as the daemon would commit them.
//!
//! Everything is at hand, so that a [`Need`] is answered at once; what a decision
//! asks of the house is decided right after it, at most [`MAX_DEPTH`] deep; the
//! clock moves only when it is told to, and schedules, approvals, runs of
//! procedures and SLA clocks come due on its way. Actions are started and never answered: no system is within reach.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value, json};

use crate::{
    decide::{
        ApprovalDue, ClockDue, Decision, Entry, Input, MAX_DEPTH, MAX_ROUNDS, RunDue, Settings,
        decide, due_event,
    },
    domain::{
        budget::{Budget, BudgetKey},
        delivery::Delivery,
        event::{Event, Reason, Rejection},
        facts::{Facts, StateFacts},
        history::Past,
        ids::SubjectId,
        members,
        outcome::{Change, Outcome},
        sla::{Owner, TransitionKind},
        ticket::Ticket,
        time::{Span, Timestamp},
        world::{Need, Subject, TeamLoad, World},
    },
    policy::Policy,
};

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
        let known = world.tickets.values().flatten();
        let taken = known.map(|ticket| ticket.number).max().unwrap_or(0);
        Self {
            policy,
            settings,
            world,
            now,
            next_number: taken + 1,
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

    /// Moves the clock on to `until` and decides what comes due on the way, in order: schedules,
    /// then approvals that wait, then runs that have lasted as long as they may, then clocks.
    pub fn advance(&mut self, until: Timestamp) -> Result<Trail, Rejection> {
        let mut trail = Trail::default();
        loop {
            let schedules = self.policy.schedules().iter();
            let schedules = schedules.filter_map(|schedule| schedule.next_after(self.now));
            let approvals = self.world.approvals.values().flatten();
            let approvals = approvals.filter_map(|approval| approval.due_at());
            let runs = self.world.runs.values().flatten();
            let runs = runs.filter_map(|run| run.due_at());
            let clocks = self.world.clocks.values().flatten();
            let clocks = clocks.filter_map(|clock| clock.wake_at);
            let next = schedules.chain(approvals).chain(runs).chain(clocks);
            let Some(at) = next.filter(|at| *at <= until).min() else {
                break;
            };
            // Several may fall on one instant; each is found before the clock stands on it.
            let mut due = self.schedules_due(at)?;
            due.extend(self.approvals_due(at));
            due.extend(self.runs_due(at));
            due.extend(self.clocks_due(at));
            self.now = self.now.max(at);
            for input in due {
                self.decide_all(&input, 0, &mut trail)?;
            }
        }
        self.now = self.now.max(until);
        Ok(trail)
    }

    fn schedules_due(&self, at: Timestamp) -> Result<Vec<Input>, Rejection> {
        let schedules = self.policy.schedules().iter();
        let due = schedules.filter(|schedule| schedule.next_after(self.now) == Some(at));
        due.map(|schedule| {
            let event = due_event(&self.settings.source, &schedule.rule, at);
            Input::read(event, &Arc::new(Entry::house()))
        })
        .collect()
    }

    fn approvals_due(&self, at: Timestamp) -> Vec<Input> {
        let approvals = self.world.approvals.values().flatten();
        let due = approvals.filter(|approval| approval.due_at().is_some_and(|due_at| due_at <= at));
        let source = &self.settings.source;
        let mut due: Vec<Input> = due
            .filter_map(|approval| ApprovalDue::input(source, approval, None))
            .collect();
        due.sort_by(|one, other| one.event.id.cmp(&other.event.id));
        due
    }

    fn runs_due(&self, at: Timestamp) -> Vec<Input> {
        let runs = self.world.runs.values().flatten();
        let due = runs.filter(|run| run.due_at().is_some_and(|due_at| due_at <= at));
        let source = &self.settings.source;
        let mut due: Vec<Input> = due
            .filter_map(|run| RunDue::input(source, run, None))
            .collect();
        due.sort_by(|one, other| one.event.id.cmp(&other.event.id));
        due
    }

    fn clocks_due(&self, at: Timestamp) -> Vec<Input> {
        let mut due: Vec<Input> = Vec::new();
        for (owner, clocks) in &self.world.clocks {
            let wakes = clocks.iter().filter_map(|clock| clock.wake_at);
            let Some(due_at) = wakes.min().filter(|wake_at| *wake_at <= at) else {
                continue;
            };
            if let Some(subject) = self.subject_of(owner) {
                let of = (owner, &subject);
                due.push(ClockDue::input(&self.settings.source, of, due_at, None));
            }
        }
        due.sort_by(|one, other| one.event.id.cmp(&other.event.id));
        due
    }

    fn subject_of(&self, owner: &Owner) -> Option<SubjectId> {
        let subject = match owner {
            Owner::Ticket(id) => self.world.ticket(id).ok()??.conversation_id.clone(),
            Owner::Approval(id) => self.world.approval(id).ok()??.subject.clone(),
            Owner::Request(id) => self.world.request(id).ok()??.subject.clone(),
        };
        Some(SubjectId::from(subject))
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
            let child = input.follow(event)?;
            // A run has its own end to its steps.
            let depth = depth + usize::from(!child.is_step());
            if depth <= MAX_DEPTH {
                self.decide_all(&child, depth, trail)?;
            }
        }
        Ok(())
    }

    fn settle(&mut self, input: &Input) -> Result<Outcome, Rejection> {
        // Windows move with the clock, and tickets with what is decided.
        self.world.merge_targets.clear();
        self.world.histories.clear();
        self.world.budgets.clear();
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
            Need::Escalation(id) => drop(world.escalations.entry(id.clone()).or_default()),
            Need::MergeTarget(name) => {
                let found = ticket_named(world, name);
                world.merge_targets.insert(name.clone(), found);
            }
            Need::Messages(subject) => drop(world.messages.entry(subject.clone()).or_default()),
            Need::Team(team) => {
                let load = load_of(world, team);
                world.teams.entry(team.clone()).or_insert(load);
            }
            Need::Ticket(id) => drop(world.tickets.entry(id.clone()).or_default()),
            Need::Approval(id) => drop(world.approvals.entry(id.clone()).or_default()),
            Need::Budget(key, window) => {
                let budget = budget_of(world, key, *window, self.now);
                world.budgets.insert(key.clone(), budget);
            }
            Need::Channel(name) => {
                world.channels.entry(name.clone()).or_default().is_loaded = true;
            }
            Need::Clocks(owner) => drop(world.clocks.entry(owner.clone()).or_default()),
            Need::Delegations(to) => drop(world.delegations.entry(to.clone()).or_default()),
            Need::Execution(id) => drop(world.executions.entry(id.clone()).or_default()),
            Need::Request(id) => drop(world.requests.entry(id.clone()).or_default()),
            Need::History(ask) => {
                let since = self.now.minus(ask.window);
                world.recall(ask.clone(), since, Some(Past::default()));
            }
            Need::Tally(ask) => {
                let tallies = world.tallies.entry(ask.of.clone()).or_default();
                tallies.keep(None, &ask.hours, &BTreeMap::new());
            }
            Need::Terms(pin) => drop(world.terms.entry(pin.clone()).or_default()),
            Need::TokenOwners => {
                world.token_owners.get_or_insert_default();
            }
            Need::TicketNumber => {
                world.numbers.push_back(self.next_number);
                self.next_number += 1;
            }
            Need::Procedures => drop(world.procedures.get_or_insert_default()),
            Need::Run(id) => drop(world.runs.entry(id.clone()).or_default()),
            Need::Version(slug, version) => {
                let place = (slug.clone(), *version);
                world.versions.entry(place).or_default();
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
        // A gate that let it pass did nothing.
        let checks = outcome.audit.iter().flat_map(|audit| &audit.checks);
        let gates = checks.filter(|check| check.outcome != "passed");
        let gates: Vec<String> = gates.filter_map(|check| check.rule.clone()).collect();
        trail.fired.extend(gates.iter().cloned());
        rules.extend(gates);
        // What is promised fires where a clock begins by it.
        let begun = outcome.changes.iter().filter_map(|change| match change {
            Change::Transition(one) if one.kind == TransitionKind::Started => Some(one),
            _ => None,
        });
        trail
            .fired
            .extend(begun.map(|transition| transition.pin.policy.clone()));
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
        let results = outcome.results.iter().map(|result| Output {
            at: self.now,
            kind: result.kind.to_owned(),
            data: result.data.clone(),
            rules: rules.clone(),
        });
        let mut outputs: Vec<Output> = results.collect();
        for change in &outcome.changes {
            if let Change::Delivery { delivery, is_new } = change
                && *is_new
                && !delivery.channel.starts_with('@')
            {
                show_channel(&mut outputs, delivery, (self.now, &rules));
            }
        }
        trail.outputs.append(&mut outputs);
    }
}

/// Shows that a channel is told something: it is one more of those to whom a notice goes.
fn show_channel(
    outputs: &mut Vec<Output>,
    delivery: &Delivery,
    (at, rules): (Timestamp, &[String]),
) {
    let channel = Value::String(format!("#{}", delivery.channel));
    let known = outputs
        .iter_mut()
        .find(|output| output.data.get("notice_id") == Some(&delivery.notice_id.as_str().into()));
    if let Some(known) = known {
        if let Some(Value::Array(to)) = known.data.get_mut("to") {
            to.push(channel);
        }
        return;
    }
    let notice = &delivery.notice;
    let data = json!({
        "notice_id": delivery.notice_id, "to": [channel], "kind": notice.kind, "about": notice.about,
        "title": notice.title, "text": notice.text,
    });
    outputs.push(Output {
        at,
        kind: "notice.posted".to_owned(),
        data: members::of(data),
        rules: rules.to_vec(),
    });
}

/// Counts the unfinished tickets of a team's members.
fn load_of(world: &World, team: &str) -> TeamLoad {
    let mut load = TeamLoad::default();
    for ticket in world.tickets.values().flatten() {
        if ticket.status.is_unfinished()
            && ticket.team.as_deref() == Some(team)
            && let Some(person) = &ticket.assignee
        {
            *load.open.entry(person.clone()).or_default() += 1;
        }
    }
    load
}

/// Finds a ticket by its id or number.
fn ticket_named(world: &World, name: &str) -> Option<Arc<Ticket>> {
    let mut tickets = world.tickets.values().flatten();
    let found =
        tickets.find(|ticket| ticket.ticket_id == name || ticket.number.to_string() == name);
    found.cloned()
}

/// Adds up what requests hold of a limit within its window.
fn budget_of(world: &World, key: &BudgetKey, window: Option<Span>, now: Timestamp) -> Budget {
    let mut budget = Budget::default();
    let requests = world.requests.values().flatten();
    for held in requests.flat_map(|request| &request.reserved) {
        let is_within = window.is_none_or(|window| held.at > now.minus(window));
        if held.budget() == *key && is_within {
            budget.take(held.amount);
        }
    }
    budget
}
