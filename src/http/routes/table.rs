//! The registry's entries, in the order of the contract's table.
//!
//! One entry a route: path, who may call it, sentence, query, body, answer, handler. An entry
//! without `.by(…)` is planned.

use axum::routing;

use super::{
    Access,
    Method::{Delete, Get, Patch, Post, Put},
    Parameter, Route,
};
use crate::{
    domain::access::Verb,
    http::{
        actions, anomalies, approvals, asyncapi, audit, channels, comments, conversations,
        customers, delegations, escalations, events, export, intake, leads, openapi, parked,
        policy, procedures, reports, requests, results, runs, sla, status, story, tickets,
    },
};

const fn p(name: &'static str, shape: &'static str, summary: &'static str) -> Parameter {
    Parameter {
        name,
        shape,
        summary,
    }
}

/// An agent decides where an approval names his role; the approval itself looks.
const APPROVE: Access = Access::Verbs(&[Verb::Approve, Verb::Work]);
/// Whoever asked withdraws what he asked for; the request itself looks.
const CANCEL: Access = Access::Verbs(&[Verb::Request, Verb::Work]);
/// Whoever takes events in hands what may be asked for to its AI.
const CATALOGUE: Access = Access::Verbs(&[Verb::Ingest, Verb::Request, Verb::View]);
const DELEGATE: Access = Access::Verbs(&[Verb::Delegate]);
const EDIT: Access = Access::Verbs(&[Verb::Edit]);
const ERASE: Access = Access::Verbs(&[Verb::Erase]);
const EXPORT: Access = Access::Verbs(&[Verb::Export]);
const INGEST: Access = Access::Verbs(&[Verb::Ingest]);
const LOOK_OR_ASK: Access = Access::Verbs(&[Verb::Request, Verb::View]);
const OPEN: Access = Access::Open;
const OPERATE: Access = Access::Verbs(&[Verb::Operate]);
const PUBLISH: Access = Access::Verbs(&[Verb::Publish]);
const REQUEST: Access = Access::Verbs(&[Verb::Request]);
const RESOLVE: Access = Access::Verbs(&[Verb::Resolve]);
/// Whoever takes events in is told what follows.
const RESULTS: Access = Access::Verbs(&[Verb::Ingest, Verb::View]);
/// Whoever handed his say over takes it back, also when he may hand over no more; the delegation itself looks.
const REVOKE: Access = Access::Verbs(&[Verb::Approve, Verb::Delegate, Verb::Operate]);
const REVERSE: Access = Access::Verbs(&[Verb::Reverse]);
const SIMULATE: Access = Access::Verbs(&[Verb::Simulate]);
const VIEW: Access = Access::Verbs(&[Verb::View]);
const WORK: Access = Access::Verbs(&[Verb::Work]);

const LIMIT: Parameter = p(
    "limit",
    "integer",
    "At most so many, 1 to 1000; 100 by default.",
);
const AFTER: Parameter = p("after", "text", "`next` of the page before.");
const ASSIGNEE: Parameter = p("assignee", "text", "Only those of this person's tickets.");
const METRIC: Parameter = p(
    "metric",
    r#""first_response"|"next_response"|"resolution"|"own"|"approval"|"unknown""#,
    "Only those that measure this.",
);
const POLICY: Parameter = p("policy", "text", "Only those that go by this policy.");
const PRIORITY: Parameter = p(
    "priority",
    "priority",
    "Only those of tickets of this priority.",
);
const TEAM: Parameter = p("team", "text", "Only those of this team's tickets.");
const PAGE: &[Parameter] = &[LIMIT, AFTER];
const LISTING: &str = "{items: [object], next?: text}";
const TAKEN: &str =
    "{accepted: integer, duplicates: integer, ignored?: integer, refused?: [object]}";

const EXPLAINED: &str = "{ticket_id?: text, approval_id?: text, request_id?: text, number?: integer, subject?: text, clocks: [{metric: text, cycle: integer, state: text, due_at: time, due_at_local?: text, timezone?: text, consumed_ms: integer, target_ms: integer, intervals: [{from: time, to: time, why: text, date?: text, name?: text, counted_ms: integer, from_local?: text, to_local?: text}], transitions: [{at: time, at_local?: text, kind: text, state: text, elapsed_ms: integer, target_ms: integer, due_before?: time, due_at: time, due_at_local?: text, policy: text, policy_version: text, calendar: text, calendar_version: text, event: text}], fault?: text}]}";
const REPINNED: &str = "{preview: boolean, tickets: integer, clocks: integer, moved: integer, complete: boolean, items: [{ticket_id: text, number: integer, metric: text, cycle: integer, state: text, from: object, to?: object, due_before: time, due_after?: time, target_before_ms: integer, target_after_ms?: integer, breached: boolean}], next?: text}";
const REPORT: &str = "{from?: time, to: time, by?: text, timezone?: text, items: [{action?: text, asked?: integer, denied?: integer, denied_by_code?: object, approved?: integer, approved_by?: object, rejected?: integer, cancelled?: integer, succeeded?: integer, failed?: integer, unknown?: integer, reversed?: integer, count?: integer, met?: integer, breached?: integer, attainment?: number, average_elapsed_ms?: integer, p90_elapsed_ms?: integer}], total?: object}";

const SIMULATED: &str = "{state?: text, step: text, reason?: text, path: [{step: text, at: time, did: text}], conversation: [{by: \"customer\"|\"procedure\", text: text}], messages: [text], variables: object, approvals: [{step: text, approvers: [text], summary: text}], requests: [{step: text, action: text, params: object, state: text}], fault?: text}";

/// Every route of the contract, and what Provost adds to it.
pub const ROUTES: &[Route] = &[
    Route::new(Post, "/v1/events", INGEST, "Takes events in: structured, binary or batched CloudEvents.")
        .takes("event")
        .answers(202, TAKEN)
        .by(|| routing::post(events::take_in)),
    Route::new(Post, "/v1/intake/{mapping}", Access::Signature, "Takes a foreign message in through an inbound mapping.")
        .takes("any")
        .answers(202, TAKEN)
        .by(|| routing::post(intake::take_in)),
    Route::new(Get, "/v1/results", RESULTS, "What was published, in order; with `Accept: text/event-stream` as a stream.")
        .query(&[
            LIMIT,
            p("after", "text", "A result's `sequence`, or `latest`; results after it. From the beginning when absent."),
            p("type", "text", "Only these types, separated by commas; `ticket.*` for all of a kind."),
            p("conversation", "text", "Only results of this conversation."),
        ])
        .answers(200, "{items: [result], next: text}")
        .by(|| routing::get(results::read)),
    Route::new(Get, "/v1/conversations", VIEW, "Conversations, the newest first.")
        .query(&[
            LIMIT,
            AFTER,
            p("status", r#""open"|"resolved"|"ended""#, "Only those in this status."),
            p("channel", "text", "Only those of this channel."),
            p("customer", "text", "Only those with the customer of this id."),
        ])
        .answers(200, LISTING)
        .by(|| routing::get(conversations::list)),
    Route::new(Get, "/v1/conversations/{id}", VIEW, "A conversation: its state and its timeline.")
        .query(&[LIMIT, p("after", "text", "`next` of the page before; the timeline goes on after it.")])
        .answers(200, "{conversation_id: text, state: object, timeline: [object], next?: text}")
        .by(|| routing::get(conversations::show)),
    Route::new(Get, "/v1/tickets", VIEW, "Tickets, the newest first.")
        .query(&[
            LIMIT,
            AFTER,
            p("q", "text", "Only those that have words beginning with all of these: in subject, description, tags, comments, number, or the customer's name or address."),
            p("status", "text", "Only those in one of these statuses, separated by commas."),
            p("priority", "priority", "Only those of this priority."),
            p("team", "text", "Only those of this team."),
            p("assignee", "text", "Only those of this person."),
            p("category", "text", "Only those about this."),
            p("tag", "text", "Only those with this tag."),
            p("conversation", "text", "Only those of this conversation."),
            p("overdue", "boolean", "With `true` only those with an SLA clock that is over its time."),
            p("customer", "text", "Only those of conversations with the customer of this id."),
            p("unassigned", "boolean", "With `true` only those that nobody has."),
            p("created_from", "time", "Only those opened at this time or later."),
            p("created_to", "time", "Only those opened before this time."),
        ])
        .answers(200, "{items: [ticket], next?: text}")
        .by(|| routing::get(tickets::list)),
    Route::new(Post, "/v1/tickets", WORK, "Opens a ticket.")
        .takes("{conversation_id?: text, subject: text, description?: text, priority?: priority, category?: text, tags?: [text], assignee?: text, team?: text}")
        .answers(201, "ticket")
        .by(|| routing::post(tickets::create)),
    Route::new(Get, "/v1/tickets/counts", VIEW, "How many tickets are open, in progress, and resolved today and still so, those that were closed since included.")
        .query(&[p("timezone", "text", "Whose day is today; UTC when absent.")])
        .answers(200, "{open: integer, in_progress: integer, waiting: integer, resolved_today: integer, closed_today: integer, timezone: text, since: time}")
        .by(|| routing::get(tickets::counts)),
    Route::new(Get, "/v1/tickets/{id}", VIEW, "A ticket, by its id or number, with its SLA clocks.")
        .answers(200, "ticket")
        .by(|| routing::get(tickets::show)),
    Route::new(Patch, "/v1/tickets/{id}", WORK, "Changes a ticket.")
        .takes("{status?: ticket_status, priority?: priority, category?: text_or_null, assignee?: text_or_null, team?: text_or_null, subject?: text, tags_added?: [text], tags_removed?: [text], message?: text}")
        .answers(200, "ticket")
        .by(|| routing::patch(tickets::update)),
    Route::new(Post, "/v1/tickets/{id}/closure", WORK, "Closes a ticket for good: merged into another one (its id or number), as spam, or as deleted.")
        .takes(r#"{as: "merged"|"spam"|"deleted", into?: text}"#)
        .answers(200, "ticket")
        .by(|| routing::post(tickets::close)),
    Route::new(Get, "/v1/tickets/{id}/comments", VIEW, "The comments on a ticket, the oldest first, internal ones included.")
        .query(PAGE)
        .answers(200, "{items: [comment], next?: text}")
        .by(|| routing::get(comments::list)),
    Route::new(Post, "/v1/tickets/{id}/comments", WORK, "Comments on a ticket: among teammates, unless `internal` is `false`.")
        .takes("{body: text, internal?: boolean}")
        .answers(201, "comment")
        .by(|| routing::post(comments::create)),
    Route::new(Get, "/v1/escalations", VIEW, "Escalations, the newest first.")
        .query(&[
            LIMIT,
            AFTER,
            p("state", r#""raised"|"acknowledged"|"settled""#, "Only those in this state."),
            p("team", "text", "Only those of this team."),
            p("priority", "priority", "Only those of this priority."),
            p("conversation", "text", "Only those of this conversation."),
        ])
        .answers(200, "{items: [escalation], next?: text}")
        .by(|| routing::get(escalations::list)),
    Route::new(Get, "/v1/escalations/{id}", VIEW, "An escalation.")
        .answers(200, "escalation")
        .by(|| routing::get(escalations::show)),
    Route::new(Post, "/v1/escalations/{id}/ack", WORK, "Takes an escalation.")
        .takes("{reason?: text}")
        .answers(200, "escalation")
        .by(|| routing::post(escalations::acknowledge)),
    Route::new(Post, "/v1/escalations/{id}/settle", WORK, "Declares an escalation done with.")
        .takes("{reason?: text}")
        .answers(200, "escalation")
        .by(|| routing::post(escalations::settle)),
    Route::new(Get, "/v1/leads", VIEW, "Leads, the newest first.")
        .query(PAGE)
        .answers(200, "{items: [lead], next?: text}")
        .by(|| routing::get(leads::list)),
    Route::new(Get, "/v1/actions", CATALOGUE, "The catalogue of actions, by name: what may be asked for, when, and with which parameters.")
        .query(&[
            LIMIT,
            AFTER,
            p("phase", r#""before"|"during"|"after"|"any""#, "Only those that have their place there."),
        ])
        .answers(200, "{items: [action], next?: text}")
        .by(|| routing::get(actions::list)),
    Route::new(Get, "/v1/actions/{name}", CATALOGUE, "An action of the catalogue.")
        .answers(200, "action")
        .by(|| routing::get(actions::show)),
    Route::new(Post, "/v1/actions/{name}/requests", REQUEST, "Requests an action; a dry run is answered at once with what `action.previewed` says.")
        .takes("{request_id?: text, conversation_id?: text, params: object, dry_run?: boolean}")
        .answers(202, "{request_id: text, state: text}")
        .by(|| routing::post(requests::create)),
    Route::new(Get, "/v1/requests", LOOK_OR_ASK, "Requests for actions, the newest first.")
        .query(&[
            LIMIT,
            AFTER,
            p("state", "text", "Only those in this state."),
            p("action", "text", "Only those for this action."),
            p("conversation", "text", "Only those of this conversation."),
        ])
        .answers(200, "{items: [request], next?: text}")
        .by(|| routing::get(requests::list)),
    Route::new(Get, "/v1/requests/{id}", LOOK_OR_ASK, "A request for an action.")
        .answers(200, "request")
        .by(|| routing::get(requests::show)),
    Route::new(Get, "/v1/requests/{id}/story", VIEW, "All that became of a request, in the order of time: entries of the audit log, and the same in sentences.")
        .answers(200, "{request: request, entries: [{sequence: integer, at: time, actor: actor, action: text, outcome: text, rules: [text], checks: [object], effects: [object]}], sentences: [text]}")
        .by(|| routing::get(story::tell)),
    Route::new(Post, "/v1/requests/{id}/reversal", REVERSE, "Asks for an action to be undone, as a request of its own.")
        .takes("{reason: text, params?: object}")
        .answers(202, "request")
        .by(|| routing::post(requests::reverse)),
    Route::new(Post, "/v1/requests/{id}/cancellation", CANCEL, "Withdraws a request that has not run yet.")
        .takes("{reason?: text}")
        .answers(200, "request")
        .by(|| routing::post(requests::cancel)),
    Route::new(Post, "/v1/requests/{id}/resolution", RESOLVE, "Says what became of an unknown one.")
        .takes(r#"{outcome: "succeeded"|"failed", reason: text}"#)
        .answers(200, "request")
        .by(|| routing::post(requests::resolve)),
    Route::new(Get, "/v1/approvals", VIEW, "Approvals, the newest first.")
        .query(&[
            LIMIT,
            AFTER,
            p("state", "text", "Only those in this state."),
            p("action", "text", "Only those for this action."),
            p("conversation", "text", "Only those of this conversation."),
        ])
        .answers(200, "{items: [approval], next?: text}")
        .by(|| routing::get(approvals::list)),
    Route::new(Get, "/v1/approvals/{id}", VIEW, "An approval, with what was said so far.")
        .answers(200, "approval")
        .by(|| routing::get(approvals::show)),
    Route::new(Post, "/v1/approvals/{id}/decision", APPROVE, "Decides on an approval, as the token's owner.")
        .takes(r#"{decision: "approve"|"reject", reason?: text}"#)
        .answers(200, "approval")
        .by(|| routing::post(approvals::decide)),
    Route::new(Get, "/v1/delegations", VIEW, "Delegations, the newest first.")
        .query(&[
            LIMIT,
            AFTER,
            p("from", "text", "Only those of this person's say."),
            p("to", "text", "Only those to this person."),
            p("live", "boolean", "With `true` only those that are not over; those that begin later are among them."),
        ])
        .answers(200, "{items: [delegation], next?: text}")
        .by(|| routing::get(delegations::list)),
    Route::new(Post, "/v1/delegations", DELEGATE, "Hands the say in approvals of the token's owner to somebody else, for a time.")
        .takes("{to: text, ends_at: time, starts_at?: time, actions?: [text], channels?: [text], segments?: [text], amount?: number, reason?: text}")
        .answers(201, "delegation")
        .by(|| routing::post(delegations::create)),
    Route::new(Post, "/v1/delegations/{id}/revocation", REVOKE, "Takes a delegation back before its end: whoever made it, or who may operate.")
        .answers(200, "delegation")
        .by(|| routing::post(delegations::revoke)),
    Route::new(Get, "/v1/procedures", VIEW, "Procedures by slug: what is active of each, and whether its draft differs.")
        .query(PAGE)
        .answers(200, "{items: [procedure], next?: text}")
        .by(|| routing::get(procedures::list)),
    Route::new(Post, "/v1/procedures", EDIT, "Makes a procedure, as a draft.")
        .takes("object")
        .answers(201, "procedure_version")
        .by(|| routing::post(procedures::create)),
    Route::new(Get, "/v1/procedures/catalogue", CATALOGUE, "What can be started: active slugs with their triggers.")
        .answers(200, "{items: [{slug: text, version: integer, display_name: text, trigger_description: text}], next?: text}")
        .by(|| routing::get(procedures::catalogue)),
    Route::new(Get, "/v1/procedures/{slug}", VIEW, "A procedure: what is active, its draft, its versions.")
        .answers(200, "procedure")
        .by(|| routing::get(procedures::show)),
    Route::new(Get, "/v1/procedures/{slug}/versions/{n}", VIEW, "A version of a procedure; 0 is the draft.")
        .answers(200, "procedure_version")
        .by(|| routing::get(procedures::show_version)),
    Route::new(Put, "/v1/procedures/{slug}", EDIT, "Replaces the draft of a procedure.")
        .takes("object")
        .answers(200, "procedure_version")
        .by(|| routing::put(procedures::replace)),
    Route::new(Post, "/v1/procedures/{slug}/publish", PUBLISH, "Publishes the draft as a new version, once nothing stands against it and its scenarios hold.")
        .answers(200, "procedure_version")
        .by(|| routing::post(procedures::publish)),
    Route::new(Post, "/v1/procedures/{slug}/archive", PUBLISH, "Archives a procedure: no run begins with it any more.")
        .answers(200, "procedure")
        .by(|| routing::post(procedures::archive)),
    Route::new(Post, "/v1/procedures/{slug}/validate", EDIT, "Tells everything that is wrong or doubtful about the draft.")
        .answers(200, "{ok: boolean, faults: [object], scenarios: [object]}")
        .by(|| routing::post(procedures::validate)),
    Route::new(Post, "/v1/procedures/{slug}/simulate", SIMULATE, "Runs the draft with scripted inputs, answers and decisions, without any effect.")
        .takes("{inputs?: [text], mocks?: object, approvals?: object, variables?: object, customer?: object, channel?: text}")
        .answers(200, SIMULATED)
        .by(|| routing::post(procedures::simulate)),
    Route::new(Get, "/v1/procedures/{slug}/diff", VIEW, "What differs between two versions; 0 is the draft.")
        .query(&[p("from", "integer", "The older one."), p("to", "integer", "The newer one.")])
        .answers(200, "{from: integer, to: integer, changes: [object]}")
        .by(|| routing::get(procedures::compare)),
    Route::new(Post, "/v1/procedures/{slug}/versions/{n}/stop", PUBLISH, "Stops a version: no run begins or goes on with it.")
        .takes("{reason: text}")
        .answers(200, "procedure_version")
        .by(|| routing::post(procedures::stop)),
    Route::new(Post, "/v1/procedures/{slug}/versions/{n}/release", PUBLISH, "Lets a stopped version go on.")
        .answers(200, "procedure_version")
        .by(|| routing::post(procedures::release)),
    Route::new(Post, "/v1/procedures/{slug}/migrate", PUBLISH, "Moves runs that wait for an answer to another version; a preview unless `preview` is false.")
        .takes("{to: integer, preview?: boolean, limit?: integer, after?: text}")
        .answers(200, "{preview: boolean, to: integer, moved: integer, items: [{run_id: text, conversation_id: text, step: text, from: integer, reason?: text}], next?: text}")
        .by(|| routing::post(runs::migrate)),
    Route::new(Get, "/v1/runs", VIEW, "Runs of procedures, the newest first.")
        .query(&[
            LIMIT,
            AFTER,
            p("procedure", "text", "Only those of this procedure."),
            p("state", r#""awaiting_action"|"awaiting_input"|"cancelled"|"completed"|"escalated"|"failed""#, "Only those that stand so."),
            p("conversation", "text", "Only those in this conversation."),
        ])
        .answers(200, "{items: [run], next?: text}")
        .by(|| routing::get(runs::list)),
    Route::new(Post, "/v1/runs", REQUEST, "Starts a procedure in a conversation.")
        .takes("{procedure: text, conversation_id: text, variables?: object}")
        .answers(201, "run")
        .by(|| routing::post(runs::start)),
    Route::new(Get, "/v1/runs/{id}", LOOK_OR_ASK, "A run: where it stands, what it knows, and what each step did.")
        .answers(200, "run")
        .by(|| routing::get(runs::show)),
    Route::new(Post, "/v1/runs/{id}/cancel", CANCEL, "Calls a run off.")
        .takes("{reason?: text}")
        .answers(200, "run")
        .by(|| routing::post(runs::cancel)),
    Route::new(Post, "/v1/runs/{id}/replay", SIMULATE, "Runs what was recorded of a run through the draft (else what is active), a version, or a given definition, without any effect.")
        .takes("{version?: integer, definition?: object}")
        .answers(200, "{recorded: object, replayed: object, differences: [text]}")
        .by(|| routing::post(runs::replay)),
    Route::new(Get, "/v1/audit", VIEW, "The audit log, the newest entry first.")
        .query(&[
            LIMIT,
            AFTER,
            p("conversation", "text", "Only entries on this conversation."),
            p("customer", "text", "Only entries on this customer."),
            p("actor", "text", "Only what this actor asked: `kind:id`, such as `agent:dana`."),
            p("action", "text", "Only this type."),
            p("outcome", r#""done"|"denied"|"failed""#, "Only those that ended so."),
            p("rule", "text", "Only those where this rule fired."),
            p("from", "time", "Not before this time."),
            p("to", "time", "Before this time."),
            p("amount_min", "number", "Only those on this amount or more, compared to four decimal places."),
            p("amount_max", "number", "Only those on this amount or less."),
        ])
        .answers(200, LISTING)
        .by(|| routing::get(audit::search)),
    Route::new(Get, "/v1/audit/export", EXPORT, "The audit log as a file, the oldest entry first; the export itself is its last entry.")
        .query(&[
            p("format", r#""csv"|"jsonl""#, "The form; jsonl when absent, and only that can be verified."),
            p("conversation", "text", "Only entries on this conversation."),
            p("customer", "text", "Only entries on this customer."),
            p("actor", "text", "Only what this actor asked."),
            p("action", "text", "Only this type."),
            p("outcome", r#""done"|"denied"|"failed""#, "Only those that ended so."),
            p("rule", "text", "Only those where this rule fired."),
            p("from", "time", "Not before this time."),
            p("to", "time", "Before this time."),
            p("amount_min", "number", "Only those on this amount or more."),
            p("amount_max", "number", "Only those on this amount or less."),
        ])
        .answers(200, "text")
        .by(|| routing::get(export::export)),
    Route::new(Get, "/v1/audit/seals", VIEW, "The seals of the audit log, the oldest first.")
        .query(PAGE)
        .answers(200, LISTING)
        .by(|| routing::get(audit::seals)),
    Route::new(Get, "/v1/audit/verify", VIEW, "Walks the whole chain and its seals, and names the first bad entry.")
        .query(&[p("key_id", "text", "Accept seals by these keys alone, separated by commas; otherwise those that the log names are believed.")])
        .answers(200, "{valid: boolean, entries: integer, first?: integer, last: integer, seals: integer, sealed_to: integer, keys: [text], pinned: boolean, fault?: text}")
        .by(|| routing::get(audit::verify)),
    Route::new(Get, "/v1/audit/{sequence}", VIEW, "An entry of the audit log.")
        .by(|| routing::get(audit::show)),
    Route::new(Delete, "/v1/customers/{id}", ERASE, "Erases a customer for good: what is kept of them goes, the audit log still verifies.")
        .answers(200, "{conversations: integer, events: integer, tickets: integer, comments: integer, escalations: integer, requests: integer, parked: integer}")
        .by(|| routing::delete(customers::erase)),
    Route::new(Get, "/v1/policy", VIEW, "The policy in force.")
        .answers(200, "{version: text, rules: [object], schedules: [object], warnings: [object]}")
        .by(|| routing::get(policy::show)),
    Route::new(Post, "/v1/policy/reload", OPERATE, "Reads the policy folder again.")
        .answers(200, "{version: text, rules: integer}")
        .by(|| routing::post(policy::reload)),
    Route::new(Post, "/v1/policy/explain", VIEW, "Says what each rule makes of an event, without effect.")
        .takes("event")
        .by(|| routing::post(policy::explain)),
    Route::new(Post, "/v1/policy/backtest", SIMULATE, "Decides recorded events again under another policy.")
        .takes("object"),
    Route::new(Get, "/v1/policy/shadow", VIEW, "What the shadow policy would have decided otherwise."),
    Route::new(Get, "/v1/sla", VIEW, "SLA clocks: those that may still stop, soonest due first; with another `state`, the latest ended first.")
        .query(&[
            LIMIT,
            AFTER,
            p("state", r#""running"|"paused"|"stopped"|"cancelled""#, "Only those in this state; those that may still stop when absent."),
            METRIC,
            POLICY,
            TEAM,
            ASSIGNEE,
            PRIORITY,
            p("overdue", "boolean", "With `true` only those that are over their time and have not stopped."),
            p("due_before", "time", "Only those that are due before this time."),
            p("ticket", "text", "Only those of this ticket, by id or number."),
        ])
        .answers(200, "{items: [clock], next?: text}")
        .by(|| routing::get(sla::list)),
    Route::new(Get, "/v1/sla/counts", VIEW, "How many SLA clocks run, are paused, are overdue, and are due within the hour.")
        .query(&[METRIC, POLICY, TEAM, ASSIGNEE, PRIORITY])
        .answers(200, "{running: integer, paused: integer, overdue: integer, due_within_hour: integer, at: time}")
        .by(|| routing::get(sla::counts)),
    Route::new(Get, "/v1/sla/{ticket}/explain", VIEW, "How the clocks of a ticket (by id or number), an approval or a request came to stand where they are: every interval counted and skipped.")
        .answers(200, EXPLAINED)
        .by(|| routing::get(sla::explain)),
    Route::new(Post, "/v1/sla/repin", OPERATE, "Moves running clocks to what today's policy promises; a preview unless `preview` is false. Goes on `after` the `next` of an answer that is not complete.")
        .takes("{tickets?: [text], policy?: text, preview?: boolean, limit?: integer, after?: text}")
        .answers(200, REPINNED)
        .by(|| routing::post(sla::repin)),
    Route::new(Get, "/v1/anomalies", VIEW, "What was out of the usual, the newest first.")
        .query(PAGE)
        .answers(200, "{items: [anomaly], next?: text}")
        .by(|| routing::get(anomalies::list)),
    Route::new(Get, "/v1/reports/{name}", VIEW, "A report. `actions`: how often each was asked for, and what became of it; `sla`: how many clocks kept their targets, each counted when it was breached, or else when it ended.")
        .query(&[
            p("from", "time", "Not before this time; from the beginning of what is kept when absent."),
            p("to", "time", "Before this time; up to now when absent."),
            p("format", r#""json"|"csv"|"html"|"table""#, "The form; json when absent."),
            p("by", r#""category"|"metric"|"policy"|"priority"|"tag"|"team"|"week""#, "`sla`: what it is grouped by, which names the first member of each item; by metric when absent."),
            p("timezone", "text", "`sla`: whose weeks count; those of UTC when absent."),
            p("metric", "text", "`sla`: only this metric."),
            p("policy", "text", "`sla`: only this policy."),
            p("team", "text", "`sla`: only this team."),
        ])
        .answers(200, REPORT)
        .by(|| routing::get(reports::report)),
    Route::new(Get, "/v1/channels", VIEW, "Team channels by name, and whether each works.")
        .query(PAGE)
        .answers(200, "{items: [channel], next?: text}")
        .by(|| routing::get(channels::list)),
    Route::new(Post, "/v1/channels/{name}/test", OPERATE, "Posts a test notice to a channel and answers what came of it; `pending` or `posting` where that took too long.")
        .answers(200, "delivery")
        .by(|| routing::post(channels::test)),
    Route::new(Get, "/v1/deliveries", VIEW, "Notices on their way to channels, or there, the newest first.")
        .query(&[
            LIMIT,
            AFTER,
            p("channel", "text", "Only those to this channel; `@NAME` for a person's mail."),
            p("state", "delivery_state", "Only those in this state."),
            p("about", "text", "Only those about this id."),
        ])
        .answers(200, "{items: [delivery], next?: text}")
        .by(|| routing::get(channels::deliveries)),
    Route::new(Get, "/v1/parked", OPERATE, "What could not be understood, the newest first.")
        .query(PAGE)
        .answers(200, LISTING)
        .by(|| routing::get(parked::list)),
    Route::new(Get, "/v1/parked/{id}", OPERATE, "A parked message, whole.").by(|| routing::get(parked::show)),
    Route::new(Delete, "/v1/parked/{id}", OPERATE, "Drops a parked message for good.")
        .answers(200, "{parked_id: text, dropped: boolean}")
        .by(|| routing::delete(parked::discard)),
    Route::new(Post, "/v1/parked/{id}/replay", OPERATE, "Takes a parked message in again.")
        .answers(202, TAKEN)
        .by(|| routing::post(parked::replay)),
    Route::new(Get, "/v1/status", VIEW, "How the daemon is doing.").by(|| routing::get(status::show)),
    Route::new(Get, "/healthz", OPEN, "Whether the process is alive.")
        .by(|| routing::get(status::health)),
    Route::new(Get, "/readyz", OPEN, "Whether it takes events in.")
        .by(|| routing::get(status::ready)),
    Route::new(Get, "/metrics", OPEN, "Prometheus metrics.")
        .answers(200, "text")
        .by(|| routing::get(status::metrics)),
    Route::new(Get, "/openapi.json", OPEN, "This document.")
        .by(|| routing::get(openapi::serve)),
    Route::new(Get, "/asyncapi.json", OPEN, "The events, both ways, as AsyncAPI 3.")
        .by(|| routing::get(asyncapi::serve)),
];
