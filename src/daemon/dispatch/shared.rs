//! Calls that several requests share: gathered, joined in one transaction, and their answer
//! divided.
//!
//! What waits for others was never sent, whoever had it. Once a call is made for those who wait,
//! one unit of inputs stores it: what is sent with the first of them, each one's place with all.
//! The commit hands them back here, and only then does the call go out, once, under its own
//! key; its end is told to all in one unit again. So the rows of a call come and go together,
//! and after a crash they are found together. Rejected: the call's bytes with each of them – a
//! thousand requests would store a thousand times a thousand.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::json;

use super::{Inner, lock_of};
use crate::{
    connectors::{
        self,
        batch::{self, Gathering},
    },
    decide::{ExecutionJoined, Input},
    domain::{
        action::Batch,
        execution::{Ended, Execution, Joined},
        time::{Span, Timestamp},
    },
};

/// An action that gathers no more: those who still wait go one by one.
const ALONE: Batch = Batch {
    max: 1,
    within: Span::from_millis(1),
};

/// A call, by those who share it.
type Call = Vec<Arc<Execution>>;

/// Sorts executions into calls and those that wait for others.
///
/// A call that lacks somebody at the very attempt at which they joined was never sent, because nothing
/// is sent before all of them are together: they wait again. Later it is sent as it is stored.
pub(super) fn sort(executions: &[Arc<Execution>]) -> (Vec<Call>, Vec<Arc<Execution>>) {
    let (mut calls, mut waiting): (Vec<Call>, Vec<_>) = (Vec::new(), Vec::new());
    let mut shared: BTreeMap<&str, Vec<(&Joined, &Arc<Execution>)>> = BTreeMap::new();
    for execution in executions {
        match (execution.joined(), &execution.share) {
            (Some(joined), _) => {
                let together = shared.entry(&joined.key).or_default();
                together.push((joined, execution));
            }
            (None, Some(_)) => waiting.push(Arc::clone(execution)),
            (None, None) => calls.push(vec![Arc::clone(execution)]),
        }
    }
    for mut together in shared.into_values() {
        together.sort_by_key(|(joined, _)| joined.place);
        let is_sendable = |&(joined, execution): &(&Joined, &Arc<Execution>)| {
            usize::try_from(joined.count) == Ok(together.len())
                || execution.attempt > joined.attempt
        };
        let is_call = together.iter().all(is_sendable);
        let all = together.iter().map(|(_, execution)| Arc::clone(execution));
        if is_call {
            calls.push(all.collect());
        } else {
            waiting.extend(all);
        }
    }
    (calls, waiting)
}

/// Says how the end of a call is the end of each who shares it.
pub(super) fn parts(call: &[Arc<Execution>], ended: Ended) -> Vec<Ended> {
    let Some(joined) = call.first().and_then(|first| first.joined()) else {
        return vec![ended];
    };
    let count = usize::try_from(joined.count).unwrap_or(usize::MAX);
    let Ended::Answered {
        status: status @ 200..=299,
        retry_after,
        body,
    } = ended
    else {
        return vec![ended; call.len()];
    };
    match batch::split(body, count) {
        Ok(parts) => {
            let part = |one: &Arc<Execution>| {
                let place = usize::try_from(one.joined()?.place).ok()?;
                parts.get(place).cloned()
            };
            let answered = call.iter().map(|one| Ended::Answered {
                status,
                retry_after,
                body: part(one).unwrap_or_default(),
            });
            answered.collect()
        }
        Err(fault) => {
            let detail = fault.to_string();
            vec![Ended::Undivided { detail }; call.len()]
        }
    }
}

impl Inner {
    /// Has executions wait for others of their action.
    pub(super) fn gather(self: &Arc<Self>, waiting: Vec<Arc<Execution>>) {
        for execution in waiting {
            let action = execution.action.clone();
            let batch = self.batch_of(&action);
            let now = self.ground.clock.now();
            let (full, is_first) = {
                let mut gathering = lock_of(&self.gathering);
                let own = gathering
                    .entry(action.clone())
                    .or_insert_with(|| Gathering::new(batch.clone()));
                own.set(batch);
                let is_first = own.due().is_none();
                (own.add(execution, now), is_first)
            };
            if let Some(members) = full {
                let joining = Arc::clone(self).join(members);
                self.tasks.spawn_on(joining, &self.runtime);
            } else if is_first {
                let waiting = Arc::clone(self).join_in_time(action);
                self.tasks.spawn_on(waiting, &self.runtime);
            }
        }
    }

    fn batch_of(&self, action: &str) -> Batch {
        let settings = Arc::clone(&self.ground.in_force.ruling().settings);
        let known = settings.catalogue.actions.get(action);
        let batch = known.and_then(|action| action.batch.clone());
        batch.unwrap_or(ALONE)
    }

    /// Waits until the first of an action's requests has waited long enough.
    async fn join_in_time(self: Arc<Self>, action: String) {
        let clock = &self.ground.clock;
        let members = self.stop.run_until_cancelled(async {
            loop {
                let (members, due) = {
                    let mut gathering = lock_of(&self.gathering);
                    let own = gathering.get_mut(&action)?;
                    (own.take_due(clock.now()), own.due())
                };
                if members.is_some() {
                    return members;
                }
                // None: they left because they were as many as one call takes.
                clock.sleep(due?.since(clock.now())).await;
            }
        });
        if let Some(Some(members)) = members.await {
            Arc::clone(&self).join(members).await;
        }
    }

    /// Makes one call for all of them and has it stored. It goes out when the commit hands it back.
    async fn join(self: Arc<Self>, members: Vec<Arc<Execution>>) {
        let keys: Vec<String> = members
            .iter()
            .map(|one| Execution::key_of(&one.request_id))
            .collect();
        let key = batch::key(keys.iter().map(String::as_str));
        match self.combine(&members, &key) {
            Ok(prepared) => {
                let inputs = self.joining(&members, &key, prepared);
                let complaint = "a call for many requests was not stored; it is tried again";
                self.have_decided(inputs, complaint).await;
            }
            Err(detail) => {
                for one in members {
                    self.forget(&one.request_id);
                    let refused = Ended::Refused {
                        detail: detail.clone(),
                    };
                    Arc::clone(&self).tell(vec![one], refused).await;
                }
            }
        }
    }

    /// Makes what is sent for all of them.
    fn combine(&self, members: &[Arc<Execution>], key: &str) -> Result<String, String> {
        let settings = Arc::clone(&self.ground.in_force.ruling().settings);
        let name = members.first().map_or("", |first| &first.action);
        let known = settings.catalogue.actions.get(name);
        let found = known
            .filter(|action| action.batch.is_some())
            .and_then(|action| {
                let (integration, _) = settings.catalogue.operation_of(action)?;
                Some((action, integration))
            });
        let (action, integration) =
            found.ok_or_else(|| format!("`{name}` gathers no requests any more"))?;
        let items = members.iter().filter_map(|one| one.share.as_ref());
        let values = batch::compose(items.map(|share| &share.item));
        let prepared = connectors::prepare(action, integration, &values, key);
        let prepared = prepared.map_err(|fault| fault.to_string())?;
        serde_json::to_string(&prepared).map_err(|error| error.to_string())
    }

    fn joining(
        &self,
        members: &[Arc<Execution>],
        key: &str,
        mut prepared: String,
    ) -> Vec<Arc<Input>> {
        let at = self.ground.clock.now();
        let count = u32::try_from(members.len()).unwrap_or(u32::MAX);
        let members = (0..count).zip(members);
        let inputs = members.map(|(place, one)| {
            let joined = Joined {
                key: key.to_owned(),
                place,
                count,
                attempt: one.attempt,
            };
            Arc::new(self.joining_one(one, joined, std::mem::take(&mut prepared), at))
        });
        inputs.collect()
    }

    fn joining_one(
        &self,
        execution: &Execution,
        joined: Joined,
        prepared: String,
        at: Timestamp,
    ) -> Input {
        let (request_id, attempt) = (&execution.request_id, joined.attempt);
        let data = json!({
            "request_id": request_id, "attempt": attempt, "key": joined.key,
            "place": joined.place, "count": joined.count,
        });
        // The instant makes it another one when they join anew.
        let id = format!("{request_id}:{attempt}:joined:{at}");
        let verb = ExecutionJoined {
            request_id: request_id.clone(),
            left: execution.joined().map(|left| left.key.clone()),
            joined,
            prepared,
            at,
        };
        self.input(execution, ("execution.joined", id), data, verb)
    }
}

#[cfg(test)]
mod tests;
