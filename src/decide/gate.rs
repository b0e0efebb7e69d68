//! The governed path: one function that every request for an action goes through, whoever
//! asks, and goes through again after the customer or people have had their say.
//!
//! Known action → schema → role → rules → limits → confirmation → approval. Each check is
//! kept with how it came out. Nothing here changes anything: what a request may do next is
//! a [`Passage`], which `super::requests` carries out, or a preview shows.

use std::{collections::BTreeMap, sync::Arc};

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::{Case, Stop};
use crate::domain::{
    access::{Amount, Roles, Verb, Wish},
    action::{Action, Level},
    approval::{Approval, Stage},
    budget::{Budget, BudgetKey, Exceeded, Reservation},
    event::{Event, Trace},
    facts::{Facts, StateFacts},
    gate::{ApprovalAsk, Gate, LimitAsk, OnExpiry, Otherwise},
    members,
    nearest::did_you_mean,
    request::{Check, Request, Reserved, StepDoes},
    time::{Span, Timestamp},
    verdict::{Fired, RuleFailure},
    world::Need,
};

/// How long an approval stands open when nobody says.
pub(super) const EXPIRES_AFTER: Span = Span::from_secs(24 * 3_600);
/// Who decides when nobody says.
const APPROVER: &str = "manager";
/// Who decides on a step of a procedure when it does not say.
const AGENT: &str = "agent";

/// What a validation came to.
#[derive(Debug)]
pub(super) struct Validated {
    /// What was looked at, in order.
    pub(super) checks: Vec<Check>,
    /// What the request may do next.
    pub(super) passage: Passage,
    /// What it takes of which budgets, unless it is denied.
    pub(super) reserve: Vec<(BudgetKey, Reservation, Option<Span>)>,
    /// What it takes once people have let it pass over a limit.
    pub(super) reserve_over: Vec<(BudgetKey, Reservation, Option<Span>)>,
    /// Rules that fired with effects that gate nothing.
    pub(super) fired: Vec<Fired>,
    /// Gates that failed.
    pub(super) failures: Vec<RuleFailure>,
}

/// What a request may do next.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Passage {
    /// Nothing.
    Denied(Refusal),
    /// Ask the customer.
    Confirm(String),
    /// Ask people.
    Approve(Wanted),
    /// Be carried out.
    Go,
}

/// A no, with its code of the contract.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Refusal {
    pub(super) code: &'static str,
    pub(super) reason: String,
    pub(super) rule: Option<Arc<str>>,
    /// `[{path, message}]`, where the parameters do not fit.
    pub(super) errors: Vec<Value>,
    /// Whether the conversation goes to a person.
    pub(super) escalates: bool,
}

/// The approval that is wanted.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wanted {
    pub(super) stages: Vec<Stage>,
    pub(super) rejections: u32,
    /// `None`: a day from now.
    pub(super) expires_at: Option<Timestamp>,
    pub(super) remind_at: Option<Timestamp>,
    /// The rule whose target counts.
    pub(super) timed_by: Option<Arc<str>>,
    pub(super) on_expiry: OnExpiry,
    pub(super) notify: Vec<String>,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            stages: Vec::new(),
            rejections: 1,
            expires_at: None,
            remind_at: None,
            timed_by: None,
            on_expiry: OnExpiry::Reject,
            notify: Vec::new(),
        }
    }
}

impl Wanted {
    /// Asks for one more stage; the same people are asked once, for the larger number.
    fn stage(&mut self, approvers: &[String], required: u32) {
        let approvers = if approvers.is_empty() {
            vec![APPROVER.to_owned()]
        } else {
            approvers.to_vec()
        };
        let known = self.stages.iter_mut();
        match known.into_iter().find(|stage| stage.approvers == approvers) {
            Some(stage) => stage.required = stage.required.max(required),
            None => self.stages.push(Stage {
                approvers,
                required: required.max(1),
            }),
        }
    }
}

/// A validation under way.
struct Validation<'c, 'a> {
    case: &'c Case<'a>,
    request: &'c Request,
    checks: Vec<Check>,
    wanted: Wanted,
    reserve: Vec<(BudgetKey, Reservation, Option<Span>)>,
    reserve_over: Vec<(BudgetKey, Reservation, Option<Span>)>,
}

impl Case<'_> {
    /// Validates a request as things stand now. `approved`: what people have let through.
    pub(super) fn validate(
        &mut self,
        request: &Request,
        approved: Option<&Approval>,
    ) -> Result<Validated, Stop> {
        let mut facts = self.request_facts(request);
        self.recall(&mut facts)?;
        self.keep_facts(facts.state.clone());
        let gate = self.policy.gate(&facts);
        let mut validation = Validation {
            case: self,
            request,
            checks: Vec::new(),
            wanted: Wanted::default(),
            reserve: Vec::new(),
            reserve_over: Vec::new(),
        };
        let passage = match validation.walk(&gate, approved)? {
            Ok(passage) => passage,
            Err(refusal) => Passage::Denied(refusal),
        };
        let Validation {
            checks,
            reserve,
            reserve_over,
            ..
        } = validation;
        Ok(Validated {
            checks,
            passage,
            reserve,
            reserve_over,
            fired: gate.fired,
            failures: gate.failures,
        })
    }

    /// Gives when a span that a rule wants for an approval is over, in the open time of its calendar.
    fn due(&self, span: Span, ask: &ApprovalAsk) -> Timestamp {
        let named = ask.calendar.as_deref();
        match named.and_then(|name| self.policy.calendar(name)) {
            Some(calendar) => calendar.due(self.now, span),
            None => self.now.plus(span),
        }
    }

    /// Gives what the rules see of a request: always in the shape of `action.requested`.
    pub(super) fn request_facts(&self, request: &Request) -> Facts {
        let data = json!({
            "request_id": request.request_id, "action": request.action,
            "params": request.params, "actor": request.actor,
        });
        let event = &self.input.event;
        let asked = Event {
            id: event.id.clone(),
            source: event.source.clone(),
            kind: "action.requested".to_owned(),
            subject: event.subject.clone(),
            time: event.time,
            data: members::of(data),
            trace: Trace::default(),
        };
        let state = StateFacts {
            now: self.now,
            time: self.time,
            conversation: self.conversation().cloned(),
            ticket: None,
            draft: None,
            request: Some(Arc::new(request.clone())),
            history: BTreeMap::new(),
        };
        Facts {
            event: Arc::new(asked),
            state,
        }
    }
}

type Step<T> = Result<Result<T, Refusal>, Stop>;

impl Validation<'_, '_> {
    fn walk(&mut self, gate: &Gate, approved: Option<&Approval>) -> Step<Passage> {
        let action = match self.action() {
            Ok(action) => action,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let denied = self
            .schema(&action)
            .and_then(|()| self.role(&action))
            .and_then(|()| self.rules(gate));
        if let Err(refusal) = denied {
            return Ok(Err(refusal));
        }
        if let Err(refusal) = self.limits(gate)? {
            return Ok(Err(refusal));
        }
        if let Some(prompt) = self.confirmation(&action, gate) {
            return Ok(Ok(Passage::Confirm(prompt)));
        }
        Ok(Ok(self.approval(&action, gate, approved)))
    }

    fn note(&mut self, check: &str, outcome: &str, rule: Option<&str>, detail: Option<String>) {
        self.checks.push(Check {
            check: check.to_owned(),
            outcome: outcome.to_owned(),
            rule: rule.map(str::to_owned),
            detail,
        });
    }

    fn refuse(
        &mut self,
        check: &str,
        code: &'static str,
        rule: Option<&Arc<str>>,
        reason: String,
    ) -> Refusal {
        self.note(check, code, rule.map(|rule| &**rule), Some(reason.clone()));
        Refusal {
            code,
            reason,
            rule: rule.cloned(),
            errors: Vec::new(),
            escalates: false,
        }
    }

    fn action(&mut self) -> Result<Arc<Action>, Refusal> {
        let name = &self.request.action;
        if let Some(action) = self.case.action_of(self.request) {
            self.note("action", "passed", None, None);
            return Ok(action);
        }
        let known = &self.case.settings.catalogue.actions;
        let hint = did_you_mean(name, known.keys().map(String::as_str));
        let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
        let reason = format!("there is no action `{name}`{hint}");
        Err(self.refuse("action", "unknown_action", None, reason))
    }

    fn schema(&mut self, action: &Action) -> Result<(), Refusal> {
        let faults = action
            .params
            .faults(&Value::Object(self.request.params.clone()));
        if faults.is_empty() {
            self.note("schema", "passed", None, None);
            return Ok(());
        }
        let said: Vec<String> = faults.iter().map(|fault| fault.message.clone()).collect();
        let mut refusal = self.refuse("schema", "invalid_params", None, said.join("; "));
        refusal.errors = faults
            .iter()
            .map(|fault| json!({"path": fault.path, "message": fault.message}))
            .collect();
        Err(refusal)
    }

    /// Who may ask: the action names roles, and a grant must reach that far. What undoes
    /// another request needs the verb to reverse that one instead. For a step of a procedure its
    /// publication is the grant.
    fn role(&mut self, action: &Action) -> Result<(), Refusal> {
        if let Some(step) = &self.request.step {
            let grant = format!("`{}`, version {}", step.procedure, step.version);
            self.note("role", "passed", None, Some(grant));
            return Ok(());
        }
        let held = &self.request.actor.roles;
        let undone = self.request.reverses.as_ref();
        let is_named =
            undone.is_some() || action.allow.iter().any(|role| Roles::count_as(held, role));
        let verb = if undone.is_some() {
            Verb::Reverse
        } else {
            Verb::Request
        };
        let conversation = self.case.conversation();
        let wish = Wish {
            action: Some(&action.name),
            channel: conversation.map(|known| known.channel.as_str()),
            segment: conversation.and_then(|known| known.customer_text("segment")),
            amount: action.amount_of(&self.request.params),
            ..Wish::to(verb)
        };
        if is_named && self.case.settings.directory.roles.permit(held, &wish) {
            self.note("role", "passed", None, None);
            return Ok(());
        }
        let actor = &self.request.actor.id;
        let reason = if is_named {
            format!(
                "no grant of `{actor}` lets it {} `{}` here and for this amount",
                verb.as_str(),
                action.name
            )
        } else {
            format!(
                "`{}` is allowed to {}; `{actor}` has {}",
                action.name,
                listed(&action.allow),
                listed(held)
            )
        };
        Err(self.refuse("role", "forbidden", None, reason))
    }

    fn rules(&mut self, gate: &Gate) -> Result<(), Refusal> {
        let Some(denial) = gate.denials.first() else {
            self.note("rules", "passed", None, None);
            return Ok(());
        };
        let code = if denial.is_unreadable {
            "limit_unreadable"
        } else {
            "rule"
        };
        Err(self.refuse("rules", code, Some(&denial.rule), denial.reason.clone()))
    }

    fn limits(&mut self, gate: &Gate) -> Step<()> {
        let mut needs = Vec::new();
        let mut budgets: Vec<Option<Budget>> = Vec::with_capacity(gate.limits.len());
        for ask in &gate.limits {
            match self.case.world.budget(&key_of(ask), ask.cap.window) {
                Ok(budget) => budgets.push(Some(budget.clone())),
                Err(need) => {
                    needs.push(need);
                    budgets.push(None);
                }
            }
        }
        if !needs.is_empty() {
            return Err(Stop::Needs(needs));
        }
        for (ask, budget) in gate.limits.iter().zip(budgets) {
            if let Err(refusal) = self.limit(ask, budget.unwrap_or_default()) {
                return Ok(Err(refusal));
            }
        }
        if gate.limits.is_empty() {
            self.note("limits", "passed", None, None);
        }
        Ok(Ok(()))
    }

    fn limit(&mut self, ask: &LimitAsk, mut budget: Budget) -> Result<(), Refusal> {
        let key = key_of(ask);
        let is_held = |held: &Reserved| held.budget() == key;
        if self.request.reserved.iter().any(is_held) {
            self.note("limits", "passed", Some(&ask.rule), None);
            return Ok(());
        }
        let exceeded = match budget.reserve(&ask.cap, ask.amount) {
            Ok(amount) => {
                let reservation = self.reservation(amount);
                self.reserve.push((key, reservation, ask.cap.window));
                self.note("limits", "passed", Some(&ask.rule), None);
                return Ok(());
            }
            Err(exceeded) => exceeded,
        };
        let reason = format!("{}: {exceeded}", ask.rule);
        if matches!(exceeded, Exceeded::Unreadable | Exceeded::Negative(_)) {
            return Err(self.refuse("limits", "limit_unreadable", Some(&ask.rule), reason));
        }
        match ask.otherwise {
            Otherwise::Approval => {
                let amount = match ask.amount {
                    Amount::Of(amount) => amount,
                    Amount::None | Amount::Unreadable => Decimal::ZERO,
                };
                let reservation = self.reservation(amount);
                self.reserve_over.push((key, reservation, ask.cap.window));
                self.wanted.stage(&ask.approvers, 1);
                self.note("limits", "approval", Some(&ask.rule), Some(reason));
                Ok(())
            }
            Otherwise::Deny | Otherwise::Escalate => {
                let mut refusal = self.refuse("limits", "limit_exceeded", Some(&ask.rule), reason);
                refusal.escalates = ask.otherwise == Otherwise::Escalate;
                Err(refusal)
            }
        }
    }

    fn reservation(&self, amount: Decimal) -> Reservation {
        Reservation {
            request_id: self.request.request_id.clone(),
            at: self.case.now,
            amount,
        }
    }

    fn confirmation(&mut self, action: &Action, gate: &Gate) -> Option<String> {
        let own = action.confirmation.as_ref().map(|template| {
            let values = self.case.values_of(self.request);
            (None, template.expand(&values, str::to_owned))
        });
        let asked = own.or_else(|| {
            let prompt = gate.confirmations.first()?;
            Some((Some(&prompt.rule), prompt.text.clone()))
        });
        match asked {
            Some((rule, prompt)) if !self.request.is_confirmed => {
                let rule = rule.map(|rule| &**rule);
                self.note("confirmation", "asked", rule, Some(prompt.clone()));
                Some(prompt)
            }
            Some(_) => {
                self.note("confirmation", "confirmed", None, None);
                None
            }
            None => {
                self.note("confirmation", "passed", None, None);
                None
            }
        }
    }

    fn approval(&mut self, action: &Action, gate: &Gate, approved: Option<&Approval>) -> Passage {
        if action.approval == Level::Require {
            self.wanted.stage(&action.approvers, action.required);
        }
        self.step_approval();
        for ask in &gate.approvals {
            for stage in &ask.stages {
                self.wanted.stage(&stage.approvers, stage.required);
            }
            let wanted = &mut self.wanted;
            wanted.rejections = wanted.rejections.max(ask.rejections);
            let expires_at = match ask.expires_after {
                Some(span) => self.case.due(span, ask),
                None => self.case.now.plus(EXPIRES_AFTER),
            };
            wanted.expires_at = [wanted.expires_at, Some(expires_at)]
                .into_iter()
                .flatten()
                .min();
            let is_timed = self.case.policy.approval_terms(&ask.rule).is_some();
            wanted.timed_by = wanted
                .timed_by
                .take()
                .or_else(|| is_timed.then(|| Arc::clone(&ask.rule)));
            let remind_at = ask.remind_after.map(|span| self.case.due(span, ask));
            wanted.remind_at = [wanted.remind_at, remind_at].into_iter().flatten().min();
            if ask.on_expiry == OnExpiry::Escalate {
                wanted.on_expiry = OnExpiry::Escalate;
            }
            wanted.notify.extend(ask.notify.iter().cloned());
            self.note("approval", "asked", Some(&ask.rule), None);
        }
        // What is out of the usual is not denied: people look at it.
        for watch in &self.request.flagged_by {
            self.wanted.stage(&action.approvers, action.required);
            self.note("approval", "anomaly", Some(watch), None);
        }
        // A gate that failed is no permission.
        for failure in &gate.failures {
            self.wanted.stage(&action.approvers, action.required);
            let detail = Some(failure.error.clone());
            self.note("approval", "failed", Some(&failure.rule), detail);
        }
        let wanted = &self.wanted;
        if wanted.stages.is_empty() {
            self.note("approval", "passed", None, None);
            return Passage::Go;
        }
        if approved.is_some_and(|approval| approval.covers(&wanted.stages)) {
            self.note("approval", "approved", None, None);
            return Passage::Go;
        }
        let asked = wanted.stages.iter();
        let asked: Vec<String> = asked
            .map(|stage| format!("{} of {}", stage.required, listed(&stage.approvers)))
            .collect();
        let wanted = wanted.clone();
        self.note("approval", "required", None, Some(asked.join(", then ")));
        Passage::Approve(wanted)
    }
}

impl Validation<'_, '_> {
    /// Asks for what a step of a procedure wants, and what an action of the catalogue wants that has the
    /// name of an internal one.
    fn step_approval(&mut self) {
        let Some(step) = &self.request.step else {
            return;
        };
        if step.level == Level::Require {
            let agents = vec![AGENT.to_owned()];
            let asked = if step.approvers.is_empty() {
                &agents
            } else {
                &step.approvers
            };
            self.wanted.stage(asked, 1);
        }
        let listed = self
            .case
            .settings
            .catalogue
            .actions
            .get(&self.request.action);
        if let Some(listed) = listed.filter(|_| step.does == StepDoes::Internal)
            && listed.approval == Level::Require
        {
            self.wanted.stage(&listed.approvers, listed.required);
        }
    }
}

fn key_of(ask: &LimitAsk) -> BudgetKey {
    BudgetKey {
        limit: ask.rule.to_string(),
        key: ask.key.clone(),
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        "nobody".to_owned()
    } else {
        names.join(", ")
    }
}

/// Gives the values that templates of an action take.
pub(super) fn values(
    params: &Map<String, Value>,
    customer: Option<&Map<String, Value>>,
    conversation: Value,
) -> Map<String, Value> {
    let mut values = params.clone();
    values.insert(
        "customer".to_owned(),
        Value::Object(customer.cloned().unwrap_or_default()),
    );
    values.insert("conversation".to_owned(), conversation);
    values
}

/// A need that every decision on an approval has.
pub(super) fn owners_needed(case: &Case<'_>) -> Result<(), Need> {
    if case.settings.names_others {
        return Ok(());
    }
    case.world.token_owners().map(drop)
}
