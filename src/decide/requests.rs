//! Moving a request along: what follows from how a validation or an execution came out.
//!
//! Every move goes through [`Case::put_request`], which refuses an illegal one, and each is
//! published and on record.

use std::sync::Arc;

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::{
    Case, Stop,
    gate::{self, Passage, Refusal, Validated},
    runs::HANDED_OVER,
    watch::Seen,
};
use crate::domain::{
    access::Amount,
    action::{Action, Level},
    actor::Actor,
    approval::Approval,
    audit::AuditOutcome,
    budget::{BudgetKey, Reservation},
    effect::Escalate,
    escalation::Trigger,
    event::Reason,
    execution::Execution,
    outcome::Change,
    request::{Request, RequestState, Reserved, StepDoes},
    template::Template,
    time::Span,
    verdict::Verdict,
    world::Need,
};
use crate::procedures::{internal::own_action, interpret::Acted};

impl<'a> Case<'a> {
    /// Gives a request of this subject, with what this decision has changed on it.
    pub(super) fn request(&self, id: &str) -> Result<Option<Arc<Request>>, Need> {
        if let Some(request) = self.requests.get(id) {
            return Ok(Some(Arc::clone(request)));
        }
        let subject = self.input.event.subject.as_str();
        let found = self.world.request(id)?;
        Ok(found
            .filter(|request| request.subject == subject)
            .map(Arc::clone))
    }

    /// Gives a request that an input names.
    ///
    /// *Errors*: `unknown_reference`.
    pub(super) fn named_request(&self, id: &str) -> Result<Request, Stop> {
        let found = self.request(id)?;
        found.map(|request| (*request).clone()).ok_or_else(|| {
            let subject = &self.input.event.subject;
            let detail = format!("`{subject}` has no request `{id}`");
            Stop::refuse(Reason::UnknownReference, "data.request_id", detail)
        })
    }

    /// Gives the definition of a request's action, where it is still there.
    pub(super) fn action_of(&self, request: &Request) -> Option<Arc<Action>> {
        let does = request.step.as_ref().map(|step| step.does);
        match does {
            None | Some(StepDoes::Catalogue) => {
                let actions = &self.settings.catalogue.actions;
                actions.get(&request.action).map(Arc::clone)
            }
            Some(StepDoes::Address | StepDoes::Internal) => own_action(&request.action),
        }
    }

    /// Gives how much a request is about, where its action says so.
    pub(super) fn amount_of(&self, request: &Request) -> Option<Decimal> {
        match self.action_of(request)?.amount_of(&request.params) {
            Amount::Of(amount) => Some(amount),
            Amount::None | Amount::Unreadable => None,
        }
    }

    /// Gives the values that the templates of a request's action take.
    pub(super) fn values_of(&self, request: &Request) -> Map<String, Value> {
        let known = self.conversation();
        let conversation = json!({
            "id": request.subject,
            "channel": known.map(|known| known.channel.clone()),
            "attributes": known.map(|known| known.attributes.clone()),
        });
        let customer = known.map(|known| &*known.customer);
        let mut values = gate::values(&request.params, customer, conversation);
        let id = &request.request_id;
        values.insert("request_id".to_owned(), json!(id));
        values.insert("actor".to_owned(), json!(request.actor));
        let itself = json!({"id": id, "key": Execution::key_of(id)});
        values.insert("request".to_owned(), itself);
        values
    }

    /// Puts a request in its new state and keeps the conversation's list of waiting ones.
    ///
    /// *Errors*: `illegal_move`.
    pub(super) fn put_request(
        &mut self,
        mut request: Request,
        to: RequestState,
    ) -> Result<Request, Stop> {
        let is_new = !self.requests.contains_key(&request.request_id)
            && self.world.request(&request.request_id)?.is_none();
        if request.state != to {
            check_move(&request, to)?;
            self.end_unknown_clock(&request, to)?;
            request.state = to;
        }
        request.updated_at = self.now;
        if request.has_conversation() {
            let id = &request.request_id;
            let is_listed = self
                .conversation()
                .is_some_and(|known| known.waiting_requests.contains(id));
            if to.is_waiting() && !is_listed {
                self.conversation_mut().waiting_requests.insert(id.clone());
            } else if !to.is_waiting() && is_listed {
                self.conversation_mut().waiting_requests.remove(id);
            }
        }
        self.amount = request.amount;
        let kept = Arc::new(request.clone());
        self.requests
            .insert(request.request_id.clone(), Arc::clone(&kept));
        self.change(Change::Request {
            request: kept,
            is_new,
        });
        Ok(request)
    }

    /// Publishes a report about a request: `request_id`, `action`, and what `more` adds.
    pub(super) fn report(&mut self, kind: &'static str, request: &Request, more: Value) {
        let mut data = json!({"request_id": request.request_id, "action": request.action});
        if request.has_conversation() {
            data["conversation_id"] = json!(request.subject);
        }
        if let Value::Object(more) = more {
            for (name, value) in more.into_iter().filter(|(_, value)| !value.is_null()) {
                data[&name] = value;
            }
        }
        self.publish(kind, data);
    }

    /// Tells the customer something, where there is one to tell. A procedure says itself what is to be said.
    pub(super) fn say(
        &mut self,
        request: &Request,
        text: impl Fn(&Action) -> Option<&Template>,
        output: Option<&Value>,
    ) {
        let action = self.action_of(request);
        let Some(action) = action.filter(|_| request.step.is_none()) else {
            return;
        };
        let Some(template) = text(&action).filter(|_| request.has_conversation()) else {
            return;
        };
        let mut values = self.values_of(request);
        if let Some(Value::Object(output)) = output {
            values.extend(output.clone());
        }
        let text = template.expand(&values, str::to_owned);
        self.send_message(&text, &format!("action:{}", request.action));
    }

    /// Validates a request and moves it on as far as it may go now.
    pub(super) fn pass(
        &mut self,
        mut request: Request,
        approved: Option<Approval>,
    ) -> Result<(), Stop> {
        let seen = self.look_at(&mut request)?;
        let validated = self.validate(&request, approved.as_ref())?;
        let Validated {
            checks,
            passage,
            reserve,
            reserve_over,
            fired,
            failures,
        } = validated;
        self.note_checks(&checks);
        let mut request = Request { checks, ..request };
        self.carry_out(Verdict { fired, failures })?;
        if matches!(passage, Passage::Denied(_)) {
            request.flagged_by.clear();
        } else {
            self.reserve(&mut request, reserve);
            self.count(&request, seen);
        }
        match passage {
            Passage::Denied(refusal) => self.deny(request, &refusal, approved),
            Passage::Confirm(prompt) => self.ask_customer(request, &prompt),
            Passage::Approve(wanted) => self.ask_people(request, wanted, approved),
            Passage::Go => {
                self.reserve(&mut request, reserve_over);
                if let Some(approval) = approved {
                    self.consume(approval, &request)?;
                }
                self.go(request)
            }
        }
    }

    /// Looks at a new request for what is out of the usual; whatever else it needs of the past is asked
    /// for in the same go.
    fn look_at(&self, request: &mut Request) -> Result<Vec<Seen<'a>>, Stop> {
        if request.state != RequestState::Requested {
            return Ok(Vec::new());
        }
        match self.watched(request) {
            Ok(seen) => {
                request.flagged_by = seen.iter().filter_map(Seen::raises).collect();
                Ok(seen)
            }
            Err(mut needs) => {
                needs.extend(self.fill_in(&mut self.request_facts(request)));
                Err(Stop::Needs(needs))
            }
        }
    }

    fn reserve(
        &mut self,
        request: &mut Request,
        wanted: Vec<(BudgetKey, Reservation, Option<Span>)>,
    ) {
        for (key, reservation, window) in wanted {
            request.reserved.push(Reserved {
                limit: key.limit.clone(),
                key: key.key.clone(),
                amount: reservation.amount,
                at: reservation.at,
                window,
            });
            self.change(Change::Reserve(key, reservation));
        }
    }

    /// Gives back what a request holds of its budgets; what has left its window is not held any more.
    pub(super) fn release(&mut self, request: &mut Request) -> Result<(), Stop> {
        let now = self.now;
        let live: Vec<Reserved> = std::mem::take(&mut request.reserved)
            .into_iter()
            .filter(|held| held.counts(now))
            .collect();
        let budgets = live
            .iter()
            .map(|held| self.world.budget(&held.budget(), held.window));
        let needs: Vec<Need> = budgets.filter_map(Result::err).collect();
        if !needs.is_empty() {
            return Err(Stop::Needs(needs));
        }
        for held in live {
            let key = held.budget();
            let reservation = Reservation {
                request_id: request.request_id.clone(),
                at: held.at,
                amount: held.amount,
            };
            self.change(Change::Release(key, reservation));
        }
        Ok(())
    }

    /// Says no, for good.
    pub(super) fn deny(
        &mut self,
        mut request: Request,
        refusal: &Refusal,
        approved: Option<Approval>,
    ) -> Result<(), Stop> {
        self.release(&mut request)?;
        if let Some(mut approval) = approved
            && approval.supersede()
        {
            self.put_approval(approval)?;
        }
        request.code = Some(refusal.code.to_owned());
        request.reason = Some(refusal.reason.clone());
        let request = self.put_request(request, RequestState::Denied)?;
        let errors = (!refusal.errors.is_empty()).then(|| json!(refusal.errors));
        self.report(
            "action.denied",
            &request,
            json!({"code": refusal.code, "reason": refusal.reason, "rule": refusal.rule, "errors": errors}),
        );
        self.end_as(AuditOutcome::Denied);
        self.record(json!({
            "effect": "action_denied", "request_id": request.request_id, "action": request.action,
            "code": refusal.code, "rule": refusal.rule, "reverses": request.reverses,
        }));
        if request.step.is_some() {
            self.note_end(&request, refused(refusal));
            return self.reversal_ended(&request, false, &refusal.reason);
        }
        // Whoever is handed to a person is told so by the transfer.
        if refusal.escalates {
            let reason = format!("`{}` was denied: {}", request.action, refusal.reason);
            self.hand_to_person(&request, Trigger::Approval, &reason);
        } else {
            self.say(&request, |action| action.say.denied.as_ref(), None);
        }
        self.reversal_ended(&request, false, &refusal.reason)
    }

    fn ask_customer(&mut self, request: Request, prompt: &str) -> Result<(), Stop> {
        let request = self.put_request(request, RequestState::AwaitingConfirmation)?;
        self.report(
            "action.awaiting_confirmation",
            &request,
            json!({"prompt": prompt}),
        );
        self.record_move("action_awaiting_confirmation", &request);
        if request.has_conversation() {
            self.send_message(prompt, &format!("confirmation:{}", request.action));
        }
        Ok(())
    }

    fn go(&mut self, request: Request) -> Result<(), Stop> {
        let Some(action) = self.action_of(&request) else {
            return Ok(());
        };
        let request = self.put_request(request, RequestState::Ready)?;
        let level = request.step.as_ref().map(|step| step.level);
        if action.approval == Level::Notify || level == Some(Level::Notify) {
            self.report("action.notice", &request, json!({"params": request.params}));
        }
        self.perform(request, &action)
    }

    /// Ends a request that was carried out.
    pub(super) fn succeed(&mut self, mut request: Request, output: &Value) -> Result<(), Stop> {
        if let Some(action) = self.action_of(&request) {
            self.keep_output(&request, &action, output);
        }
        request.output = Some(output.clone());
        request.succeeded_at = Some(self.now);
        let request = self.put_request(request, RequestState::Succeeded)?;
        self.report(
            "action.succeeded",
            &request,
            json!({"output": output, "attempts": request.attempts}),
        );
        self.record_move("action_succeeded", &request);
        self.note_end(&request, Acted::Done(output.clone()));
        self.say(
            &request,
            |action| action.say.succeeded.as_ref(),
            Some(output),
        );
        self.reversal_ended(&request, true, "")
    }

    /// Puts looked-up values into the conversation's attributes, where the action says so.
    fn keep_output(&mut self, request: &Request, action: &Action, output: &Value) {
        let (Value::Object(members), true) = (output, request.has_conversation()) else {
            return;
        };
        if action.output.attributes.is_empty() {
            return;
        }
        let kept = action.output.attributes.iter();
        let kept: Map<String, Value> = kept
            .map(|(name, template)| (name.clone(), template.value(members)))
            .collect();
        self.conversation_mut().keep_attributes(&kept);
    }

    /// Ends a request that was not carried out, for certain; or, with the code `output`, that was and
    /// whose answer is not what the action promises: its part of the budget stays taken then.
    pub(super) fn fail(
        &mut self,
        mut request: Request,
        code: &'static str,
        reason: &str,
    ) -> Result<(), Stop> {
        if code != "output" {
            self.release(&mut request)?;
        }
        request.code = Some(code.to_owned());
        request.reason = Some(reason.to_owned());
        let request = self.put_request(request, RequestState::Failed)?;
        self.report(
            "action.failed",
            &request,
            json!({"code": code, "reason": reason, "attempts": request.attempts}),
        );
        self.end_as(AuditOutcome::Failed);
        self.record_move("action_failed", &request);
        let acted = Acted::Not {
            reason: format!("`{}` failed: {reason}", request.action),
            is_refused: false,
        };
        self.note_end(&request, acted);
        self.say(&request, |action| action.say.failed.as_ref(), None);
        self.reversal_ended(&request, false, reason)
    }

    /// Nobody knows whether it was done; a probe finds out, or a person.
    pub(super) fn end_unknown(&mut self, mut request: Request, reason: &str) -> Result<(), Stop> {
        request.reason = Some(reason.to_owned());
        self.time_unknown(&mut request)?;
        let request = self.put_request(request, RequestState::Unknown)?;
        self.report(
            "action.unknown",
            &request,
            json!({"reason": reason, "attempts": request.attempts}),
        );
        self.end_as(AuditOutcome::Failed);
        self.record_move("action_unknown", &request);
        self.say(&request, |action| action.say.unknown.as_ref(), None);
        if !self.look_later(&request) {
            self.ask_what_happened(&request, reason);
        }
        Ok(())
    }

    /// Asks a person whether a request was carried out.
    pub(super) fn ask_what_happened(&mut self, request: &Request, reason: &str) {
        let task = format!(
            "did `{}` happen? {reason}; settle request {}",
            request.action, request.request_id
        );
        self.ask_for_help(request, Trigger::Action, &task);
    }

    /// Withdraws every request of the conversation that waits: it is over.
    pub(super) fn cancel_waiting(&mut self) -> Result<(), Stop> {
        let waiting = self
            .conversation()
            .map(|known| known.waiting_requests.clone());
        let waiting = waiting.unwrap_or_default();
        for id in &waiting {
            self.cancel_request(id, "conversation", None)?;
        }
        Ok(())
    }

    /// Withdraws a request that waits.
    pub(super) fn cancel_request(
        &mut self,
        id: &str,
        why: &'static str,
        stated: Option<&str>,
    ) -> Result<(), Stop> {
        let reason = stated.unwrap_or(why);
        let Some(request) = self.request(id)? else {
            return Ok(());
        };
        let mut request = (*request).clone();
        check_move(&request, RequestState::Cancelled)?;
        self.release(&mut request)?;
        if let Some(approval_id) = request.approval_id.clone() {
            self.cancel_approval(&approval_id, why)?;
        }
        request.reason = Some(reason.to_owned());
        let request = self.put_request(request, RequestState::Cancelled)?;
        self.report("action.cancelled", &request, json!({"reason": reason}));
        self.record_move("action_cancelled", &request);
        let reason_of = reason.to_owned();
        self.note_end(&request, Acted::Withdrawn { reason: reason_of });
        self.reversal_ended(&request, false, reason)
    }

    /// Puts on record how a request has moved.
    pub(super) fn record_move(&mut self, effect: &str, request: &Request) {
        self.record(json!({
            "effect": effect, "request_id": request.request_id, "action": request.action,
            "approval_id": request.approval_id, "code": request.code, "reverses": request.reverses,
        }));
    }

    /// Hands the conversation to a person: an escalation, and the transfer that says so to the customer.
    pub(super) fn hand_to_person(&mut self, request: &Request, trigger: Trigger, reason: &str) {
        if !request.has_conversation() {
            return;
        }
        self.ask_for_help(request, trigger, reason);
        let action = self.action_of(request);
        let said = action.and_then(|action| action.say.denied.clone());
        let values = self.values_of(request);
        let message = said.map_or_else(
            || HANDED_OVER.to_owned(),
            |template| template.expand(&values, str::to_owned),
        );
        self.publish(
            "conversation.transfer",
            json!({"conversation_id": request.subject, "to": "human", "reason": reason, "message": message}),
        );
    }

    /// Escalates, where there is a conversation.
    pub(super) fn ask_for_help(&mut self, request: &Request, trigger: Trigger, reason: &str) {
        if !request.has_conversation() {
            return;
        }
        let wish = Escalate {
            reason: reason.to_owned(),
            ..Escalate::default()
        };
        let actor = Actor::system("provost");
        let data = json!({"trigger": trigger, "actor": actor, "wish": wish, "reason": reason});
        if let Value::Object(data) = data {
            self.ask_house("escalation.requested", data);
        }
    }
}

/// Says what a no means for the run whose step it was.
fn refused(refusal: &Refusal) -> Acted {
    let reason = refusal.reason.clone();
    match refusal.code {
        "declined" => Acted::Withdrawn { reason },
        "invalid_params" | "unknown_action" => Acted::Not {
            reason,
            is_refused: false,
        },
        _ => Acted::Not {
            reason,
            is_refused: true,
        },
    }
}

/// Leaves the members of an object out that are not known.
pub(super) fn known_members(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.into_iter();
            Value::Object(members.filter(|(_, member)| !member.is_null()).collect())
        }
        other => other,
    }
}

/// Refuses a move that the specification does not have.
pub(super) fn check_move(request: &Request, to: RequestState) -> Result<(), Stop> {
    if request.state.may_become(to) {
        return Ok(());
    }
    let reason = if request.state.is_settled() {
        Reason::Settled
    } else {
        Reason::IllegalMove
    };
    let detail = format!(
        "request `{}` is {}, it cannot become {to}",
        request.request_id, request.state
    );
    Err(Stop::refuse(reason, "data.request_id", detail))
}
