//! The story of a request in sentences, one line each, the time before it.
//!
//! Pure: the request, its approvals and the entries that concern it go in.

use serde_json::Value;

use super::part::Entry;
use crate::domain::{
    actor::{Actor, ActorKind},
    approval::{Approval, Stage, Vote},
    audit::{AuditCheck, AuditOutcome},
    request::{Check, Request, RequestState},
};

/// Makes the sentences.
pub(super) fn sentences(
    request: &Request,
    approvals: &[Approval],
    entries: &[Entry],
) -> Vec<String> {
    let mut story = Story {
        request,
        approvals,
        lines: vec![format!("{} {}", request.requested_at, asked(request))],
    };
    for entry in entries {
        story.entry(entry);
    }
    story.lines
}

struct Story<'s> {
    request: &'s Request,
    approvals: &'s [Approval],
    lines: Vec<String>,
}

impl Story<'_> {
    fn say(&mut self, entry: &Entry, sentence: &str) {
        self.lines.push(format!("{} {sentence}", entry.body.at));
    }

    fn entry(&mut self, entry: &Entry) {
        let body = &entry.body;
        let who = name(&body.actor);
        if body.effects.is_empty() && body.outcome == AuditOutcome::Denied {
            let reason = body.checks.first().map_or("", |check| &check.outcome);
            let asked = &body.action;
            let said = format!("{who} sent `{asked}`; it was refused ({reason}).");
            return self.say(entry, &said);
        }
        match body.action.as_str() {
            "action.confirmed" => self.say(entry, &format!("{who} said yes.")),
            "action.declined" => self.say(entry, &format!("{who} said no.")),
            _ => {}
        }
        let is_own = |effect: &Value| {
            let kind = effect["effect"].as_str().unwrap_or_default();
            effect["request_id"] == *self.request.request_id
                && !["reversal_requested", "reversal_failed", "action_reversed"].contains(&kind)
        };
        // The checks of what undoes it belong to that one's story.
        let has_own = body.effects.iter().any(is_own);
        // People are heard before what they said is looked at again.
        let (votes, rest): (Vec<&Value>, Vec<&Value>) = body
            .effects
            .iter()
            .partition(|effect| effect["effect"] == "approval_vote");
        for vote in votes {
            let said = self.vote(entry, vote);
            self.say(entry, &said);
        }
        if !body.checks.is_empty() && has_own {
            let said = checked(&body.checks, &self.request.checks);
            self.say(entry, &said);
        }
        let mut told = entry.cause.told.iter();
        for effect in rest {
            if let Some(said) = self.effect(entry, effect, &mut told) {
                self.say(entry, &said);
            }
        }
        if let Some(reason) = &entry.cause.transfer {
            let said = format!("The conversation was handed to a person: {reason}.");
            self.say(entry, &said);
        }
    }

    fn effect<'t>(
        &self,
        entry: &Entry,
        effect: &Value,
        told: &mut impl Iterator<Item = &'t String>,
    ) -> Option<String> {
        let text = |name: &str| effect[name].as_str().unwrap_or_default();
        let kind = text("effect");
        // What undoes the request has a story of its own.
        if effect["reverses"] == *self.request.request_id {
            return None;
        }
        if let Some(said) = self.ending(entry, effect) {
            return Some(said);
        }
        Some(match kind {
            "run_action" => format!("The rule `{}` had it asked for.", text("rule")),
            "action_awaiting_confirmation" => "It waits for the customer's word.".to_owned(),
            "approval_requested" => self.waiting(text("approval_id")),
            "approval_deadlocked" => {
                "Too few people are left who could decide; a person was called.".to_owned()
            }
            "approval_reminded" => "Those who may decide were reminded.".to_owned(),
            "approval_expired" => "Nobody decided in time.".to_owned(),
            "approval_cancelled" => format!(
                "The approval {} was called off ({}).",
                text("approval_id"),
                text("reason")
            ),
            "action_started" => "It was begun.".to_owned(),
            "attempt_ended" => format!("Attempt {} ended: {}.", effect["attempt"], text("fate")),
            "send_message" => match told.next() {
                Some(said) => format!("The customer was told: \"{said}\""),
                None => format!("The customer was told something ({}).", text("reason")),
            },
            "tag" => format!("The conversation was tagged `{}`.", text("tag")),
            "create_ticket" => format!("The ticket #{} was opened.", effect["number"]),
            "rule_failed" => format!("The rule `{}` failed.", text("rule")),
            "anomaly_detected" => format!(
                "It was out of the usual: `{}` is {}, where {} is expected.",
                text("anomaly"),
                effect["value"],
                effect["expected"]
            ),
            _ => return of_run(entry, effect).or_else(|| of_version(effect)),
        })
    }

    /// Says how something came to an end.
    fn ending(&self, entry: &Entry, effect: &Value) -> Option<String> {
        let text = |name: &str| effect[name].as_str().unwrap_or_default();
        let who = name(&entry.body.actor);
        let because = |reason: Option<&str>| {
            let reason = reason.filter(|reason| !reason.is_empty());
            reason.map_or_else(|| ".".to_owned(), |reason| format!(": {reason}."))
        };
        let stated = entry.cause.reason.as_deref();
        let kept = self.request.reason.as_deref();
        Some(match text("effect") {
            "action_denied" => {
                let rule = text("rule");
                let rule = if rule.is_empty() {
                    String::new()
                } else {
                    format!(" by the rule `{rule}`")
                };
                let code = text("code");
                let kept = kept.map(|kept| kept.trim_start_matches(&format!("{code}: ")));
                format!("It was denied{rule} ({code}){}", because(kept))
            }
            "action_succeeded" => match &self.request.output {
                Some(output) if !output.is_null() => {
                    format!("It was done; what came back: {output}.")
                }
                _ => "It was done.".to_owned(),
            },
            "action_failed" => format!("It failed ({}){}", text("code"), because(kept)),
            "action_unknown" => {
                "Nobody knows whether it was done; a person is to find out.".to_owned()
            }
            "request_resolved" => {
                let was = if effect["is_done"] == true {
                    ""
                } else {
                    " not"
                };
                let reason = because(Some(text("reason")));
                format!("{who} said that it was{was} done{reason}")
            }
            "action_cancelled" if entry.body.action == "action.cancelled" => {
                format!("{who} withdrew it{}", because(stated))
            }
            "action_cancelled" if kept == Some("procedure") => {
                "It was withdrawn with its procedure.".to_owned()
            }
            "action_cancelled" => "It was withdrawn: the conversation was over.".to_owned(),
            "reversal_requested" => {
                let by = self.undone_by(entry);
                format!("{who} asked for it to be undone{by}{}", because(stated))
            }
            "action_reversed" => {
                let part = match self.request.state {
                    RequestState::PartlyReversed => " in part",
                    _ => "",
                };
                format!("It was undone{part}{}.", self.undone_by(entry))
            }
            "reversal_failed" => format!("It could not be undone{}.", self.undone_by(entry)),
            _ => return None,
        })
    }

    fn undone_by(&self, entry: &Entry) -> String {
        let mut effects = entry.body.effects.iter();
        let undoing = effects.find(|effect| effect["reverses"] == *self.request.request_id);
        let id = undoing.and_then(|effect| effect["request_id"].as_str());
        id.map_or_else(String::new, |id| format!(" by the request {id}"))
    }

    fn approval(&self, id: &str) -> Option<&Approval> {
        self.approvals
            .iter()
            .find(|approval| approval.approval_id == id)
    }

    fn waiting(&self, id: &str) -> String {
        let stages = self.approval(id).map(|approval| stages(&approval.stages));
        match stages {
            Some(stages) => format!("It waits for the approval {id}: {stages}."),
            None => format!("It waits for the approval {id}."),
        }
    }

    fn vote(&self, entry: &Entry, effect: &Value) -> String {
        let text = |name: &str| effect[name].as_str().unwrap_or_default();
        let who = &entry.body.actor;
        let id = text("approval_id");
        let approval = self.approval(id);
        let is_his = |vote: &&Vote| vote.actor.id == who.id && vote.actor.kind == who.kind;
        let vote = approval.and_then(|approval| approval.votes.iter().find(is_his));
        let did = if text("decision") == "approve" {
            "approved"
        } else {
            "rejected"
        };
        let behalf = match text("on_behalf") {
            "" => String::new(),
            other => format!(", for {other}"),
        };
        let reason = vote.and_then(|vote| vote.reason.as_deref());
        let reason = reason.or(entry.cause.reason.as_deref());
        let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
        format!("{} {did} {id}{behalf}{reason}.", name(who))
    }
}

/// Says what became of a run of a procedure.
fn of_run(entry: &Entry, effect: &Value) -> Option<String> {
    let text = |name: &str| effect[name].as_str().unwrap_or_default();
    let (procedure, version) = (text("procedure"), &effect["version"]);
    let at = match text("step") {
        "" => String::new(),
        step => format!(" at the step `{step}`"),
    };
    Some(match text("effect") {
        "start_procedure" => format!(
            "The rule `{}` had the procedure `{procedure}` started.",
            text("rule")
        ),
        "procedures_offered" => {
            let slugs = effect["procedures"].as_array().into_iter().flatten();
            let slugs = slugs.filter_map(Value::as_str);
            let slugs: Vec<String> = slugs.map(|slug| format!("`{slug}`")).collect();
            let slugs = slugs.join(" and ");
            format!("The customer was asked to choose between the procedures {slugs}.")
        }
        "run_started" => format!(
            "The procedure `{procedure}` began, in version {version}, as {}.",
            text("run_id")
        ),
        "run_completed" => format!("The procedure `{procedure}` came to its end."),
        "run_cancelled" => {
            let reason = entry.cause.run_ended.as_ref();
            let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
            format!("The procedure `{procedure}` was ended{at}{reason}.")
        }
        // Why follows with the transfer.
        "run_escalated" => format!("The procedure `{procedure}` called a person{at}."),
        "run_failed" => format!("The procedure `{procedure}` could not go on{at}."),
        "run_moved" => format!("The procedure `{procedure}` was moved to version {version}{at}."),
        _ => return None,
    })
}

/// Says what became of a version of a procedure.
fn of_version(effect: &Value) -> Option<String> {
    let text = |name: &str| effect[name].as_str().unwrap_or_default();
    let it = format!(
        "Version {} of the procedure `{}`",
        effect["version"],
        text("procedure")
    );
    Some(match text("effect") {
        "procedure_drafted" => {
            format!(
                "A draft of the procedure `{}` was written.",
                text("procedure")
            )
        }
        "procedure_published" => format!("{it} was published."),
        "procedure_archived" => format!("{it} was archived."),
        "version_stopped" => format!("{it} was stopped: {}.", text("reason")),
        "version_released" => format!("{it} may go on again."),
        _ => return None,
    })
}

/// Says who asked for what.
fn asked(request: &Request) -> String {
    let params: Vec<String> = request
        .params
        .iter()
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    let with = if params.is_empty() {
        String::new()
    } else {
        format!(" with {}", params.join(", "))
    };
    let undoes = request.reverses.as_ref();
    let undoes = undoes.map_or_else(String::new, |id| format!(", to undo {id}"));
    let roles = if request.actor.roles.is_empty() {
        String::new()
    } else {
        format!(", as {},", request.actor.roles.join(" and "))
    };
    let who = name(&request.actor);
    let step = request.step.as_ref().map_or_else(String::new, |of| {
        format!(", the step `{}` of `{}`", of.step, of.procedure)
    });
    let action = &request.action;
    format!("{who}{roles} asked for `{action}`{step}{with}{undoes}.")
}

/// Names somebody.
fn name(actor: &Actor) -> String {
    match (actor.kind, actor.id.as_str()) {
        (ActorKind::Customer, _) => "The customer".to_owned(),
        (ActorKind::System, "provost") => "Provost".to_owned(),
        (ActorKind::System, id) => match id.strip_prefix("rule:") {
            Some(rule) => format!("The rule `{rule}`"),
            None => id.to_owned(),
        },
        (ActorKind::Ai, id) => format!("{id} (AI)"),
        (ActorKind::Agent, id) => id.to_owned(),
    }
}

/// Says how the checks came out; those of the last validation are kept with more words.
fn checked(checks: &[AuditCheck], last: &[Check]) -> String {
    let is_last = checks.len() == last.len()
        && checks
            .iter()
            .zip(last)
            .all(|(one, other)| one.check == other.check && one.outcome == other.outcome);
    let said: Vec<String> = checks
        .iter()
        .enumerate()
        .map(|(number, check)| {
            let rule = check.rule.as_ref();
            let rule = rule.map_or_else(String::new, |rule| format!(" by `{rule}`"));
            let more = last.get(number).filter(|_| is_last);
            let more = more.and_then(|check| check.detail.as_ref());
            let more = more.map_or_else(String::new, |detail| format!(" ({detail})"));
            format!("{} {}{rule}{more}", check.check, check.outcome)
        })
        .collect();
    format!("Checked: {}.", said.join(", "))
}

fn stages(stages: &[Stage]) -> String {
    let said: Vec<String> = stages
        .iter()
        .map(|stage| format!("{} of {}", stage.required, stage.approvers.join(", ")))
        .collect();
    said.join(", then ")
}

#[cfg(test)]
mod tests;
