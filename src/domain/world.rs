//! The slice of the world that a batch has loaded, and what it still needs.
//!
//! Filled by the store under the subjects' locks, read by `crate::decide`,
//! carried forward by [`World::apply`] so that the next input of a batch meets
//! what the one before it changed. Looking up what is not loaded is a [`Need`].

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

use serde_json::Value;

use super::{
    approval::Approval,
    budget::{Budget, BudgetKey},
    conversation::Conversation,
    delegation::Delegation,
    delivery::{ChannelDesk, Delivery},
    escalation::Escalation,
    execution::Execution,
    history::{HistoryAsk, Past, Recalled},
    ids::SubjectId,
    outcome::Change,
    procedure::version::{Procedures, Published},
    request::Request,
    run::Run,
    sla::{Clock, Owner, Pin, Terms},
    tally::{Tallies, TallyAsk, TallyKey},
    ticket::Ticket,
    time::{Span, Timestamp},
};

/// Something that a decision must know and that is not loaded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// An approval, by id.
    Approval(String),
    /// A budget, locked, with what has left its window taken out.
    Budget(BudgetKey, Option<Span>),
    /// What is known of a channel, what is under way to it, and what is due.
    Channel(String),
    /// The newest clock of each metric of something, and those that may still stop.
    Clocks(Owner),
    /// The delegations to somebody that are not over, the oldest first.
    Delegations(String),
    /// An escalation, by id.
    Escalation(String),
    /// The carrying out of a request, by the request's id.
    Execution(String),
    /// A history that a rule declares.
    History(HistoryAsk),
    /// The ticket that another one is merged into, by its id or the number that people use. It may be
    /// of another subject, so the commit looks whether it is still as it was.
    MergeTarget(String),
    /// The newest messages of a conversation.
    Messages(SubjectId),
    /// All procedures that are published.
    Procedures,
    /// A request, by id.
    Request(String),
    /// A run of a procedure, by id.
    Run(String),
    /// A tally, for some hours.
    Tally(TallyAsk),
    /// A team's turn and the open tickets of its members.
    Team(String),
    /// The terms of an earlier version, as a clock has pinned them.
    Terms(Pin),
    /// A ticket, by id.
    Ticket(String),
    /// A free ticket number.
    TicketNumber,
    /// Who owns a token, with which roles.
    TokenOwners,
    /// A version of a procedure, by slug and number.
    Version(String, i64),
}

/// How many messages a ticket's context carries.
pub const CONTEXT_MESSAGES: usize = 10;

/// The row of a subject: its lock, its version, and the conversation's state if it is one.
#[derive(Clone, Debug, PartialEq)]
pub struct Subject {
    /// What it is.
    pub id: SubjectId,
    /// How many inputs it has seen.
    pub version: i64,
    /// The time of its newest decision; `now` never runs backwards within a subject.
    pub decided_at: Timestamp,
    /// The conversation's state; `None` for what is no conversation.
    pub conversation: Option<Arc<Conversation>>,
}

/// A team's turn and load.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TeamLoad {
    /// How many turns round robin has gone on.
    pub turn: i64,
    /// Unfinished tickets by member.
    pub open: BTreeMap<String, i64>,
}

/// What is loaded. A key with `None` is known not to exist.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// The subjects of the batch; absent: a new one.
    pub subjects: HashMap<SubjectId, Subject>,
    /// Tickets by id.
    pub tickets: HashMap<String, Option<Arc<Ticket>>>,
    /// Tickets that others are merged into, by what was said, as they were read.
    pub merge_targets: HashMap<String, Option<Arc<Ticket>>>,
    /// Requests by id.
    pub requests: HashMap<String, Option<Arc<Request>>>,
    /// Approvals by id.
    pub approvals: HashMap<String, Option<Arc<Approval>>>,
    /// Channels by name, with their deliveries.
    pub channels: HashMap<String, ChannelDesk>,
    /// Delegations by the one who stands in, the oldest first; those that were not over when they were
    /// loaded.
    pub delegations: HashMap<String, Vec<Arc<Delegation>>>,
    /// Clocks by what they belong to: the newest of each metric, and those that may still stop.
    pub clocks: HashMap<Owner, Vec<Arc<Clock>>>,
    /// Terms of earlier versions; `None`: they are kept nowhere.
    pub terms: HashMap<Pin, Option<Terms>>,
    /// Executions by request.
    pub executions: HashMap<String, Option<Arc<Execution>>>,
    /// Budgets as they are now.
    pub budgets: HashMap<BudgetKey, Budget>,
    /// The histories that rules declare, by [`HistoryAsk::identity`].
    pub histories: HashMap<String, Recalled>,
    /// Tallies, as far as they are loaded.
    pub tallies: HashMap<TallyKey, Tallies>,
    /// Owners of tokens with their roles; `None`: not loaded.
    pub token_owners: Option<Vec<(String, Vec<String>)>>,
    /// Escalations by id.
    pub escalations: HashMap<String, Option<Arc<Escalation>>>,
    /// Teams by name.
    pub teams: HashMap<String, TeamLoad>,
    /// The newest messages by conversation, oldest first, at most [`CONTEXT_MESSAGES`].
    pub messages: HashMap<SubjectId, Vec<Value>>,
    /// Free ticket numbers, lowest first.
    pub numbers: VecDeque<i64>,
    /// All procedures that are published; `None`: not loaded.
    pub procedures: Option<Arc<Procedures>>,
    /// Versions of procedures, by slug and number.
    pub versions: HashMap<(String, i64), Option<Arc<Published>>>,
    /// Runs of procedures by id.
    pub runs: HashMap<String, Option<Arc<Run>>>,
}

impl World {
    /// Gives the state of a conversation; `None` when it is new.
    pub fn conversation(&self, id: &SubjectId) -> Option<&Arc<Conversation>> {
        self.subjects.get(id)?.conversation.as_ref()
    }

    /// Gives a ticket, `None` when there is none of that id.
    pub fn ticket(&self, id: &str) -> Result<Option<&Arc<Ticket>>, Need> {
        self.tickets
            .get(id)
            .map(Option::as_ref)
            .ok_or_else(|| Need::Ticket(id.to_owned()))
    }

    /// Gives the ticket that another one is merged into, as it is now.
    pub fn merge_target(&self, name: &str) -> Result<Option<&Arc<Ticket>>, Need> {
        let found = self.merge_targets.get(name);
        let read = found.ok_or_else(|| Need::MergeTarget(name.to_owned()))?;
        Ok(read.as_ref().map(|read| {
            let known = self.tickets.get(&read.ticket_id).and_then(Option::as_ref);
            // What the batch has done to it counts; what it had read before it asked does not.
            known
                .filter(|known| known.updated_at > read.updated_at)
                .unwrap_or(read)
        }))
    }

    /// Gives an escalation, `None` when there is none of that id.
    pub fn escalation(&self, id: &str) -> Result<Option<&Arc<Escalation>>, Need> {
        self.escalations
            .get(id)
            .map(Option::as_ref)
            .ok_or_else(|| Need::Escalation(id.to_owned()))
    }

    /// Gives a request, `None` when there is none of that id.
    pub fn request(&self, id: &str) -> Result<Option<&Arc<Request>>, Need> {
        let found = self.requests.get(id).map(Option::as_ref);
        found.ok_or_else(|| Need::Request(id.to_owned()))
    }

    /// Gives an approval, `None` when there is none of that id.
    pub fn approval(&self, id: &str) -> Result<Option<&Arc<Approval>>, Need> {
        let found = self.approvals.get(id).map(Option::as_ref);
        found.ok_or_else(|| Need::Approval(id.to_owned()))
    }

    /// Gives a channel with what is under way to it and what is due.
    pub fn channel(&self, name: &str) -> Result<&ChannelDesk, Need> {
        let found = self.channels.get(name).filter(|desk| desk.is_loaded);
        found.ok_or_else(|| Need::Channel(name.to_owned()))
    }

    /// Gives the delegations to somebody, the oldest first.
    pub fn delegations(&self, to: &str) -> Result<&[Arc<Delegation>], Need> {
        let found = self.delegations.get(to).map(Vec::as_slice);
        found.ok_or_else(|| Need::Delegations(to.to_owned()))
    }

    /// Gives the carrying out of a request, `None` when it is over or never began.
    pub fn execution(&self, request_id: &str) -> Result<Option<&Arc<Execution>>, Need> {
        let found = self.executions.get(request_id).map(Option::as_ref);
        found.ok_or_else(|| Need::Execution(request_id.to_owned()))
    }

    /// Gives a budget, whose window is so long.
    pub fn budget(&self, key: &BudgetKey, window: Option<Span>) -> Result<&Budget, Need> {
        let found = self.budgets.get(key);
        found.ok_or_else(|| Need::Budget(key.clone(), window))
    }

    /// Gives a history that a rule declares.
    pub fn history(&self, ask: &HistoryAsk) -> Result<&Recalled, Need> {
        let found = self.histories.get(&ask.identity());
        found.ok_or_else(|| Need::History(ask.clone()))
    }

    /// Keeps a history as the database has it, without the requests that are loaded: these join it as
    /// they are now. `None`: it was too long to be read.
    pub fn recall(&mut self, ask: HistoryAsk, since: Timestamp, past: Option<Past>) {
        let identity = ask.identity();
        let mut recalled = Recalled::new(ask, since, past);
        for request in self.requests.values().flatten() {
            recalled.moved(None, Some(request));
        }
        self.histories.insert(identity, recalled);
    }

    /// Gives a tally, known for the hours that are asked for.
    pub fn tally(&self, ask: &TallyAsk) -> Result<&Tallies, Need> {
        let found = self.tallies.get(&ask.of);
        let found = found.filter(|tallies| tallies.reaches(&ask.hours));
        found.ok_or_else(|| Need::Tally(ask.clone()))
    }

    /// Gives the clocks of something, by metric and cycle.
    pub fn clocks(&self, owner: &Owner) -> Result<&[Arc<Clock>], Need> {
        let found = self.clocks.get(owner).map(Vec::as_slice);
        found.ok_or_else(|| Need::Clocks(owner.clone()))
    }

    /// Gives the terms of an earlier version; `None` when nobody has kept them.
    pub fn terms(&self, pin: &Pin) -> Result<Option<&Terms>, Need> {
        let found = self.terms.get(pin).map(Option::as_ref);
        found.ok_or_else(|| Need::Terms(pin.clone()))
    }

    /// Gives who owns a token.
    pub fn token_owners(&self) -> Result<&[(String, Vec<String>)], Need> {
        self.token_owners.as_deref().ok_or(Need::TokenOwners)
    }

    /// Gives all procedures that are published.
    pub fn procedures(&self) -> Result<&Arc<Procedures>, Need> {
        self.procedures.as_ref().ok_or(Need::Procedures)
    }

    /// Gives a version of a procedure, `None` when there is none.
    pub fn version(&self, slug: &str, version: i64) -> Result<Option<&Arc<Published>>, Need> {
        let place = (slug.to_owned(), version);
        let found = self.versions.get(&place).map(Option::as_ref);
        found.ok_or(Need::Version(place.0, place.1))
    }

    /// Gives a run of a procedure, `None` when there is none of that id.
    pub fn run(&self, id: &str) -> Result<Option<&Arc<Run>>, Need> {
        let found = self.runs.get(id).map(Option::as_ref);
        found.ok_or_else(|| Need::Run(id.to_owned()))
    }

    /// Gives a team's turn and load.
    pub fn team(&self, name: &str) -> Result<&TeamLoad, Need> {
        self.teams
            .get(name)
            .ok_or_else(|| Need::Team(name.to_owned()))
    }

    /// Gives the newest messages of a conversation, oldest first.
    pub fn messages(&self, id: &SubjectId) -> Result<&[Value], Need> {
        self.messages
            .get(id)
            .map(Vec::as_slice)
            .ok_or_else(|| Need::Messages(id.clone()))
    }

    /// Gives the `nth` free ticket number, from 0.
    pub fn number(&self, nth: usize) -> Result<i64, Need> {
        self.numbers.get(nth).copied().ok_or(Need::TicketNumber)
    }

    /// Carries a decision's change forward.
    pub fn apply(&mut self, subject: &SubjectId, change: &Change) {
        match change {
            Change::Conversation(conversation) => {
                if let Some(row) = self.subjects.get_mut(subject) {
                    row.conversation = Some(Arc::clone(conversation));
                }
            }
            Change::Message(message) => {
                if let Some(messages) = self.messages.get_mut(subject) {
                    if messages.len() == CONTEXT_MESSAGES {
                        messages.remove(0);
                    }
                    messages.push(message.clone());
                }
            }
            Change::Ticket(ticket) => {
                let before = self
                    .tickets
                    .insert(ticket.ticket_id.clone(), Some(Arc::clone(ticket)))
                    .flatten();
                self.count_open(before.as_deref(), -1);
                self.count_open(Some(ticket), 1);
            }
            Change::Escalation(escalation) => {
                self.escalations.insert(
                    escalation.escalation_id.clone(),
                    Some(Arc::clone(escalation)),
                );
            }
            Change::Channel(name, state) => {
                let desk = self.channels.entry(name.clone()).or_default();
                desk.state = Arc::clone(state);
            }
            Change::Delivery { delivery, .. } => self.put_delivery(delivery),
            Change::Request { .. }
            | Change::Approval(_)
            | Change::Delegation(_)
            | Change::Execution(_)
            | Change::ExecutionOver(_)
            | Change::Reserve(..)
            | Change::Release(..)
            | Change::Tally(_) => self.apply_to_actions(change),
            Change::Clock(clock) => self.put_clock(clock),
            Change::Procedure(published) => self.put_version(published),
            Change::Run(run) => self.put_run(run),
            Change::TeamTurn(team) => {
                if let Some(load) = self.teams.get_mut(team) {
                    load.turn += 1;
                }
            }
            Change::NumberTaken => {
                self.numbers.pop_front();
            }
            Change::Anomaly(_)
            | Change::Comment(_)
            | Change::Lead(_)
            | Change::Park(_)
            | Change::Seal(_)
            | Change::Transition(_)
            | Change::Unpark(_) => {}
        }
    }

    /// Whoever changes one has loaded all.
    fn put_version(&mut self, published: &Arc<Published>) {
        let version = &published.version;
        let place = (version.slug.clone(), version.version);
        self.versions.insert(place, Some(Arc::clone(published)));
        if let Some(all) = &mut self.procedures {
            Arc::make_mut(all).put(published);
        }
    }

    fn put_run(&mut self, run: &Arc<Run>) {
        let id = run.run_id.clone();
        self.runs.insert(id, Some(Arc::clone(run)));
    }

    fn put_clock(&mut self, clock: &Arc<Clock>) {
        // What changes was loaded before, or is new.
        let known = self.clocks.entry(clock.key.owner.clone()).or_default();
        match known.iter_mut().find(|known| known.key == clock.key) {
            Some(known) => known.clone_from(clock),
            None => known.push(Arc::clone(clock)),
        }
    }

    fn apply_to_actions(&mut self, change: &Change) {
        match change {
            Change::Request { request, .. } => {
                let id = request.request_id.clone();
                let before = self.requests.insert(id, Some(Arc::clone(request)));
                let before = before.flatten();
                for history in self.histories.values_mut() {
                    history.moved(before.as_deref(), Some(request));
                }
            }
            Change::Approval(approval) => {
                let id = approval.approval_id.clone();
                self.approvals.insert(id, Some(Arc::clone(approval)));
            }
            Change::Delegation(delegation) => self.put_delegation(delegation),
            Change::Execution(execution) => {
                let id = execution.request_id.clone();
                self.executions.insert(id, Some(Arc::clone(execution)));
            }
            Change::ExecutionOver(id) => {
                self.executions.insert(id.clone(), None);
            }
            Change::Reserve(key, reservation) => {
                if let Some(budget) = self.budgets.get_mut(key) {
                    budget.take(reservation.amount);
                }
            }
            Change::Release(key, reservation) => {
                if let Some(budget) = self.budgets.get_mut(key) {
                    budget.release(reservation.amount);
                }
            }
            Change::Tally(tallied) => {
                if let Some(tallies) = self.tallies.get_mut(&tallied.of) {
                    tallies.add(tallied.hour, tallied.added);
                }
            }
            Change::Anomaly(_)
            | Change::Channel(..)
            | Change::Clock(_)
            | Change::Comment(_)
            | Change::Conversation(_)
            | Change::Delivery { .. }
            | Change::Escalation(_)
            | Change::Lead(_)
            | Change::Message(_)
            | Change::NumberTaken
            | Change::Park(_)
            | Change::Procedure(_)
            | Change::Run(_)
            | Change::Seal(_)
            | Change::TeamTurn(_)
            | Change::Ticket(_)
            | Change::Transition(_)
            | Change::Unpark(_) => {}
        }
    }

    /// Also where nothing is loaded: what is read later does not have it yet.
    fn put_delivery(&mut self, delivery: &Arc<Delivery>) {
        let name = delivery.channel.clone();
        self.channels.entry(name).or_default().put(delivery);
    }

    /// Whoever makes one or takes one back has loaded those that its stand-in has.
    fn put_delegation(&mut self, delegation: &Arc<Delegation>) {
        let Some(standing) = self.delegations.get_mut(&delegation.to) else {
            return;
        };
        let mut known = standing.iter_mut();
        match known.find(|known| known.delegation_id == delegation.delegation_id) {
            Some(known) => known.clone_from(delegation),
            None => standing.push(Arc::clone(delegation)),
        }
    }

    fn count_open(&mut self, ticket: Option<&Ticket>, by: i64) {
        let Some(ticket) = ticket.filter(|ticket| ticket.status.is_unfinished()) else {
            return;
        };
        let (Some(team), Some(person)) = (&ticket.team, &ticket.assignee) else {
            return;
        };
        if let Some(load) = self.teams.get_mut(team) {
            *load.open.entry(person.clone()).or_default() += by;
        }
    }
}
