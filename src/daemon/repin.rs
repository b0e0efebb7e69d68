//! Moving running clocks to what today's policy promises, and looking first at what that would do.
//!
//! Tickets are gone through in slices by their ids, so that it does not matter how many clocks
//! run. Each is decided on the world as it is, as `Repin` would be, and nothing is written; only
//! tickets whose clocks would move are handed to the pipeline, one input each. After
//! [`PATIENCE`] the answer says where to go on.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use serde_json::Value;
use uuid::Uuid;

use super::{
    app::App,
    intake::{Receipt, SubmitError},
    reload::Ruling,
};
use crate::{
    decide::{Decision, Entry, Input, Repin, decide},
    domain::{
        ids::SubjectId,
        outcome::{Change, Outcome},
        sla::{
            CancelReason, Clock, ClockKey, ClockState, Owner, Pin, RetargetCause, Transition,
            TransitionKind,
        },
        time::{Span, Timestamp},
        world::{Need, World},
    },
    store::StoreError,
};

/// How many tickets are looked at, and moved, at once.
const SLICE: usize = 256;
/// How long one call goes on.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often a look may ask for more.
const MAX_ROUNDS: usize = 4;

/// What is to be moved.
#[derive(Clone, Debug, Default)]
pub struct RepinWish {
    /// Only the clocks of these tickets, by rising id; `None`: of all.
    pub tickets: Option<Vec<(String, SubjectId)>>,
    /// Only clocks that go by the policy of this name.
    pub policy: Option<String>,
    /// Whether it is only looked at.
    pub is_preview: bool,
    /// About how many clocks are named, those of one ticket together; the others are counted.
    pub limit: usize,
    /// Only tickets whose ids come after this one.
    pub after: String,
}

/// A clock that moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Which.
    pub key: ClockKey,
    /// The number of its ticket.
    pub number: i64,
    /// Where it stands.
    pub state: ClockState,
    /// The terms that it goes by.
    pub from: Pin,
    /// Those by which it goes then; `None`: nothing of the kind is promised any more, and it ends.
    pub to: Option<Pin>,
    /// What may be used up, before and then.
    pub target: (Span, Option<Span>),
    /// When it is due, before and then.
    pub due_at: (Timestamp, Option<Timestamp>),
    /// Whether it is breached by that.
    pub is_breached: bool,
}

/// What became of a wish.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repinned {
    /// How many tickets were looked at.
    pub tickets: usize,
    /// How many clocks today's policy promises otherwise for.
    pub clocks: usize,
    /// How many were moved; in a preview none.
    pub moved: usize,
    /// The first of the clocks.
    pub items: Vec<Moved>,
    /// Whether all were looked at; else this goes on after `next`.
    pub is_complete: bool,
    /// The ticket after which to go on; `None`: there is nothing more to see or to do.
    pub next: Option<String>,
}

/// Why clocks were not moved.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RepinFault {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The pipeline did not take it.
    #[error(transparent)]
    Submit(#[from] SubmitError),
}

/// A ticket that was looked at.
struct Looked {
    ticket_id: String,
    subject: SubjectId,
    /// What moves; `None`: that shows only when it is decided.
    moves: Option<Vec<Moved>>,
}

impl App {
    /// Moves running clocks to what today's policy promises, or looks at what would move.
    ///
    /// *Errors*: see [`RepinFault`]; what was moved by then stays so, and is on record.
    pub async fn repin(&self, wish: &RepinWish, by: &Entry) -> Result<Repinned, RepinFault> {
        let began = self.clock.monotonic();
        let mut done = Repinned::default();
        let mut after = wish.after.clone();
        // Where the list ended because it was full; what follows is counted.
        let mut listed_to: Option<String> = None;
        loop {
            let slice = self.tickets_to_repin(wish, &after).await?;
            let Some((last, _)) = slice.last() else {
                done.is_complete = true;
                break;
            };
            after.clone_from(last);
            let is_last = slice.len() < SLICE;
            done.tickets += slice.len();
            let looked = self.look_at_repin(wish, slice, by).await?;
            for one in &looked {
                let moves = one.moves.as_deref().unwrap_or_default();
                done.clocks += moves.len();
                if listed_to.is_some() || moves.is_empty() {
                    continue;
                }
                // The clocks of one ticket stay together.
                done.items.extend_from_slice(moves);
                if done.items.len() >= wish.limit {
                    listed_to = Some(one.ticket_id.clone());
                }
            }
            if !wish.is_preview {
                done.moved += self.move_clocks(wish, looked, by).await?;
            }
            if is_last {
                done.is_complete = true;
                break;
            }
            if self.clock.monotonic().saturating_sub(began) > PATIENCE {
                done.next = Some(after);
                return Ok(done);
            }
        }
        if wish.is_preview && done.items.len() < done.clocks {
            done.next = listed_to;
        }
        Ok(done)
    }

    /// Gives the next tickets.
    async fn tickets_to_repin(
        &self,
        wish: &RepinWish,
        after: &str,
    ) -> Result<Vec<(String, SubjectId)>, StoreError> {
        if let Some(tickets) = &wish.tickets {
            let later = tickets.iter().filter(|(id, _)| id.as_str() > after);
            return Ok(later.take(SLICE).cloned().collect());
        }
        let (policy, after) = (wish.policy.clone(), after.to_owned());
        let limit = i64::try_from(SLICE).unwrap_or(i64::MAX);
        let read = self
            .store
            .read(move |reader| reader.clocked_tickets(policy.as_deref(), &after, limit));
        read.await
    }

    /// Decides for each ticket what would move, on the world as it is.
    async fn look_at_repin(
        &self,
        wish: &RepinWish,
        slice: Vec<(String, SubjectId)>,
        by: &Entry,
    ) -> Result<Vec<Looked>, StoreError> {
        let (ruling, now) = (self.in_force.ruling(), self.clock.now());
        let entry = Arc::new(by.clone());
        let inputs: Vec<Input> = slice
            .iter()
            .map(|(id, subject)| {
                wish.of(id)
                    .input(&self.config.source, subject, "preview", &entry)
            })
            .collect();
        let subjects: BTreeSet<SubjectId> = slice.iter().map(|(_, id)| id.clone()).collect();
        let subjects: Vec<SubjectId> = subjects.into_iter().collect();
        let mut needs: Vec<Need> = inputs
            .iter()
            .flat_map(|input| input.verb.foresees())
            .collect();
        let mut world = World::default();
        let mut known: BTreeMap<usize, Vec<Moved>> = BTreeMap::new();
        for round in 0..MAX_ROUNDS {
            let opened = if round == 0 {
                subjects.clone()
            } else {
                Vec::new()
            };
            world = self.read_world(opened, needs, world).await?;
            needs = Vec::new();
            for (place, input) in inputs.iter().enumerate() {
                if known.contains_key(&place) {
                    continue;
                }
                match decide_on(&ruling, &world, input, now) {
                    Decision::Outcome(outcome) => {
                        known.insert(place, moves(&world, &slice[place].0, &outcome));
                    }
                    Decision::Needs(more) => needs.extend(more),
                }
            }
            if needs.is_empty() {
                break;
            }
        }
        let looked = slice.into_iter().enumerate();
        let looked = looked.map(|(place, (ticket_id, subject))| Looked {
            ticket_id,
            subject,
            moves: known.remove(&place),
        });
        Ok(looked.collect())
    }

    /// Reads more of the world. What would lock is left out: who needs it cannot be looked at.
    async fn read_world(
        &self,
        subjects: Vec<SubjectId>,
        mut needs: Vec<Need>,
        mut world: World,
    ) -> Result<World, StoreError> {
        let pins: Vec<Pin> = needs
            .iter()
            .filter_map(|need| match need {
                Need::Terms(pin) => Some(pin.clone()),
                _ => None,
            })
            .collect();
        let book = self.terms_of(&pins).await?;
        for pin in pins {
            let found = book.terms(&pin).ok().cloned();
            world.terms.insert(pin, found);
        }
        needs.retain(|need| {
            !matches!(
                need,
                Need::Terms(_) | Need::Team(_) | Need::Budget(..) | Need::TicketNumber
            )
        });
        let read = self
            .store
            .read(move |reader| reader.world(&subjects, &needs, world.clone()));
        read.await
    }

    /// Has the clocks moved of those tickets where some would, and tells how many were.
    async fn move_clocks(
        &self,
        wish: &RepinWish,
        looked: Vec<Looked>,
        by: &Entry,
    ) -> Result<usize, SubmitError> {
        let (entry, turn) = (Arc::new(by.clone()), Uuid::now_v7().to_string());
        let moving = looked
            .into_iter()
            .filter(|one| one.moves.as_ref().is_none_or(|moves| !moves.is_empty()));
        let inputs: Vec<Arc<Input>> = moving
            .map(|one| {
                let repin = wish.of(&one.ticket_id);
                let source = &self.config.source;
                Arc::new(repin.input(source, &one.subject, &turn, &entry))
            })
            .collect();
        if inputs.is_empty() {
            return Ok(0);
        }
        let receipts = self.intake.decide(inputs).await?;
        Ok(receipts.iter().map(moved_by).sum())
    }
}

impl RepinWish {
    fn of(&self, ticket_id: &str) -> Repin {
        Repin {
            ticket_id: ticket_id.to_owned(),
            policy: self.policy.clone(),
        }
    }
}

fn decide_on(ruling: &Ruling, world: &World, input: &Input, now: Timestamp) -> Decision {
    decide(&ruling.policy, &ruling.settings, world, input, now)
}

/// Gives the clocks that an outcome moves.
fn moves(world: &World, ticket_id: &str, outcome: &Outcome) -> Vec<Moved> {
    let owner = Owner::Ticket(ticket_id.to_owned());
    let before = world.clocks(&owner).unwrap_or_default();
    let ticket = world.ticket(ticket_id).ok().flatten();
    let number = ticket.map_or(0, |ticket| ticket.number);
    let happened: Vec<&Transition> = outcome
        .changes
        .iter()
        .filter_map(|change| match change {
            Change::Transition(transition) => Some(&**transition),
            _ => None,
        })
        .collect();
    let moves = happened.iter().filter_map(|transition| {
        let is_over = match transition.kind {
            TransitionKind::Retargeted(RetargetCause::Repin) => false,
            TransitionKind::Cancelled(CancelReason::Policy) => true,
            _ => return None,
        };
        let clock: &Clock = before.iter().find(|clock| clock.key == transition.key)?;
        let is_breach = |other: &&&Transition| {
            other.key == clock.key && matches!(other.kind, TransitionKind::Breached(_))
        };
        Some(Moved {
            key: clock.key.clone(),
            number,
            state: clock.state,
            from: clock.pin.clone(),
            to: (!is_over).then(|| transition.pin.clone()),
            target: (clock.target, (!is_over).then_some(transition.target)),
            due_at: (clock.due_at, (!is_over).then_some(transition.due_after)),
            is_breached: happened.iter().any(|other| is_breach(&other)),
        })
    });
    moves.collect()
}

/// Counts the clocks that an input has moved.
fn moved_by(receipt: &Receipt) -> usize {
    let Receipt::Accepted { results, .. } = receipt else {
        return 0;
    };
    let results: Vec<Value> = serde_json::from_str(results).unwrap_or_default();
    let is_moved = |result: &&Value| match result["type"].as_str() {
        Some("sla.retargeted") => result["data"]["cause"] == RetargetCause::Repin.as_str(),
        Some("sla.cancelled") => result["data"]["reason"] == CancelReason::Policy.as_str(),
        _ => false,
    };
    results.iter().filter(is_moved).count()
}
