//! Looking for the end of a request of which nobody knows, where its action says how.
//!
//! A look is an execution like any other: its row is committed first, and how it ended comes
//! back as an input. It only reads, so that one which was lost is simply made again. What it
//! finds settles the request; what it does not find is looked for again, and in the end a
//! person is asked.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    Case, Stop,
    execution_ended::{body, digest, fate, summary},
};
use crate::{
    connectors::{
        self,
        answer::{Standing, Verdict, judge},
    },
    domain::{
        action::{Action, Output, Performer},
        execution::{Ended, Execution},
        outcome::Change,
        probe::{Finding, Probe},
        request::{Request, RequestState},
        time::Span,
    },
};

impl Case<'_> {
    /// Schedules the first look at an unknown request's end; tells whether there is one.
    pub(super) fn look_later(&mut self, request: &Request) -> bool {
        let Some(execution) = self.first_look(request) else {
            return false;
        };
        self.record(json!({
            "effect": "look_scheduled", "request_id": request.request_id,
            "due_at": execution.due_at,
        }));
        self.change(Change::Execution(Arc::new(execution)));
        true
    }

    fn first_look(&self, request: &Request) -> Option<Execution> {
        let action = self.action_of(request)?;
        let probe = action.probe.as_ref()?;
        let Performer::Operation { integration, .. } = &action.performer else {
            return None;
        };
        let known = self.settings.catalogue.integrations.get(integration)?;
        let values = self.values_of(request);
        let key = Execution::look_key_of(&request.request_id);
        // What cannot be asked is a person's to find out.
        let prepared =
            connectors::prepare_operation(&probe.operation, known, &values, &key).ok()?;
        let due_at = self.now.plus(probe.after);
        Some(Execution {
            request_id: request.request_id.clone(),
            subject: request.subject.clone(),
            action: request.action.clone(),
            integration: integration.clone(),
            prepared: serde_json::to_string(&prepared).ok()?,
            attempt: request.attempts + 1,
            tries: 0,
            first_at: due_at,
            due_at,
            timeout: action.timeout,
            was_ambiguous: false,
            was_renewed: false,
            look: Some(1),
            share: None,
        })
    }

    /// Follows what a look has found.
    pub(super) fn looked(
        &mut self,
        request: &Request,
        execution: &Execution,
        (look, ended): (u32, &Ended),
    ) -> Result<(), Stop> {
        let action = self.action_of(request);
        let probe = action.as_deref().and_then(|action| action.probe.as_ref());
        let finding = probe.map_or(Finding::Unclear, |probe| read(probe, ended));
        self.record(json!({
            "effect": "looked", "request_id": request.request_id, "look": look,
            "finding": finding.as_str(), "fate": summary(ended), "response": digest(ended),
        }));
        if request.state != RequestState::Unknown {
            self.change(Change::ExecutionOver(request.request_id.clone()));
            return Ok(());
        }
        let again = probe.filter(|_| finding == Finding::Unclear);
        if let Some(next) = again.and_then(|probe| self.next_look(execution, (look, ended), probe))
        {
            self.change(Change::Execution(Arc::new(next)));
            return Ok(());
        }
        self.change(Change::ExecutionOver(request.request_id.clone()));
        match finding {
            Finding::Done => {
                let output = action.map_or(Value::Null, |action| output(&action, body(ended)));
                self.succeed(request.clone(), &output)
            }
            Finding::NotDone => {
                let reason = "it was not done, as the system says";
                self.fail(request.clone(), "upstream", reason)
            }
            Finding::Unclear => {
                let known = request.reason.as_deref().unwrap_or_default();
                let reason = format!("{known}; nothing certain was found at look {look}");
                self.ask_what_happened(request, &reason);
                Ok(())
            }
        }
    }

    /// Gives the look after one that found nothing, where there is one more.
    fn next_look(
        &self,
        execution: &Execution,
        (look, ended): (u32, &Ended),
        probe: &Probe,
    ) -> Option<Execution> {
        let standing = Standing {
            is_safe: true,
            honours_key: false,
            was_ambiguous: false,
            was_renewed: execution.was_renewed,
            may_retry: true,
        };
        let (look, wait, was_renewed) = match judge(&fate(ended), standing) {
            // The credential was refused; nobody has looked yet.
            Verdict::Renew => (look, Span::from_micros(0), true),
            Verdict::Retry(Some(wait)) => (look + 1, wait.max(probe.every), false),
            Verdict::Retry(None) | Verdict::Done | Verdict::Failed(_) | Verdict::Unknown => {
                (look + 1, probe.every, false)
            }
        };
        (look <= probe.times).then(|| Execution {
            attempt: execution.attempt + 1,
            due_at: self.now.plus(wait),
            look: Some(look),
            was_renewed,
            ..execution.clone()
        })
    }
}

fn read(probe: &Probe, ended: &Ended) -> Finding {
    match ended {
        Ended::Answered { status, body, .. } => probe.read(*status, body),
        Ended::Undivided { .. }
        | Ended::Broken { .. }
        | Ended::NotSent { .. }
        | Ended::Refused { .. }
        | Ended::Open
        | Ended::Adopted => Finding::Unclear,
    }
}

/// Gives the output that a look's answer holds, or nothing: it is another operation's answer, and may
/// lack what the action promises.
fn output(action: &Action, answer: Value) -> Value {
    let Output { map, .. } = &action.output;
    let mapped = connectors::http::output(&action.output, answer).unwrap_or_default();
    let is_whole = |mapped: &Value| {
        let members = mapped.as_object();
        members.is_some_and(|members| !members.values().any(Value::is_null))
    };
    if !map.is_empty() && is_whole(&mapped) {
        mapped
    } else {
        Value::Null
    }
}
