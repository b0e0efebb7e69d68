//! An attempt at an execution has ended, or a person says how an unknown one did.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Case, Decide, Stop, requests::check_move};
use crate::{
    connectors::{
        self, Prepared,
        answer::{Failure, Fate, Standing, Verdict, backoff, judge},
    },
    domain::{
        action::Action,
        event::Reason,
        execution::{Ended, Execution},
        outcome::Change,
        request::{Request, RequestState},
        time::{Span, Timestamp},
        world::Need,
    },
};

/// An attempt has ended.
#[derive(Debug)]
pub struct ExecutionEnded {
    /// Whose it is.
    pub request_id: String,
    /// Which attempt.
    pub attempt: u32,
    /// How.
    pub ended: Ended,
    /// When, where several share the call: what is decided of one must be decided of each.
    pub at: Option<Timestamp>,
}

impl Decide for ExecutionEnded {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        let found = case.world.execution(&self.request_id)?.cloned();
        let Some(execution) = found.filter(|known| known.attempt == self.attempt) else {
            // Told twice, or of an attempt that somebody else has taken over.
            return Ok(());
        };
        let request = case.named_request(&self.request_id)?;
        if let Some(look) = execution.look {
            return case.looked(&request, &execution, (look, &self.ended));
        }
        let action = case.action_of(&request);
        let verdict = judge(
            &fate(&self.ended),
            self.standing(case, &execution, action.as_deref()),
        );
        case.record(json!({
            "effect": "attempt_ended", "request_id": self.request_id, "attempt": self.attempt,
            "fate": summary(&self.ended), "response": digest(&self.ended),
        }));
        match verdict {
            Verdict::Retry(wait) => {
                self.again(case, &execution, wait, action.as_deref());
                return Ok(());
            }
            Verdict::Renew => {
                let again = Execution {
                    was_renewed: true,
                    attempt: execution.attempt + 1,
                    due_at: self.at.unwrap_or(case.now),
                    ..(*execution).clone()
                };
                case.change(Change::Execution(Arc::new(again)));
                return Ok(());
            }
            Verdict::Done | Verdict::Failed(_) | Verdict::Unknown => {}
        }
        case.change(Change::ExecutionOver(self.request_id.clone()));
        let request = Request {
            attempts: self.attempt,
            ..request
        };
        if let Ended::Undivided { detail } = &self.ended {
            return case.fail(request, "output", detail);
        }
        match (verdict, action) {
            (Verdict::Done, Some(action)) => case.take_output(request, &action, body(&self.ended)),
            (Verdict::Done, None) => case.succeed(request, &body(&self.ended)),
            (Verdict::Unknown, _) => case.end_unknown(request, &summary(&self.ended)),
            (Verdict::Failed(failure), _) => {
                let code = code(failure, &self.ended);
                case.fail(request, code, &summary(&self.ended))
            }
            (Verdict::Retry(_) | Verdict::Renew, _) => Ok(()),
        }
    }

    fn foresees(&self) -> Vec<Need> {
        let id = &self.request_id;
        vec![Need::Execution(id.clone()), Need::Request(id.clone())]
    }
}

impl ExecutionEnded {
    fn standing(
        &self,
        case: &Case<'_>,
        execution: &Execution,
        action: Option<&Action>,
    ) -> Standing {
        let prepared: Option<Prepared> = serde_json::from_str(&execution.prepared).ok();
        let integration = case.settings.integration(&execution.integration);
        let age = self.at.unwrap_or(case.now).since(execution.first_at);
        let most = action.map_or(1, |action| action.retry.attempts);
        Standing {
            is_safe: prepared.is_some_and(|prepared| prepared.is_safe()),
            honours_key: integration.is_some_and(|known| connectors::honours_key(&known, age)),
            was_ambiguous: execution.was_ambiguous,
            was_renewed: execution.was_renewed,
            may_retry: match &self.ended {
                // That a daemon died says nothing about the system.
                Ended::Adopted => true,
                Ended::Refused { .. } => false,
                Ended::Answered { .. }
                | Ended::Broken { .. }
                | Ended::NotSent { .. }
                | Ended::Open
                | Ended::Undivided { .. } => execution.tries + 1 < most,
            },
        }
    }

    fn again(
        &self,
        case: &mut Case<'_>,
        execution: &Execution,
        wait: Option<Span>,
        action: Option<&Action>,
    ) {
        let first = action.map_or(Span::from_secs(1), |action| action.retry.backoff);
        let (tries, drawn) = if self.ended == Ended::Adopted {
            (execution.tries, Span::default())
        } else {
            let tries = execution.tries + 1;
            (tries, backoff(first, tries, execution.call_name()))
        };
        let wait = wait.map_or(drawn, |wait| wait.max(drawn));
        let again = Execution {
            attempt: execution.attempt + 1,
            tries,
            due_at: self.at.unwrap_or(case.now).plus(wait),
            was_ambiguous: execution.was_ambiguous || is_ambiguous(&self.ended),
            ..execution.clone()
        };
        case.change(Change::Execution(Arc::new(again)));
    }
}

/// Gives how an attempt ended in the terms in which it is judged.
pub fn fate(ended: &Ended) -> Fate {
    match ended {
        Ended::Answered {
            status,
            retry_after,
            ..
        } => Fate::Answered {
            status: *status,
            retry_after: *retry_after,
        },
        Ended::Undivided { .. } => Fate::Answered {
            status: 200,
            retry_after: None,
        },
        Ended::Broken { .. } | Ended::Adopted => Fate::Broken,
        Ended::NotSent { .. } | Ended::Refused { .. } | Ended::Open => Fate::NotSent,
    }
}

fn is_ambiguous(ended: &Ended) -> bool {
    match ended {
        Ended::Broken { .. } | Ended::Adopted => true,
        Ended::Answered { status, .. } => *status >= 500 && *status != 503,
        Ended::Undivided { .. } | Ended::NotSent { .. } | Ended::Refused { .. } | Ended::Open => {
            false
        }
    }
}

fn code(failure: Failure, ended: &Ended) -> &'static str {
    if *ended == Ended::Open {
        return "circuit_open";
    }
    match failure {
        Failure::Transport => "transport",
        Failure::Timeout => "timeout",
        Failure::Upstream => "upstream",
    }
}

pub(super) fn body(ended: &Ended) -> Value {
    match ended {
        Ended::Answered { body, .. } => body.clone(),
        Ended::Undivided { .. }
        | Ended::Broken { .. }
        | Ended::NotSent { .. }
        | Ended::Refused { .. }
        | Ended::Open
        | Ended::Adopted => Value::Null,
    }
}

/// Says how an attempt ended, without anything that the other side said.
pub(super) fn summary(ended: &Ended) -> String {
    match ended {
        Ended::Answered { status, .. } => format!("the system answered {status}"),
        Ended::Undivided { detail } => detail.clone(),
        Ended::Broken { detail } => format!("no certain answer came: {detail}"),
        Ended::NotSent { detail } => format!("not sent: {detail}"),
        Ended::Refused { detail } => format!("not sent, it may not be: {detail}"),
        Ended::Open => "the system failed too often lately; nothing was sent".to_owned(),
        Ended::Adopted => "the daemon that may have sent it died before an answer".to_owned(),
    }
}

/// Gives the digest of an answer's content, for the record.
pub(super) fn digest(ended: &Ended) -> Option<String> {
    use sha2::{Digest as _, Sha256};
    match ended {
        Ended::Answered { body, .. } if !body.is_null() => {
            let hash = Sha256::digest(body.to_string().as_bytes());
            Some(crate::domain::ids::hex(&hash))
        }
        Ended::Answered { .. }
        | Ended::Undivided { .. }
        | Ended::Broken { .. }
        | Ended::NotSent { .. }
        | Ended::Refused { .. }
        | Ended::Open
        | Ended::Adopted => None,
    }
}

/// A person says how an unknown request ended.
#[derive(Debug)]
pub struct RequestResolved {
    /// The request.
    pub request_id: String,
    /// Whether it was done.
    pub is_done: bool,
    /// How he knows.
    pub reason: String,
}

impl Decide for RequestResolved {
    fn decide(&self, case: &mut Case<'_>) -> Result<(), Stop> {
        let request = case.named_request(&self.request_id)?;
        if request.state != RequestState::Unknown {
            check_move(&request, RequestState::Unknown)?;
            let detail = format!("the end of request `{}` is known", self.request_id);
            return Err(Stop::refuse(Reason::IllegalMove, "data.request_id", detail));
        }
        case.record(json!({
            "effect": "request_resolved", "request_id": self.request_id, "is_done": self.is_done,
            "reason": self.reason,
        }));
        // A look that is still to come has nothing left to find.
        if case.world.execution(&self.request_id)?.is_some() {
            case.change(Change::ExecutionOver(self.request_id.clone()));
        }
        if self.is_done {
            case.succeed(request, &Value::Null)
        } else {
            case.fail(request, "upstream", &self.reason)
        }
    }

    fn foresees(&self) -> Vec<Need> {
        let id = &self.request_id;
        vec![Need::Execution(id.clone()), Need::Request(id.clone())]
    }
}
