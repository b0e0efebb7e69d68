//! Delegations: made and taken back by people, and looked for when somebody's own right to
//! decide does not reach.
//!
//! A stand-in counts with the delegator's roles of today and under his own denials as well
//! as the delegator's. Both are named on the vote, so that no two who stand for one another
//! count twice. What was handed to the delegator is never looked for: nothing goes onwards.

use std::sync::Arc;

use serde_json::json;

use super::{Case, Decide, Stop, approvals::refused};
use crate::domain::{
    access::{Verb, Wish},
    actor::ActorKind,
    approval::{Approval, VoteFault, Voter},
    delegation::{Delegation, Scope},
    event::Reason,
    outcome::Change,
    request::Request,
    time::Timestamp,
    world::Need,
};

/// How many delegations that are not over one person may have: each is looked at at a vote.
const MOST: usize = 100;

/// Somebody hands his say in approvals to somebody else. Its id is the subject of its event.
#[derive(Debug)]
pub struct DelegationMade {
    /// Who is to stand in.
    pub to: String,
    /// How far it reaches.
    pub scope: Scope,
    /// From when on; from now on when absent or past.
    pub starts_at: Option<Timestamp>,
    /// Until when.
    pub ends_at: Timestamp,
    /// Why.
    pub reason: Option<String>,
}

impl DelegationMade {
    /// Gives the delegation as it would stand.
    pub fn of(&self, id: &str, (from, roles): (&str, Vec<String>), now: Timestamp) -> Delegation {
        Delegation {
            delegation_id: id.to_owned(),
            from: from.to_owned(),
            from_roles: roles,
            to: self.to.clone(),
            scope: self.scope.clone(),
            starts_at: self.starts_at.unwrap_or(now).max(now),
            ends_at: self.ends_at,
            reason: self.reason.clone(),
            created_at: now,
            revoked_at: None,
        }
    }
}

impl Decide for DelegationMade {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        let actor = case.actor();
        if actor.kind != ActorKind::Agent {
            let detail = format!("`{}` is no person, and has no say to hand over", actor.id);
            return Err(Stop::refuse(Reason::Forbidden, "actor", detail));
        }
        let id = case.input.event.subject.as_str();
        let delegation = self.of(id, (&actor.id, case.roles()), case.now);
        delegation
            .check(case.now)
            .map_err(|fault| Stop::refuse(Reason::IllegalMove, fault.field(), fault.to_string()))?;
        case.check_stand_in(&self.to)?;
        if case.world.delegations(&self.to)?.len() >= MOST {
            let detail = format!("`{}` has {MOST} delegations already", self.to);
            return Err(Stop::refuse(Reason::IllegalMove, "to", detail));
        }
        case.publish("delegation.created", delegation.to_published());
        case.record(delegation.to_effect("delegation_created"));
        case.tell_stand_in(&delegation.to, &delegation.say());
        case.change(Change::Delegation(Arc::new(delegation)));
        Ok(())
    }

    fn foresees(&self) -> Vec<Need> {
        vec![Need::Delegations(self.to.clone()), Need::TokenOwners]
    }
}

/// A delegation is taken back. Whose it is and who stands in never changes, so both are told with it.
#[derive(Debug)]
pub struct DelegationRevoked {
    /// Which.
    pub delegation_id: String,
    /// Whose say it is.
    pub from: String,
    /// Who stands in.
    pub to: String,
}

impl Decide for DelegationRevoked {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        let actor = case.actor();
        let is_own = actor.kind == ActorKind::Agent && actor.id == self.from;
        let known = &case.settings.directory.roles;
        if !is_own && !known.permit(&case.roles(), &Wish::to(Verb::Operate)) {
            let detail = format!(
                "`{}` takes back what he handed over himself, or needs the verb `operate`",
                actor.id
            );
            return Err(Stop::refuse(Reason::Forbidden, "actor", detail));
        }
        let id = &self.delegation_id;
        let mut standing = case.world.delegations(&self.to)?.iter();
        let found = standing.find(|one| one.delegation_id == *id && !one.is_over(case.now));
        let Some(found) = found else {
            let detail = format!("the delegation `{id}` has ended already");
            return Err(Stop::refuse(Reason::Settled, "delegation_id", detail));
        };
        let delegation = Delegation {
            revoked_at: Some(case.now),
            ..(**found).clone()
        };
        case.publish("delegation.revoked", delegation.to_published());
        case.record(delegation.to_effect("delegation_revoked"));
        let notice = format!("you no longer stand in for {} in approvals", self.from);
        case.tell_stand_in(&self.to, &notice);
        case.change(Change::Delegation(Arc::new(delegation)));
        Ok(())
    }

    fn foresees(&self) -> Vec<Need> {
        vec![Need::Delegations(self.to.clone())]
    }
}

impl Case<'_> {
    /// Looks whether somebody can stand in: a person, and one who exists where that can be known.
    fn check_stand_in(&self, name: &str) -> Result<(), Stop> {
        if self.settings.directory.people.contains_key(name) {
            return Ok(());
        }
        let mut owners = self.world.token_owners()?.iter();
        let owner = owners.find(|(owner, _)| owner == name);
        match owner.map(|(_, roles)| ActorKind::of_roles(roles)) {
            Some(ActorKind::Agent) => Ok(()),
            Some(ActorKind::Ai | ActorKind::Customer | ActorKind::System) => {
                let detail = format!("`{name}` is no person, and only people decide on approvals");
                Err(Stop::refuse(Reason::IllegalMove, "to", detail))
            }
            None if self.settings.names_others => Ok(()),
            None => {
                let detail = format!("nobody is called `{name}`: no person, and no token");
                Err(Stop::refuse(Reason::UnknownReference, "to", detail))
            }
        }
    }

    /// Says in whose right the actor decides: in his own where that reaches, else in that of
    /// somebody who handed his say to him.
    ///
    /// *Errors*: why he has no say; what must be loaded first.
    pub(super) fn entitled(
        &self,
        approval: &Approval,
        request: &Request,
    ) -> Result<(Voter, Option<Arc<Delegation>>), Stop> {
        let conversation = self.conversation();
        let wish = self.approving(request, conversation.map(Arc::as_ref));
        let own = self.voter(approval, &wish, (self.roles(), None));
        let Err(fault) = approval.check(&own, self.now) else {
            return Ok((own, None));
        };
        // A denial of his own holds whoever hands him what.
        let is_denied = self.settings.directory.roles.deny(&own.roles, &wish);
        if !is_out_of_reach(&fault) || is_denied {
            return Err(refused(&fault));
        }
        let mut why = None;
        for delegation in self.world.delegations(&own.actor.id)? {
            if !delegation.is_live(self.now) || !delegation.covers(&wish) {
                continue;
            }
            let from = delegation.from.clone();
            let roles = self.roles_today(delegation)?;
            let stand_in = self.voter(approval, &wish, (roles, Some(from)));
            match approval.check(&stand_in, self.now) {
                Ok(()) => return Ok((stand_in, Some(Arc::clone(delegation)))),
                Err(fault) if is_out_of_reach(&fault) => {}
                Err(fault) => why = why.or(Some(fault)),
            }
        }
        Err(refused(&why.unwrap_or(fault)))
    }

    /// Gives the delegator's roles of today. Only where others are named, so that not everybody is known
    /// here, those that he had stand for somebody who is not; who is gone has none.
    fn roles_today(&self, delegation: &Delegation) -> Result<Vec<String>, Need> {
        let name = &delegation.from;
        let person = self.settings.directory.people.get(name);
        if let Some(person) = person.filter(|person| !person.roles.is_empty()) {
            return Ok(person.roles.clone());
        }
        let mut owners = self.world.token_owners()?.iter();
        Ok(match owners.find(|(owner, _)| owner == name) {
            Some((_, roles)) => roles.clone(),
            None if person.is_none() && self.settings.names_others => delegation.from_roles.clone(),
            None => Vec::new(),
        })
    }

    /// Tells a stand-in in the app; it belongs to no conversation, so it leads to none.
    fn tell_stand_in(&mut self, to: &str, text: &str) {
        let notice_id = self.make_id("ntc");
        let about = &self.input.event.subject;
        self.publish(
            "notice.posted",
            json!({"notice_id": notice_id, "to": [to], "kind": "delegation", "about": about, "text": text}),
        );
        self.record(
            json!({"effect": "notify", "notice_id": notice_id, "to": [to], "rule": "delegation"}),
        );
    }
}

/// Tells whether only the right to decide is missing, which somebody else may have.
fn is_out_of_reach(fault: &VoteFault) -> bool {
    matches!(fault, VoteFault::NotAsked(..) | VoteFault::NotPermitted(_))
}
