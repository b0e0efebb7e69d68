//! An approval: people deciding on exactly one thing, once.
//!
//! Stages in order; a stage wants so many distinct people of its roles, and so many
//! rejections end the whole. Whoever asked, whoever started what asked, and every AI
//! are out of it. A settled approval never changes, but that an approved one is
//! consumed, once, for what it was given for. A time-out never means yes.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    access::Roles,
    actor::{Actor, ActorKind},
    gate::OnExpiry,
    time::Timestamp,
};

/// Where an approval stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalState {
    /// People are asked.
    Pending,
    /// Enough of them said yes.
    Approved,
    /// Enough of them said no.
    Rejected,
    /// Nobody decided in time.
    Expired,
    /// What it was for is gone.
    Cancelled,
    /// Another approval stands in its place.
    Superseded,
    /// What it was given for runs.
    Consumed,
}

/// What somebody says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Yes.
    Approve,
    /// No.
    Reject,
}

/// One step of an approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// The roles of which one is enough.
    pub approvers: Vec<String>,
    /// How many distinct people.
    pub required: u32,
}

/// A decision on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    /// Who decided.
    pub actor: Actor,
    /// For whom, when it was not in his own right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf: Option<String>,
    /// What.
    pub decision: Decision,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
    /// In which stage.
    pub stage: usize,
}

/// Somebody who wants to decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voter {
    /// Who.
    pub actor: Actor,
    /// The roles that count: his own, or those of the one he stands in for.
    pub roles: Vec<String>,
    /// For whom he stands in.
    pub on_behalf: Option<String>,
    /// Whether his grants let him decide on this action, channel, segment and amount.
    pub is_permitted: bool,
}

/// Why a decision does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VoteFault {
    /// It is settled; the late or second one changes nothing.
    #[error("the approval is {0} already")]
    Settled(ApprovalState),
    /// Its time is up.
    #[error("the approval has expired")]
    TooLate,
    /// Whoever asked for it, or started what asked, has no say in it.
    #[error("`{0}` asked for it, and has no say in it")]
    Requester(String),
    /// AI never approves.
    #[error("only people decide on approvals")]
    NoPerson,
    /// He has had his say.
    #[error("`{0}` has decided already")]
    Again(String),
    /// He is none of those who are asked.
    #[error("`{0}` is none of those who are asked now: {1}")]
    NotAsked(String, String),
    /// His grants do not reach so far.
    #[error("the grants of `{0}` do not reach so far")]
    NotPermitted(String),
}

/// Why an approval is not consumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConsumeFault {
    /// It is not approved, or was consumed before.
    #[error("the approval is {0}")]
    State(ApprovalState),
    /// It was given for something else.
    #[error("the approval was given for other parameters")]
    Other,
}

/// An approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Its id.
    pub approval_id: String,
    /// What it lets through.
    pub request_id: String,
    /// What its inputs are about: the conversation, or the request.
    pub subject: String,
    /// The action's name.
    pub action: String,
    /// What it is about, in one line.
    pub summary: String,
    /// What who decides should know: parameters, customer, checks.
    pub context: Map<String, Value>,
    /// The digest of exactly what it is for.
    pub digest: [u8; 32],
    /// Who asked.
    pub requester: String,
    /// Who started what asked, where that is somebody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starter: Option<String>,
    /// The stages, in order.
    pub stages: Vec<Stage>,
    /// How many rejections end it.
    pub rejections: u32,
    /// Where it stands.
    pub state: ApprovalState,
    /// The stage that is asked now.
    pub stage: usize,
    /// What was said so far, in order.
    pub votes: Vec<Vote>,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
    /// When who is asked is reminded; `None`: not, or not again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_at: Option<Timestamp>,
    /// What becomes of the request when it expires.
    #[serde(default)]
    pub on_expiry: OnExpiry,
    /// Who is told: `#channel`, `@person`, `@team`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<String>,
    /// Whether it has a clock.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_timed: bool,
}

impl Approval {
    /// Gives when a clock has to look at it next; `None` once it is settled.
    pub fn due_at(&self) -> Option<Timestamp> {
        let is_open = self.state == ApprovalState::Pending;
        is_open.then(|| {
            self.remind_at
                .unwrap_or(self.expires_at)
                .min(self.expires_at)
        })
    }

    /// Gives the stage that is asked now.
    pub fn asked(&self) -> Option<&Stage> {
        self.stages.get(self.stage)
    }

    /// Tells whether what was decided here is at least what these stages want.
    pub fn covers(&self, wanted: &[Stage]) -> bool {
        wanted.iter().all(|want| {
            self.stages.iter().any(|stage| {
                stage.required >= want.required
                    && stage
                        .approvers
                        .iter()
                        .all(|role| want.approvers.contains(role))
            })
        })
    }

    /// Takes a decision; whatever it leads to stands in `state` and `stage` then.
    ///
    /// *Errors*: why it does not count. Nothing has changed then.
    pub fn vote(
        &mut self,
        voter: &Voter,
        decision: Decision,
        reason: Option<String>,
        now: Timestamp,
    ) -> Result<(), VoteFault> {
        self.check(voter, now)?;
        self.votes.push(Vote {
            actor: voter.actor.clone(),
            on_behalf: voter.on_behalf.clone(),
            decision,
            reason,
            at: now,
            stage: self.stage,
        });
        let rejected = self.count(Decision::Reject, None);
        let approved = self.count(Decision::Approve, Some(self.stage));
        let required = self
            .stages
            .get(self.stage)
            .map_or(0, |stage| stage.required);
        if rejected >= self.rejections.max(1) {
            self.state = ApprovalState::Rejected;
        } else if decision == Decision::Approve && approved >= required {
            self.stage += 1;
            if self.stage >= self.stages.len() {
                self.state = ApprovalState::Approved;
            }
        }
        Ok(())
    }

    /// Looks whether somebody's decision would count now.
    ///
    /// *Errors*: why it would not.
    pub fn check(&self, voter: &Voter, now: Timestamp) -> Result<(), VoteFault> {
        if self.state != ApprovalState::Pending {
            return Err(VoteFault::Settled(self.state));
        }
        if now >= self.expires_at {
            return Err(VoteFault::TooLate);
        }
        if voter.actor.kind != ActorKind::Agent {
            return Err(VoteFault::NoPerson);
        }
        let asked: Vec<&str> = [Some(self.requester.as_str()), self.starter.as_deref()]
            .into_iter()
            .flatten()
            .collect();
        let said: BTreeSet<&str> = self.votes.iter().flat_map(names).collect();
        let own = [Some(voter.actor.id.as_str()), voter.on_behalf.as_deref()];
        for name in own.into_iter().flatten() {
            if asked.contains(&name) {
                return Err(VoteFault::Requester(name.to_owned()));
            }
            // In every stage: what needs n people needs n.
            if said.contains(name) {
                return Err(VoteFault::Again(name.to_owned()));
            }
        }
        let stage = self.stages.get(self.stage);
        let approvers = stage.map_or(&[][..], |stage| &stage.approvers);
        if !approvers
            .iter()
            .any(|role| Roles::count_as(&voter.roles, role))
        {
            let wanted = approvers.join(", ");
            return Err(VoteFault::NotAsked(voter.actor.id.clone(), wanted));
        }
        if !voter.is_permitted {
            return Err(VoteFault::NotPermitted(voter.actor.id.clone()));
        }
        Ok(())
    }

    fn count(&self, decision: Decision, stage: Option<usize>) -> u32 {
        let votes = self.votes.iter().filter(|vote| vote.decision == decision);
        let votes = votes.filter(|vote| stage.is_none_or(|stage| vote.stage == stage));
        u32::try_from(votes.count()).unwrap_or(u32::MAX)
    }

    /// Ends it when its time is up; tells whether it did.
    pub fn expire(&mut self, now: Timestamp) -> bool {
        self.end(now >= self.expires_at, ApprovalState::Expired)
    }

    /// Ends it because what it was for is gone; tells whether it did.
    pub fn cancel(&mut self) -> bool {
        self.end(true, ApprovalState::Cancelled)
    }

    /// Ends it because another one stands in its place; tells whether it did. What was approved and
    /// not consumed is superseded as well: today's rules want more.
    pub fn supersede(&mut self) -> bool {
        let is_open = matches!(self.state, ApprovalState::Pending | ApprovalState::Approved);
        if is_open {
            self.state = ApprovalState::Superseded;
        }
        is_open
    }

    fn end(&mut self, is_due: bool, state: ApprovalState) -> bool {
        let ends = is_due && self.state == ApprovalState::Pending;
        if ends {
            self.state = state;
        }
        ends
    }

    /// Uses it up for what it was given for.
    ///
    /// *Errors*: it is not approved, or was given for something else.
    pub fn consume(&mut self, digest: &[u8; 32]) -> Result<(), ConsumeFault> {
        if self.state != ApprovalState::Approved {
            return Err(ConsumeFault::State(self.state));
        }
        if self.digest != *digest {
            return Err(ConsumeFault::Other);
        }
        self.state = ApprovalState::Consumed;
        Ok(())
    }

    /// Tells whether too few of these people, each with the roles that count, are left to approve it.
    pub fn is_deadlocked<'p>(
        &self,
        people: impl IntoIterator<Item = (&'p str, &'p [String])>,
    ) -> bool {
        let said: BTreeSet<&str> = self.votes.iter().flat_map(names).collect();
        let free: Vec<(&str, &[String])> = people
            .into_iter()
            .filter(|(name, _)| {
                *name != self.requester
                    && Some(*name) != self.starter.as_deref()
                    && !said.contains(name)
            })
            .collect();
        let ahead = self.stages.iter().enumerate().skip(self.stage);
        let mut seats = Vec::new();
        for (number, stage) in ahead {
            let has = self.count(Decision::Approve, Some(number));
            seats.extend((has..stage.required).map(|_| stage.approvers.as_slice()));
        }
        self.state == ApprovalState::Pending && !can_seat(&seats, &free)
    }
}

fn names(vote: &Vote) -> impl Iterator<Item = &str> {
    [Some(vote.actor.id.as_str()), vote.on_behalf.as_deref()]
        .into_iter()
        .flatten()
}

/// Tells whether every seat finds a person of its own: a matching, by augmenting paths.
fn can_seat(seats: &[&[String]], people: &[(&str, &[String])]) -> bool {
    fn place(
        seat: usize,
        fits: &[Vec<usize>],
        seen: &mut [bool],
        holder: &mut [Option<usize>],
    ) -> bool {
        for &person in &fits[seat] {
            if std::mem::replace(&mut seen[person], true) {
                continue;
            }
            let is_free = match holder[person] {
                None => true,
                Some(other) => place(other, fits, seen, holder),
            };
            if is_free {
                holder[person] = Some(seat);
                return true;
            }
        }
        false
    }
    let fits: Vec<Vec<usize>> = seats
        .iter()
        .map(|roles| {
            let fitting = people
                .iter()
                .enumerate()
                .filter(|(_, (_, held))| roles.iter().any(|role| Roles::count_as(held, role)));
            fitting.map(|(index, _)| index).collect()
        })
        .collect();
    let mut holder = vec![None; people.len()];
    (0..seats.len()).all(|seat| place(seat, &fits, &mut vec![false; people.len()], &mut holder))
}

impl ApprovalState {
    /// Reads the wire name.
    pub fn parse(name: &str) -> Option<Self> {
        let all = [
            Self::Pending,
            Self::Approved,
            Self::Rejected,
            Self::Expired,
            Self::Cancelled,
            Self::Superseded,
            Self::Consumed,
        ];
        all.into_iter().find(|state| state.as_str() == name)
    }

    /// Gives the wire name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Superseded => "superseded",
            Self::Consumed => "consumed",
        }
    }
}

impl fmt::Display for ApprovalState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests;
