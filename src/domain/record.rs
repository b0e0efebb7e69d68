//! Records: what a batch writes, in the shape of its rows.
//!
//! Built by `crate::daemon::batch`, written by `crate::store` in one
//! transaction, read back by the relay and by `crate::http`.

use std::sync::Arc;

use super::{
    anomaly::Anomaly,
    approval::Approval,
    audit::{AuditBody, AuditEntry, scaled_amount},
    budget::{Budget, BudgetKey, Reservation},
    comment::Comment,
    delegation::Delegation,
    delivery::{ChannelState, Delivery},
    escalation::Escalation,
    execution::Execution,
    ids::{EventKey, SubjectId},
    lead::Lead,
    outcome::Parked,
    person::Person,
    procedure::version::Published,
    request::Request,
    run::Run,
    seal::Seal,
    sla::{Clock, Transition},
    tally::Tallied,
    ticket::Ticket,
    time::Timestamp,
    world::Subject,
};

/// One finished input: inbox, outbox and recording in one.
#[derive(Clone, Debug, PartialEq)]
pub struct JournalRow {
    /// Its place in the one history, from 1, rising in commit order.
    pub position: i64,
    /// The deduplication key.
    pub key: EventKey,
    /// Its subject.
    pub subject: SubjectId,
    /// The subject's version after it.
    pub version: i64,
    /// The event's type.
    pub kind: String,
    /// When it happened.
    pub time: Timestamp,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// The event as structured JSON.
    pub body: Arc<str>,
    /// The digest of its content.
    pub digest: [u8; 16],
    /// The state that the rules saw, as JSON; empty when none was asked.
    pub facts: String,
    /// The version of the policy that decided.
    pub policy: Arc<str>,
    /// The results: a JSON array of final events; empty when there are none.
    pub results: String,
    /// Where results go besides the exchange.
    pub reply_to: Option<String>,
    /// Copied onto the results.
    pub correlation_id: Option<String>,
    /// The daemon whose relay publishes the results.
    pub daemon: i64,
}

/// An audit entry with the columns by which it is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// The entry.
    pub entry: AuditEntry,
    /// When it was decided.
    pub at: Timestamp,
    /// The conversation, or the thing itself.
    pub subject: SubjectId,
    /// `kind:id` of who asked.
    pub actor: String,
    /// The event's type.
    pub action: String,
    /// `done`, `denied`, `failed`.
    pub outcome: &'static str,
    /// The first rule that fired; empty when none.
    pub rule: String,
    /// The other rules that fired; written only, an entry that is read has none.
    pub more_rules: Vec<String>,
    /// The label of the customer.
    pub customer: Option<String>,
    /// The amount. *Units*: 1/10,000.
    pub amount: Option<i64>,
}

impl AuditRow {
    /// Makes the row of an entry: its columns are what its body says.
    pub fn of(entry: AuditEntry, body: AuditBody) -> Self {
        let mut rules = body.rules.into_iter();
        let rule = rules.next().unwrap_or_default();
        let mut more_rules: Vec<String> = rules.filter(|more| *more != rule).collect();
        more_rules.sort();
        more_rules.dedup();
        Self {
            entry,
            at: body.at,
            actor: body.actor.label(),
            outcome: body.outcome.as_str(),
            subject: SubjectId::from(body.subject),
            action: body.action,
            rule,
            more_rules,
            customer: body.customer,
            amount: body.amount.map(scaled_amount),
        }
    }
}

/// A seal as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealRow {
    /// The seal.
    pub seal: Seal,
    /// When it was made.
    pub at: Timestamp,
}

/// The end of the one history; read under its lock, moved by the same transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tail {
    /// The newest journal position.
    pub position: i64,
    /// The newest audit sequence.
    pub audit_sequence: i64,
    /// Its hash.
    pub audit_hash: [u8; 32],
}

/// A request to write.
#[derive(Clone, Debug)]
pub struct WrittenRequest {
    /// As it is now.
    pub request: Arc<Request>,
    /// Whether it is made by this batch: its id is then nobody else's, or the batch runs again.
    pub is_new: bool,
}

/// A delivery to write.
#[derive(Clone, Debug)]
pub struct WrittenDelivery {
    /// As it is now.
    pub delivery: Arc<Delivery>,
    /// Whether it is made by this batch; what it says is written then and never again.
    pub is_new: bool,
}

/// Everything that one batch writes.
#[derive(Clone, Debug, Default)]
pub struct Write {
    /// Finished inputs, by rising position.
    pub journal: Vec<JournalRow>,
    /// Subjects as they are now, sorted by id.
    pub subjects: Vec<Subject>,
    /// Tickets as they are now, sorted by id.
    pub tickets: Vec<Arc<Ticket>>,
    /// Tickets of other subjects that a decision relied on, as they were read: if one is not so any
    /// more, the batch runs again.
    pub relied_on: Vec<Arc<Ticket>>,
    /// Comments on tickets, in order.
    pub comments: Vec<Arc<Comment>>,
    /// Escalations as they are now, sorted by id.
    pub escalations: Vec<Arc<Escalation>>,
    /// Requests, made or moved.
    pub requests: Vec<WrittenRequest>,
    /// Approvals, asked for or moved.
    pub approvals: Vec<Arc<Approval>>,
    /// Delegations, made or taken back.
    pub delegations: Vec<Arc<Delegation>>,
    /// Clocks as they are now, each with the subject under which it changes, sorted by key.
    pub clocks: Vec<(SubjectId, Arc<Clock>)>,
    /// What happened to clocks, in order.
    pub transitions: Vec<Arc<Transition>>,
    /// Deliveries, made or moved, in the order in which they were made.
    pub deliveries: Vec<WrittenDelivery>,
    /// Channels as they are now, sorted by name.
    pub channels: Vec<(String, Arc<ChannelState>)>,
    /// Executions that are due.
    pub executions: Vec<Arc<Execution>>,
    /// Requests whose execution is over.
    pub executions_over: Vec<String>,
    /// Budgets as they are now.
    pub budgets: Vec<(BudgetKey, Budget)>,
    /// What was reserved.
    pub reserved: Vec<(BudgetKey, Reservation)>,
    /// What was given back.
    pub released: Vec<(BudgetKey, Reservation)>,
    /// What is added to tallies, each once, sorted.
    pub tallies: Vec<Tallied>,
    /// What is out of the usual: each is told by nobody else, or the batch runs again.
    pub anomalies: Vec<Arc<Anomaly>>,
    /// Leads.
    pub leads: Vec<Arc<Lead>>,
    /// Versions of procedures as they are now, sorted.
    pub procedures: Vec<Arc<Published>>,
    /// Runs of procedures, begun or moved, sorted by id.
    pub runs: Vec<Arc<Run>>,
    /// The turns of teams, sorted by name.
    pub teams: Vec<(String, i64)>,
    /// Audit entries, by rising sequence.
    pub audit: Vec<AuditRow>,
    /// Persons whom the audit entries name for the first time.
    pub persons: Vec<Person>,
    /// Seals of the audit log, with the time of each.
    pub seals: Vec<(Arc<Seal>, Timestamp)>,
    /// Inputs put aside, with the time of it.
    pub parked: Vec<(Parked, Timestamp)>,
    /// Parked inputs that are done with.
    pub unparked: Vec<String>,
    /// Keys whose attempts are over.
    pub attempts_over: Vec<EventKey>,
    /// The tail after this batch.
    pub tail: Tail,
    /// The daemon, and the position up to which all of its results are published.
    pub watermark: (i64, i64),
}

/// A journal row's answer to a duplicate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The key.
    pub key: EventKey,
    /// Its position.
    pub position: i64,
    /// The digest of the content that was decided.
    pub digest: [u8; 16],
    /// The results, final.
    pub results: String,
    /// Where they went besides the exchange.
    pub reply_to: Option<String>,
    /// Copied onto the results.
    pub correlation_id: Option<String>,
}
