//! Gathering what a decided batch changed: each thing once, as it is at the end, sorted by its key.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};

use super::round::Finished;
use crate::domain::{
    approval::Approval,
    budget::{BudgetKey, Reservation},
    delegation::Delegation,
    delivery::{ChannelState, Delivery},
    escalation::Escalation,
    execution::Execution,
    ids::SubjectId,
    outcome::Change,
    procedure::version::Published,
    record::{Write, WrittenDelivery, WrittenRequest},
    run::Run,
    sla::{Clock, ClockKey},
    tally::{Tallied, TallyKey},
    ticket::Ticket,
    world::{Subject, World},
};

/// What was reserved or given back, by budget and request; `false`: given back.
type Reservations = BTreeMap<(BudgetKey, String), (Reservation, bool)>;

#[derive(Default)]
struct Gathered {
    subjects: BTreeMap<SubjectId, Subject>,
    tickets: BTreeMap<String, Arc<Ticket>>,
    escalations: BTreeMap<String, Arc<Escalation>>,
    requests: BTreeMap<String, WrittenRequest>,
    approvals: BTreeMap<String, Arc<Approval>>,
    delegations: BTreeMap<String, Arc<Delegation>>,
    channels: BTreeMap<String, Arc<ChannelState>>,
    deliveries: Vec<WrittenDelivery>,
    clocks: BTreeMap<ClockKey, (SubjectId, Arc<Clock>)>,
    executions: BTreeMap<String, Option<Arc<Execution>>>,
    procedures: BTreeMap<(String, i64), Arc<Published>>,
    runs: BTreeMap<String, Arc<Run>>,
    reservations: Reservations,
    tallies: BTreeMap<(TallyKey, i64), Tallied>,
    teams: BTreeMap<String, i64>,
}

/// Gives what a batch writes, but for its rows in the journal and the audit log.
pub(super) fn changed(finished: &[Finished], world: &World) -> Write {
    let mut write = Write::default();
    let mut gathered = Gathered::default();
    for one in finished {
        let subject = &one.input.event.subject;
        if let Some(row) = world.subjects.get(subject) {
            let rows = &mut gathered.subjects;
            rows.entry(subject.clone()).or_insert_with(|| row.clone());
        }
        for change in &one.outcome.changes {
            match change {
                Change::Park(parked) => write.parked.push((parked.clone(), one.now)),
                Change::Unpark(id) => write.unparked.push(id.clone()),
                Change::Anomaly(anomaly) => write.anomalies.push(Arc::clone(anomaly)),
                Change::Comment(comment) => write.comments.push(Arc::clone(comment)),
                Change::Lead(lead) => write.leads.push(Arc::clone(lead)),
                Change::Clock(clock) => {
                    let place = (subject.clone(), Arc::clone(clock));
                    gathered.clocks.insert(clock.key.clone(), place);
                }
                Change::Transition(transition) => {
                    write.transitions.push(Arc::clone(transition));
                }
                Change::Seal(seal) => write.seals.push((Arc::clone(seal), one.now)),
                other => gathered.take(other, world),
            }
        }
    }
    // What a batch has changed itself is held by its subject's version.
    let read = world.merge_targets.values().flatten();
    let is_changed = |read: &&Arc<Ticket>| gathered.tickets.contains_key(&read.ticket_id);
    write.relied_on = read.filter(|read| !is_changed(read)).cloned().collect();
    gathered.put_into(&mut write, world);
    write
}

impl Gathered {
    fn take(&mut self, change: &Change, world: &World) {
        match change {
            Change::Ticket(ticket) => {
                let id = ticket.ticket_id.clone();
                self.tickets.insert(id, Arc::clone(ticket));
            }
            Change::Escalation(escalation) => {
                let id = escalation.escalation_id.clone();
                self.escalations.insert(id, Arc::clone(escalation));
            }
            Change::Request { request, is_new } => {
                let id = request.request_id.clone();
                let was_new = self.requests.get(&id).is_some_and(|before| before.is_new);
                let written = WrittenRequest {
                    request: Arc::clone(request),
                    is_new: *is_new || was_new,
                };
                self.requests.insert(id, written);
            }
            Change::Approval(approval) => {
                let id = approval.approval_id.clone();
                self.approvals.insert(id, Arc::clone(approval));
            }
            Change::Delegation(delegation) => {
                let id = delegation.delegation_id.clone();
                self.delegations.insert(id, Arc::clone(delegation));
            }
            Change::Channel(name, state) => {
                self.channels.insert(name.clone(), Arc::clone(state));
            }
            Change::Delivery { delivery, is_new } => self.deliver(delivery, *is_new),
            Change::Execution(execution) => {
                let id = execution.request_id.clone();
                self.executions.insert(id, Some(Arc::clone(execution)));
            }
            Change::ExecutionOver(id) => {
                self.executions.insert(id.clone(), None);
            }
            Change::Procedure(published) => self.publish(published),
            Change::Run(run) => {
                self.runs.insert(run.run_id.clone(), Arc::clone(run));
            }
            Change::Reserve(key, reservation) => self.reserve(key, reservation, true),
            Change::Release(key, reservation) => self.reserve(key, reservation, false),
            Change::Tally(tallied) => self.tally(tallied),
            Change::TeamTurn(team) => {
                let turn = world.teams.get(team).map_or(0, |load| load.turn);
                self.teams.insert(team.clone(), turn);
            }
            Change::Anomaly(_)
            | Change::Clock(_)
            | Change::Comment(_)
            | Change::Conversation(_)
            | Change::Lead(_)
            | Change::Message(_)
            | Change::NumberTaken
            | Change::Park(_)
            | Change::Seal(_)
            | Change::Transition(_)
            | Change::Unpark(_) => {}
        }
    }

    fn publish(&mut self, published: &Arc<Published>) {
        let version = &published.version;
        let place = (version.slug.clone(), version.version);
        self.procedures.insert(place, Arc::clone(published));
    }

    fn deliver(&mut self, delivery: &Arc<Delivery>, is_new: bool) {
        let id = &delivery.delivery_id;
        let mut known = self.deliveries.iter_mut();
        match known.find(|known| known.delivery.delivery_id == *id) {
            Some(known) => known.delivery = Arc::clone(delivery),
            None => self.deliveries.push(WrittenDelivery {
                delivery: Arc::clone(delivery),
                is_new,
            }),
        }
    }

    fn tally(&mut self, tallied: &Tallied) {
        let place = (tallied.of.clone(), tallied.hour);
        match self.tallies.entry(place) {
            Entry::Vacant(entry) => drop(entry.insert(tallied.clone())),
            Entry::Occupied(mut entry) => entry.get_mut().added.add(tallied.added),
        }
    }

    fn reserve(&mut self, key: &BudgetKey, reservation: &Reservation, is_taken: bool) {
        let place = (key.clone(), reservation.request_id.clone());
        self.reservations
            .insert(place, (reservation.clone(), is_taken));
    }

    fn put_into(self, write: &mut Write, world: &World) {
        write.subjects = self.subjects.into_values().collect();
        write.tickets = self.tickets.into_values().collect();
        write.escalations = self.escalations.into_values().collect();
        write.requests = self.requests.into_values().collect();
        write.approvals = self.approvals.into_values().collect();
        write.delegations = self.delegations.into_values().collect();
        write.deliveries = self.deliveries;
        write.channels = self.channels.into_iter().collect();
        write.clocks = self.clocks.into_values().collect();
        write.tallies = self.tallies.into_values().collect();
        write.teams = self.teams.into_iter().collect();
        write.procedures = self.procedures.into_values().collect();
        write.runs = self.runs.into_values().collect();
        for (id, execution) in self.executions {
            match execution {
                Some(execution) => write.executions.push(execution),
                None => write.executions_over.push(id),
            }
        }
        for ((key, _), (reservation, is_taken)) in self.reservations {
            let budget = world.budgets.get(&key).cloned().unwrap_or_default();
            if write.budgets.last().is_none_or(|(last, _)| *last != key) {
                write.budgets.push((key.clone(), budget));
            }
            let list = if is_taken {
                &mut write.reserved
            } else {
                &mut write.released
            };
            list.push((key, reservation));
        }
    }
}
