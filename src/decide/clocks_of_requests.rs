//! The clocks of approvals, from the asking to the decision, and of requests of which nobody knows
//! how they ended, from then until somebody does.

use std::sync::Arc;

use super::{Case, Stop};
use crate::domain::{
    approval::{Approval, ApprovalState},
    outcome::Change,
    request::{Request, RequestState},
    sla::{CancelReason, Clock, ClockKey, Metric, Moment, Owner, Signal, Terms},
    ticket::Priority,
};

/// What is promised for a request whose end is unknown is what a policy promises at this priority.
const UNKNOWN_PRIORITY: Priority = Priority::High;

impl Case<'_> {
    /// Keeps an approval as it is now; once it is settled, its clock ends.
    pub(super) fn put_approval(&mut self, approval: Approval) -> Result<(), Stop> {
        let signal = match approval.state {
            ApprovalState::Pending | ApprovalState::Consumed => None,
            ApprovalState::Approved | ApprovalState::Rejected | ApprovalState::Expired => {
                Some(Signal::Stop)
            }
            ApprovalState::Cancelled | ApprovalState::Superseded => {
                Some(Signal::Cancel(CancelReason::Withdrawn))
            }
        };
        if let Some(signal) = signal.filter(|_| approval.is_timed) {
            self.tell_clock(&Owner::Approval(approval.approval_id.clone()), signal)?;
        }
        self.change(Change::Approval(Arc::new(approval)));
        Ok(())
    }

    /// Starts the clock of an approval whose rule has a target.
    pub(super) fn time_approval(
        &mut self,
        approval: &mut Approval,
        rule: Option<&str>,
    ) -> Result<(), Stop> {
        let terms = rule.and_then(|rule| self.policy.approval_terms(rule));
        let Some(terms) = terms.cloned() else {
            return Ok(());
        };
        let owner = Owner::Approval(approval.approval_id.clone());
        approval.is_timed = self.time(owner, (Metric::Approval, UNKNOWN_PRIORITY), terms)?;
        Ok(())
    }

    /// Starts the clock of a request of which nobody knows how it ended, where the policy has a target.
    pub(super) fn time_unknown(&mut self, request: &mut Request) -> Result<(), Stop> {
        if self.policy.terms().is_empty() || request.is_timed {
            return Ok(());
        }
        let facts = self.facts(None);
        let (terms, failures) = self.policy.sla(&facts);
        self.report_failures(&failures);
        if let Some(terms) = terms {
            let owner = Owner::Request(request.request_id.clone());
            request.is_timed = self.time(owner, (Metric::Unknown, UNKNOWN_PRIORITY), terms)?;
        }
        Ok(())
    }

    /// Ends the clock of a request that has left the state in which nobody knew.
    pub(super) fn end_unknown_clock(
        &mut self,
        request: &Request,
        to: RequestState,
    ) -> Result<(), Stop> {
        let leaves = request.state == RequestState::Unknown && to != RequestState::Unknown;
        if leaves && request.is_timed {
            let owner = Owner::Request(request.request_id.clone());
            self.tell_clock(&owner, Signal::Stop)?;
        }
        Ok(())
    }

    /// Starts a clock that comes once; tells whether anything is promised.
    fn time(
        &mut self,
        owner: Owner,
        (metric, priority): (Metric, Priority),
        terms: Terms,
    ) -> Result<bool, Stop> {
        let Some(target) = terms.policy.target(metric, priority) else {
            return Ok(false);
        };
        let key = ClockKey {
            owner,
            metric,
            cycle: 1,
        };
        let id = self.input.event.id.clone();
        let moment = Moment {
            at: self.now,
            event: &id,
        };
        let step = Clock::start(key, &terms, target, moment);
        self.start_clock(step, terms)?;
        Ok(true)
    }
}
