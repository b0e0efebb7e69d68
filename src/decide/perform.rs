//! Performing a request that may go: by the house itself, by a function of the policy, or by
//! an execution in another system, whose row is committed before the first byte leaves.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Map, Value, json};

use super::{Case, Stop};
use crate::{
    connectors,
    domain::{
        action::{Action, BuiltIn, Performer},
        effect::TicketDraft,
        escalation::Trigger,
        execution::{Execution, Share},
        integration,
        lead::Lead,
        outcome::Change,
        request::{Request, RequestState},
        ticket::Priority,
    },
};

impl Case<'_> {
    /// Performs a request that is ready.
    pub(super) fn perform(&mut self, mut request: Request, action: &Action) -> Result<(), Stop> {
        request.attempts = 1;
        let request = self.put_request(request, RequestState::Executing)?;
        self.report("action.started", &request, json!({}));
        self.record_move("action_started", &request);
        match &action.performer {
            Performer::BuiltIn(built_in) => {
                let output = self.perform_built_in(*built_in, &request)?;
                self.succeed(request, &output)
            }
            Performer::Function(name) => self.perform_function(name, request, action),
            Performer::Operation { integration, .. } => self.execute(request, action, integration),
            Performer::Address => {
                let url = text(&request.params, "url").unwrap_or_default();
                let origin = integration::origin(url).to_owned();
                self.execute(request, action, &origin)
            }
            Performer::Workflow(slug) => self.perform_workflow(slug, request),
        }
    }

    /// Starts a procedure in the request's conversation, with its parameters.
    fn perform_workflow(&mut self, slug: &str, request: Request) -> Result<(), Stop> {
        let all = Arc::clone(self.world.procedures()?);
        let started = match all.find(slug) {
            Ok(published) if request.has_conversation() => {
                let (params, actor) = (request.params.clone(), request.actor.clone());
                self.start_run(published, &params, actor)
            }
            Ok(_) => {
                let why = "a procedure runs in a conversation".to_owned();
                return self.fail(request, "upstream", &why);
            }
            Err(why) => return self.fail(request, "upstream", &why),
        };
        match started {
            Ok(run_id) => self.succeed(request, &json!({"run_id": run_id})),
            Err(Stop::Refused(rejection)) => self.fail(request, "upstream", &rejection.detail),
            Err(needs) => Err(needs),
        }
    }

    fn perform_function(
        &mut self,
        name: &str,
        request: Request,
        action: &Action,
    ) -> Result<(), Stop> {
        let answered = self.policy.call(name, &Arc::new(request.params.clone()));
        match answered {
            Ok(answer) => self.take_output(request, action, answer),
            Err(error) => self.fail(request, "upstream", &error),
        }
    }

    /// Takes an answer as the action maps it.
    pub(super) fn take_output(
        &mut self,
        request: Request,
        action: &Action,
        answer: Value,
    ) -> Result<(), Stop> {
        match connectors::http::output(&action.output, answer) {
            Ok(output) => self.succeed(request, &output),
            Err(faults) => {
                let said: Vec<String> = faults
                    .iter()
                    .map(|fault| format!("{}: {}", fault.path, fault.message))
                    .collect();
                let reason = format!("the answer is not what was promised: {}", said.join("; "));
                self.fail(request, "output", &reason)
            }
        }
    }

    fn execute(&mut self, request: Request, action: &Action, name: &str) -> Result<(), Stop> {
        let Some(integration) = self.settings.integration(name) else {
            return self.fail(
                request,
                "transport",
                &format!("there is no integration `{name}`"),
            );
        };
        let share = action.batch.as_ref().map(|_| Share {
            item: request.params.clone(),
            joined: None,
        });
        let prepared = if share.is_some() {
            // What is sent is made once it is known for whom.
            String::new()
        } else {
            let values = self.values_of(&request);
            let key = Execution::key_of(&request.request_id);
            match connectors::prepare(action, &integration, &values, &key) {
                Ok(prepared) => serde_json::to_string(&prepared).unwrap_or_default(),
                Err(fault) => return self.fail(request, "transport", &fault.to_string()),
            }
        };
        let execution = Execution {
            request_id: request.request_id,
            subject: request.subject,
            action: request.action,
            integration: name.to_owned(),
            prepared,
            attempt: 1,
            tries: 0,
            first_at: self.now,
            due_at: self.now,
            timeout: action.timeout,
            was_ambiguous: false,
            was_renewed: false,
            look: None,
            share,
        };
        self.change(Change::Execution(Arc::new(execution)));
        Ok(())
    }

    /// Does what Provost does itself and gives what came of it.
    fn perform_built_in(&mut self, built_in: BuiltIn, request: &Request) -> Result<Value, Stop> {
        let params = &request.params;
        match built_in {
            BuiltIn::CreateTicket => self.create_ticket(request),
            BuiltIn::CreateLead => Ok(self.create_lead(request)),
            BuiltIn::Escalate => {
                let reason = text(params, "reason").unwrap_or("an action hands over");
                self.ask_for_help(request, Trigger::Action, reason);
                Ok(json!({}))
            }
            BuiltIn::RedirectToPerson => {
                let reason = text(params, "reason").unwrap_or("the customer wants a person");
                self.hand_to_person(request, Trigger::Action, reason);
                Ok(json!({}))
            }
            BuiltIn::ResolveSession => {
                self.publish(
                    "conversation.resolve",
                    json!({"conversation_id": request.subject}),
                );
                Ok(json!({}))
            }
            BuiltIn::TagSession => {
                if let Some(tag) = text(params, "tag").filter(|_| request.has_conversation()) {
                    self.tag(tag);
                }
                Ok(json!({}))
            }
            BuiltIn::CallTransfer | BuiltIn::CallHold | BuiltIn::CallHangup | BuiltIn::CallDtmf => {
                self.steer_call(built_in, request);
                Ok(json!({}))
            }
        }
    }

    fn create_ticket(&mut self, request: &Request) -> Result<Value, Stop> {
        let params = &request.params;
        let owned = |name: &str| text(params, name).map(str::to_owned);
        let priority = params.get("priority").cloned();
        let priority: Option<Priority> =
            priority.and_then(|value| serde_json::from_value(value).ok());
        let draft = TicketDraft {
            subject: owned("subject").unwrap_or_else(|| "a request".to_owned()),
            description: owned("description"),
            priority: priority.unwrap_or_default(),
            category: owned("category"),
            team: owned("team"),
            assignee: owned("assignee"),
            tags: texts(params, "tags"),
            contact: ["name", "email"]
                .into_iter()
                .filter_map(|name| Some((name.to_owned(), text(params, name)?.into())))
                .collect(),
        };
        let ticket_id = self.open_ticket(draft, &request.actor)?;
        let number = self.ticket(&ticket_id)?.map(|ticket| ticket.number);
        Ok(json!({"ticket_id": ticket_id, "number": number}))
    }

    fn create_lead(&mut self, request: &Request) -> Value {
        let known = self.conversation().map(|known| Arc::clone(&known.customer));
        let known = known.unwrap_or_default();
        let params = &request.params;
        let of = |name: &str| {
            let stated = text(params, name).or_else(|| text(&known, name));
            stated.map(str::to_owned)
        };
        let (email, name, phone) = (of("email"), of("name"), of("phone"));
        let lead = Lead {
            lead_id: self.make_id("led"),
            conversation_id: request.has_conversation().then(|| request.subject.clone()),
            email: email.unwrap_or_default(),
            name,
            phone,
            company: text(params, "company").map(str::to_owned),
            message: text(params, "message").map(str::to_owned),
            created_at: self.now,
        };
        let mut data = serde_json::to_value(&lead).unwrap_or_default();
        if let Some(data) = data.as_object_mut() {
            data.remove("created_at");
        }
        self.publish("lead.created", data);
        let lead_id = lead.lead_id.clone();
        self.change(Change::Lead(Arc::new(lead)));
        json!({"lead_id": lead_id})
    }

    fn steer_call(&mut self, built_in: BuiltIn, request: &Request) {
        let params = &request.params;
        let known = self.conversation();
        let kept = known.and_then(|known| known.attributes.get("phone_id").cloned());
        let mut data = json!({
            "conversation_id": request.subject,
            "phone_id": params.get("phone_id").cloned().or(kept),
        });
        let (kind, fields): (&'static str, &[&str]) = match built_in {
            BuiltIn::CallTransfer => ("call.transfer", &["to", "reason", "message"]),
            BuiltIn::CallHold => ("call.hold", &["message"]),
            BuiltIn::CallHangup => ("call.hangup", &["reason"]),
            _ => ("call.dtmf", &["digits"]),
        };
        for field in fields {
            if let Some(value) = params.get(*field) {
                data[*field] = value.clone();
            }
        }
        self.publish(kind, data);
    }
}

fn texts(params: &Map<String, Value>, name: &str) -> BTreeSet<String> {
    let found = params.get(name).and_then(Value::as_array);
    let texts = found.into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

fn text<'p>(params: &'p Map<String, Value>, name: &str) -> Option<&'p str> {
    params.get(name).and_then(Value::as_str)
}
