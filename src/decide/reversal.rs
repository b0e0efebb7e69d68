//! Undoing what was done: a governed action of its own, by the inverse that the action names.

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::{Case, Stop};
use crate::domain::{
    access::Amount,
    actor::Actor,
    event::Reason,
    request::{Request, RequestState, Undoing},
};

impl Case<'_> {
    /// Asks for the reversal of a request, as a request of its own.
    ///
    /// *Errors*: `illegal_move` when there is nothing that could be undone, or not any more.
    pub(super) fn reverse(
        &mut self,
        id: &str,
        actor: Actor,
        part: Option<&Map<String, Value>>,
    ) -> Result<(), Stop> {
        let mut original = self.named_request(id)?;
        super::requests::check_move(&original, RequestState::Reversing)?;
        let action = self.action_of(&original).ok_or_else(|| {
            impossible(format!("there is no action `{}` any more", original.action))
        })?;
        let reversal = action
            .reversal
            .as_ref()
            .ok_or_else(|| impossible(format!("`{}` cannot be reversed", original.action)))?;
        let age = original.succeeded_at.map(|at| self.now.since(at));
        if reversal
            .until
            .is_some_and(|until| age.is_none_or(|age| age > until))
        {
            return Err(impossible(
                "the time in which it could be reversed is over".into(),
            ));
        }
        let inverse = self
            .settings
            .catalogue
            .actions
            .get(&reversal.action)
            .cloned();
        let inverse = inverse
            .ok_or_else(|| impossible(format!("there is no action `{}`", reversal.action)))?;
        let mut values = self.values_of(&original);
        if let Some(Value::Object(output)) = &original.output {
            values.extend(output.clone());
        }
        let stated = reversal.params.iter();
        let mut params: Map<String, Value> = stated
            .map(|(name, template)| (name.clone(), template.value(&values)))
            .collect();
        for (name, value) in part.into_iter().flatten() {
            params.insert(name.clone(), value.clone());
        }
        let amount = match inverse.amount_of(&params) {
            Amount::Of(amount) => Some(amount),
            Amount::None | Amount::Unreadable => None,
        };
        check_sum(&original, amount)?;
        let request_id = self.make_id("req");
        original.reversals.push(Undoing {
            request_id: request_id.clone(),
            amount,
            is_done: None,
        });
        let original = self.put_request(original, RequestState::Reversing)?;
        self.record_move("reversal_requested", &original);
        let request = self.new_request(request_id, reversal.action.clone(), params, actor);
        let request = Request {
            reverses: Some(original.request_id),
            amount,
            ..request
        };
        self.pass(request, None)
    }

    /// Makes a request that nobody has looked at yet.
    pub(super) fn new_request(
        &self,
        request_id: String,
        action: String,
        params: Map<String, Value>,
        actor: Actor,
    ) -> Request {
        let customer = self.conversation();
        let customer = customer.and_then(|known| known.customer_text("id"));
        Request {
            request_id,
            subject: self.input.event.subject.to_string(),
            action,
            params,
            actor,
            customer_id: customer.unwrap_or_default().to_owned(),
            state: RequestState::Requested,
            requested_at: self.now,
            updated_at: self.now,
            succeeded_at: None,
            amount: None,
            checks: Vec::new(),
            flagged_by: Vec::new(),
            reserved: Vec::new(),
            approval_id: None,
            is_confirmed: false,
            attempts: 0,
            output: None,
            code: None,
            reason: None,
            reverses: None,
            reversals: Vec::new(),
            step: None,
            is_timed: false,
        }
    }

    /// Tells the original how its reversal ended; nothing, where the request undoes nothing.
    pub(super) fn reversal_ended(
        &mut self,
        request: &Request,
        is_done: bool,
        reason: &str,
    ) -> Result<(), Stop> {
        let Some(id) = &request.reverses else {
            return Ok(());
        };
        let Some(original) = self.request(id)? else {
            return Ok(());
        };
        let mut original = (*original).clone();
        for undoing in &mut original.reversals {
            if undoing.request_id == request.request_id {
                undoing.is_done = Some(is_done);
            }
        }
        let (is_whole, is_any) = taken_back(&original);
        let to = match (is_whole, is_any) {
            (true, _) => RequestState::Reversed,
            (false, true) => RequestState::PartlyReversed,
            (false, false) => RequestState::Succeeded,
        };
        let original = self.put_request(original, to)?;
        if is_done {
            let partial = (!is_whole).then_some(true);
            self.report(
                "action.reversed",
                &original,
                json!({"output": request.output, "partial": partial}),
            );
            self.record_move("action_reversed", &original);
        } else {
            self.report(
                "action.reversal_failed",
                &original,
                json!({"reason": reason}),
            );
            self.record_move("reversal_failed", &original);
        }
        Ok(())
    }
}

/// Refuses to take back more than there was.
fn check_sum(original: &Request, amount: Option<Decimal>) -> Result<(), Stop> {
    let live = original.reversals.iter();
    let live = live.filter(|undoing| undoing.is_done != Some(false));
    let before: Decimal = live.filter_map(|undoing| undoing.amount).sum();
    match (original.amount, amount) {
        (Some(whole), Some(part)) if part.is_sign_negative() || before + part > whole => {
            Err(impossible(format!(
                "{part} on top of {before} taken back already is more than {whole}"
            )))
        }
        // Without amounts there is one reversal, of the whole.
        (_, None) if before > Decimal::ZERO => Err(impossible(
            "a part was taken back already; say how much of the rest".into(),
        )),
        _ => Ok(()),
    }
}

/// Tells whether all of it is taken back, and whether any of it is.
fn taken_back(original: &Request) -> (bool, bool) {
    let done = original.reversals.iter();
    let done: Vec<&Undoing> = done
        .filter(|undoing| undoing.is_done == Some(true))
        .collect();
    let sum: Decimal = done.iter().filter_map(|undoing| undoing.amount).sum();
    let is_whole = done.iter().any(|undoing| undoing.amount.is_none())
        || (!done.is_empty() && original.amount.is_none_or(|whole| sum >= whole));
    (is_whole, !done.is_empty())
}

fn impossible(detail: String) -> Stop {
    Stop::refuse(Reason::IllegalMove, "data.request_id", detail)
}
