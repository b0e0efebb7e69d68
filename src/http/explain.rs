//! Explaining an event on the state as it is now: decided as it would be, committed never.
//!
//! The world is read without locks, need by need, so the answer is what a
//! decision at this moment would have been.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    page::shown,
    problem::{Kind, Problem},
    state::Api,
};
use crate::{
    decide::{Decision, Entry, Input, MAX_ROUNDS, decide},
    domain::{
        event::Event,
        facts::Facts,
        ids::SubjectId,
        outcome::Outcome,
        procedure::version::Published,
        world::{CONTEXT_MESSAGES, Need, Subject, TeamLoad, World},
    },
    store::{Page, Reader, StoreError, TicketFilter},
};

/// Explains an event.
///
/// *Errors*: 400 when it is not what its type asks for.
pub(super) async fn explain(api: &Api, event: Event, entry: Entry) -> Result<Value, Problem> {
    let input = Input::read(event, &Arc::new(entry))?;
    let ruling = api.app.in_force.ruling();
    let now = api.app.clock.now();
    let subject = input.event.subject.clone();
    let mut world = api.read(move |reader| open(reader, &subject)).await?;
    for _ in 0..MAX_ROUNDS {
        match decide(&ruling.policy, &ruling.settings, &world, &input, now) {
            Decision::Outcome(outcome) => {
                let explained = outcome.facts.as_ref().map(|state| {
                    let facts = Facts {
                        event: Arc::clone(&input.event),
                        state: state.clone(),
                    };
                    ruling.policy.explain(&facts)
                });
                return Ok(answer(&ruling.version, &outcome, &shown(&explained)));
            }
            Decision::Needs(needs) => {
                world = api
                    .read(move |reader| {
                        let mut world = world.clone();
                        for need in &needs {
                            load(reader, need, &mut world)?;
                        }
                        reader.histories(&needs, now, &mut world)?;
                        reader.tallies(&needs, &mut world)?;
                        Ok(world)
                    })
                    .await?;
            }
        }
    }
    Err(Problem::new(
        Kind::Internal,
        "the decision asks for more without an end",
    ))
}

fn answer(version: &str, outcome: &Outcome, explained: &Value) -> Value {
    let rules = explained.get("rules").cloned().unwrap_or_else(|| json!([]));
    let results: Vec<Value> = outcome
        .results
        .iter()
        .map(|result| json!({ "type": result.kind, "data": result.data }))
        .collect();
    let follow: Vec<Value> = outcome
        .follow
        .iter()
        .map(|event| json!({ "type": event.kind, "data": event.data }))
        .collect();
    json!({ "version": version, "rules": rules, "results": results, "follow": follow })
}

fn open(reader: &mut Reader, id: &SubjectId) -> Result<World, StoreError> {
    let mut world = World::default();
    let found = reader.conversation(id.as_str())?;
    let open_tickets = found
        .as_ref()
        .map(|row| row.conversation.open_tickets.clone())
        .unwrap_or_default();
    world.subjects.insert(
        id.clone(),
        Subject {
            id: id.clone(),
            version: found.as_ref().map_or(0, |row| row.version),
            decided_at: found.as_ref().map(|row| row.decided_at).unwrap_or_default(),
            conversation: found.map(|row| Arc::new(row.conversation)),
        },
    );
    for ticket in open_tickets {
        load(reader, &Need::Ticket(ticket), &mut world)?;
    }
    Ok(world)
}

fn load(reader: &mut Reader, need: &Need, world: &mut World) -> Result<(), StoreError> {
    match need {
        Need::Escalation(id) => {
            let found = reader.escalation(id)?.map(Arc::new);
            world.escalations.insert(id.clone(), found);
        }
        Need::Ticket(id) => {
            let found = reader.ticket(id)?.map(Arc::new);
            world.tickets.insert(id.clone(), found);
        }
        Need::MergeTarget(name) => {
            let found = reader.ticket(name)?.map(Arc::new);
            world.merge_targets.insert(name.clone(), found);
        }
        Need::Messages(id) => {
            let found = messages(reader, id, world)?;
            world.messages.insert(id.clone(), found);
        }
        Need::Team(team) => {
            world.teams.insert(team.clone(), team_load(reader, team)?);
        }
        Need::Request(id) => {
            let found = reader.request(id)?.map(Arc::new);
            world.requests.insert(id.clone(), found);
        }
        Need::Approval(id) => {
            let found = reader.approval(id)?.map(Arc::new);
            world.approvals.insert(id.clone(), found);
        }
        Need::Clocks(owner) => {
            let found = reader.clocks_of(owner)?.into_iter().map(Arc::new);
            world.clocks.insert(owner.clone(), found.collect());
        }
        Need::Terms(pin) => {
            let found = reader.terms(pin)?.and_then(|spec| spec.compile().ok());
            world.terms.insert(pin.clone(), found);
        }
        Need::Procedures => world.procedures = Some(reader.published()?),
        Need::Run(id) => {
            let found = reader.run(id)?.map(Arc::new);
            world.runs.insert(id.clone(), found);
        }
        Need::Version(slug, version) => {
            let found = reader.procedure_version(slug, *version)?;
            let found = found.and_then(|found| Published::read(found).ok());
            let found = found.map(Arc::new);
            world.versions.insert((slug.clone(), *version), found);
        }
        // These are read together, beside.
        Need::History(_) | Need::Tally(_) => {}
        // Nothing is carried out, reserved or voted on by looking.
        Need::Budget(key, _) => drop(world.budgets.entry(key.clone()).or_default()),
        Need::Delegations(to) => drop(world.delegations.entry(to.clone()).or_default()),
        Need::Execution(id) => drop(world.executions.entry(id.clone()).or_default()),
        Need::Channel(name) => {
            let (state, _) = reader.channel_posting(name)?;
            let desk = world.channels.entry(name.clone()).or_default();
            desk.fill(Some(state), Vec::new());
        }
        Need::TokenOwners => world.token_owners = Some(Vec::new()),
        // A number that is not taken: nothing is opened.
        Need::TicketNumber => world.numbers.push_back(0),
    }
    Ok(())
}

fn messages(reader: &mut Reader, id: &SubjectId, world: &World) -> Result<Vec<Value>, StoreError> {
    let version = world.subjects.get(id).map_or(0, |subject| subject.version);
    let page = Page {
        after: Some((version - 200).max(0)),
        limit: 200,
    };
    let said: Vec<Value> = reader
        .timeline(id.as_str(), page)?
        .items
        .iter()
        .filter(|entry| entry.kind == "conversation.message")
        .filter_map(|entry| {
            let body: Value = serde_json::from_str(&entry.body).ok()?;
            body.pointer("/data/message").cloned()
        })
        .collect();
    let first = said.len().saturating_sub(CONTEXT_MESSAGES);
    Ok(said[first..].to_vec())
}

fn team_load(reader: &mut Reader, team: &str) -> Result<TeamLoad, StoreError> {
    let mut load = TeamLoad::default();
    let filter = TicketFilter {
        team: Some(team.to_owned()),
        status: ["open", "in_progress", "waiting"].map(str::to_owned).into(),
        ..TicketFilter::default()
    };
    for ticket in reader.tickets(&filter, Page::first(30_000))?.items {
        if let Some(person) = ticket.assignee {
            *load.open.entry(person).or_default() += 1;
        }
    }
    Ok(load)
}
