//! Approvals: asking people, taking what they say, and what follows.

use serde_json::{Map, Value, json};

use super::{
    Case, Stop,
    gate::{EXPIRES_AFTER, Refusal, Wanted, owners_needed},
    requests::known_members,
};
use crate::domain::{
    access::{Verb, Wish},
    actor::{Actor, ActorKind},
    approval::{Approval, ApprovalState, Decision, VoteFault, Voter},
    audit::AuditOutcome,
    conversation::Conversation,
    escalation::Trigger,
    event::Reason,
    gate::OnExpiry,
    notice::{Notice, NoticeKind},
    request::{Request, RequestState, digest},
    world::Need,
};

impl Case<'_> {
    /// Gives an approval that an input names.
    ///
    /// *Errors*: `unknown_reference`.
    pub(super) fn named_approval(&self, id: &str) -> Result<Approval, Stop> {
        let subject = self.input.event.subject.as_str();
        let found = self.world.approval(id)?;
        let found = found.filter(|approval| approval.subject == subject);
        found.map(|approval| (**approval).clone()).ok_or_else(|| {
            let detail = format!("`{subject}` has no approval `{id}`");
            Stop::refuse(Reason::UnknownReference, "data.approval_id", detail)
        })
    }

    /// Has people decide; what they were asked before is superseded.
    pub(super) fn ask_people(
        &mut self,
        mut request: Request,
        wanted: Wanted,
        before: Option<Approval>,
    ) -> Result<(), Stop> {
        owners_needed(self)?;
        if let Some(mut before) = before
            && before.supersede()
        {
            let id = before.approval_id.clone();
            self.put_approval(before)?;
            self.publish_cancelled(&id, "superseded");
        }
        let timed_by = wanted.timed_by.clone();
        let mut approval = self.new_approval(&request, wanted)?;
        self.time_approval(&mut approval, timed_by.as_deref())?;
        request.approval_id = Some(approval.approval_id.clone());
        let request = self.put_request(request, RequestState::AwaitingApproval)?;
        self.publish_requested(&approval);
        self.report(
            "action.awaiting_approval",
            &request,
            json!({"approval_id": approval.approval_id}),
        );
        if let Some(step) = &request.step
            && let Some(run) = self.run(&step.run_id)?
        {
            let more = json!({"step": step.step, "approval_id": approval.approval_id});
            self.report_run("procedure.awaiting_approval", &run, more);
        }
        self.record_move("approval_requested", &request);
        self.tell_approvers(&approval, "your decision is asked for");
        self.say(&request, |action| action.say.waiting.as_ref(), None);
        self.look_for_deadlock(&approval, &request)?;
        self.put_approval(approval)?;
        Ok(())
    }

    fn new_approval(&mut self, request: &Request, wanted: Wanted) -> Result<Approval, Stop> {
        let approval_id = self.make_id("apr");
        let a_day_from_now = || self.now.plus(EXPIRES_AFTER);
        let expires_at = wanted.expires_at.unwrap_or_else(a_day_from_now);
        Ok(Approval {
            approval_id,
            request_id: request.request_id.clone(),
            subject: request.subject.clone(),
            action: request.action.clone(),
            summary: summary_of(request),
            context: self.context_of(request)?,
            digest: digest(&request.action, &request.params),
            requester: request.actor.id.clone(),
            starter: None,
            stages: wanted.stages,
            rejections: wanted.rejections,
            state: ApprovalState::Pending,
            stage: 0,
            votes: Vec::new(),
            requested_at: self.now,
            expires_at,
            remind_at: wanted.remind_at.filter(|at| *at < expires_at),
            on_expiry: wanted.on_expiry,
            notify: wanted.notify,
            is_timed: false,
        })
    }

    /// Gives what who decides should know.
    fn context_of(&self, request: &Request) -> Result<Map<String, Value>, Need> {
        let known = self.conversation();
        let action = self.action_of(request);
        let step = request.step.as_ref();
        let run = match step {
            Some(step) => self.run(&step.run_id)?,
            None => None,
        };
        let context = json!({
            "procedure": step.map(|step| &step.procedure),
            "procedure_name": step.map(|step| &step.display_name),
            "run_id": step.map(|step| &step.run_id),
            "step": step.map(|step| &step.step),
            "variables": run.map(|run| run.variables.clone()),
            "request_id": request.request_id,
            "action": request.action,
            "description": action.map(|action| action.description.clone()),
            "params": request.params,
            "requested_by": request.actor,
            "customer": known.map(|known| known.customer.clone()),
            "channel": known.map(|known| known.channel.clone()),
            "checks": request.checks,
        });
        Ok(match known_members(context) {
            Value::Object(context) => context,
            _ => Map::new(),
        })
    }

    fn tell_approvers(&mut self, approval: &Approval, what: &str) {
        let asked = approval.asked().map(|stage| stage.approvers.join(", "));
        let facts = [
            ("Action", approval.action.clone()),
            ("Asked by", approval.requester.clone()),
            ("Approvers", asked.unwrap_or_default()),
            ("Expires", approval.expires_at.to_string()),
        ];
        let notice = Notice {
            kind: NoticeKind::Approval,
            about: approval.approval_id.clone(),
            title: format!("Approval: {}", approval.action),
            text: format!("{what}: {}", approval.summary),
            facts: facts.map(|(name, value)| (name.to_owned(), value)).into(),
            link: self.way_back(),
            at: self.now,
            not_before: None,
            look_up: None,
        };
        self.tell(&approval.notify, notice);
    }

    fn publish_requested(&mut self, approval: &Approval) {
        let asked = approval.asked();
        let mut data = json!({
            "approval_id": approval.approval_id,
            "kind": "action",
            "summary": approval.summary,
            "approvers": asked.map(|stage| stage.approvers.clone()),
            "required": asked.map(|stage| stage.required),
            "expires_at": approval.expires_at,
            "context": approval.context,
        });
        if approval.subject != approval.request_id {
            data["conversation_id"] = json!(approval.subject);
        }
        self.publish("approval.requested", data);
    }

    /// Escalates when too few are left who could decide.
    fn look_for_deadlock(&mut self, approval: &Approval, request: &Request) -> Result<(), Stop> {
        if self.settings.names_others {
            return Ok(());
        }
        let people = self.settings.directory.people.iter();
        let mut people: Vec<(&str, &[String])> = people
            .map(|(name, person)| (name.as_str(), person.roles.as_slice()))
            .collect();
        for (name, roles) in self.world.token_owners()? {
            if !people.iter().any(|(known, _)| known == name) {
                people.push((name, roles));
            }
        }
        if approval.is_deadlocked(people) {
            let reason = format!(
                "too few people are left who may decide on approval {}: {}",
                approval.approval_id, approval.summary
            );
            self.record(
                json!({"effect": "approval_deadlocked", "approval_id": approval.approval_id}),
            );
            self.ask_for_help(request, Trigger::Approval, &reason);
        }
        Ok(())
    }

    /// Takes somebody's decision.
    ///
    /// *Errors*: `settled` for the late and the second one, `forbidden` for who has no say.
    pub(super) fn vote(
        &mut self,
        id: &str,
        decision: Decision,
        reason: Option<&str>,
    ) -> Result<(), Stop> {
        let mut approval = self.named_approval(id)?;
        let request = self.named_request(&approval.request_id)?;
        owners_needed(self)?;
        let (voter, delegation) = self.entitled(&approval, &request)?;
        approval
            .vote(&voter, decision, reason.map(str::to_owned), self.now)
            .map_err(|fault| refused(&fault))?;
        let mut effect = json!({
            "effect": "approval_vote", "approval_id": id, "request_id": approval.request_id,
            "action": approval.action,
            "decision": decision, "on_behalf": voter.on_behalf,
        });
        if let Some(delegation) = delegation {
            effect["delegation_id"] = json!(delegation.delegation_id);
        }
        self.record(effect);
        self.watch_vote(&request, decision)?;
        match approval.state {
            ApprovalState::Approved => {
                self.publish_decided(&approval, Decision::Approve);
                self.put_approval(approval.clone())?;
                self.pass(request, Some(approval))
            }
            ApprovalState::Rejected => {
                self.publish_decided(&approval, Decision::Reject);
                self.put_approval(approval)?;
                let said = reason.unwrap_or("no reason was given");
                self.reject(request, "rejected", &format!("rejected: {said}"), true)
            }
            ApprovalState::Pending
            | ApprovalState::Expired
            | ApprovalState::Cancelled
            | ApprovalState::Superseded
            | ApprovalState::Consumed => {
                self.look_for_deadlock(&approval, &request)?;
                self.put_approval(approval)?;
                Ok(())
            }
        }
    }

    /// Says what somebody wants who decides on a request.
    pub(super) fn approving<'w>(
        &self,
        request: &'w Request,
        conversation: Option<&'w Conversation>,
    ) -> Wish<'w> {
        let action = self.action_of(request);
        let amount = action.map(|action| action.amount_of(&request.params));
        Wish {
            action: Some(&request.action),
            channel: conversation.map(|known| known.channel.as_str()),
            segment: conversation.and_then(|known| known.customer_text("segment")),
            amount: amount.unwrap_or(crate::domain::access::Amount::None),
            ..Wish::to(Verb::Approve)
        }
    }

    /// Says who wants to decide, with what he may: with the roles that count, for whom.
    pub(super) fn voter(
        &self,
        approval: &Approval,
        wish: &Wish<'_>,
        (roles, on_behalf): (Vec<String>, Option<String>),
    ) -> Voter {
        let known = &self.settings.directory.roles;
        // A role that an approval names needs no grant besides, unless its grants say how far it goes.
        let is_named = approval
            .asked()
            .is_some_and(|stage| stage.approvers.iter().any(|role| roles.contains(role)));
        let is_scoped = known.permit_somewhere(&roles, Verb::Approve);
        let is_denied = known.deny(&roles, wish);
        let is_permitted = known.permit(&roles, wish) || (is_named && !is_scoped && !is_denied);
        Voter {
            actor: self.actor(),
            roles,
            on_behalf,
            is_permitted,
        }
    }

    fn publish_decided(&mut self, approval: &Approval, decision: Decision) {
        let votes = approval.votes.iter();
        let by: Vec<Value> = votes
            .map(|vote| {
                known_members(json!({
                    "actor": vote.actor, "decision": vote.decision, "reason": vote.reason,
                    "at": vote.at, "on_behalf": vote.on_behalf,
                }))
            })
            .collect();
        self.publish_about(
            "approval.decided",
            approval,
            json!({"decision": decision, "by": by}),
        );
    }

    fn publish_about(&mut self, kind: &'static str, approval: &Approval, more: Value) {
        let mut data = json!({"approval_id": approval.approval_id});
        if approval.subject != approval.request_id {
            data["conversation_id"] = json!(approval.subject);
        }
        if let Value::Object(more) = more {
            for (name, value) in more {
                data[&name] = value;
            }
        }
        self.publish(kind, data);
    }

    fn publish_cancelled(&mut self, approval_id: &str, reason: &str) {
        self.publish(
            "approval.cancelled",
            json!({"approval_id": approval_id, "reason": reason}),
        );
        self.record(
            json!({"effect": "approval_cancelled", "approval_id": approval_id, "reason": reason}),
        );
    }

    /// Uses an approval up, for exactly what it was given for.
    pub(super) fn consume(
        &mut self,
        mut approval: Approval,
        request: &Request,
    ) -> Result<(), Stop> {
        let asked = digest(&request.action, &request.params);
        approval.consume(&asked).map_err(|fault| {
            Stop::refuse(Reason::IllegalMove, "data.approval_id", fault.to_string())
        })?;
        self.put_approval(approval)?;
        Ok(())
    }

    /// Withdraws an approval that still stands open.
    pub(super) fn cancel_approval(&mut self, id: &str, reason: &str) -> Result<(), Stop> {
        let mut approval = self.named_approval(id)?;
        if approval.cancel() {
            self.publish_cancelled(id, reason);
            self.put_approval(approval)?;
        }
        Ok(())
    }

    fn reject(
        &mut self,
        request: Request,
        code: &'static str,
        reason: &str,
        escalates: bool,
    ) -> Result<(), Stop> {
        let refusal = Refusal {
            code,
            reason: reason.to_owned(),
            rule: None,
            errors: Vec::new(),
            escalates,
        };
        self.end_as(AuditOutcome::Denied);
        self.deny(request, &refusal, None)
    }

    /// Looks at an approval because its time has come: a reminder, or its end.
    pub(super) fn approval_is_due(&mut self, id: &str) -> Result<(), Stop> {
        let mut approval = self.named_approval(id)?;
        let now = self.looked_at();
        if approval.expire(now) {
            let request = self.named_request(&approval.request_id)?;
            self.publish_about("approval.expired", &approval, json!({}));
            self.record(json!({"effect": "approval_expired", "approval_id": id}));
            let escalates = approval.on_expiry == OnExpiry::Escalate;
            self.put_approval(approval)?;
            return self.reject(request, "expired", "nobody decided in time", escalates);
        }
        let is_due = approval.remind_at.is_some_and(|at| at <= now);
        if approval.state == ApprovalState::Pending && is_due {
            approval.remind_at = None;
            self.publish_about("approval.reminded", &approval, json!({}));
            self.record(json!({"effect": "approval_reminded", "approval_id": id}));
            self.tell_approvers(&approval, "still waiting for a decision");
            self.put_approval(approval)?;
        }
        Ok(())
    }
}

/// Refuses a vote.
pub(super) fn refused(fault: &VoteFault) -> Stop {
    let reason = match fault {
        VoteFault::Settled(_) | VoteFault::TooLate | VoteFault::Again(_) => Reason::Settled,
        VoteFault::Requester(_)
        | VoteFault::NoPerson
        | VoteFault::NotAsked(..)
        | VoteFault::NotPermitted(_) => Reason::Forbidden,
    };
    Stop::refuse(reason, "data.actor", fault.to_string())
}

/// Tells whether somebody is the one who asked.
pub(super) fn is_requester(request: &Request, actor: &Actor) -> bool {
    request.actor.kind == actor.kind && request.actor.id == actor.id
}

/// Tells whether somebody is a customer.
pub(super) fn is_customer(actor: &Actor) -> bool {
    actor.kind == ActorKind::Customer
}

/// Says in one line what is asked for.
fn summary_of(request: &Request) -> String {
    let params: Vec<String> = request
        .params
        .iter()
        .map(|(name, value)| match value {
            Value::String(text) => format!("{name} {}", shortened(text)),
            other => format!("{name} {}", shortened(&other.to_string())),
        })
        .collect();
    let step = request.step.as_ref();
    let what = step.map_or_else(
        || request.action.clone(),
        |step| format!("{} for {}", request.action, step.display_name),
    );
    if params.is_empty() {
        what
    } else {
        format!("{what}: {}", params.join(", "))
    }
}

fn shortened(text: &str) -> String {
    const MOST: usize = 60;
    if text.chars().count() <= MOST {
        text.to_owned()
    } else {
        text.chars().take(MOST).chain(['…']).collect()
    }
}
